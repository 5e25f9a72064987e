/*
 * test_emit_yaml.c -- the YAML writer, byte for byte.
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

#include "doc/emit.h"
#include "doc/yaml.h"
static void
expect(ion_sb_t *sb, const char *want)
{
    assert_false(sb->failed);
    assert_string_equal(ion_sb_str(sb).p, want);
    ion_sb_fini(sb);
}

static void
write_sample(ion_yw_t *w)
{
    ion_yw_map_begin(w);
    ion_yw_key(w, "a");
    ion_yw_i64(w, 1);
    ion_yw_key(w, "list");
    ion_yw_list_begin(w);
    ion_yw_strz(w, "x");
    ion_yw_map_begin(w);
    ion_yw_key(w, "b");
    ion_yw_bool(w, false);
    ion_yw_key(w, "deep");
    ion_yw_map_begin(w);
    ion_yw_key_i64(w, 7);
    ion_yw_null(w);
    ion_yw_map_end(w);
    ion_yw_map_end(w);
    ion_yw_list_begin(w);
    ion_yw_f64(w, 0.5);
    ion_yw_raw(w, ION_STR("10s"));
    ion_yw_list_end(w);
    ion_yw_map_begin(w);
    ion_yw_map_end(w);
    ion_yw_list_end(w);
    ion_yw_key(w, "none");
    ion_yw_map_begin(w);
    ion_yw_map_end(w);
    ion_yw_key(w, "no list");
    ion_yw_list_begin(w);
    ion_yw_list_end(w);
    ion_yw_key(w, "yes");
    ion_yw_strz(w, NULL);
    ion_yw_map_end(w);
}

static void
test_two_blanks(void **state)
{
    ion_sb_t sb;
    ion_yw_t w;

    (void)state;
    ion_sb_init(&sb, 1000);
    ion_yw_init(&w, &sb, ION_YAML_2);
    write_sample(&w);
    expect(&sb, "a: 1\n"
                "list:\n"
                "- x\n"
                "- b: false\n"
                "  deep:\n"
                "    7: null\n"
                "- - 0.5\n"
                "  - 10s\n"
                "- {}\n"
                "none: {}\n"
                "no list: []\n"
                "\"yes\": null\n");
}

static void
test_four_blanks(void **state)
{
    ion_sb_t sb;
    ion_yw_t w;

    (void)state;
    ion_sb_init(&sb, 1000);
    ion_yw_init(&w, &sb, ION_YAML_4);
    write_sample(&w);
    expect(&sb, "a: 1\n"
                "list:\n"
                "    - x\n"
                "    - b: false\n"
                "      deep:\n"
                "          7: null\n"
                "    - - 0.5\n"
                "      - 10s\n"
                "    - {}\n"
                "none: {}\n"
                "no list: []\n"
                "\"yes\": null\n");
}

/* The map that a list's item begins with, and a list in a list. */
static void
test_first_things_in_items(void **state)
{
    ion_sb_t sb;
    ion_yw_t w;

    (void)state;
    ion_sb_init(&sb, 1000);
    ion_yw_init(&w, &sb, ION_YAML_2);
    ion_yw_list_begin(&w);
    ion_yw_map_begin(&w);
    ion_yw_key(&w, "a");
    ion_yw_map_begin(&w);
    ion_yw_key(&w, "b");
    ion_yw_list_begin(&w);
    ion_yw_list_begin(&w);
    ion_yw_map_begin(&w);
    ion_yw_key(&w, "c");
    ion_yw_i64(&w, 1);
    ion_yw_map_end(&w);
    ion_yw_list_end(&w);
    ion_yw_list_end(&w);
    ion_yw_map_end(&w);
    ion_yw_map_end(&w);
    ion_yw_list_end(&w);
    expect(&sb, "- a:\n"
                "    b:\n"
                "    - - c: 1\n");
}

