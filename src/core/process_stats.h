/*
 * process_stats.h -- what each process uses of the machine, as numbers in its
 * own array.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * They stand behind the master's own counters and in front of the modules'.
 * Each process sets its own, once a second; src/admin shows them by process.
 */
#ifndef ION_CORE_PROCESS_STATS_H
#define ION_CORE_PROCESS_STATS_H

#include "core/master_stats.h"
#include "shm/stats.h"

enum {
    ION_PROCESS_OPEN_FDS,
    ION_PROCESS_MAX_FDS,
    ION_PROCESS_RESIDENT,       /* bytes */
    ION_PROCESS_CPU,            /* microseconds */
    ION_PROCESS_START_RESIDENT, /* bytes, when it had started */
    ION_PROCESS_SHARES,         /* one for each of ion_process_shares */
    ION_PROCESS_SHARE_COUNT = 6,
    ION_PROCESS_STAT_COUNT =
        (int)ION_PROCESS_SHARES + (int)ION_PROCESS_SHARE_COUNT,
};

/*
 * A worker's share of a metric of the instance. A counter goes on where the
 * last owner of the slot has ended; what it was then stands in the process's
 * numbers, and its share is what it has counted itself.
 */
typedef struct ion_process_share {
    const char *name;
    const char *of; /* the metric; all its lines together */
    ion_stat_type_t type;
    const char *help;
} ion_process_share_t;

extern const ion_process_share_t ion_process_shares[ION_PROCESS_SHARE_COUNT];

/* Index in the array of the first one. */
#define ION_PROCESS_STAT_BASE ((size_t)ION_MASTER_STAT_COUNT)

/* ION_PROCESS_STAT_COUNT entries, in the order above; all of them begin anew
 * with a new process, so that they are gauges for ion_stats_retire. */
extern const ion_stat_desc_t ion_process_stats[];

#endif
