/*
 * test_path.c -- where others than root could lead it.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Whoever is not root is not held back: for him only the last test says
 * anything.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
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

#include "base/base.h"
#include "os/path.h"

#define STRANGER 65534

/* A tree with a directory of every kind; all paths are relative to it. */
static int
make_place(void **state)
{
    static char dir[] = "/tmp/ion-path-XXXXXX";
    static const struct {
        const char *name;
        mode_t mode;
        uid_t uid;
    } dirs[] = {
        { "root", 0755, 0 },
        { "theirs", 0755, STRANGER },
        { "theirs/root", 0755, 0 },
        { "wide", 0777, 0 },
        { "group", 0770, 0 },
        { "sticky", 01777, 0 },
        { "sticky/root", 0755, 0 },
    };

    if (mkdtemp(dir) == NULL || chdir(dir) != 0 || chmod(".", 0755) != 0) {
        return -1;
    }
    *state = dir;
    for (size_t i = 0; i < ION_ARRAY_LEN(dirs); i++) {
        if (mkdir(dirs[i].name, 0700) != 0) {
            return -1;
        }
        if (geteuid() == 0 &&
            chown(dirs[i].name, dirs[i].uid,
                strcmp(dirs[i].name, "group") == 0 ? STRANGER : 0) != 0)
        {
            return -1;
        }
        if (chmod(dirs[i].name, dirs[i].mode) != 0) {
            return -1;
        }
    }
    return 0;
}

static int
remove_one(const char *path, const struct stat *st, int kind, struct FTW *where)
{
    (void)st;
    (void)kind;
    (void)where;
    return remove(path);
}

static int
remove_place(void **state)
{
    return chdir("/") == 0 ? nftw(*state, remove_one, 8, FTW_DEPTH | FTW_PHYS)
                           : -1;
}

static void
make_link(const char *target, const char *path, uid_t uid)
{
    assert_int_equal(symlink(target, path), 0);
    assert_int_equal(lchown(path, uid, 0), 0);
}

static void
need_root(void)
{
    if (geteuid() != 0) {
        skip();
    }
}

static void
test_check(void **state)
{
    static const char *const good[] = { "root/x", "root/new/x", "sticky/x",
        "sticky/root/x", "nothing/x", "/x", "x", "sticky/ours/x" };
    static const char *const bad[] = { "theirs/x", "theirs/root/x", "wide/x",
        "group/x", "sticky/evil/x", "theirs/new/x", "root/../wide/x" };

    (void)state;
    need_root();
    make_link("../root", "sticky/ours", 0);
    make_link("../root", "sticky/evil", STRANGER);
    for (size_t i = 0; i < ION_ARRAY_LEN(good); i++) {
        ion_errtext_t why = { "" };
        if (ion_path_check(good[i], &why) != ION_OK) {
            fail_msg("%s: %s", good[i], why.msg);
        }
    }
    for (size_t i = 0; i < ION_ARRAY_LEN(bad); i++) {
        ion_errtext_t why = { "" };
        if (ion_path_check(bad[i], &why) != ION_DENIED) {
            fail_msg("%s was taken", bad[i]);
        }
        assert_non_null(strstr(why.msg, "only root"));
    }
}

static void
test_check_names_who(void **state)
{
    ion_errtext_t why = { "" };

    (void)state;
    need_root();
    assert_int_equal(ion_path_check("theirs/root/x", &why), ION_DENIED);
    assert_non_null(strstr(why.msg, "theirs belongs to uid 65534"));
    assert_int_equal(ion_path_check("wide/x", &why), ION_DENIED);
    assert_non_null(strstr(why.msg, "wide can be written by others"));
    assert_non_null(strstr(why.msg, "0777"));
    assert_int_equal(ion_path_check("", &why), ION_RANGE);
}

static void
test_append_makes_and_keeps(void **state)
{
    struct stat st;
    int fd = -1;

    (void)state;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(
            ion_path_open_append("theirs/log", 0640, &fd, NULL), ION_OK);
        assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
        assert_int_equal(write(fd, "line\n", 5), 5);
        assert_int_equal(fstat(fd, &st), 0);
        assert_int_equal(st.st_size, 5 * (i + 1));
        assert_int_equal(st.st_mode & 0137, 0);
        assert_int_equal(close(fd), 0);
    }
}

