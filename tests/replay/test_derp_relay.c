/*
 * test_derp_relay.c -- packets between clients of one worker and of two.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Every case runs with both clients on one worker, and on different ones.
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
static derp_rig_client_t a, b, c;
static size_t far; /* the worker of b: 0 as a's, or 1 */

static int
setup_at(size_t worker)
{
    far = worker;
    derp_rig_init(&rig, 2, NULL);
    derp_rig_login(&rig, &a, 0, 1);
    derp_rig_login(&rig, &b, far, 2);
    derp_rig_login(&rig, &c, 1 - far, 3);
    return 0;
}

static int
setup_near(void **state)
{
    (void)state;
    return setup_at(0);
}

static int
setup_far(void **state)
{
    (void)state;
    return setup_at(1);
}

static int
teardown(void **state)
{
    (void)state;
    derp_rig_close(&a);
    derp_rig_close(&b);
    derp_rig_close(&c);
    derp_rig_turn(&rig);
    assert_int_equal(derp_rig_stat(&rig, DERP_STAT_CONNECTIONS), 0);
    derp_rig_fini(&rig);
    return 0;
}

static uint64_t
stat(size_t which)
{
    return derp_rig_stat(&rig, which);
}

static void
test_T17_relay(void **state)
{
    static const char text[] = "hello 0->1\n";
    size_t n = sizeof(text) - 1;

    (void)state;
    assert_true(derp_rig_packet(&a, &b.key, text, n));
    derp_rig_turn(&rig);
    assert_true(derp_rig_expect_packet(&b, &a.key, text, n));
    assert_true(derp_rig_is_quiet(&a));
    assert_true(derp_rig_is_quiet(&b));
    assert_true(derp_rig_is_quiet(&c));
    assert_int_equal(stat(DERP_STAT_PACKETS_RECEIVED), 1);
    assert_int_equal(stat(DERP_STAT_BYTES_RECEIVED), n);
    assert_int_equal(stat(DERP_STAT_PACKETS_SENT), 1);
    assert_int_equal(stat(DERP_STAT_BYTES_SENT), n);
    assert_int_equal(stat(DERP_STAT_RECEIVED_OTHER), 1);
    assert_int_equal(stat(DERP_STAT_RECEIVED_DISCO), 0);
    assert_int_equal(stat(DERP_STAT_FABRIC_PACKETS), far);
    assert_int_equal(stat(DERP_STAT_FABRIC_BYTES), far * n);
}

static void
test_T18_self_send_and_empty_packet(void **state)
{
    uint8_t bytes[100];

    (void)state;
    memset(bytes, 0x77, sizeof(bytes));
    assert_true(derp_rig_packet(&a, &a.key, bytes, sizeof(bytes)));
    assert_true(derp_rig_packet(&a, &b.key, NULL, 0));
    derp_rig_turn(&rig);
    assert_true(derp_rig_expect_packet(&a, &a.key, bytes, sizeof(bytes)));
    assert_true(derp_rig_expect_packet(&b, &a.key, NULL, 0));
}

static void
test_T19_size_limit(void **state)
{
    uint8_t *bytes = malloc(DERP_MAX_PACKET + 1);

    (void)state;
    assert_non_null(bytes);
    for (size_t i = 0; i < DERP_MAX_PACKET + 1; i++) {
        bytes[i] = (uint8_t)(i * 31 + (i >> 8));
    }
    assert_true(derp_rig_packet(&a, &b.key, bytes, DERP_MAX_PACKET));
    derp_rig_turn(&rig);
    assert_true(derp_rig_expect_packet(&b, &a.key, bytes, DERP_MAX_PACKET));
    assert_false(derp_rig_is_closed(&a));
    (void)derp_rig_packet(&a, &b.key, bytes, DERP_MAX_PACKET + 1);
    derp_rig_turn(&rig);
    assert_true(derp_rig_is_closed(&a));
    free(bytes);
}

