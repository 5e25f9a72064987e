/*
 * zone.c -- sealed memfds and their mappings.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The read-only descriptor is opened anew through /proc, because a duplicate
 * of the writable one would share its access mode.
 */

#include "shm/zone.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define ZONE_PAGE     4096u
#define ZONE_SIZE_MAX (UINT64_C(1) << 46)
#define ZONE_SEALS    (F_SEAL_SHRINK | F_SEAL_GROW)

static ion_err_t
map_pages(ion_zone_t *z, int fd, bool writable)
{
    int prot = writable ? PROT_READ | PROT_WRITE : PROT_READ;
    void *p = mmap(NULL, z->size, prot, MAP_SHARED | MAP_NORESERVE, fd, 0);
    if (p == MAP_FAILED) {
        return errno == ENOMEM ? ION_NOMEM : ION_SYS;
    }
    z->base = p;
    return ION_OK;
}

static ion_zone_t *
new_zone(void)
{
    ion_zone_t *z = calloc(1, sizeof(*z));
    if (z != NULL) {
        z->fd = -1;
        z->fd_ro = -1;
    }
    return z;
}

static int
reopen_read_only(int fd)
{
    char path[32];
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    return open(path, O_RDONLY | O_CLOEXEC);
}

ion_err_t
ion_zone_create(const char *name, size_t size, ion_zone_t **out)
{
    if (size == 0 || size > ZONE_SIZE_MAX) {
        return ION_RANGE;
    }
    ion_zone_t *z = new_zone();
    if (z == NULL) {
        return ION_NOMEM;
    }
    ion_err_t rc = ION_SYS;
    z->size = (size + ZONE_PAGE - 1) & ~(size_t)(ZONE_PAGE - 1);
    z->fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (z->fd < 0 || ftruncate(z->fd, (off_t)z->size) != 0 ||
        fcntl(z->fd, F_ADD_SEALS, ZONE_SEALS | F_SEAL_SEAL) != 0)
    {
        goto fail;
    }
    z->fd_ro = reopen_read_only(z->fd);
    if (z->fd_ro < 0) {
        goto fail;
    }
    rc = map_pages(z, z->fd, true);
    if (rc != ION_OK) {
        goto fail;
    }
    *out = z;
    return ION_OK;
fail:
    ion_zone_free(&z);
    return rc;
}

ion_err_t
ion_zone_map(int fd, bool writable, ion_zone_t **out)
{
    struct stat st;
    int seals = fcntl(fd, F_GET_SEALS);
    if (seals < 0) {
        return errno == EINVAL ? ION_MALF : ION_SYS;
    }
    if ((seals & ZONE_SEALS) != ZONE_SEALS) {
        return ION_MALF;
    }
    if (fstat(fd, &st) != 0) {
        return ION_SYS;
    }
    if (st.st_size <= 0 || (st.st_size & (ZONE_PAGE - 1)) != 0) {
        return ION_MALF;
    }
    ion_zone_t *z = new_zone();
    if (z == NULL) {
        return ION_NOMEM;
    }
    z->size = (size_t)st.st_size;
    ion_err_t rc = map_pages(z, fd, writable);
    if (rc != ION_OK) {
        ion_zone_free(&z);
        return rc;
    }
    *out = z;
    return ION_OK;
}

void
ion_zone_free(ion_zone_t **zp)
{
    ion_zone_t *z = *zp;
    *zp = NULL;
    if (z == NULL) {
        return;
    }
    int saved = errno;
    if (z->base != NULL) {
        (void)munmap(z->base, z->size);
    }
    if (z->fd >= 0) {
        (void)close(z->fd);
    }
    if (z->fd_ro >= 0) {
        (void)close(z->fd_ro);
    }
    free(z);
    errno = saved;
}
