/*
 * test_chan.c -- messages between our processes: what passes, what does not,
 * and that nothing leaks either way.
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
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cmocka.h>

#include "os/chan.h"

enum { ROLE_MASTER = 1, ROLE_WORKER = 2 };

enum { MSG_NOTE = 1, MSG_SOCKETS = 2, MSG_ORDER = 3, MSG_BIG = 4 };

static const ion_chan_rule_t rules[] = {
    { MSG_NOTE, "note", 0, 16, 0, 0, ROLE_WORKER | ROLE_MASTER },
    { MSG_SOCKETS, "sockets", 4, 4, 1, 16, ROLE_WORKER | ROLE_MASTER },
    { MSG_ORDER, "order", 0, 0, 0, 0, ROLE_MASTER },
    { MSG_BIG, "big", 0, ION_CHAN_MAX_PAYLOAD, 0, 1, ROLE_WORKER },
    { .name = NULL },
};

typedef struct {
    ion_chan_t *near; /* we are the master; the peer is a worker */
    ion_chan_t *far;  /* the worker's end; NULL where a test uses raw */
    int raw;
} ends_t;

static size_t
count_fds(void)
{
    DIR *d = opendir("/proc/self/fd");
    size_t n = 0;

    assert_non_null(d);
    while (readdir(d) != NULL) {
        n++;
    }
    (void)closedir(d);
    return n;
}

static void
open_ends(ends_t *e, bool raw)
{
    int fds[2];

    assert_int_equal(ion_chan_pair(fds), ION_OK);
    assert_true((fcntl(fds[0], F_GETFD) & FD_CLOEXEC) != 0);
    assert_int_equal(
        ion_chan_new(fds[0], rules, ROLE_WORKER, &e->near), ION_OK);
    e->raw = fds[1];
    e->far = NULL;
    if (!raw) {
        assert_int_equal(
            ion_chan_new(fds[1], rules, ROLE_MASTER, &e->far), ION_OK);
        e->raw = -1;
    }
}

static void
close_ends(ends_t *e)
{
    ion_chan_free(&e->near);
    ion_chan_free(&e->far);
    if (e->raw >= 0) {
        (void)close(e->raw);
    }
}

static void
test_round_trip(void **state)
{
    ends_t e;
    ion_chan_msg_t msg;
    ion_errtext_t why = { .msg = "" };
    size_t before = count_fds();
    int fds[2];
    int kept;
    struct stat a;
    struct stat b;

    (void)state;
    open_ends(&e, false);
    assert_int_equal(ion_chan_recv(e.near, &msg, &why), ION_AGAIN);
    assert_int_equal(ion_chan_send(e.far, MSG_NOTE, 42,
                         &(ion_chan_body_t){ .p = "hello", .n = 5 }),
        ION_OK);
    assert_int_equal(ion_chan_send(e.far, MSG_NOTE, 43, NULL), ION_OK);
    fds[0] = open("/dev/null", O_RDONLY);
    fds[1] = open("/dev/zero", O_RDONLY);
    assert_int_equal(ion_chan_send(e.far, MSG_SOCKETS, 44,
                         &(ion_chan_body_t){ "abcd", 4, fds, 2 }),
        ION_OK);
    assert_int_equal(fstat(fds[1], &a), 0);
    (void)close(fds[0]);
    (void)close(fds[1]);

    assert_int_equal(ion_chan_recv(e.near, &msg, &why), ION_OK);
    assert_int_equal(msg.rule->type, MSG_NOTE);
    assert_int_equal(msg.req, 42);
    assert_int_equal(msg.len, 5);
    assert_memory_equal(msg.data, "hello", 5);
    ion_chan_msg_done(&msg);
    assert_int_equal(ion_chan_recv(e.near, &msg, &why), ION_OK);
    assert_int_equal(msg.req, 43);
    assert_int_equal(msg.len, 0);

    assert_int_equal(ion_chan_recv(e.near, &msg, &why), ION_OK);
    assert_int_equal(msg.fd_count, 2);
    kept = ion_chan_take_fd(&msg, 1);
    assert_true((fcntl(kept, F_GETFD) & FD_CLOEXEC) != 0);
    assert_int_equal(fstat(kept, &b), 0);
    assert_int_equal(a.st_rdev, b.st_rdev);
    ion_chan_msg_done(&msg);
    (void)close(kept);

    ion_chan_free(&e.far);
    assert_int_equal(ion_chan_recv(e.near, &msg, &why), ION_CLOSED);
    assert_int_equal(ion_chan_send(e.near, MSG_NOTE, 1, NULL), ION_CLOSED);
    close_ends(&e);
    assert_int_equal(count_fds(), before);
}

