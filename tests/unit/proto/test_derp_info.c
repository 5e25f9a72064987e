/*
 * test_derp_info.c -- ClientInfo JSON: what logs in and what does not.
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

#include "base/base.h"
#include "base/hex.h"
#include "proto/derp_info.h"

#define HEX16 "0123456789abcdef"
#define MESH  HEX16 HEX16 HEX16 HEX16
#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"

static ion_err_t
parse(const char *text, derp_client_info_t *out)
{
    size_t n = strlen(text);
    char *exact = malloc(n == 0 ? 1 : n); /* so that a reader behind the end
                                             is seen by the sanitizer */
    ion_err_t rc;

    assert_non_null(exact);
    memcpy(exact, text, n);
    rc = derp_client_info_parse((ion_str_t){ exact, n }, out);
    free(exact);
    return rc;
}

static const char *const bad_logins[] = {
    "",
    " ",
    "[]",
    "[{}]",
    "1",
    "\"{}\"",
    "true",
    "nul",
    "nulll",
    "{",
    "}",
    "{}}",
    "{} x",
    "{}{}",
    "{,}",
    "{\"a\"}",
    "{\"a\":}",
    "{\"a\":1,}",
    "{\"a\":1 \"b\":2}",
    "{a:1}",
    "{'a':1}",
    "{\"version\":\"2\"}",
    "{\"version\":2e0}",
    "{\"version\":1.5}",
    "{\"version\":2.0}",
    "{\"version\":02}",
    "{\"version\":+2}",
    "{\"version\":-}",
    "{\"version\":true}",
    "{\"version\":{}}",
    "{\"version\":9223372036854775808}",
    "{\"version\":1,\"version\":\"2\"}",
    "{\"VERSION\":\"2\"}",
    "{\"CanAckPings\":1}",
    "{\"CanAckPings\":\"true\"}",
    "{\"CanAckPings\":truth}",
    "{\"IsProber\":[]}",
    "{\"IsProber\":tru",
    "{\"AppName\":5}",
    "{\"AppName\":\"x",
    "{\"AppName\":\"a\nb\"}",
    "{\"AppName\":\"\\x\"}",
    "{\"AppName\":\"\\u12g4\"}",
    "{\"AppName\":\"\\u12\"}",
    "{\"AppName\":\"\\",
    "{\"meshKey\":\"abcdefg\"}",
    "{\"meshKey\":\"\"}",
    "{\"meshKey\":null}",
    "{\"meshKey\":0}",
    "{\"meshKey\":\"" MESH "0123\"}",
    "{\"meshKey\":\" " MESH "\"}",
    "{\"meshKey\":\"" HEX16 HEX16 HEX16 "0123456789abcde\"}",
    "{\"meshKey\":\"" HEX16 HEX16 HEX16 "0123456789abcdeg\"}",
    "{\"MESHKEY\":\"x\",\"meshKey\":\"" MESH "\"}",
    "{\"x\":01}",
    "{\"x\":1.}",
    "{\"x\":.5}",
    "{\"x\":1e}",
    "{\"x\":[1,]}",
    "{\"x\":[1}",
    "{\"x\":{\"y\":1]}",
    "{\"x\":[",
    "{\"x\":{\"y\"}}",
    "{\"x\":{\"y\":}}",
    "{\"x\":{\"y\":1,}}",
    "{\"x\":{,}}",
    "{\"x\":{5}}",
    "{\"x\":{5:1}}",
    "{\"x\":[,1]}",
    "{\"x\":[1 2]}",
    "{\"x\":nan}",
    "{\"x\":/*c*/1}",
    "// {}",
    "{\"x\":\"\x01\"}",
};

static void
test_t14_bad_login_json(void **state)
{
    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(bad_logins); i++) {
        derp_client_info_t info;

        if (parse(bad_logins[i], &info) != ION_MALF) {
            fail_msg("accepted: %s", bad_logins[i]);
        }
    }
}

static void
test_t15_lenient_json(void **state)
{
    static const char *const cases[] = {
        "{}",
        "null",
        " null\n",
        "{} ",
        "\t{ }\r\n",
        "{\"version\":null}",
        "{\"version\":2,\"version\":3}",
        "{\"CanAckPings\":null}",
        "{\"IsProber\":null,\"AppName\":null}",
        "{\"version\":-0}",
        "{\"version\":9223372036854775807}",
        "{\"\":1}",
        "{\"x\":1,\"y\":[1,2.5e-3,{\"z\":[]},\"\\u0000\",null,false]}",
        "{\"x\":[[],{},[{}]],\"version\":2}",
        "{\"x\":\"\xff\xfe\",\"\xc3\":0}",
        "{\"x\":\"\\ud800\"}",
        "{\"x\":-0.0E+10}",
        "{ \"x\" : [ 1 , 2 ] , \"y\" : { } }",
        "{\"a very long key that is longer than any we know\":{\"a\":1}}",
    };

    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(cases); i++) {
        derp_client_info_t info;

        if (parse(cases[i], &info) != ION_OK) {
            fail_msg("refused: %s", cases[i]);
        }
        assert_false(info.has_mesh_key);
    }
}

