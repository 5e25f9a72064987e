/*
 * test_assert.c -- panics, their hook, tagged objects.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/assert.h"
#define MAGIC 0x51a7eb01u

typedef struct {
    uint32_t magic;
    int value;
} thing_t;

static int hook_fd = -1;

static void
write_to_pipe(const char *text)
{
    dprintf(hook_fd, "hook(%s)", text);
}

static void
panic_in_hook(const char *text)
{
    (void)text;
    dprintf(hook_fd, "once ");
    ion_panic("h.c", 1, "hook", "again");
}

static void
fail_assertion(void)
{
    int zero = 0;
    ION_ASSERT(zero == 1);
}

static void
fail_cast(void)
{
    thing_t t = { .magic = MAGIC + 1 };
    (void)ION_OBJ_CAST(thing_t, &t, MAGIC);
}

static void
fail_cast_of_null(void)
{
    void *nothing = NULL;
    (void)ION_OBJ_CAST(thing_t, nothing, MAGIC);
}

static void
reach_unreachable(void)
{
    ION_UNREACHABLE();
}

static void
panic_with_long_text(void)
{
    char text[2000];
    memset(text, 'a', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    ion_panic("long.c", 1234567890, "func", text);
}

/* Runs fn in a child that must abort; what it wrote, hook first. */
static void
die_in_child(
    void (*fn)(void), void (*hook)(const char *), char *out, size_t cap)
{
    int fds[2];
    int status;
    size_t len = 0;
    ssize_t n;

    assert_int_equal(pipe(fds), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        close(fds[0]);
        signal(SIGABRT, SIG_DFL);
        dup2(fds[1], STDERR_FILENO);
        hook_fd = fds[1];
        ion_panic_set_hook(hook);
        fn();
        _exit(0);
    }
    close(fds[1]);
    while ((n = read(fds[0], out + len, cap - 1 - len)) > 0) {
        len += (size_t)n;
    }
    out[len] = '\0';
    close(fds[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
}

static void
test_failures_abort_with_their_text(void **state)
{
    static const struct {
        void (*fn)(void);
        const char *part;
    } cases[] = {
        { fail_assertion, "fail_assertion: failed: zero == 1" },
        { fail_cast, "ION_OBJ_CAST: not the expected object" },
        { fail_cast_of_null, "ION_OBJ_CAST: not the expected object" },
        { reach_unreachable, "reach_unreachable: reached" },
    };
    char out[2048];

    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(cases); i++) {
        die_in_child(cases[i].fn, write_to_pipe, out, sizeof(out));
        assert_ptr_equal(strstr(out, "hook(panic: "), out);
        assert_non_null(strstr(out, cases[i].part));
        assert_non_null(strstr(out, "test_assert.c:"));
        /* the hook's text and the line on stderr are the same */
        const char *second = strstr(out, ")panic: ");
        assert_non_null(second);
        assert_int_equal(out[strlen(out) - 1], '\n');
    }
}

static void
test_no_hook_is_needed(void **state)
{
    char out[2048];

    (void)state;
    die_in_child(fail_assertion, NULL, out, sizeof(out));
    assert_ptr_equal(strstr(out, "panic: "), out);
}

static void
test_long_text_is_cut(void **state)
{
    char out[4096];

    (void)state;
    die_in_child(panic_with_long_text, NULL, out, sizeof(out));
    assert_int_equal(strlen(out), 511);
    assert_non_null(strstr(out, "long.c:1234567890: func: aaaa"));
}

static void
test_panic_in_the_hook_ends_at_once(void **state)
{
    char out[2048];

    (void)state;
    die_in_child(fail_assertion, panic_in_hook, out, sizeof(out));
    assert_string_equal(out, "once ");
}

static void
test_good_ones_go_on(void **state)
{
    thing_t t = { .magic = MAGIC, .value = 7 };

    (void)state;
    ION_ASSERT(t.value == 7);
    assert_ptr_equal(ION_OBJ_CAST(thing_t, &t, MAGIC), &t);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_failures_abort_with_their_text),
        cmocka_unit_test(test_no_hook_is_needed),
        cmocka_unit_test(test_long_text_is_cut),
        cmocka_unit_test(test_panic_in_the_hook_ends_at_once),
        cmocka_unit_test(test_good_ones_go_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
