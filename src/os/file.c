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

#include "base/rng.h"
#include "base/str.h"
#include "os/fd.h"
#include "os/fs_owner.h"

#define READ_FLAGS (O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
#define TEMP_TRIES 100

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

/* Read all of an open file (fd < 0: errno says why it is not) and close it. */
static ion_err_t
read_open(int fd, size_t max, char **bytes, size_t *n, ion_errtext_t *why)
{
    struct stat st;
    char *buf;
    ion_err_t rc;

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
ion_file_read(
    const char *path, size_t max, char **bytes, size_t *n, ion_errtext_t *why)
{
    return read_open(open(path, READ_FLAGS), max, bytes, n, why);
}

/*
 * The directory of path, opened with our own rights, and the name in it: what
 * the owner then does there needs no right to the directories above.
 */
static int
open_dir_of(const char *path, const char **name)
{
    char dir[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t n = slash == NULL ? 0 : (size_t)(slash - path);

    *name = slash == NULL ? path : slash + 1;
    if (n >= sizeof(dir)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    if (slash == NULL) {
        dir[n++] = '.';
    } else if (n == 0) {
        dir[n++] = '/';
    } else {
        memcpy(dir, path, n);
    }
    dir[n] = '\0';
    return open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

ion_err_t
ion_file_read_as(const char *path, size_t max, const ion_file_owner_t *owner,
    char **bytes, size_t *n, ion_errtext_t *why)
{
    const char *name;
    int dir = open_dir_of(path, &name);
    bool entered;
    ion_err_t rc;

    if (dir < 0) {
        return path_error(why);
    }
    entered = ion_fs_owner_enter(owner);
    rc = read_open(openat(dir, name, READ_FLAGS), max, bytes, n, why);
    if (entered) {
        ion_fs_owner_leave();
    }
    ion_fd_close(&dir);
    return rc;
}

/* A new file beside name, which nobody has yet. */
static int
open_temp(int dir, const char *name, char tmp[NAME_MAX + 1])
{
    for (int tries = 0; tries < TEMP_TRIES; tries++) {
        int len =
            snprintf(tmp, NAME_MAX + 1, "%s.%08x", name, ion_random_u32());
        int fd;

        if (len < 0 || len > NAME_MAX) {
            errno = ENAMETOOLONG;
            return -1;
        }
        fd = openat(dir, tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd >= 0 || errno != EEXIST) {
            return fd;
        }
    }
    return -1;
}

/* Write, sync and close; fd is the new file's. */
static bool
fill(int fd, const void *p, size_t n, mode_t mode)
{
    bool ok = ion_fd_write_all(fd, p, n) == ION_OK && fchmod(fd, mode) == 0 &&
              fsync(fd) == 0;
    int saved = errno;

    if (close(fd) != 0 && ok) {
        return false;
    }
    errno = saved;
    return ok;
}

static ion_err_t
replace(
    int dir, const char *name, ion_str_t bytes, mode_t mode, ion_errtext_t *why)
{
    char tmp[NAME_MAX + 1];
    ion_err_t rc;
    int fd = open_temp(dir, name, tmp);

    if (fd < 0) {
        return path_error(why);
    }
    if (!fill(fd, bytes.p, bytes.len, mode) ||
        renameat(dir, tmp, dir, name) != 0) {
        rc = path_error(why);
        (void)unlinkat(dir, tmp, 0); /* best effort: nobody reads that name */
        return rc;
    }
    if (fsync(dir) != 0 && errno != EINVAL) { /* not every file system can */
        return path_error(why);
    }
    return ION_OK;
}

ion_err_t
ion_file_write(const char *path, const void *p, size_t n,
    const ion_file_owner_t *owner, ion_errtext_t *why)
{
    const char *name;
    int dir = open_dir_of(path, &name);
    bool entered;
    ion_err_t rc;

    if (dir < 0) {
        return path_error(why);
    }
    entered = ion_fs_owner_enter(owner);
    rc = replace(dir, name, (ion_str_t){ p, n }, owner->mode, why);
    if (entered) {
        ion_fs_owner_leave();
    }
    ion_fd_close(&dir);
    return rc;
}
