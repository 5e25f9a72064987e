/*
 * admin_stats.c -- what `ionscale stats` shows.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "admin/admin_stats.h"

#include "base/clock.h"

typedef struct stats_writer {
    ion_jw_t *w;
    bool is_open; /* a metric's values are being written */
} stats_writer_t;

/* name="value",name="value" as an object; no value of ours has a quote */
static void
write_labels(const char *labels, ion_jw_t *w)
{
    ion_str_t rest = ion_str_from(labels);
    ion_str_t name;
    ion_str_t value;

    ion_jw_object_begin(w);
    while (ion_str_split(&rest, '=', &name) &&
           ion_str_split(&rest, '"', &value) &&
           ion_str_split(&rest, '"', &value))
    {
        ion_jw_keys(w, name);
        ion_jw_str(w, value);
        (void)ion_str_split(&rest, ',', &name); /* what is before is empty */
    }
    ion_jw_object_end(w);
}

void
admin_stats_value(const admin_counter_t *c, ion_jw_t *w)
{
    if (c->scale == 1) {
        ion_jw_u64(w, c->value);
    } else {
        ion_jw_f64(w, (double)c->value / (double)c->scale);
    }
}

static void
end_metric(stats_writer_t *s)
{
    if (s->is_open) {
        ion_jw_array_end(s->w);
        ion_jw_object_end(s->w);
    }
    s->is_open = false;
}

static void
begin_metric(stats_writer_t *s, const admin_counter_t *c)
{
    ion_str_t name = admin_counter_family(c);

    end_metric(s);
    ion_jw_object_begin(s->w);
    ion_jw_key(s->w, "name");
    ion_jw_str(s->w, name);
    ion_jw_key(s->w, "type");
    ion_jw_strz(s->w, admin_counter_type_word(c->type));
    ion_jw_key(s->w, "help");
    ion_jw_strz(s->w, c->help);
    ion_jw_key(s->w, "values");
    ion_jw_array_begin(s->w);
    s->is_open = true;
}

static void
write_counter(void *arg, const admin_counter_t *c)
{
    stats_writer_t *s = arg;

    if (c->help != NULL) {
        begin_metric(s, c);
    }
    ion_jw_object_begin(s->w);
    if (c->type == ION_STAT_HISTOGRAM) {
        ion_jw_key(s->w, "name");
        ion_jw_strz(s->w, c->name);
    }
    if (c->labels != NULL) {
        ion_jw_key(s->w, "labels");
        write_labels(c->labels, s->w);
    }
    ion_jw_key(s->w, "value");
    admin_stats_value(c, s->w);
    ion_jw_object_end(s->w);
}

void
admin_stats_write(const ion_process_t *p, ion_jw_t *w)
{
    stats_writer_t s = { w, false };
    uint64_t now = (uint64_t)ion_wall_now_ms();

    ion_jw_object_begin(w);
    ion_jw_key(w, "unix_ms");
    ion_jw_u64(w, now);
    ion_jw_key(w, "uptime_seconds");
    ion_jw_u64(
        w, now > p->started_wall_ms ? (now - p->started_wall_ms) / 1000 : 0);
    ion_jw_key(w, "metrics");
    ion_jw_array_begin(w);
    admin_counters_walk(p, write_counter, &s);
    end_metric(&s);
    ion_jw_array_end(w);
    ion_jw_object_end(w);
}
