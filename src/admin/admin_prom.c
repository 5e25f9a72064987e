/*
 * admin_prom.c -- counters as Prometheus text.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "admin/admin_prom.h"

#include <inttypes.h>

#include "admin/admin_counters.h"

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
        ion_str_t name = admin_counter_family(c);

        ion_sb_addf(sb, "# HELP %.*s %s\n", ION_STR_ARG(name), c->help);
        ion_sb_addf(sb, "# TYPE %.*s %s\n", ION_STR_ARG(name),
            admin_counter_type_word(c->type));
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
