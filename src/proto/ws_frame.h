/*
 * ws_frame.h -- frames of the WebSocket protocol, the server's side.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The decoder takes a client's bytes in any pieces and unmasks payload where
 * it lies; it keeps a frame's header and the payload of one control frame,
 * nothing else, so a message costs no memory.  Only binary messages are let
 * through: the relay knows no other.  After a violation the frames that
 * follow are walked over without being judged, until the client's Close.
 */
#ifndef ION_PROTO_WS_FRAME_H
#define ION_PROTO_WS_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "base/err.h"
#include "base/str.h"

enum {
    WS_MAX_MESSAGE = 1048576, /* payload bytes of one message */
    WS_MAX_CONTROL = 125,     /* payload bytes of a control frame */
    WS_CLIENT_HEADER = 14,    /* largest header of a masked frame */
    WS_SERVER_HEADER = 10,    /* largest header of one that is not */
    WS_CONTROL_FRAME = 2 + WS_MAX_CONTROL, /* largest one of a server */
    WS_ACCEPT_LEN = 28,
};

typedef enum ws_opcode {
    WS_CONTINUATION = 0x0,
    WS_TEXT = 0x1,
    WS_BINARY = 0x2,
    WS_CLOSE = 0x8,
    WS_PING = 0x9,
    WS_PONG = 0xa,
} ws_opcode_t;

typedef enum ws_code {
    WS_CODE_NONE = 0, /* a Close without a code */
    WS_CODE_NORMAL = 1000,
    WS_CODE_PROTOCOL = 1002,
    WS_CODE_UNSUPPORTED = 1003,
    WS_CODE_NOT_UTF8 = 1007,
    WS_CODE_POLICY = 1008,
    WS_CODE_TOO_BIG = 1009,
} ws_code_t;

/* All zero at the start of a connection. */
typedef struct ws_decoder {
    uint64_t left;        /* payload bytes of the open frame to come */
    uint64_t message_len; /* payload bytes of the open message so far */
    const char *why;      /* the violation, for a log line */
    uint16_t code;        /* to answer it with */
    uint16_t close_code;  /* of the client's Close, 0 without one */
    uint8_t opcode;
    bool in_frame;
    bool in_message; /* fragments are to follow */
    bool has_failed;
    bool has_close; /* the client's Close has come: nothing counts after it */
    uint8_t mask_pos;
    uint8_t head_len;
    uint8_t control_len;
    uint8_t mask[4];
    uint8_t head[WS_CLIENT_HEADER];
    uint8_t control[WS_MAX_CONTROL];
} ws_decoder_t;

/* What ws_decode has found. */
typedef struct ws_event {
    ws_opcode_t kind; /* WS_BINARY, WS_PING, WS_PONG or WS_CLOSE */
    const uint8_t *p; /* payload: in the input, or for the control frames */
    size_t len;       /* in the decoder until the next call */
} ws_event_t;

/*
 * ws_decode -- the next event in a client's bytes.
 *
 * Shape:  p[0..n) are unmasked in place where they are payload of a message;
 *         *used of them are taken, call again with the rest.  A message comes
 *         as any number of WS_BINARY events of at least one byte.
 * Errors: ION_AGAIN all n bytes are used, more are needed | ION_MALF a
 *         violation, told once: d->code and d->why say which; go on calling
 *         to find the client's Close behind it.
 * Spec:   The WebSocket protocol: data framing; DERP over WebSocket.
 */
ION_NODISCARD ion_err_t ws_decode(
    ws_decoder_t *d, uint8_t *p, size_t n, size_t *used, ws_event_t *event);

/*
 * ws_header_put -- header of a whole server frame with len payload bytes.
 *
 * Shape:  returns the bytes written.
 * Errors: none.
 * Spec:   The WebSocket protocol: base framing.
 */
size_t ws_header_put(
    uint8_t out[WS_SERVER_HEADER], ws_opcode_t opcode, uint64_t len);

/*
 * ws_close_put -- a whole Close frame.
 *
 * Shape:  reason at most WS_MAX_CONTROL - 2 bytes of UTF-8, cut there; left
 *         out with WS_CODE_NONE. Returns the bytes written.
 * Errors: none.
 * Spec:   The WebSocket protocol: Close.
 */
size_t ws_close_put(
    uint8_t out[WS_CONTROL_FRAME], uint16_t code, ion_str_t reason);

/*
 * ws_accept_key -- Sec-WebSocket-Accept for a Sec-WebSocket-Key.
 *
 * Shape:  out is NUL-terminated.
 * Errors: ION_MALF the key is not the base64 of 16 bytes | ION_NOMEM.
 * Spec:   The WebSocket protocol: server's opening handshake.
 */
ION_NODISCARD ion_err_t ws_accept_key(
    ion_str_t key, char out[WS_ACCEPT_LEN + 1]);

#endif
