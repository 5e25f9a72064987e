/*
 * clock.h -- the two clocks.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Code that is to be replayed in tests takes the time as a parameter; these
 * are called at the edges only.
 */

#ifndef ION_BASE_CLOCK_H
#define ION_BASE_CLOCK_H

#include "base/base.h"

/*
 * ion_mono_now -- CLOCK_MONOTONIC in nanoseconds.
 *
 * Errors: none.
 */
ion_mono_t ion_mono_now(void);

/*
 * ion_wall_now_ms -- CLOCK_REALTIME in milliseconds since 1970.
 *
 * Errors: none.
 */
int64_t ion_wall_now_ms(void);

#endif
