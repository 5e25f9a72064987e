/*
 * test_http1.c -- which request heads are taken, and which are refused how.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Every case runs whole, byte by byte and in odd pieces; each call gets the
 * bytes in another buffer of exactly their length, so that a stale pointer
 * or a read behind the end is seen by the sanitizer.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/base.h"
#include "proto/http1.h"

#define MAX_HEAD 8192

typedef struct result {
    ion_err_t rc;
    char *buf; /* owned; what the request points into */
    http1_request_t req;
} result_t;

static void
run(result_t *r, const char *p, size_t n, size_t step, size_t max_head)
{
    http1_scan_t scan = { 0, 0, 0 };
    size_t have = 0;

    r->rc = ION_AGAIN;
    r->buf = NULL;
    while (r->rc == ION_AGAIN && have < n) {
        char *old = r->buf;

        have = ION_MIN(have + step, n);
        r->buf = malloc(have);
        assert_non_null(r->buf);
        memcpy(r->buf, p, have);
        memset(&r->req, 0x5a, sizeof(r->req));
        r->rc = http1_parse(&scan, r->buf, have, max_head, &r->req);
        free(old);
    }
}

/* as every way of cutting the bytes has it */
static void
check(const char *p, size_t n, size_t max_head, int status)
{
    static const size_t steps[] = { 100000, 1, 7, 64 };

    for (size_t i = 0; i < ION_ARRAY_LEN(steps); i++) {
        result_t r;
        int got;

        run(&r, p, n, steps[i], max_head);
        got = r.rc == ION_OK ? 200 : r.rc == ION_AGAIN ? 0 : r.req.status;
        if (got != status) {
            fail_msg("in steps of %zu: %d instead of %d (%s): %.*s", steps[i],
                got, status, r.rc == ION_MALF ? r.req.reason : "-", (int)n, p);
        }
        free(r.buf);
    }
}

static void
check_text(const char *text, int status)
{
    check(text, strlen(text), MAX_HEAD, status);
}

static void
test_accepted(void **state)
{
    static const char *const cases[] = {
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nhost:a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a:8080\r\n\r\nbytes behind\n\n",
        "GET / HTTP/1.1\r\nHost: [2001:db8::1]:443\r\n\r\n",
        "GET / HTTP/1.1\r\nHost:\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX:\r\nY: \t b\tc \t\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: \xc3\xa9\xff\r\n\r\n",
        "GET / HTTP/1.0\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
        "CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n",
        "M-SEARCH /x HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /?a=b&c={|}^`'%zz HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /%41%2f%7e HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n"
         "Content-Length: 5\r\n\r\nhello"),
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n",
    };

    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(cases); i++) {
        check_text(cases[i], 200);
    }
}

static void
test_incomplete(void **state)
{
    static const char *const cases[] = {
        "G",
        "GET / HTTP/1.1",
        "GET / HTTP/1.1\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n\r",
    };

    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(cases); i++) {
        check_text(cases[i], 0);
    }
}

