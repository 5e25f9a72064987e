/*
 * stun_reply.h -- the answer to a STUN request, as a client reads it.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef ION_PROTO_STUN_REPLY_H
#define ION_PROTO_STUN_REPLY_H

#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/base.h"
#include "base/err.h"
#include "proto/stun.h"

/*
 * stun_parse_reply -- where a server saw our request come from.
 *
 * Shape:  p[0..n) borrowed, one whole datagram; txid is that of the request.
 *         XOR-MAPPED-ADDRESS counts before MAPPED-ADDRESS; an IPv4 address
 *         in IPv6 form is given as the IPv4 address it is.
 * Errors: ION_MALF not a success response, of another request, or without
 *         an address (*out untouched); no other.
 * Spec:   STUN: response, client parser.
 */
ION_NODISCARD ion_err_t stun_parse_reply(const uint8_t *p, size_t n,
    const uint8_t txid[STUN_TXID_LEN], ion_addr_t *out);

#endif
