/*
 * derp_relay.c -- from a sender's frame to a receiver's queue.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "derp/derp_relay.h"

#include <string.h>

#include "derp/derp_fabric.h"
#include "derp/derp_worker.h"
#include "proto/derp_frame.h"
#include "shm/dir.h"
#include "shm/fabric.h"

/* A client may hold this share of what is left of the worker's budget: each
 * slow client gets less as there are more of them, and a new one always
 * finds room. */
#define BUDGET_SHARE 8

derp_session_t *
derp_relay_session(const derp_worker_t *w, ion_conn_id_t conn)
{
    derp_session_t *s;

    if (conn.record >= w->record_cap) {
        return NULL;
    }
    s = w->by_record[conn.record];
    if (s == NULL || !ion_conn_id_eq(s->st.entry.conn, conn)) {
        return NULL;
    }
    return s;
}

void
derp_relay_peer_gone(
    derp_session_t *to, const ion_key_t *key, derp_gone_reason_t reason)
{
    derp_packet_t *packet = NULL;

    if (derp_pool_get(to->w->pool, DERP_PEER_GONE_FRAME, &packet) != ION_OK) {
        DERP_LOG(to, ION_LOG_WARN, 0,
            "no memory left to tell the client that a peer is gone");
        return;
    }
    packet->kind = DERP_KIND_CONTROL;
    derp_peer_gone_put(packet->frame, key, reason);
    derp_queue_push(&to->queue, packet);
    derp_session_mark_dirty(to);
}

/* Answer a disco packet that has no destination, at a bounded rate. */
static void
not_here(derp_session_t *s, const ion_key_t *dst)
{
    ion_mono_t now = ion_loop_now(s->w->loop);

    if (derp_queue_count(&s->queue, DERP_KIND_CONTROL) >= DERP_NOT_HERE_QUEUE ||
        !ion_bucket_take(&s->st.not_here, now, 1))
    {
        return;
    }
    derp_relay_peer_gone(s, dst, DERP_GONE_NOT_HERE);
}

static void
evicted(derp_session_t *to, derp_packet_t *packet)
{
    derp_worker_t *w = to->w;

    derp_count_drop(
        w, DERP_DROP_QUEUE_HEAD, packet->kind, packet->len - DERP_RECV_HEADER);
    derp_count_queue_time(w, packet);
    to->st.traffic.drops++;
    derp_pool_put(w->pool, &packet);
}

/*
 * Make room in the receiver's queue. A receiver that is not known to be slow
 * gets what waits first, in the middle of the turn; only then the oldest go.
 * The receiver may have ended after this.
 */
static void
make_room(derp_session_t *to, derp_kind_t kind, size_t len)
{
    derp_worker_t *w = to->w;
    derp_packet_t *packet;
    derp_queue_limits_t limits = {
        .packets = (uint32_t)derp_worker_conf(w)->send_queue,
        .bytes = ION_MIN(
            (size_t)DERP_QUEUE_BYTES, derp_pool_left(w->pool) / BUDGET_SHARE),
    };

    if (!to->is_full && !derp_queue_has_room(&to->queue, kind, len, &limits)) {
        derp_output_flush(to);
    }
    while ((packet = derp_queue_evict(&to->queue, kind, len, &limits)) != NULL)
    {
        evicted(to, packet);
    }
}

/* A block of the pool; without memory the receiver's oldest packets go. */
static derp_packet_t *
get_block(derp_session_t *to, derp_kind_t kind, size_t len)
{
    derp_packet_t *packet = NULL;

    while (derp_pool_get(to->w->pool, len, &packet) != ION_OK) {
        derp_packet_t *oldest = derp_queue_drop_head(&to->queue, kind);

        if (oldest == NULL) {
            return NULL;
        }
        evicted(to, oldest);
    }
    return packet;
}

static bool
is_seen(derp_session_t *to, ion_conn_id_t src)
{
    ion_conn_id_t *seen = &to->seen[src.record % DERP_SEEN];

    if (ion_conn_id_eq(*seen, src)) {
        return true;
    }
    *seen = src;
    return false;
}

/*
 * The receiver wants to hear when the source leaves. While the source's
 * connection lives nothing can end the interest, so having armed it once is
 * remembered; what ends interests clears that memory.
 */
static void
arm_interest(derp_session_t *to, const derp_delivery_t *d)
{
    derp_worker_t *w = to->w;

    if (is_seen(to, d->src)) {
        return;
    }
    if (derp_interests_add(
            w->interests, &to->receiver, &d->src_key, d->src_seq) != ION_OK)
    {
        to->seen[d->src.record % DERP_SEEN] = (ion_conn_id_t){ 0 };
        return;
    }
    if (d->is_remote) {
        derp_fabric_suspect(w, &d->src_key);
    }
}

