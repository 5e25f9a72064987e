/*
 * fuzz_http1.c -- request heads, whole and byte by byte.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Properties: both ways give the same answer and the same fields; nothing
 * that is taken holds a bare CR, a NUL or a second way to end the message;
 * a cleaned path is clean.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "proto/http1.h"

#define MAX_HEAD 2048

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static ion_err_t
parse_bytewise(const char *p, size_t n, http1_request_t *out)
{
    http1_scan_t scan = { 0, 0, 0 };
    ion_err_t rc = ION_AGAIN;

    for (size_t have = 1; have <= n && rc == ION_AGAIN; have++) {
        rc = http1_parse(&scan, p, have, MAX_HEAD, out);
    }
    return rc;
}

static void
assert_same(const http1_request_t *a, const http1_request_t *b)
{
    ION_ASSERT(a->head_len == b->head_len);
    ION_ASSERT(ion_str_eq(a->method, b->method));
    ION_ASSERT(ion_str_eq(a->target, b->target));
    ION_ASSERT(ion_str_eq(a->path, b->path));
    ION_ASSERT(ion_str_eq(a->query, b->query));
    ION_ASSERT(ion_str_eq(a->host, b->host));
    ION_ASSERT(a->minor == b->minor);
    ION_ASSERT(a->keep_alive == b->keep_alive);
    ION_ASSERT(a->has_body == b->has_body);
    ION_ASSERT(a->content_length == b->content_length);
    ION_ASSERT(a->header_count == b->header_count);
    for (size_t i = 0; i < a->header_count; i++) {
        ION_ASSERT(ion_str_eq(a->headers[i].name, b->headers[i].name));
        ION_ASSERT(ion_str_eq(a->headers[i].value, b->headers[i].value));
    }
}

static void
check_paths(const http1_request_t *req)
{
    char out[HTTP1_MAX_PATH];
    char again[HTTP1_MAX_PATH];
    ion_str_t clean = { out, 0 };
    size_t n;

    if (req->path.len > 0 && req->path.p[0] == '/') {
        clean.len = http1_path_clean(req->path, out);
        ION_ASSERT(clean.len <= req->path.len);
        ION_ASSERT(ion_str_eq(clean, req->path) == req->path_is_clean);
        n = http1_path_clean(clean, again);
        ION_ASSERT(ion_str_eq(clean, (ion_str_t){ again, n }));
    }
    (void)http1_query_value(req->query, "q", out, 16, &n);
}

static void
check_taken(const char *p, const http1_request_t *req)
{
    ION_ASSERT(req->head_len >= 4 && req->head_len <= MAX_HEAD);
    ION_ASSERT(memcmp(p + req->head_len - 4, "\r\n\r\n", 4) == 0);
    ION_ASSERT(memchr(p, '\0', req->head_len) == NULL);
    ION_ASSERT(!(req->chunked && req->content_length > 0));
    for (size_t i = 0; i < req->head_len; i++) {
        ION_ASSERT(p[i] != '\n' || p[i - 1] == '\r');
        ION_ASSERT(p[i] != '\r' || p[i + 1] == '\n');
    }
    (void)http1_header(req, "Upgrade");
    (void)http1_header_has_token(req, "Connection", "upgrade");
    check_paths(req);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *p = (const char *)data;
    http1_scan_t scan = { 0, 0, 0 };
    http1_request_t whole;
    http1_request_t bytewise;
    ion_err_t rc;

    if (size == 0) {
        return 0;
    }
    rc = http1_parse(&scan, p, size, MAX_HEAD, &whole);
    ION_ASSERT(parse_bytewise(p, size, &bytewise) == rc);
    if (rc == ION_OK) {
        assert_same(&whole, &bytewise);
        check_taken(p, &whole);
    } else if (rc == ION_MALF) {
        ION_ASSERT(whole.status == bytewise.status);
        ION_ASSERT(strcmp(whole.reason, bytewise.reason) == 0);
        ION_ASSERT(whole.status >= 400 && whole.status <= 505);
    }
    return 0;
}
