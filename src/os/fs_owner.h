/*
 * fs_owner.h -- act on the file system as the service user, for a moment.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * For the files of this folder that make things in the service user's
 * directory as root.
 */
#ifndef ION_OS_FS_OWNER_H
#define ION_OS_FS_OWNER_H

#include <stdbool.h>

#include "os/file.h"

/*
 * ion_fs_owner_enter -- become the owner for the file system.
 *
 * Returns: false when there is no need (not root, or the owner is root or not
 *          named): then ion_fs_owner_leave must not be called.
 */
bool ion_fs_owner_enter(const ion_file_owner_t *owner);

/* ion_fs_owner_leave -- be ourselves again.  Keeps errno. */
void ion_fs_owner_leave(void);

#endif
