/*
 * stats.c -- reading the counters of all processes.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "shm/stats.h"

#include "base/assert.h"
#include "shm/shm_int.h"

uint64_t *
ion_stats_own(ion_shm_t *shm)
{
    return shm_block(shm, shm->slot)->stats;
}

uint64_t
ion_stats_get(const ion_shm_t *shm, uint32_t slot, size_t idx)
{
    ION_ASSERT(idx < shm->geometry.nstats);
    const shm_block_t *block = shm_block(shm, slot);
    return __atomic_load_n(&block->stats[idx], __ATOMIC_RELAXED);
}

uint64_t
ion_stats_sum(const ion_shm_t *shm, size_t idx)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < shm->worker_slots + 3; i++) {
        sum += ion_stats_get(shm, i, idx);
    }
    return sum;
}

void
ion_stats_retire(ion_shm_t *shm, uint32_t slot, size_t base,
    const ion_stat_desc_t *desc, size_t n)
{
    ION_ASSERT(shm->role == ION_SLOT_MASTER);
    ION_ASSERT(base + n <= shm->geometry.nstats);
    uint64_t *stats = shm_block(shm, slot)->stats;
    for (size_t i = 0; i < n; i++) {
        if (desc[i].type == ION_STAT_GAUGE || desc[i].type == ION_STAT_UNTYPED)
        {
            ion_stat_set(stats, base + i, 0);
        }
    }
}
