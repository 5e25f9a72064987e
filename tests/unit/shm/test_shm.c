/*
 * test_shm.c -- the zones of an instance: sizes, who may do what, attaching.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/shm_rig.h"
#include "shm/shm_int.h"
#include "shm/stats.h"

#define MIB (UINT64_C(1) << 20)

static void
test_geometry(void **state)
{
    (void)state;
    static const struct {
        uint32_t workers;
        uint32_t clients;
        uint64_t fabric;
        uint32_t slots;
        uint32_t buckets;
        uint64_t ring;
    } cases[] = {
        { 1, 100, 256 * MIB, 8, 64, 4 * MIB },
        { 2, 100000, 256 * MIB, 8, 65536, 4 * MIB },
        { 4, 1, 256 * MIB, 8, 4, 4 * MIB },
        { 5, 10, 256 * MIB, 10, 4, 4 * MIB },
        { 5, 11, 256 * MIB, 10, 8, 4 * MIB },
        { 16, 1000, 256 * MIB, 32, 512, MIB },
        { 32, 1000, 512 * MIB, 64, 512, MIB / 2 },
        { 64, 1000, 256 * MIB, 128, 512, MIB / 4 },
        { 64, 1000, 0, 128, 512, MIB / 4 },
    };
    for (size_t i = 0; i < ION_ARRAY_LEN(cases); i++) {
        ion_shm_geometry_t g = { cases[i].workers, cases[i].clients,
            cases[i].fabric, 10 };
        ion_shm_t *shm = NULL;
        assert_int_equal(ion_shm_create(&g, &shm), ION_OK);
        assert_int_equal(ion_shm_worker_slots(shm), cases[i].slots);
        assert_int_equal(ion_shm_master_slot(shm), cases[i].slots);
        assert_int_equal(ion_shm_keeper_slot(shm), cases[i].slots + 1);
        assert_int_equal(shm->buckets, cases[i].buckets);
        assert_int_equal(shm->ring_bytes, cases[i].ring);
        assert_memory_equal(ion_shm_geometry(shm), &g, sizeof(g));
        /* the last ring ends where its zone ends */
        const ion_zone_t *z = shm->zone[SHM_ZONE_RINGS];
        const uint8_t *end = (const uint8_t *)z->base + z->size;
        uint32_t last = cases[i].slots - 1;
        assert_ptr_equal(
            shm_ring_data(shm, last, last - 1) + shm->ring_bytes, end);
        ion_shm_free(&shm);
    }
}

static void
test_refused_geometry(void **state)
{
    (void)state;
    static const ion_shm_geometry_t cases[] = {
        { .max_workers = 0, .max_clients = 1 },
        { .max_workers = 65, .max_clients = 1 },
        { .max_workers = 1, .max_clients = 0 },
        { .max_workers = 1, .max_clients = (1u << 24) + 1 },
        { .max_workers = 1, .max_clients = 1, .nstats = 1u << 20 },
    };
    for (size_t i = 0; i < ION_ARRAY_LEN(cases); i++) {
        ion_shm_t *shm = NULL;
        assert_int_equal(ion_shm_create(&cases[i], &shm), ION_RANGE);
        assert_null(shm);
    }
}

/* Every ring has room of its own. */
static void
test_rings_apart(void **state)
{
    (void)state;
    shm_rig_t rig;
    shm_rig_init(&rig, 2, 10);
    ion_shm_t *shm = rig.master;
    for (uint32_t p = 0; p < 8; p++) {
        for (uint32_t c = 0; c < 8; c++) {
            if (p != c) {
                uint8_t *data = shm_ring_data(shm, p, c);
                assert_int_equal(data[0], 0);
                assert_int_equal(data[shm->ring_bytes - 1], 0);
                data[0] = 1;
                data[shm->ring_bytes - 1] = 1;
                assert_int_equal(
                    atomic_load(&shm_ring_words(shm, p, c)->tail), 0);
                atomic_store(&shm_ring_words(shm, p, c)->tail, 1);
            }
        }
    }
    shm_rig_fini(&rig);
}

