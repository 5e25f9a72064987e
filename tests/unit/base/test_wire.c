/*
 * test_wire.c -- bounded reader and writer.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/wire.h"
static const uint8_t ramp[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14,
    15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29 };

static void
test_reader_reads_every_width(void **state)
{
    ion_rd_t rd;

    (void)state;
    ion_rd_init(&rd, ramp, sizeof(ramp));
    assert_int_equal(ion_rd_u8(&rd), 1);
    assert_int_equal(ion_rd_u16be(&rd), 0x0203);
    assert_int_equal(ion_rd_u16le(&rd), 0x0504);
    assert_int_equal(ion_rd_u32be(&rd), 0x06070809);
    assert_int_equal(ion_rd_u32le(&rd), 0x0d0c0b0a);
    assert_true(ion_rd_u64be(&rd) == UINT64_C(0x0e0f101112131415));
    assert_true(ion_rd_u64le(&rd) == UINT64_C(0x1d1c1b1a19181716));
    assert_int_equal(ion_rd_left(&rd), 0);
    assert_true(ion_rd_ok(&rd));
    assert_ptr_equal(ion_rd_bytes(&rd, 0), ramp + sizeof(ramp));
    assert_true(ion_rd_ok(&rd));
}

static void
test_reader_overrun_is_sticky(void **state)
{
    ion_rd_t rd;

    (void)state;
    ion_rd_init(&rd, ramp, 5);
    assert_ptr_equal(ion_rd_bytes(&rd, 2), ramp);
    assert_int_equal(ion_rd_u32be(&rd), 0);
    assert_false(ion_rd_ok(&rd));
    assert_int_equal(ion_rd_left(&rd), 0);
    assert_int_equal(ion_rd_u8(&rd), 0);
    assert_null(ion_rd_bytes(&rd, 0));

    ion_rd_init(&rd, ramp, 5);
    assert_null(ion_rd_bytes(&rd, SIZE_MAX));
    assert_false(ion_rd_ok(&rd));

    ion_rd_init(&rd, NULL, 0);
    assert_true(ion_rd_ok(&rd));
    assert_int_equal(ion_rd_u64le(&rd), 0);
    assert_false(ion_rd_ok(&rd));
}

static void
test_writer_writes_what_the_reader_reads(void **state)
{
    uint8_t out[sizeof(ramp)];
    ion_wr_t wr;

    (void)state;
    ion_wr_init(&wr, out, sizeof(out));
    ion_wr_u8(&wr, 1);
    ion_wr_u16be(&wr, 0x0203);
    ion_wr_u16le(&wr, 0x0504);
    ion_wr_u32be(&wr, 0x06070809);
    ion_wr_u32le(&wr, 0x0d0c0b0a);
    ion_wr_u64be(&wr, UINT64_C(0x0e0f101112131415));
    ion_wr_u64le(&wr, UINT64_C(0x1d1c1b1a19181716));
    assert_true(ion_wr_ok(&wr));
    assert_int_equal(ion_wr_len(&wr), sizeof(ramp));
    assert_memory_equal(out, ramp, sizeof(ramp));
}

static void
test_writer_overrun_writes_nothing(void **state)
{
    uint8_t out[8];
    ion_wr_t wr;

    (void)state;
    memset(out, 0xee, sizeof(out));
    ion_wr_init(&wr, out, 4);
    ion_wr_u16be(&wr, 0x0102);
    ion_wr_u32be(&wr, 0x03040506);
    ion_wr_u8(&wr, 7);
    ion_wr_bytes(&wr, "x", 1);
    assert_null(ion_wr_room(&wr, 0));
    assert_false(ion_wr_ok(&wr));
    assert_int_equal(ion_wr_len(&wr), 2);
    assert_memory_equal(out, "\x01\x02\xee\xee\xee\xee\xee\xee", 8);

    ion_wr_init(&wr, out, 4);
    assert_ptr_equal(ion_wr_room(&wr, 4), out);
    assert_true(ion_wr_ok(&wr));
    assert_null(ion_wr_room(&wr, SIZE_MAX));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reader_reads_every_width),
        cmocka_unit_test(test_reader_overrun_is_sticky),
        cmocka_unit_test(test_writer_writes_what_the_reader_reads),
        cmocka_unit_test(test_writer_overrun_writes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
