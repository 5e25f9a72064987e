/*
 * client/client_login.c -- from a ready stream to frames.
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Until the login is over the server is held to the letter: the 101 reply
 * (none by fast start), ServerKey, ServerInfo, nothing in between.
 */
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/hex.h"
#include "client/client_int.h"
#include "proto/derp_info.h"

#define REPLY_MAX       4096 /* of the HTTP reply's head */
#define GREETING_MAX    1024 /* payload of ServerKey */
#define TLS_13          0x0304
#define CLIENT_INFO_MAX 256

static const uint8_t magic[DERP_MAGIC_LEN] = { 0x44, 0x45, 0x52, 0x50, 0xf0,
    0x9f, 0x94, 0x91 };

static bool
ask_for_upgrade(ion_client_t *c)
{
    char text[CLIENT_HOST_MAX + 256];
    bool is_v6 = strchr(c->host, ':') != NULL;
    int n = snprintf(text, sizeof(text),
        "GET /derp HTTP/1.1\r\n"
        "Host: %s%s%s:%u\r\n"
        "Connection: Upgrade\r\n"
        "%s"
        "Upgrade: DERP\r\n"
        "\r\n",
        is_v6 ? "[" : "", c->host, is_v6 ? "]" : "", c->conf.addr.port,
        c->is_fast ? "Derp-Fast-Start: 1\r\n" : "");
    return n > 0 && (size_t)n < sizeof(text) &&
           client_put_bytes(c, text, (size_t)n) == ION_OK;
}

/* The JSON of ClientInfo; returns its length. */
static size_t
describe(const ion_client_t *c, char out[CLIENT_INFO_MAX])
{
    char mesh[64 + 1] = "";
    if (c->conf.mesh_key != NULL) {
        ion_hex_encode(mesh, c->mesh_key, sizeof(c->mesh_key));
    }
    int n = snprintf(out, CLIENT_INFO_MAX,
        "{%s%s%s\"version\":%d,\"CanAckPings\":true%s}",
        mesh[0] != '\0' ? "\"meshKey\":\"" : "", mesh,
        mesh[0] != '\0' ? "\"," : "", DERP_PROTOCOL_VERSION,
        c->conf.is_prober ? ",\"IsProber\":true" : "");
    return n < 0 ? 0 : (size_t)n;
}

/* ClientInfo; the server's key is known. */
static bool
log_in(ion_client_t *c)
{
    char info[CLIENT_INFO_MAX];
    uint8_t box[ION_BOX_OVERHEAD + CLIENT_INFO_MAX];
    size_t n = describe(c, info);
    if (ion_box_shared(&c->conf.key, &c->server_key, c->shared) != ION_OK) {
        client_fail(c, "the server's key is not a usable key");
        return false;
    }
    ion_box_seal(c->shared, info, n, box);
    ion_str_t head = { (const char *)c->public_key.b, DERP_KEY_LEN };
    ion_str_t body = { (const char *)box, ION_BOX_OVERHEAD + n };
    if (client_put(c, DERP_FRAME_CLIENT_INFO, &head, &body) != ION_OK) {
        client_fail(c, "no memory");
        return false;
    }
    return true;
}

void
client_begin(ion_client_t *c)
{
    ion_tls_peer_t peer;
    c->times.secured = ion_loop_now(c->loop);
    c->phase = CLIENT_UPGRADING;
    if (ion_client_peer(c, &peer) >= TLS_13 && peer.has_server_key &&
        !c->conf.no_fast_start)
    {
        memcpy(c->server_key.b, peer.server_key, ION_KEY_LEN);
        c->has_server_key = true;
        c->is_fast = true;
        c->phase = CLIENT_GREETING;
    }
    if (!ask_for_upgrade(c)) {
        client_fail(c, "no memory");
        return;
    }
    if (c->is_fast) {
        (void)log_in(c);
    }
}

/* The reply's head is complete in p[0..n), its blank line included. */
static bool
judge_reply(ion_client_t *c, const uint8_t *p, size_t n)
{
    static const char good[] = "HTTP/1.1 101 ";
    char why[96];
    const uint8_t *end = memchr(p, '\r', n);
    if (n >= sizeof(good) - 1 && memcmp(p, good, sizeof(good) - 1) == 0) {
        c->phase = CLIENT_GREETING;
        return true;
    }
    size_t len = end == NULL ? 0 : ION_MIN((size_t)(end - p), (size_t)48);
    (void)snprintf(why, sizeof(why), "no upgrade to DERP: the server says %.*s",
        (int)len, (const char *)p);
    client_fail(c, why);
    return false;
}

/* Bytes of the reply's head at the start of p[0..n); 0 = not all there. */
static size_t
head_len(const uint8_t *p, size_t n)
{
    const uint8_t *end = memmem(p, n, "\r\n\r\n", 4);
    return end == NULL ? 0 : (size_t)(end - p) + 4;
}

