/*
 * test_yaml.c -- YAML to a tree, and what is refused where.
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

#include "doc/yaml.h"
#include "lib/doc_dump.h"
#define PARSE(arena, text, root, err)                                          \
    ion_yaml_parse(arena, "conf.yaml", text, root, err)

static void
expect(const char *text, bool places, const char *want)
{
    ion_arena_t *arena = NULL;
    ion_doc_node_t *root = NULL;
    ion_doc_error_t err;
    ion_sb_t sb;

    assert_int_equal(ion_arena_new(1 << 20, &arena), ION_OK);
    ion_err_t rc = PARSE(arena, ion_str_from(text), &root, &err);
    if (rc != ION_OK) {
        fail_msg("%s: %u:%u: %s", text, err.line, err.column, err.msg);
    }
    ion_sb_init(&sb, 1 << 20);
    doc_dump(root, places, &sb);
    assert_string_equal(ion_sb_str(&sb).p, want);
    ion_sb_fini(&sb);
    ion_arena_free(&arena);
}

typedef struct {
    const char *text;
    ion_err_t rc;
    unsigned line;
    unsigned column;
    const char *msg; /* a part of it */
} refusal_t;

static void
expect_refusal(const refusal_t *c, ion_str_t text)
{
    ion_arena_t *arena = NULL;
    ion_doc_node_t *root = NULL;
    ion_doc_error_t err;

    assert_int_equal(ion_arena_new(1 << 20, &arena), ION_OK);
    ion_err_t rc = PARSE(arena, text, &root, &err);
    if (rc != c->rc) {
        fail_msg("%s: %s", c->text, ion_strerror(rc));
    }
    if (err.line != c->line || err.column != c->column ||
        strstr(err.msg, c->msg) == NULL)
    {
        fail_msg("%s: %u:%u: %s", c->text, err.line, err.column, err.msg);
    }
    assert_null(root);
    ion_arena_free(&arena);
}

static void
nested(char *out, int depth, char open, char close)
{
    memset(out, open, (size_t)depth);
    memset(out + depth, close, (size_t)depth);
    out[2 * depth] = '\0';
}

static void
test_scalars(void **state)
{
    static const char *const cases[][2] = {
        { "", "n<>" },
        { "# nothing but a comment\n", "n<>" },
        { "---\n", "n<>" },
        { "~", "n<~>" },
        { "null", "n<null>" },
        { "NULL", "n<NULL>" },
        { "nULL", "s<nULL>" },
        { "true", "b<true>" },
        { "false", "b<false>" },
        { "False", "b<False>" },
        { "tRue", "s<tRue>" },
        { "yes", "s<yes>" },
        { "42", "i<42>" },
        { "-1", "i<-1>" },
        { "+7", "i<+7>" },
        { "0900", "i<0900>" },
        { "0x1f", "s<0x1f>" },
        { "0o17", "s<0o17>" },
        { "1_000", "s<1_000>" },
        { "1.5", "f<1.5>" },
        { "-1.5e-3", "f<-1.5e-3>" },
        { "1e3", "f<1e3>" },
        { "1.", "s<1.>" },
        { ".5", "s<.5>" },
        { "1e", "s<1e>" },
        { "-", "[n<>]" },
        { "1.2.3.4", "s<1.2.3.4>" },
        { "1m30s", "s<1m30s>" },
        { "\"42\"", "q<42>" },
        { "'it''s'", "q<it's>" },
        { "\"a\\tb\\u20ac\"", "q<a\tb\xe2\x82\xac>" },
        { "--- :8080", "s<:8080>" },
        { "|\n  a\n  b\n", "q<a\nb\n>" },
        { ">-\n  a\n  b\n", "q<a b>" },
        { "\xef\xbb\xbf"
          "a: 1",
            "{a:i<1>}" },
    };

    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(cases); i++) {
        expect(cases[i][0], false, cases[i][1]);
    }
}

