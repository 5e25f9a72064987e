/*
 * box.h -- NaCl box: X25519, XSalsa20, Poly1305.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The wire form is nonce (24) | tag (16) | ciphertext. The shared secret is
 * computed once per pair of keys and used for both directions.
 */

#ifndef ION_CRYPTO_BOX_H
#define ION_CRYPTO_BOX_H

#include "base/base.h"
#include "base/err.h"
#include "crypto/keys.h"

#define ION_BOX_NONCE_LEN  24
#define ION_BOX_TAG_LEN    16
#define ION_BOX_OVERHEAD   40
#define ION_BOX_SHARED_LEN 32

/*
 * ion_box_shared -- the secret of our key and the peer's.
 *
 * Shape:  shared is the caller's; wipe it with ion_box_wipe.
 * Errors: ION_MALF the peer's key is of small order; shared is zeroed then.
 */
ION_NODISCARD ion_err_t ion_box_shared(const ion_secret_key_t *secret,
    const ion_key_t *peer, uint8_t shared[ION_BOX_SHARED_LEN]);

/*
 * ion_box_seal -- encrypt n bytes under a random nonce.
 *
 * Shape:  out has ION_BOX_OVERHEAD + n bytes and does not overlap msg.
 * Errors: none.
 */
void ion_box_seal(const uint8_t shared[ION_BOX_SHARED_LEN], const void *msg,
    size_t n, uint8_t *out);

/*
 * ion_box_seal_nonce -- the same under a nonce of the caller's, which is
 * never used twice with one shared secret.
 *
 * Errors: none.
 */
void ion_box_seal_nonce(const uint8_t shared[ION_BOX_SHARED_LEN],
    const uint8_t nonce[ION_BOX_NONCE_LEN], const void *msg, size_t n,
    uint8_t *out);

/*
 * ion_box_open -- decrypt n bytes of wire form.
 *
 * Shape:  out has n - ION_BOX_OVERHEAD bytes and does not overlap in.
 * Errors: ION_MALF too short or forged; out's content is undefined then.
 */
ION_NODISCARD ion_err_t ion_box_open(const uint8_t shared[ION_BOX_SHARED_LEN],
    const uint8_t *in, size_t n, uint8_t *out);

/*
 * ion_box_wipe -- forget a shared secret.
 *
 * Errors: none.
 */
void ion_box_wipe(uint8_t shared[ION_BOX_SHARED_LEN]);

#endif
