/*
 * test_conn.c -- HTTP connections: torture, pipelining, upgrades, TLS.
 * SPDX-License-Identifier: BSD-2-Clause
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
#include "tls/ticket.h"

#define HOST      "Host: h\r\n"
#define GET(path) "GET " path " HTTP/1.1\r\n" HOST "\r\n"
#define PEER      "203.0.113.7:5000"

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
    if (client.fd >= 0) {
        http_rig_close(&client);
    }
    /* whoever waits for our FIN has it now */
    http_rig_advance(&client, ION_SEC(3));
    assert_int_equal(ion_http_server_count(rig.server), 0);
    http_rig_fini(&rig);
    return 0;
}

static unsigned
count_of(const char *text, const char *what)
{
    unsigned n = 0;
    while ((text = strstr(text, what)) != NULL) {
        text += strlen(what);
        n++;
    }
    return n;
}

static void
test_torture(void **state)
{
    static const struct {
        const char *request;
        const char *status;
    } cases[] = {
        { "\r\n\r\n\r\n", "400 Bad Request" },
        { "GET\r\n\r\n", "400 Bad Request" },
        { "GET / HTTP/1.1\n\n", "400 Bad Request" },
        { "GET / HTTP/1.1\r\nHost: h\r\n Folded: x\r\n\r\n",
            "400 Bad Request" },
        { "GET / HTTP/1.1\r\n\r\n", "400 Bad Request" },
        { "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "400 Bad Request" },
        { "GET / HTTP/1.1\r\nHost : h\r\n\r\n", "400 Bad Request" },
        { "GET http://h/ HTTP/1.1\r\n" HOST "\r\n", "400 Bad Request" },
        { "GET / HTTP/1.2\r\n" HOST "\r\n", "400 Bad Request" },
        { "GET / HTTP/2.0\r\n" HOST "\r\n", "505 HTTP Version Not Supported" },
        { "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            "505 HTTP Version Not Supported" },
        { "POST / HTTP/1.1\r\n" HOST
          "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n",
            "400 Bad Request" },
        { "POST / HTTP/1.1\r\n" HOST
          "Content-Length: 4\r\nContent-Length: 5\r\n\r\n",
            "400 Bad Request" },
        { "POST / HTTP/1.1\r\n" HOST "Content-Length: -1\r\n\r\n",
            "400 Bad Request" },
        { "GET /%00 HTTP/1.1\r\n" HOST "\r\n", "400 Bad Request" },
        { "GET /%zz HTTP/1.1\r\n" HOST "\r\n", "400 Bad Request" },
        { "GET / HTTP/1.1\r\n" HOST "X: a\x01 b\r\n\r\n", "400 Bad Request" },
    };
    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(cases); i++) {
        http_rig_close(&client);
        http_rig_connect(&rig, &client, ION_ROUTE_MAIN, PEER);
        const char *reply = http_rig_ask(&client, cases[i].request);
        char want[80];
        (void)snprintf(want, sizeof(want), "HTTP/1.1 %s\r\n", cases[i].status);
        if (strncmp(reply, want, strlen(want)) != 0) {
            fail_msg("%zu: '%s' answered '%.40s'", i, cases[i].request, reply);
        }
        assert_non_null(strstr(reply, "\r\nConnection: close\r\n"));
        assert_int_equal(count_of(reply, "HTTP/1.1 "), 1);
        assert_true(client.is_closed);
    }
    assert_int_equal(http_rig_stat(&rig, "ionscale_http_errors", NULL),
        ION_ARRAY_LEN(cases));
    assert_int_equal(http_rig_stat(&rig, "ionscale_http_requests", NULL), 0);
}

static void
test_long_heads_are_refused_before_they_end(void **state)
{
    static char text[20000];
    (void)state;
    int n = snprintf(text, sizeof(text), "GET / HTTP/1.1\r\n" HOST "X: ");
    memset(text + n, 'x', 17000);
    assert_non_null(strstr(http_rig_ask(&client, text), "HTTP/1.1 431 "));
    assert_true(client.is_closed);
    http_rig_close(&client);
    http_rig_connect(&rig, &client, ION_ROUTE_MAIN, PEER);
    memset(text, 0, sizeof(text));
    (void)snprintf(text, sizeof(text), "GET /");
    memset(text + 5, 'y', 5000);
    assert_non_null(strstr(http_rig_ask(&client, text), "HTTP/1.1 414 "));
    /* the smuggled second request of a refused one is never answered */
    http_rig_close(&client);
    http_rig_connect(&rig, &client, ION_ROUTE_MAIN, PEER);
    const char *reply = http_rig_ask(&client,
        "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 5\r\n"
        "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" GET("/echo"));
    assert_int_equal(count_of(reply, "HTTP/1.1 "), 1);
}

static void
test_one_byte_at_a_time(void **state)
{
    static const char request[] =
        "POST /echo?a HTTP/1.1\r\n" HOST "Content-Length: 4\r\n\r\nbody"
        "GET /echo?b HTTP/1.1\r\n" HOST "\r\n";
    (void)state;
    for (size_t i = 0; i + 1 < sizeof(request); i++) {
        http_rig_send(&client, request + i, 1);
        http_rig_settle(&client);
    }
    assert_non_null(strstr(client.in, "POST /echo?a"));
    assert_non_null(strstr(client.in, "GET /echo?b"));
    assert_int_equal(count_of(client.in, "HTTP/1.1 200 OK"), 2);
    assert_false(client.is_closed);
    assert_int_equal(http_rig_stat(&rig, "ionscale_http_requests", NULL), 2);
}

static void
test_pipelining_keeps_order(void **state)
{
    ion_sb_t sb;
    (void)state;
    ion_sb_init(&sb, 1 << 20);
    for (int i = 0; i < 100; i++) {
        ion_sb_addf(&sb, "GET /echo?%03d HTTP/1.1\r\n" HOST "\r\n", i);
    }
    const char *reply = http_rig_ask(&client, sb.p);
    assert_int_equal(count_of(reply, "HTTP/1.1 200 OK"), 100);
    for (int i = 0; i < 100; i++) {
        char want[32];
        (void)snprintf(want, sizeof(want), "GET /echo?%03d", i);
        reply = strstr(reply, want);
        assert_non_null(reply);
    }
    ion_sb_fini(&sb);
}

static void
test_a_client_that_does_not_read_gets_a_bounded_backlog(void **state)
{
    enum { REQUESTS = 60 };
    (void)state;
    for (int i = 0; i < REQUESTS; i++) {
        http_rig_send(&client, GET("/big"), strlen(GET("/big")));
    }
    /* turns without the client reading anything */
    assert_int_equal(ion_loop_advance(rig.loop, ION_MS(1)), ION_OK);
    uint64_t served = http_rig_stat(&rig, "ionscale_http_requests", NULL);
    assert_in_range(served, 1, 10);
    /* it reads after all: every reply comes, whole */
    static char buf[65536];
    size_t total = 0;
    ssize_t r = 1;
    while (r > 0) {
        r = recv(client.fd, buf, sizeof(buf), 0);
        total += r > 0 ? (size_t)r : 0;
        assert_int_equal(ion_loop_advance(rig.loop, 0), ION_OK);
    }
    uint64_t replies = http_rig_stat(&rig, "ionscale_http_requests", NULL);
    assert_int_equal(replies, REQUESTS);
    assert_in_range(total, REQUESTS * 100000, REQUESTS * (100000 + 300));
    assert_false(client.is_closed);
}

static void
test_bodies(void **state)
{
    static const struct {
        const char *request;
        const char *connection;
        unsigned replies;
    } cases[] = {
        /* drained, then the next request */
        { "POST /echo HTTP/1.1\r\n" HOST
          "Content-Length: 3\r\n\r\nabc" GET("/echo"),
            "keep-alive", 2 },
        { "POST /echo HTTP/1.1\r\n" HOST
          "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc" GET("/echo"),
            "keep-alive", 2 },
        /* answered, but not read: nothing more on this connection */
        { "POST /echo HTTP/1.1\r\n" HOST
          "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" GET("/echo"),
            "close", 1 },
        { "POST /echo HTTP/1.1\r\n" HOST
          "Content-Length: 65537\r\n\r\nabc" GET("/echo"),
            "close", 1 },
        { "POST /echo HTTP/1.1\r\n" HOST
          "Content-Length: 3\r\nExpect: 100-continue\r\n\r\n",
            "close", 1 },
    };
    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(cases); i++) {
        char want[64];
        http_rig_close(&client);
        http_rig_connect(&rig, &client, ION_ROUTE_MAIN, PEER);
        const char *reply = http_rig_ask(&client, cases[i].request);
        (void)snprintf(
            want, sizeof(want), "Connection: %s\r\n", cases[i].connection);
        assert_non_null(strstr(reply, want));
        assert_int_equal(count_of(reply, "HTTP/1.1 200 OK"), cases[i].replies);
        assert_int_equal(client.is_closed, cases[i].replies == 1);
    }
}

