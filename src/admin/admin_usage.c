/*
 * admin_usage.c -- what the processes use, as counters by process.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Every process measures itself, once a second, so any of them can tell about
 * all.
 */
#include "admin/admin_usage.h"

#include <stdio.h>

#include "admin/admin_status.h"
#include "core/process_stats.h"
#include "shm/slots.h"

/* one thing of every process */
typedef struct usage_row {
    size_t idx;
    ion_stat_type_t type;
    uint64_t scale;
} usage_row_t;

static bool
is_running(const ion_slot_info_t *info)
{
    return info->state == ION_SLOT_LIVE || info->state == ION_SLOT_DRAINING;
}

static uint64_t
number(const ion_shm_t *shm, uint32_t slot, size_t idx)
{
    return ion_stats_get(shm, slot, ION_PROCESS_STAT_BASE + idx);
}

/* Workers of one index that drain stand in one line, at the first of them. */
static bool
sum_draining(const ion_shm_t *shm, uint32_t slot, uint32_t index, size_t idx,
    uint64_t *sum)
{
    *sum = 0;
    for (uint32_t i = 0; i < ion_shm_worker_slots(shm); i++) {
        ion_slot_info_t info;
        ion_slots_get(shm, i, &info);
        if (info.state != ION_SLOT_DRAINING || info.index != index) {
            continue;
        }
        if (i < slot) {
            return false;
        }
        *sum += number(shm, i, idx);
    }
    return true;
}

static bool
describe(const ion_shm_t *shm, uint32_t slot, const ion_slot_info_t *info,
    size_t idx, char label[static 64], uint64_t *value)
{
    const char *role = admin_status_role_word(info->role);
    if (info->role != ION_SLOT_WORKER) {
        (void)snprintf(label, 64, "process=\"%s\"", role); /* fits */
        *value = number(shm, slot, idx);
        return true;
    }
    if (info->state == ION_SLOT_DRAINING) {
        (void)snprintf(
            label, 64, "process=\"%s%u-draining\"", role, info->index);
        return sum_draining(shm, slot, info->index, idx, value);
    }
    (void)snprintf(label, 64, "process=\"%s%u\"", role, info->index);
    *value = number(shm, slot, idx);
    return true;
}

static void
visit_row(const ion_process_t *p, const usage_row_t *row,
    void (*visit)(void *arg, const admin_counter_t *c), void *arg)
{
    const ion_stat_desc_t *d = &ion_process_stats[row->idx];
    const char *help = d->help;
    uint32_t slots = ion_shm_worker_slots(p->shm) + 2;
    for (uint32_t slot = 0; slot < slots; slot++) {
        char label[64];
        admin_counter_t c = { d->name, label, row->type, help, 0, row->scale };
        ion_slot_info_t info;
        ion_slots_get(p->shm, slot, &info);
        if (is_running(&info) &&
            describe(p->shm, slot, &info, row->idx, label, &c.value))
        {
            visit(arg, &c);
            help = NULL;
        }
    }
}

void
admin_usage_walk(const ion_process_t *p,
    void (*visit)(void *arg, const admin_counter_t *c), void *arg)
{
    static const usage_row_t rows[] = {
        { ION_PROCESS_OPEN_FDS, ION_STAT_GAUGE, 1 },
        { ION_PROCESS_MAX_FDS, ION_STAT_GAUGE, 1 },
        { ION_PROCESS_RESIDENT, ION_STAT_GAUGE, 1 },
        { ION_PROCESS_CPU, ION_STAT_COUNTER, 1000000 },
    };
    const admin_counter_t sums[] = {
        { "derp_current_file_descriptors", NULL, ION_STAT_GAUGE,
            "Open descriptors of all processes together; the limit holds for "
            "each, see ionscale_process_max_fds.",
            ion_stats_sum(p->shm, ION_PROCESS_STAT_BASE + ION_PROCESS_OPEN_FDS),
            1 },
        { "derp_memstats_sys0", NULL, ION_STAT_GAUGE,
            "Resident bytes that the running processes had together when each "
            "of them had started.",
            ion_stats_sum(
                p->shm, ION_PROCESS_STAT_BASE + ION_PROCESS_START_RESIDENT),
            1 },
    };
    for (size_t i = 0; i < ION_ARRAY_LEN(rows); i++) {
        visit_row(p, &rows[i], visit, arg);
    }
    for (size_t i = 0; i < ION_ARRAY_LEN(sums); i++) {
        visit(arg, &sums[i]);
    }
}
