/*
 * admin_usage.h -- what each process uses and does, as counters by process.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef ION_ADMIN_ADMIN_USAGE_H
#define ION_ADMIN_ADMIN_USAGE_H

#include "admin/admin_counters.h"

/*
 * admin_usage_walk -- call visit for each process and each thing it uses, and
 * for the sums that the reference relay has.
 *
 * Shape:  the label is process="master", "keeper" or "worker0"; workers that
 *         drain are "worker0-draining", all of one index together, because
 *         the next one with that index is there already.
 * Errors: none.
 */
void admin_usage_walk(const ion_process_t *p,
    void (*visit)(void *arg, const admin_counter_t *c), void *arg);

#endif
