/*
 * test_str.c -- views and the builder.
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

#include "base/str.h"
static void
test_views(void **state)
{
    (void)state;
    assert_int_equal(ion_str_from(NULL).len, 0);
    assert_int_equal(ion_str_from("abc").len, 3);
    assert_int_equal(ION_STR("a\0b").len, 3);
    assert_true(ion_str_eq(ION_STR(""), ion_str_from(NULL)));
    assert_true(ion_str_eq(ION_STR("ab"), ion_str_from("ab")));
    assert_false(ion_str_eq(ION_STR("ab"), ION_STR("aB")));
    assert_false(ion_str_eq(ION_STR("ab"), ION_STR("abc")));
    assert_true(ion_str_has_prefix(ION_STR("privkey:1"), ION_STR("privkey:")));
    assert_false(ion_str_has_prefix(ION_STR("priv"), ION_STR("privkey:")));
    assert_true(ion_str_has_prefix(ION_STR("x"), ion_str_from(NULL)));
}

static void
test_ieq_folds_letters_only(void **state)
{
    static const struct {
        const char *a;
        const char *b;
        bool same;
    } cases[] = {
        { "Upgrade", "uPGRADE", true },
        { "AZaz09", "azAZ09", true },
        { "@[`{", "@[`{", true },
        { "@", "`", false },
        { "[", "{", false },
        { "\xc3\x84", "\xc3\xa4", false },
        { "a", "ab", false },
    };

    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(cases); i++) {
        assert_int_equal(
            ion_str_ieq(ion_str_from(cases[i].a), ion_str_from(cases[i].b)),
            cases[i].same);
    }
}

static void
test_trim(void **state)
{
    static const char *const cases[][2] = {
        { " \t a b \r\n", "a b" },
        { "x", "x" },
        { " \n\t\r", "" },
        { "", "" },
        { "\fx\f", "\fx\f" },
    };

    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(cases); i++) {
        ion_str_t got = ion_str_trim(ion_str_from(cases[i][0]));
        assert_true(ion_str_eq(got, ion_str_from(cases[i][1])));
    }
}

static void
test_split_gives_every_field(void **state)
{
    ion_str_t rest = ION_STR("a,,bc,");
    ion_str_t f;

    (void)state;
    assert_true(ion_str_split(&rest, ',', &f));
    assert_true(ion_str_eq(f, ION_STR("a")));
    assert_true(ion_str_split(&rest, ',', &f));
    assert_true(ion_str_eq(f, ION_STR("")));
    assert_true(ion_str_split(&rest, ',', &f));
    assert_true(ion_str_eq(f, ION_STR("bc")));
    assert_true(ion_str_split(&rest, ',', &f));
    assert_int_equal(f.len, 0);
    assert_false(ion_str_split(&rest, ',', &f));

    rest = ION_STR("");
    assert_true(ion_str_split(&rest, ',', &f));
    assert_int_equal(f.len, 0);
    assert_false(ion_str_split(&rest, ',', &f));
}

static void
test_dup(void **state)
{
    char *copy = ion_str_dup(ION_STR("a\0b"));
    char *empty = ion_str_dup((ion_str_t){ NULL, 0 });

    (void)state;
    assert_memory_equal(copy, "a\0b", 4);
    assert_string_equal(empty, "");
    free(copy);
    free(empty);
}

static void
test_builder_appends(void **state)
{
    ion_sb_t sb;
    size_t len;

    (void)state;
    ion_sb_init(&sb, 1000);
    assert_true(ion_str_eq(ion_sb_str(&sb), ION_STR("")));
    ion_sb_addz(&sb, "one ");
    ion_sb_add(&sb, "two!", 3);
    ion_sb_addc(&sb, ' ');
    ion_sb_adds(&sb, ION_STR("three"));
    ion_sb_addf(&sb, " %d-%s", 4, "five");
    ion_sb_add(&sb, NULL, 0);
    assert_true(ion_str_eq(ion_sb_str(&sb), ION_STR("one two three 4-five")));

    char *text = ion_sb_take(&sb, &len);
    assert_string_equal(text, "one two three 4-five");
    assert_int_equal(len, strlen(text));
    assert_int_equal(sb.len, 0);
    free(text);

    text = ion_sb_take(&sb, NULL);
    assert_string_equal(text, "");
    free(text);
    ion_sb_fini(&sb);
}

static void
test_builder_grows_to_its_bound_exactly(void **state)
{
    ion_sb_t sb;

    (void)state;
    ion_sb_init(&sb, 10000);
    for (int i = 0; i < 10000; i++) {
        ion_sb_addc(&sb, (char)('a' + i % 26));
    }
    assert_false(sb.failed);
    assert_int_equal(sb.len, 10000);
    assert_int_equal(sb.p[9999], 'a' + 9999 % 26);
    assert_int_equal(sb.p[10000], '\0');

    ion_sb_addc(&sb, 'x');
    assert_true(sb.failed);
    assert_int_equal(sb.len, 10000);
    ion_sb_fini(&sb);
}

static void
test_builder_failure_is_sticky(void **state)
{
    ion_sb_t sb;

    (void)state;
    ion_sb_init(&sb, 5);
    ion_sb_addz(&sb, "abc");
    ion_sb_addf(&sb, "%s", "defg");
    assert_true(sb.failed);
    ion_sb_addc(&sb, 'd');
    assert_true(ion_str_eq(ion_sb_str(&sb), ION_STR("abc")));
    assert_null(ion_sb_take(&sb, NULL));
    assert_false(sb.failed);

    ion_sb_addz(&sb, "12345");
    assert_false(sb.failed);
    ion_sb_reset(&sb);
    assert_int_equal(ion_sb_str(&sb).len, 0);
    ion_sb_addf(&sb, "%05d", 7);
    assert_string_equal(sb.p, "00007");
    ion_sb_fini(&sb);
    ion_sb_fini(&sb);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_views),
        cmocka_unit_test(test_ieq_folds_letters_only),
        cmocka_unit_test(test_trim),
        cmocka_unit_test(test_split_gives_every_field),
        cmocka_unit_test(test_dup),
        cmocka_unit_test(test_builder_appends),
        cmocka_unit_test(test_builder_grows_to_its_bound_exactly),
        cmocka_unit_test(test_builder_failure_is_sticky),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
