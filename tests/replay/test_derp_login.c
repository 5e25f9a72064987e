/*
 * test_derp_login.c -- from the greeting to ServerInfo, and every refusal.
 *
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

#include "lib/derp_rig.h"

static derp_rig_t rig;

static int
setup(void **state)
{
    (void)state;
    derp_rig_init(&rig, 2, NULL);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    assert_int_equal(derp_rig_stat(&rig, DERP_STAT_CONNECTIONS), 0);
    derp_rig_fini(&rig);
    return 0;
}

/* Close our end and see the relay let go. */
static void
leave(derp_rig_client_t *c)
{
    derp_rig_close(c);
    derp_rig_turn(&rig);
}

static void
test_T12_greeting(void **state)
{
    derp_rig_client_t c;
    uint8_t expected[DERP_SERVER_KEY_FRAME];

    (void)state;
    derp_rig_connect(&rig, &c, 0, 1, NULL);
    derp_rig_turn(&rig);
    derp_server_key_put(expected, &rig.public);
    assert_true(derp_rig_expect(&c, DERP_FRAME_SERVER_KEY,
        expected + DERP_HEADER_LEN, sizeof(expected) - DERP_HEADER_LEN));
    assert_true(derp_rig_is_quiet(&c));
    assert_int_equal(derp_rig_stat(&rig, DERP_STAT_ACCEPTS), 1);
    assert_int_equal(derp_rig_stat(&rig, DERP_STAT_CONNECTIONS), 0);
    leave(&c);
    assert_int_equal(derp_rig_stat(&rig, DERP_STAT_LOGIN_FAILED), 1);
}

static void
test_T04_normal_start_answers_101(void **state)
{
    derp_rig_opts_t opts = { .is_normal_start = true };
    derp_rig_client_t c;
    uint8_t info[512];
    char hex[2 * ION_KEY_LEN + 1] = "";
    char expected[512];
    size_t n, len;
    derp_rig_frame_t f;

    (void)state;
    derp_rig_connect(&rig, &c, 0, 1, &opts);
    derp_rig_turn(&rig);
    for (size_t i = 0; i < ION_KEY_LEN; i++) {
        (void)snprintf(hex + 2 * i, 3, "%02x", rig.public.b[i]);
    }
    len = (size_t)snprintf(expected, sizeof(expected),
        "HTTP/1.1 101 Switching Protocols\r\n"
        "Upgrade: DERP\r\n"
        "Connection: Upgrade\r\n"
        "Derp-Version: 2\r\n"
        "Derp-Public-Key: %s\r\n"
        "\r\n",
        hex);
    assert_false(derp_rig_next(&c, &f)); /* "HTTP/" is no whole frame */
    assert_int_equal(c.in_len, len + DERP_SERVER_KEY_FRAME);
    assert_memory_equal(c.in, expected, len);
    c.in_pos = len;
    n = derp_rig_client_info(&c, "{}", info, sizeof(info));
    assert_true(derp_rig_write(&c, info, n));
    derp_rig_turn(&rig);
    assert_true(derp_rig_take_hello(&c));
    assert_int_equal(derp_rig_stat(&rig, DERP_STAT_LOGIN_OK), 1);
    assert_int_equal(derp_rig_stat(&rig, DERP_STAT_CONNECTIONS), 1);
    leave(&c);
}

static void
test_T13_login_in_any_pieces(void **state)
{
    static const size_t pieces[] = { 1, 2, 5, 7, 37, 1000 };

    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(pieces); i++) {
        derp_rig_client_t c;
        uint8_t info[512];
        size_t n, at = 0;

        derp_rig_connect(&rig, &c, i % 2, 1, NULL);
        n = derp_rig_client_info(
            &c, "{\"version\":2,\"CanAckPings\":true}", info, sizeof(info));
        while (at < n) {
            size_t part = ION_MIN(pieces[i], n - at);

            assert_true(derp_rig_write(&c, info + at, part));
            derp_rig_turn(&rig);
            at += part;
        }
        assert_true(derp_rig_take_hello(&c));
        assert_true(derp_rig_is_quiet(&c));
        leave(&c);
    }
}

