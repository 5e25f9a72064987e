/*
 * file.h -- whole files: bounded read, atomic write, directories of ours.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A reason (*why, may be NULL) never repeats the path: the caller knows which
 * directive named it and says so.
 */
#ifndef ION_OS_FILE_H
#define ION_OS_FILE_H

#include <stddef.h>
#include <sys/types.h>

#include "base/base.h"
#include "base/err.h"

/* Whose a file or directory becomes; -1 = leave as it comes. */
typedef struct {
    mode_t mode;
    uid_t uid;
    gid_t gid;
} ion_file_owner_t;

/*
 * ion_file_read -- a regular file's whole content.
 *
 * max: more bytes than that are an error.  Gives *bytes (malloc; one NUL
 * stands behind the n bytes).
 * Errors: ION_NOTFOUND | ION_DENIED | ION_LIMIT larger than max | ION_MALF not
 *         a regular file | ION_NOMEM | ION_SYS (errno).
 */
ION_NODISCARD ion_err_t ion_file_read(
    const char *path, size_t max, char **bytes, size_t *n, ion_errtext_t *why);

/*
 * ion_file_read_as -- the same with the rights of owner->uid and owner->gid.
 *
 * For files in a directory that this user can write: as root, a link that the
 * user has put there must lead to nothing that it may not read itself.
 * Errors: as ion_file_read.
 */
ION_NODISCARD ion_err_t ion_file_read_as(const char *path, size_t max,
    const ion_file_owner_t *owner, char **bytes, size_t *n, ion_errtext_t *why);

/*
 * ion_file_write -- put n bytes in place of a file: written beside it, synced,
 * renamed, directory synced.  A reader sees the old file or the new one.
 *
 * owner: as root the file is made *as* that uid and gid, so a master without
 * DAC_OVERRIDE can write into the service user's directory, whatever the
 * directories above it let that user do.
 * Errors: ION_DENIED | ION_NOTFOUND directory is missing | ION_SYS (errno);
 *         the old file is untouched and nothing is left beside it.
 */
ION_NODISCARD ion_err_t ion_file_write(const char *path, const void *p,
    size_t n, const ion_file_owner_t *owner, ion_errtext_t *why);

/*
 * ion_file_make_dir -- a directory of ours, parents made when absent.
 *
 * Parents are made 0755 and stay the caller's.  A directory that exists is
 * taken when it belongs to owner->uid, or when it is empty and we are root;
 * its mode is narrowed to owner->mode, but never that of a shared (sticky) or
 * top-level directory: a mistyped path must not lock up the machine.
 * Errors: ION_EXISTS something else has that name | ION_DENIED belongs to
 *         somebody else, or no right | ION_SYS (errno).
 */
ION_NODISCARD ion_err_t ion_file_make_dir(
    const char *path, const ion_file_owner_t *owner, ion_errtext_t *why);

/*
 * ion_file_make_parent -- make the directories above path, 0755, when absent.
 *
 * Errors: as ion_file_make_dir.
 */
ION_NODISCARD ion_err_t ion_file_make_parent(
    const char *path, ion_errtext_t *why);

#endif
