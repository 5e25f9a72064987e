/*
 * derp_watch.c -- mesh members that watch who comes and goes.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "derp/derp_watch.h"

#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "derp/derp_fabric.h"
#include "derp/derp_presence.h"
#include "derp/derp_worker.h"
#include "shm/shm.h"

#define WALK_PLACES ((uint64_t)2048) /* of the directory, per turn */
#define DROP_BUDGET ((size_t)2048)   /* connections, per turn */

struct derp_watch {
    derp_presence_t *table;
    derp_session_t *session[DERP_WATCHERS_MAX];
    unsigned count;
    bool is_walking;
    uint64_t place; /* where the walk goes on */
};

static ion_err_t
watch_new(derp_worker_t *w)
{
    size_t max = 2 * (size_t)ion_shm_geometry(w->shm)->max_clients + 1024;
    derp_watch_t *watch = calloc(1, sizeof(*watch));
    uint8_t seed[16];
    ion_err_t rc;

    if (watch == NULL) {
        return ION_NOMEM;
    }
    ion_random(seed, sizeof(seed));
    rc = derp_presence_new(seed, max, &watch->table);
    if (rc != ION_OK) {
        free(watch);
        return rc;
    }
    watch->is_walking = true;
    w->watch = watch;
    ion_dir_watch(w->shm, true);
    return ION_OK;
}

void
derp_watch_free(derp_worker_t *w)
{
    if (w->watch == NULL) {
        return;
    }
    ion_dir_watch(w->shm, false);
    derp_presence_free(&w->watch->table);
    free(w->watch);
    w->watch = NULL;
}

static void
refuse(derp_session_t *s, const char *why)
{
    DERP_LOG(s, ION_LOG_WARN, 0, "closing: it cannot watch: %s", why);
    derp_session_close(s);
}

static bool
is_self(const derp_session_t *s)
{
    return ion_key_eq(&s->st.key, &s->w->public);
}

void
derp_watch_begin(derp_session_t *s)
{
    derp_worker_t *w = s->w;
    unsigned number;

    if (is_self(s)) {
        return;
    }
    if (s->watcher > 0) {
        derp_presence_again(w->watch->table, s->watcher - 1);
        derp_session_mark_dirty(s);
        return;
    }
    if (w->watch == NULL && watch_new(w) != ION_OK) {
        refuse(s, "no memory left");
        return;
    }
    if (derp_presence_watch(w->watch->table, &number) != ION_OK) {
        refuse(s, "64 others do on this worker");
        return;
    }
    w->watch->session[number] = s;
    w->watch->count++;
    s->watcher = (uint8_t)(number + 1);
    derp_count(w, DERP_STAT_WATCHERS, 1);
    derp_session_mark_dirty(s);
}

void
derp_watch_end(derp_session_t *s)
{
    derp_worker_t *w = s->w;
    unsigned number = s->watcher;

    if (number == 0) {
        return;
    }
    s->watcher = 0;
    w->watch->session[number - 1] = NULL;
    w->watch->count--;
    derp_uncount(w, DERP_STAT_WATCHERS, 1);
    if (w->watch->count == 0) {
        derp_watch_free(w);
        return;
    }
    derp_presence_unwatch(w->watch->table, number - 1);
}

/* There is something to tell. */
static void
wake(derp_watch_t *watch)
{
    for (size_t i = 0; i < DERP_WATCHERS_MAX; i++) {
        if (watch->session[i] != NULL) {
            derp_session_mark_dirty(watch->session[i]);
        }
    }
}

/*
 * The table is full of notices that slow watchers keep, or memory is: those
 * who are slowest go, in the end all, and with them the table.
 */
static void
make_room(derp_worker_t *w)
{
    derp_watch_t *watch = w->watch;
    unsigned number = 0;

    if (!derp_presence_slowest(watch->table, &number)) {
        while (watch->session[number] == NULL) {
            number++; /* there is one, or there would be no table */
        }
    }
    refuse(watch->session[number], "no memory left for what it must be told");
}

static uint8_t
flags_of(uint32_t flags)
{
    uint8_t out = 0;

    out |= (flags & ION_DIR_MESH) != 0 ? DERP_PRESENT_MESH : 0;
    out |= (flags & ION_DIR_PROBER) != 0 ? DERP_PRESENT_PROBER : 0;
    out |= (flags & ION_DIR_NOT_IDEAL) != 0 ? DERP_PRESENT_NOT_IDEAL : 0;
    return out;
}

