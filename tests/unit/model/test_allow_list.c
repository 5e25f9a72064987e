/*
 * test_allow_list.c -- lists of keys, in both forms, and what is wrong.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model/allow_list.h"

#define A "nodekey:" A16 A16 A16 A16
#define B "nodekey:" B16 B16 B16 B16
#define Z "nodekey:" Z16 Z16 Z16 Z16

#define A16 "0123456789abcdef"
#define B16 "FEDCBA9876543210"
#define Z16 "0000000000000000"

static ion_key_t
key_of(const char *sixteen)
{
    ion_key_t key;

    for (size_t i = 0; i < sizeof(key.b); i++) {
        char digits[3] = { sixteen[2 * (i % 8)], sixteen[2 * (i % 8) + 1], 0 };

        key.b[i] = (uint8_t)strtoul(digits, NULL, 16);
    }
    return key;
}

static void
expect(const char *text, size_t count, bool has_a, bool has_b)
{
    ion_allow_list_t list = { NULL, 0 };
    ion_doc_error_t err = { .name = NULL };
    ion_key_t a = key_of(A16);
    ion_key_t b = key_of(B16);
    ion_key_t z = key_of(Z16);

    if (ion_allow_list_parse(ion_str_from(text), &list, &err) != ION_OK) {
        fail_msg("%s: %u:%u: %s", text, err.line, err.column, err.msg);
    }
    assert_int_equal(list.count, count);
    assert_int_equal(ion_allow_list_has(&list, &a), has_a);
    assert_int_equal(ion_allow_list_has(&list, &b), has_b);
    assert_false(ion_allow_list_has(&list, &z));
    ion_allow_list_fini(&list);
    assert_null(list.keys);
}

static void
test_lines(void **state)
{
    (void)state;
    expect("", 0, false, false);
    expect("\n  \n# nobody\n", 0, false, false);
    expect(A, 1, true, false);
    expect(A "\n" B "\n", 2, true, true);
    expect("  " A "\t# mine\r\n\r\n" B "#yours\r\n", 2, true, true);
    expect(B "\n" A "\n" B "\n" A "\n", 2, true, true);
}

static void
test_status(void **state)
{
    (void)state;
    expect("{\"Self\":{\"PublicKey\":\"" A "\"},\"Peer\":{\"" B
           "\":{\"HostName\":\"x\",\"PublicKey\":\"" B "\"}}}",
        2, true, true);
    expect(" \n{\"Version\":\"1\",\"Peer\":{\"x\":{\"PublicKey\":\"" A
           "\",\"Tags\":[1,{}]}}}",
        1, true, false);
    expect(
        "{\"Self\":{\"PublicKey\":\"" B "\"},\"Peer\":null}", 1, false, true);
    expect("{\"Self\":{\"PublicKey\":\"" Z "\"},\"Peer\":{}}", 0, false, false);
    expect("{\"Self\":null,\"Peer\":{}}", 0, false, false);
}

static void
test_errors(void **state)
{
    static const struct {
        const char *text;
        unsigned line;
        unsigned column;
        const char *says;
    } cases[] = {
        { "nodekey:12", 1, 1, "not a key" },
        { "# x\n  " A16 "\n", 2, 3, "not a key" },
        { A "\n" A " laptop\n", 2, 1, "not a key" },
        { A "\n\nNODEKEY:" A16 A16 A16 A16, 3, 1, "not a key" },
        { A "\n" Z "\n", 2, 1, "zeroes" },
        { "{\"Peer\":{}", 1, 11, "" },
        { "{}", 1, 1, "neither Self nor Peer" },
        { "{\"Self\":{\"PublicKey\":\"" A16 "\"}}", 1, 22, "PublicKey" },
        { "{\"Self\":{\"PublicKey\":7}}", 1, 9, "without a PublicKey" },
        { "{\n \"Peer\":{\"a\":{}}}", 2, 14, "without a PublicKey" },
        { "{\"Peer\":[]}", 1, 9, "not an object" },
        { "{\"Peer\":{\"a\":3}}", 1, 14, "without a PublicKey" },
    };

    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(cases); i++) {
        ion_allow_list_t list = { NULL, 0 };
        ion_doc_error_t err = { .name = NULL };
        ion_err_t rc =
            ion_allow_list_parse(ion_str_from(cases[i].text), &list, &err);

        if (rc != ION_MALF || err.line != cases[i].line ||
            err.column != cases[i].column ||
            strstr(err.msg, cases[i].says) == NULL)
        {
            fail_msg("%s: %d, %u:%u: %s", cases[i].text, (int)rc, err.line,
                err.column, err.msg);
        }
        assert_null(list.keys);
    }
}

static void
test_limits(void **state)
{
    size_t n = (size_t)(ION_ALLOW_KEYS_MAX + 1) * (sizeof(A));
    char *text = malloc(n);
    char *p = text;
    ion_allow_list_t list = { NULL, 0 };
    ion_doc_error_t err = { .name = NULL };

    (void)state;
    assert_non_null(text);
    for (unsigned i = 0; i <= ION_ALLOW_KEYS_MAX; i++) {
        memcpy(p, A "\n", sizeof(A));
        p += sizeof(A);
    }
    assert_int_equal(
        ion_allow_list_parse((ion_str_t){ text, n }, &list, &err), ION_LIMIT);
    assert_int_equal(err.line, ION_ALLOW_KEYS_MAX + 1);
    assert_int_equal(
        ion_allow_list_parse((ion_str_t){ text, n - sizeof(A) }, &list, &err),
        ION_OK);
    assert_int_equal(list.count, 1); /* they are all the same */
    ion_allow_list_fini(&list);
    free(text);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_status),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_limits),
    };

    return cmocka_run_group_tests_name("allow_list", tests, NULL, NULL);
}
