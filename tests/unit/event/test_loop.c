/*
 * test_loop.c -- turns, timers, tasks, hooks and reaping on a fake clock.
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

#include "event/loop.h"

#define START ION_SEC(100)

static char trace[256];

static void
note(char ch)
{
    size_t n = strlen(trace);
    assert_true(n + 1 < sizeof(trace));
    trace[n] = ch;
    trace[n + 1] = '\0';
}

static ion_loop_t *
new_loop(void)
{
    ion_loop_t *loop = NULL;
    trace[0] = '\0';
    assert_int_equal(ion_loop_new_fake(START, &loop), ION_OK);
    return loop;
}

typedef struct thing {
    ion_loop_t *loop;
    ion_timer_t timer;
    ion_task_t task;
    ion_io_t io;
    ion_reap_t reap;
    struct thing *other;
    char name;
    ion_mono_t fired_at;
    ion_mono_t again_in;
    uint32_t seen;
} thing_t;

static void
on_timer(ion_timer_t *timer)
{
    thing_t *t = ION_CONTAINER_OF(timer, thing_t, timer);
    note(t->name);
    t->fired_at = ion_loop_now(t->loop);
    if (t->again_in > 0) {
        ion_timer_set(t->loop, timer, ion_loop_now(t->loop) + t->again_in);
    }
}

static void
test_timers_fire_in_order_at_their_time(void **state)
{
    (void)state;
    ion_loop_t *loop = new_loop();
    thing_t a = { .loop = loop, .name = 'a' };
    thing_t b = { .loop = loop, .name = 'b' };
    thing_t c = { .loop = loop, .name = 'c' };
    ion_timer_init(&a.timer, on_timer);
    ion_timer_init(&b.timer, on_timer);
    ion_timer_init(&c.timer, on_timer);
    ion_timer_set(loop, &a.timer, START + ION_MS(30));
    ion_timer_set(loop, &b.timer, START + ION_MS(10));
    ion_timer_set(loop, &c.timer, START + ION_MS(20));
    ion_timer_cancel(loop, &c.timer);
    ion_timer_set(loop, &a.timer, START + ION_MS(40)); /* moved */
    assert_int_equal(ion_loop_advance(loop, ION_MS(39)), ION_OK);
    assert_string_equal(trace, "b");
    assert_int_equal(b.fired_at, START + ION_MS(10));
    assert_false(b.timer.is_set);
    assert_true(a.timer.is_set);
    assert_int_equal(ion_loop_advance(loop, ION_MS(1)), ION_OK);
    assert_string_equal(trace, "ba");
    assert_int_equal(ion_loop_now(loop), START + ION_MS(40));
    ion_loop_free(&loop);
    assert_null(loop);
}

static void
test_timer_set_again_by_its_callback(void **state)
{
    (void)state;
    ion_loop_t *loop = new_loop();
    thing_t a = { .loop = loop, .name = 'a', .again_in = ION_SEC(1) };
    ion_timer_init(&a.timer, on_timer);
    ion_timer_set(loop, &a.timer, START + ION_SEC(1));
    assert_int_equal(ion_loop_advance(loop, ION_SEC(5)), ION_OK);
    assert_string_equal(trace, "aaaaa");
    ion_timer_cancel(loop, &a.timer);
    assert_int_equal(ion_loop_advance(loop, ION_SEC(5)), ION_OK);
    assert_string_equal(trace, "aaaaa");
    ion_loop_free(&loop);
}

static void
on_restless_task(ion_task_t *task)
{
    thing_t *t = ION_CONTAINER_OF(task, thing_t, task);
    ion_loop_defer(t->loop, task);
}

static void
test_work_that_never_rests_is_an_error_not_a_hang(void **state)
{
    (void)state;
    ion_loop_t *loop = new_loop();
    thing_t a = { .loop = loop };
    ion_task_init(&a.task, on_restless_task);
    ion_loop_defer(loop, &a.task);
    assert_int_equal(ion_loop_advance(loop, 0), ION_LIMIT);
    ion_task_cancel(&a.task);
    assert_int_equal(ion_loop_advance(loop, 0), ION_OK);
    ion_loop_free(&loop);
}

static void
on_task(ion_task_t *task)
{
    thing_t *t = ION_CONTAINER_OF(task, thing_t, task);
    note(t->name);
    if (t->other != NULL) {
        ion_loop_defer(t->loop, &t->other->task);
    }
}

