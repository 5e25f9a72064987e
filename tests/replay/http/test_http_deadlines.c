/*
 * test_http_deadlines.c -- what happens to those who are slow or silent.
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Scenarios on a fake clock: each line of time is exact.
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

#include "lib/http_rig.h"
#include "lib/tls_rig.h"

#define HOST      "Host: h\r\n"
#define GET(path) "GET " path " HTTP/1.1\r\n" HOST "\r\n"
#define PEER      "203.0.113.7:5000"
#define ONE_NS    1

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
    assert_int_equal(ion_http_server_count(rig.server), 0);
    http_rig_fini(&rig);
    return 0;
}

/* Open until just before `after`, closed then. */
static void
expect_closed_after(uint64_t after)
{
    http_rig_advance(&client, after - ONE_NS);
    assert_false(client.is_closed);
    http_rig_advance(&client, ONE_NS);
    assert_true(client.is_closed);
}

static void
test_silent_from_the_start(void **state)
{
    (void)state;
    expect_closed_after(ION_SEC(30));
    assert_int_equal(client.in_len, 0);
}

static void
test_one_header_line_at_a_time_wins_no_time(void **state)
{
    (void)state;
    http_rig_send(&client, "GET /echo HTTP/1.1\r\n", 20);
    for (int i = 0; i < 29; i++) {
        http_rig_advance(&client, ION_SEC(1));
        http_rig_send(&client, "X: y\r\n", 6);
    }
    http_rig_settle(&client);
    expect_closed_after(ION_SEC(1));
    assert_int_equal(client.in_len, 0);
    assert_int_equal(http_rig_stat(&rig, "ionscale_http_errors", NULL), 1);
}

static void
test_idle_between_requests(void **state)
{
    (void)state;
    http_rig_advance(&client, ION_SEC(29));
    assert_non_null(strstr(http_rig_ask(&client, GET("/echo")), "200 OK"));
    http_rig_advance(&client, ION_SEC(29));
    assert_non_null(strstr(http_rig_ask(&client, GET("/echo")), "200 OK"));
    expect_closed_after(ION_SEC(30));
    /* an idle end is no error */
    assert_int_equal(http_rig_stat(&rig, "ionscale_http_errors", NULL), 0);
}

static void
test_second_request_has_its_own_time(void **state)
{
    (void)state;
    (void)http_rig_ask(&client, GET("/echo"));
    http_rig_advance(&client, ION_SEC(20));
    http_rig_send(&client, "GET /e", 6);
    http_rig_settle(&client);
    http_rig_advance(&client, ION_SEC(20));
    assert_false(client.is_closed);
    http_rig_send(&client, "cho HTTP/1.1\r\n", 14);
    http_rig_settle(&client);
    expect_closed_after(ION_SEC(10));
}

static void
test_incomplete_body(void **state)
{
    (void)state;
    assert_non_null(
        strstr(http_rig_ask(&client, "POST /echo HTTP/1.1\r\n" HOST
                                     "Content-Length: 10\r\n\r\nabc"),
            "200 OK"));
    expect_closed_after(ION_SEC(30));
}

static void
test_last_reply_is_followed_by_a_bounded_wait(void **state)
{
    (void)state;
    assert_non_null(strstr(http_rig_ask(&client, "GET /echo HTTP/1.1\r\n" HOST
                                                 "Connection: close\r\n\r\n"),
        "200 OK"));
    /* our direction is closed at once, theirs is read off */
    assert_true(client.is_closed);
    assert_int_equal(ion_http_server_count(rig.server), 1);
    http_rig_send(&client, "more and more", 13);
    http_rig_advance(&client, ION_MS(1999));
    assert_int_equal(ion_http_server_count(rig.server), 1);
    http_rig_advance(&client, ION_MS(1));
    assert_int_equal(ion_http_server_count(rig.server), 0);
    assert_int_equal(http_rig_stat(&rig, "ionscale_http_requests", NULL), 1);
}

static void
test_reading_off_is_bounded_in_bytes(void **state)
{
    static char junk[65536];
    (void)state;
    (void)http_rig_ask(&client, "junk\r\n\r\n");
    assert_true(client.is_closed);
    for (int i = 0; i < 6 && ion_http_server_count(rig.server) == 1; i++) {
        http_rig_send(&client, junk, sizeof(junk));
        assert_int_equal(ion_loop_advance(rig.loop, 0), ION_OK);
    }
    assert_int_equal(ion_http_server_count(rig.server), 0);
}

/* Ask for more than the socket takes, and read none of it. */
static void
stop_reading(void)
{
    for (int i = 0; i < 20; i++) {
        http_rig_send(&client, GET("/big"), strlen(GET("/big")));
    }
    assert_int_equal(ion_loop_advance(rig.loop, 0), ION_OK);
    assert_int_equal(ion_http_server_count(rig.server), 1);
}

static void
test_a_reply_nobody_reads(void **state)
{
    (void)state;
    stop_reading();
    assert_int_equal(ion_loop_advance(rig.loop, ION_SEC(30) - ONE_NS), ION_OK);
    assert_int_equal(ion_http_server_count(rig.server), 1);
    assert_int_equal(ion_loop_advance(rig.loop, ONE_NS), ION_OK);
    assert_int_equal(ion_http_server_count(rig.server), 0);
    assert_int_equal(http_rig_stat(&rig, "ionscale_http_errors", NULL), 1);
}