static void
test_roles(void **state)
{
    (void)state;
    shm_rig_t rig;
    shm_rig_init(&rig, 2, 10);
    uint32_t slot = shm_rig_start(&rig);
    ion_shm_t *w = rig.worker[slot];
    assert_int_equal(ion_shm_slot(w), slot);
    assert_int_equal(ion_shm_worker_slots(w), 8);
    assert_memory_equal(w->secret, rig.master->secret, sizeof(w->secret));

    int fds[ION_SHM_FDS_MAX];
    size_t n = shm_rig_fds(&rig, ION_SLOT_WORKER, fds);
    assert_int_equal(n, SHM_ZONES + 9);
    for (size_t i = 0; i < n; i++) {
        bool is_readable_only =
            (fcntl(fds[i], F_GETFL) & O_ACCMODE) == O_RDONLY;
        assert_int_equal(is_readable_only, i == SHM_ZONE_MASTER ||
                                               i == SHM_ZONE_KEEPER ||
                                               i == SHM_ZONE_COURIER);
        (void)close(fds[i]);
    }

    n = shm_rig_fds(&rig, ION_SLOT_KEEPER, fds);
    assert_int_equal(n, SHM_ZONES - 1);
    for (size_t i = 0; i < n; i++) {
        bool is_readable_only =
            (fcntl(fds[i], F_GETFL) & O_ACCMODE) == O_RDONLY;
        assert_int_equal(is_readable_only, i != SHM_ZONE_KEEPER);
    }
    ion_shm_t *keeper = NULL;
    assert_int_equal(
        ion_shm_attach(ION_SLOT_KEEPER, 9, fds, n, &keeper), ION_OK);
    assert_int_equal(ion_shm_slot(keeper), 9);
    ion_shm_free(&keeper);

    /* the courier: the slot table, to read, and its own */
    n = shm_rig_fds(&rig, ION_SLOT_COURIER, fds);
    assert_int_equal(n, 2);
    assert_int_equal(fcntl(fds[0], F_GETFL) & O_ACCMODE, O_RDONLY);
    assert_int_equal(fcntl(fds[1], F_GETFL) & O_ACCMODE, O_RDWR);
    ion_shm_t *courier = NULL;
    assert_int_equal(
        ion_shm_attach(ION_SLOT_COURIER, 10, fds, n, &courier), ION_OK);
    assert_int_equal(ion_shm_courier_slot(courier), 10);
    ion_stat_add(ion_stats_own(courier), 0, 7);
    assert_int_equal(ion_stats_get(rig.master, 10, 0), 7);
    assert_int_equal(ion_stats_sum(rig.master, 0), 7);
    ion_shm_free(&courier);
    shm_rig_fini(&rig);
}

static size_t
count_fds(void)
{
    size_t n = 0;
    for (int fd = 0; fd < 1024; fd++) {
        n += fcntl(fd, F_GETFD) >= 0;
    }
    return n;
}

static void
test_refused_attach(void **state)
{
    (void)state;
    shm_rig_t rig;
    shm_rig_init(&rig, 2, 10);
    size_t before = count_fds();
    int fds[ION_SHM_FDS_MAX];
    ion_shm_t *shm = NULL;

    /* a slot that is no worker's, or that is one */
    size_t n = shm_rig_fds(&rig, ION_SLOT_WORKER, fds);
    assert_int_equal(
        ion_shm_attach(ION_SLOT_WORKER, 8, fds, n, &shm), ION_MALF);
    n = shm_rig_fds(&rig, ION_SLOT_KEEPER, fds);
    assert_int_equal(
        ion_shm_attach(ION_SLOT_KEEPER, 1, fds, n, &shm), ION_MALF);

    /* too few descriptors */
    n = shm_rig_fds(&rig, ION_SLOT_WORKER, fds);
    (void)close(fds[n - 1]);
    assert_int_equal(
        ion_shm_attach(ION_SLOT_WORKER, 0, fds, n - 1, &shm), ION_MALF);
    assert_int_equal(
        ion_shm_attach(ION_SLOT_KEEPER, 9, fds, 0, &shm), ION_MALF);

    /* zones in the wrong order */
    n = shm_rig_fds(&rig, ION_SLOT_WORKER, fds);
    int fd = fds[SHM_ZONE_WORKERS];
    fds[SHM_ZONE_WORKERS] = fds[SHM_ZONE_DIR];
    fds[SHM_ZONE_DIR] = fd;
    assert_int_equal(
        ion_shm_attach(ION_SLOT_WORKER, 0, fds, n, &shm), ION_MALF);

    /* another layout */
    rig.master->head->layout++;
    n = shm_rig_fds(&rig, ION_SLOT_WORKER, fds);
    assert_int_equal(
        ion_shm_attach(ION_SLOT_WORKER, 0, fds, n, &shm), ION_VERSION);
    rig.master->head->layout--;
    rig.master->head->geometry.max_clients = 0;
    n = shm_rig_fds(&rig, ION_SLOT_WORKER, fds);
    assert_int_equal(
        ion_shm_attach(ION_SLOT_WORKER, 0, fds, n, &shm), ION_MALF);
    assert_null(shm);
    assert_int_equal(count_fds(), before);
    shm_rig_fini(&rig);
}

static void
test_sweep_resets_rings(void **state)
{
    (void)state;
    shm_rig_t rig;
    shm_rig_init(&rig, 2, 10);
    uint32_t slot = shm_rig_start(&rig);
    ion_shm_t *m = rig.master;
    ion_ring_words_t *out = shm_ring_words(m, slot, 5);
    ion_ring_words_t *in = shm_ring_words(m, 5, slot);
    memset(shm_ring_data(m, slot, 5), 0xff, 64);
    atomic_store(&out->tail, 64);
    atomic_store(&in->tail, 128);
    atomic_store(&in->head, 64);
    atomic_store(&in->wants_room, 1u);
    shm_rig_kill(&rig, slot);
    ion_shm_sweep(m, slot);
    assert_int_equal(atomic_load(&out->tail), 0);
    assert_int_equal(atomic_load(&in->tail), 0);
    assert_int_equal(atomic_load(&in->head), 0);
    assert_int_equal(atomic_load(&in->wants_room), 0);
    /* its memory was given back */
    assert_int_equal(shm_ring_data(m, slot, 5)[0], 0);
    shm_rig_fini(&rig);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_geometry),
        cmocka_unit_test(test_refused_geometry),
        cmocka_unit_test(test_rings_apart),
        cmocka_unit_test(test_roles),
        cmocka_unit_test(test_refused_attach),
        cmocka_unit_test(test_sweep_resets_rings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
