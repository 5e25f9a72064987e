/*
 * test_rng.c -- randomness, also from a kernel that gives it in pieces.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/random.h>

#include <cmocka.h>

#include "base/rng.h"

ssize_t __real_getrandom(void *p, size_t n, unsigned flags);
ssize_t __wrap_getrandom(void *p, size_t n, unsigned flags);

/* What the next calls do: 0 = as the kernel, -1 = EINTR, else that many. */
static const int *script;
static unsigned calls;

ssize_t
__wrap_getrandom(void *p, size_t n, unsigned flags)
{
    assert_int_equal(flags, 0);
    calls++;
    int step = script == NULL ? 0 : *script++;
    if (step < 0) {
        errno = EINTR;
        return -1;
    }
    if (step == 0 || (size_t)step > n) {
        return __real_getrandom(p, n, flags);
    }
    memset(p, step, (size_t)step);
    return step;
}

static void
test_all_bytes_are_filled(void **state)
{
    static uint8_t bytes[100000];
    static uint8_t seen[256];

    (void)state;
    ion_random(bytes, sizeof(bytes));
    for (size_t i = 0; i < sizeof(bytes); i++) {
        seen[bytes[i]] = 1;
    }
    for (size_t i = 0; i < sizeof(seen); i++) {
        assert_int_equal(seen[i], 1);
    }

    uint32_t all = 0;
    for (int i = 0; i < 64; i++) {
        all |= ion_random_u32();
    }
    assert_true(all == UINT32_MAX);
}

static void
test_pieces_and_interruptions(void **state)
{
    static const int steps[] = { 2, -1, 3, -1, -1, 1 };
    uint8_t out[8];

    (void)state;
    memset(out, 0xee, sizeof(out));
    script = steps;
    calls = 0;
    ion_random(out, 6);
    assert_int_equal(calls, ION_ARRAY_LEN(steps));
    assert_memory_equal(out, "\x02\x02\x03\x03\x03\x01\xee\xee", 8);

    ion_random(out, 0);
    assert_int_equal(calls, ION_ARRAY_LEN(steps));
    script = NULL;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_bytes_are_filled),
        cmocka_unit_test(test_pieces_and_interruptions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
