/*
 * test_replay_watch.c -- what meshes ask of the directory, in every order of
 * the steps: watching it, and keys that are behind a link too.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Includes shm/dir.c, so that the explorer sees each access to shared words.
 * Slot 0 has a client, slot 1 a link to the same key, slot 3 watches.
 */

#include "lib/explore_atom.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/shm_rig.h"
#include "shm/dir.h"

/* few connections of a key, so that the last place is near */
#undef ION_DIR_CONNS_PER_KEY
#define ION_DIR_CONNS_PER_KEY 2
#include "shm/dir.c"

#define WORKERS 4
#define CLIENTS 16

static struct {
    shm_rig_t rig;
    ion_shm_t *w[WORKERS];
    ion_key_t key;
    ion_dir_reg_t reg; /* of the client */
    ion_dir_left_t left;
    ion_dir_reg_t link;
    ion_dir_left_t link_left;
    ion_err_t rc;    /* of the client that may be refused */
    uint32_t walked; /* times that the watcher found the connection */
    uint32_t refused_while_seen;
} t;

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
    t.key = shm_rig_key(1);
    return 0;
}

static int
stop(void **state)
{
    (void)state;
    shm_rig_fini(&t.rig);
    return 0;
}

static void
setup_empty(void *arg)
{
    (void)arg;
    ion_shm_t *shm = t.rig.master;
    memset(shm->bucket, 0, shm->buckets * sizeof(*shm->bucket));
    memset(shm->dir, 0, sizeof(*shm->dir));
    for (size_t i = 0; i < 2; i++) {
        memset(&shm->record[i * shm->records], 0, 4 * sizeof(*shm->record));
        t.w[i]->free_count = 0;
        t.w[i]->next_record = 0;
    }
    memset(&t.reg, 0, sizeof(t.reg));
    memset(&t.left, 0, sizeof(t.left));
    memset(&t.link, 0, sizeof(t.link));
    memset(&t.link_left, 0, sizeof(t.link_left));
    t.walked = 0;
}

static void
join0(void *arg)
{
    (void)arg;
    ion_dir_new_t in = { .key = t.key, .addr = { .family = 4 } };
    assert_int_equal(ion_dir_register(t.w[0], &in, &t.reg), ION_OK);
}

static void
leave0(void *arg)
{
    (void)arg;
    ion_dir_leave(t.w[0], &t.reg.entry, &t.left);
}

static void
setup_one(void *arg)
{
    setup_empty(arg);
    join0(arg);
}

/* Watching: a walk over the directory and, from the bit on, messages. */
static void
note_walked(void *arg, const dir_found_t *found)
{
    (void)arg;
    t.walked += found->conn.slot == 0;
}

static void
watch3(void *arg)
{
    (void)arg;
    ion_dir_watch(t.w[3], true);
    dir_path_t path = dir_path(t.w[3], &t.key);
    dir_scan(t.w[3], &path, note_walked, NULL);
}

static void
check_watched_joining(void *arg)
{
    (void)arg;
    assert_true(t.walked == 1 || ion_slot_mask_has(&t.reg.watchers, 3));
}

static void
test_watch_while_registering(void **state)
{
    (void)state;
    explore_case_t c = { .name = "watch while one registers",
        .setup = setup_empty,
        .actors = 2,
        .actor = { watch3, join0 },
        .check = check_watched_joining };
    assert_true(explore(&c) > 50);
}

/* Whoever is found by the walk says when it leaves. */
static void
check_watched_leaving(void *arg)
{
    (void)arg;
    assert_true(t.walked == 0 || ion_slot_mask_has(&t.left.watchers, 3));
}

static void
test_watch_while_leaving(void **state)
{
    (void)state;
    explore_case_t c = { .name = "watch while one leaves",
        .setup = setup_one,
        .actors = 2,
        .actor = { watch3, leave0 },
        .check = check_watched_leaving };
    assert_true(explore(&c) > 50);
}

/* PRESENT of an earlier time, taken when the watch has just begun anew: the
 * connection counts only if its LEFT will come. */
static void
watch3_and_get(void *arg)
{
    (void)arg;
    ion_dir_watch(t.w[3], true);
    dir_found_t found;
    uint64_t cell = 1; /* record 0 of slot 0 */
    t.walked += dir_read_cell(t.w[3], cell, &found);
}

