/*
 * test_replay_dir.c -- the directory's real code in every order of its steps.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Includes shm/dir.c, so that the explorer sees each access to shared words.
 * Actors only note what they got; check() judges a run after its end.
 */

#include "lib/explore_atom.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/shm_rig.h"
#include "shm/dir.c"

#define WORKERS 4
#define CLIENTS 64

/* What one actor did. */
typedef struct deed {
    uint32_t slot;
    bool has_registered;
    bool has_left;
    ion_err_t rc;
    ion_dir_reg_t reg;
    ion_dir_left_t left;
    uint64_t last_seq; /* highest its connection had */
} deed_t;

typedef struct look {
    uint32_t misses;
    uint32_t phantoms;
    ion_dir_hit_t hit;
} look_t;

static struct {
    shm_rig_t rig;
    ion_shm_t *w[WORKERS];
    ion_key_t key;
    ion_key_t other;
    deed_t deed[WORKERS];
    look_t look;
    uint32_t killed; /* slot + 1 */
    ion_dir_entry_t held;
} t;

static void
set_secret(void)
{
    static const uint8_t secret[16] = "0123456789abcde";
    for (size_t i = 0; i < WORKERS; i++) {
        memcpy(t.w[i]->secret, secret, sizeof(secret));
    }
    memcpy(t.rig.master->secret, secret, sizeof(secret));
}

static int
start(void **state)
{
    (void)state;
    memset(&t, 0, sizeof(t));
    shm_rig_init(&t.rig, WORKERS, CLIENTS);
    for (size_t i = 0; i < WORKERS; i++) {
        uint32_t slot = shm_rig_start(&t.rig);
        assert_int_equal(slot, i);
        t.w[i] = t.rig.worker[slot];
    }
    set_secret();
    t.key = shm_rig_key(1);
    /* another key of the same home, so that the two share a path */
    uint32_t home = dir_path(t.w[0], &t.key).home;
    uint32_t n = 2;
    do {
        t.other = shm_rig_key(n++);
    } while (dir_path(t.w[0], &t.other).home != home);
    return 0;
}

static int
stop(void **state)
{
    (void)state;
    shm_rig_fini(&t.rig);
    return 0;
}

/* An empty directory, as at the start of the instance. */
static void
reset(void)
{
    ion_shm_t *shm = t.rig.master;
    memset(shm->bucket, 0, shm->buckets * sizeof(*shm->bucket));
    memset(shm->dir, 0, sizeof(*shm->dir));
    for (size_t i = 0; i < WORKERS; i++) {
        memset(&shm->record[i * shm->records], 0, 4 * sizeof(*shm->record));
        t.w[i]->free_count = 0;
        t.w[i]->next_record = 0;
        atomic_store(&shm->slots[i].state, (uint32_t)ION_SLOT_LIVE);
    }
    memset(t.deed, 0, sizeof(t.deed));
    memset(&t.look, 0, sizeof(t.look));
    t.killed = 0;
}

static void
join_key(uint32_t slot, const ion_key_t *key)
{
    deed_t *d = &t.deed[slot];
    ion_dir_new_t in = { .key = *key, .addr = { .family = 4 } };
    d->slot = slot;
    d->rc = ion_dir_register(t.w[slot], &in, &d->reg);
    d->last_seq = d->reg.entry.seq;
    d->has_registered = d->rc == ION_OK;
}

static void
leave_key(uint32_t slot)
{
    deed_t *d = &t.deed[slot];
    ion_dir_leave(t.w[slot], &d->reg.entry, &d->left);
    d->has_left = true;
}

static void
join0(void *arg)
{
    (void)arg;
    join_key(0, &t.key);
}

static void
join1(void *arg)
{
    (void)arg;
    join_key(1, &t.key);
}

static void
join2(void *arg)
{
    (void)arg;
    join_key(2, &t.key);
}

static void
leave0(void *arg)
{
    (void)arg;
    leave_key(0);
}

static void
leave1(void *arg)
{
    (void)arg;
    leave_key(1);
}

