/*
 * derp_presence.c -- who is connected, as mesh members that watch are told.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A key in the table knows which watchers were told of it, a bit for each.
 * Within the flood, which ends at the newest connection of when it began, a
 * key is told once: at the oldest of its connections. The others of it come
 * later in the list, and every one that was the oldest before has been passed
 * while it was, so none is told of nothing.
 *
 * While a key has a notice and comes back it is another entry: watchers that
 * are still to hear the notice are before it in the list.
 */
#include "derp/derp_presence.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/list.h"
#include "base/map.h"
#include "base/slab.h"

typedef struct presence_key {
    ion_list_t conns;  /* the oldest first; empty: this is a notice */
    ion_list_t notice; /* of all notices */
    uint64_t told;     /* watchers that know of it */
    ion_key_t key;
} presence_key_t;

typedef struct presence_conn {
    ion_list_t link; /* of all, in the order of arrival */
    ion_list_t of_key;
    ion_list_t of_slot;
    presence_key_t *key; /* back */
    uint64_t order;
    derp_present_t who;
} presence_conn_t;

typedef struct conn_key {
    uint32_t record;
    uint32_t life;
    uint32_t slot;
} conn_key_t;

ION_STATIC_ASSERT(sizeof(conn_key_t) == 12, "no padding in a hash key");

typedef struct watcher {
    bool is_used;
    ion_list_t *next;   /* link to be told of, the list's head: none */
    ion_list_t *notice; /* likewise, first notice that may concern it */
    uint64_t flood_end; /* order of the newest when it began */
} watcher_t;

struct derp_presence {
    bool is_complete;
    ion_map_t *by_conn;
    ion_map_t *by_key;
    ion_slab_t *conns;
    ion_slab_t *keys;
    ion_list_t all;
    ion_list_t notices;
    ion_list_t of_slot[ION_WORKER_SLOTS_MAX];
    size_t notice_count;
    uint64_t last_order;
    watcher_t watcher[DERP_WATCHERS_MAX];
};

ion_err_t
derp_presence_new(const uint8_t seed[16], size_t max, derp_presence_t **out)
{
    derp_presence_t *t = calloc(1, sizeof(*t));
    ion_err_t rc;

    if (t == NULL) {
        return ION_NOMEM;
    }
    ion_list_init(&t->all);
    ion_list_init(&t->notices);
    for (size_t i = 0; i < ION_WORKER_SLOTS_MAX; i++) {
        ion_list_init(&t->of_slot[i]);
    }
    rc = ion_map_new(sizeof(conn_key_t), 0, seed, &t->by_conn);
    if (rc == ION_OK) {
        rc = ion_map_new(sizeof(ion_key_t), 0, seed, &t->by_key);
    }
    if (rc == ION_OK) {
        rc = ion_slab_new(sizeof(presence_conn_t), max, &t->conns);
    }
    if (rc == ION_OK) {
        rc = ion_slab_new(sizeof(presence_key_t), 2 * max, &t->keys);
    }
    if (rc != ION_OK) {
        derp_presence_free(&t);
        return rc;
    }
    *out = t;
    return ION_OK;
}

void
derp_presence_free(derp_presence_t **t)
{
    derp_presence_t *p = *t;

    *t = NULL;
    if (p == NULL) {
        return;
    }
    ion_map_free(&p->by_conn);
    ion_map_free(&p->by_key);
    ion_slab_free(&p->conns);
    ion_slab_free(&p->keys);
    free(p);
}

/* Tell of everybody who is there now. */
static void
flood(derp_presence_t *t, watcher_t *w)
{
    w->next = t->all.next;
    w->flood_end = t->last_order;
}

void
derp_presence_complete(derp_presence_t *t)
{
    t->is_complete = true;
    for (size_t i = 0; i < DERP_WATCHERS_MAX; i++) {
        if (t->watcher[i].is_used) {
            flood(t, &t->watcher[i]);
        }
    }
}

static conn_key_t
conn_key(ion_conn_id_t conn)
{
    return (conn_key_t){ conn.record, conn.life, conn.slot };
}