static void
test_collections(void **state)
{
    static const char *const cases[][2] = {
        { "a: 1\nb:\nc: {d: [x, 'y'], e: {}}\n",
            "{a:i<1>,b:n<>,c:{d:[s<x>,q<y>],e:{}}}" },
        { "- 1\n- - 2\n  - 3\n- a: b\n  c: d\n",
            "[i<1>,[i<2>,i<3>],{a:s<b>,c:s<d>}]" },
        { "k:\n- 1\n- 2\n", "{k:[i<1>,i<2>]}" },
        { "\"q\": 1\n'r': 2\n7: 3\n", "{q:i<1>,r:i<2>,7:i<3>}" },
        { "a: 1\nA: 2\n", "{a:i<1>,A:i<2>}" },
        { "%YAML 1.1\n---\na: 1\n...\n", "{a:i<1>}" },
        { "\"<<\": 1", "{<<:i<1>}" },
        { "? a\n: b\n", "{a:s<b>}" },
    };

    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(cases); i++) {
        expect(cases[i][0], false, cases[i][1]);
    }
}

static void
test_places(void **state)
{
    (void)state;
    expect("", true, "n<>@1.1");
    expect("\n\n  x", true, "s<x>@3.3");
    expect("# head\nlisten_addr: \":8080\"\n\xc3\xa9: \xc3\xa9 # x\nderp:\n"
           "  sources: [a,\n    b]\n",
        true,
        "{listen_addr@2.1:q<:8080>@2.14,\xc3\xa9@3.1:s<\xc3\xa9>@3.4,"
        "derp@4.1:{sources@5.3:[s<a>@5.13,s<b>@6.5]@5.12}@5.3}@2.1");
}

static const refusal_t refusals[] = {
    { "a: 1\nb: 2\na: 3\n", ION_MALF, 3, 1,
        "duplicate key \"a\", first given at line 1 column 1" },
    { "x:\n  y: {a: 1, 'a': 2}\n", ION_MALF, 2, 13,
        "duplicate key \"a\", first given at line 2 column 7" },
    { "b: 1\na: 2\na: 3\nb: 4\n", ION_MALF, 3, 1, "duplicate key \"a\"" },
    { "a: &x 1\nb: *x\n", ION_MALF, 1, 4, "anchors" },
    { "&x a: 1\n", ION_MALF, 1, 1, "anchors" },
    { "a: &x [1]\n", ION_MALF, 1, 4, "anchors" },
    { "a: &x {b: 1}\n", ION_MALF, 1, 4, "anchors" },
    { "a: *x\n", ION_MALF, 1, 4, "aliases" },
    { "a: !!str 1\n", ION_MALF, 1, 4, "tags" },
    { "a: ! 1\n", ION_MALF, 1, 4, "tags" },
    { "!x {a: 1}\n", ION_MALF, 1, 1, "tags" },
    { "a: !!seq [1]\n", ION_MALF, 1, 4, "tags" },
    { "%TAG !e! tag:example.com,2000:\n---\na: 1\n", ION_MALF, 1, 1, "%TAG" },
    { "<<: {a: 1}\n", ION_MALF, 1, 1, "merge keys" },
    { "a: 1\n---\nb: 2\n", ION_MALF, 2, 1, "only one document" },
    { "[a]: 1\n", ION_MALF, 1, 1, "a key must be" },
    { "{a: 1}: 2\n", ION_MALF, 1, 1, "a key must be" },
    { ": 1\n", ION_MALF, 1, 1, "did not find expected key" },
    { "?\n: 1\n", ION_MALF, 1, 2, "a key is missing" },
    { "a: 1\n  b: 2\n", ION_MALF, 2, 4, "mapping values are not allowed" },
    { "a: [1, 2\nb: 3\n", ION_MALF, 2, 2, "expected ',' or" },
    { "a: 'x\n", ION_MALF, 2, 1, "unexpected end of stream" },
    { "\ta: 1\n", ION_MALF, 1, 1, "cannot start any token" },
    { "a: \"\\q\"\n", ION_MALF, 1, 5, "unknown escape" },
    { "a: \"\\0\"\n", ION_MALF, 1, 4, "NUL" },
    { "a: {b: 1\n", ION_MALF, 2, 1, "expected ',' or" },
};

static void
test_refusals(void **state)
{
    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(refusals); i++) {
        expect_refusal(&refusals[i], ion_str_from(refusals[i].text));
    }
}

