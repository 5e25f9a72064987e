/*
 * test_hex.c -- hexadecimal and base64.
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

#include "base/hex.h"
static void
test_encode(void **state)
{
    static const uint8_t bytes[] = { 0x00, 0x09, 0x0a, 0x9f, 0xa0, 0xff };
    char out[13] = "............";

    (void)state;
    ion_hex_encode(out, bytes, sizeof(bytes));
    assert_string_equal(out, "00090a9fa0ff");
}

static void
test_every_byte_round_trips(void **state)
{
    uint8_t bytes[256];
    uint8_t back[256];
    char text[512];

    (void)state;
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t)i;
    }
    ion_hex_encode(text, bytes, sizeof(bytes));
    ion_str_t view = { text, sizeof(text) };
    assert_int_equal(ion_hex_decode(back, sizeof(back), view), ION_OK);
    assert_memory_equal(back, bytes, sizeof(bytes));

    for (size_t i = 0; i < sizeof(text); i++) {
        text[i] = (char)(text[i] >= 'a' ? text[i] - 'a' + 'A' : text[i]);
    }
    assert_int_equal(ion_hex_decode(back, sizeof(back), view), ION_OK);
    assert_memory_equal(back, bytes, sizeof(bytes));
}

static void
test_only_hex_digits_are_digits(void **state)
{
    static const char digits[] = "0123456789abcdefABCDEF";

    (void)state;
    for (int c = 0; c < 256; c++) {
        char text[2] = { '1', (char)c };
        uint8_t out = 0x5a;
        ion_str_t view = { text, 2 };
        bool is_digit = c != 0 && strchr(digits, c) != NULL;
        assert_int_equal(
            ion_hex_decode(&out, 1, view), is_digit ? ION_OK : ION_MALF);
        text[0] = (char)c;
        text[1] = '1';
        assert_int_equal(
            ion_hex_decode(&out, 1, view), is_digit ? ION_OK : ION_MALF);
        if (!is_digit) {
            assert_int_equal(out, 0);
        }
    }
}

static void
test_length_is_strict(void **state)
{
    uint8_t out[2] = { 1, 2 };

    (void)state;
    assert_int_equal(ion_hex_decode(out, 2, ION_STR("0102")), ION_OK);
    assert_int_equal(ion_hex_decode(out, 2, ION_STR("010203")), ION_MALF);
    assert_int_equal(ion_hex_decode(out, 2, ION_STR("01020")), ION_MALF);
    assert_int_equal(ion_hex_decode(out, 2, ION_STR("010")), ION_MALF);
    assert_int_equal(ion_hex_decode(out, 2, ION_STR("")), ION_MALF);
    assert_int_equal(ion_hex_decode(out, 0, ION_STR("")), ION_OK);
}

static void
test_base64(void **state)
{
    static const struct {
        const char *plain;
        const char *coded;
    } cases[] = {
        { "", "" },
        { "f", "Zg==" },
        { "fo", "Zm8=" },
        { "foo", "Zm9v" },
        { "foob", "Zm9vYg==" },
        { "\xff\xfe\xfd", "//79" },
        { "\xfb\xef\xbe", "++++" },
    };

    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(cases); i++) {
        char text[16];
        char back[16];
        size_t len = 99;
        size_t n = strlen(cases[i].plain);
        ion_base64_encode(text, cases[i].plain, n);
        assert_string_equal(text, cases[i].coded);
        assert_int_equal(strlen(text), ION_BASE64_LEN(n));
        assert_int_equal(
            ion_base64_decode(back, sizeof(back), ion_str_from(text), &len),
            ION_OK);
        assert_int_equal(len, n);
        assert_memory_equal(back, cases[i].plain, n);
    }
}

static void
test_base64_refusals(void **state)
{
    static const char *const bad[] = { "Zg", "Zg=", "Z", "Zm9v=", "Zm9v Zm9v",
        "Zm-_", "Zm9v!", "====", "Zh==", "Zm9=", "Zg==Zg==", "Zg=v",
        "=Zg=", "Zm9v\n=" };
    char out[8];
    size_t len;

    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(bad); i++) {
        if (ion_base64_decode(out, sizeof(out), ion_str_from(bad[i]), &len) !=
            ION_MALF) {
            fail_msg("taken: %s", bad[i]);
        }
    }
    assert_int_equal(
        ion_base64_decode(out, 2, ION_STR("Zm9v"), &len), ION_LIMIT);
    assert_int_equal(
        ion_base64_decode(out, 3, ION_STR("Zm\n9v\r\n"), &len), ION_OK);
    assert_int_equal(len, 3);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_encode),
        cmocka_unit_test(test_every_byte_round_trips),
        cmocka_unit_test(test_only_hex_digits_are_digits),
        cmocka_unit_test(test_length_is_strict),
        cmocka_unit_test(test_base64),
        cmocka_unit_test(test_base64_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
