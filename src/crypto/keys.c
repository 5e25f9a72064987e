/*
 * keys.c -- Curve25519 keys.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "crypto/keys.h"

#include <sodium.h>
#include <string.h>

#include "base/assert.h"
#include "base/hex.h"
#include "base/rng.h"

ION_STATIC_ASSERT(crypto_box_PUBLICKEYBYTES == ION_KEY_LEN, "X25519 keys");
ION_STATIC_ASSERT(crypto_box_SECRETKEYBYTES == ION_KEY_LEN, "X25519 keys");

void
ion_key_generate(ion_secret_key_t *secret, ion_key_t *pub)
{
    ion_random(secret->b, sizeof(secret->b));
    secret->b[0] &= 248;
    secret->b[31] = (uint8_t)((secret->b[31] & 127) | 64);
    if (pub != NULL) {
        ion_key_public(secret, pub);
    }
}

void
ion_key_public(const ion_secret_key_t *secret, ion_key_t *pub)
{
    ION_ASSERT(crypto_scalarmult_base(pub->b, secret->b) == 0);
}

void
ion_secret_key_wipe(ion_secret_key_t *secret)
{
    sodium_memzero(secret->b, sizeof(secret->b));
}

bool
ion_key_is_zero(const ion_key_t *key)
{
    return sodium_is_zero(key->b, sizeof(key->b)) == 1;
}

bool
ion_secret_key_is_zero(const ion_secret_key_t *secret)
{
    return sodium_is_zero(secret->b, sizeof(secret->b)) == 1;
}

bool
ion_key_eq(const ion_key_t *a, const ion_key_t *b)
{
    return ion_memeq(a->b, b->b, sizeof(a->b));
}

bool
ion_memeq(const void *a, const void *b, size_t n)
{
    return sodium_memcmp(a, b, n) == 0;
}

bool
ion_key_is_small_order(const ion_key_t *key)
{
    /*
     * Any scalar is a multiple of 8 once clamped, which sends every point of
     * small order to zero: that is what the library answers -1 for.
     */
    static const uint8_t scalar[ION_KEY_LEN] = { 8 };
    uint8_t product[ION_KEY_LEN];
    return crypto_scalarmult(product, scalar, key->b) != 0;
}

void
ion_key_short(const ion_key_t *key, char out[ION_KEY_SHORT_LEN])
{
    char text[ION_BASE64_LEN(ION_KEY_LEN) + 1];
    if (ion_key_is_zero(key)) {
        out[0] = '\0';
        return;
    }
    ion_base64_encode(text, key->b, sizeof(key->b));
    out[0] = '[';
    memcpy(out + 1, text, 5);
    out[6] = ']';
    out[7] = '\0';
}
