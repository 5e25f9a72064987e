/*
 * test_derp_flow.c -- slow clients, full queues, rate limits, and time.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "lib/derp_rig.h"

#define PACKET 1000

static derp_rig_t rig;
static derp_rig_client_t a, b, c;

static void
start(const char *yaml, size_t worker_of_b)
{
    derp_rig_init(&rig, 2, yaml);
    derp_rig_login(&rig, &a, 0, 1);
    derp_rig_login(&rig, &b, worker_of_b, 2);
    derp_rig_login(&rig, &c, worker_of_b, 3);
}

static void
finish(void)
{
    derp_rig_close(&a);
    derp_rig_close(&b);
    derp_rig_close(&c);
    derp_rig_turn(&rig);
    assert_int_equal(derp_rig_stat(&rig, DERP_STAT_CONNECTIONS), 0);
    for (size_t i = 0; i < rig.count; i++) {
        assert_int_equal(derp_pool_used(rig.worker[i].w->pool), 0);
    }
    derp_rig_fini(&rig);
}

/* A socket that is full after a few packets. */
static void
narrow(derp_rig_client_t *client)
{
    int small = 4096;

    assert_int_equal(setsockopt(client->server_fd, SOL_SOCKET, SO_SNDBUF,
                         &small, sizeof(small)),
        0);
}

static bool
send_number(derp_rig_client_t *to, uint32_t number)
{
    uint8_t payload[PACKET];

    memset(payload, 0x33, sizeof(payload));
    memcpy(payload, &number, sizeof(number));
    return derp_rig_packet(&a, &to->key, payload, sizeof(payload));
}

/* The same with many numbers in one write. */
static bool
send_numbers(derp_rig_client_t *to, uint32_t first, uint32_t count)
{
    size_t len = DERP_HEADER_LEN + DERP_KEY_LEN + PACKET;
    uint8_t *bytes = calloc(count, len);
    bool ok;

    assert_non_null(bytes);
    for (uint32_t i = 0; i < count; i++) {
        uint8_t *p = bytes + i * len;
        uint32_t number = first + i;

        derp_header_put(p, DERP_FRAME_SEND_PACKET, DERP_KEY_LEN + PACKET);
        memcpy(p + DERP_HEADER_LEN, to->key.b, DERP_KEY_LEN);
        memcpy(p + DERP_HEADER_LEN + DERP_KEY_LEN, &number, sizeof(number));
    }
    ok = derp_rig_write(&a, bytes, count * len);
    free(bytes);
    return ok;
}

/* Count packets of PACKET bytes that have come. */
static unsigned
arrived(derp_rig_client_t *client)
{
    derp_rig_frame_t f;
    unsigned n = 0;

    while (derp_rig_next(client, &f)) {
        n += f.type == DERP_FRAME_RECV_PACKET ? 1 : 0;
    }
    return n;
}

/* Read everything; numbers must rise. Returns how many came, *last the last,
 * and *gap where the only gap ends (0: none). */
static uint32_t
read_numbers(derp_rig_client_t *client, uint32_t *last, uint32_t *gap)
{
    uint32_t count = 0, before = UINT32_MAX, idle = 0;
    derp_rig_frame_t f;

    *gap = 0;
    while (idle < 50) {
        idle++;
        while (derp_rig_next(client, &f)) {
            uint32_t number;

            assert_int_equal(f.type, DERP_FRAME_RECV_PACKET);
            assert_int_equal(f.len, 32 + PACKET);
            memcpy(&number, f.p + 32, sizeof(number));
            if (count > 0 && number != before + 1) {
                assert_true(number > before);
                assert_int_equal(*gap, 0);
                *gap = number;
            }
            before = number;
            count++;
            idle = 0;
        }
        derp_rig_turn(&rig);
    }
    *last = before;
    return count;
}

