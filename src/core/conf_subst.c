/*
 * conf_subst.c -- environment variables in configuration text.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * ionscale's two rules, on raw text, comments included.  First every
 * ${NAME:default} becomes the variable's value, or the default when that is
 * unset or empty.  Then every ${NAME}, also one that the first rule produced,
 * becomes the variable's value, which must not be empty.  No nesting, no
 * escape.  Values may have line ends: a map leads from the lines we parse to
 * the lines people wrote.
 */
#include <string.h>

#include "core/conf_int.h"

/* A placeholder at the start of some text. */
typedef struct {
    ion_str_t name;
    ion_str_t def;
    bool has_def;
    size_t len; /* all of it, from '$' to '}' */
} holder_t;

/* One rule at work: text in, text out, and which line came from which. */
typedef struct {
    const conf_loader_t *loader;
    bool first_rule;
    ion_str_t in;
    const unsigned *in_lines; /* NULL: line n is line n */
    size_t in_line;           /* index of the line we are in */
    ion_sb_t *out;
    ion_sb_t *out_lines; /* of unsigned */
    conf_missing_t *missing;
} rule_t;

static bool
is_name_char(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (c >= '0' && c <= '9') || c == '_';
}

static bool
read_holder(ion_str_t s, holder_t *h)
{
    size_t i = 2;
    const char *end;

    if (s.len < 4 || s.p[0] != '$' || s.p[1] != '{') {
        return false;
    }
    while (i < s.len && is_name_char(s.p[i])) {
        i++;
    }
    h->name = (ion_str_t){ s.p + 2, i - 2 };
    if (h->name.len == 0 || i >= s.len) {
        return false;
    }
    h->has_def = s.p[i] == ':';
    if (h->has_def) {
        i++;
    }
    end = h->has_def ? memchr(s.p + i, '}', s.len - i) : s.p + i;
    if (end == NULL || *end != '}') {
        return false;
    }
    h->def = (ion_str_t){ s.p + i, (size_t)(end - (s.p + i)) };
    h->len = (size_t)(end - s.p) + 1;
    return true;
}

static unsigned
source_line(const rule_t *r)
{
    return r->in_lines == NULL ? (unsigned)r->in_line + 1
                               : r->in_lines[r->in_line];
}

static void
begin_line(rule_t *r)
{
    unsigned line = source_line(r);

    ion_sb_add(r->out_lines, &line, sizeof(line));
}

/* The first one's place is where the text would have continued. */
static void
note_missing(rule_t *r, ion_str_t name)
{
    const char *last =
        r->out->len == 0 ? NULL : memrchr(r->out->p, '\n', r->out->len);

    if (r->missing->names.len == 0) {
        r->missing->line = (unsigned)(r->out_lines->len / sizeof(unsigned));
        r->missing->column =
            1 + (unsigned)(last == NULL
                               ? r->out->len
                               : (size_t)(r->out->p + r->out->len - last) - 1);
    } else {
        ion_sb_addz(&r->missing->names, ", ");
    }
    ion_sb_adds(&r->missing->names, name);
}

/* What a placeholder becomes; a missing variable is noted. */
static ion_str_t
value_of(rule_t *r, const holder_t *h)
{
    char name[256];
    const char *value = NULL;

    if (h->name.len < sizeof(name)) {
        memcpy(name, h->name.p, h->name.len);
        name[h->name.len] = '\0';
        value = conf_env(r->loader, name);
    }
    if (value != NULL && value[0] != '\0') {
        return ion_str_from(value);
    }
    if (!h->has_def) {
        note_missing(r, h->name);
    }
    return h->def;
}

static void
replace(rule_t *r, size_t at, const holder_t *h)
{
    ion_str_t value = value_of(r, h);

    for (size_t i = 0; i < value.len; i++) {
        ion_sb_addc(r->out, value.p[i]);
        if (value.p[i] == '\n') {
            begin_line(r);
        }
    }
    for (size_t i = 0; i < h->len; i++) {
        r->in_line += r->in.p[at + i] == '\n' ? 1 : 0;
    }
}

static void
apply(rule_t *r)
{
    size_t i = 0;

    begin_line(r);
    while (i < r->in.len && !r->out->failed) {
        holder_t h;

        if (r->in.p[i] == '$' &&
            read_holder((ion_str_t){ r->in.p + i, r->in.len - i }, &h) &&
            h.has_def == r->first_rule)
        {
            replace(r, i, &h);
            i += h.len;
            continue;
        }
        ion_sb_addc(r->out, r->in.p[i]);
        if (r->in.p[i] == '\n') {
            r->in_line++;
            begin_line(r);
        }
        i++;
    }
}

/* Keep the line map as long as the configuration. */
static ion_err_t
keep_lines(ion_arena_t *arena, const ion_sb_t *lines, conf_doc_t *doc)
{
    unsigned *copy = ion_arena_alloc(arena, lines->len);

    if (copy == NULL) {
        return ION_NOMEM;
    }
    memcpy(copy, lines->p, lines->len);
    doc->line_of = copy;
    doc->line_count = lines->len / sizeof(unsigned);
    return ION_OK;
}

ion_err_t
conf_substitute(const conf_loader_t *l, ion_str_t text, ion_sb_t *out,
    conf_doc_t *doc, conf_missing_t *missing)
{
    ion_sb_t half;
    ion_sb_t half_lines;
    ion_sb_t lines;
    ion_err_t rc = ION_NOMEM;
    rule_t r = { .loader = l,
        .first_rule = true,
        .in = text,
        .out = &half,
        .out_lines = &half_lines,
        .missing = missing };

    ion_sb_init(&half, CONF_TEXT_MAX);
    ion_sb_init(&half_lines, (CONF_TEXT_MAX + 1) * sizeof(unsigned));
    ion_sb_init(&lines, (CONF_TEXT_MAX + 1) * sizeof(unsigned));
    apply(&r);
    if (!half.failed && !half_lines.failed) {
        /* half_lines.p comes from malloc: aligned for unsigned */
        rule_t second = { .loader = l,
            .in = ion_sb_str(&half),
            .in_lines = (const unsigned *)(const void *)half_lines.p,
            .out = out,
            .out_lines = &lines,
            .missing = missing };

        apply(&second);
        if (!out->failed && !lines.failed && !missing->names.failed) {
            rc = keep_lines(l->conf->arena, &lines, doc);
        }
    }
    if (rc != ION_OK &&
        (half.len >= CONF_TEXT_MAX || out->len >= CONF_TEXT_MAX)) {
        rc = ION_LIMIT;
    }
    ion_sb_fini(&half);
    ion_sb_fini(&half_lines);
    ion_sb_fini(&lines);
    return rc;
}
