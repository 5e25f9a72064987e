/*
 * test_sock.c -- listeners, accepted connections, and reasons of failures.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/base.h"
#include "os/sock.h"

static ion_addr_t
addr(const char *text)
{
    ion_addr_t a;

    assert_int_equal(ion_addr_parse(ion_str_from(text), &a), ION_OK);
    return a;
}

static int
option(int fd, int level, int name)
{
    int value = -1;
    socklen_t len = sizeof(value);

    assert_int_equal(getsockopt(fd, level, name, &value, &len), 0);
    return value;
}

static int
listen_on(const char *text, bool reuse, ion_addr_t *bound)
{
    ion_addr_t a = addr(text);
    ion_sock_opts_t opts = { .reuse_port = reuse, .check_free = true };
    ion_errtext_t why;
    int fd = -1;

    assert_int_equal(ion_sock_listen_tcp(&a, &opts, &fd, &why), ION_OK);
    assert_int_equal(ion_sock_local(fd, bound), ION_OK);
    assert_int_not_equal(bound->port, 0);
    return fd;
}

static int
connect_to(const ion_addr_t *to)
{
    struct sockaddr_storage ss;
    socklen_t len = ion_addr_to_sockaddr(to, to->family == 6, &ss);
    int fd = socket(ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&ss, len), 0);
    return fd;
}

/* A blocking connect has returned, so the connection waits to be accepted. */
static void
test_accepted(void **state)
{
    ion_addr_t bound;
    ion_addr_t peer;
    ion_addr_t local;
    ion_addr_t client_addr;
    int listener = listen_on("127.0.0.1:0", true, &bound);
    int client;
    int fd = -1;

    (void)state;
    assert_int_equal(ion_sock_accept(listener, NULL, NULL, &fd), ION_AGAIN);
    client = connect_to(&bound);
    assert_int_equal(ion_sock_accept(listener, &peer, &local, &fd), ION_OK);
    assert_true(ion_addr_eq(&local, &bound));
    assert_int_equal(ion_sock_local(client, &client_addr), ION_OK);
    assert_true(ion_addr_eq(&peer, &client_addr));
    assert_int_equal(ion_sock_peer(client, &client_addr), ION_OK);
    assert_true(ion_addr_eq(&client_addr, &bound));

    assert_int_equal(option(fd, IPPROTO_TCP, TCP_NODELAY), 1);
    assert_int_equal(option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT), 15000);
    assert_int_equal(option(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
    assert_int_equal(option(fd, IPPROTO_TCP, TCP_KEEPIDLE), 600);
    assert_int_equal(option(fd, IPPROTO_TCP, TCP_KEEPINTVL), 15);
    assert_int_equal(option(fd, IPPROTO_TCP, TCP_KEEPCNT), 9);
    assert_true((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
    assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
    assert_true((fcntl(listener, F_GETFD) & FD_CLOEXEC) != 0);
    (void)close(fd);
    (void)close(client);
    (void)close(listener);
}

/* No host: one socket for both families; an IPv4 peer shows as IPv4. */
static void
test_every_address(void **state)
{
    ion_addr_t bound;
    ion_addr_t peer;
    int listener = listen_on(":0", false, &bound);
    int fd = -1;
    int client;
    ion_addr_t to;

    (void)state;
    to = addr("127.0.0.1:1");
    to.port = bound.port;
    client = connect_to(&to);
    assert_int_equal(ion_sock_accept(listener, &peer, NULL, &fd), ION_OK);
    assert_int_equal(peer.family, 4);
    (void)close(fd);
    (void)close(client);
    if (ion_sock_has_ipv6()) {
        assert_int_equal(bound.family, 6);
        to = addr("[::1]:1");
        to.port = bound.port;
        client = connect_to(&to);
        assert_int_equal(ion_sock_accept(listener, &peer, NULL, &fd), ION_OK);
        assert_int_equal(peer.family, 6);
        (void)close(fd);
        (void)close(client);
    } else {
        assert_int_equal(bound.family, 4);
    }
    (void)close(listener);
}

static void
test_taken(void **state)
{
    ion_addr_t bound;
    int first = listen_on("127.0.0.1:0", true, &bound);
    ion_sock_opts_t opts = { .reuse_port = true, .check_free = true };
    ion_errtext_t why = { .msg = "" };
    char me[64];
    int second = -1;

    (void)state;
    assert_int_equal(
        ion_sock_listen_tcp(&bound, &opts, &second, &why), ION_EXISTS);
    assert_int_equal(errno, EADDRINUSE);
    assert_int_equal(second, -1);
    (void)snprintf(me, sizeof(me), "pid %ld (", (long)getpid());
    assert_non_null(strstr(why.msg, "address already in use by "));
    assert_non_null(strstr(why.msg, me));
    assert_non_null(strstr(why.msg, "this process"));

    /* the next worker's socket shares the port on purpose */
    opts.check_free = false;
    assert_int_equal(ion_sock_listen_tcp(&bound, &opts, &second, &why), ION_OK);
    (void)close(second);

    /* and without reuse_port it cannot */
    opts.reuse_port = false;
    assert_int_equal(
        ion_sock_listen_tcp(&bound, &opts, &second, &why), ION_EXISTS);
    (void)close(first);

    /* the port of a listener that is gone is free at once */
    opts.check_free = true;
    assert_int_equal(ion_sock_listen_tcp(&bound, &opts, &second, &why), ION_OK);
    (void)close(second);
}

/* A socket that waits takes no connection from one that listens. */
static void
test_waiting_tcp(void **state)
{
    ion_addr_t bound;
    int first = listen_on("127.0.0.1:0", true, &bound);
    ion_sock_opts_t opts = { .reuse_port = true, .is_waiting = true };
    struct sockaddr_storage ss;
    socklen_t len = ion_addr_to_sockaddr(&bound, false, &ss);
    ion_errtext_t why;
    int second = -1;

    (void)state;
    assert_int_equal(ion_sock_listen_tcp(&bound, &opts, &second, &why), ION_OK);
    for (int i = 0; i < 32; i++) {
        int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        int taken = -1;

        assert_true(client >= 0);
        assert_int_equal(connect(client, (const struct sockaddr *)&ss, len), 0);
        assert_int_equal(ion_sock_accept(first, NULL, NULL, &taken), ION_OK);
        (void)close(taken);
        (void)close(client);
    }
    (void)close(second);
    (void)close(first);
}

static void
test_udp(void **state)
{
    ion_addr_t a = addr(":0");
    ion_addr_t v4 = addr("127.0.0.1:0");
    ion_addr_t bound;
    ion_sock_opts_t opts = { .reuse_port = true, .check_free = true };
    ion_errtext_t why = { .msg = "" };
    char owner[ION_SOCK_OWNER_LEN];
    int fd = -1;
    int second = -1;

    (void)state;
    assert_int_equal(ion_sock_bind_udp(&a, &opts, &fd, &why), ION_OK);
    assert_int_equal(option(fd, IPPROTO_IP, IP_PKTINFO), 1);
    if (ion_sock_has_ipv6()) {
        assert_int_equal(option(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO), 1);
        assert_int_equal(option(fd, IPPROTO_IPV6, IPV6_V6ONLY), 0);
    }
    (void)close(fd);

    assert_int_equal(ion_sock_bind_udp(&v4, &opts, &fd, &why), ION_OK);
    assert_int_equal(option(fd, SOL_SOCKET, SO_TYPE), SOCK_DGRAM);
    assert_int_equal(option(fd, IPPROTO_IP, IP_PKTINFO), 0);
    assert_int_equal(ion_sock_local(fd, &bound), ION_OK);
    assert_int_equal(
        ion_sock_bind_udp(&bound, &opts, &second, &why), ION_EXISTS);
    assert_non_null(strstr(why.msg, "this process"));
    assert_int_equal(ion_sock_owner(&bound, true, owner), ION_OK);
    assert_int_equal(ion_sock_owner(&bound, false, owner), ION_NOTFOUND);
    assert_string_equal(owner, "");
    (void)close(fd);
}

/* Send from many ports, so that a group would share them. */
static void
send_from_many_ports(const ion_addr_t *to)
{
    struct sockaddr_storage ss;
    socklen_t len = ion_addr_to_sockaddr(to, to->family == 6, &ss);

    for (int i = 0; i < 64; i++) {
        int fd = socket(ss.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

        assert_true(fd >= 0);
        assert_int_equal(
            sendto(fd, "x", 1, 0, (const struct sockaddr *)&ss, len), 1);
        (void)close(fd);
    }
}

static int
count_waiting(int fd)
{
    char byte;
    int n = 0;

    while (recv(fd, &byte, 1, MSG_DONTWAIT) == 1) {
        n++;
    }
    return n;
}

/* The same with UDP, where being bound is enough to be given a share. */
static void
test_waiting_udp(void **state)
{
    static const char *const hosts[] = { "127.0.0.1:0", "[::1]:0", ":0" };
    ion_errtext_t why = { .msg = "" };

    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(hosts); i++) {
        ion_sock_opts_t opts = { .reuse_port = true };
        ion_addr_t a = addr(hosts[i]);
        ion_addr_t bound;
        ion_addr_t local;
        int first = -1;
        int second = -1;
        int shared;

        if (a.family == 6 && !ion_sock_has_ipv6()) {
            continue;
        }
        assert_int_equal(ion_sock_bind_udp(&a, &opts, &first, &why), ION_OK);
        assert_int_equal(ion_sock_local(first, &bound), ION_OK);
        opts.is_waiting = true;
        assert_int_equal(
            ion_sock_bind_udp(&bound, &opts, &second, &why), ION_OK);
        assert_int_equal(ion_sock_local(second, &local), ION_OK);
        assert_int_equal(local.port, 0);
        assert_memory_equal(local.ip, bound.ip, sizeof(local.ip));
        send_from_many_ports(&bound);
        assert_int_equal(count_waiting(first), 64);
        assert_int_equal(count_waiting(second), 0);

        assert_int_equal(ion_sock_serve(second, true, &bound, &why), ION_OK);
        assert_int_equal(ion_sock_local(second, &local), ION_OK);
        assert_true(ion_addr_eq(&local, &bound));
        send_from_many_ports(&bound);
        shared = count_waiting(second);
        assert_in_range(shared, 1, 63);
        assert_int_equal(count_waiting(first), 64 - shared);
        (void)close(second);
        (void)close(first);
    }
}

/* An address that is not here is found out before the socket serves. */
static void
test_waiting_says_what_is_wrong(void **state)
{
    ion_sock_opts_t opts = { .reuse_port = true, .is_waiting = true };
    ion_addr_t elsewhere = addr("192.0.2.1:7");
    ion_addr_t local = addr("127.0.0.1:0");
    ion_errtext_t why = { .msg = "" };
    ion_addr_t bound;
    int fd = -1;
    int taken;

    (void)state;
    assert_int_equal(
        ion_sock_bind_udp(&elsewhere, &opts, &fd, &why), ION_NOTFOUND);
    assert_int_equal(ion_sock_bind_udp(&local, &opts, &fd, &why), ION_OK);
    opts = (ion_sock_opts_t){ .reuse_port = false };
    assert_int_equal(ion_sock_bind_udp(&local, &opts, &taken, &why), ION_OK);
    assert_int_equal(ion_sock_local(taken, &bound), ION_OK);
    assert_int_equal(ion_sock_serve(fd, true, &bound, &why), ION_EXISTS);
    assert_non_null(strstr(why.msg, "this process"));
    (void)close(taken);
    assert_int_equal(ion_sock_serve(fd, true, &bound, &why), ION_OK);
    (void)close(fd);
}

/* Those that are longest in the group get all, whatever else is in it. */
static void
test_steer_udp(void **state)
{
    ion_sock_opts_t opts = { .reuse_port = true };
    ion_addr_t bound = addr("127.0.0.1:0");
    ion_errtext_t why;
    int fd[4];
    int n[4];

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(
            ion_sock_bind_udp(&bound, &opts, &fd[i], &why), ION_OK);
        assert_int_equal(ion_sock_local(fd[i], &bound), ION_OK);
    }
    assert_int_equal(ion_sock_steer(fd[0], 2), ION_OK);
    send_from_many_ports(&bound);
    for (size_t i = 0; i < 4; i++) {
        n[i] = count_waiting(fd[i]);
    }
    assert_in_range(n[0], 1, 63);
    assert_int_equal(n[0] + n[1], 64);

    /* one from the end goes: the others stay where they are */
    (void)close(fd[3]);
    send_from_many_ports(&bound);
    assert_int_equal(count_waiting(fd[2]), 0);
    assert_int_equal(count_waiting(fd[0]) + count_waiting(fd[1]), 64);
    assert_int_equal(ion_sock_steer(fd[1], 0), ION_OK);
    send_from_many_ports(&bound);
    assert_in_range(count_waiting(fd[2]), 1, 63);
    for (size_t i = 0; i < 3; i++) {
        (void)close(fd[i]);
    }
}

static void
test_steer_tcp(void **state)
{
    ion_sock_opts_t opts = { .reuse_port = true };
    ion_addr_t bound = addr("127.0.0.1:0");
    ion_errtext_t why;
    int fd[3];

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(
            ion_sock_listen_tcp(&bound, &opts, &fd[i], &why), ION_OK);
        assert_int_equal(ion_sock_local(fd[i], &bound), ION_OK);
    }
    assert_int_equal(ion_sock_steer(fd[0], 1), ION_OK);
    for (int i = 0; i < 32; i++) {
        int client = connect_to(&bound);
        int taken = -1;

        assert_int_equal(ion_sock_accept(fd[0], NULL, NULL, &taken), ION_OK);
        (void)close(taken);
        (void)close(client);
    }
    for (size_t i = 0; i < 3; i++) {
        (void)close(fd[i]);
    }
    assert_int_equal(ion_sock_steer(-1, 1), ION_SYS);
}

static int
hold_until_told(int out, int in, ion_addr_t *bound)
{
    ion_sock_opts_t opts = { .reuse_port = true };
    ion_errtext_t why;
    char byte;
    int fd = -1;

    return ion_sock_bind_udp(bound, &opts, &fd, &why) == ION_OK &&
                   ion_sock_local(fd, bound) == ION_OK &&
                   write(out, bound, sizeof(*bound)) ==
                       (ssize_t)sizeof(*bound) &&
                   read(in, &byte, 1) == 0
               ? 0
               : 1;
}

static void
test_held_by(void **state)
{
    ion_sock_opts_t opts = { .reuse_port = true };
    ion_addr_t bound = addr("127.0.0.1:0");
    ion_addr_t any;
    ion_errtext_t why;
    int from[2];
    int to[2];
    int mine = -1;
    int status;
    pid_t child;

    (void)state;
    assert_int_equal(pipe2(from, O_CLOEXEC), 0);
    assert_int_equal(pipe2(to, O_CLOEXEC), 0);
    child = fork();
    if (child == 0) {
        (void)close(to[1]);
        _exit(hold_until_told(from[1], to[0], &bound));
    }
    assert_int_equal(read(from[0], &bound, sizeof(bound)), (int)sizeof(bound));
    any = bound;
    memset(any.ip, 0, sizeof(any.ip));
    assert_true(ion_sock_is_held_by(&bound, true, child));
    assert_true(ion_sock_is_held_by(&any, true, child));
    assert_false(ion_sock_is_held_by(&bound, true, getpid()));
    assert_false(ion_sock_is_held_by(&bound, false, child));
    assert_false(ion_sock_is_held_by(&bound, true, 0));

    /* somebody else on the same port too: not the child's alone any more */
    assert_int_equal(ion_sock_bind_udp(&bound, &opts, &mine, &why), ION_OK);
    assert_false(ion_sock_is_held_by(&bound, true, child));
    assert_false(ion_sock_is_held_by(&bound, true, getpid()));

    for (int i = 0; i < 2; i++) {
        (void)close(from[i]);
        (void)close(to[i]);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_true(ion_sock_is_held_by(&bound, true, getpid()));
    (void)close(mine);
    assert_false(ion_sock_is_held_by(&bound, true, getpid()));
}

static void
test_not_ours(void **state)
{
    ion_addr_t a = addr("192.0.2.1:0");
    ion_sock_opts_t opts = { .reuse_port = true };
    ion_errtext_t why = { .msg = "" };
    int fd = -1;

    (void)state;
    assert_int_equal(ion_sock_listen_tcp(&a, &opts, &fd, &why), ION_NOTFOUND);
    assert_string_equal(why.msg, "not an address of this machine");
    assert_int_equal(ion_sock_bind_udp(&a, &opts, &fd, NULL), ION_NOTFOUND);
    assert_int_equal(fd, -1);
}

static void
test_out_of_descriptors(void **state)
{
    ion_addr_t bound;
    int listener = listen_on("127.0.0.1:0", false, &bound);
    int client = connect_to(&bound);
    struct rlimit old;
    struct rlimit low;
    int fd = -1;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    low = old;
    low.rlim_cur = (rlim_t)client + 1;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    assert_int_equal(ion_sock_accept(listener, NULL, NULL, &fd), ION_LIMIT);
    assert_int_equal(errno, EMFILE);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    assert_int_equal(ion_sock_accept(listener, NULL, NULL, &fd), ION_OK);
    (void)close(fd);
    (void)close(client);
    (void)close(listener);
}

/* A port that needs a right: what would give it is said. */
static int
play_unprivileged(void)
{
    ion_sock_opts_t opts = { .reuse_port = true, .check_free = true };
    ion_addr_t a = { .family = 4, .ip = { 127, 0, 0, 1 }, .port = 1 };
    ion_errtext_t why = { .msg = "" };
    int fd = -1;

    if (geteuid() == 0 && setresuid(65534, 65534, 65534) != 0) {
        return 1;
    }
    if (ion_sock_listen_tcp(&a, &opts, &fd, &why) != ION_DENIED) {
        return 2;
    }
    return strstr(why.msg, "no right to port 1: choose one above 1023") &&
                   strstr(why.msg, "setcap cap_net_bind_service=+ep /") &&
                   strstr(why.msg, "AmbientCapabilities=CAP_NET_BIND_SERVICE")
               ? 0
               : 3;
}

static void
test_unprivileged(void **state)
{
    FILE *f = fopen("/proc/sys/net/ipv4/ip_unprivileged_port_start", "r");
    char first[16] = "";
    pid_t child;
    int status;

    (void)state;
    assert_non_null(f);
    assert_non_null(fgets(first, sizeof(first), f));
    (void)fclose(f);
    if (strtol(first, NULL, 10) <= 1) {
        skip(); /* here everybody may take any port */
    }
    child = fork();
    if (child == 0) {
        _exit(play_unprivileged());
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void
test_no_socket(void **state)
{
    ion_addr_t a;
    int fds[2];

    (void)state;
    assert_int_equal(ion_sock_local(-1, &a), ION_SYS);
    assert_int_equal(ion_sock_peer(-1, &a), ION_SYS);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    assert_int_equal(ion_sock_local(fds[0], &a), ION_UNSUPPORTED);
    (void)close(fds[0]);
    (void)close(fds[1]);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepted),
        cmocka_unit_test(test_every_address),
        cmocka_unit_test(test_taken),
        cmocka_unit_test(test_waiting_tcp),
        cmocka_unit_test(test_waiting_udp),
        cmocka_unit_test(test_waiting_says_what_is_wrong),
        cmocka_unit_test(test_steer_udp),
        cmocka_unit_test(test_steer_tcp),
        cmocka_unit_test(test_held_by),
        cmocka_unit_test(test_udp),
        cmocka_unit_test(test_not_ours),
        cmocka_unit_test(test_out_of_descriptors),
        cmocka_unit_test(test_unprivileged),
        cmocka_unit_test(test_no_socket),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
