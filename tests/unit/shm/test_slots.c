/*
 * test_slots.c -- life and retirement of slots.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/shm_rig.h"
#include "shm/fabric.h"
#include "shm/shm_int.h"
#include "shm/slots.h"
#include "shm/stats.h"

static shm_rig_t rig;

static int
start(void **state)
{
    (void)state;
    shm_rig_init(&rig, 2, 10);
    return 0;
}

static int
stop(void **state)
{
    (void)state;
    shm_rig_fini(&rig);
    return 0;
}

static ion_slot_state_t
state_of(uint32_t slot)
{
    ion_slot_info_t info;
    ion_slots_get(rig.master, slot, &info);
    return info.state;
}

static void
test_life(void **state)
{
    (void)state;
    uint32_t slot;
    ion_slot_info_t info;
    ion_shm_t *m = rig.master;
    assert_int_equal(state_of(8), ION_SLOT_LIVE); /* the master */
    assert_int_equal(ion_slots_alloc(m, ION_SLOT_WORKER, 3, 77, &slot), ION_OK);
    assert_int_equal(slot, 0);
    ion_slots_set_pid(m, slot, 4711);
    ion_slots_get(m, slot, &info);
    assert_int_equal(info.state, ION_SLOT_STARTING);
    assert_int_equal(info.role, ION_SLOT_WORKER);
    assert_int_equal(info.index, 3);
    assert_int_equal(info.generation, 77);
    assert_int_equal(info.pid, 4711);
    assert_int_equal(info.incarnation, 1);
    assert_true(info.started_ms > UINT64_C(1500000000000));
    ion_slots_set_state(m, slot, ION_SLOT_LIVE);
    ion_slots_set_state(m, slot, ION_SLOT_DRAINING);
    ion_slots_set_state(m, slot, ION_SLOT_DEAD);
    assert_true(ion_slots_is_retired(m, slot)); /* nobody else lives */
    ion_shm_sweep(m, slot);
    assert_int_equal(state_of(slot), ION_SLOT_FREE);
    assert_int_equal(ion_slots_alloc(m, ION_SLOT_WORKER, 0, 78, &slot), ION_OK);
    ion_slots_get(m, slot, &info);
    assert_int_equal(info.incarnation, 2);
    assert_int_equal(info.pid, 0);
}

/* What an owner says of itself is not said of the next one. */
static void
test_sandbox_word(void **state)
{
    (void)state;
    uint32_t slot = shm_rig_start(&rig);
    uint32_t again;
    assert_int_equal(ion_slots_sandbox(rig.master, slot), 0);
    ion_slots_set_sandbox(rig.worker[slot], 3);
    assert_int_equal(ion_slots_sandbox(rig.master, slot), 3);
    ion_slots_set_state(rig.master, slot, ION_SLOT_DEAD);
    ion_shm_sweep(rig.master, slot);
    assert_int_equal(
        ion_slots_alloc(rig.master, ION_SLOT_WORKER, 0, 1, &again), ION_OK);
    assert_int_equal(again, slot);
    assert_int_equal(ion_slots_sandbox(rig.master, slot), 0);
}

static void
test_all_taken(void **state)
{
    (void)state;
    uint32_t slot;
    for (uint32_t i = 0; i < 8; i++) {
        assert_int_equal(
            ion_slots_alloc(rig.master, ION_SLOT_WORKER, i, 1, &slot), ION_OK);
        assert_int_equal(slot, i);
    }
    assert_int_equal(
        ion_slots_alloc(rig.master, ION_SLOT_WORKER, 8, 1, &slot), ION_LIMIT);
    assert_int_equal(
        ion_slots_alloc(rig.master, ION_SLOT_COURIER, 0, 1, &slot), ION_OK);
    assert_int_equal(slot, 10);
    /* the keeper has a place of its own, and only one */
    assert_int_equal(
        ion_slots_alloc(rig.master, ION_SLOT_KEEPER, 0, 1, &slot), ION_OK);
    assert_int_equal(slot, 9);
    assert_int_equal(
        ion_slots_alloc(rig.master, ION_SLOT_KEEPER, 0, 1, &slot), ION_LIMIT);
    ion_slots_set_state(rig.master, 9, ION_SLOT_LIVE);
    ion_slots_set_state(rig.master, 9, ION_SLOT_DEAD);
    assert_true(ion_slots_is_retired(rig.master, 9));
    ion_shm_sweep(rig.master, 9);
    assert_int_equal(
        ion_slots_alloc(rig.master, ION_SLOT_KEEPER, 0, 1, &slot), ION_OK);
}

/* Steps that the life of a slot does not have are our own mistakes. */
static void
test_wrong_steps(void **state)
{
    (void)state;
    static const struct {
        ion_slot_state_t from;
        ion_slot_state_t to;
    } cases[] = {
        { ION_SLOT_FREE, ION_SLOT_LIVE },
        { ION_SLOT_FREE, ION_SLOT_DEAD },
        { ION_SLOT_STARTING, ION_SLOT_DRAINING },
        { ION_SLOT_DRAINING, ION_SLOT_LIVE },
        { ION_SLOT_DEAD, ION_SLOT_LIVE },
        { ION_SLOT_DEAD, ION_SLOT_FREE },
        { ION_SLOT_DEAD, ION_SLOT_DEAD },
    };
    for (size_t i = 0; i < ION_ARRAY_LEN(cases); i++) {
        atomic_store(&rig.master->slots[0].state, (uint32_t)cases[i].from);
        pid_t pid = fork();
        if (pid == 0) {
            struct rlimit none = { 0, 0 };
            (void)setrlimit(RLIMIT_CORE, &none);
            (void)close(STDERR_FILENO);
            (void)signal(SIGABRT, SIG_DFL);
            ion_slots_set_state(rig.master, 0, cases[i].to);
            _exit(0);
        }
        int status = 0;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    }
    atomic_store(&rig.master->slots[0].state, (uint32_t)ION_SLOT_FREE);
}

