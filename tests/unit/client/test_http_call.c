/*
 * test_http_call.c -- requests and connections on the loop, against sockets
 * of this process.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * What servers can do wrong stands in tests/system/test_admission.py; this is
 * about the caller: order, bounds, the end of calls.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "client/http_call.h"

#define CALLS 6

typedef struct {
    unsigned ended;
    ion_err_t rc;
    int status;
    int fd;
    ion_addr_t addr;
    char body[64];
    char text[256];
} outcome_t;

static ion_loop_t *loop;
static ion_caller_t *caller;
static int listener;
static uint16_t port;

static void
on_done(void *owner, ion_call_result_t *result)
{
    outcome_t *o = owner;

    o->ended++;
    o->rc = result->rc;
    o->status = result->status;
    o->fd = result->fd;
    result->fd = -1; /* ours */
    o->addr = result->addr;
    (void)snprintf(
        o->body, sizeof(o->body), "%.*s", (int)result->len, result->body);
    (void)snprintf(o->text, sizeof(o->text), "%s", result->text);
}

static int
setup(void **state)
{
    struct sockaddr_in sin = { .sin_family = AF_INET };
    socklen_t len = sizeof(sin);
    ion_errtext_t why;

    (void)state;
    sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&sin, len), 0);
    assert_int_equal(listen(listener, 64), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&sin, &len), 0);
    port = ntohs(sin.sin_port);
    assert_int_equal(ion_loop_new(&loop), ION_OK);
    assert_int_equal(ion_caller_new(loop, 2, &caller, &why), ION_OK);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    ion_caller_free(&caller);
    ion_loop_free(&loop);
    if (listener >= 0) {
        (void)close(listener);
    }
    return 0;
}

static void
on_tick(ion_timer_t *timer)
{
    (void)timer; /* it has made a turn */
}

/* One turn, which waits for something to happen, but not for long. */
static void
turn(ion_mono_t end)
{
    ion_timer_t tick;

    assert_true(ion_mono_now() < end);
    ion_timer_init(&tick, on_tick);
    ion_timer_set(loop, &tick, ion_mono_now() + ION_MS(2));
    assert_int_equal(ion_loop_turn(loop, true, NULL), ION_OK);
    ion_timer_cancel(loop, &tick);
}

static void
turn_until(const unsigned *what, unsigned count)
{
    ion_mono_t end = ion_mono_now() + ION_SEC(60);

    while (*what < count) {
        turn(end);
    }
}

static ion_call_t *
get(outcome_t *o, uint32_t timeout_ms)
{
    char url[64];
    ion_call_t *call = NULL;
    ion_call_http_t req = { .url = url,
        .max_body = 8,
        .timeout_ms = timeout_ms,
        .done = on_done,
        .owner = o };

    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/x", port);
    memset(o, 0, sizeof(*o));
    assert_int_equal(ion_call_http(caller, &req, &call), ION_OK);
    assert_int_equal(o->ended, 0);
    return call;
}

/* The next connection, once a request has come over it. */
static int
accept_request(void)
{
    char request[1024];
    int fd = -1;
    ion_mono_t end = ion_mono_now() + ION_SEC(60);

    while (fd < 0) {
        turn(end);
        fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    }
    while (recv(fd, request, sizeof(request), 0) <= 0) {
        turn(end);
    }
    return fd;
}

static void
respond(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), 0), strlen(text));
}

static void
test_bodies(void **state)
{
    static const struct {
        const char *response;
        ion_err_t rc;
        int status;
        const char *body;
    } cases[] = {
        { "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", ION_OK, 200,
            "hello" },
        { "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n123456789", ION_OK, 200,
            "12345678" },
        { "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n", ION_OK, 404, "" },
        { "HTTP/1.1 100 Go on\r\n\r\nHTTP/1.1 204 None\r\n\r\n", ION_OK, 204,
            "" },
        { "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", ION_SYS, 200,
            "hel" },
        { "HTTP/1.1 200 OK\r\nContent-", ION_SYS, 0, "" },
        { "what", ION_SYS, 0, "" },
        { "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n"
          "Content-Length: 0\r\n\r\n",
            ION_SYS, 0, "" },
        { "HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\n"
          "Content-Length: 0\r\n\r\n",
            ION_SYS, 0, "" },
    };

    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(cases); i++) {
        outcome_t o;
        int fd;

        (void)get(&o, 20000);
        fd = accept_request();
        respond(fd, cases[i].response);
        (void)close(fd);
        turn_until(&o.ended, 1);
        if (o.rc != cases[i].rc || o.status != cases[i].status ||
            strcmp(o.body, cases[i].body) != 0 ||
            (o.text[0] == '\0') != (o.rc == ION_OK))
        {
            fail_msg("case %zu: %d %d \"%s\" \"%s\"", i, (int)o.rc, o.status,
                o.body, o.text);
        }
    }
}

