/*
 * fd.h -- closing descriptors, and writing all of something.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef ION_OS_FD_H
#define ION_OS_FD_H

#include <stddef.h>

#include "base/base.h"
#include "base/err.h"

/*
 * ion_fd_close -- close what *fd owns and make it -1; -1 is fine.  Keeps
 * errno.  For descriptors whose close cannot lose data.
 */
void ion_fd_close(int *fd);

/*
 * ion_fd_write_all -- write n bytes to a blocking descriptor.
 *
 * Errors: ION_SYS (errno); some bytes may have been written.
 */
ION_NODISCARD ion_err_t ion_fd_write_all(int fd, const void *p, size_t n);

#endif