static void
test_half_closed_client_gets_its_reply(void **state)
{
    (void)state;
    http_rig_send(&client, GET("/echo"), strlen(GET("/echo")));
    assert_int_equal(shutdown(client.fd, SHUT_WR), 0);
    http_rig_settle(&client);
    assert_non_null(strstr(client.in, "GET /echo"));
    assert_true(client.is_closed);
    assert_int_equal(ion_http_server_count(rig.server), 0);
}

static void
test_take_hands_over_what_came_behind(void **state)
{
    (void)state;
    const char *reply = http_rig_ask(
        &client, GET("/echo?first") GET("/take") "\x02 rest of it");
    /* the pipelined reply before is not lost: it is in the stream */
    assert_int_equal(count_of(reply, "HTTP/1.1"), 0);
    assert_int_equal(rig.taken, 1);
    assert_string_equal(rig.taken_rest, "\x02 rest of it");
    assert_int_equal(rig.facts.rest_len, 12);
    assert_false(rig.facts.is_tls);
    assert_int_equal(rig.facts.tls_version, 0);
    assert_int_equal(rig.facts.peer.port, 5000);
    assert_true(rig.facts.id > 0);
    assert_int_equal(ion_http_server_count(rig.server), 0);
    assert_true(ion_stream_unsent(rig.stream) > 0);
    assert_int_equal(ion_stream_flush(rig.stream), ION_OK);
    /* no deadline of HTTP's runs any more */
    http_rig_advance(&client, ION_SEC(600));
    assert_non_null(strstr(client.in, "GET /echo?first"));
    assert_false(client.is_closed);
    assert_int_equal(ion_stream_write(rig.stream, "raw", 3), ION_OK);
    assert_int_equal(ion_stream_flush(rig.stream), ION_OK);
    client.in_len = 0;
    http_rig_settle(&client);
    assert_string_equal(client.in, "raw");
}

