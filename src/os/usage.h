/*
 * usage.h -- what this process uses of the machine.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A process in a sandbox opens nothing any more, so what is needed is opened
 * before and asked again and again.  Only a process's own use can be seen:
 * looking into another one takes rights that our master gives up.
 */
#ifndef ION_OS_USAGE_H
#define ION_OS_USAGE_H

#include <stdint.h>

#include "base/base.h"
#include "base/err.h"

/* Descriptor numbers that one reading tries at most, see ion_usage_read. */
#define ION_USAGE_SCAN 4096u

typedef struct ion_usage {
    int fd_dir;         /* /proc/self/fd; -1 = there is no /proc */
    int statm;          /* /proc/self/statm, likewise */
    int status;         /* /proc/self/status; -1 = not needed */
    uint64_t page_size; /* bytes */
    uint64_t max_fds;
    uint64_t counted; /* open descriptors: the last whole count */
    uint64_t scan_at; /* where a count goes on, if it takes several */
    uint64_t scan_count;
} ion_usage_t;

typedef struct ion_usage_now {
    uint64_t open_fds;       /* descriptors that are open */
    uint64_t max_fds;        /* the limit on them, as at ion_usage_open */
    uint64_t resident_bytes; /* memory in use, shared memory included */
    uint64_t cpu_us;         /* user and system time so far */
} ion_usage_now_t;

/*
 * ion_usage_open -- prepare; before the sandbox.
 *
 * What is not there (no /proc) reads as 0 later on.
 * Errors: none.
 */
void ion_usage_open(ion_usage_t *u);

/*
 * ion_usage_read -- what is in use now.
 *
 * Linux tells the number of open descriptors since 6.2.  Before, they are
 * tried one by one, ION_USAGE_SCAN of them per reading, and open_fds is the
 * last complete count.
 * Errors: none.
 */
void ion_usage_read(ion_usage_t *u, ion_usage_now_t *out);

/* ion_usage_close -- give back what open took; twice is fine. */
void ion_usage_close(ion_usage_t *u);

#endif