static void
test_append_follows_roots_links_only(void **state)
{
    ion_errtext_t why = { "" };
    int fd = -1;

    (void)state;
    need_root();
    make_link("file", "root/link", 0);
    assert_int_equal(
        ion_path_open_append("root/link", 0640, &fd, &why), ION_OK);
    assert_int_equal(close(fd), 0);
    assert_int_equal(access("root/file", F_OK), 0);

    make_link("../root/file", "theirs/link", STRANGER);
    make_link("../root", "theirs/dir", STRANGER);
    make_link("../root/file", "wide/link", 0);
    assert_int_equal(
        ion_path_open_append("theirs/link", 0640, &fd, &why), ION_DENIED);
    assert_non_null(strstr(why.msg, "a link on the way"));
    assert_int_equal(
        ion_path_open_append("theirs/dir/file", 0640, &fd, &why), ION_DENIED);
    assert_non_null(strstr(why.msg, "a link on the way"));
    assert_int_equal(
        ion_path_open_append("wide/link", 0640, &fd, &why), ION_DENIED);
}

static void
test_append_refuses_what_is_no_plain_file(void **state)
{
    ion_errtext_t why = { "" };
    int reader;
    int fd = -1;

    (void)state;
    need_root();
    assert_int_equal(
        ion_path_open_append("root/victim", 0600, &fd, NULL), ION_OK);
    assert_int_equal(close(fd), 0);
    assert_int_equal(link("root/victim", "theirs/hard"), 0);
    assert_int_equal(
        ion_path_open_append("theirs/hard", 0640, &fd, &why), ION_DENIED);
    assert_non_null(strstr(why.msg, "another name"));
    assert_int_equal(link("root/victim", "root/hard"), 0);
    assert_int_equal(
        ion_path_open_append("root/hard", 0640, &fd, NULL), ION_OK);
    assert_int_equal(close(fd), 0);

    assert_int_equal(mkfifo("theirs/pipe", 0600), 0);
    reader = open("theirs/pipe", O_RDONLY | O_NONBLOCK);
    assert_true(reader >= 0);
    assert_int_equal(
        ion_path_open_append("theirs/pipe", 0640, &fd, &why), ION_MALF);
    assert_string_equal(why.msg, "not a regular file");
    assert_int_equal(close(reader), 0);
}

static void
test_append_says_what_is_wrong(void **state)
{
    ion_errtext_t why = { "" };
    int fd = -1;

    (void)state;
    assert_int_equal(
        ion_path_open_append("nothing/log", 0640, &fd, &why), ION_NOTFOUND);
    assert_string_equal(why.msg, "No such file or directory");
    assert_int_equal(ion_path_open_append("root", 0640, &fd, &why), ION_MALF);
    assert_string_equal(why.msg, "Is a directory");
    assert_int_equal(ion_path_open_append("root/", 0640, &fd, &why), ION_MALF);
    assert_int_equal(
        ion_path_open_append("/dev/null", 0640, &fd, NULL), ION_OK);
    assert_int_equal(close(fd), 0);
}

static void
test_check_append_makes_nothing(void **state)
{
    ion_errtext_t why = { "" };

    (void)state;
    assert_int_equal(ion_path_check_append("root/new", &why), ION_OK);
    assert_int_equal(access("root/new", F_OK), -1);
    assert_int_equal(ion_path_check_append("theirs/log", &why), ION_OK);
    assert_int_equal(ion_path_check_append("nothing/new", &why), ION_NOTFOUND);
    assert_string_equal(why.msg, "No such file or directory");
    assert_int_equal(ion_path_check_append("root", &why), ION_MALF);
    need_root();
    assert_int_equal(ion_path_check_append("theirs/link", &why), ION_DENIED);
    assert_int_equal(ion_path_check_append("theirs/hard", &why), ION_DENIED);
    assert_int_equal(ion_path_check_append("/proc/sys/new", &why), ION_DENIED);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_check),
        cmocka_unit_test(test_check_names_who),
        cmocka_unit_test(test_append_makes_and_keeps),
        cmocka_unit_test(test_append_follows_roots_links_only),
        cmocka_unit_test(test_append_refuses_what_is_no_plain_file),
        cmocka_unit_test(test_append_says_what_is_wrong),
        cmocka_unit_test(test_check_append_makes_nothing),
    };

    return cmocka_run_group_tests(tests, make_place, remove_place);
}