static void
test_T29_freeze(void **state)
{
    (void)state;
    for (size_t far = 0; far < 2; far++) {
        uint32_t sent = 0, got = 0, last, gap;

        start(NULL, far);
        narrow(&c);
        for (int ms = 0; ms < 4000; ms += 2) {
            if (ms < 3000) {
                assert_true(send_number(&b, sent));
                assert_true(send_number(&c, sent));
                sent++;
            }
            derp_rig_advance(&rig, ION_MS(2));
            got += arrived(&b);
            assert_int_equal(got, sent);
            if (ms == 1900) {
                assert_int_equal(derp_rig_stat(&rig, DERP_STAT_CONNECTIONS), 3);
            }
        }
        assert_int_equal(derp_rig_stat(&rig, DERP_STAT_CONNECTIONS), 2);
        assert_int_equal(derp_rig_stat(&rig, DERP_STAT_WRITE_TIMEOUTS), 1);
        (void)read_numbers(&c, &last, &gap);
        assert_true(derp_rig_is_closed(&c));
        assert_false(derp_rig_is_closed(&a));
        assert_true(derp_rig_drops(&rig, DERP_DROP_GONE_DISCONNECTED,
                        DERP_KIND_OTHER) >= 32);
        finish();
    }
}

static void
test_T30_queue_eviction(void **state)
{
    (void)state;
    for (size_t far = 0; far < 2; far++) {
        uint32_t count, last, gap;

        start("derp:\n  write_timeout: 0\n", far);
        narrow(&b);
        for (uint32_t i = 0; i < 300; i++) {
            assert_true(send_number(&b, i));
            derp_rig_turn(&rig);
        }
        derp_rig_advance(&rig, ION_SEC(40));
        count = read_numbers(&b, &last, &gap);
        assert_int_equal(last, 299);
        assert_int_equal(gap, 300 - 32);
        assert_int_equal(
            derp_rig_drops(&rig, DERP_DROP_QUEUE_HEAD, DERP_KIND_OTHER),
            300 - count);
        assert_int_equal(
            derp_rig_drops(&rig, DERP_DROP_QUEUE_TAIL, DERP_KIND_OTHER), 0);
        assert_int_equal(derp_rig_stat(&rig, DERP_STAT_WRITE_TIMEOUTS), 0);
        finish();
    }
}

/* A burst in one write to a client that reads loses nothing. */
static void
test_burst_to_a_reader(void **state)
{
    (void)state;
    for (size_t far = 0; far < 2; far++) {
        uint32_t last, gap;

        start(NULL, far);
        assert_true(send_numbers(&b, 0, 150));
        assert_int_equal(read_numbers(&b, &last, &gap), 150);
        assert_int_equal(gap, 0);
        finish();
    }
}

static void
test_T31_queue_separation(void **state)
{
    uint8_t disco[90];
    derp_rig_frame_t f;
    unsigned seen = 0;

    (void)state;
    start("derp:\n  write_timeout: 0\n", 1);
    narrow(&b);
    for (uint32_t i = 0; i < 200; i++) {
        assert_true(send_number(&b, i));
        derp_rig_turn(&rig);
    }
    derp_rig_disco(disco, sizeof(disco));
    for (uint8_t i = 0; i < 10; i++) {
        disco[89] = i;
        assert_true(derp_rig_packet(&a, &b.key, disco, sizeof(disco)));
    }
    derp_rig_turn(&rig);
    for (int i = 0; i < 100; i++) {
        derp_rig_turn(&rig);
        while (derp_rig_next(&b, &f)) {
            if (f.len == 32 + sizeof(disco)) {
                assert_int_equal(f.p[32 + 89], seen);
                seen++;
            }
        }
    }
    assert_int_equal(seen, 10);
    assert_int_equal(
        derp_rig_drops(&rig, DERP_DROP_QUEUE_HEAD, DERP_KIND_DISCO), 0);
    assert_true(
        derp_rig_drops(&rig, DERP_DROP_QUEUE_HEAD, DERP_KIND_OTHER) > 0);
    finish();
}

/* Whatever the count allows, the bytes of a queue are bounded. */
static void
test_queue_is_bounded_in_bytes(void **state)
{
    uint8_t *big = calloc(1, DERP_MAX_PACKET);
    derp_worker_t *w;

    (void)state;
    assert_non_null(big);
    start("derp:\n  send_queue: 1000\n  write_timeout: 0\n", 1);
    w = rig.worker[1].w;
    narrow(&b);
    for (int i = 0; i < 60; i++) {
        assert_true(derp_rig_packet(&a, &b.key, big, DERP_MAX_PACKET));
        derp_rig_turn(&rig);
        assert_true(derp_pool_used(w->pool) < DERP_QUEUE_BYTES + 8192);
    }
    assert_true(
        derp_rig_drops(&rig, DERP_DROP_QUEUE_HEAD, DERP_KIND_OTHER) >= 25);
    assert_true(derp_pool_used(w->pool) > DERP_QUEUE_BYTES - 70000);
    finish();
    free(big);
}

