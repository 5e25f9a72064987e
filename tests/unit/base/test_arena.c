/*
 * test_arena.c -- memory of one lifetime.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
static void
test_allocations_are_zeroed_aligned_and_apart(void **state)
{
    static char *parts[2000];
    ion_arena_t *a = NULL;

    (void)state;
    assert_int_equal(ion_arena_new((size_t)64 << 20, &a), ION_OK);
    for (size_t i = 0; i < ION_ARRAY_LEN(parts); i++) {
        size_t n = i % 700 + 1;
        parts[i] = ion_arena_alloc(a, n);
        assert_non_null(parts[i]);
        assert_int_equal((uintptr_t)parts[i] % 16, 0);
        for (size_t k = 0; k < n; k++) {
            assert_int_equal(parts[i][k], 0);
        }
        memset(parts[i], (int)(i & 0x7f), n);
    }
    for (size_t i = 0; i < ION_ARRAY_LEN(parts); i++) {
        assert_int_equal(parts[i][0], i & 0x7f);
        assert_int_equal(parts[i][i % 700], i & 0x7f);
    }
    ion_arena_free(&a);
    assert_null(a);
    ion_arena_free(&a);
}

static void
test_bound_counts_what_was_asked_for(void **state)
{
    ion_arena_t *a = NULL;

    (void)state;
    assert_int_equal(ion_arena_new(64, &a), ION_OK);
    assert_non_null(ion_arena_alloc(a, 1));
    assert_int_equal(ion_arena_used(a), 16);
    assert_non_null(ion_arena_alloc(a, 48));
    assert_int_equal(ion_arena_used(a), 64);
    assert_null(ion_arena_alloc(a, 1));
    assert_null(ion_arena_alloc(a, SIZE_MAX));
    ion_arena_reset(a);
    assert_int_equal(ion_arena_used(a), 0);
    assert_non_null(ion_arena_alloc(a, 64));
    ion_arena_free(&a);

    assert_int_equal(ion_arena_new(50, &a), ION_OK);
    assert_null(ion_arena_alloc(a, 49));
    assert_non_null(ion_arena_alloc(a, 48));
    ion_arena_free(&a);
}

static void
test_reset_reuses_and_zeroes(void **state)
{
    ion_arena_t *a = NULL;

    (void)state;
    assert_int_equal(ion_arena_new(1 << 20, &a), ION_OK);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 100; i++) {
            char *p = ion_arena_alloc(a, 1000);
            assert_non_null(p);
            assert_int_equal(p[0], 0);
            assert_int_equal(p[999], 0);
            memset(p, 0xff, 1000);
        }
        ion_arena_reset(a);
    }
    ion_arena_free(&a);
}

static void
test_large_request_has_its_own_chunk(void **state)
{
    ion_arena_t *a = NULL;

    (void)state;
    assert_int_equal(ion_arena_new((size_t)8 << 20, &a), ION_OK);
    char *small = ion_arena_strdup(a, ION_STR("small"));
    char *big = ion_arena_alloc(a, (size_t)4 << 20);
    assert_non_null(big);
    big[(4 << 20) - 1] = 'x';
    assert_string_equal(small, "small");
    ion_arena_free(&a);
}

static void
test_strdup(void **state)
{
    ion_arena_t *a = NULL;

    (void)state;
    assert_int_equal(ion_arena_new(64, &a), ION_OK);
    assert_string_equal(ion_arena_strdup(a, ION_STR("abc")), "abc");
    assert_string_equal(ion_arena_strdup(a, ION_STR("x")), "x");
    assert_string_equal(ion_arena_strdup(a, ion_str_from(NULL)), "");
    assert_null(ion_arena_strdup(
        a, ION_STR("this text is longer than the rest of the arena")));
    ion_arena_free(&a);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_allocations_are_zeroed_aligned_and_apart),
        cmocka_unit_test(test_bound_counts_what_was_asked_for),
        cmocka_unit_test(test_reset_reuses_and_zeroes),
        cmocka_unit_test(test_large_request_has_its_own_chunk),
        cmocka_unit_test(test_strdup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