/* Everything in one segment behind the HTTP head. */
static void
test_T08_pipelining(void **state)
{
    derp_rig_client_t c;
    uint8_t rest[1024];
    derp_rig_opts_t opts = { .rest = rest };
    size_t n;

    (void)state;
    memset(&c, 0, sizeof(c));
    derp_rig_keys(9, &c.secret, &c.key);
    assert_int_equal(ion_box_shared(&c.secret, &rig.public, c.shared), ION_OK);
    n = derp_rig_client_info(&c, "{}", rest, sizeof(rest));
    derp_header_put(rest + n, DERP_FRAME_NOTE_PREFERRED, 1);
    rest[n + 5] = 1;
    n += 6;
    derp_header_put(rest + n, DERP_FRAME_SEND_PACKET, DERP_KEY_LEN + 5);
    memcpy(rest + n + 5, c.key.b, DERP_KEY_LEN);
    memcpy(rest + n + 5 + DERP_KEY_LEN, "hello", 5);
    opts.rest_len = n + 5 + DERP_KEY_LEN + 5;
    derp_rig_connect(&rig, &c, 0, 9, &opts);
    memset(rest, 0, sizeof(rest)); /* it was only lent */
    derp_rig_turn(&rig);
    assert_true(derp_rig_take_hello(&c));
    assert_true(derp_rig_expect_packet(&c, &c.key, "hello", 5));
    assert_int_equal(derp_rig_stat(&rig, DERP_STAT_HOME), 1);
    leave(&c);
    assert_int_equal(derp_rig_stat(&rig, DERP_STAT_HOME), 0);
}

static void
test_T14_bad_json(void **state)
{
    static const char *const texts[] = {
        "[]",
        "",
        "{",
        "{\"version\":\"2\"}",
        "{\"meshKey\":\"abcdefg\"}",
        "{\"meshKey\":\"0123456789abcdef0123456789abcdef0123456789abcdef"
        "0123456789abcdef0123\"}",
        "{} x",
    };

    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(texts); i++) {
        derp_rig_client_t c;

        assert_false(derp_rig_login_as(&rig, &c, 0, 1, texts[i]));
        assert_true(derp_rig_is_closed(&c));
        assert_int_equal(c.in_pos, c.in_len); /* silent */
        assert_int_equal(derp_rig_stat(&rig, DERP_STAT_LOGIN_FAILED), i + 1);
        leave(&c);
    }
    assert_int_equal(derp_rig_stat(&rig, DERP_STAT_LOGIN_OK), 0);
}

static void
test_T15_lenient_json(void **state)
{
    static const char *const texts[] = {
        "{}",
        "null",
        "{\"Version\":5,\"MeshKey\":\"0123456789abcdef0123456789abcdef"
        "0123456789abcdef0123456789abcdef\"}",
        "{\"version\":null}",
        "{\"version\":1,\"version\":2}",
        "{\"nobody\":{\"knows\":[1,2]}}",
        "{}  \n",
    };

    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(texts); i++) {
        derp_rig_client_t c;

        assert_true(derp_rig_login_as(&rig, &c, 1, 1, texts[i]));
        leave(&c);
    }
}

/* T39, T40: a mesh key gives no rights to anybody here. */
static void
test_T40_mesh_key_gives_nothing(void **state)
{
    static const char *const texts[] = {
        "{\"meshKey\":\"0123456789abcdef0123456789abcdef0123456789abcdef"
        "0123456789abcdef\"}",
        "{\"meshKey\":\"0000000000000000000000000000000000000000000000"
        "000000000000000000\"}",
    };

    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(texts); i++) {
        derp_rig_client_t c;

        assert_true(derp_rig_login_as(&rig, &c, 0, 1, texts[i]));
        assert_true(derp_rig_send(&c, DERP_FRAME_WATCH_CONNS, NULL, 0));
        derp_rig_turn(&rig);
        assert_true(derp_rig_is_closed(&c));
        leave(&c);
    }
}

/* A first frame that is none, by its header alone. */
static void
test_T14_bad_first_frame(void **state)
{
    static const struct {
        uint8_t type;
        uint32_t len;
    } cases[] = {
        { DERP_FRAME_SEND_PACKET, 100 },
        { DERP_FRAME_CLIENT_INFO, 55 },
        { DERP_FRAME_CLIENT_INFO, 0 },
        { DERP_FRAME_CLIENT_INFO, 262145 },
        { DERP_FRAME_CLIENT_INFO, UINT32_MAX },
        { 0, 100 },
        { 'G', 0x45542000 },
    };

    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(cases); i++) {
        derp_rig_client_t c;
        uint8_t head[DERP_HEADER_LEN];

        derp_rig_connect(&rig, &c, 0, 1, NULL);
        derp_header_put(head, DERP_FRAME_PING, cases[i].len);
        head[0] = cases[i].type;
        assert_true(derp_rig_write(&c, head, sizeof(head)));
        derp_rig_turn(&rig);
        assert_true(derp_rig_is_closed(&c));
        assert_int_equal(c.in_len, DERP_SERVER_KEY_FRAME);
        assert_int_equal(derp_rig_stat(&rig, DERP_STAT_LOGIN_FAILED), i + 1);
        leave(&c);
    }
}

