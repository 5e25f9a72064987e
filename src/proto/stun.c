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

/*
 * CRC-32/IEEE, reflected, of four bytes at a time: what each of their eight
 * nibbles, the lowest first, adds to it. A nibble adds what its bits add.
 */
#define NIBBLE(a, b, c, d)                                                     \
    {                                                                          \
        0, (a), (b), (a) ^ (b), (c), (a) ^ (c), (b) ^ (c), (a) ^ (b) ^ (c),    \
            (d), (a) ^ (d), (b) ^ (d), (a) ^ (b) ^ (d), (c) ^ (d),             \
            (a) ^ (c) ^ (d), (b) ^ (c) ^ (d), (a) ^ (b) ^ (c) ^ (d)            \
    }
static const uint32_t crc_of[8][16] = {
    NIBBLE(0xb8bc6765u, 0xaa09c88bu, 0x8f629757u, 0xc5b428efu),
    NIBBLE(0x5019579fu, 0xa032af3eu, 0x9b14583du, 0xed59b63bu),
    NIBBLE(0x01c26a37u, 0x0384d46eu, 0x0709a8dcu, 0x0e1351b8u),
    NIBBLE(0x1c26a370u, 0x384d46e0u, 0x709a8dc0u, 0xe1351b80u),
    NIBBLE(0x191b3141u, 0x32366282u, 0x646cc504u, 0xc8d98a08u),
    NIBBLE(0x4ac21251u, 0x958424a2u, 0xf0794f05u, 0x3b83984bu),
    NIBBLE(0x77073096u, 0xee0e612cu, 0x076dc419u, 0x0edb8832u),
    NIBBLE(0x1db71064u, 0x3b6e20c8u, 0x76dc4190u, 0xedb88320u),
};

/* Of a multiple of four bytes, which header and padded attributes are. */
static uint32_t
fingerprint(const uint8_t *p, size_t n)
{
    uint32_t crc = UINT32_MAX;

    for (size_t i = 0; i + 4 <= n; i += 4) {
        uint32_t word = crc ^ ion_get_u32le(p + i);

        crc = crc_of[0][word & 15] ^ crc_of[1][(word >> 4) & 15] ^
              crc_of[2][(word >> 8) & 15] ^ crc_of[3][(word >> 12) & 15] ^
              crc_of[4][(word >> 16) & 15] ^ crc_of[5][(word >> 20) & 15] ^
              crc_of[6][(word >> 24) & 15] ^ crc_of[7][word >> 28];
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
