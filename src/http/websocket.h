/*
 * http/websocket.h -- a request becomes a WebSocket.
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Any Origin is let in, no extension is ever agreed on, and one subprotocol
 * is spoken.
 */
#ifndef ION_HTTP_WEBSOCKET_H
#define ION_HTTP_WEBSOCKET_H

#include "base/base.h"
#include "base/err.h"
#include "http/conn.h"
#include "proto/http1.h"

/*
 * ion_http_websocket -- answer the opening handshake in progress; in place of
 * ion_http_reply or ion_http_take.
 *
 * Shape:  protocol: the one the caller speaks. out->stream carries what the
 *         client's messages carry, as one stream of bytes; the answer waits
 *         in it for a flush. out->rest is empty.
 * Owns:   gives out->stream on ION_OK.
 * Errors: the request is answered, the stream not given: ION_MALF no valid
 *         handshake, an HTTP error was sent | ION_DENIED the client does not
 *         speak the protocol, it was told so with Close 1008 | ION_NOMEM.
 */
ION_NODISCARD ion_err_t ion_http_websocket(ion_http_conn_t *c,
    const http1_request_t *req, const char *protocol, ion_http_taken_t *out);

#endif
