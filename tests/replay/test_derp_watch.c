/*
 * test_derp_watch.c -- mesh members that watch who comes and goes, on one
 * worker and across several.
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

enum { KEY_A = 1, KEY_B = 2, KEY_D = 4, KEY_W = 6, KEY_V = 7, KEY_K = 9 };
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
        const derp_worker_t *w = rig.worker[i].w;

        if (!rig.worker[i].is_dead) {
            assert_null(w->watch);
            assert_int_equal(w->stats[DERP_STAT_WATCHERS], 0);
            assert_int_equal(derp_pool_used(w->pool), 0);
        }
    }
    derp_rig_fini(&rig);
    return 0;
}

static ion_key_t
key_of(uint32_t seed)
{
    ion_secret_key_t secret;
    ion_key_t key;

    derp_rig_keys(seed, &secret, &key);
    return key;
}

static void
leave(derp_rig_client_t *c)
{
    derp_rig_close(c);
    derp_rig_turn(&rig);
}

static void
watch_conns(derp_rig_client_t *c)
{
    assert_true(derp_rig_send(c, DERP_FRAME_WATCH_CONNS, NULL, 0));
    derp_rig_turn(&rig);
}

static void
login_watcher(derp_rig_client_t *c, size_t worker, uint32_t seed)
{
    assert_true(derp_rig_login_mesh(&rig, c, worker, seed, MESH));
    watch_conns(c);
}

/* The next frame is PeerPresent, exactly so; the rig's clients come from
 * 192.0.2.1:41641. */
static bool
takes_present(derp_rig_client_t *c, const ion_key_t *key, uint8_t flags)
{
    static const uint8_t where[] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff,
        192, 0, 2, 1, 0xa2, 0xa9 };
    uint8_t payload[51];

    memcpy(payload, key->b, 32);
    memcpy(payload + 32, where, sizeof(where));
    payload[50] = flags;
    return derp_rig_expect(
        c, DERP_FRAME_PEER_PRESENT, payload, sizeof(payload));
}

static void
told_gone(derp_rig_client_t *c, const ion_key_t *key)
{
    assert_true(derp_rig_expect_gone(c, key, DERP_GONE_DISCONNECTED));
}

/* Those keys, each once, in any order, with these flags. */
static void
told_all(derp_rig_client_t *c, const ion_key_t *keys, const uint8_t *flags,
    size_t count)
{
    bool seen[8] = { false };

    for (size_t i = 0; i < count; i++) {
        size_t k = 0;

        while (k < count && (seen[k] || !takes_present(c, &keys[k], flags[k])))
        {
            k++;
        }
        assert_true(k < count);
        seen[k] = true;
    }
    assert_true(derp_rig_is_quiet(c));
}

/* Where the watcher and two clients stand. */
static const struct {
    size_t watcher, a, b;
} places[] = { { 0, 0, 0 }, { 0, 1, 1 }, { 0, 1, 2 }, { 2, 0, 2 } };

static void
test_t35_watch_flood(void **state)
{
    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(places); i++) {
        static const uint8_t flags[] = { 2, 1, 1 };
        derp_rig_client_t w, a, b;
        ion_key_t keys[3];

        derp_rig_login(&rig, &a, places[i].a, KEY_A);
        derp_rig_login(&rig, &b, places[i].b, KEY_B);
        login_watcher(&w, places[i].watcher, KEY_W);
        keys[0] = w.key;
        keys[1] = a.key;
        keys[2] = b.key;
        told_all(&w, keys, flags, 3);
        assert_int_equal(derp_rig_stat(&rig, DERP_STAT_WATCHERS), 1);
        watch_conns(&w); /* all over again */
        told_all(&w, keys, flags, 3);
        assert_int_equal(derp_rig_stat(&rig, DERP_STAT_WATCHERS), 1);
        leave(&w);
        leave(&a);
        leave(&b);
    }
    /* eight times three in one batch each */
    assert_int_equal(derp_rig_stat(&rig, DERP_STAT_MESH_BATCH_SUM), 24);
    assert_int_equal(derp_rig_stat(&rig, DERP_STAT_MESH_BATCH_COUNT), 8);
    assert_int_equal(derp_rig_stat(&rig, DERP_STAT_MESH_BATCH + 2), 0);
    assert_int_equal(derp_rig_stat(&rig, DERP_STAT_MESH_BATCH + 3), 8);
    assert_int_equal(derp_rig_stat(&rig, DERP_STAT_MESH_BATCH + 11), 8);
    assert_int_equal(derp_rig_stat(&rig, DERP_STAT_MESH_LOOPS_SUM), 8);
    assert_int_equal(derp_rig_stat(&rig, DERP_STAT_MESH_LOOPS_COUNT), 8);
    assert_int_equal(derp_rig_stat(&rig, DERP_STAT_MESH_LOOPS), 0);
    assert_int_equal(derp_rig_stat(&rig, DERP_STAT_MESH_LOOPS + 1), 8);
}

