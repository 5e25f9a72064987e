/*
 * ids.h -- what processes call each other and each other's connections.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A connection id is all that ever leaves a process: rings, caches, interest
 * lists and tables hold it, never a pointer, a descriptor or a key alone.
 * Slot and record say where the connection's record lies; life says which
 * connection of the many that used this record. A life is odd while the
 * connection is registered and never repeats (before 2^31 reuses).
 */

#ifndef ION_SHM_IDS_H
#define ION_SHM_IDS_H

#include "base/base.h"

/* Worker slots: numbers 0 .. worker_slots - 1. Behind them stand one slot
 * each for master, keeper and courier, which have no rings and no records. */
#define ION_WORKER_SLOTS_MAX 128
#define ION_SLOTS_MAX        (ION_WORKER_SLOTS_MAX + 3)

typedef struct ion_conn_id {
    uint32_t record;
    uint32_t life; /* odd; 0 = no connection */
    uint8_t slot;
} ion_conn_id_t;

/* A set of worker slots. */
typedef struct ion_slot_mask {
    uint64_t w[2];
} ion_slot_mask_t;

/* ion_conn_id_eq -- the same connection, not merely the same record. */
static inline bool
ion_conn_id_eq(ion_conn_id_t a, ion_conn_id_t b)
{
    return a.record == b.record && a.life == b.life && a.slot == b.slot;
}

/* ion_conn_id_is_none -- the zero id: no connection. */
static inline bool
ion_conn_id_is_none(ion_conn_id_t c)
{
    return c.life == 0;
}

/* ion_slot_mask_add, _del, _has -- slot is below ION_WORKER_SLOTS_MAX. */
static inline void
ion_slot_mask_add(ion_slot_mask_t *m, unsigned slot)
{
    m->w[(slot / 64) & 1] |= UINT64_C(1) << (slot % 64);
}

static inline void
ion_slot_mask_del(ion_slot_mask_t *m, unsigned slot)
{
    m->w[(slot / 64) & 1] &= ~(UINT64_C(1) << (slot % 64));
}

static inline bool
ion_slot_mask_has(const ion_slot_mask_t *m, unsigned slot)
{
    return ((m->w[(slot / 64) & 1] >> (slot % 64)) & 1) != 0;
}

static inline bool
ion_slot_mask_is_empty(const ion_slot_mask_t *m)
{
    return (m->w[0] | m->w[1]) == 0;
}

/* ion_slot_mask_or -- a |= b. */
static inline void
ion_slot_mask_or(ion_slot_mask_t *a, const ion_slot_mask_t *b)
{
    a->w[0] |= b->w[0];
    a->w[1] |= b->w[1];
}

#endif
