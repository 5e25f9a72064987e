/*
 * test_key_text.c -- keys as text, mesh keys, the key file.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/base.h"
#include "base/hex.h"
#include "proto/key_text.h"

#define LOWER "8f40c5adb68f25624ae5b214ea767a6ec94d829d3d7b5e1ad1ba6f3e2138285f"
#define UPPER "8F40C5ADB68F25624AE5B214EA767A6EC94D829D3D7B5E1AD1BA6F3E2138285F"
#define SHORT "8f40c5adb68f25624ae5b214ea767a6ec94d829d3d7b5e1ad1ba6f3e2138285"
#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"

static ion_str_t
str(const char *text)
{
    return ion_str_from(text);
}

static void
test_node_key(void **state)
{
    static const char *const bad[] = { "", "nodekey:", LOWER, "NODEKEY:" LOWER,
        "nodekey" LOWER, " nodekey:" LOWER, "nodekey:" LOWER " ",
        "nodekey:" SHORT, "nodekey:" LOWER "0", "nodekey:" SHORT "g",
        "privkey:" LOWER, "mkey:" LOWER };
    ion_key_t key = { { 0 } };
    char text[ION_NODE_KEY_TEXT];

    (void)state;
    assert_int_equal(ion_node_key_parse(str("nodekey:" UPPER), &key), ION_OK);
    assert_string_equal(ion_node_key_format(&key, text), "nodekey:" LOWER);
    assert_int_equal(ion_node_key_parse(str("nodekey:" LOWER), &key), ION_OK);
    for (size_t i = 0; i < ION_ARRAY_LEN(bad); i++) {
        ion_key_t before = key;

        if (ion_node_key_parse(str(bad[i]), &key) != ION_MALF) {
            fail_msg("accepted: %s", bad[i]);
        }
        assert_memory_equal(&key, &before, sizeof(key));
    }
}

static void
test_hex_key(void **state)
{
    ion_key_t key = { { 0 } };
    char text[ION_HEX_KEY_TEXT];

    (void)state;
    assert_int_equal(ion_hex_key_parse(str(UPPER), &key), ION_OK);
    assert_string_equal(ion_hex_key_format(&key, text), LOWER);
    assert_int_equal(ion_hex_key_parse(str("nodekey:" LOWER), &key), ION_MALF);
    assert_int_equal(ion_hex_key_parse(str(SHORT), &key), ION_MALF);
}

static void
test_t62_mesh_key_file(void **state)
{
    static const struct {
        const char *text;
        ion_err_t bare;
        ion_err_t file;
    } cases[] = {
        { LOWER, ION_OK, ION_OK },
        { UPPER, ION_OK, ION_OK },
        { "  " LOWER " \r\n", ION_MALF, ION_OK },
        { SHORT, ION_MALF, ION_MALF },
        { LOWER "0", ION_MALF, ION_MALF },
        { "badf00d", ION_MALF, ION_MALF },
        { "", ION_MALF, ION_MALF },
        { "\n", ION_MALF, ION_MALF },
        { SHORT "g", ION_MALF, ION_MALF },
    };

    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(cases); i++) {
        uint8_t key[32];
        bool is_set = false;

        assert_int_equal(ion_mesh_key_parse(str(cases[i].text), key, &is_set),
            cases[i].bare);
        assert_int_equal(is_set, cases[i].bare == ION_OK);
        is_set = false;
        assert_int_equal(
            ion_mesh_key_parse_file(str(cases[i].text), key, &is_set),
            cases[i].file);
        assert_int_equal(is_set, cases[i].file == ION_OK);
    }
}

static void
test_zero_mesh_key_is_absent(void **state)
{
    uint8_t key[32];
    bool is_set = true;

    (void)state;
    assert_int_equal(ion_mesh_key_parse(str(ZEROS), key, &is_set), ION_OK);
    assert_false(is_set);
}

static void
test_key_file(void **state)
{
    static const char *const good[] = {
        "{\"PrivateKey\": \"privkey:" LOWER "\"}",
        "\n{\n\t\"PrivateKey\": \"privkey:" UPPER "\"\n}\n",
        "{\"privatekey\":\"privkey:" LOWER "\",\"Other\":[1,{}]}",
        "{\"PrivateKey\":\"privkey:" ZEROS "\",\"PrivateKey\":\"privkey:" LOWER
        "\"}",
    };
    static const char *const bad[] = { "", "{}", "null", "[]", "privkey:" LOWER,
        "\"privkey:" LOWER "\"", "{\"PrivateKey\": \"" LOWER "\"}",
        "{\"PrivateKey\": \"nodekey:" LOWER "\"}",
        "{\"PrivateKey\": \"privkey:" SHORT "\"}",
        "{\"PrivateKey\": \"privkey:" LOWER "0\"}",
        "{\"PrivateKey\": \"privkey:" ZEROS "\"}", "{\"PrivateKey\": null}",
        "{\"PrivateKey\": 5}", "{\"PrivateKey\": \"privkey:" LOWER "\"",
        "{\"PrivateKey\": \"privkey:" LOWER "\"} x",
        "{\"Private_Key\": \"privkey:" LOWER "\"}" };
    uint8_t want[32];

    (void)state;
    assert_int_equal(ion_hex_decode(want, sizeof(want), str(LOWER)), ION_OK);
    for (size_t i = 0; i < ION_ARRAY_LEN(good); i++) {
        ion_secret_key_t secret = { { 0 } };

        if (ion_key_file_parse(str(good[i]), &secret) != ION_OK) {
            fail_msg("refused: %s", good[i]);
        }
        assert_memory_equal(secret.b, want, sizeof(want));
    }
    for (size_t i = 0; i < ION_ARRAY_LEN(bad); i++) {
        ion_secret_key_t secret = { { 7 } };

        if (ion_key_file_parse(str(bad[i]), &secret) != ION_MALF) {
            fail_msg("accepted: %s", bad[i]);
        }
        assert_int_equal(secret.b[0], 7);
    }
}

static void
test_key_file_is_bounded(void **state)
{
    static char text[ION_KEY_FILE_MAX + 2];
    static const char json[] = "{\"PrivateKey\": \"privkey:" LOWER "\"}";
    ion_secret_key_t secret;

    (void)state;
    memset(text, ' ', sizeof(text));
    memcpy(text, json, sizeof(json) - 1);
    assert_int_equal(
        ion_key_file_parse((ion_str_t){ text, ION_KEY_FILE_MAX }, &secret),
        ION_OK);
    assert_int_equal(
        ion_key_file_parse((ion_str_t){ text, ION_KEY_FILE_MAX + 1 }, &secret),
        ION_MALF);
}

static void
test_key_file_format(void **state)
{
    static const char want[] = "{\n\t\"PrivateKey\": \"privkey:" LOWER "\"\n}";
    ion_secret_key_t secret;
    ion_secret_key_t back;
    char out[ION_KEY_FILE_TEXT];
    size_t n;

    (void)state;
    assert_int_equal(
        ion_node_secret_parse(str("privkey:" LOWER), &secret), ION_OK);
    n = ion_key_file_format(&secret, out);
    assert_int_equal(n, sizeof(want) - 1);
    assert_memory_equal(out, want, n);
    assert_int_equal(ion_key_file_parse((ion_str_t){ out, n }, &back), ION_OK);
    assert_memory_equal(&back, &secret, sizeof(back));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_node_key),
        cmocka_unit_test(test_hex_key),
        cmocka_unit_test(test_t62_mesh_key_file),
        cmocka_unit_test(test_zero_mesh_key_is_absent),
        cmocka_unit_test(test_key_file),
        cmocka_unit_test(test_key_file_is_bounded),
        cmocka_unit_test(test_key_file_format),
    };

    return cmocka_run_group_tests_name("key_text", tests, NULL, NULL);
}
