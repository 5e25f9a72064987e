/*
 * admin_keeper.h -- the control socket, served by the keeper.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The callbacks of the module (core/module.h) in the keeper.  The socket is
 * the master's: bound before rights are dropped, handed over, and never
 * changed by a reload.
 */
#ifndef ION_ADMIN_ADMIN_KEEPER_H
#define ION_ADMIN_ADMIN_KEEPER_H

#include <stdint.h>

#include "base/base.h"
#include "base/err.h"
#include "core/process.h"

/*
 * admin_keeper_start -- accept clients on the UNIX socket of p->cycle.
 *
 * Errors: ION_NOTFOUND the cycle has none | ION_NOMEM | ION_SYS, with *err.
 */
ION_NODISCARD ion_err_t admin_keeper_start(
    ion_process_t *p, uint32_t self, ion_errtext_t *err);

/* admin_keeper_drain -- no new clients; idle when the last one has left. */
void admin_keeper_drain(ion_process_t *p, uint32_t self);

/* admin_keeper_stop -- close all clients, give everything back. */
void admin_keeper_stop(ion_process_t *p, uint32_t self);

#endif
