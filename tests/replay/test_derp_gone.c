/*
 * test_derp_gone.c -- duplicates, departures, and workers that die.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "lib/derp_rig.h"

enum { KEY_A = 1, KEY_B = 2, KEY_C = 3, KEY_K = 9 };

static derp_rig_t rig;

static int
setup(void **state)
{
    (void)state;
    derp_rig_init(&rig, 3, NULL);
    return 0;
}

static int
teardown(void **state)
{
    ion_dir_row_t row;
    uint64_t pos = 0;

    (void)state;
    derp_rig_turn(&rig);
    assert_false(ion_dir_next(rig.master, &pos, &row));
    for (size_t i = 0; i < rig.count; i++) {
        if (!rig.worker[i].is_dead) {
            derp_worker_t *w = rig.worker[i].w;

            assert_int_equal(derp_interests_count(w->interests), 0);
            assert_int_equal(derp_pool_used(w->pool), 0);
        }
    }
    derp_rig_fini(&rig);
    return 0;
}

static void
leave(derp_rig_client_t *c)
{
    derp_rig_close(c);
    derp_rig_turn(&rig);
}

static void
deliver(derp_rig_client_t *from, derp_rig_client_t *to, const char *text)
{
    assert_true(derp_rig_packet(from, &to->key, text, strlen(text)));
    derp_rig_turn(&rig);
    assert_true(derp_rig_expect_packet(to, &from->key, text, strlen(text)));
}

static void
expect_gone(derp_rig_client_t *c, const ion_key_t *key)
{
    assert_true(derp_rig_expect_gone(c, key, DERP_GONE_DISCONNECTED));
}

/* Where two duplicates and their peer stand. */
static const struct {
    size_t c1, c2, peer;
} places[] = { { 0, 0, 0 }, { 0, 0, 1 }, { 0, 1, 0 }, { 0, 1, 1 }, { 1, 0, 1 },
    { 0, 1, 2 }, { 2, 0, 1 }, { 1, 2, 0 } };

static void
check_counts(uint64_t keys, uint64_t dup_keys, uint64_t dup_conns)
{
    ion_dir_counts_t n;

    ion_dir_count(rig.master, &n);
    assert_int_equal(n.keys, keys);
    assert_int_equal(n.dup_keys, dup_keys);
    assert_int_equal(n.dup_conns, dup_conns);
}

static void
test_T27_peer_gone(void **state)
{
    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(places); i++) {
        derp_rig_client_t a, b, c;

        derp_rig_login(&rig, &a, places[i].c1, KEY_A);
        derp_rig_login(&rig, &b, places[i].c2, KEY_B);
        derp_rig_login(&rig, &c, places[i].peer, KEY_C);
        deliver(&a, &b, "1");
        deliver(&b, &c, "2");
        deliver(&b, &c, "3");
        leave(&b);
        expect_gone(&c, &b.key);
        assert_true(derp_rig_is_quiet(&c));
        assert_true(derp_rig_is_quiet(&a));
        leave(&c);
        assert_true(derp_rig_is_quiet(&a));

        /* it comes back, and the interest is armed anew */
        derp_rig_login(&rig, &b, places[i].c2, KEY_B);
        deliver(&b, &a, "4");
        leave(&b);
        expect_gone(&a, &b.key);
        assert_true(derp_rig_is_quiet(&a));
        leave(&a);
    }
}

static void
test_T32_dup_replace(void **state)
{
    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(places); i++) {
        derp_rig_client_t c1, c2, a;
        uint64_t total = derp_rig_stat(&rig, DERP_STAT_DUP_TOTAL);

        derp_rig_login(&rig, &a, places[i].peer, KEY_A);
        derp_rig_login(&rig, &c1, places[i].c1, KEY_K);
        deliver(&a, &c1, "1");
        check_counts(2, 0, 0);
        derp_rig_login(&rig, &c2, places[i].c2, KEY_K);
        check_counts(2, 1, 2);
        assert_int_equal(derp_rig_stat(&rig, DERP_STAT_DUP_TOTAL), total + 1);
        deliver(&a, &c2, "2");
        assert_true(derp_rig_is_quiet(&c1));
        leave(&c1);
        check_counts(2, 0, 0);
        deliver(&a, &c2, "3");
        assert_true(derp_rig_is_quiet(&c2));
        leave(&c2);
        leave(&a);
    }
}

static void
test_T33_dup_last_writer(void **state)
{
    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(places); i++) {
        derp_rig_client_t c1, c2, a;

        derp_rig_login(&rig, &a, places[i].peer, KEY_A);
        derp_rig_login(&rig, &c1, places[i].c1, KEY_K);
        derp_rig_login(&rig, &c2, places[i].c2, KEY_K);
        assert_true(derp_rig_send(&c1, 0x77, NULL, 0)); /* any frame */
        derp_rig_turn(&rig);
        deliver(&a, &c1, "1");
        assert_true(derp_rig_is_quiet(&c2));
        assert_true(derp_rig_send(&c2, DERP_FRAME_PING, "12345678", 8));
        derp_rig_turn(&rig);
        assert_true(derp_rig_expect(&c2, DERP_FRAME_PONG, "12345678", 8));
        deliver(&a, &c2, "2");
        assert_true(derp_rig_is_quiet(&c1));
        leave(&c2);
        deliver(&a, &c1, "3");

        /* the survivor is single again, and not looked up at every frame */
        assert_true(derp_rig_send(&c1, 0x77, NULL, 0));
        derp_rig_turn(&rig);
        deliver(&a, &c1, "4");
        leave(&c1);
        leave(&a);
    }
}