static void
setup_empty(void *arg)
{
    (void)arg;
    reset();
}

static void
setup_one(void *arg)
{
    (void)arg;
    reset();
    join_key(0, &t.key);
}

static void
setup_two(void *arg)
{
    (void)arg;
    reset();
    join_key(0, &t.key);
    join_key(1, &t.key);
}

static bool
knows(const deed_t *a, const deed_t *b)
{
    for (uint32_t i = 0; i < a->reg.others_count; i++) {
        if (a->reg.others[i].slot == b->slot) {
            return true;
        }
    }
    return false;
}

static uint32_t
cells(void)
{
    const ion_shm_t *shm = t.rig.master;
    uint32_t n = 0;
    for (uint32_t i = 0; i < shm->buckets; i++) {
        for (size_t k = 0; k < DIR_CELLS; k++) {
            n += atomic_load(&shm->bucket[i].cell[k]) != 0;
        }
    }
    return n;
}

static uint32_t
overflows(void)
{
    const ion_shm_t *shm = t.rig.master;
    uint32_t n = 0;
    for (uint32_t i = 0; i < shm->buckets; i++) {
        n += (uint32_t)atomic_load(&shm->bucket[i].head);
    }
    return n;
}

/* Of two that register, one learns of the other and tells it; the newest of
 * all is found. */
static void
check_joined(void *arg)
{
    (void)arg;
    const deed_t *newest = NULL;
    for (size_t i = 0; i < WORKERS; i++) {
        const deed_t *a = &t.deed[i];
        if (!a->has_registered) {
            continue;
        }
        if (newest == NULL || a->reg.entry.seq > newest->reg.entry.seq) {
            newest = a;
        }
        for (size_t k = 0; k < i; k++) {
            const deed_t *b = &t.deed[k];
            assert_true(!b->has_registered || knows(a, b) || knows(b, a));
        }
    }
    ion_dir_hit_t hit;
    assert_non_null(newest);
    assert_int_equal(ion_dir_lookup(t.rig.master, &t.key, &hit), ION_OK);
    assert_int_equal(hit.conn.slot, newest->slot);
    assert_true(hit.seq == newest->reg.entry.seq);
    assert_int_equal(overflows(), 0);
}

static void
test_two_register(void **state)
{
    (void)state;
    explore_case_t c = { .name = "two register",
        .setup = setup_empty,
        .actors = 2,
        .actor = { join0, join1 },
        .check = check_joined,
        .preemptions = 6 };
    assert_true(explore(&c) > 100);
}

static void
test_three_register(void **state)
{
    (void)state;
    explore_case_t c = { .name = "three register",
        .setup = setup_empty,
        .actors = 3,
        .actor = { join0, join1, join2 },
        .check = check_joined,
        .preemptions = 2 };
    assert_true(explore(&c) > 100);
}

/* One registers while the only other one leaves: an heir that is there, or a
 * GONE that is older than everything the new one will ever send. */
static void
check_handover(void *arg)
{
    (void)arg;
    const deed_t *gone = &t.deed[0];
    const deed_t *new = &t.deed[1];
    ion_dir_hit_t hit;
    assert_true(gone->has_left && new->has_registered);
    if (gone->left.has_heir) {
        assert_int_equal(gone->left.heir.slot, 1);
    } else {
        assert_true(gone->left.seq < new->reg.entry.seq);
    }
    assert_true(gone->left.seq > gone->last_seq);
    assert_int_equal(ion_dir_lookup(t.rig.master, &t.key, &hit), ION_OK);
    assert_int_equal(hit.conn.slot, 1);
    assert_int_equal(cells(), 1);
}

static void
test_register_while_leaving(void **state)
{
    (void)state;
    explore_case_t c = { .name = "register while leaving",
        .setup = setup_one,
        .actors = 2,
        .actor = { leave0, join1 },
        .check = check_handover };
    assert_true(explore(&c) > 100);
}

/* The worker of a slot got HEIR and has no connection of the key: it decides
 * again. Returns the GONEs that follow from it in the end. */
