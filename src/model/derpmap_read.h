/*
 * derpmap_read.h -- a DERP map that somebody else wrote.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * HuJSON (and so JSON) or YAML, keys in any case, also the form of a policy
 * file ({"derpMap": ...}). What clients would trip over is refused, what is
 * only suspicious is a warning, what is missing and clear is filled in. A
 * region that is null says that earlier sources' region goes.
 */

#ifndef ION_MODEL_DERPMAP_READ_H
#define ION_MODEL_DERPMAP_READ_H

#include "doc/syntax.h"
#include "model/derpmap.h"
#include "model/derpmap_notes.h"

/* A document may have this many bytes, and its tree and map so much memory. */
#define ION_DERPMAP_BYTES_MAX ((size_t)4 << 20)
#define ION_DERPMAP_ARENA_MAX ((size_t)128 << 20)

/*
 * ion_derpmap_read -- read and check a document.
 *
 * Shape:  text is the whole document. notes was initialised by the caller,
 *         with an arena that outlives it; every finding is in it, in the order
 *         of the text as far as there is one. Regions with a finding of
 *         ION_DERPNOTE_DROPPED are not in *out; regions that are null are,
 *         with is_removed.
 * Owns:   *out and all it points to is the arena's; text is not needed
 *         afterwards.
 * Errors: ION_MALF refused: notes has at least one ION_DERPNOTE_ERROR |
 *         ION_NOMEM (also when the arena is used up).
 */
ION_NODISCARD ion_err_t ion_derpmap_read(ion_arena_t *arena, ion_str_t text,
    ion_doc_syntax_t syntax, ion_derpnotes_t *notes, ion_derpmap_t **out);

#endif
