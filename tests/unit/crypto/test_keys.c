/*
 * test_keys.c -- key pairs, comparison, small orders, the short form.
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
#include "crypto/keys.h"
/* The protocol document's fixed keys: a server S and clients A and B. */
static const struct {
    const char *secret;
    const char *public;
    const char *short_form;
} fixed[] = {
    { "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e5f",
        "8f40c5adb68f25624ae5b214ea767a6ec94d829d3d7b5e1ad1ba6f3e2138285f",
        "[j0DFr]" },
    { "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e7f",
        "358072d6365880d1aeea329adf9121383851ed21a28e3b75e965d0d2cd166254",
        "[NYBy1]" },
    { "404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f",
        "79a631eede1bf9c98f12032cdeadd0e7a079398fc786b88cc846ec89af85a51a",
        "[eaYx7]" },
};

enum { S, A, B };

static ion_secret_key_t
secret_of(int who)
{
    ion_secret_key_t k;
    assert_int_equal(
        ion_hex_decode(k.b, sizeof(k.b), ion_str_from(fixed[who].secret)),
        ION_OK);
    return k;
}

static ion_key_t
public_of(int who)
{
    ion_key_t k;
    assert_int_equal(
        ion_hex_decode(k.b, sizeof(k.b), ion_str_from(fixed[who].public)),
        ION_OK);
    return k;
}

static int
init(void **state)
{
    (void)state;
    return ion_crypto_init() == ION_OK ? 0 : -1;
}

static void
test_public_keys_of_the_fixed_secrets(void **state)
{
    (void)state;
    for (int who = S; who <= B; who++) {
        ion_secret_key_t secret = secret_of(who);
        ion_key_t want = public_of(who);
        ion_key_t got;
        ion_key_public(&secret, &got);
        assert_memory_equal(got.b, want.b, ION_KEY_LEN);
    }
}

static void
test_new_pairs_are_clamped_and_differ(void **state)
{
    ion_key_t last = { { 0 } };

    (void)state;
    for (int i = 0; i < 100; i++) {
        ion_secret_key_t secret;
        ion_key_t pub;
        ion_key_t again;
        ion_key_generate(&secret, &pub);
        assert_int_equal(secret.b[0] & 7, 0);
        assert_int_equal(secret.b[31] & 0xc0, 0x40);
        ion_key_public(&secret, &again);
        assert_true(ion_key_eq(&pub, &again));
        assert_false(ion_key_eq(&pub, &last));
        assert_false(ion_key_is_small_order(&pub));
        last = pub;
    }
    ion_secret_key_t alone;
    ion_key_generate(&alone, NULL);
    assert_false(ion_secret_key_is_zero(&alone));
    ion_secret_key_wipe(&alone);
    assert_true(ion_secret_key_is_zero(&alone));
}

static void
test_comparison(void **state)
{
    ion_key_t a = public_of(A);
    ion_key_t zero = { { 0 } };

    (void)state;
    for (size_t i = 0; i < ION_KEY_LEN; i++) {
        ion_key_t other = a;
        other.b[i] ^= 1;
        assert_false(ion_key_eq(&a, &other));
        other = zero;
        other.b[i] = 1;
        assert_false(ion_key_is_zero(&other));
    }
    assert_true(ion_key_eq(&a, &a));
    assert_true(ion_key_is_zero(&zero));
    assert_true(ion_memeq("ab", "ab", 2));
    assert_false(ion_memeq("ab", "ac", 2));
    assert_true(ion_memeq("x", "y", 0));
}

/* All points of order 1, 2, 4 and 8, with their forms above the prime. */
static void
test_small_orders(void **state)
{
    static const char *const small[] = {
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0000000000000000000000000000000000000000000000000000000000000080",
    };

    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(small); i++) {
        ion_key_t key;
        assert_int_equal(
            ion_hex_decode(key.b, sizeof(key.b), ion_str_from(small[i])),
            ION_OK);
        if (!ion_key_is_small_order(&key)) {
            fail_msg("taken: %s", small[i]);
        }
    }
    for (int who = S; who <= B; who++) {
        ion_key_t key = public_of(who);
        assert_false(ion_key_is_small_order(&key));
    }
}

static void
test_short_form(void **state)
{
    char text[ION_KEY_SHORT_LEN];
    ion_key_t zero = { { 0 } };

    (void)state;
    for (int who = S; who <= B; who++) {
        ion_key_t key = public_of(who);
        ion_key_short(&key, text);
        assert_string_equal(text, fixed[who].short_form);
    }
    ion_key_short(&zero, text);
    assert_string_equal(text, "");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_public_keys_of_the_fixed_secrets),
        cmocka_unit_test(test_new_pairs_are_clamped_and_differ),
        cmocka_unit_test(test_comparison),
        cmocka_unit_test(test_small_orders),
        cmocka_unit_test(test_short_form),
    };
    return cmocka_run_group_tests(tests, init, NULL);
}