static void
test_refused_lines(void **state)
{
    static const char *const cases[] = {
        /* line ends */
        "GET / HTTP/1.1\nHost: a\n\n",
        "GET / HTTP/1.1\r\nHost: a\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n\n",
        "GET / HTTP/1.1\r\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n",
        "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "\n",
        /* request line */
        " GET / HTTP/1.1\r\n",
        "GET\r\n",
        "GET /\r\n",
        "GET  / HTTP/1.1\r\n",
        "GET /  HTTP/1.1\r\n",
        "GET / HTTP/1.1 \r\n",
        "GET /a b HTTP/1.1\r\n",
        "GET\t/ HTTP/1.1\r\n",
        "G(T / HTTP/1.1\r\n",
        "ABCDEFGHIJKLMNOPQRSTUVWXY / HTTP/1.1\r\n",
        "GET / HTTP/1.2\r\nHost: a\r\n\r\n",
        "GET / HTTP/0.9\r\n\r\n",
        "GET / HTTP/1\r\n",
        "GET / http/1.1\r\n",
        "GET / HTTP/1.10\r\n",
        "GET / HTTPS/1.1\r\n",
        "\x16\x03\x01\x02",
        "\x80",
        /* targets */
        "GET x HTTP/1.1\r\n",
        "GET * HTTP/1.1\r\n",
        "GET http://a/ HTTP/1.1\r\n",
        "GET foo://a/ HTTP/1.1\r\n",
        "GET a:80 HTTP/1.1\r\n",
        "GET /#x HTTP/1.1\r\n",
        "GET /\"x HTTP/1.1\r\n",
        "GET /<x> HTTP/1.1\r\n",
        "GET /\\x HTTP/1.1\r\n",
        "GET /\xc3\xa9 HTTP/1.1\r\n",
        "GET /\x7f HTTP/1.1\r\n",
        "GET /\x01 HTTP/1.1\r\n",
        "GET /% HTTP/1.1\r\n",
        "GET /%4 HTTP/1.1\r\n",
        "GET /%zz HTTP/1.1\r\n",
        "GET /a%00b HTTP/1.1\r\n",
        "CONNECT / HTTP/1.1\r\n",
        "CONNECT a HTTP/1.1\r\n",
        "CONNECT :443 HTTP/1.1\r\n",
        "CONNECT a:65536 HTTP/1.1\r\n",
        /* header lines */
        "GET / HTTP/1.1\r\nHost : a\r\n",
        "GET / HTTP/1.1\r\n Host: a\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n folded\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n\tfolded\r\n",
        "GET / HTTP/1.1\r\nHost\r\n",
        "GET / HTTP/1.1\r\n: a\r\n",
        "GET / HTTP/1.1\r\nX(: a\r\n",
        "GET / HTTP/1.1\r\nX: a\x01\r\n",
        "GET / HTTP/1.1\r\nX: a\x7f\r\n",
    };

    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(cases); i++) {
        check_text(cases[i], 400);
    }
}

