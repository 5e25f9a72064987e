/*
 * cli_derpmap.h -- what the derpmap commands share: a file with its map.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef ION_CLI_CLI_DERPMAP_H
#define ION_CLI_CLI_DERPMAP_H

#include <stdbool.h>

#include "doc/emit.h"
#include "model/derpmap_read.h"

typedef struct cli_mapfile {
    const char *name; /* as the user gave it; "stdin" for "-" */
    ion_arena_t *arena;
    ion_doc_syntax_t syntax;
    ion_derpnotes_t notes;
    ion_derpmap_t *map; /* the arena's; NULL = refused */
} cli_mapfile_t;

/*
 * cli_mapfile_load -- read a file ("-": standard input) and check it.
 *
 * Shape:  what is wrong, also that it cannot be read, is in f->notes.
 * Owns:   cli_mapfile_drop frees; it may be called after a failure too.
 * Errors: ION_NOMEM.
 */
ION_NODISCARD ion_err_t cli_mapfile_load(const char *path, cli_mapfile_t *f);

/* cli_mapfile_drop -- free the map and all notes. */
void cli_mapfile_drop(cli_mapfile_t *f);

/* cli_mapfile_is_ok -- is there a map, and all of it? */
bool cli_mapfile_is_ok(const cli_mapfile_t *f);

/*
 * cli_mapfile_load_ok -- the same as cli_mapfile_load, for commands that need
 * all of the map.
 *
 * Shape:  prints errors, and with_warnings the warnings, to stderr; returns
 *         false when there is nothing to go on with. To be dropped then too.
 */
bool cli_mapfile_load_ok(
    const char *path, bool with_warnings, cli_mapfile_t *f);

/* cli_mapnote_line -- "FILE:LINE:COLUMN: LEVEL: PATH: MESSAGE". */
void cli_mapnote_line(
    const cli_mapfile_t *f, const ion_derpnote_t *note, ion_sb_t *sb);

#endif
