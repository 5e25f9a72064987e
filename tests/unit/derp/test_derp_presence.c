/*
 * test_derp_presence.c -- what watchers are told, against a model that keeps
 * for each of them what it has been told so far.
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

#include "derp/derp_presence.h"
#include "proto/derp_frame.h"

#define CONNS 24u
#define KEYS  6u
#define MAX   100u

static const uint8_t seed[16] = "presence, seeded";
static derp_presence_t *t;

static int
setup(void **state)
{
    (void)state;
    return derp_presence_new(seed, MAX, &t) == ION_OK ? 0 : -1;
}

static int
teardown(void **state)
{
    (void)state;
    derp_presence_free(&t);
    assert_null(t);
    return 0;
}

static derp_present_t
conn_of(uint32_t n, uint32_t key)
{
    derp_present_t who = {
        .conn = { .record = n, .life = 1, .slot = (uint8_t)(n % 3) },
        .addr = { .family = 4, .port = (uint16_t)(1000 + n) },
        .flags = DERP_PRESENT_PROBER,
    };

    memset(who.key.b, (int)key + 1, sizeof(who.key.b));
    return who;
}

static void
add(uint32_t n, uint32_t key)
{
    derp_present_t who = conn_of(n, key);

    assert_int_equal(derp_presence_add(t, &who), ION_OK);
}

static void
del(uint32_t n)
{
    derp_presence_del(t, conn_of(n, 0).conn);
}

static unsigned
watch(void)
{
    unsigned number = 99;

    assert_int_equal(derp_presence_watch(t, &number), ION_OK);
    return number;
}

/* What comes next is that this connection is there. */
static void
told_present(unsigned number, uint32_t n, uint32_t key)
{
    derp_present_t who = conn_of(n, key);
    derp_news_t news;

    assert_true(derp_presence_next(t, number, &news));
    assert_false(news.is_gone);
    assert_int_equal(news.who.conn.record, n);
    assert_memory_equal(&news.who.key, &who.key, sizeof(who.key));
    assert_int_equal(news.who.addr.port, 1000 + n);
    assert_int_equal(news.who.flags, DERP_PRESENT_PROBER);
}

static void
told_gone(unsigned number, uint32_t key)
{
    derp_present_t who = conn_of(0, key);
    derp_news_t news;

    assert_true(derp_presence_next(t, number, &news));
    assert_true(news.is_gone);
    assert_memory_equal(&news.who.key, &who.key, sizeof(who.key));
}

static void
told_nothing(unsigned number)
{
    derp_news_t news;

    assert_false(derp_presence_next(t, number, &news));
}

static void
test_flood_and_stream(void **state)
{
    unsigned w1, w2;

    (void)state;
    add(1, 1);
    add(2, 2);
    w1 = watch();
    told_nothing(w1); /* not before all that were there are known */
    add(3, 3);
    derp_presence_complete(t);
    told_present(w1, 1, 1);
    add(4, 4);
    add(1, 1); /* known already */
    told_present(w1, 2, 2);
    told_present(w1, 3, 3);
    told_present(w1, 4, 4);
    told_nothing(w1);
    w2 = watch();
    assert_int_not_equal(w1, w2);
    del(2);
    del(77); /* nobody */
    told_gone(w1, 2);
    told_nothing(w1);
    told_present(w2, 1, 1);
    told_present(w2, 3, 3);
    told_present(w2, 4, 4);
    told_nothing(w2);
    /* all over again */
    derp_presence_again(t, w1);
    told_present(w1, 1, 1);
    told_present(w1, 3, 3);
    told_present(w1, 4, 4);
    told_nothing(w1);
    derp_presence_unwatch(t, w1);
    del(1);
    told_gone(w2, 1);
    told_nothing(w2);
    assert_int_equal(derp_presence_count(t), 2);
    assert_int_equal(derp_presence_notices(t), 0);
}

/* Once in the flood; afterwards each connection, and gone with the last. */
static void
test_duplicates(void **state)
{
    unsigned w1;

    (void)state;
    derp_presence_complete(t);
    add(1, 1);
    add(2, 2);
    add(3, 1);
    add(4, 1);
    w1 = watch();
    told_present(w1, 1, 1);
    told_present(w1, 2, 2);
    told_nothing(w1);
    add(5, 1);
    told_present(w1, 5, 1);
    del(1);
    del(5);
    del(3);
    told_nothing(w1);
    del(4);
    told_gone(w1, 1);
    told_nothing(w1);
}

/* The oldest of a key leaves before or behind the watcher's place. */
static void
test_duplicates_leave_in_the_flood(void **state)
{
    unsigned w1, w2;

    (void)state;
    derp_presence_complete(t);
    add(1, 1);
    add(2, 2);
    add(3, 1);
    w1 = watch();
    del(1);
    told_present(w1, 2, 2);
    told_present(w1, 3, 1);
    told_nothing(w1);
    add(4, 1);
    w2 = watch();
    told_present(w2, 2, 2);
    told_present(w2, 3, 1);
    del(3); /* 4 is the oldest now, and still to be told of */
    told_present(w2, 4, 1);
    told_nothing(w2);
    del(4);
    told_gone(w2, 1);
    told_nothing(w2);
}

/* What a watcher has not been told of does not leave for it either. */
static void
test_short_visit(void **state)
{
    unsigned w1;

    (void)state;
    derp_presence_complete(t);
    w1 = watch();
    add(1, 1);
    del(1);
    told_nothing(w1);
    add(2, 1);
    add(3, 1);
    del(2);
    told_present(w1, 3, 1);
    del(3);
    add(4, 1); /* it is back before the notice was taken */
    told_gone(w1, 1);
    told_present(w1, 4, 1);
    told_nothing(w1);
}

