/*
 * fd.c -- closing descriptors, and writing all of something.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "os/fd.h"

#include <errno.h>
#include <stdint.h>
#include <unistd.h>

void
ion_fd_close(int *fd)
{
    int saved = errno;

    if (*fd >= 0) {
        (void)close(*fd); /* by contract nothing can be lost */
        *fd = -1;
    }
    errno = saved;
}

ion_err_t
ion_fd_write_all(int fd, const void *p, size_t n)
{
    const uint8_t *at = p;

    while (n > 0) {
        ssize_t w = write(fd, at, n);

        if (w < 0 && errno == EINTR) {
            continue;
        }
        if (w < 0) {
            return ION_SYS;
        }
        if (w == 0) {
            errno = EIO;
            return ION_SYS;
        }
        at += w;
        n -= (size_t)w;
    }
    return ION_OK;
}
