/*
 * tls/metacert.h -- the meta-certificate that carries the DERP server key.
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * One more certificate behind the real chain, on every handshake: its common
 * name is "derpkey" and the server's public key, its serial number the
 * protocol version. A client that finds it saves a round trip. It is written
 * from a byte template, because the common name is longer than the libraries'
 * limit, and signed by a throw-away Ed25519 key.
 */
#ifndef ION_TLS_METACERT_H
#define ION_TLS_METACERT_H

#include <stdint.h>

#include "base/base.h"
#include "base/err.h"

#define ION_METACERT_LEN 359

/*
 * ion_metacert_make -- write the DER form.
 *
 * Shape:  server_key is the DERP server's public key; seed the Ed25519 key to
 *         sign with; not_before and not_after in seconds since 1970.
 * Errors: ION_RANGE a date outside 1970..2049 | ION_INTERNAL the crypto
 *         library refused.
 */
ION_NODISCARD ion_err_t ion_metacert_make(const uint8_t server_key[32],
    const uint8_t seed[32], int64_t not_before, int64_t not_after,
    uint8_t out[ION_METACERT_LEN]);

/*
 * ion_metacert_make_now -- the same with a fresh key, valid from 30 days ago
 * for 60 days.
 *
 * Shape:  now in seconds since 1970.
 * Errors: as ion_metacert_make.
 */
ION_NODISCARD ion_err_t ion_metacert_make_now(
    const uint8_t server_key[32], int64_t now, uint8_t out[ION_METACERT_LEN]);

#endif
