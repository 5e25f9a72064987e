/*
 * bucket.h -- token bucket with exact integer refill.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Two uses: ask first (ion_bucket_take), or charge now and wait afterwards
 * (ion_bucket_charge), for which the balance may go below zero.
 */

#ifndef ION_BASE_BUCKET_H
#define ION_BASE_BUCKET_H

#include "base/base.h"

typedef struct ion_bucket {
    uint64_t rate;   /* tokens per second; 0 = unlimited */
    uint64_t burst;  /* most tokens it holds; at most INT64_MAX */
    int64_t tokens;  /* balance at `last`; may be negative */
    uint64_t frac;   /* billionths of a token beside it */
    ion_mono_t last; /* when the balance was last brought up to date */
} ion_bucket_t;

/*
 * ion_bucket_init -- a full bucket.
 *
 * Shape:  rate in tokens per second, 0 = unlimited; burst in tokens.
 * Errors: none.
 */
void ion_bucket_init(
    ion_bucket_t *b, uint64_t rate, uint64_t burst, ion_mono_t now);

/*
 * ion_bucket_take -- take n tokens if there are so many.
 *
 * Shape:  true and n fewer, or false and nothing changed but time.
 * Errors: none.
 */
ION_NODISCARD bool ion_bucket_take(ion_bucket_t *b, ion_mono_t now, uint64_t n);

/*
 * ion_bucket_charge -- take n tokens in any case.
 *
 * Shape:  returns how long to wait until the balance is zero again, in
 *         nanoseconds rounded up; 0 when it is not negative.
 * Errors: none.
 */
ION_NODISCARD int64_t ion_bucket_charge(
    ion_bucket_t *b, ion_mono_t now, uint64_t n);

#endif
