/*
 * allow_list.c -- the keys that may use the relay, from a file.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "model/allow_list.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "doc/json.h"
#include "proto/key_text.h"

#define FIRST_KEYS 64u
/* A tree takes more than its text. */
#define ARENA_MAX (8 * ION_ALLOW_FILE_MAX)

typedef struct {
    ion_allow_list_t list;
    size_t cap;
    ion_doc_error_t *err;
} reader_t;

static ion_err_t fail(reader_t *r, ion_err_t rc, unsigned line, unsigned column,
    const char *fmt, ...) ION_PRINTF(5, 6);

static ion_err_t
fail(reader_t *r, ion_err_t rc, unsigned line, unsigned column, const char *fmt,
    ...)
{
    va_list ap;

    r->err->line = line;
    r->err->column = column;
    va_start(ap, fmt);
    (void)vsnprintf(r->err->msg, sizeof(r->err->msg), fmt, ap); /* may be cut */
    va_end(ap);
    return rc;
}

static ion_err_t
add(reader_t *r, const ion_key_t *key, unsigned line, unsigned column)
{
    if (r->list.count == ION_ALLOW_KEYS_MAX) {
        return fail(r, ION_LIMIT, line, column, "more than %u keys",
            ION_ALLOW_KEYS_MAX);
    }
    if (r->list.count == r->cap) {
        size_t cap = r->cap == 0 ? FIRST_KEYS : r->cap * 2;
        ion_key_t *bigger = realloc(r->list.keys, cap * sizeof(*bigger));

        if (bigger == NULL) {
            return ION_NOMEM;
        }
        r->list.keys = bigger;
        r->cap = cap;
    }
    r->list.keys[r->list.count++] = *key;
    return ION_OK;
}

static ion_err_t
read_line(reader_t *r, ion_str_t line, unsigned nth)
{
    const char *hash = line.len == 0 ? NULL : memchr(line.p, '#', line.len);
    ion_str_t word = line;
    unsigned column;
    ion_key_t key;

    if (hash != NULL) {
        word.len = (size_t)(hash - line.p);
    }
    word = ion_str_trim(word);
    if (word.len == 0) {
        return ION_OK;
    }
    column = (unsigned)(word.p - line.p) + 1;
    if (ion_node_key_parse(word, &key) != ION_OK) {
        return fail(r, ION_MALF, nth, column,
            "not a key: nodekey: and 64 hex digits are needed, alone in a "
            "line");
    }
    if (ion_key_is_zero(&key)) {
        return fail(r, ION_MALF, nth, column, "a key of zeroes is nobody's");
    }
    return add(r, &key, nth, column);
}

static ion_err_t
read_lines(reader_t *r, ion_str_t text)
{
    ion_str_t line;
    ion_err_t rc = ION_OK;

    for (unsigned nth = 1; rc == ION_OK && ion_str_split(&text, '\n', &line);
         nth++) {
        rc = read_line(r, line, nth);
    }
    return rc;
}

/* What `tailscale status` says about one machine. */
static ion_err_t
read_machine(reader_t *r, const ion_doc_node_t *node)
{
    const ion_doc_node_t *text = ion_doc_get(node, "PublicKey");
    ion_key_t key;

    if (text == NULL || text->kind != ION_DOC_STRING) {
        return fail(r, ION_MALF, node->line, node->column,
            "a machine without a PublicKey");
    }
    if (ion_node_key_parse(text->text, &key) != ION_OK) {
        return fail(r, ION_MALF, text->line, text->column,
            "PublicKey is not nodekey: and 64 hex digits");
    }
    return ion_key_is_zero(&key) ? ION_OK
                                 : add(r, &key, text->line, text->column);
}

static ion_err_t
read_status(reader_t *r, const ion_doc_node_t *root)
{
    const ion_doc_node_t *self = ion_doc_get(root, "Self");
    const ion_doc_node_t *peers = ion_doc_get(root, "Peer");
    ion_err_t rc = ION_OK;

    if (self == NULL && peers == NULL) {
        return fail(r, ION_MALF, root->line, root->column,
            "neither Self nor Peer: this is not what `tailscale status "
            "--json` prints");
    }
    if (peers != NULL && peers->kind != ION_DOC_MAP &&
        peers->kind != ION_DOC_NULL) {
        return fail(r, ION_MALF, peers->line, peers->column,
            "Peer is not an object of machines");
    }
    if (self != NULL && self->kind != ION_DOC_NULL) {
        rc = read_machine(r, self);
    }
    if (peers == NULL) {
        return rc;
    }
    ION_DOC_FOREACH(it, peers)
    {
        if (rc == ION_OK) {
            rc = read_machine(r, it);
        }
    }
    return rc;
}

static ion_err_t
read_json(reader_t *r, ion_str_t text)
{
    ion_arena_t *arena = NULL;
    ion_doc_node_t *root = NULL;
    ion_err_t rc = ion_arena_new(ARENA_MAX, &arena);

    if (rc == ION_OK) {
        rc = ion_json_parse(arena, text, NULL, &root, r->err);
    }
    if (rc == ION_OK) {
        rc = read_status(r, root);
    }
    ion_arena_free(&arena);
    return rc;
}

static int
compare(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(ion_key_t));
}

static void
sort(ion_allow_list_t *list)
{
    size_t kept = 0;

    if (list->count == 0) {
        return;
    }
    qsort(list->keys, list->count, sizeof(*list->keys), compare);
    for (size_t i = 1; i < list->count; i++) {
        if (compare(&list->keys[i], &list->keys[kept]) != 0) {
            list->keys[++kept] = list->keys[i];
        }
    }
    list->count = kept + 1;
}

ion_err_t
ion_allow_list_parse(
    ion_str_t text, ion_allow_list_t *out, ion_doc_error_t *err)
{
    reader_t r = { .err = err };
    ion_str_t start = ion_str_trim(text);
    ion_err_t rc;

    err->msg[0] = '\0';
    if (text.len > ION_ALLOW_FILE_MAX) {
        return fail(
            &r, ION_LIMIT, 0, 0, "longer than %zu bytes", ION_ALLOW_FILE_MAX);
    }
    if (start.len > 0 && start.p[0] == '{') {
        rc = read_json(&r, text);
    } else {
        rc = read_lines(&r, text);
    }
    if (rc != ION_OK) {
        ion_allow_list_fini(&r.list);
        return rc;
    }
    sort(&r.list);
    *out = r.list;
    return ION_OK;
}

bool
ion_allow_list_has(const ion_allow_list_t *list, const ion_key_t *key)
{
    return list->count > 0 && bsearch(key, list->keys, list->count,
                                  sizeof(*list->keys), compare) != NULL;
}

void
ion_allow_list_fini(ion_allow_list_t *list)
{
    free(list->keys);
    *list = (ion_allow_list_t){ NULL, 0 };
}
