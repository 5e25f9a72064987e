/*
 * master_stats.c -- names of the master's own counters.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "core/master_stats.h"

const ion_stat_desc_t ion_master_stats[] = {
    { "ionscale_reloads", "outcome=\"ok\"", ION_STAT_COUNTER,
        "Reloads of the configuration by outcome." },
    { "ionscale_reloads", "outcome=\"refused\"", ION_STAT_COUNTER, NULL },
    { "ionscale_worker_deaths", NULL, ION_STAT_COUNTER,
        "Workers that ended without being told to." },
    { "ionscale_keeper_deaths", NULL, ION_STAT_COUNTER,
        "Keepers that ended without being told to." },
    { "ionscale_courier_deaths", NULL, ION_STAT_COUNTER,
        "Couriers that ended without being told to." },
};

ION_STATIC_ASSERT(ION_ARRAY_LEN(ion_master_stats) == ION_MASTER_STAT_COUNT,
    "one name for each counter");
