/*
 * ws_frame.c -- frames of the WebSocket protocol, the server's side.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "proto/ws_frame.h"

#include <string.h>

#include "base/assert.h"
#include "base/hex.h"
#include "base/utf8.h"
#include "base/wire.h"
#include "crypto/hash.h"

#define KEY_TEXT_LEN 24
#define KEY_LEN      16

static const char accept_guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/* Bytes of the header as far as what has come of it tells. */
static size_t
head_need(const ws_decoder_t *d)
{
    size_t need = 2;

    if (d->head_len < 2) {
        return need;
    }
    if ((d->head[1] & 0x7f) == 126) {
        need += 2;
    } else if ((d->head[1] & 0x7f) == 127) {
        need += 8;
    }
    return need + ((d->head[1] & 0x80) != 0 ? 4 : 0);
}

static ion_err_t
fail(ws_decoder_t *d, ws_code_t code, const char *why)
{
    d->has_failed = true;
    d->code = (uint16_t)code;
    d->why = why;
    return ION_MALF;
}

static bool
is_control(uint8_t opcode)
{
    return (opcode & 0x8) != 0;
}

static ion_err_t
judge_control(ws_decoder_t *d)
{
    if (d->opcode > WS_PONG) {
        return fail(d, WS_CODE_PROTOCOL, "a frame with a reserved opcode");
    }
    if ((d->head[0] & 0x80) == 0) {
        return fail(d, WS_CODE_PROTOCOL, "a control frame in fragments");
    }
    if ((d->head[1] & 0x7f) > WS_MAX_CONTROL) {
        return fail(
            d, WS_CODE_PROTOCOL, "a control frame with more than 125 bytes");
    }
    return ION_OK;
}

static ion_err_t
judge_length(ws_decoder_t *d)
{
    uint8_t len7 = d->head[1] & 0x7f;

    if (d->left > INT64_MAX) {
        return fail(d, WS_CODE_PROTOCOL, "a frame of 2^63 bytes or more");
    }
    if ((len7 == 126 && d->left < 126) || (len7 == 127 && d->left < 65536)) {
        return fail(d, WS_CODE_PROTOCOL,
            "a length that is not written in the shortest way");
    }
    if (d->left > WS_MAX_MESSAGE - d->message_len) {
        return fail(d, WS_CODE_TOO_BIG, "a message of more than 1048576 bytes");
    }
    return ION_OK;
}

static ion_err_t
judge_data(ws_decoder_t *d)
{
    ion_err_t rc;

    if (d->opcode > WS_BINARY) {
        return fail(d, WS_CODE_PROTOCOL, "a frame with a reserved opcode");
    }
    if (d->in_message != (d->opcode == WS_CONTINUATION)) {
        return fail(d, WS_CODE_PROTOCOL,
            d->in_message ? "a new message before the last one's end"
                          : "a continuation of no message");
    }
    if (d->opcode == WS_TEXT) {
        return fail(d, WS_CODE_UNSUPPORTED, "a text message");
    }
    if (d->opcode == WS_BINARY) {
        d->message_len = 0;
    }
    rc = judge_length(d);
    if (rc == ION_OK) {
        d->message_len += d->left;
        d->in_message = (d->head[0] & 0x80) == 0;
    }
    return rc;
}

/* The header is complete. */
static ion_err_t
open_frame(ws_decoder_t *d)
{
    uint8_t len7 = d->head[1] & 0x7f;
    bool is_masked = (d->head[1] & 0x80) != 0;

    d->in_frame = true;
    d->opcode = d->head[0] & 0x0f;
    d->left = len7;
    if (len7 == 126) {
        d->left = ion_get_u16be(d->head + 2);
    } else if (len7 == 127) {
        d->left = ion_get_u64be(d->head + 2);
    }
    memset(d->mask, 0, sizeof(d->mask));
    if (is_masked) {
        memcpy(d->mask, d->head + d->head_len - 4, sizeof(d->mask));
    }
    d->mask_pos = 0;
    d->head_len = 0;
    d->control_len = 0;
    if (d->has_failed) {
        return ION_OK;
    }
    if ((d->head[0] & 0x70) != 0) {
        return fail(d, WS_CODE_PROTOCOL, "a frame with reserved bits");
    }
    if (!is_masked) {
        return fail(d, WS_CODE_PROTOCOL, "a frame without a mask");
    }
    return is_control(d->opcode) ? judge_control(d) : judge_data(d);
}

/* Codes that may stand in a Close frame. */
static bool
is_code(uint16_t code)
{
    if (code >= 3000) {
        return code <= 4999;
    }
    return code >= 1000 && code <= 1014 && code != 1004 && code != 1005 &&
           code != 1006;
}

static ion_err_t
judge_close(ws_decoder_t *d)
{
    ion_str_t reason;

    d->has_close = true;
    if (d->has_failed || d->control_len == 0) {
        return ION_OK;
    }
    if (d->control_len == 1) {
        return fail(d, WS_CODE_PROTOCOL, "a Close with half a code");
    }
    d->close_code = ion_get_u16be(d->control);
    if (!is_code(d->close_code)) {
        return fail(d, WS_CODE_PROTOCOL, "a Close with a reserved code");
    }
    reason.p = (const char *)d->control + 2;
    reason.len = (size_t)d->control_len - 2;
    if (ion_utf8_check(reason) != reason.len) {
        return fail(
            d, WS_CODE_NOT_UTF8, "a Close with a reason that is not UTF-8");
    }
    return ION_OK;
}

