/*
 * derpmap_read_fields.c -- the members of a map, by a table.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/assert.h"
#include "base/near.h"
#include "base/num.h"
#include "model/derpmap_read_int.h"

#define INT_EXACT_MAX 9007199254740991.0 /* integers a double keeps */

void
derpread_enter(derpread_t *r, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(r->path, sizeof(r->path), fmt, ap);
    va_end(ap);
}

void
derpread_note(derpread_t *r, ion_derpnote_level_t level,
    const ion_doc_node_t *at, const char *field, const char *fmt, ...)
{
    char path[DERPREAD_PATH_MAX + DERPREAD_QUOTE_MAX];
    ion_errtext_t text;
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text.msg, sizeof(text.msg), fmt, ap);
    va_end(ap);
    (void)snprintf(path, sizeof(path), "%s%s%s", r->path,
        r->path[0] != '\0' && field != NULL ? "." : "",
        field == NULL ? "" : field);

    ion_derpnote_t note = {
        .level = level,
        .line = at == NULL ? 0 : at->line,
        .column = at == NULL ? 0 : at->column,
        .path = path,
        .msg = text.msg,
    };
    ion_derpnotes_add(r->notes, &note);
}

ion_str_t
derpread_quote(ion_str_t text)
{
    text.len = ION_MIN(text.len, (size_t)DERPREAD_QUOTE_MAX);
    return text;
}

int
derpread_id(ion_str_t key)
{
    uint64_t id;
    if (key.len == 0 || key.p[0] == '0' ||
        ion_parse_u64(key, ION_DERPMAP_ID_MAX, &id) != ION_OK)
    {
        return 0;
    }
    return (int)id;
}

/* The place of a key, for a note about it. */
static ion_doc_node_t
key_of(const ion_doc_node_t *member)
{
    return (ion_doc_node_t){ .line = member->key_line,
        .column = member->key_column };
}

static size_t
find_field(
    derpread_t *r, const ion_doc_node_t *it, const ion_derpfield_t *table)
{
    size_t i = 0;
    for (; table[i].name != NULL; i++) {
        if (ion_str_ieq(it->key, ion_str_from(table[i].name))) {
            return i;
        }
        if (table[i].alias != NULL &&
            ion_str_ieq(it->key, ion_str_from(table[i].alias)))
        {
            ion_doc_node_t key = key_of(it);
            derpread_note(r, ION_DERPNOTE_WARNING, &key, table[i].alias,
                "read as %s, write that", table[i].name);
            return i;
        }
    }
    return i;
}

static bool
was_reported(derpread_t *r, ion_str_t name)
{
    for (size_t i = 0; i < r->unknown_count; i++) {
        if (ion_str_ieq(r->unknown[i], name)) {
            return true;
        }
    }
    if (r->unknown_count == DERPREAD_UNKNOWN_MAX) {
        return true;
    }
    r->unknown[r->unknown_count++] = name;
    return false;
}

static void
report_unknown(
    derpread_t *r, const ion_doc_node_t *it, const ion_derpfield_t *table)
{
    const char *near = NULL;
    size_t best = 2 + it->key.len / 4;
    if (was_reported(r, it->key)) {
        return;
    }
    for (size_t i = 0; table[i].name != NULL; i++) {
        size_t d = ion_near_distance(it->key, ion_str_from(table[i].name));
        if (d < best) {
            best = d;
            near = table[i].name;
        }
    }
    ion_doc_node_t key = key_of(it);
    ion_str_t name = derpread_quote(it->key);
    if (near == NULL) {
        derpread_note(r, ION_DERPNOTE_WARNING, &key, NULL,
            "unknown field \"%.*s\" is left out", ION_STR_ARG(name));
    } else {
        derpread_note(r, ION_DERPNOTE_WARNING, &key, NULL,
            "unknown field \"%.*s\" is left out, did you mean %s?",
            ION_STR_ARG(name), near);
    }
}

/* Always false: the value is not read. */
static bool
wrong_type(derpread_t *r, ion_derpnote_level_t level,
    const ion_doc_node_t *node, const ion_derpfield_t *f, const char *want)
{
    derpread_note(r, level, node, f->name, "must be %s, got %s", want,
        ion_doc_kind_name(node->kind));
    return false;
}

/* Also 1.0 and 1e2: they are integers for everybody but Go's decoder. */
static ion_err_t
integer_of(const ion_doc_node_t *node, int64_t *out)
{
    double v;
    if (node->kind != ION_DOC_FLOAT) {
        return ion_doc_i64(node, INT64_MIN, INT64_MAX, out);
    }
    ion_err_t rc = ion_doc_f64(node, &v);
    if (rc != ION_OK) {
        return rc;
    }
    if (!(fabs(v) <= INT_EXACT_MAX) || (double)(int64_t)v != v) {
        return ION_MALF;
    }
    *out = (int64_t)v;
    return ION_OK;
}

