/*
 * cli_derpmap_file.c -- a file with a DERP map, for the derpmap commands.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Pipes are taken too: people lint what another command prints.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli_derpmap.h"
#include "cli/cli_print.h"

enum {
    CHUNK = 65536,
    LINE_MAX_LEN = 8192,
};

/* One byte more than a document may have is enough to see that. */
static const char *
read_stream(FILE *in, ion_sb_t *text)
{
    char chunk[CHUNK];

    while (text->len <= ION_DERPMAP_BYTES_MAX) {
        size_t n = fread(chunk, 1, sizeof(chunk), in);

        ion_sb_add(text, chunk, n);
        if (n < sizeof(chunk)) {
            break;
        }
    }
    if (ferror(in)) {
        return strerror(errno);
    }
    return text->failed ? ion_strerror(ION_NOMEM) : NULL;
}

/* Returns NULL, or why the file cannot be read. */
static const char *
read_file(const char *path, ion_sb_t *text)
{
    FILE *in;
    const char *why;

    if (strcmp(path, "-") == 0) {
        return read_stream(stdin, text);
    }
    in = fopen(path, "re");
    if (in == NULL) {
        return strerror(errno);
    }
    why = read_stream(in, text);
    (void)fclose(in);
    return why;
}

static ion_err_t
parse_file(const char *path, cli_mapfile_t *f)
{
    ion_sb_t text;
    const char *why;
    ion_err_t rc = ION_OK;

    ion_sb_init(&text, ION_DERPMAP_BYTES_MAX + CHUNK);
    why = read_file(path, &text);
    if (why != NULL) {
        ion_derpnote_t note = {
            .level = ION_DERPNOTE_ERROR, .path = "", .msg = why
        };

        ion_derpnotes_add(&f->notes, &note);
    } else {
        f->syntax = ion_doc_syntax_of(
            ion_str_from(path), ION_STR(""), ion_sb_str(&text));
        rc = ion_derpmap_read(
            f->arena, ion_sb_str(&text), f->syntax, &f->notes, &f->map);
    }
    ion_sb_fini(&text);
    return rc == ION_MALF ? ION_OK : rc;
}

ion_err_t
cli_mapfile_load(const char *path, cli_mapfile_t *f)
{
    ion_err_t rc;

    *f = (cli_mapfile_t){ .name = strcmp(path, "-") == 0 ? "stdin" : path };
    rc = ion_arena_new(ION_DERPMAP_ARENA_MAX, &f->arena);
    if (rc == ION_OK) {
        ion_derpnotes_init(&f->notes, f->arena);
        rc = parse_file(path, f);
    }
    return rc;
}

void
cli_mapfile_drop(cli_mapfile_t *f)
{
    ion_arena_free(&f->arena);
}

bool
cli_mapfile_is_ok(const cli_mapfile_t *f)
{
    return f->map != NULL && f->notes.count[ION_DERPNOTE_DROPPED] == 0;
}

void
cli_mapnote_line(
    const cli_mapfile_t *f, const ion_derpnote_t *note, ion_sb_t *sb)
{
    ion_sb_addf(sb, "%s:", f->name);
    if (note->line != 0) {
        ion_sb_addf(sb, "%u:%u:", note->line, note->column);
    }
    ion_sb_addf(sb, " %s: ", ion_derpnote_level_name(note->level));
    if (note->path[0] != '\0') {
        ion_sb_addf(sb, "%s: ", note->path);
    }
    ion_sb_addz(sb, note->msg);
}

bool
cli_mapfile_load_ok(const char *path, bool with_warnings, cli_mapfile_t *f)
{
    if (cli_mapfile_load(path, f) != ION_OK) {
        (void)cli_error("%s: no memory for the map", f->name);
        return false;
    }
    for (const ion_derpnote_t *it = f->notes.first; it != NULL; it = it->next) {
        ion_sb_t line;

        if (it->level == ION_DERPNOTE_WARNING && !with_warnings) {
            continue;
        }
        ion_sb_init(&line, LINE_MAX_LEN);
        cli_mapnote_line(f, it, &line);
        cli_note("%.*s", ION_STR_ARG(ion_sb_str(&line)));
        ion_sb_fini(&line);
    }
    if (!cli_mapfile_is_ok(f)) {
        (void)cli_error("%s is not a DERP map that can be used", f->name);
        return false;
    }
    return true;
}