static void
unmask(ws_decoder_t *d, uint8_t *p, size_t n)
{
    uint8_t pos = d->mask_pos;

    for (size_t i = 0; i < n; i++) {
        p[i] ^= d->mask[pos];
        pos = (pos + 1) & 3;
    }
    d->mask_pos = pos;
}

/* n payload bytes of the open frame, which may be its last ones; sets
 * event->kind when they make an event. */
static ion_err_t
take_payload(ws_decoder_t *d, uint8_t *p, size_t n, ws_event_t *event)
{
    ion_err_t rc = ION_OK;

    d->left -= n;
    d->in_frame = d->left > 0;
    if (!is_control(d->opcode)) {
        if (!d->has_failed && n > 0) {
            unmask(d, p, n);
            *event = (ws_event_t){ .kind = WS_BINARY, .p = p, .len = n };
        }
        return ION_OK;
    }
    unmask(d, p, n);
    n = ION_MIN(n, sizeof(d->control) - d->control_len);
    if (n > 0) {
        memcpy(d->control + d->control_len, p, n);
    }
    d->control_len = (uint8_t)(d->control_len + n);
    if (d->in_frame) {
        return ION_OK;
    }
    if (d->opcode == WS_CLOSE) {
        rc = judge_close(d);
    }
    if (rc == ION_OK && (!d->has_failed || d->opcode == WS_CLOSE)) {
        event->kind = (ws_opcode_t)d->opcode;
        event->p = d->control;
        event->len = d->control_len;
    }
    return rc;
}

/* Header bytes; true when the header is complete. */
static bool
take_head(ws_decoder_t *d, const uint8_t *p, size_t n, size_t *used)
{
    size_t need = head_need(d);

    while (d->head_len < need && *used < n) {
        d->head[d->head_len++] = p[(*used)++];
        need = head_need(d);
    }
    return d->head_len == need;
}

ion_err_t
ws_decode(
    ws_decoder_t *d, uint8_t *p, size_t n, size_t *used, ws_event_t *event)
{
    ion_err_t rc = ION_OK;

    *used = 0;
    *event = (ws_event_t){ .kind = WS_CONTINUATION };
    while (rc == ION_OK && event->kind == WS_CONTINUATION) {
        size_t part;

        if (d->has_close) {
            *used = n;
        }
        if (*used == n) {
            return ION_AGAIN;
        }
        if (!d->in_frame) {
            if (!take_head(d, p, n, used)) {
                return ION_AGAIN;
            }
            rc = open_frame(d);
            if (rc != ION_OK && d->left == 0) {
                d->in_frame = false;
                d->has_close = d->opcode == WS_CLOSE;
            }
            if (rc != ION_OK || (d->left > 0 && *used == n)) {
                continue;
            }
        }
        part = n - *used;
        if (part > d->left) {
            part = (size_t)d->left;
        }
        rc = take_payload(d, p + *used, part, event);
        *used += part;
    }
    return rc;
}

size_t
ws_header_put(uint8_t out[WS_SERVER_HEADER], ws_opcode_t opcode, uint64_t len)
{
    out[0] = (uint8_t)(0x80u | (unsigned)opcode);
    if (len < 126) {
        out[1] = (uint8_t)len;
        return 2;
    }
    if (len < 65536) {
        out[1] = 126;
        ion_put_u16be(out + 2, (uint16_t)len);
        return 4;
    }
    out[1] = 127;
    ion_put_u64be(out + 2, len);
    return WS_SERVER_HEADER;
}

size_t
ws_close_put(uint8_t out[WS_CONTROL_FRAME], uint16_t code, ion_str_t reason)
{
    size_t n = ION_MIN(reason.len, (size_t)WS_MAX_CONTROL - 2);

    if (code == WS_CODE_NONE) {
        return ws_header_put(out, WS_CLOSE, 0);
    }
    (void)ws_header_put(out, WS_CLOSE, 2 + n);
    ion_put_u16be(out + 2, code);
    if (n > 0) {
        memcpy(out + 4, reason.p, n);
    }
    return 4 + n;
}

ion_err_t
ws_accept_key(ion_str_t key, char out[WS_ACCEPT_LEN + 1])
{
    uint8_t bytes[KEY_LEN];
    uint8_t digest[ION_SHA1_LEN];
    char text[KEY_TEXT_LEN + sizeof(accept_guid)];
    size_t n = 0;

    if (key.len != KEY_TEXT_LEN ||
        ion_base64_decode(bytes, sizeof(bytes), key, &n) != ION_OK ||
        n != sizeof(bytes))
    {
        return ION_MALF;
    }
    memcpy(text, key.p, KEY_TEXT_LEN);
    memcpy(text + KEY_TEXT_LEN, accept_guid, sizeof(accept_guid));
    if (ion_sha1(text, sizeof(text) - 1, digest) != ION_OK) {
        return ION_NOMEM;
    }
    ion_base64_encode(out, digest, sizeof(digest));
    return ION_OK;
}