/* Sizes around every block class, whole and in pieces. */
static void
test_sizes_and_pieces(void **state)
{
    static const size_t sizes[] = { 0, 1, 51, 52, 61, 62, 400, 436, 437, 1400,
        1971, 1972, 8115, 8116, 16384, 32691, 32692, 65535, 65536 };
    uint8_t *frame = malloc(5 + 32 + DERP_MAX_PACKET);

    (void)state;
    assert_non_null(frame);
    for (size_t i = 0; i < ION_ARRAY_LEN(sizes); i++) {
        size_t n = sizes[i];
        size_t pieces[] = { 5 + 32 + n, 3, 17, 5 + 32 + n / 2 };

        derp_header_put(frame, DERP_FRAME_SEND_PACKET, (uint32_t)(32 + n));
        memcpy(frame + 5, b.key.b, 32);
        for (size_t k = 0; k < n; k++) {
            frame[37 + k] = (uint8_t)(k * 7 + n);
        }
        for (size_t p = 0; p < ION_ARRAY_LEN(pieces); p++) {
            size_t first = ION_MIN(pieces[p], 37 + n);

            assert_true(derp_rig_write(&a, frame, first));
            derp_rig_turn(&rig);
            assert_true(derp_rig_write(&a, frame + first, 37 + n - first));
            derp_rig_turn(&rig);
            assert_true(derp_rig_expect_packet(&b, &a.key, frame + 37, n));
        }
    }
    free(frame);
    assert_int_equal(derp_pool_used(rig.worker[0].w->pool) +
                         derp_pool_used(rig.worker[1].w->pool),
        0);
}

static void
test_T20_short_frames(void **state)
{
    static const struct {
        uint8_t type;
        size_t len;
    } cases[] = {
        { DERP_FRAME_SEND_PACKET, 31 },
        { DERP_FRAME_SEND_PACKET, 0 },
        { DERP_FRAME_NOTE_PREFERRED, 0 },
        { DERP_FRAME_NOTE_PREFERRED, 2 },
        { DERP_FRAME_WATCH_CONNS, 1 },
        { DERP_FRAME_CLOSE_PEER, 33 },
        { DERP_FRAME_PING, 7 },
        { DERP_FRAME_PING, 1001 },
    };
    uint8_t zeros[1001] = { 0 };

    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(cases); i++) {
        derp_rig_client_t x;

        derp_rig_login(&rig, &x, i % 2, 100 + (uint32_t)i);
        assert_true(derp_rig_send(&x, cases[i].type, zeros, cases[i].len));
        derp_rig_turn(&rig);
        assert_true(derp_rig_is_closed(&x));
        assert_int_equal(x.in_pos, x.in_len);
        derp_rig_close(&x);
    }
    assert_true(derp_rig_is_quiet(&a));
}

static void
test_T38_privilege(void **state)
{
    static const struct {
        uint8_t type;
        size_t len;
    } cases[] = {
        { DERP_FRAME_WATCH_CONNS, 0 },
        { DERP_FRAME_CLOSE_PEER, 32 },
        { DERP_FRAME_FORWARD_PACKET, 70 },
    };

    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(cases); i++) {
        derp_rig_client_t x;
        uint8_t payload[70];

        memcpy(payload, b.key.b, 32);
        memcpy(payload + 32, b.key.b, 32);
        memset(payload + 64, 1, 6);
        derp_rig_login(&rig, &x, 0, 100);
        assert_true(derp_rig_send(&x, cases[i].type, payload, cases[i].len));
        derp_rig_turn(&rig);
        assert_true(derp_rig_is_closed(&x));
        derp_rig_close(&x);
        assert_true(derp_rig_is_quiet(&b));
    }
}

static void
test_T21_unknown_frames(void **state)
{
    static uint8_t junk[200000];

    (void)state;
    assert_true(derp_rig_send(&a, 0x99, junk, sizeof(junk)));
    assert_true(derp_rig_send(&a, DERP_FRAME_PONG, "12345678", 8));
    assert_true(derp_rig_send(&a, DERP_FRAME_KEEP_ALIVE, NULL, 0));
    assert_true(derp_rig_send(&a, DERP_FRAME_PING, "abcdefgh", 8));
    derp_rig_turn(&rig);
    assert_true(derp_rig_expect(&a, DERP_FRAME_PONG, "abcdefgh", 8));
    assert_true(derp_rig_is_quiet(&a));
    assert_int_equal(stat(DERP_STAT_UNKNOWN_FRAMES), 3);
}

static void
test_T22_ping(void **state)
{
    static const uint8_t data[8] = { 1, 2, 3, 4, 5, 6, 7, 0x2a };
    uint8_t longer[100] = { 0 };

    (void)state;
    assert_true(derp_rig_send(&a, DERP_FRAME_PING, data, sizeof(data)));
    derp_rig_turn(&rig);
    assert_true(derp_rig_expect(&a, DERP_FRAME_PONG, data, sizeof(data)));
    memcpy(longer, data, sizeof(data));
    longer[8] = 0xff;
    assert_true(derp_rig_send(&a, DERP_FRAME_PING, longer, sizeof(longer)));
    derp_rig_turn(&rig);
    assert_true(derp_rig_expect(&a, DERP_FRAME_PONG, data, sizeof(data)));
    assert_int_equal(stat(DERP_STAT_GOT_PING), 2);
    assert_int_equal(stat(DERP_STAT_SENT_PONG), 2);
}

