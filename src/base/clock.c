/*
 * clock.c -- the two clocks.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "base/clock.h"

#include <time.h>

#include "base/assert.h"

static struct timespec
read_clock(clockid_t id)
{
    struct timespec ts;
    ION_ASSERT(clock_gettime(id, &ts) == 0);
    return ts;
}

ion_mono_t
ion_mono_now(void)
{
    struct timespec ts = read_clock(CLOCK_MONOTONIC);
    return (ion_mono_t)ts.tv_sec * ION_NSEC_PER_SEC + (ion_mono_t)ts.tv_nsec;
}

int64_t
ion_wall_now_ms(void)
{
    struct timespec ts = read_clock(CLOCK_REALTIME);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}
