/*
 * stun_reply.c -- reading a STUN success response.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "proto/stun_reply.h"

#include <string.h>

#include "base/bytes.h"
#include "base/wire.h"

enum {
    HEADER_LEN = 20,
    TYPE_SUCCESS = 0x0101,
    ATTR_MAPPED = 0x0001,
    ATTR_XOR_MAPPED = 0x0020,
    ATTR_XOR_MAPPED_OLD = 0x8020,
    FAMILY_V4 = 1,
    FAMILY_V6 = 2,
};

static const uint8_t cookie[4] = { 0x21, 0x12, 0xa4, 0x42 };
static const uint8_t v4_in_v6[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255 };

/* one address attribute; mask is XORed over port and address, or NULL */
static bool
read_address(const uint8_t *v, size_t len, const uint8_t *mask, ion_addr_t *out)
{
    size_t ip_len = len == 8 && v[1] == FAMILY_V4    ? 4
                    : len == 20 && v[1] == FAMILY_V6 ? 16
                                                     : 0;
    uint8_t ip[16];

    if (ip_len == 0) {
        return false;
    }
    *out = (ion_addr_t){ .family = ip_len == 4 ? 4 : 6,
        .port = ion_get_u16be(v + 2) };
    memcpy(ip, v + 4, ip_len);
    if (mask != NULL) {
        out->port ^= ion_get_u16be(mask);
        for (size_t i = 0; i < ip_len; i++) {
            ip[i] ^= mask[i];
        }
    }
    if (ip_len == 16 && memcmp(ip, v4_in_v6, sizeof(v4_in_v6)) == 0) {
        out->family = 4;
        ip_len = 4;
        memmove(ip, ip + sizeof(v4_in_v6), ip_len);
    }
    memcpy(out->ip, ip, ip_len);
    return true;
}

ion_err_t
stun_parse_reply(const uint8_t *p, size_t n, const uint8_t txid[STUN_TXID_LEN],
    ion_addr_t *out)
{
    ion_rd_t rd;
    ion_addr_t plain = { 0 };
    ion_addr_t xored = { 0 };

    if (n < HEADER_LEN || ion_get_u16be(p) != TYPE_SUCCESS ||
        memcmp(p + 4, cookie, sizeof(cookie)) != 0 ||
        memcmp(p + 8, txid, STUN_TXID_LEN) != 0 ||
        ion_get_u16be(p + 2) > n - HEADER_LEN)
    {
        return ION_MALF;
    }
    ion_rd_init(&rd, p + HEADER_LEN, ion_get_u16be(p + 2));
    while (ion_rd_left(&rd) > 0) {
        uint16_t type = ion_rd_u16be(&rd);
        uint16_t len = ion_rd_u16be(&rd);
        const uint8_t *v = ion_rd_bytes(&rd, len);

        if (v == NULL) {
            return ION_MALF;
        }
        /* padding; the last value may lack it */
        (void)ion_rd_bytes(
            &rd, ION_MIN((4u - len % 4u) % 4u, (unsigned)ion_rd_left(&rd)));
        if ((type == ATTR_XOR_MAPPED || type == ATTR_XOR_MAPPED_OLD) &&
            xored.family == 0)
        {
            (void)read_address(v, len, p + 4, &xored);
        } else if (type == ATTR_MAPPED && plain.family == 0) {
            (void)read_address(v, len, NULL, &plain);
        }
    }
    if (xored.family == 0 && plain.family == 0) {
        return ION_MALF;
    }
    *out = xored.family != 0 ? xored : plain;
    return ION_OK;
}
