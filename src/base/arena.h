/*
 * arena.h -- memory of one lifetime: allocate often, free at once.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * For one message, one document tree, one configuration. The bound counts
 * what callers asked for (rounded up to 16 bytes), so that input from outside
 * cannot take more.
 */

#ifndef ION_BASE_ARENA_H
#define ION_BASE_ARENA_H

#include "base/base.h"
#include "base/err.h"
#include "base/str.h"

typedef struct ion_arena ion_arena_t;

/*
 * ion_arena_new -- an empty arena that hands out at most max_bytes.
 *
 * Owns:   gives *out; ion_arena_free.
 * Errors: ION_NOMEM.
 */
ION_NODISCARD ion_err_t ion_arena_new(size_t max_bytes, ion_arena_t **out);

/*
 * ion_arena_free -- free the arena and all it handed out; *a becomes NULL.
 *
 * Errors: none; *a may be NULL.
 */
void ion_arena_free(ion_arena_t **a);

/*
 * ion_arena_alloc -- n zeroed bytes, aligned to 16.
 *
 * Owns:   the arena's; valid until reset or free.
 * Errors: NULL when the bound is reached or there is no memory.
 */
ION_NODISCARD void *ion_arena_alloc(ion_arena_t *a, size_t n);

/*
 * ion_arena_strdup -- a NUL-terminated copy of a view.
 *
 * Owns:   the arena's; valid until reset or free.
 * Errors: NULL as ion_arena_alloc.
 */
ION_NODISCARD char *ion_arena_strdup(ion_arena_t *a, ion_str_t s);

/*
 * ion_arena_used -- bytes handed out since the last reset.
 *
 * Errors: none.
 */
size_t ion_arena_used(const ion_arena_t *a);

/*
 * ion_arena_reset -- take everything back; one chunk is kept for reuse.
 *
 * Errors: none.
 */
void ion_arena_reset(ion_arena_t *a);

#endif
