/*
 * stun_worker.h -- a worker's STUN sockets.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The callbacks of the module (core/module.h), split from its tables so that
 * those can be read in any role.
 */
#ifndef ION_STUN_STUN_WORKER_H
#define ION_STUN_STUN_WORKER_H

#include <stdint.h>

#include "base/err.h"
#include "core/process.h"

/* order of stun_stats[] */
enum {
    STUN_STAT_SUCCESS,
    STUN_STAT_NOT_STUN,
    STUN_STAT_READ_ERROR,
    STUN_STAT_WRITE_ERROR,
    STUN_STAT_IPV4,
    STUN_STAT_IPV6,
    STUN_STAT_COUNT,
};

/*
 * stun_worker_start -- answer on every UDP socket of p->cycle.
 *
 * Errors: ION_NOMEM | ION_SYS, with *err naming the socket.
 */
ION_NODISCARD ion_err_t stun_worker_start(
    ion_process_t *p, uint32_t self, ion_errtext_t *err);

/*
 * stun_worker_prepare -- open what next has and the present cycle has not;
 * nothing is read from those sockets yet.
 *
 * Errors: ION_NOMEM | ION_SYS, with *err naming the socket; nothing is left.
 */
ION_NODISCARD ion_err_t stun_worker_prepare(ion_process_t *p, uint32_t self,
    const ion_cycle_t *next, ion_errtext_t *err);

/* stun_worker_commit -- read from the new ones, empty and drop the others. */
void stun_worker_commit(ion_process_t *p, uint32_t self);

/* stun_worker_abort -- drop what prepare opened. */
void stun_worker_abort(ion_process_t *p, uint32_t self);

/* stun_worker_drain -- empty and drop all sockets; idle at once. */
void stun_worker_drain(ion_process_t *p, uint32_t self);

/* stun_worker_stop -- give everything back. */
void stun_worker_stop(ion_process_t *p, uint32_t self);

#endif
