/*
 * http1.c -- strict, incremental parser for the head of an HTTP/1.1 request.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Lines are checked in order, each as soon as its line feed is there, and
 * every limit is a byte position: so the answer depends on the bytes alone,
 * never on how they were cut into reads.
 */
#include "proto/http1.h"

#include <string.h>

#include "base/assert.h"
#include "base/num.h"
#include "proto/http1_text.h"

enum {
    MAX_METHOD = 24,
    VERSION_LEN = 8, /* HTTP/1.1 */
};

static ion_err_t
refuse(http1_request_t *out, int status, const char *reason)
{
    out->status = status;
    out->reason = reason;
    return ION_MALF;
}

static ion_err_t
parse_version(ion_str_t text, http1_request_t *out)
{
    if (text.len != VERSION_LEN || memcmp(text.p, "HTTP/", 5) != 0 ||
        !http1_is_digit(text.p[5]) || text.p[6] != '.' ||
        !http1_is_digit(text.p[7]))
    {
        return refuse(out, 400, "malformed HTTP version");
    }
    if (text.p[5] > '1') {
        return refuse(out, 505, "HTTP version is not 1.0 or 1.1");
    }
    if (text.p[5] < '1' || text.p[7] > '1') {
        return refuse(out, 400, "HTTP version is not 1.0 or 1.1");
    }
    out->minor = (uint8_t)(text.p[7] - '0');
    return ION_OK;
}

/* path and query of an origin-form target */
static ion_err_t
parse_origin(http1_request_t *out)
{
    ion_str_t raw = out->target;
    const char *mark = memchr(raw.p, '?', raw.len);
    size_t n;

    if (mark != NULL) {
        raw.len = (size_t)(mark - raw.p);
        out->query.p = mark + 1;
        out->query.len = out->target.len - raw.len - 1;
    }
    if (raw.len > HTTP1_MAX_PATH) {
        return refuse(out, 414, "path too long");
    }
    out->path = raw;
    if (memchr(raw.p, '%', raw.len) != NULL) {
        if (!http1_unescape(raw, false, out->decoded, HTTP1_MAX_PATH, &n) ||
            memchr(out->decoded, '\0', n) != NULL)
        {
            return refuse(out, 400, "bad escape in the path");
        }
        out->path.p = out->decoded;
        out->path.len = n;
    }
    out->path_is_clean = http1_path_is_clean(out->path);
    return ION_OK;
}

static ion_err_t
parse_target(http1_request_t *out)
{
    ion_str_t t = out->target;

    if (t.len == 0) {
        return refuse(out, 400, "empty request target");
    }
    for (size_t i = 0; i < t.len; i++) {
        if (!http1_is_target_char(t.p[i])) {
            return refuse(out, 400, "bad character in the request target");
        }
    }
    out->path = (ion_str_t){ t.p, 0 };
    out->query = (ion_str_t){ t.p + t.len, 0 };
    out->path_is_clean = true;
    if (ion_str_eq(out->method, ION_STR("CONNECT"))) {
        return http1_is_authority(t)
                   ? ION_OK
                   : refuse(out, 400, "CONNECT target is not host:port");
    }
    if (t.p[0] == '/') {
        return parse_origin(out);
    }
    if (ion_str_eq(t, ION_STR("*")) &&
        ion_str_eq(out->method, ION_STR("OPTIONS"))) {
        out->path = t;
        return ION_OK;
    }
    return refuse(out, 400, "request target does not begin with a slash");
}

static ion_err_t
parse_request_line(ion_str_t line, http1_request_t *out)
{
    const char *end = line.p + line.len;
    const char *first = memchr(line.p, ' ', line.len);
    const char *last = memrchr(line.p, ' ', line.len);
    ion_str_t version;
    ion_err_t rc;

    if (first == NULL || first == last) {
        return refuse(out, 400, "malformed request line");
    }
    out->method = (ion_str_t){ line.p, (size_t)(first - line.p) };
    out->target = (ion_str_t){ first + 1, (size_t)(last - first) - 1 };
    version = (ion_str_t){ last + 1, (size_t)(end - last) - 1 };
    if (!http1_is_token(out->method) || out->method.len > MAX_METHOD) {
        return refuse(out, 400, "malformed method");
    }
    rc = parse_version(version, out);
    return rc == ION_OK ? parse_target(out) : rc;
}

