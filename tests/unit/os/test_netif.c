/*
 * test_netif.c -- the machine's own address, here and without any network.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "os/netif.h"

static void
test_here(void **state)
{
    ion_own_addr_t own;
    char text[ION_ADDR_TEXT_MAX];

    (void)state;
    ion_own_addr_find(&own);
    assert_int_equal(own.v4.family, 4);
    assert_int_equal(own.v4.port, 0);
    assert_false(ion_addr_is_any(&own.v4));
    assert_true(own.v4_interface[0] != '\0');
    if (own.has_v6) {
        assert_int_equal(own.v6.family, 6);
        assert_false(ion_addr_is_link_local(&own.v6));
        assert_false(ion_addr_is_loopback(&own.v6));
        assert_int_equal(own.v6.port, 0);
    }
    assert_true(strlen(ion_addr_format_ip(&own.v4, text)) >= 7);
}

/* In a network namespace of its own a process has lo, and that is down. */
static void
test_no_network(void **state)
{
    pid_t child = fork();
    int status;

    (void)state;
    assert_true(child >= 0);
    if (child == 0) {
        ion_own_addr_t own;
        char text[ION_ADDR_TEXT_MAX];

        if (unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0 &&
            unshare(CLONE_NEWNET) != 0) {
            _exit(77);
        }
        ion_own_addr_find(&own);
        _exit(strcmp(ion_addr_format_ip(&own.v4, text), "127.0.0.1") == 0 &&
                      strcmp(own.v4_interface, "lo") == 0 && !own.has_v6
                  ? 0
                  : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77) {
        skip(); /* no right to a namespace */
    }
    assert_int_equal(WEXITSTATUS(status), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_here),
        cmocka_unit_test(test_no_network),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
