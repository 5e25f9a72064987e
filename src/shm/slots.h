/*
 * slots.h -- the state of every process, heartbeats, and retirement.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Writes: the slot table, the master; a process's own words (heartbeat, busy,
 *         sandbox, acks, blame), that process, on cache lines of its own.
 * Reads:  everybody.
 * Order:  FREE -> STARTING -> LIVE -> DRAINING -> DEAD -> FREE, LIVE and
 *         STARTING may go to DEAD at once. Nobody sends to a slot that is not
 *         LIVE or DRAINING. The master says LIVE before it tells a worker to
 *         accept clients.
 * Retire: DEAD rings all doorbells. Each live worker stops writing to the
 *         slot, drains its ring, walks its own tables and acks in its own
 *         word (fabric.h). All acked: ion_shm_sweep, FREE. No reuse before.
 *         A clean exit takes the same path.
 * A kill leaves: a state the master corrects when it reaps the process. Acks
 *         of a killed worker are not waited for.
 */

#ifndef ION_SHM_SLOTS_H
#define ION_SHM_SLOTS_H

#include <sys/types.h>

#include "base/err.h"
#include "shm/shm.h"

typedef enum ion_slot_state {
    ION_SLOT_FREE = 0,
    ION_SLOT_STARTING = 1,
    ION_SLOT_LIVE = 2,
    ION_SLOT_DRAINING = 3,
    ION_SLOT_DEAD = 4,
} ion_slot_state_t;

typedef struct ion_slot_info {
    ion_slot_state_t state;
    ion_slot_role_t role;
    uint32_t index;       /* worker index; 0 for others */
    pid_t pid;            /* 0 before ion_slots_set_pid */
    uint64_t generation;  /* as given to ion_slots_alloc */
    uint32_t incarnation; /* owners this slot has had */
    uint64_t started_ms;  /* since 1970, when it was taken */
} ion_slot_info_t;

/*
 * ion_slots_alloc -- take a FREE slot for a child that is about to start.
 *
 * Shape:  master only; role WORKER: any worker slot, KEEPER and COURIER: their
 *         only one. The slot becomes STARTING.
 * Errors: ION_LIMIT none is free: dead ones are still being retired.
 */
ION_NODISCARD ion_err_t ion_slots_alloc(ion_shm_t *shm, ion_slot_role_t role,
    uint32_t index, uint64_t generation, uint32_t *slot);

/*
 * ion_slots_set_pid -- note the process of a STARTING slot. Master only.
 *
 * Errors: none.
 */
void ion_slots_set_pid(ion_shm_t *shm, uint32_t slot, pid_t pid);

/*
 * ion_slots_set_state -- move a slot on. Master only.
 *
 * Shape:  DEAD begins retirement and rings the doorbell of every worker. FREE
 *         is set by ion_shm_sweep alone.
 * Errors: none; a step the order above does not have is a panic.
 */
void ion_slots_set_state(ion_shm_t *shm, uint32_t slot, ion_slot_state_t state);

/*
 * ion_slots_get -- copy of one entry. Any process.
 *
 * Shape:  slot below worker_slots + 3. Fields of an entry that the master is
 *         changing right now may belong to two owners: for display only.
 * Errors: none.
 */
void ion_slots_get(const ion_shm_t *shm, uint32_t slot, ion_slot_info_t *out);

/*
 * ion_slots_changes -- a number that is another one after any slot's state
 * has changed. Any process.
 *
 * Errors: none. Cost: one load.
 */
uint64_t ion_slots_changes(const ion_shm_t *shm);

/*
 * ion_slots_is_retired -- have all live workers acked this DEAD slot?
 *
 * Shape:  master only. The master's doorbell (ion_slots_master_fd) rings at
 *         each ack; look again then, and whenever a worker dies.
 * Errors: none.
 */
bool ion_slots_is_retired(const ion_shm_t *shm, uint32_t slot);

/*
 * ion_slots_blamed -- workers that the master must kill, because another live
 * one found their ring corrupt, or they take none of its messages.
 *
 * Shape:  master only; look now and then. A worker that blames more than one
 *         is taken for the culprit itself. Blame ends with the death.
 * Errors: none.
 */
ion_slot_mask_t ion_slots_blamed(const ion_shm_t *shm);

/*
 * ion_slots_master_fd -- eventfd that workers ring when they ack; watch for
 * reading, empty it with ion_slots_master_clear. Owned by shm.
 *
 * Errors: none.
 */
int ion_slots_master_fd(const ion_shm_t *shm);
void ion_slots_master_clear(const ion_shm_t *shm);

/*
 * ion_slots_own_words -- the heartbeat words of this process, to be given to
 * the loop: *beat grows each turn, *busy is 1 outside the wait.
 *
 * Errors: none.
 */
void ion_slots_own_words(
    ion_shm_t *shm, _Atomic uint64_t **beat, _Atomic uint32_t **busy);

/*
 * ion_slots_set_sandbox, ion_slots_sandbox -- what confines a process: a word
 * of its own for others to show, 0 from ion_slots_alloc on until it says more.
 *
 * Shape:  bits of os/sandbox.h; the process sets its own, anybody reads.
 * Errors: none.
 */
void ion_slots_set_sandbox(ion_shm_t *shm, uint32_t in_force);
uint32_t ion_slots_sandbox(const ion_shm_t *shm, uint32_t slot);

/*
 * ion_slots_beat -- another process's heartbeat, as it is now.
 *
 * Errors: none.
 */
void ion_slots_beat(
    const ion_shm_t *shm, uint32_t slot, uint64_t *beat, bool *busy);

#endif
