/*
 * module.c -- numbers of modules and of their counters.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "core/module.h"

#include <string.h>

#include "base/assert.h"
#include "core/process_stats.h"

uint32_t
ion_module_stat_base(uint32_t n)
{
    uint32_t base = ION_PROCESS_STAT_BASE + ION_PROCESS_STAT_COUNT;
    ION_ASSERT(n <= ion_module_count);
    for (uint32_t i = 0; i < n; i++) {
        base += (uint32_t)ion_modules[i]->stat_count;
    }
    return base;
}

uint64_t
ion_module_stat_sum(const struct ion_shm *shm, uint32_t slot, const char *name)
{
    uint64_t sum = 0;
    for (uint32_t n = 0; n < ion_module_count; n++) {
        for (size_t i = 0; i < ion_modules[n]->stat_count; i++) {
            if (strcmp(ion_modules[n]->stats[i].name, name) == 0) {
                sum += ion_stats_get(shm, slot, ion_module_stat_base(n) + i);
            }
        }
    }
    return sum;
}

uint32_t
ion_module_number(const ion_module_t *m)
{
    for (uint32_t i = 0; i < ion_module_count; i++) {
        if (ion_modules[i] == m) {
            return i;
        }
    }
    ION_UNREACHABLE();
}
