/*
 * tickets.h -- the session ticket keys that all workers share.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef ION_MAIN_TICKETS_H
#define ION_MAIN_TICKETS_H

#include "base/base.h"
#include "base/err.h"

/*
 * tickets_rotate -- a new key in front of those that *fd holds.
 *
 * fd: a sealed memfd, or -1 for none yet; replaced (and closed) on success.
 * Errors: ION_SYS (errno) | ION_NOMEM | ION_MALF *fd is no such memfd.
 */
ION_NODISCARD ion_err_t tickets_rotate(int *fd);

#endif