static void
test_shorter_times_after_a_reload(void **state)
{
    ion_http_config_t config;
    (void)state;
    ion_http_config_init(&config);
    config.read_ms = 5000;
    ion_http_server_swap(rig.server, &config);
    assert_non_null(strstr(http_rig_ask(&client, GET("/echo")), "200 OK"));
    expect_closed_after(ION_SEC(5));
}

static void
test_handshake_that_never_ends(void **state)
{
    (void)state;
    ion_http_config_t config;
    ion_cert_t *cert = tls_rig_cert();
    ion_http_config_init(&config);
    config.tls = tls_rig_ctx(cert, NULL, NULL, 0);
    ion_cert_free(&cert);
    ion_http_server_swap(rig.server, &config);
    http_rig_send(&client, "\x16\x03\x01\x00\xf0", 5);
    http_rig_settle(&client);
    expect_closed_after(ION_SEC(30));
    assert_int_equal(
        http_rig_stat(&rig, "ionscale_handshakes", "outcome=\"timeout\""), 1);
}

static void
test_handshake_and_request_share_one_time(void **state)
{
    tls_rig_client_t tls;
    char byte;
    (void)state;
    ion_http_config_t config;
    ion_cert_t *cert = tls_rig_cert();
    ion_http_config_init(&config);
    config.tls = tls_rig_ctx(cert, NULL, NULL, 0);
    ion_cert_free(&cert);
    ion_http_server_swap(rig.server, &config);
    tls_rig_client_open(&tls, dup(client.fd), NULL);
    assert_int_equal(ion_loop_advance(rig.loop, ION_SEC(20)), ION_OK);
    for (int i = 0; i < 10 && SSL_do_handshake(tls.ssl) != 1; i++) {
        assert_int_equal(ion_loop_advance(rig.loop, 0), ION_OK);
    }
    assert_true(SSL_is_init_finished(tls.ssl));
    assert_int_equal(ion_loop_advance(rig.loop, ION_SEC(10) - ONE_NS), ION_OK);
    assert_int_equal(ion_http_server_count(rig.server), 1);
    assert_int_equal(ion_loop_advance(rig.loop, ONE_NS), ION_OK);
    assert_int_equal(ion_http_server_count(rig.server), 0);
    assert_int_equal(SSL_read(tls.ssl, &byte, 1), 0);
    assert_int_equal(SSL_get_error(tls.ssl, 0), SSL_ERROR_ZERO_RETURN);
    tls_rig_client_close(&tls);
}

static void
test_drain_waits_a_little_for_a_first_request(void **state)
{
    (void)state;
    http_rig_advance(&client, ION_SEC(10));
    http_rig_drain(&rig);
    expect_closed_after(ION_SEC(5));
    assert_int_equal(rig.drained, 1);
    /* and never longer than it would have waited anyway */
    http_rig_close(&client);
    http_rig_fini(&rig);
    http_rig_init(&rig, NULL);
    http_rig_connect(&rig, &client, ION_ROUTE_MAIN, PEER);
    http_rig_advance(&client, ION_SEC(28));
    http_rig_drain(&rig);
    expect_closed_after(ION_SEC(2));
}

static void
test_drain_lets_busy_ones_finish(void **state)
{
    static http_rig_client_t idle;
    static http_rig_client_t busy;
    (void)state;
    http_rig_connect(&rig, &idle, ION_ROUTE_MAIN, PEER);
    http_rig_connect(&rig, &busy, ION_ROUTE_MAIN, PEER);
    (void)http_rig_ask(&idle, GET("/echo"));
    http_rig_send(&busy, "GET /echo HTTP/1.1\r\n", 20);
    http_rig_settle(&busy);
    http_rig_drain(&rig);
    http_rig_settle(&idle);
    assert_true(idle.is_closed);
    http_rig_settle(&client);
    assert_false(client.is_closed); /* has not been served at all yet */
    assert_int_equal(rig.drained, 0);
    assert_non_null(
        strstr(http_rig_ask(&busy, HOST "\r\n"), "Connection: close\r\n"));
    assert_true(busy.is_closed);
    assert_non_null(strstr(http_rig_ask(&client, GET("/echo")), "200 OK"));
    assert_true(client.is_closed);
    http_rig_close(&idle);
    http_rig_close(&busy);
    assert_int_equal(rig.drained, 0);
    assert_int_equal(ion_loop_advance(rig.loop, ION_SEC(2)), ION_OK);
    assert_int_equal(rig.drained, 1);
    assert_int_equal(ion_loop_advance(rig.loop, ION_SEC(60)), ION_OK);
    assert_int_equal(rig.drained, 1);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_silent_from_the_start),
        CASE(test_one_header_line_at_a_time_wins_no_time),
        CASE(test_idle_between_requests),
        CASE(test_second_request_has_its_own_time),
        CASE(test_incomplete_body),
        CASE(test_last_reply_is_followed_by_a_bounded_wait),
        CASE(test_reading_off_is_bounded_in_bytes),
        CASE(test_a_reply_nobody_reads),
        CASE(test_shorter_times_after_a_reload),
        CASE(test_handshake_that_never_ends),
        CASE(test_handshake_and_request_share_one_time),
        CASE(test_drain_waits_a_little_for_a_first_request),
        CASE(test_drain_lets_busy_ones_finish),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
