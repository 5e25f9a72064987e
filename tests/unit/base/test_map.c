/*
 * test_map.c -- SipHash and the hash map.
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

#include "base/map.h"
#define KEYS 3000

static const uint8_t seed[16] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13,
    14, 15 };

/*
 * Key and message are 00 01 02 ... Made with an implementation of its own in
 * Python, which gives a129ca6149be45e5 for SipHash-2-4 of 15 bytes as the
 * paper says.
 */
static void
test_siphash_vectors(void **state)
{
    static const struct {
        size_t len;
        uint64_t hash;
    } cases[] = {
        { 0, UINT64_C(0xabac0158050fc4dc) },
        { 1, UINT64_C(0xc9f49bf37d57ca93) },
        { 7, UINT64_C(0xd3927d989bb11140) },
        { 8, UINT64_C(0x369095118d299a8e) },
        { 15, UINT64_C(0xd320d86d2a519956) },
        { 16, UINT64_C(0xcc4fdd1a7d908b66) },
        { 32, UINT64_C(0x81157b6c16a7b60d) },
        { 63, UINT64_C(0x9d199062b7bbb3a8) },
    };
    uint8_t msg[64];

    (void)state;
    for (size_t i = 0; i < sizeof(msg); i++) {
        msg[i] = (uint8_t)i;
    }
    for (size_t i = 0; i < ION_ARRAY_LEN(cases); i++) {
        assert_true(ion_siphash13(seed, msg, cases[i].len) == cases[i].hash);
    }
}

static ion_map_t *
new_map(size_t key_len, size_t hint)
{
    ion_map_t *m = NULL;
    assert_int_equal(ion_map_new(key_len, hint, seed, &m), ION_OK);
    return m;
}

static void
test_put_get_del(void **state)
{
    ion_map_t *m = new_map(4, 0);
    int one = 1;
    int two = 2;

    (void)state;
    assert_null(ion_map_get(m, "key1"));
    assert_null(ion_map_del(m, "key1"));
    assert_int_equal(ion_map_put(m, "key1", &one), ION_OK);
    assert_int_equal(ion_map_put(m, "key2", &two), ION_OK);
    assert_ptr_equal(ion_map_get(m, "key1"), &one);
    assert_ptr_equal(ion_map_get(m, "key2"), &two);
    assert_int_equal(ion_map_count(m), 2);

    assert_int_equal(ion_map_put(m, "key1", &two), ION_OK);
    assert_ptr_equal(ion_map_get(m, "key1"), &two);
    assert_int_equal(ion_map_count(m), 2);

    assert_ptr_equal(ion_map_del(m, "key1"), &two);
    assert_null(ion_map_get(m, "key1"));
    assert_int_equal(ion_map_count(m), 1);
    ion_map_free(&m);
    assert_null(m);
    ion_map_free(&m);
}

static void
test_limit(void **state)
{
    ion_map_t *m = new_map(1, 0);
    int v;

    (void)state;
    ion_map_set_limit(m, 2);
    assert_int_equal(ion_map_put(m, "a", &v), ION_OK);
    assert_int_equal(ion_map_put(m, "b", &v), ION_OK);
    assert_int_equal(ion_map_put(m, "c", &v), ION_LIMIT);
    assert_null(ion_map_get(m, "c"));
    assert_int_equal(ion_map_put(m, "b", &m), ION_OK);
    assert_ptr_equal(ion_map_del(m, "a"), &v);
    assert_int_equal(ion_map_put(m, "c", &v), ION_OK);
    ion_map_free(&m);
}

/* Against an array, with growth, deletion and reuse. */
static void
test_random_operations(void **state)
{
    static int values[KEYS];
    static bool is_in[KEYS];
    ion_map_t *m = new_map(sizeof(uint32_t), 4);
    size_t count = 0;
    uint32_t r = 12345;

    (void)state;
    for (int i = 0; i < 200000; i++) {
        r = r * 1664525 + 1013904223;
        uint32_t key = r >> 8 & 0xfff;
        if (key >= KEYS) {
            continue;
        }
        assert_ptr_equal(
            ion_map_get(m, &key), is_in[key] ? &values[key] : NULL);
        if (r >> 20 & 1) {
            assert_int_equal(ion_map_put(m, &key, &values[key]), ION_OK);
            count += is_in[key] ? 0 : 1;
            is_in[key] = true;
        } else {
            assert_ptr_equal(
                ion_map_del(m, &key), is_in[key] ? &values[key] : NULL);
            count -= is_in[key] ? 1 : 0;
            is_in[key] = false;
        }
        assert_int_equal(ion_map_count(m), count);
    }
    ion_map_free(&m);
}

/* Keys that come and go for ever must not fill the table with marks. */
static void
test_churn_ends(void **state)
{
    ion_map_t *m = new_map(sizeof(uint64_t), 8);
    int v;

    (void)state;
    for (uint64_t key = 0; key < 100000; key++) {
        assert_int_equal(ion_map_put(m, &key, &v), ION_OK);
        if (key >= 8) {
            uint64_t old = key - 8;
            assert_ptr_equal(ion_map_del(m, &old), &v);
        }
    }
    assert_int_equal(ion_map_count(m), 8);
    uint64_t absent = 5;
    assert_null(ion_map_get(m, &absent));
    ion_map_free(&m);
}

static void
test_walk_sees_all_and_may_delete(void **state)
{
    static int values[100];
    int seen[100] = { 0 };
    ion_map_t *m = new_map(sizeof(uint32_t), 0);
    size_t pos = 0;
    const void *key;
    int *v;

    (void)state;
    assert_null(ion_map_next(m, &pos, NULL));
    for (uint32_t i = 0; i < 100; i++) {
        assert_int_equal(ion_map_put(m, &i, &values[i]), ION_OK);
    }
    pos = 0;
    while ((v = ion_map_next(m, &pos, &key)) != NULL) {
        uint32_t k;
        memcpy(&k, key, sizeof(k));
        assert_ptr_equal(v, &values[k]);
        seen[k]++;
        if (k % 3 != 0) {
            assert_ptr_equal(ion_map_del(m, &k), v);
        }
    }
    for (size_t i = 0; i < 100; i++) {
        assert_int_equal(seen[i], 1);
    }
    assert_int_equal(ion_map_count(m), 34);
    ion_map_free(&m);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_siphash_vectors),
        cmocka_unit_test(test_put_get_del),
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_random_operations),
        cmocka_unit_test(test_churn_ends),
        cmocka_unit_test(test_walk_sees_all_and_may_delete),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
