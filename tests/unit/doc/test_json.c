/*
 * test_json.c -- JSON to a tree, and what is refused where.
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
#define PARSE(arena, text, root, err)                                          \
    ion_json_parse(arena, text, NULL, root, err)

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
test_values(void **state)
{
    static const char *const cases[][2] = {
        { "null", "n<null>" },
        { " true\n", "b<true>" },
        { "false", "b<false>" },
        { "0", "i<0>" },
        { "-0", "i<-0>" },
        { "-12", "i<-12>" },
        { "123456789012345678901234567890",
            "i<123456789012345678901234567890>" },
        { "1.0", "f<1.0>" },
        { "1e2", "f<1e2>" },
        { "-0.5E-3", "f<-0.5E-3>" },
        { "\"\"", "q<>" },
        { "{}", "{}" },
        { "[]", "[]" },
        { "[ ]", "[]" },
        { "[1,[2,[]],{}]", "[i<1>,[i<2>,[]],{}]" },
        { "{\"a\":1,\"A\":2,\"\":null}", "{a:i<1>,A:i<2>,:n<null>}" },
        { "\t{ \"a\" : [ true , \"x\" ] }\r\n", "{a:[b<true>,q<x>]}" },
    };

    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(cases); i++) {
        expect(cases[i][0], false, cases[i][1]);
    }
}

static void
test_strings(void **state)
{
    static const char *const cases[][2] = {
        { "\"a\\\"b\\\\c\\/d\"", "q<a\"b\\c/d>" },
        { "\"\\b\\f\\n\\r\\t\"", "q<\b\f\n\r\t>" },
        { "\"\\u0041\\u00e9\\u20AC\"", "q<A\xc3\xa9\xe2\x82\xac>" },
        { "\"\\ud83d\\ude00\"", "q<\xf0\x9f\x98\x80>" },
        { "\"\\ud800\\udc00\"", "q<\xf0\x90\x80\x80>" },
        { "\"\\udbff\\udfff\"", "q<\xf4\x8f\xbf\xbf>" },
        { "\"S\xc3\xa3o \x7f\"", "q<S\xc3\xa3o \x7f>" },
        { "\"\\u0001\"", "q<\x01>" },
    };

    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(cases); i++) {
        expect(cases[i][0], false, cases[i][1]);
    }
}

static void
test_places_count_characters(void **state)
{
    (void)state;
    expect("{\"a\":1,\n  \"\xc3\xa9\": [\"\xe2\x82\xac\", 2]}", true,
        "{a@1.2:i<1>@1.6,\xc3\xa9@2.3:[q<\xe2\x82\xac>@2.9,i<2>@2.14]@2.8}"
        "@1.1");
}

static const refusal_t refusals[] = {
    { "", ION_MALF, 1, 1, "the text ends where a value should be" },
    { "  \n ", ION_MALF, 2, 2, "the text ends where a value" },
    { "{", ION_MALF, 1, 2, "the text ends where a string" },
    { "[1", ION_MALF, 1, 3, "the text ends where \",\" or \"]\"" },
    { "{\"a\"", ION_MALF, 1, 5, "where \":\" should be" },
    { "{\"a\":}", ION_MALF, 1, 6, "unexpected \"}\" where a value" },
    { "{\"a\" 1}", ION_MALF, 1, 6, "unexpected \"1\" where \":\"" },
    { "{a:1}", ION_MALF, 1, 2, "unexpected \"a\" where a string in quotes" },
    { "[1,]", ION_MALF, 1, 4, "unexpected \"]\" where a value" },
    { "{\"a\":1,}", ION_MALF, 1, 8, "where a string in quotes" },
    { "[1 2]", ION_MALF, 1, 4, "unexpected \"2\"" },
    { "{} {}", ION_MALF, 1, 4, "unexpected \"{\" where the end" },
    { "1 // x", ION_MALF, 1, 3, "unexpected \"/\" where the end" },
    { "nul", ION_MALF, 1, 1, "unexpected \"n\" where a value" },
    { "nullx", ION_MALF, 1, 5, "unexpected \"x\" where the end" },
    { "True", ION_MALF, 1, 1, "unexpected \"T\"" },
    { "NaN", ION_MALF, 1, 1, "unexpected \"N\"" },
    { "\xef\xbb\xbf{}", ION_MALF, 1, 1, "U+FEFF" },
    { "\x01", ION_MALF, 1, 1, "U+0001" },
    { "01", ION_MALF, 1, 2, "must not begin with 0" },
    { "-01", ION_MALF, 1, 3, "must not begin with 0" },
    { "+1", ION_MALF, 1, 1, "unexpected \"+\"" },
    { "1.", ION_MALF, 1, 3, "where a digit" },
    { ".5", ION_MALF, 1, 1, "unexpected \".\"" },
    { "1e", ION_MALF, 1, 3, "where a digit" },
    { "1e+", ION_MALF, 1, 4, "where a digit" },
    { "-", ION_MALF, 1, 2, "where a digit" },
    { "0x10", ION_MALF, 1, 2, "unexpected \"x\"" },
    { "'a'", ION_MALF, 1, 1, "unexpected \"'\"" },
    { "[\"abc", ION_MALF, 1, 2, "no closing quote" },
    { "\"a\\\"", ION_MALF, 1, 1, "no closing quote" },
    { "\"a\\", ION_MALF, 1, 4, "no such escape" },
    { "\"\\u0041", ION_MALF, 1, 1, "no closing quote" },
    { "\"a\nb\"", ION_MALF, 1, 3, "control character" },
    { "\"a\tb\"", ION_MALF, 1, 3, "control character" },
    { "\"\\x\"", ION_MALF, 1, 3, "no such escape" },
    { "\"\\u12g4\"", ION_MALF, 1, 4, "four hexadecimal digits" },
    { "\"\\u12", ION_MALF, 1, 4, "four hexadecimal digits" },
    { "\"\\u0000\"", ION_MALF, 1, 8, "NUL" },
    { "\"\\ud83d\"", ION_MALF, 1, 8, "surrogate" },
    { "\"\\ud83dx\"", ION_MALF, 1, 8, "surrogate" },
    { "\"\\ud83d\\u0041\"", ION_MALF, 1, 14, "surrogate" },
    { "\"\\ude00\"", ION_MALF, 1, 8, "surrogate" },
    { "\"\xff\"", ION_MALF, 1, 2, "invalid UTF-8 in a string" },
    { "\"\xc0\x80\"", ION_MALF, 1, 2, "invalid UTF-8 in a string" },
    { "\"\xed\xa0\x80\"", ION_MALF, 1, 2, "invalid UTF-8 in a string" },
    { "[\xff]", ION_MALF, 1, 2, "invalid UTF-8" },
    { "{\"a\":1,\n \"b\":2, \"a\":3}", ION_MALF, 2, 9,
        "duplicate key \"a\", first given at line 1 column 2" },
    { "{\"x\":{\"\\u0061\":1,\"a\":3}}", ION_MALF, 1, 18,
        "duplicate key \"a\", first given at line 1 column 7" },
};

static void
test_refusals(void **state)
{
    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(refusals); i++) {
        expect_refusal(&refusals[i], ion_str_from(refusals[i].text));
    }
    const refusal_t nul = { "NUL", ION_MALF, 1, 2, "control character" };
    expect_refusal(&nul, ION_STR("\"\0\""));
    const refusal_t nul_outside = { "NUL", ION_MALF, 1, 2, "U+0000" };
    expect_refusal(&nul_outside, ION_STR("1\0"));
    const refusal_t nul_escape = { "NUL", ION_MALF, 1, 3, "no such escape" };
    expect_refusal(&nul_escape, ION_STR("\"\\\0\""));
}

/* Every beginning of a good text is an error, and none reads past its end. */
static void
test_every_prefix_is_refused(void **state)
{
    static const char text[] =
        "{\"a\": [1, -2.5e3, \"\\u20ac\\n\"], \"b\": {\"c\": null}}";
    ion_arena_t *arena = NULL;

    (void)state;
    assert_int_equal(ion_arena_new(1 << 20, &arena), ION_OK);
    for (size_t n = 0; n < sizeof(text) - 1; n++) {
        ion_doc_node_t *root;
        char *exact = ion_str_dup((ion_str_t){ text, n });
        assert_int_equal(
            ion_json_parse(arena, (ion_str_t){ exact, n }, NULL, &root, NULL),
            ION_MALF);
        free(exact);
        ion_arena_reset(arena);
    }
    ion_arena_free(&arena);
}

