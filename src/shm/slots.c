/*
 * slots.c -- the slot table and the words of each process.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * An ack is the number of the retirement it answers, so that the word of an
 * earlier owner, or of an earlier death, can never be taken for it.
 */

#include "shm/slots.h"

#include "base/assert.h"
#include "base/clock.h"
#include "shm/shm_int.h"

static shm_slot_t *
slot_of(const ion_shm_t *shm, uint32_t slot)
{
    ION_ASSERT(slot < shm->worker_slots + 3);
    return &shm->slots[slot];
}

static uint32_t
find_free(const ion_shm_t *shm)
{
    for (uint32_t i = 0; i < shm->worker_slots; i++) {
        if (atomic_load(&shm->slots[i].state) == ION_SLOT_FREE) {
            return i;
        }
    }
    return shm->worker_slots;
}

ion_err_t
ion_slots_alloc(ion_shm_t *shm, ion_slot_role_t role, uint32_t index,
    uint64_t generation, uint32_t *slot)
{
    ION_ASSERT(shm->role == ION_SLOT_MASTER);
    uint32_t nth = shm_slot_of_role(shm, role);
    ION_ASSERT(role == ION_SLOT_WORKER || role == ION_SLOT_KEEPER ||
               role == ION_SLOT_COURIER);
    if (role == ION_SLOT_WORKER) {
        nth = find_free(shm);
        if (nth == shm->worker_slots) {
            return ION_LIMIT;
        }
    }
    shm_slot_t *s = slot_of(shm, nth);
    if (atomic_load(&s->state) != ION_SLOT_FREE) {
        return ION_LIMIT;
    }
    atomic_store(&s->role, (uint32_t)role);
    atomic_store(&s->index, index);
    atomic_store(&s->pid, 0);
    atomic_store(&s->generation, generation);
    atomic_store(&shm_block(shm, nth)->sandbox, 0u);
    atomic_store(&s->started_ms, (uint64_t)ion_wall_now_ms());
    atomic_fetch_add(&s->incarnation, 1u);
    atomic_store(&s->state, (uint32_t)ION_SLOT_STARTING);
    atomic_fetch_add(&shm->head->changes, 1);
    *slot = nth;
    return ION_OK;
}

void
ion_slots_set_pid(ion_shm_t *shm, uint32_t slot, pid_t pid)
{
    ION_ASSERT(shm->role == ION_SLOT_MASTER);
    atomic_store(&slot_of(shm, slot)->pid, (int32_t)pid);
}

static bool
is_step(uint32_t from, ion_slot_state_t to)
{
    switch (to) {
    case ION_SLOT_LIVE:
        return from == ION_SLOT_STARTING;
    case ION_SLOT_DRAINING:
        return from == ION_SLOT_LIVE;
    case ION_SLOT_DEAD:
        return from == ION_SLOT_STARTING || from == ION_SLOT_LIVE ||
               from == ION_SLOT_DRAINING;
    case ION_SLOT_FREE:
    case ION_SLOT_STARTING:
    default:
        return false;
    }
}

void
ion_slots_set_state(ion_shm_t *shm, uint32_t slot, ion_slot_state_t state)
{
    ION_ASSERT(shm->role == ION_SLOT_MASTER);
    shm_slot_t *s = slot_of(shm, slot);
    ION_ASSERT(is_step(atomic_load(&s->state), state));
    if (state == ION_SLOT_DEAD) {
        atomic_fetch_add(&s->retirement, 1u);
    }
    atomic_store(&s->state, (uint32_t)state);
    atomic_fetch_add(&shm->head->changes, 1);
    if (state == ION_SLOT_DEAD) {
        for (uint32_t i = 0; i < shm->worker_slots; i++) {
            shm_doorbell_ring(shm, i);
        }
    }
}

void
ion_slots_get(const ion_shm_t *shm, uint32_t slot, ion_slot_info_t *out)
{
    const shm_slot_t *s = slot_of(shm, slot);
    out->state = (ion_slot_state_t)atomic_load(&s->state);
    out->role = (ion_slot_role_t)atomic_load(&s->role);
    out->index = atomic_load(&s->index);
    out->pid = (pid_t)atomic_load(&s->pid);
    out->generation = atomic_load(&s->generation);
    out->incarnation = atomic_load(&s->incarnation);
    out->started_ms = atomic_load(&s->started_ms);
}

uint64_t
ion_slots_changes(const ion_shm_t *shm)
{
    return atomic_load(&shm->head->changes);
}

static bool
is_alive(const ion_shm_t *shm, uint32_t slot)
{
    uint32_t state = atomic_load(&shm->slots[slot].state);
    return state == ION_SLOT_LIVE || state == ION_SLOT_DRAINING;
}

bool
ion_slots_is_retired(const ion_shm_t *shm, uint32_t slot)
{
    const shm_slot_t *dead = slot_of(shm, slot);
    if (atomic_load(&dead->state) != ION_SLOT_DEAD) {
        return false;
    }
    if (slot >= shm->worker_slots) {
        return true;
    }
    uint32_t retirement = atomic_load(&dead->retirement);
    for (uint32_t i = 0; i < shm->worker_slots; i++) {
        if (is_alive(shm, i) &&
            atomic_load(&shm_block(shm, i)->acks[slot]) != retirement)
        {
            return false;
        }
    }
    return true;
}

ion_slot_mask_t
ion_slots_blamed(const ion_shm_t *shm)
{
    ion_slot_mask_t culprits = { .w = { 0 } };
    for (uint32_t i = 0; i < shm->worker_slots; i++) {
        const shm_block_t *block = shm_block(shm, i);
        ion_slot_mask_t blamed = { .w = { atomic_load(&block->blamed[0]),
                                       atomic_load(&block->blamed[1]) } };
        uint32_t count = 0;
        uint32_t last = 0;
        for (uint32_t k = 0; is_alive(shm, i) && k < shm->worker_slots; k++) {
            if (ion_slot_mask_has(&blamed, k) && is_alive(shm, k)) {
                count++;
                last = k;
            }
        }
        if (count > 0) {
            ion_slot_mask_add(&culprits, count == 1 ? last : i);
        }
    }
    return culprits;
}

int
ion_slots_master_fd(const ion_shm_t *shm)
{
    return shm->doorbell[shm->worker_slots];
}

void
ion_slots_master_clear(const ion_shm_t *shm)
{
    shm_doorbell_clear(shm, shm->worker_slots);
}

void
ion_slots_own_words(
    ion_shm_t *shm, _Atomic uint64_t **beat, _Atomic uint32_t **busy)
{
    shm_block_t *block = shm_block(shm, shm->slot);
    *beat = &block->beat;
    *busy = &block->busy;
}

void
ion_slots_set_sandbox(ion_shm_t *shm, uint32_t in_force)
{
    atomic_store(&shm_block(shm, shm->slot)->sandbox, in_force);
}

uint32_t
ion_slots_sandbox(const ion_shm_t *shm, uint32_t slot)
{
    return atomic_load(&shm_block(shm, slot)->sandbox);
}

void
ion_slots_beat(const ion_shm_t *shm, uint32_t slot, uint64_t *beat, bool *busy)
{
    shm_block_t *block = shm_block(shm, slot);
    *beat = atomic_load_explicit(&block->beat, memory_order_relaxed);
    *busy = atomic_load_explicit(&block->busy, memory_order_relaxed) != 0;
}
