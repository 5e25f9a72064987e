/*
 * test_udp.c -- datagrams in batches, answered from the address asked.
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "event/udp.h"
#include "os/sock.h"

typedef struct env {
    int fd;
    ion_udp_t *udp;
    ion_addr_t bound;
} env_t;

static env_t
open_server(const char *text)
{
    env_t env = { .fd = -1 };
    ion_addr_t addr;
    ion_errtext_t why;
    ion_sock_opts_t opts = { 0 };
    assert_int_equal(ion_addr_parse(ion_str_from(text), &addr), ION_OK);
    assert_int_equal(ion_sock_bind_udp(&addr, &opts, &env.fd, &why), ION_OK);
    assert_int_equal(ion_sock_local(env.fd, &env.bound), ION_OK);
    assert_int_equal(ion_udp_new(env.fd, &env.udp), ION_OK);
    return env;
}

static void
close_server(env_t *env)
{
    ion_udp_free(&env->udp);
    assert_null(env->udp);
    ion_udp_free(&env->udp);
    close(env->fd);
}

/* A client that only hears the address it asked. */
static int
open_client(const char *host, uint16_t port)
{
    ion_addr_t addr;
    struct sockaddr_storage ss;
    assert_int_equal(ion_addr_parse_ip(ion_str_from(host), &addr), ION_OK);
    addr.port = port;
    socklen_t len = ion_addr_to_sockaddr(&addr, false, &ss);
    int fd = socket(
        addr.family == 4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&ss, len), 0);
    return fd;
}

static void
answer_all(ion_udp_t *udp, size_t want)
{
    const ion_udp_msg_t *msgs = NULL;
    size_t n = 0;
    size_t sent = 0;
    size_t failed = 0;
    assert_int_equal(ion_udp_recv(udp, &msgs, &n), ION_OK);
    assert_int_equal(n, want);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(
            ion_udp_reply(udp, i, msgs[i].data, msgs[i].len), ION_OK);
    }
    ion_udp_send(udp, &sent, &failed);
    assert_int_equal(sent, want);
    assert_int_equal(failed, 0);
}

static void
test_replies_leave_from_the_address_asked(void **state)
{
    static const struct {
        const char *listen;
        const char *ask;
    } cases[] = {
        { "0.0.0.0:0", "127.0.0.1" },
        { "0.0.0.0:0", "127.0.0.2" },
        { ":0", "127.0.0.3" },
        { ":0", "::1" },
        { "127.0.0.4:0", "127.0.0.4" },
        { "[::1]:0", "::1" },
    };
    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(cases); i++) {
        if (strchr(cases[i].ask, ':') != NULL && !ion_sock_has_ipv6()) {
            continue;
        }
        env_t env = open_server(cases[i].listen);
        int client = open_client(cases[i].ask, env.bound.port);
        char buf[16];
        assert_int_equal(send(client, "echo", 4, 0), 4);
        answer_all(env.udp, 1);
        assert_int_equal(recv(client, buf, sizeof(buf), 0), 4);
        assert_memory_equal(buf, "echo", 4);
        close(client);
        close_server(&env);
    }
}

/* Does the kernel add the local address to what this socket receives? */
static bool
has_packet_info(int fd, int level, int option)
{
    int on = 0;
    socklen_t len = sizeof(on);
    assert_int_equal(getsockopt(fd, level, option, &on, &len), 0);
    return on != 0;
}

static void
test_packet_info_only_where_addresses_differ(void **state)
{
    static const struct {
        const char *listen;
        int level;
        int option;
        bool wanted;
    } cases[] = {
        { "0.0.0.0:0", IPPROTO_IP, IP_PKTINFO, true },
        { "127.0.0.1:0", IPPROTO_IP, IP_PKTINFO, false },
        { "[::]:0", IPPROTO_IPV6, IPV6_RECVPKTINFO, true },
        { "[::1]:0", IPPROTO_IPV6, IPV6_RECVPKTINFO, false },
    };
    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(cases); i++) {
        if (cases[i].level == IPPROTO_IPV6 && !ion_sock_has_ipv6()) {
            continue;
        }
        env_t env = open_server(cases[i].listen);
        assert_int_equal(
            has_packet_info(env.fd, cases[i].level, cases[i].option),
            cases[i].wanted);
        close_server(&env);
    }
}

static void
test_batches_are_bounded_and_in_order(void **state)
{
    (void)state;
    env_t env = open_server("127.0.0.1:0");
    int client = open_client("127.0.0.1", env.bound.port);
    char text[16];
    for (unsigned i = 0; i < ION_UDP_BATCH + 8; i++) {
        int n = snprintf(text, sizeof(text), "%03u", i);
        assert_int_equal(send(client, text, (size_t)n, 0), n);
    }
    answer_all(env.udp, ION_UDP_BATCH);
    answer_all(env.udp, 8);
    for (unsigned i = 0; i < ION_UDP_BATCH + 8; i++) {
        assert_int_equal(recv(client, text, sizeof(text), 0), 3);
        text[3] = '\0';
        assert_int_equal(strtoul(text, NULL, 10), i);
    }
    const ion_udp_msg_t *msgs = NULL;
    size_t n = 0;
    assert_int_equal(ion_udp_recv(env.udp, &msgs, &n), ION_AGAIN);
    close(client);
    close_server(&env);
}

static void
test_bounds(void **state)
{
    (void)state;
    env_t env = open_server("127.0.0.1:0");
    int client = open_client("127.0.0.1", env.bound.port);
    static char big[ION_UDP_MAX + 100];
    const ion_udp_msg_t *msgs = NULL;
    size_t n = 0;
    size_t sent = 9;
    size_t failed = 9;
    ion_addr_t local;
    assert_int_equal(ion_sock_local(client, &local), ION_OK);
    assert_int_equal(send(client, big, sizeof(big), 0), sizeof(big));
    assert_int_equal(send(client, big, 0, 0), 0);
    assert_int_equal(ion_udp_recv(env.udp, &msgs, &n), ION_OK);
    assert_int_equal(n, 2);
    assert_true(msgs[0].is_cut);
    assert_int_equal(msgs[0].len, ION_UDP_MAX);
    assert_false(msgs[1].is_cut);
    assert_int_equal(msgs[1].len, 0);
    assert_true(ion_addr_eq(&msgs[0].peer, &local));
    assert_int_equal(
        ion_udp_reply(env.udp, 0, big, ION_UDP_REPLY_MAX + 1), ION_LIMIT);
    assert_int_equal(ion_udp_reply(env.udp, 2, big, 1), ION_RANGE);
    assert_int_equal(ion_udp_reply(env.udp, 1, big, 1), ION_OK);
    assert_int_equal(ion_udp_reply(env.udp, 1, big, 1), ION_RANGE);
    ion_udp_send(env.udp, &sent, &failed);
    assert_int_equal(sent, 1);
    assert_int_equal(failed, 0);
    ion_udp_send(env.udp, &sent, &failed);
    assert_int_equal(sent + failed, 0);
    close(client);
    close_server(&env);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_replies_leave_from_the_address_asked),
        cmocka_unit_test(test_packet_info_only_where_addresses_differ),
        cmocka_unit_test(test_batches_are_bounded_and_in_order),
        cmocka_unit_test(test_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
