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

static char *
put_digits(char *p, int64_t value, unsigned digits, char after)
{
    for (unsigned i = digits; i > 0; i--) {
        p[i - 1] = (char)('0' + value % 10);
        value /= 10;
    }
    p[digits] = after;
    return p + digits + 1;
}

/* Days since 1970 to a date of the Gregorian calendar: years are counted from
 * the first of March, so that the odd day comes last. */
static void
date_of(int64_t days, int64_t *year, int64_t *month, int64_t *day)
{
    int64_t shifted = days + 719468; /* days since 0000-03-01 */
    int64_t era = shifted / 146097;
    int64_t in_era = shifted % 146097;
    int64_t y =
        (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
    int64_t in_year = in_era - (365 * y + y / 4 - y / 100);
    int64_t m = (5 * in_year + 2) / 153; /* 0 is March */

    *day = in_year - (153 * m + 2) / 5 + 1;
    *month = m < 10 ? m + 3 : m - 9;
    *year = era * 400 + y + (*month <= 2 ? 1 : 0);
}

const char *
ion_utc_format(int64_t wall_ms, char out[ION_UTC_TEXT])
{
    int64_t ms = wall_ms < 0 ? 0 : wall_ms;
    int64_t seconds = ms / 1000 % 86400;
    int64_t year, month, day;
    char *p = out;

    date_of(ms / 1000 / 86400, &year, &month, &day);
    p = put_digits(p, year, 4, '-');
    p = put_digits(p, month, 2, '-');
    p = put_digits(p, day, 2, 'T');
    p = put_digits(p, seconds / 3600, 2, ':');
    p = put_digits(p, seconds / 60 % 60, 2, ':');
    p = put_digits(p, seconds % 60, 2, '.');
    p = put_digits(p, ms % 1000, 3, 'Z');
    *p = '\0';
    return out;
}
