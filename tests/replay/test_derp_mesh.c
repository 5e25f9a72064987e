/*
 * test_derp_mesh.c -- what whoever knows the mesh key may do: forward packets
 * to our clients, disconnect them, and be as fast as it likes.
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
#include <sys/socket.h>

#include <cmocka.h>

#include "derp/derp_fabric.h"
#include "lib/derp_rig.h"

enum { KEY_A = 1, KEY_B = 2, KEY_M = 5, KEY_N = 6, KEY_X = 8, KEY_K = 9 };
enum { MESH = 0x42 };

static derp_rig_t rig;

static int
setup(void **state)
{
    (void)state;
    derp_rig_init(&rig, 3, NULL);
    derp_rig_mesh_key(&rig, MESH);
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
        derp_worker_t *w = rig.worker[i].w;

        assert_int_equal(derp_interests_count(w->interests), 0);
        assert_int_equal(derp_pool_used(w->pool), 0);
    }
    derp_rig_fini(&rig);
    return 0;
}

static void
login_mesh(derp_rig_client_t *c, size_t worker, uint32_t seed)
{
    assert_true(derp_rig_login_mesh(&rig, c, worker, seed, MESH));
}

static void
leave(derp_rig_client_t *c)
{
    derp_rig_close(c);
    derp_rig_turn(&rig);
}

static ion_key_t
key_of(uint32_t seed)
{
    ion_secret_key_t secret;
    ion_key_t key;

    derp_rig_keys(seed, &secret, &key);
    return key;
}

static bool
is_still_there(derp_rig_client_t *c)
{
    static const uint8_t data[DERP_PING_LEN] = "is it?!";
    derp_rig_frame_t f = { .type = 0 };

    assert_true(derp_rig_send(c, DERP_FRAME_PING, data, sizeof(data)));
    derp_rig_turn(&rig);
    while (derp_rig_next(c, &f) && f.type != DERP_FRAME_PONG) {
    }
    return f.type == DERP_FRAME_PONG;
}

/* Where the mesh member and its peer stand. */
static const struct {
    size_t mesh, peer;
} places[] = { { 0, 0 }, { 0, 1 }, { 2, 0 } };

/* A fabric entry of flags, as a link would make it. */
static ion_dir_reg_t
add_forwarder(size_t worker, const ion_key_t *key)
{
    ion_dir_new_t in = { .key = *key, .flags = ION_DIR_FORWARDER };
    ion_dir_reg_t reg;

    assert_int_equal(
        ion_dir_register(rig.worker[worker].p.shm, &in, &reg), ION_OK);
    return reg;
}

/* The link says that its key has left, or is lost. */
static void
remove_forwarder(size_t worker, ion_dir_reg_t *reg)
{
    ion_slot_mask_t all = { { 0 } };
    ion_dir_left_t left;

    for (size_t i = 0; i < rig.count; i++) {
        ion_slot_mask_add(&all, rig.worker[i].p.slot);
    }
    ion_dir_leave(rig.worker[worker].p.shm, &reg->entry, &left);
    derp_fabric_left(rig.worker[worker].w, &left, &all);
    derp_rig_turn(&rig);
}