static void
test_old_present_while_leaving(void **state)
{
    (void)state;
    explore_case_t c = { .name = "an old PRESENT while one leaves",
        .setup = setup_one,
        .actors = 2,
        .actor = { watch3_and_get, leave0 },
        .check = check_watched_leaving };
    assert_true(explore(&c) > 20);
}

static void
watch1(void *arg)
{
    (void)arg;
    ion_dir_watch(t.w[1], true);
}

static void
unwatch3(void *arg)
{
    (void)arg;
    ion_dir_watch(t.w[3], false);
}

static void
setup_watched_by_3(void *arg)
{
    setup_empty(arg);
    ion_dir_watch(t.w[3], true);
}

static ion_slot_mask_t
mask_now(void)
{
    const dir_head_t *dir = t.rig.master->dir;
    return (ion_slot_mask_t){ { SHM_LOAD(&dir->watch[0]),
        SHM_LOAD(&dir->watch[1]) } };
}

/* Bits of one word that several change at once. */
static void
check_mask(void *arg)
{
    (void)arg;
    ion_slot_mask_t mask = mask_now();
    assert_true(ion_slot_mask_has(&mask, 1));
    assert_false(ion_slot_mask_has(&mask, 3));
}

static void
test_two_watch(void **state)
{
    (void)state;
    explore_case_t c = { .name = "one watches, another stops",
        .setup = setup_watched_by_3,
        .actors = 2,
        .actor = { watch1, unwatch3 },
        .check = check_mask };
    assert_true(explore(&c) > 1);
}

static void
join1(void *arg)
{
    (void)arg;
    ion_dir_new_t in = { .key = t.key, .flags = ION_DIR_FORWARDER };
    assert_int_equal(ion_dir_register(t.w[1], &in, &t.link), ION_OK);
}

static void
leave1(void *arg)
{
    (void)arg;
    ion_dir_leave(t.w[1], &t.link.entry, &t.link_left);
}

static void
setup_both(void *arg)
{
    setup_one(arg);
    join1(arg);
}

/* A departure that is not the last says nothing; one of the two is. */
static void
check_both_left(void *arg)
{
    (void)arg;
    ion_dir_hit_t hit;
    assert_true(!t.left.has_heir || !t.link_left.has_heir);
    assert_int_equal(ion_dir_lookup(t.w[3], &t.key, &hit), ION_NOTFOUND);
    assert_int_equal(count_all(t.rig.master, 0), 0);
    assert_int_equal(count_all(t.rig.master, ION_DIR_FORWARDER), 0);
}

static void
test_client_and_link_leave(void **state)
{
    (void)state;
    explore_case_t c = { .name = "a client and a link leave",
        .setup = setup_both,
        .actors = 2,
        .actor = { leave0, leave1 },
        .check = check_both_left,
        .preemptions = 6 };
    assert_true(explore(&c) > 100);
}

/* Nobody hears that the key has left, or what they hear is older than the
 * link; and the link is what is found. */
static void
check_link_stays(void *arg)
{
    (void)arg;
    ion_dir_hit_t hit;
    assert_true(t.left.has_heir || t.left.seq < t.link.entry.seq);
    assert_int_equal(ion_dir_lookup(t.w[3], &t.key, &hit), ION_OK);
    assert_true(ion_conn_id_eq(hit.conn, t.link.entry.conn));
    assert_true((hit.flags & ION_DIR_FORWARDER) != 0);
}

static void
test_link_comes_while_client_leaves(void **state)
{
    (void)state;
    explore_case_t c = { .name = "a link comes while the client leaves",
        .setup = setup_one,
        .actors = 2,
        .actor = { leave0, join1 },
        .check = check_link_stays,
        .preemptions = 6 };
    assert_true(explore(&c) > 100);
}

/* A client comes while the link goes: the same the other way round. */
static void
setup_link(void *arg)
{
    setup_empty(arg);
    join1(arg);
}