static void
test_slot_dies(void **state)
{
    unsigned w1;

    (void)state;
    derp_presence_complete(t);
    w1 = watch();
    for (uint32_t n = 0; n < 9; n++) {
        add(n, n % 4);
        told_present(w1, n, n % 4);
    }
    /* slot 0 has 0 3 6: keys 0 3 2; 0 is also at 4 and 8, 3 at 7, 2 at 2 */
    assert_false(derp_presence_del_slot(t, 0, 2));
    assert_true(derp_presence_del_slot(t, 0, 2));
    told_nothing(w1);
    /* slot 1 has 1 4 7: keys 1 0 3; 1 is also at 5, 0 at 8, 3 nowhere */
    assert_true(derp_presence_del_slot(t, 1, 3));
    told_gone(w1, 3);
    told_nothing(w1);
    assert_true(derp_presence_del_slot(t, 7, 0));
}

static void
test_bounds(void **state)
{
    derp_present_t who;
    unsigned numbers[DERP_WATCHERS_MAX], more;
    derp_news_t news;

    (void)state;
    derp_presence_complete(t);
    assert_false(derp_presence_slowest(t, &more));
    for (size_t i = 0; i < DERP_WATCHERS_MAX; i++) {
        numbers[i] = watch();
    }
    assert_int_equal(derp_presence_watch(t, &more), ION_LIMIT);
    for (size_t i = 1; i < DERP_WATCHERS_MAX; i++) {
        derp_presence_unwatch(t, numbers[i]);
    }
    for (uint32_t n = 0; n < MAX; n++) {
        add(n, n);
    }
    who = conn_of(MAX, 99);
    assert_int_equal(derp_presence_add(t, &who), ION_NOMEM);
    /* watcher 0 knows all of them and then reads no more */
    while (derp_presence_next(t, numbers[0], &news)) {
    }
    for (uint32_t n = 0; n < MAX; n++) {
        del(n);
    }
    assert_int_equal(derp_presence_notices(t), MAX);
    for (uint32_t n = 0; n < MAX; n++) {
        add(n, n);
    }
    del(0);
    who = conn_of(MAX, 99);
    assert_int_equal(derp_presence_add(t, &who), ION_OK);
    assert_true(derp_presence_slowest(t, &more));
    assert_int_equal(more, numbers[0]);
    derp_presence_unwatch(t, more);
    assert_int_equal(derp_presence_notices(t), 0);
    assert_false(derp_presence_slowest(t, &more));
}

/* The model: what is there, and what each watcher was told. */
static struct {
    uint32_t key[CONNS]; /* and 1; 0: not there */
    bool is_open[DERP_WATCHERS_MAX];
    bool knows[DERP_WATCHERS_MAX][KEYS];
} m;

static void
take_news(unsigned number)
{
    derp_news_t news;
    uint32_t key;

    if (!derp_presence_next(t, number, &news)) {
        /* it knows what is there, and nothing else */
        for (uint32_t k = 0; k < KEYS; k++) {
            bool is_there = false;

            for (uint32_t n = 0; n < CONNS; n++) {
                is_there = is_there || m.key[n] == k + 1;
            }
            assert_int_equal(m.knows[number][k], is_there);
        }
        return;
    }
    key = news.who.key.b[0] - 1u;
    if (news.is_gone) {
        assert_true(m.knows[number][key]);
        m.knows[number][key] = false;
    } else {
        assert_int_equal(m.key[news.who.conn.record], key + 1);
        m.knows[number][key] = true;
    }
}

static void
random_step(void)
{
    uint32_t n = (uint32_t)rand() % CONNS;
    uint32_t k = (uint32_t)rand() % KEYS;
    unsigned number = (unsigned)rand() % 4;

    switch (rand() % 8) {
    case 0:
    case 1:
        if (m.key[n] == 0) {
            m.key[n] = k + 1;
            add(n, k);
        }
        break;
    case 2:
        m.key[n] = 0;
        del(n);
        break;
    case 3:
        if (m.is_open[number] && k == 0) {
            derp_presence_unwatch(t, number);
            m.is_open[number] = false;
        } else if (!m.is_open[number]) {
            number = watch();
            m.is_open[number] = true;
            memset(m.knows[number], 0, sizeof(m.knows[number]));
        } else if (k == 1) {
            derp_presence_again(t, number);
        }
        break;
    case 4:
        if (n == 0) {
            assert_true(derp_presence_del_slot(t, k % 3, MAX));
            for (uint32_t i = k % 3; i < CONNS; i += 3) {
                m.key[i] = 0;
            }
        }
        break;
    default:
        if (m.is_open[number]) {
            take_news(number);
        }
        break;
    }
}

static void
test_random(void **state)
{
    (void)state;
    derp_presence_complete(t);
    memset(&m, 0, sizeof(m));
    srand(7);
    for (int i = 0; i < 400000; i++) {
        random_step();
    }
    for (unsigned i = 0; i < 4; i++) {
        if (m.is_open[i]) {
            derp_presence_unwatch(t, i);
        }
    }
    assert_int_equal(derp_presence_notices(t), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_flood_and_stream, setup, teardown),
        cmocka_unit_test_setup_teardown(test_duplicates, setup, teardown),
        cmocka_unit_test_setup_teardown(
            test_duplicates_leave_in_the_flood, setup, teardown),
        cmocka_unit_test_setup_teardown(test_short_visit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_slot_dies, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bounds, setup, teardown),
        cmocka_unit_test_setup_teardown(test_random, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
