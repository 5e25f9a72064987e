/*
 * test_rlimit.c -- descriptors and CPUs.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "os/rlimit.h"

static void
test_raise(void **state)
{
    struct rlimit rl;
    uint64_t now = 0;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &rl), 0);
    rl.rlim_cur = 64;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &rl), 0);
    assert_int_equal(ion_rlimit_raise_files(&now), ION_OK);
    assert_int_equal(now, rl.rlim_max);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &rl), 0);
    assert_int_equal(rl.rlim_cur, rl.rlim_max);
    assert_int_equal(ion_rlimit_raise_files(&now), ION_OK);
    assert_int_equal(now, rl.rlim_max);
}

static void
test_cpus(void **state)
{
    cpu_set_t all;
    cpu_set_t one;
    int first = 0;

    (void)state;
    assert_int_equal(sched_getaffinity(0, sizeof(all), &all), 0);
    assert_int_equal(ion_cpu_count(), CPU_COUNT(&all));
    while (!CPU_ISSET(first, &all)) {
        first++;
    }
    CPU_ZERO(&one);
    CPU_SET(first, &one);
    assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
    assert_int_equal(ion_cpu_count(), 1);
    assert_int_equal(sched_setaffinity(0, sizeof(all), &all), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_raise),
        cmocka_unit_test(test_cpus),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