static void
test_t36_watch_stream(void **state)
{
    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(places); i++) {
        static const uint8_t flags[] = { 2, 2, 1 };
        derp_rig_client_t w, v, a, d;
        ion_key_t keys[3];

        derp_rig_login(&rig, &a, places[i].a, KEY_A);
        login_watcher(&w, places[i].watcher, KEY_W);
        keys[0] = w.key;
        keys[1] = a.key;
        told_all(&w, keys, (const uint8_t[]){ 2, 1 }, 2);
        derp_rig_login(&rig, &d, places[i].b, KEY_D);
        assert_true(takes_present(&w, &d.key, 1));
        leave(&a);
        told_gone(&w, &a.key);
        assert_true(derp_rig_is_quiet(&w));
        /* a second one hears of both, the first of the second */
        login_watcher(&v, places[i].b, KEY_V);
        assert_true(takes_present(&w, &v.key, 2));
        keys[1] = v.key;
        keys[2] = d.key;
        told_all(&v, keys, flags, 3);
        leave(&w);
        told_gone(&v, &w.key);
        leave(&d);
        told_gone(&v, &d.key);
        assert_true(derp_rig_is_quiet(&v));
        leave(&v);
    }
}

static void
test_t37_watch_duplicates(void **state)
{
    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(places); i++) {
        derp_rig_client_t w, v, k1, k2;

        login_watcher(&w, places[i].watcher, KEY_W);
        assert_true(takes_present(&w, &w.key, 2));
        derp_rig_login(&rig, &k1, places[i].a, KEY_K);
        assert_true(takes_present(&w, &k1.key, 1));
        derp_rig_login(&rig, &k2, places[i].b, KEY_K);
        assert_true(takes_present(&w, &k1.key, 1));
        /* who begins to watch now hears of the key once */
        login_watcher(&v, places[i].a, KEY_V);
        told_all(&v, (const ion_key_t[]){ w.key, v.key, k1.key },
            (const uint8_t[]){ 2, 2, 1 }, 3);
        assert_true(takes_present(&w, &v.key, 2));
        leave(&k1);
        assert_true(derp_rig_is_quiet(&w));
        leave(&k2);
        told_gone(&w, &k1.key);
        told_gone(&v, &k1.key);
        assert_true(derp_rig_is_quiet(&w));
        assert_true(derp_rig_is_quiet(&v));
        leave(&v);
        leave(&w);
    }
}

static void
test_t52_flags(void **state)
{
    derp_rig_opts_t opts = { .is_not_ideal = true };
    derp_rig_client_t w, c;
    uint8_t frame[256];
    size_t n;

    (void)state;
    login_watcher(&w, 0, KEY_W);
    assert_true(takes_present(&w, &w.key, 2));
    for (int i = 0; i < 2; i++) {
        derp_rig_connect(&rig, &c, 1, KEY_A, &opts);
        n = derp_rig_client_info(
            &c, i == 0 ? "{}" : "{\"IsProber\":true}", frame, sizeof(frame));
        assert_true(derp_rig_write(&c, frame, n));
        derp_rig_turn(&rig);
        assert_true(takes_present(&w, &c.key, i == 0 ? 0x08 : 0x0c));
        leave(&c);
        told_gone(&w, &c.key);
    }
    assert_true(derp_rig_login_as(&rig, &c, 1, KEY_A, "{\"IsProber\":true}"));
    assert_true(takes_present(&w, &c.key, 0x04));
    leave(&c);
    told_gone(&w, &c.key);
    leave(&w);
}

