/*
 * derp_stats.h -- counters that need more than an addition.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef ION_DERP_DERP_STATS_H
#define ION_DERP_DERP_STATS_H

#include "derp/derp.h"
#include "derp/derp_session.h"
#include "derp/derp_worker.h"

/*
 * derp_stats_sample_rtt -- put the connection's round-trip time, as the kernel
 * knows it, into its class; does nothing until the session's next sample is
 * due. Sampling rides on writes, so an idle relay stays asleep: a connection
 * that only gets keep-alives is sampled with them.
 *
 * Errors: none; what cannot be measured is counted as such.
 */
void derp_stats_sample_rtt(derp_session_t *s);

/*
 * derp_stats_count_frames -- that many frames go out with one send.
 *
 * Errors: none.
 */
void derp_stats_count_frames(derp_worker_t *w, size_t frames);

/*
 * derp_stats_count_batch, derp_stats_count_loops -- so many news in a batch to
 * a watcher; so many such batches in a turn.
 *
 * Errors: none.
 */
void derp_stats_count_batch(derp_worker_t *w, size_t news);
void derp_stats_count_loops(derp_worker_t *w, size_t batches);

/* derp_stats_frames_bucket -- the smallest bucket that holds so many frames. */
size_t derp_stats_frames_bucket(size_t frames);

/* derp_stats_rtt_class -- the class of a round-trip time in microseconds. */
derp_rtt_t derp_stats_rtt_class(uint32_t rtt_us);

#endif
