/*
 * test_websocket.c -- a WebSocket's stream from handshake to the last byte.
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Scenarios on a fake clock: how long a client's Close is waited for is
 * exact.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sys/socket.h>
#include <unistd.h>

#include "http/http_int.h"
#include "http/ws_stream.h"
#include "lib/http_rig.h"

#define PEER "203.0.113.7:5000"
#define UPGRADE                                                                \
    "GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\n"                   \
    "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"                      \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define SPEAK   "Sec-WebSocket-Protocol: rig\r\n\r\n"
#define ONE_NS  1
#define CLIENTS (HTTP_WS_LINGER_MAX + 1)

/* Frames of a client, with a mask of zeros. */
#define TEXT_X  "\x81\x81\0\0\0\0x"
#define BIN_AB  "\x82\x82\0\0\0\0ab"
#define PING_P  "\x89\x81\0\0\0\0p"
#define PING_Q  "\x89\x81\0\0\0\0q"
#define CLOSE_C "\x88\x82\0\0\0\0\x03\xe9"
#define LIT(s)  (s), sizeof(s) - 1

static http_rig_t rig;
static http_rig_client_t client;

static int
set_up(void **state)
{
    (void)state;
    http_rig_init(&rig, NULL);
    http_rig_connect(&rig, &client, ION_ROUTE_MAIN, PEER);
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    http_rig_close(&client);
    http_rig_fini(&rig);
    return 0;
}

static size_t
lingering(void)
{
    return rig.server->websockets.lingering_count;
}

static void
open_websocket(void)
{
    assert_non_null(strstr(http_rig_ask(&client, UPGRADE SPEAK),
        "Sec-WebSocket-Protocol: rig\r\n\r\n"));
    assert_non_null(rig.stream);
    client.in_len = 0;
}

/* What the stream's owner reads now; what it says at last is in *rc. */
static size_t
read_all(char *buf, size_t cap, ion_err_t *rc)
{
    size_t n = 0;
    size_t got = 0;

    for (;;) {
        *rc = ion_stream_read(rig.stream, buf + n, cap - n, &got);
        if (*rc != ION_OK) {
            return n;
        }
        n += got;
        assert_true(n < cap);
    }
}

static void
expect_read(const char *bytes, ion_err_t then)
{
    char buf[512];
    ion_err_t rc = ION_OK;
    size_t n = read_all(buf, sizeof(buf), &rc);

    assert_int_equal(n, strlen(bytes));
    assert_memory_equal(buf, bytes, n);
    assert_int_equal(rc, then);
}

static void
expect_in(const char *bytes, size_t n)
{
    http_rig_settle(&client);
    assert_int_equal(client.in_len, n);
    assert_memory_equal(client.in, bytes, n);
    client.in_len = 0;
}

static void
test_bytes_both_ways(void **state)
{
    static uint8_t big[4 * HTTP_WS_MESSAGE + 4464];
    size_t at = 0;

    (void)state;
    open_websocket();
    expect_read("", ION_AGAIN);
    http_rig_send(&client, LIT(BIN_AB BIN_AB));
    expect_read("abab", ION_AGAIN);
    assert_int_equal(ion_stream_write(rig.stream, "xyz", 3), ION_OK);
    assert_int_equal(ion_stream_unsent(rig.stream), 5);
    assert_int_equal(ion_stream_flush(rig.stream), ION_OK);
    expect_in(LIT("\x82\x03xyz"));
    assert_int_equal(ion_stream_write(rig.stream, big, sizeof(big)), ION_OK);
    assert_int_equal(ion_stream_flush(rig.stream), ION_OK);
    http_rig_settle(&client);
    assert_int_equal(client.in_len, 5 * 4 + sizeof(big));
    for (int i = 0; i < 4; i++) {
        assert_memory_equal(client.in + at, "\x82\x7e\x40\0", 4);
        at += 4 + HTTP_WS_MESSAGE;
    }
    assert_memory_equal(client.in + at, "\x82\x7e\x11\x70", 4);
}

static void
test_input_behind_the_request(void **state)
{
    (void)state;
    http_rig_send(&client, LIT(UPGRADE SPEAK BIN_AB PING_P));
    http_rig_settle(&client);
    client.in_len = 0;
    assert_true(ion_stream_has_input(rig.stream));
    expect_read("ab", ION_AGAIN);
    assert_false(ion_stream_has_input(rig.stream));
    assert_int_equal(ion_stream_flush(rig.stream), ION_OK);
    expect_in(LIT("\x8a\x01p"));
}

