/*
 * admin_frame.h -- frames on the control socket, between commands and daemon.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Header, little-endian: type u16, version u16, payload length u32, request
 * number u64; then the payload, JSON.  A request is answered by any number of
 * PART frames (each a JSON array, pieces of a long list) and one REPLY, all
 * with its number.  In the REPLY that ends a list, result holds the last
 * piece.
 *
 *   REQUEST {"cmd": "derp list", "args": {...}}       args may be missing
 *   REPLY   {"ok": true, "result": ...}
 *           {"ok": false, "error": "...", "lines": ["...", ...]}
 */
#ifndef ION_PROTO_ADMIN_FRAME_H
#define ION_PROTO_ADMIN_FRAME_H

#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "base/err.h"

enum {
    ADMIN_HEADER_LEN = 16,
    ADMIN_VERSION = 1,
    ADMIN_MAX_PAYLOAD = 1048576,
};

typedef enum admin_frame_type {
    ADMIN_FRAME_REQUEST = 1,
    ADMIN_FRAME_REPLY = 2,
    ADMIN_FRAME_PART = 3,
} admin_frame_type_t;

typedef struct admin_header {
    admin_frame_type_t type;
    uint32_t len; /* payload bytes */
    uint64_t req; /* chosen by the asking side */
} admin_header_t;

/*
 * admin_header_parse -- read the header in front of a frame.
 *
 * Shape:  p[0..n) borrowed; takes the first ADMIN_HEADER_LEN bytes.
 * Errors: ION_AGAIN n < ADMIN_HEADER_LEN | ION_VERSION another version of the
 *         protocol | ION_MALF unknown type | ION_LIMIT payload over
 *         ADMIN_MAX_PAYLOAD; *out untouched.
 * Spec:   control socket: frame header.
 */
ION_NODISCARD ion_err_t admin_header_parse(
    const uint8_t *p, size_t n, admin_header_t *out);

/*
 * admin_header_put -- write the header in front of a frame.
 *
 * Errors: none; len is within bounds.
 * Spec:   control socket: frame header.
 */
void admin_header_put(
    uint8_t out[ADMIN_HEADER_LEN], const admin_header_t *header);

#endif