static void
test_t41_close_peer(void **state)
{
    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(places); i++) {
        derp_rig_client_t m, a, k1, k2, k3;
        ion_key_t nobody = key_of(KEY_X);

        login_mesh(&m, places[i].mesh, KEY_M);
        derp_rig_login(&rig, &a, places[i].peer, KEY_A);
        derp_rig_login(&rig, &k1, places[i].peer, KEY_K);
        derp_rig_login(&rig, &k2, places[i].mesh, KEY_K);
        derp_rig_login(&rig, &k3, 1, KEY_K);
        assert_true(derp_rig_send(
            &m, DERP_FRAME_CLOSE_PEER, nobody.b, sizeof(nobody.b)));
        derp_rig_turn(&rig);
        assert_true(derp_rig_is_quiet(&k1));
        assert_true(derp_rig_send(
            &m, DERP_FRAME_CLOSE_PEER, k1.key.b, sizeof(k1.key.b)));
        derp_rig_turn(&rig);
        assert_true(derp_rig_is_closed(&k1));
        assert_true(derp_rig_is_closed(&k2));
        assert_true(derp_rig_is_closed(&k3));
        assert_true(is_still_there(&a));
        assert_true(is_still_there(&m));
        assert_int_equal(derp_rig_stat(&rig, DERP_STAT_CONNECTIONS), 2);
        derp_rig_close(&k1);
        derp_rig_close(&k2);
        derp_rig_close(&k3);
        leave(&a);
        /* a member may be meant, be it the one who asks */
        assert_true(
            derp_rig_send(&m, DERP_FRAME_CLOSE_PEER, m.key.b, sizeof(m.key.b)));
        derp_rig_turn(&rig);
        assert_true(derp_rig_is_closed(&m));
        derp_rig_close(&m);
    }
}

static void
test_t42_forward_in(void **state)
{
    (void)state;
    ion_key_t x = key_of(KEY_X);
    uint8_t *big = calloc(1, DERP_MAX_PACKET);

    assert_non_null(big);
    memset(big, 0x5c, DERP_MAX_PACKET);
    for (size_t i = 0; i < ION_ARRAY_LEN(places); i++) {
        derp_rig_client_t m, b;
        uint64_t in = derp_rig_stat(&rig, DERP_STAT_FORWARDED_IN);

        login_mesh(&m, places[i].mesh, KEY_M);
        derp_rig_login(&rig, &b, places[i].peer, KEY_B);
        assert_true(derp_rig_forward(&m, &x, &b.key, "data", 4));
        assert_true(derp_rig_forward(&m, &x, &b.key, "", 0));
        assert_true(derp_rig_forward(&m, &x, &b.key, big, DERP_MAX_PACKET));
        derp_rig_turn(&rig);
        assert_true(derp_rig_expect_packet(&b, &x, "data", 4));
        assert_true(derp_rig_expect_packet(&b, &x, "", 0));
        assert_true(derp_rig_expect_packet(&b, &x, big, DERP_MAX_PACKET));
        assert_true(derp_rig_is_quiet(&b));
        assert_int_equal(derp_rig_stat(&rig, DERP_STAT_FORWARDED_IN), in + 3);
        assert_int_equal(derp_rig_stat(&rig, DERP_STAT_PACKETS_RECEIVED), 0);
        /* the source is not known here, so nobody can say that it has left */
        leave(&m);
        assert_true(derp_rig_is_quiet(&b));
        leave(&b);
    }
    free(big);
}

static void
test_forward_without_a_source(void **state)
{
    (void)state;
    ion_key_t none = { { 0 } };
    derp_rig_client_t m, b;

    login_mesh(&m, 0, KEY_M);
    derp_rig_login(&rig, &b, 1, KEY_B);
    assert_true(derp_rig_forward(&m, &none, &b.key, "data", 4));
    derp_rig_turn(&rig);
    assert_true(derp_rig_is_quiet(&b));
    assert_true(is_still_there(&m));
    assert_int_equal(
        derp_rig_drops(&rig, DERP_DROP_UNKNOWN_DEST_ON_FWD, DERP_KIND_OTHER),
        1);
    leave(&m);
    leave(&b);
}

