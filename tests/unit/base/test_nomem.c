/*
 * test_nomem.c -- containers when the k-th allocation fails, for every k.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Each case does some work and says whether all of it succeeded; nothing may
 * be lost (the sanitizer's business) and what is there stays usable.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/heap.h"
#include "base/map.h"
#include "base/slab.h"
#include "base/str.h"
#include "lib/failk.h"

#define ROUNDS_MAX 200

/* Runs the work with each allocation failing in turn, until none does. */
static void
fail_each(bool (*work)(void))
{
    unsigned k = 0;
    for (; k < ROUNDS_MAX; k++) {
        failk_arm(k);
        bool all_well = work();
        bool failed = failk_disarm();
        assert_int_equal(all_well, !failed);
        if (!failed) {
            break;
        }
    }
    assert_true(k > 0 && k < ROUNDS_MAX);
}

static bool
use_map(void)
{
    static const uint8_t seed[16];
    static int value;
    ion_map_t *m = NULL;
    bool ok = true;
    size_t in = 0;

    if (ion_map_new(sizeof(uint32_t), 0, seed, &m) != ION_OK) {
        return m != NULL;
    }
    for (uint32_t key = 0; key < 100; key++) {
        ion_err_t rc = ion_map_put(m, &key, &value);
        assert_true(rc == ION_OK || rc == ION_NOMEM);
        ok = ok && rc == ION_OK;
        in += rc == ION_OK ? 1 : 0;
        assert_int_equal(ion_map_count(m), in);
        assert_int_equal(ion_map_get(m, &key) != NULL, rc == ION_OK);
    }
    ion_map_free(&m);
    return ok;
}

static bool
use_heap(void)
{
    static ion_heap_node_t nodes[300];
    ion_heap_t h;
    bool ok = true;

    ion_heap_init(&h);
    for (size_t i = 0; i < ION_ARRAY_LEN(nodes); i++) {
        nodes[i] = (ion_heap_node_t){ 0, 0 };
        ion_err_t rc = ion_heap_push(&h, &nodes[i], 1000 - i);
        assert_true(rc == ION_OK || rc == ION_NOMEM);
        assert_int_equal(ion_heap_has(&nodes[i]), rc == ION_OK);
        ok = ok && rc == ION_OK;
    }
    assert_ptr_equal(ion_heap_min(&h), &nodes[ION_ARRAY_LEN(nodes) - 1]);
    ion_heap_fini(&h);
    return ok;
}

static bool
use_slab(void)
{
    ion_slab_t *s = NULL;
    bool ok = true;
    size_t out = 0;

    if (ion_slab_new(1000, 1000, &s) != ION_OK) {
        return s != NULL;
    }
    for (int i = 0; i < 200; i++) {
        void *obj = ion_slab_get(s);
        ok = ok && obj != NULL;
        out += obj != NULL ? 1 : 0;
        assert_int_equal(ion_slab_count(s), out);
    }
    ion_slab_free(&s);
    return ok;
}

static bool
use_arena(void)
{
    ion_arena_t *a = NULL;
    bool ok = true;

    if (ion_arena_new(1 << 20, &a) != ION_OK) {
        return a != NULL;
    }
    for (int i = 0; i < 100; i++) {
        size_t before = ion_arena_used(a);
        void *p = ion_arena_alloc(a, 992);
        ok = ok && p != NULL;
        assert_int_equal(ion_arena_used(a), before + (p == NULL ? 0 : 992));
    }
    ion_arena_free(&a);
    return ok;
}

static bool
use_builder(void)
{
    ion_sb_t sb;
    ion_sb_init(&sb, 100000);
    for (int i = 0; i < 1000; i++) {
        ion_sb_addf(&sb, "%d,", i);
    }
    bool failed = sb.failed;
    char *text = ion_sb_take(&sb, NULL);
    assert_int_equal(text == NULL, failed);
    free(text);
    return !failed;
}

static bool
use_dup(void)
{
    char *copy = ion_str_dup(ION_STR("copy"));
    bool ok = copy != NULL;
    free(copy);
    return ok;
}

static void
test_every_failure_is_survived(void **state)
{
    static bool (*const works[])(void) = { use_map, use_heap, use_slab,
        use_arena, use_builder, use_dup };

    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(works); i++) {
        fail_each(works[i]);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_failure_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
