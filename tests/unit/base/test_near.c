/*
 * test_near.c -- distances between words.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/near.h"

static void
test_distances(void **state)
{
    static const struct {
        const char *a;
        const char *b;
        size_t want;
    } cases[] = {
        { "", "", 0 },
        { "", "abc", 3 },
        { "stunpot", "STUNPort", 1 },
        { "Hostname", "hostNAME", 0 },
        { "reigon", "region", 1 },
        { "status", "stats", 1 },
        { "ab", "ba", 1 },
        { "kitten", "sitting", 3 },
    };
    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(cases); i++) {
        ion_str_t a = ion_str_from(cases[i].a);
        ion_str_t b = ion_str_from(cases[i].b);
        assert_int_equal(ion_near_distance(a, b), cases[i].want);
        assert_int_equal(ion_near_distance(b, a), cases[i].want);
    }
}

static void
test_long_words(void **state)
{
    char word[ION_NEAR_MAX + 1];
    (void)state;
    memset(word, 'x', sizeof(word));
    ion_str_t longest = { word, ION_NEAR_MAX };
    ion_str_t longer = { word, ION_NEAR_MAX + 1 };
    assert_int_equal(ion_near_distance(longest, longest), 0);
    assert_int_equal(ion_near_distance(longest, ION_STR("x")), 63);
    assert_int_equal(ion_near_distance(longer, longer), ION_NEAR_MAX);
    assert_int_equal(ion_near_distance(ION_STR("x"), longer), ION_NEAR_MAX);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_distances),
        cmocka_unit_test(test_long_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
