/*
 * admin_counters.c -- every counter of the instance, summed over processes.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "admin/admin_counters.h"

#include <string.h>
#include <time.h>

#include "admin/admin_usage.h"
#include "base/assert.h"
#include "base/clock.h"
#include "core/master_stats.h"
#include "core/module.h"
#include "http/server.h"
#include "shm/dir.h"
#include "shm/slots.h"

/* one table of descriptions and where its numbers begin */
typedef struct stat_table {
    const ion_stat_desc_t *desc;
    size_t count;
    size_t base;
} stat_table_t;

/* tables in the order of the numbers: master, modules, http */
static stat_table_t
table_at(uint32_t n)
{
    if (n == 0) {
        return (stat_table_t){ ion_master_stats, ION_MASTER_STAT_COUNT, 0 };
    }
    if (n <= ion_module_count) {
        return (stat_table_t){ ion_modules[n - 1]->stats,
            ion_modules[n - 1]->stat_count, ion_module_stat_base(n - 1) };
    }
    return (stat_table_t){ ion_http_stats, ion_http_stat_count,
        ion_module_stat_base(ion_module_count) };
}

static uint32_t
table_count(void)
{
    return ion_module_count + 2;
}

static uint64_t
mean_of_workers(const ion_shm_t *shm, size_t idx)
{
    uint64_t sum = 0;
    uint64_t n = 0;

    for (uint32_t slot = 0; slot < ion_shm_worker_slots(shm); slot++) {
        ion_slot_info_t info;

        ion_slots_get(shm, slot, &info);
        if (info.state == ION_SLOT_LIVE || info.state == ION_SLOT_DRAINING) {
            sum += ion_stats_get(shm, slot, idx);
            n++;
        }
    }
    return n == 0 ? 0 : sum / n;
}

static void
visit_table(const ion_process_t *p, const stat_table_t *t,
    void (*visit)(void *arg, const admin_counter_t *c), void *arg)
{
    for (size_t i = 0; i < t->count; i++) {
        const ion_stat_desc_t *d = &t->desc[i];
        admin_counter_t c = { d->name, d->labels, d->type, d->help, 0, 1 };

        c.value = d->type == ION_STAT_UNTYPED
                      ? mean_of_workers(p->shm, t->base + i)
                      : ion_stats_sum(p->shm, t->base + i);
        visit(arg, &c);
    }
}

/* what no process counts by itself */
static void
visit_directory(const ion_process_t *p,
    void (*visit)(void *arg, const admin_counter_t *c), void *arg)
{
    ion_dir_counts_t n;

    ion_dir_count(p->shm, &n);
    const admin_counter_t rows[] = {
        { "derp_clients_total", NULL, ION_STAT_GAUGE,
            "Distinct keys that can be reached through this relay.", n.keys,
            1 },
        { "derp_clients_local", NULL, ION_STAT_GAUGE,
            "Distinct keys that are connected to this relay.",
            n.keys - n.remote_keys, 1 },
        { "derp_clients_remote", NULL, ION_STAT_GAUGE,
            "Distinct keys that are connected to a mesh peer alone.",
            n.remote_keys, 1 },
        { "derp_current_dup_client_keys", NULL, ION_STAT_GAUGE,
            "Keys with more than one connection.", n.dup_keys, 1 },
        { "derp_current_dup_client_conns", NULL, ION_STAT_GAUGE,
            "Connections of such keys.", n.dup_conns, 1 },
    };
    for (size_t i = 0; i < ION_ARRAY_LEN(rows); i++) {
        visit(arg, &rows[i]);
    }
}

static uint64_t
boot_time(void)
{
    struct timespec up;

    if (clock_gettime(CLOCK_BOOTTIME, &up) != 0) {
        return 0;
    }
    return ((uint64_t)ion_wall_now_ms() - (uint64_t)up.tv_sec * 1000 -
               (uint64_t)up.tv_nsec / 1000000) /
           1000;
}

static void
visit_instance(const ion_process_t *p,
    void (*visit)(void *arg, const admin_counter_t *c), void *arg)
{
    uint64_t started = p->started_wall_ms / 1000;
    uint64_t now = ion_wall_now_ms() / 1000;
    const admin_counter_t rows[] = {
        { "process_start_unix_time", NULL, ION_STAT_GAUGE,
            "When this instance was started, in seconds since 1970.", started,
            1 },
        { "uptime_sec", NULL, ION_STAT_COUNTER,
            "Seconds since this instance was started.",
            now > started ? now - started : 0, 1 },
        { "node_boot_time_seconds", NULL, ION_STAT_GAUGE,
            "When this machine was started, in seconds since 1970.",
            boot_time(), 1 },
        { "version", "version=\"" ION_VERSION_TEXT "\"", ION_STAT_GAUGE,
            "Always 1; the label says which version runs.", 1, 1 },
    };

    for (size_t i = 0; i < ION_ARRAY_LEN(rows); i++) {
        visit(arg, &rows[i]);
    }
}

void
admin_counters_walk(const ion_process_t *p,
    void (*visit)(void *arg, const admin_counter_t *c), void *arg)
{
    for (uint32_t n = 0; n < table_count(); n++) {
        stat_table_t t = table_at(n);

        visit_table(p, &t, visit, arg);
    }
    visit_directory(p, visit, arg);
    admin_usage_walk(p, visit, arg);
    visit_instance(p, visit, arg);
}

const char *
admin_counter_type_word(ion_stat_type_t type)
{
    switch (type) {
    case ION_STAT_COUNTER:
        return "counter";
    case ION_STAT_GAUGE:
        return "gauge";
    case ION_STAT_UNTYPED:
        return "untyped";
    case ION_STAT_HISTOGRAM:
        return "histogram";
    }
    ION_UNREACHABLE();
}

ion_str_t
admin_counter_family(const admin_counter_t *c)
{
    const ion_str_t suffix = ION_STR("_bucket");
    ion_str_t name = ion_str_from(c->name);

    if (c->type == ION_STAT_HISTOGRAM && name.len > suffix.len &&
        ion_str_eq(
            (ion_str_t){ name.p + name.len - suffix.len, suffix.len }, suffix))
    {
        name.len -= suffix.len;
    }
    return name;
}

uint64_t
admin_counter_of_slot(const ion_process_t *p, const char *name, uint32_t slot)
{
    for (uint32_t n = 0; n < table_count(); n++) {
        stat_table_t t = table_at(n);

        for (size_t i = 0; i < t.count; i++) {
            if (t.desc[i].labels == NULL && strcmp(t.desc[i].name, name) == 0) {
                return ion_stats_get(p->shm, slot, t.base + i);
            }
        }
    }
    return 0;
}
