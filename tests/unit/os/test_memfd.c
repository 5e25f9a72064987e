/*
 * test_memfd.c -- sealed bytes: nobody can change them, nobody trusts others.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "os/memfd.h"

static void
test_sealed(void **state)
{
    const uint8_t *p = NULL;
    char *copy = NULL;
    size_t n = 0;
    int fd = -1;

    (void)state;
    assert_int_equal(ion_memfd_from("test", "secret", 6, &fd), ION_OK);
    assert_int_equal(ion_memfd_size(fd, 6, &n), ION_OK);
    assert_int_equal(n, 6);
    assert_int_equal(ion_memfd_size(fd, 5, &n), ION_LIMIT);
    assert_int_equal(write(fd, "x", 1), -1);
    assert_int_equal(ftruncate(fd, 0), -1);
    assert_int_equal(ftruncate(fd, 100), -1);
    assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL), -1);
    assert_ptr_equal(mmap(NULL, 6, PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);

    assert_int_equal(ion_memfd_map(fd, 100, true, &p, &n), ION_OK);
    assert_int_equal(ion_memfd_read(fd, 100, &copy, &n), ION_OK);
    (void)close(fd);
    assert_int_equal(n, 6);
    assert_memory_equal(p, "secret", 6);
    assert_string_equal(copy, "secret");
    free(copy);
    ion_memfd_unmap(&p, n);
    assert_null(p);
    ion_memfd_unmap(&p, n);
}

/* Does the kernel say that the mapping at p stays out of core dumps? */
static bool
is_dontdump(const void *p)
{
    FILE *f = fopen("/proc/self/smaps", "r");
    char line[512];
    bool inside = false;
    bool found = false;

    assert_non_null(f);
    while (fgets(line, sizeof(line), f) != NULL) {
        unsigned long from;
        unsigned long to;

        if (sscanf(line, "%lx-%lx ", &from, &to) == 2) {
            inside = (uintptr_t)p >= from && (uintptr_t)p < to;
        } else if (inside && strncmp(line, "VmFlags:", 8) == 0) {
            found = strstr(line, " dd") != NULL;
        }
    }
    (void)fclose(f);
    return found;
}

static void
test_secret_stays_out_of_dumps(void **state)
{
    const uint8_t *secret = NULL;
    const uint8_t *plain = NULL;
    size_t n;
    int fd = -1;

    (void)state;
    assert_int_equal(ion_memfd_from("test", "secret", 6, &fd), ION_OK);
    assert_int_equal(ion_memfd_map(fd, 100, true, &secret, &n), ION_OK);
    assert_int_equal(ion_memfd_map(fd, 100, false, &plain, &n), ION_OK);
    assert_true(is_dontdump(secret));
    assert_false(is_dontdump(plain));
    ion_memfd_unmap(&secret, n);
    ion_memfd_unmap(&plain, n);
    (void)close(fd);
}

static void
test_empty(void **state)
{
    const uint8_t *p = NULL;
    char *copy = NULL;
    size_t n = 1;
    int fd = -1;

    (void)state;
    assert_int_equal(ion_memfd_from("test", NULL, 0, &fd), ION_OK);
    assert_int_equal(ion_memfd_map(fd, 0, true, &p, &n), ION_OK);
    assert_non_null(p);
    assert_int_equal(n, 0);
    ion_memfd_unmap(&p, n);
    assert_int_equal(ion_memfd_read(fd, 0, &copy, &n), ION_OK);
    assert_string_equal(copy, "");
    free(copy);
    (void)close(fd);
}

static void
test_not_trusted(void **state)
{
    const uint8_t *p = NULL;
    size_t n = 0;
    int half = memfd_create("half", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    int open_fd = memfd_create("open", MFD_CLOEXEC);
    int file = open("/etc/passwd", O_RDONLY | O_CLOEXEC);

    (void)state;
    assert_int_equal(write(half, "x", 1), 1);
    assert_int_equal(
        fcntl(half, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE),
        0);
    assert_int_equal(ion_memfd_map(half, 10, false, &p, &n), ION_MALF);
    assert_int_equal(ion_memfd_map(open_fd, 10, false, &p, &n), ION_MALF);
    assert_int_equal(ion_memfd_map(file, 1 << 20, false, &p, &n), ION_MALF);
    assert_int_equal(ion_memfd_map(-1, 10, false, &p, &n), ION_SYS);
    assert_null(p);
    (void)close(half);
    (void)close(open_fd);
    (void)close(file);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sealed),
        cmocka_unit_test(test_secret_stays_out_of_dumps),
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_not_trusted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
