/*
 * hash.h -- SHA-256, SHA-1, and the library's start.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef ION_CRYPTO_HASH_H
#define ION_CRYPTO_HASH_H

#include "base/base.h"
#include "base/err.h"

#define ION_SHA256_LEN 32
#define ION_SHA1_LEN   20

/*
 * ion_crypto_init -- once per process, before any other call of this layer.
 *
 * Errors: ION_INTERNAL the library refused to start.
 */
ION_NODISCARD ion_err_t ion_crypto_init(void);

/*
 * ion_sha256 -- the digest of n bytes.
 *
 * Errors: none.
 */
void ion_sha256(const void *p, size_t n, uint8_t out[ION_SHA256_LEN]);

/*
 * ion_sha1 -- the SHA-1 digest of n bytes, for protocols that ask for it as
 * a checksum; it protects nothing.
 *
 * Errors: ION_NOMEM.
 */
ION_NODISCARD ion_err_t ion_sha1(
    const void *p, size_t n, uint8_t out[ION_SHA1_LEN]);

#endif
