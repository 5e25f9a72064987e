/*
 * test_replay_fabric.c -- sleeping, doorbells, waiting for room, and dying,
 * with the fabric's real code in every order of its steps.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Includes the fabric's files, so that the explorer sees each access to shared
 * words. Doorbells are variables here. A run in which a worker sleeps for ever
 * beside its unread messages ends with that worker still waiting: check()
 * finds it not done.
 */

#include "lib/explore_atom.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/shm_rig.h"
#include "shm/shm_int.h"

static void ring_bell(uint32_t slot);
static void clear_bell(uint32_t slot);

#define shm_doorbell_ring(shm, slot)  ring_bell(slot)
#define shm_doorbell_clear(shm, slot) clear_bell(slot)

#include "shm/fabric.c"
#include "shm/fabric_rx.c"
#include "shm/ring.c"

#define WORKERS   3
#define CONSUMER  2
#define TINY_RING 1024 /* 16 records of one line */

static struct {
    shm_rig_t rig;
    ion_shm_t *w[WORKERS];
    ion_fabric_t *fab[WORKERS];
    bool bell[16]; /* by slot; the master's behind the workers' */
    uint32_t expected;
    uint32_t first_turn; /* messages flushed before the rest is sent */
    uint32_t got;
    uint32_t last; /* seq of the last control message */
    bool out_of_order;
    bool is_done; /* the consumer */
    bool sender_done[WORKERS];
    bool has_published; /* the one that may be killed */
    bool is_killed;
} t;

static void
ring_bell(uint32_t slot)
{
    t.bell[slot] = true;
}

static void
clear_bell(uint32_t slot)
{
    t.bell[slot] = false;
}

static int
start(void **state)
{
    (void)state;
    memset(&t, 0, sizeof(t));
    shm_rig_init(&t.rig, WORKERS, 16);
    t.rig.master->ring_bytes = TINY_RING;
    for (size_t i = 0; i < WORKERS; i++) {
        t.w[i] = t.rig.worker[shm_rig_start(&t.rig)];
        t.w[i]->ring_bytes = TINY_RING;
    }
    return 0;
}

static int
stop(void **state)
{
    (void)state;
    for (size_t i = 0; i < WORKERS; i++) {
        ion_fabric_free(&t.fab[i]);
    }
    shm_rig_fini(&t.rig);
    return 0;
}

static void
setup(void *arg)
{
    (void)arg;
    ion_shm_t *m = t.rig.master;
    for (uint32_t i = 0; i < WORKERS; i++) {
        memset(&m->rings->sleep[i], 0, sizeof(m->rings->sleep[i]));
        for (uint32_t k = 0; k < WORKERS; k++) {
            memset(shm_ring_words(m, i, k), 0, sizeof(ion_ring_words_t));
        }
        atomic_store(&m->slots[i].state, (uint32_t)ION_SLOT_LIVE);
        ion_fabric_free(&t.fab[i]);
        assert_int_equal(ion_fabric_new(t.w[i], &t.fab[i]), ION_OK);
        t.sender_done[i] = false;
    }
    memset(t.bell, 0, sizeof(t.bell));
    t.got = 0;
    t.last = 0;
    t.out_of_order = false;
    t.is_done = false;
    t.has_published = false;
    t.is_killed = false;
}

static void
on_data(void *arg, const ion_fabric_data_t *data, const uint8_t *payload,
    size_t len)
{
    (void)arg;
    t.got += len == 5 && memcmp(payload, "hello", 5) == 0 && data->cls == 1;
}

static void
on_ctl(void *arg, uint32_t from, const ion_fabric_ctl_t *ctl)
{
    (void)arg;
    (void)from;
    t.got++;
    t.out_of_order |= ctl->seq != t.last + 1;
    t.last = (uint32_t)ctl->seq;
}

static bool
consumer_is_rung(void *arg)
{
    (void)arg;
    return t.bell[CONSUMER];
}

static bool
sender_is_rung(void *arg)
{
    (void)arg;
    return t.bell[0];
}

