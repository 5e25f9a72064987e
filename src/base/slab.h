/*
 * slab.h -- objects of one size, with a count and a limit.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Memory is taken from the system in chunks and kept until the slab is freed;
 * the object put back last is handed out first. Debug builds overwrite what
 * is put back, and AddressSanitizer sees it as poisoned.
 */

#ifndef ION_BASE_SLAB_H
#define ION_BASE_SLAB_H

#include "base/base.h"
#include "base/err.h"

typedef struct ion_slab ion_slab_t;

/*
 * ion_slab_new -- a slab of objects of obj_size bytes, at most max_objs.
 *
 * Owns:   gives *out; ion_slab_free.
 * Errors: ION_RANGE a size of 0 or absurdly large | ION_NOMEM.
 */
ION_NODISCARD ion_err_t ion_slab_new(
    size_t obj_size, size_t max_objs, ion_slab_t **out);

/*
 * ion_slab_free -- free the slab and every chunk; *s becomes NULL.
 *
 * Shape:  objects still out are gone too: the caller has put them back or
 *         does not care.
 * Errors: none; *s may be NULL.
 */
void ion_slab_free(ion_slab_t **s);

/*
 * ion_slab_get -- one zeroed object, aligned to 16 bytes.
 *
 * Errors: NULL when the limit is reached or there is no memory.
 */
ION_NODISCARD void *ion_slab_get(ion_slab_t *s);

/*
 * ion_slab_put -- give an object back; NULL is harmless.
 *
 * Owns:   takes obj, which came from this slab and is out.
 * Errors: none.
 */
void ion_slab_put(ion_slab_t *s, void *obj);

/*
 * ion_slab_count -- objects out now; ion_slab_limit -- the most there may be.
 *
 * Errors: none.
 */
size_t ion_slab_count(const ion_slab_t *s);
size_t ion_slab_limit(const ion_slab_t *s);

/*
 * ion_slab_set_limit -- another limit; objects beyond a lowered one stay out.
 *
 * Errors: none.
 */
void ion_slab_set_limit(ion_slab_t *s, size_t max_objs);

#endif