/* The deadline belongs to what was sealed; progress does not move it. */
static void
test_write_deadline_is_absolute(void **state)
{
    uint8_t byte;

    (void)state;
    start(NULL, 0);
    narrow(&b);
    for (uint32_t i = 0; i < 60; i++) {
        assert_true(send_number(&b, i));
    }
    derp_rig_turn(&rig);
    for (int i = 0; i < 19; i++) {
        derp_rig_advance(&rig, ION_MS(100));
        assert_int_equal(recv(b.fd, &byte, 1, 0), 1);
    }
    assert_int_equal(derp_rig_stat(&rig, DERP_STAT_WRITE_TIMEOUTS), 0);
    derp_rig_advance(&rig, ION_MS(200));
    assert_int_equal(derp_rig_stat(&rig, DERP_STAT_WRITE_TIMEOUTS), 1);
    assert_int_equal(derp_rig_stat(&rig, DERP_STAT_CONNECTIONS), 2);
    finish();
}

static void
test_T48_rate_limit(void **state)
{
    uint8_t *big = calloc(1, DERP_MAX_PACKET);

    (void)state;
    assert_non_null(big);
    start("derp:\n  client_rate: 65568\n  client_burst: 10\n", 1);
    assert_int_equal(ion_stats_get(rig.master, rig.worker[0].p.slot,
                         ion_module_stat_base(0) + DERP_STAT_RATE_BURST),
        65568);
    assert_true(derp_rig_packet(&a, &b.key, big, DERP_MAX_PACKET));
    derp_rig_turn(&rig);
    assert_int_equal(arrived(&b), 1);
    assert_int_equal(derp_rig_stat(&rig, DERP_STAT_RATE_WAITED), 0);

    /* the second one waits a second, and a third behind it another one */
    (void)derp_rig_packet(&a, &b.key, big, DERP_MAX_PACKET);
    derp_rig_turn(&rig);
    assert_int_equal(arrived(&b), 0);
    assert_int_equal(derp_rig_stat(&rig, DERP_STAT_RATE_WAITED), 1);
    derp_rig_advance(&rig, ION_MS(990));
    assert_int_equal(arrived(&b), 0);
    derp_rig_advance(&rig, ION_MS(20));
    assert_int_equal(arrived(&b), 1);
    assert_int_equal(derp_rig_stat(&rig, DERP_STAT_RATE_WAITED), 1);

    /* somebody else is not held up */
    assert_true(derp_rig_packet(&c, &b.key, "x", 1));
    derp_rig_turn(&rig);
    assert_int_equal(arrived(&b), 1);
    finish();
    free(big);
}

/* A burst of small frames in one segment: the rest is held and goes on. */
static void
test_rate_limit_holds_input(void **state)
{
    uint32_t last, gap;

    (void)state;
    start("derp:\n  client_rate: 65568\n", 1);
    assert_true(send_numbers(&b, 0, 140));
    derp_rig_turn(&rig);
    assert_int_equal(arrived(&b), 63); /* 65568 / (32 + PACKET) */
    derp_rig_advance(&rig, ION_SEC(1));
    assert_int_equal(arrived(&b), 127 - 63); /* 2 * 65568 / (32 + PACKET) */
    derp_rig_advance(&rig, ION_SEC(1));
    assert_int_equal(arrived(&b), 140 - 127);
    assert_true(send_number(&b, 140));
    assert_int_equal(read_numbers(&b, &last, &gap), 1);
    finish();
}

static void
test_T49_reload_of_the_rate(void **state)
{
    (void)state;
    start("derp:\n  client_rate: 1000\n", 1);
    assert_true(send_numbers(&b, 0, 100));
    derp_rig_turn(&rig);
    assert_int_equal(arrived(&b), 63);
    derp_rig_reload(&rig, NULL);
    derp_rig_advance(&rig, 1);
    assert_int_equal(arrived(&b), 37);
    for (uint32_t i = 0; i < 100; i++) {
        assert_true(send_number(&b, i));
        derp_rig_turn(&rig);
        assert_int_equal(arrived(&b), 1);
    }

    /* and back: a new, full bucket for those who are there */
    derp_rig_reload(&rig, "derp:\n  client_rate: 1000\n");
    assert_true(send_numbers(&b, 0, 100));
    derp_rig_turn(&rig);
    assert_int_equal(arrived(&b), 63);
    finish();
}