/* Send bytes and descriptors as they are. */
static void
send_raw(int fd, const void *p, size_t n, size_t fd_count)
{
    union {
        struct cmsghdr head;
        char space[CMSG_SPACE(sizeof(int) * 40)];
    } control;
    struct iovec iov = { .iov_base = (void *)(uintptr_t)p, .iov_len = n };
    struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
    int fds[40];

    for (size_t i = 0; i < fd_count; i++) {
        fds[i] = STDIN_FILENO;
    }
    if (fd_count > 0) {
        memset(&control, 0, sizeof(control));
        control.head.cmsg_level = SOL_SOCKET;
        control.head.cmsg_type = SCM_RIGHTS;
        control.head.cmsg_len = CMSG_LEN(sizeof(int) * fd_count);
        memcpy(CMSG_DATA(&control.head), fds, sizeof(int) * fd_count);
        msg.msg_control = control.space;
        msg.msg_controllen = CMSG_SPACE(sizeof(int) * fd_count);
    }
    assert_int_equal(sendmsg(fd, &msg, 0), (ssize_t)n);
}

typedef struct {
    uint16_t type;
    uint16_t version;
    uint32_t len;
    uint64_t req;
    char data[64];
} raw_t;

static void
test_refused(void **state)
{
    static const struct {
        raw_t msg;
        size_t n;
        size_t fds;
        const char *why;
    } cases[] = {
        { { 9, 1, 0, 0, "" }, 16, 0, "message type 9 is unknown" },
        { { 1, 2, 0, 0, "" }, 16, 0, "message version 2, not 1" },
        { { 1, 1, 5, 0, "abcd" }, 20, 0,
            "message type 1 says 5 bytes and has 4" },
        { { 1, 1, 4294967295u, 0, "" }, 16, 0,
            "message type 1 says 4294967295 bytes and has 0" },
        { { 1, 1, 0, 0, "" }, 15, 0, "a message of 15 bytes has no header" },
        { { 1, 1, 17, 0, "" }, 33, 0,
            "message note with 17 bytes and 0 descriptors, allowed are 0-16 "
            "and 0-0" },
        { { 1, 1, 0, 0, "" }, 16, 1,
            "message note with 0 bytes and 1 descriptors, allowed are 0-16 "
            "and 0-0" },
        { { 2, 1, 4, 0, "" }, 20, 0,
            "message sockets with 4 bytes and 0 descriptors, allowed are 4-4 "
            "and 1-16" },
        { { 2, 1, 3, 0, "" }, 19, 1,
            "message sockets with 3 bytes and 1 descriptors, allowed are 4-4 "
            "and 1-16" },
        { { 3, 1, 0, 0, "" }, 16, 0, "message order may not come from there" },
        { { 2, 1, 4, 0, "" }, 20, 17, "descriptors were lost on the way" },
        { { 2, 1, 4, 0, "" }, 20, 40, "descriptors were lost on the way" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        ends_t e;
        ion_chan_msg_t msg;
        ion_errtext_t why = { .msg = "" };
        size_t before;

        open_ends(&e, true);
        before = count_fds();
        send_raw(e.raw, &cases[i].msg, cases[i].n, cases[i].fds);
        assert_int_equal(ion_chan_recv(e.near, &msg, &why), ION_MALF);
        assert_string_equal(why.msg, cases[i].why);
        assert_int_equal(count_fds(), before);
        close_ends(&e);
    }
}

static void
test_too_long(void **state)
{
    ends_t e;
    ion_chan_msg_t msg;
    ion_errtext_t why = { .msg = "" };
    size_t n = 16 + ION_CHAN_MAX_PAYLOAD;
    char *big = calloc(1, n + 100);

    (void)state;
    assert_non_null(big);
    open_ends(&e, true);
    memcpy(big, &(raw_t){ MSG_BIG, 1, ION_CHAN_MAX_PAYLOAD, 7, "" }, 16);
    big[n - 1] = 'z';
    send_raw(e.raw, big, n, 0);
    assert_int_equal(ion_chan_recv(e.near, &msg, &why), ION_OK);
    assert_int_equal(msg.len, ION_CHAN_MAX_PAYLOAD);
    assert_int_equal(msg.data[msg.len - 1], 'z');
    ion_chan_msg_done(&msg);
    send_raw(e.raw, big, n + 1, 0);
    assert_int_equal(ion_chan_recv(e.near, &msg, &why), ION_MALF);
    send_raw(e.raw, big, n + 100, 0);
    assert_int_equal(ion_chan_recv(e.near, &msg, &why), ION_MALF);
    assert_non_null(strstr(why.msg, "or more is too long"));
    close_ends(&e);
    free(big);
}

/* Send until nothing more is taken; how many were. */
static uint64_t
fill(ends_t *e)
{
    uint64_t sent = 0;
    ion_err_t rc = ION_OK;
    int fd = open("/dev/null", O_RDONLY);

    while (rc == ION_OK) {
        rc = ion_chan_send(
            e->far, MSG_SOCKETS, sent, &(ion_chan_body_t){ "abcd", 4, &fd, 1 });
        sent += rc == ION_OK ? 1 : 0;
    }
    assert_int_equal(rc, ION_LIMIT);
    (void)close(fd);
    return sent;
}

static void
drain(ends_t *e, uint64_t sent)
{
    ion_chan_msg_t msg;
    ion_errtext_t why = { .msg = "" };
    uint64_t seen = 0;

    while (seen < sent) {
        ion_err_t rc = ion_chan_recv(e->near, &msg, &why);

        if (rc == ION_AGAIN) {
            rc = ion_chan_flush(e->far);
            assert_true(rc == ION_OK || rc == ION_AGAIN);
            continue;
        }
        assert_int_equal(rc, ION_OK);
        assert_int_equal(msg.req, seen);
        assert_int_equal(msg.fd_count, 1);
        ion_chan_msg_done(&msg);
        seen++;
    }
    assert_int_equal(ion_chan_recv(e->near, &msg, &why), ION_AGAIN);
}

/* The kernel's buffer fills up: the rest waits in order, with descriptors. */
static void
test_queue(void **state)
{
    ends_t e;
    size_t before = count_fds();
    uint64_t first;

    (void)state;
    open_ends(&e, false);
    first = fill(&e);
    assert_true(first > ION_CHAN_MAX_QUEUED_FDS);
    assert_true(ion_chan_has_unsent(e.far));
    assert_int_equal(ion_chan_flush(e.far), ION_AGAIN);
    drain(&e, first);
    assert_false(ion_chan_has_unsent(e.far));
    /* an emptied queue takes as much again */
    assert_int_equal(fill(&e), first);
    drain(&e, first);
    close_ends(&e);
    assert_int_equal(count_fds(), before);
}

/* A bound in bytes too, and a queue that is thrown away leaks nothing. */
static void
test_queue_bytes(void **state)
{
    ends_t e;
    size_t before = count_fds();
    char *big = calloc(1, ION_CHAN_MAX_PAYLOAD);
    ion_err_t rc = ION_OK;
    size_t n = 0;
    int fd = open("/dev/null", O_RDONLY);

    (void)state;
    assert_non_null(big);
    open_ends(&e, false);
    while (rc == ION_OK) {
        rc = ion_chan_send(e.far, MSG_BIG, n,
            &(ion_chan_body_t){ big, ION_CHAN_MAX_PAYLOAD, &fd, 1 });
        n += rc == ION_OK ? 1 : 0;
    }
    assert_int_equal(rc, ION_LIMIT);
    assert_true(n >= ION_CHAN_MAX_QUEUED / ION_CHAN_MAX_PAYLOAD);
    assert_true(n < ION_CHAN_MAX_QUEUED_MSGS);
    ion_chan_free(&e.near);
    assert_int_equal(ion_chan_flush(e.far), ION_CLOSED);
    close_ends(&e);
    (void)close(fd);
    free(big);
    assert_int_equal(count_fds(), before);
}

static void
test_wrong_socket(void **state)
{
    size_t before = count_fds();
    ion_chan_t *c = NULL;
    int fds[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    assert_int_equal(
        ion_chan_new(fds[0], rules, ROLE_WORKER, &c), ION_UNSUPPORTED);
    assert_null(c);
    (void)close(fds[1]);
    assert_int_equal(ion_chan_new(-1, rules, ROLE_WORKER, &c), ION_UNSUPPORTED);
    assert_int_equal(count_fds(), before);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_too_long),
        cmocka_unit_test(test_queue),
        cmocka_unit_test(test_queue_bytes),
        cmocka_unit_test(test_wrong_socket),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