static void
test_refused_heads(void **state)
{
    static const char with_nul[] = "GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n";
    static const char nul_target[] = "GET /\0 HTTP/1.1\r\n";
    static const struct {
        int status;
        const char *headers;
    } cases[] = {
        { 400, "" },
        { 400, "Host: a\r\nHost: a\r\n" },
        { 400, "Host: a b\r\n" },
        { 400, "Host: a/b\r\n" },
        { 400, "Host: user@a\r\n" },
        { 400, "Host: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n" },
        { 400, "Host: a\r\nContent-Length: 5, 5\r\n" },
        { 400, "Host: a\r\nContent-Length: +5\r\n" },
        { 400, "Host: a\r\nContent-Length: -1\r\n" },
        { 400, "Host: a\r\nContent-Length: 0x5\r\n" },
        { 400, "Host: a\r\nContent-Length:\r\n" },
        { 400, "Host: a\r\nContent-Length: 99999999999999999999\r\n" },
        { 400, "Host: a\r\nContent-Length: 5\r\n"
               "Transfer-Encoding: chunked\r\n" },
        { 400, "Host: a\r\nTransfer-Encoding: chunked\r\n"
               "Content-Length: 0\r\n" },
        { 400, "Host: a\r\nTransfer-Encoding: chunked\r\n"
               "Transfer-Encoding: chunked\r\n" },
        { 501, "Host: a\r\nTransfer-Encoding: gzip, chunked\r\n" },
        { 501, "Host: a\r\nTransfer-Encoding: identity\r\n" },
        { 501, "Host: a\r\nTransfer-Encoding: xchunked\r\n" },
    };

    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(cases); i++) {
        char text[512];

        (void)snprintf(
            text, sizeof(text), "POST / HTTP/1.1\r\n%s\r\n", cases[i].headers);
        check_text(text, cases[i].status);
    }
    check_text("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400);
    check_text("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505);
    check_text("GET / HTTP/3.0\r\n\r\n", 505);
    check(with_nul, sizeof(with_nul) - 1, MAX_HEAD, 400);
    check(nul_target, sizeof(nul_target) - 1, MAX_HEAD, 400);
}

static void
test_long_request_line(void **state)
{
    static char text[HTTP1_MAX_LINE + 200];
    size_t n = (size_t)snprintf(text, sizeof(text), "GET /?");

    (void)state;
    /* the line with its CR has HTTP1_MAX_LINE bytes */
    memset(text + n, 'a', HTTP1_MAX_LINE - n - 10);
    strcpy(text + HTTP1_MAX_LINE - 10, " HTTP/1.1\r\nHost: a\r\n\r\n");
    check_text(text, 200);
    memset(text + n, 'a', HTTP1_MAX_LINE - n - 9);
    strcpy(text + HTTP1_MAX_LINE - 9, " HTTP/1.1\r\nHost: a\r\n\r\n");
    check_text(text, 414);
    memset(text, 'a', sizeof(text));
    check(text, HTTP1_MAX_LINE, MAX_HEAD, 0);
    check(text, sizeof(text), MAX_HEAD, 414);
}

static void
test_long_path(void **state)
{
    static char text[HTTP1_MAX_PATH + 100] = "GET /";

    (void)state;
    memset(text + 5, 'a', HTTP1_MAX_PATH - 1);
    strcpy(text + 4 + HTTP1_MAX_PATH, " HTTP/1.1\r\nHost: a\r\n\r\n");
    check_text(text, 200);
    memset(text + 5, 'a', HTTP1_MAX_PATH);
    strcpy(text + 5 + HTTP1_MAX_PATH, " HTTP/1.1\r\nHost: a\r\n\r\n");
    check_text(text, 414);
}

static void
test_large_head(void **state)
{
    static const char head[] = "GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n";
    static const char two[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP";
    size_t n = sizeof(head) - 1;

    (void)state;
    check(head, n, n, 200);
    check(head, n, n - 1, 431);
    check(head, n - 1, n, 0);
    check(head, n, 5, 431);
    /* what follows the head does not count */
    check(two, sizeof(two) - 1, 27, 200);
}

/* a reload lowers http.max_header while a head is on its way */
static void
test_limit_that_shrinks(void **state)
{
    static const char head[] = "GET / HTTP/1.1\r\nHost: a\r\nX: yyyyyyyyyy";
    http1_scan_t scan = { 0, 0, 0 };
    http1_request_t req;
    size_t n = sizeof(head) - 1;

    (void)state;
    assert_int_equal(http1_parse(&scan, head, n - 1, n, &req), ION_AGAIN);
    assert_int_equal(http1_parse(&scan, head, n, n - 2, &req), ION_MALF);
    assert_int_equal(req.status, 431);
}

static void
test_many_headers(void **state)
{
    static char text[65 * 8 + 100];

    (void)state;
    for (int count = 63; count <= 64; count++) {
        size_t n = (size_t)snprintf(
            text, sizeof(text), "GET / HTTP/1.1\r\nHost: a\r\n");

        for (int i = 0; i < count; i++) {
            n += (size_t)snprintf(text + n, sizeof(text) - n, "X: y\r\n");
        }
        (void)snprintf(text + n, sizeof(text) - n, "\r\n");
        check_text(text, count == 63 ? 200 : 431);
    }
}

static void
assert_str(ion_str_t got, const char *want)
{
    if (!ion_str_eq(got, ion_str_from(want))) {
        fail_msg("%.*s instead of %s", ION_STR_ARG(got), want);
    }
}

static void
test_fields(void **state)
{
    static const char head[] = "GET //a/%2e%2E/b%20c?q=1?2 HTTP/1.1\r\n"
                               "Host: relay.example:8443\r\n"
                               "Connection: keep-alive, Upgrade\r\n"
                               "Upgrade:  DERP \r\n"
                               "Upgrade: second\r\n"
                               "Expect: 100-Continue\r\n"
                               "Content-Length: 07\r\n"
                               "Empty:\r\n"
                               "\r\n"
                               "DERP bytes";
    static const size_t steps[] = { 10000, 1 };

    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(steps); i++) {
        result_t r;
        const http1_request_t *req = &r.req;

        run(&r, head, sizeof(head) - 1, steps[i], MAX_HEAD);
        assert_int_equal(r.rc, ION_OK);
        assert_str(req->method, "GET");
        assert_str(req->target, "//a/%2e%2E/b%20c?q=1?2");
        assert_str(req->path, "//a/../b c");
        assert_str(req->query, "q=1?2");
        assert_str(req->host, "relay.example:8443");
        assert_int_equal(req->minor, 1);
        assert_false(req->path_is_clean);
        assert_true(req->keep_alive);
        assert_true(req->has_body);
        assert_false(req->chunked);
        assert_true(req->expects_continue);
        assert_int_equal(req->content_length, 7);
        assert_int_equal(req->header_count, 7);
        assert_int_equal(req->head_len, sizeof(head) - 1 - 10);
        assert_str(http1_header(req, "UPGRADE"), "DERP");
        assert_non_null(http1_header(req, "empty").p);
        assert_str(http1_header(req, "empty"), "");
        assert_null(http1_header(req, "Upgrad").p);
        assert_true(http1_header_has_token(req, "connection", "upgrade"));
        assert_true(http1_header_has_token(req, "upgrade", "SECOND"));
        assert_false(http1_header_has_token(req, "connection", "keep"));
        free(r.buf);
    }
}

static void
test_keep_alive(void **state)
{
    static const struct {
        const char *head;
        bool want;
    } cases[] = {
        { "GET / HTTP/1.1\r\nHost: a\r\n\r\n", true },
        { "GET / HTTP/1.1\r\nHost: a\r\nConnection: CLOSE\r\n\r\n", false },
        { "GET / HTTP/1.1\r\nHost: a\r\nConnection: x,close\r\n\r\n", false },
        { "GET / HTTP/1.1\r\nHost: a\r\nConnection: closed\r\n\r\n", true },
        { "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", false },
    };

    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(cases); i++) {
        result_t r;

        run(&r, cases[i].head, strlen(cases[i].head), 10000, MAX_HEAD);
        assert_int_equal(r.rc, ION_OK);
        assert_int_equal(r.req.keep_alive, cases[i].want);
        free(r.buf);
    }
}

