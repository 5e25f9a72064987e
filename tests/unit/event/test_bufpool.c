/*
 * test_bufpool.c -- output queues and the pool behind them.
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sys/socket.h>
#include <unistd.h>

#include "event/bufpool.h"

static void
fill(uint8_t *p, size_t n, unsigned seed)
{
    for (size_t i = 0; i < n; i++) {
        p[i] = (uint8_t)(seed + i * 7 + (i >> 8));
    }
}

static void
test_memory_goes_back_when_empty(void **state)
{
    (void)state;
    ion_bufpool_t *pool = NULL;
    ion_outbuf_t ob = { 0 };
    int fds[2];
    uint8_t got[64];
    assert_int_equal(ion_bufpool_new(1 << 20, &pool), ION_OK);
    assert_int_equal(
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    assert_int_equal(ion_outbuf_send(pool, &ob, fds[0]), ION_OK);
    assert_int_equal(ion_bufpool_used(pool), 0);
    assert_int_equal(ion_outbuf_add(pool, &ob, "hello ", 6), ION_OK);
    assert_int_equal(ion_outbuf_add(pool, &ob, "world", 5), ION_OK);
    assert_int_equal(ion_outbuf_add(pool, &ob, NULL, 0), ION_OK);
    assert_int_equal(ion_outbuf_len(&ob), 11);
    assert_int_equal(ion_bufpool_used(pool), 2048);
    assert_int_equal(ion_outbuf_send(pool, &ob, fds[0]), ION_OK);
    assert_int_equal(ion_bufpool_used(pool), 0);
    assert_null(ob.mem);
    assert_int_equal(read(fds[1], got, sizeof(got)), 11);
    assert_memory_equal(got, "hello world", 11);
    close(fds[0]);
    close(fds[1]);
    ion_bufpool_free(&pool);
    assert_null(pool);
}

static void
test_bytes_survive_growth_and_partial_sends(void **state)
{
    enum { TOTAL = 3000000, STEP = 70001 };
    (void)state;
    ion_bufpool_t *pool = NULL;
    ion_outbuf_t ob = { 0 };
    int fds[2];
    uint8_t *sent = malloc(TOTAL);
    uint8_t *got = malloc(TOTAL);
    size_t put = 0;
    size_t taken = 0;
    unsigned partial = 0;
    assert_non_null(sent);
    assert_non_null(got);
    fill(sent, TOTAL, 3);
    assert_int_equal(ion_bufpool_new(8 << 20, &pool), ION_OK);
    assert_int_equal(
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    while (taken < TOTAL) {
        size_t n = ION_MIN((size_t)STEP, TOTAL - put);
        assert_int_equal(ion_outbuf_add(pool, &ob, sent + put, n), ION_OK);
        put += n;
        ion_err_t rc = ion_outbuf_send(pool, &ob, fds[0]);
        assert_true(rc == ION_OK || rc == ION_AGAIN);
        partial += rc == ION_AGAIN;
        ssize_t r = read(fds[1], got + taken, 50000);
        assert_true(r > 0);
        taken += (size_t)r;
    }
    assert_true(partial > 0);
    assert_memory_equal(sent, got, TOTAL);
    assert_int_equal(ion_bufpool_used(pool), 0);
    close(fds[0]);
    close(fds[1]);
    free(sent);
    free(got);
    ion_bufpool_free(&pool);
}

static void
test_limits_of_queue_and_pool(void **state)
{
    (void)state;
    ion_bufpool_t *pool = NULL;
    ion_outbuf_t a = { 0 };
    ion_outbuf_t b = { 0 };
    static uint8_t big[ION_OUTBUF_MAX];
    assert_int_equal(ion_bufpool_new(16 << 20, &pool), ION_OK);
    assert_int_equal(ion_outbuf_add(pool, &a, big, sizeof(big)), ION_OK);
    assert_int_equal(ion_outbuf_add(pool, &a, "x", 1), ION_NOMEM);
    assert_int_equal(ion_outbuf_len(&a), sizeof(big));
    ion_outbuf_drop(pool, &a);
    ion_outbuf_drop(pool, &a);
    assert_int_equal(ion_bufpool_used(pool), 0);
    ion_bufpool_free(&pool);
    /* a pool of 10 KiB: one queue of 8 KiB and one of 2 KiB fit */
    assert_int_equal(ion_bufpool_new(10240, &pool), ION_OK);
    assert_int_equal(ion_outbuf_add(pool, &a, big, 5000), ION_OK);
    assert_int_equal(ion_outbuf_add(pool, &b, big, 2000), ION_OK);
    assert_int_equal(ion_outbuf_add(pool, &b, big, 100), ION_NOMEM);
    assert_int_equal(ion_outbuf_len(&b), 2000);
    ion_outbuf_drop(pool, &a);
    assert_int_equal(ion_outbuf_add(pool, &b, big, 100), ION_OK);
    assert_int_equal(ion_bufpool_used(pool), 8192);
    ion_outbuf_drop(pool, &b);
    ion_bufpool_free(&pool);
}

static void
test_peer_gone(void **state)
{
    (void)state;
    ion_bufpool_t *pool = NULL;
    ion_outbuf_t ob = { 0 };
    int fds[2];
    assert_int_equal(ion_bufpool_new(1 << 20, &pool), ION_OK);
    assert_int_equal(
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    close(fds[1]);
    assert_int_equal(ion_outbuf_add(pool, &ob, "x", 1), ION_OK);
    assert_int_equal(ion_outbuf_send(pool, &ob, fds[0]), ION_CLOSED);
    assert_int_equal(ion_outbuf_send(pool, &ob, -1), ION_SYS);
    ion_outbuf_drop(pool, &ob);
    close(fds[0]);
    ion_bufpool_free(&pool);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory_goes_back_when_empty),
        cmocka_unit_test(test_bytes_survive_growth_and_partial_sends),
        cmocka_unit_test(test_limits_of_queue_and_pool),
        cmocka_unit_test(test_peer_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