static void
test_T34_dup_gone(void **state)
{
    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(places); i++) {
        for (int first = 0; first < 4; first++) {
            derp_rig_client_t c[2], a;
            int sender = first & 1;
            int leaver = first >> 1;

            derp_rig_login(&rig, &a, places[i].peer, KEY_A);
            derp_rig_login(&rig, &c[0], places[i].c1, KEY_K);
            derp_rig_login(&rig, &c[1], places[i].c2, KEY_K);
            deliver(&c[sender], &a, "x");
            leave(&c[leaver]);
            assert_true(derp_rig_is_quiet(&a));
            leave(&c[1 - leaver]);
            expect_gone(&a, &c[0].key);
            assert_true(derp_rig_is_quiet(&a));
            leave(&a);
        }
    }
}

/* Three of a key: the active one is the one that wrote last. */
static void
test_three_of_a_key(void **state)
{
    derp_rig_client_t c[3], a;

    (void)state;
    derp_rig_login(&rig, &a, 0, KEY_A);
    for (size_t i = 0; i < 3; i++) {
        derp_rig_login(&rig, &c[i], i, KEY_K);
    }
    check_counts(2, 1, 3);
    deliver(&c[0], &a, "0");
    deliver(&c[1], &a, "1");
    deliver(&c[2], &a, "2");
    deliver(&c[0], &a, "3");
    deliver(&a, &c[0], "4");
    leave(&c[0]);
    deliver(&a, &c[2], "5");
    leave(&c[2]);
    deliver(&a, &c[1], "6");
    check_counts(2, 0, 0);
    assert_true(derp_rig_is_quiet(&a));
    leave(&c[1]);
    expect_gone(&a, &c[1].key);
    leave(&a);
}

/* PeerGone comes behind everything the key had sent. */
static void
test_gone_behind_what_is_queued(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        derp_rig_client_t a, b;
        uint8_t big[8000];
        uint8_t disco[100];
        int small = 4096;
        unsigned packets = 0;
        derp_rig_frame_t f;

        derp_rig_login(&rig, &a, i, KEY_A);
        derp_rig_login(&rig, &b, 0, KEY_B);
        assert_int_equal(setsockopt(b.server_fd, SOL_SOCKET, SO_SNDBUF, &small,
                             sizeof(small)),
            0);
        memset(big, 1, sizeof(big));
        derp_rig_disco(disco, sizeof(disco));
        for (int k = 0; k < 20; k++) {
            assert_true(derp_rig_packet(&a, &b.key, big, sizeof(big)));
            assert_true(derp_rig_packet(&a, &b.key, disco, sizeof(disco)));
            derp_rig_turn(&rig);
        }
        leave(&a);
        for (int k = 0; k < 200; k++) {
            derp_rig_turn(&rig);
            while (derp_rig_next(&b, &f)) {
                if (f.type == DERP_FRAME_PEER_GONE) {
                    assert_int_equal(packets, 40);
                    packets = 1000;
                } else {
                    assert_int_equal(f.type, DERP_FRAME_RECV_PACKET);
                    packets++;
                }
            }
        }
        assert_int_equal(packets, 1000);
        leave(&b);
    }
}

/* The receiver leaves first: nobody is told, nothing is left over. */
static void
test_receiver_leaves_first(void **state)
{
    derp_rig_client_t a, b;

    (void)state;
    derp_rig_login(&rig, &a, 0, KEY_A);
    derp_rig_login(&rig, &b, 1, KEY_B);
    deliver(&a, &b, "1");
    leave(&b);
    assert_true(derp_rig_is_quiet(&a));
    leave(&a);
    assert_int_equal(derp_rig_stat(&rig, DERP_STAT_GONE_DISCONNECTED), 0);
}

/*
 * The last two of a key leave one after the other while the receiver's worker
 * is busy elsewhere: its GONE comes from one worker, the last packet from
 * another. Whatever is drained first, the receiver gets the packet and then
 * PeerGone, once.
 */