static ion_err_t
parse_header_line(ion_str_t line, size_t index, http1_request_t *out)
{
    const char *colon = memchr(line.p, ':', line.len);
    http1_header_t *h;

    if (line.p[0] == ' ' || line.p[0] == '\t') {
        return refuse(out, 400, "folded header line");
    }
    if (colon == NULL) {
        return refuse(out, 400, "header line without a colon");
    }
    if (index >= HTTP1_MAX_HEADERS) {
        return refuse(out, 431, "too many header lines");
    }
    h = &out->headers[index];
    h->name = (ion_str_t){ line.p, (size_t)(colon - line.p) };
    h->value = (ion_str_t){ colon + 1, line.len - h->name.len - 1 };
    h->value = http1_trim(h->value);
    if (!http1_is_token(h->name)) {
        return refuse(out, 400, "malformed header name");
    }
    for (size_t i = 0; i < h->value.len; i++) {
        if (!http1_is_value_char(h->value.p[i])) {
            return refuse(out, 400, "control character in a header");
        }
    }
    out->header_count = index + 1;
    return ION_OK;
}

/* one line that ends at the line feed p[lf]; sets *is_end on the empty one */
static ion_err_t
parse_line(const http1_scan_t *scan, const char *p, size_t lf,
    http1_request_t *out, bool *is_end)
{
    ion_str_t line = { p + scan->line, lf - scan->line };

    *is_end = false;
    if (scan->lines == 0 && line.len > HTTP1_MAX_LINE) {
        return refuse(out, 414, "request line too long");
    }
    if (line.len == 0 || line.p[line.len - 1] != '\r') {
        return refuse(out, 400, "line feed without carriage return");
    }
    line.len--;
    if (line.len == 0) {
        *is_end = true;
        return scan->lines > 0 ? ION_OK : refuse(out, 400, "empty request");
    }
    if (scan->lines == 0) {
        return parse_request_line(line, out);
    }
    return parse_header_line(line, scan->lines - 1, out);
}

/* what an incomplete line may still become */
static ion_err_t
check_partial(const http1_scan_t *scan, size_t limit, size_t max_head,
    http1_request_t *out)
{
    if (scan->lines == 0 && limit - scan->line > HTTP1_MAX_LINE) {
        return refuse(out, 414, "request line too long");
    }
    if (limit == max_head) {
        return refuse(out, 431, "request head too large");
    }
    return ION_AGAIN;
}

/* lines from scan on; ION_OK with out->head_len at the empty line */
static ion_err_t
parse_lines(http1_scan_t *scan, const char *p, size_t limit, size_t max_head,
    http1_request_t *out)
{
    for (;;) {
        size_t left = limit - scan->pos;
        const char *lf = left == 0 ? NULL : memchr(p + scan->pos, '\n', left);
        bool is_end;
        ion_err_t rc;

        if (lf == NULL) {
            scan->pos = limit;
            return check_partial(scan, limit, max_head, out);
        }
        rc = parse_line(scan, p, (size_t)(lf - p), out, &is_end);
        if (rc != ION_OK) {
            return rc;
        }
        scan->pos = (size_t)(lf - p) + 1;
        if (is_end) {
            out->head_len = scan->pos;
            return ION_OK;
        }
        scan->line = scan->pos;
        scan->lines++;
    }
}

static ion_err_t
check_host(http1_request_t *out, const http1_header_t *h, bool *seen)
{
    if (*seen) {
        return refuse(out, 400, "more than one Host");
    }
    *seen = true;
    out->host = h->value;
    return http1_is_host(h->value) ? ION_OK
                                   : refuse(out, 400, "malformed Host");
}

static ion_err_t
check_length(http1_request_t *out, const http1_header_t *h, bool *seen)
{
    uint64_t n;

    if (ion_parse_u64(h->value, INT64_MAX, &n) != ION_OK) {
        return refuse(out, 400, "malformed Content-Length");
    }
    if (*seen && n != out->content_length) {
        return refuse(out, 400, "Content-Lengths differ");
    }
    *seen = true;
    out->content_length = n;
    return ION_OK;
}