/* A cycle without our key, or with another one, is refused. */
static void
test_reload_keeps_the_server_key(void **state)
{
    ion_secret_key_t other;
    ion_key_t public;
    ion_errtext_t err = { "" };
    ion_process_t *p;
    ion_blob_t blob;
    ion_cycle_t next;

    (void)state;
    start(NULL, 1);
    p = &rig.worker[0].p;
    next = rig.cycle;
    assert_int_equal(derp_module.prepare(p, 0, &next, &err), ION_OK);
    next.blob_count = 0;
    assert_int_equal(derp_module.prepare(p, 0, &next, &err), ION_NOTFOUND);
    assert_non_null(strstr(err.msg, "no server key"));
    derp_rig_keys(77, &other, &public);
    blob = rig.blob[0];
    blob.p = other.b;
    next.blobs = &blob;
    next.blob_count = 1;
    assert_int_equal(derp_module.prepare(p, 0, &next, &err), ION_DENIED);
    assert_non_null(strstr(err.msg, "restart"));
    finish();
}

/* While a client waits for its rate its end is noticed. */
static void
test_rate_limit_notices_the_end(void **state)
{
    (void)state;
    start("derp:\n  client_rate: 1\n", 1);
    assert_true(send_numbers(&b, 0, 70));
    derp_rig_turn(&rig);
    assert_int_equal(derp_rig_stat(&rig, DERP_STAT_CONNECTIONS), 3);
    derp_rig_close(&a);
    derp_rig_turn(&rig);
    assert_int_equal(derp_rig_stat(&rig, DERP_STAT_CONNECTIONS), 2);
    assert_int_equal(arrived(&b), 63);
    finish();
}

/* What comes in one piece leaves in one piece, in order, and leaves nothing
 * behind in the pool. */
static void
test_burst_leaves_with_its_turn(void **state)
{
    (void)state;
    for (uint32_t count = 1; count <= 60; count++) {
        derp_worker_t *w;
        uint32_t last, gap;

        start(NULL, 0);
        w = rig.worker[0].w;
        assert_true(send_numbers(&b, 0, count));
        derp_rig_turn(&rig);
        assert_int_equal(w->stage_count, 0);
        assert_int_equal(derp_pool_used(w->pool), 0);
        assert_int_equal(derp_rig_stat(&rig, DERP_STAT_PACKETS_SENT), count);
        assert_int_equal(
            derp_rig_stat(&rig, DERP_STAT_BYTES_SENT), count * PACKET);
        assert_int_equal(read_numbers(&b, &last, &gap), count);
        assert_int_equal(last, count - 1);
        assert_int_equal(gap, 0);
        finish();
    }
}

/* Its packets are counted when the receiver goes in the same turn. */
static void
test_burst_for_a_client_that_leaves(void **state)
{
    (void)state;
    start(NULL, 0);
    assert_true(send_numbers(&b, 0, 20));
    derp_rig_close(&b);
    derp_rig_turn(&rig);
    assert_int_equal(
        derp_rig_drops(&rig, DERP_DROP_GONE_DISCONNECTED, DERP_KIND_OTHER), 20);
    assert_int_equal(rig.worker[0].w->stage_count, 0);
    finish();
}

/* Keepalives of all clients meet in few turns, and still 60 to 65 s apart. */
static void
test_T53_keepalives_meet_on_a_grid(void **state)
{
    (void)state;
    start(NULL, 0);
    derp_rig_advance(&rig, ION_MS(77)); /* off the grid */
    for (int round = 0; round < 20; round++) {
        ION_LIST_FOREACH(it, &rig.worker[0].w->all) {
            derp_session_t *s = ION_CONTAINER_OF(it, derp_session_t, link);
            ion_mono_t from = ion_loop_now(rig.worker[0].w->loop);
            ion_mono_t due;

            s->st.keepalive_ns = DERP_KEEPALIVE + (unsigned)round * ION_MS(237);
            derp_session_set_keepalive(s, from);
            due = s->st.keepalive_due;
            assert_int_equal(due % DERP_KEEPALIVE_GRID, 0);
            assert_true(due - from >= s->st.keepalive_ns);
            assert_true(due - from < s->st.keepalive_ns + DERP_KEEPALIVE_GRID);
        }
    }
    finish();
}

