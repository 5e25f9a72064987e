/*
 * test_shm_threads.c -- workers as threads of one process, on one mapping.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The thread sanitizer sees races only between threads and only where both
 * use the same addresses; built with it, this test shows it the rings and the
 * directory. Without it, it is a short stress test.
 */

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "lib/shm_rig.h"
#include "shm/dir.h"
#include "shm/fabric.h"
#include "shm/shm_int.h"
#include "shm/slots.h"

#define THREADS 3
#define CLIENTS 100
#define KEYS    10
#define RUN_MS  500
#define ENOUGH  100 /* packets that each must get, however long it takes */
#define LIMIT_S 60  /* only a failure takes so long */

typedef struct hand {
    ion_shm_t shm; /* the master's mappings, a worker's view */
    ion_fabric_t *fab;
    ion_dir_entry_t entry;
    uint64_t sent;
    uint64_t last[THREADS];
    uint64_t got;
    uint32_t misses;
    uint32_t disorder;
    uint32_t torn;
} hand_t;

static shm_rig_t rig;
static hand_t hands[THREADS];
static _Atomic uint32_t satisfied; /* hands that have got enough */

static void
on_data(void *arg, const ion_fabric_data_t *data, const uint8_t *p, size_t len)
{
    hand_t *h = arg;
    uint64_t count;
    memcpy(&count, p, sizeof(count));
    h->disorder += count <= h->last[data->src.slot];
    h->last[data->src.slot] = count;
    for (size_t i = sizeof(count); i < len; i++) {
        h->torn += p[i] != (uint8_t)count;
    }
    h->got++;
    if (h->got == ENOUGH) {
        atomic_fetch_add(&satisfied, 1);
    }
}

static void
on_ctl(void *arg, uint32_t from, const ion_fabric_ctl_t *ctl)
{
    (void)arg;
    (void)from;
    (void)ctl;
}

static void
send_one(hand_t *h, uint32_t to)
{
    uint8_t packet[200];
    ion_dir_hit_t hit;
    ion_key_t key = shm_rig_key(1000 + to);
    if (ion_dir_lookup(&h->shm, &key, &hit) != ION_OK) {
        h->misses++;
        return;
    }
    uint64_t count = ++h->sent;
    ion_fabric_data_t data = { .dst = hit.conn, .src = h->entry.conn };
    memset(packet, (uint8_t)count, sizeof(packet));
    memcpy(packet, &count, sizeof(count));
    ION_IGNORE(ion_fabric_send_data(h->fab, &data, packet, 8 + count % 190));
}

static void
come_and_go(hand_t *h, uint32_t n)
{
    ion_dir_reg_t reg;
    ion_dir_left_t left;
    ion_slot_mask_t all = { .w = { (1u << THREADS) - 1, 0 } };
    ion_dir_new_t in = { .key = shm_rig_key(n) };
    if (ion_dir_register(&h->shm, &in, &reg) == ION_OK) {
        (void)ion_dir_activity(&h->shm, &reg.entry);
        ion_dir_leave(&h->shm, &reg.entry, &left);
        ion_fabric_ctl_t gone = {
            .type = ION_FABRIC_GONE, .seq = left.seq, .key = left.key
        };
        (void)ion_fabric_send_ctl_mask(h->fab, &all, &gone);
    }
}

/* Nobody stops before all have got enough: the rest could not any more. */
static bool
goes_on(ion_mono_t since)
{
    ion_mono_t now = ion_mono_now();
    return now < since + ION_MS(RUN_MS) || (atomic_load(&satisfied) < THREADS &&
                                               now < since + ION_SEC(LIMIT_S));
}

static void *
work(void *arg)
{
    hand_t *h = arg;
    const ion_fabric_sink_t sink = { on_data, on_ctl, h };
    ion_mono_t since = ion_mono_now();
    for (uint32_t i = 0; goes_on(since); i++) {
        ION_IGNORE(ion_fabric_drain(h->fab, 1 << 16, &sink));
        come_and_go(h, i % KEYS);
        for (uint32_t to = 0; to < THREADS; to++) {
            if (to != h->shm.slot) {
                send_one(h, to);
            }
        }
        ion_fabric_flush(h->fab);
        (void)ion_fabric_may_sleep(h->fab);
        ion_fabric_awake(h->fab);
    }
    return NULL;
}

static void
start_hand(uint32_t i)
{
    hand_t *h = &hands[i];
    uint32_t slot;
    ion_dir_reg_t reg;
    ion_dir_new_t in = { .key = shm_rig_key(1000 + i) };
    assert_int_equal(
        ion_slots_alloc(rig.master, ION_SLOT_WORKER, i, 1, &slot), ION_OK);
    assert_int_equal(slot, i);
    ion_slots_set_state(rig.master, slot, ION_SLOT_LIVE);
    h->shm = *rig.master;
    h->shm.role = ION_SLOT_WORKER;
    h->shm.slot = slot;
    h->shm.free_record = calloc(h->shm.records, sizeof(*h->shm.free_record));
    assert_non_null(h->shm.free_record);
    assert_int_equal(ion_dir_register(&h->shm, &in, &reg), ION_OK);
    h->entry = reg.entry;
}

static void
test_threads(void **state)
{
    (void)state;
    pthread_t thread[THREADS];
    shm_rig_init(&rig, 4, CLIENTS);
    for (uint32_t i = 0; i < THREADS; i++) {
        start_hand(i);
    }
    for (uint32_t i = 0; i < THREADS; i++) {
        assert_int_equal(ion_fabric_new(&hands[i].shm, &hands[i].fab), ION_OK);
    }
    for (uint32_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&thread[i], NULL, work, &hands[i]), 0);
    }
    for (uint32_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(thread[i], NULL), 0);
    }
    for (uint32_t i = 0; i < THREADS; i++) {
        assert_int_equal(hands[i].misses, 0);
        assert_int_equal(hands[i].disorder, 0);
        assert_int_equal(hands[i].torn, 0);
        assert_true(hands[i].got >= ENOUGH);
        ion_fabric_free(&hands[i].fab);
        free(hands[i].shm.free_record);
    }
    shm_rig_fini(&rig);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
