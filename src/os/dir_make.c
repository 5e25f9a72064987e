/*
 * dir_make.c -- directories of ours: made when absent, checked when there.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The path comes from an operator who may have mistyped it, and we may be
 * root: nothing that others use is ever taken over or closed.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/fd.h"
#include "os/file.h"

static ion_err_t
dir_error(ion_errtext_t *why, const char *doing)
{
    ion_errtext_set(why, "%s: %s", doing, strerror(errno));
    if (errno == EACCES || errno == EPERM || errno == EROFS) {
        return ION_DENIED;
    }
    return errno == ENOTDIR || errno == EEXIST ? ION_EXISTS : ION_SYS;
}

/* A copy of path without slashes at its end; false: empty or too long. */
static bool
copy_path(const char *path, char out[PATH_MAX], ion_errtext_t *why)
{
    size_t n = strlen(path);

    while (n > 1 && path[n - 1] == '/') {
        n--;
    }
    if (n == 0 || n >= PATH_MAX) {
        ion_errtext_set(why, "a path of 1 to %d bytes is needed", PATH_MAX - 1);
        return false;
    }
    memcpy(out, path, n);
    out[n] = '\0';
    return true;
}

/* Make the directories above the last component of path. */
static ion_err_t
make_parents(char path[PATH_MAX], ion_errtext_t *why)
{
    for (char *slash = strchr(path + 1, '/'); slash != NULL;
         slash = strchr(slash + 1, '/'))
    {
        bool ok;

        *slash = '\0';
        ok = mkdir(path, 0755) == 0 || errno == EEXIST;
        if (!ok && (errno == EACCES || errno == EROFS)) {
            ok = access(path, F_OK) == 0; /* there, and not ours to make */
        }
        *slash = '/';
        if (!ok) {
            return dir_error(why, "making its parent");
        }
    }
    return ION_OK;
}

ion_err_t
ion_file_make_parent(const char *path, ion_errtext_t *why)
{
    char copy[PATH_MAX];

    if (!copy_path(path, copy, why)) {
        return ION_SYS;
    }
    return make_parents(copy, why);
}

static bool
is_empty(int dir)
{
    int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *e;
    bool empty = true;

    if (d == NULL) {
        ion_fd_close(&fd);
        return false;
    }
    while (empty && (e = readdir(d)) != NULL) {
        empty = strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0;
    }
    (void)closedir(d); /* read only */
    return empty;
}

/* "/" or something right below it: nothing whose rights we change. */
static bool
is_top_level(int dir)
{
    struct stat above;
    struct stat root;

    return fstatat(dir, "..", &above, 0) != 0 || stat("/", &root) != 0 ||
           (above.st_dev == root.st_dev && above.st_ino == root.st_ino);
}

/* A directory that was there before us: may we use it, and how wide is it? */
static ion_err_t
adopt(int fd, const ion_file_owner_t *owner, ion_errtext_t *why)
{
    struct stat st;
    uid_t wanted = owner->uid == (uid_t)-1 ? geteuid() : owner->uid;

    if (fstat(fd, &st) != 0) {
        return dir_error(why, "looking at it");
    }
    if (st.st_uid != wanted) {
        if (geteuid() != 0 || (st.st_mode & S_ISVTX) != 0 || !is_empty(fd)) {
            ion_errtext_set(why,
                "belongs to uid %u, not to uid %u: chown it, or name another",
                st.st_uid, wanted);
            return ION_DENIED;
        }
        if (fchown(fd, wanted, owner->gid) != 0) {
            return dir_error(why, "giving it to the service user");
        }
    }
    if ((st.st_mode & 07777 & ~owner->mode) == 0) {
        return ION_OK;
    }
    if ((st.st_mode & S_ISVTX) != 0 || is_top_level(fd)) {
        if ((st.st_mode & 0022) == 0) {
            return ION_OK; /* others can look, but change nothing */
        }
        ion_errtext_set(why,
            "others can write to it (mode %04o): name a "
            "directory of its own",
            st.st_mode & 07777u);
        return ION_DENIED;
    }
    if (fchmod(fd, st.st_mode & owner->mode & 07777) != 0) {
        return dir_error(why, "narrowing its mode");
    }
    return ION_OK;
}

ion_err_t
ion_file_make_dir(
    const char *path, const ion_file_owner_t *owner, ion_errtext_t *why)
{
    char copy[PATH_MAX];
    ion_err_t rc;
    bool made;
    int fd;

    if (!copy_path(path, copy, why)) {
        return ION_SYS;
    }
    rc = make_parents(copy, why);
    if (rc != ION_OK) {
        return rc;
    }
    made = mkdir(copy, owner->mode) == 0;
    if (!made && errno != EEXIST) {
        return dir_error(why, "making it");
    }
    fd = open(copy, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return dir_error(why, "opening it");
    }
    if (!made) {
        rc = adopt(fd, owner, why);
    } else if (fchmod(fd, owner->mode) != 0 ||
               (geteuid() == 0 && owner->uid != (uid_t)-1 &&
                   fchown(fd, owner->uid, owner->gid) != 0))
    {
        rc = dir_error(why, "giving it to the service user");
        (void)rmdir(copy); /* made a moment ago, so empty */
    }
    ion_fd_close(&fd);
    return rc;
}
