/*
 * test_lull.c -- when a loop lets events gather.
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "event/lull.h"

#define START ION_MS(1000)

/* Wake-ups by `kinds` descriptors in turn, `gap` apart. */
static bool
is_on_after(unsigned wakes, unsigned kinds, ion_mono_t gap)
{
    static const char who[16];
    ion_lull_t lull = { 0 };
    for (unsigned i = 0; i < wakes; i++) {
        ion_lull_woken(&lull, &who[i % kinds], START + i * gap);
    }
    return lull.is_on;
}

static void
test_many_fast_wake_ups_by_different_descriptors(void **state)
{
    const ion_mono_t fast = ION_LULL / ION_LULL_WAKES;
    (void)state;
    assert_false(is_on_after(ION_LULL_WAKES - 1, 10, fast));
    assert_true(is_on_after(ION_LULL_WAKES, 10, fast));
    assert_true(is_on_after(100, 10, fast));
    assert_true(is_on_after(100, ION_LULL_WAKES, fast));
}

static void
test_few_descriptors_or_slow_ones_are_served_at_once(void **state)
{
    const ion_mono_t fast = ION_LULL / ION_LULL_WAKES;
    (void)state;
    for (unsigned kinds = 1; kinds < ION_LULL_WAKES; kinds++) {
        assert_false(is_on_after(100, kinds, fast));
    }
    assert_true(is_on_after(100, 10, ION_LULL / (ION_LULL_WAKES - 1)));
    assert_false(is_on_after(100, 10, ION_LULL / (ION_LULL_WAKES - 1) + 1));
}

static void
test_a_lull_that_gathers_little_is_the_last(void **state)
{
    static const char who[ION_LULL_WAKES];
    ion_lull_t lull = { 0 };
    (void)state;
    for (unsigned i = 0; i < ION_LULL_WAKES; i++) {
        ion_lull_woken(&lull, &who[i], START);
    }
    assert_true(lull.is_on);
    ion_lull_ended(&lull, ION_LULL_WAKES);
    assert_true(lull.is_on);
    ion_lull_ended(&lull, ION_LULL_WAKES - 1);
    assert_false(lull.is_on);
    /* and what was seen before it does not count again */
    ion_lull_woken(&lull, &who[0], START);
    assert_false(lull.is_on);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_many_fast_wake_ups_by_different_descriptors),
        cmocka_unit_test(test_few_descriptors_or_slow_ones_are_served_at_once),
        cmocka_unit_test(test_a_lull_that_gathers_little_is_the_last),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