/* A connection of the relay to itself: nothing at all is told to it. */
static void
test_own_key(void **state)
{
    derp_rig_client_t w, self, a;

    (void)state;
    login_watcher(&self, 0, 0); /* seed 0 is the server's */
    assert_true(derp_rig_is_quiet(&self));
    login_watcher(&w, 1, KEY_W);
    told_all(&w, (const ion_key_t[]){ w.key, self.key },
        (const uint8_t[]){ 2, 2 }, 2);
    derp_rig_login(&rig, &a, 0, KEY_A);
    assert_true(takes_present(&w, &a.key, 1));
    watch_conns(&self);
    assert_true(derp_rig_is_quiet(&self));
    assert_int_equal(derp_rig_stat(&rig, DERP_STAT_WATCHERS), 1);
    leave(&self);
    told_gone(&w, &self.key);
    leave(&a);
    told_gone(&w, &a.key);
    leave(&w);
}

/* Keys behind links are another relay's to tell of. */
static void
test_forwarders_are_not_told(void **state)
{
    ion_dir_new_t in = { .flags = ION_DIR_FORWARDER };
    ion_dir_left_t left;
    ion_dir_reg_t reg;
    derp_rig_client_t w, v, own;

    (void)state;
    in.key = key_of(KEY_K);
    login_watcher(&w, 0, KEY_W);
    assert_true(takes_present(&w, &w.key, 2));
    assert_int_equal(ion_dir_register(rig.worker[1].p.shm, &in, &reg), ION_OK);
    assert_true(ion_slot_mask_is_empty(&reg.watchers));
    login_watcher(&v, 1, KEY_V);
    told_all(
        &v, (const ion_key_t[]){ w.key, v.key }, (const uint8_t[]){ 2, 2 }, 2);
    assert_true(takes_present(&w, &v.key, 2));
    derp_rig_login(&rig, &own, 2, KEY_K);
    assert_true(takes_present(&w, &own.key, 1));
    leave(&own);
    told_gone(&w, &own.key); /* from this relay it has gone */
    ion_dir_leave(rig.worker[1].p.shm, &reg.entry, &left);
    assert_true(ion_slot_mask_is_empty(&left.watchers));
    derp_rig_turn(&rig);
    assert_true(derp_rig_is_quiet(&w));
    leave(&v);
    leave(&w);
}

/* A worker dies: its clients have left, those that others have too have not;
 * with it goes its watcher. */
static void
test_worker_dies(void **state)
{
    derp_rig_client_t w, v, a, k1, k2;

    (void)state;
    login_watcher(&w, 0, KEY_W);
    derp_rig_login(&rig, &a, 1, KEY_A);
    derp_rig_login(&rig, &k1, 1, KEY_K);
    derp_rig_login(&rig, &k2, 2, KEY_K);
    login_watcher(&v, 1, KEY_V);
    assert_true(takes_present(&w, &w.key, 2));
    assert_true(takes_present(&w, &a.key, 1));
    assert_true(takes_present(&w, &k1.key, 1));
    assert_true(takes_present(&w, &k1.key, 1));
    assert_true(takes_present(&w, &v.key, 2));
    derp_rig_kill(&rig, 1);
    derp_rig_turn(&rig);
    told_gone(&w, &a.key);
    told_gone(&w, &v.key);
    assert_true(derp_rig_is_quiet(&w));
    assert_true(derp_rig_retired(&rig, 1));
    leave(&k2);
    told_gone(&w, &k2.key);
    /* nobody sends to who watched in the dead slot */
    derp_rig_login(&rig, &k2, 2, KEY_K);
    assert_true(takes_present(&w, &k2.key, 1));
    derp_rig_close(&a);
    derp_rig_close(&k1);
    derp_rig_close(&v);
    leave(&k2);
    told_gone(&w, &k2.key);
    leave(&w);
}

/* More than 64 on one worker: the last one is sent away, and finds a place
 * when there is one. */
