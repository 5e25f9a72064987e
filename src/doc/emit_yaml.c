/*
 * emit_yaml.c -- YAML in block style, as Go's yaml libraries write it.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A container is written when its first child comes: until then "key:" or
 * "- " stands there alone, and an end without children makes it {} or [].
 */

#include "doc/emit.h"

#include "base/assert.h"
#include "base/num.h"
#include "base/utf8.h"
#include "doc/yaml_style.h"

void
ion_yw_init(ion_yw_t *w, ion_sb_t *sb, ion_yaml_form_t form)
{
    *w = (ion_yw_t){ .sb = sb, .form = form };
}

static void
put_indent(ion_yw_t *w)
{
    for (unsigned i = 0; i < w->level[w->depth - 1].indent; i++) {
        ion_sb_addc(w->sb, ' ');
    }
}

/*
 * Opens the line of a child of the current container. The first child of a
 * container inside a list goes on on the line of the dash.
 */
static void
begin_child(ion_yw_t *w)
{
    bool first = !w->level[w->depth - 1].has_children;
    w->level[w->depth - 1].has_children = true;
    if (first && w->after_dash) {
        w->after_dash = false;
    } else if (first && w->after_key) {
        ion_sb_addc(w->sb, '\n');
        put_indent(w);
    } else {
        put_indent(w);
    }
    w->after_key = false;
}

/* What stands before a value: ": " is half written, a dash may be missing. */
static void
begin_value(ion_yw_t *w)
{
    if (w->depth == 0) {
        return;
    }
    if (!w->level[w->depth - 1].is_list) {
        ION_ASSERT(w->after_key);
        return;
    }
    begin_child(w);
    ion_sb_addz(w->sb, "- ");
    w->after_dash = true;
}

static unsigned
child_indent(const ion_yw_t *w, bool is_list)
{
    if (w->depth == 0) {
        return 0;
    }
    unsigned own = w->level[w->depth - 1].indent;
    if (w->level[w->depth - 1].is_list) {
        return own + 2;
    }
    if (w->form == ION_YAML_4) {
        return own + 4;
    }
    return is_list ? own : own + 2;
}

static void
begin_container(ion_yw_t *w, bool is_list)
{
    begin_value(w);
    ION_ASSERT(w->depth < ION_EMIT_DEPTH_MAX);
    unsigned indent = child_indent(w, is_list);
    w->level[w->depth].is_list = is_list;
    w->level[w->depth].has_children = false;
    w->level[w->depth].indent = indent;
    w->depth++;
}

static void
end_scalar(ion_yw_t *w)
{
    w->after_key = false;
    w->after_dash = false;
    ion_sb_addc(w->sb, '\n');
}

static void
begin_scalar(ion_yw_t *w)
{
    begin_value(w);
    if (w->after_key) {
        ion_sb_addc(w->sb, ' ');
    }
}

static void
end_container(ion_yw_t *w, bool is_list)
{
    ION_ASSERT(w->depth > 0 && w->level[w->depth - 1].is_list == is_list);
    w->depth--;
    if (w->level[w->depth].has_children) {
        ION_ASSERT(!w->after_key && !w->after_dash);
        return;
    }
    if (w->after_key) {
        ion_sb_addc(w->sb, ' ');
    }
    ion_sb_addz(w->sb, is_list ? "[]" : "{}");
    end_scalar(w);
}

void
ion_yw_map_begin(ion_yw_t *w)
{
    begin_container(w, false);
}

void
ion_yw_map_end(ion_yw_t *w)
{
    end_container(w, false);
}

void
ion_yw_list_begin(ion_yw_t *w)
{
    begin_container(w, true);
}

void
ion_yw_list_end(ion_yw_t *w)
{
    end_container(w, true);
}

static void
put_single_quoted(ion_sb_t *sb, ion_str_t s)
{
    ion_sb_addc(sb, '\'');
    for (size_t i = 0; i < s.len; i++) {
        if (s.p[i] == '\'') {
            ion_sb_addc(sb, '\'');
        }
        ion_sb_addc(sb, s.p[i]);
    }
    ion_sb_addc(sb, '\'');
}

