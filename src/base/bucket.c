/*
 * bucket.c -- token bucket.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Elapsed nanoseconds times rate is exact in 128 bits; what is left of a
 * token is carried in `frac`, so that frequent small refills lose nothing.
 */

#include "base/bucket.h"

__extension__ typedef unsigned __int128 u128_t;

void
ion_bucket_init(ion_bucket_t *b, uint64_t rate, uint64_t burst, ion_mono_t now)
{
    b->rate = rate;
    b->burst = ION_MIN(burst, (uint64_t)INT64_MAX);
    b->tokens = (int64_t)b->burst;
    b->frac = 0;
    b->last = now;
}

static void
refill(ion_bucket_t *b, ion_mono_t now)
{
    if (now <= b->last) {
        return;
    }

    u128_t gained = (u128_t)(now - b->last) * b->rate + b->frac;
    u128_t whole = gained / ION_NSEC_PER_SEC;
    uint64_t missing = b->burst - (uint64_t)b->tokens; /* wraps right */
    b->last = now;
    if (whole >= missing) {
        b->tokens = (int64_t)b->burst;
        b->frac = 0;
        return;
    }
    b->tokens = (int64_t)((uint64_t)b->tokens + (uint64_t)whole);
    b->frac = (uint64_t)(gained % ION_NSEC_PER_SEC);
}

bool
ion_bucket_take(ion_bucket_t *b, ion_mono_t now, uint64_t n)
{
    if (b->rate == 0) {
        return true;
    }
    refill(b, now);
    if (b->tokens < 0 || (uint64_t)b->tokens < n) {
        return false;
    }
    b->tokens -= (int64_t)n;
    return true;
}

int64_t
ion_bucket_charge(ion_bucket_t *b, ion_mono_t now, uint64_t n)
{
    if (b->rate == 0) {
        return 0;
    }
    refill(b, now);

    int64_t amount = (int64_t)ION_MIN(n, (uint64_t)INT64_MAX);
    if (__builtin_sub_overflow(b->tokens, amount, &b->tokens)) {
        b->tokens = INT64_MIN;
    }
    if (b->tokens >= 0) {
        return 0;
    }

    u128_t debt = (u128_t)(0 - (uint64_t)b->tokens) * ION_NSEC_PER_SEC;
    u128_t wait = (debt - b->frac + b->rate - 1) / b->rate;
    return wait > (u128_t)INT64_MAX ? INT64_MAX : (int64_t)wait;
}
