/*
 * http/conn.h -- what a route handler does with a request's connection.
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A handler replies, or takes the stream away from HTTP for a protocol of its
 * own. Bytes that came behind the request's head are handed on with the
 * stream and never dropped.
 */
#ifndef ION_HTTP_CONN_H
#define ION_HTTP_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/base.h"
#include "base/str.h"
#include "event/stream.h"
#include "http/route.h"

typedef struct ion_http_conn ion_http_conn_t;

/* One reply; everything borrowed during ion_http_reply. */
typedef struct ion_http_reply {
    int status;
    ion_str_t extra_headers; /* "Name: value\r\n" lines; may be empty */
    ion_str_t content_type;  /* empty = no Content-Type */
    ion_str_t body;          /* not sent for HEAD, 204 and 304 */
    bool close;              /* end the connection after this reply */
} ion_http_reply_t;

/* A connection that has left HTTP. */
typedef struct ion_http_taken {
    ion_stream_t *stream; /* owned by the handler from now on */
    const uint8_t *rest;  /* bytes behind the request's head; valid until */
    size_t rest_len;      /* the handler returns */
    ion_addr_t peer;
    ion_addr_t local;
    bool is_tls;
    int tls_version; /* 0x0303, 0x0304 or 0 */
    uint64_t id;     /* number of the connection in log lines */
} ion_http_taken_t;

/*
 * ion_http_reply -- answer the request in progress.
 *
 * Shape:  adds Date, Content-Length and Connection. The reply is sent at the
 *         end of the turn.
 * Errors: none; what goes wrong ends the connection later.
 */
void ion_http_reply(ion_http_conn_t *c, const ion_http_reply_t *reply);

/* ion_http_reply_text -- the same with a text/plain body. */
void ion_http_reply_text(ion_http_conn_t *c, int status, const char *body);

/*
 * ion_http_take -- take the stream out of HTTP (an upgrade).
 *
 * Shape:  the descriptor is no longer watched, no deadline runs; replies to
 *         earlier, pipelined requests may still be unsent in the stream.
 * Owns:   gives out->stream.
 * Errors: none.
 */
void ion_http_take(ion_http_conn_t *c, ion_http_taken_t *out);

/*
 * ion_http_may_debug -- for handlers of pages under /debug/: may this client
 * see them?  The rule is http/debug_access.h's; GET and HEAD only.
 *
 * Errors: false: the request has been answered.
 */
ION_NODISCARD bool ion_http_may_debug(
    ion_http_conn_t *c, const struct http1_request *req);

/*
 * The four headers that browsers want to see, as extra_headers lines; for
 * pages that a person may open.
 */
extern const char ion_http_browser_headers[];

#endif
