/*
 * test_fabric.c -- messages between workers: order, room, fairness, faults.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * What happens when several act at once is in tests/replay/shm.
 */

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/shm_rig.h"
#include "shm/fabric.h"
#include "shm/fabric_int.h"

#define A 0
#define B 1
#define C 2

static shm_rig_t rig;
static ion_fabric_t *fab[3];

static struct {
    uint32_t data;
    uint32_t ctls;
    uint64_t bytes;
    uint32_t from;
    ion_fabric_data_t last_data;
    ion_fabric_ctl_t last_ctl;
    uint8_t payload[ION_FABRIC_PAYLOAD_MAX];
    size_t len;
    uint64_t ctl_seq;
    bool out_of_order;
} got;

static uint8_t payload[ION_FABRIC_PAYLOAD_MAX + 1];

static void
on_data(void *arg, const ion_fabric_data_t *data, const uint8_t *p, size_t len)
{
    (void)arg;
    got.data++;
    got.bytes += len;
    got.last_data = *data;
    memcpy(got.payload, p, len);
    got.len = len;
}

static void
on_ctl(void *arg, uint32_t from, const ion_fabric_ctl_t *ctl)
{
    (void)arg;
    got.ctls++;
    got.from = from;
    got.last_ctl = *ctl;
    got.out_of_order |= ctl->seq != got.ctl_seq + 1;
    got.ctl_seq = ctl->seq;
}

static const ion_fabric_sink_t sink = { on_data, on_ctl, NULL };

static int
start(void **state)
{
    (void)state;
    memset(&got, 0, sizeof(got));
    for (size_t i = 0; i < sizeof(payload); i++) {
        payload[i] = (uint8_t)(i * 7);
    }
    shm_rig_init(&rig, 4, 1000);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(shm_rig_start(&rig), i);
    }
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(ion_fabric_new(rig.worker[i], &fab[i]), ION_OK);
    }
    return 0;
}

static int
stop(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 3; i++) {
        ion_fabric_free(&fab[i]);
    }
    shm_rig_fini(&rig);
    return 0;
}

static ion_err_t
send_from(uint32_t from, uint32_t to, uint32_t source, size_t len)
{
    ion_fabric_data_t data = {
        .dst = { .record = 3, .life = 5, .slot = (uint8_t)to },
        .src = { .record = source, .life = 7, .slot = (uint8_t)from },
        .src_seq = 99,
        .src_key = shm_rig_key(source),
        .cls = 2,
    };
    return ion_fabric_send_data(fab[from], &data, payload, len);
}

static void
drain(uint32_t at)
{
    while (ion_fabric_drain(fab[at], 1 << 16, &sink) == ION_AGAIN) {
    }
}

static bool
is_rung(uint32_t at)
{
    struct pollfd p = { .fd = ion_fabric_doorbell_fd(fab[at]),
        .events = POLLIN };
    return poll(&p, 1, 0) == 1;
}

static void
test_data(void **state)
{
    (void)state;
    static const size_t lens[] = { 0, 1, 63, 64, 65, 1400,
        ION_FABRIC_PAYLOAD_MAX };
    for (size_t i = 0; i < ION_ARRAY_LEN(lens); i++) {
        assert_int_equal(send_from(A, B, 42, lens[i]), ION_OK);
        drain(B);
        assert_int_equal(got.data, i); /* not before the flush */
        ion_fabric_flush(fab[A]);
        drain(B);
        assert_int_equal(got.data, i + 1);
        assert_int_equal(got.len, lens[i]);
        assert_memory_equal(got.payload, payload, lens[i]);
        const ion_fabric_data_t *d = &got.last_data;
        ion_key_t key = shm_rig_key(42);
        assert_true(ion_conn_id_eq(d->dst, (ion_conn_id_t){ 3, 5, B }));
        assert_true(ion_conn_id_eq(d->src, (ion_conn_id_t){ 42, 7, A }));
        assert_int_equal(d->src_seq, 99);
        assert_int_equal(d->cls, 2);
        assert_memory_equal(&d->src_key, &key, sizeof(key));
    }
    assert_int_equal(send_from(A, B, 1, ION_FABRIC_PAYLOAD_MAX + 1), ION_RANGE);
    assert_int_equal(send_from(A, 5, 1, 10), ION_CLOSED);
}

