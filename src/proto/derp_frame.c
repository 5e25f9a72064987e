/*
 * derp_frame.c -- lengths that a server accepts, and the frames it writes.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "proto/derp_frame.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/hex.h"

/* "DERP" and U+1F511 */
static const uint8_t magic[DERP_MAGIC_LEN] = { 0x44, 0x45, 0x52, 0x50, 0xf0,
    0x9f, 0x94, 0x91 };

/* "TS" and U+1F4AC */
static const uint8_t disco_magic[6] = { 0x54, 0x53, 0xf0, 0x9f, 0x92, 0xac };

/* what a client may send once it is logged in */
typedef struct rule {
    uint8_t type;
    bool needs_mesh;
    uint32_t min;
    uint32_t max;
} rule_t;

static const rule_t rules[] = {
    { DERP_FRAME_SEND_PACKET, false, DERP_KEY_LEN, DERP_MAX_SEND },
    { DERP_FRAME_NOTE_PREFERRED, false, 1, 1 },
    { DERP_FRAME_FORWARD_PACKET, true, 2 * DERP_KEY_LEN, DERP_MAX_FORWARD },
    { DERP_FRAME_WATCH_CONNS, true, 0, 0 },
    { DERP_FRAME_CLOSE_PEER, true, DERP_KEY_LEN, DERP_KEY_LEN },
    { DERP_FRAME_PING, false, DERP_PING_LEN, DERP_MAX_PING },
};

ion_err_t
derp_header_parse(const uint8_t *p, size_t n, derp_header_t *out)
{
    if (n < DERP_HEADER_LEN) {
        return ION_AGAIN;
    }
    out->type = p[0];
    out->len = ion_get_u32be(p + 1);
    return ION_OK;
}

void
derp_header_put(
    uint8_t out[DERP_HEADER_LEN], derp_frame_type_t type, uint32_t len)
{
    out[0] = (uint8_t)type;
    ion_put_u32be(out + 1, len);
}

ion_err_t
derp_frame_check(const derp_header_t *header, bool can_mesh)
{
    for (size_t i = 0; i < ION_ARRAY_LEN(rules); i++) {
        const rule_t *r = &rules[i];

        if (r->type != header->type) {
            continue;
        }
        if (header->len < r->min || header->len > r->max) {
            return ION_MALF;
        }
        return r->needs_mesh && !can_mesh ? ION_DENIED : ION_OK;
    }
    return ION_UNSUPPORTED;
}

bool
ion_packet_is_disco(const uint8_t *p, size_t n)
{
    return n >= DERP_DISCO_MIN &&
           memcmp(p, disco_magic, sizeof(disco_magic)) == 0;
}

void
derp_server_key_put(uint8_t out[DERP_SERVER_KEY_FRAME], const ion_key_t *server)
{
    derp_header_put(out, DERP_FRAME_SERVER_KEY, DERP_MAGIC_LEN + DERP_KEY_LEN);
    memcpy(out + DERP_HEADER_LEN, magic, DERP_MAGIC_LEN);
    memcpy(out + DERP_HEADER_LEN + DERP_MAGIC_LEN, server->b, DERP_KEY_LEN);
}

void
derp_recv_header_put(
    uint8_t out[DERP_RECV_HEADER], const ion_key_t *source, size_t packet_len)
{
    ION_ASSERT(packet_len <= DERP_MAX_PACKET);
    derp_header_put(
        out, DERP_FRAME_RECV_PACKET, (uint32_t)(DERP_KEY_LEN + packet_len));
    memcpy(out + DERP_HEADER_LEN, source->b, DERP_KEY_LEN);
}

void
derp_peer_gone_put(uint8_t out[DERP_PEER_GONE_FRAME], const ion_key_t *peer,
    derp_gone_reason_t reason)
{
    derp_header_put(out, DERP_FRAME_PEER_GONE, DERP_KEY_LEN + 1);
    memcpy(out + DERP_HEADER_LEN, peer->b, DERP_KEY_LEN);
    out[DERP_HEADER_LEN + DERP_KEY_LEN] = (uint8_t)reason;
}

void
derp_restarting_put(uint8_t out[DERP_RESTARTING_FRAME],
    uint32_t reconnect_in_ms, uint32_t try_for_ms)
{
    derp_header_put(out, DERP_FRAME_RESTARTING, 8);
    ion_put_u32be(out + DERP_HEADER_LEN, reconnect_in_ms);
    ion_put_u32be(out + DERP_HEADER_LEN + 4, try_for_ms);
}

void
derp_peer_present_put(uint8_t out[DERP_PEER_PRESENT_FRAME],
    const ion_key_t *peer, const ion_addr_t *addr, uint8_t flags)
{
    uint8_t *p = out + DERP_HEADER_LEN;

    derp_header_put(out, DERP_FRAME_PEER_PRESENT, DERP_KEY_LEN + 16 + 2 + 1);
    memcpy(p, peer->b, DERP_KEY_LEN);
    p += DERP_KEY_LEN;
    ion_addr_to_v6(addr, p);
    ion_put_u16be(p + 16, addr->family == 0 ? 0 : addr->port);
    p[18] = flags == 0 ? DERP_PRESENT_REGULAR : flags;
}

void
derp_pong_put(uint8_t out[DERP_PONG_FRAME], const uint8_t data[DERP_PING_LEN])
{
    derp_header_put(out, DERP_FRAME_PONG, DERP_PING_LEN);
    memcpy(out + DERP_HEADER_LEN, data, DERP_PING_LEN);
}

size_t
derp_upgrade_reply(char out[DERP_UPGRADE_REPLY_MAX], const ion_key_t *server)
{
    char hex[2 * DERP_KEY_LEN];
    int n;

    ion_hex_encode(hex, server->b, DERP_KEY_LEN);
    n = snprintf(out, DERP_UPGRADE_REPLY_MAX,
        "HTTP/1.1 101 Switching Protocols\r\n"
        "Upgrade: DERP\r\n"
        "Connection: Upgrade\r\n"
        "Derp-Version: %d\r\n"
        "Derp-Public-Key: %.*s\r\n"
        "\r\n",
        DERP_PROTOCOL_VERSION, (int)sizeof(hex), hex);
    ION_ASSERT(n > 0 && n < DERP_UPGRADE_REPLY_MAX);
    return (size_t)n;
}
