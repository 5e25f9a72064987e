/*
 * measure.c -- what a process uses, once a second.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "main/measure.h"

#include "core/module.h"
#include "core/process_stats.h"

#define EVERY ION_SEC(1)

static void
set(measure_t *m, size_t which, uint64_t value)
{
    ion_stat_set(m->stats, ION_PROCESS_STAT_BASE + which, value);
}

static void
look(measure_t *m, ion_usage_now_t *now)
{
    ion_usage_read(&m->usage, now);
    set(m, ION_PROCESS_OPEN_FDS, now->open_fds);
    set(m, ION_PROCESS_MAX_FDS, now->max_fds);
    set(m, ION_PROCESS_RESIDENT, now->resident_bytes);
    set(m, ION_PROCESS_CPU, now->cpu_us);
}

static void
on_timer(ion_timer_t *timer)
{
    measure_t *m = ION_CONTAINER_OF(timer, measure_t, timer);
    ion_usage_now_t now;
    look(m, &now);
    ion_timer_set(m->loop, &m->timer, ion_loop_now(m->loop) + EVERY);
}

void
measure_open(measure_t *m)
{
    ion_usage_open(&m->usage);
    m->is_open = true;
}

void
measure_start(measure_t *m, ion_loop_t *loop, ion_shm_t *shm, uint32_t slot)
{
    ion_usage_now_t now;
    m->loop = loop;
    m->stats = ion_stats_own(shm);
    look(m, &now);
    set(m, ION_PROCESS_START_RESIDENT, now.resident_bytes);
    for (size_t i = 0; i < ION_PROCESS_SHARE_COUNT; i++) {
        const ion_process_share_t *share = &ion_process_shares[i];
        uint64_t before = 0;
        if (share->type == ION_STAT_COUNTER) {
            before = ion_module_stat_sum(shm, slot, share->of);
        }
        set(m, ION_PROCESS_SHARES + i, before);
    }
    ion_timer_init(&m->timer, on_timer);
    ion_timer_set(loop, &m->timer, ion_loop_now(loop) + EVERY);
}

void
measure_stop(measure_t *m)
{
    if (m->loop != NULL) {
        ion_timer_cancel(m->loop, &m->timer);
        m->loop = NULL;
    }
    if (m->is_open) {
        ion_usage_close(&m->usage);
        m->is_open = false;
    }
}
