/*
 * cli_derpmap_lint.c -- `ionscale derpmap lint FILE...`.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Says all that is wrong with DERP maps, as compilers do.  What it prints is
 * the answer and goes to stdout; the exit status is 1 when a file has an
 * error or would lose a region.
 */
#include <stdio.h>

#include "base/hex.h"
#include "cli/cli_derpmap.h"
#include "cli/cli_int.h"
#include "cli/cli_print.h"
#include "crypto/hash.h"

enum {
    TEXT_MAX = 64 * 1024 * 1024,
    SHA256_HEX = 2 * ION_SHA256_LEN,
};

typedef struct totals {
    size_t regions; /* without those that are null */
    size_t removed;
    size_t nodes;
    char sha256[SHA256_HEX + 1]; /* of the canonical form */
} totals_t;

static const char *const level_keys[ION_DERPNOTE_LEVELS] = {
    [ION_DERPNOTE_ERROR] = "error",
    [ION_DERPNOTE_DROPPED] = "dropped",
    [ION_DERPNOTE_WARNING] = "warning",
};

static bool
add_up(const ion_derpmap_t *map, totals_t *t)
{
    ion_sb_t sb;
    uint8_t digest[ION_SHA256_LEN];
    bool ok;

    *t = (totals_t){ 0 };
    for (size_t i = 0; i < map->region_count; i++) {
        t->removed += map->regions[i].is_removed ? 1 : 0;
        t->nodes += map->regions[i].node_count;
    }
    t->regions = map->region_count - t->removed;
    ion_sb_init(&sb, TEXT_MAX);
    ion_derpmap_write_canonical(map, &sb);
    ok = !sb.failed;
    ion_sha256(sb.p, sb.len, digest);
    ion_hex_encode(t->sha256, digest, sizeof(digest));
    ion_sb_fini(&sb);
    return ok;
}

static void
add_count(ion_sb_t *sb, size_t n, const char *what)
{
    ion_sb_addf(sb, ", %zu %s%s", n, what, n == 1 ? "" : "s");
}

/* Only what there is. */
static void
add_faults(ion_sb_t *sb, const size_t count[ION_DERPNOTE_LEVELS])
{
    static const char *const names[ION_DERPNOTE_LEVELS] = {
        [ION_DERPNOTE_ERROR] = "error",
        [ION_DERPNOTE_DROPPED] = "region fault",
        [ION_DERPNOTE_WARNING] = "warning",
    };

    for (size_t i = 0; i < ION_DERPNOTE_LEVELS; i++) {
        if (count[i] > 0) {
            add_count(sb, count[i], names[i]);
        }
    }
}

static void
print_line(ion_sb_t *line)
{
    cli_print_escaped(ion_sb_str(line));
    ion_sb_reset(line);
}

static void
print_text(const cli_mapfile_t *f, const totals_t *t)
{
    ion_sb_t line;

    ion_sb_init(&line, TEXT_MAX);
    for (const ion_derpnote_t *it = f->notes.first; it != NULL; it = it->next) {
        cli_mapnote_line(f, it, &line);
        print_line(&line);
    }
    ion_sb_addf(
        &line, "%s: %s", f->name, cli_mapfile_is_ok(f) ? "ok" : "not ok");
    if (cli_mapfile_is_ok(f)) {
        add_count(&line, t->regions, "region");
        add_count(&line, t->nodes, "node");
        if (t->removed > 0) {
            add_count(&line, t->removed, "removal");
        }
    }
    add_faults(&line, f->notes.count);
    if (cli_mapfile_is_ok(f)) {
        ion_sb_addf(&line, ", sha256 %s", t->sha256);
    }
    print_line(&line);
    ion_sb_fini(&line);
}

static void
put_count(ion_jw_t *w, const char *key, size_t n)
{
    ion_jw_key(w, key);
    ion_jw_u64(w, n);
}

static void
put_note(ion_jw_t *w, const ion_derpnote_t *note)
{
    ion_jw_object_begin(w);
    ion_jw_key(w, "level");
    ion_jw_strz(w, level_keys[note->level]);
    put_count(w, "line", note->line);
    put_count(w, "column", note->column);
    ion_jw_key(w, "path");
    ion_jw_strz(w, note->path);
    ion_jw_key(w, "message");
    ion_jw_strz(w, note->msg);
    ion_jw_object_end(w);
}

static void
put_file(ion_jw_t *w, const cli_mapfile_t *f, const totals_t *t)
{
    const size_t *count = f->notes.count;

    ion_jw_object_begin(w);
    ion_jw_key(w, "file");
    ion_jw_strz(w, f->name);
    ion_jw_key(w, "ok");
    ion_jw_bool(w, cli_mapfile_is_ok(f));
    ion_jw_key(w, "syntax");
    ion_jw_strz(w, f->syntax == ION_DOC_YAML ? "yaml" : "hujson");
    put_count(w, "regions", t->regions);
    put_count(w, "removals", t->removed);
    put_count(w, "nodes", t->nodes);
    ion_jw_key(w, "sha256");
    ion_jw_strz(w, f->map == NULL ? NULL : t->sha256);
    put_count(w, "errors", count[ION_DERPNOTE_ERROR]);
    put_count(w, "dropped", count[ION_DERPNOTE_DROPPED]);
    put_count(w, "warnings", count[ION_DERPNOTE_WARNING]);
    ion_jw_key(w, "notes");
    ion_jw_array_begin(w);
    for (const ion_derpnote_t *it = f->notes.first; it != NULL; it = it->next) {
        put_note(w, it);
    }
    ion_jw_array_end(w);
    ion_jw_object_end(w);
}

/* One file; w is NULL for text. Returns false when it is not ok. */
static bool
lint(const char *path, ion_jw_t *w, bool *no_memory)
{
    cli_mapfile_t f;
    totals_t t = { 0 };
    bool ok;

    if (cli_mapfile_load(path, &f) != ION_OK ||
        (f.map != NULL && !add_up(f.map, &t)))
    {
        *no_memory = true;
    } else if (w != NULL) {
        put_file(w, &f, &t);
    } else {
        print_text(&f, &t);
    }
    ok = cli_mapfile_is_ok(&f);
    cli_mapfile_drop(&f);
    return ok;
}

int
cli_run_derpmap_lint(const cli_opts_t *opts)
{
    ion_sb_t sb;
    ion_jw_t w;
    bool no_memory = false;
    int status = 0;

    if (opts->file_count == 0) {
        (void)cli_error("\"derpmap lint\" needs a FILE, or - for the input");
        return CLI_USAGE;
    }
    if (ion_crypto_init() != ION_OK) {
        return cli_error("the crypto library does not start");
    }
    ion_sb_init(&sb, TEXT_MAX);
    ion_jw_init(&w, &sb, 2);
    ion_jw_array_begin(&w);
    for (size_t i = 0; i < opts->file_count && !no_memory; i++) {
        if (!lint(opts->files[i], opts->is_json ? &w : NULL, &no_memory)) {
            status = 1;
        }
    }
    ion_jw_array_end(&w);
    if (no_memory || sb.failed) {
        status = cli_error("no memory for the maps");
    } else if (opts->is_json) {
        (void)printf("%s\n", sb.p);
    }
    ion_sb_fini(&sb);
    return cli_finish() == 0 ? status : 1;
}
