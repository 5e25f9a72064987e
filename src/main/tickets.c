/*
 * tickets.c -- the session ticket keys that all workers share.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "main/tickets.h"

#include <string.h>
#include <unistd.h>

#include "os/memfd.h"
#include "tls/ticket.h"

ion_err_t
tickets_rotate(int *fd)
{
    uint8_t blob[ION_TICKET_BLOB_MAX];
    const uint8_t *old = NULL;
    size_t old_len = 0;
    size_t len;
    int next;
    ion_err_t rc = ION_OK;
    if (*fd >= 0) {
        rc = ion_memfd_map(*fd, sizeof(blob), true, &old, &old_len);
    }
    if (rc == ION_OK) {
        rc = ion_ticket_rotate(old, old_len, blob, &len);
        ion_memfd_unmap(&old, old_len);
    }
    if (rc == ION_OK) {
        rc = ion_memfd_from("tickets", blob, len, &next);
        explicit_bzero(blob, sizeof(blob));
    }
    if (rc != ION_OK) {
        return rc;
    }
    if (*fd >= 0) {
        (void)close(*fd); /* replaced */
    }
    *fd = next;
    return ION_OK;
}
