/*
 * tree_build.h -- making a tree; for the readers of this folder only.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef ION_DOC_TREE_BUILD_H
#define ION_DOC_TREE_BUILD_H

#include "base/arena.h"
#include "doc/tree.h"

/*
 * ion_doc_append -- make a node the last child of a list or a map.
 *
 * Errors: none.
 */
void ion_doc_append(ion_doc_node_t *parent, ion_doc_node_t *child);

/*
 * ion_doc_no_duplicates -- refuse a map in which a key is there twice.
 *
 * Errors: ION_MALF with both places in *err | ION_NOMEM.
 */
ION_NODISCARD ion_err_t ion_doc_no_duplicates(
    const ion_doc_node_t *map, ion_doc_error_t *err);

/*
 * ion_doc_resolve -- the kind of an unquoted YAML scalar, from node->text.
 *
 * Errors: none.
 */
ion_doc_kind_t ion_doc_resolve(ion_str_t text);

/*
 * ion_doc_too_large -- the arena gave no more.
 *
 * Errors: always ION_LIMIT, with the place in *err.
 */
ION_NODISCARD static inline ion_err_t
ion_doc_too_large(ion_doc_error_t *err, unsigned line, unsigned column)
{
    ion_doc_error_set(
        err, line, column, "the document needs more memory than it may have");
    return ION_LIMIT;
}

#endif
