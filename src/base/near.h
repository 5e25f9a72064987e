/*
 * near.h -- how far one word is from another, for "did you mean".
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef ION_BASE_NEAR_H
#define ION_BASE_NEAR_H

#include "base/base.h"
#include "base/str.h"

/* Longer words are near to nothing. */
#define ION_NEAR_MAX 64

/*
 * ion_near_distance -- how many single changes make b of a: a byte more, less
 * or another, or two neighbours swapped. A-Z are the same as a-z.
 *
 * Errors: ION_NEAR_MAX when one of the words is longer than that.
 */
size_t ion_near_distance(ion_str_t a, ion_str_t b);

#endif
