/*
 * unix_sock.c -- stream sockets in the file system: the control socket.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Between bind and chmod the file must not be open to others: the mask makes
 * it 0600 at birth, chmod and chown only widen it afterwards.
 */
#include "os/unix_sock.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "os/fd.h"

#define UNIX_BACKLOG 64

static ion_err_t
make_addr(const char *path, struct sockaddr_un *sun, socklen_t *len)
{
    size_t n = strlen(path);

    if (n == 0 || n >= sizeof(sun->sun_path)) {
        return ION_RANGE;
    }
    memset(sun, 0, sizeof(*sun));
    sun->sun_family = AF_UNIX;
    memcpy(sun->sun_path, path, n);
    *len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + 1);
    return ION_OK;
}

/* Remove what an earlier run left; refuse anything else of that name. */
static ion_err_t
clear_path(const char *path, ion_errtext_t *why)
{
    struct stat st;
    int fd;
    ion_err_t rc;

    if (lstat(path, &st) != 0) {
        return ION_OK; /* bind says what is wrong, if anything is */
    }
    if (!S_ISSOCK(st.st_mode)) {
        ion_errtext_set(why, "a file that is no socket has that name");
        return ION_EXISTS;
    }
    rc = ion_unix_connect(path, &fd);
    if (rc == ION_OK) {
        ion_fd_close(&fd);
    }
    if (rc != ION_NOTFOUND) {
        ion_errtext_set(why, "another process listens there");
        return ION_EXISTS;
    }
    if (unlink(path) != 0 && errno != ENOENT) {
        ion_errtext_set(why, "cannot remove the socket of an earlier run: %s",
            strerror(errno));
        return errno == EACCES || errno == EPERM ? ION_DENIED : ION_SYS;
    }
    return ION_OK;
}

/* The socket file exists: give it its rights and listen. */
static bool
open_to(const char *path, mode_t mode, gid_t gid, int fd)
{
    return (gid == (gid_t)-1 || chown(path, (uid_t)-1, gid) == 0) &&
           chmod(path, mode) == 0 && listen(fd, UNIX_BACKLOG) == 0;
}

ion_err_t
ion_unix_listen(
    const char *path, mode_t mode, gid_t gid, int *fd, ion_errtext_t *why)
{
    struct sockaddr_un sun;
    socklen_t len;
    mode_t mask;
    int s;
    int bound;
    ion_err_t rc = make_addr(path, &sun, &len);

    if (rc != ION_OK) {
        ion_errtext_set(why, "a path of 1 to %zu bytes is needed, this has %zu",
            sizeof(sun.sun_path) - 1, strlen(path));
        return rc;
    }
    rc = clear_path(path, why);
    if (rc != ION_OK) {
        return rc;
    }
    s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (s < 0) {
        ion_errtext_set(why, "%s", strerror(errno));
        return ION_SYS;
    }
    mask = umask(0177);
    bound = bind(s, (const struct sockaddr *)&sun, len);
    (void)umask(mask); /* cannot fail */
    if (bound != 0 || !open_to(path, mode, gid, s)) {
        ion_errtext_set(why, "%s", strerror(errno));
        rc = errno == EACCES || errno == EPERM ? ION_DENIED : ION_SYS;
        ion_fd_close(&s);
        if (bound == 0) {
            (void)unlink(path); /* ours, and of no use */
        }
        return rc;
    }
    *fd = s;
    return ION_OK;
}

ion_err_t
ion_unix_connect(const char *path, int *fd)
{
    struct sockaddr_un sun;
    socklen_t len;
    int s;
    ion_err_t rc = make_addr(path, &sun, &len);

    if (rc != ION_OK) {
        return rc;
    }
    /* a full backlog must not keep us waiting for a process that hangs */
    s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (s < 0) {
        return ION_SYS;
    }
    if (connect(s, (const struct sockaddr *)&sun, len) == 0 &&
        fcntl(s, F_SETFL, 0) == 0)
    {
        *fd = s;
        return ION_OK;
    }
    ion_fd_close(&s);
    switch (errno) {
    case ENOENT:
    case ENOTDIR:
    case ECONNREFUSED:
        return ION_NOTFOUND;
    case EACCES:
    case EPERM:
        return ION_DENIED;
    case EAGAIN:
        return ION_BUSY;
    default:
        return ION_SYS;
    }
}

ion_err_t
ion_unix_accept(int listener, int *out)
{
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    if (fd >= 0) {
        *out = fd;
        return ION_OK;
    }
    switch (errno) {
    case EAGAIN:
    case EINTR:
        return ION_AGAIN;
    case ECONNABORTED:
        return ION_CLOSED;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
        return ION_LIMIT;
    default:
        return ION_SYS;
    }
}

ion_err_t
ion_unix_peer_cred(int fd, ion_peer_cred_t *out)
{
    struct ucred cred;
    socklen_t len = sizeof(cred);

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) != 0) {
        return ION_SYS;
    }
    out->pid = cred.pid;
    out->uid = cred.uid;
    out->gid = cred.gid;
    return ION_OK;
}