static void
test_control(void **state)
{
    (void)state;
    ion_fabric_ctl_t dup = { .type = ION_FABRIC_DUP,
        .conn = { 11, 13, C },
        .seq = 1,
        .key = shm_rig_key(1) };
    assert_int_equal(ion_fabric_send_ctl(fab[A], C, &dup), ION_OK);
    ion_fabric_flush(fab[A]);
    drain(C);
    assert_int_equal(got.from, A);
    assert_int_equal(got.last_ctl.type, ION_FABRIC_DUP);
    assert_true(ion_conn_id_eq(got.last_ctl.conn, dup.conn));
    assert_memory_equal(&got.last_ctl.key, &dup.key, sizeof(dup.key));

    ion_fabric_ctl_t heir = { .type = ION_FABRIC_HEIR,
        .seq = 2,
        .key = shm_rig_key(2),
        .mask = { { 0x85, 0 } } };
    assert_int_equal(ion_fabric_send_ctl(fab[B], C, &heir), ION_OK);
    ion_fabric_flush(fab[B]);
    drain(C);
    assert_int_equal(got.from, B);
    assert_int_equal(got.last_ctl.type, ION_FABRIC_HEIR);
    assert_int_equal(got.last_ctl.seq, 2);
    assert_int_equal(got.last_ctl.mask.w[0], 0x85);

    /* connections of the sender */
    static const ion_fabric_type_t of[] = { ION_FABRIC_PRESENT,
        ION_FABRIC_LEFT };
    for (size_t i = 0; i < ION_ARRAY_LEN(of); i++) {
        ion_fabric_ctl_t ctl = { .type = of[i],
            .seq = 3 + i,
            .conn = { 11, 13, B },
            .key = shm_rig_key(3) };
        assert_int_equal(ion_fabric_send_ctl(fab[B], C, &ctl), ION_OK);
        ion_fabric_flush(fab[B]);
        drain(C);
        assert_int_equal(got.last_ctl.type, of[i]);
        assert_true(ion_conn_id_eq(got.last_ctl.conn, ctl.conn));
        assert_memory_equal(&got.last_ctl.key, &ctl.key, sizeof(ctl.key));
    }

    /* to all of a mask: not to ourselves, not to nobody */
    ion_fabric_ctl_t gone = { .type = ION_FABRIC_GONE, .seq = 5 };
    ion_slot_mask_t mask = { .w = { 0x7f, 0 } };
    got.ctls = 0;
    assert_int_equal(ion_fabric_send_ctl_mask(fab[A], &mask, &gone), 2);
    ion_fabric_flush(fab[A]);
    drain(A);
    drain(B);
    drain(C);
    assert_int_equal(got.ctls, 2);
    assert_int_equal(ion_fabric_send_ctl(fab[A], 6, &gone), ION_CLOSED);
}

/* Data is dropped at seven eighths; control still goes in. */
static void
test_full(void **state)
{
    (void)state;
    uint64_t size = rig.master->ring_bytes;
    uint32_t sent = 0;
    /* sources enough that none of them has more than its share */
    while (send_from(A, B, sent, 1024 - ION_RING_HEADER) == ION_OK) {
        sent++;
    }
    assert_int_equal(sent, size / 8 * 7 / 1024);
    ion_fabric_ctl_t ctl = { .type = ION_FABRIC_GONE, .seq = 1 };
    assert_int_equal(ion_fabric_send_ctl(fab[A], B, &ctl), ION_OK);
    assert_int_equal(fab[A]->peer[B].pending.count, 0);
    ion_fabric_flush(fab[A]);
    drain(B);
    assert_int_equal(got.data, sent);
    assert_int_equal(got.ctls, 1);
    assert_int_equal(send_from(A, B, 1, 1000), ION_OK);
}