void
derp_relay_deliver(derp_session_t *to, const derp_delivery_t *d,
    const uint8_t *payload, size_t n, derp_packet_t **own)
{
    derp_worker_t *w = to->w;
    size_t len = DERP_RECV_HEADER + n;
    derp_packet_t *packet;

    make_room(to, d->kind, len);
    if (to->phase != DERP_PHASE_LIVE) {
        derp_count_drop(w, DERP_DROP_GONE_DISCONNECTED, d->kind, n);
        return;
    }
    if (own != NULL && *own != NULL) {
        packet = *own;
        *own = NULL;
    } else {
        packet = get_block(to, d->kind, len);
        if (packet == NULL) {
            derp_count_drop(w, DERP_DROP_QUEUE_TAIL, d->kind, n);
            to->st.traffic.drops++;
            return;
        }
        memcpy(packet->frame + DERP_RECV_HEADER, payload, n);
    }
    derp_recv_header_put(packet->frame, &d->src_key, n);
    packet->len = (uint32_t)len;
    packet->kind = (uint8_t)d->kind;
    packet->queued_at = ion_loop_now(w->loop);
    derp_queue_push(&to->queue, packet);
    derp_session_mark_dirty(to);
    arm_interest(to, d);
}

/* The sender's cache slot for a destination, NULL without memory for one. */
static derp_route_t *
route_of(derp_session_t *s, const ion_key_t *dst)
{
    if (s->routes == NULL) {
        s->routes = ion_slab_get(s->w->routes);
        if (s->routes == NULL) {
            return NULL;
        }
    }
    return &s->routes[dst->b[0] % DERP_ROUTES];
}

static ion_err_t
find(derp_session_t *s, const ion_key_t *dst, ion_dir_hit_t *hit)
{
    derp_worker_t *w = s->w;
    derp_route_t *route = route_of(s, dst);
    ion_err_t rc;

    if (route != NULL && route->hit.conn.life != 0 &&
        memcmp(&route->key, dst, sizeof(*dst)) == 0 &&
        ion_dir_is_fresh(w->shm, &route->hit))
    {
        *hit = route->hit;
        return ION_OK;
    }
    rc = ion_dir_lookup(w->shm, dst, hit);
    if (rc == ION_OK && route != NULL) {
        route->key = *dst;
        route->hit = *hit;
    }
    return rc;
}

static void
forget(derp_session_t *s, const ion_key_t *dst)
{
    derp_route_t *route = route_of(s, dst);

    if (route != NULL) {
        route->hit.conn.life = 0;
    }
}

static void
relay_local(derp_session_t *s, const ion_dir_hit_t *hit, derp_kind_t kind,
    const uint8_t *payload, size_t n, derp_packet_t **own)
{
    derp_session_t *to = derp_relay_session(s->w, hit->conn);
    derp_delivery_t d = {
        .src = s->st.entry.conn,
        .src_seq = s->st.entry.seq,
        .src_key = s->st.key,
        .kind = kind,
    };

    if (to == NULL) {
        derp_count_drop(s->w, DERP_DROP_GONE_DISCONNECTED, kind, n);
        return;
    }
    derp_relay_deliver(to, &d, payload, n, own);
}

static ion_err_t
relay_remote(derp_session_t *s, const ion_dir_hit_t *hit, derp_kind_t kind,
    const uint8_t *payload, size_t n)
{
    ion_fabric_data_t data = {
        .dst = hit->conn,
        .src = s->st.entry.conn,
        .src_seq = s->st.entry.seq,
        .src_key = s->st.key,
        .cls = (uint8_t)kind,
    };

    ion_err_t rc = ion_fabric_send_data(s->w->fabric, &data, payload, n);

    if (rc == ION_OK) {
        derp_count(s->w, DERP_STAT_FABRIC_PACKETS, 1);
        derp_count(s->w, DERP_STAT_FABRIC_BYTES, n);
    } else if (rc == ION_LIMIT) {
        derp_count(s->w, DERP_STAT_FABRIC_FULL, 1);
    }
    return rc;
}

static void
unknown_dest(
    derp_session_t *s, const ion_key_t *dst, derp_kind_t kind, size_t n)
{
    derp_count_drop(s->w, DERP_DROP_UNKNOWN_DEST, kind, n);
    if (kind == DERP_KIND_DISCO) {
        not_here(s, dst);
    }
}

void
derp_relay_packet(derp_session_t *s, const ion_key_t *dst,
    const uint8_t *payload, size_t n, derp_packet_t **own)
{
    derp_worker_t *w = s->w;
    bool is_disco = ion_packet_is_disco(payload, n);
    derp_kind_t kind = is_disco ? DERP_KIND_DISCO : DERP_KIND_OTHER;
    ion_dir_hit_t hit;
    ion_err_t rc;

    derp_count(w, DERP_STAT_PACKETS_RECEIVED, 1);
    derp_count(w, DERP_STAT_BYTES_RECEIVED, n);
    derp_count(
        w, is_disco ? DERP_STAT_RECEIVED_DISCO : DERP_STAT_RECEIVED_OTHER, 1);
    s->st.traffic.packets_in++;
    s->st.traffic.bytes_in += n;

    /* twice: a cached hit may lead to a worker that has died meanwhile */
    for (int i = 0; i < 2; i++) {
        if (find(s, dst, &hit) != ION_OK) {
            break;
        }
        ion_slot_mask_add(&s->st.reach, hit.conn.slot);
        if (hit.conn.slot == w->p->slot) {
            relay_local(s, &hit, kind, payload, n, own);
            return;
        }
        rc = relay_remote(s, &hit, kind, payload, n);
        if (rc == ION_OK) {
            return;
        }
        if (rc != ION_CLOSED) {
            derp_count_drop(w, DERP_DROP_QUEUE_TAIL, kind, n);
            return;
        }
        forget(s, dst);
    }
    unknown_dest(s, dst, kind, n);
}
