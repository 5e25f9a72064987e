/*
 * test_num.c -- numbers, sizes, durations, booleans, both ways.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/num.h"
#define HOUR INT64_C(3600000000000)

static void
test_u64(void **state)
{
    static const struct {
        const char *text;
        uint64_t max;
        ion_err_t rc;
        uint64_t value;
    } cases[] = {
        { "0", 0, ION_OK, 0 },
        { "007", 9, ION_OK, 7 },
        { "65535", 65535, ION_OK, 65535 },
        { "65536", 65535, ION_RANGE, 0 },
        { "18446744073709551615", UINT64_MAX, ION_OK, UINT64_MAX },
        { "18446744073709551616", UINT64_MAX, ION_RANGE, 0 },
        { "99999999999999999999999999", UINT64_MAX, ION_RANGE, 0 },
        { "99999999999999999999999999x", UINT64_MAX, ION_MALF, 0 },
        { "", 9, ION_MALF, 0 },
        { "-1", 9, ION_MALF, 0 },
        { "+1", 9, ION_MALF, 0 },
        { " 1", 9, ION_MALF, 0 },
        { "1 ", 9, ION_MALF, 0 },
        { "0x1", 9, ION_MALF, 0 },
    };

    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(cases); i++) {
        uint64_t v = 4242;
        ion_err_t rc =
            ion_parse_u64(ion_str_from(cases[i].text), cases[i].max, &v);
        assert_int_equal(rc, cases[i].rc);
        assert_true(v == (rc == ION_OK ? cases[i].value : 4242));
    }
}

static void
test_i64(void **state)
{
    static const struct {
        const char *text;
        int64_t min;
        int64_t max;
        ion_err_t rc;
        int64_t value;
    } cases[] = {
        { "-1", -1, 65535, ION_OK, -1 },
        { "+7", -1, 65535, ION_OK, 7 },
        { "-2", -1, 65535, ION_RANGE, 0 },
        { "65536", -1, 65535, ION_RANGE, 0 },
        { "-9223372036854775808", INT64_MIN, INT64_MAX, ION_OK, INT64_MIN },
        { "-9223372036854775809", INT64_MIN, INT64_MAX, ION_RANGE, 0 },
        { "9223372036854775807", INT64_MIN, INT64_MAX, ION_OK, INT64_MAX },
        { "9223372036854775808", INT64_MIN, INT64_MAX, ION_RANGE, 0 },
        { "-", INT64_MIN, INT64_MAX, ION_MALF, 0 },
        { "--1", INT64_MIN, INT64_MAX, ION_MALF, 0 },
        { "1.0", INT64_MIN, INT64_MAX, ION_MALF, 0 },
        { "", INT64_MIN, INT64_MAX, ION_MALF, 0 },
    };

    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(cases); i++) {
        int64_t v = 4242;
        ion_err_t rc = ion_parse_i64(
            ion_str_from(cases[i].text), cases[i].min, cases[i].max, &v);
        assert_int_equal(rc, cases[i].rc);
        assert_true(v == (rc == ION_OK ? cases[i].value : 4242));
    }
}

static void
test_f64(void **state)
{
    static const struct {
        const char *text;
        ion_err_t rc;
        double value;
    } cases[] = {
        { "0", ION_OK, 0 },
        { "-12.5", ION_OK, -12.5 },
        { "+1e3", ION_OK, 1000 },
        { "2.5E-1", ION_OK, 0.25 },
        { "1e308", ION_OK, 1e308 },
        { "1e309", ION_RANGE, 0 },
        { "1e-400", ION_OK, 0 },
        { "", ION_MALF, 0 },
        { ".5", ION_MALF, 0 },
        { "1.", ION_MALF, 0 },
        { "1e", ION_MALF, 0 },
        { "1e+", ION_MALF, 0 },
        { "inf", ION_MALF, 0 },
        { "nan", ION_MALF, 0 },
        { "0x10", ION_MALF, 0 },
        { "1 ", ION_MALF, 0 },
        { "1,5", ION_MALF, 0 },
        { "0.00000000000000000000000000000000000000000000000000000000000001",
            ION_MALF, 0 },
    };

    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(cases); i++) {
        double v = 4242;
        ion_err_t rc = ion_parse_f64(ion_str_from(cases[i].text), &v);
        assert_int_equal(rc, cases[i].rc);
        assert_true(v == (rc == ION_OK ? cases[i].value : 4242));
    }
}

/* Texts that ion_format_duration gives back are marked by `back` == NULL. */
static const struct {
    const char *text;
    ion_err_t rc;
    int64_t ns;
    const char *back;
} durations[] = {
    { "0s", ION_OK, 0, NULL },
    { "0", ION_OK, 0, "0s" },
    { "-0", ION_OK, 0, "0s" },
    { "+0", ION_OK, 0, "0s" },
    { "1ns", ION_OK, 1, NULL },
    { "999ns", ION_OK, 999, NULL },
    { "1\xc2\xb5s", ION_OK, 1000, NULL },
    { "999.999\xc2\xb5s", ION_OK, 999999, NULL },
    { "1ms", ION_OK, 1000000, NULL },
    { "999.999999ms", ION_OK, 999999999, NULL },
    { "1s", ION_OK, 1000000000, NULL },
    { "1.1\xc2\xb5s", ION_OK, 1100, NULL },
    { "1.1us", ION_OK, 1100, "1.1\xc2\xb5s" },
    { "1.1\xce\xbcs", ION_OK, 1100, "1.1\xc2\xb5s" },
    { "2.2ms", ION_OK, 2200000, NULL },
    { "3.3s", ION_OK, 3300000000, NULL },
    { "500ms", ION_OK, 500000000, NULL },
    { "4m5s", ION_OK, 245000000000, NULL },
    { "4m5.001s", ION_OK, 245001000000, NULL },
    { "5h6m7.001s", ION_OK, 5 * HOUR + 367001000000, NULL },
    { "8m0.000000001s", ION_OK, 480000000001, NULL },
    { "1m30s", ION_OK, 90000000000, NULL },
    { "1h0m0s", ION_OK, HOUR, NULL },
    { "1.5h", ION_OK, HOUR / 2 * 3, "1h30m0s" },
    { ".5s", ION_OK, 500000000, "500ms" },
    { "5.s", ION_OK, 5000000000, "5s" },
    { "-1m30s", ION_OK, -90000000000, NULL },
    { "+2s", ION_OK, 2000000000, "2s" },
    { "1s1s", ION_OK, 2000000000, "2s" },
    { "0.9999999999s", ION_OK, 999999999, "999.999999ms" },
    { "2562047h47m16.854775807s", ION_OK, INT64_MAX, NULL },
    { "2562047h47m16.854775808s", ION_RANGE, 0, NULL },
    { "9999999999999h", ION_RANGE, 0, NULL },
    { "99999999999999999999s", ION_RANGE, 0, NULL },
    { "", ION_MALF, 0, NULL },
    { "3", ION_MALF, 0, NULL },
    { "-", ION_MALF, 0, NULL },
    { "s", ION_MALF, 0, NULL },
    { ".", ION_MALF, 0, NULL },
    { ".s", ION_MALF, 0, NULL },
    { "1x", ION_MALF, 0, NULL },
    { "1S", ION_MALF, 0, NULL },
    { "1s ", ION_MALF, 0, NULL },
    { "1 s", ION_MALF, 0, NULL },
    { "1d", ION_MALF, 0, NULL },
    { "1m-1s", ION_MALF, 0, NULL },
    { "1..5s", ION_MALF, 0, NULL },
    { "00", ION_MALF, 0, NULL },
};

