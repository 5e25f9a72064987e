/*
 * test_clock.c -- the clocks.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/clock.h"
static void
test_mono_follows_the_kernel(void **state)
{
    struct timespec ts;

    (void)state;
    ion_mono_t before = ion_mono_now();
    assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &ts), 0);
    ion_mono_t after = ion_mono_now();
    ion_mono_t kernel =
        (ion_mono_t)ts.tv_sec * ION_NSEC_PER_SEC + (ion_mono_t)ts.tv_nsec;
    assert_true(before <= kernel && kernel <= after);
    assert_true(ION_SEC(2) == ION_MS(2000));
}

static void
test_wall_is_in_milliseconds(void **state)
{
    (void)state;
    int64_t seconds = (int64_t)time(NULL);
    int64_t ms = ion_wall_now_ms();
    assert_true(ms / 1000 >= seconds - 1 && ms / 1000 <= seconds + 2);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mono_follows_the_kernel),
        cmocka_unit_test(test_wall_is_in_milliseconds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
