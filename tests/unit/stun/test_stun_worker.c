/*
 * test_stun_worker.c -- a worker's STUN sockets, on loopback.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Real sockets and a real loop that is turned by hand; nothing waits: a
 * datagram on loopback is in the receiver's queue when sendto returns.
 */
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/log.h"
#include "core/module.h"
#include "event/loop.h"
#include "proto/stun.h"
#include "stun/stun_worker.h"

extern const ion_module_t stun_module;
const ion_module_t *const ion_modules[] = { &stun_module, NULL };
const uint32_t ion_module_count = 1;

typedef struct fixture {
    ion_process_t process;
    ion_log_t log;
    ion_cycle_t cycles[2];
    ion_socket_t sockets[2][2];
    uint64_t stats[32];
    uint64_t *counters; /* of the module */
    unsigned idle_calls;
} fixture_t;

static fixture_t *current; /* for the idle callback */

static void
on_idle(ion_process_t *p, uint32_t module)
{
    assert_ptr_equal(p, &current->process);
    assert_int_equal(module, 0);
    current->idle_calls++;
}

static int
udp_socket(const char *text, ion_addr_t *bound)
{
    struct sockaddr_storage ss;
    socklen_t len;
    ion_addr_t addr;
    int fd;

    assert_int_equal(ion_addr_parse(ion_str_from(text), &addr), ION_OK);
    len = ion_addr_to_sockaddr(&addr, false, &ss);
    fd = socket(ss.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&ss, len), 0);
    len = sizeof(ss);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&ss, &len), 0);
    assert_int_equal(
        ion_addr_from_sockaddr((struct sockaddr *)&ss, len, bound), ION_OK);
    return fd;
}

static void
add_socket(fixture_t *f, size_t cycle, uint32_t id, const char *text)
{
    ion_cycle_t *c = &f->cycles[cycle];
    ion_socket_t *s = &f->sockets[cycle][c->socket_count];

    s->id = id;
    s->kind = ION_SOCKET_UDP;
    strcpy(s->name, "stun_listen_addr");
    s->fd = udp_socket(text, &s->addr);
    c->sockets = f->sockets[cycle];
    c->socket_count++;
}

static void
setup_fixture(fixture_t *f, const char *text)
{
    memset(f, 0, sizeof(*f));
    current = f;
    f->process.log = &f->log;
    f->process.cycle = &f->cycles[0];
    f->process.stats = f->stats;
    f->process.idle = on_idle;
    f->counters = f->stats + ion_module_stat_base(0);
    assert_int_equal(ion_log_sink_new(2, "test", &f->log.sink), ION_OK);
    assert_int_equal(ion_loop_new(&f->process.loop), ION_OK);
    add_socket(f, 0, 1, text);
}

static void
start(fixture_t *f)
{
    ion_errtext_t err = { "" };

    assert_int_equal(stun_module.start(&f->process, 0, &err), ION_OK);
}

static void
teardown_fixture(fixture_t *f)
{
    stun_module.stop(&f->process, 0);
    assert_null(f->process.module_data[0]);
    for (size_t c = 0; c < 2; c++) {
        for (size_t i = 0; i < f->cycles[c].socket_count; i++) {
            if (f->sockets[c][i].fd >= 0) {
                close(f->sockets[c][i].fd);
            }
        }
    }
    ion_loop_free(&f->process.loop);
    ion_log_sink_free(&f->log.sink);
}

static void
turn(fixture_t *f)
{
    assert_int_equal(ion_loop_turn(f->process.loop, false, NULL), ION_OK);
}

static void
send_to(int fd, const ion_addr_t *to, const void *p, size_t n)
{
    struct sockaddr_storage ss;
    socklen_t len = ion_addr_to_sockaddr(to, false, &ss);

    assert_int_equal(sendto(fd, p, n, 0, (struct sockaddr *)&ss, len), n);
}

static void
ask(int fd, const ion_addr_t *to, uint8_t id)
{
    uint8_t txid[STUN_TXID_LEN] = { id };
    uint8_t request[STUN_REQUEST_LEN];

    stun_build_request(txid, request);
    send_to(fd, to, request, sizeof(request));
}

/* one reply with that id, from that address; false when nothing came */
static bool
receive(int fd, const ion_addr_t *self, const ion_addr_t *from, uint8_t id)
{
    struct sockaddr_storage ss;
    socklen_t len = sizeof(ss);
    uint8_t txid[STUN_TXID_LEN] = { id };
    uint8_t want[STUN_REPLY_MAX];
    uint8_t got[STUN_REPLY_MAX + 1];
    size_t want_len = stun_build_reply(txid, self, want);
    ion_addr_t sender;
    ssize_t n = recvfrom(fd, got, sizeof(got), 0, (struct sockaddr *)&ss, &len);

    if (n < 0) {
        assert_int_equal(errno, EAGAIN);
        return false;
    }
    assert_int_equal(n, want_len);
    assert_memory_equal(got, want, want_len);
    assert_int_equal(
        ion_addr_from_sockaddr((struct sockaddr *)&ss, len, &sender), ION_OK);
    assert_true(ion_addr_eq(&sender, from));
    return true;
}

