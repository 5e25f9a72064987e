/*
 * cli_print.c -- text for people: errors, escapes, tables.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "cli/cli_print.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/utf8.h"

enum {
    LINE_MAX_BYTES = 65536,
    CELL_MAX = 4096,
};

static bool
is_control(uint32_t cp)
{
    return cp < 0x20 || (cp >= 0x7f && cp < 0xa0);
}

/* characters that reorder or hide text on a terminal */
static bool
is_tricky(uint32_t cp)
{
    return (cp >= 0x200b && cp <= 0x200f) || (cp >= 0x2028 && cp <= 0x202e) ||
           (cp >= 0x2066 && cp <= 0x2069) || cp == 0xfeff;
}

void
cli_escape(ion_sb_t *sb, ion_str_t text)
{
    size_t at = 0;

    while (at < text.len) {
        uint32_t cp;
        size_t n = ion_utf8_decode(text.p + at, text.len - at, &cp);

        if (n > 0 && !is_control(cp) && !is_tricky(cp)) {
            ion_sb_add(sb, text.p + at, n);
            at += n;
            continue;
        }
        for (n = n == 0 ? 1 : n; n > 0; n--) {
            ion_sb_addf(sb, "\\x%02x", (unsigned)(unsigned char)text.p[at++]);
        }
    }
}

static void
print_to(FILE *out, const char *prefix, ion_str_t text)
{
    ion_sb_t sb;

    ion_sb_init(&sb, LINE_MAX_BYTES);
    cli_escape(&sb, text);
    (void)fprintf(out, "%s%s\n", prefix, sb.p == NULL ? "" : sb.p);
    ion_sb_fini(&sb);
}

static void ION_PRINTF(2, 0)
    vprint_error(const char *prefix, const char *fmt, va_list ap)
{
    char *text = NULL;
    int n = vasprintf(&text, fmt, ap);

    if (n < 0) {
        (void)fprintf(stderr, "%sno memory\n", prefix);
        return;
    }
    print_to(stderr, prefix, (ion_str_t){ text, (size_t)n });
    free(text);
}

int
cli_error(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vprint_error("Error: ", fmt, ap);
    va_end(ap);
    return 1;
}

void
cli_note(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vprint_error("", fmt, ap);
    va_end(ap);
}

void
cli_print_escaped(ion_str_t text)
{
    print_to(stdout, "", text);
}

int
cli_finish(void)
{
    if (fflush(stdout) != 0 || ferror(stdout) != 0) {
        return cli_error("cannot write the output: %s", strerror(errno));
    }
    return 0;
}

static void
add_cell(cli_table_t *t, char *text)
{
    if (t->cells == t->cap) {
        size_t cap = t->cap == 0 ? 64 : 2 * t->cap;
        char **more = reallocarray(t->text, cap, sizeof(*more));

        if (more == NULL) {
            t->failed = true;
            free(text);
            return;
        }
        t->text = more;
        t->cap = cap;
    }
    t->text[t->cells++] = text;
}

void
cli_table_init(cli_table_t *t, const char *const *head, size_t columns)
{
    ION_ASSERT(columns > 0 && columns <= CLI_COLUMNS_MAX);
    *t = (cli_table_t){ .columns = columns };
    for (size_t i = 0; i < columns; i++) {
        cli_table_add(t, ion_str_from(head[i]));
    }
}

void
cli_table_add(cli_table_t *t, ion_str_t text)
{
    ion_sb_t sb;
    char *cell;

    ion_sb_init(&sb, CELL_MAX);
    ion_sb_addz(&sb, "");
    cli_escape(&sb, text);
    cell = sb.len == 0 ? strdup("") : ion_sb_take(&sb, NULL);
    ion_sb_fini(&sb);
    if (cell == NULL) {
        t->failed = true;
        return;
    }
    add_cell(t, cell);
}

void
cli_table_addf(cli_table_t *t, const char *fmt, ...)
{
    char text[512];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    cli_table_add(t, ion_str_from(text));
}

/* characters, not bytes: cells hold valid UTF-8 only */
static size_t
width_of(const char *text)
{
    size_t n = 0;

    for (; *text != '\0'; text++) {
        if (((unsigned char)*text & 0xc0) != 0x80) {
            n++;
        }
    }
    return n;
}

static void
print_rows(const cli_table_t *t)
{
    size_t width[CLI_COLUMNS_MAX] = { 0 };

    for (size_t i = 0; i < t->cells; i++) {
        size_t w = width_of(t->text[i]);

        width[i % t->columns] = ION_MAX(width[i % t->columns], w);
    }
    for (size_t i = 0; i < t->cells; i++) {
        size_t pad = width[i % t->columns] + 2 - width_of(t->text[i]);

        (void)printf("%s%*s%s", t->text[i], (int)pad, "",
            i % t->columns == t->columns - 1 ? "\n" : "");
    }
}

void
cli_table_drop(cli_table_t *t)
{
    for (size_t i = 0; i < t->cells; i++) {
        free(t->text[i]);
    }
    free(t->text);
    *t = (cli_table_t){ .columns = t->columns };
}

bool
cli_table_print(cli_table_t *t)
{
    bool ok = !t->failed;

    if (ok) {
        ION_ASSERT(t->cells % t->columns == 0);
        print_rows(t);
    } else {
        (void)cli_error("no memory for the table");
    }
    cli_table_drop(t);
    return ok;
}
