/*
 * module.c -- numbers of modules and of their counters.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "core/module.h"

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
