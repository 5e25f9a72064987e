/*
 * shm_rig.h -- an instance's shared memory with several "processes" in one.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Every worker is attached by descriptors of its own to mappings of its own,
 * as a process would be.
 */

#ifndef ION_TESTS_SHM_RIG_H
#define ION_TESTS_SHM_RIG_H

#include "crypto/keys.h"
#include "shm/shm.h"

typedef struct shm_rig {
    ion_shm_t *master;
    ion_shm_t *worker[ION_WORKER_SLOTS_MAX]; /* by slot; NULL: none */
} shm_rig_t;

/* Fails the running test if anything goes wrong. */
void shm_rig_init(shm_rig_t *rig, uint32_t max_workers, uint32_t max_clients);
void shm_rig_fini(shm_rig_t *rig);

/* A new LIVE worker; returns its slot. */
uint32_t shm_rig_start(shm_rig_t *rig);

/* The worker is gone and the master has seen it: DEAD. */
void shm_rig_kill(shm_rig_t *rig, uint32_t slot);

/* Descriptors of a role, duplicated, ready to be given to ion_shm_attach. */
size_t shm_rig_fds(
    const shm_rig_t *rig, ion_slot_role_t role, int fds[ION_SHM_FDS_MAX]);

/* A key made of a number. */
ion_key_t shm_rig_key(uint32_t n);

#endif
