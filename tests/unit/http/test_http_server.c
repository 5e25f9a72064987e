/*
 * test_http_server.c -- listeners, limits on connections, the set of routes.
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/http_rig.h"
#include "os/sock.h"

#define GET(path) "GET " path " HTTP/1.1\r\nHost: h\r\n\r\n"

static http_rig_t rig;

static int
set_up(void **state)
{
    (void)state;
    http_rig_init(&rig, NULL);
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    http_rig_fini(&rig);
    return 0;
}

static int
open_listener(ion_addr_t *bound)
{
    int fd = -1;
    ion_addr_t addr;
    ion_errtext_t why;
    ion_sock_opts_t opts = { 0 };
    assert_int_equal(ion_addr_parse(ION_STR("127.0.0.1:0"), &addr), ION_OK);
    assert_int_equal(ion_sock_listen_tcp(&addr, &opts, &fd, &why), ION_OK);
    assert_int_equal(ion_sock_local(fd, bound), ION_OK);
    return fd;
}

static int
dial(const ion_addr_t *addr)
{
    struct sockaddr_storage ss;
    socklen_t len = ion_addr_to_sockaddr(addr, false, &ss);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&ss, len), 0);
    assert_int_equal(
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO,
            &(struct timeval){ .tv_sec = 5 }, sizeof(struct timeval)),
        0);
    return fd;
}

static void
ask(int fd, const char *request, const char *want)
{
    char buf[4096];
    assert_int_equal(
        send(fd, request, strlen(request), MSG_NOSIGNAL), strlen(request));
    assert_int_equal(ion_loop_advance(rig.loop, 0), ION_OK);
    ssize_t n = recv(fd, buf, sizeof(buf) - 1, 0);
    assert_true(n >= 0);
    buf[n] = '\0';
    if (strstr(buf, want) == NULL) {
        fail_msg("'%s' instead of '%s'", buf, want);
    }
}

static void
test_kinds_by_name(void **state)
{
    (void)state;
    assert_int_equal(ion_http_kind_of("listen_addr"), ION_ROUTE_MAIN);
    assert_int_equal(ion_http_kind_of("http_listen_addr"), ION_ROUTE_PORT80);
    assert_int_equal(
        ion_http_kind_of("metrics_listen_addr"), ION_ROUTE_METRICS);
    assert_int_equal(ion_http_kind_of("stun_listen_addr"), 0);
    assert_int_equal(ion_http_kind_of(""), 0);
}

static void
test_sockets_follow_the_cycle(void **state)
{
    ion_addr_t addrs[3];
    ion_socket_t sockets[3];
    static const char *const names[] = { "listen_addr", "http_listen_addr",
        "stun_listen_addr" };
    ion_errtext_t err;
    (void)state;
    memset(sockets, 0, sizeof(sockets));
    for (size_t i = 0; i < 3; i++) {
        sockets[i].kind = ION_SOCKET_TCP;
        sockets[i].fd = open_listener(&addrs[i]);
        strcpy(sockets[i].name, names[i]);
    }
    ion_cycle_t cycle = { .sockets = sockets, .socket_count = 3 };
    assert_int_equal(ion_http_server_sync(rig.server, &cycle, &err), ION_OK);
    assert_int_equal(ion_http_server_listen(
                         rig.server, sockets[0].fd, ION_ROUTE_MAIN, "again"),
        ION_EXISTS);
    int a = dial(&addrs[0]);
    int b = dial(&addrs[1]);
    assert_int_equal(ion_loop_advance(rig.loop, 0), ION_OK);
    ask(a, GET("/echo"), "200 OK");
    ask(b, GET("/x"), "302 Found");
    assert_int_equal(
        http_rig_stat(&rig, "tls_listener_accepted_connections", NULL), 1);
    /* the next cycle has the second one only: who waits in the backlog of
     * the first is served, who comes later is not */
    int waiting = dial(&addrs[0]);
    ion_cycle_t next = { .sockets = sockets + 1, .socket_count = 1 };
    assert_int_equal(ion_http_server_sync(rig.server, &next, &err), ION_OK);
    int late = dial(&addrs[0]);
    assert_int_equal(ion_loop_advance(rig.loop, 0), ION_OK);
    ask(waiting, GET("/echo"), "200 OK");
    ask(a, GET("/echo"), "200 OK");
    ask(b, GET("/x"), "302 Found");
    assert_int_equal(ion_http_server_count(rig.server), 3);
    assert_int_equal(recv(late, &(char){ 0 }, 1, MSG_DONTWAIT), -1);
    for (size_t i = 0; i < 3; i++) {
        close(sockets[i].fd);
    }
    close(a);
    close(b);
    close(waiting);
    close(late);
    assert_int_equal(ion_loop_advance(rig.loop, 0), ION_OK);
    /* the second socket's listener goes with the server */
}

