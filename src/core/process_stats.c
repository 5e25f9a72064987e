/*
 * process_stats.c -- names of what each process uses.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "core/process_stats.h"

const ion_stat_desc_t ion_process_stats[] = {
    { "ionscale_process_open_fds", NULL, ION_STAT_GAUGE,
        "Open descriptors by process." },
    { "ionscale_process_max_fds", NULL, ION_STAT_GAUGE,
        "The limit on open descriptors by process." },
    { "ionscale_process_resident_bytes", NULL, ION_STAT_GAUGE,
        "Memory in use by process; shared memory counts in each that touched "
        "it." },
    { "ionscale_process_cpu_seconds", NULL, ION_STAT_GAUGE,
        "User and system time by process." },
    { "ionscale_process_start_resident_bytes", NULL, ION_STAT_GAUGE,
        "Memory in use by process when it had started." },
};

ION_STATIC_ASSERT(ION_ARRAY_LEN(ion_process_stats) == ION_PROCESS_STAT_COUNT,
    "one name for each number");
