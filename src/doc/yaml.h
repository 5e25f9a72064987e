/*
 * yaml.h -- YAML text to a document tree.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * One document of the core schema with decimal numbers. What lets a text be
 * more than it seems is refused: anchors, aliases, tags, merge keys, a second
 * document, and a key that is there twice.
 */

#ifndef ION_DOC_YAML_H
#define ION_DOC_YAML_H

#include "base/arena.h"
#include "doc/tree.h"

/*
 * ion_yaml_parse -- read one document.
 *
 * Shape:  name (borrowed, may be NULL) is only kept in *err. An empty text
 *         gives a null node. Plain null, ~ and nothing are null; true and
 *         false in lower, title or upper case are booleans; decimal numbers
 *         are numbers; everything else, and all that is quoted, is a string.
 * Owns:   the tree is the arena's; text is not needed afterwards.
 * Errors: ION_MALF with line, column and reason in *err | ION_LIMIT nested
 *         deeper than ION_DOC_DEPTH_MAX or larger than the arena allows, also
 *         in *err | ION_NOMEM.
 */
ION_NODISCARD ion_err_t ion_yaml_parse(ion_arena_t *arena, const char *name,
    ion_str_t text, ion_doc_node_t **root, ion_doc_error_t *err);

/*
 * ion_yaml_parse_keep -- the same, but keys that repeat are all kept in the
 * tree, for a caller that reports every one of them (ion_doc_duplicate).
 *
 * Errors: as ion_yaml_parse.
 */
ION_NODISCARD ion_err_t ion_yaml_parse_keep(ion_arena_t *arena,
    const char *name, ion_str_t text, ion_doc_node_t **root,
    ion_doc_error_t *err);

#endif
