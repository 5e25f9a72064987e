/*
 * test_ring.c -- the byte ring, and consumers of corrupt ones.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "shm/ring.h"

#define SIZE 4096

static ion_ring_words_t words;
static _Alignas(64) uint8_t data[SIZE];
static ion_ring_t tx;
static ion_ring_t rx;

static int
start(void **state)
{
    (void)state;
    memset(&words, 0, sizeof(words));
    memset(data, 0xee, sizeof(data));
    assert_int_equal(ion_ring_init_tx(&tx, &words, data, SIZE), ION_OK);
    assert_int_equal(ion_ring_init_rx(&rx, &words, data, SIZE), ION_OK);
    return 0;
}

static bool
put(uint32_t kind, const void *payload, size_t len, uint64_t limit)
{
    uint8_t *to = ion_ring_reserve(&tx, ION_RING_HEADER + len, limit);
    if (to == NULL) {
        return false;
    }
    assert_true(to >= data && to + ION_RING_HEADER + len <= data + SIZE);
    ion_ring_header_t h = { .len = (uint32_t)(ION_RING_HEADER + len),
        .kind = kind };
    memcpy(to, &h, sizeof(h));
    memcpy(to + sizeof(h), payload, len);
    ion_ring_commit(&tx);
    return true;
}

static ion_err_t
get(uint32_t *kind, uint8_t *out, size_t *len)
{
    ion_ring_header_t h;
    const uint8_t *payload;
    ion_err_t rc = ion_ring_peek(&rx, &h, &payload, len);
    if (rc == ION_OK) {
        *kind = h.kind;
        memcpy(out, payload, *len);
        ion_ring_consume(&rx);
    }
    return rc;
}

/* Records of every length, many times round the ring. */
static void
test_lengths(void **state)
{
    (void)state;
    uint8_t in[SIZE];
    uint8_t out[SIZE];
    uint32_t kind = 0;
    size_t len = 0;
    for (uint32_t round = 1; round < 3000; round++) {
        size_t n = (round * 37) % 1900;
        memset(in, (int)round, sizeof(in));
        assert_true(put(round, in, n, SIZE));
        assert_int_equal(get(&kind, out, &len), ION_AGAIN);
        assert_true(ion_ring_publish(&tx));
        assert_false(ion_ring_publish(&tx));
        assert_true(ion_ring_has_input(&rx));
        assert_int_equal(get(&kind, out, &len), ION_OK);
        assert_int_equal(kind, round);
        assert_int_equal(len, n);
        assert_memory_equal(in, out, n);
        assert_int_equal(get(&kind, out, &len), ION_AGAIN);
        assert_true(ion_ring_release(&rx));
        assert_false(ion_ring_release(&rx));
        assert_int_equal(ion_ring_used(&tx), 0);
    }
}

static void
test_full(void **state)
{
    (void)state;
    uint8_t out[64];
    uint32_t kind;
    size_t len;
    for (int i = 0; i < SIZE / 64; i++) {
        assert_true(put(1, "", 0, SIZE));
    }
    assert_false(put(1, "", 0, SIZE));
    assert_int_equal(ion_ring_used(&tx), SIZE);
    ion_ring_publish(&tx);
    assert_int_equal(get(&kind, out, &len), ION_OK);
    /* consumed is not yet released */
    assert_false(put(1, "", 0, SIZE));
    ion_ring_release(&rx);
    assert_true(put(1, "", 0, SIZE));
    assert_false(put(1, "", 0, SIZE));
}

static void
test_limit(void **state)
{
    (void)state;
    uint8_t payload[960] = { 0 };
    assert_true(put(1, payload, 960, SIZE / 2));
    assert_true(put(1, payload, 960, SIZE / 2));
    assert_false(put(1, "", 0, SIZE / 2));
    assert_true(put(1, "", 0, SIZE));
}

/* A record that does not fit before the end starts at the beginning, and the
 * bytes it skips count as used. */
static void
test_filler(void **state)
{
    (void)state;
    uint8_t in[2048];
    uint8_t out[2048];
    uint32_t kind;
    size_t len;
    memset(in, 7, sizeof(in));
    for (int i = 0; i < 3; i++) {
        assert_true(put(1, in, 960, SIZE));
    }
    ion_ring_publish(&tx);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(get(&kind, out, &len), ION_OK);
    }
    ion_ring_release(&rx);
    assert_true(put(9, in, 1500, SIZE));
    assert_int_equal(ion_ring_used(&tx), 1024 + 1600);
    ion_ring_publish(&tx);
    assert_int_equal(get(&kind, out, &len), ION_OK);
    assert_int_equal(kind, 9);
    assert_int_equal(len, 1500);
    assert_memory_equal(in, out, 1500);
    ion_ring_release(&rx);
    assert_int_equal(ion_ring_used(&tx), 0);
}

