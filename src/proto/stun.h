/*
 * stun.h -- the one STUN request we answer, and its answer.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Only a Tailscale client's binding request is a request: SOFTWARE must be
 * "tailnode" and FINGERPRINT must come last and fit.  Everything else gets
 * no reply of any kind, so the answer can never be larger than what a
 * stranger had to send by more than four bytes.
 */
#ifndef ION_PROTO_STUN_H
#define ION_PROTO_STUN_H

#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/base.h"
#include "base/err.h"

enum {
    STUN_TXID_LEN = 12,
    STUN_REPLY_MAX = 44,
    STUN_REQUEST_LEN = 40, /* as clients send it; longer ones are legal */
};

/*
 * stun_parse_binding -- is this datagram a request that we answer?
 *
 * Shape:  p[0..n) borrowed, one whole datagram; txid is filled on ION_OK.
 * Errors: ION_MALF it is not (txid untouched); no other.
 * Cost:   O(n), no allocation.
 * Spec:   STUN: request, acceptance rules.
 */
ION_NODISCARD ion_err_t stun_parse_binding(
    const uint8_t *p, size_t n, uint8_t txid[STUN_TXID_LEN]);

/*
 * stun_build_reply -- a success response with XOR-MAPPED-ADDRESS.
 *
 * Shape:  source is where the request came from; an IPv4-mapped IPv6
 *         address is answered as the IPv4 address it is.  Returns the
 *         bytes written: 32 or 44; 0 for a source of family 0.
 * Errors: none.
 * Spec:   STUN: response.
 */
size_t stun_build_reply(const uint8_t txid[STUN_TXID_LEN],
    const ion_addr_t *source, uint8_t out[STUN_REPLY_MAX]);

/*
 * stun_build_request -- the request as clients send it.
 *
 * Errors: none.
 * Spec:   STUN: request.
 */
void stun_build_request(
    const uint8_t txid[STUN_TXID_LEN], uint8_t out[STUN_REQUEST_LEN]);

#endif
