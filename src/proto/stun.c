/*
 * stun.c -- the one STUN request we answer, and its answer.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "proto/stun.h"

#include <string.h>

#include "base/bytes.h"

enum {
    STUN_HEADER_LEN = 20,
    STUN_ATTR_HEADER = 4,
    STUN_BINDING_REQUEST = 0x0001,
    STUN_BINDING_SUCCESS = 0x0101,
    STUN_ATTR_XOR_MAPPED = 0x0020,  /* XOR-MAPPED-ADDRESS */
    STUN_ATTR_SOFTWARE = 0x8022,    /* SOFTWARE */
    STUN_ATTR_FINGERPRINT = 0x8028, /* FINGERPRINT */
    STUN_FINGERPRINT_LEN = 4,
    STUN_FAMILY_V4 = 1,
    STUN_FAMILY_V6 = 2,
};

#define STUN_COOKIE          UINT32_C(0x2112a442)
#define STUN_FINGERPRINT_XOR UINT32_C(0x5354554e)

static const char software[8] = { 't', 'a', 'i', 'l', 'n', 'o', 'd', 'e' };
static const uint8_t mapped_prefix[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff,
    0xff };

/* CRC-32/IEEE, reflected, of a byte's four high bits and four low bits; the
 * byte's own is the sum of both */
static const uint32_t crc_high[16] = {
    UINT32_C(0x00000000),
    UINT32_C(0x1db71064),
    UINT32_C(0x3b6e20c8),
    UINT32_C(0x26d930ac),
    UINT32_C(0x76dc4190),
    UINT32_C(0x6b6b51f4),
    UINT32_C(0x4db26158),
    UINT32_C(0x5005713c),
    UINT32_C(0xedb88320),
    UINT32_C(0xf00f9344),
    UINT32_C(0xd6d6a3e8),
    UINT32_C(0xcb61b38c),
    UINT32_C(0x9b64c2b0),
    UINT32_C(0x86d3d2d4),
    UINT32_C(0xa00ae278),
    UINT32_C(0xbdbdf21c),
};
static const uint32_t crc_low[16] = {
    UINT32_C(0x00000000),
    UINT32_C(0x77073096),
    UINT32_C(0xee0e612c),
    UINT32_C(0x990951ba),
    UINT32_C(0x076dc419),
    UINT32_C(0x706af48f),
    UINT32_C(0xe963a535),
    UINT32_C(0x9e6495a3),
    UINT32_C(0x0edb8832),
    UINT32_C(0x79dcb8a4),
    UINT32_C(0xe0d5e91e),
    UINT32_C(0x97d2d988),
    UINT32_C(0x09b64c2b),
    UINT32_C(0x7eb17cbd),
    UINT32_C(0xe7b82d07),
    UINT32_C(0x90bf1d91),
};

static uint32_t
fingerprint(const uint8_t *p, size_t n)
{
    uint32_t crc = UINT32_MAX;

    for (size_t i = 0; i < n; i++) {
        uint32_t byte = (crc ^ p[i]) & 0xff;

        crc = (crc >> 8) ^ crc_low[byte & 15] ^ crc_high[byte >> 4];
    }
    return ~crc ^ STUN_FINGERPRINT_XOR;
}

/* type, cookie and the two bits that tell STUN from other protocols */
static bool
is_binding_request(const uint8_t *p, size_t n)
{
    return n >= STUN_HEADER_LEN && ion_get_u16be(p) == STUN_BINDING_REQUEST &&
           ion_get_u32be(p + 4) == STUN_COOKIE;
}

/*
 * Walks the attributes to the end of the datagram, whatever the header's
 * length says.  The last one must be a FINGERPRINT of four bytes.
 */
static bool
attributes_are_ours(const uint8_t *p, size_t n)
{
    size_t at = STUN_HEADER_LEN;
    uint16_t type = 0;
    size_t len = 0;
    bool is_tailnode = false;

    while (at < n) {
        if (n - at < STUN_ATTR_HEADER) {
            return false;
        }
        type = ion_get_u16be(p + at);
        len = ion_get_u16be(p + at + 2);
        at += STUN_ATTR_HEADER;
        if (type == STUN_ATTR_SOFTWARE && len == sizeof(software) &&
            n - at >= len && memcmp(p + at, software, len) == 0)
        {
            is_tailnode = true;
        }
        if (((len + 3) & ~(size_t)3) > n - at) {
            return false;
        }
        at += (len + 3) & ~(size_t)3;
    }
    return is_tailnode && type == STUN_ATTR_FINGERPRINT &&
           len == STUN_FINGERPRINT_LEN;
}

ion_err_t
stun_parse_binding(const uint8_t *p, size_t n, uint8_t txid[STUN_TXID_LEN])
{
    size_t covered;

    if (!is_binding_request(p, n) || !attributes_are_ours(p, n)) {
        return ION_MALF;
    }
    covered = n - STUN_ATTR_HEADER - STUN_FINGERPRINT_LEN;
    if (ion_get_u32be(p + n - STUN_FINGERPRINT_LEN) != fingerprint(p, covered))
    {
        return ION_MALF;
    }
    memcpy(txid, p + 8, STUN_TXID_LEN);
    return ION_OK;
}

static void
put_header(uint8_t *out, uint16_t type, uint16_t len,
    const uint8_t txid[STUN_TXID_LEN])
{
    ion_put_u16be(out, type);
    ion_put_u16be(out + 2, len);
    ion_put_u32be(out + 4, STUN_COOKIE);
    memcpy(out + 8, txid, STUN_TXID_LEN);
}

size_t
stun_build_reply(const uint8_t txid[STUN_TXID_LEN], const ion_addr_t *source,
    uint8_t out[STUN_REPLY_MAX])
{
    const uint8_t *ip = source->ip;
    bool is_v4 = source->family == 4;
    uint16_t ip_len;
    uint16_t value_len;

    if (source->family != 4 && source->family != 6) {
        return 0;
    }
    if (!is_v4 && memcmp(ip, mapped_prefix, sizeof(mapped_prefix)) == 0) {
        is_v4 = true;
        ip += sizeof(mapped_prefix);
    }
    ip_len = is_v4 ? 4 : 16;
    value_len = (uint16_t)(ip_len + 4);
    put_header(out, STUN_BINDING_SUCCESS,
        (uint16_t)(value_len + STUN_ATTR_HEADER), txid);
    ion_put_u16be(out + 20, STUN_ATTR_XOR_MAPPED);
    ion_put_u16be(out + 22, value_len);
    out[24] = 0;
    out[25] = is_v4 ? STUN_FAMILY_V4 : STUN_FAMILY_V6;
    ion_put_u16be(out + 26, (uint16_t)(source->port ^ (STUN_COOKIE >> 16)));
    for (size_t i = 0; i < ip_len; i++) {
        out[28 + i] = ip[i] ^ out[4 + i]; /* cookie, then transaction id */
    }
    return 28u + ip_len;
}

void
stun_build_request(
    const uint8_t txid[STUN_TXID_LEN], uint8_t out[STUN_REQUEST_LEN])
{
    put_header(
        out, STUN_BINDING_REQUEST, STUN_REQUEST_LEN - STUN_HEADER_LEN, txid);
    ion_put_u16be(out + 20, STUN_ATTR_SOFTWARE);
    ion_put_u16be(out + 22, sizeof(software));
    memcpy(out + 24, software, sizeof(software));
    ion_put_u16be(out + 32, STUN_ATTR_FINGERPRINT);
    ion_put_u16be(out + 34, STUN_FINGERPRINT_LEN);
    ion_put_u32be(out + 36, fingerprint(out, 32));
}
