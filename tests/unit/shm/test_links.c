/*
 * test_links.c -- rows about mesh links, from one process to another.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/shm_rig.h"
#include "shm/links.h"
#include "shm/shm_int.h"
#include "shm/slots.h"

static void
test_set_and_get(void **state)
{
    shm_rig_t rig;
    ion_link_row_t row = { .state = ION_LINK_UP,
        .since_ms = 17,
        .keys = 3,
        .packets = UINT64_MAX,
        .target = "derp2.example.com",
        .why = "" };
    ion_link_row_t got;
    uint32_t slot;

    (void)state;
    shm_rig_init(&rig, 2, 10);
    (void)shm_rig_start(&rig);
    slot = shm_rig_start(&rig);
    for (uint32_t n = 0; n < ION_LINKS_MAX; n++) {
        assert_false(ion_links_get(rig.master, slot, n, &got));
    }
    ion_links_set(rig.worker[slot], 31, &row);
    assert_false(ion_links_get(rig.master, slot, 30, &got));
    assert_false(ion_links_get(rig.master, 0, 31, &got));
    assert_true(ion_links_get(rig.master, slot, 31, &got));
    assert_int_equal(got.state, ION_LINK_UP);
    assert_int_equal(got.since_ms, 17);
    assert_int_equal(got.keys, 3);
    assert_true(got.packets == UINT64_MAX);
    assert_string_equal(got.target, "derp2.example.com");
    assert_string_equal(got.why, "");
    ion_links_set(rig.worker[slot], 31, NULL);
    assert_false(ion_links_get(rig.master, slot, 31, &got));
    shm_rig_fini(&rig);
}

/* Texts are cut; what a corrupt worker wrote ends nevertheless. */
static void
test_long_texts(void **state)
{
    shm_rig_t rig;
    ion_link_row_t row = { .state = ION_LINK_WAITING };
    ion_link_row_t got;
    uint32_t slot;

    (void)state;
    shm_rig_init(&rig, 1, 10);
    slot = shm_rig_start(&rig);
    memset(row.target, 't', sizeof(row.target));
    memset(row.why, 'w', sizeof(row.why));
    ion_links_set(rig.worker[slot], 0, &row);
    assert_true(ion_links_get(rig.master, slot, 0, &got));
    assert_int_equal(strlen(got.target), ION_LINKS_TEXT - 1);
    assert_int_equal(strlen(got.why), ION_LINKS_TEXT - 1);
    memset((void *)shm_block(rig.worker[slot], slot)->links[0].why, 'x',
        ION_LINKS_TEXT);
    assert_true(ion_links_get(rig.master, slot, 0, &got));
    assert_int_equal(strlen(got.why), ION_LINKS_TEXT - 1);
    shm_rig_fini(&rig);
}

/* A writer that died in the middle leaves a row that nobody takes. */
static void
test_half_written(void **state)
{
    shm_rig_t rig;
    ion_link_row_t row = { .state = ION_LINK_UP };
    ion_link_row_t got;
    uint32_t slot;
    _Atomic uint32_t *version;

    (void)state;
    shm_rig_init(&rig, 1, 10);
    slot = shm_rig_start(&rig);
    ion_links_set(rig.worker[slot], 0, &row);
    version = &shm_block(rig.worker[slot], slot)->links[0].version;
    atomic_store(version, atomic_load(version) + 1);
    assert_false(ion_links_get(rig.master, slot, 0, &got));
    shm_rig_kill(&rig, slot);
    ion_shm_sweep(rig.master, slot);
    assert_int_equal(shm_rig_start(&rig), slot);
    assert_false(ion_links_get(rig.master, slot, 0, &got));
    assert_int_equal(atomic_load(version) & 1, 0);
    ion_links_set(rig.worker[slot], 0, &row);
    assert_true(ion_links_get(rig.master, slot, 0, &got));
    shm_rig_fini(&rig);
}

/* The count of changes moves with every state of every slot. */
static void
test_changes(void **state)
{
    shm_rig_t rig;
    uint64_t before;
    uint32_t slot;

    (void)state;
    shm_rig_init(&rig, 1, 10);
    before = ion_slots_changes(rig.master);
    slot = shm_rig_start(&rig);
    assert_true(ion_slots_changes(rig.worker[slot]) != before);
    before = ion_slots_changes(rig.worker[slot]);
    ion_slots_set_state(rig.master, slot, ION_SLOT_DRAINING);
    assert_true(ion_slots_changes(rig.worker[slot]) != before);
    shm_rig_fini(&rig);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_set_and_get),
        cmocka_unit_test(test_long_texts),
        cmocka_unit_test(test_half_written),
        cmocka_unit_test(test_changes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