static void
check_answers(const char *server, const char *client, unsigned family)
{
    fixture_t f;
    ion_addr_t self;
    int fd = udp_socket(client, &self);
    const ion_addr_t *to;

    setup_fixture(&f, server);
    start(&f);
    to = &f.sockets[0][0].addr;
    ask(fd, to, 7);
    send_to(fd, to, "not stun", 8);
    turn(&f);
    assert_true(receive(fd, &self, to, 7));
    assert_false(receive(fd, &self, to, 7));
    assert_int_equal(f.counters[STUN_STAT_SUCCESS], 1);
    assert_int_equal(f.counters[STUN_STAT_NOT_STUN], 1);
    assert_int_equal(f.counters[STUN_STAT_IPV4], family == 4);
    assert_int_equal(f.counters[STUN_STAT_IPV6], family == 6);
    assert_int_equal(f.counters[STUN_STAT_WRITE_ERROR], 0);
    teardown_fixture(&f);
    close(fd);
}

static bool
has_ipv6(void)
{
    struct sockaddr_in6 a = { .sin6_family = AF_INET6,
        .sin6_addr = IN6ADDR_LOOPBACK_INIT };
    int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool ok = fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0;

    if (fd >= 0) {
        close(fd);
    }
    return ok;
}

static void
test_answers_ipv4(void **state)
{
    (void)state;
    check_answers("127.0.0.1:0", "127.0.0.1:0", 4);
}

static void
test_answers_ipv6(void **state)
{
    (void)state;
    if (!has_ipv6()) {
        skip();
    }
    check_answers("[::1]:0", "[::1]:0", 6);
}

static void
test_reply_leaves_from_the_asked_address(void **state)
{
    fixture_t f;
    ion_addr_t self;
    ion_addr_t asked;
    int fd = udp_socket("127.0.0.1:0", &self);

    (void)state;
    setup_fixture(&f, "0.0.0.0:0");
    start(&f);
    asked = f.sockets[0][0].addr;
    asked.ip[0] = 127;
    asked.ip[3] = 2;
    ask(fd, &asked, 9);
    turn(&f);
    assert_true(receive(fd, &self, &asked, 9));
    teardown_fixture(&f);
    close(fd);
}

/* more than a turn's budget comes in two turns, nothing is lost */
static void
test_a_turn_is_bounded(void **state)
{
    enum { FLOOD = 200, BUDGET = 128 };
    fixture_t f;
    ion_addr_t self;
    int fd = udp_socket("127.0.0.1:0", &self);
    unsigned got = 0;

    (void)state;
    setup_fixture(&f, "127.0.0.1:0");
    start(&f);
    for (unsigned i = 0; i < FLOOD; i++) {
        ask(fd, &f.sockets[0][0].addr, (uint8_t)i);
    }
    turn(&f);
    assert_int_equal(f.counters[STUN_STAT_SUCCESS], BUDGET);
    turn(&f);
    assert_int_equal(f.counters[STUN_STAT_SUCCESS], FLOOD);
    while (receive(fd, &self, &f.sockets[0][0].addr, (uint8_t)got)) {
        got++;
    }
    assert_int_equal(got, FLOOD);
    teardown_fixture(&f);
    close(fd);
}

static void
test_long_datagram_is_not_stun(void **state)
{
    static uint8_t big[4000];
    fixture_t f;
    ion_addr_t self;
    int fd = udp_socket("127.0.0.1:0", &self);

    (void)state;
    setup_fixture(&f, "127.0.0.1:0");
    start(&f);
    send_to(fd, &f.sockets[0][0].addr, big, sizeof(big));
    send_to(fd, &f.sockets[0][0].addr, big, 0);
    turn(&f);
    assert_int_equal(f.counters[STUN_STAT_NOT_STUN], 2);
    assert_int_equal(f.counters[STUN_STAT_SUCCESS], 0);
    teardown_fixture(&f);
    close(fd);
}