/* libyaml reports these without a place of its own. */
static void
test_bytes_that_are_no_text(void **state)
{
    static const ion_str_t bad[] = {
        { "a: \xff\n", 5 },
        { "a: \xc3\n", 5 },
        { "a: \xed\xa0\x80\n", 7 },
        { "a: \x01\n", 5 },
        { "a: \0\n", 5 },
        { "\xff\xfe"
          "a\0",
            4 },
    };

    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(bad); i++) {
        ion_arena_t *arena = NULL;
        ion_doc_node_t *root = NULL;
        ion_doc_error_t err;
        assert_int_equal(ion_arena_new(1 << 20, &arena), ION_OK);
        assert_int_equal(
            ion_yaml_parse(arena, NULL, bad[i], &root, &err), ION_MALF);
        assert_true(err.line >= 1 && err.msg[0] != '\0');
        ion_arena_free(&arena);
    }
}

static void
test_depth(void **state)
{
    char *text = malloc(200001);
    char want[256];

    (void)state;
    nested(text, 32, '[', ']');
    nested(want, 32, '[', ']');
    expect(text, false, want);
    nested(text, 33, '[', ']');
    const refusal_t deep = { "33", ION_LIMIT, 1, 33, "deeper than 32" };
    expect_refusal(&deep, ion_str_from(text));
    nested(text, 100000, '[', ']');
    expect_refusal(&deep, ion_str_from(text));
    memset(text, '{', 100000);
    text[100000] = '\0';
    const refusal_t maps = { "maps", ION_MALF, 1, 2, "a key must be" };
    expect_refusal(&maps, ion_str_from(text));
    free(text);
}

static void
test_arena_bounds_the_tree(void **state)
{
    ion_arena_t *arena = NULL;
    ion_doc_node_t *root = NULL;
    ion_doc_error_t err;

    (void)state;
    assert_int_equal(ion_arena_new(1900, &arena), ION_OK);
    assert_int_equal(ion_yaml_parse(arena, "f",
                         ION_STR("[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17]"),
                         &root, &err),
        ION_LIMIT);
    assert_non_null(strstr(err.msg, "more memory"));
    assert_int_equal(err.line, 1);
    ion_arena_free(&arena);
}

static void
test_repeated_keys_can_be_kept(void **state)
{
    ion_arena_t *arena = NULL;
    ion_doc_node_t *root = NULL;
    ion_doc_error_t err;
    ion_sb_t sb;

    (void)state;
    assert_int_equal(ion_arena_new(1 << 20, &arena), ION_OK);
    assert_int_equal(ion_yaml_parse_keep(arena, "f",
                         ION_STR("a: 1\nb: {c: 2, c: 3}\na: 4\n"), &root, &err),
        ION_OK);
    ion_sb_init(&sb, 1000);
    doc_dump(root, false, &sb);
    assert_string_equal(sb.p, "{a:i<1>,b:{c:i<2>,c:i<3>},a:i<4>}");
    ion_sb_fini(&sb);
    assert_int_equal(
        ion_yaml_parse_keep(arena, "f", ION_STR("a: *b"), &root, &err),
        ION_MALF);
    ion_arena_free(&arena);
}

static void
test_error_text_names_file_and_place(void **state)
{
    ion_arena_t *arena = NULL;
    ion_doc_node_t *root = NULL;
    ion_doc_error_t err;
    ion_errtext_t text;

    (void)state;
    assert_int_equal(ion_arena_new(1 << 20, &arena), ION_OK);
    assert_int_equal(
        ion_yaml_parse(arena, "ion.yaml", ION_STR("a: *x"), &root, &err),
        ION_MALF);
    ion_doc_error_text(&err, &text);
    assert_string_equal(
        text.msg, "ion.yaml:1:4: aliases (*name) are not allowed");
    err.name = NULL;
    ion_doc_error_text(&err, &text);
    assert_string_equal(text.msg, "1:4: aliases (*name) are not allowed");
    err.line = 0;
    ion_doc_error_text(&err, &text);
    assert_string_equal(text.msg, "aliases (*name) are not allowed");
    err.name = "f";
    ion_doc_error_text(&err, &text);
    assert_string_equal(text.msg, "f: aliases (*name) are not allowed");
    ion_arena_free(&arena);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scalars),
        cmocka_unit_test(test_collections),
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_bytes_that_are_no_text),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_arena_bounds_the_tree),
        cmocka_unit_test(test_repeated_keys_can_be_kept),
        cmocka_unit_test(test_error_text_names_file_and_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