static presence_key_t *
key_find_or_make(derp_presence_t *t, const ion_key_t *key)
{
    presence_key_t *k = ion_map_get(t->by_key, key);

    if (k != NULL) {
        return k;
    }
    k = ion_slab_get(t->keys);
    if (k == NULL) {
        return NULL;
    }
    k->key = *key;
    ion_list_init(&k->conns);
    ion_list_init(&k->notice);
    if (ion_map_put(t->by_key, key, k) != ION_OK) {
        ion_slab_put(t->keys, k);
        return NULL;
    }
    return k;
}

/* All know that it is gone, or nobody knew of it. */
static void
key_free(derp_presence_t *t, presence_key_t *k)
{
    for (size_t i = 0; i < DERP_WATCHERS_MAX; i++) {
        if (t->watcher[i].notice == &k->notice) {
            t->watcher[i].notice = k->notice.next;
        }
    }
    if (!ion_list_is_empty(&k->notice)) {
        ion_list_del(&k->notice);
        t->notice_count--;
    }
    ion_slab_put(t->keys, k);
}

/* Its last connection has left. */
static void
key_gone(derp_presence_t *t, presence_key_t *k)
{
    (void)ion_map_del(t->by_key, &k->key);
    if (k->told == 0) {
        key_free(t, k);
        return;
    }
    for (size_t i = 0; i < DERP_WATCHERS_MAX; i++) {
        if (t->watcher[i].notice == &t->notices) {
            t->watcher[i].notice = &k->notice;
        }
    }
    ion_list_add_tail(&t->notices, &k->notice);
    t->notice_count++;
}

/* Behind all others, where watchers that have been told of all will find it. */
static void
append(derp_presence_t *t, presence_conn_t *c)
{
    for (size_t i = 0; i < DERP_WATCHERS_MAX; i++) {
        if (t->watcher[i].next == &t->all) {
            t->watcher[i].next = &c->link;
        }
    }
    c->order = ++t->last_order;
    ion_list_add_tail(&t->all, &c->link);
    ion_list_add_tail(&c->key->conns, &c->of_key);
    ion_list_add_tail(&t->of_slot[c->who.conn.slot], &c->of_slot);
}

ion_err_t
derp_presence_add(derp_presence_t *t, const derp_present_t *who)
{
    conn_key_t id = conn_key(who->conn);
    presence_conn_t *c;

    ION_ASSERT(who->conn.slot < ION_WORKER_SLOTS_MAX);
    if (ion_map_get(t->by_conn, &id) != NULL) {
        return ION_OK;
    }
    c = ion_slab_get(t->conns);
    if (c == NULL) {
        return ION_NOMEM;
    }
    c->who = *who;
    ion_list_init(&c->link);
    ion_list_init(&c->of_key);
    ion_list_init(&c->of_slot);
    c->key = key_find_or_make(t, &who->key);
    if (c->key == NULL || ion_map_put(t->by_conn, &id, c) != ION_OK) {
        if (c->key != NULL && ion_list_is_empty(&c->key->conns)) {
            (void)ion_map_del(t->by_key, &who->key);
            key_free(t, c->key);
        }
        ion_slab_put(t->conns, c);
        return ION_NOMEM;
    }
    append(t, c);
    return ION_OK;
}

static void
conn_drop(derp_presence_t *t, presence_conn_t *c)
{
    conn_key_t id = conn_key(c->who.conn);
    presence_key_t *k = c->key;

    for (size_t i = 0; i < DERP_WATCHERS_MAX; i++) {
        if (t->watcher[i].next == &c->link) {
            t->watcher[i].next = c->link.next;
        }
    }
    (void)ion_map_del(t->by_conn, &id);
    ion_list_del(&c->link);
    ion_list_del(&c->of_key);
    ion_list_del(&c->of_slot);
    ion_slab_put(t->conns, c);
    if (ion_list_is_empty(&k->conns)) {
        key_gone(t, k);
    }
}