/* Above half full one source cannot take what is left from the others. */
static void
test_fairness(void **state)
{
    (void)state;
    uint64_t size = rig.master->ring_bytes;
    uint32_t loud = 0;
    while (send_from(A, B, 1, 1024 - ION_RING_HEADER) == ION_OK) {
        loud++;
    }
    assert_int_equal(loud, size / 2 / 1024 + 1);
    uint32_t quiet = 0;
    while (send_from(A, B, 2, 1024 - ION_RING_HEADER) == ION_OK) {
        quiet++;
    }
    assert_int_equal(quiet, size / 16 / 1024);
    assert_int_equal(send_from(A, B, 1, 100), ION_LIMIT);
    assert_int_equal(send_from(A, B, 3, 100), ION_OK);
    /* even the largest packet, once */
    assert_int_equal(send_from(A, B, 4, 65536), ION_OK);
    assert_int_equal(send_from(A, B, 4, 65536), ION_LIMIT);
    /* a drain begins a new count */
    ion_fabric_flush(fab[A]);
    drain(B);
    uint32_t others = 0;
    for (uint32_t i = 10; others <= size / 2 / 1024; i++) {
        assert_int_equal(send_from(A, B, i, 1024 - ION_RING_HEADER), ION_OK);
        others++;
    }
    assert_int_equal(send_from(A, B, 2, 1000), ION_OK);
}

/* Control messages that do not fit wait, in order, up to a bound. */
static void
test_pending(void **state)
{
    (void)state;
    uint32_t fit = (uint32_t)(rig.master->ring_bytes / ION_RING_HEADER);
    ion_fabric_ctl_t ctl = { .type = ION_FABRIC_GONE };
    uint32_t most = fit + ION_FABRIC_PENDING_MAX / ION_RING_HEADER;
    ion_slot_mask_t corrupt;
    ion_slot_mask_t hung;
    for (uint32_t i = 1; i <= most; i++) {
        ctl.seq = i;
        assert_int_equal(ion_fabric_send_ctl(fab[A], B, &ctl), ION_OK);
        assert_int_equal(ion_fabric_is_behind(fab[A]), i > fit);
    }
    ion_fabric_faults(fab[A], &corrupt, &hung);
    assert_true(ion_slot_mask_is_empty(&hung));
    assert_int_equal(ion_fabric_send_ctl(fab[A], B, &ctl), ION_LIMIT);
    ion_fabric_faults(fab[A], &corrupt, &hung);
    assert_true(ion_slot_mask_has(&hung, B));
    assert_true(ion_slot_mask_is_empty(&corrupt));
    for (int turn = 0; turn < 10; turn++) {
        ion_fabric_flush(fab[A]);
        ion_fabric_doorbell_clear(fab[A]);
        drain(B);
        assert_int_equal(is_rung(A), got.ctls < most);
    }
    assert_int_equal(got.ctls, most);
    assert_false(got.out_of_order);
    assert_false(ion_fabric_is_behind(fab[A]));
    /* its death ends the fault */
    ion_fabric_free(&fab[B]);
    shm_rig_kill(&rig, B);
    drain(A);
    ion_fabric_faults(fab[A], &corrupt, &hung);
    assert_true(ion_slot_mask_is_empty(&hung));
}

static void
test_doorbell(void **state)
{
    (void)state;
    assert_int_equal(send_from(A, B, 1, 10), ION_OK);
    ion_fabric_flush(fab[A]);
    assert_false(is_rung(B)); /* it is awake */
    assert_false(ion_fabric_may_sleep(fab[B]));
    drain(B);
    assert_true(ion_fabric_may_sleep(fab[B]));
    assert_int_equal(send_from(A, B, 1, 10), ION_OK);
    ion_fabric_flush(fab[A]);
    assert_true(is_rung(B));
    ion_fabric_awake(fab[B]);
    ion_fabric_doorbell_clear(fab[B]);
    assert_false(is_rung(B));
    drain(B);
    ion_fabric_flush(fab[A]); /* nothing to say */
    assert_false(is_rung(B));
    assert_int_equal(got.data, 2);
}

static void
test_budget(void **state)
{
    (void)state;
    for (int i = 0; i < 10; i++) {
        assert_int_equal(send_from(A, C, 1, 1000), ION_OK);
        assert_int_equal(send_from(B, C, 1, 1000), ION_OK);
    }
    ion_fabric_flush(fab[A]);
    ion_fabric_flush(fab[B]);
    assert_int_equal(ion_fabric_drain(fab[C], 4096, &sink), ION_AGAIN);
    assert_true(got.data >= 2 && got.data <= 6);
    assert_false(ion_fabric_may_sleep(fab[C]));
    drain(C);
    assert_int_equal(got.data, 20);
    assert_true(ion_fabric_may_sleep(fab[C]));
}

