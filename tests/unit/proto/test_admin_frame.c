/*
 * test_admin_frame.c -- frames of the control socket.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "proto/admin_frame.h"

static const uint8_t sample[ADMIN_HEADER_LEN] = { 0x02, 0x00, 0x01, 0x00, 0x04,
    0x03, 0x02, 0x00, 0x08, 0x07, 0x06, 0x05, 0x04, 0x03, 0x02, 0x01 };

static void
test_both_ways(void **state)
{
    admin_header_t h;
    uint8_t out[ADMIN_HEADER_LEN];

    (void)state;
    assert_int_equal(admin_header_parse(sample, sizeof(sample), &h), ION_OK);
    assert_int_equal(h.type, ADMIN_FRAME_REPLY);
    assert_int_equal(h.len, 0x020304);
    assert_true(h.req == UINT64_C(0x0102030405060708));
    admin_header_put(out, &h);
    assert_memory_equal(out, sample, sizeof(out));
}

static void
test_incomplete(void **state)
{
    admin_header_t h = { ADMIN_FRAME_PART, 7, 7 };

    (void)state;
    for (size_t n = 0; n < sizeof(sample); n++) {
        assert_int_equal(admin_header_parse(sample, n, &h), ION_AGAIN);
    }
    assert_int_equal(h.len, 7);
}

static void
test_refused(void **state)
{
    static const struct {
        size_t at;
        uint16_t value;
        ion_err_t want;
    } cases[] = {
        { 0, 0, ION_MALF },
        { 0, 4, ION_MALF },
        { 0, 0x0100, ION_MALF },
        { 2, 0, ION_VERSION },
        { 2, 2, ION_VERSION },
        { 2, 0x0100, ION_VERSION },
        { 6, 0x0011, ION_LIMIT },
        { 6, 0xffff, ION_LIMIT },
    };

    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(cases); i++) {
        uint8_t in[ADMIN_HEADER_LEN];
        admin_header_t h;

        memcpy(in, sample, sizeof(in));
        ion_put_u16le(in + cases[i].at, cases[i].value);
        assert_int_equal(admin_header_parse(in, sizeof(in), &h), cases[i].want);
    }
}

static void
test_largest(void **state)
{
    uint8_t in[ADMIN_HEADER_LEN];
    admin_header_t h;

    (void)state;
    memcpy(in, sample, sizeof(in));
    ion_put_u32le(in + 4, ADMIN_MAX_PAYLOAD);
    assert_int_equal(admin_header_parse(in, sizeof(in), &h), ION_OK);
    ion_put_u32le(in + 4, ADMIN_MAX_PAYLOAD + 1);
    assert_int_equal(admin_header_parse(in, sizeof(in), &h), ION_LIMIT);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_ways),
        cmocka_unit_test(test_incomplete),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_largest),
    };

    return cmocka_run_group_tests_name("admin_frame", tests, NULL, NULL);
}
