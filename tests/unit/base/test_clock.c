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

/* The C library's own calendar is the reference. */
static void
test_utc_text_agrees_with_the_c_library(void **state)
{
    static const int64_t fixed[] = { 0, 951782399, 951782400, 951868800,
        4107542399, 4107542400, 1095379199, 253402300799 };

    (void)state;
    for (int64_t i = 0; i < 20000; i++) {
        int64_t seconds = i < 8 ? fixed[i] : i * 12345677 % 253402300799;
        time_t t = (time_t)seconds;
        struct tm tm;
        char want[64];
        char got[ION_UTC_TEXT];

        assert_non_null(gmtime_r(&t, &tm));
        assert_int_not_equal(
            strftime(want, sizeof(want), "%Y-%m-%dT%H:%M:%S.007Z", &tm), 0);
        assert_string_equal(ion_utc_format(seconds * 1000 + 7, got), want);
    }
    char got[ION_UTC_TEXT];
    assert_string_equal(ion_utc_format(-5, got), "1970-01-01T00:00:00.000Z");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mono_follows_the_kernel),
        cmocka_unit_test(test_wall_is_in_milliseconds),
        cmocka_unit_test(test_utc_text_agrees_with_the_c_library),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
