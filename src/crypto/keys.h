/*
 * keys.h -- Curve25519 keys: node keys, the server's key.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Public keys are plain bytes. A secret key is a type of its own, has no way
 * to be printed, and is wiped when it is no longer needed. Text forms are in
 * proto/key_text.h.
 */

#ifndef ION_CRYPTO_KEYS_H
#define ION_CRYPTO_KEYS_H

#include "base/base.h"
#include "base/err.h"

#define ION_KEY_LEN       32
#define ION_KEY_SHORT_LEN 8 /* "[xxxxx]" and NUL */

typedef struct ion_key {
    uint8_t b[ION_KEY_LEN];
} ion_key_t;

typedef struct ion_secret_key {
    uint8_t b[ION_KEY_LEN];
} ion_secret_key_t;

/*
 * ion_key_generate -- a new pair: 32 random bytes, clamped.
 *
 * Shape:  pub may be NULL.
 * Errors: none.
 */
void ion_key_generate(ion_secret_key_t *secret, ion_key_t *pub);

/*
 * ion_key_public -- the public key of a secret one.
 *
 * Errors: none.
 */
void ion_key_public(const ion_secret_key_t *secret, ion_key_t *pub);

/*
 * ion_secret_key_wipe -- zero it in a way the compiler keeps.
 *
 * Errors: none.
 */
void ion_secret_key_wipe(ion_secret_key_t *secret);

/*
 * ion_key_is_zero -- all bytes zero, which counts as "absent".
 *
 * Errors: none.
 */
bool ion_key_is_zero(const ion_key_t *key);
bool ion_secret_key_is_zero(const ion_secret_key_t *secret);

/*
 * ion_key_eq -- equality in constant time.
 *
 * Errors: none.
 */
bool ion_key_eq(const ion_key_t *a, const ion_key_t *b);

/*
 * ion_memeq -- equality of n secret bytes in constant time (mesh keys).
 *
 * Errors: none.
 */
bool ion_memeq(const void *a, const void *b, size_t n);

/*
 * ion_key_is_small_order -- a point with which every shared secret is zero.
 *
 * Shape:  the zero key is one of them. No honest client has such a key.
 * Errors: none.
 */
bool ion_key_is_small_order(const ion_key_t *key);

/*
 * ion_key_short -- the form for log lines: '[', five characters of base64,
 * ']'; the empty string for the zero key.
 *
 * Errors: none.
 */
void ion_key_short(const ion_key_t *key, char out[ION_KEY_SHORT_LEN]);

#endif
