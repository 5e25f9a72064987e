/*
 * test_sig.c -- signals as bytes on a descriptor.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "os/sig.h"

static void
test_read(void **state)
{
    static const int signos[] = { SIGHUP, SIGUSR1 };
    ion_sig_t sig;
    int fd = -1;
    int fds[2];

    (void)state;
    assert_int_equal(ion_sig_open(signos, 2, &fd), ION_OK);
    assert_int_equal(ion_sig_read(fd, &sig), ION_AGAIN);
    assert_int_equal(kill(getpid(), SIGUSR1), 0);
    assert_int_equal(ion_sig_read(fd, &sig), ION_OK);
    assert_int_equal(sig.signo, SIGUSR1);
    assert_int_equal(sig.pid, getpid());
    assert_int_equal(sig.uid, getuid());
    assert_int_equal(ion_sig_read(fd, &sig), ION_AGAIN);

    /* a pipe without a reader is an error of write, not an end of ours */
    assert_int_equal(pipe(fds), 0);
    (void)close(fds[0]);
    assert_int_equal(write(fds[1], "x", 1), -1);
    (void)close(fds[1]);
    (void)close(fd);
}

static void
test_bad(void **state)
{
    static const int bad[] = { 4711 };
    ion_sig_t sig;
    int fd = -1;

    (void)state;
    assert_int_equal(ion_sig_open(bad, 1, &fd), ION_SYS);
    assert_int_equal(fd, -1);
    assert_int_equal(ion_sig_ignore(SIGKILL), ION_SYS);
    assert_int_equal(ion_sig_ignore(SIGWINCH), ION_OK);
    assert_int_equal(ion_sig_read(-1, &sig), ION_SYS);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_bad),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
