/*
 * admin_usage.c -- what each process uses and does, as counters by process.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Every process measures itself, once a second, so any of them can tell about
 * all.
 */
#include "admin/admin_usage.h"

#include <stdio.h>

#include "admin/admin_status.h"
#include "core/module.h"
#include "core/process_stats.h"
#include "shm/slots.h"

enum {
    LABEL_MAX = 64,
};

/* one thing of every process */
typedef struct usage_row {
    const char *name;
    const char *help;
    ion_stat_type_t type;
    uint64_t scale;
    size_t idx;     /* of the process's own numbers */
    const char *of; /* a metric that idx says the beginning of; or NULL */
} usage_row_t;

static uint64_t
own_number(const ion_shm_t *shm, uint32_t slot, size_t idx)
{
    return ion_stats_get(shm, slot, ION_PROCESS_STAT_BASE + idx);
}

static uint64_t
value_of(const ion_shm_t *shm, uint32_t slot, const usage_row_t *row)
{
    uint64_t own = own_number(shm, slot, row->idx);

    return row->of == NULL ? own
                           : ion_module_stat_sum(shm, slot, row->of) - own;
}

/* Workers of one index that drain stand in one line, at the first of them. */
static bool
sum_draining(const ion_shm_t *shm, uint32_t slot, const usage_row_t *row,
    uint32_t index, uint64_t *sum)
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
        *sum += value_of(shm, i, row);
    }
    return true;
}

/* The line of a process, if it has one. */
static bool
describe(const ion_shm_t *shm, uint32_t slot, const usage_row_t *row,
    char label[static LABEL_MAX], uint64_t *value)
{
    ion_slot_info_t info;
    const char *role;

    ion_slots_get(shm, slot, &info);
    role = admin_status_role_word(info.role);
    *value = value_of(shm, slot, row);
    if (info.state == ION_SLOT_DRAINING && info.role == ION_SLOT_WORKER) {
        (void)snprintf(
            label, LABEL_MAX, "process=\"%s%u-draining\"", role, info.index);
        return sum_draining(shm, slot, row, info.index, value);
    }
    if (info.role == ION_SLOT_WORKER) {
        (void)snprintf(label, LABEL_MAX, "process=\"%s%u\"", role, info.index);
    } else {
        (void)snprintf(label, LABEL_MAX, "process=\"%s\"", role); /* fits */
    }
    return info.state == ION_SLOT_LIVE ||
           (info.state == ION_SLOT_DRAINING && info.role != ION_SLOT_WORKER);
}

static void
visit_row(const ion_process_t *p, const usage_row_t *row,
    void (*visit)(void *arg, const admin_counter_t *c), void *arg)
{
    const char *help = row->help;
    uint32_t slots = row->of == NULL ? ion_shm_courier_slot(p->shm) + 1
                                     : ion_shm_worker_slots(p->shm);

    for (uint32_t slot = 0; slot < slots; slot++) {
        char label[LABEL_MAX];
        admin_counter_t c = { row->name, label, row->type, help, 0,
            row->scale };

        if (describe(p->shm, slot, row, label, &c.value)) {
            visit(arg, &c);
            help = NULL;
        }
    }
}

static void
visit_sums(const ion_process_t *p,
    void (*visit)(void *arg, const admin_counter_t *c), void *arg)
{
    const size_t base = ION_PROCESS_STAT_BASE;
    const admin_counter_t sums[] = {
        { "derp_current_file_descriptors", NULL, ION_STAT_GAUGE,
            "Open descriptors of all processes together; the limit holds for "
            "each, see ionscale_process_max_fds.",
            ion_stats_sum(p->shm, base + ION_PROCESS_OPEN_FDS), 1 },
        { "derp_memstats_sys0", NULL, ION_STAT_GAUGE,
            "Resident bytes that the running processes had together when each "
            "of them had started.",
            ion_stats_sum(p->shm, base + ION_PROCESS_START_RESIDENT), 1 },
    };

    for (size_t i = 0; i < ION_ARRAY_LEN(sums); i++) {
        visit(arg, &sums[i]);
    }
}

void
admin_usage_walk(const ion_process_t *p,
    void (*visit)(void *arg, const admin_counter_t *c), void *arg)
{
    static const struct {
        size_t idx;
        ion_stat_type_t type;
        uint64_t scale;
    } own[] = {
        { ION_PROCESS_OPEN_FDS, ION_STAT_GAUGE, 1 },
        { ION_PROCESS_MAX_FDS, ION_STAT_GAUGE, 1 },
        { ION_PROCESS_RESIDENT, ION_STAT_GAUGE, 1 },
        { ION_PROCESS_CPU, ION_STAT_COUNTER, 1000000 },
    };

    for (size_t i = 0; i < ION_ARRAY_LEN(own); i++) {
        const ion_stat_desc_t *d = &ion_process_stats[own[i].idx];
        usage_row_t row = { d->name, d->help, own[i].type, own[i].scale,
            own[i].idx, NULL };

        visit_row(p, &row, visit, arg);
    }
    for (size_t i = 0; i < ION_PROCESS_SHARE_COUNT; i++) {
        const ion_process_share_t *s = &ion_process_shares[i];
        usage_row_t row = { s->name, s->help, s->type, 1,
            (size_t)ION_PROCESS_SHARES + i, s->of };

        visit_row(p, &row, visit, arg);
    }
    visit_sums(p, visit, arg);
}