static void
take_greeting(ion_client_t *c, const uint8_t *body, size_t len)
{
    if (len < DERP_MAGIC_LEN + DERP_KEY_LEN ||
        memcmp(body, magic, DERP_MAGIC_LEN) != 0)
    {
        client_fail(c, "the first frame is not a DERP greeting");
        return;
    }
    c->phase = CLIENT_LOGIN;
    if (c->has_server_key) {
        if (memcmp(c->server_key.b, body + DERP_MAGIC_LEN, DERP_KEY_LEN) != 0) {
            client_fail(
                c, "the server's key is not that of its meta-certificate");
        }
        return;
    }
    memcpy(c->server_key.b, body + DERP_MAGIC_LEN, DERP_KEY_LEN);
    c->has_server_key = true;
    (void)log_in(c);
}

static void
take_server_info(ion_client_t *c, const uint8_t *body, size_t len)
{
    uint8_t text[GREETING_MAX];
    if (len < ION_BOX_OVERHEAD || len - ION_BOX_OVERHEAD > sizeof(text) ||
        ion_box_open(c->shared, body, len, text) != ION_OK)
    {
        client_fail(c, "ServerInfo is not sealed by the server's key");
        return;
    }
    c->phase = CLIENT_UP;
    c->times.up = ion_loop_now(c->loop);
    if (c->conf.events->up != NULL) {
        c->conf.events->up(c);
    }
}

static void
take_ping(ion_client_t *c, const uint8_t *body, size_t len)
{
    ion_str_t echo = { (const char *)body, DERP_PING_LEN };
    if (len >= DERP_PING_LEN) {
        /* a pong that finds no room is one that got lost */
        ION_IGNORE(client_put(c, DERP_FRAME_PONG, &echo, NULL));
    }
}

static void
take_frame(ion_client_t *c, uint8_t type, const uint8_t *body, size_t len)
{
    if (c->phase == CLIENT_GREETING && type == DERP_FRAME_SERVER_KEY) {
        take_greeting(c, body, len);
    } else if (c->phase == CLIENT_LOGIN && type == DERP_FRAME_SERVER_INFO) {
        take_server_info(c, body, len);
    } else if (c->phase != CLIENT_UP) {
        char why[64];
        (void)snprintf(why, sizeof(why),
            "a frame of type 0x%02x in the middle of the login", type);
        client_fail(c, why);
    } else if (type == DERP_FRAME_PING) {
        take_ping(c, body, len);
    } else if (c->conf.events->frame != NULL) {
        c->conf.events->frame(c, type, body, len);
    }
}

/* How long a frame may be in this phase. */
static size_t
frame_max(const ion_client_t *c)
{
    return c->phase == CLIENT_UP ? DERP_MAX_FRAME : GREETING_MAX;
}

/* Whole frames of p[0..n); returns the bytes used. */
static size_t
take_frames(ion_client_t *c, const uint8_t *p, size_t n)
{
    size_t at = 0;
    derp_header_t header;
    while (c->phase != CLIENT_DOWN &&
           derp_header_parse(p + at, n - at, &header) == ION_OK)
    {
        if (header.len > frame_max(c)) {
            client_fail(c, "a frame that is too long");
            break;
        }
        if (n - at - DERP_HEADER_LEN < header.len) {
            break;
        }
        take_frame(c, header.type, p + at + DERP_HEADER_LEN, header.len);
        at += DERP_HEADER_LEN + header.len;
    }
    return at;
}

/* As take_frames, behind the reply's head when that is still to come. */
static size_t
take_bytes(ion_client_t *c, const uint8_t *p, size_t n)
{
    size_t head = 0;
    if (c->phase == CLIENT_UPGRADING) {
        head = head_len(p, n);
        if (head == 0 && n > REPLY_MAX) {
            client_fail(c, "no end of the server's HTTP reply");
        }
        if (head == 0 || !judge_reply(c, p, head)) {
            return 0;
        }
    }
    return head + take_frames(c, p + head, n - head);
}

void
client_take(ion_client_t *c, const uint8_t *p, size_t n)
{
    c->heard = ion_loop_now(c->loop);
    if (c->in.len == 0) {
        size_t used = take_bytes(c, p, n);
        p += used;
        n -= used;
    }
    if (n == 0 || c->phase == CLIENT_DOWN) {
        return;
    }
    if (client_buf_add(&c->in, p, n,
            DERP_HEADER_LEN + DERP_MAX_FRAME + ION_LOOP_RXBUF) != ION_OK)
    {
        client_fail(c, "no memory");
        return;
    }
    size_t used = take_bytes(c, c->in.p, c->in.len);
    if (used >= c->in.len || c->phase == CLIENT_DOWN) {
        client_buf_drop(&c->in);
        return;
    }
    memmove(c->in.p, c->in.p + used, c->in.len - used);
    c->in.len -= used;
}
