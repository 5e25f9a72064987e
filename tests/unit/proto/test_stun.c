/*
 * test_stun.c -- the STUN request we answer, and the answers.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Request and replies are vectors of the protocol's reference.
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
#include "proto/stun.h"

#define TXID "0102030405060708090a0b0c"
#define REQUEST                                                                \
    "000100142112a442" TXID "802200087461696c6e6f646580280004b32c370f"

static size_t
unhex(const char *hex, uint8_t *out, size_t cap)
{
    size_t n = strlen(hex) / 2;

    assert_true(n <= cap);
    assert_int_equal(ion_hex_decode(out, n, ion_str_from(hex)), ION_OK);
    return n;
}

/* bit by bit, so that the test shares no table with the code */
static uint32_t
crc32_of(const uint8_t *p, size_t n)
{
    uint32_t crc = UINT32_MAX;

    for (size_t i = 0; i < 8 * n; i++) {
        uint32_t bit = (crc ^ (uint32_t)(p[i / 8] >> (i % 8))) & 1;

        crc = (crc >> 1) ^ (bit ? UINT32_C(0xedb88320) : 0);
    }
    return ~crc;
}

/* appends a right FINGERPRINT to attributes given in hex */
static size_t
signed_request(const char *attributes, uint8_t *out, size_t cap)
{
    size_t n = unhex("000100142112a442" TXID, out, cap);
    uint32_t crc;

    n += unhex(attributes, out + n, cap - n - 8);
    crc = crc32_of(out, n) ^ UINT32_C(0x5354554e);
    memcpy(out + n, "\x80\x28\x00\x04", 4);
    for (int i = 0; i < 4; i++) {
        out[n + 4 + (size_t)i] = (uint8_t)(crc >> (24 - 8 * i));
    }
    return n + 8;
}

static ion_err_t
parse(const uint8_t *p, size_t n)
{
    uint8_t txid[STUN_TXID_LEN];
    uint8_t *exact = malloc(n == 0 ? 1 : n);
    ion_err_t rc;

    assert_non_null(exact);
    memcpy(exact, p, n);
    rc = stun_parse_binding(exact, n, txid);
    free(exact);
    return rc;
}

static void
test_t58_stun_good(void **state)
{
    static const struct {
        const char *source;
        const char *reply;
    } cases[] = {
        { "192.0.2.1:32853",
            "0101000c2112a442" TXID "002000080001a147e112a643" },
        { "[2001:db8::1]:32853",
            "010100182112a442" TXID
            "002000140002a1470113a9fa0102030405060708090a0b0d" },
        { "[::ffff:192.0.2.1]:32853",
            "0101000c2112a442" TXID "002000080001a147e112a643" },
    };
    uint8_t request[64];
    uint8_t txid[STUN_TXID_LEN];
    size_t n = unhex(REQUEST, request, sizeof(request));

    (void)state;
    assert_int_equal(n, STUN_REQUEST_LEN);
    assert_int_equal(stun_parse_binding(request, n, txid), ION_OK);
    for (size_t i = 0; i < ION_ARRAY_LEN(cases); i++) {
        ion_addr_t source;
        uint8_t want[STUN_REPLY_MAX];
        uint8_t reply[STUN_REPLY_MAX];
        size_t want_len = unhex(cases[i].reply, want, sizeof(want));

        assert_int_equal(
            ion_addr_parse(ion_str_from(cases[i].source), &source), ION_OK);
        assert_int_equal(stun_build_reply(txid, &source, reply), want_len);
        assert_memory_equal(reply, want, want_len);
    }
}

