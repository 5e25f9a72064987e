/*
 * test_proc.c -- children of our own program: what they inherit, how they are
 * named, and how they end.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The test starts itself again: with an argument main() plays the child.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
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

#include "os/proc.h"

#define REPORT_FD 9

/* Injected failures: the system call that fails next, 0 = none. */
static enum { FAIL_NONE, FAIL_PIPE, FAIL_FORK, FAIL_PIDFD, FAIL_EXEC } fail;

int __real_pipe2(int fds[2], int flags);
int __wrap_pipe2(int fds[2], int flags);
pid_t __real_fork(void);
pid_t __wrap_fork(void);
int __real_pidfd_open(pid_t pid, unsigned flags);
int __wrap_pidfd_open(pid_t pid, unsigned flags);
int __real_execve(const char *path, char *const argv[], char *const envp[]);
int __wrap_execve(const char *path, char *const argv[], char *const envp[]);

int
__wrap_pipe2(int fds[2], int flags)
{
    if (fail == FAIL_PIPE) {
        errno = EMFILE;
        return -1;
    }
    return __real_pipe2(fds, flags);
}

pid_t
__wrap_fork(void)
{
    if (fail == FAIL_FORK) {
        errno = EAGAIN;
        return -1;
    }
    return __real_fork();
}

int
__wrap_pidfd_open(pid_t pid, unsigned flags)
{
    if (fail == FAIL_PIDFD) {
        errno = EMFILE;
        return -1;
    }
    return __real_pidfd_open(pid, flags);
}

int
__wrap_execve(const char *path, char *const argv[], char *const envp[])
{
    if (fail == FAIL_EXEC) {
        errno = ENOEXEC;
        return -1;
    }
    return __real_execve(path, argv, envp);
}

/* --- children ------------------------------------------------------------ */

static void
say(const char *text)
{
    if (write(REPORT_FD, text, strlen(text)) < 0) {
        _exit(99);
    }
}

/* "3=a 5=b 9 " : each open descriptor, with the first byte of a file. */
static void
child_fds(void)
{
    for (int fd = 3; fd < 1024; fd++) {
        char text[32];
        char byte = 0;

        if (fcntl(fd, F_GETFD) < 0) {
            continue;
        }
        if (pread(fd, &byte, 1, 0) == 1) {
            (void)snprintf(text, sizeof(text), "%d=%c ", fd, byte);
        } else {
            (void)snprintf(text, sizeof(text), "%d ", fd);
        }
        say(text);
    }
}

static void
child_signals(void)
{
    struct sigaction sa;
    sigset_t mask;

    (void)sigprocmask(SIG_SETMASK, NULL, &mask);
    (void)sigaction(SIGPIPE, NULL, &sa);
    say(sigisemptyset(&mask) && sa.sa_handler == SIG_DFL ? "clean" : "dirty");
}

static void
child_title(void)
{
    char text[4096];
    FILE *f;
    size_t n;

    ion_proc_title("%s process", "worker");
    f = fopen("/proc/self/cmdline", "r");
    n = f == NULL ? 0 : fread(text, 1, sizeof(text) - 1, f);
    text[n] = '\0';
    say(text);
    f = fopen("/proc/self/comm", "r");
    n = f == NULL ? 0 : fread(text, 1, sizeof(text) - 1, f);
    text[n] = '\0';
    say("|");
    say(text);
    say(getenv("ION_TEST_ENV") == NULL ? "|gone" : getenv("ION_TEST_ENV"));
}

/* Start a grandchild that holds the report open, then wait to be killed. */
static void
child_parent(void)
{
    static const char *const argv[] = { "child", "sleep", NULL };
    const ion_proc_fd_t fds[] = { { REPORT_FD, REPORT_FD } };
    pid_t pid;
    int pidfd;

    if (ion_proc_spawn(argv, fds, 1, &pid, &pidfd) != ION_OK) {
        _exit(98);
    }
    say("up");
    pause();
}

static int
play_child(const char *what, int argc, char **argv)
{
    if (strcmp(what, "fds") == 0) {
        child_fds();
    } else if (strcmp(what, "signals") == 0) {
        child_signals();
    } else if (strcmp(what, "title") == 0) {
        ion_proc_title_init(argc, argv);
        child_title();
    } else if (strcmp(what, "parent") == 0) {
        child_parent();
    } else if (strcmp(what, "sleep") == 0) {
        pause();
    } else if (strcmp(what, "exit") == 0) {
        return 7;
    }
    return 0;
}

