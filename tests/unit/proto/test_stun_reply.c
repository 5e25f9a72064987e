/*
 * test_stun_reply.c -- a client's reading of STUN responses.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The first three responses are vectors of the protocol's reference.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/base.h"
#include "base/hex.h"
#include "proto/stun_reply.h"

#define TXID    "0102030405060708090a0b0c"
#define HEAD(n) "010100" n "2112a442" TXID
#define V4      "002000080001a147e112a643"
#define V6      "002000140002a1470113a9fa0102030405060708090a0b0d"
#define MAPPED  "002000140002a1472112a442010203040506f8f7c90a090d"
#define PLAIN   "0001000800018055c0000201"

typedef struct reply_case {
    const char *name;
    const char *hex;
    const char *seen; /* NULL: not a reply */
} reply_case_t;

static const reply_case_t cases[] = {
    { "IPv4", HEAD("0c") V4, "192.0.2.1:32853" },
    { "IPv6", HEAD("18") V6, "[2001:db8::1]:32853" },
    { "IPv4 in IPv6 form", HEAD("18") MAPPED, "192.0.2.1:32853" },
    { "old number", HEAD("0c") "802000080001a147e112a643", "192.0.2.1:32853" },
    { "plain", HEAD("0c") PLAIN, "192.0.2.1:32853" },
    { "plain, then the masked", HEAD("18") "0001000800011234c0000299" V4,
        "192.0.2.1:32853" },
    { "the first masked counts", HEAD("18") V4 "002000080001a147e112a644",
        "192.0.2.1:32853" },
    { "unknown before, padded", HEAD("14") "8022000361626300" V4,
        "192.0.2.1:32853" },
    { "unknown behind, not padded", HEAD("11") V4 "8022000161",
        "192.0.2.1:32853" },
    { "bytes behind the length", HEAD("0c") V4 "ffff", "192.0.2.1:32853" },
    { "empty", "", NULL },
    { "cut in the head", "0101000c2112a4420102030405060708090a0b", NULL },
    { "cut in the value", HEAD("0c") "002000080001a147e112a6", NULL },
    { "length over the end", HEAD("10") V4, NULL },
    { "length inside the attribute", HEAD("0b") V4, NULL },
    { "a request", "0001000c2112a442" TXID V4, NULL },
    { "an error", "0111000c2112a442" TXID V4, NULL },
    { "another cookie", "0101000c2112a443" TXID V4, NULL },
    { "another request's", "0101000c2112a4420102030405060708090a0b0d" V4,
        NULL },
    { "no attribute", HEAD("00"), NULL },
    { "no address", HEAD("08") "8022000461626364", NULL },
    { "unknown family", HEAD("0c") "002000080003a147e112a643", NULL },
    { "IPv6 in four bytes", HEAD("0c") "002000080002a147e112a643", NULL },
    { "value of length 0", HEAD("04") "00200000", NULL },
    { "half an attribute head", HEAD("02") "0020", NULL },
};

static void
test_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(cases); i++) {
        const reply_case_t *c = &cases[i];
        uint8_t p[128];
        uint8_t txid[STUN_TXID_LEN];
        size_t n = strlen(c->hex) / 2;
        char text[ION_ADDR_TEXT_MAX];
        ion_addr_t seen = { .port = 1 };

        assert_int_equal(
            ion_hex_decode(txid, sizeof(txid), ION_STR(TXID)), ION_OK);
        assert_int_equal(ion_hex_decode(p, n, ion_str_from(c->hex)), ION_OK);
        ion_err_t rc = stun_parse_reply(p, n, txid, &seen);
        if ((rc == ION_OK) != (c->seen != NULL) ||
            (c->seen != NULL &&
                strcmp(ion_addr_format(&seen, text), c->seen) != 0) ||
            (c->seen == NULL && (seen.port != 1 || seen.family != 0)))
        {
            print_error("case: %s\n", c->name);
            fail();
        }
    }
}

/* what our server builds, this reads */
static void
test_round_trip(void **state)
{
    static const char *const from[] = { "1.2.3.4:5", "[2001:db8::9]:65535",
        "255.255.255.255:0" };
    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(from); i++) {
        uint8_t txid[STUN_TXID_LEN] = { 9, 8, (uint8_t)i };
        uint8_t p[STUN_REPLY_MAX];
        ion_addr_t source;
        ion_addr_t seen;

        assert_int_equal(
            ion_addr_parse(ion_str_from(from[i]), &source), ION_OK);
        size_t n = stun_build_reply(txid, &source, p);
        assert_int_equal(stun_parse_reply(p, n, txid, &seen), ION_OK);
        assert_true(ion_addr_eq(&source, &seen));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