static void
test_too_many_watchers(void **state)
{
    derp_rig_client_t w[66];

    (void)state;
    for (uint32_t i = 0; i < 65; i++) {
        login_watcher(&w[i], 0, 100 + i);
    }
    assert_true(derp_rig_is_closed(&w[64]));
    assert_int_equal(derp_rig_stat(&rig, DERP_STAT_WATCHERS), 64);
    leave(&w[64]);
    leave(&w[10]);
    login_watcher(&w[65], 0, 200);
    assert_int_equal(derp_rig_stat(&rig, DERP_STAT_WATCHERS), 64);
    for (uint32_t i = 0; i < 66; i++) {
        if (i != 10 && i != 64) {
            derp_rig_close(&w[i]);
        }
    }
    derp_rig_turn(&rig);
}

enum { CROWD = 40, WATCHERS = 5, GUESTS = CROWD + WATCHERS };
enum { CROWD_KEYS = CROWD / 2, KEYS = CROWD_KEYS + WATCHERS, KEY_0 = 300 };

/* The first CROWD of them are clients, two of each key; the others watch. */
static struct {
    derp_rig_client_t c;
    bool is_in;
    size_t worker;
} guest[GUESTS];

static size_t
key_index(size_t i)
{
    return i < CROWD ? i / 2 : i - CROWD + CROWD_KEYS;
}

/* Connect, and send what is to be sent; clients' logins are not waited for. */
static void
come(size_t i, size_t worker)
{
    derp_rig_client_t *c = &guest[i].c;
    uint32_t seed = KEY_0 + (uint32_t)key_index(i);
    uint8_t frame[256];
    size_t n;

    guest[i].is_in = true;
    guest[i].worker = worker;
    if (i >= CROWD) {
        assert_true(derp_rig_login_mesh(&rig, c, worker, seed, MESH));
        assert_true(derp_rig_send(c, DERP_FRAME_WATCH_CONNS, NULL, 0));
        return;
    }
    derp_rig_connect(&rig, c, worker, seed, NULL);
    n = derp_rig_client_info(c, "{}", frame, sizeof(frame));
    assert_true(derp_rig_write(c, frame, n));
}

static void
go(size_t i)
{
    if (guest[i].is_in) {
        derp_rig_close(&guest[i].c);
        guest[i].is_in = false;
    }
}

/* One worker dies, and with it those who are on it. */
static void
kill_worker(size_t worker)
{
    derp_rig_kill(&rig, worker);
    for (size_t i = 0; i < GUESTS; i++) {
        if (guest[i].worker == worker) {
            go(i);
        }
    }
}

/* A watcher knows who is there, and heard of no end without a beginning. */
static void
check_watcher(derp_rig_client_t *c)
{
    bool knows[KEYS] = { false };
    bool is_there[KEYS] = { false };
    derp_rig_frame_t f;

    while (derp_rig_next(c, &f)) {
        size_t k = 0;
        ion_key_t key = key_of(KEY_0);

        while (memcmp(key.b, f.p, sizeof(key.b)) != 0) {
            k++;
            assert_in_range(k, 1, KEYS - 1);
            key = key_of(KEY_0 + (uint32_t)k);
        }
        assert_true(f.type == DERP_FRAME_PEER_PRESENT ||
                    (f.type == DERP_FRAME_PEER_GONE && knows[k]));
        knows[k] = f.type == DERP_FRAME_PEER_PRESENT;
    }
    assert_true(derp_rig_is_quiet(c));
    for (size_t i = 0; i < GUESTS; i++) {
        is_there[key_index(i)] |= guest[i].is_in;
    }
    assert_memory_equal(knows, is_there, sizeof(knows));
}

/* Everybody comes and goes as chance has it, workers turn before others have
 * heard, and one dies; whoever watches knows in the end who is there. */
static void
run_crowd(unsigned seed)
{
    memset(guest, 0, sizeof(guest));
    srand(seed);
    for (int step = 0; step < 400; step++) {
        size_t i = (size_t)rand() % CROWD;
        size_t worker = (size_t)rand() % rig.count;
        unsigned events = 0;

        while (rig.worker[worker].is_dead) {
            worker = (worker + 1) % rig.count;
        }
        if (rand() % 8 == 0) {
            i = CROWD + (size_t)rand() % WATCHERS;
        }
        if (guest[i].is_in) {
            go(i);
        } else {
            come(i, worker);
        }
        if (rand() % 3 == 0) {
            assert_int_equal(ion_loop_turn(rig.loop, false, &events), ION_OK);
        }
        if (step == 200) {
            kill_worker(1);
        }
    }
    derp_rig_turn(&rig);
    for (size_t i = CROWD; i < GUESTS; i++) {
        if (guest[i].is_in) {
            check_watcher(&guest[i].c);
        }
    }
    for (size_t i = 0; i < GUESTS; i++) {
        go(i);
    }
    derp_rig_turn(&rig);
}

