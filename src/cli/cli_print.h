/*
 * cli_print.h -- text for people: errors, escapes, tables.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * What comes from elsewhere passes cli_escape before it reaches a terminal:
 * control bytes could move the cursor or rewrite what stands there.
 */
#ifndef ION_CLI_CLI_PRINT_H
#define ION_CLI_CLI_PRINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "base/str.h"

enum {
    CLI_COLUMNS_MAX = 16,
};

typedef struct cli_table {
    size_t columns;
    size_t cells;
    size_t cap;
    char **text; /* owned, row by row; the header is row 0 */
    bool failed; /* no memory: nothing is printed */
} cli_table_t;

/*
 * cli_error -- "Error: ..." on stderr, escaped; returns 1, the exit status.
 */
int cli_error(const char *fmt, ...) ION_PRINTF(1, 2);

/* cli_note -- one escaped line on stderr. */
void cli_note(const char *fmt, ...) ION_PRINTF(1, 2);

/*
 * cli_escape -- append text with control bytes and what is not UTF-8 as \xNN.
 *
 * Errors: sb->failed.
 */
void cli_escape(ion_sb_t *sb, ion_str_t text);

/*
 * cli_print_escaped -- text and a line end on stdout, escaped.
 */
void cli_print_escaped(ion_str_t text);

/*
 * cli_finish -- flush stdout; returns the exit status: 0, or 1 with an error
 * printed when the output could not be written.
 */
int cli_finish(void);

/*
 * cli_table_init -- an empty table; head has columns names.
 */
void cli_table_init(cli_table_t *t, const char *const *head, size_t columns);

/* cli_table_add, cli_table_addf -- the next cell; it is copied, escaped. */
void cli_table_add(cli_table_t *t, ion_str_t text);
void cli_table_addf(cli_table_t *t, const char *fmt, ...) ION_PRINTF(2, 3);

/*
 * cli_table_print -- each column padded to its widest cell and two blanks,
 * the last one too; frees the table. Returns false without memory.
 */
bool cli_table_print(cli_table_t *t);

/* cli_table_drop -- free a table that will not be printed. */
void cli_table_drop(cli_table_t *t);

#endif
