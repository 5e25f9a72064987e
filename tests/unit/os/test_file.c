/*
 * test_file.c -- whole files and directories, and every step failing once.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "os/file.h"

static const ion_file_owner_t ours = { 0600, (uid_t)-1, (gid_t)-1 };
static const ion_file_owner_t our_dir = { 0700, (uid_t)-1, (gid_t)-1 };

/* The k-th of the wrapped calls from now on fails; 0 = none does. */
static int fail_at;
static int calls;

static bool
fails(void)
{
    calls++;
    if (fail_at != 0 && calls == fail_at) {
        errno = ENOSPC;
        return true;
    }
    return false;
}

ssize_t __real_write(int fd, const void *p, size_t n);
ssize_t __wrap_write(int fd, const void *p, size_t n);
int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __real_renameat(int from_dir, const char *from, int to_dir, const char *to);
int __wrap_renameat(int from_dir, const char *from, int to_dir, const char *to);
int __real_fchmod(int fd, mode_t mode);
int __wrap_fchmod(int fd, mode_t mode);

ssize_t
__wrap_write(int fd, const void *p, size_t n)
{
    return fails() ? -1 : __real_write(fd, p, n);
}

int
__wrap_fsync(int fd)
{
    return fails() ? -1 : __real_fsync(fd);
}

int
__wrap_renameat(int from_dir, const char *from, int to_dir, const char *to)
{
    return fails() ? -1 : __real_renameat(from_dir, from, to_dir, to);
}

int
__wrap_fchmod(int fd, mode_t mode)
{
    return fails() ? -1 : __real_fchmod(fd, mode);
}

typedef struct {
    char dir[64];
    char path[128];
} place_t;

static int
make_place(void **state)
{
    static place_t place;

    (void)snprintf(place.dir, sizeof(place.dir), "/tmp/ion-file-XXXXXX");
    if (mkdtemp(place.dir) == NULL) {
        return -1;
    }
    (void)snprintf(place.path, sizeof(place.path), "%s/f", place.dir);
    fail_at = 0;
    *state = &place;
    return 0;
}