/* Closing watchers may end the table. */
static void
add(derp_worker_t *w, const ion_dir_row_t *row)
{
    derp_present_t who = {
        .conn = row->conn,
        .key = row->key,
        .addr = row->addr,
        .flags = flags_of(row->flags),
    };

    if ((row->flags & ION_DIR_FORWARDER) != 0) {
        return;
    }
    while (w->watch != NULL &&
           derp_presence_add(w->watch->table, &who) != ION_OK) {
        make_room(w);
    }
}

void
derp_watch_on_present(derp_worker_t *w, ion_conn_id_t conn)
{
    ion_dir_row_t row;

    if (w->watch == NULL || ion_dir_get(w->shm, conn, &row) != ION_OK) {
        return;
    }
    add(w, &row);
    if (w->watch != NULL) {
        wake(w->watch);
    }
}

void
derp_watch_on_left(derp_worker_t *w, ion_conn_id_t conn)
{
    if (w->watch != NULL) {
        derp_presence_del(w->watch->table, conn);
        wake(w->watch);
    }
}

void
derp_watch_registered(derp_session_t *s, const ion_slot_mask_t *watchers)
{
    derp_worker_t *w = s->w;
    ion_fabric_ctl_t ctl = {
        .type = ION_FABRIC_PRESENT,
        .conn = s->st.entry.conn,
        .seq = s->st.entry.seq,
        .key = s->st.key,
    };

    if (ion_slot_mask_is_empty(watchers)) {
        return;
    }
    derp_fabric_tell(w, watchers, &ctl);
    if (ion_slot_mask_has(watchers, w->p->slot)) {
        derp_watch_on_present(w, ctl.conn);
    }
}

void
derp_watch_left(derp_worker_t *w, const ion_dir_left_t *left)
{
    ion_fabric_ctl_t ctl = {
        .type = ION_FABRIC_LEFT,
        .conn = left->conn,
        .seq = left->seq,
        .key = left->key,
    };

    if (ion_slot_mask_is_empty(&left->watchers)) {
        return;
    }
    derp_fabric_tell(w, &left->watchers, &ctl);
    if (ion_slot_mask_has(&left->watchers, w->p->slot)) {
        derp_watch_on_left(w, ctl.conn);
    }
}

bool
derp_watch_retire(derp_worker_t *w, uint32_t slot)
{
    bool is_done = true;

    if (w->watch != NULL) {
        is_done = derp_presence_del_slot(w->watch->table, slot, DROP_BUDGET);
        wake(w->watch);
    }
    return is_done;
}

void
derp_watch_turn(derp_worker_t *w)
{
    uint64_t end;
    ion_dir_row_t row;

    if (w->watch == NULL || !w->watch->is_walking) {
        return;
    }
    end = w->watch->place + WALK_PLACES;
    while (w->watch != NULL &&
           ion_dir_next_within(w->shm, &w->watch->place, end, &row))
    {
        add(w, &row);
    }
    if (w->watch != NULL && w->watch->place == ion_dir_places(w->shm)) {
        w->watch->is_walking = false;
        derp_presence_complete(w->watch->table);
        wake(w->watch);
    }
}

bool
derp_watch_is_busy(const derp_worker_t *w)
{
    return w->watch != NULL && w->watch->is_walking;
}

size_t
derp_watch_next(derp_session_t *s, uint8_t frame[DERP_PEER_PRESENT_FRAME])
{
    derp_news_t news;

    if (s->watcher == 0 ||
        !derp_presence_next(s->w->watch->table, s->watcher - 1, &news))
    {
        return 0;
    }
    if (news.is_gone) {
        derp_count(s->w, DERP_STAT_GONE_DISCONNECTED, 1);
        derp_peer_gone_put(frame, &news.who.key, DERP_GONE_DISCONNECTED);
        return DERP_PEER_GONE_FRAME;
    }
    derp_peer_present_put(frame, &news.who.key, &news.who.addr, news.who.flags);
    return DERP_PEER_PRESENT_FRAME;
}
