/*
 * test_hujson.c -- comments and trailing commas, and what stays refused.
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

#include "doc/json.h"
#include "lib/doc_dump.h"

static ion_err_t
parse(ion_arena_t *arena, ion_str_t text, ion_doc_node_t **root,
    ion_doc_error_t *err)
{
    return ion_hujson_parse(arena, text, NULL, root, err);
}

static void
test_taken(void **state)
{
    static const char *const cases[][2] = {
        { "{\"a\":1}", "{a@1.2:i<1>@1.6}@1.1" },
        { "// x\n{}", "{}@2.1" },
        { "/* x\n y */ {}", "{}@2.7" },
        { "{}// end", "{}@1.1" },
        { "{}/**/", "{}@1.1" },
        { "{}/*/ */", "{}@1.1" },
        { "[/*a*/1/*b*/,/*c*/2/*d*/,/*e*/]", "[i<1>@1.7,i<2>@1.19]@1.1" },
        { "[1,\n]", "[i<1>@1.2]@1.1" },
        { "{\"a\"/**/:/**/1/**/,//\n}", "{a@1.2:i<1>@1.14}@1.1" },
        { "/*\xc3\xa9*/1", "i<1>@1.6" },
        { "[\"//\",\"/*\"]", "[q<//>@1.2,q</*>@1.7]@1.1" },
    };
    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(cases); i++) {
        ion_arena_t *arena = NULL;
        ion_doc_node_t *root = NULL;
        ion_doc_error_t err;
        ion_sb_t sb;

        assert_int_equal(ion_arena_new(1 << 20, &arena), ION_OK);
        ion_str_t text = ion_str_from(cases[i][0]);
        if (parse(arena, text, &root, &err) != ION_OK) {
            fail_msg("%s: %u:%u: %s", text.p, err.line, err.column, err.msg);
        }
        ion_sb_init(&sb, 1 << 20);
        doc_dump(root, true, &sb);
        assert_string_equal(ion_sb_str(&sb).p, cases[i][1]);
        ion_sb_fini(&sb);
        ion_arena_free(&arena);
    }
}

static void
test_refused(void **state)
{
    static const struct {
        const char *text;
        unsigned line;
        unsigned column;
        const char *msg; /* a part of it */
    } cases[] = {
        { "", 1, 1, "a value should be" },
        { "// only", 1, 8, "a value should be" },
        { "[,]", 1, 2, "\",\" where a value" },
        { "[1,,]", 1, 4, "\",\" where a value" },
        { "{,}", 1, 2, "a string in quotes" },
        { "[1 2]", 1, 4, "\",\" or \"]\"" },
        { "{} /* x", 1, 4, "this comment does not end" },
        { "[1, /*\n/", 1, 5, "this comment does not end" },
        { "/*/", 1, 1, "this comment does not end" },
        { "/* \xff */ 1", 1, 4, "invalid UTF-8" },
        { "// \xff\n1", 1, 4, "invalid UTF-8" },
        { "/ 1", 1, 1, "\"/\" where a value" },
        { "1 # x", 1, 3, "the end" },
        { "{\"a\":1,\"a\":2,}", 1, 8, "duplicate key" },
        { "{a:1}", 1, 2, "a string in quotes" },
        { "['a']", 1, 2, "a value" },
    };
    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(cases); i++) {
        ion_arena_t *arena = NULL;
        ion_doc_node_t *root = NULL;
        ion_doc_error_t err;

        assert_int_equal(ion_arena_new(1 << 20, &arena), ION_OK);
        ion_str_t text = ion_str_from(cases[i].text);
        assert_int_equal(parse(arena, text, &root, &err), ION_MALF);
        if (err.line != cases[i].line || err.column != cases[i].column ||
            strstr(err.msg, cases[i].msg) == NULL)
        {
            fail_msg("%s: %u:%u: %s", text.p, err.line, err.column, err.msg);
        }
        assert_null(root);
        ion_arena_free(&arena);
    }
}

/* The strict reader takes none of it. */
static void
test_not_json(void **state)
{
    static const char *const cases[] = { "// x\n1", "/**/1", "1//", "[1,]",
        "{\"a\":1,}" };
    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(cases); i++) {
        ion_arena_t *arena = NULL;
        ion_doc_node_t *root = NULL;
        assert_int_equal(ion_arena_new(1 << 20, &arena), ION_OK);
        assert_int_equal(
            ion_json_parse(arena, ion_str_from(cases[i]), NULL, &root, NULL),
            ION_MALF);
        ion_arena_free(&arena);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_taken),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_not_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
