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
    }
    ION_UNREACHABLE();
}

static void
write_line(void *arg, const admin_counter_t *c)
{
    ion_sb_t *sb = arg;

    if (c->help != NULL) {
        ion_sb_addf(sb, "# HELP %s %s\n", c->name, c->help);
        ion_sb_addf(sb, "# TYPE %s %s\n", c->name, type_word(c->type));
    }
    if (c->labels != NULL) {
        ion_sb_addf(sb, "%s{%s} %" PRIu64 "\n", c->name, c->labels, c->value);
    } else {
        ion_sb_addf(sb, "%s %" PRIu64 "\n", c->name, c->value);
    }
}

void
admin_prom_write(const ion_process_t *p, ion_sb_t *sb)
{
    admin_counters_walk(p, write_line, sb);
}