static void
test_task_deferred_by_a_task_waits_a_turn(void **state)
{
    (void)state;
    ion_loop_t *loop = new_loop();
    thing_t b = { .loop = loop, .name = 'b' };
    thing_t a = { .loop = loop, .name = 'a', .other = &b };
    ion_task_init(&a.task, on_task);
    ion_task_init(&b.task, on_task);
    ion_loop_defer(loop, &a.task);
    ion_loop_defer(loop, &a.task); /* once is enough */
    unsigned served = 0;
    assert_int_equal(ion_loop_turn(loop, false, &served), ION_OK);
    assert_string_equal(trace, "a");
    assert_int_equal(served, 1);
    assert_int_equal(ion_loop_turn(loop, false, &served), ION_OK);
    assert_string_equal(trace, "ab");
    ion_loop_defer(loop, &b.task);
    ion_task_cancel(&b.task);
    assert_int_equal(ion_loop_turn(loop, false, &served), ION_OK);
    assert_string_equal(trace, "ab");
    ion_loop_free(&loop);
}

typedef struct test_hook {
    ion_loop_hook_t hook;
    ion_loop_t *loop;
    char name;
    bool may;
    struct test_hook *deletes;
} test_hook_t;

static void
hook_end(ion_loop_hook_t *hook)
{
    test_hook_t *h = ION_CONTAINER_OF(hook, test_hook_t, hook);
    note(h->name);
    if (h->deletes != NULL) {
        ion_loop_hook_del(h->loop, &h->deletes->hook);
        h->deletes = NULL;
    }
}

static bool
hook_may_sleep(ion_loop_hook_t *hook)
{
    note('?');
    return ION_CONTAINER_OF(hook, test_hook_t, hook)->may;
}

static void
hook_awake(ion_loop_hook_t *hook)
{
    (void)hook;
    note('!');
}

static void
test_hooks_run_in_order_and_may_delete_each_other(void **state)
{
    (void)state;
    ion_loop_t *loop = new_loop();
    test_hook_t a = { .loop = loop, .name = 'a' };
    test_hook_t b = { .loop = loop, .name = 'b' };
    test_hook_t c = { .loop = loop, .name = 'c' };
    test_hook_t never = { .loop = loop };
    a.hook.end_of_turn = hook_end;
    b.hook.end_of_turn = hook_end;
    c.hook.end_of_turn = hook_end;
    a.deletes = &b;
    ion_loop_hook_add(loop, &a.hook);
    ion_loop_hook_add(loop, &b.hook);
    ion_loop_hook_add(loop, &c.hook);
    ion_loop_hook_del(loop, &never.hook); /* never added */
    assert_int_equal(ion_loop_turn(loop, false, NULL), ION_OK);
    assert_string_equal(trace, "ac");
    c.deletes = &c;
    assert_int_equal(ion_loop_turn(loop, false, NULL), ION_OK);
    assert_int_equal(ion_loop_turn(loop, false, NULL), ION_OK);
    assert_string_equal(trace, "acaca");
    ion_loop_free(&loop);
}

static void
test_real_loop_asks_before_it_sleeps(void **state)
{
    (void)state;
    ion_loop_t *loop = NULL;
    trace[0] = '\0';
    assert_int_equal(ion_loop_new(&loop), ION_OK);
    test_hook_t a = { .loop = loop, .may = false };
    a.hook.may_sleep = hook_may_sleep;
    a.hook.awake = hook_awake;
    ion_loop_hook_add(loop, &a.hook);
    /* "no" polls: without it this would block for ever */
    assert_int_equal(ion_loop_turn(loop, true, NULL), ION_OK);
    assert_string_equal(trace, "?!");
    thing_t t = { .loop = loop, .name = 't' };
    ion_timer_init(&t.timer, on_timer);
    a.may = true;
    ion_mono_t due = ion_loop_now(loop) + ION_MS(5);
    ion_timer_set(loop, &t.timer, due);
    assert_int_equal(ion_loop_turn(loop, true, NULL), ION_OK);
    assert_string_equal(trace, "?!?!t");
    assert_true(t.fired_at >= due);
    /* a poll asks nobody */
    assert_int_equal(ion_loop_turn(loop, false, NULL), ION_OK);
    assert_string_equal(trace, "?!?!t");
    ion_loop_free(&loop);
}

