/*
 * test_derp_queue.c -- order, bounds and eviction of a client's queue.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "derp/derp_pool.h"
#include "derp/derp_queue.h"

static const derp_queue_limits_t wide = { 1000, 1u << 20 };

static derp_pool_t *pool;
static derp_queue_t queue;

static int
setup(void **state)
{
    (void)state;
    derp_queue_init(&queue);
    return derp_pool_new(1u << 24, &pool) == ION_OK ? 0 : -1;
}

static int
teardown(void **state)
{
    derp_packet_t *packet;

    (void)state;
    while ((packet = derp_queue_pop(&queue)) != NULL) {
        derp_pool_put(pool, &packet);
    }
    derp_pool_free(&pool);
    return 0;
}

/* A packet of kind 'd', 'o' or 'c', known by a number. */
static void
push(char kind, uint8_t number, size_t len)
{
    derp_packet_t *packet = NULL;

    assert_int_equal(derp_pool_get(pool, len, &packet), ION_OK);
    packet->frame[0] = number;
    packet->kind = kind == 'd'   ? DERP_KIND_DISCO
                   : kind == 'o' ? DERP_KIND_OTHER
                                 : DERP_KIND_CONTROL;
    derp_queue_push(&queue, packet);
}

static int
pop(void)
{
    derp_packet_t *packet = derp_queue_pop(&queue);
    int number = packet == NULL ? -1 : packet->frame[0];

    derp_pool_put(pool, &packet);
    return number;
}

/* What goes in as letters comes out as places in the input. */
static void
test_order_of_kinds(void **state)
{
    static const struct {
        const char *in;
        const char *out;
    } cases[] = {
        { "", "" },
        { "o", "0" },
        { "ooo", "012" },
        { "ddd", "012" },
        { "od", "10" },
        { "oodd", "2301" },
        { "c", "0" },
        { "oc", "01" },
        { "odc", "102" },
        { "co", "01" },
        { "cd", "01" },
        { "ocd", "012" },
        { "dcood", "01423" },
        { "odcod", "10243" },
        { "occo", "0123" },
        { "ccd", "012" },
    };

    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(cases); i++) {
        for (uint8_t k = 0; cases[i].in[k] != '\0'; k++) {
            push(cases[i].in[k], k, 40);
        }
        for (const char *p = cases[i].out; *p != '\0'; p++) {
            assert_false(derp_queue_is_empty(&queue));
            assert_int_equal(pop(), *p - '0');
        }
        assert_true(derp_queue_is_empty(&queue));
        assert_int_equal(pop(), -1);
    }
}

static void
test_T31_disco_goes_first_but_starves_nobody(void **state)
{
    int others = 0;

    (void)state;
    for (int i = 0; i < 3; i++) {
        push('o', 200, 40);
    }
    for (int i = 0; i < 100; i++) {
        push('d', 100, 40);
    }
    for (int i = 0; i < 60; i++) {
        others += pop() == 200 ? 1 : 0;
    }
    assert_int_equal(others, 3);
}

static void
test_evict_by_count_and_bytes(void **state)
{
    static const struct {
        derp_queue_limits_t limits;
        size_t queued; /* packets of 100 bytes there */
        size_t len;    /* of the new one */
        size_t gone;   /* packets that must go */
    } cases[] = {
        { { 4, 100000 }, 0, 100, 0 },
        { { 4, 100000 }, 3, 100, 0 },
        { { 4, 100000 }, 4, 100, 1 },
        { { 4, 100000 }, 6, 100, 3 },
        { { 1, 100000 }, 1, 100, 1 },
        { { 100, 400 }, 3, 100, 0 },
        { { 100, 400 }, 4, 100, 1 },
        { { 100, 400 }, 4, 101, 2 },
        { { 100, 400 }, 4, 400, 4 },
        { { 100, 400 }, 4, 5000, 4 }, /* an empty queue takes anything */
        { { 100, 0 }, 2, 1, 2 },
    };

    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(cases); i++) {
        derp_packet_t *packet;
        size_t gone = 0;

        push('d', 99, 100); /* the other class is not touched */
        for (uint8_t k = 0; k < cases[i].queued; k++) {
            push('o', k, 100);
        }
        while ((packet = derp_queue_evict(&queue, DERP_KIND_OTHER, cases[i].len,
                    &cases[i].limits)) != NULL)
        {
            assert_int_equal(packet->frame[0], gone);
            derp_pool_put(pool, &packet);
            gone++;
        }
        assert_int_equal(gone, cases[i].gone);
        assert_int_equal(
            derp_queue_count(&queue, DERP_KIND_OTHER), cases[i].queued - gone);
        assert_int_equal(pop(), 99);
        while (pop() >= 0) {
        }
        assert_int_equal(derp_pool_used(pool), 0);
    }
}