static void
test_accept_rate(void **state)
{
    ion_addr_t addr;
    int clients[5];
    int fd = open_listener(&addr);
    ion_http_config_t config;
    (void)state;
    ion_http_config_init(&config);
    config.accept_rate = 1;
    config.accept_burst = 3;
    ion_http_server_swap(rig.server, &config);
    assert_int_equal(
        ion_http_server_listen(rig.server, fd, ION_ROUTE_MAIN, "listen_addr"),
        ION_OK);
    for (size_t i = 0; i < ION_ARRAY_LEN(clients); i++) {
        clients[i] = dial(&addr);
    }
    assert_int_equal(ion_loop_advance(rig.loop, 0), ION_OK);
    assert_int_equal(
        http_rig_stat(&rig, "tls_listener_accepted_connections", NULL), 3);
    assert_int_equal(
        http_rig_stat(&rig, "tls_listener_rejected_connections", NULL), 2);
    ask(clients[2], GET("/echo"), "200 OK");
    assert_int_equal(recv(clients[3], &(char){ 0 }, 1, 0), 0);
    /* a reload that leaves the rate alone leaves the bucket alone */
    ion_http_config_init(&config);
    config.accept_rate = 1;
    config.accept_burst = 3;
    ion_http_server_swap(rig.server, &config);
    int more = dial(&addr);
    assert_int_equal(ion_loop_advance(rig.loop, 0), ION_OK);
    assert_int_equal(
        http_rig_stat(&rig, "tls_listener_rejected_connections", NULL), 3);
    /* one that lifts it counts from its own burst */
    ion_http_config_init(&config);
    ion_http_server_swap(rig.server, &config);
    int free_one = dial(&addr);
    assert_int_equal(ion_loop_advance(rig.loop, 0), ION_OK);
    ask(free_one, GET("/echo"), "200 OK");
    ion_http_server_unlisten(rig.server, fd, false);
    ion_http_server_unlisten(rig.server, fd, false);
    close(more);
    close(free_one);
    for (size_t i = 0; i < ION_ARRAY_LEN(clients); i++) {
        close(clients[i]);
    }
    close(fd);
}

static void
test_connections_are_bounded(void **state)
{
    static http_rig_client_t clients[3];
    ion_http_config_t config;
    (void)state;
    ion_http_config_init(&config);
    config.max_conns = 2;
    ion_http_server_swap(rig.server, &config);
    for (size_t i = 0; i < 3; i++) {
        http_rig_connect(&rig, &clients[i], ION_ROUTE_MAIN, "10.0.0.1:1");
    }
    http_rig_settle(&clients[2]);
    assert_true(clients[2].is_closed);
    assert_int_equal(ion_http_server_count(rig.server), 2);
    http_rig_close(&clients[0]);
    http_rig_close(&clients[2]);
    http_rig_connect(&rig, &clients[2], ION_ROUTE_MAIN, "10.0.0.1:1");
    assert_non_null(strstr(http_rig_ask(&clients[2], GET("/echo")), "200"));
    http_rig_close(&clients[1]);
    http_rig_close(&clients[2]);
    assert_int_equal(ion_http_server_count(rig.server), 0);
}