static void
test_regular_client(void **state)
{
    derp_client_info_t info;

    (void)state;
    assert_int_equal(
        parse("{\"version\":2,\"CanAckPings\":true}", &info), ION_OK);
    assert_int_equal(info.version, 2);
    assert_true(info.can_ack_pings);
    assert_false(info.is_prober);
    assert_false(info.has_mesh_key);
    assert_string_equal(info.app_name, "");
}

static void
test_all_fields_any_case(void **state)
{
    static const char text[] = "{\"MeshKey\":\"" MESH "\",\"VERSION\":5,"
                               "\"canackpings\":true,\"ISPROBER\":true,"
                               "\"appname\":\"d\\u0065rp\\tprobe \\u00e9"
                               "\\ud83d\\udd11\\ud800x\"}";
    derp_client_info_t info;
    char hex[64];

    (void)state;
    assert_int_equal(parse(text, &info), ION_OK);
    assert_true(info.has_mesh_key);
    ion_hex_encode(hex, info.mesh_key, sizeof(info.mesh_key));
    assert_memory_equal(hex, MESH, sizeof(hex));
    assert_int_equal(info.version, 5);
    assert_true(info.can_ack_pings);
    assert_true(info.is_prober);
    assert_string_equal(
        info.app_name, "derp\tprobe \xc3\xa9\xf0\x9f\x94\x91\xef\xbf\xbdx");
}

static void
test_later_duplicates_win(void **state)
{
    derp_client_info_t info;

    (void)state;
    assert_int_equal(parse("{\"version\":1,\"Version\":7,\"version\":null,"
                           "\"AppName\":\"longer\",\"AppName\":\"b\","
                           "\"IsProber\":true,\"IsProber\":false}",
                         &info),
        ION_OK);
    assert_int_equal(info.version, 7);
    assert_string_equal(info.app_name, "b");
    assert_false(info.is_prober);
    assert_int_equal(
        parse("{\"meshKey\":\"" MESH "\",\"meshKey\":\"" ZEROS "\"}", &info),
        ION_OK);
    assert_false(info.has_mesh_key);
}

static void
test_t40_zero_mesh_key_is_absent(void **state)
{
    derp_client_info_t info;

    (void)state;
    assert_int_equal(parse("{\"meshKey\":\"" ZEROS "\"}", &info), ION_OK);
    assert_false(info.has_mesh_key);
}

static void
test_long_app_name_is_cut(void **state)
{
    char text[400] = "{\"AppName\":\"";
    size_t n = strlen(text);
    derp_client_info_t info;

    (void)state;
    memset(text + n, 'a', 300);
    strcpy(text + n + 300, "\",\"version\":2}");
    assert_int_equal(parse(text, &info), ION_OK);
    assert_int_equal(strlen(info.app_name), sizeof(info.app_name) - 1);
    assert_int_equal(info.version, 2);
}

/* n levels of arrays inside "x" */
static ion_err_t
parse_nested(size_t n)
{
    char text[512] = "{\"x\":";
    size_t at = strlen(text);
    derp_client_info_t info;

    assert_true(at + 2 * n + 2 < sizeof(text));
    memset(text + at, '[', n);
    memset(text + at + n, ']', n);
    strcpy(text + at + 2 * n, "}");
    return parse(text, &info);
}

static void
test_nesting_is_bounded(void **state)
{
    (void)state;
    assert_int_equal(parse_nested(1), ION_OK);
    assert_int_equal(parse_nested(64), ION_OK);
    assert_int_equal(parse_nested(65), ION_MALF);
    assert_int_equal(parse_nested(200), ION_MALF);
}

static void
test_server_info_text(void **state)
{
    (void)state;
    assert_string_equal(DERP_SERVER_INFO_JSON, "{\"version\":2}");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_t14_bad_login_json),
        cmocka_unit_test(test_t15_lenient_json),
        cmocka_unit_test(test_regular_client),
        cmocka_unit_test(test_all_fields_any_case),
        cmocka_unit_test(test_later_duplicates_win),
        cmocka_unit_test(test_t40_zero_mesh_key_is_absent),
        cmocka_unit_test(test_long_app_name_is_cut),
        cmocka_unit_test(test_nesting_is_bounded),
        cmocka_unit_test(test_server_info_text),
    };

    return cmocka_run_group_tests_name("derp_info", tests, NULL, NULL);
}