static void
test_t43_forward_miss(void **state)
{
    (void)state;
    ion_key_t x = key_of(KEY_X);
    ion_key_t k = key_of(KEY_K);
    derp_rig_client_t m;
    uint8_t disco[100];
    ion_dir_reg_t link;

    derp_rig_disco(disco, sizeof(disco));
    login_mesh(&m, 0, KEY_M);
    /* nobody has it, and then a link has it: all the same */
    for (int i = 0; i < 2; i++) {
        derp_rig_advance(&rig, ION_SEC(10)); /* the limit of notices is back */
        assert_true(derp_rig_forward(&m, &x, &k, "data", 4));
        derp_rig_turn(&rig);
        assert_true(derp_rig_is_quiet(&m));
        assert_true(derp_rig_forward(&m, &x, &k, disco, sizeof(disco)));
        derp_rig_turn(&rig);
        assert_true(derp_rig_expect_gone(&m, &k, DERP_GONE_NOT_HERE));
        for (int n = 0; n < 5; n++) {
            assert_true(derp_rig_forward(&m, &x, &k, disco, sizeof(disco)));
        }
        derp_rig_turn(&rig);
        assert_true(derp_rig_expect_gone(&m, &k, DERP_GONE_NOT_HERE));
        assert_true(derp_rig_expect_gone(&m, &k, DERP_GONE_NOT_HERE));
        assert_true(derp_rig_is_quiet(&m));
        if (i == 0) {
            link = add_forwarder(1, &k);
        }
    }
    assert_int_equal(
        derp_rig_drops(&rig, DERP_DROP_UNKNOWN_DEST_ON_FWD, DERP_KIND_OTHER),
        2);
    assert_int_equal(
        derp_rig_drops(&rig, DERP_DROP_UNKNOWN_DEST_ON_FWD, DERP_KIND_DISCO),
        12);
    assert_int_equal(
        derp_rig_drops(&rig, DERP_DROP_UNKNOWN_DEST, DERP_KIND_DISCO), 0);
    assert_int_equal(derp_rig_stat(&rig, DERP_STAT_FABRIC_PACKETS), 0);
    remove_forwarder(1, &link);
    leave(&m);
}

/* Who got packets of a client of another relay hears when it has left the
 * region, wherever the link, the member and the receiver stand. */
static void
test_forwarded_source_leaves(void **state)
{
    (void)state;
    ion_key_t x = key_of(KEY_X);

    for (size_t i = 0; i < ION_ARRAY_LEN(places); i++) {
        for (size_t at = 0; at < rig.count; at++) {
            derp_rig_client_t m, b, own;
            ion_dir_reg_t f1, f2;

            login_mesh(&m, places[i].mesh, KEY_M);
            derp_rig_login(&rig, &b, places[i].peer, KEY_B);
            f1 = add_forwarder(at, &x);
            f2 = add_forwarder(0, &x);
            assert_true(derp_rig_forward(&m, &x, &b.key, "1", 1));
            assert_true(derp_rig_forward(&m, &x, &b.key, "2", 1));
            derp_rig_turn(&rig);
            assert_true(derp_rig_expect_packet(&b, &x, "1", 1));
            assert_true(derp_rig_expect_packet(&b, &x, "2", 1));
            /* the other link still leads to it */
            remove_forwarder(at, &f1);
            assert_true(derp_rig_is_quiet(&b));
            /* it comes to us, and its relay loses it */
            derp_rig_login(&rig, &own, 2, KEY_X);
            remove_forwarder(0, &f2);
            assert_true(derp_rig_is_quiet(&b));
            leave(&own);
            assert_true(derp_rig_expect_gone(&b, &x, DERP_GONE_DISCONNECTED));
            assert_true(derp_rig_is_quiet(&b));
            leave(&m);
            leave(&b);
        }
    }
}

/* The source is here too, and the packet has come from where it also is: its
 * own worker learns whom it has reached. */
