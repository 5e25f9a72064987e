/*
 * derpmap_notes.h -- what was found in a DERP map document.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The texts quote the document, which may be anybody's: whoever prints them
 * escapes them. How many are kept is bounded, how many there were is not.
 */

#ifndef ION_MODEL_DERPMAP_NOTES_H
#define ION_MODEL_DERPMAP_NOTES_H

#include "base/arena.h"
#include "base/base.h"
#include "doc/tree.h"

/* Kept of each level; the others are only counted. */
#define ION_DERPNOTES_MAX 100

typedef enum ion_derpnote_level {
    ION_DERPNOTE_ERROR,   /* the document is refused */
    ION_DERPNOTE_DROPPED, /* the region is left out */
    ION_DERPNOTE_WARNING  /* taken, but probably not what was meant */
} ion_derpnote_level_t;

#define ION_DERPNOTE_LEVELS 3

typedef struct ion_derpnote {
    ion_derpnote_level_t level;
    unsigned line; /* 1-based; 0 = the document as a whole */
    unsigned column;
    const char *path; /* "Regions.900.Nodes[2].DERPPort"; "" = the document */
    const char *msg;  /* what is wrong, and what would be right */
    struct ion_derpnote *next;
} ion_derpnote_t;

typedef struct ion_derpnotes {
    ion_arena_t *arena; /* back */
    ion_derpnote_t *first;
    ion_derpnote_t *last;
    size_t kept[ION_DERPNOTE_LEVELS];
    size_t count[ION_DERPNOTE_LEVELS];
} ion_derpnotes_t;

/*
 * ion_derpnotes_init -- no notes yet.
 *
 * Owns:   nothing; notes will be the arena's, which outlives them.
 * Errors: none.
 */
void ion_derpnotes_init(ion_derpnotes_t *notes, ion_arena_t *arena);

/*
 * ion_derpnotes_add -- one note; path and msg are copied.
 *
 * Errors: none; without memory, or with enough of this level, it is counted
 *         alone.
 */
void ion_derpnotes_add(ion_derpnotes_t *notes, const ion_derpnote_t *note);

/*
 * ion_derpnote_level_name -- "error", "region dropped", "warning".
 *
 * Errors: none.
 */
const char *ion_derpnote_level_name(ion_derpnote_level_t level);

#endif
