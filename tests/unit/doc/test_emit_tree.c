/*
 * test_emit_tree.c -- a document tree as JSON again.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "doc/emit_tree.h"
#include "doc/json.h"

static void
check(const char *in, unsigned indent, const char *want)
{
    ion_arena_t *arena;
    ion_doc_node_t *root;
    ion_sb_t sb;
    ion_jw_t w;

    assert_int_equal(ion_arena_new(65536, &arena), ION_OK);
    assert_int_equal(
        ion_json_parse(arena, ion_str_from(in), NULL, &root, NULL), ION_OK);
    ion_sb_init(&sb, 65536);
    ion_jw_init(&w, &sb, indent);
    ion_jw_node(&w, root);
    assert_false(sb.failed);
    assert_string_equal(sb.p, want);
    ion_sb_fini(&sb);
    ion_arena_free(&arena);
}

static void
test_compact_is_the_same(void **state)
{
    static const char *const cases[] = { "null", "true", "false", "0", "-12",
        "1.50", "1e3", "123456789012345678901234567890", "\"\"",
        "\"a\\nb\\u0001\\\"\"", "[]", "{}", "[1,\"x\",[],{\"a\":null}]",
        "{\"a\":{\"b\":[true,false]},\"\":0}" };

    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(cases); i++) {
        check(cases[i], 0, cases[i]);
    }
}

static void
test_indent(void **state)
{
    (void)state;
    check("{\"a\":[1,{}],\"b\":\"c\"}", 2,
        "{\n  \"a\": [\n    1,\n    {}\n  ],\n  \"b\": \"c\"\n}");
}

static void
test_no_node_is_null(void **state)
{
    ion_sb_t sb;
    ion_jw_t w;

    (void)state;
    ion_sb_init(&sb, 64);
    ion_jw_init(&w, &sb, 0);
    ion_jw_node(&w, NULL);
    assert_string_equal(sb.p, "null");
    ion_sb_fini(&sb);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_compact_is_the_same),
        cmocka_unit_test(test_indent),
        cmocka_unit_test(test_no_node_is_null),
    };

    return cmocka_run_group_tests_name("emit_tree", tests, NULL, NULL);
}