/* Rings that make no sense are left alone; the others go on. */
static void
test_corrupt(void **state)
{
    (void)state;
    static const struct {
        uint32_t kind;
        uint32_t len;
        uint32_t words[14];
    } cases[] = {
        { 3, 64, { 0 } },                    /* no such kind */
        { 1, 64, { 0, 0, 0, 1 } },           /* dst life even */
        { 1, 64, { 0, 1, 0, 2 } },           /* src life even */
        { 1, 64, { 2000, 1, 0, 1 } },        /* dst beyond the store */
        { 1, 64, { 0, 1, 2000, 1 } },        /* src beyond the store */
        { 1 | 16 << 8, 64, { 0, 1, 0, 1 } }, /* class */
        { 1, 64 + 65537, { 0, 1, 0, 1 } },   /* payload too long */
        { 2, 64, { 0 } },                    /* control type 0 */
        { 2 | 6 << 8, 64, { 0 } },           /* not served yet */
        { 2 | 2 << 8, 65, { 0 } },           /* control with payload */
        { 2 | 1 << 8, 64, { 0 } },           /* DUP of no connection */
        { 2 | 4 << 8, 64, { 0 } },           /* PRESENT of none */
        { 2 | 5 << 8, 64, { [10] = 2000, [12] = 1 } }, /* LEFT of none */
        { 2 | 8 << 8, 64, { [12] = 1 } },     /* no such control type */
        { 2 | 3 << 8, 64, { [10] = 0x100 } }, /* HEIR of slot 8 */
        { 2 | 3 << 8, 64, { [13] = 1 } },     /* HEIR of slot 96 */
        { 0, 64, { 0 } },                     /* filler too short */
    };
    for (size_t i = 0; i < ION_ARRAY_LEN(cases); i++) {
        (void)stop(NULL);
        (void)start(NULL);
        ion_shm_t *m = rig.master;
        ion_ring_header_t h = { .len = cases[i].len, .kind = cases[i].kind };
        memcpy(h.user, cases[i].words, sizeof(h.user));
        memcpy(shm_ring_data(m, A, C), &h, sizeof(h));
        atomic_store(&shm_ring_words(m, A, C)->tail, 131072);
        assert_int_equal(send_from(B, C, 1, 10), ION_OK);
        ion_fabric_flush(fab[B]);
        drain(C);
        ion_slot_mask_t corrupt;
        ion_slot_mask_t hung;
        ion_fabric_faults(fab[C], &corrupt, &hung);
        assert_true(ion_slot_mask_has(&corrupt, A));
        assert_false(ion_slot_mask_has(&corrupt, B));
        assert_int_equal(got.data, 1);
        assert_int_equal(got.ctls, 0);
        assert_true(ion_fabric_may_sleep(fab[C]));
        assert_int_equal(send_from(C, A, 1, 10), ION_CLOSED);
        ion_slot_mask_t blamed = ion_slots_blamed(m);
        assert_true(ion_slot_mask_is_empty(&blamed));
        ion_fabric_flush(fab[C]);
        blamed = ion_slots_blamed(m);
        assert_int_equal(blamed.w[0], 1u << A);
        /* the slot dies, is swept, and serves again */
        ion_fabric_free(&fab[A]);
        shm_rig_kill(&rig, A);
        drain(B);
        drain(C);
        blamed = ion_slots_blamed(m);
        assert_true(ion_slot_mask_is_empty(&blamed));
        ion_fabric_ack(fab[B], A);
        ion_fabric_ack(fab[C], A);
        assert_int_equal(atomic_load(&shm_block(m, C)->blamed[0]), 0);
        ion_shm_sweep(m, A);
        assert_int_equal(shm_rig_start(&rig), A);
        assert_int_equal(ion_fabric_new(rig.worker[A], &fab[A]), ION_OK);
        drain(C);
        ion_fabric_faults(fab[C], &corrupt, &hung);
        assert_true(ion_slot_mask_is_empty(&corrupt));
        assert_int_equal(send_from(A, C, 1, 10), ION_OK);
        ion_fabric_flush(fab[A]);
        drain(C);
        assert_int_equal(got.data, 2);
    }
}

