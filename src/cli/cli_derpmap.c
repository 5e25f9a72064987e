/*
 * cli_derpmap.c -- `ionscale derpmap diff` and `ionscale derpmap convert`.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "cli/cli_derpmap.h"

#include <stdio.h>

#include "cli/cli_int.h"
#include "cli/cli_print.h"
#include "model/derpmap_diff.h"

enum {
    TEXT_MAX = 64 * 1024 * 1024,
    YAML_FORM = 2,
    JSON_INDENT = 2,
    SHOWN_MAX = 10, /* regions named in the last line */
};

static const char *
value(const char *json)
{
    return json == NULL ? "not set" : json;
}

static void
print_change(const ion_derpchange_t *c)
{
    ion_sb_t line;

    ion_sb_init(&line, TEXT_MAX);
    if (c->region_id == 0) {
        ion_sb_addf(&line, "%s: ", c->field);
    } else if (c->field[0] == '\0') {
        ion_sb_addf(&line, "region %d: ", c->region_id);
    } else {
        ion_sb_addf(&line, "    %s: ", c->field);
    }
    if (c->before == NULL && c->after == NULL) {
        ion_sb_addz(&line, ion_derpchange_name(c->kind));
    } else {
        ion_sb_addf(&line, "%s -> %s", value(c->before), value(c->after));
    }
    cli_print_escaped(ion_sb_str(&line));
    ion_sb_fini(&line);
}

static void
print_reconnects(const ion_derpdiff_t *diff)
{
    size_t shown = 0;

    if (diff->reconnects == 0) {
        (void)printf("no client reconnects\n");
        return;
    }
    (void)printf("clients reconnect that are connected to region%s",
        diff->reconnects == 1 ? "" : "s");
    for (const ion_derpchange_t *c = diff->first; c != NULL; c = c->next) {
        if (c->is_reconnect && shown++ < SHOWN_MAX) {
            (void)printf("%s %d", shown == 1 ? "" : ",", c->region_id);
        }
    }
    if (diff->reconnects > SHOWN_MAX) {
        (void)printf(" and %zu more", diff->reconnects - SHOWN_MAX);
    }
    (void)printf("\n");
}

static void
print_text(const ion_derpdiff_t *diff)
{
    if (diff->first == NULL) {
        (void)printf("no difference\n");
        return;
    }
    for (const ion_derpchange_t *c = diff->first; c != NULL; c = c->next) {
        print_change(c);
    }
    (void)printf("regions: %zu added, %zu removed, %zu changed; ",
        diff->regions[ION_DERPCHANGE_ADDED],
        diff->regions[ION_DERPCHANGE_REMOVED],
        diff->regions[ION_DERPCHANGE_CHANGED]);
    print_reconnects(diff);
}

static void
put_value(ion_jw_t *w, const char *key, const char *json)
{
    ion_jw_key(w, key);
    ion_jw_raw(w, ion_str_from(value(json)));
}

static void
put_change(ion_jw_t *w, const ion_derpchange_t *c)
{
    ion_jw_object_begin(w);
    ion_jw_key(w, "change");
    ion_jw_strz(w, ion_derpchange_name(c->kind));
    if (c->region_id != 0) {
        ion_jw_key(w, "region");
        ion_jw_i64(w, c->region_id);
    }
    ion_jw_key(w, "field");
    ion_jw_strz(w, c->field);
    if (c->before != NULL) {
        put_value(w, "before", c->before);
    }
    if (c->after != NULL) {
        put_value(w, "after", c->after);
    }
    ion_jw_object_end(w);
}

static void
put_regions(ion_jw_t *w, const char *key, const ion_derpdiff_t *diff,
    ion_derpchange_kind_t kind)
{
    ion_jw_key(w, key);
    ion_jw_array_begin(w);
    for (const ion_derpchange_t *c = diff->first; c != NULL; c = c->next) {
        if (c->region_id != 0 && c->field[0] == '\0' && c->kind == kind) {
            ion_jw_i64(w, c->region_id);
        }
    }
    ion_jw_array_end(w);
}

static void
put_diff(ion_jw_t *w, const ion_derpdiff_t *diff)
{
    ion_jw_object_begin(w);
    ion_jw_key(w, "different");
    ion_jw_bool(w, diff->first != NULL);
    put_regions(w, "added", diff, ION_DERPCHANGE_ADDED);
    put_regions(w, "removed", diff, ION_DERPCHANGE_REMOVED);
    put_regions(w, "changed", diff, ION_DERPCHANGE_CHANGED);
    ion_jw_key(w, "reconnect");
    ion_jw_array_begin(w);
    for (const ion_derpchange_t *c = diff->first; c != NULL; c = c->next) {
        if (c->is_reconnect) {
            ion_jw_i64(w, c->region_id);
        }
    }
    ion_jw_array_end(w);
    ion_jw_key(w, "changes");
    ion_jw_array_begin(w);
    for (const ion_derpchange_t *c = diff->first; c != NULL; c = c->next) {
        put_change(w, c);
    }
    ion_jw_array_end(w);
    ion_jw_object_end(w);
}

static int
print_sb(ion_sb_t *sb)
{
    int status;

    if (sb->failed) {
        status = cli_error("no memory for the output");
    } else {
        (void)printf("%s\n", sb->p);
        status = cli_finish();
    }
    ion_sb_fini(sb);
    return status;
}

static int
print_diff(const cli_opts_t *opts, const cli_mapfile_t *before,
    const cli_mapfile_t *after)
{
    ion_derpdiff_t diff;
    ion_sb_t sb;
    ion_jw_t w;

    if (ion_derpmap_diff(after->arena, before->map, after->map, &diff) !=
        ION_OK) {
        return cli_error("no memory for the difference");
    }
    if (!opts->is_json) {
        print_text(&diff);
        return cli_finish();
    }
    ion_sb_init(&sb, TEXT_MAX);
    ion_jw_init(&w, &sb, JSON_INDENT);
    put_diff(&w, &diff);
    return print_sb(&sb);
}

int
cli_run_derpmap_diff(const cli_opts_t *opts)
{
    cli_mapfile_t before = { .arena = NULL };
    cli_mapfile_t after = { .arena = NULL };
    int status = 1;

    if (opts->file_count != 2) {
        (void)cli_error("\"derpmap diff\" needs two files, BEFORE and AFTER");
        return CLI_USAGE;
    }
    if (cli_mapfile_load_ok(opts->files[0], false, &before) &&
        cli_mapfile_load_ok(opts->files[1], false, &after))
    {
        status = print_diff(opts, &before, &after);
    }
    cli_mapfile_drop(&before);
    cli_mapfile_drop(&after);
    return status;
}

int
cli_run_derpmap_convert(const cli_opts_t *opts)
{
    cli_mapfile_t f = { .arena = NULL };
    ion_sb_t sb;
    int status = 1;

    if (opts->file_count != 1) {
        (void)cli_error("\"derpmap convert\" needs one FILE, or - for the "
                        "input");
        return CLI_USAGE;
    }
    if (cli_mapfile_load_ok(opts->files[0], true, &f)) {
        ion_sb_init(&sb, TEXT_MAX);
        if (opts->is_json) {
            ion_derpmap_write_json(f.map, JSON_INDENT, &sb);
        } else {
            ion_derpmap_write_yaml(f.map, YAML_FORM, &sb);
        }
        status = print_sb(&sb);
    }
    cli_mapfile_drop(&f);
    return status;
}
