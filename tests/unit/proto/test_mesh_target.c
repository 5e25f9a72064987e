/*
 * test_mesh_target.c -- relays to mesh with, as operators write them.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "proto/mesh_target.h"

#define PIN "00112233445566778899aabbccddeeffFFEEDDCCBBAA99887766554433221100"
#define L63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static void
test_good(void **state)
{
    static const struct {
        const char *text;
        const char *host;
        const char *dial;
        uint16_t port;
        bool has_pin;
    } cases[] = {
        { "derp1.example.com", "derp1.example.com", "derp1.example.com", 443,
            false },
        { "derp1.example.com:8443", "derp1.example.com", "derp1.example.com",
            8443, false },
        { "derp1.example.com/10.0.0.7", "derp1.example.com", "10.0.0.7", 443,
            false },
        { "derp1:444/fd00::1", "derp1", "fd00::1", 444, false },
        { "derp1:444/[fd00::1]", "derp1", "fd00::1", 444, false },
        { "192.0.2.1", "192.0.2.1", "192.0.2.1", 443, false },
        { "[2001:db8::1]", "2001:db8::1", "2001:db8::1", 443, false },
        { "[2001:db8::1]:1", "2001:db8::1", "2001:db8::1", 1, false },
        { "a_b-c.d:65535#sha256-raw:" PIN, "a_b-c.d", "a_b-c.d", 65535, true },
        { "a/b#sha256-raw:" PIN, "a", "b", 443, true },

        { L63 ".b", L63 ".b", L63 ".b", 443, false },
    };

    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(cases); i++) {
        ion_mesh_target_t t;
        ion_errtext_t why = { "" };
        ion_err_t rc =
            ion_mesh_target_parse(ion_str_from(cases[i].text), &t, &why);

        if (rc != ION_OK) {
            fail_msg("%s: %s", cases[i].text, why.msg);
        }
        assert_string_equal(t.host, cases[i].host);
        assert_string_equal(t.dial, cases[i].dial);
        assert_int_equal(t.port, cases[i].port);
        assert_int_equal(t.has_pin, cases[i].has_pin);
        if (t.has_pin) {
            assert_int_equal(t.pin[1], 0x11);
            assert_int_equal(t.pin[17], 0xee);
        }
    }
}

static void
test_bad(void **state)
{
    static const struct {
        const char *text;
        const char *why; /* some of it */
    } cases[] = {
        { "", "\"\" is not a host" },
        { " a", "\" a\" is not a host" },
        { "a ", "is not a host" },
        { "a.", "is not a host" },
        { ".a", "is not a host" },
        { "a..b", "is not a host" },
        { L63 "a", "is not a host" },
        { "a:", "\"a:\" has no port" },
        { "a:0", "has no port" },
        { "a:65536", "has no port" },
        { "a:https", "has no port" },
        { "::1", "is not a host" },
        { "fd00::1:1:443", "brackets" },
        { "[192.0.2.1]", "is not a host" },
        { "[a]", "is not a host" },
        { "[::1", "is not a host" },
        { "[::1]x", "is not a host" },
        { "a/", "\"\" is not a host to dial" },
        { "a/b/c", "\"b/c\" is not a host to dial" },
        { "a/b:443", "\"b:443\" is not a host to dial" },
        { "/b", "\"\" is not a host" },
        { "https://a", "has no port" },
        { "a#", "\"\" is not a pin" },
        { "a#" PIN, "is not a pin" },
        { "a#sha256:" PIN, "is not a pin" },
        { "a#sha256-raw:" PIN "0", "is not a pin" },
        { "a#sha256-raw:", "is not a pin" },
    };

    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(cases); i++) {
        ion_mesh_target_t t;
        ion_errtext_t why = { "" };

        if (ion_mesh_target_parse(ion_str_from(cases[i].text), &t, &why) !=
                ION_MALF ||
            strstr(why.msg, cases[i].why) == NULL)
        {
            fail_msg("\"%s\": %s", cases[i].text, why.msg);
        }
        assert_int_equal(
            ion_mesh_target_parse(ion_str_from(cases[i].text), &t, NULL),
            ION_MALF);
    }
}

static void
test_long_names(void **state)
{
    char text[600];
    ion_mesh_target_t t;

    (void)state;
    for (size_t n = 252; n < 256; n++) {
        for (size_t i = 0; i < n; i++) {
            text[i] = i % 2 == 0 ? 'a' : '.';
        }
        text[n - 1] = 'a';
        text[n - 2] = 'a';
        assert_int_equal(
            ion_mesh_target_parse((ion_str_t){ text, n }, &t, NULL),
            n <= 253 ? ION_OK : ION_MALF);
        text[n] = '/';
        memcpy(text + n + 1, text, n);
        text[0] = 'b';
        assert_int_equal(
            ion_mesh_target_parse((ion_str_t){ text, 2 * n + 1 }, &t, NULL),
            n <= 253 ? ION_OK : ION_MALF);
    }
}

static void
test_same(void **state)
{
    static const struct {
        const char *a;
        const char *b;
        bool is_same;
    } cases[] = {
        { "a", "A", true },
        { "a", "a:443", true },
        { "a", "a/a", true },
        { "a", "a#sha256-raw:" PIN, true },
        { "a", "b", false },
        { "a", "a:1", false },
        { "a", "a/b", false },
    };

    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(cases); i++) {
        ion_mesh_target_t a, b;

        assert_int_equal(
            ion_mesh_target_parse(ion_str_from(cases[i].a), &a, NULL), ION_OK);
        assert_int_equal(
            ion_mesh_target_parse(ion_str_from(cases[i].b), &b, NULL), ION_OK);
        assert_int_equal(ion_mesh_target_is_same(&a, &b), cases[i].is_same);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_long_names),
        cmocka_unit_test(test_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