static void
test_newest_survive(void **state)
{
    derp_queue_limits_t limits = { 32, 1u << 20 };
    int first = 200 - 32;

    (void)state;
    for (int i = 0; i < 200; i++) {
        derp_packet_t *packet =
            derp_queue_evict(&queue, DERP_KIND_OTHER, 40, &limits);

        derp_pool_put(pool, &packet);
        push('o', (uint8_t)i, 40);
    }
    for (int i = first; i < 200; i++) {
        assert_int_equal(pop(), i);
    }
    assert_int_equal(pop(), -1);
    assert_null(derp_queue_evict(&queue, DERP_KIND_OTHER, 40, &wide));
}

static void
test_pool_classes_and_budget(void **state)
{
    static const size_t sizes[] = { 0, 1, 88, 100, 1437, 8000, 32000, 65573,
        262149 };
    derp_packet_t *packet = NULL;
    derp_pool_t *small = NULL;
    derp_packet_t *second = NULL;

    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(sizes); i++) {
        assert_int_equal(derp_pool_get(pool, sizes[i], &packet), ION_OK);
        assert_int_equal(packet->len, sizes[i]);
        assert_true(derp_packet_room(packet) >= sizes[i]);
        memset(packet->frame, 0xaa, derp_packet_room(packet));
        assert_true(derp_pool_used(pool) >= sizes[i]);
        derp_pool_put(pool, &packet);
        assert_null(packet);
        assert_int_equal(derp_pool_used(pool), 0);
    }
    assert_int_equal(derp_pool_get(pool, 262150, &packet), ION_RANGE);

    assert_int_equal(derp_pool_new(1000, &small), ION_OK);
    assert_int_equal(derp_pool_get(small, 400, &packet), ION_OK);
    assert_int_equal(derp_pool_get(small, 400, &second), ION_NOMEM);
    assert_int_equal(derp_pool_left(small), 1000 - 512);
    derp_pool_put(small, &packet);
    assert_int_equal(derp_pool_get(small, 400, &second), ION_OK);
    derp_pool_put(small, &second);
    derp_pool_free(&small);
}

static void
test_pool_grow_keeps_bytes(void **state)
{
    derp_packet_t *packet = NULL;

    (void)state;
    assert_int_equal(derp_pool_get(pool, 80, &packet), ION_OK);
    for (uint8_t i = 0; i < 80; i++) {
        packet->frame[i] = i;
    }
    assert_int_equal(derp_pool_grow(pool, &packet, 65573), ION_OK);
    assert_int_equal(packet->len, 80);
    assert_true(derp_packet_room(packet) >= 65573);
    for (uint8_t i = 0; i < 80; i++) {
        assert_int_equal(packet->frame[i], i);
    }
    assert_int_equal(derp_pool_grow(pool, &packet, 262150), ION_RANGE);
    assert_int_equal(packet->len, 80);
    derp_pool_put(pool, &packet);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_order_of_kinds, setup, teardown),
        cmocka_unit_test_setup_teardown(
            test_T31_disco_goes_first_but_starves_nobody, setup, teardown),
        cmocka_unit_test_setup_teardown(
            test_evict_by_count_and_bytes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_newest_survive, setup, teardown),
        cmocka_unit_test_setup_teardown(
            test_pool_classes_and_budget, setup, teardown),
        cmocka_unit_test_setup_teardown(
            test_pool_grow_keeps_bytes, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
