/*
 * path.c -- paths that an operator names and root opens.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The way is walked directory by directory, each opened from the one before,
 * so that what was judged is what is used. Trust only shrinks: below a
 * directory that somebody else can change everything is his.
 */
#include "os/path.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/fd.h"

#define APPEND_FLAGS (O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)

typedef enum {
    TRUST_ROOT,   /* only root can put names there or take them away */
    TRUST_STICKY, /* others can add names, but not take away ours */
    TRUST_NONE,
} trust_t;

typedef struct {
    int dir;       /* the directory that was reached */
    trust_t trust; /* in the names in it */
    uid_t top_uid; /* who owns "/" can do anything anyway */
    char culprit[128];
} walk_t;

static ion_err_t
say(ion_errtext_t *why)
{
    ion_errtext_set(
        why, "%s", errno == ENXIO ? "nobody reads from it" : strerror(errno));
    switch (errno) {
    case EACCES:
    case EPERM:
    case EROFS:
    case ELOOP:
        return ION_DENIED;
    case ENOENT:
    case ENOTDIR:
        return ION_NOTFOUND;
    case EISDIR:
    case ENXIO:
        return ION_MALF;
    case ENAMETOOLONG:
        return ION_RANGE;
    default:
        return ION_SYS;
    }
}

static bool
is_trusted_uid(const walk_t *w, uid_t uid)
{
    return uid == 0 || uid == w->top_uid;
}

/* How far the names in the directory that was reached can be trusted. */
static bool
judge(walk_t *w, const char *path, size_t len)
{
    struct stat st;
    bool is_shared;

    if (w->trust == TRUST_NONE) {
        return true;
    }
    if (fstat(w->dir, &st) != 0) {
        return false;
    }
    is_shared = (st.st_mode & S_IWOTH) != 0 ||
                ((st.st_mode & S_IWGRP) != 0 && st.st_gid != 0);
    if (!is_trusted_uid(w, st.st_uid)) {
        (void)snprintf(w->culprit, sizeof(w->culprit), "%.*s belongs to uid %u",
            (int)len, path, st.st_uid);
        w->trust = TRUST_NONE;
    } else if (is_shared && (st.st_mode & S_ISVTX) == 0) {
        (void)snprintf(w->culprit, sizeof(w->culprit),
            "%.*s can be written by others (mode %04o)", (int)len, path,
            st.st_mode & 07777u);
        w->trust = TRUST_NONE;
    } else {
        w->trust = is_shared ? TRUST_STICKY : TRUST_ROOT;
    }
    return true;
}

/*
 * Go down into name; errno on failure. Where others can put names only a link
 * that root made is followed, and none where they could change that one too.
 */
