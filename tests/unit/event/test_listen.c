/*
 * test_listen.c -- accepting: budget, rate, lack of descriptors, draining.
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * accept4 is wrapped, so that running out of descriptors can be played.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "event/listen.h"
#include "os/sock.h"

#define START ION_SEC(50)

static int fail_with; /* errno that accept4 fails with; 0 = real */

int __real_accept4(int fd, struct sockaddr *addr, socklen_t *len, int flags);
int __wrap_accept4(int fd, struct sockaddr *addr, socklen_t *len, int flags);

int
__wrap_accept4(int fd, struct sockaddr *addr, socklen_t *len, int flags)
{
    if (fail_with != 0) {
        errno = fail_with;
        return -1;
    }
    return __real_accept4(fd, addr, len, flags);
}

typedef struct env {
    ion_loop_t *loop;
    ion_listener_t *listener;
    ion_bucket_t bucket;
    int fd;
    struct sockaddr_storage addr;
    socklen_t addr_len;
    unsigned accepted;
    unsigned rejected;
    ion_addr_t last_peer;
    ion_addr_t last_local;
    int clients[64];
    size_t client_count;
} env_t;

static void
on_accepted(void *arg, int fd, const ion_addr_t *peer, const ion_addr_t *local)
{
    env_t *env = arg;
    env->accepted++;
    env->last_peer = *peer;
    env->last_local = *local;
    close(fd);
}

static void
on_rejected(void *arg)
{
    ((env_t *)arg)->rejected++;
}

static void
listen_with(env_t *env, ion_bucket_t *limiter)
{
    ion_listener_opts_t opts = {
        .name = "listen_addr",
        .limiter = limiter,
        .accepted = on_accepted,
        .rejected = on_rejected,
        .arg = env,
    };
    assert_int_equal(
        ion_listener_new(env->loop, env->fd, &opts, &env->listener), ION_OK);
}

static int
set_up(void **state)
{
    static env_t env;
    ion_addr_t any;
    ion_addr_t bound;
    ion_errtext_t why;
    ion_sock_opts_t opts = { 0 };
    memset(&env, 0, sizeof(env));
    fail_with = 0;
    assert_int_equal(ion_addr_parse(ion_str_from("127.0.0.1:0"), &any), ION_OK);
    assert_int_equal(ion_sock_listen_tcp(&any, &opts, &env.fd, &why), ION_OK);
    assert_int_equal(ion_sock_local(env.fd, &bound), ION_OK);
    env.addr_len = ion_addr_to_sockaddr(&bound, false, &env.addr);
    assert_int_equal(ion_loop_new_fake(START, &env.loop), ION_OK);
    *state = &env;
    return 0;
}

static int
tear_down(void **state)
{
    env_t *env = *state;
    ion_listener_free(&env->listener, false);
    for (size_t i = 0; i < env->client_count; i++) {
        close(env->clients[i]);
    }
    close(env->fd);
    ion_loop_free(&env->loop);
    return 0;
}

static void
connect_some(env_t *env, unsigned n)
{
    while (n-- > 0) {
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        assert_true(fd >= 0);
        assert_int_equal(
            connect(fd, (struct sockaddr *)&env->addr, env->addr_len), 0);
        assert_true(env->client_count < ION_ARRAY_LEN(env->clients));
        env->clients[env->client_count++] = fd;
    }
}

static void
test_accepts_a_budget_each_turn(void **state)
{
    env_t *env = *state;
    listen_with(env, NULL);
    connect_some(env, ION_ACCEPT_BUDGET + 5);
    assert_int_equal(ion_loop_turn(env->loop, false, NULL), ION_OK);
    assert_int_equal(env->accepted, ION_ACCEPT_BUDGET);
    assert_int_equal(ion_loop_turn(env->loop, false, NULL), ION_OK);
    assert_int_equal(env->accepted, ION_ACCEPT_BUDGET + 5);
    assert_int_equal(env->last_peer.family, 4);
    assert_true(ion_addr_is_loopback(&env->last_peer));
    assert_true(env->last_peer.port != env->last_local.port);
    assert_int_equal(ion_listener_fd(env->listener), env->fd);
}

static void
test_over_the_rate_it_closes_at_once(void **state)
{
    env_t *env = *state;
    char byte;
    ion_bucket_init(&env->bucket, 2, 3, START);
    listen_with(env, &env->bucket);
    connect_some(env, 5);
    assert_int_equal(ion_loop_advance(env->loop, 0), ION_OK);
    assert_int_equal(env->accepted, 3);
    assert_int_equal(env->rejected, 2);
    assert_int_equal(read(env->clients[4], &byte, 1), 0); /* no bytes */
    assert_int_equal(ion_loop_advance(env->loop, ION_SEC(1)), ION_OK);
    connect_some(env, 3);
    assert_int_equal(ion_loop_advance(env->loop, 0), ION_OK);
    assert_int_equal(env->accepted, 5);
    assert_int_equal(env->rejected, 3);
}

static void
test_pauses_without_descriptors_and_resumes(void **state)
{
    env_t *env = *state;
    listen_with(env, NULL);
    connect_some(env, 1);
    fail_with = EMFILE;
    assert_int_equal(ion_loop_advance(env->loop, 0), ION_OK);
    assert_true(ion_listener_is_paused(env->listener));
    /* paused means not watched: the loop rests although somebody waits */
    unsigned served = 1;
    assert_int_equal(ion_loop_turn(env->loop, false, &served), ION_OK);
    assert_int_equal(served, 0);
    assert_int_equal(
        ion_loop_advance(env->loop, ION_MS(ION_ACCEPT_PAUSE_MS)), ION_OK);
    assert_true(ion_listener_is_paused(env->listener));
    fail_with = 0;
    assert_int_equal(
        ion_loop_advance(env->loop, ION_MS(ION_ACCEPT_PAUSE_MS)), ION_OK);
    assert_false(ion_listener_is_paused(env->listener));
    assert_int_equal(env->accepted, 1);
    connect_some(env, 1);
    assert_int_equal(ion_loop_advance(env->loop, 0), ION_OK);
    assert_int_equal(env->accepted, 2);
}

static void
test_a_connection_that_died_costs_nothing(void **state)
{
    env_t *env = *state;
    listen_with(env, NULL);
    connect_some(env, 1);
    fail_with = ECONNABORTED;
    assert_int_equal(ion_loop_turn(env->loop, false, NULL), ION_OK);
    assert_false(ion_listener_is_paused(env->listener));
    fail_with = 0;
    assert_int_equal(ion_loop_turn(env->loop, false, NULL), ION_OK);
    assert_int_equal(env->accepted, 1);
}

static void
test_free_drains_the_backlog_when_asked(void **state)
{
    env_t *env = *state;
    listen_with(env, NULL);
    connect_some(env, ION_ACCEPT_BUDGET + 3);
    ion_listener_free(&env->listener, true);
    assert_null(env->listener);
    assert_int_equal(env->accepted, ION_ACCEPT_BUDGET + 3);
    connect_some(env, 1);
    assert_int_equal(ion_loop_advance(env->loop, ION_SEC(1)), ION_OK);
    assert_int_equal(env->accepted, ION_ACCEPT_BUDGET + 3);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            test_accepts_a_budget_each_turn, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_over_the_rate_it_closes_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_pauses_without_descriptors_and_resumes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_a_connection_that_died_costs_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_free_drains_the_backlog_when_asked, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