static void
test_heartbeat_counts_turns_and_shows_business(void **state)
{
    (void)state;
    _Atomic uint64_t beat = 0;
    _Atomic uint32_t busy = 0;
    ion_loop_t *loop = new_loop();
    ion_loop_set_heartbeat(loop, &beat, &busy);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(ion_loop_turn(loop, false, NULL), ION_OK);
    }
    assert_int_equal(beat, 3);
    assert_int_equal(busy, 1);
    ion_loop_set_heartbeat(loop, NULL, NULL);
    assert_int_equal(ion_loop_turn(loop, false, NULL), ION_OK);
    assert_int_equal(beat, 3);
    ion_loop_free(&loop);
}

static void
on_io(ion_io_t *io, uint32_t events)
{
    thing_t *t = ION_CONTAINER_OF(io, thing_t, io);
    note(t->name);
    t->seen = events;
    if (t->other != NULL) {
        ion_io_del(t->loop, &t->other->io);
        t->other->io.magic = 0; /* as freed memory would look */
    }
}

static void
make_pair(int fds[2])
{
    assert_int_equal(
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
}

static void
test_io_reports_what_is_asked(void **state)
{
    (void)state;
    int fds[2];
    make_pair(fds);
    ion_loop_t *loop = new_loop();
    thing_t t = { .loop = loop, .name = 'x' };
    ion_io_init(&t.io, fds[0], on_io);
    assert_int_equal(ion_io_add(loop, &t.io, ION_IO_READ), ION_OK);
    assert_int_equal(ion_loop_turn(loop, false, NULL), ION_OK);
    assert_string_equal(trace, "");
    assert_int_equal(write(fds[1], "a", 1), 1);
    assert_int_equal(ion_loop_turn(loop, false, NULL), ION_OK);
    assert_int_equal(t.seen, ION_IO_READ);
    assert_int_equal(ion_io_mod(loop, &t.io, ION_IO_WRITE), ION_OK);
    assert_int_equal(ion_loop_turn(loop, false, NULL), ION_OK);
    assert_int_equal(t.seen, ION_IO_WRITE);
    /* 0: not even the end; HUP alone: the end and nothing else */
    assert_int_equal(ion_io_mod(loop, &t.io, ION_IO_HUP), ION_OK);
    assert_int_equal(ion_loop_turn(loop, false, NULL), ION_OK);
    assert_string_equal(trace, "xx");
    assert_int_equal(ion_io_mod(loop, &t.io, 0), ION_OK);
    close(fds[1]);
    assert_int_equal(ion_loop_turn(loop, false, NULL), ION_OK);
    assert_string_equal(trace, "xx");
    assert_int_equal(ion_io_mod(loop, &t.io, ION_IO_HUP), ION_OK);
    assert_int_equal(ion_loop_turn(loop, false, NULL), ION_OK);
    assert_int_equal(t.seen, ION_IO_HUP);
    ion_io_del(loop, &t.io);
    ion_io_del(loop, &t.io); /* twice is harmless */
    assert_int_equal(ion_loop_turn(loop, false, NULL), ION_OK);
    assert_string_equal(trace, "xxx");
    close(fds[0]);
    ion_loop_free(&loop);
}

static void
test_hangup_brings_all_bits_asked_for(void **state)
{
    (void)state;
    int fds[2];
    make_pair(fds);
    ion_loop_t *loop = new_loop();
    thing_t t = { .loop = loop, .name = 'x' };
    ion_io_init(&t.io, fds[0], on_io);
    assert_int_equal(
        ion_io_add(loop, &t.io, ION_IO_READ | ION_IO_WRITE), ION_OK);
    close(fds[1]);
    assert_int_equal(ion_loop_turn(loop, false, NULL), ION_OK);
    assert_int_equal(t.seen, ION_IO_READ | ION_IO_WRITE | ION_IO_HUP);
    ion_io_del(loop, &t.io);
    close(fds[0]);
    ion_loop_free(&loop);
}

static void
test_io_deleted_in_the_turn_gets_no_event(void **state)
{
    (void)state;
    int p[2];
    int q[2];
    make_pair(p);
    make_pair(q);
    ion_loop_t *loop = new_loop();
    thing_t a = { .loop = loop, .name = 'x' };
    thing_t b = { .loop = loop, .name = 'x', .other = &a };
    a.other = &b; /* whoever runs first removes the other */
    ion_io_init(&a.io, p[0], on_io);
    ion_io_init(&b.io, q[0], on_io);
    assert_int_equal(ion_io_add(loop, &a.io, ION_IO_WRITE), ION_OK);
    assert_int_equal(ion_io_add(loop, &b.io, ION_IO_WRITE), ION_OK);
    assert_int_equal(ion_loop_turn(loop, false, NULL), ION_OK);
    assert_string_equal(trace, "x");
    ion_io_del(loop, a.io.magic == 0 ? &b.io : &a.io);
    for (int i = 0; i < 2; i++) {
        close(p[i]);
        close(q[i]);
    }
    ion_loop_free(&loop);
}

static void
on_reap(ion_reap_t *reap)
{
    thing_t *t = ION_CONTAINER_OF(reap, thing_t, reap);
    note('r');
    free(t);
}

static void
on_reaping_task(ion_task_t *task)
{
    thing_t *t = ION_CONTAINER_OF(task, thing_t, task);
    note('t');
    ion_loop_reap(t->loop, &t->reap, on_reap);
    t->name = 'z'; /* still ours until the turn ends */
}

static void
test_reaping_comes_after_the_hooks(void **state)
{
    (void)state;
    ion_loop_t *loop = new_loop();
    test_hook_t h = { .loop = loop, .name = 'h' };
    h.hook.end_of_turn = hook_end;
    ion_loop_hook_add(loop, &h.hook);
    thing_t *t = calloc(1, sizeof(*t));
    assert_non_null(t);
    t->loop = loop;
    ion_task_init(&t->task, on_reaping_task);
    ion_loop_defer(loop, &t->task);
    assert_int_equal(ion_loop_turn(loop, false, NULL), ION_OK);
    assert_string_equal(trace, "thr");
    ion_loop_hook_del(loop, &h.hook);
    /* what waits when the loop is freed is reaped, too */
    t = calloc(1, sizeof(*t));
    assert_non_null(t);
    ion_loop_reap(loop, &t->reap, on_reap);
    ion_loop_free(&loop);
    assert_string_equal(trace, "thrr");
}

static void
on_stop(ion_timer_t *timer)
{
    thing_t *t = ION_CONTAINER_OF(timer, thing_t, timer);
    ion_loop_stop(t->loop);
}

static void
test_run_until_stopped(void **state)
{
    (void)state;
    ion_loop_t *loop = NULL;
    assert_int_equal(ion_loop_new(&loop), ION_OK);
    thing_t t = { .loop = loop };
    ion_timer_init(&t.timer, on_stop);
    ion_timer_set(loop, &t.timer, ion_loop_now(loop) + ION_MS(1));
    assert_int_equal(ion_loop_run(loop), ION_OK);
    ion_loop_free(&loop);
    loop = new_loop();
    assert_int_equal(ion_loop_run(loop), ION_INTERNAL);
    ion_loop_free(&loop);
}

static void
test_a_turn_serves_a_bounded_number_of_timers(void **state)
{
    enum { MANY = 600 };
    (void)state;
    ion_loop_t *loop = new_loop();
    static thing_t things[MANY];
    unsigned total = 0;
    unsigned turns = 0;
    for (size_t i = 0; i < MANY; i++) {
        things[i] = (thing_t){ .loop = loop };
        ion_timer_init(&things[i].timer, on_stop);
        ion_timer_set(loop, &things[i].timer, START);
    }
    while (total < MANY && turns < 10) {
        unsigned served = 0;
        assert_int_equal(ion_loop_turn(loop, false, &served), ION_OK);
        assert_true(served <= 256);
        total += served;
        turns++;
    }
    assert_int_equal(total, MANY);
    assert_int_equal(turns, 3);
    ion_loop_free(&loop);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_timers_fire_in_order_at_their_time),
        cmocka_unit_test(test_timer_set_again_by_its_callback),
        cmocka_unit_test(test_work_that_never_rests_is_an_error_not_a_hang),
        cmocka_unit_test(test_task_deferred_by_a_task_waits_a_turn),
        cmocka_unit_test(test_hooks_run_in_order_and_may_delete_each_other),
        cmocka_unit_test(test_real_loop_asks_before_it_sleeps),
        cmocka_unit_test(test_heartbeat_counts_turns_and_shows_business),
        cmocka_unit_test(test_io_reports_what_is_asked),
        cmocka_unit_test(test_hangup_brings_all_bits_asked_for),
        cmocka_unit_test(test_io_deleted_in_the_turn_gets_no_event),
        cmocka_unit_test(test_reaping_comes_after_the_hooks),
        cmocka_unit_test(test_run_until_stopped),
        cmocka_unit_test(test_a_turn_serves_a_bounded_number_of_timers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
