/*
 * test_ticket.c -- the blob of ticket keys: rotation and strict reading.
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tls/ticket.h"

static void
test_rotation_keeps_the_two_newest(void **state)
{
    uint8_t a[ION_TICKET_BLOB_MAX];
    uint8_t b[ION_TICKET_BLOB_MAX];
    ion_ticket_keys_t seen[5];
    size_t len = 0;
    (void)state;
    assert_int_equal(ion_ticket_rotate(NULL, 0, a, &len), ION_OK);
    assert_int_equal(len, ION_TICKET_HEAD_LEN + ION_TICKET_KEY_LEN);
    for (size_t i = 0; i < ION_ARRAY_LEN(seen); i++) {
        assert_int_equal(ion_ticket_parse(a, len, &seen[i]), ION_OK);
        assert_int_equal(
            seen[i].count, ION_MIN(i + 1, (size_t)ION_TICKET_KEYS));
        assert_int_equal(ion_ticket_rotate(a, len, b, &len), ION_OK);
        memcpy(a, b, sizeof(a));
    }
    for (size_t i = 1; i < ION_ARRAY_LEN(seen); i++) {
        assert_memory_not_equal(
            &seen[i].keys[0], &seen[i - 1].keys[0], ION_TICKET_KEY_LEN);
        assert_memory_equal(
            &seen[i].keys[1], &seen[i - 1].keys[0], ION_TICKET_KEY_LEN);
    }
    assert_memory_equal(&seen[4].keys[2], &seen[2].keys[0], ION_TICKET_KEY_LEN);
}

static void
test_only_a_whole_blob_is_read(void **state)
{
    uint8_t blob[ION_TICKET_BLOB_MAX + 1] = { 0 };
    uint8_t out[ION_TICKET_BLOB_MAX];
    ion_ticket_keys_t keys;
    size_t len = 0;
    (void)state;
    assert_int_equal(ion_ticket_rotate(NULL, 0, blob, &len), ION_OK);
    for (size_t n = 0; n <= sizeof(blob); n++) {
        assert_int_equal(
            ion_ticket_parse(blob, n, &keys), n == len ? ION_OK : ION_MALF);
    }
    for (size_t at = 0; at < ION_TICKET_HEAD_LEN; at++) {
        blob[at] ^= 0x40;
        assert_int_equal(ion_ticket_parse(blob, len, &keys), ION_MALF);
        assert_int_equal(ion_ticket_rotate(blob, len, out, &len), ION_MALF);
        blob[at] ^= 0x40;
    }
    blob[4] = 0;
    assert_int_equal(
        ion_ticket_parse(blob, ION_TICKET_HEAD_LEN, &keys), ION_MALF);
}

static void
test_wipe(void **state)
{
    static const ion_ticket_keys_t zero;
    ion_ticket_keys_t keys;
    (void)state;
    memset(&keys, 0x5a, sizeof(keys));
    ion_ticket_wipe(&keys);
    assert_memory_equal(&keys, &zero, sizeof(keys));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rotation_keeps_the_two_newest),
        cmocka_unit_test(test_only_a_whole_blob_is_read),
        cmocka_unit_test(test_wipe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