static bool
descend(walk_t *w, const char *name)
{
    int flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
    struct stat st;
    int next;

    if (w->trust != TRUST_ROOT &&
        fstatat(w->dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
        S_ISLNK(st.st_mode) &&
        (w->trust == TRUST_NONE || !is_trusted_uid(w, st.st_uid)))
    {
        if (w->trust != TRUST_NONE) {
            (void)snprintf(w->culprit, sizeof(w->culprit),
                "the link %.64s belongs to uid %u", name, st.st_uid);
            w->trust = TRUST_NONE;
        }
        errno = ELOOP;
        return false;
    }
    if (w->trust == TRUST_NONE) {
        flags |= O_NOFOLLOW; /* it may have become one since */
    }
    next = openat(w->dir, name, flags);
    if (next < 0) {
        return false;
    }
    ion_fd_close(&w->dir);
    w->dir = next;
    return true;
}

static ion_err_t
begin(walk_t *w, const char *path, ion_errtext_t *why)
{
    struct stat top;
    size_t n = strlen(path);

    memset(w, 0, sizeof(*w));
    w->dir = -1;
    if (n == 0 || n >= PATH_MAX) {
        ion_errtext_set(why, "a path of 1 to %d bytes is needed", PATH_MAX - 1);
        return ION_RANGE;
    }
    w->dir = open(path[0] == '/' ? "/" : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (w->dir < 0 || stat("/", &top) != 0) {
        ion_err_t rc = say(why);
        ion_fd_close(&w->dir);
        return rc;
    }
    w->top_uid = top.st_uid;
    return ION_OK;
}

/*
 * Walk to the directory that holds the last name of path; *name is that name.
 * The caller closes w->dir, also after an error.
 */
static ion_err_t
walk(walk_t *w, const char *path, const char **name, ion_errtext_t *why)
{
    const char *at = path + strspn(path, "/");
    ion_err_t rc = begin(w, path, why);

    if (rc != ION_OK) {
        return rc;
    }
    /* "/" itself is what everything else stands on */
    if (path[0] != '/' && !judge(w, ".", 1)) {
        return say(why);
    }
    for (const char *slash = strchr(at, '/'); slash != NULL;
         slash = strchr(at, '/'))
    {
        char part[NAME_MAX + 1];
        size_t n = (size_t)(slash - at);

        if (n >= sizeof(part)) {
            errno = ENAMETOOLONG;
            return say(why);
        }
        memcpy(part, at, n);
        part[n] = '\0';
        if (!descend(w, part) || !judge(w, path, (size_t)(slash - path))) {
            return say(why);
        }
        at = slash + strspn(slash, "/");
    }
    *name = *at == '\0' ? "." : at;
    return ION_OK;
}

ion_err_t
ion_path_check(const char *path, ion_errtext_t *why)
{
    const char *name;
    walk_t w;
    ion_err_t rc;

    if (geteuid() != 0) {
        return ION_OK;
    }
    rc = walk(&w, path, &name, why);
    ion_fd_close(&w.dir);
    if (rc == ION_NOTFOUND) {
        rc = ION_OK; /* we make it, or say later why we cannot */
    }
    if (w.trust == TRUST_NONE) {
        ion_errtext_set(why,
            "%s, who could lead root elsewhere: name a path on which only "
            "root can write",
            w.culprit);
        return ION_DENIED;
    }
    return rc;
}

/* What was opened in a directory that is not root's alone. */
static ion_err_t
check_file(int fd, ion_errtext_t *why)
{
    struct stat st;

    if (fstat(fd, &st) != 0) {
        return say(why);
    }
    if (!S_ISREG(st.st_mode)) {
        ion_errtext_set(why, "not a regular file");
        return ION_MALF;
    }
    if (st.st_nlink > 1) {
        ion_errtext_set(why, "the file has another name too (%lu links)",
            (unsigned long)st.st_nlink);
        return ION_DENIED;
    }
    return ION_OK;
}

static ion_err_t
open_guarded(
    const char *path, int flags, mode_t mode, int *fd, ion_errtext_t *why)
{
    const char *name;
    walk_t w;
    ion_err_t rc = walk(&w, path, &name, why);

    if (rc == ION_OK) {
        flags |= w.trust == TRUST_ROOT ? 0 : O_NOFOLLOW;
        *fd = openat(w.dir, name, flags, mode);
        rc = *fd < 0 ? say(why) : ION_OK;
    }
    if (rc == ION_DENIED && errno == ELOOP) {
        ion_errtext_set(why, "a link on the way, where others than root can "
                             "make one");
    }
    if (rc == ION_OK && w.trust != TRUST_ROOT) {
        rc = check_file(*fd, why);
        if (rc != ION_OK) {
            ion_fd_close(fd);
        }
    }
    ion_fd_close(&w.dir);
    return rc;
}

static ion_err_t
open_append(
    const char *path, int flags, mode_t mode, int *fd, ion_errtext_t *why)
{
    ion_err_t rc;
    int f;

    if (geteuid() == 0) {
        rc = open_guarded(path, flags, mode, &f, why);
    } else {
        f = open(path, flags, mode);
        rc = f < 0 ? say(why) : ION_OK;
    }
    if (rc == ION_OK) {
        *fd = f;
    }
    return rc;
}

ion_err_t
ion_path_open_append(const char *path, mode_t mode, int *fd, ion_errtext_t *why)
{
    return open_append(path, APPEND_FLAGS | O_CREAT, mode, fd, why);
}

ion_err_t
ion_path_check_append(const char *path, ion_errtext_t *why)
{
    const char *name;
    walk_t w;
    ion_err_t rc;
    int fd = -1;

    rc = open_append(path, APPEND_FLAGS, 0, &fd, why);
    ion_fd_close(&fd);
    if (rc != ION_NOTFOUND || errno != ENOENT) {
        return rc;
    }
    rc = walk(&w, path, &name, why);
    if (rc == ION_OK && faccessat(w.dir, ".", W_OK | X_OK, AT_EACCESS) != 0) {
        rc = say(why);
    }
    ion_fd_close(&w.dir);
    return rc;
}