static void
put_escaped(ion_sb_t *sb, uint32_t cp)
{
    static const struct {
        uint32_t cp;
        char letter;
    } named[] = {
        { '\a', 'a' },
        { '\b', 'b' },
        { '\t', 't' },
        { '\n', 'n' },
        { '\v', 'v' },
        { '\f', 'f' },
        { '\r', 'r' },
        { 0x1b, 'e' },
        { '"', '"' },
        { '\\', '\\' },
        { 0x85, 'N' },
        { 0x2028, 'L' },
        { 0x2029, 'P' },
    };
    for (size_t i = 0; i < ION_ARRAY_LEN(named); i++) {
        if (cp == named[i].cp) {
            ion_sb_addc(sb, '\\');
            ion_sb_addc(sb, named[i].letter);
            return;
        }
    }
    if (cp <= 0xff) {
        ion_sb_addf(sb, "\\x%02X", (unsigned)cp);
    } else if (cp <= 0xffff) {
        ion_sb_addf(sb, "\\u%04X", (unsigned)cp);
    } else {
        ion_sb_addf(sb, "\\U%08X", (unsigned)cp);
    }
}

static void
put_double_quoted(ion_sb_t *sb, ion_str_t s)
{
    ion_sb_addc(sb, '"');
    size_t at = 0;
    while (at < s.len) {
        uint32_t cp;
        size_t n = ion_utf8_decode(s.p + at, s.len - at, &cp);
        if (n == 0 || cp == '"' || cp == '\\' || !ion_yaml_is_printable(cp)) {
            put_escaped(sb, cp);
        } else {
            ion_sb_add(sb, s.p + at, n);
        }
        at += ION_MAX(n, (size_t)1);
    }
    ion_sb_addc(sb, '"');
}

static void
put_string(ion_sb_t *sb, ion_str_t s)
{
    switch (ion_yaml_style(s)) {
    case ION_YAML_PLAIN:
        ion_sb_adds(sb, s);
        return;
    case ION_YAML_SINGLE_QUOTED:
        put_single_quoted(sb, s);
        return;
    case ION_YAML_DOUBLE_QUOTED:
        put_double_quoted(sb, s);
        return;
    }
    ION_UNREACHABLE();
}

static void
begin_key(ion_yw_t *w)
{
    ION_ASSERT(w->depth > 0 && !w->level[w->depth - 1].is_list);
    ION_ASSERT(!w->after_key || !w->level[w->depth - 1].has_children);
    begin_child(w);
}

static void
end_key(ion_yw_t *w)
{
    ion_sb_addc(w->sb, ':');
    w->after_key = true;
}

void
ion_yw_key(ion_yw_t *w, const char *key)
{
    begin_key(w);
    put_string(w->sb, ion_str_from(key));
    end_key(w);
}

void
ion_yw_key_i64(ion_yw_t *w, int64_t key)
{
    begin_key(w);
    ion_sb_addf(w->sb, "%lld", (long long)key);
    end_key(w);
}

void
ion_yw_str(ion_yw_t *w, ion_str_t v)
{
    begin_scalar(w);
    put_string(w->sb, v);
    end_scalar(w);
}

void
ion_yw_strz(ion_yw_t *w, const char *v)
{
    if (v == NULL) {
        ion_yw_null(w);
        return;
    }
    ion_yw_str(w, ion_str_from(v));
}

void
ion_yw_i64(ion_yw_t *w, int64_t v)
{
    begin_scalar(w);
    ion_sb_addf(w->sb, "%lld", (long long)v);
    end_scalar(w);
}

void
ion_yw_f64(ion_yw_t *w, double v)
{
    char text[ION_NUM_TEXT_MAX];
    begin_scalar(w);
    ion_sb_add(w->sb, text, ion_format_f64(text, v));
    end_scalar(w);
}

void
ion_yw_bool(ion_yw_t *w, bool v)
{
    ion_yw_raw(w, v ? ION_STR("true") : ION_STR("false"));
}

void
ion_yw_null(ion_yw_t *w)
{
    ion_yw_raw(w, ION_STR("null"));
}

void
ion_yw_raw(ion_yw_t *w, ion_str_t text)
{
    begin_scalar(w);
    ion_sb_adds(w->sb, text);
    end_scalar(w);
}