static void
test_t59_stun_bad(void **state)
{
    static const struct {
        const char *what;
        size_t at;
        uint8_t xor ;
    } flips[] = {
        { "type", 0, 0x01 },
        { "type", 1, 0x02 },
        { "top bit", 0, 0x80 },
        { "second bit", 0, 0x40 },
        { "cookie", 4, 0x01 },
        { "cookie", 7, 0x01 },
        { "transaction id, so the fingerprint", 8, 0x01 },
        { "SOFTWARE type", 21, 0x01 },
        { "SOFTWARE length", 23, 0x01 },
        { "SOFTWARE value", 24, 0x20 },
        { "FINGERPRINT type", 33, 0x01 },
        { "FINGERPRINT length", 35, 0x01 },
        { "FINGERPRINT value", 36, 0x01 },
        { "FINGERPRINT value", 39, 0x01 },
    };
    uint8_t p[64];
    size_t n = unhex(REQUEST, p, sizeof(p));

    (void)state;
    assert_int_equal(parse(p, n), ION_OK);
    for (size_t i = 0; i < ION_ARRAY_LEN(flips); i++) {
        p[flips[i].at] ^= flips[i].xor ;
        if (parse(p, n) != ION_MALF) {
            fail_msg("accepted with another %s", flips[i].what);
        }
        p[flips[i].at] ^= flips[i].xor ;
    }
    for (size_t cut = 0; cut < n; cut++) {
        assert_int_equal(parse(p, cut), ION_MALF);
    }
    for (size_t extra = 1; extra <= 8; extra++) {
        memset(p + n, 0, extra);
        assert_int_equal(parse(p, n + extra), ION_MALF);
    }
}

static void
test_attributes(void **state)
{
    static const struct {
        const char *what;
        const char *attributes;
        ion_err_t want;
    } cases[] = {
        { "as sent", "802200087461696c6e6f6465", ION_OK },
        { "unknown ones around it",
            "7fff0003616263008022"
            "00087461696c6e6f6465c0010000",
            ION_OK },
        { "a second SOFTWARE",
            "80220003616263008022"
            "00087461696c6e6f6465",
            ION_OK },
        { "a fingerprint in the middle",
            "8028000400000000802200087461696c6e6f6465", ION_OK },
        { "no SOFTWARE", "", ION_MALF },
        { "another SOFTWARE", "802200087461696c6e6f6466", ION_MALF },
        { "a longer SOFTWARE",
            "802200097461696c6e6f6465"
            "78000000",
            ION_MALF },
        { "a value over the end", "8022ffff7461696c6e6f6465", ION_MALF },
        { "padding swallows the next header",
            "80220009"
            "7461696c6e6f6465",
            ION_MALF },
    };
    uint8_t p[128];

    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(cases); i++) {
        size_t n = signed_request(cases[i].attributes, p, sizeof(p));

        if (parse(p, n) != cases[i].want) {
            fail_msg("wrong answer to %s", cases[i].what);
        }
    }
}

static void
test_header_length_is_not_consulted(void **state)
{
    uint8_t p[64];
    uint32_t crc;

    (void)state;
    (void)unhex(REQUEST, p, sizeof(p));
    p[2] = 0x12;
    p[3] = 0x34;
    crc = crc32_of(p, 32) ^ UINT32_C(0x5354554e);
    for (int i = 0; i < 4; i++) {
        p[36 + i] = (uint8_t)(crc >> (24 - 8 * i));
    }
    assert_int_equal(parse(p, 40), ION_OK);
}

static void
test_build_request(void **state)
{
    uint8_t want[STUN_REQUEST_LEN];
    uint8_t got[STUN_REQUEST_LEN];
    uint8_t txid[STUN_TXID_LEN];

    (void)state;
    (void)unhex(REQUEST, want, sizeof(want));
    (void)unhex(TXID, txid, sizeof(txid));
    stun_build_request(txid, got);
    assert_memory_equal(got, want, sizeof(want));
}

static void
test_no_reply_without_a_source(void **state)
{
    static const uint8_t txid[STUN_TXID_LEN];
    ion_addr_t source = { .family = 0 };
    uint8_t out[STUN_REPLY_MAX];

    (void)state;
    assert_int_equal(stun_build_reply(txid, &source, out), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_t58_stun_good),
        cmocka_unit_test(test_t59_stun_bad),
        cmocka_unit_test(test_attributes),
        cmocka_unit_test(test_header_length_is_not_consulted),
        cmocka_unit_test(test_build_request),
        cmocka_unit_test(test_no_reply_without_a_source),
    };

    return cmocka_run_group_tests_name("stun", tests, NULL, NULL);
}
