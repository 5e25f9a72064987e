/*
 * pidfile.h -- one instance per pid file, held by a lock, not by its text.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The lock belongs to the open descriptor: a kill -9 frees it, a stale file
 * never stands in the way.
 */
#ifndef ION_OS_PIDFILE_H
#define ION_OS_PIDFILE_H

#include <sys/types.h>

#include "base/base.h"
#include "base/err.h"

typedef struct ion_pidfile ion_pidfile_t;

/*
 * ion_pidfile_open -- make or take over the file, lock it, write our pid.
 *
 * Errors: ION_BUSY another instance holds it, *holder has its pid (0 when not
 *         readable) | ION_DENIED | ION_NOTFOUND directory is missing |
 *         ION_NOMEM | ION_SYS (errno); *why has the reason.
 */
ION_NODISCARD ion_err_t ion_pidfile_open(
    const char *path, pid_t *holder, ion_pidfile_t **out, ion_errtext_t *why);

/* ion_pidfile_close -- remove the file, if it is still ours, and unlock. */
void ion_pidfile_close(ion_pidfile_t **pf);

/*
 * ion_pidfile_read -- the pid of the instance that holds the file.
 *
 * Errors: ION_NOTFOUND no file, or nobody holds its lock | ION_MALF not a pid
 *         | ION_DENIED | ION_SYS (errno).
 */
ION_NODISCARD ion_err_t ion_pidfile_read(const char *path, pid_t *pid);

#endif