static void
test_durations(void **state)
{
    char text[ION_NUM_TEXT_MAX];

    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(durations); i++) {
        int64_t ns = 4242;
        ion_err_t rc = ion_parse_duration(ion_str_from(durations[i].text), &ns);
        if (rc != durations[i].rc) {
            fail_msg("%s: %s", durations[i].text, ion_strerror(rc));
        }
        if (rc != ION_OK) {
            assert_true(ns == 4242);
            continue;
        }
        assert_true(ns == durations[i].ns);
        const char *back =
            durations[i].back == NULL ? durations[i].text : durations[i].back;
        assert_int_equal(ion_format_duration(text, ns), strlen(back));
        assert_string_equal(text, back);
    }
    ion_format_duration(text, INT64_MIN);
    assert_string_equal(text, "-2562047h47m16.854775808s");
}

static void
test_sizes(void **state)
{
    static const struct {
        const char *text;
        ion_err_t rc;
        uint64_t bytes;
    } cases[] = {
        { "4096", ION_OK, 4096 },
        { "0", ION_OK, 0 },
        { "12B", ION_OK, 12 },
        { "64KiB", ION_OK, 65536 },
        { "64 KiB", ION_OK, 65536 },
        { "1MB", ION_OK, 1000000 },
        { "3kB", ION_OK, 3000 },
        { "3KB", ION_OK, 3000 },
        { "2GiB", ION_OK, UINT64_C(2147483648) },
        { "2GB", ION_OK, UINT64_C(2000000000) },
        { "16777215TiB", ION_OK, UINT64_C(16777215) << 40 },
        { "16777216TiB", ION_RANGE, 0 },
        { "18446744073709551616", ION_RANGE, 0 },
        { "", ION_MALF, 0 },
        { "KiB", ION_MALF, 0 },
        { "-1", ION_MALF, 0 },
        { "1.5MB", ION_MALF, 0 },
        { "1 ", ION_MALF, 0 },
        { "1  MB", ION_MALF, 0 },
        { "1kb", ION_MALF, 0 },
        { "1M", ION_MALF, 0 },
    };

    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(cases); i++) {
        uint64_t bytes = 4242;
        ion_err_t rc = ion_parse_size(ion_str_from(cases[i].text), &bytes);
        if (rc != cases[i].rc) {
            fail_msg("%s: %s", cases[i].text, ion_strerror(rc));
        }
        assert_true(bytes == (rc == ION_OK ? cases[i].bytes : 4242));
    }
}

