/*
 * admin_vars.c -- counters in the form of expvar.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The walk gives lines; here the lines of one metric are put together, in two
 * passes, because one set of them stands in an object of its own.
 */
#include <stdio.h>
#include <string.h>

#include "admin/admin_stats.h"

#define SET ION_STR("derp_")

typedef struct vars {
    ion_jw_t *w;
    ion_str_t family; /* of the metric at hand */
    bool wants_set;   /* this pass is for the set alone, or for the rest */
    bool is_in;       /* the metric at hand belongs to this pass */
    bool is_open;     /* and its object is open */
} vars_t;

/* The value of one label alone, else the text of all; and without labels, of
 * a histogram, what follows the name: sum, count. */
static ion_str_t
line_name(const vars_t *v, const admin_counter_t *c)
{
    ion_str_t rest = ion_str_from(c->labels == NULL ? "" : c->labels);
    ion_str_t value = { NULL, 0 };

    if (c->labels == NULL) {
        ion_str_t name = ion_str_from(c->name);
        size_t n = ION_MIN(v->family.len + 1, name.len);

        return (ion_str_t){ name.p + n, name.len - n };
    }
    if (strchr(c->labels, ',') != NULL || !ion_str_split(&rest, '"', &value) ||
        !ion_str_split(&rest, '"', &value))
    {
        return ion_str_from(c->labels);
    }
    return value;
}

static void
end_metric(vars_t *v)
{
    if (v->is_open) {
        ion_jw_object_end(v->w);
    }
    v->is_open = false;
}

static void
begin_metric(vars_t *v, const admin_counter_t *c)
{
    ion_str_t name = admin_counter_family(c);
    bool has_lines = c->labels != NULL || c->type == ION_STAT_HISTOGRAM;
    bool is_set = !has_lines && ion_str_has_prefix(name, SET);
    char key[128];

    end_metric(v);
    v->family = name;
    v->is_in = is_set == v->wants_set;
    if (!v->is_in) {
        return;
    }
    if (is_set) {
        name.p += SET.len;
        name.len -= SET.len;
    }
    (void)snprintf(key, sizeof(key), "%s%.*s",
        c->type == ION_STAT_GAUGE ? "gauge_" : "", ION_STR_ARG(name));
    ion_jw_key(v->w, key);
    if (has_lines) {
        ion_jw_object_begin(v->w);
        v->is_open = true;
    }
}

static void
write_line(void *arg, const admin_counter_t *c)
{
    vars_t *v = arg;

    if (c->help != NULL) {
        begin_metric(v, c);
    }
    if (!v->is_in) {
        return;
    }
    if (v->is_open) {
        ion_jw_keys(v->w, line_name(v, c));
    }
    admin_stats_value(c, v->w);
}

void
admin_stats_vars(const ion_process_t *p, ion_jw_t *w)
{
    vars_t v = { .w = w, .wants_set = true };

    ion_jw_object_begin(w);
    ion_jw_key(w, "cmdline");
    ion_jw_array_begin(w);
    ion_jw_strz(w, "ionscale");
    ion_jw_strz(w, "server");
    ion_jw_array_end(w);
    ion_jw_key(w, "derp");
    ion_jw_object_begin(w);
    admin_counters_walk(p, write_line, &v);
    end_metric(&v);
    ion_jw_object_end(w);
    v = (vars_t){ .w = w };
    admin_counters_walk(p, write_line, &v);
    end_metric(&v);
    ion_jw_object_end(w);
}
