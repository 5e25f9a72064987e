/*
 * test_pidfile.c -- one instance, held by a lock.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "os/pidfile.h"

typedef struct {
    char dir[64];
    char path[128];
} place_t;

static int
make_place(void **state)
{
    static place_t place;

    (void)snprintf(place.dir, sizeof(place.dir), "/tmp/ion-pid-XXXXXX");
    if (mkdtemp(place.dir) == NULL) {
        return -1;
    }
    (void)snprintf(place.path, sizeof(place.path), "%s/pid", place.dir);
    *state = &place;
    return 0;
}

static int
remove_place(void **state)
{
    place_t *place = *state;

    (void)unlink(place->path);
    return rmdir(place->dir);
}

static void
put(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static void
test_hold(void **state)
{
    const place_t *place = *state;
    ion_errtext_t why = { .msg = "" };
    ion_pidfile_t *one = NULL;
    ion_pidfile_t *two = NULL;
    struct stat st;
    char expected[64];
    pid_t pid = 0;

    assert_int_equal(ion_pidfile_read(place->path, &pid), ION_NOTFOUND);
    assert_int_equal(ion_pidfile_open(place->path, &pid, &one, &why), ION_OK);
    assert_int_equal(stat(place->path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(ion_pidfile_read(place->path, &pid), ION_OK);
    assert_int_equal(pid, getpid());

    pid = 0;
    assert_int_equal(ion_pidfile_open(place->path, &pid, &two, &why), ION_BUSY);
    assert_int_equal(pid, getpid());
    (void)snprintf(expected, sizeof(expected),
        "another instance runs (pid %ld)", (long)getpid());
    assert_string_equal(why.msg, expected);
    assert_null(two);
    assert_int_equal(ion_pidfile_read(place->path, &pid), ION_OK);

    ion_pidfile_close(&one);
    assert_null(one);
    assert_int_equal(access(place->path, F_OK), -1);
    ion_pidfile_close(&one);
}

/* What a killed instance left is no obstacle, and is not believed. */
static void
test_stale(void **state)
{
    const place_t *place = *state;
    ion_errtext_t why = { .msg = "" };
    ion_pidfile_t *pf = NULL;
    pid_t pid = 0;

    put(place->path, "1\n");
    assert_int_equal(ion_pidfile_read(place->path, &pid), ION_NOTFOUND);
    assert_int_equal(ion_pidfile_open(place->path, &pid, &pf, &why), ION_OK);
    assert_int_equal(ion_pidfile_read(place->path, &pid), ION_OK);
    assert_int_equal(pid, getpid());
    ion_pidfile_close(&pf);
}

/* A file that was put there since is not ours to remove. */
static void
test_replaced(void **state)
{
    const place_t *place = *state;
    ion_pidfile_t *pf = NULL;
    pid_t pid = 0;

    assert_int_equal(ion_pidfile_open(place->path, &pid, &pf, NULL), ION_OK);
    assert_int_equal(unlink(place->path), 0);
    put(place->path, "4711\n");
    ion_pidfile_close(&pf);
    assert_int_equal(access(place->path, F_OK), 0);
}

static void
test_refused(void **state)
{
    const place_t *place = *state;
    ion_errtext_t why = { .msg = "" };
    ion_pidfile_t *pf = NULL;
    pid_t pid = 0;
    char text[64];
    FILE *f;

    put(place->path, "root:x:0:0\n");
    assert_int_equal(
        ion_pidfile_open(place->path, &pid, &pf, &why), ION_DENIED);
    assert_string_equal(why.msg, "the file there is no pid file: left alone");
    f = fopen(place->path, "r");
    assert_non_null(f);
    assert_non_null(fgets(text, sizeof(text), f));
    assert_string_equal(text, "root:x:0:0\n");
    (void)fclose(f);

    put(place->path, "0123456789012345678901234567890123456789");
    assert_int_equal(
        ion_pidfile_open(place->path, &pid, &pf, &why), ION_DENIED);
    assert_int_equal(unlink(place->path), 0);
    assert_int_equal(symlink("/etc/passwd", place->path), 0);
    assert_int_equal(
        ion_pidfile_open(place->path, &pid, &pf, &why), ION_DENIED);
    assert_int_equal(unlink(place->path), 0);
    assert_int_equal(mkfifo(place->path, 0600), 0);
    assert_int_equal(
        ion_pidfile_open(place->path, &pid, &pf, &why), ION_DENIED);
    assert_string_equal(why.msg, "not a regular file");
    assert_int_equal(
        ion_pidfile_open("/nonexistent/pid", &pid, &pf, &why), ION_NOTFOUND);
    assert_null(pf);
}

static void
test_second_name(void **state)
{
    const place_t *place = *state;
    char other[160];
    ion_pidfile_t *pf = NULL;
    ion_errtext_t why;
    pid_t pid;

    (void)snprintf(other, sizeof(other), "%s.other", place->path);
    put(other, "");
    assert_int_equal(link(other, place->path), 0);
    assert_int_equal(
        ion_pidfile_open(place->path, &pid, &pf, &why), ION_DENIED);
    assert_string_equal(why.msg, "the file has another name too: left alone");
    assert_int_equal(unlink(other), 0);
    assert_int_equal(ion_pidfile_open(place->path, &pid, &pf, &why), ION_OK);
    ion_pidfile_close(&pf);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_hold, make_place, remove_place),
        cmocka_unit_test_setup_teardown(test_stale, make_place, remove_place),
        cmocka_unit_test_setup_teardown(
            test_replaced, make_place, remove_place),
        cmocka_unit_test_setup_teardown(test_refused, make_place, remove_place),
        cmocka_unit_test_setup_teardown(
            test_second_name, make_place, remove_place),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