static void
test_T53_keepalive(void **state)
{
    bool is_busy = false;

    (void)state;
    start(NULL, 1);
    for (int round = 1; round <= 6; round++) {
        unsigned keepalives = 0;

        for (int s = 0; s < 65; s++) {
            derp_rig_frame_t f;

            if (is_busy) {
                assert_true(send_number(&b, 1));
            }
            derp_rig_advance(&rig, ION_SEC(1));
            while (derp_rig_next(&b, &f)) {
                if (f.type == DERP_FRAME_KEEP_ALIVE) {
                    assert_int_equal(f.len, 0);
                    keepalives++;
                    assert_true(round > 1 || s >= 59);
                }
            }
        }
        assert_true(keepalives == 1 || (round > 1 && keepalives == 2));
        is_busy = !is_busy;
    }
    finish();
}

/*
 * Half frames of many clients are bounded: when memory is short the one that
 * has waited longest for its rest goes, and those that go on are served.
 */
static void
test_half_frames_are_bounded(void **state)
{
    static derp_packet_t *ballast[DERP_WORKER_BUDGET / 65536];
    uint8_t head[DERP_HEADER_LEN + DERP_KEY_LEN];
    static uint8_t payload[60000];
    derp_pool_t *pool;
    size_t n = 0;

    (void)state;
    start(NULL, 0);
    pool = rig.worker[0].w->pool;
    derp_header_put(
        head, DERP_FRAME_SEND_PACKET, DERP_KEY_LEN + sizeof(payload));
    memcpy(head + DERP_HEADER_LEN, b.key.b, DERP_KEY_LEN);
    assert_true(derp_rig_write(&c, head, sizeof(head)));
    assert_true(derp_rig_write(&c, payload, 40000));
    derp_rig_turn(&rig);
    while (derp_pool_left(pool) >= 2 * 66000) {
        assert_int_equal(
            derp_pool_get(pool, DERP_MAX_PACKET, &ballast[n]), ION_OK);
        n++;
    }
    assert_int_equal(derp_rig_stat(&rig, DERP_STAT_CONNECTIONS), 3);
    assert_true(derp_rig_write(&a, head, sizeof(head)));
    assert_true(derp_rig_write(&a, payload, 40000));
    derp_rig_turn(&rig);
    assert_int_equal(derp_rig_stat(&rig, DERP_STAT_CONNECTIONS), 3);
    while (derp_pool_get(pool, 8000, &ballast[n]) == ION_OK) {
        n++;
    }
    assert_true(derp_rig_write(&b, head, sizeof(head)));
    assert_true(derp_rig_write(&b, payload, 40000));
    derp_rig_turn(&rig);
    assert_true(derp_rig_is_closed(&c));
    assert_int_equal(derp_rig_stat(&rig, DERP_STAT_CONNECTIONS), 2);
    while (n > 0) {
        n--;
        derp_pool_put(pool, &ballast[n]);
    }
    assert_true(derp_rig_write(&a, payload, 20000));
    derp_rig_turn(&rig);
    assert_true(derp_rig_expect_packet(&b, &a.key, payload, sizeof(payload)));
    finish();
}

/*
 * A worker that is behind: senders to it wait with their input and lose
 * nothing; one that hangs costs a short wait, once, and then packets.
 */