static void
write_header(uint64_t at, uint32_t len, uint32_t kind)
{
    ion_ring_header_t h = { .len = len, .kind = kind };
    memcpy(data + at, &h, sizeof(h));
}

/* What a corrupt producer may write, and what its reader must say. */
static void
test_corrupt_producer(void **state)
{
    (void)state;
    static const struct {
        uint64_t tail;
        uint64_t at; /* both ends start here */
        uint32_t len;
        uint32_t kind;
        ion_err_t rc;
    } cases[] = {
        { 64, 0, 64, 1, ION_OK }, { 128, 0, 65, 1, ION_OK },
        { 64, 0, 63, 1, ION_MALF }, { 64, 0, 0, 1, ION_MALF },
        { 64, 0, 65, 1, ION_MALF }, { 64, 0, UINT32_MAX, 1, ION_MALF },
        { 64, 0, UINT32_MAX - 62, 1, ION_MALF },
        { 63, 0, 64, 1, ION_MALF },              /* not aligned */
        { SIZE + 64, 0, 64, 1, ION_MALF },       /* more than the ring holds */
        { UINT64_MAX - 63, 0, 64, 1, ION_MALF }, /* backwards */
        { 4096 + 64, 4032, 128, 1, ION_MALF },   /* over the end */
        { 4096 + 64, 4032, 64, 0, ION_MALF },    /* filler, then filler */
        { 64, 0, 64, 0, ION_MALF },              /* filler not to the end */
        { 4096, 4032, 64, 0, ION_AGAIN },        /* filler, then nothing */
        { 4096, 4032, 4096, 0, ION_MALF },       /* filler over the tail */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        memset(data, 0, sizeof(data));
        atomic_store(&words.head, cases[i].at);
        atomic_store(&words.tail, cases[i].at);
        assert_int_equal(ion_ring_init_rx(&rx, &words, data, SIZE), ION_OK);
        write_header(cases[i].at, cases[i].len, cases[i].kind);
        atomic_store(&words.tail, cases[i].tail);
        ion_ring_header_t h;
        const uint8_t *payload;
        size_t len;
        assert_int_equal(ion_ring_peek(&rx, &h, &payload, &len), cases[i].rc);
    }
}

static void
test_tail_runs_backwards(void **state)
{
    (void)state;
    uint8_t out[64];
    uint32_t kind;
    size_t len;
    assert_true(put(1, "", 0, SIZE) && put(1, "", 0, SIZE));
    ion_ring_publish(&tx);
    assert_int_equal(get(&kind, out, &len), ION_OK);
    assert_int_equal(get(&kind, out, &len), ION_OK);
    atomic_store(&words.tail, 64);
    assert_int_equal(get(&kind, out, &len), ION_MALF);
}

/* A head that cannot be frees nothing. */
static void
test_corrupt_consumer(void **state)
{
    (void)state;
    static const uint64_t heads[] = { 1, 8192, UINT64_MAX - 63, SIZE + 64 };
    for (int i = 0; i < SIZE / 64; i++) {
        assert_true(put(1, "", 0, SIZE));
    }
    ion_ring_publish(&tx);
    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
        atomic_store(&words.head, heads[i]);
        assert_int_equal(ion_ring_used(&tx), SIZE);
        assert_false(put(1, "", 0, SIZE));
    }
    atomic_store(&words.head, 128);
    assert_int_equal(ion_ring_used(&tx), SIZE - 128);
    atomic_store(&words.head, 64); /* back again */
    assert_int_equal(ion_ring_used(&tx), SIZE - 128);
}

static void
test_refused_words(void **state)
{
    (void)state;
    atomic_store(&words.tail, 64);
    atomic_store(&words.head, 128);
    assert_int_equal(ion_ring_init_tx(&tx, &words, data, SIZE), ION_MALF);
    assert_int_equal(ion_ring_init_rx(&rx, &words, data, SIZE), ION_MALF);
    atomic_store(&words.head, 1);
    assert_int_equal(ion_ring_init_rx(&rx, &words, data, SIZE), ION_MALF);
    atomic_store(&words.head, 0);
    assert_int_equal(ion_ring_init_rx(&rx, &words, data, SIZE), ION_OK);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_lengths, start),
        cmocka_unit_test_setup(test_full, start),
        cmocka_unit_test_setup(test_limit, start),
        cmocka_unit_test_setup(test_filler, start),
        cmocka_unit_test_setup(test_corrupt_producer, start),
        cmocka_unit_test_setup(test_tail_runs_backwards, start),
        cmocka_unit_test_setup(test_corrupt_consumer, start),
        cmocka_unit_test_setup(test_refused_words, start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