static void
test_forwarded_source_is_here(void **state)
{
    (void)state;
    ion_key_t x = key_of(KEY_X);

    for (size_t i = 0; i < ION_ARRAY_LEN(places); i++) {
        for (size_t at = 0; at < rig.count; at++) {
            derp_rig_client_t m, b, own;

            login_mesh(&m, places[i].mesh, KEY_M);
            derp_rig_login(&rig, &b, places[i].peer, KEY_B);
            derp_rig_login(&rig, &own, at, KEY_X);
            assert_true(derp_rig_forward(&m, &x, &b.key, "1", 1));
            derp_rig_turn(&rig);
            assert_true(derp_rig_expect_packet(&b, &x, "1", 1));
            leave(&own);
            assert_true(derp_rig_expect_gone(&b, &x, DERP_GONE_DISCONNECTED));
            /* it leaves before its worker has heard */
            derp_rig_login(&rig, &own, at, KEY_X);
            assert_true(derp_rig_forward(&m, &x, &b.key, "2", 1));
            derp_rig_close(&own);
            derp_rig_turn(&rig);
            assert_true(derp_rig_expect_packet(&b, &x, "2", 1));
            if (!derp_rig_is_quiet(&b)) {
                assert_true(
                    derp_rig_expect_gone(&b, &x, DERP_GONE_DISCONNECTED));
            }
            leave(&m);
            leave(&b); /* no interest is left, says the teardown */
        }
    }
}

/* A client of ours that leaves while a link leads to its key has only moved. */
static void
test_client_moves_to_another_relay(void **state)
{
    (void)state;
    ion_key_t x = key_of(KEY_X);

    for (size_t at = 0; at < rig.count; at++) {
        derp_rig_client_t own, b;
        ion_dir_reg_t link;

        derp_rig_login(&rig, &own, 0, KEY_X);
        derp_rig_login(&rig, &b, 1, KEY_B);
        assert_true(derp_rig_packet(&own, &b.key, "1", 1));
        derp_rig_turn(&rig);
        assert_true(derp_rig_expect_packet(&b, &x, "1", 1));
        link = add_forwarder(at, &x);
        leave(&own);
        assert_true(derp_rig_is_quiet(&b));
        remove_forwarder(at, &link);
        assert_true(derp_rig_expect_gone(&b, &x, DERP_GONE_DISCONNECTED));
        assert_true(derp_rig_is_quiet(&b));
        leave(&b);
    }
}

/* What the key opens, it opens for those who present it, at that time. */
static void
test_privilege(void **state)
{
    static const struct {
        uint8_t type;
        size_t len;
    } frames[] = { { DERP_FRAME_CLOSE_PEER, 32 },
        { DERP_FRAME_FORWARD_PACKET, 65 }, { DERP_FRAME_WATCH_CONNS, 0 } };
    static const uint8_t zeros[65];

    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(frames); i++) {
        derp_rig_client_t old, wrong;

        login_mesh(&old, 0, KEY_M);
        assert_true(derp_rig_login_mesh(&rig, &wrong, 0, KEY_N, MESH + 1));
        assert_true(
            derp_rig_send(&wrong, frames[i].type, zeros, frames[i].len));
        derp_rig_turn(&rig);
        assert_true(derp_rig_is_closed(&wrong));
        derp_rig_close(&wrong);
        /* another key is in force now: for logins from here on */
        derp_rig_mesh_key(&rig, MESH + 1);
        assert_true(derp_rig_login_mesh(&rig, &wrong, 0, KEY_N, MESH));
        assert_true(
            derp_rig_send(&wrong, frames[i].type, zeros, frames[i].len));
        assert_true(derp_rig_send(&old, frames[i].type, zeros, frames[i].len));
        derp_rig_turn(&rig);
        assert_true(derp_rig_is_closed(&wrong));
        assert_true(is_still_there(&old));
        derp_rig_close(&wrong);
        /* without one nobody has it */
        derp_rig_mesh_key(&rig, 0);
        assert_true(derp_rig_login_mesh(&rig, &wrong, 0, KEY_N, 0));
        assert_true(
            derp_rig_send(&wrong, frames[i].type, zeros, frames[i].len));
        derp_rig_turn(&rig);
        assert_true(derp_rig_is_closed(&wrong));
        derp_rig_close(&wrong);
        derp_rig_mesh_key(&rig, MESH);
        leave(&old);
    }
}

