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

/*
 * admin_status_write -- write the status object as one value.
 *
 * Errors: the builder's failed flag.
 */
void admin_status_write(const ion_process_t *p, ion_jw_t *w);

#endif
