/*
 * test_stream.c -- the plain stream: bytes, ends, release and moving.
 * SPDX-License-Identifier: BSD-2-Clause
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

#include "event/bufpool.h"
#include "event/stream.h"

typedef struct env {
    ion_loop_t *loop;
    ion_stream_t *s;
    int peer;
} env_t;

static int
set_up(void **state)
{
    static env_t env;
    int fds[2];
    assert_int_equal(ion_loop_new_fake(1, &env.loop), ION_OK);
    assert_int_equal(
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    assert_int_equal(ion_stream_new_plain(env.loop, fds[0], &env.s), ION_OK);
    env.peer = fds[1];
    *state = &env;
    return 0;
}

static int
tear_down(void **state)
{
    env_t *env = *state;
    ion_stream_close(&env->s);
    close(env->peer);
    assert_int_equal(ion_bufpool_used(ion_loop_pool(env->loop)), 0);
    ion_loop_free(&env->loop);
    return 0;
}

static void
test_reads_and_writes(void **state)
{
    env_t *env = *state;
    char buf[16];
    size_t n = 9;
    assert_int_equal(ion_stream_read(env->s, buf, 16, &n), ION_AGAIN);
    assert_int_equal(n, 0);
    assert_int_equal(write(env->peer, "ping", 4), 4);
    assert_int_equal(ion_stream_read(env->s, buf, 3, &n), ION_OK);
    assert_int_equal(n, 3);
    assert_int_equal(ion_stream_read(env->s, buf, 16, &n), ION_OK);
    assert_int_equal(n, 1);
    assert_false(ion_stream_has_input(env->s));
    assert_true(ion_stream_is_ready(env->s));
    assert_int_equal(ion_stream_tls_version(env->s), 0);
    assert_int_equal(ion_stream_write(env->s, "po", 2), ION_OK);
    assert_int_equal(ion_stream_write(env->s, "ng", 2), ION_OK);
    assert_int_equal(read(env->peer, buf, 16), -1); /* nothing sent yet */
    assert_int_equal(ion_stream_unsent(env->s), 4);
    assert_int_equal(ion_stream_flush(env->s), ION_OK);
    assert_int_equal(ion_stream_unsent(env->s), 0);
    assert_int_equal(read(env->peer, buf, 16), 4);
    assert_memory_equal(buf, "pong", 4);
}

static void
test_end_of_the_peer(void **state)
{
    env_t *env = *state;
    char buf[16];
    size_t n = 0;
    assert_int_equal(write(env->peer, "x", 1), 1);
    assert_int_equal(shutdown(env->peer, SHUT_WR), 0);
    assert_int_equal(ion_stream_read(env->s, buf, 16, &n), ION_OK);
    assert_int_equal(ion_stream_read(env->s, buf, 16, &n), ION_CLOSED);
    /* our direction still works */
    assert_int_equal(ion_stream_write(env->s, "y", 1), ION_OK);
    assert_int_equal(ion_stream_flush(env->s), ION_OK);
    assert_int_equal(read(env->peer, buf, 16), 1);
}

static void
test_finish_sends_the_rest_then_the_end(void **state)
{
    env_t *env = *state;
    char buf[16];
    size_t n = 0;
    assert_int_equal(ion_stream_write(env->s, "bye", 3), ION_OK);
    assert_int_equal(ion_stream_finish(env->s), ION_OK);
    assert_int_equal(ion_stream_finish(env->s), ION_OK);
    assert_int_equal(read(env->peer, buf, 16), 3);
    assert_int_equal(read(env->peer, buf, 16), 0);
    assert_int_equal(ion_stream_write(env->s, "x", 1), ION_CLOSED);
    assert_int_equal(write(env->peer, "late", 4), 4);
    assert_int_equal(ion_stream_read(env->s, buf, 16, &n), ION_OK);
    assert_int_equal(n, 4);
}

static void
test_close_sends_what_waits_and_ends_both_ways(void **state)
{
    env_t *env = *state;
    char buf[16];
    int copy = dup(ion_stream_fd(env->s));
    assert_int_equal(ion_stream_write(env->s, "tail", 4), ION_OK);
    ion_stream_close(&env->s);
    assert_null(env->s);
    ion_stream_close(&env->s); /* harmless */
    assert_int_equal(read(env->peer, buf, 16), 4);
    /* the copy of the descriptor does not keep the connection */
    assert_int_equal(read(env->peer, buf, 16), 0);
    close(copy);
}

static void
test_release_leaves_the_connection_alone(void **state)
{
    env_t *env = *state;
    char buf[16];
    int fd = -1;
    int was = ion_stream_fd(env->s);
    ion_stream_release(&env->s, &fd);
    assert_null(env->s);
    assert_int_equal(fd, was);
    assert_int_equal(read(env->peer, buf, 16), -1);
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(write(fd, "on", 2), 2);
    assert_int_equal(read(env->peer, buf, 16), 2);
    close(fd);
}

static void
test_moves_with_its_unsent_bytes(void **state)
{
    env_t *env = *state;
    uint8_t form[64];
    char buf[16];
    size_t n = 0;
    int fd = -1;
    assert_int_equal(ion_stream_write(env->s, "carried", 7), ION_OK);
    assert_int_equal(ion_stream_export(env->s, form, 10, &n), ION_LIMIT);
    assert_int_equal(ion_stream_export(env->s, form, 64, &n), ION_OK);
    ion_stream_release(&env->s, &fd);
    assert_int_equal(
        ion_stream_import(env->loop, fd, form, n, &env->s), ION_OK);
    assert_int_equal(ion_stream_unsent(env->s), 7);
    assert_int_equal(ion_stream_flush(env->s), ION_OK);
    assert_int_equal(read(env->peer, buf, 16), 7);
    assert_memory_equal(buf, "carried", 7);
}

static void
test_import_refuses_what_it_does_not_know(void **state)
{
    env_t *env = *state;
    static const struct {
        const char *bytes;
        size_t n;
        ion_err_t want;
    } cases[] = {
        { "", 0, ION_MALF },
        { "IONP\0\0\0", 7, ION_MALF },
        { "IONP\0\0\0\2", 8, ION_UNSUPPORTED },
        { "JONP\0\0\0\1", 8, ION_UNSUPPORTED },
    };
    for (size_t i = 0; i < ION_ARRAY_LEN(cases); i++) {
        ion_stream_t *s = NULL;
        assert_int_equal(ion_stream_import(env->loop, env->peer, cases[i].bytes,
                             cases[i].n, &s),
            cases[i].want);
        assert_null(s);
    }
    size_t n = 0;
    uint8_t form[16];
    assert_int_equal(ion_stream_finish(env->s), ION_OK);
    assert_int_equal(ion_stream_export(env->s, form, 16, &n), ION_UNSUPPORTED);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            test_reads_and_writes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_end_of_the_peer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_finish_sends_the_rest_then_the_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_close_sends_what_waits_and_ends_both_ways, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_release_leaves_the_connection_alone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_moves_with_its_unsent_bytes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_import_refuses_what_it_does_not_know, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
