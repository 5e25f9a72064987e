/*
 * test_metacert.c -- the meta-certificate against published check values.
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/x509v3.h>

#include "base/hex.h"
#include "tls/metacert.h"

#define NOT_BEFORE INT64_C(1784808000) /* 2026-07-23 12:00:00 UTC */
#define NOT_AFTER  INT64_C(1789992000) /* 2026-09-21 12:00:00 UTC */

static void
make_check_value(uint8_t out[ION_METACERT_LEN])
{
    uint8_t key[32];
    uint8_t seed[32];
    for (size_t i = 0; i < 32; i++) {
        seed[i] = (uint8_t)i;
    }
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(
            ion_hex_decode(key + 8 * i, 8, ION_STR("0123456789abcdef")),
            ION_OK);
    }
    assert_int_equal(
        ion_metacert_make(key, seed, NOT_BEFORE, NOT_AFTER, out), ION_OK);
}

static void
assert_hex(const uint8_t *p, const char *hex)
{
    char text[128];
    size_t n = strlen(hex);
    assert_true(n < sizeof(text));
    ion_hex_encode(text, p, n / 2);
    text[n] = '\0';
    assert_string_equal(text, hex);
}

static void
test_bytes_are_the_published_ones(void **state)
{
    uint8_t cert[ION_METACERT_LEN];
    (void)state;
    make_check_value(cert);
    assert_hex(cert, "3082016330820115a003020102020102300506032b6570");
    assert_memory_equal(
        cert + 36, "derpkey0123456789abcdef0123456789abcdef", 39);
    assert_memory_equal(cert + 152, cert + 36, 71);
    assert_memory_equal(cert + 111, "260723120000Z", 13);
    assert_memory_equal(cert + 126, "260921120000Z", 13);
    assert_hex(cert + 235,
        "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8");
    assert_hex(cert + 295, "2821cba4f646156eb27cc2a077c58699");
}

static void
test_T10_it_is_a_certificate_with_one_extension(void **state)
{
    uint8_t cert[ION_METACERT_LEN];
    const unsigned char *p = cert;
    (void)state;
    make_check_value(cert);
    X509 *x = d2i_X509(NULL, &p, sizeof(cert));
    assert_non_null(x);
    assert_ptr_equal(p, cert + sizeof(cert));
    assert_int_equal(X509_get_version(x), X509_VERSION_3);
    assert_int_equal(ASN1_INTEGER_get(X509_get0_serialNumber(x)), 2);
    assert_int_equal(X509_get_ext_count(x), 1);
    X509_EXTENSION *ext = X509_get_ext(x, 0);
    assert_int_equal(
        OBJ_obj2nid(X509_EXTENSION_get_object(ext)), NID_basic_constraints);
    assert_int_equal(X509_EXTENSION_get_critical(ext), 1);
    assert_int_equal(X509_verify(x, X509_get0_pubkey(x)), 1);
    assert_int_equal(X509_self_signed(x, 1), 1);
    X509_free(x);
}

static void
test_now_spans_thirty_days_each_way(void **state)
{
    uint8_t key[32] = { 0xab };
    uint8_t a[ION_METACERT_LEN];
    uint8_t b[ION_METACERT_LEN];
    (void)state;
    int64_t now = NOT_BEFORE + INT64_C(30) * 86400;
    assert_int_equal(ion_metacert_make_now(key, now, a), ION_OK);
    assert_int_equal(ion_metacert_make_now(key, now, b), ION_OK);
    assert_memory_equal(a + 111, "260723120000Z", 13);
    assert_memory_equal(a + 126, "260921120000Z", 13);
    assert_memory_not_equal(a + 235, b + 235, 32); /* a fresh key each time */
}

static void
test_dates_that_do_not_fit(void **state)
{
    static const struct {
        int64_t from;
        int64_t to;
        ion_err_t want;
    } cases[] = {
        { 0, INT64_C(2524607999), ION_OK },
        { -1, 1, ION_RANGE },
        { 0, INT64_C(2524608000), ION_RANGE },
        { INT64_MIN, INT64_MAX, ION_RANGE },
    };
    uint8_t key[32] = { 0 };
    uint8_t out[ION_METACERT_LEN];
    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(cases); i++) {
        assert_int_equal(
            ion_metacert_make(key, key, cases[i].from, cases[i].to, out),
            cases[i].want);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes_are_the_published_ones),
        cmocka_unit_test(test_T10_it_is_a_certificate_with_one_extension),
        cmocka_unit_test(test_now_spans_thirty_days_each_way),
        cmocka_unit_test(test_dates_that_do_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
