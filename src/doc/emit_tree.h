/*
 * emit_tree.h -- write a document tree as JSON again.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef ION_DOC_EMIT_TREE_H
#define ION_DOC_EMIT_TREE_H

#include "doc/emit.h"
#include "doc/tree.h"

/*
 * ion_jw_node -- write a node with all below it as one value.
 *
 * Shape:  node may be NULL (null). The writer's indent applies; strings are
 *         escaped anew; numbers keep their spelling. The tree came from JSON:
 *         its depth is bounded by the parser and must leave room under
 *         ION_EMIT_DEPTH_MAX for what is open already.
 * Errors: none but the builder's.
 */
void ion_jw_node(ion_jw_t *w, const ion_doc_node_t *node);

#endif
