/*
 * proc.h -- start processes of our own program, name them, end them.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A child is fork + exec of /proc/self/exe: the running binary, also after a
 * package upgrade, with an address layout of its own.  It inherits descriptors
 * 0, 1, 2 and those named in the map, nothing else.
 */
#ifndef ION_OS_PROC_H
#define ION_OS_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/base.h"
#include "base/err.h"

#define ION_PROC_MAX_FDS   256
#define ION_PROC_DEATH_LEN 64

/* In the child, descriptor `to` (>= 3) is the parent's descriptor `from`. */
typedef struct {
    int from;
    int to;
} ion_proc_fd_t;

/*
 * ion_proc_open_stdio -- put /dev/null where descriptor 0, 1 or 2 is closed,
 * so that no socket of ours ever gets such a number.
 *
 * Errors: ION_SYS (errno).
 */
ION_NODISCARD ion_err_t ion_proc_open_stdio(void);

/*
 * ion_proc_spawn -- start the running program again.
 *
 * argv: NULL-terminated, argv[0] included; borrowed.  The environment is ours.
 * fds: at most ION_PROC_MAX_FDS, `to` distinct.  The child starts with no
 * signal blocked, default handlers, and SIGKILL set for the parent's death.
 * Gives *pidfd (close-on-exec).  *pid is reaped by ion_proc_reap.
 * Errors: ION_SYS (errno of fork, pidfd_open or the child's exec) | ION_NOMEM.
 */
ION_NODISCARD ion_err_t ion_proc_spawn(const char *const *argv,
    const ion_proc_fd_t *fds, size_t fd_count, pid_t *pid, int *pidfd);

/*
 * ion_proc_die_with_parent -- SIGKILL for us when the parent dies.
 *
 * The kernel forgets this when credentials change: call it again after
 * ion_priv_drop.  parent: the pid that getppid() must show.
 * Errors: ION_CLOSED the parent is gone already | ION_SYS.
 */
ION_NODISCARD ion_err_t ion_proc_die_with_parent(pid_t parent);

/*
 * ion_proc_signal -- send a signal through a pidfd: never to a stranger.
 *
 * Errors: ION_NOTFOUND it has ended | ION_DENIED | ION_SYS (errno).
 */
ION_NODISCARD ion_err_t ion_proc_signal(int pidfd, int signo);

/*
 * ion_proc_reap -- take the exit status of a child, without waiting.
 *
 * Errors: ION_AGAIN it still runs | ION_NOTFOUND no such child | ION_SYS.
 */
ION_NODISCARD ion_err_t ion_proc_reap(pid_t pid, int *status);

/* ion_proc_death -- a wait status in words: "exited with code 2",
 * "killed by signal 11 (Segmentation fault)". */
void ion_proc_death(int status, char text[ION_PROC_DEATH_LEN]);

/*
 * ion_proc_title_init -- remember where argv and environ lie, once in main.
 *
 * Moves the environment to the heap, so that the title has room.  Without
 * memory titles stay short.
 */
void ion_proc_title_init(int argc, char **argv);

/* ion_proc_title -- what ps shows: "ionscale: " and the formatted text. */
void ion_proc_title(const char *fmt, ...) ION_PRINTF(1, 2);

#endif
