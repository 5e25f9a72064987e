/*
 * test_derpmap_rules.c -- what a field of a map may hold.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "model/derpmap_rules.h"
typedef bool (*rule_fn)(ion_str_t text);

static void
check(rule_fn rule, const char *const *texts, size_t n, bool want)
{
    for (size_t i = 0; i < n; i++) {
        if (rule(ion_str_from(texts[i])) != want) {
            fail_msg("%s: \"%s\"", want ? "refused" : "taken", texts[i]);
        }
    }
}

#define CHECK(rule, good, bad)                                                 \
    do {                                                                       \
        check(rule, good, ION_ARRAY_LEN(good), true);                          \
        check(rule, bad, ION_ARRAY_LEN(bad), false);                           \
    } while (0)

static void
test_hosts(void **state)
{
    static const char *const good[] = { "derp.example.com", "a", "A-1.b_c",
        "az-AZ.09-z", "localhost", "derp1.example.com.", "xn--mnchen-3ya.de",
        "1a", "1.2.3.4", "::1", "2001:db8::1",
        "a23456789012345678901234567890123456789012345678901234567890123.de" };
    static const char *const bad[] = { "", ".", "a..b", ".a", "-a", "a-",
        "a.-b.c", "https://a", "a/b", "a:443", "[::1]", "a b", "a\n", "1.2.3",
        "256.1.1.1", "1.2.3.4.5", "123", "fe80::1%3", "fe80::1%eth0", "*.a",
        "m\xc3\xbcnchen.de", "a,b", "user@a",
        "a234567890123456789012345678901234567890123456789012345678901234.de" };

    (void)state;
    CHECK(ion_derp_host_is_valid, good, bad);

    char name[256];
    for (size_t i = 0; i < sizeof(name); i++) {
        name[i] = i % 2 == 0 ? 'a' : '.';
    }
    assert_true(ion_derp_host_is_valid((ion_str_t){ name, 253 }));
    assert_true(ion_derp_host_is_valid((ion_str_t){ name, 254 }));
    assert_false(ion_derp_host_is_valid((ion_str_t){ name, 255 }));
}

static void
test_addresses(void **state)
{
    static const char *const good4[] = { "", "none", "1.2.3.4", "0.0.0.0" };
    static const char *const bad4[] = { "::1", "None", "1.2.3", "01.2.3.4",
        "1.2.3.4 ", "1.2.3.4:5", "x" };
    static const char *const good6[] = { "", "none", "::1", "2001:DB8::1",
        "::ffff:1.2.3.4" };
    static const char *const bad6[] = { "1.2.3.4", "[::1]", "::1%1",
        ":::", "12345::", "x" };

    (void)state;
    CHECK(ion_derp_ipv4_is_valid, good4, bad4);
    CHECK(ion_derp_ipv6_is_valid, good6, bad6);
}

#define HEX62 "00112233445566778899aabbccddeeff00112233445566778899aabbccddee"

static void
test_cert_names(void **state)
{
    static const char *const good[] = { "", "derp.example.com", "1.2.3.4",
        "sha256-raw:" HEX62 "ff", "sha256-raw:" HEX62 "FF" };
    static const char *const bad[] = { "sha256-raw:", "sha256-raw:" HEX62,
        "sha256-raw:" HEX62 "fg", "sha256-raw:" HEX62 "ff0",
        "SHA256-RAW:" HEX62 "ff", "a/b", " a" };

    (void)state;
    CHECK(ion_derp_cert_name_is_valid, good, bad);
}

static void
test_texts(void **state)
{
    static const char *const good[] = { "nyc", "S\xc3\xa3o Paulo", "a b", " ",
        "\xf0\x9f\x98\x80" };
    static const char *const bad[] = { "", "a\nb", "\t", "\x7f", "\xc2\x85",
        "\xff", "a\xc3" };
    char longest[256];

    (void)state;
    CHECK(ion_derp_text_is_valid, good, bad);
    memset(longest, 'x', sizeof(longest));
    assert_true(ion_derp_text_is_valid((ion_str_t){ longest, 255 }));
    assert_false(ion_derp_text_is_valid((ion_str_t){ longest, 256 }));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hosts),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_cert_names),
        cmocka_unit_test(test_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