static bool
read_int(derpread_t *r, const ion_derpfield_t *f, const ion_doc_node_t *node,
    ion_derpnote_level_t wrong, int *out)
{
    int64_t v = 0;
    ion_err_t rc = integer_of(node, &v);
    if (rc == ION_MALF) {
        return wrong_type(r, wrong, node, f, "an integer");
    }
    if (rc != ION_OK || v < f->min || v > f->max) {
        ion_str_t text = derpread_quote(node->text);
        derpread_note(r, wrong, node, f->name,
            "%.*s is out of range, want %d to %d%s", ION_STR_ARG(text), f->min,
            f->max, f->meaning == NULL ? "" : f->meaning);
        return false;
    }
    *out = (int)v;
    return true;
}

static bool
read_bool(derpread_t *r, const ion_derpfield_t *f, const ion_doc_node_t *node,
    ion_derpnote_level_t wrong, bool *out)
{
    if (ion_doc_bool(node, out) != ION_OK) {
        return wrong_type(r, wrong, node, f, "true or false");
    }
    if (node->kind == ION_DOC_STRING) {
        const char *value = *out ? "true" : "false";
        derpread_note(r, ION_DERPNOTE_WARNING, node, f->name,
            "%.*s is read as %s, write %s", ION_STR_ARG(node->text), value,
            value);
    }
    return true;
}

/* What overflows becomes infinite: whoever knows the range reports it. */
static bool
read_f64(derpread_t *r, const ion_derpfield_t *f, const ion_doc_node_t *node,
    ion_derpnote_level_t wrong, double *out)
{
    ion_err_t rc = ion_doc_f64(node, out);
    if (rc == ION_MALF) {
        return wrong_type(r, wrong, node, f, "a number");
    }
    if (rc != ION_OK) {
        *out = INFINITY;
    }
    return true;
}

/* A plain YAML scalar is a string where one is wanted: `name: 1`. */
static bool
read_str(derpread_t *r, const ion_derpfield_t *f, const ion_doc_node_t *node,
    ion_derpnote_level_t wrong, ion_str_t *out)
{
    bool is_scalar = node->kind != ION_DOC_LIST && node->kind != ION_DOC_MAP;
    if (node->kind != ION_DOC_STRING && (!r->is_yaml || !is_scalar)) {
        return wrong_type(r, wrong, node, f, "a string");
    }
    *out = node->text;
    return true;
}

static bool
read_value(derpread_t *r, const ion_derpfield_t *f, const ion_doc_node_t *node,
    ion_derpnote_level_t wrong, void *into)
{
    if (f->type == ION_DERPFIELD_NESTED) {
        return true; /* its owner reads it; there may be no `into` */
    }
    void *member = (char *)into + f->offset;
    switch (f->type) {
    case ION_DERPFIELD_INT:
        return read_int(r, f, node, wrong, member);
    case ION_DERPFIELD_BOOL:
        return read_bool(r, f, node, wrong, member);
    case ION_DERPFIELD_F64:
        return read_f64(r, f, node, wrong, member);
    case ION_DERPFIELD_STR:
        return read_str(r, f, node, wrong, member);
    case ION_DERPFIELD_NESTED:
        break;
    }
    ION_UNREACHABLE();
}

void
derpread_members(derpread_t *r, const ion_doc_node_t *map,
    const ion_derpfield_t *table, ion_derpnote_level_t wrong, void *into,
    derpread_fields_t *found)
{
    const ion_doc_node_t *seen[DERPREAD_FIELDS_MAX] = { NULL };
    *found = (derpread_fields_t){ .node = { NULL } };
    ION_DOC_FOREACH(it, map)
    {
        size_t i = find_field(r, it, table);
        ION_ASSERT(i < DERPREAD_FIELDS_MAX);
        if (table[i].name == NULL) {
            report_unknown(r, it, table);
            continue;
        }
        if (seen[i] != NULL) {
            ion_doc_node_t key = key_of(it);
            derpread_note(r, ION_DERPNOTE_ERROR, &key, table[i].name,
                "is there twice, first at line %u column %u", seen[i]->key_line,
                seen[i]->key_column);
            continue;
        }
        seen[i] = it;
        if (it->kind != ION_DOC_NULL) {
            found->node[i] = it;
            found->is_wrong[i] = !read_value(r, &table[i], it, wrong, into);
        }
    }
}