static bool
is_rung(int fd)
{
    uint64_t n;
    return read(fd, &n, sizeof(n)) == sizeof(n);
}

static void
drain(ion_fabric_t *fab)
{
    static const ion_fabric_sink_t sink = { NULL, NULL, NULL };
    assert_int_equal(ion_fabric_drain(fab, 1000, &sink), ION_OK);
}

/* A slot is free only after all that live have acked this very death. */
static void
test_retirement(void **state)
{
    (void)state;
    ion_shm_t *m = rig.master;
    ion_fabric_t *fab[3];
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(shm_rig_start(&rig), i);
    }
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(ion_fabric_new(rig.worker[i], &fab[i]), ION_OK);
    }
    ion_fabric_free(&fab[2]);
    for (int round = 0; round < 2; round++) {
        shm_rig_kill(&rig, 2);
        assert_true(is_rung(ion_fabric_doorbell_fd(fab[0])));
        assert_true(is_rung(ion_fabric_doorbell_fd(fab[1])));
        assert_false(ion_slots_is_retired(m, 2));
        drain(fab[0]);
        ion_slot_mask_t mask = ion_fabric_retiring(fab[0]);
        assert_true(ion_slot_mask_has(&mask, 2));
        assert_false(is_rung(ion_slots_master_fd(m)));
        ion_fabric_ack(fab[0], 2);
        assert_true(is_rung(ion_slots_master_fd(m)));
        mask = ion_fabric_retiring(fab[0]);
        assert_true(ion_slot_mask_is_empty(&mask));
        assert_false(ion_slots_is_retired(m, 2));
        drain(fab[1]);
        ion_fabric_ack(fab[1], 2);
        assert_true(ion_slots_is_retired(m, 2));
        ion_slots_master_clear(m);
        ion_shm_sweep(m, 2);
        assert_int_equal(shm_rig_start(&rig), 2);
    }
    /* the ack of one that dies is not waited for */
    shm_rig_kill(&rig, 2);
    drain(fab[0]);
    ion_fabric_ack(fab[0], 2);
    assert_false(ion_slots_is_retired(m, 2));
    ion_fabric_free(&fab[1]);
    shm_rig_kill(&rig, 1);
    assert_true(ion_slots_is_retired(m, 2));
    ion_fabric_free(&fab[0]);
}

static void
test_heartbeat(void **state)
{
    (void)state;
    uint32_t slot = shm_rig_start(&rig);
    _Atomic uint64_t *beat;
    _Atomic uint32_t *busy;
    uint64_t seen;
    bool is_busy;
    ion_slots_own_words(rig.worker[slot], &beat, &busy);
    atomic_store(beat, 5);
    atomic_store(busy, 1u);
    ion_slots_beat(rig.master, slot, &seen, &is_busy);
    assert_int_equal(seen, 5);
    assert_true(is_busy);
    shm_rig_kill(&rig, slot);
    ion_shm_sweep(rig.master, slot);
    ion_slots_beat(rig.master, slot, &seen, &is_busy);
    assert_int_equal(seen, 5);
    assert_false(is_busy);
}

/* Counters go on with the next owner, gauges end with theirs. */
static void
test_stats(void **state)
{
    (void)state;
    static const ion_stat_desc_t desc[] = {
        { "things", NULL, ION_STAT_COUNTER, "Things." },
        { "now", NULL, ION_STAT_GAUGE, "Now." },
        { "other", NULL, ION_STAT_UNTYPED, "Other." },
    };
    uint32_t a = shm_rig_start(&rig);
    uint32_t b = shm_rig_start(&rig);
    uint64_t *mine = ion_stats_own(rig.worker[a]);
    uint64_t *theirs = ion_stats_own(rig.worker[b]);
    uint64_t *masters = ion_stats_own(rig.master);
    ion_stat_add(mine, 4, 10);
    ion_stat_add(mine, 5, 3);
    ion_stat_sub(mine, 5, 1);
    ion_stat_set(mine, 6, 99);
    ion_stat_add(theirs, 4, 1);
    ion_stat_add(theirs, 5, 1);
    ion_stat_add(masters, 4, 100);
    assert_int_equal(ion_stats_sum(rig.worker[b], 4), 111);
    assert_int_equal(ion_stats_sum(rig.worker[b], 5), 3);
    assert_int_equal(ion_stats_get(rig.worker[b], a, 6), 99);
    shm_rig_kill(&rig, a);
    ion_stats_retire(rig.master, a, 4, desc, ION_ARRAY_LEN(desc));
    assert_int_equal(ion_stats_sum(rig.master, 4), 111);
    assert_int_equal(ion_stats_sum(rig.master, 5), 1);
    assert_int_equal(ion_stats_sum(rig.master, 6), 0);
    /* a gauge that moved between two processes is right in the sum */
    ion_stat_sub(theirs, 5, 5);
    ion_stat_add(masters, 5, 5);
    assert_int_equal(ion_stats_sum(rig.master, 5), 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_life, start, stop),
        cmocka_unit_test_setup_teardown(test_sandbox_word, start, stop),
        cmocka_unit_test_setup_teardown(test_all_taken, start, stop),
        cmocka_unit_test_setup_teardown(test_wrong_steps, start, stop),
        cmocka_unit_test_setup_teardown(test_retirement, start, stop),
        cmocka_unit_test_setup_teardown(test_heartbeat, start, stop),
        cmocka_unit_test_setup_teardown(test_stats, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
