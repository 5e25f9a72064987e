/*
 * shm.h -- everything the processes of one instance share, seen from one.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The master creates six zones before the first child and hands each child
 * the descriptors of its role:
 *
 *   zone       worker  keeper  courier  holds
 *   master     r       r       r        geometry, hash secret, slot table,
 *                                       own words
 *   workers    rw      r       -        each worker slot's words, counters,
 *                                       black box
 *   keeper     r       rw      -        the keeper's words, counters, box
 *   courier    r       r       rw       the courier's words, counters, box
 *   directory  rw      r       -        cells, records
 *   rings      rw      -       -        rings between worker slots
 *
 * The master maps all of them writable. Only numbers are shared: no pointer,
 * no descriptor, no lock. A process killed at any instruction leaves nothing
 * locked; what it does leave is said in slots.h, dir.h, fabric.h, and
 * ion_shm_sweep removes it.
 *
 * Slot numbers: 0 .. worker_slots - 1 workers, worker_slots the master,
 * worker_slots + 1 the keeper, worker_slots + 2 the courier.
 */

#ifndef ION_SHM_SHM_H
#define ION_SHM_SHM_H

#include "base/err.h"
#include "shm/ids.h"

typedef struct ion_shm ion_shm_t;

typedef enum ion_slot_role {
    ION_SLOT_NONE = 0,
    ION_SLOT_MASTER = 1,
    ION_SLOT_WORKER = 2,
    ION_SLOT_KEEPER = 3,
    ION_SLOT_COURIER = 4,
} ion_slot_role_t;

/* Descriptors one child is handed at most: zones, doorbells. */
#define ION_SHM_FDS_MAX (6 + ION_WORKER_SLOTS_MAX + 1)

typedef struct ion_shm_geometry {
    uint32_t max_workers;  /* 1 .. 64 */
    uint32_t max_clients;  /* connections of the whole instance, 1 .. 2^24 */
    uint64_t fabric_bytes; /* budget of the rings of live pairs */
    uint32_t nstats;       /* counters per process */
} ion_shm_geometry_t;

/*
 * ion_shm_create -- make all zones and doorbells. Master only.
 *
 * Shape:  worker slots = 2 x max_workers, at least 8. The master's own slot
 *         is LIVE at once, all others are FREE.
 * Owns:   gives *out; ion_shm_free.
 * Errors: ION_RANGE a number out of its range | ION_SYS (errno) | ION_NOMEM.
 */
ION_NODISCARD ion_err_t ion_shm_create(
    const ion_shm_geometry_t *geometry, ion_shm_t **out);

/*
 * ion_shm_fds -- the descriptors a child of this role must be started with.
 *
 * Shape:  fills fds in the order that ion_shm_attach expects; returns how
 *         many. They stay the master's: the child gets copies.
 * Errors: none.
 */
size_t ion_shm_fds(
    const ion_shm_t *shm, ion_slot_role_t role, int fds[ION_SHM_FDS_MAX]);

/*
 * ion_shm_attach -- become the process of a slot. Children only.
 *
 * Shape:  fds as ion_shm_fds listed them, in that order; geometry is read
 *         from the master's zone and checked against the sizes of the others.
 * Owns:   takes the descriptors, also on error; gives *out; ion_shm_free.
 * Errors: ION_VERSION made by a program of another layout | ION_MALF zones
 *         that do not fit each other, or a slot not of this role | ION_SYS |
 *         ION_NOMEM.
 */
ION_NODISCARD ion_err_t ion_shm_attach(ion_slot_role_t role, uint32_t slot,
    const int *fds, size_t nfds, ion_shm_t **out);

/*
 * ion_shm_free -- unmap and close; *shm becomes NULL. Says nothing to the
 * others: the slot's state is the master's word.
 *
 * Errors: none; *shm may be NULL.
 */
void ion_shm_free(ion_shm_t **shm);

/*
 * ion_shm_sweep -- clear a dead worker's slot for its next owner.
 *
 * Shape:  master only, when ion_slots_is_retired(shm, slot). Removes the
 *         slot's cells (every number found there is bounds-checked), makes
 *         its records' lives even, resets its rings and gives their memory
 *         back, then sets FREE. For the keeper's and the
 *         courier's slot: sets FREE.
 * Errors: none.
 * Cost:   O(directory + rings of the slot), about a millisecond.
 */
void ion_shm_sweep(ion_shm_t *shm, uint32_t slot);

/*
 * ion_shm_layout_hash -- two programs may share zones only if this is equal.
 *
 * Errors: none.
 */
uint64_t ion_shm_layout_hash(void);

/* What this process is and how big things are. Errors: none. */
uint32_t ion_shm_slot(const ion_shm_t *shm);
uint32_t ion_shm_worker_slots(const ion_shm_t *shm);
uint32_t ion_shm_master_slot(const ion_shm_t *shm);
uint32_t ion_shm_keeper_slot(const ion_shm_t *shm);
uint32_t ion_shm_courier_slot(const ion_shm_t *shm);
const ion_shm_geometry_t *ion_shm_geometry(const ion_shm_t *shm);

#endif
