/*
 * proc.c -- start processes of our own program, and end them.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Between fork and exec the child only makes system calls.  It marks every
 * descriptor close-on-exec and then dup2()s the ones it shall keep, so exec
 * itself does the closing.  A pipe that exec closes tells the parent whether
 * it came to that.
 */
#include "os/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/assert.h"
#include "os/fd.h"

#define FIRST_FD       3 /* behind stdin, stdout and stderr */
#define EXIT_EXEC_FAIL 127

#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC (1U << 2)
#endif

ion_err_t
ion_proc_open_stdio(void)
{
    for (int fd = 0; fd < FIRST_FD; fd++) {
        if (fcntl(fd, F_GETFD) < 0 &&
            open("/dev/null", fd == 0 ? O_RDONLY : O_WRONLY) != fd)
        {
            return ION_SYS;
        }
    }
    return ION_OK;
}

/* Where close_range is missing or forbidden. */
static bool
cloexec_one_by_one(void)
{
    struct rlimit rl;
    int end;

    if (getrlimit(RLIMIT_NOFILE, &rl) != 0) {
        return false;
    }
    end = rl.rlim_cur > 1048576 ? 1048576 : (int)rl.rlim_cur;
    for (int fd = FIRST_FD; fd < end; fd++) {
        (void)fcntl(fd, F_SETFD, FD_CLOEXEC); /* most are not open */
    }
    return true;
}

/* Put the descriptors in their places; report_fd is moved out of the way. */
static bool
place_fds(const ion_proc_fd_t *fds, size_t n, int *report_fd)
{
    int copies[ION_PROC_MAX_FDS];
    int base = FIRST_FD;

    for (size_t i = 0; i < n; i++) {
        base = fds[i].to >= base ? fds[i].to + 1 : base;
    }
    *report_fd = fcntl(*report_fd, F_DUPFD_CLOEXEC, base);
    if (*report_fd < 0) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        copies[i] = fcntl(fds[i].from, F_DUPFD_CLOEXEC, base);
        if (copies[i] < 0) {
            return false;
        }
    }
    if (close_range(FIRST_FD, ~0U, CLOSE_RANGE_CLOEXEC) != 0 &&
        !cloexec_one_by_one())
    {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (dup2(copies[i], fds[i].to) < 0) {
            return false;
        }
    }
    return true;
}

static void
reset_signals(void)
{
    struct sigaction sa = { .sa_handler = SIG_DFL };
    sigset_t none;

    for (int signo = 1; signo < NSIG; signo++) {
        (void)sigaction(signo, &sa, NULL); /* KILL, STOP and libc's refuse */
    }
    (void)sigemptyset(&none);                    /* cannot fail */
    (void)sigprocmask(SIG_SETMASK, &none, NULL); /* cannot fail */
}

ION_NORETURN static void
run_child(const char *const *argv, const ion_proc_fd_t *fds, size_t fd_count,
    pid_t parent, int report_fd)
{
    union {
        const char *const *in;
        char *const *out;
    } args = { .in = argv }; /* execve's argv is const in all but type */
    int err;

    reset_signals();
    if (place_fds(fds, fd_count, &report_fd) &&
        ion_proc_die_with_parent(parent) == ION_OK)
    {
        (void)execve("/proc/self/exe", args.out, environ); /* or errno */
    }
    err = errno;
    if (ion_fd_write_all(report_fd, &err, sizeof(err)) != ION_OK) {
        _exit(EXIT_EXEC_FAIL - 1); /* the parent sees the exit code */
    }
    _exit(EXIT_EXEC_FAIL);
}

/* What the child wrote to the pipe: 0 when exec worked, else its errno. */
static int
read_report(int fd)
{
    int err = 0;
    ssize_t n;

    do {
        n = read(fd, &err, sizeof(err));
    } while (n < 0 && errno == EINTR);
    if (n == 0) {
        return 0;
    }
    return n == (ssize_t)sizeof(err) && err != 0 ? err : EIO;
}

static void
reap_failed(pid_t pid)
{
    int status;
    int saved = errno;

    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
        continue;
    }
    errno = saved;
}

ion_err_t
ion_proc_spawn(const char *const *argv, const ion_proc_fd_t *fds,
    size_t fd_count, pid_t *pid, int *pidfd)
{
    pid_t parent = getpid();
    int report[2];
    pid_t child;
    int err;
    int handle;

    ION_ASSERT(fd_count <= ION_PROC_MAX_FDS);
    if (pipe2(report, O_CLOEXEC) != 0) {
        return ION_SYS;
    }
    child = fork();
    if (child == 0) {
        run_child(argv, fds, fd_count, parent, report[1]);
    }
    ion_fd_close(&report[1]);
    if (child < 0) {
        ion_fd_close(&report[0]);
        return ION_SYS;
    }
    err = read_report(report[0]);
    ion_fd_close(&report[0]);
    if (err != 0) {
        reap_failed(child);
        errno = err;
        return ION_SYS;
    }
    handle = pidfd_open(child, 0);
    if (handle < 0) {
        err = errno;
        (void)kill(child, SIGKILL); /* our own child, not yet reaped */
        reap_failed(child);
        errno = err;
        return ION_SYS;
    }
    *pid = child;
    *pidfd = handle;
    return ION_OK;
}

ion_err_t
ion_proc_die_with_parent(pid_t parent)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) {
        return ION_SYS;
    }
    if (getppid() != parent) {
        errno = ESRCH;
        return ION_CLOSED;
    }
    return ION_OK;
}

ion_err_t
ion_proc_signal(int pidfd, int signo)
{
    if (pidfd_send_signal(pidfd, signo, NULL, 0) == 0) {
        return ION_OK;
    }
    if (errno == ESRCH) {
        return ION_NOTFOUND;
    }
    return errno == EPERM ? ION_DENIED : ION_SYS;
}

ion_err_t
ion_proc_reap(pid_t pid, int *status)
{
    pid_t got;

    do {
        got = waitpid(pid, status, WNOHANG);
    } while (got < 0 && errno == EINTR);
    if (got == pid) {
        return ION_OK;
    }
    if (got == 0) {
        return ION_AGAIN;
    }
    return errno == ECHILD ? ION_NOTFOUND : ION_SYS;
}

void
ion_proc_death(int status, char text[ION_PROC_DEATH_LEN])
{
    if (WIFEXITED(status)) {
        (void)snprintf(text, ION_PROC_DEATH_LEN, "exited with code %d",
            WEXITSTATUS(status));
    } else if (WIFSIGNALED(status)) {
        (void)snprintf(text, ION_PROC_DEATH_LEN, "killed by signal %d (%s)%s",
            WTERMSIG(status), strsignal(WTERMSIG(status)),
            WCOREDUMP(status) ? ", core dumped" : "");
    } else {
        (void)snprintf(
            text, ION_PROC_DEATH_LEN, "wait status 0x%x", (unsigned)status);
    }
}
