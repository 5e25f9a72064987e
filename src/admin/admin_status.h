/*
 * admin_status.h -- what `ionscale status` shows.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Processes and counters come from shared memory, listeners and configuration
 * from the cycle in force, the rest from what the master said about it.
 */
#ifndef ION_ADMIN_ADMIN_STATUS_H
#define ION_ADMIN_ADMIN_STATUS_H

#include "core/process.h"
#include "doc/emit.h"
#include "shm/shm.h"

/*
 * admin_status_write -- write the status object as one value.
 *
 * Errors: the builder's failed flag.
 */
void admin_status_write(const ion_process_t *p, ion_jw_t *w);

/*
 * admin_status_role_word -- "master", "worker", "keeper".
 *
 * Errors: none; "unknown" for what is none of the roles.
 */
const char *admin_status_role_word(ion_slot_role_t role);

#endif