static void
test_booleans(void **state)
{
    static const char *const yes[] = { "true", "TRUE", "yes", "On" };
    static const char *const no[] = { "false", "No", "OFF" };
    static const char *const neither[] = { "", "1", "0", "y", "truex", "tru" };
    bool v;

    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(yes); i++) {
        v = false;
        assert_int_equal(ion_parse_bool(ion_str_from(yes[i]), &v), ION_OK);
        assert_true(v);
    }
    for (size_t i = 0; i < ION_ARRAY_LEN(no); i++) {
        v = true;
        assert_int_equal(ion_parse_bool(ion_str_from(no[i]), &v), ION_OK);
        assert_false(v);
    }
    for (size_t i = 0; i < ION_ARRAY_LEN(neither); i++) {
        assert_int_equal(
            ion_parse_bool(ion_str_from(neither[i]), &v), ION_MALF);
    }
}

static void
test_shortest_floats(void **state)
{
    static const struct {
        double value;
        const char *text;
    } cases[] = {
        { 0, "0" },
        { 1, "1" },
        { -1, "-1" },
        { 0.5, "0.5" },
        { 0.1, "0.1" },
        { 52.52, "52.52" },
        { -122.4194, "-122.4194" },
        { 100, "100" },
        { 1234567, "1234567" },
        { 0.000001, "0.000001" },
        { 0.0000001, "1e-7" },
        { 1.5e-10, "1.5e-10" },
        { 1e-300, "1e-300" },
        { 1e20, "100000000000000000000" },
        { 1e21, "1e+21" },
        { 1.7976931348623157e308, "1.7976931348623157e+308" },
        { 5e-324, "5e-324" },
        { 2.0 / 3, "0.6666666666666666" },
        { 9007199254740993.0, "9007199254740992" },
    };
    char text[ION_NUM_TEXT_MAX];

    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(cases); i++) {
        size_t n = ion_format_f64(text, cases[i].value);
        assert_string_equal(text, cases[i].text);
        assert_int_equal(n, strlen(text));
    }
    ion_format_f64(text, -0.0);
    assert_string_equal(text, "-0");
}

static void
test_floats_read_back_the_same(void **state)
{
    char text[ION_NUM_TEXT_MAX];
    uint64_t bits = UINT64_C(0x9e3779b97f4a7c15);

    (void)state;
    for (int i = 0; i < 20000; i++) {
        double v;
        bits = bits * UINT64_C(6364136223846793005) + 1442695040888963407u;
        memcpy(&v, &bits, sizeof(v));
        if (!isfinite(v)) {
            continue;
        }
        assert_true(ion_format_f64(text, v) < sizeof(text));
        assert_true(strtod(text, NULL) == v);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_u64),
        cmocka_unit_test(test_i64),
        cmocka_unit_test(test_f64),
        cmocka_unit_test(test_durations),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_booleans),
        cmocka_unit_test(test_shortest_floats),
        cmocka_unit_test(test_floats_read_back_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