static void
test_lengths(void **state)
{
    static const struct {
        uint8_t type;
        size_t len;
    } frames[] = { { DERP_FRAME_CLOSE_PEER, 31 }, { DERP_FRAME_CLOSE_PEER, 33 },
        { DERP_FRAME_FORWARD_PACKET, 63 }, { DERP_FRAME_WATCH_CONNS, 1 },
        { DERP_FRAME_FORWARD_PACKET, DERP_MAX_FORWARD + 1 } };
    uint8_t *zeros = calloc(1, DERP_MAX_FORWARD + 1);

    (void)state;
    assert_non_null(zeros);
    for (size_t i = 0; i < ION_ARRAY_LEN(frames); i++) {
        derp_rig_client_t m;

        login_mesh(&m, 0, KEY_M);
        (void)derp_rig_send(&m, frames[i].type, zeros, frames[i].len);
        derp_rig_turn(&rig);
        assert_true(derp_rig_is_closed(&m));
        leave(&m);
    }
    free(zeros);
}

static void
test_t48_mesh_is_not_limited(void **state)
{
    ion_key_t x = key_of(KEY_X);
    derp_rig_client_t m, a;
    uint8_t *big = calloc(1, DERP_MAX_PACKET);

    (void)state;
    assert_non_null(big);
    derp_rig_reload(&rig, "derp:\n  client_rate: 65568\n");
    login_mesh(&m, 0, KEY_M);
    derp_rig_login(&rig, &a, 0, KEY_A);
    for (int i = 0; i < 160; i++) {
        assert_true(derp_rig_forward(&m, &x, &x, big, DERP_MAX_PACKET));
        derp_rig_turn(&rig);
    }
    derp_rig_turn(&rig);
    assert_int_equal(derp_rig_stat(&rig, DERP_STAT_FORWARDED_IN), 160);
    assert_int_equal(derp_rig_stat(&rig, DERP_STAT_RATE_WAITED), 0);
    /* nor does a reload limit it */
    derp_rig_reload(&rig, "derp:\n  client_rate: 65569\n");
    for (int i = 0; i < 160; i++) {
        assert_true(derp_rig_forward(&m, &x, &x, big, DERP_MAX_PACKET));
        derp_rig_turn(&rig);
    }
    derp_rig_turn(&rig);
    assert_int_equal(derp_rig_stat(&rig, DERP_STAT_FORWARDED_IN), 320);
    assert_int_equal(derp_rig_stat(&rig, DERP_STAT_RATE_WAITED), 0);
    assert_true(derp_rig_packet(&a, &x, big, DERP_MAX_PACKET));
    assert_true(derp_rig_packet(&a, &x, big, DERP_MAX_PACKET));
    derp_rig_turn(&rig);
    assert_int_equal(derp_rig_stat(&rig, DERP_STAT_RATE_WAITED), 1);
    leave(&m);
    leave(&a);
    free(big);
}

/* 30 s, whatever derp.write_timeout says. */
static void
test_mesh_write_deadline(void **state)
{
    derp_rig_client_t m, a;
    uint8_t *big = calloc(1, DERP_MAX_PACKET);

    (void)state;
    assert_non_null(big);
    for (int i = 0; i < 2; i++) {
        uint64_t timeouts = derp_rig_stat(&rig, DERP_STAT_WRITE_TIMEOUTS);

        derp_rig_reload(&rig, i == 0 ? "derp:\n  write_timeout: 1s\n"
                                     : "derp:\n  write_timeout: 0\n");
        login_mesh(&m, 0, KEY_M);
        derp_rig_login(&rig, &a, 0, KEY_A);
        for (int n = 0; n < 40; n++) {
            assert_true(derp_rig_packet(&a, &m.key, big, DERP_MAX_PACKET));
            derp_rig_turn(&rig);
        }
        derp_rig_advance(&rig, ION_MS(29900));
        assert_int_equal(
            derp_rig_stat(&rig, DERP_STAT_WRITE_TIMEOUTS), timeouts);
        derp_rig_advance(&rig, ION_MS(200));
        assert_int_equal(
            derp_rig_stat(&rig, DERP_STAT_WRITE_TIMEOUTS), timeouts + 1);
        assert_true(
            derp_rig_expect_gone(&a, &m.key, 0) || derp_rig_is_quiet(&a));
        derp_rig_close(&m);
        leave(&a);
    }
    free(big);
}