static void
test_take_after_a_head_in_pieces(void **state)
{
    static const char head[] = "GET /take HTTP/1.1\r\n" HOST "\r\n";
    (void)state;
    http_rig_send(&client, head, 10);
    http_rig_settle(&client);
    char text[128];
    (void)snprintf(text, sizeof(text), "%s%s", head + 10, "frame");
    (void)http_rig_ask(&client, text);
    assert_int_equal(rig.taken, 1);
    assert_string_equal(rig.taken_rest, "frame");
}

static void
test_config_changes_apply_to_the_next_request(void **state)
{
    ion_http_config_t config;
    (void)state;
    assert_non_null(strstr(http_rig_ask(&client, GET("/secret")), "200 OK"));
    ion_http_config_init(&config);
    config.force_https = true;
    config.max_header = 64;
    ion_http_server_swap(rig.server, &config);
    assert_non_null(strstr(http_rig_ask(&client, GET("/secret")), "302 Found"));
    assert_non_null(strstr(
        http_rig_ask(&client, "GET /echo HTTP/1.1\r\n" HOST
                              "X: 12345678901234567890123456789\r\n\r\n"),
        "HTTP/1.1 431 "));
}

/* --- TLS and plain on one listener ------------------------------------- */

static ion_http_config_t
tls_config(void)
{
    ion_http_config_t config;
    ion_cert_t *cert = tls_rig_cert();
    uint8_t tickets[ION_TICKET_BLOB_MAX];
    size_t len = 0;
    ion_http_config_init(&config);
    config.force_https = true;
    assert_int_equal(ion_ticket_rotate(NULL, 0, tickets, &len), ION_OK);
    config.tls = tls_rig_ctx(cert, NULL, tickets, len);
    ion_cert_free(&cert);
    return config;
}

