/*
 * test_event_nomem.c -- no memory at any point: errors, no leak, no crash.
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sys/socket.h>
#include <unistd.h>

#include "event/listen.h"
#include "event/loop.h"
#include "event/stream.h"
#include "event/udp.h"
#include "lib/failk.h"

static void
test_loop_new_fails_cleanly_for_every_k(void **state)
{
    unsigned k = 0;
    bool failed = true;
    (void)state;
    for (; failed && k < 100; k++) {
        ion_loop_t *loop = NULL;
        failk_arm(k);
        ion_err_t rc = ion_loop_new_fake(1, &loop);
        failed = failk_disarm();
        assert_int_equal(rc, failed ? ION_NOMEM : ION_OK);
        assert_true((loop == NULL) == failed);
        ion_loop_free(&loop);
    }
    assert_in_range(k, 2, 20);
}

typedef struct counted {
    ion_timer_t timer;
    unsigned *fired;
} counted_t;

static void
count_fired(ion_timer_t *timer)
{
    (*ION_CONTAINER_OF(timer, counted_t, timer)->fired)++;
}

static void
test_a_timer_is_set_even_without_memory(void **state)
{
    enum { TIMERS = 200 };
    static counted_t timers[TIMERS];
    (void)state;
    for (unsigned k = 0; k < 12; k++) {
        ion_loop_t *loop = NULL;
        unsigned fired = 0;
        assert_int_equal(ion_loop_new_fake(0, &loop), ION_OK);
        failk_arm(k);
        for (unsigned i = 0; i < TIMERS; i++) {
            timers[i].fired = &fired;
            ion_timer_init(&timers[i].timer, count_fired);
            ion_timer_set(loop, &timers[i].timer, 1000 - i);
            assert_true(timers[i].timer.is_set);
        }
        (void)failk_disarm();
        /* moved, cancelled and set again like any other */
        ion_timer_set(loop, &timers[7].timer, 2000);
        ion_timer_cancel(loop, &timers[9].timer);
        assert_int_equal(ion_loop_advance(loop, 1500), ION_OK);
        assert_int_equal(fired, TIMERS - 2);
        assert_int_equal(ion_loop_advance(loop, 1500), ION_OK);
        assert_int_equal(fired, TIMERS - 1);
        ion_loop_free(&loop);
    }
}

static void
test_small_things_fail_cleanly(void **state)
{
    int fds[2];
    int udp_fd = socket(AF_INET, SOCK_DGRAM, 0);
    ion_loop_t *loop = NULL;
    ion_stream_t *s = NULL;
    ion_listener_t *l = NULL;
    ion_udp_t *u = NULL;
    ion_listener_opts_t opts = { .name = "x" };
    (void)state;
    assert_int_equal(ion_loop_new_fake(1, &loop), ION_OK);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    failk_arm(0);
    assert_int_equal(ion_stream_new_plain(loop, fds[0], &s), ION_NOMEM);
    failk_arm(0);
    assert_int_equal(ion_listener_new(loop, fds[0], &opts, &l), ION_NOMEM);
    failk_arm(0);
    assert_int_equal(ion_udp_new(udp_fd, &u), ION_NOMEM);
    assert_true(failk_disarm());
    assert_null(s);
    assert_null(l);
    assert_null(u);
    assert_int_equal(ion_stream_new_plain(loop, fds[0], &s), ION_OK);
    failk_arm(0);
    assert_int_equal(ion_stream_write(s, "x", 1), ION_NOMEM);
    (void)failk_disarm();
    assert_int_equal(ion_stream_write(s, "x", 1), ION_OK);
    ion_stream_close(&s);
    close(fds[1]);
    close(udp_fd);
    ion_loop_free(&loop);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_loop_new_fails_cleanly_for_every_k),
        cmocka_unit_test(test_a_timer_is_set_even_without_memory),
        cmocka_unit_test(test_small_things_fail_cleanly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
