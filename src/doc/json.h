/*
 * json.h -- JSON and HuJSON text to a document tree.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * RFC 8259 to the letter, and stricter where the RFC leaves a choice: invalid
 * UTF-8, a lone surrogate, a NUL in a string and a repeated key are errors,
 * because another reader would see another document.
 */

#ifndef ION_DOC_JSON_H
#define ION_DOC_JSON_H

#include "base/arena.h"
#include "doc/tree.h"

typedef struct ion_json_limits {
    size_t max_bytes;   /* length of the text; 0 = the arena's bound alone */
    unsigned max_depth; /* 1..ION_DOC_DEPTH_MAX; 0 = ION_DOC_DEPTH_MAX */
} ion_json_limits_t;

/*
 * ion_json_parse -- read one value that is the whole text.
 *
 * Shape:  limits may be NULL (all defaults). Numbers with a fraction or an
 *         exponent are floats, others integers; both keep their spelling.
 * Owns:   the tree is the arena's; text is not needed afterwards.
 * Errors: ION_MALF with line, column and reason in *err | ION_LIMIT too long,
 *         too deep, or larger than the arena allows, also in *err | ION_NOMEM.
 */
ION_NODISCARD ion_err_t ion_json_parse(ion_arena_t *arena, ion_str_t text,
    const ion_json_limits_t *limits, ion_doc_node_t **root,
    ion_doc_error_t *err);

/*
 * ion_hujson_parse -- the same, and HuJSON: line comments from two slashes on,
 * block comments, and a comma behind the last member or item.
 *
 * Shape:  every JSON text gives the tree that ion_json_parse gives. Comments
 *         may stand where white space may; they are UTF-8 too, and are not
 *         kept. Block comments do not nest.
 * Owns:   as ion_json_parse.
 * Errors: as ion_json_parse.
 */
ION_NODISCARD ion_err_t ion_hujson_parse(ion_arena_t *arena, ion_str_t text,
    const ion_json_limits_t *limits, ion_doc_node_t **root,
    ion_doc_error_t *err);

#endif
