/*
 * http1.h -- strict parser for the head of an HTTP/1.1 request.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The caller collects bytes in one buffer and calls http1_parse each time
 * more have come; http1_scan_t remembers how far the buffer was looked at,
 * so a head that comes byte by byte costs no more than one that comes whole,
 * and both give the same answer.  A wrong line is refused as soon as it is
 * complete.  Refused with 400: bare CR or LF, folded lines, blanks before a
 * colon, Content-Length together with Transfer-Encoding, Content-Lengths
 * that differ, a target that is not origin-form (or "*" for OPTIONS, or
 * authority-form for CONNECT), HTTP/1.2 and up, a missing or second Host.
 * All slices of a request point into the caller's buffer or into the
 * request itself: a request is not to be copied.
 */
#ifndef ION_PROTO_HTTP1_H
#define ION_PROTO_HTTP1_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "base/err.h"
#include "base/str.h"

enum {
    HTTP1_MAX_HEADERS = 64,
    HTTP1_MAX_LINE = 4096, /* bytes of the request line before 414 */
    HTTP1_MAX_PATH = 1024, /* decoded path bytes before 414 */
};

/* all zero at the start of a request; private to the parser */
typedef struct http1_scan {
    size_t line;  /* where the line begins that is not complete yet */
    size_t pos;   /* bytes of that line looked at, from buffer start */
    size_t lines; /* complete lines seen */
} http1_scan_t;

typedef struct http1_header {
    ion_str_t name;  /* as sent, token characters only */
    ion_str_t value; /* blanks around it removed, may be empty */
} http1_header_t;

typedef struct http1_request {
    ion_str_t method;   /* as sent; methods are case-sensitive */
    ion_str_t target;   /* as sent, for redirects */
    ion_str_t path;     /* percent-decoded, begins with '/'; "*" for
                         OPTIONS *; empty for CONNECT */
    ion_str_t query;    /* behind '?', as sent; empty when there is none */
    ion_str_t host;     /* value of Host; empty when absent (1.0) */
    uint8_t minor;      /* 0 or 1 */
    bool path_is_clean; /* no "//", "/./" or "/../" in path */
    bool keep_alive;    /* false for HTTP/1.0 and "Connection: close" */
    bool chunked;       /* Transfer-Encoding: chunked */
    bool has_body;      /* chunked, or content_length > 0 */
    bool expects_continue;
    uint64_t content_length;
    size_t header_count;
    size_t head_len; /* bytes of the head with its empty line; what stands
                        behind belongs to the body or the next protocol */
    http1_header_t headers[HTTP1_MAX_HEADERS];
    char decoded[HTTP1_MAX_PATH]; /* path lies here when it had escapes */
    int status;                   /* on ION_MALF: 400, 414, 431, 501 or 505 */
    const char *reason; /* on ION_MALF: what was wrong, for a log line */
} http1_request_t;

/*
 * http1_parse -- look for one complete, valid request head.
 *
 * Shape:  p[0..n) borrowed: everything received since the request began;
 *         the bytes already seen must not have changed, though they may
 *         have moved.  max_head bounds the head in bytes; it may change
 *         from call to call.
 * Owns:   nothing; *out points into p and is valid while p is.
 * Errors: ION_AGAIN not complete yet (*out undefined) | ION_MALF refuse
 *         with out->status and close.
 * Cost:   O(bytes not seen before), and once O(head) when it completes.
 * Spec:   HTTP/1.1 request head, as the relay accepts it.
 */
ION_NODISCARD ion_err_t http1_parse(http1_scan_t *scan, const char *p, size_t n,
    size_t max_head, http1_request_t *out);

/*
 * http1_header -- first value of a header; names compare in any case.
 *
 * Shape:  p is NULL when there is no such header, and is not NULL for one
 *         that is empty.
 * Errors: none.
 * Spec:   HTTP/1.1 header fields.
 */
ion_str_t http1_header(const http1_request_t *req, const char *name);

/*
 * http1_header_has_token -- is a word in a header's comma-separated lists?
 *
 * Shape:  looks at every header of that name; any case.
 * Errors: none.
 * Spec:   HTTP/1.1 header fields.
 */
bool http1_header_has_token(
    const http1_request_t *req, const char *name, const char *token);

/*
 * http1_path_clean -- the path with "//", "/./" and "/../" resolved, a last
 * slash kept.
 *
 * Shape:  path borrowed, begins with '/'; returns the bytes written to out,
 *         at most path.len.
 * Errors: none.
 * Spec:   HTTP endpoints: paths are cleaned by redirect.
 */
size_t http1_path_clean(ion_str_t path, char out[HTTP1_MAX_PATH]);

/*
 * http1_query_value -- value of the first "name=" pair in a query.
 *
 * Shape:  percent-decoded, '+' is a blank; returns false when the name is
 *         not there, when an escape is wrong or when cap is too small.
 *         *len bytes are written, no NUL.
 * Errors: none.
 * Spec:   HTTP endpoints: bootstrap-dns.
 */
bool http1_query_value(
    ion_str_t query, const char *name, char *out, size_t cap, size_t *len);

#endif