static void
test_crowd(void **state)
{
    for (unsigned seed = 1; seed <= 20; seed++) {
        run_crowd(seed);
        teardown(state);
        setup(state);
    }
}

/* A member that asks again and again costs what it takes, and no memory. */
static void
test_flood_of_watch_conns(void **state)
{
    enum { PEERS = 100, FRAMES = 4000 };
    derp_rig_client_t w, a[PEERS];
    uint8_t *frames = calloc(FRAMES, DERP_HEADER_LEN);
    derp_rig_frame_t f;
    size_t n = 0;

    (void)state;
    assert_non_null(frames);
    for (uint32_t i = 0; i < PEERS; i++) {
        derp_rig_login(&rig, &a[i], i % 3, 300 + i);
    }
    login_watcher(&w, 0, KEY_W);
    for (size_t i = 0; i < FRAMES; i++) {
        derp_header_put(
            frames + i * DERP_HEADER_LEN, DERP_FRAME_WATCH_CONNS, 0);
    }
    while (derp_rig_next(&w, &f)) {
        n++;
    }
    assert_int_equal(n, PEERS + 1);
    assert_true(derp_rig_write(&w, frames, (size_t)FRAMES * DERP_HEADER_LEN));
    derp_rig_turn(&rig);
    for (n = 0; derp_rig_next(&w, &f); n++) {
    }
    /* one flood for each turn's input at most, and at least one */
    assert_in_range(n, PEERS + 1, 16 * (PEERS + 1));
    assert_true(derp_rig_is_quiet(&w));
    for (uint32_t i = 0; i < PEERS; i++) {
        derp_rig_close(&a[i]);
    }
    leave(&w);
    free(frames);
}

/* Who takes nothing is closed after 30 s; what it had to be told goes too. */
static void
test_slow_watcher(void **state)
{
    enum { PEERS = 300 };
    derp_rig_client_t w, *a = calloc(PEERS, sizeof(*a));
    int floods = 0;

    (void)state;
    assert_non_null(a);
    for (uint32_t i = 0; i < PEERS; i++) {
        derp_rig_login(&rig, &a[i], i % 3, 300 + i);
    }
    login_watcher(&w, 0, KEY_W);
    /* until its socket is full */
    while (derp_rig_stat(&rig, DERP_STAT_WATCHERS) == 1 && floods < 1000) {
        watch_conns(&w);
        floods++;
    }
    assert_int_equal(derp_rig_stat(&rig, DERP_STAT_WRITE_TIMEOUTS), 0);
    for (uint32_t i = 0; i < PEERS; i++) {
        derp_rig_close(&a[i]);
    }
    derp_rig_advance(&rig, ION_MS(29900));
    assert_int_equal(derp_rig_stat(&rig, DERP_STAT_WATCHERS), 1);
    derp_rig_advance(&rig, ION_MS(200));
    assert_int_equal(derp_rig_stat(&rig, DERP_STAT_WATCHERS), 0);
    assert_int_equal(derp_rig_stat(&rig, DERP_STAT_WRITE_TIMEOUTS), 1);
    leave(&w);
    free(a);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_t35_watch_flood, setup, teardown),
        cmocka_unit_test_setup_teardown(test_t36_watch_stream, setup, teardown),
        cmocka_unit_test_setup_teardown(
            test_t37_watch_duplicates, setup, teardown),
        cmocka_unit_test_setup_teardown(test_t52_flags, setup, teardown),
        cmocka_unit_test_setup_teardown(test_own_key, setup, teardown),
        cmocka_unit_test_setup_teardown(
            test_forwarders_are_not_told, setup, teardown),
        cmocka_unit_test_setup_teardown(test_worker_dies, setup, teardown),
        cmocka_unit_test_setup_teardown(
            test_too_many_watchers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_crowd, setup, teardown),
        cmocka_unit_test_setup_teardown(
            test_flood_of_watch_conns, setup, teardown),
        cmocka_unit_test_setup_teardown(test_slow_watcher, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
