/*
 * test_emit_json.c -- the JSON writer, byte for byte.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "doc/emit.h"
#include "doc/json.h"
static void
expect(ion_sb_t *sb, const char *want)
{
    assert_false(sb->failed);
    assert_string_equal(ion_sb_str(sb).p, want);
    ion_sb_fini(sb);
}

/* A document with every kind of value in it. */
static void
write_sample(ion_jw_t *w)
{
    ion_jw_object_begin(w);
    ion_jw_key(w, "null");
    ion_jw_null(w);
    ion_jw_key(w, "list");
    ion_jw_array_begin(w);
    ion_jw_i64(w, -1);
    ion_jw_u64(w, UINT64_MAX);
    ion_jw_f64(w, 0.5);
    ion_jw_bool(w, true);
    ion_jw_strz(w, NULL);
    ion_jw_strz(w, "x");
    ion_jw_array_end(w);
    ion_jw_keys(w, ION_STR("empty"));
    ion_jw_array_begin(w);
    ion_jw_object_begin(w);
    ion_jw_object_end(w);
    ion_jw_array_begin(w);
    ion_jw_array_end(w);
    ion_jw_array_end(w);
    ion_jw_key(w, "raw");
    ion_jw_raw(w, ION_STR("{\"a\":1}"));
    ion_jw_object_end(w);
}

static void
test_compact(void **state)
{
    ion_sb_t sb;
    ion_jw_t w;

    (void)state;
    ion_sb_init(&sb, 1000);
    ion_jw_init(&w, &sb, 0);
    write_sample(&w);
    expect(&sb,
        "{\"null\":null,\"list\":[-1,18446744073709551615,0.5,true,null,"
        "\"x\"],\"empty\":[{},[]],\"raw\":{\"a\":1}}");
}

static void
test_indented(void **state)
{
    ion_sb_t sb;
    ion_jw_t w;

    (void)state;
    ion_sb_init(&sb, 1000);
    ion_jw_init(&w, &sb, 2);
    write_sample(&w);
    expect(&sb, "{\n"
                "  \"null\": null,\n"
                "  \"list\": [\n"
                "    -1,\n"
                "    18446744073709551615,\n"
                "    0.5,\n"
                "    true,\n"
                "    null,\n"
                "    \"x\"\n"
                "  ],\n"
                "  \"empty\": [\n"
                "    {},\n"
                "    []\n"
                "  ],\n"
                "  \"raw\": {\"a\":1}\n"
                "}");
}

static void
test_escapes_are_those_of_go(void **state)
{
    static const struct {
        ion_str_t text;
        const char *json;
    } cases[] = {
        { { "\"\\/", 3 }, "\"\\\"\\\\/\"" },
        { { "\b\f\n\r\t", 5 }, "\"\\b\\f\\n\\r\\t\"" },
        { { "\0\x01\x1f\x7f", 4 }, "\"\\u0000\\u0001\\u001f\x7f\"" },
        { { "<a>&", 4 }, "\"\\u003ca\\u003e\\u0026\"" },
        { { "\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xaa", 9 },
            "\"\\u2028\\u2029\xe2\x80\xaa\"" },
        { { "S\xc3\xa3o", 4 }, "\"S\xc3\xa3o\"" },
        { { "a\xff\xc3", 3 }, "\"a\\ufffd\\ufffd\"" },
        { { "", 0 }, "\"\"" },
    };

    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(cases); i++) {
        ion_sb_t sb;
        ion_jw_t w;
        ion_sb_init(&sb, 1000);
        ion_jw_init(&w, &sb, 0);
        ion_jw_str(&w, cases[i].text);
        expect(&sb, cases[i].json);
    }
}

static void
test_keys_are_escaped_too(void **state)
{
    ion_sb_t sb;
    ion_jw_t w;

    (void)state;
    ion_sb_init(&sb, 1000);
    ion_jw_init(&w, &sb, 0);
    ion_jw_object_begin(&w);
    ion_jw_key(&w, "a\"<");
    ion_jw_f64(&w, -0.0);
    ion_jw_object_end(&w);
    expect(&sb, "{\"a\\\"\\u003c\":-0}");
}

static void
test_what_is_written_reads_back(void **state)
{
    ion_sb_t sb;
    ion_jw_t w;
    char text[128];
    ion_arena_t *arena = NULL;
    ion_doc_node_t *root = NULL;

    (void)state;
    for (size_t i = 1; i < 128; i++) {
        text[i - 1] = (char)i;
    }
    text[127] = '\0';
    for (unsigned indent = 0; indent <= 2; indent += 2) {
        ion_sb_init(&sb, 10000);
        ion_jw_init(&w, &sb, indent);
        for (int i = 0; i < ION_DOC_DEPTH_MAX; i++) {
            ion_jw_array_begin(&w);
        }
        ion_jw_strz(&w, text);
        for (int i = 0; i < ION_DOC_DEPTH_MAX; i++) {
            ion_jw_array_end(&w);
        }
        assert_int_equal(ion_arena_new(1 << 20, &arena), ION_OK);
        assert_int_equal(
            ion_json_parse(arena, ion_sb_str(&sb), NULL, &root, NULL), ION_OK);
        while (root->kind == ION_DOC_LIST) {
            assert_int_equal(root->count, 1);
            root = root->first;
        }
        assert_string_equal(root->text.p, text);
        ion_sb_fini(&sb);
        ion_arena_free(&arena);
    }
}

static void
test_array_as_root(void **state)
{
    ion_sb_t sb;
    ion_jw_t w;

    (void)state;
    ion_sb_init(&sb, 100);
    ion_jw_init(&w, &sb, 2);
    ion_jw_array_begin(&w);
    ion_jw_i64(&w, 1);
    ion_jw_i64(&w, 2);
    ion_jw_array_end(&w);
    expect(&sb, "[\n  1,\n  2\n]");
}

static void
test_full_builder_fails_quietly(void **state)
{
    ion_sb_t sb;
    ion_jw_t w;

    (void)state;
    ion_sb_init(&sb, 10);
    ion_jw_init(&w, &sb, 2);
    write_sample(&w);
    assert_true(sb.failed);
    ion_sb_fini(&sb);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_compact),
        cmocka_unit_test(test_indented),
        cmocka_unit_test(test_escapes_are_those_of_go),
        cmocka_unit_test(test_keys_are_escaped_too),
        cmocka_unit_test(test_what_is_written_reads_back),
        cmocka_unit_test(test_array_as_root),
        cmocka_unit_test(test_full_builder_fails_quietly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
