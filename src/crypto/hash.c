/*
 * hash.c -- SHA-256, SHA-1, and the library's start.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "crypto/hash.h"

#include <openssl/evp.h>
#include <sodium.h>

#include "base/assert.h"

ION_STATIC_ASSERT(crypto_hash_sha256_BYTES == ION_SHA256_LEN, "digest");

ion_err_t
ion_crypto_init(void)
{
    return sodium_init() < 0 ? ION_INTERNAL : ION_OK;
}

void
ion_sha256(const void *p, size_t n, uint8_t out[ION_SHA256_LEN])
{
    ION_ASSERT(crypto_hash_sha256(out, p, n) == 0);
}

ion_err_t
ion_sha1(const void *p, size_t n, uint8_t out[ION_SHA1_LEN])
{
    return EVP_Digest(p, n, out, NULL, EVP_sha1(), NULL) == 1 ? ION_OK
                                                              : ION_NOMEM;
}
