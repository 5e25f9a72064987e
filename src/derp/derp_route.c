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

#include "derp/derp_fabric.h"
#include "derp/derp_mesh.h"
#include "derp/derp_relay.h"
#include "derp/derp_worker.h"
#include "proto/derp_frame.h"
#include "shm/dir.h"
#include "shm/fabric.h"

/* A packet on its way out of a session. */
typedef struct outgoing {
    ion_key_t src;
    ion_key_t dst;
    bool is_forwarded; /* the session is a mesh member; src is not its key */
    derp_kind_t kind;
    const uint8_t *payload;
    size_t n;
    derp_packet_t **own; /* see derp_relay_packet */
    uint32_t slot;       /* the worker that was tried last */
} outgoing_t;

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
relay_local(derp_session_t *s, const ion_dir_hit_t *hit, const outgoing_t *o)
{
    derp_session_t *to = derp_relay_session(s->w, hit->conn);
    derp_delivery_t d = {
        .src = s->st.entry.conn,
        .src_seq = s->st.entry.seq,
        .src_key = o->src,
        .kind = o->kind,
        .is_forwarded = o->is_forwarded,
    };

    if (to == NULL && (hit->flags & ION_DIR_FORWARDER) != 0 &&
        derp_mesh_forward(
            s->w->mesh, hit->conn, &o->src, o->kind, o->payload, o->n))
    {
        return;
    }
    if (to == NULL) {
        derp_count_drop(s->w, DERP_DROP_GONE_DISCONNECTED, o->kind, o->n);
        return;
    }
    derp_relay_deliver(to, &d, o->payload, o->n, o->own);
}

static ion_err_t
relay_remote(derp_session_t *s, const ion_dir_hit_t *hit, const outgoing_t *o)
{
    derp_worker_t *w = s->w;
    ion_fabric_data_t data = {
        .dst = hit->conn,
        .src = s->st.entry.conn,
        .src_seq = s->st.entry.seq,
        .src_key = o->src,
        .cls =
            (uint8_t)(o->kind | (o->is_forwarded ? DERP_CLASS_FORWARDED : 0)),
    };
    ion_err_t rc = ion_fabric_send_data(w->fabric, &data, o->payload, o->n);

    if (rc == ION_OK) {
        derp_count(w, DERP_STAT_FABRIC_PACKETS, 1);
        derp_count(w, DERP_STAT_FABRIC_BYTES, o->n);
        ion_slot_mask_del(&w->stalled, hit->conn.slot);
    }
    return rc;
}

/* A packet that leaves this relay for another one of its region. */
static void
count_forwarded(derp_worker_t *w, const ion_dir_hit_t *hit)
{
    if ((hit->flags & ION_DIR_FORWARDER) != 0) {
        derp_count(w, DERP_STAT_FORWARDED_OUT, 1);
    }
}

/*
 * One try to pass a packet on.
 * Errors: ION_LIMIT the ring to the worker o->slot has no room for it.
 */
static ion_err_t
route(derp_session_t *s, outgoing_t *o)
{
    ion_dir_hit_t hit;
    ion_err_t rc;

    /* twice: a cached hit may lead to a worker that has died meanwhile */
    for (int i = 0; i < 2; i++) {
        if (find(s, &o->dst, &hit) != ION_OK ||
            (o->is_forwarded && (hit.flags & ION_DIR_FORWARDER) != 0))
        {
            break;
        }
        o->slot = hit.conn.slot;
        if (!o->is_forwarded) {
            ion_slot_mask_add(&s->st.reach, hit.conn.slot);
        }
        if (hit.conn.slot == s->w->p->slot) {
            count_forwarded(s->w, &hit);
            relay_local(s, &hit, o);
            return ION_OK;
        }
        rc = relay_remote(s, &hit, o);
        if (rc == ION_OK) {
            count_forwarded(s->w, &hit);
        }
        if (rc != ION_CLOSED) {
            return rc;
        }
        forget(s, &o->dst);
    }
    derp_count_drop(s->w,
        o->is_forwarded ? DERP_DROP_UNKNOWN_DEST_ON_FWD
                        : DERP_DROP_UNKNOWN_DEST,
        o->kind, o->n);
    if (o->kind == DERP_KIND_DISCO) {
        not_here(s, &o->dst);
    }
    return ION_OK;
}

static void
drop_full(derp_session_t *s, const outgoing_t *o)
{
    derp_count(s->w, DERP_STAT_FABRIC_FULL, 1);
    derp_count_drop(s->w, DERP_DROP_QUEUE_TAIL, o->kind, o->n);
}