/* --- tests --------------------------------------------------------------- */

static int
file_with(char byte)
{
    char path[] = "/tmp/ion-proc-XXXXXX";
    int fd = mkostemp(path, O_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(write(fd, &byte, 1), 1);
    return fd;
}

/* Start a child with its report at 9 and give the pipe's reading end. */
static int
start(const char *what, const ion_proc_fd_t *extra, size_t n, pid_t *pid,
    int *pidfd)
{
    const char *argv[] = { "child", what, NULL };
    ion_proc_fd_t fds[8];
    int report[2];

    assert_int_equal(pipe2(report, O_CLOEXEC), 0);
    for (size_t i = 0; i < n; i++) {
        fds[i] = extra[i];
    }
    fds[n] = (ion_proc_fd_t){ report[1], REPORT_FD };
    assert_int_equal(ion_proc_spawn(argv, fds, n + 1, pid, pidfd), ION_OK);
    (void)close(report[1]);
    return report[0];
}

/* All that comes until every holder of the other end is gone. */
static void
read_all(int fd, char *text, size_t cap)
{
    size_t used = 0;
    ssize_t n;

    while ((n = read(fd, text + used, cap - 1 - used)) > 0) {
        used += (size_t)n;
    }
    assert_int_equal(n, 0);
    text[used] = '\0';
    (void)close(fd);
}

static int
await(pid_t pid, int pidfd)
{
    struct pollfd pfd = { .fd = pidfd, .events = POLLIN };
    int status = -1;

    assert_int_equal(poll(&pfd, 1, 10000), 1);
    assert_int_equal(ion_proc_reap(pid, &status), ION_OK);
    (void)close(pidfd);
    return status;
}

/* Descriptors swap places, and nothing else comes along. */
static void
test_descriptors(void **state)
{
    int a = file_with('a');
    int b = file_with('b');
    int stray = open("/dev/null", O_RDONLY); /* without CLOEXEC */
    ion_proc_fd_t map[3] = { { a, b }, { b, a }, { a, 200 } };
    char text[256];
    char expected[64];
    pid_t pid;
    int pidfd = -1;
    int fd = start("fds", map, 3, &pid, &pidfd);

    (void)state;
    read_all(fd, text, sizeof(text));
    (void)snprintf(expected, sizeof(expected), "%d=b %d=a ", a, b);
    assert_non_null(strstr(text, expected));
    assert_non_null(strstr(text, "200=a "));
    assert_non_null(strstr(text, "9 "));
    (void)snprintf(expected, sizeof(expected), "%d=b %d=a 9 200=a ", a, b);
    assert_int_equal(strlen(text), strlen(expected));
    assert_int_equal(await(pid, pidfd), 0);
    (void)close(a);
    (void)close(b);
    (void)close(stray);
}

static void
test_signals(void **state)
{
    char text[32];
    sigset_t mask;
    pid_t pid;
    int pidfd = -1;
    int fd;

    (void)state;
    assert_int_equal(sigemptyset(&mask), 0);
    assert_int_equal(sigaddset(&mask, SIGHUP), 0);
    assert_int_equal(sigprocmask(SIG_BLOCK, &mask, NULL), 0);
    assert_true(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
    fd = start("signals", NULL, 0, &pid, &pidfd);
    read_all(fd, text, sizeof(text));
    assert_string_equal(text, "clean");
    assert_int_equal(await(pid, pidfd), 0);
    assert_int_equal(sigprocmask(SIG_UNBLOCK, &mask, NULL), 0);
    assert_true(signal(SIGPIPE, SIG_DFL) != SIG_ERR);
}

static void
test_title(void **state)
{
    char text[4096];
    pid_t pid;
    int pidfd = -1;
    int fd;

    (void)state;
    assert_int_equal(setenv("ION_TEST_ENV", "|still here", 1), 0);
    fd = start("title", NULL, 0, &pid, &pidfd);
    read_all(fd, text, sizeof(text));
    assert_string_equal(text, "ionscale: worker process|ionscale\n|still here");
    assert_int_equal(await(pid, pidfd), 0);
}

static void
test_ends(void **state)
{
    char text[ION_PROC_DEATH_LEN];
    pid_t pid;
    int pidfd = -1;
    int status = -1;
    int fd = start("sleep", NULL, 0, &pid, &pidfd);

    (void)state;
    assert_int_equal(ion_proc_reap(pid, &status), ION_AGAIN);
    assert_int_equal(ion_proc_signal(pidfd, 4711), ION_SYS);
    assert_int_equal(ion_proc_signal(pidfd, SIGTERM), ION_OK);
    read_all(fd, text, sizeof(text));
    status = await(pid, dup(pidfd));
    ion_proc_death(status, text);
    assert_string_equal(text, "killed by signal 15 (Terminated)");
    assert_int_equal(ion_proc_signal(pidfd, SIGTERM), ION_NOTFOUND);
    assert_int_equal(ion_proc_reap(pid, &status), ION_NOTFOUND);
    (void)close(pidfd);

    fd = start("exit", NULL, 0, &pid, &pidfd);
    read_all(fd, text, sizeof(text));
    ion_proc_death(await(pid, pidfd), text);
    assert_string_equal(text, "exited with code 7");
    ion_proc_death(0x137f, text);
    assert_string_equal(text, "wait status 0x137f");
}

/* kill -9 of a parent ends its children: the report's last holder is gone. */
static void
test_no_orphan(void **state)
{
    char text[32];
    pid_t pid;
    int pidfd = -1;
    int fd = start("parent", NULL, 0, &pid, &pidfd);
    struct pollfd pfd = { .fd = fd, .events = POLLIN };

    (void)state;
    assert_int_equal(read(fd, text, 2), 2);
    assert_int_equal(ion_proc_signal(pidfd, SIGKILL), ION_OK);
    (void)await(pid, pidfd);
    assert_int_equal(poll(&pfd, 1, 10000), 1);
    assert_int_equal(read(fd, text, sizeof(text)), 0);
    (void)close(fd);
    assert_int_equal(
        ion_proc_die_with_parent(1), getppid() == 1 ? ION_OK : ION_CLOSED);
}

static size_t
count_fds(void)
{
    DIR *d = opendir("/proc/self/fd");
    size_t n = 0;

    assert_non_null(d);
    while (readdir(d) != NULL) {
        n++;
    }
    (void)closedir(d);
    return n;
}

/* Whatever fails: an error, no child, no descriptor. */
static void
test_failures(void **state)
{
    static const char *const argv[] = { "child", "sleep", NULL };
    static const int errnos[] = {
        [FAIL_PIPE] = EMFILE,
        [FAIL_FORK] = EAGAIN,
        [FAIL_PIDFD] = EMFILE,
        [FAIL_EXEC] = ENOEXEC,
    };
    const ion_proc_fd_t bad[] = { { 4000, 5 } };
    size_t before = count_fds();
    pid_t pid = 0;
    int pidfd = -1;

    (void)state;
    for (int i = FAIL_PIPE; i <= FAIL_EXEC; i++) {
        fail = i;
        assert_int_equal(ion_proc_spawn(argv, NULL, 0, &pid, &pidfd), ION_SYS);
        assert_int_equal(errno, errnos[i]);
        fail = FAIL_NONE;
        assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
        assert_int_equal(errno, ECHILD);
        assert_int_equal(count_fds(), before);
    }
    assert_int_equal(ion_proc_spawn(argv, bad, 1, &pid, &pidfd), ION_SYS);
    assert_int_equal(errno, EBADF);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(count_fds(), before);
    assert_int_equal(pidfd, -1);
}

static void
test_stdio(void **state)
{
    pid_t child = fork();
    int status;

    (void)state;
    if (child == 0) {
        (void)close(0);
        (void)close(2);
        if (ion_proc_open_stdio() != ION_OK || fcntl(0, F_GETFD) < 0 ||
            fcntl(2, F_GETFD) < 0)
        {
            _exit(1);
        }
        _exit(write(2, "x", 1) == 1 && read(0, &status, 1) == 0 ? 0 : 2);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(ion_proc_open_stdio(), ION_OK);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_descriptors),
        cmocka_unit_test(test_signals),
        cmocka_unit_test(test_title),
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_no_orphan),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_stdio),
    };

    if (argc > 1) {
        return play_child(argv[1], argc, argv);
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
