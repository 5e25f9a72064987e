/*
 * derp_presence.h -- who is connected, as mesh members that watch are told.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A worker that serves watchers keeps every client of the instance here, by
 * connection, in the order in which it learned of them. A watcher is a place
 * in that list: what is before it has been told, what is behind it will be, so
 * that the flood at the beginning and the stream after it are one, and a slow
 * watcher holds no list of its own. A key whose last connection has left stays
 * as a notice until the watchers that were told of it have been told that too;
 * notices go before anything else.
 *
 * Each watcher hears of a key, then of each further connection of it, then
 * once that it is gone, in this order; of one that came and left before its
 * turn, nothing.
 */
#ifndef ION_DERP_DERP_PRESENCE_H
#define ION_DERP_DERP_PRESENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/base.h"
#include "base/err.h"
#include "crypto/keys.h"
#include "shm/ids.h"

#define DERP_WATCHERS_MAX 64u

typedef struct derp_presence derp_presence_t;

/* One client's connection. */
typedef struct derp_present {
    ion_conn_id_t conn;
    ion_key_t key;
    ion_addr_t addr;
    uint8_t flags; /* DERP_PRESENT_* */
} derp_present_t;

/* What a watcher is told next. */
typedef struct derp_news {
    bool is_gone; /* the key has no connection any more; else who is there */
    derp_present_t who;
} derp_news_t;

/*
 * derp_presence_new -- an empty table that nobody watches and that is not yet
 * complete.
 *
 * Shape:  seed keys the hashes; at most max connections, and as many notices
 *         again.
 * Owns:   gives *out; derp_presence_free.
 * Errors: ION_NOMEM.
 */
ION_NODISCARD ion_err_t derp_presence_new(
    const uint8_t seed[16], size_t max, derp_presence_t **out);

/* derp_presence_free -- *t becomes NULL; it may be NULL.  Errors: none. */
void derp_presence_free(derp_presence_t **t);

/*
 * derp_presence_complete -- all clients that were there at first are in the
 * table: watchers are told from now on.
 *
 * Errors: none.
 */
void derp_presence_complete(derp_presence_t *t);

/*
 * derp_presence_add -- a connection is there; one that is known is left alone.
 *
 * Errors: ION_NOMEM; nothing changed.
 */
ION_NODISCARD ion_err_t derp_presence_add(
    derp_presence_t *t, const derp_present_t *who);

/* derp_presence_del -- it has left; an unknown one is no matter. */
void derp_presence_del(derp_presence_t *t, ion_conn_id_t conn);

/*
 * derp_presence_del_slot -- a worker has died: all of its have left.
 *
 * Shape:  at most budget of them at a time; true when none is left.
 * Errors: none.
 */
ION_NODISCARD bool derp_presence_del_slot(
    derp_presence_t *t, uint32_t slot, size_t budget);

/*
 * derp_presence_watch -- a new watcher, which has been told nothing.
 *
 * Shape:  *number is below DERP_WATCHERS_MAX.
 * Errors: ION_LIMIT there are DERP_WATCHERS_MAX.
 */
ION_NODISCARD ion_err_t derp_presence_watch(
    derp_presence_t *t, unsigned *number);

/* derp_presence_again -- tell it of everybody once more.  Errors: none. */
void derp_presence_again(derp_presence_t *t, unsigned number);

/* derp_presence_unwatch -- the watcher has left.  Errors: none. */
void derp_presence_unwatch(derp_presence_t *t, unsigned number);

/*
 * derp_presence_next -- what a watcher is told next; false: nothing now.
 *
 * Errors: none.
 */
ION_NODISCARD bool derp_presence_next(
    derp_presence_t *t, unsigned number, derp_news_t *out);

/*
 * derp_presence_slowest -- the watcher that keeps the oldest notice; false:
 * there is no notice.
 *
 * Errors: none.
 */
bool derp_presence_slowest(const derp_presence_t *t, unsigned *number);

/* derp_presence_count, _notices -- connections, and notices, now. */
size_t derp_presence_count(const derp_presence_t *t);
size_t derp_presence_notices(const derp_presence_t *t);

#endif
