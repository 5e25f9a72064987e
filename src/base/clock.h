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

#define ION_UTC_TEXT 25 /* "2026-11-24T15:45:53.968Z" and the final NUL */

/*
 * ion_utc_format -- a wall time as RFC 3339 text in UTC.
 *
 * Shape:  wall_ms since 1970, years 1970 to 9999 (others come out cut); returns
 *         out. Computes, calls nothing: fit for a signal handler.
 * Errors: none.
 */
const char *ion_utc_format(int64_t wall_ms, char out[ION_UTC_TEXT]);

#endif
