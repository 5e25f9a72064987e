/*
 * http/route.c -- the best route of a table for a path.
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "http/route.h"

#include <stddef.h>
#include <string.h>

/* How well a route fits: 0 not at all, a longer prefix better, exact best. */
static size_t
rank(const ion_http_route_t *route, uint32_t kind, ion_str_t path)
{
    ion_str_t want = ion_str_from(route->path);
    if ((route->flags & kind) == 0) {
        return 0;
    }
    if ((route->flags & ION_ROUTE_EXACT) != 0 && ion_str_eq(path, want)) {
        return SIZE_MAX;
    }
    if ((route->flags & ION_ROUTE_PREFIX) != 0 &&
        ion_str_has_prefix(path, want)) {
        return want.len;
    }
    return 0;
}

const ion_http_route_t *
ion_http_route_find(const ion_http_route_t *table, uint32_t kind,
    ion_str_t path, const ion_http_route_t *best)
{
    size_t best_rank = best == NULL ? 0 : rank(best, kind, path);
    for (; table->path != NULL; table++) {
        size_t r = rank(table, kind, path);
        if (r > best_rank) {
            best = table;
            best_rank = r;
        }
    }
    return best;
}