static void
test_T23_ping_flood(void **state)
{
    uint8_t frames[1000 * 13];
    uint32_t last = 0, count = 0;
    derp_rig_frame_t f;

    (void)state;
    for (uint32_t i = 0; i < 1000; i++) {
        uint8_t data[8] = { 0 };
        uint32_t number = i + 1;

        memcpy(data, &number, sizeof(number));
        derp_pong_put(frames + i * 13, data);
        frames[i * 13] = DERP_FRAME_PING;
    }
    assert_true(derp_rig_write(&a, frames, sizeof(frames)));
    derp_rig_turn(&rig);
    while (derp_rig_next(&a, &f)) {
        uint32_t number;

        assert_int_equal(f.type, DERP_FRAME_PONG);
        memcpy(&number, f.p, sizeof(number));
        assert_true(number > last);
        last = number;
        count++;
    }
    assert_true(count >= 1 && count <= 1000);
    assert_false(derp_rig_is_closed(&a));
    assert_int_equal(stat(DERP_STAT_GOT_PING), 1000);
}

static void
test_T24_unknown_dest_data(void **state)
{
    ion_secret_key_t secret;
    ion_key_t absent;

    (void)state;
    derp_rig_keys(77, &secret, &absent);
    for (int i = 0; i < 20; i++) {
        assert_true(derp_rig_packet(
            &a, &absent, "this is not disco, only thirty-nine b.", 39));
    }
    derp_rig_turn(&rig);
    assert_true(derp_rig_is_quiet(&a));
    assert_int_equal(
        derp_rig_drops(&rig, DERP_DROP_UNKNOWN_DEST, DERP_KIND_OTHER), 20);
    assert_int_equal(
        derp_rig_drops(&rig, DERP_DROP_UNKNOWN_DEST, DERP_KIND_DISCO), 0);
}

static void
test_T26_not_here_limiter(void **state)
{
    ion_secret_key_t secret;
    ion_key_t absent;
    uint8_t disco[62];

    (void)state;
    derp_rig_keys(77, &secret, &absent);
    derp_rig_disco(disco, sizeof(disco));
    for (int i = 0; i < 6; i++) {
        assert_true(derp_rig_packet(&a, &absent, disco, sizeof(disco)));
    }
    derp_rig_turn(&rig);
    for (int i = 0; i < 3; i++) {
        assert_true(derp_rig_expect_gone(&a, &absent, DERP_GONE_NOT_HERE));
    }
    assert_true(derp_rig_is_quiet(&a));
    derp_rig_advance(&rig, ION_MS(990));
    assert_true(derp_rig_packet(&a, &absent, disco, sizeof(disco)));
    derp_rig_turn(&rig);
    assert_true(derp_rig_is_quiet(&a));
    derp_rig_advance(&rig, ION_MS(10));
    assert_true(derp_rig_packet(&a, &absent, disco, sizeof(disco)));
    derp_rig_turn(&rig);
    assert_true(derp_rig_expect_gone(&a, &absent, DERP_GONE_NOT_HERE));
    assert_true(derp_rig_is_quiet(&a));
    assert_int_equal(stat(DERP_STAT_GONE_NOT_HERE), 4);
    assert_int_equal(
        derp_rig_drops(&rig, DERP_DROP_UNKNOWN_DEST, DERP_KIND_DISCO), 8);

    /* the limiter is the sender's own */
    assert_true(derp_rig_packet(&b, &absent, disco, sizeof(disco)));
    derp_rig_turn(&rig);
    assert_true(derp_rig_expect_gone(&b, &absent, DERP_GONE_NOT_HERE));
}

static void
test_T28_home_stats(void **state)
{
    static const struct {
        uint8_t value;
        uint64_t home;
    } steps[] = { { 1, 1 }, { 1, 1 }, { 0, 0 }, { 0, 0 }, { 7, 1 } };

    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(steps); i++) {
        assert_true(
            derp_rig_send(&b, DERP_FRAME_NOTE_PREFERRED, &steps[i].value, 1));
        derp_rig_turn(&rig);
        assert_int_equal(stat(DERP_STAT_HOME), steps[i].home);
    }
    assert_int_equal(stat(DERP_STAT_HOME_MOVES_IN), 0);
    derp_rig_advance(&rig, ION_SEC(6));
    assert_true(derp_rig_send(&b, DERP_FRAME_NOTE_PREFERRED, "\0", 1));
    assert_true(derp_rig_send(&b, DERP_FRAME_NOTE_PREFERRED, "\1", 1));
    derp_rig_turn(&rig);
    assert_int_equal(stat(DERP_STAT_HOME_MOVES_OUT), 1);
    assert_int_equal(stat(DERP_STAT_HOME_MOVES_IN), 1);
    derp_rig_close(&b);
    derp_rig_turn(&rig);
    assert_int_equal(stat(DERP_STAT_HOME), 0);
}

