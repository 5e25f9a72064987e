/*
 * fs_owner.c -- act on the file system as the service user, for a moment.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The two calls report nothing; where the kernel refuses, what is made is
 * root's, and its mode still keeps others out.
 */
#include "os/fs_owner.h"

#include <errno.h>
#include <sys/fsuid.h>
#include <unistd.h>

bool
ion_fs_owner_enter(const ion_file_owner_t *owner)
{
    if (geteuid() != 0 || owner->uid == (uid_t)-1 || owner->uid == 0) {
        return false;
    }
    if (owner->gid != (gid_t)-1) {
        (void)setfsgid(owner->gid); /* see above */
    }
    (void)setfsuid(owner->uid); /* see above */
    return true;
}

void
ion_fs_owner_leave(void)
{
    int saved = errno;

    (void)setfsuid(geteuid()); /* what we are: always allowed */
    (void)setfsgid(getegid()); /* likewise */
    errno = saved;
}
