/*
 * test_derp_websocket.c -- a session whose frames come in messages.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/derp_rig.h"
#include "proto/ws_frame.h"

static derp_rig_t rig;
static http_ws_set_t websockets;

static int
setup(void **state)
{
    (void)state;
    derp_rig_init(&rig, 2, NULL);
    http_ws_set_init(&websockets, &rig.log);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    assert_int_equal(derp_rig_stat(&rig, DERP_STAT_CONNECTIONS), 0);
    http_ws_set_fini(&websockets);
    derp_rig_fini(&rig);
    return 0;
}

/* A message of a client, with a mask of zeros. */
static void
send_message(derp_rig_client_t *c, ws_opcode_t opcode, const void *p, size_t n)
{
    uint8_t frame[1024];
    size_t head = ws_header_put(frame, opcode, n);

    assert_true(head + 4 + n <= sizeof(frame));
    frame[1] |= 0x80;
    memset(frame + head, 0, 4);
    memcpy(frame + head + 4, p, n);
    assert_true(derp_rig_write(c, frame, head + 4 + n));
    derp_rig_turn(&rig);
}

/* The header of the server's next message, off the input. */
static void
skip_header(derp_rig_client_t *c, ws_opcode_t opcode, size_t len)
{
    uint8_t head[WS_SERVER_HEADER];
    size_t n = ws_header_put(head, opcode, len);

    (void)derp_rig_is_closed(c); /* takes in what has come */
    assert_true(c->in_len - c->in_pos >= n + len);
    assert_memory_equal(c->in + c->in_pos, head, n);
    c->in_pos += n;
}

static void
login(derp_rig_client_t *c, uint32_t seed)
{
    derp_rig_opts_t opts = { .websockets = &websockets };
    derp_rig_frame_t f;
    uint8_t info[512];
    size_t n;

    derp_rig_connect(&rig, c, 0, seed, &opts);
    derp_rig_turn(&rig);
    skip_header(c, WS_BINARY, DERP_SERVER_KEY_FRAME);
    assert_true(derp_rig_next(c, &f));
    assert_int_equal(f.type, DERP_FRAME_SERVER_KEY);
    n = derp_rig_client_info(c, "{\"version\":2}", info, sizeof(info));
    send_message(c, WS_BINARY, info, n / 2);
    send_message(c, WS_BINARY, info + n / 2, n - n / 2);
    skip_header(c, WS_BINARY, DERP_HEADER_LEN + 53);
    assert_true(derp_rig_next(c, &f));
    assert_int_equal(f.type, DERP_FRAME_SERVER_INFO);
}

static void
test_T09_login_and_packets(void **state)
{
    derp_rig_client_t a, b;
    uint8_t frame[DERP_RECV_HEADER + 5];

    (void)state;
    login(&a, 1);
    derp_rig_login(&rig, &b, 1, 2);
    assert_int_equal(derp_rig_stat(&rig, DERP_STAT_WEBSOCKET_ACCEPTS), 1);
    assert_int_equal(derp_rig_stat(&rig, DERP_STAT_ACCEPTS), 2);
    derp_header_put(frame, DERP_FRAME_SEND_PACKET, DERP_KEY_LEN + 5);
    memcpy(frame + DERP_HEADER_LEN, b.key.b, DERP_KEY_LEN);
    memcpy(frame + DERP_RECV_HEADER, "hello", 5);
    send_message(&a, WS_BINARY, frame, sizeof(frame));
    assert_true(derp_rig_expect_packet(&b, &a.key, "hello", 5));
    assert_true(derp_rig_packet(&b, &a.key, "back", 4));
    derp_rig_turn(&rig);
    skip_header(&a, WS_BINARY, DERP_RECV_HEADER + 4);
    assert_true(derp_rig_expect_packet(&a, &b.key, "back", 4));
    derp_rig_close(&a);
    derp_rig_turn(&rig);
    assert_true(derp_rig_expect_gone(&b, &a.key, DERP_GONE_DISCONNECTED));
    derp_rig_close(&b);
    derp_rig_turn(&rig);
}

/* Out of the directory in the same turn, though the connection waits. */
static void
test_T09_violation_unregisters_at_once(void **state)
{
    derp_rig_client_t a, b;

    (void)state;
    login(&a, 1);
    derp_rig_login(&rig, &b, 1, 2);
    send_message(&a, WS_TEXT, "hello", 5);
    assert_int_equal(derp_rig_stat(&rig, DERP_STAT_CONNECTIONS), 1);
    assert_int_equal(websockets.lingering_count, 1);
    assert_false(derp_rig_is_closed(&a));
    skip_header(&a, WS_CLOSE, 16);
    assert_memory_equal(a.in + a.in_pos, "\x03\xeb", 2);
    assert_true(derp_rig_packet(&b, &a.key, "x", 1));
    derp_rig_turn(&rig);
    assert_int_equal(
        derp_rig_drops(&rig, DERP_DROP_UNKNOWN_DEST, DERP_KIND_OTHER), 1);
    derp_rig_advance(&rig, HTTP_WS_LINGER);
    assert_true(derp_rig_is_closed(&a));
    assert_int_equal(websockets.lingering_count, 0);
    derp_rig_close(&a);
    derp_rig_close(&b);
    derp_rig_turn(&rig);
}

/* A keep-alive is a message too; and no login within 10 s is the end. */
static void
test_T09_times(void **state)
{
    derp_rig_opts_t opts = { .websockets = &websockets };
    derp_rig_client_t a, b;
    derp_rig_frame_t f;

    (void)state;
    login(&a, 1);
    derp_rig_connect(&rig, &b, 0, 2, &opts);
    derp_rig_advance(&rig, DERP_LOGIN_TIMEOUT);
    assert_int_equal(derp_rig_stat(&rig, DERP_STAT_LOGIN_TIMEOUT), 1);
    assert_int_equal(websockets.lingering_count, 1);
    derp_rig_advance(&rig, DERP_KEEPALIVE + DERP_KEEPALIVE_JITTER);
    assert_int_equal(websockets.lingering_count, 0);
    skip_header(&a, WS_BINARY, DERP_HEADER_LEN);
    assert_true(derp_rig_next(&a, &f));
    assert_int_equal(f.type, DERP_FRAME_KEEP_ALIVE);
    derp_rig_close(&a);
    derp_rig_close(&b);
    derp_rig_turn(&rig);
}

#define SCENARIO(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        SCENARIO(test_T09_login_and_packets),
        SCENARIO(test_T09_violation_unregisters_at_once),
        SCENARIO(test_T09_times),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
