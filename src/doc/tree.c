/*
 * tree.c -- looking at a document tree.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "doc/tree.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"

typedef bool (*str_equal_fn)(ion_str_t a, ion_str_t b);

const char *
ion_doc_kind_name(ion_doc_kind_t kind)
{
    switch (kind) {
    case ION_DOC_NULL:
        return "null";
    case ION_DOC_BOOL:
        return "a boolean";
    case ION_DOC_INT:
        return "an integer";
    case ION_DOC_FLOAT:
        return "a number with a fraction";
    case ION_DOC_STRING:
        return "a string";
    case ION_DOC_LIST:
        return "a list";
    case ION_DOC_MAP:
        return "a map";
    }
    return "nothing";
}

static const ion_doc_node_t *
find(const ion_doc_node_t *node, const char *key, str_equal_fn equal)
{
    if (node == NULL || node->kind != ION_DOC_MAP) {
        return NULL;
    }
    ion_str_t wanted = ion_str_from(key);
    ION_DOC_FOREACH(it, node)
    {
        if (equal(it->key, wanted)) {
            return it;
        }
    }
    return NULL;
}

const ion_doc_node_t *
ion_doc_get(const ion_doc_node_t *node, const char *key)
{
    return find(node, key, ion_str_eq);
}

const ion_doc_node_t *
ion_doc_iget(const ion_doc_node_t *node, const char *key)
{
    return find(node, key, ion_str_ieq);
}

const ion_doc_node_t *
ion_doc_at(const ion_doc_node_t *node, size_t i)
{
    if (node == NULL) {
        return NULL;
    }
    ION_DOC_FOREACH(it, node)
    {
        if (i-- == 0) {
            return it;
        }
    }
    return NULL;
}

bool
ion_doc_is_null(const ion_doc_node_t *node)
{
    return node == NULL || node->kind == ION_DOC_NULL;
}

ion_err_t
ion_doc_bool(const ion_doc_node_t *node, bool *out)
{
    if (node == NULL || node->quoted ||
        (node->kind != ION_DOC_BOOL && node->kind != ION_DOC_STRING))
    {
        return ION_MALF;
    }
    return ion_parse_bool(node->text, out);
}

ion_err_t
ion_doc_i64(const ion_doc_node_t *node, int64_t min, int64_t max, int64_t *out)
{
    if (node == NULL || node->kind != ION_DOC_INT) {
        return ION_MALF;
    }
    return ion_parse_i64(node->text, min, max, out);
}

ion_err_t
ion_doc_f64(const ion_doc_node_t *node, double *out)
{
    if (node == NULL ||
        (node->kind != ION_DOC_INT && node->kind != ION_DOC_FLOAT)) {
        return ION_MALF;
    }
    return ion_parse_f64(node->text, out);
}

static unsigned char
fold_byte(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

static int
compare_place(const ion_doc_node_t *a, const ion_doc_node_t *b)
{
    if (a->key_line != b->key_line) {
        return a->key_line < b->key_line ? -1 : 1;
    }
    return (a->key_column > b->key_column) - (a->key_column < b->key_column);
}

/* What is sorted: the members of a map. */
typedef struct {
    const ion_doc_node_t *node;
} member_t;

static int
compare_keys(const void *pa, const void *pb)
{
    const ion_doc_node_t *a = ((const member_t *)pa)->node;
    const ion_doc_node_t *b = ((const member_t *)pb)->node;
    if (a->key.len != b->key.len) {
        return a->key.len < b->key.len ? -1 : 1;
    }
    int c = memcmp(a->key.p, b->key.p, a->key.len);
    return c != 0 ? c : compare_place(a, b);
}

static int
compare_folded_keys(const void *pa, const void *pb)
{
    const ion_doc_node_t *a = ((const member_t *)pa)->node;
    const ion_doc_node_t *b = ((const member_t *)pb)->node;
    if (a->key.len != b->key.len) {
        return a->key.len < b->key.len ? -1 : 1;
    }
    for (size_t i = 0; i < a->key.len; i++) {
        int c = fold_byte(a->key.p[i]) - fold_byte(b->key.p[i]);
        if (c != 0) {
            return c;
        }
    }
    return compare_place(a, b);
}

/* In sorted order equal keys are neighbours, the earlier place first. */
static const ion_doc_node_t *
earliest_repeat(
    const member_t *sorted, size_t n, bool fold, const ion_doc_node_t **first)
{
    const ion_doc_node_t *found = NULL;
    str_equal_fn equal = fold ? ion_str_ieq : ion_str_eq;
    for (size_t i = 1; i < n; i++) {
        if (!equal(sorted[i - 1].node->key, sorted[i].node->key)) {
            continue;
        }
        if (found == NULL || compare_place(sorted[i].node, found) < 0) {
            found = sorted[i].node;
            *first = sorted[i - 1].node;
        }
    }
    return found;
}

const ion_doc_node_t *
ion_doc_duplicate(const ion_doc_node_t *map, bool fold,
    const ion_doc_node_t **first, ion_err_t *rc)
{
    *rc = ION_OK;
    *first = NULL;
    if (map == NULL || map->kind != ION_DOC_MAP || map->count < 2) {
        return NULL;
    }

    member_t *sorted = calloc(map->count, sizeof(*sorted));
    if (sorted == NULL) {
        *rc = ION_NOMEM;
        return NULL;
    }
    size_t n = 0;
    ION_DOC_FOREACH(it, map)
    {
        sorted[n++].node = it;
    }
    qsort(
        sorted, n, sizeof(*sorted), fold ? compare_folded_keys : compare_keys);
    const ion_doc_node_t *found = earliest_repeat(sorted, n, fold, first);
    free(sorted);
    return found;
}

void
ion_doc_error_set(
    ion_doc_error_t *err, unsigned line, unsigned column, const char *fmt, ...)
{
    if (err == NULL) {
        return;
    }
    err->line = line;
    err->column = column;

    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
    va_end(ap);
    if (n < 0) {
        err->msg[0] = '\0';
    }
}

void
ion_doc_error_text(const ion_doc_error_t *err, ion_errtext_t *out)
{
    const char *name = err->name == NULL ? "" : err->name;
    const char *colon = err->name == NULL ? "" : ":";
    if (err->line == 0) {
        ion_errtext_set(out, "%s%s%s%s", name, colon,
            err->name == NULL ? "" : " ", err->msg);
        return;
    }
    ion_errtext_set(
        out, "%s%s%u:%u: %s", name, colon, err->line, err->column, err->msg);
}
