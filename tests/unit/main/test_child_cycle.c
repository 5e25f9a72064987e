/*
 * test_child_cycle.c -- cycles as a child owns them: nothing leaks, nothing
 * that is in use is closed.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "main/child_cycle.h"
#include "os/memfd.h"

static bool
is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

static int
some_fd(void)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

static child_cycle_t *
begin(uint32_t blobs, uint32_t sockets)
{
    const ion_msg_cycle_t msg = { 7, blobs, sockets };
    child_cycle_t *c = NULL;
    assert_int_equal(child_cycle_new(&msg, &c), ION_OK);
    return c;
}

static ion_msg_socket_t
socket_msg(uint32_t id)
{
    ion_msg_socket_t msg = { .id = id, .kind = ION_SOCKET_TCP };
    (void)snprintf(msg.name, sizeof(msg.name), "listen_addr");
    return msg;
}

static void
add_socket(child_cycle_t *c, uint32_t id, int fd, const child_cycle_t *now)
{
    const ion_msg_socket_t msg = socket_msg(id);
    assert_int_equal(child_cycle_socket(c, &msg, fd, now), ION_OK);
}

static void
kept_sockets_stay_open(void **state)
{
    int one = some_fd();
    int two = some_fd();
    int again = some_fd();
    child_cycle_t *now = begin(0, 2);
    child_cycle_t *next = begin(0, 1);
    (void)state;
    add_socket(now, 1, one, NULL);
    add_socket(now, 2, two, NULL);
    add_socket(next, 2, again, now); /* the same socket, told again */
    assert_false(is_open(again));
    assert_int_equal(next->pub.sockets[0].fd, two);
    child_cycle_adopt(next, &now);
    assert_null(now);
    assert_false(is_open(one));
    assert_true(is_open(two));
    child_cycle_free(&next);
    assert_false(is_open(two));
}

static void
an_aborted_cycle_closes_only_its_own(void **state)
{
    int one = some_fd();
    int fresh = some_fd();
    child_cycle_t *now = begin(0, 1);
    child_cycle_t *next = begin(0, 2);
    (void)state;
    add_socket(now, 1, one, NULL);
    add_socket(next, 1, some_fd(), now);
    add_socket(next, 9, fresh, now);
    child_cycle_free(&next);
    assert_true(is_open(one));
    assert_false(is_open(fresh));
    child_cycle_free(&now);
    assert_false(is_open(one));
}

static void
more_than_announced_is_refused(void **state)
{
    int fd = some_fd();
    const ion_msg_socket_t msg = socket_msg(1);
    child_cycle_t *c = begin(0, 0);
    (void)state;
    assert_int_equal(child_cycle_socket(c, &msg, fd, NULL), ION_MALF);
    assert_false(is_open(fd));
    child_cycle_free(&c);
}

static void
counts_beyond_the_bounds_are_refused(void **state)
{
    const ion_msg_cycle_t blobs = { 1, ION_BLOBS_MAX + 1, 0 };
    const ion_msg_cycle_t sockets = { 1, 0, ION_SOCKETS_MAX + 1 };
    child_cycle_t *c = NULL;
    (void)state;
    assert_int_equal(child_cycle_new(&blobs, &c), ION_MALF);
    assert_int_equal(child_cycle_new(&sockets, &c), ION_MALF);
    assert_null(c);
}

static void
a_blob_must_be_sealed(void **state)
{
    const ion_msg_blob_t msg = { "conf", 0 };
    int good;
    child_cycle_t *c = begin(2, 0);
    (void)state;
    assert_int_equal(child_cycle_blob(c, &msg, some_fd()), ION_MALF);
    assert_int_equal(c->pub.blob_count, 0);
    assert_int_equal(ion_memfd_from("conf", "abc", 3, &good), ION_OK);
    assert_int_equal(child_cycle_blob(c, &msg, good), ION_OK);
    assert_false(is_open(good));
    assert_memory_equal(ion_cycle_blob(&c->pub, "conf")->p, "abc", 3);
    assert_null(ion_cycle_blob(&c->pub, "map"));
    child_cycle_free(&c);
}

static void
an_incomplete_cycle_is_not_built(void **state)
{
    ion_errtext_t why = { "" };
    child_cycle_t *c = begin(1, 0);
    (void)state;
    assert_int_equal(child_cycle_build(c, &why), ION_MALF);
    assert_non_null(strstr(why.msg, "0 of 1 blobs"));
    child_cycle_free(&c);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kept_sockets_stay_open),
        cmocka_unit_test(an_aborted_cycle_closes_only_its_own),
        cmocka_unit_test(more_than_announced_is_refused),
        cmocka_unit_test(counts_beyond_the_bounds_are_refused),
        cmocka_unit_test(a_blob_must_be_sealed),
        cmocka_unit_test(an_incomplete_cycle_is_not_built),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
