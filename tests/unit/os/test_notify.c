/*
 * test_notify.c -- what the service manager hears.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "os/notify.h"

/* A manager's socket with an abstract name that is ours alone. */
static int
open_manager(char name[64])
{
    struct sockaddr_un sun = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);

    (void)snprintf(name, 64, "@ion-notify-%ld", (long)getpid());
    memcpy(sun.sun_path, name, strlen(name));
    sun.sun_path[0] = '\0';
    assert_int_equal(
        bind(fd, (struct sockaddr *)&sun,
            (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name))),
        0);
    return fd;
}

static void
test_states(void **state)
{
    char name[64];
    char text[2048];
    int fd = open_manager(name);
    ssize_t n;

    (void)state;
    assert_int_equal(setenv("NOTIFY_SOCKET", name, 1), 0);
    assert_int_equal(ion_notify("READY=1\nSTATUS=%d workers", 3), ION_OK);
    n = recv(fd, text, sizeof(text) - 1, 0);
    assert_true(n > 0);
    text[n] = '\0';
    assert_string_equal(text, "READY=1\nSTATUS=3 workers");
    assert_int_equal(ion_notify("RELOADING=1"), ION_OK);
    n = recv(fd, text, sizeof(text) - 1, 0);
    assert_true(n > 0);
    text[n] = '\0';
    assert_ptr_equal(strstr(text, "RELOADING=1\nMONOTONIC_USEC="), text);
    assert_true(strtoull(strrchr(text, '=') + 1, NULL, 10) > 0);
    (void)close(fd);
    assert_int_equal(ion_notify("STOPPING=1"), ION_SYS);
}

static void
test_no_manager(void **state)
{
    char name[256];

    (void)state;
    assert_int_equal(unsetenv("NOTIFY_SOCKET"), 0);
    assert_int_equal(ion_notify("READY=1"), ION_NOTFOUND);
    assert_int_equal(setenv("NOTIFY_SOCKET", "", 1), 0);
    assert_int_equal(ion_notify("READY=1"), ION_NOTFOUND);
    assert_int_equal(setenv("NOTIFY_SOCKET", "relative", 1), 0);
    assert_int_equal(ion_notify("READY=1"), ION_RANGE);
    memset(name, 'a', sizeof(name));
    name[0] = '/';
    name[sizeof(name) - 1] = '\0';
    assert_int_equal(setenv("NOTIFY_SOCKET", name, 1), 0);
    assert_int_equal(ion_notify("READY=1"), ION_RANGE);
    assert_int_equal(setenv("NOTIFY_SOCKET", "/nonexistent-sock", 1), 0);
    assert_int_equal(ion_notify("READY=1"), ION_SYS);
}

static void
test_too_long(void **state)
{
    char name[64];
    char text[1200];
    int fd = open_manager(name);

    (void)state;
    assert_int_equal(setenv("NOTIFY_SOCKET", name, 1), 0);
    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    assert_int_equal(ion_notify("%s", text), ION_RANGE);
    text[1010] = '\0';
    assert_int_equal(ion_notify("RELOADING=1%s", text), ION_RANGE);
    (void)close(fd);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_states),
        cmocka_unit_test(test_no_manager),
        cmocka_unit_test(test_too_long),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
