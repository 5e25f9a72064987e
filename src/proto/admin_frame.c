/*
 * admin_frame.c -- frames on the control socket.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "proto/admin_frame.h"

#include "base/assert.h"
#include "base/bytes.h"

ion_err_t
admin_header_parse(const uint8_t *p, size_t n, admin_header_t *out)
{
    uint16_t type;
    uint32_t len;

    if (n < ADMIN_HEADER_LEN) {
        return ION_AGAIN;
    }
    type = ion_get_u16le(p);
    len = ion_get_u32le(p + 4);
    if (ion_get_u16le(p + 2) != ADMIN_VERSION) {
        return ION_VERSION;
    }
    if (type < ADMIN_FRAME_REQUEST || type > ADMIN_FRAME_PART) {
        return ION_MALF;
    }
    if (len > ADMIN_MAX_PAYLOAD) {
        return ION_LIMIT;
    }
    out->type = (admin_frame_type_t)type;
    out->len = len;
    out->req = ion_get_u64le(p + 8);
    return ION_OK;
}

void
admin_header_put(uint8_t out[ADMIN_HEADER_LEN], const admin_header_t *header)
{
    ION_ASSERT(header->len <= ADMIN_MAX_PAYLOAD);
    ion_put_u16le(out, (uint16_t)header->type);
    ion_put_u16le(out + 2, ADMIN_VERSION);
    ion_put_u32le(out + 4, header->len);
    ion_put_u64le(out + 8, header->req);
}
