/*
 * admin_prom.c -- counters as Prometheus text.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "admin/admin_prom.h"

#include <inttypes.h>

#include "admin/admin_counters.h"
#include "base/assert.h"

static const char *
type_word(ion_stat_type_t type)
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

/* A histogram's description is of all its lines: NAME, not NAME_bucket. */
static ion_str_t
described_name(const admin_counter_t *c)
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

static void
write_value(ion_sb_t *sb, const admin_counter_t *c)
{
    int digits = 0;

    for (uint64_t scale = c->scale; scale > 1; scale /= 10) {
        digits++;
    }
    ion_sb_addf(sb, "%" PRIu64, c->value / c->scale);
    if (digits > 0) {
        ion_sb_addf(sb, ".%0*" PRIu64, digits, c->value % c->scale);
    }
    ion_sb_addc(sb, '\n');
}

static void
write_line(void *arg, const admin_counter_t *c)
{
    ion_sb_t *sb = arg;

    if (c->help != NULL) {
        ion_str_t name = described_name(c);

        ion_sb_addf(sb, "# HELP %.*s %s\n", ION_STR_ARG(name), c->help);
        ion_sb_addf(
            sb, "# TYPE %.*s %s\n", ION_STR_ARG(name), type_word(c->type));
    }
    if (c->labels != NULL) {
        ion_sb_addf(sb, "%s{%s} ", c->name, c->labels);
    } else {
        ion_sb_addf(sb, "%s ", c->name);
    }
    write_value(sb, c);
}

void
admin_prom_write(const ion_process_t *p, ion_sb_t *sb)
{
    admin_counters_walk(p, write_line, sb);
}
