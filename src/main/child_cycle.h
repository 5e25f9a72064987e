/*
 * child_cycle.h -- a cycle as a child owns it: received piece by piece, built,
 * put in force, freed.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Sockets outlive the cycle that brought them: one that the next cycle names
 * again (by id) hands its descriptor on.  So a cycle in the making owns only
 * the descriptors that came with it, until it is adopted.
 */
#ifndef ION_MAIN_CHILD_CYCLE_H
#define ION_MAIN_CHILD_CYCLE_H

#include <stdbool.h>

#include "base/err.h"
#include "core/process.h"
#include "main/messages.h"

typedef struct child_cycle {
    ion_cycle_t pub; /* what modules see; complete after child_cycle_build */
    uint32_t want_blobs;
    uint32_t want_sockets;
    uint32_t blob_count;
    uint32_t socket_count;
    ion_conf_t *conf;
    ion_blob_t blobs[ION_BLOBS_MAX];
    ion_socket_t *sockets; /* want_sockets long */
    bool *is_kept;         /* per socket: the descriptor is the old cycle's */
} child_cycle_t;

/*
 * child_cycle_new -- begin a cycle as announced.
 *
 * Gives *out.  Errors: ION_MALF counts beyond the bounds | ION_NOMEM.
 */
ION_NODISCARD ion_err_t child_cycle_new(
    const ion_msg_cycle_t *begin, child_cycle_t **out);

/*
 * child_cycle_blob -- add a blob; maps it and closes fd in every case.
 *
 * Errors: ION_MALF too many, bad name, not sealed | ION_NOMEM | ION_SYS.
 */
ION_NODISCARD ion_err_t child_cycle_blob(
    child_cycle_t *c, const ion_msg_blob_t *msg, int fd);

/*
 * child_cycle_socket -- add a socket.
 *
 * fd: taken; -1 = address only.  A socket that `now` (may be NULL) holds under
 * the same id is kept, and this descriptor of it closed.
 * Errors: ION_MALF too many, or a bad name (fd is closed).
 */
ION_NODISCARD ion_err_t child_cycle_socket(child_cycle_t *c,
    const ion_msg_socket_t *msg, int fd, const child_cycle_t *now);

/*
 * child_cycle_build -- all has come: parse the configuration.
 *
 * Errors: ION_MALF something is missing, or the text is not one of ours; *why
 *         says what | ION_NOMEM.
 */
ION_NODISCARD ion_err_t child_cycle_build(child_cycle_t *c, ion_errtext_t *why);

/*
 * child_cycle_adopt -- `next` is in force: close the sockets that only *old
 * has, free *old (NULL is fine) and null it.
 */
void child_cycle_adopt(child_cycle_t *next, child_cycle_t **old);

/*
 * child_cycle_close_listeners -- close every socket of the cycle: nobody may
 * be left waiting in a backlog that is not read any more.  The modules have
 * forgotten them.
 */
void child_cycle_close_listeners(child_cycle_t *c);

/* child_cycle_free -- forget a cycle and the descriptors that are its own. */
void child_cycle_free(child_cycle_t **c);

#endif