/* One turn after the other until all has come in. */
static void
consume(void *arg)
{
    static const ion_fabric_sink_t sink = { on_data, on_ctl, NULL };
    ion_fabric_t *fab = t.fab[CONSUMER];
    for (;;) {
        ion_err_t rc = ion_fabric_drain(fab, 1 << 20, &sink);
        if (t.got == t.expected) {
            t.is_done = true;
            return;
        }
        if (rc == ION_OK && ion_fabric_may_sleep(fab)) {
            explore_wait(consumer_is_rung, arg);
            ion_fabric_awake(fab);
            ion_fabric_doorbell_clear(fab);
        }
    }
}

static void
send_hello(uint32_t from)
{
    ion_fabric_data_t data = {
        .dst = { .record = 1, .life = 1, .slot = CONSUMER },
        .src = { .record = 2, .life = 1, .slot = (uint8_t)from },
        .cls = 1,
    };
    ion_err_t rc =
        ion_fabric_send_data(t.fab[from], &data, (const uint8_t *)"hello", 5);
    t.sender_done[from] = rc == ION_OK;
}

static void
produce0(void *arg)
{
    (void)arg;
    send_hello(0);
    ion_fabric_flush(t.fab[0]);
}

static void
produce1(void *arg)
{
    (void)arg;
    send_hello(1);
    ion_fabric_flush(t.fab[1]);
}

/* two turns */
static void
produce_twice(void *arg)
{
    produce0(arg);
    produce0(arg);
}

static void
check_all_came(void *arg)
{
    (void)arg;
    assert_true(t.is_done);
    assert_int_equal(t.got, t.expected);
    assert_false(t.out_of_order);
}

static void
test_one_message(void **state)
{
    (void)state;
    explore_case_t c = { .name = "one message to a sleeper",
        .setup = setup,
        .actors = 2,
        .actor = { produce0, consume },
        .check = check_all_came };
    t.expected = 1;
    assert_true(explore(&c) > 20);
}

static void
test_two_turns(void **state)
{
    (void)state;
    explore_case_t c = { .name = "two turns to a sleeper",
        .setup = setup,
        .actors = 2,
        .actor = { produce_twice, consume },
        .check = check_all_came,
        .preemptions = 6 };
    t.expected = 2;
    assert_true(explore(&c) > 100);
}

static void
test_two_producers(void **state)
{
    (void)state;
    explore_case_t c = { .name = "two producers and a sleeper",
        .setup = setup,
        .actors = 3,
        .actor = { produce0, produce1, consume },
        .check = check_all_came,
        .preemptions = 3 };
    t.expected = 2;
    assert_true(explore(&c) > 100);
}

/* More control messages than the ring holds: the rest waits, asks for room,
 * and the producer sleeps until there is some. */
static void
produce_many(void *arg)
{
    ion_fabric_t *fab = t.fab[0];
    for (uint32_t i = 1; i <= t.expected; i++) {
        ion_fabric_ctl_t ctl = { .type = ION_FABRIC_GONE, .seq = i };
        if (ion_fabric_send_ctl(fab, CONSUMER, &ctl) != ION_OK) {
            return;
        }
        if (i == t.first_turn) {
            ion_fabric_flush(fab);
        }
    }
    ion_fabric_flush(fab);
    while (fab->peer[CONSUMER].pending.count > 0) {
        explore_wait(sender_is_rung, arg);
        ion_fabric_doorbell_clear(fab);
        ion_fabric_flush(fab);
    }
    t.sender_done[0] = true;
}

static void
check_room(void *arg)
{
    check_all_came(arg);
    assert_true(t.sender_done[0]);
}

static void
test_wait_for_room(void **state)
{
    (void)state;
    explore_case_t c = { .name = "control messages wait for room",
        .setup = setup,
        .actors = 2,
        .actor = { produce_many, consume },
        .check = check_room,
        .preemptions = 5 };
    t.expected = TINY_RING / ION_RING_HEADER + 3;
    t.first_turn = 0;
    assert_true(explore(&c) > 100);
    /* the ring is full already when the first one has to wait */
    t.first_turn = TINY_RING / ION_RING_HEADER;
    assert_true(explore(&c) > 100);
}

