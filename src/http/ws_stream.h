/*
 * http/ws_stream.h -- a byte stream inside the messages of a WebSocket.
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Lies on the stream of a connection whose handshake is over and looks like
 * any other stream to its owner: where messages begin and end says nothing,
 * pings are answered here, a violation is an error of reading. When it is
 * closed the client is told why, and the stream then goes on by itself until
 * the client's Close frame has come, so that a reset does not take ours away
 * from it; such streams are few, and wait for a few seconds at most.
 */
#ifndef ION_HTTP_WS_STREAM_H
#define ION_HTTP_WS_STREAM_H

#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "base/err.h"
#include "base/list.h"
#include "core/log.h"
#include "event/stream.h"

/* Payload bytes of a message of ours; clients refuse ones above 32 KiB. */
#define HTTP_WS_MESSAGE 16384u
/* How long, and for how many bytes, the client's Close is waited for. */
#define HTTP_WS_LINGER       ION_SEC(5)
#define HTTP_WS_LINGER_BYTES ((size_t)4 * 1024 * 1024)
/* Closed streams that wait in one process; the oldest goes before one more. */
#define HTTP_WS_LINGER_MAX 256u

/* The WebSocket streams of a process. */
typedef struct http_ws_set {
    ion_list_t live;
    ion_list_t lingering; /* the oldest first */
    size_t lingering_count;
    const ion_log_t *log; /* borrowed */
} http_ws_set_t;

/* http_ws_set_init -- an empty set.  Errors: none. */
void http_ws_set_init(http_ws_set_t *set, const ion_log_t *log);

/*
 * http_ws_set_fini -- end the streams that wait. Those that still have an
 * owner stay with it, and will not wait when it closes them.
 *
 * Errors: none.
 */
void http_ws_set_fini(http_ws_set_t *set);

/*
 * http_ws_new -- a stream over `lower`.
 *
 * Shape:  rest[0..n): what the client has sent already, borrowed; id is the
 *         connection's number in log lines.
 * Owns:   takes lower on success only; gives *out.
 * Errors: ION_NOMEM.
 */
ION_NODISCARD ion_err_t http_ws_new(http_ws_set_t *set, ion_stream_t *lower,
    uint64_t id, const uint8_t *rest, size_t n, ion_stream_t **out);

/*
 * http_ws_close_with -- close a stream of http_ws_new with another code than
 * 1000.
 *
 * Shape:  reason has at most 123 bytes. Frees *s and nulls it.
 * Errors: none.
 */
void http_ws_close_with(ion_stream_t **s, uint16_t code, const char *reason);

#endif