static void
test_only_the_last_ping_is_answered(void **state)
{
    (void)state;
    open_websocket();
    http_rig_send(&client, LIT(PING_P PING_Q));
    expect_read("", ION_AGAIN);
    assert_int_equal(ion_stream_unsent(rig.stream), 3);
    assert_int_equal(ion_stream_flush(rig.stream), ION_OK);
    assert_int_equal(ion_stream_unsent(rig.stream), 0);
    expect_in(LIT("\x8a\x01q"));
}

static void
test_payload_before_a_violation(void **state)
{
    (void)state;
    open_websocket();
    http_rig_send(&client, LIT(BIN_AB TEXT_X BIN_AB));
    expect_read("ab", ION_MALF);
    assert_true(ion_stream_has_input(rig.stream));
    expect_read("", ION_MALF);
}

static void
test_our_close_waits(void **state)
{
    (void)state;
    open_websocket();
    http_rig_send(&client, LIT(TEXT_X));
    expect_read("", ION_MALF);
    ion_stream_close(&rig.stream);
    assert_int_equal(lingering(), 1);
    expect_in(LIT("\x88\x10\x03\xeb"
                  "a text message"));
    http_rig_send(&client, LIT(BIN_AB PING_P));
    http_rig_advance(&client, HTTP_WS_LINGER - ONE_NS);
    assert_int_equal(client.in_len, 0);
    assert_false(client.is_closed);
    http_rig_advance(&client, ONE_NS);
    assert_true(client.is_closed);
    assert_int_equal(lingering(), 0);
}

static void
test_their_close_ends_the_wait(void **state)
{
    (void)state;
    open_websocket();
    ion_stream_close(&rig.stream);
    expect_in(LIT("\x88\x02\x03\xe8"));
    assert_false(client.is_closed);
    http_rig_send(&client, LIT(BIN_AB CLOSE_C));
    http_rig_settle(&client);
    assert_true(client.is_closed);
    assert_int_equal(lingering(), 0);
}

static void
test_end_of_connection_ends_the_wait(void **state)
{
    (void)state;
    open_websocket();
    ion_stream_close(&rig.stream);
    assert_int_equal(lingering(), 1);
    assert_int_equal(shutdown(client.fd, SHUT_WR), 0);
    http_rig_settle(&client);
    assert_int_equal(lingering(), 0);
}

static void
test_their_close_is_echoed(void **state)
{
    (void)state;
    open_websocket();
    http_rig_send(&client, LIT(BIN_AB CLOSE_C BIN_AB));
    expect_read("ab", ION_CLOSED);
    ion_stream_close(&rig.stream);
    assert_int_equal(lingering(), 0);
    expect_in(LIT("\x88\x02\x03\xe9"));
    assert_true(client.is_closed);
}

static void
test_noise_ends_the_wait(void **state)
{
    static const char noise[65536];
    size_t sent = 0;

    (void)state;
    open_websocket();
    ion_stream_close(&rig.stream);
    http_rig_send(&client, LIT("\x82\xff\0\0\0\0\x7f\0\0\0\0\0\0\0"));
    while (lingering() > 0 && sent <= 2 * HTTP_WS_LINGER_BYTES) {
        ssize_t n =
            send(client.fd, noise, sizeof(noise), MSG_NOSIGNAL | MSG_DONTWAIT);

        sent += n > 0 ? (size_t)n : 0;
        http_rig_settle(&client);
    }
    assert_in_range(sent, HTTP_WS_LINGER_BYTES, 2 * HTTP_WS_LINGER_BYTES);
    assert_true(client.is_closed);
}

static void
test_full_socket_is_not_waited_for(void **state)
{
    static uint8_t big[65536];

    (void)state;
    open_websocket();
    while (ion_stream_flush(rig.stream) == ION_OK) {
        assert_int_equal(
            ion_stream_write(rig.stream, big, sizeof(big)), ION_OK);
    }
    http_rig_send(&client, LIT(PING_P));
    expect_read("", ION_AGAIN);
    assert_int_equal(ion_stream_flush(rig.stream), ION_AGAIN);
    ion_stream_close(&rig.stream);
    assert_int_equal(lingering(), 0);
}