/* Two run, the others wait in line, in order; one ends and the next begins. */
static void
test_line(void **state)
{
    outcome_t o[CALLS];
    int fd[2];

    (void)state;
    for (size_t i = 0; i < CALLS; i++) {
        (void)get(&o[i], 60000);
    }
    fd[0] = accept_request();
    fd[1] = accept_request();
    for (size_t i = 0; i + 2 < CALLS; i++) {
        respond(fd[i % 2], "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n"
                           "Connection: close\r\n\r\n");
        (void)close(fd[i % 2]);
        turn_until(&o[i].ended, 1);
        for (size_t k = i + 1; k < CALLS; k++) {
            assert_int_equal(o[k].ended, 0);
        }
        fd[i % 2] = accept_request();
    }
    ion_caller_free(&caller); /* with two that run: not a word */
    assert_int_equal(o[CALLS - 1].ended, 0);
    (void)close(fd[0]);
    (void)close(fd[1]);
}

/* The time of a call counts from its beginning, waiting in line included. */
static void
test_deadlines(void **state)
{
    outcome_t o[3];

    (void)state;
    (void)get(&o[0], 60000);
    (void)get(&o[1], 300);
    (void)get(&o[2], 200);
    turn_until(&o[2].ended, 1);
    assert_int_equal(o[2].rc, ION_TIMEOUT);
    assert_non_null(strstr(o[2].text, "too many others"));
    turn_until(&o[1].ended, 1);
    assert_int_equal(o[1].rc, ION_TIMEOUT);
    assert_string_equal(o[1].text, "no answer in time");
    assert_int_equal(o[0].ended, 0);
}

static void
test_cancel(void **state)
{
    outcome_t o[3];
    ion_call_t *calls[3];
    int fd;

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        calls[i] = get(&o[i], 60000);
    }
    fd = accept_request();
    ion_call_cancel(&calls[0]);
    assert_null(calls[0]);
    ion_call_cancel(&calls[0]);
    (void)close(fd);
    (void)close(accept_request()); /* of the second, or of the third */
    ion_call_cancel(&calls[2]);
    turn_until(&o[1].ended, 1);
    assert_int_equal(o[0].ended + o[2].ended, 0);
}

static void
test_bad_urls(void **state)
{
    static const char *const urls[] = { "", "x", "ftp://x/", "http://",
        "file:///etc/passwd", "http://a b/" };
    outcome_t o = { 0 };
    ion_call_t *call = NULL;

    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(urls); i++) {
        ion_call_http_t req = {
            .url = urls[i], .timeout_ms = 1000, .done = on_done, .owner = &o
        };

        assert_int_equal(ion_call_http(caller, &req, &call), ION_MALF);
    }
    assert_null(call);
}

static ion_err_t
dial(outcome_t *o, const char *host, uint16_t to)
{
    ion_call_t *call;
    ion_call_dial_t req = { .host = host,
        .port = to,
        .timeout_ms = 20000,
        .done = on_done,
        .owner = o };

    memset(o, 0, sizeof(*o));
    return ion_call_dial(caller, &req, &call);
}

/* A connected socket of our own, that outlives the caller. */
static void
test_dial(void **state)
{
    outcome_t o;
    int fd;
    char byte = 0;

    (void)state;
    assert_int_equal(dial(&o, "127.0.0.1", port), ION_OK);
    turn_until(&o.ended, 1);
    assert_int_equal(o.rc, ION_OK);
    assert_true(o.fd >= 0);
    assert_int_equal(o.addr.port, port);
    assert_int_equal(o.addr.family, 4);
    fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    assert_true(fd >= 0);
    ion_caller_free(&caller);
    assert_int_equal(send(o.fd, "x", 1, 0), 1);
    assert_int_equal(recv(fd, &byte, 1, 0), 1);
    assert_int_equal(byte, 'x');
    (void)close(fd);
    (void)close(o.fd);
}

static void
test_dial_fails(void **state)
{
    static const char *const bad[] = { "", "a b", "a/b", "a@b", "[::1", "x?y" };
    outcome_t o;

    (void)state;
    (void)close(listener);
    listener = -1;
    assert_int_equal(dial(&o, "127.0.0.1", port), ION_OK);
    turn_until(&o.ended, 1);
    assert_int_equal(o.rc, ION_SYS);
    assert_int_equal(o.fd, -1);
    assert_true(o.text[0] != '\0');
    assert_int_equal(dial(&o, "::1", port), ION_OK);
    turn_until(&o.ended, 1);
    assert_int_equal(o.rc, ION_SYS);
    for (size_t i = 0; i < ION_ARRAY_LEN(bad); i++) {
        assert_int_equal(dial(&o, bad[i], port), ION_MALF);
    }
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_bodies),
        TEST(test_line),
        TEST(test_deadlines),
        TEST(test_cancel),
        TEST(test_bad_urls),
        TEST(test_dial),
        TEST(test_dial_fails),
    };

    return cmocka_run_group_tests_name("http_call", tests, NULL, NULL);
}
