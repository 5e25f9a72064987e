/*
 * test_heap.c -- the timer heap against a plain search.
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

#include "base/heap.h"
#define NODES 500

static uint64_t rand_state = 88172645463325252u;

static uint64_t
next_rand(void)
{
    rand_state ^= rand_state << 13;
    rand_state ^= rand_state >> 7;
    rand_state ^= rand_state << 17;
    return rand_state;
}

static uint64_t
smallest_key(const ion_heap_node_t *nodes, size_t n)
{
    uint64_t best = UINT64_MAX;
    for (size_t i = 0; i < n; i++) {
        if (ion_heap_has(&nodes[i]) && nodes[i].key < best) {
            best = nodes[i].key;
        }
    }
    return best;
}

static void
test_pops_in_order(void **state)
{
    static const uint64_t keys[] = { 5, 1, 9, 1, 0, UINT64_MAX, 7, 3, 3, 2 };
    ion_heap_node_t nodes[ION_ARRAY_LEN(keys)] = { { 0, 0 } };
    ion_heap_t h;
    uint64_t last = 0;

    (void)state;
    ion_heap_init(&h);
    assert_null(ion_heap_min(&h));
    for (size_t i = 0; i < ION_ARRAY_LEN(keys); i++) {
        assert_int_equal(ion_heap_push(&h, &nodes[i], keys[i]), ION_OK);
    }
    for (size_t i = 0; i < ION_ARRAY_LEN(keys); i++) {
        ion_heap_node_t *min = ion_heap_min(&h);
        assert_true(min->key >= last);
        last = min->key;
        ion_heap_remove(&h, min);
        assert_false(ion_heap_has(min));
    }
    assert_true(last == UINT64_MAX);
    assert_null(ion_heap_min(&h));
    ion_heap_fini(&h);
}

static void
test_random_operations(void **state)
{
    static ion_heap_node_t nodes[NODES];
    ion_heap_t h;
    size_t in = 0;

    (void)state;
    ion_heap_init(&h);
    for (int i = 0; i < 20000; i++) {
        ion_heap_node_t *node = &nodes[next_rand() % NODES];
        uint64_t key = next_rand() % 1000;
        if (!ion_heap_has(node)) {
            assert_int_equal(ion_heap_push(&h, node, key), ION_OK);
            in++;
        } else if (key % 2 == 0) {
            ion_heap_update(&h, node, key);
            assert_true(node->key == key);
        } else {
            ion_heap_remove(&h, node);
            in--;
        }
        assert_int_equal(h.count, in);
        if (in > 0) {
            assert_true(ion_heap_min(&h)->key == smallest_key(nodes, NODES));
        } else {
            assert_null(ion_heap_min(&h));
        }
    }
    ion_heap_fini(&h);
}

static void
test_remove_of_a_stranger_is_harmless(void **state)
{
    ion_heap_node_t a = { 0, 0 };
    ion_heap_node_t b = { 0, 0 };
    ion_heap_t h;

    (void)state;
    ion_heap_init(&h);
    assert_int_equal(ion_heap_push(&h, &a, 3), ION_OK);
    ion_heap_remove(&h, &b);
    assert_ptr_equal(ion_heap_min(&h), &a);
    ion_heap_remove(&h, &a);
    ion_heap_remove(&h, &a);
    assert_null(ion_heap_min(&h));
    ion_heap_fini(&h);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pops_in_order),
        cmocka_unit_test(test_random_operations),
        cmocka_unit_test(test_remove_of_a_stranger_is_harmless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
