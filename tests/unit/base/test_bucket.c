/*
 * test_bucket.c -- the token bucket.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/bucket.h"
#define T0 ION_SEC(1000)

static void
test_take_within_burst_and_refill(void **state)
{
    ion_bucket_t b;

    (void)state;
    ion_bucket_init(&b, 10, 5, T0);
    for (int i = 0; i < 5; i++) {
        assert_true(ion_bucket_take(&b, T0, 1));
    }
    assert_false(ion_bucket_take(&b, T0, 1));
    assert_true(ion_bucket_take(&b, T0, 0));
    assert_false(ion_bucket_take(&b, T0 + ION_MS(99), 1));
    assert_true(ion_bucket_take(&b, T0 + ION_MS(100), 1));
    assert_false(ion_bucket_take(&b, T0 + ION_MS(100), 1));
    assert_true(ion_bucket_take(&b, T0 + ION_SEC(100), 5));
    assert_false(ion_bucket_take(&b, T0 + ION_SEC(100), 1));
    assert_false(ion_bucket_take(&b, T0 + ION_SEC(200), 6));
}

static void
test_small_steps_lose_nothing(void **state)
{
    ion_bucket_t b;
    ion_mono_t now = T0;
    int taken = 0;

    (void)state;
    ion_bucket_init(&b, 3, 1, now);
    assert_true(ion_bucket_take(&b, now, 1));
    for (int i = 0; i < 10000; i++) {
        now += ION_MS(1);
        taken += ion_bucket_take(&b, now, 1) ? 1 : 0;
    }
    /* A full bucket of one token drops what comes in the same step. */
    assert_true(taken == 29 || taken == 30);
}

static void
test_charge_waits_for_the_debt(void **state)
{
    ion_bucket_t b;

    (void)state;
    ion_bucket_init(&b, 1000, 65568, T0);
    assert_true(ion_bucket_charge(&b, T0, 65568) == 0);
    assert_true(ion_bucket_charge(&b, T0, 500) == (int64_t)ION_MS(500));
    assert_true(ion_bucket_charge(&b, T0, 1500) == (int64_t)ION_SEC(2));
    assert_true(
        ion_bucket_charge(&b, T0 + ION_SEC(1), 0) == (int64_t)ION_SEC(1));
    assert_false(ion_bucket_take(&b, T0 + ION_SEC(2) - 1, 1));
    assert_true(ion_bucket_charge(&b, T0 + ION_SEC(2), 0) == 0);
    assert_true(
        ion_bucket_charge(&b, T0 + ION_SEC(2), 1) == (int64_t)ION_MS(1));
}

static void
test_wait_is_rounded_up(void **state)
{
    ion_bucket_t b;

    (void)state;
    ion_bucket_init(&b, 3, 0, T0);
    int64_t wait = ion_bucket_charge(&b, T0, 1);
    assert_true(wait == 333333334);
    assert_true(ion_bucket_charge(&b, T0 + (ion_mono_t)wait - 1, 0) == 1);
    assert_true(ion_bucket_charge(&b, T0 + (ion_mono_t)wait, 0) == 0);
}

static void
test_zero_rate_is_unlimited(void **state)
{
    ion_bucket_t b;

    (void)state;
    ion_bucket_init(&b, 0, 0, T0);
    assert_true(ion_bucket_take(&b, T0, UINT64_MAX));
    assert_true(ion_bucket_charge(&b, T0, UINT64_MAX) == 0);
}

static void
test_extremes_do_not_wrap(void **state)
{
    ion_bucket_t b;

    (void)state;
    ion_bucket_init(&b, UINT64_MAX, UINT64_MAX, 0);
    assert_true(ion_bucket_take(&b, 0, (uint64_t)INT64_MAX));
    assert_true(ion_bucket_take(&b, UINT64_MAX, (uint64_t)INT64_MAX));
    assert_false(ion_bucket_take(&b, UINT64_MAX, 1));

    ion_bucket_init(&b, 1, 1, 0);
    for (int i = 0; i < 4; i++) {
        assert_true(ion_bucket_charge(&b, 0, UINT64_MAX) == INT64_MAX);
    }
    assert_true(b.tokens == INT64_MIN);
    assert_false(ion_bucket_take(&b, UINT64_MAX, 1));
    assert_true(b.tokens > INT64_MIN && b.tokens < 0);

    b.rate = UINT64_MAX;
    b.burst = INT64_MAX;
    assert_true(ion_bucket_take(&b, UINT64_MAX, 0) == false);
    b.last = 0;
    assert_true(ion_bucket_take(&b, UINT64_MAX, (uint64_t)INT64_MAX));
}

static void
test_time_never_goes_back(void **state)
{
    ion_bucket_t b;

    (void)state;
    ion_bucket_init(&b, 1, 1, T0);
    assert_true(ion_bucket_take(&b, T0, 1));
    assert_false(ion_bucket_take(&b, T0 - ION_SEC(10), 1));
    assert_false(ion_bucket_take(&b, T0, 1));
    assert_true(ion_bucket_take(&b, T0 + ION_SEC(1), 1));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_take_within_burst_and_refill),
        cmocka_unit_test(test_small_steps_lose_nothing),
        cmocka_unit_test(test_charge_waits_for_the_debt),
        cmocka_unit_test(test_wait_is_rounded_up),
        cmocka_unit_test(test_zero_rate_is_unlimited),
        cmocka_unit_test(test_extremes_do_not_wrap),
        cmocka_unit_test(test_time_never_goes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
