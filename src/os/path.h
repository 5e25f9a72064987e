/*
 * path.h -- paths that an operator names and root opens.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Whoever owns a directory on the way, or may write to it, decides where the
 * path leads, by a link or by another name for a file of somebody else. As
 * root we follow such a path no further than its owner could do harm without
 * us. Who is not root has nothing to lose by it: for him nothing changes.
 */
#ifndef ION_OS_PATH_H
#define ION_OS_PATH_H

#include <sys/types.h>

#include "base/base.h"
#include "base/err.h"

/*
 * ion_path_check -- as root: can only root say where path leads?
 *
 * What is absent counts as ours to make. A link is fine where only root could
 * put it, and what root made in a directory with the sticky bit is root's.
 * Errors: ION_DENIED *why (may be NULL) names the directory, who can change it
 *         and what would be right | ION_RANGE too long or empty | ION_SYS
 *         (errno).
 */
ION_NODISCARD ion_err_t ion_path_check(const char *path, ion_errtext_t *why);

/*
 * ion_path_open_append -- open a file for appending, or make it.
 *
 * As root, where others can put names into a directory on the way: no link is
 * followed from there on, and the file must be a regular one without a second
 * name. Elsewhere a pipe or a device will do too. Gives *fd, close-on-exec,
 * non-blocking, never a controlling terminal.
 * Errors: ION_DENIED | ION_NOTFOUND directory is missing | ION_MALF not a file
 *         one can append to | ION_RANGE | ION_SYS (errno); *why.
 */
ION_NODISCARD ion_err_t ion_path_open_append(
    const char *path, mode_t mode, int *fd, ion_errtext_t *why);

/*
 * ion_path_check_append -- would ion_path_open_append open it, as far as can
 * be told without making anything?
 *
 * Errors: as ion_path_open_append.
 */
ION_NODISCARD ion_err_t ion_path_check_append(
    const char *path, ion_errtext_t *why);

#endif
