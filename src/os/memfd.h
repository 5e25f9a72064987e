/*
 * memfd.h -- sealed bytes that one process hands to another.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A descriptor from ion_memfd_from can be neither written nor resized by any
 * holder, so a reader may map it and trust the mapping: readers check the
 * seals first, because an unsealed memfd lets its holder kill them (SIGBUS).
 */
#ifndef ION_OS_MEMFD_H
#define ION_OS_MEMFD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "base/err.h"

/*
 * ion_memfd_from -- a sealed memfd with the given bytes.
 *
 * name: shown in /proc/PID/fd.  p: borrowed, n may be 0.  Gives *fd
 * (close-on-exec, read position 0).
 * Errors: ION_SYS (errno) | ION_NOMEM.
 */
ION_NODISCARD ion_err_t ion_memfd_from(
    const char *name, const void *p, size_t n, int *fd);

/*
 * ion_memfd_size -- how many bytes a sealed memfd holds.
 *
 * Errors: ION_MALF not a memfd with all seals | ION_LIMIT more than max bytes
 *         | ION_SYS (errno).
 */
ION_NODISCARD ion_err_t ion_memfd_size(int fd, size_t max, size_t *n);

/*
 * ion_memfd_map -- map a sealed memfd read-only.
 *
 * is_secret: keep the pages out of core dumps (MADV_DONTDUMP).  fd is borrowed
 * and may be closed afterwards.  Gives *p; an empty memfd gives a non-NULL
 * pointer and *n = 0.
 * Errors: as ion_memfd_size | ION_NOMEM.
 */
ION_NODISCARD ion_err_t ion_memfd_map(
    int fd, size_t max, bool is_secret, const uint8_t **p, size_t *n);

/* ion_memfd_unmap -- undo ion_memfd_map; nulls *p, NULL is fine. */
void ion_memfd_unmap(const uint8_t **p, size_t n);

/*
 * ion_memfd_read -- copy a sealed memfd's bytes.
 *
 * Gives *bytes (malloc; one NUL stands behind the n bytes).
 * Errors: as ion_memfd_size | ION_NOMEM.
 */
ION_NODISCARD ion_err_t ion_memfd_read(
    int fd, size_t max, char **bytes, size_t *n);

#endif