static void
test_T14_bad_box(void **state)
{
    static const uint8_t low_order[][ION_KEY_LEN] = {
        { 0 },
        { 1 },
    };
    derp_rig_client_t c;
    uint8_t info[512];

    (void)state;
    for (size_t i = 0; i < 5; i++) {
        size_t n;

        derp_rig_connect(&rig, &c, 0, 1, NULL);
        n = derp_rig_client_info(&c, "{}", info, sizeof(info));
        switch (i) {
        case 0: /* tag */
            info[DERP_HEADER_LEN + DERP_KEY_LEN + 24] ^= 1;
            break;
        case 1: /* somebody else's key */
            info[DERP_HEADER_LEN + 3] ^= 4;
            break;
        case 2: /* between what the header check and a box allow */
            n = DERP_HEADER_LEN + DERP_MIN_CLIENT_INFO;
            derp_header_put(info, DERP_FRAME_CLIENT_INFO, DERP_MIN_CLIENT_INFO);
            break;
        default:
            memcpy(info + DERP_HEADER_LEN, low_order[i - 3], ION_KEY_LEN);
            break;
        }
        assert_true(derp_rig_write(&c, info, n));
        derp_rig_turn(&rig);
        assert_true(derp_rig_is_closed(&c));
        assert_int_equal(derp_rig_stat(&rig, DERP_STAT_LOGIN_FAILED), i + 1);
        leave(&c);
    }
}

/* The largest ClientInfo is taken, piece by piece. */
static void
test_largest_client_info(void **state)
{
    size_t n = DERP_MAX_CLIENT_INFO - DERP_KEY_LEN - ION_BOX_OVERHEAD;
    char *json = malloc(n + 1);
    uint8_t *frame = malloc(DERP_MAX_CLIENT_INFO + DERP_HEADER_LEN);
    derp_rig_client_t c;
    size_t len;

    (void)state;
    assert_non_null(json);
    assert_non_null(frame);
    memset(json, ' ', n);
    json[n] = '\0';
    json[0] = '{';
    json[n - 1] = '}';
    derp_rig_connect(&rig, &c, 0, 1, NULL);
    len = derp_rig_client_info(
        &c, json, frame, DERP_MAX_CLIENT_INFO + DERP_HEADER_LEN);
    assert_true(derp_rig_write(&c, frame, len));
    derp_rig_turn(&rig);
    assert_true(derp_rig_take_hello(&c));
    leave(&c);
    free(json);
    free(frame);
}

static void
test_T16_slow_login(void **state)
{
    static const size_t sent[] = { 0, 3, 5, 60 };
    derp_rig_client_t c[ION_ARRAY_LEN(sent)];
    uint8_t info[512];

    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(sent); i++) {
        derp_rig_connect(&rig, &c[i], i % 2, (uint32_t)i + 1, NULL);
        (void)derp_rig_client_info(&c[i], "{}", info, sizeof(info));
        assert_true(derp_rig_write(&c[i], info, sent[i]));
    }
    derp_rig_advance(&rig, ION_MS(9900));
    for (size_t i = 0; i < ION_ARRAY_LEN(sent); i++) {
        assert_false(derp_rig_is_closed(&c[i]));
    }
    derp_rig_advance(&rig, ION_MS(100));
    for (size_t i = 0; i < ION_ARRAY_LEN(sent); i++) {
        assert_true(derp_rig_is_closed(&c[i]));
        leave(&c[i]);
    }
    assert_int_equal(
        derp_rig_stat(&rig, DERP_STAT_LOGIN_TIMEOUT), ION_ARRAY_LEN(sent));
    assert_int_equal(derp_rig_stat(&rig, DERP_STAT_LOGIN_FAILED), 0);
}

/* A login ends the login timeout; nothing else closes a silent client. */
static void
test_silent_client_stays(void **state)
{
    derp_rig_client_t c;

    (void)state;
    derp_rig_login(&rig, &c, 0, 1);
    derp_rig_advance(&rig, ION_SEC(3600));
    assert_false(derp_rig_is_closed(&c));
    leave(&c);
}