/* Many packets in one write keep their order, also between workers. */
static void
test_T60_order(void **state)
{
    uint32_t sent = 0, got = 0;

    (void)state;
    while (sent < 3000) {
        for (int i = 0; i < 30; i++) {
            uint8_t payload[1000];

            memset(payload, (int)(sent & 0xff), sizeof(payload));
            memcpy(payload, &sent, sizeof(sent));
            assert_true(derp_rig_packet(&a, &b.key, payload, sizeof(payload)));
            sent++;
        }
        derp_rig_turn(&rig);
        while (got < sent) {
            derp_rig_frame_t f;
            uint32_t number;

            assert_true(derp_rig_next(&b, &f));
            assert_int_equal(f.len, 32 + 1000);
            memcpy(&number, f.p + 32, sizeof(number));
            assert_int_equal(number, got);
            got++;
        }
    }
    assert_int_equal(stat(DERP_STAT_PACKETS_SENT), 3000);
}

/* The numbers of `derp list` follow the traffic. */
static void
test_traffic_is_published(void **state)
{
    ion_dir_row_t row;
    uint64_t pos = 0;
    unsigned seen = 0;

    (void)state;
    assert_true(derp_rig_packet(&a, &b.key, "12345", 5));
    assert_true(derp_rig_send(&b, DERP_FRAME_NOTE_PREFERRED, "\1", 1));
    derp_rig_turn(&rig);
    while (ion_dir_next(rig.master, &pos, &row)) {
        if (memcmp(&row.key, &a.key, sizeof(row.key)) == 0) {
            assert_int_equal(row.traffic.packets_in, 1);
            assert_int_equal(row.traffic.bytes_in, 5);
            assert_int_equal(row.traffic.packets_out, 0);
            assert_int_equal(row.flags, 0);
            seen |= 1;
        } else if (memcmp(&row.key, &b.key, sizeof(row.key)) == 0) {
            assert_int_equal(row.traffic.packets_out, 1);
            assert_int_equal(row.traffic.bytes_out, 5);
            assert_int_equal(row.traffic.packets_in, 0);
            assert_int_equal(row.flags, ION_DIR_PREFERRED);
            seen |= 2;
        }
    }
    assert_int_equal(seen, 3);
}

/* A destination that has just left: dropped, and not delivered to the next
 * one that gets its record. */
static void
test_destination_left(void **state)
{
    derp_rig_client_t x;

    (void)state;
    assert_true(derp_rig_packet(&a, &b.key, "1", 1));
    derp_rig_turn(&rig);
    assert_true(derp_rig_expect_packet(&b, &a.key, "1", 1));
    derp_rig_close(&b);
    derp_rig_turn(&rig);
    derp_rig_login(&rig, &x, far, 50);
    assert_true(derp_rig_packet(&a, &b.key, "2", 1));
    derp_rig_turn(&rig);
    assert_true(derp_rig_is_quiet(&x));
    assert_int_equal(
        derp_rig_drops(&rig, DERP_DROP_UNKNOWN_DEST, DERP_KIND_OTHER), 1);
    derp_rig_close(&x);
}

int
main(void)
{
#define BOTH(name)                                                             \
    { #name " (one worker)", name, setup_near, teardown, NULL },               \
    {                                                                          \
#name " (two workers)", name, setup_far, teardown, NULL                \
    }
    const struct CMUnitTest tests[] = {
        BOTH(test_T17_relay),
        BOTH(test_T18_self_send_and_empty_packet),
        BOTH(test_T19_size_limit),
        BOTH(test_sizes_and_pieces),
        BOTH(test_T20_short_frames),
        BOTH(test_T38_privilege),
        BOTH(test_T21_unknown_frames),
        BOTH(test_T22_ping),
        BOTH(test_T23_ping_flood),
        BOTH(test_T24_unknown_dest_data),
        BOTH(test_T26_not_here_limiter),
        BOTH(test_T28_home_stats),
        BOTH(test_T60_order),
        BOTH(test_traffic_is_published),
        BOTH(test_destination_left),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
