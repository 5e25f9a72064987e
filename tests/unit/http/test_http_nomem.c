/*
 * test_http_nomem.c -- a connection's life with the k-th allocation failing.
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Whatever fails costs that connection at most; the next one is served.
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

#include "event/bufpool.h"
#include "lib/failk.h"
#include "lib/http_rig.h"
#include "lib/tls_rig.h"

#define HOST "Host: h\r\n"
#define PEER "203.0.113.7:5000"

static http_rig_t rig;
static http_rig_client_t client;

/* Heads in pieces, a body, pipelining, a big reply, an error. */
static void
plain_life(void)
{
    http_rig_connect(&rig, &client, ION_ROUTE_MAIN, PEER);
    http_rig_send(&client, "GET /echo HT", 12);
    http_rig_settle(&client);
    http_rig_send(&client, "TP/1.1\r\n", 8);
    http_rig_settle(&client);
    (void)http_rig_ask(&client,
        HOST "\r\nPOST //echo HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nab"
             "GET /big HTTP/1.1\r\n" HOST "\r\n");
    (void)http_rig_ask(&client, "junk\r\n\r\n");
    http_rig_close(&client);
}

static void
tls_life(void)
{
    tls_rig_client_t tls;
    char buf[1024];
    http_rig_connect(&rig, &client, ION_ROUTE_MAIN, PEER);
    tls_rig_client_open(&tls, client.fd, NULL);
    for (int i = 0; i < 6; i++) {
        (void)SSL_do_handshake(tls.ssl);
        assert_int_equal(ion_loop_advance(rig.loop, 0), ION_OK);
    }
    if (SSL_is_init_finished(tls.ssl)) {
        (void)SSL_write(tls.ssl, "GET /echo HTTP/1.1\r\n" HOST "\r\n", 31);
        assert_int_equal(ion_loop_advance(rig.loop, 0), ION_OK);
        (void)SSL_read(tls.ssl, buf, sizeof(buf));
    }
    tls_rig_client_close(&tls);
    assert_int_equal(ion_loop_advance(rig.loop, 0), ION_OK);
}

static void
life_for_every_k(void (*life)(void))
{
    unsigned k = 0;
    bool failed = true;
    ion_http_config_t config;
    ion_cert_t *cert = tls_rig_cert();
    ion_http_config_init(&config);
    config.tls = tls_rig_ctx(cert, NULL, NULL, 0);
    ion_cert_free(&cert);
    http_rig_init(&rig, &config);
    for (; failed && k < 500; k++) {
        failk_arm(k);
        life();
        failed = failk_disarm();
        assert_int_equal(ion_loop_advance(rig.loop, ION_SEC(40)), ION_OK);
        assert_int_equal(ion_http_server_count(rig.server), 0);
        assert_int_equal(ion_bufpool_used(ion_loop_pool(rig.loop)), 0);
        http_rig_connect(&rig, &client, ION_ROUTE_MAIN, PEER);
        assert_non_null(
            strstr(http_rig_ask(&client, "GET /echo HTTP/1.1\r\n" HOST "\r\n"),
                "200 OK"));
        http_rig_close(&client);
    }
    assert_in_range(k, 3, 200);
    http_rig_fini(&rig);
}

static void
test_plain_connection(void **state)
{
    (void)state;
    life_for_every_k(plain_life);
}

static void
test_tls_connection(void **state)
{
    (void)state;
    life_for_every_k(tls_life);
}

static void
test_server_new_fails_cleanly_for_every_k(void **state)
{
    unsigned k = 0;
    bool failed = true;
    (void)state;
    http_rig_init(&rig, NULL);
    for (; failed && k < 100; k++) {
        ion_http_config_t config;
        ion_http_server_t *server = NULL;
        ion_http_config_init(&config);
        failk_arm(k);
        ion_err_t rc = ion_http_server_new(&rig.p, 0, &config, &server);
        failed = failk_disarm();
        assert_int_equal(rc, failed ? ION_NOMEM : ION_OK);
        ion_http_server_free(&server);
    }
    assert_in_range(k, 2, 20);
    http_rig_fini(&rig);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain_connection),
        cmocka_unit_test(test_tls_connection),
        cmocka_unit_test(test_server_new_fails_cleanly_for_every_k),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
