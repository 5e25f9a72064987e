/*
 * test_zone.c -- sealed shared memory.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "shm/zone.h"

static void
test_create(void **state)
{
    (void)state;
    static const struct {
        size_t asked;
        size_t got;
    } cases[] = { { 1, 4096 }, { 4096, 4096 }, { 4097, 8192 },
        { (size_t)1 << 36, (size_t)1 << 36 } };
    for (size_t i = 0; i < ION_ARRAY_LEN(cases); i++) {
        ion_zone_t *z = NULL;
        assert_int_equal(ion_zone_create("test", cases[i].asked, &z), ION_OK);
        assert_int_equal(z->size, cases[i].got);
        uint8_t *p = z->base;
        assert_int_equal(p[0], 0);
        assert_int_equal(p[z->size - 1], 0);
        p[z->size - 1] = 7;
        ion_zone_free(&z);
        assert_null(z);
        ion_zone_free(&z);
    }
}

static void
test_refused_sizes(void **state)
{
    (void)state;
    ion_zone_t *z = NULL;
    assert_int_equal(ion_zone_create("test", 0, &z), ION_RANGE);
    assert_int_equal(ion_zone_create("test", SIZE_MAX, &z), ION_RANGE);
    assert_null(z);
}

static void
test_sealed(void **state)
{
    (void)state;
    ion_zone_t *z = NULL;
    assert_int_equal(ion_zone_create("test", 8192, &z), ION_OK);
    assert_int_equal(ftruncate(z->fd, 0), -1);
    assert_int_equal(errno, EPERM);
    assert_int_equal(ftruncate(z->fd, 16384), -1);
    assert_int_equal(errno, EPERM);
    ion_zone_free(&z);
}

static void
test_read_only(void **state)
{
    (void)state;
    ion_zone_t *z = NULL;
    ion_zone_t *reader = NULL;
    assert_int_equal(ion_zone_create("test", 4096, &z), ION_OK);
    assert_int_equal(ion_zone_map(z->fd_ro, true, &reader), ION_SYS);
    assert_null(reader);
    assert_int_equal(ion_zone_map(z->fd_ro, false, &reader), ION_OK);
    *(uint8_t *)z->base = 42;
    assert_int_equal(*(uint8_t *)reader->base, 42);
    assert_int_equal(mprotect(reader->base, 4096, PROT_READ | PROT_WRITE), -1);
    assert_int_equal(reader->fd, -1);
    ion_zone_free(&reader);
    ion_zone_free(&z);
}

static void
test_refused_files(void **state)
{
    (void)state;
    ion_zone_t *z = NULL;
    int plain = open("/dev/null", O_RDWR | O_CLOEXEC);
    assert_int_equal(ion_zone_map(plain, false, &z), ION_MALF);
    int unsealed = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    assert_int_equal(ftruncate(unsealed, 4096), 0);
    assert_int_equal(ion_zone_map(unsealed, false, &z), ION_MALF);
    int odd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    assert_int_equal(ftruncate(odd, 100), 0);
    assert_int_equal(fcntl(odd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW), 0);
    assert_int_equal(ion_zone_map(odd, false, &z), ION_MALF);
    assert_int_equal(ion_zone_map(-1, false, &z), ION_SYS);
    assert_null(z);
    (void)close(plain);
    (void)close(unsealed);
    (void)close(odd);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_create),
        cmocka_unit_test(test_refused_sizes),
        cmocka_unit_test(test_sealed),
        cmocka_unit_test(test_read_only),
        cmocka_unit_test(test_refused_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