static void
check_client_stays(void *arg)
{
    (void)arg;
    ion_dir_hit_t hit;
    assert_true(t.link_left.has_heir || t.link_left.seq < t.reg.entry.seq);
    assert_int_equal(t.reg.others_count, 0);
    assert_int_equal(ion_dir_lookup(t.w[3], &t.key, &hit), ION_OK);
    assert_true(ion_conn_id_eq(hit.conn, t.reg.entry.conn));
}

static void
test_client_comes_while_link_leaves(void **state)
{
    (void)state;
    explore_case_t c = { .name = "a client comes while the link leaves",
        .setup = setup_link,
        .actors = 2,
        .actor = { join0, leave1 },
        .check = check_client_stays,
        .preemptions = 6 };
    assert_true(explore(&c) > 100);
}

/* A second link comes: what is found is the first one all the while. */
static void
join0_link(void *arg)
{
    (void)arg;
    ion_dir_new_t in = { .key = t.key, .flags = ION_DIR_FORWARDER };
    assert_int_equal(ion_dir_register(t.w[0], &in, &t.reg), ION_OK);
}

static void
look_for_link(void *arg)
{
    (void)arg;
    ion_dir_hit_t hit;
    assert_int_equal(ion_dir_lookup(t.w[3], &t.key, &hit), ION_OK);
    t.walked += !ion_conn_id_eq(hit.conn, t.link.entry.conn);
}

static void
check_first_link(void *arg)
{
    (void)arg;
    assert_int_equal(t.walked, 0);
}

static void
test_second_link(void **state)
{
    (void)state;
    explore_case_t c = { .name = "look up while a second link comes",
        .setup = setup_link,
        .actors = 2,
        .actor = { look_for_link, join0_link },
        .check = check_first_link };
    assert_true(explore(&c) > 50);
}

/* Two want the last place of a key while slot 3 begins to watch. Whoever was
 * seen by the walk is there, or says that it is not. */
static void
setup_one_place_left(void *arg)
{
    (void)arg;
    setup_empty(arg);
    memset(t.rig.master->record + 2 * t.rig.master->records, 0,
        64 * sizeof(dir_record_t));
    t.w[2]->free_count = 0;
    t.w[2]->next_record = 0;
    for (int i = 0; i < ION_DIR_CONNS_PER_KEY - 1; i++) {
        ion_dir_new_t in = { .key = t.key };
        ion_dir_reg_t reg;
        assert_int_equal(ion_dir_register(t.w[2], &in, &reg), ION_OK);
    }
}

static void
try_join0(void *arg)
{
    (void)arg;
    ion_dir_new_t in = { .key = t.key };
    t.rc = ion_dir_register(t.w[0], &in, &t.reg);
}

static void
try_join1(void *arg)
{
    (void)arg;
    ion_dir_new_t in = { .key = t.key };
    ion_err_t rc = ion_dir_register(t.w[1], &in, &t.link);
    assert_true(rc == ION_OK || rc == ION_LIMIT);
}

static void
check_refused(void *arg)
{
    (void)arg;
    assert_true(t.walked == 0 || t.rc == ION_OK ||
                ion_slot_mask_has(&t.reg.watchers, 3));
    t.refused_while_seen += t.walked > 0 && t.rc != ION_OK;
}

static void
test_watch_while_refused(void **state)
{
    (void)state;
    explore_case_t c = { .name = "watch while one is refused",
        .setup = setup_one_place_left,
        .actors = 3,
        .actor = { try_join0, try_join1, watch3 },
        .check = check_refused,
        .preemptions = 2 };
    assert_true(explore(&c) > 100);
    assert_true(t.refused_while_seen > 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            test_watch_while_registering, start, stop),
        cmocka_unit_test_setup_teardown(test_watch_while_leaving, start, stop),
        cmocka_unit_test_setup_teardown(
            test_old_present_while_leaving, start, stop),
        cmocka_unit_test_setup_teardown(test_two_watch, start, stop),
        cmocka_unit_test_setup_teardown(
            test_client_and_link_leave, start, stop),
        cmocka_unit_test_setup_teardown(
            test_link_comes_while_client_leaves, start, stop),
        cmocka_unit_test_setup_teardown(
            test_client_comes_while_link_leaves, start, stop),
        cmocka_unit_test_setup_teardown(test_second_link, start, stop),
        cmocka_unit_test_setup_teardown(test_watch_while_refused, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
