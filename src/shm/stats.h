/*
 * stats.h -- counters and gauges of every process.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Writes: each process its own array, by plain relaxed stores. Reads: anyone;
 *         a metric is the sum over all slots.
 * Order:  none between two numbers.
 * A kill leaves: counters stay and go on with the slot's next owner; gauges
 *         are zeroed by the master at retirement.
 */

#ifndef ION_SHM_STATS_H
#define ION_SHM_STATS_H

#include "base/base.h"
#include "shm/shm.h"

typedef enum ion_stat_type {
    ION_STAT_COUNTER = 0,
    ION_STAT_GAUGE = 1,
    ION_STAT_UNTYPED = 2,   /* treated as a gauge, printed without a type */
    ION_STAT_HISTOGRAM = 3, /* counters NAME_bucket, NAME_sum, NAME_count */
} ion_stat_type_t;

typedef struct ion_stat_desc {
    const char *name;   /* as in Prometheus text */
    const char *labels; /* reason="x",kind="y" or NULL */
    ion_stat_type_t type;
    const char *help; /* one line; NULL: as the entry before, same name */
} ion_stat_desc_t;

/*
 * ion_stat_add, ion_stat_sub, ion_stat_set -- change one number of mine.
 *
 * Shape:  mine is this process's array (ion_stats_own); idx below nstats.
 *         One writer, so a load and a store are enough; readers may be other
 *         processes, so both are atomic.
 */
static inline void
ion_stat_add(uint64_t *mine, size_t idx, uint64_t n)
{
    uint64_t v = __atomic_load_n(&mine[idx], __ATOMIC_RELAXED);
    __atomic_store_n(&mine[idx], v + n, __ATOMIC_RELAXED);
}

static inline void
ion_stat_sub(uint64_t *mine, size_t idx, uint64_t n)
{
    uint64_t v = __atomic_load_n(&mine[idx], __ATOMIC_RELAXED);
    __atomic_store_n(&mine[idx], v - n, __ATOMIC_RELAXED);
}

static inline void
ion_stat_set(uint64_t *mine, size_t idx, uint64_t value)
{
    __atomic_store_n(&mine[idx], value, __ATOMIC_RELAXED);
}

/*
 * ion_stats_own -- this process's array of nstats numbers.
 *
 * Errors: none.
 */
uint64_t *ion_stats_own(ion_shm_t *shm);

/*
 * ion_stats_get -- one number of one slot (worker, master, keeper, courier).
 *
 * Errors: none.
 */
uint64_t ion_stats_get(const ion_shm_t *shm, uint32_t slot, size_t idx);

/*
 * ion_stats_sum -- one number over all slots, modulo 2^64.
 *
 * Errors: none.
 */
uint64_t ion_stats_sum(const ion_shm_t *shm, size_t idx);

/*
 * ion_stats_retire -- zero the gauges of a dead slot.
 *
 * Shape:  master only, after the process is reaped; desc describes the n
 *         numbers from base on; call it once per table.
 * Errors: none.
 */
void ion_stats_retire(ion_shm_t *shm, uint32_t slot, size_t base,
    const ion_stat_desc_t *desc, size_t n);

#endif
