/*
 * sig.h -- signals as bytes on a descriptor.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * No role has asynchronous handlers (but for the black box's fatal ones).
 */
#ifndef ION_OS_SIG_H
#define ION_OS_SIG_H

#include <stddef.h>
#include <sys/types.h>

#include "base/base.h"
#include "base/err.h"

typedef struct {
    int signo;
    pid_t pid; /* the sender, 0 when the kernel sent it */
    uid_t uid;
} ion_sig_t;

/*
 * ion_sig_open -- block the signals and give a descriptor that yields them.
 *
 * Gives *fd (non-blocking, close-on-exec).  SIGPIPE is ignored as well.
 * Errors: ION_SYS (errno).
 */
ION_NODISCARD ion_err_t ion_sig_open(const int *signos, size_t n, int *fd);

/*
 * ion_sig_read -- the next signal.
 *
 * Errors: ION_AGAIN none | ION_SYS (errno).
 */
ION_NODISCARD ion_err_t ion_sig_read(int fd, ion_sig_t *out);

/*
 * ion_sig_ignore -- ignore a signal for good (SIGPIPE, SIGWINCH).
 *
 * Errors: ION_SYS (errno).
 */
ION_NODISCARD ion_err_t ion_sig_ignore(int signo);

#endif
