/*
 * test_box.c -- boxes, against the vectors of the protocol.
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

#include "base/hex.h"
#include "crypto/box.h"
#include "crypto/hash.h"
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

/* Boxes of whole frames, with the header and the client's key cut off. */
static const struct {
    int from;
    int to;
    const char *nonce;
    const char *json;
    const char *box;
} vectors[] = {
    { A, S, "a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7",
        "{\"version\":2,\"CanAckPings\":true}",
        "a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b717de701d"
        "87b44c624c5baf9ced5eb7637290998345c4f87919ad718cb15f3acb"
        "c7681a0deb13a91b1cc6e58f566b0057" },
    { S, A, "c0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7",
        "{\"version\":2}",
        "c0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d72a89115f"
        "509c63c25c2e0364c0785f651383647884a485efd35195b60a" },
    { B, S, "a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7",
        "{\"meshKey\":\"0123456789abcdef0123456789abcdef0123456789abcdef"
        "0123456789abcdef\",\"version\":2,\"CanAckPings\":false}",
        "a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7a85fecee"
        "3a0ff2b1028384d7736d735d5bccce722cbeff834b5058ffdb686728"
        "e4c7e37b8adcc7b7e7fec95a67d5eab1ad86f1dd20c0a427667f7ba3"
        "90f7ac668e0977ca41f7c58b1a4e7fe26d7531dbd8bee423a1ac0fb0"
        "30a66c349138e1f7b52926202ce5db7cc38dd230f5ab293346ad8963"
        "79e19dd060fa013880c4" },
};

static void
make_shared(int ours, int theirs, uint8_t shared[ION_BOX_SHARED_LEN])
{
    ion_secret_key_t secret = secret_of(ours);
    ion_key_t peer = public_of(theirs);
    assert_int_equal(ion_box_shared(&secret, &peer, shared), ION_OK);
}

static void
test_shared_secret(void **state)
{
    uint8_t want[ION_BOX_SHARED_LEN];
    uint8_t of_a[ION_BOX_SHARED_LEN];
    uint8_t of_s[ION_BOX_SHARED_LEN];
    static const uint8_t zero[ION_BOX_SHARED_LEN];

    (void)state;
    assert_int_equal(ion_hex_decode(want, sizeof(want),
                         ION_STR("429b61f5d96e37268dfc5114849d599c"
                                 "9ceabffdb68c1f52cd0499af30f5b377")),
        ION_OK);
    make_shared(A, S, of_a);
    make_shared(S, A, of_s);
    assert_memory_equal(of_a, want, sizeof(want));
    assert_memory_equal(of_s, want, sizeof(want));
    ion_box_wipe(of_a);
    assert_memory_equal(of_a, zero, sizeof(zero));
}

static void
test_vectors_seal_and_open(void **state)
{
    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(vectors); i++) {
        uint8_t shared[ION_BOX_SHARED_LEN];
        uint8_t nonce[ION_BOX_NONCE_LEN];
        uint8_t want[256];
        uint8_t got[256];
        size_t n = strlen(vectors[i].json);

        make_shared(vectors[i].from, vectors[i].to, shared);
        assert_int_equal(ion_hex_decode(nonce, sizeof(nonce),
                             ion_str_from(vectors[i].nonce)),
            ION_OK);
        assert_int_equal(ion_hex_decode(want, n + ION_BOX_OVERHEAD,
                             ion_str_from(vectors[i].box)),
            ION_OK);
        ion_box_seal_nonce(shared, nonce, vectors[i].json, n, got);
        assert_memory_equal(got, want, n + ION_BOX_OVERHEAD);

        make_shared(vectors[i].to, vectors[i].from, shared);
        assert_int_equal(
            ion_box_open(shared, want, n + ION_BOX_OVERHEAD, got), ION_OK);
        assert_memory_equal(got, vectors[i].json, n);
    }
}

static void
test_round_trip_of_all_sizes(void **state)
{
    static const size_t sizes[] = { 0, 1, 15, 16, 17, 64, 1000, 262144 };
    uint8_t shared[ION_BOX_SHARED_LEN];

    (void)state;
    make_shared(A, B, shared);
    for (size_t i = 0; i < ION_ARRAY_LEN(sizes); i++) {
        size_t n = sizes[i];
        uint8_t *msg = malloc(n + 1);
        uint8_t *one = malloc(n + ION_BOX_OVERHEAD);
        uint8_t *two = malloc(n + ION_BOX_OVERHEAD);
        uint8_t *back = malloc(n + 1);
        memset(msg, 'm', n + 1);
        ion_box_seal(shared, msg, n, one);
        ion_box_seal(shared, msg, n, two);
        assert_memory_not_equal(one, two, ION_BOX_NONCE_LEN);
        assert_int_equal(
            ion_box_open(shared, one, n + ION_BOX_OVERHEAD, back), ION_OK);
        assert_memory_equal(back, msg, n);
        free(msg);
        free(one);
        free(two);
        free(back);
    }
}

static void
test_forged_and_short_boxes_are_refused(void **state)
{
    uint8_t shared[ION_BOX_SHARED_LEN];
    uint8_t box[ION_BOX_OVERHEAD + 5];
    uint8_t out[8];

    (void)state;
    make_shared(A, S, shared);
    ion_box_seal(shared, "hello", 5, box);
    for (size_t bit = 0; bit < sizeof(box) * 8; bit++) {
        box[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(ion_box_open(shared, box, sizeof(box), out), ION_MALF);
        box[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t n = 0; n < sizeof(box); n++) {
        assert_int_equal(ion_box_open(shared, box, n, out), ION_MALF);
    }
    assert_int_equal(ion_box_open(shared, box, sizeof(box), out), ION_OK);
    make_shared(B, S, shared);
    assert_int_equal(ion_box_open(shared, box, sizeof(box), out), ION_MALF);
}

static void
test_small_order_peers_are_refused(void **state)
{
    static const uint8_t zero[ION_BOX_SHARED_LEN];
    ion_secret_key_t secret = secret_of(S);
    uint8_t shared[ION_BOX_SHARED_LEN];

    (void)state;
    for (uint8_t first = 0; first <= 1; first++) {
        ion_key_t peer = { { first } };
        memset(shared, 0xff, sizeof(shared));
        assert_int_equal(ion_box_shared(&secret, &peer, shared), ION_MALF);
        assert_memory_equal(shared, zero, sizeof(zero));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shared_secret),
        cmocka_unit_test(test_vectors_seal_and_open),
        cmocka_unit_test(test_round_trip_of_all_sizes),
        cmocka_unit_test(test_forged_and_short_boxes_are_refused),
        cmocka_unit_test(test_small_order_peers_are_refused),
    };
    return cmocka_run_group_tests(tests, init, NULL);
}
