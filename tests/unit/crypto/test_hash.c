/*
 * test_hash.c -- SHA-256 and SHA-1 against FIPS 180-4.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/hex.h"
#include "crypto/hash.h"
static int
init(void **state)
{
    (void)state;
    return ion_crypto_init() == ION_OK ? 0 : -1;
}

static void
test_sha256_vectors(void **state)
{
    static const struct {
        const char *text;
        const char *digest;
    } cases[] = {
        { "", "e3b0c44298fc1c149afbf4c8996fb924"
              "27ae41e4649b934ca495991b7852b855" },
        { "abc", "ba7816bf8f01cfea414140de5dae2223"
                 "b00361a396177a9cb410ff61f20015ad" },
        { "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039"
            "a33ce45964ff2167f6ecedd419db06c1" },
    };

    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(cases); i++) {
        uint8_t digest[ION_SHA256_LEN];
        char hex[2 * ION_SHA256_LEN + 1] = "";
        ion_sha256(cases[i].text, strlen(cases[i].text), digest);
        ion_hex_encode(hex, digest, sizeof(digest));
        assert_string_equal(hex, cases[i].digest);
    }
}

static void
test_sha1_vectors(void **state)
{
    static const struct {
        const char *text;
        const char *digest;
    } cases[] = {
        { "", "da39a3ee5e6b4b0d3255bfef95601890afd80709" },
        { "abc", "a9993e364706816aba3e25717850c26c9cd0d89d" },
        { "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "84983e441c3bd26ebaae4aa1f95129e5e54670f1" },
    };

    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(cases); i++) {
        uint8_t digest[ION_SHA1_LEN];
        char hex[2 * ION_SHA1_LEN + 1] = "";

        assert_int_equal(
            ion_sha1(cases[i].text, strlen(cases[i].text), digest), ION_OK);
        ion_hex_encode(hex, digest, sizeof(digest));
        assert_string_equal(hex, cases[i].digest);
    }
}

static void
test_init_may_be_repeated(void **state)
{
    (void)state;
    assert_int_equal(ion_crypto_init(), ION_OK);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sha256_vectors),
        cmocka_unit_test(test_sha1_vectors),
        cmocka_unit_test(test_init_may_be_repeated),
    };
    return cmocka_run_group_tests(tests, init, NULL);
}
