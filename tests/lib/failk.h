/*
 * failk.h -- make the k-th allocation of a piece of code fail.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Link with -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,
 * --wrap=reallocarray. Only calls from our own objects are seen.
 */

#ifndef ION_TESTS_FAILK_H
#define ION_TESTS_FAILK_H

#include "base/base.h"

/*
 * failk_arm -- the k-th allocation from now on (0-based) fails, once.
 *
 * Errors: none.
 */
void failk_arm(unsigned k);

/*
 * failk_disarm -- let all succeed; true when the one that was to fail came.
 *
 * Errors: none.
 */
bool failk_disarm(void);

#endif
