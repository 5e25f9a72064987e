/*
 * test_usage.c -- descriptors, memory and CPU time, both ways of counting.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "os/usage.h"

/* descriptors as the directory lists them, without the one that lists */
static uint64_t
listed(void)
{
    DIR *dir = opendir("/proc/self/fd");
    uint64_t n = 0;

    assert_non_null(dir);
    while (readdir(dir) != NULL) {
        n++;
    }
    assert_int_equal(closedir(dir), 0);
    return n - 3; /* ".", ".." and the directory */
}

static void
check_descriptors(ion_usage_t *u, unsigned readings)
{
    ion_usage_now_t now;
    uint64_t want;
    int some[20];

    for (size_t i = 0; i < ION_ARRAY_LEN(some); i++) {
        some[i] = dup(0);
        assert_true(some[i] >= 0);
    }
    want = listed();
    for (unsigned i = 0; i < readings; i++) {
        ion_usage_read(u, &now);
    }
    assert_int_equal(now.open_fds, want);
    for (size_t i = 0; i < ION_ARRAY_LEN(some); i++) {
        assert_int_equal(close(some[i]), 0);
    }
    for (unsigned i = 0; i < readings; i++) {
        ion_usage_read(u, &now);
    }
    assert_int_equal(now.open_fds, want - ION_ARRAY_LEN(some));
}

static void
test_descriptors(void **state)
{
    ion_usage_t u;
    ion_usage_now_t now;
    struct rlimit rl;

    (void)state;
    ion_usage_open(&u);
    ion_usage_read(&u, &now);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &rl), 0);
    assert_int_equal(now.max_fds, rl.rlim_cur);
    check_descriptors(&u, 2);
    ion_usage_close(&u);
    assert_int_equal(u.fd_dir, -1);
    ion_usage_close(&u);
}

/* as on a kernel that does not tell, whatever this one does */
static void
test_descriptors_one_by_one(void **state)
{
    ion_usage_t u;
    int high;

    (void)state;
    ion_usage_open(&u);
    if (u.status < 0) {
        u.status = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
        assert_true(u.status >= 0);
    }
    check_descriptors(&u, 2);
    /* a table that needs more than one reading */
    high = fcntl(0, F_DUPFD_CLOEXEC, (int)ION_USAGE_SCAN + 100);
    if (high >= 0) {
        check_descriptors(&u, 8);
        assert_int_equal(close(high), 0);
    }
    ion_usage_close(&u);
}

static void
test_memory(void **state)
{
    const size_t size = 64u << 20;
    ion_usage_t u;
    ion_usage_now_t before;
    ion_usage_now_t after;
    char *p;

    (void)state;
    ion_usage_open(&u);
    ion_usage_read(&u, &before);
    assert_true(before.resident_bytes > 0);
    p = mmap(
        NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(p, MAP_FAILED);
    memset(p, 1, size);
    ion_usage_read(&u, &after);
    assert_true(after.resident_bytes > before.resident_bytes + size / 2);
    assert_int_equal(munmap(p, size), 0);
    ion_usage_close(&u);
}

static void
test_cpu(void **state)
{
    ion_usage_t u;
    ion_usage_now_t before;
    ion_usage_now_t after;

    (void)state;
    ion_usage_open(&u);
    ion_usage_read(&u, &before);
    do {
        (void)ion_mono_now();
        ion_usage_read(&u, &after);
    } while (after.cpu_us < before.cpu_us + 20000);
    ion_usage_close(&u);
}

/* nothing was there to be opened */
static void
test_without_proc(void **state)
{
    ion_usage_t u = { .fd_dir = -1, .statm = -1, .status = -1 };
    ion_usage_now_t now;

    (void)state;
    ion_usage_read(&u, &now);
    assert_int_equal(now.open_fds, 0);
    assert_int_equal(now.resident_bytes, 0);
    ion_usage_close(&u);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_descriptors),
        cmocka_unit_test(test_descriptors_one_by_one),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_cpu),
        cmocka_unit_test(test_without_proc),
    };

    return cmocka_run_group_tests_name("usage", tests, NULL, NULL);
}