/*
 * A member that disconnects a key again and again, faster than another worker
 * reads: what that is told never fills its list, and nothing is forgotten.
 */
static void
test_flood_of_close_peer(void **state)
{
    enum { FRAMES = 1000, LEN = DERP_HEADER_LEN + DERP_KEY_LEN };
    static uint8_t frames[FRAMES * LEN];
    derp_rig_client_t m, k;
    derp_worker_t *w = rig.worker[0].w;
    ion_slot_mask_t corrupt, hung;
    size_t at = 0;

    (void)state;
    login_mesh(&m, 0, KEY_M);
    derp_rig_login(&rig, &k, 1, KEY_K);
    for (uint8_t *p = frames; p < frames + sizeof(frames); p += LEN) {
        derp_header_put(p, DERP_FRAME_CLOSE_PEER, DERP_KEY_LEN);
        memcpy(p + DERP_HEADER_LEN, k.key.b, DERP_KEY_LEN);
    }
    /* its worker is busy with something else all the time */
    ion_loop_hook_del(rig.loop, &rig.worker[1].w->hook);
    for (int i = 0; i < 500; i++) {
        ssize_t n = send(m.fd, frames + at, sizeof(frames) - at, MSG_NOSIGNAL);

        at = n > 0 ? (at + (size_t)n) % sizeof(frames) : at;
        derp_rig_advance(&rig, DERP_CONTROL_RETRY);
    }
    ion_fabric_faults(w->fabric, &corrupt, &hung);
    assert_true(ion_slot_mask_is_empty(&hung));
    assert_true(ion_fabric_is_behind(w->fabric));
    ion_loop_hook_add(rig.loop, &rig.worker[1].w->hook);
    for (int i = 0; i < 100; i++) {
        derp_rig_advance(&rig, DERP_CONTROL_RETRY);
    }
    assert_false(ion_fabric_is_behind(w->fabric));
    assert_true(derp_rig_is_closed(&k));
    derp_rig_close(&k);
    assert_true(derp_rig_write(&m, frames + at, LEN - at % LEN));
    assert_true(is_still_there(&m));
    leave(&m);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_t41_close_peer, setup, teardown),
        cmocka_unit_test_setup_teardown(test_t42_forward_in, setup, teardown),
        cmocka_unit_test_setup_teardown(
            test_forward_without_a_source, setup, teardown),
        cmocka_unit_test_setup_teardown(test_t43_forward_miss, setup, teardown),
        cmocka_unit_test_setup_teardown(
            test_forwarded_source_leaves, setup, teardown),
        cmocka_unit_test_setup_teardown(
            test_forwarded_source_is_here, setup, teardown),
        cmocka_unit_test_setup_teardown(
            test_client_moves_to_another_relay, setup, teardown),
        cmocka_unit_test_setup_teardown(test_privilege, setup, teardown),
        cmocka_unit_test_setup_teardown(test_lengths, setup, teardown),
        cmocka_unit_test_setup_teardown(
            test_t48_mesh_is_not_limited, setup, teardown),
        cmocka_unit_test_setup_teardown(
            test_mesh_write_deadline, setup, teardown),
        cmocka_unit_test_setup_teardown(
            test_flood_of_close_peer, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