/* One that cannot talk with anybody is the culprit itself. */
static void
test_blame(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 2; i++) {
        atomic_store(&shm_ring_words(rig.master, i, C)->tail, 63);
    }
    drain(C);
    ion_fabric_flush(fab[C]);
    ion_slot_mask_t blamed = ion_slots_blamed(rig.master);
    assert_int_equal(blamed.w[0], 1u << C);
}

/* Any 64 bytes where a header should be: never more than the ring is lost. */
static void
test_random_rings(void **state)
{
    (void)state;
    uint64_t x = 88172645463325252;
    for (int i = 0; i < 2000; i++) {
        uint8_t *ring = shm_ring_data(rig.master, A, C);
        for (size_t k = 0; k < 256; k += 8) {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            memcpy(ring + k, &x, sizeof(x));
        }
        ion_ring_header_t h = { .len = (uint32_t)(x % 300),
            .kind = (uint32_t)(x >> 32 & 0x303) };
        memcpy(ring, &h, 8);
        ion_ring_words_t *words = shm_ring_words(rig.master, A, C);
        atomic_store(&words->tail, 0);
        atomic_store(&words->head, 0);
        ion_fabric_free(&fab[C]);
        assert_int_equal(ion_fabric_new(rig.worker[C], &fab[C]), ION_OK);
        atomic_store(&words->tail, (x >> 40) % 512 & ~UINT64_C(63));
        drain(C);
        (void)ion_fabric_may_sleep(fab[C]);
        ion_fabric_awake(fab[C]);
    }
}

/* What a worker had published before it died is still delivered. */
static void
test_death(void **state)
{
    (void)state;
    assert_int_equal(send_from(A, B, 1, 10), ION_OK);
    ion_fabric_flush(fab[A]);
    assert_int_equal(send_from(A, B, 1, 10), ION_OK); /* never flushed */
    assert_int_equal(send_from(B, A, 1, 10), ION_OK);
    ion_fabric_free(&fab[A]);
    shm_rig_kill(&rig, A);
    assert_true(is_rung(B));
    assert_false(ion_fabric_may_sleep(fab[B]));
    drain(B);
    assert_int_equal(got.data, 1);
    assert_int_equal(send_from(B, A, 1, 10), ION_CLOSED);
    ion_fabric_flush(fab[B]);
    ion_slot_mask_t dead = ion_fabric_retiring(fab[B]);
    assert_true(ion_slot_mask_has(&dead, A));
    assert_false(ion_slot_mask_has(&dead, C));
    ion_fabric_ack(fab[B], A);
    drain(C);
    ion_fabric_ack(fab[C], A);
    assert_true(ion_slots_is_retired(rig.master, A));
    ion_shm_sweep(rig.master, A);
    drain(B);
    assert_int_equal(send_from(B, A, 1, 10), ION_CLOSED);
    /* the next owner gets nothing that was meant for the last one */
    assert_int_equal(shm_rig_start(&rig), A);
    assert_int_equal(ion_fabric_new(rig.worker[A], &fab[A]), ION_OK);
    drain(A);
    assert_int_equal(got.data, 1);
    drain(B);
    assert_int_equal(send_from(B, A, 1, 10), ION_OK);
    ion_fabric_flush(fab[B]);
    drain(A);
    assert_int_equal(got.data, 2);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_data, start, stop),
        cmocka_unit_test_setup_teardown(test_control, start, stop),
        cmocka_unit_test_setup_teardown(test_full, start, stop),
        cmocka_unit_test_setup_teardown(test_fairness, start, stop),
        cmocka_unit_test_setup_teardown(test_pending, start, stop),
        cmocka_unit_test_setup_teardown(test_doorbell, start, stop),
        cmocka_unit_test_setup_teardown(test_budget, start, stop),
        cmocka_unit_test_setup_teardown(test_corrupt, start, stop),
        cmocka_unit_test_setup_teardown(test_blame, start, stop),
        cmocka_unit_test_setup_teardown(test_random_rings, start, stop),
        cmocka_unit_test_setup_teardown(test_death, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
