/*
 * test_addr.c -- text and kernel forms of addresses.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/addr.h"

static ion_addr_t
addr_of(const char *text)
{
    ion_addr_t a = { .family = 9 };

    if (ion_addr_parse(ion_str_from(text), &a) != ION_OK) {
        fail_msg("refused: %s", text);
    }
    return a;
}

static void
test_parse_and_format(void **state)
{
    static const struct {
        const char *text;
        uint8_t family;
        uint16_t port;
        const char *back;
    } cases[] = {
        { "1.2.3.4:5", 4, 5, "1.2.3.4:5" },
        { "0.0.0.0:0", 4, 0, "0.0.0.0:0" },
        { "255.255.255.255:65535", 4, 65535, "255.255.255.255:65535" },
        { "[::1]:5", 6, 5, "[::1]:5" },
        { "[2001:DB8:0:0:0:0:0:1]:443", 6, 443, "[2001:db8::1]:443" },
        { "[fe80::1%3]:8", 6, 8, "[fe80::1%3]:8" },
        { "[::ffff:1.2.3.4]:9", 6, 9, "[::ffff:1.2.3.4]:9" },
        { ":8080", 0, 8080, ":8080" },
        { "localhost:80", 4, 80, "127.0.0.1:80" },
        { "LOCALHOST:80", 4, 80, "127.0.0.1:80" },
    };

    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(cases); i++) {
        ion_addr_t a = addr_of(cases[i].text);
        char text[ION_ADDR_TEXT_MAX];

        assert_int_equal(a.family, cases[i].family);
        assert_int_equal(a.port, cases[i].port);
        assert_string_equal(ion_addr_format(&a, text), cases[i].back);
    }
}

static void
test_parse_refuses(void **state)
{
    static const char *const cases[] = { "", "1.2.3.4", "1.2.3.4:", "1.2.3.4:x",
        "1.2.3.4:-1", "1.2.3.4:+1", "1.2.3.4:65536", "1.2.3:4", "1.2.3.4.5:6",
        "01.2.3.4:5", "::1:5", "::1", "[::1]", "[::1]:", "[::1]5", "[]:5",
        "[:5", "]:5", "[1.2.3.4]:5", "[::1%]:5", "[::1%0]:5", "[::1%eth0]:5",
        "1.2.3.4%1:5", "host.example:5", " 1.2.3.4:5", "1.2.3.4:5 ", "[::1 ]:5",
        "*:5" };

    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(cases); i++) {
        ion_addr_t a = { .family = 9 };

        if (ion_addr_parse(ion_str_from(cases[i]), &a) != ION_MALF) {
            fail_msg("accepted: %s", cases[i]);
        }
        assert_int_equal(a.family, 9);
    }
}

static void
test_parse_ip(void **state)
{
    static const char *const bad[] = { "", "[::1]", "1.2.3.4:5", "x",
        "1.2.3.4%1", "::1%", "::%4294967296",
        "1111:2222:3333:4444:5555:6666:7777:8888:9999",
        "0000000000000000000000000000000000000000000000000001" };
    ion_addr_t a = { .family = 9 };
    char text[ION_ADDR_TEXT_MAX];

    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(bad); i++) {
        assert_int_equal(ion_addr_parse_ip(ion_str_from(bad[i]), &a), ION_MALF);
    }
    assert_int_equal(
        ion_addr_parse_ip((ion_str_t){ "1.2.3.4\0", 8 }, &a), ION_MALF);
    assert_int_equal(ion_addr_parse_ip(ION_STR("fd00::7"), &a), ION_OK);
    assert_string_equal(ion_addr_format_ip(&a, text), "fd00::7");
    assert_int_equal(ion_addr_parse_ip(ION_STR("10.0.0.9"), &a), ION_OK);
    assert_string_equal(ion_addr_format_ip(&a, text), "10.0.0.9");
    a.family = 0;
    assert_string_equal(ion_addr_format_ip(&a, text), "");
}

static void
test_split(void **state)
{
    ion_str_t host;
    uint16_t port;

    (void)state;
    assert_int_equal(
        ion_addr_split(ION_STR("relay.example:443"), &host, &port), ION_OK);
    assert_true(ion_str_eq(host, ION_STR("relay.example")));
    assert_int_equal(port, 443);
    assert_int_equal(ion_addr_split(ION_STR("[::1]:80"), &host, &port), ION_OK);
    assert_true(ion_str_eq(host, ION_STR("::1")));
    assert_int_equal(ion_addr_split(ION_STR(":1"), &host, &port), ION_OK);
    assert_int_equal(host.len, 0);
    assert_int_equal(ion_addr_split(ION_STR("a:b:1"), &host, &port), ION_MALF);
    assert_int_equal(ion_addr_split(ION_STR("a"), &host, &port), ION_MALF);
}

static void
test_sockaddr_both_ways(void **state)
{
    static const struct {
        const char *text;
        bool as_v6;
        const char *back;
        socklen_t len;
    } cases[] = {
        { "1.2.3.4:5", false, "1.2.3.4:5", sizeof(struct sockaddr_in) },
        { "1.2.3.4:5", true, "1.2.3.4:5", sizeof(struct sockaddr_in6) },
        { "[::1]:6", false, "[::1]:6", sizeof(struct sockaddr_in6) },
        { "[fe80::1%3]:8", true, "[fe80::1%3]:8", sizeof(struct sockaddr_in6) },
        { ":7", true, "[::]:7", sizeof(struct sockaddr_in6) },
        { ":7", false, "0.0.0.0:7", sizeof(struct sockaddr_in) },
    };

    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(cases); i++) {
        ion_addr_t a = addr_of(cases[i].text);
        ion_addr_t back;
        struct sockaddr_storage ss;
        socklen_t len = ion_addr_to_sockaddr(&a, cases[i].as_v6, &ss);
        char text[ION_ADDR_TEXT_MAX];

        assert_int_equal(len, cases[i].len);
        assert_int_equal(
            ion_addr_from_sockaddr((const struct sockaddr *)&ss, len, &back),
            ION_OK);
        assert_string_equal(ion_addr_format(&back, text), cases[i].back);
    }
}

static void
test_sockaddr_refuses(void **state)
{
    struct sockaddr_storage ss;
    ion_addr_t a = addr_of("[::1]:6");
    socklen_t len = ion_addr_to_sockaddr(&a, true, &ss);
    const struct sockaddr *sa = (const struct sockaddr *)&ss;

    (void)state;
    assert_int_equal(ion_addr_from_sockaddr(sa, len - 1, &a), ION_UNSUPPORTED);
    assert_int_equal(ion_addr_from_sockaddr(sa, 0, &a), ION_UNSUPPORTED);
    ss.ss_family = AF_UNIX;
    assert_int_equal(ion_addr_from_sockaddr(sa, len, &a), ION_UNSUPPORTED);
}

static void
test_to_v6(void **state)
{
    ion_addr_t a = addr_of("192.0.2.1:5");
    uint8_t out[16];

    (void)state;
    ion_addr_to_v6(&a, out);
    assert_memory_equal(
        out, "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\x00\x02\x01", 16);
    a = addr_of(":5");
    ion_addr_to_v6(&a, out);
    assert_memory_equal(out, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16);
}

static void
test_classes(void **state)
{
    static const struct {
        const char *text;
        bool any;
        bool loopback;
        bool link_local;
    } cases[] = {
        { ":1", true, false, false },
        { "0.0.0.0:1", true, false, false },
        { "[::]:1", true, false, false },
        { "127.9.9.9:1", false, true, false },
        { "[::1]:1", false, true, false },
        { "169.254.1.1:1", false, false, true },
        { "[fe80::1]:1", false, false, true },
        { "[febf::1]:1", false, false, true },
        { "[fec0::1]:1", false, false, false },
        { "10.0.0.1:1", false, false, false },
        { "[2001:db8::1]:1", false, false, false },
    };

    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(cases); i++) {
        ion_addr_t a = addr_of(cases[i].text);

        assert_int_equal(ion_addr_is_any(&a), cases[i].any);
        assert_int_equal(ion_addr_is_loopback(&a), cases[i].loopback);
        assert_int_equal(ion_addr_is_link_local(&a), cases[i].link_local);
    }
}

static void
test_eq(void **state)
{
    ion_addr_t a = addr_of("1.2.3.4:5");
    ion_addr_t b = addr_of("1.2.3.4:5");

    (void)state;
    assert_true(ion_addr_eq(&a, &b));
    b = addr_of("1.2.3.4:6");
    assert_false(ion_addr_eq(&a, &b));
    b = addr_of("1.2.3.5:5");
    assert_false(ion_addr_eq(&a, &b));
    a = addr_of("[fe80::1%3]:5");
    b = addr_of("[fe80::1%4]:5");
    assert_false(ion_addr_eq(&a, &b));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse_and_format),
        cmocka_unit_test(test_parse_refuses),
        cmocka_unit_test(test_parse_ip),
        cmocka_unit_test(test_split),
        cmocka_unit_test(test_sockaddr_both_ways),
        cmocka_unit_test(test_sockaddr_refuses),
        cmocka_unit_test(test_to_v6),
        cmocka_unit_test(test_classes),
        cmocka_unit_test(test_eq),
    };

    return cmocka_run_group_tests_name("addr", tests, NULL, NULL);
}
