/*
 * box.c -- NaCl box.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "crypto/box.h"

#include <sodium.h>
#include <string.h>

#include "base/assert.h"
#include "base/rng.h"

ION_STATIC_ASSERT(crypto_box_NONCEBYTES == ION_BOX_NONCE_LEN, "nonce");
ION_STATIC_ASSERT(crypto_box_MACBYTES == ION_BOX_TAG_LEN, "tag");
ION_STATIC_ASSERT(crypto_box_BEFORENMBYTES == ION_BOX_SHARED_LEN, "secret");
ION_STATIC_ASSERT(
    ION_BOX_OVERHEAD == ION_BOX_NONCE_LEN + ION_BOX_TAG_LEN, "wire form");

ion_err_t
ion_box_shared(const ion_secret_key_t *secret, const ion_key_t *peer,
    uint8_t shared[ION_BOX_SHARED_LEN])
{
    if (crypto_box_beforenm(shared, peer->b, secret->b) != 0) {
        ion_box_wipe(shared);
        return ION_MALF;
    }
    return ION_OK;
}

void
ion_box_seal(const uint8_t shared[ION_BOX_SHARED_LEN], const void *msg,
    size_t n, uint8_t *out)
{
    uint8_t nonce[ION_BOX_NONCE_LEN];
    ion_random(nonce, sizeof(nonce));
    ion_box_seal_nonce(shared, nonce, msg, n, out);
}

void
ion_box_seal_nonce(const uint8_t shared[ION_BOX_SHARED_LEN],
    const uint8_t nonce[ION_BOX_NONCE_LEN], const void *msg, size_t n,
    uint8_t *out)
{
    memcpy(out, nonce, ION_BOX_NONCE_LEN);
    int rc =
        crypto_box_easy_afternm(out + ION_BOX_NONCE_LEN, msg, n, nonce, shared);
    ION_ASSERT(rc == 0);
}

ion_err_t
ion_box_open(const uint8_t shared[ION_BOX_SHARED_LEN], const uint8_t *in,
    size_t n, uint8_t *out)
{
    if (n < ION_BOX_OVERHEAD) {
        return ION_MALF;
    }
    int rc = crypto_box_open_easy_afternm(
        out, in + ION_BOX_NONCE_LEN, n - ION_BOX_NONCE_LEN, in, shared);
    return rc == 0 ? ION_OK : ION_MALF;
}

void
ion_box_wipe(uint8_t shared[ION_BOX_SHARED_LEN])
{
    sodium_memzero(shared, ION_BOX_SHARED_LEN);
}
