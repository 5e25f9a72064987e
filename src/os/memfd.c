/*
 * memfd.c -- sealed bytes that one process hands to another.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "os/memfd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/fd.h"

#define ALL_SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL)

/* What an empty memfd maps to: nothing is read there. */
static const uint8_t nothing[1] = { 0 };

ion_err_t
ion_memfd_from(const char *name, const void *p, size_t n, int *fd)
{
    int f = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

    if (f < 0) {
        return ION_SYS;
    }
    if (ion_fd_write_all(f, p, n) != ION_OK || lseek(f, 0, SEEK_SET) != 0 ||
        fcntl(f, F_ADD_SEALS, ALL_SEALS) != 0)
    {
        ion_fd_close(&f);
        return errno == ENOMEM || errno == ENOSPC ? ION_NOMEM : ION_SYS;
    }
    *fd = f;
    return ION_OK;
}

ion_err_t
ion_memfd_size(int fd, size_t max, size_t *n)
{
    struct stat st;
    int seals = fcntl(fd, F_GET_SEALS);

    if (seals < 0 && errno != EINVAL) {
        return ION_SYS;
    }
    if (seals < 0 || (seals & ALL_SEALS) != ALL_SEALS) {
        return ION_MALF;
    }
    if (fstat(fd, &st) != 0) {
        return ION_SYS;
    }
    if (st.st_size < 0 || (uint64_t)st.st_size > max) {
        return ION_LIMIT;
    }
    *n = (size_t)st.st_size;
    return ION_OK;
}

ion_err_t
ion_memfd_map(int fd, size_t max, bool is_secret, const uint8_t **p, size_t *n)
{
    void *at;
    ion_err_t rc = ion_memfd_size(fd, max, n);

    if (rc != ION_OK) {
        return rc;
    }
    if (*n == 0) {
        *p = nothing;
        return ION_OK;
    }
    at = mmap(NULL, *n, PROT_READ, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED) {
        return errno == ENOMEM ? ION_NOMEM : ION_SYS;
    }
    if (is_secret && madvise(at, *n, MADV_DONTDUMP) != 0) {
        int saved = errno;

        (void)munmap(at, *n); /* our own mapping */
        errno = saved;
        return ION_SYS;
    }
    *p = at;
    return ION_OK;
}

void
ion_memfd_unmap(const uint8_t **p, size_t n)
{
    const uint8_t *at = *p;

    *p = NULL;
    if (at != NULL && at != nothing) {
        (void)munmap((void *)(uintptr_t)at, n); /* our own mapping */
    }
}

ion_err_t
ion_memfd_read(int fd, size_t max, char **bytes, size_t *n)
{
    const uint8_t *p = NULL;
    char *copy;
    ion_err_t rc = ion_memfd_map(fd, max, false, &p, n);

    if (rc != ION_OK) {
        return rc;
    }
    copy = malloc(*n + 1);
    if (copy != NULL) {
        memcpy(copy, p, *n);
        copy[*n] = '\0';
        *bytes = copy;
    }
    ion_memfd_unmap(&p, *n);
    return copy == NULL ? ION_NOMEM : ION_OK;
}