static int
remove_place(void **state)
{
    place_t *place = *state;

    (void)unlink(place->path);
    return rmdir(place->dir); /* fails when something was left behind */
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
assert_content(const char *path, const char *text)
{
    char *bytes = NULL;
    size_t n = 0;

    assert_int_equal(ion_file_read(path, 1000, &bytes, &n, NULL), ION_OK);
    assert_int_equal(n, strlen(text));
    assert_string_equal(bytes, text);
    free(bytes);
}

static void
test_read(void **state)
{
    const place_t *place = *state;
    ion_errtext_t why = { .msg = "" };
    char *bytes = NULL;
    size_t n = 0;

    assert_int_equal(
        ion_file_read(place->path, 10, &bytes, &n, &why), ION_NOTFOUND);
    assert_string_equal(why.msg, "No such file or directory");
    put(place->path, "0123456789");
    assert_int_equal(ion_file_read(place->path, 10, &bytes, &n, &why), ION_OK);
    assert_int_equal(n, 10);
    assert_string_equal(bytes, "0123456789");
    free(bytes);
    bytes = NULL;
    assert_int_equal(
        ion_file_read(place->path, 9, &bytes, &n, &why), ION_LIMIT);
    assert_string_equal(why.msg, "10 bytes, more than 9");
    assert_int_equal(ion_file_read(place->dir, 9, &bytes, &n, &why), ION_MALF);
    assert_string_equal(why.msg, "not a regular file");
    put(place->path, "");
    assert_int_equal(ion_file_read(place->path, 0, &bytes, &n, &why), ION_OK);
    assert_int_equal(n, 0);
    free(bytes);
    bytes = NULL;
    /* says that it has 0 bytes and gives more */
    assert_int_equal(
        ion_file_read("/proc/self/status", 10, &bytes, &n, &why), ION_LIMIT);
    assert_string_equal(why.msg, "larger than 10 bytes");
    assert_null(bytes);
    /* a pipe that nobody writes to must not keep us waiting */
    assert_int_equal(unlink(place->path), 0);
    assert_int_equal(mkfifo(place->path, 0600), 0);
    assert_int_equal(
        ion_file_read(place->path, 10, &bytes, &n, &why), ION_MALF);
}

static void
test_write(void **state)
{
    const place_t *place = *state;
    struct stat st;
    ion_errtext_t why = { .msg = "" };

    assert_int_equal(
        ion_file_write(place->path, "one", 3, &ours, &why), ION_OK);
    assert_content(place->path, "one");
    assert_int_equal(stat(place->path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(
        ion_file_write(place->path, "two", 3, &ours, &why), ION_OK);
    assert_content(place->path, "two");
    assert_int_equal(ion_file_write(place->path, NULL, 0, &ours, &why), ION_OK);
    assert_content(place->path, "");
    assert_int_equal(
        ion_file_write("/nonexistent/x", "a", 1, &ours, &why), ION_NOTFOUND);
}

/* Whichever step fails: the old file is whole, nothing is left beside it. */
static void
test_write_failures(void **state)
{
    const place_t *place = *state;
    ion_err_t rc = ION_SYS;
    int k;

    put(place->path, "old");
    for (k = 1; k < 20 && rc != ION_OK; k++) {
        calls = 0;
        fail_at = k;
        rc = ion_file_write(place->path, "new", 3, &ours, NULL);
        fail_at = 0;
        if (rc != ION_OK && calls <= 4) {
            assert_content(place->path, "old");
        }
    }
    /* write, fchmod, fsync, renameat, fsync of the directory; then success */
    assert_int_equal(k - 1, 6);
    assert_content(place->path, "new");
}

/* As root a file becomes its owner's without a chown. */
static void
test_write_as_owner(void **state)
{
    const place_t *place = *state;
    const ion_file_owner_t nobody = { 0600, 65534, 65534 };
    struct stat st;
    char *bytes = NULL;
    size_t n = 0;

    if (geteuid() != 0) {
        skip();
    }
    assert_int_equal(chown(place->dir, 65534, 65534), 0);
    assert_int_equal(
        ion_file_write(place->path, "mine", 4, &nobody, NULL), ION_OK);
    assert_int_equal(stat(place->path, &st), 0);
    assert_int_equal(st.st_uid, 65534);
    assert_int_equal(st.st_gid, 65534);
    /* and we are ourselves again */
    assert_int_equal(
        ion_file_read("/etc/shadow", 1 << 20, &bytes, &n, NULL), ION_OK);
    free(bytes);
    /* a directory that is not that user's is not written to */
    assert_int_equal(chown(place->dir, 0, 0), 0);
    assert_int_equal(chmod(place->dir, 0755), 0);
    assert_int_equal(
        ion_file_write(place->path, "more", 4, &nobody, NULL), ION_DENIED);
    assert_content(place->path, "mine");
}

static void
assert_dir(const char *path, unsigned mode)
{
    struct stat st;

    assert_int_equal(stat(path, &st), 0);
    assert_true(S_ISDIR(st.st_mode));
    assert_int_equal(st.st_mode & 07777, mode);
}

/* As root, what the owner may not read is not read for it, link or not. */
static void
test_read_as_owner(void **state)
{
    const place_t *place = *state;
    const ion_file_owner_t nobody = { 0, 65534, 65534 };
    char path[128];
    char link[128];
    char *bytes = NULL;
    size_t n = 0;

    if (geteuid() != 0) {
        skip();
    }
    (void)snprintf(path, sizeof(path), "%s/secret", place->dir);
    (void)snprintf(link, sizeof(link), "%s/link", place->dir);
    assert_int_equal(chmod(place->dir, 0755), 0);
    assert_int_equal(ion_file_write(path, "k", 1, &ours, NULL), ION_OK);
    assert_int_equal(symlink(path, link), 0);
    assert_int_equal(
        ion_file_read_as(link, 10, &nobody, &bytes, &n, NULL), ION_DENIED);
    assert_int_equal(chmod(path, 0644), 0);
    assert_int_equal(
        ion_file_read_as(link, 10, &nobody, &bytes, &n, NULL), ION_OK);
    assert_int_equal(n, 1);
    free(bytes);
    assert_int_equal(chmod(path, 0600), 0);
    assert_int_equal(
        ion_file_read_as(link, 10, &ours, &bytes, &n, NULL), ION_OK);
    free(bytes);
    assert_int_equal(unlink(link), 0);
    assert_int_equal(unlink(path), 0);
}

static void
test_dir(void **state)
{
    const place_t *place = *state;
    ion_errtext_t why = { .msg = "" };
    char inner[192];
    char deep[256];

    (void)snprintf(inner, sizeof(inner), "%s/a", place->dir);
    (void)snprintf(deep, sizeof(deep), "%s/b/c///", inner);
    assert_int_equal(ion_file_make_dir(deep, &our_dir, &why), ION_OK);
    assert_dir(deep, 0700);
    assert_dir(inner, 0755);
    assert_int_equal(ion_file_make_dir(deep, &our_dir, &why), ION_OK);
    /* one of ours that is too wide is narrowed */
    assert_int_equal(chmod(deep, 0755), 0);
    assert_int_equal(ion_file_make_dir(deep, &our_dir, &why), ION_OK);
    assert_dir(deep, 0700);
    assert_int_equal(rmdir(deep), 0);
    /* a file has the name */
    deep[strlen(deep) - 3] = '\0';
    put(deep, "x");
    assert_int_equal(ion_file_make_dir(deep, &our_dir, &why), ION_EXISTS);
    (void)strncat(deep, "/d", sizeof(deep) - strlen(deep) - 1);
    assert_int_equal(ion_file_make_dir(deep, &our_dir, &why), ION_EXISTS);
    deep[strlen(deep) - 2] = '\0';
    assert_int_equal(unlink(deep), 0);
    (void)snprintf(deep, sizeof(deep), "%s/b", inner);
    assert_int_equal(rmdir(deep), 0);
    assert_int_equal(rmdir(inner), 0);
    assert_int_equal(ion_file_make_dir("", &our_dir, &why), ION_SYS);
    (void)snprintf(deep, sizeof(deep), "%s/p/q/sock", place->dir);
    assert_int_equal(ion_file_make_parent(deep, &why), ION_OK);
    (void)snprintf(deep, sizeof(deep), "%s/p/q", place->dir);
    assert_dir(deep, 0755);
    assert_int_equal(rmdir(deep), 0);
    (void)snprintf(deep, sizeof(deep), "%s/p", place->dir);
    assert_int_equal(rmdir(deep), 0);
}

/*
 * A mistyped path must not lock up the machine.  All of it happens in
 * directories of the test's own: the code may be wrong.
 */
static void
test_dir_of_others(void **state)
{
    const place_t *place = *state;
    const ion_file_owner_t nobody = { 0700, 65534, 65534 };
    ion_errtext_t why = { .msg = "" };
    char shared[96];
    char inner[128];
    struct stat st;

    (void)snprintf(shared, sizeof(shared), "%s/shared", place->dir);
    (void)snprintf(inner, sizeof(inner), "%s/x", shared);
    assert_int_equal(mkdir(shared, 0755), 0);
    assert_int_equal(chmod(shared, 01777), 0);
    assert_int_equal(ion_file_make_dir(shared, &our_dir, &why), ION_DENIED);
    assert_non_null(strstr(why.msg, "others can write to it (mode 1777)"));
    assert_int_equal(ion_file_make_dir(shared, &nobody, &why), ION_DENIED);
    assert_dir(shared, 01777);

    /* somebody's, with something in it */
    assert_int_equal(chmod(shared, 0755), 0);
    put(inner, "x");
    assert_int_equal(ion_file_make_dir(shared, &nobody, &why), ION_DENIED);
    assert_non_null(strstr(why.msg, "not to uid 65534"));
    assert_dir(shared, 0755);
    assert_int_equal(unlink(inner), 0);
    if (geteuid() == 0) {
        /* an empty one may be taken over */
        assert_int_equal(chmod(place->dir, 0711), 0);
        assert_int_equal(ion_file_make_dir(shared, &nobody, &why), ION_OK);
        assert_int_equal(stat(shared, &st), 0);
        assert_int_equal(st.st_uid, 65534);
        assert_dir(shared, 0700);
    }
    assert_int_equal(rmdir(shared), 0);
}

/* In a root of its own: "/" and what lies right below it. */
static int
play_top_level(const char *root)
{
    ion_errtext_t why;
    struct stat st;

    if (chroot(root) != 0 || chdir("/") != 0 || chmod("/", 0755) != 0 ||
        mkdir("/top", 0755) != 0)
    {
        return 1;
    }
    if (ion_file_make_dir("/top", &our_dir, &why) != ION_OK ||
        stat("/top", &st) != 0 || (st.st_mode & 07777) != 0755)
    {
        return 2;
    }
    if (ion_file_make_dir("//top/../top/", &our_dir, &why) != ION_OK ||
        stat("/top", &st) != 0 || (st.st_mode & 07777) != 0755)
    {
        return 3;
    }
    if (ion_file_make_dir("/", &our_dir, &why) != ION_OK ||
        stat("/", &st) != 0 || (st.st_mode & 07777) != 0755)
    {
        return 4;
    }
    if (chmod("/top", 0777) != 0 ||
        ion_file_make_dir("/top", &our_dir, &why) != ION_DENIED)
    {
        return 5;
    }
    return rmdir("/top") == 0 ? 0 : 6;
}

static void
test_top_level(void **state)
{
    const place_t *place = *state;
    pid_t child;
    int status;

    if (geteuid() != 0) {
        skip();
    }
    child = fork();
    if (child == 0) {
        _exit(play_top_level(place->dir));
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

/* Directories above it that shut the service user out are in nobody's way. */
static void
test_dir_behind_a_closed_one(void **state)
{
    const place_t *place = *state; /* 0700, root's */
    const ion_file_owner_t nobody = { 0700, 65534, 65534 };
    char path[128];
    char file[160];
    char *bytes = NULL;
    size_t n = 0;
    struct stat st;

    if (geteuid() != 0) {
        skip();
    }
    (void)snprintf(path, sizeof(path), "%s/d", place->dir);
    (void)snprintf(file, sizeof(file), "%s/f", path);
    assert_int_equal(ion_file_make_dir(path, &nobody, NULL), ION_OK);
    assert_int_equal(ion_file_write(file, "mine", 4, &nobody, NULL), ION_OK);
    assert_int_equal(stat(file, &st), 0);
    assert_int_equal(st.st_uid, 65534);
    assert_int_equal(
        ion_file_read_as(file, 10, &nobody, &bytes, &n, NULL), ION_OK);
    assert_int_equal(n, 4);
    free(bytes);
    assert_int_equal(unlink(file), 0);
    assert_int_equal(rmdir(path), 0);
}

static void
test_dir_failure(void **state)
{
    const place_t *place = *state;
    char path[128];

    (void)snprintf(path, sizeof(path), "%s/d", place->dir);
    calls = 0;
    fail_at = 1;
    assert_int_equal(ion_file_make_dir(path, &our_dir, NULL), ION_SYS);
    fail_at = 0;
    assert_int_equal(access(path, F_OK), -1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_read, make_place, remove_place),
        cmocka_unit_test_setup_teardown(test_write, make_place, remove_place),
        cmocka_unit_test_setup_teardown(
            test_write_failures, make_place, remove_place),
        cmocka_unit_test_setup_teardown(
            test_write_as_owner, make_place, remove_place),
        cmocka_unit_test_setup_teardown(
            test_read_as_owner, make_place, remove_place),
        cmocka_unit_test_setup_teardown(test_dir, make_place, remove_place),
        cmocka_unit_test_setup_teardown(
            test_dir_of_others, make_place, remove_place),
        cmocka_unit_test_setup_teardown(
            test_top_level, make_place, remove_place),
        cmocka_unit_test_setup_teardown(
            test_dir_behind_a_closed_one, make_place, remove_place),
        cmocka_unit_test_setup_teardown(
            test_dir_failure, make_place, remove_place),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