static uint32_t
follow_heir(const ion_dir_left_t *left, uint64_t *seq)
{
    ion_dir_left_t l = *left;
    for (int hops = 0; hops < 8; hops++) {
        if (!l.has_heir) {
            *seq = l.seq;
            return 1;
        }
        if (!t.deed[l.heir.slot].has_left) {
            return 0; /* taken over by a live session */
        }
        ion_dir_hit_t hit;
        l.has_heir = ion_dir_lookup(t.w[l.heir.slot], &t.key, &hit) == ION_OK;
        l.heir = hit.conn;
    }
    return 99;
}

/* Both leave: what each of them has reached is told exactly once. */
static void
check_all_left(void *arg)
{
    (void)arg;
    for (size_t i = 0; i < 2; i++) {
        uint64_t seq = 0;
        assert_int_equal(follow_heir(&t.deed[i].left, &seq), 1);
        assert_true(seq > t.deed[i].last_seq);
    }
    ion_dir_hit_t hit;
    assert_int_equal(ion_dir_lookup(t.rig.master, &t.key, &hit), ION_NOTFOUND);
    assert_int_equal(cells(), 0);
    assert_int_equal(overflows(), 0);
    assert_int_equal(count_all(t.rig.master, 0), 0);
}

static void
test_two_leave(void **state)
{
    (void)state;
    explore_case_t c = { .name = "two leave",
        .setup = setup_two,
        .actors = 2,
        .actor = { leave0, leave1 },
        .check = check_all_left };
    assert_true(explore(&c) > 100);
}

/* register and leave at once in both, from nothing */
static void
come_and_go0(void *arg)
{
    join0(arg);
    leave0(arg);
}

static void
come_and_go1(void *arg)
{
    join1(arg);
    leave1(arg);
}

static void
test_two_come_and_go(void **state)
{
    (void)state;
    explore_case_t c = { .name = "two come and go",
        .setup = setup_empty,
        .actors = 2,
        .actor = { come_and_go0, come_and_go1 },
        .check = check_all_left,
        .preemptions = 4 };
    assert_true(explore(&c) > 100);
}

/* Lookups while a key's only connection is replaced by another one. */
static bool
has_joined(void *arg)
{
    (void)arg;
    return t.deed[1].has_registered;
}

static void
leave_after_join(void *arg)
{
    explore_wait(has_joined, arg);
    leave_key(0);
}

static void
look_up(void *arg)
{
    (void)arg;
    for (int i = 0; i < 2; i++) {
        if (ion_dir_lookup(t.w[3], &t.key, &t.look.hit) != ION_OK) {
            t.look.misses++;
        }
    }
}

static void
check_found(void *arg)
{
    (void)arg;
    assert_int_equal(t.look.misses, 0);
    if (!ion_dir_is_fresh(t.w[3], &t.look.hit)) {
        return;
    }
    /* what a cache would keep is the one that is left */
    assert_int_equal(t.look.hit.conn.slot, 1);
}

static void
test_lookup_during_handover(void **state)
{
    (void)state;
    explore_case_t c = { .name = "look up during a handover",
        .setup = setup_one,
        .actors = 3,
        .actor = { look_up, join1, leave_after_join },
        .check = check_found,
        .preemptions = 4 };
    assert_true(explore(&c) > 100);
}

static void
speak0(void *arg)
{
    (void)arg;
    (void)ion_dir_activity(t.w[0], &t.deed[0].reg.entry);
}

/* What a cache keeps: while it is fresh it is the active connection. */
static void
look_up_once(void *arg)
{
    (void)arg;
    if (ion_dir_lookup(t.w[3], &t.key, &t.look.hit) != ION_OK) {
        t.look.misses++;
    }
}

static void
check_cache(void *arg)
{
    (void)arg;
    ion_dir_hit_t hit;
    assert_int_equal(t.look.misses, 0);
    assert_int_equal(ion_dir_lookup(t.rig.master, &t.key, &hit), ION_OK);
    assert_true(!ion_dir_is_fresh(t.w[3], &t.look.hit) ||
                ion_conn_id_eq(hit.conn, t.look.hit.conn));
}