/* Open n silent connections from peer; returns how many were let in. */
static size_t
flood(http_rig_client_t *scratch, int *fds, size_t n, const char *peer)
{
    size_t before = ion_http_server_count(rig.server);
    for (size_t i = 0; i < n; i++) {
        http_rig_connect(&rig, scratch, ION_ROUTE_MAIN, peer);
        fds[i] = scratch->fd;
    }
    return ion_http_server_count(rig.server) - before;
}

static void
test_silent_connections_of_one_address_are_bounded(void **state)
{
    enum { LIMIT = 1024, OVER = 6 };
    static http_rig_client_t scratch;
    static int fds[LIMIT + OVER];
    static const struct {
        const char *first;
        const char *same;  /* shares the bound */
        const char *other; /* does not */
    } cases[] = {
        { "10.0.0.1:1", "10.0.0.1:2", "10.0.0.2:1" },
        { "[2001:db8::1]:1", "[2001:db8::ffff:0:0:1]:1",
            "[2001:db8:0:1::1]:1" },
    };
    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(cases); i++) {
        int fd;
        assert_int_equal(
            flood(&scratch, fds, LIMIT + OVER, cases[i].first), LIMIT);
        assert_int_equal(flood(&scratch, &fd, 1, cases[i].same), 0);
        close(fd);
        assert_int_equal(flood(&scratch, &fd, 1, cases[i].other), 1);
        close(fd);
        /* one that has shown a request makes room */
        scratch.fd = fds[0];
        scratch.in_len = 0;
        scratch.is_closed = false;
        assert_non_null(strstr(http_rig_ask(&scratch, GET("/echo")), "200"));
        assert_int_equal(flood(&scratch, &fd, 1, cases[i].same), 1);
        close(fd);
        for (size_t k = 0; k < LIMIT + OVER; k++) {
            close(fds[k]);
        }
        assert_int_equal(ion_loop_advance(rig.loop, ION_SEC(60)), ION_OK);
        assert_int_equal(ion_http_server_count(rig.server), 0);
        assert_int_equal(flood(&scratch, &fd, 1, cases[i].first), 1);
        close(fd);
    }
}

static void
test_loopback_is_not_bounded_that_way(void **state)
{
    enum { MANY = 1100 };
    static http_rig_client_t scratch;
    static int fds[MANY];
    (void)state;
    assert_int_equal(flood(&scratch, fds, MANY, "127.0.0.1:1"), MANY);
    for (size_t k = 0; k < MANY; k++) {
        close(fds[k]);
    }
    assert_int_equal(ion_loop_advance(rig.loop, ION_SEC(60)), ION_OK);
    assert_int_equal(ion_http_server_count(rig.server), 0);
}

static void
test_drain_without_connections(void **state)
{
    ion_addr_t addr;
    int fd = open_listener(&addr);
    (void)state;
    assert_int_equal(
        ion_http_server_listen(rig.server, fd, ION_ROUTE_MAIN, "listen_addr"),
        ION_OK);
    http_rig_drain(&rig);
    assert_int_equal(rig.drained, 0); /* from the loop, not from the call */
    assert_int_equal(ion_loop_advance(rig.loop, 0), ION_OK);
    assert_int_equal(rig.drained, 1);
    close(fd);
}

static void
test_tables_of_routes_are_bounded(void **state)
{
    static const ion_http_route_t none[] = { { .path = NULL } };
    unsigned added = 0;
    (void)state;
    while (added < 100 && ion_http_server_routes(rig.server, none) == ION_OK) {
        added++;
    }
    /* the built-in ones and the rig's are there already */
    assert_int_equal(added, ION_MODULE_MAX - 1);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

/* Two thousand descriptors are open at a time. */
static int
raise_limit(void **state)
{
    struct rlimit limit;
    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_kinds_by_name),
        CASE(test_sockets_follow_the_cycle),
        CASE(test_accept_rate),
        CASE(test_connections_are_bounded),
        CASE(test_silent_connections_of_one_address_are_bounded),
        CASE(test_loopback_is_not_bounded_that_way),
        CASE(test_drain_without_connections),
        CASE(test_tables_of_routes_are_bounded),
    };
    return cmocka_run_group_tests(tests, raise_limit, NULL);
}