static void
test_the_oldest_wait_goes_first(void **state)
{
    static int fds[CLIENTS];
    ion_loop_t *loop = rig.loop;
    char c;

    (void)state;
    for (size_t i = 0; i < CLIENTS; i++) {
        int pair[2];
        ion_stream_t *lower = NULL;
        ion_stream_t *s = NULL;

        assert_int_equal(
            socketpair(
                AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair),
            0);
        fds[i] = pair[0];
        assert_int_equal(ion_stream_new_plain(loop, pair[1], &lower), ION_OK);
        assert_int_equal(
            http_ws_new(&rig.server->websockets, lower, i, NULL, 0, &s),
            ION_OK);
        ion_stream_close(&s);
    }
    http_rig_settle(&client);
    assert_int_equal(lingering(), HTTP_WS_LINGER_MAX);
    assert_int_equal(recv(fds[0], &c, 1, MSG_DONTWAIT), 1);
    for (size_t i = 0; i < CLIENTS; i++) {
        char rest[8];

        assert_int_equal(
            recv(fds[i], rest, sizeof(rest), MSG_DONTWAIT), i == 0 ? 3 : 4);
        assert_int_equal(recv(fds[i], rest, 1, MSG_DONTWAIT), i == 0 ? 0 : -1);
    }
    /* the server's end takes the others with it */
    ion_http_server_free(&rig.server);
    for (size_t i = 0; i < CLIENTS; i++) {
        assert_int_equal(recv(fds[i], &c, 1, 0), 0);
        close(fds[i]);
    }
}

static void
test_stream_outlives_the_server(void **state)
{
    (void)state;
    open_websocket();
    ion_http_server_free(&rig.server);
    http_rig_send(&client, LIT(BIN_AB TEXT_X));
    expect_read("ab", ION_MALF);
    ion_stream_close(&rig.stream);
    expect_in(LIT("\x88\x10\x03\xeb"
                  "a text message"));
    assert_true(client.is_closed);
}

static void
test_finish_export_release(void **state)
{
    char state_buf[64];
    size_t n = 1;
    int fd = -1;

    (void)state;
    open_websocket();
    assert_int_equal(
        ion_stream_export(rig.stream, state_buf, sizeof(state_buf), &n),
        ION_UNSUPPORTED);
    assert_int_equal(ion_stream_finish(rig.stream), ION_OK);
    assert_int_equal(ion_stream_finish(rig.stream), ION_OK);
    expect_in(LIT("\x88\x02\x03\xe8"));
    assert_int_equal(ion_stream_write(rig.stream, "x", 1), ION_CLOSED);
    http_rig_send(&client, LIT(BIN_AB));
    expect_read("ab", ION_AGAIN);
    ion_stream_release(&rig.stream, &fd);
    assert_int_equal(send(fd, "x", 1, MSG_NOSIGNAL), -1); /* FIN is out */
    close(fd);
}

static void
test_protocol_not_spoken(void **state)
{
    const char *answer;

    (void)state;
    answer =
        http_rig_ask(&client, UPGRADE "Sec-WebSocket-Protocol: rigs\r\n\r\n");
    assert_non_null(strstr(answer, "HTTP/1.1 101 "));
    assert_null(strstr(answer, "Sec-WebSocket-Protocol"));
    assert_non_null(strstr(answer, "\r\n\r\n\x88\x27\x03\xf0"
                                   "client must speak the rig subprotocol"));
    assert_null(rig.stream);
    assert_int_equal(lingering(), 1);
    http_rig_send(&client, LIT(CLOSE_C));
    http_rig_settle(&client);
    assert_true(client.is_closed);
}

static void
test_drain_does_not_wait(void **state)
{
    (void)state;
    open_websocket();
    ion_stream_close(&rig.stream);
    assert_int_equal(lingering(), 1);
    http_rig_drain(&rig);
    http_rig_settle(&client);
    assert_int_equal(rig.drained, 1);
}

#define SCENARIO(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        SCENARIO(test_bytes_both_ways),
        SCENARIO(test_input_behind_the_request),
        SCENARIO(test_only_the_last_ping_is_answered),
        SCENARIO(test_payload_before_a_violation),
        SCENARIO(test_our_close_waits),
        SCENARIO(test_their_close_ends_the_wait),
        SCENARIO(test_end_of_connection_ends_the_wait),
        SCENARIO(test_their_close_is_echoed),
        SCENARIO(test_noise_ends_the_wait),
        SCENARIO(test_full_socket_is_not_waited_for),
        SCENARIO(test_the_oldest_wait_goes_first),
        SCENARIO(test_stream_outlives_the_server),
        SCENARIO(test_finish_export_release),
        SCENARIO(test_protocol_not_spoken),
        SCENARIO(test_drain_does_not_wait),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