static void
test_worker_is_behind(void **state)
{
    uint8_t *big = calloc(1, DERP_MAX_PACKET);
    derp_worker_t *far;
    unsigned got = 0;

    (void)state;
    assert_non_null(big);
    start(NULL, 1);
    far = rig.worker[1].w;
    ion_loop_hook_del(rig.loop, &far->hook);
    for (int i = 0; i < 30; i++) {
        (void)derp_rig_packet(&a, &b.key, big, DERP_MAX_PACKET);
        derp_rig_turn(&rig);
        if (!ion_list_is_empty(&rig.worker[0].w->waiting)) {
            break;
        }
    }
    assert_false(ion_list_is_empty(&rig.worker[0].w->waiting));
    derp_rig_advance(&rig, ION_MS(90));
    assert_int_equal(derp_rig_stat(&rig, DERP_STAT_FABRIC_FULL), 0);
    ion_loop_hook_add(rig.loop, &far->hook);
    for (int i = 0; i < 50; i++) {
        derp_rig_advance(&rig, ION_MS(1));
        got += arrived(&b);
    }
    assert_true(ion_list_is_empty(&rig.worker[0].w->waiting));
    assert_int_equal(derp_rig_stat(&rig, DERP_STAT_FABRIC_FULL), 0);
    assert_int_equal(got, derp_rig_stat(&rig, DERP_STAT_PACKETS_RECEIVED));

    /* now it hangs */
    ion_loop_hook_del(rig.loop, &far->hook);
    for (int i = 0; i < 30; i++) {
        (void)derp_rig_packet(&a, &b.key, big, DERP_MAX_PACKET);
        derp_rig_turn(&rig);
        if (!ion_list_is_empty(&rig.worker[0].w->waiting)) {
            break;
        }
    }
    derp_rig_advance(&rig, ION_MS(101));
    assert_true(derp_rig_stat(&rig, DERP_STAT_FABRIC_FULL) >= 1);
    assert_true(
        derp_rig_drops(&rig, DERP_DROP_QUEUE_TAIL, DERP_KIND_OTHER) >= 1);
    for (int i = 0; i < 5; i++) {
        (void)derp_rig_packet(&a, &b.key, big, DERP_MAX_PACKET);
        derp_rig_turn(&rig);
        assert_true(ion_list_is_empty(&rig.worker[0].w->waiting));
    }
    assert_true(derp_rig_packet(&a, &a.key, "still here", 10));
    derp_rig_turn(&rig);
    assert_true(derp_rig_expect_packet(&a, &a.key, "still here", 10));
    ion_loop_hook_add(rig.loop, &far->hook);
    derp_rig_turn(&rig);
    finish();
    free(big);
}

/* The sender goes while its packet waits for room. */
static void
test_sender_leaves_while_waiting(void **state)
{
    uint8_t *big = calloc(1, DERP_MAX_PACKET);
    derp_worker_t *far;

    (void)state;
    assert_non_null(big);
    start(NULL, 1);
    far = rig.worker[1].w;
    ion_loop_hook_del(rig.loop, &far->hook);
    for (int i = 0; i < 30; i++) {
        (void)derp_rig_packet(&a, &b.key, big, DERP_MAX_PACKET);
        derp_rig_turn(&rig);
    }
    assert_false(ion_list_is_empty(&rig.worker[0].w->waiting));
    derp_rig_close(&a);
    derp_rig_turn(&rig);
    assert_true(ion_list_is_empty(&rig.worker[0].w->waiting));
    ion_loop_hook_add(rig.loop, &far->hook);
    derp_rig_turn(&rig);
    finish();
    free(big);
}

static void
test_drain(void **state)
{
    derp_rig_worker_t *rw;

    (void)state;
    start(NULL, 1);
    rw = &rig.worker[1];
    rw->p.draining = true;
    derp_module.drain(&rw->p, 0);
    derp_rig_turn(&rig);
    assert_int_equal(rw->idle_calls, 0);
    assert_true(send_number(&b, 1));
    derp_rig_turn(&rig);
    assert_int_equal(arrived(&b), 1);
    derp_rig_close(&b);
    derp_rig_turn(&rig);
    assert_int_equal(rw->idle_calls, 0);
    derp_rig_close(&c);
    derp_rig_turn(&rig);
    assert_int_equal(rw->idle_calls, 1);
    rig.worker[0].p.draining = true;
    derp_rig_close(&a);
    derp_rig_turn(&rig);
    derp_module.drain(&rig.worker[0].p, 0);
    assert_int_equal(rig.worker[0].idle_calls, 1);
    finish();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_T29_freeze),
        cmocka_unit_test(test_T30_queue_eviction),
        cmocka_unit_test(test_burst_to_a_reader),
        cmocka_unit_test(test_T31_queue_separation),
        cmocka_unit_test(test_queue_is_bounded_in_bytes),
        cmocka_unit_test(test_write_deadline_is_absolute),
        cmocka_unit_test(test_T48_rate_limit),
        cmocka_unit_test(test_rate_limit_holds_input),
        cmocka_unit_test(test_T49_reload_of_the_rate),
        cmocka_unit_test(test_reload_keeps_the_server_key),
        cmocka_unit_test(test_rate_limit_notices_the_end),
        cmocka_unit_test(test_burst_leaves_with_its_turn),
        cmocka_unit_test(test_burst_for_a_client_that_leaves),
        cmocka_unit_test(test_T53_keepalives_meet_on_a_grid),
        cmocka_unit_test(test_T53_keepalive),
        cmocka_unit_test(test_half_frames_are_bounded),
        cmocka_unit_test(test_worker_is_behind),
        cmocka_unit_test(test_sender_leaves_while_waiting),
        cmocka_unit_test(test_drain),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
