/*
 * zone.h -- one piece of shared memory of fixed size.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A zone is a memfd, sparse, sealed against shrinking and growing, so that no
 * holder can make another one's access fault. Whoever may only read gets a
 * second descriptor opened read-only, which can never become a writable
 * mapping. A zone never grows: full means refused and counted.
 *
 * Writes, reads: the creator hands out descriptors and so decides who does.
 * Order: none here; the headers of what lies in a zone say it.
 * A kill leaves: nothing; the kernel frees the memory with the last holder.
 */

#ifndef ION_SHM_ZONE_H
#define ION_SHM_ZONE_H

#include "base/err.h"

typedef struct ion_zone {
    void *base;
    size_t size; /* bytes, a multiple of the page size */
    int fd;      /* read-write; -1 in a process that attached */
    int fd_ro;   /* read-only; -1 in a process that attached */
} ion_zone_t;

/*
 * ion_zone_create -- make, seal and map a zone of zeroes.
 *
 * Shape:  name shows up in /proc/PID/maps; size in bytes, rounded up to
 *         pages. Memory is used only where it is touched.
 * Owns:   gives *out; ion_zone_free.
 * Errors: ION_SYS (errno) | ION_NOMEM | ION_RANGE size 0 or absurd.
 */
ION_NODISCARD ion_err_t ion_zone_create(
    const char *name, size_t size, ion_zone_t **out);

/*
 * ion_zone_map -- map a zone that another process made.
 *
 * Shape:  fd borrowed; size is the file's; the seals must be there, or a
 *         peer could cut the file under us.
 * Owns:   gives *out; ion_zone_free.
 * Errors: ION_MALF not a sealed memfd | ION_SYS (errno) | ION_NOMEM.
 */
ION_NODISCARD ion_err_t ion_zone_map(int fd, bool writable, ion_zone_t **out);

/*
 * ion_zone_free -- unmap and close; *z becomes NULL.
 *
 * Errors: none; *z may be NULL. Keeps errno.
 */
void ion_zone_free(ion_zone_t **z);

#endif
