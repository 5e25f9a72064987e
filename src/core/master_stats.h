/*
 * master_stats.h -- the master's own counters.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * They stand in front of the modules' in every process's array, so that the
 * keeper can name them; only the master counts them.
 */
#ifndef ION_CORE_MASTER_STATS_H
#define ION_CORE_MASTER_STATS_H

#include "shm/stats.h"

enum {
    ION_MASTER_RELOADS_OK,
    ION_MASTER_RELOADS_REFUSED,
    ION_MASTER_WORKER_DEATHS,
    ION_MASTER_KEEPER_DEATHS,
    ION_MASTER_COURIER_DEATHS,
    ION_MASTER_STAT_COUNT,
};

/* ION_MASTER_STAT_COUNT entries, in the order above. */
extern const ion_stat_desc_t ion_master_stats[];

#endif