static void
test_path_clean(void **state)
{
    static const struct {
        const char *path;
        const char *clean;
    } cases[] = {
        { "/", "/" },
        { "//", "/" },
        { "/derp", "/derp" },
        { "//derp", "/derp" },
        { "/derp/", "/derp/" },
        { "/derp//", "/derp/" },
        { "/./derp/.", "/derp" },
        { "/a/../derp", "/derp" },
        { "/a/b/../../derp/x/..", "/derp" },
        { "/..", "/" },
        { "/../../a", "/a" },
        { "/a/..", "/" },
        { "/a/../", "/" },
        { "/.a/..b/...", "/.a/..b/..." },
    };

    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(cases); i++) {
        char out[HTTP1_MAX_PATH];
        ion_str_t got = { out, 0 };

        got.len = http1_path_clean(ion_str_from(cases[i].path), out);
        assert_str(got, cases[i].clean);
    }
}

static void
test_query_value(void **state)
{
    static const struct {
        const char *query;
        const char *want; /* NULL: not there */
    } cases[] = {
        { "q=a", "a" },
        { "q=", "" },
        { "q", "" },
        { "x=1&q=a&q=b", "a" },
        { "%71=a%2Eb+c", "a.b c" },
        { "qq=a", NULL },
        { "", NULL },
        { "q=%zz", NULL },
        { "q=%4", NULL },
        { "q=123456789", NULL },
        { "%zz=1&q=a=b", "a=b" },
    };

    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(cases); i++) {
        char out[8];
        ion_str_t got = { out, 0 };
        bool found = http1_query_value(
            ion_str_from(cases[i].query), "q", out, sizeof(out), &got.len);

        assert_int_equal(found, cases[i].want != NULL);
        if (found) {
            assert_str(got, cases[i].want);
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepted),
        cmocka_unit_test(test_incomplete),
        cmocka_unit_test(test_refused_lines),
        cmocka_unit_test(test_refused_heads),
        cmocka_unit_test(test_long_request_line),
        cmocka_unit_test(test_long_path),
        cmocka_unit_test(test_large_head),
        cmocka_unit_test(test_limit_that_shrinks),
        cmocka_unit_test(test_many_headers),
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_keep_alive),
        cmocka_unit_test(test_path_clean),
        cmocka_unit_test(test_query_value),
    };

    return cmocka_run_group_tests_name("http1", tests, NULL, NULL);
}
