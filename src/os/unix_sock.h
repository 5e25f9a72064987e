/*
 * unix_sock.h -- stream sockets in the file system: the control socket.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The owner of the path is whoever holds the pid file's lock: only that
 * process may call ion_unix_listen, which removes what an earlier run left.
 */
#ifndef ION_OS_UNIX_SOCK_H
#define ION_OS_UNIX_SOCK_H

#include <sys/types.h>

#include "base/base.h"
#include "base/err.h"

typedef struct {
    pid_t pid;
    uid_t uid;
    gid_t gid;
} ion_peer_cred_t;

/*
 * ion_unix_listen -- bind and listen at path, non-blocking, close-on-exec.
 *
 * mode: permission bits of the socket file (0600, or 0660 with a group).
 * gid: group of the file, (gid_t)-1 = leave.  A socket file left behind by a
 * dead process is removed; one that answers, or a file that is no socket, is
 * not touched.  The caller holds the pid file's lock.  Gives *fd.
 * Errors: ION_EXISTS somebody listens there, or it is no socket | ION_RANGE
 *         path too long | ION_DENIED | ION_SYS (errno); *why has the reason.
 */
ION_NODISCARD ion_err_t ion_unix_listen(
    const char *path, mode_t mode, gid_t gid, int *fd, ion_errtext_t *why);

/*
 * ion_unix_connect -- a connected stream socket, blocking, close-on-exec.
 *
 * Gives *fd.
 * Errors: ION_NOTFOUND nobody is there | ION_DENIED | ION_RANGE path too long
 *         | ION_BUSY backlog full | ION_SYS (errno).
 */
ION_NODISCARD ion_err_t ion_unix_connect(const char *path, int *fd);

/*
 * ion_unix_accept -- one client of a listening unix socket, non-blocking.
 *
 * Gives *out.  Errors: as ion_sock_accept.
 */
ION_NODISCARD ion_err_t ion_unix_accept(int listener, int *out);

/*
 * ion_unix_peer_cred -- who connected, as the kernel saw it at connect time.
 *
 * Errors: ION_SYS (errno).
 */
ION_NODISCARD ion_err_t ion_unix_peer_cred(int fd, ion_peer_cred_t *out);

#endif
