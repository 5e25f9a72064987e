/*
 * shm_rig.c -- see shm_rig.h.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "lib/shm_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "shm/slots.h"

void
shm_rig_init(shm_rig_t *rig, uint32_t max_workers, uint32_t max_clients)
{
    ion_shm_geometry_t g = {
        .max_workers = max_workers,
        .max_clients = max_clients,
        .fabric_bytes = 0,
        .nstats = 16,
    };
    memset(rig, 0, sizeof(*rig));
    assert_int_equal(ion_shm_create(&g, &rig->master), ION_OK);
}

void
shm_rig_fini(shm_rig_t *rig)
{
    for (size_t i = 0; i < ION_WORKER_SLOTS_MAX; i++) {
        ion_shm_free(&rig->worker[i]);
    }
    ion_shm_free(&rig->master);
}

size_t
shm_rig_fds(
    const shm_rig_t *rig, ion_slot_role_t role, int fds[ION_SHM_FDS_MAX])
{
    size_t n = ion_shm_fds(rig->master, role, fds);
    for (size_t i = 0; i < n; i++) {
        fds[i] = dup(fds[i]);
        assert_true(fds[i] >= 0);
    }
    return n;
}

uint32_t
shm_rig_start(shm_rig_t *rig)
{
    uint32_t slot;
    int fds[ION_SHM_FDS_MAX];
    assert_int_equal(
        ion_slots_alloc(rig->master, ION_SLOT_WORKER, 0, 1, &slot), ION_OK);
    size_t n = shm_rig_fds(rig, ION_SLOT_WORKER, fds);
    assert_int_equal(
        ion_shm_attach(ION_SLOT_WORKER, slot, fds, n, &rig->worker[slot]),
        ION_OK);
    ion_slots_set_state(rig->master, slot, ION_SLOT_LIVE);
    return slot;
}

void
shm_rig_kill(shm_rig_t *rig, uint32_t slot)
{
    ion_shm_free(&rig->worker[slot]);
    ion_slots_set_state(rig->master, slot, ION_SLOT_DEAD);
}

ion_key_t
shm_rig_key(uint32_t n)
{
    ion_key_t key;
    memset(key.b, 0xa5, sizeof(key.b));
    memcpy(key.b, &n, sizeof(n));
    return key;
}
