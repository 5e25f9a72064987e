/*
 * cli_stats.c -- `ionscale stats`.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * With --interval it looks twice and says how fast the counters move.
 */
#include <stdio.h>
#include <string.h>

#include "base/num.h"
#include "cli/cli_conn.h"
#include "cli/cli_int.h"
#include "cli/cli_print.h"
#include "cli/cli_value.h"
#include "doc/emit_tree.h"

enum {
    NAME_LEN = 256,
    JSON_MAX = 4 * 1024 * 1024,
};

/* The first prefix that fits says under which title a counter stands. */
static const struct {
    const char *prefix;
    const char *title;
} groups[] = {
    { "derp_", "RELAY" },
    { "ionscale_logins", "RELAY" },
    { "stun_", "STUN" },
    { "derper_tls_", "TLS AND HTTP" },
    { "tls_", "TLS AND HTTP" },
    { "ionscale_handshakes", "TLS AND HTTP" },
    { "ionscale_http_", "TLS AND HTTP" },
    { "bootstrap_dns_", "TLS AND HTTP" },
    { "ionscale_fabric_", "BETWEEN WORKERS" },
    { "ionscale_process_", "PROCESSES" },
    { "ionscale_worker_", "PROCESSES" },
    { "", "INSTANCE" },
};

static const char *const titles[] = { "RELAY", "STUN", "TLS AND HTTP",
    "BETWEEN WORKERS", "PROCESSES", "INSTANCE" };

/* Two looks; the first may be missing. */
typedef struct looks {
    const ion_doc_node_t *first;
    const ion_doc_node_t *last;
    double seconds; /* between them */
} looks_t;

static const char *
title_of(ion_str_t name)
{
    size_t i = 0;

    while (!ion_str_has_prefix(name, ion_str_from(groups[i].prefix))) {
        i++;
    }
    return groups[i].title;
}

/* name{label="value",...} */
static void
write_name(
    const ion_doc_node_t *metric, const ion_doc_node_t *value, ion_sb_t *sb)
{
    const ion_doc_node_t *own = ion_doc_get(value, "name");
    const ion_doc_node_t *labels = ion_doc_get(value, "labels");
    const char *before = "{";

    ion_sb_reset(sb);
    ion_sb_adds(sb, own != NULL ? own->text : cli_str(metric, "name"));
    if (labels != NULL && labels->kind == ION_DOC_MAP) {
        ION_DOC_FOREACH(label, labels)
        {
            ion_sb_addf(sb, "%s%.*s=\"%.*s\"", before, ION_STR_ARG(label->key),
                ION_STR_ARG(label->text));
            before = ",";
        }
        ion_sb_addz(sb, "}");
    }
}

static double
number_of(const ion_doc_node_t *value)
{
    const ion_doc_node_t *n = ion_doc_get(value, "value");
    double d = 0;

    if (n == NULL || ion_parse_f64(n->text, &d) != ION_OK) {
        return 0;
    }
    return d;
}

static const ion_doc_node_t *
find_metric(const ion_doc_node_t *look, ion_str_t name)
{
    const ion_doc_node_t *metrics = ion_doc_get(look, "metrics");

    if (metrics != NULL && metrics->kind == ION_DOC_LIST) {
        ION_DOC_FOREACH(metric, metrics)
        {
            if (ion_str_eq(cli_str(metric, "name"), name)) {
                return metric;
            }
        }
    }
    return NULL;
}

/* the same line in the first look; false when it had none */
static bool
find_before(const looks_t *looks, const ion_doc_node_t *metric, ion_str_t name,
    double *value)
{
    const ion_doc_node_t *same =
        find_metric(looks->first, cli_str(metric, "name"));
    const ion_doc_node_t *values = ion_doc_get(same, "values");
    ion_sb_t sb;
    bool is_found = false;

    ion_sb_init(&sb, NAME_LEN);
    if (values != NULL && values->kind == ION_DOC_LIST) {
        ION_DOC_FOREACH(v, values)
        {
            write_name(same, v, &sb);
            if (!sb.failed && ion_str_eq(ion_sb_str(&sb), name)) {
                *value = number_of(v);
                is_found = true;
            }
        }
    }
    ion_sb_fini(&sb);
    return is_found;
}

/* How fast a counter moves; false for what is no counter. */
static bool
rate_of(const looks_t *looks, const ion_doc_node_t *metric, ion_str_t name,
    const ion_doc_node_t *value, double *rate)
{
    ion_str_t type = cli_str(metric, "type");
    double before = 0;

    if (looks->first == NULL || (!ion_str_eq(type, ION_STR("counter")) &&
                                    !ion_str_eq(type, ION_STR("histogram"))))
    {
        return false;
    }
    if (!find_before(looks, metric, name, &before) || before > number_of(value))
    {
        before = 0; /* it began, or began anew, in between */
    }
    *rate = (number_of(value) - before) / looks->seconds;
    return true;
}

static bool
is_bucket(ion_str_t name)
{
    const ion_str_t suffix = ION_STR("_bucket");

    return name.len > suffix.len &&
           ion_str_eq((ion_str_t){ name.p + name.len - suffix.len, suffix.len },
               suffix);
}

