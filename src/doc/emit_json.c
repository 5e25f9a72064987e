/*
 * emit_json.c -- JSON as Go's encoding/json writes it.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "doc/emit.h"

#include <stdio.h>

#include "base/assert.h"
#include "base/num.h"
#include "base/utf8.h"

void
ion_jw_init(ion_jw_t *w, ion_sb_t *sb, unsigned indent)
{
    ION_ASSERT(indent == 0 || indent == 2);
    *w = (ion_jw_t){ .sb = sb, .indent = indent };
}

static void
new_line(ion_jw_t *w)
{
    if (w->indent == 0) {
        return;
    }
    ion_sb_addc(w->sb, '\n');
    for (unsigned i = 0; i < w->depth * w->indent; i++) {
        ion_sb_addc(w->sb, ' ');
    }
}

/* The comma and the line before a child of the current container. */
static void
begin_child(ion_jw_t *w)
{
    if (w->level[w->depth - 1].has_children) {
        ion_sb_addc(w->sb, ',');
    }
    w->level[w->depth - 1].has_children = true;
    new_line(w);
}

static void
begin_value(ion_jw_t *w)
{
    if (w->after_key) {
        w->after_key = false;
        return;
    }
    if (w->depth > 0) {
        ION_ASSERT(w->level[w->depth - 1].end == ']');
        begin_child(w);
    }
}

static void
begin_container(ion_jw_t *w, char start, char end)
{
    begin_value(w);
    ION_ASSERT(w->depth < ION_EMIT_DEPTH_MAX);
    ion_sb_addc(w->sb, start);
    w->level[w->depth].end = end;
    w->level[w->depth].has_children = false;
    w->depth++;
}

static void
end_container(ion_jw_t *w, char end)
{
    ION_ASSERT(w->depth > 0 && !w->after_key);
    w->depth--;
    ION_ASSERT(w->level[w->depth].end == end);
    if (w->level[w->depth].has_children) {
        new_line(w);
    }
    ion_sb_addc(w->sb, end);
}

void
ion_jw_object_begin(ion_jw_t *w)
{
    begin_container(w, '{', '}');
}

void
ion_jw_object_end(ion_jw_t *w)
{
    end_container(w, '}');
}

void
ion_jw_array_begin(ion_jw_t *w)
{
    begin_container(w, '[', ']');
}

void
ion_jw_array_end(ion_jw_t *w)
{
    end_container(w, ']');
}

static void
put_control(ion_sb_t *sb, uint32_t cp)
{
    switch (cp) {
    case '\b':
        ion_sb_addz(sb, "\\b");
        break;
    case '\f':
        ion_sb_addz(sb, "\\f");
        break;
    case '\n':
        ion_sb_addz(sb, "\\n");
        break;
    case '\r':
        ion_sb_addz(sb, "\\r");
        break;
    case '\t':
        ion_sb_addz(sb, "\\t");
        break;
    default:
        ion_sb_addf(sb, "\\u%04x", (unsigned)cp);
        break;
    }
}

static bool
is_escaped_as_number(uint32_t cp)
{
    return cp == '<' || cp == '>' || cp == '&' || cp == 0x2028 || cp == 0x2029;
}

static void
put_string(ion_sb_t *sb, ion_str_t s)
{
    ion_sb_addc(sb, '"');
    size_t at = 0;
    while (at < s.len) {
        uint32_t cp;
        size_t n = ion_utf8_decode(s.p + at, s.len - at, &cp);
        if (n == 0) {
            ion_sb_addz(sb, "\\ufffd");
            n = 1;
        } else if (cp == '"' || cp == '\\') {
            ion_sb_addc(sb, '\\');
            ion_sb_addc(sb, (char)cp);
        } else if (cp < 0x20) {
            put_control(sb, cp);
        } else if (is_escaped_as_number(cp)) {
            ion_sb_addf(sb, "\\u%04x", (unsigned)cp);
        } else {
            ion_sb_add(sb, s.p + at, n);
        }
        at += n;
    }
    ion_sb_addc(sb, '"');
}

void
ion_jw_keys(ion_jw_t *w, ion_str_t key)
{
    ION_ASSERT(w->depth > 0 && w->level[w->depth - 1].end == '}');
    ION_ASSERT(!w->after_key);
    begin_child(w);
    put_string(w->sb, key);
    ion_sb_addz(w->sb, w->indent == 0 ? ":" : ": ");
    w->after_key = true;
}

void
ion_jw_key(ion_jw_t *w, const char *key)
{
    ion_jw_keys(w, ion_str_from(key));
}

void
ion_jw_str(ion_jw_t *w, ion_str_t v)
{
    begin_value(w);
    put_string(w->sb, v);
}

void
ion_jw_strz(ion_jw_t *w, const char *v)
{
    if (v == NULL) {
        ion_jw_null(w);
        return;
    }
    ion_jw_str(w, ion_str_from(v));
}

void
ion_jw_i64(ion_jw_t *w, int64_t v)
{
    begin_value(w);
    ion_sb_addf(w->sb, "%lld", (long long)v);
}

void
ion_jw_u64(ion_jw_t *w, uint64_t v)
{
    begin_value(w);
    ion_sb_addf(w->sb, "%llu", (unsigned long long)v);
}

void
ion_jw_f64(ion_jw_t *w, double v)
{
    char text[ION_NUM_TEXT_MAX];
    begin_value(w);
    ion_sb_add(w->sb, text, ion_format_f64(text, v));
}

void
ion_jw_bool(ion_jw_t *w, bool v)
{
    begin_value(w);
    ion_sb_addz(w->sb, v ? "true" : "false");
}

void
ion_jw_null(ion_jw_t *w)
{
    begin_value(w);
    ion_sb_addz(w->sb, "null");
}

void
ion_jw_raw(ion_jw_t *w, ion_str_t json)
{
    begin_value(w);
    ion_sb_adds(w->sb, json);
}