static void
test_depth(void **state)
{
    char text[256];
    char want[256];
    ion_arena_t *arena = NULL;
    ion_doc_node_t *root = NULL;
    ion_doc_error_t err;
    ion_json_limits_t limits = { .max_depth = 2 };

    (void)state;
    nested(text, 32, '[', ']');
    nested(want, 32, '[', ']');
    expect(text, false, want);
    nested(text, 33, '[', ']');
    const refusal_t deep = { text, ION_LIMIT, 1, 33, "deeper than 32" };
    expect_refusal(&deep, ion_str_from(text));

    assert_int_equal(ion_arena_new(1 << 20, &arena), ION_OK);
    assert_int_equal(
        ion_json_parse(arena, ION_STR("[[1],{}]"), &limits, &root, &err),
        ION_OK);
    assert_int_equal(
        ion_json_parse(arena, ION_STR("[[[]]]"), &limits, &root, &err),
        ION_LIMIT);
    ion_arena_free(&arena);
}

static void
test_size_limits(void **state)
{
    ion_arena_t *arena = NULL;
    ion_doc_node_t *root = NULL;
    ion_doc_error_t err;
    ion_json_limits_t limits = { .max_bytes = 4 };

    (void)state;
    assert_int_equal(ion_arena_new(1000, &arena), ION_OK);
    assert_int_equal(
        ion_json_parse(arena, ION_STR("1234"), &limits, &root, &err), ION_OK);
    assert_int_equal(
        ion_json_parse(arena, ION_STR("12345"), &limits, &root, &err),
        ION_LIMIT);
    assert_int_equal(err.line, 0);
    assert_non_null(strstr(err.msg, "larger than 4 bytes"));
    assert_int_equal(ion_json_parse(arena, ION_STR("[1,2,3,4,5,6,7,8,9,10]"),
                         NULL, &root, &err),
        ION_LIMIT);
    assert_non_null(strstr(err.msg, "more memory"));
    ion_arena_free(&arena);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_strings),
        cmocka_unit_test(test_places_count_characters),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_every_prefix_is_refused),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_size_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