static void
connect_tls(tls_rig_client_t *tls, const tls_rig_offer_t *offer)
{
    /* the rig's client lends its descriptor */
    tls_rig_client_open(tls, client.fd, offer);
    client.fd = -1;
    for (int i = 0; i < 10 && SSL_do_handshake(tls->ssl) != 1; i++) {
        assert_int_equal(ion_loop_advance(rig.loop, 0), ION_OK);
    }
    assert_true(SSL_is_init_finished(tls->ssl));
    assert_int_equal(ion_loop_advance(rig.loop, 0), ION_OK);
}

static const char *
ask_tls(tls_rig_client_t *tls, const char *request)
{
    static char reply[8192];
    size_t n = 0;
    assert_int_equal(
        SSL_write(tls->ssl, request, (int)strlen(request)), strlen(request));
    assert_int_equal(ion_loop_advance(rig.loop, 0), ION_OK);
    reply[0] = '\0';
    if (SSL_read_ex(tls->ssl, reply, sizeof(reply) - 1, &n) == 1) {
        reply[n] = '\0';
    }
    return reply;
}

static void
test_tls_and_plain_on_one_listener(void **state)
{
    tls_rig_client_t tls;
    tls_rig_offer_t only_12 = { .max_version = TLS1_2_VERSION };
    (void)state;
    ion_http_config_t config = tls_config();
    ion_http_server_swap(rig.server, &config);
    connect_tls(&tls, NULL);
    assert_non_null(strstr(ask_tls(&tls, GET("/secret")), "200 OK"));
    assert_non_null(strstr(ask_tls(&tls, GET("/secret")), "GET /secret"));
    assert_int_equal(
        http_rig_stat(&rig, "derper_tls_active_version", "version=\"1.3\""), 1);
    assert_int_equal(
        http_rig_stat(&rig, "derper_tls_request_version", "version=\"1.3\""),
        2);
    tls_rig_client_close(&tls);
    http_rig_connect(&rig, &client, ION_ROUTE_MAIN, PEER);
    connect_tls(&tls, &only_12);
    assert_non_null(strstr(ask_tls(&tls, GET("/secret")), "200 OK"));
    assert_int_equal(
        http_rig_stat(&rig, "derper_tls_request_version", "version=\"1.2\""),
        1);
    tls_rig_client_close(&tls);
    assert_int_equal(ion_loop_advance(rig.loop, 0), ION_OK);
    assert_int_equal(
        http_rig_stat(&rig, "derper_tls_active_version", "version=\"1.3\""), 0);
    assert_int_equal(
        http_rig_stat(&rig, "ionscale_handshakes", "outcome=\"ok\""), 2);
    http_rig_connect(&rig, &client, ION_ROUTE_MAIN, PEER);
    assert_non_null(strstr(http_rig_ask(&client, GET("/secret")), "302 Found"));
}