/* A slot comes to life beside a worker that falls asleep. */
static void
setup_newcomer(void *arg)
{
    setup(arg);
    ion_shm_t *m = t.rig.master;
    atomic_store(&m->slots[0].state, (uint32_t)ION_SLOT_STARTING);
    atomic_fetch_add(&m->head->changes, 1);
    fabric_view(t.fab[CONSUMER]);
    atomic_store(&m->slots[0].state, (uint32_t)ION_SLOT_LIVE);
}

static void
come_alive(void *arg)
{
    explore_step("becomes live");
    atomic_fetch_add(&t.rig.master->head->changes, 1);
    produce0(arg);
}

static void
test_newcomer(void **state)
{
    (void)state;
    explore_case_t c = { .name = "a newcomer sends to a sleeper",
        .setup = setup_newcomer,
        .actors = 2,
        .actor = { come_alive, consume },
        .check = check_all_came };
    t.expected = 1;
    assert_true(explore(&c) > 20);
}

/* The producer dies at any step: what it published is delivered, and the
 * consumer, asleep or not, gets to ack the death. */
static void
consume_until_acked(void *arg)
{
    static const ion_fabric_sink_t sink = { on_data, on_ctl, NULL };
    ion_fabric_t *fab = t.fab[CONSUMER];
    while (!t.is_done) {
        ion_err_t rc = ion_fabric_drain(fab, 1 << 20, &sink);
        ion_slot_mask_t dead = ion_fabric_retiring(fab);
        if (ion_slot_mask_has(&dead, 0)) {
            ion_fabric_ack(fab, 0);
            t.is_done = true;
        } else if (rc == ION_OK && ion_fabric_may_sleep(fab)) {
            explore_wait(consumer_is_rung, arg);
            ion_fabric_awake(fab);
            ion_fabric_doorbell_clear(fab);
        }
    }
}

static void
on_killed(void *arg, size_t actor)
{
    (void)arg;
    ion_shm_t *m = t.rig.master;
    assert_int_equal(actor, 0);
    t.is_killed = true;
    t.has_published = atomic_load(&shm_ring_words(m, 0, CONSUMER)->tail) != 0;
    atomic_fetch_add(&m->slots[0].retirement, 1u);
    atomic_store(&m->slots[0].state, (uint32_t)ION_SLOT_DEAD);
    atomic_fetch_add(&m->head->changes, 1);
    for (uint32_t i = 0; i < WORKERS; i++) {
        ring_bell(i);
    }
}

static void
check_death(void *arg)
{
    (void)arg;
    if (!t.is_killed) {
        assert_int_equal(t.got, 1);
        return;
    }
    assert_true(t.is_done);
    ion_shm_t *m = t.rig.master;
    assert_int_equal(t.got, t.has_published);
    assert_int_equal(atomic_load(&shm_block(m, CONSUMER)->acks[0]),
        atomic_load(&m->slots[0].retirement));
    assert_true(t.bell[m->worker_slots]);
    /* and from now on nothing goes there */
    ion_fabric_data_t data = { .dst = { .life = 1 }, .src = { .life = 1 } };
    assert_int_equal(
        ion_fabric_send_data(t.fab[CONSUMER], &data, (const uint8_t *)"", 0),
        ION_CLOSED);
}

static void
test_producer_dies(void **state)
{
    (void)state;
    explore_case_t c = { .name = "the producer dies",
        .setup = setup,
        .actors = 2,
        .actor = { produce0, consume_until_acked },
        .killable = 1,
        .killed = on_killed,
        .check = check_death };
    t.expected = 1;
    assert_true(explore(&c) > 50);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_one_message, start, stop),
        cmocka_unit_test_setup_teardown(test_two_turns, start, stop),
        cmocka_unit_test_setup_teardown(test_two_producers, start, stop),
        cmocka_unit_test_setup_teardown(test_wait_for_room, start, stop),
        cmocka_unit_test_setup_teardown(test_newcomer, start, stop),
        cmocka_unit_test_setup_teardown(test_producer_dies, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
