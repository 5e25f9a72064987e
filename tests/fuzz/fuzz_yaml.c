/*
 * fuzz_yaml.c -- the YAML reader, and the writer against it.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Properties: an error has a place; a tree that was read comes out of the
 * writer, in both forms, as text that reads as the same kinds and texts.
 */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "doc/emit.h"
#include "doc/yaml.h"

#define ARENA_MAX ((size_t)16 << 20)
#define TEXT_MAX  ((size_t)16 << 20)

/* YAML keys on one line end after 1024 characters; an escape has up to 10. */
#define KEY_MAX 100

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool
has_long_keys(const ion_doc_node_t *node)
{
    ION_DOC_FOREACH(it, node)
    {
        if (it->key.len > KEY_MAX || has_long_keys(it)) {
            return true;
        }
    }
    return false;
}

static void
write_tree(ion_yw_t *w, const ion_doc_node_t *node)
{
    switch (node->kind) {
    case ION_DOC_MAP:
        ion_yw_map_begin(w);
        ION_DOC_FOREACH(it, node)
        {
            ion_yw_key(w, it->key.p);
            write_tree(w, it);
        }
        ion_yw_map_end(w);
        break;
    case ION_DOC_LIST:
        ion_yw_list_begin(w);
        ION_DOC_FOREACH(it, node)
        {
            write_tree(w, it);
        }
        ion_yw_list_end(w);
        break;
    case ION_DOC_NULL:
        ion_yw_null(w);
        break;
    case ION_DOC_STRING:
        ion_yw_str(w, node->text);
        break;
    case ION_DOC_BOOL:
    case ION_DOC_INT:
    case ION_DOC_FLOAT:
        ion_yw_raw(w, node->text);
        break;
    }
}

static void
check_same(const ion_doc_node_t *a, const ion_doc_node_t *b)
{
    ION_ASSERT(a->kind == b->kind && a->count == b->count);
    ION_ASSERT(ion_str_eq(a->key, b->key));
    ION_ASSERT(a->kind == ION_DOC_NULL || ion_str_eq(a->text, b->text));
    const ion_doc_node_t *other = b->first;
    ION_DOC_FOREACH(it, a)
    {
        check_same(it, other);
        other = other->next;
    }
}

static void
check_round_trip(const ion_doc_node_t *root, ion_yaml_form_t form)
{
    ion_arena_t *arena = NULL;
    ion_doc_node_t *again = NULL;
    ion_sb_t text;
    ion_yw_t w;

    ion_sb_init(&text, TEXT_MAX);
    ion_yw_init(&w, &text, form);
    write_tree(&w, root);
    ION_ASSERT(!text.failed);
    ION_ASSERT(ion_arena_new(ARENA_MAX, &arena) == ION_OK);
    ION_ASSERT(
        ion_yaml_parse(arena, NULL, ion_sb_str(&text), &again, NULL) == ION_OK);
    check_same(root, again);
    ion_sb_fini(&text);
    ion_arena_free(&arena);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ion_arena_t *arena = NULL;
    ion_doc_node_t *root = NULL;
    ion_doc_error_t err;
    ion_str_t text = { (const char *)data, size };

    ION_ASSERT(ion_arena_new(ARENA_MAX, &arena) == ION_OK);
    ion_err_t rc = ion_yaml_parse(arena, "input", text, &root, &err);
    if (rc == ION_OK && !has_long_keys(root)) {
        check_round_trip(root, ION_YAML_2);
        check_round_trip(root, ION_YAML_4);
    } else if (rc != ION_OK) {
        ION_ASSERT(rc == ION_MALF || rc == ION_LIMIT);
        ION_ASSERT(err.line >= 1 && err.column >= 1);
        ION_ASSERT(err.msg[0] != '\0');
    }
    ion_arena_free(&arena);
    return 0;
}
