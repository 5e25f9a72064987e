/*
 * sig.c -- signals as bytes on a descriptor.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "os/sig.h"

#include <errno.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

ion_err_t
ion_sig_ignore(int signo)
{
    struct sigaction sa = { .sa_handler = SIG_IGN };

    return sigaction(signo, &sa, NULL) == 0 ? ION_OK : ION_SYS;
}

ion_err_t
ion_sig_open(const int *signos, size_t n, int *fd)
{
    sigset_t set;
    int f;

    if (sigemptyset(&set) != 0) {
        return ION_SYS;
    }
    for (size_t i = 0; i < n; i++) {
        if (sigaddset(&set, signos[i]) != 0) {
            return ION_SYS;
        }
    }
    if (ion_sig_ignore(SIGPIPE) != ION_OK ||
        sigprocmask(SIG_BLOCK, &set, NULL) != 0)
    {
        return ION_SYS;
    }
    f = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (f < 0) {
        return ION_SYS;
    }
    *fd = f;
    return ION_OK;
}

ion_err_t
ion_sig_read(int fd, ion_sig_t *out)
{
    struct signalfd_siginfo si;
    ssize_t n = read(fd, &si, sizeof(si));

    if (n == (ssize_t)sizeof(si)) {
        out->signo = (int)si.ssi_signo;
        out->pid = si.ssi_code > 0 ? 0 : (pid_t)si.ssi_pid;
        out->uid = (uid_t)si.ssi_uid;
        return ION_OK;
    }
    return n < 0 && (errno == EAGAIN || errno == EINTR) ? ION_AGAIN : ION_SYS;
}
