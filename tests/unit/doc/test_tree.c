/*
 * test_tree.c -- typed access to a tree, and duplicates.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "doc/json.h"
#include "doc/yaml.h"
static ion_arena_t *arena;

static int
make_arena(void **state)
{
    (void)state;
    return ion_arena_new(1 << 24, &arena) == ION_OK ? 0 : -1;
}

static const ion_doc_node_t *
tree_of(const char *text)
{
    ion_doc_node_t *root = NULL;
    assert_int_equal(
        ion_yaml_parse(arena, "t", ion_str_from(text), &root, NULL), ION_OK);
    return root;
}

static void
test_lookup(void **state)
{
    const ion_doc_node_t *t = tree_of("a: 1\nB: [x, y]\nnil:\n");

    (void)state;
    assert_string_equal(ion_doc_get(t, "a")->text.p, "1");
    assert_null(ion_doc_get(t, "b"));
    assert_non_null(ion_doc_iget(t, "b"));
    assert_null(ion_doc_get(NULL, "a"));
    assert_null(ion_doc_get(ion_doc_get(t, "a"), "a"));
    assert_null(ion_doc_get(ion_doc_get(t, "B"), "x"));
    assert_string_equal(ion_doc_at(ion_doc_get(t, "B"), 1)->text.p, "y");
    assert_null(ion_doc_at(ion_doc_get(t, "B"), 2));
    assert_null(ion_doc_at(NULL, 0));
    assert_null(ion_doc_at(ion_doc_get(t, "a"), 0));
    assert_true(ion_doc_is_null(NULL));
    assert_true(ion_doc_is_null(ion_doc_get(t, "nil")));
    assert_false(ion_doc_is_null(t));
}

static void
test_booleans(void **state)
{
    static const struct {
        const char *text;
        ion_err_t rc;
        bool value;
    } cases[] = {
        { "true", ION_OK, true },
        { "yes", ION_OK, true },
        { "Off", ION_OK, false },
        { "FALSE", ION_OK, false },
        { "\"true\"", ION_MALF, false },
        { "1", ION_MALF, false },
        { "~", ION_MALF, false },
        { "[]", ION_MALF, false },
        { "maybe", ION_MALF, false },
    };

    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(cases); i++) {
        bool v = !cases[i].value;
        assert_int_equal(ion_doc_bool(tree_of(cases[i].text), &v), cases[i].rc);
        if (cases[i].rc == ION_OK) {
            assert_int_equal(v, cases[i].value);
        }
    }
    bool v;
    assert_int_equal(ion_doc_bool(NULL, &v), ION_MALF);
}

static void
test_numbers(void **state)
{
    int64_t n = 0;
    double f = 0;

    (void)state;
    assert_int_equal(ion_doc_i64(tree_of("0900"), 1, 999, &n), ION_OK);
    assert_int_equal(n, 900);
    assert_int_equal(ion_doc_i64(tree_of("1000"), 1, 999, &n), ION_RANGE);
    assert_int_equal(
        ion_doc_i64(tree_of("99999999999999999999"), INT64_MIN, INT64_MAX, &n),
        ION_RANGE);
    assert_int_equal(ion_doc_i64(tree_of("'5'"), 1, 999, &n), ION_MALF);
    assert_int_equal(ion_doc_i64(tree_of("5.0"), 1, 999, &n), ION_MALF);
    assert_int_equal(ion_doc_i64(NULL, 1, 999, &n), ION_MALF);
    assert_int_equal(ion_doc_f64(tree_of("5"), &f), ION_OK);
    assert_true(f == 5);
    assert_int_equal(ion_doc_f64(tree_of("-2.5"), &f), ION_OK);
    assert_true(f == -2.5);
    assert_int_equal(ion_doc_f64(tree_of("1e999"), &f), ION_RANGE);
    assert_int_equal(ion_doc_f64(tree_of("x"), &f), ION_MALF);
    assert_int_equal(ion_doc_f64(NULL, &f), ION_MALF);
}

static void
test_duplicates_by_case(void **state)
{
    const ion_doc_node_t *t = tree_of("c: 1\nListen: 2\nC: 3\nlisten: 4\n");
    const ion_doc_node_t *first;
    ion_err_t rc;

    (void)state;
    assert_null(ion_doc_duplicate(t, false, &first, &rc));
    assert_int_equal(rc, ION_OK);
    const ion_doc_node_t *again = ion_doc_duplicate(t, true, &first, &rc);
    assert_int_equal(rc, ION_OK);
    assert_int_equal(again->key_line, 3);
    assert_int_equal(first->key_line, 1);
    t = tree_of("ab: 1\nAc: 2\nAB: 3\naD: 4\n");
    assert_int_equal(ion_doc_duplicate(t, true, &first, &rc)->key_line, 3);
    assert_int_equal(first->key_line, 1);
    assert_null(
        ion_doc_duplicate(tree_of("ab: 1\nAc: 2\naD: 3\n"), true, &first, &rc));
    assert_null(ion_doc_duplicate(tree_of("[a, a]"), true, &first, &rc));
    assert_null(ion_doc_duplicate(NULL, true, &first, &rc));
}

/* 40000 keys: a search of all pairs would take minutes. */
static void
test_many_keys_are_checked_fast(void **state)
{
    ion_doc_node_t *root;
    ion_doc_error_t err;
    ion_sb_t sb;

    (void)state;
    ion_sb_init(&sb, 1 << 20);
    ion_sb_addc(&sb, '{');
    for (int i = 0; i < 40000; i++) {
        ion_sb_addf(&sb, "\"k%d\":0,", i);
    }
    ion_sb_addz(&sb, "\"k39999\":1}");
    assert_int_equal(
        ion_json_parse(arena, ion_sb_str(&sb), NULL, &root, &err), ION_MALF);
    assert_non_null(strstr(err.msg, "duplicate key \"k39999\""));
    ion_sb_fini(&sb);
}

static void
test_kind_names(void **state)
{
    (void)state;
    for (int k = ION_DOC_NULL; k <= ION_DOC_MAP; k++) {
        assert_true(strlen(ion_doc_kind_name((ion_doc_kind_t)k)) > 3);
        assert_string_not_equal(
            ion_doc_kind_name((ion_doc_kind_t)k), "nothing");
    }
}

static int
free_arena(void **state)
{
    (void)state;
    ion_arena_free(&arena);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lookup),
        cmocka_unit_test(test_booleans),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_duplicates_by_case),
        cmocka_unit_test(test_many_keys_are_checked_fast),
        cmocka_unit_test(test_kind_names),
    };
    return cmocka_run_group_tests(tests, make_arena, free_arena);
}