static void
test_roots(void **state)
{
    ion_sb_t sb;
    ion_yw_t w;

    (void)state;
    ion_sb_init(&sb, 1000);
    ion_yw_init(&w, &sb, ION_YAML_2);
    ion_yw_map_begin(&w);
    ion_yw_map_end(&w);
    expect(&sb, "{}\n");

    ion_sb_init(&sb, 1000);
    ion_yw_init(&w, &sb, ION_YAML_4);
    ion_yw_list_begin(&w);
    ion_yw_i64(&w, 1);
    ion_yw_list_end(&w);
    expect(&sb, "- 1\n");

    ion_sb_init(&sb, 1000);
    ion_yw_init(&w, &sb, ION_YAML_2);
    ion_yw_strz(&w, "alone");
    expect(&sb, "alone\n");
}

/* As Go's yaml library quotes them, but for the line end. */
static const char *const quoted[][2] = {
    { "", "\"\"" },
    { "plain", "plain" },
    { "two words", "two words" },
    { "ionscale Embedded DERP", "ionscale Embedded DERP" },
    { "127.0.0.1", "127.0.0.1" },
    { "2001:db8::1", "2001:db8::1" },
    { "::1", "::1" },
    { ":8080", ":8080" },
    { "127.0.0.1:9091", "127.0.0.1:9091" },
    { "sha256-raw:00ff", "sha256-raw:00ff" },
    { "https://a/b?c=d#e", "https://a/b?c=d#e" },
    { "a-b_c.d", "a-b_c.d" },
    { "-a", "-a" },
    { "?x", "?x" },
    { "S\xc3\xa3o Paulo", "S\xc3\xa3o Paulo" },
    { "true", "\"true\"" },
    { "False", "\"False\"" },
    { "null", "\"null\"" },
    { "~", "\"~\"" },
    { "yes", "\"yes\"" },
    { "N", "\"N\"" },
    { "off", "\"off\"" },
    { "<<", "\"<<\"" },
    { ".inf", "\".inf\"" },
    { "12", "\"12\"" },
    { "-12", "\"-12\"" },
    { "0900", "\"0900\"" },
    { "1_000", "\"1_000\"" },
    { "0x1F", "\"0x1F\"" },
    { "0o17", "\"0o17\"" },
    { "0b11", "\"0b11\"" },
    { "1.5", "\"1.5\"" },
    { ".5", "\".5\"" },
    { "1.", "\"1.\"" },
    { "1e3", "\"1e3\"" },
    { "-1.5e-3", "\"-1.5e-3\"" },
    { "1:30", "\"1:30\"" },
    { "1:30.5", "\"1:30.5\"" },
    { "1:30.5x", "1:30.5x" },
    { "1:300", "1:300" },
    { "1E3", "\"1E3\"" },
    { "1x3", "1x3" },
    { "2026-11", "2026-11" },
    { "2026-11-", "2026-11-" },
    { "2026-11-24 10:00:00", "\"2026-11-24 10:00:00\"" },
    { "2026-11-24 a day", "2026-11-24 a day" },
    { "2026-11-24x", "2026-11-24x" },
    { "2026-111-2", "2026-111-2" },
    { "_1", "_1" },
    { "._", "._" },
    { "2026-1-1", "\"2026-1-1\"" },
    { "12:30:45", "\"12:30:45\"" },
    { "2026-11-24", "\"2026-11-24\"" },
    { "2026-11-24T10:00:00Z", "\"2026-11-24T10:00:00Z\"" },
    { "1e", "1e" },
    { "0x", "0x" },
    { "1.2.3", "1.2.3" },
    { "1m30s", "1m30s" },
    { "10 MB", "10 MB" },
    { "-", "'-'" },
    { "- a", "'- a'" },
    { "a: b", "'a: b'" },
    { "a:", "'a:'" },
    { "a #b", "'a #b'" },
    { "a#b", "a#b" },
    { "#a", "'#a'" },
    { "[a]", "'[a]'" },
    { "{a}", "'{a}'" },
    { "&a", "'&a'" },
    { "*a", "'*a'" },
    { "!a", "'!a'" },
    { "|", "'|'" },
    { "> a", "'> a'" },
    { "%a", "'%a'" },
    { "@a", "'@a'" },
    { "`a", "'`a'" },
    { ", a", "', a'" },
    { "\"a", "'\"a'" },
    { "'a", "'''a'" },
    { "it's", "it's" },
    { " a", "' a'" },
    { "a ", "'a '" },
    { "--- a", "'--- a'" },
    { "...", "'...'" },
    { "a\tb", "\"a\\tb\"" },
    { "a\nb", "\"a\\nb\"" },
    { "\a\b\v\f\r\x1b", "\"\\a\\b\\v\\f\\r\\e\"" },
    { "a\\\"\x01", "\"a\\\\\\\"\\x01\"" },
    { "\xc2\x85", "\"\\N\"" },
    { "\xe2\x80\xa8", "\"\\L\"" },
    { "\xef\xbb\xbf"
      "a",
        "\"\\uFEFFa\"" },
    { "\xf0\x9f\x98\x80", "\"\\U0001F600\"" },
};

