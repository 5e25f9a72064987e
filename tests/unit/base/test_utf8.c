/*
 * test_utf8.c -- UTF-8, strictly.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/utf8.h"
static void
test_every_character_round_trips(void **state)
{
    (void)state;
    for (uint32_t cp = 0; cp <= 0x110010; cp++) {
        char out[4];
        uint32_t back;
        bool is_scalar = cp <= 0x10ffff && (cp < 0xd800 || cp > 0xdfff);
        size_t n = ion_utf8_encode(out, cp);
        if (!is_scalar) {
            assert_int_equal(n, 0);
            continue;
        }
        size_t want = cp < 0x80 ? 1 : cp < 0x800 ? 2 : cp < 0x10000 ? 3 : 4;
        if (n != want || ion_utf8_decode(out, n, &back) != n || back != cp ||
            (n > 1 && ion_utf8_decode(out, n - 1, &back) != 0))
        {
            fail_msg("U+%04X", (unsigned)cp);
        }
    }
}

static void
test_what_is_no_character(void **state)
{
    static const char *const bad[] = { "\x80", "\xbf", "\xc0\x80", "\xc1\xbf",
        "\xc2", "\xc2\x41", "\xe0\x80\x80", "\xe0\x9f\xbf", "\xed\xa0\x80",
        "\xed\xbf\xbf", "\xe2\x82", "\xe2\x28\xa1", "\xf0\x80\x80\x80",
        "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80",
        "\xf8\x88\x80\x80\x80", "\xff" };
    uint32_t cp;

    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(bad); i++) {
        assert_int_equal(ion_utf8_decode(bad[i], strlen(bad[i]), &cp), 0);
        assert_int_equal(cp, 0xfffd);
    }
    assert_int_equal(ion_utf8_decode("", 0, &cp), 0);
}

static void
test_check_finds_the_first_bad_byte(void **state)
{
    (void)state;
    assert_int_equal(ion_utf8_check(ION_STR("")), 0);
    assert_int_equal(ion_utf8_check(ION_STR("a\xc3\xa9\xe2\x82\xac")), 6);
    assert_int_equal(ion_utf8_check(ION_STR("ab\xff"
                                            "cd")),
        2);
    assert_int_equal(ion_utf8_check(ION_STR("ab\xe2\x82")), 2);
    assert_int_equal(ion_utf8_check(ION_STR("\0\0")), 2);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_character_round_trips),
        cmocka_unit_test(test_what_is_no_character),
        cmocka_unit_test(test_check_finds_the_first_bad_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