static void
test_tls_take_with_rest(void **state)
{
    tls_rig_client_t tls;
    char buf[16];
    (void)state;
    ion_http_config_t config = tls_config();
    ion_http_server_swap(rig.server, &config);
    connect_tls(&tls, NULL);
    (void)ask_tls(&tls, GET("/take") "client info");
    assert_int_equal(rig.taken, 1);
    assert_string_equal(rig.taken_rest, "client info");
    assert_true(rig.facts.is_tls);
    assert_int_equal(rig.facts.tls_version, TLS1_3_VERSION);
    assert_int_equal(ion_stream_write(rig.stream, "hi", 2), ION_OK);
    assert_int_equal(ion_stream_flush(rig.stream), ION_OK);
    assert_int_equal(SSL_read(tls.ssl, buf, sizeof(buf)), 2);
    /* it counts as active while it lives, whoever owns it */
    assert_int_equal(
        http_rig_stat(&rig, "derper_tls_active_version", "version=\"1.3\""), 1);
    /* a reload leaves the session its certificate */
    config = tls_config();
    ion_http_server_swap(rig.server, &config);
    assert_int_equal(ion_stream_write(rig.stream, "on", 2), ION_OK);
    assert_int_equal(ion_stream_flush(rig.stream), ION_OK);
    assert_int_equal(SSL_read(tls.ssl, buf, sizeof(buf)), 2);
    tls_rig_client_close(&tls);
}

static void
test_tls_without_a_certificate_and_broken_handshakes(void **state)
{
    static const char hello[] = "\x16\x03\x01\x00\x05\x01\x00\x00\x01\xff";
    (void)state;
    http_rig_send(&client, hello, 10);
    http_rig_send(&client, "\r\n\r\n", 4);
    http_rig_settle(&client);
    assert_non_null(strstr(client.in, "HTTP/1.1 400 "));
    assert_int_equal(
        http_rig_stat(&rig, "ionscale_handshakes", "outcome=\"failed\""), 0);
    ion_http_config_t config = tls_config();
    ion_http_server_swap(rig.server, &config);
    http_rig_close(&client);
    http_rig_connect(&rig, &client, ION_ROUTE_MAIN, PEER);
    http_rig_send(&client, hello, 10);
    http_rig_settle(&client);
    assert_true(client.is_closed);
    assert_int_equal(client.in[0], 0x15); /* an alert says why */
    http_rig_close(&client);
    http_rig_connect(&rig, &client, ION_ROUTE_MAIN, PEER);
    http_rig_send(&client, hello, 5);
    http_rig_settle(&client);
    assert_false(client.is_closed);
    http_rig_close(&client);
    assert_int_equal(
        http_rig_stat(&rig, "ionscale_handshakes", "outcome=\"failed\""), 2);
    /* other types of record at the start are no requests either */
    http_rig_connect(&rig, &client, ION_ROUTE_MAIN, PEER);
    http_rig_send(&client, "\x17\x03\x03\x00\x01x", 6);
    http_rig_settle(&client);
    assert_true(client.is_closed);
    assert_int_equal(client.in[0], 0x15);
    http_rig_close(&client);
    assert_int_equal(
        http_rig_stat(&rig, "ionscale_handshakes", "outcome=\"failed\""), 3);
    /* the other listeners are plain, whatever comes */
    http_rig_connect(&rig, &client, ION_ROUTE_PORT80, PEER);
    http_rig_send(&client, "\x16\x03\x01\x00\x05\r\n\r\n", 9);
    http_rig_settle(&client);
    assert_non_null(strstr(client.in, "HTTP/1.1 400 "));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_torture),
        CASE(test_long_heads_are_refused_before_they_end),
        CASE(test_one_byte_at_a_time),
        CASE(test_pipelining_keeps_order),
        CASE(test_a_client_that_does_not_read_gets_a_bounded_backlog),
        CASE(test_bodies),
        CASE(test_half_closed_client_gets_its_reply),
        CASE(test_take_hands_over_what_came_behind),
        CASE(test_take_after_a_head_in_pieces),
        CASE(test_config_changes_apply_to_the_next_request),
        CASE(test_tls_and_plain_on_one_listener),
        CASE(test_tls_take_with_rest),
        CASE(test_tls_without_a_certificate_and_broken_handshakes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
