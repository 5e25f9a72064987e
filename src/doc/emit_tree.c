/*
 * emit_tree.c -- write a document tree as JSON again.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "doc/emit_tree.h"

static void
write_scalar(ion_jw_t *w, const ion_doc_node_t *node)
{
    switch (node->kind) {
    case ION_DOC_BOOL:
    case ION_DOC_INT:
    case ION_DOC_FLOAT:
        ion_jw_raw(w, node->text);
        break;
    case ION_DOC_STRING:
        ion_jw_str(w, node->text);
        break;
    case ION_DOC_NULL:
    case ION_DOC_LIST:
    case ION_DOC_MAP:
        ion_jw_null(w);
        break;
    }
}

void
ion_jw_node(
    ion_jw_t *w, const ion_doc_node_t *node) // NOLINT(misc-no-recursion)
{
    bool is_map;

    if (node == NULL) {
        ion_jw_null(w);
        return;
    }
    if (node->kind != ION_DOC_LIST && node->kind != ION_DOC_MAP) {
        write_scalar(w, node);
        return;
    }
    is_map = node->kind == ION_DOC_MAP;
    if (is_map) {
        ion_jw_object_begin(w);
    } else {
        ion_jw_array_begin(w);
    }
    ION_DOC_FOREACH(child, node)
    {
        if (is_map) {
            ion_jw_keys(w, child->key);
        }
        ion_jw_node(w, child);
    }
    if (is_map) {
        ion_jw_object_end(w);
    } else {
        ion_jw_array_end(w);
    }
}