static void
add_line(cli_table_t *t, const looks_t *looks, const ion_doc_node_t *metric,
    const ion_doc_node_t *value)
{
    const ion_doc_node_t *n = ion_doc_get(value, "value");
    ion_sb_t sb;
    double rate;

    if (number_of(value) == 0 || is_bucket(cli_str(value, "name"))) {
        return; /* --json has all */
    }
    ion_sb_init(&sb, NAME_LEN);
    write_name(metric, value, &sb);
    cli_table_add(t, ion_sb_str(&sb));
    cli_table_add(t, n->text);
    if (looks->first != NULL) {
        if (rate_of(looks, metric, ion_sb_str(&sb), value, &rate)) {
            cli_table_addf(t, "%.1f", rate);
        } else {
            cli_table_add(t, ION_STR("-"));
        }
    }
    ion_sb_fini(&sb);
}

/* those of a group that are not zero */
static bool
print_group(const looks_t *looks, const char *title, bool *is_first)
{
    const char *const head[] = { title, "VALUE", "PER_SECOND" };
    const ion_doc_node_t *metrics = ion_doc_get(looks->last, "metrics");
    cli_table_t t;

    cli_table_init(&t, head, looks->first == NULL ? 2 : 3);
    if (metrics != NULL && metrics->kind == ION_DOC_LIST) {
        ION_DOC_FOREACH(metric, metrics)
        {
            const ion_doc_node_t *values = ion_doc_get(metric, "values");

            if (values == NULL || values->kind != ION_DOC_LIST ||
                strcmp(title_of(cli_str(metric, "name")), title) != 0)
            {
                continue;
            }
            ION_DOC_FOREACH(value, values)
            {
                add_line(&t, looks, metric, value);
            }
        }
    }
    if (t.cells == t.columns) {
        cli_table_drop(&t);
        return true;
    }
    if (!*is_first) {
        (void)putchar('\n');
    }
    *is_first = false;
    return cli_table_print(&t);
}

static int
print_groups(const looks_t *looks)
{
    bool is_first = true;
    bool ok = true;
    int status;

    for (size_t i = 0; i < ION_ARRAY_LEN(titles); i++) {
        ok = print_group(looks, titles[i], &is_first) && ok;
    }
    status = cli_finish();
    return ok ? status : 1;
}

static void
write_value(const looks_t *looks, const ion_doc_node_t *metric,
    const ion_doc_node_t *value, ion_jw_t *w)
{
    ion_sb_t name;
    double rate;

    ion_jw_object_begin(w);
    ION_DOC_FOREACH(member, value)
    {
        ion_jw_keys(w, member->key);
        ion_jw_node(w, member);
    }
    ion_sb_init(&name, NAME_LEN);
    write_name(metric, value, &name);
    if (rate_of(looks, metric, ion_sb_str(&name), value, &rate)) {
        ion_jw_key(w, "per_second");
        ion_jw_f64(w, rate);
    }
    ion_sb_fini(&name);
    ion_jw_object_end(w);
}

static void
write_metric(const looks_t *looks, const ion_doc_node_t *metric, ion_jw_t *w)
{
    ion_jw_object_begin(w);
    ION_DOC_FOREACH(member, metric)
    {
        ion_jw_keys(w, member->key);
        if (!ion_str_eq(member->key, ION_STR("values")) ||
            member->kind != ION_DOC_LIST) {
            ion_jw_node(w, member);
            continue;
        }
        ion_jw_array_begin(w);
        ION_DOC_FOREACH(value, member)
        {
            write_value(looks, metric, value, w);
        }
        ion_jw_array_end(w);
    }
    ion_jw_object_end(w);
}

/* the last look as it came, with the rates where there are any */
static int
print_json(const looks_t *looks)
{
    ion_sb_t sb;
    ion_jw_t w;
    int status;

    ion_sb_init(&sb, JSON_MAX);
    ion_jw_init(&w, &sb, 2);
    ion_jw_object_begin(&w);
    ION_DOC_FOREACH(member, looks->last)
    {
        ion_jw_keys(&w, member->key);
        if (!ion_str_eq(member->key, ION_STR("metrics")) ||
            member->kind != ION_DOC_LIST)
        {
            ion_jw_node(&w, member);
            continue;
        }
        ion_jw_array_begin(&w);
        ION_DOC_FOREACH(metric, member)
        {
            write_metric(looks, metric, &w);
        }
        ion_jw_array_end(&w);
    }
    ion_jw_object_end(&w);
    if (sb.failed) {
        status = cli_error("no memory for the answer");
    } else {
        (void)printf("%s\n", sb.p);
        status = cli_finish();
    }
    ion_sb_fini(&sb);
    return status;
}

int
cli_run_stats(const cli_opts_t *opts)
{
    cli_reply_t first = { NULL, NULL, NULL };
    cli_reply_t last = { NULL, NULL, NULL };
    looks_t looks = { NULL, NULL, 0 };
    double pause = cli_interval(opts, 1);
    int status = 1;

    if (pause == 0) {
        return 1;
    }
    if (opts->interval != NULL) {
        if (cli_simple(opts, "stats", &first) != ION_OK) {
            return 1;
        }
        (void)cli_pause(pause);
    }
    if (cli_simple(opts, "stats", &last) == ION_OK) {
        looks.first = first.result;
        looks.last = last.result;
        looks.seconds = pause;
        if (looks.first != NULL) {
            int64_t ms = cli_int(looks.last, "unix_ms") -
                         cli_int(looks.first, "unix_ms");

            looks.seconds = ms > 0 ? (double)ms / 1e3 : pause;
        }
        status = opts->is_json ? print_json(&looks) : print_groups(&looks);
    }
    cli_reply_free(&first);
    cli_reply_free(&last);
    return status;
}
