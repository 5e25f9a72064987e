/*
 * test_courier_dial.c -- the courier connects where the configuration says,
 * and nowhere else, whoever asks.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/hex.h"
#include "core/module.h"
#include "courier/courier.h"

extern const ion_module_t courier_module;
const ion_module_t *const ion_modules[] = { &courier_module };
const uint32_t ion_module_count = 1;

static ion_process_t p;
static ion_cycle_t cycle;
static ion_conf_t *conf;
static uint64_t stats[4096];
static int listener;
static uint16_t port;

static struct {
    unsigned count;
    uint64_t ref;
    ion_err_t rc;
    bool has_socket;
    uint16_t port;
} got;

static void
on_reply(ion_process_t *self, uint64_t ref, const ion_answer_t *answer)
{
    (void)self;
    got.count++;
    got.ref = ref;
    got.rc = answer->rc;
    got.has_socket = answer->fd >= 0;
    got.port = answer->addr.port;
    assert_non_null(answer->text);
    if (answer->fd >= 0) {
        (void)close(answer->fd);
    }
}

static const char *
no_env(void *arg, const char *name)
{
    (void)arg;
    return strcmp(name, "HOME") == 0 ? "/nonexistent" : NULL;
}

static void
load(void)
{
    ion_conf_source_t src = { .env = no_env };
    ion_conf_notes_t *notes = NULL;
    char yaml[256];
    char text[1024] = "";

    (void)snprintf(yaml, sizeof(yaml),
        "derp: {mesh_with: ['Relay.Test:%u/127.0.0.1', 'localhost:1']}\n",
        port);
    ion_base64_encode(text, yaml, strlen(yaml));
    src.base64 = text;
    assert_int_equal(ion_conf_notes_new(&notes), ION_OK);
    assert_int_equal(ion_conf_load(&src, NULL, 0, notes, &conf), ION_OK);
    ion_conf_notes_free(&notes);
}

static int
setup(void **state)
{
    struct sockaddr_in sin = { .sin_family = AF_INET };
    socklen_t len = sizeof(sin);
    ion_errtext_t why;

    (void)state;
    sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&sin, len), 0);
    assert_int_equal(listen(listener, 8), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&sin, &len), 0);
    port = ntohs(sin.sin_port);
    load();
    memset(&p, 0, sizeof(p));
    memset(&got, 0, sizeof(got));
    cycle = (ion_cycle_t){ .conf = conf };
    p.cycle = &cycle;
    p.stats = stats;
    p.reply = on_reply;
    assert_int_equal(ion_loop_new(&p.loop), ION_OK);
    assert_int_equal(courier_module.start(&p, 0, &why), ION_OK);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    courier_module.stop(&p, 0);
    ion_loop_free(&p.loop);
    ion_conf_free(&conf);
    (void)close(listener);
    return 0;
}

static void
on_tick(ion_timer_t *timer)
{
    (void)timer; /* it has made a turn */
}

static void
dial(uint64_t ref, const char *host, uint16_t to)
{
    ion_ask_t ask = { .kind = ION_ASK_DIAL, .timeout_ms = 20000, .port = to };
    ion_mono_t end = ion_mono_now() + ION_SEC(60);
    unsigned before = got.count;

    (void)snprintf(ask.host, sizeof(ask.host), "%s", host);
    p.server->ask(&p, ref, &ask);
    while (got.count == before) {
        ion_timer_t tick;

        assert_true(ion_mono_now() < end);
        ion_timer_init(&tick, on_tick);
        ion_timer_set(p.loop, &tick, ion_mono_now() + ION_MS(2));
        assert_int_equal(ion_loop_turn(p.loop, true, NULL), ION_OK);
        ion_timer_cancel(p.loop, &tick);
    }
    assert_int_equal(got.count, before + 1);
    assert_int_equal(got.ref, ref);
}

static void
test_configured(void **state)
{
    (void)state;
    dial(7, "127.0.0.1", port);
    assert_int_equal(got.rc, ION_OK);
    assert_true(got.has_socket);
    assert_int_equal(got.port, port);
    dial(8, "LOCALHOST", 1);
    assert_int_equal(got.rc, ION_SYS); /* nobody listens there */
    assert_false(got.has_socket);
    assert_int_equal(stats[ion_module_stat_base(0) + COURIER_STAT_DIAL_OK], 1);
}

static void
test_not_configured(void **state)
{
    static const char *const hosts[] = { "relay.test", "127.0.0.2", "localhost",
        "127.0.0.1.", "" };

    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(hosts); i++) {
        dial(i + 1, hosts[i], port);
        assert_int_equal(got.rc, ION_DENIED);
    }
    dial(9, "127.0.0.1", 1);
    assert_int_equal(got.rc, ION_DENIED);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_configured),
        TEST(test_not_configured),
    };

    return cmocka_run_group_tests_name("courier_dial", tests, NULL, NULL);
}
