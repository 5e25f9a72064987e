/*
 * derp_route.c -- from a sender's frame to where its destination is.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A ring to another worker that is full means that its process is behind, not
 * that a client is slow. The sender's input then waits, with the packet, until
 * the ring has room, but not for long: after DERP_FABRIC_PATIENCE the packet
 * is dropped, and the worker counts as stalled, for which nobody waits again
 * before it takes something. So a burst of a queue's length passes between
 * workers as it does within one, and a worker that hangs costs each sender
 * one short wait.
 */
#include <string.h>

#include "derp/derp_relay.h"
#include "derp/derp_worker.h"
#include "proto/derp_frame.h"
#include "shm/dir.h"
#include "shm/fabric.h"

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
    derp_worker_t *w = s->w;
    ion_err_t rc = ion_fabric_send_data(w->fabric, &data, payload, n);

    if (rc == ION_OK) {
        derp_count(w, DERP_STAT_FABRIC_PACKETS, 1);
        derp_count(w, DERP_STAT_FABRIC_BYTES, n);
        ion_slot_mask_del(&w->stalled, hit->conn.slot);
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

/*
 * One try to pass a packet on; *slot is the worker that was tried last.
 * Errors: ION_LIMIT the ring to that worker has no room for it.
 */
static ion_err_t
route(derp_session_t *s, const ion_key_t *dst, derp_kind_t kind,
    const uint8_t *payload, size_t n, derp_packet_t **own, uint32_t *slot)
{
    derp_worker_t *w = s->w;
    ion_dir_hit_t hit;
    ion_err_t rc;

    /* twice: a cached hit may lead to a worker that has died meanwhile */
    for (int i = 0; i < 2; i++) {
        if (find(s, dst, &hit) != ION_OK) {
            break;
        }
        *slot = hit.conn.slot;
        ion_slot_mask_add(&s->st.reach, hit.conn.slot);
        if (hit.conn.slot == w->p->slot) {
            relay_local(s, &hit, kind, payload, n, own);
            return ION_OK;
        }
        rc = relay_remote(s, &hit, kind, payload, n);
        if (rc != ION_CLOSED) {
            return rc;
        }
        forget(s, dst);
    }
    unknown_dest(s, dst, kind, n);
    return ION_OK;
}

static void
drop_full(derp_session_t *s, derp_kind_t kind, size_t n)
{
    derp_count(s->w, DERP_STAT_FABRIC_FULL, 1);
    derp_count_drop(s->w, DERP_DROP_QUEUE_TAIL, kind, n);
}

/* Keep the packet, and with it the sender's input, for another try. */
static bool
keep_waiting(derp_session_t *s, const ion_key_t *dst, derp_kind_t kind,
    const uint8_t *payload, size_t n, derp_packet_t **own)
{
    derp_worker_t *w = s->w;
    derp_packet_t *packet = NULL;

    if (own != NULL && *own != NULL) {
        packet = *own;
        *own = NULL;
    } else {
        if (derp_pool_get(w->pool, DERP_RECV_HEADER + n, &packet) != ION_OK) {
            return false;
        }
        memcpy(packet->frame + DERP_RECV_HEADER, payload, n);
    }
    memcpy(packet->frame + DERP_HEADER_LEN, dst->b, sizeof(dst->b));
    packet->len = (uint32_t)(DERP_RECV_HEADER + n);
    packet->kind = (uint8_t)kind;
    s->waiting = packet;
    s->st.fabric_due = ion_loop_now(w->loop) + DERP_FABRIC_PATIENCE;
    ion_list_add_tail(&w->waiting, &s->wait);
    return true;
}

void
derp_relay_packet(derp_session_t *s, const ion_key_t *dst,
    const uint8_t *payload, size_t n, derp_packet_t **own)
{
    derp_worker_t *w = s->w;
    bool is_disco = ion_packet_is_disco(payload, n);
    derp_kind_t kind = is_disco ? DERP_KIND_DISCO : DERP_KIND_OTHER;
    uint32_t slot = 0;

    derp_count(w, DERP_STAT_PACKETS_RECEIVED, 1);
    derp_count(w, DERP_STAT_BYTES_RECEIVED, n);
    derp_count(
        w, is_disco ? DERP_STAT_RECEIVED_DISCO : DERP_STAT_RECEIVED_OTHER, 1);
    s->st.traffic.packets_in++;
    s->st.traffic.bytes_in += n;
    if (route(s, dst, kind, payload, n, own, &slot) == ION_OK) {
        return;
    }
    if (ion_slot_mask_has(&w->stalled, slot) ||
        !keep_waiting(s, dst, kind, payload, n, own))
    {
        drop_full(s, kind, n);
    }
}

bool
derp_relay_retry(derp_session_t *s)
{
    derp_worker_t *w = s->w;
    derp_packet_t *packet = s->waiting;
    size_t n = packet->len - DERP_RECV_HEADER;
    derp_kind_t kind = packet->kind;
    uint32_t slot = 0;
    ion_key_t dst;

    memcpy(dst.b, packet->frame + DERP_HEADER_LEN, sizeof(dst.b));
    s->waiting = NULL; /* the session may end on the way */
    if (route(s, &dst, kind, packet->frame + DERP_RECV_HEADER, n, &packet,
            &slot) != ION_OK)
    {
        if (ion_loop_now(w->loop) < s->st.fabric_due &&
            !ion_slot_mask_has(&w->stalled, slot))
        {
            s->waiting = packet;
            return false;
        }
        ion_slot_mask_add(&w->stalled, slot);
        drop_full(s, kind, n);
    }
    s->st.fabric_due = 0;
    ion_list_del(&s->wait);
    derp_pool_put(w->pool, &packet);
    return true;
}