static void
test_quotes(void **state)
{
    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(quoted); i++) {
        ion_sb_t sb;
        ion_yw_t w;
        char want[64];
        ion_sb_init(&sb, 1000);
        ion_yw_init(&w, &sb, ION_YAML_2);
        ion_yw_strz(&w, quoted[i][0]);
        strcpy(want, quoted[i][1]);
        strcat(want, "\n");
        expect(&sb, want);
    }
}

static void
expect_read_back(const ion_sb_t *sb, const char *text)
{
    ion_arena_t *arena = NULL;
    ion_doc_node_t *root = NULL;
    ion_doc_error_t err;

    assert_int_equal(ion_arena_new(1 << 20, &arena), ION_OK);
    if (ion_yaml_parse(arena, NULL, ion_sb_str(sb), &root, &err) != ION_OK) {
        fail_msg("%s: %u:%u: %s", sb->p, err.line, err.column, err.msg);
    }
    ION_DOC_FOREACH(it, root)
    {
        const ion_doc_node_t *item = it->first;
        if (!ion_str_eq(it->key, ion_str_from(text)) ||
            item->kind != ION_DOC_STRING ||
            !ion_str_eq(item->text, ion_str_from(text)))
        {
            fail_msg("not the same: %s", sb->p);
        }
    }
    ion_arena_free(&arena);
}

/* Each text as key and as item, and every single character. */
static void
test_what_is_written_reads_back(void **state)
{
    char one[2] = "";

    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(quoted) + 127; i++) {
        ion_sb_t sb;
        ion_yw_t w;
        const char *text = one;
        if (i < ION_ARRAY_LEN(quoted)) {
            text = quoted[i][0];
        } else {
            one[0] = (char)(i - ION_ARRAY_LEN(quoted) + 1);
        }
        ion_sb_init(&sb, 10000);
        ion_yw_init(&w, &sb, i % 2 == 0 ? ION_YAML_2 : ION_YAML_4);
        ion_yw_map_begin(&w);
        ion_yw_key(&w, text);
        ion_yw_list_begin(&w);
        ion_yw_strz(&w, text);
        ion_yw_list_end(&w);
        ion_yw_map_end(&w);
        expect_read_back(&sb, text);
        ion_sb_fini(&sb);
    }
}

static void
test_bytes_that_are_no_text(void **state)
{
    ion_sb_t sb;
    ion_yw_t w;

    (void)state;
    ion_sb_init(&sb, 100);
    ion_yw_init(&w, &sb, ION_YAML_2);
    ion_yw_str(&w, ION_STR("a\xff\0z"));
    expect(&sb, "\"a\\uFFFD\\x00z\"\n");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_blanks),
        cmocka_unit_test(test_four_blanks),
        cmocka_unit_test(test_first_things_in_items),
        cmocka_unit_test(test_roots),
        cmocka_unit_test(test_quotes),
        cmocka_unit_test(test_what_is_written_reads_back),
        cmocka_unit_test(test_bytes_that_are_no_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
