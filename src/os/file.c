/*
 * file.c -- whole files: bounded read, atomic write.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * As root a file in the service user's directory is made, and read, with that
 * user's file-system identity: no chown, and no trick with links in that
 * directory reaches further than the user itself could.
 */
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/fd.h"
#include "os/fs_owner.h"

/* The errno of a path operation as a code, and in words. */
static ion_err_t
path_error(ion_errtext_t *why)
{
    ion_errtext_set(why, "%s", strerror(errno));
    switch (errno) {
    case ENOENT:
    case ENOTDIR:
        return ION_NOTFOUND;
    case EACCES:
    case EPERM:
    case EROFS:
        return ION_DENIED;
    case ENOMEM:
        return ION_NOMEM;
    default:
        return ION_SYS;
    }
}

/* Read until the end or one byte more than there may be. */
static ion_err_t
read_bounded(int fd, char *buf, size_t max, size_t *n, ion_errtext_t *why)
{
    size_t used = 0;

    while (used <= max) {
        ssize_t got = read(fd, buf + used, max + 1 - used);

        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return path_error(why);
        }
        if (got == 0) {
            buf[used] = '\0';
            *n = used;
            return ION_OK;
        }
        used += (size_t)got;
    }
    ion_errtext_set(why, "larger than %zu bytes", max);
    return ION_LIMIT;
}

ion_err_t
ion_file_read(
    const char *path, size_t max, char **bytes, size_t *n, ion_errtext_t *why)
{
    struct stat st;
    char *buf;
    ion_err_t rc;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    if (fd < 0) {
        return path_error(why);
    }
    if (fstat(fd, &st) != 0) {
        rc = path_error(why);
        ion_fd_close(&fd);
        return rc;
    }
    if (!S_ISREG(st.st_mode)) {
        ion_errtext_set(why, "not a regular file");
        ion_fd_close(&fd);
        return ION_MALF;
    }
    if ((uint64_t)st.st_size > max) {
        ion_errtext_set(
            why, "%lld bytes, more than %zu", (long long)st.st_size, max);
        ion_fd_close(&fd);
        return ION_LIMIT;
    }
    /* It may grow while we read, up to max. */
    buf = malloc(max + 1);
    if (buf == NULL) {
        ion_errtext_set(why, "out of memory");
        ion_fd_close(&fd);
        return ION_NOMEM;
    }
    rc = read_bounded(fd, buf, max, n, why);
    ion_fd_close(&fd);
    if (rc != ION_OK) {
        free(buf);
        return rc;
    }
    *bytes = buf;
    return ION_OK;
}

ion_err_t
ion_file_read_as(const char *path, size_t max, const ion_file_owner_t *owner,
    char **bytes, size_t *n, ion_errtext_t *why)
{
    bool entered = ion_fs_owner_enter(owner);
    ion_err_t rc = ion_file_read(path, max, bytes, n, why);

    if (entered) {
        ion_fs_owner_leave();
    }
    return rc;
}

static bool
sync_parent(const char *path)
{
    char dir[PATH_MAX];
    const char *slash = strrchr(path, '/');
    int fd;
    bool ok;

    if (slash == NULL) {
        (void)snprintf(dir, sizeof(dir), ".");
    } else {
        int n = slash == path ? 1 : (int)(slash - path);

        (void)snprintf(dir, sizeof(dir), "%.*s", n, path);
    }
    fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    ok = fsync(fd) == 0 || errno == EINVAL; /* not every file system can */
    ion_fd_close(&fd);
    return ok;
}

/* Write, sync and rename; tmp exists and is open as fd, which is closed. */
static bool
fill_and_rename(int fd, const char *tmp, const char *path, const void *p,
    size_t n, mode_t mode)
{
    bool ok = ion_fd_write_all(fd, p, n) == ION_OK && fchmod(fd, mode) == 0 &&
              fsync(fd) == 0;
    int saved = errno;

    if (close(fd) != 0 && ok) {
        return false;
    }
    errno = saved;
    return ok && rename(tmp, path) == 0;
}

ion_err_t
ion_file_write(const char *path, const void *p, size_t n,
    const ion_file_owner_t *owner, ion_errtext_t *why)
{
    char tmp[PATH_MAX];
    int len = snprintf(tmp, sizeof(tmp), "%s.XXXXXX", path);
    ion_err_t rc = ION_OK;
    bool entered;
    int fd;

    if (len < 0 || (size_t)len >= sizeof(tmp)) {
        errno = ENAMETOOLONG;
        return path_error(why);
    }
    entered = ion_fs_owner_enter(owner);
    fd = mkostemp(tmp, O_CLOEXEC);
    if (fd < 0) {
        rc = path_error(why);
    } else if (!fill_and_rename(fd, tmp, path, p, n, owner->mode)) {
        rc = path_error(why);
        (void)unlink(tmp); /* best effort: nobody reads that name */
    }
    if (rc == ION_OK && !sync_parent(path)) {
        rc = path_error(why);
    }
    if (entered) {
        ion_fs_owner_leave();
    }
    return rc;
}
