/*
 * derpmap_diff.h -- what differs between two DERP maps, as clients see it.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A client closes its connection to a region whose definition differs in any
 * way, also in the order of the nodes, and to one that is gone. Scores and
 * omitDefaultRegions close nothing.
 */

#ifndef ION_MODEL_DERPMAP_DIFF_H
#define ION_MODEL_DERPMAP_DIFF_H

#include "model/derpmap.h"

typedef enum ion_derpchange_kind {
    ION_DERPCHANGE_ADDED,
    ION_DERPCHANGE_REMOVED,
    ION_DERPCHANGE_CHANGED
} ion_derpchange_kind_t;

/* One thing that differs. Of a changed region, each thing inside it too. */
typedef struct ion_derpchange {
    ion_derpchange_kind_t kind;
    int region_id;      /* 0 = not inside a region */
    const char *field;  /* "" = the region itself; inside a region
                           "RegionName", "Nodes[900a].DERPPort", "Nodes" (their
                           order); else "omitDefaultRegions", ... */
    const char *before; /* JSON text; NULL when it was not there */
    const char *after;  /* NULL when it is not there any more */
    bool is_reconnect;  /* of a region: its clients connect anew */
    struct ion_derpchange *next;
} ion_derpchange_t;

typedef struct ion_derpdiff {
    ion_derpchange_t *first; /* regions by id, then the rest */
    ion_derpchange_t *last;
    size_t regions[3]; /* regions by ion_derpchange_kind_t */
    size_t reconnects; /* regions whose clients connect anew */
} ion_derpdiff_t;

/*
 * ion_derpmap_diff -- compare two maps.
 *
 * Shape:  no change (first is NULL) exactly when the canonical bytes are the
 *         same. Nodes are told apart by their names.
 * Owns:   what *out points to is the arena's.
 * Errors: ION_NOMEM.
 */
ION_NODISCARD ion_err_t ion_derpmap_diff(ion_arena_t *arena,
    const ion_derpmap_t *before, const ion_derpmap_t *after,
    ion_derpdiff_t *out);

/*
 * ion_derpchange_name -- "added", "removed", "changed".
 *
 * Errors: none.
 */
const char *ion_derpchange_name(ion_derpchange_kind_t kind);

#endif