static void
test_cache_while_registering(void **state)
{
    (void)state;
    explore_case_t c = { .name = "cache while another one registers",
        .setup = setup_one,
        .actors = 2,
        .actor = { look_up_once, join1 },
        .check = check_cache };
    assert_true(explore(&c) > 50);
}

static void
test_cache_while_leaving(void **state)
{
    (void)state;
    explore_case_t c = { .name = "cache while the active one leaves",
        .setup = setup_two,
        .actors = 2,
        .actor = { look_up_once, leave1 },
        .check = check_cache };
    assert_true(explore(&c) > 50);
}

static void
test_cache_while_speaking(void **state)
{
    (void)state;
    explore_case_t c = { .name = "cache while the other one speaks",
        .setup = setup_two,
        .actors = 2,
        .actor = { look_up_once, speak0 },
        .check = check_cache };
    assert_true(explore(&c) > 10);
}

/* A connection moved behind a full bucket stays visible while the bucket in
 * front empties and fills. */
static void
setup_full_home(void *arg)
{
    (void)arg;
    reset();
    uint32_t home = dir_path(t.w[0], &t.key).home;
    uint32_t placed = 0;
    for (uint32_t n = 1000; placed < DIR_CELLS; n++) {
        ion_key_t key = shm_rig_key(n);
        if (dir_path(t.w[0], &key).home == home) {
            join_key(0, &key);
            placed++;
        }
    }
    join_key(2, &t.key);
}

/* the last one of the full bucket goes, another key comes */
static void
leave_and_join_other(void *arg)
{
    (void)arg;
    leave_key(0);
    join_key(0, &t.other);
}

static void
check_behind(void *arg)
{
    (void)arg;
    assert_int_equal(t.look.misses, 0);
    assert_int_equal(t.look.hit.conn.slot, 2);
    assert_int_equal(overflows(), 1);
    assert_int_equal(cells(), DIR_CELLS + 1);
}

static void
test_lookup_behind_full_bucket(void **state)
{
    (void)state;
    explore_case_t c = { .name = "look up behind a full bucket",
        .setup = setup_full_home,
        .actors = 2,
        .actor = { look_up, leave_and_join_other },
        .check = check_behind,
        .preemptions = 4 };
    assert_true(explore(&c) > 100);
}

/* The old connection lies behind a bucket that has room again; the new one
 * goes into that room: a lookup may pass in between and must try again. */
static void
setup_room_in_front(void *arg)
{
    setup_full_home(arg);
    leave_key(0);
    t.deed[0] = t.deed[2];
    t.deed[0].slot = 2;
}

static void
leave2_after_join(void *arg)
{
    explore_wait(has_joined, arg);
    leave_key(2);
}

static void
test_lookup_across_buckets(void **state)
{
    (void)state;
    explore_case_t c = { .name = "look up across buckets",
        .setup = setup_room_in_front,
        .actors = 3,
        .actor = { look_up_once, join1, leave2_after_join },
        .check = check_cache,
        .preemptions = 4 };
    assert_true(explore(&c) > 100);
}

/* The same record serves one key, then another: no lookup mixes them. */
static void
reuse_record(void *arg)
{
    (void)arg;
    leave_key(0);
    join_key(0, &t.other);
}

static void
look_for_phantom(void *arg)
{
    (void)arg;
    ion_dir_hit_t hit;
    if (ion_dir_lookup(t.w[3], &t.key, &hit) == ION_OK) {
        t.look.phantoms += hit.conn.life != 1 || hit.seq != 1;
    }
    if (ion_dir_lookup(t.w[3], &t.other, &hit) == ION_OK) {
        t.look.phantoms += hit.conn.life != 3;
    }
}

static void
check_no_phantom(void *arg)
{
    (void)arg;
    assert_int_equal(t.look.phantoms, 0);
    assert_int_equal(t.deed[0].reg.entry.conn.record, 0);
    assert_int_equal(t.deed[0].reg.entry.conn.life, 3);
}

