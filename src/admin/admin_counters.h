/*
 * admin_counters.h -- every counter of the instance, summed over processes.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * One walk for `status` and for the Prometheus text, so that both have the
 * same names and numbers.  Counters and gauges are sums over all slots; what
 * is neither (an average, a configured rate) is the mean over the running
 * workers.  Gauges about clients as a whole are counted in the directory.
 */
#ifndef ION_ADMIN_ADMIN_COUNTERS_H
#define ION_ADMIN_ADMIN_COUNTERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "core/process.h"
#include "shm/stats.h"

typedef struct admin_counter {
    const char *name;
    const char *labels; /* reason="x",kind="y"; NULL = none */
    ion_stat_type_t type;
    const char *help; /* NULL: another line of the metric before */
    uint64_t value;
    uint64_t scale; /* what is meant is value / scale: 1, 10, 100... */
} admin_counter_t;

/*
 * admin_counters_walk -- call visit for each counter.
 *
 * Shape:  lines of one metric come one after the other.
 * Errors: none.
 */
void admin_counters_walk(const ion_process_t *p,
    void (*visit)(void *arg, const admin_counter_t *c), void *arg);

/*
 * admin_counter_type_word -- "counter", "gauge", "untyped", "histogram".
 *
 * Errors: none.
 */
const char *admin_counter_type_word(ion_stat_type_t type);

/*
 * admin_counter_family -- the name that a counter's description is of: of a
 * histogram's NAME_bucket it is NAME, else the counter's own.
 *
 * Errors: none.
 */
ion_str_t admin_counter_family(const admin_counter_t *c);

/*
 * admin_counter_of_slot -- one process's share of a metric without labels.
 *
 * Errors: none; 0 for a name that no table has.
 */
uint64_t admin_counter_of_slot(
    const ion_process_t *p, const char *name, uint32_t slot);

#endif