/* Keep the packet, and with it the sender's input, for another try. */
static bool
keep_waiting(derp_session_t *s, const outgoing_t *o)
{
    derp_worker_t *w = s->w;
    derp_packet_t *packet = NULL;

    if (o->own != NULL && *o->own != NULL) {
        packet = *o->own;
        *o->own = NULL;
    } else {
        if (derp_pool_get(w->pool, DERP_RECV_HEADER + o->n, &packet) != ION_OK)
        {
            return false;
        }
        memcpy(packet->frame + DERP_RECV_HEADER, o->payload, o->n);
    }
    memcpy(packet->frame + DERP_HEADER_LEN, o->dst.b, sizeof(o->dst.b));
    packet->len = (uint32_t)(DERP_RECV_HEADER + o->n);
    packet->kind = (uint8_t)o->kind;
    s->waiting = packet;
    s->waiting_src = o->is_forwarded ? o->src : (ion_key_t){ { 0 } };
    s->st.fabric_due = ion_loop_now(w->loop) + DERP_FABRIC_PATIENCE;
    ion_list_add_tail(&w->waiting, &s->wait);
    return true;
}

static void
send_or_wait(derp_session_t *s, outgoing_t *o)
{
    s->st.traffic.packets_in++;
    s->st.traffic.bytes_in += o->n;
    if (route(s, o) == ION_OK) {
        return;
    }
    if (ion_slot_mask_has(&s->w->stalled, o->slot) || !keep_waiting(s, o)) {
        drop_full(s, o);
    }
}

void
derp_relay_packet(derp_session_t *s, const ion_key_t *dst,
    const uint8_t *payload, size_t n, derp_packet_t **own)
{
    derp_worker_t *w = s->w;
    bool is_disco = ion_packet_is_disco(payload, n);
    outgoing_t o = {
        .src = s->st.key,
        .dst = *dst,
        .kind = is_disco ? DERP_KIND_DISCO : DERP_KIND_OTHER,
        .payload = payload,
        .n = n,
        .own = own,
    };

    derp_count(w, DERP_STAT_PACKETS_RECEIVED, 1);
    derp_count(w, DERP_STAT_BYTES_RECEIVED, n);
    derp_count(
        w, is_disco ? DERP_STAT_RECEIVED_DISCO : DERP_STAT_RECEIVED_OTHER, 1);
    send_or_wait(s, &o);
}

void
derp_relay_forwarded(derp_session_t *s, const ion_key_t *src,
    const ion_key_t *dst, const uint8_t *payload, size_t n)
{
    outgoing_t o = {
        .src = *src,
        .dst = *dst,
        .is_forwarded = true,
        .kind =
            ion_packet_is_disco(payload, n) ? DERP_KIND_DISCO : DERP_KIND_OTHER,
        .payload = payload,
        .n = n,
    };

    derp_count(s->w, DERP_STAT_FORWARDED_IN, 1);
    /* RecvPacket has a source; nobody could answer this one */
    if (ion_key_is_zero(src)) {
        derp_count_drop(s->w, DERP_DROP_UNKNOWN_DEST_ON_FWD, o.kind, n);
        return;
    }
    send_or_wait(s, &o);
}

bool
derp_relay_retry(derp_session_t *s)
{
    derp_worker_t *w = s->w;
    derp_packet_t *packet = s->waiting;
    bool is_forwarded = !ion_key_is_zero(&s->waiting_src);
    outgoing_t o = {
        .src = is_forwarded ? s->waiting_src : s->st.key,
        .is_forwarded = is_forwarded,
        .kind = packet->kind,
        .payload = packet->frame + DERP_RECV_HEADER,
        .n = packet->len - DERP_RECV_HEADER,
        .own = &packet,
    };

    memcpy(o.dst.b, packet->frame + DERP_HEADER_LEN, sizeof(o.dst.b));
    s->waiting = NULL; /* the session may end on the way */
    if (route(s, &o) != ION_OK) {
        if (ion_loop_now(w->loop) < s->st.fabric_due &&
            !ion_slot_mask_has(&w->stalled, o.slot))
        {
            s->waiting = packet;
            return false;
        }
        ion_slot_mask_add(&w->stalled, o.slot);
        drop_full(s, &o);
    }
    s->st.fabric_due = 0;
    ion_list_del(&s->wait);
    derp_pool_put(w->pool, &packet);
    return true;
}