static void
test_record_reuse(void **state)
{
    (void)state;
    explore_case_t c = { .name = "a record is used again",
        .setup = setup_one,
        .actors = 2,
        .actor = { look_for_phantom, reuse_record },
        .check = check_no_phantom,
        .preemptions = 4 };
    assert_true(explore(&c) > 100);
}

/* The same key comes back in the same record: the id and the seq of a hit
 * belong together. */
static void
rejoin(void *arg)
{
    (void)arg;
    leave_key(0);
    join_key(0, &t.key);
}

static void
look_for_mixture(void *arg)
{
    (void)arg;
    ion_dir_hit_t hit;
    if (ion_dir_lookup(t.w[3], &t.key, &hit) == ION_OK) {
        t.look.phantoms += (hit.conn.life == 1) != (hit.seq == 1);
    }
}

static void
test_key_comes_back(void **state)
{
    (void)state;
    explore_case_t c = { .name = "a key comes back in the same record",
        .setup = setup_one,
        .actors = 2,
        .actor = { look_for_mixture, rejoin },
        .check = check_no_phantom,
        .preemptions = 4 };
    assert_true(explore(&c) > 100);
}

/* Two connections of a key speak at the same time. Whoever is not the active
 * one afterwards becomes it with its next frame. */
static void
setup_both_stale(void *arg)
{
    setup_two(arg);
    join_key(2, &t.other);
}

static void
speak1(void *arg)
{
    (void)arg;
    (void)ion_dir_activity(t.w[1], &t.deed[1].reg.entry);
}

static void
check_spoken(void *arg)
{
    (void)arg;
    ion_dir_hit_t hit;
    assert_int_equal(ion_dir_lookup(t.w[3], &t.key, &hit), ION_OK);
    uint32_t quiet = 1 - hit.conn.slot;
    ion_dir_entry_t *e = &t.deed[quiet].reg.entry;
    assert_true(hit.seq > e->seq);
    assert_true(ion_dir_activity(t.w[quiet], e));
    assert_int_equal(ion_dir_lookup(t.w[3], &t.key, &hit), ION_OK);
    assert_int_equal(hit.conn.slot, quiet);
}

static void
test_two_speak(void **state)
{
    (void)state;
    explore_case_t c = { .name = "two speak",
        .setup = setup_both_stale,

        .actors = 2,
        .actor = { speak0, speak1 },
        .check = check_spoken };
    assert_true(explore(&c) > 10);
}

/* A worker dies at any step; then its slot is swept. */
static void
on_killed(void *arg, size_t actor)
{
    (void)arg;
    t.killed = (uint32_t)actor + 1;
}

static void
bury(uint32_t slot)
{
    ion_shm_t *m = t.rig.master;
    atomic_store(&m->slots[slot].state, (uint32_t)ION_SLOT_DEAD);
    ion_dir_hit_t hit;
    ion_err_t rc = ion_dir_lookup(t.w[3], &t.key, &hit);
    assert_true(rc == ION_NOTFOUND || hit.conn.slot != slot);
    dir_sweep(m, slot);
    for (uint32_t i = 0; i < CLIENTS; i++) {
        assert_int_equal(
            atomic_load(&m->record[slot * m->records + i].life) & 1, 0);
    }
    assert_int_equal(atomic_load(&m->dir->store[slot].live), 0);
}