/* Registered before answered, and found from the other worker at once. */
static void
test_registered_before_server_info(void **state)
{
    derp_rig_client_t a, b;

    (void)state;
    derp_rig_login(&rig, &a, 0, 1);
    derp_rig_login(&rig, &b, 1, 2);
    assert_true(derp_rig_packet(&a, &b.key, "x", 1));
    derp_rig_turn(&rig);
    assert_true(derp_rig_expect_packet(&b, &a.key, "x", 1));
    leave(&a);
    leave(&b);
}

/* A second ClientInfo is just a frame that nobody expects. */
static void
test_second_client_info_is_ignored(void **state)
{
    derp_rig_client_t c;
    uint8_t info[512];
    size_t n;

    (void)state;
    derp_rig_login(&rig, &c, 0, 1);
    n = derp_rig_client_info(&c, "{}", info, sizeof(info));
    assert_true(derp_rig_write(&c, info, n));
    assert_true(derp_rig_send(&c, DERP_FRAME_PING, "12345678", 8));
    derp_rig_turn(&rig);
    assert_true(derp_rig_expect(&c, DERP_FRAME_PONG, "12345678", 8));
    assert_true(derp_rig_is_quiet(&c));
    leave(&c);
}

static void
test_T52_not_ideal(void **state)
{
    derp_rig_opts_t opts = { .is_not_ideal = true };
    derp_rig_client_t c;
    uint8_t info[512];
    size_t n;
    ion_dir_row_t row;
    uint64_t pos = 0;

    (void)state;
    derp_rig_connect(&rig, &c, 0, 1, &opts);
    n = derp_rig_client_info(&c, "{\"IsProber\":true}", info, sizeof(info));
    assert_true(derp_rig_write(&c, info, n));
    derp_rig_turn(&rig);
    assert_int_equal(derp_rig_stat(&rig, DERP_STAT_NOT_IDEAL), 1);
    assert_true(ion_dir_next(rig.master, &pos, &row));
    assert_int_equal(row.flags, ION_DIR_PROBER | ION_DIR_NOT_IDEAL);
    assert_true(row.is_active);
    assert_int_equal(row.addr.port, 41641);
    leave(&c);
    assert_int_equal(derp_rig_stat(&rig, DERP_STAT_NOT_IDEAL), 0);
    pos = 0;
    assert_false(ion_dir_next(rig.master, &pos, &row));
}

/* 64 connections of one key are taken, the next one is not. */
static void
test_T61_many_logins_of_one_key(void **state)
{
    static derp_rig_client_t c[ION_DIR_CONNS_PER_KEY];
    derp_rig_client_t late;

    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(c); i++) {
        derp_rig_login(&rig, &c[i], i % 2, 1);
    }
    assert_false(derp_rig_login_as(&rig, &late, 0, 1, "{}"));
    assert_true(derp_rig_is_closed(&late));
    assert_int_equal(derp_rig_stat(&rig, DERP_STAT_LOGIN_FULL), 1);
    leave(&late);
    for (size_t i = 0; i < ION_ARRAY_LEN(c); i++) {
        assert_true(derp_rig_is_quiet(&c[i]));
        leave(&c[i]);
    }
}

/* No room in the directory: refused, the others stay. */
static void
test_full_directory(void **state)
{
    static derp_rig_client_t c[1000];
    derp_rig_client_t late;

    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(c); i++) {
        derp_rig_login(&rig, &c[i], i % 2, (uint32_t)i + 1);
    }
    assert_false(derp_rig_login_as(&rig, &late, 0, 5000, "{}"));
    assert_int_equal(derp_rig_stat(&rig, DERP_STAT_LOGIN_FULL), 1);
    leave(&late);
    leave(&c[7]);
    derp_rig_login(&rig, &late, 1, 5000);
    leave(&late);
    for (size_t i = 0; i < ION_ARRAY_LEN(c); i++) {
        derp_rig_close(&c[i]);
    }
    derp_rig_turn(&rig);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_T12_greeting),
        TEST(test_T04_normal_start_answers_101),
        TEST(test_T13_login_in_any_pieces),
        TEST(test_T08_pipelining),
        TEST(test_T14_bad_json),
        TEST(test_T15_lenient_json),
        TEST(test_T40_mesh_key_gives_nothing),
        TEST(test_T14_bad_first_frame),
        TEST(test_T14_bad_box),
        TEST(test_largest_client_info),
        TEST(test_T16_slow_login),
        TEST(test_silent_client_stays),
        TEST(test_registered_before_server_info),
        TEST(test_second_client_info_is_ignored),
        TEST(test_T52_not_ideal),
        TEST(test_T61_many_logins_of_one_key),
        TEST(test_full_directory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
