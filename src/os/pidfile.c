/*
 * pidfile.c -- one instance per pid file, held by a lock, not by its text.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The holder removes the file when it ends.  So whoever gets the lock looks
 * whether the path still leads to the file it locked, and begins anew if not.
 */
#include "os/pidfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/num.h"
#include "base/str.h"
#include "os/fd.h"

#define PID_TEXT_MAX 32
#define TRIES        16

struct ion_pidfile {
    int fd;
    char path[]; /* as it was opened */
};

static ion_err_t
open_error(ion_errtext_t *why)
{
    ion_errtext_set(why, "%s", strerror(errno));
    switch (errno) {
    case ENOENT:
        return ION_NOTFOUND;
    case EACCES:
    case EPERM:
    case EROFS:
    case ELOOP:
        return ION_DENIED;
    default:
        return ION_SYS;
    }
}

/* The number in the file; ION_NOTFOUND: empty; ION_MALF: something else. */
static ion_err_t
read_pid(int fd, pid_t *pid)
{
    char text[PID_TEXT_MAX];
    ssize_t n = pread(fd, text, sizeof(text), 0);
    uint64_t v;
    ion_str_t s;

    if (n < 0) {
        return ION_SYS;
    }
    s = ion_str_trim((ion_str_t){ text, (size_t)n });
    if (s.len == 0) {
        return ION_NOTFOUND;
    }
    if (n == (ssize_t)sizeof(text) ||
        ion_parse_u64(s, INT32_MAX, &v) != ION_OK || v == 0)
    {
        return ION_MALF;
    }
    *pid = (pid_t)v;
    return ION_OK;
}

/*
 * Locks of the open file description: they survive fork, end with the last
 * descriptor, and can be asked for without being taken.
 */
static bool
lock(int fd, int command, struct flock *fl)
{
    *fl = (struct flock){ .l_type = F_WRLCK, .l_whence = SEEK_SET };
    return fcntl(fd, command, fl) == 0;
}

static bool
is_same_file(int fd, const char *path)
{
    struct stat a;
    struct stat b;

    return fstat(fd, &a) == 0 && stat(path, &b) == 0 && a.st_dev == b.st_dev &&
           a.st_ino == b.st_ino;
}

static bool
write_pid(int fd)
{
    char text[PID_TEXT_MAX];
    int n = snprintf(text, sizeof(text), "%ld\n", (long)getpid());

    return ftruncate(fd, 0) == 0 && pwrite(fd, text, (size_t)n, 0) == n;
}

/* One attempt; ION_AGAIN: the file was replaced under our hands. */
static ion_err_t
try_lock(const char *path, int *out, pid_t *holder, ion_errtext_t *why)
{
    struct stat st;
    struct flock fl;
    pid_t old = 0;
    ion_err_t rc = ION_OK;
    ion_err_t seen;
    int fd = open(
        path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);

    if (fd < 0) {
        return open_error(why);
    }
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_nlink > 1) {
        ion_errtext_set(why, S_ISREG(st.st_mode)
                                 ? "the file has another name too: left alone"
                                 : "not a regular file");
        ion_fd_close(&fd);
        return ION_DENIED;
    }
    seen = read_pid(fd, &old);
    if (seen == ION_MALF) {
        ion_errtext_set(why, "the file there is no pid file: left alone");
        rc = ION_DENIED;
    } else if (!lock(fd, F_OFD_SETLK, &fl)) {
        *holder = seen == ION_OK ? old : 0;
        rc = errno == EAGAIN || errno == EACCES ? ION_BUSY : ION_SYS;
        ion_errtext_set(why,
            rc == ION_BUSY ? "another instance runs (pid %ld)"
                           : "cannot be locked (pid in it: %ld)",
            (long)old);
    } else if (!is_same_file(fd, path)) {
        rc = ION_AGAIN;
    } else if (!write_pid(fd)) {
        rc = open_error(why);
    }
    if (rc != ION_OK) {
        ion_fd_close(&fd);
        return rc;
    }
    *out = fd;
    return ION_OK;
}

ion_err_t
ion_pidfile_open(
    const char *path, pid_t *holder, ion_pidfile_t **out, ion_errtext_t *why)
{
    size_t len = strlen(path) + 1;
    ion_pidfile_t *pf = malloc(sizeof(*pf) + len);
    ion_err_t rc = ION_AGAIN;

    if (pf == NULL) {
        ion_errtext_set(why, "out of memory");
        return ION_NOMEM;
    }
    memcpy(pf->path, path, len);
    *holder = 0;
    for (int i = 0; i < TRIES && rc == ION_AGAIN; i++) {
        rc = try_lock(path, &pf->fd, holder, why);
    }
    if (rc != ION_OK) {
        if (rc == ION_AGAIN) {
            ion_errtext_set(why, "the file is being replaced all the time");
            rc = ION_BUSY;
        }
        free(pf);
        return rc;
    }
    *out = pf;
    return ION_OK;
}

void
ion_pidfile_close(ion_pidfile_t **pfp)
{
    ion_pidfile_t *pf = *pfp;

    *pfp = NULL;
    if (pf == NULL) {
        return;
    }
    if (is_same_file(pf->fd, pf->path)) {
        (void)unlink(pf->path); /* without the right it stays, unlocked */
    }
    ion_fd_close(&pf->fd);
    free(pf);
}

ion_err_t
ion_pidfile_read(const char *path, pid_t *pid)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    struct flock fl;
    ion_err_t rc;

    if (fd < 0) {
        return open_error(NULL);
    }
    if (!lock(fd, F_OFD_GETLK, &fl)) {
        rc = ION_SYS;
    } else {
        rc = fl.l_type == F_UNLCK ? ION_NOTFOUND : read_pid(fd, pid);
    }
    ion_fd_close(&fd);
    return rc;
}
