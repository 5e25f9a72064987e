/*
 * test_unix_sock.c -- the control socket's file: rights, stale and taken.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "os/unix_sock.h"

/* Nobody may get in before the file has its rights. */
int __real_chmod(const char *path, mode_t mode);
int __wrap_chmod(const char *path, mode_t mode);

int
__wrap_chmod(const char *path, mode_t mode)
{
    struct stat st;

    assert_int_equal(lstat(path, &st), 0);
    assert_int_equal(st.st_mode & 0177, 0);
    return __real_chmod(path, mode);
}

typedef struct {
    char dir[64];
    char path[96];
} place_t;

static int
make_place(void **state)
{
    static place_t place;

    (void)snprintf(place.dir, sizeof(place.dir), "/tmp/ion-unix-XXXXXX");
    if (mkdtemp(place.dir) == NULL) {
        return -1;
    }
    (void)snprintf(place.path, sizeof(place.path), "%s/sock", place.dir);
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

static unsigned
mode_of(const char *path)
{
    struct stat st;

    assert_int_equal(lstat(path, &st), 0);
    assert_true(S_ISSOCK(st.st_mode));
    return st.st_mode & 07777u;
}

static void
test_serve(void **state)
{
    const place_t *place = *state;
    ion_errtext_t why = { .msg = "" };
    ion_peer_cred_t cred;
    int listener = -1;
    int client = -1;
    int served = -1;

    assert_int_equal(ion_unix_connect(place->path, &client), ION_NOTFOUND);
    assert_int_equal(
        ion_unix_listen(place->path, 0600, (gid_t)-1, &listener, &why), ION_OK);
    assert_int_equal(mode_of(place->path), 0600);
    assert_int_equal(ion_unix_accept(listener, &served), ION_AGAIN);
    assert_int_equal(ion_unix_connect(place->path, &client), ION_OK);
    assert_int_equal(ion_unix_accept(listener, &served), ION_OK);
    assert_int_equal(ion_unix_peer_cred(served, &cred), ION_OK);
    assert_int_equal(cred.uid, geteuid());
    assert_int_equal(cred.pid, getpid());
    assert_int_equal(ion_unix_peer_cred(-1, &cred), ION_SYS);
    (void)close(served);
    (void)close(client);

    /* somebody answers: hands off */
    assert_int_equal(
        ion_unix_listen(place->path, 0600, (gid_t)-1, &client, &why),
        ION_EXISTS);
    assert_string_equal(why.msg, "another process listens there");
    assert_int_equal(mode_of(place->path), 0600);
    (void)close(listener);

    /* nobody answers any more: the file of a dead process is replaced */
    assert_int_equal(ion_unix_connect(place->path, &client), ION_NOTFOUND);
    assert_int_equal(
        ion_unix_listen(place->path, 0660, getgid(), &listener, &why), ION_OK);
    assert_int_equal(mode_of(place->path), 0660);
    (void)close(listener);
}

/* A server that hangs: told so at once, not waited for. */
static void
test_hung(void **state)
{
    const place_t *place = *state;
    ion_errtext_t why = { .msg = "" };
    ion_err_t rc = ION_OK;
    int clients[8];
    size_t n = 0;
    int listener = -1;
    int fd = -1;

    assert_int_equal(
        ion_unix_listen(place->path, 0600, (gid_t)-1, &listener, &why), ION_OK);
    assert_int_equal(listen(listener, 1), 0);
    while (n < 8) {
        rc = ion_unix_connect(place->path, &clients[n]);
        if (rc != ION_OK) {
            break;
        }
        assert_int_equal(fcntl(clients[n], F_GETFL) & O_NONBLOCK, 0);
        n++;
    }
    assert_int_equal(rc, ION_BUSY);
    assert_int_equal(
        ion_unix_listen(place->path, 0600, (gid_t)-1, &fd, &why), ION_EXISTS);
    while (n > 0) {
        (void)close(clients[--n]);
    }
    (void)close(listener);
}

static void
test_not_a_socket(void **state)
{
    const place_t *place = *state;
    ion_errtext_t why = { .msg = "" };
    FILE *f = fopen(place->path, "w");
    int fd = -1;

    assert_non_null(f);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(
        ion_unix_listen(place->path, 0600, (gid_t)-1, &fd, &why), ION_EXISTS);
    assert_non_null(strstr(why.msg, "no socket"));
    assert_int_equal(access(place->path, F_OK), 0);
}

static void
test_bad_paths(void **state)
{
    ion_errtext_t why = { .msg = "" };
    char path[200];
    int fd = -1;

    (void)state;
    memset(path, 'a', sizeof(path));
    path[0] = '/';
    path[108] = '\0';
    assert_int_equal(
        ion_unix_listen(path, 0600, (gid_t)-1, &fd, &why), ION_RANGE);
    assert_string_equal(why.msg, "a path of 1 to 107 bytes is needed, this "
                                 "has 108");
    assert_int_equal(ion_unix_connect(path, &fd), ION_RANGE);
    assert_int_equal(ion_unix_connect("", &fd), ION_RANGE);
    assert_int_equal(
        ion_unix_listen("/nonexistent-dir/sock", 0600, (gid_t)-1, &fd, &why),
        ION_SYS);
    assert_int_equal(fd, -1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_serve, make_place, remove_place),
        cmocka_unit_test_setup_teardown(test_hung, make_place, remove_place),
        cmocka_unit_test_setup_teardown(
            test_not_a_socket, make_place, remove_place),
        cmocka_unit_test(test_bad_paths),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
