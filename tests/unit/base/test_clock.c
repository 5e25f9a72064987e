/*
 * test_clock.c -- the clocks, and the kernel's randomness.
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
#include "base/rng.h"
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

static void
test_random_fills_all_bytes(void **state)
{
    static uint8_t bytes[100000];
    static uint8_t seen[256];

    (void)state;
    ion_random(bytes, sizeof(bytes));
    ion_random(bytes, 0);
    for (size_t i = 0; i < sizeof(bytes); i++) {
        seen[bytes[i]] = 1;
    }
    for (size_t i = 0; i < sizeof(seen); i++) {
        assert_int_equal(seen[i], 1);
    }

    uint32_t all = 0;
    for (int i = 0; i < 64; i++) {
        all |= ion_random_u32();
    }
    assert_true(all == UINT32_MAX);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mono_follows_the_kernel),
        cmocka_unit_test(test_wall_is_in_milliseconds),
        cmocka_unit_test(test_random_fills_all_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
