/*
 * test_derp_interest.c -- who hears that a key has left.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "derp/derp_interest.h"

#define RECEIVERS 4

static derp_interests_t *table;
static derp_receiver_t receivers[RECEIVERS];
static char fired[256]; /* "<receiver><key> ..." in the order they fired */

static ion_key_t
key_of(uint8_t n)
{
    ion_key_t key;

    memset(key.b, n, sizeof(key.b));
    return key;
}

static int
setup(void **state)
{
    static const uint8_t seed[16] = { 1, 2, 3 };

    (void)state;
    fired[0] = '\0';
    for (uint32_t i = 0; i < RECEIVERS; i++) {
        derp_receiver_init(&receivers[i], i);
    }
    return derp_interests_new(seed, 8, &table) == ION_OK ? 0 : -1;
}

static int
teardown(void **state)
{
    (void)state;
    for (size_t i = 0; i < RECEIVERS; i++) {
        derp_interests_withdraw(table, &receivers[i]);
    }
    assert_int_equal(derp_interests_count(table), 0);
    derp_interests_free(&table);
    return 0;
}

static void
add(uint32_t receiver, uint8_t key, uint64_t seq)
{
    ion_key_t k = key_of(key);

    assert_int_equal(
        derp_interests_add(table, &receivers[receiver], &k, seq), ION_OK);
}

static void
on_fire(void *arg, derp_receiver_t *receiver, const ion_key_t *key)
{
    size_t n = strlen(fired);

    assert_ptr_equal(arg, &table);
    fired[n] = (char)('0' + receiver->id);
    fired[n + 1] = (char)('a' + key->b[0]);
    fired[n + 2] = ' ';
    fired[n + 3] = '\0';
}

static size_t
gone(uint8_t key, uint64_t seq)
{
    ion_key_t k = key_of(key);

    fired[0] = '\0';
    return derp_interests_gone(table, &k, seq, on_fire, &table);
}

static void
test_T27_fires_once_and_arms_again(void **state)
{
    (void)state;
    add(0, 1, 5);
    add(0, 1, 5);
    add(2, 1, 5);
    add(1, 2, 6);
    assert_int_equal(derp_interests_count(table), 3);
    assert_int_equal(gone(1, 7), 2);
    assert_string_equal(fired, "0b 2b ");
    assert_int_equal(gone(1, 8), 0);
    assert_int_equal(gone(3, 8), 0);
    add(0, 1, 9);
    assert_int_equal(gone(1, 10), 1);
    assert_int_equal(derp_interests_count(table), 1);
}

static void
test_older_news_does_not_end_a_newer_interest(void **state)
{
    (void)state;
    add(0, 1, 5);
    add(1, 1, 9);
    add(0, 1, 12); /* heard from a newer connection: keeps the higher one */
    assert_int_equal(gone(1, 8), 0);
    assert_int_equal(gone(1, 9), 1);
    assert_string_equal(fired, "1b ");
    add(0, 1, 3);
    assert_int_equal(gone(1, 11), 0);
    assert_int_equal(gone(1, 12), 1);
}

static void
test_withdrawn_receivers_hear_nothing(void **state)
{
    (void)state;
    add(0, 1, 1);
    add(0, 2, 1);
    add(1, 1, 1);
    derp_interests_withdraw(table, &receivers[0]);
    assert_int_equal(derp_interests_count(table), 1);
    assert_int_equal(gone(1, 2), 1);
    assert_string_equal(fired, "1b ");
    assert_int_equal(gone(2, 2), 0);
}

static void
test_table_is_bounded(void **state)
{
    ion_key_t k = key_of(100);

    (void)state;
    for (uint8_t i = 0; i < 8; i++) {
        add(i % RECEIVERS, i, 1);
    }
    assert_int_equal(
        derp_interests_add(table, &receivers[0], &k, 1), ION_LIMIT);
    assert_int_equal(derp_interests_count(table), 8);
    add(0, 0, 2); /* one that is there may be confirmed */
    assert_int_equal(gone(3, 1), 1);
    assert_int_equal(derp_interests_add(table, &receivers[0], &k, 1), ION_OK);
}

static bool
is_even(void *arg, const ion_key_t *key)
{
    assert_ptr_equal(arg, &table);
    return key->b[0] % 2 == 0;
}

static void
test_walk_fires_absent_keys_within_budget(void **state)
{
    size_t steps = 1;

    (void)state;
    for (uint8_t i = 0; i < 7; i++) {
        add(i % RECEIVERS, i, i);
    }
    derp_interests_walk_start(table);
    fired[0] = '\0';
    while (!derp_interests_walk(table, 2, is_even, on_fire, &table)) {
        steps++;
    }
    assert_int_equal(steps, 4);
    assert_string_equal(fired, "1b 3d 1f ");
    assert_int_equal(derp_interests_count(table), 4);
}

static void
test_walk_survives_changes_on_the_way(void **state)
{
    (void)state;
    for (uint8_t i = 0; i < 6; i++) {
        add(0, i, 1);
    }
    derp_interests_walk_start(table);
    fired[0] = '\0';
    assert_false(derp_interests_walk(table, 2, is_even, on_fire, &table));
    add(1, 7, 1);
    assert_int_equal(gone(2, 5), 1);
    fired[0] = '\0';
    while (!derp_interests_walk(table, 2, is_even, on_fire, &table)) {
    }
    /* 3 and 5 were there from the start; 7 may or may not be looked at */
    assert_non_null(strstr(fired, "0d "));
    assert_non_null(strstr(fired, "0f "));
    derp_interests_withdraw(table, &receivers[0]);
    derp_interests_withdraw(table, &receivers[1]);
    derp_interests_walk_start(table);
    assert_true(derp_interests_walk(table, 2, is_even, on_fire, &table));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            test_T27_fires_once_and_arms_again, setup, teardown),
        cmocka_unit_test_setup_teardown(
            test_older_news_does_not_end_a_newer_interest, setup, teardown),
        cmocka_unit_test_setup_teardown(
            test_withdrawn_receivers_hear_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_table_is_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(
            test_walk_fires_absent_keys_within_budget, setup, teardown),
        cmocka_unit_test_setup_teardown(
            test_walk_survives_changes_on_the_way, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