static ion_err_t
check_encoding(http1_request_t *out, const http1_header_t *h)
{
    if (out->minor == 0) {
        return refuse(out, 400, "Transfer-Encoding in HTTP/1.0");
    }
    if (out->chunked) {
        return refuse(out, 400, "more than one Transfer-Encoding");
    }
    if (!ion_str_ieq(h->value, ION_STR("chunked"))) {
        return refuse(out, 501, "Transfer-Encoding other than chunked");
    }
    out->chunked = true;
    return ION_OK;
}

/* the few headers that decide how the message is delimited */
static ion_err_t
check_headers(http1_request_t *out)
{
    bool has_host = false;
    bool has_length = false;

    out->host = (ion_str_t){ out->target.p, 0 };
    out->content_length = 0;
    out->chunked = false;
    for (size_t i = 0; i < out->header_count; i++) {
        const http1_header_t *h = &out->headers[i];
        ion_err_t rc = ION_OK;

        if (ion_str_ieq(h->name, ION_STR("Host"))) {
            rc = check_host(out, h, &has_host);
        } else if (ion_str_ieq(h->name, ION_STR("Content-Length"))) {
            rc = check_length(out, h, &has_length);
        } else if (ion_str_ieq(h->name, ION_STR("Transfer-Encoding"))) {
            rc = check_encoding(out, h);
        }
        if (rc != ION_OK) {
            return rc;
        }
    }
    if (has_length && out->chunked) {
        return refuse(out, 400, "both Content-Length and Transfer-Encoding");
    }
    if (!has_host && out->minor == 1) {
        return refuse(out, 400, "no Host");
    }
    out->has_body = out->chunked || out->content_length > 0;
    out->keep_alive =
        out->minor == 1 && !http1_header_has_token(out, "Connection", "close");
    out->expects_continue = out->minor == 1 && http1_header_has_token(out,
                                                   "Expect", "100-continue");
    return ION_OK;
}

ion_err_t
http1_parse(http1_scan_t *scan, const char *p, size_t n, size_t max_head,
    http1_request_t *out)
{
    size_t limit = ION_MIN(n, max_head);
    bool is_first = scan->pos == 0;
    ion_err_t rc;

    ION_ASSERT(scan->pos <= n);
    if (scan->pos > limit) { /* max_head has shrunk since the last call */
        return refuse(out, 431, "request head too large");
    }
    if (is_first) {
        if (n > 0 && !http1_is_token((ion_str_t){ p, 1 })) {
            return refuse(out, 400, "not an HTTP request");
        }
        out->header_count = 0;
    }
    rc = parse_lines(scan, p, limit, max_head, out);
    if (rc == ION_OK && !is_first) {
        /* slices of earlier calls may point into a buffer that moved */
        http1_scan_t again = { 0, 0, 0 };

        out->header_count = 0;
        rc = parse_lines(&again, p, limit, max_head, out);
    }
    return rc == ION_OK ? check_headers(out) : rc;
}

ion_str_t
http1_header(const http1_request_t *req, const char *name)
{
    ion_str_t want = ion_str_from(name);

    for (size_t i = 0; i < req->header_count; i++) {
        if (ion_str_ieq(req->headers[i].name, want)) {
            return req->headers[i].value;
        }
    }
    return (ion_str_t){ NULL, 0 };
}

bool
http1_header_has_token(
    const http1_request_t *req, const char *name, const char *token)
{
    ion_str_t want_name = ion_str_from(name);
    ion_str_t want = ion_str_from(token);

    for (size_t i = 0; i < req->header_count; i++) {
        ion_str_t rest = req->headers[i].value;
        ion_str_t field;

        if (!ion_str_ieq(req->headers[i].name, want_name)) {
            continue;
        }
        while (ion_str_split(&rest, ',', &field)) {
            if (ion_str_ieq(http1_trim(field), want)) {
                return true;
            }
        }
    }
    return false;
}