static void
check_killed(void *arg)
{
    (void)arg;
    if (t.killed != 0) {
        bury(t.killed - 1);
    }
    uint32_t expected = 0;
    for (uint32_t i = 0; i < WORKERS; i++) {
        deed_t *d = &t.deed[i];
        expected +=
            d->has_registered && !d->has_left && t.killed != i + 1 ? 1 : 0;
    }
    assert_int_equal(cells(), expected);
    ion_dir_hit_t hit;
    ion_err_t rc = ion_dir_lookup(t.w[3], &t.key, &hit);
    assert_int_equal(rc, expected > 0 ? ION_OK : ION_NOTFOUND);
    /* the next owner starts from a clean store */
    if (t.killed != 0) {
        uint32_t slot = t.killed - 1;
        atomic_store(&t.rig.master->slots[slot].state, (uint32_t)ION_SLOT_LIVE);
        t.w[slot]->free_count = 0;
        t.w[slot]->next_record = 0;
        join_key(slot, &t.key);
        assert_int_equal(t.deed[slot].rc, ION_OK);
        assert_int_equal(ion_dir_lookup(t.w[3], &t.key, &hit), ION_OK);
        assert_int_equal(hit.conn.slot, slot);
    }
}

static void
test_kill_while_registering(void **state)
{
    (void)state;
    explore_case_t c = { .name = "killed while two register",
        .setup = setup_empty,
        .actors = 2,
        .actor = { join0, join1 },
        .killable = 3,
        .killed = on_killed,
        .check = check_killed,
        .preemptions = 4 };
    assert_true(explore(&c) > 100);
}

static void
test_kill_while_leaving(void **state)
{
    (void)state;
    explore_case_t c = { .name = "killed while one leaves, one registers",
        .setup = setup_one,
        .actors = 2,
        .actor = { leave0, join1 },
        .killable = 3,
        .killed = on_killed,
        .check = check_killed,
        .preemptions = 4 };
    assert_true(explore(&c) > 100);
}

/* Death on a path of two buckets: a count may stay too high, never too low. */
static void
leave_behind(void *arg)
{
    (void)arg;
    leave_key(2);
}

static void
check_counts(void *arg)
{
    (void)arg;
    if (t.killed != 0) {
        bury(2);
    }
    assert_int_equal(cells(), DIR_CELLS);
    assert_true(overflows() <= 1);
    assert_int_equal(t.look.misses, 0);
}

static void
look_up_first(void *arg)
{
    (void)arg;
    ion_dir_hit_t hit;
    /* the first key of the full bucket, registered all the while */
    ion_key_t key;
    load_key(&t.rig.master->record[0], &key);
    if (ion_dir_lookup(t.w[3], &key, &hit) != ION_OK) {
        t.look.misses++;
    }
}

static void
test_kill_on_long_path(void **state)
{
    (void)state;
    explore_case_t c = { .name = "killed while leaving a long path",
        .setup = setup_full_home,
        .actors = 2,
        .actor = { look_up_first, leave_behind },
        .killable = 2,
        .killed = on_killed,
        .check = check_counts };
    assert_true(explore(&c) > 50);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_two_register, start, stop),
        cmocka_unit_test_setup_teardown(test_three_register, start, stop),
        cmocka_unit_test_setup_teardown(
            test_register_while_leaving, start, stop),
        cmocka_unit_test_setup_teardown(test_two_leave, start, stop),
        cmocka_unit_test_setup_teardown(test_two_come_and_go, start, stop),
        cmocka_unit_test_setup_teardown(
            test_lookup_during_handover, start, stop),
        cmocka_unit_test_setup_teardown(
            test_lookup_behind_full_bucket, start, stop),
        cmocka_unit_test_setup_teardown(
            test_cache_while_registering, start, stop),
        cmocka_unit_test_setup_teardown(test_cache_while_leaving, start, stop),
        cmocka_unit_test_setup_teardown(test_cache_while_speaking, start, stop),
        cmocka_unit_test_setup_teardown(
            test_lookup_across_buckets, start, stop),
        cmocka_unit_test_setup_teardown(test_record_reuse, start, stop),
        cmocka_unit_test_setup_teardown(test_key_comes_back, start, stop),
        cmocka_unit_test_setup_teardown(test_two_speak, start, stop),
        cmocka_unit_test_setup_teardown(
            test_kill_while_registering, start, stop),
        cmocka_unit_test_setup_teardown(test_kill_while_leaving, start, stop),
        cmocka_unit_test_setup_teardown(test_kill_on_long_path, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