/* the kept socket goes on, the removed one is emptied, the new one begins */
static void
test_reload_commit(void **state)
{
    fixture_t f;
    ion_addr_t self;
    ion_errtext_t err;
    int fd = udp_socket("127.0.0.1:0", &self);
    const ion_addr_t *removed;
    const ion_addr_t *kept;
    const ion_addr_t *added;

    (void)state;
    setup_fixture(&f, "127.0.0.1:0");
    add_socket(&f, 0, 2, "127.0.0.1:0");
    start(&f);
    add_socket(&f, 1, 3, "127.0.0.1:0");
    f.sockets[1][1] = f.sockets[0][1];
    f.cycles[1].socket_count = 2;
    removed = &f.sockets[0][0].addr;
    kept = &f.sockets[0][1].addr;
    added = &f.sockets[1][0].addr;

    assert_int_equal(
        stun_module.prepare(&f.process, 0, &f.cycles[1], &err), ION_OK);
    ask(fd, added, 1);
    turn(&f);
    assert_false(receive(fd, &self, added, 1)); /* not before commit */
    ask(fd, removed, 2);
    f.process.cycle = &f.cycles[1];
    stun_module.commit(&f.process, 0);
    assert_true(receive(fd, &self, removed, 2));
    turn(&f);
    assert_true(receive(fd, &self, added, 1));
    ask(fd, kept, 3);
    ask(fd, removed, 4);
    turn(&f);
    assert_true(receive(fd, &self, kept, 3));
    assert_false(receive(fd, &self, removed, 4));

    f.sockets[0][1].fd = -1; /* closed once, in the other cycle */
    teardown_fixture(&f);
    close(fd);
}

static void
test_reload_abort(void **state)
{
    fixture_t f;
    ion_addr_t self;
    ion_errtext_t err;
    int fd = udp_socket("127.0.0.1:0", &self);

    (void)state;
    setup_fixture(&f, "127.0.0.1:0");
    start(&f);
    add_socket(&f, 1, 2, "127.0.0.1:0");
    assert_int_equal(
        stun_module.prepare(&f.process, 0, &f.cycles[1], &err), ION_OK);
    stun_module.abort(&f.process, 0);
    ask(fd, &f.sockets[1][0].addr, 1);
    ask(fd, &f.sockets[0][0].addr, 2);
    turn(&f);
    assert_true(receive(fd, &self, &f.sockets[0][0].addr, 2));
    assert_false(receive(fd, &self, &f.sockets[1][0].addr, 1));
    teardown_fixture(&f);
    close(fd);
}

static void
test_reload_refuses_a_bad_descriptor(void **state)
{
    fixture_t f;
    ion_errtext_t err = { "" };

    (void)state;
    setup_fixture(&f, "127.0.0.1:0");
    start(&f);
    add_socket(&f, 1, 2, "127.0.0.1:0");
    close(f.sockets[1][0].fd);
    assert_int_equal(
        stun_module.prepare(&f.process, 0, &f.cycles[1], &err), ION_SYS);
    assert_non_null(strstr(err.msg, "stun_listen_addr"));
    f.sockets[1][0].fd = -1;
    teardown_fixture(&f);
}

static void
test_drain_empties_and_is_idle(void **state)
{
    fixture_t f;
    ion_addr_t self;
    int fd = udp_socket("127.0.0.1:0", &self);

    (void)state;
    setup_fixture(&f, "127.0.0.1:0");
    start(&f);
    ask(fd, &f.sockets[0][0].addr, 5);
    stun_module.drain(&f.process, 0);
    assert_int_equal(f.idle_calls, 1);
    assert_true(receive(fd, &self, &f.sockets[0][0].addr, 5));
    ask(fd, &f.sockets[0][0].addr, 6);
    turn(&f);
    assert_false(receive(fd, &self, &f.sockets[0][0].addr, 6));
    teardown_fixture(&f);
    close(fd);
}

static void
test_counters_are_described(void **state)
{
    (void)state;
    assert_int_equal(stun_module.stat_count, STUN_STAT_COUNT);
    for (size_t i = 0; i < stun_module.stat_count; i++) {
        assert_non_null(stun_module.stats[i].name);
        assert_non_null(stun_module.stats[i].labels);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers_ipv4),
        cmocka_unit_test(test_answers_ipv6),
        cmocka_unit_test(test_reply_leaves_from_the_asked_address),
        cmocka_unit_test(test_a_turn_is_bounded),
        cmocka_unit_test(test_long_datagram_is_not_stun),
        cmocka_unit_test(test_reload_commit),
        cmocka_unit_test(test_reload_abort),
        cmocka_unit_test(test_reload_refuses_a_bad_descriptor),
        cmocka_unit_test(test_drain_empties_and_is_idle),
        cmocka_unit_test(test_counters_are_described),
    };

    return cmocka_run_group_tests_name("stun_worker", tests, NULL, NULL);
}
