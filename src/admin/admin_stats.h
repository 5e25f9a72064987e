/*
 * admin_stats.h -- what `ionscale stats` shows.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef ION_ADMIN_ADMIN_STATS_H
#define ION_ADMIN_ADMIN_STATS_H

#include "admin/admin_counters.h"
#include "core/process.h"
#include "doc/emit.h"

/*
 * admin_stats_write -- all counters as one value: {"unix_ms",
 * "uptime_seconds", "metrics": [{"name", "type", "help",
 * "values": [{"labels": {...}, "value"}]}]}
 *
 * Shape:  labels is left out where there are none.
 * Errors: the builder's failed flag.
 */
void admin_stats_write(const ion_process_t *p, ion_jw_t *w);

/*
 * admin_stats_vars -- the counters as expvar would show them: an object with
 * a member for each, gauges under gauge_NAME; those that begin with "derp_"
 * and have no labels stand without it in an object "derp"; one with labels is
 * an object with a member for each of its lines.
 *
 * Errors: the builder's failed flag.
 */
void admin_stats_vars(const ion_process_t *p, ion_jw_t *w);

/*
 * admin_stats_value -- write a counter's value.
 *
 * Errors: the builder's failed flag.
 */
void admin_stats_value(const admin_counter_t *c, ion_jw_t *w);

#endif