static void
test_gone_overtakes_data(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        for (int armed = 0; armed < 2; armed++) {
            derp_rig_client_t c1, c2, r;
            derp_worker_t *w1 = rig.worker[1].w;

            derp_rig_login(&rig, &r, 1, KEY_A);
            derp_rig_login(&rig, &c1, i == 0 ? 0 : 2, KEY_K);
            derp_rig_login(&rig, &c2, i == 0 ? 2 : 0, KEY_K);
            if (armed == 1) {
                deliver(&c1, &r, "before");
            }
            ion_loop_hook_del(rig.loop, &w1->hook);
            assert_true(derp_rig_packet(&c1, &r.key, "last", 4));
            derp_rig_turn(&rig);
            leave(&c1);
            leave(&c2);
            assert_true(derp_rig_is_quiet(&r));
            ion_loop_hook_add(rig.loop, &w1->hook);
            derp_rig_turn(&rig);
            if (derp_rig_expect_gone(&r, &c1.key, DERP_GONE_DISCONNECTED)) {
                /* of what came before; the packet arms a second one */
                assert_int_equal(armed, 1);
            }
            assert_true(derp_rig_expect_packet(&r, &c1.key, "last", 4));
            expect_gone(&r, &c1.key);
            assert_true(derp_rig_is_quiet(&r));
            leave(&r);
        }
    }
}

/* A worker dies: its clients look as if they had disconnected. */
static void
test_worker_dies(void **state)
{
    derp_rig_client_t a, b, c, k0, k1;
    size_t reborn;

    (void)state;
    derp_rig_login(&rig, &a, 0, KEY_A);
    derp_rig_login(&rig, &b, 1, KEY_B);
    derp_rig_login(&rig, &c, 2, KEY_C);
    derp_rig_login(&rig, &k0, 0, KEY_K);
    derp_rig_login(&rig, &k1, 1, KEY_K);
    deliver(&b, &a, "1");
    deliver(&b, &c, "2");
    deliver(&c, &a, "3");
    deliver(&k1, &a, "4");
    deliver(&k1, &c, "4");
    deliver(&a, &k1, "5");
    deliver(&a, &b, "6");

    derp_rig_kill(&rig, 1);
    derp_rig_turn(&rig);
    expect_gone(&a, &b.key);
    assert_true(derp_rig_is_quiet(&a));
    expect_gone(&c, &b.key);
    assert_true(derp_rig_is_quiet(&c));

    /* what was cached leads nowhere now, and the duplicate takes over */
    deliver(&a, &k0, "7");
    assert_true(derp_rig_packet(&a, &b.key, "8", 1));
    derp_rig_turn(&rig);
    assert_int_equal(
        derp_rig_drops(&rig, DERP_DROP_UNKNOWN_DEST, DERP_KIND_OTHER), 1);
    assert_true(derp_rig_retired(&rig, 1));
    check_counts(3, 0, 0);

    /* its successor may take the same slot */
    reborn = derp_rig_start(&rig);
    derp_rig_close(&b);
    derp_rig_close(&k1);
    derp_rig_login(&rig, &b, reborn, KEY_B);
    deliver(&a, &b, "9");
    deliver(&b, &a, "10");
    leave(&b);
    expect_gone(&a, &b.key);
    leave(&k0);
    expect_gone(&a, &k0.key); /* also where only the dead one had sent to */
    expect_gone(&c, &k0.key);
    leave(&a);
    leave(&c);
}

/* What a dead worker had published is still delivered, and then PeerGone. */
static void
test_last_words_of_a_dead_worker(void **state)
{
    derp_rig_client_t a, b;
    derp_worker_t *w0 = rig.worker[0].w;

    (void)state;
    derp_rig_login(&rig, &a, 0, KEY_A);
    derp_rig_login(&rig, &b, 1, KEY_B);
    ion_loop_hook_del(rig.loop, &w0->hook);
    assert_true(derp_rig_packet(&b, &a.key, "last words", 10));
    derp_rig_turn(&rig);
    derp_rig_kill(&rig, 1);
    derp_rig_turn(&rig);
    assert_true(derp_rig_is_quiet(&a));
    ion_loop_hook_add(rig.loop, &w0->hook);
    derp_rig_turn(&rig);
    assert_true(derp_rig_expect_packet(&a, &b.key, "last words", 10));
    expect_gone(&a, &b.key);
    assert_true(derp_rig_is_quiet(&a));
    assert_true(derp_rig_retired(&rig, 1));
    derp_rig_close(&b);
    leave(&a);
}

/* A worker that stops in good order takes its clients out itself. */
static void
test_worker_stops(void **state)
{
    derp_rig_client_t a, b;

    (void)state;
    derp_rig_login(&rig, &a, 0, KEY_A);
    derp_rig_login(&rig, &b, 1, KEY_B);
    deliver(&b, &a, "1");
    derp_module.stop(&rig.worker[1].p, 0);
    derp_rig_turn(&rig);
    assert_true(derp_rig_is_closed(&b));
    expect_gone(&a, &b.key);
    derp_rig_close(&b);
    leave(&a);
    rig.worker[1].is_dead = true;
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_T27_peer_gone),
        TEST(test_T32_dup_replace),
        TEST(test_T33_dup_last_writer),
        TEST(test_T34_dup_gone),
        TEST(test_three_of_a_key),
        TEST(test_gone_behind_what_is_queued),
        TEST(test_receiver_leaves_first),
        TEST(test_gone_overtakes_data),
        TEST(test_worker_dies),
        TEST(test_last_words_of_a_dead_worker),
        TEST(test_worker_stops),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
