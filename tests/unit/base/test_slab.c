/*
 * test_slab.c -- objects of one size.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/slab.h"
static void
test_objects_are_zeroed_aligned_and_apart(void **state)
{
    ion_slab_t *s = NULL;
    void *objs[5000];

    (void)state;
    assert_int_equal(ion_slab_new(40, 5000, &s), ION_OK);
    for (size_t i = 0; i < ION_ARRAY_LEN(objs); i++) {
        static const char zero[40];
        objs[i] = ion_slab_get(s);
        assert_non_null(objs[i]);
        assert_int_equal((uintptr_t)objs[i] % 16, 0);
        assert_memory_equal(objs[i], zero, sizeof(zero));
        memset(objs[i], (int)(i & 0xff), 40);
    }
    assert_int_equal(ion_slab_count(s), 5000);
    for (size_t i = 0; i < ION_ARRAY_LEN(objs); i++) {
        const unsigned char *b = objs[i];
        assert_int_equal(b[0], i & 0xff);
        assert_int_equal(b[39], i & 0xff);
        ion_slab_put(s, objs[i]);
    }
    assert_int_equal(ion_slab_count(s), 0);
    ion_slab_free(&s);
    assert_null(s);
    ion_slab_free(&s);
}

static void
test_limit_and_reuse(void **state)
{
    ion_slab_t *s = NULL;

    (void)state;
    assert_int_equal(ion_slab_new(1, 2, &s), ION_OK);
    void *a = ion_slab_get(s);
    void *b = ion_slab_get(s);
    assert_non_null(b);
    assert_null(ion_slab_get(s));
    memset(a, 0xff, 1);
    ion_slab_put(s, a);
    assert_ptr_equal(ion_slab_get(s), a);
    assert_int_equal(*(unsigned char *)a, 0);

    ion_slab_set_limit(s, 3);
    assert_int_equal(ion_slab_limit(s), 3);
    assert_non_null(ion_slab_get(s));
    ion_slab_set_limit(s, 1);
    assert_null(ion_slab_get(s));
    assert_int_equal(ion_slab_count(s), 3);
    ion_slab_put(s, NULL);
    assert_int_equal(ion_slab_count(s), 3);
    ion_slab_free(&s);
}

static void
test_sizes(void **state)
{
    ion_slab_t *s = NULL;

    (void)state;
    assert_int_equal(ion_slab_new(0, 1, &s), ION_RANGE);
    assert_int_equal(ion_slab_new(SIZE_MAX, 1, &s), ION_RANGE);
    assert_null(s);
    assert_int_equal(ion_slab_new((size_t)1 << 20, 2, &s), ION_OK);
    char *big = ion_slab_get(s);
    big[(1 << 20) - 1] = 'x';
    assert_non_null(ion_slab_get(s));
    ion_slab_free(&s);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_objects_are_zeroed_aligned_and_apart),
        cmocka_unit_test(test_limit_and_reuse),
        cmocka_unit_test(test_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
