/*
 * lifecycle.h -- all parts of a child in order: the http layer (workers) and
 * the modules of its role.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef ION_MAIN_LIFECYCLE_H
#define ION_MAIN_LIFECYCLE_H

#include "base/err.h"
#include "core/process.h"

/*
 * lifecycle_start -- start every part with p->cycle.
 *
 * Errors: the first part's that fails, *why begins with its name; what was
 *         started before it is stopped again.
 */
ION_NODISCARD ion_err_t lifecycle_start(ion_process_t *p, ion_errtext_t *why);

/*
 * lifecycle_prepare -- let every part prepare for next.
 *
 * Errors: the first refusal, *why begins with the part's name; the parts that
 *         had prepared have been told to abort.
 */
ION_NODISCARD ion_err_t lifecycle_prepare(
    ion_process_t *p, const ion_cycle_t *next, ion_errtext_t *why);

/* lifecycle_commit -- p->cycle is the prepared one now. */
void lifecycle_commit(ion_process_t *p);

/* lifecycle_abort -- the prepared cycle will not come. */
void lifecycle_abort(ion_process_t *p);

/*
 * lifecycle_drain -- no new work: each part calls p->idle when it has none
 * left, possibly before this returns.
 */
void lifecycle_drain(ion_process_t *p);

/* lifecycle_kick -- every part ends its connections of a client key. */
void lifecycle_kick(ion_process_t *p, const uint8_t key[32]);

/* lifecycle_parts -- how many parts this role has: calls of p->idle due. */
uint32_t lifecycle_parts(const ion_process_t *p);

/* lifecycle_stop -- stop every part, in reverse order. */
void lifecycle_stop(ion_process_t *p);

#endif
