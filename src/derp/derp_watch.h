/*
 * derp_watch.h -- mesh members that watch who comes and goes.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * As long as a worker has a watcher it wants to hear of every client of every
 * worker (shm/dir.h, ion_dir_watch), keeps them in a table (derp_presence.h)
 * and tells its watchers, who are written to like others, when their socket
 * takes something. Without a watcher there is neither table nor message.
 */
#ifndef ION_DERP_DERP_WATCH_H
#define ION_DERP_DERP_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "derp/derp_session.h"
#include "proto/derp_frame.h"
#include "shm/dir.h"

struct derp_worker;
typedef struct derp_watch derp_watch_t;

/*
 * derp_watch_begin -- a mesh member wants to watch, or to hear of everybody
 * once more.
 *
 * Shape:  does nothing for a connection of our own key. Without memory, or
 *         with DERP_WATCHERS_MAX watchers on this worker, the session is
 *         closed, so that it tries again.
 * Errors: none.
 */
void derp_watch_begin(derp_session_t *s);

/* derp_watch_end -- a session ends; it may be no watcher.  Errors: none. */
void derp_watch_end(derp_session_t *s);

/*
 * derp_watch_registered, derp_watch_left -- a client of ours has come, or has
 * left: tell those who watch, other workers and our own watchers.
 *
 * Errors: none.
 */
void derp_watch_registered(derp_session_t *s, const ion_slot_mask_t *watchers);
void derp_watch_left(struct derp_worker *w, const ion_dir_left_t *left);

/*
 * derp_watch_on_present, derp_watch_on_left -- another worker says so.
 *
 * Errors: none.
 */
void derp_watch_on_present(struct derp_worker *w, ion_conn_id_t conn);
void derp_watch_on_left(struct derp_worker *w, ion_conn_id_t conn);

/*
 * derp_watch_retire -- a worker is dead: forget its clients, some at a time.
 *
 * Shape:  true when none is left.
 * Errors: none.
 */
bool derp_watch_retire(struct derp_worker *w, uint32_t slot);

/*
 * derp_watch_turn -- a step of the walk over the directory that a first
 * watcher begins with.
 *
 * Errors: none.
 */
void derp_watch_turn(struct derp_worker *w);

/* derp_watch_is_busy -- is there more of that walk?  Errors: none. */
bool derp_watch_is_busy(const struct derp_worker *w);

/*
 * derp_watch_next -- the next frame for a session that watches.
 *
 * Shape:  returns its length; 0: there is nothing to tell it, or it does not
 *         watch.
 * Errors: none.
 */
size_t derp_watch_next(
    derp_session_t *s, uint8_t frame[DERP_PEER_PRESENT_FRAME]);

/* derp_watch_free -- with the worker; no session is left.  Errors: none. */
void derp_watch_free(struct derp_worker *w);

#endif