void
derp_presence_del(derp_presence_t *t, ion_conn_id_t conn)
{
    conn_key_t id = conn_key(conn);
    presence_conn_t *c = ion_map_get(t->by_conn, &id);

    if (c != NULL) {
        conn_drop(t, c);
    }
}

bool
derp_presence_del_slot(derp_presence_t *t, uint32_t slot, size_t budget)
{
    ion_list_t *first;

    while ((first = ion_list_first(&t->of_slot[slot])) != NULL && budget > 0) {
        conn_drop(t, ION_CONTAINER_OF(first, presence_conn_t, of_slot));
        budget--;
    }
    return first == NULL;
}

ion_err_t
derp_presence_watch(derp_presence_t *t, unsigned *number)
{
    unsigned i = 0;

    while (i < DERP_WATCHERS_MAX && t->watcher[i].is_used) {
        i++;
    }
    if (i == DERP_WATCHERS_MAX) {
        return ION_LIMIT;
    }
    t->watcher[i] = (watcher_t){ .is_used = true, .notice = &t->notices };
    derp_presence_again(t, i);
    *number = i;
    return ION_OK;
}

void
derp_presence_again(derp_presence_t *t, unsigned number)
{
    ION_ASSERT(number < DERP_WATCHERS_MAX && t->watcher[number].is_used);
    if (t->is_complete) {
        flood(t, &t->watcher[number]);
    }
}

void
derp_presence_unwatch(derp_presence_t *t, unsigned number)
{
    uint64_t others = ~(UINT64_C(1) << number);

    ION_ASSERT(number < DERP_WATCHERS_MAX && t->watcher[number].is_used);
    t->watcher[number] = (watcher_t){ .is_used = false };
    ION_LIST_FOREACH(it, &t->all) {
        ION_CONTAINER_OF(it, presence_conn_t, link)->key->told &= others;
    }
    ION_LIST_FOREACH_SAFE(it, tmp, &t->notices) {
        presence_key_t *k = ION_CONTAINER_OF(it, presence_key_t, notice);

        k->told &= others;
        if (k->told == 0) {
            key_free(t, k);
        }
    }
}

static bool
next_notice(derp_presence_t *t, watcher_t *w, uint64_t bit, derp_news_t *out)
{
    while (w->notice != &t->notices) {
        presence_key_t *k = ION_CONTAINER_OF(w->notice, presence_key_t, notice);

        w->notice = w->notice->next;
        if ((k->told & bit) != 0) {
            *out = (derp_news_t){ .is_gone = true, .who.key = k->key };
            k->told &= ~bit;
            if (k->told == 0) {
                key_free(t, k);
            }
            return true;
        }
    }
    return false;
}

static bool
next_present(derp_presence_t *t, watcher_t *w, uint64_t bit, derp_news_t *out)
{
    while (w->next != NULL && w->next != &t->all) {
        presence_conn_t *c = ION_CONTAINER_OF(w->next, presence_conn_t, link);

        w->next = w->next->next;
        if (c->order > w->flood_end ||
            ion_list_first(&c->key->conns) == &c->of_key) {
            c->key->told |= bit;
            *out = (derp_news_t){ .who = c->who };
            return true;
        }
    }
    return false;
}

bool
derp_presence_next(derp_presence_t *t, unsigned number, derp_news_t *out)
{
    uint64_t bit = UINT64_C(1) << number;
    watcher_t *w = &t->watcher[number];

    ION_ASSERT(number < DERP_WATCHERS_MAX && w->is_used);
    return next_notice(t, w, bit, out) || next_present(t, w, bit, out);
}

bool
derp_presence_slowest(const derp_presence_t *t, unsigned *number)
{
    ion_list_t *first = ion_list_first(&t->notices);

    if (first == NULL) {
        return false;
    }
    *number = (unsigned)__builtin_ctzll(
        ION_CONTAINER_OF(first, presence_key_t, notice)->told);
    return true;
}

size_t
derp_presence_count(const derp_presence_t *t)
{
    return ion_map_count(t->by_conn);
}

size_t
derp_presence_notices(const derp_presence_t *t)
{
    return t->notice_count;
}
