/*
 * derp_relay.c -- delivery into the queue of a client of this worker.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "derp/derp_relay.h"

#include <string.h>

#include "derp/derp_fabric.h"
#include "derp/derp_stage.h"
#include "derp/derp_worker.h"
#include "proto/derp_frame.h"

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

uint32_t
derp_relay_close_key(derp_worker_t *w, const ion_key_t *key, const char *why)
{
    ion_dir_kin_t kin;
    uint32_t closed = 0;

    ion_dir_kin(w->shm, key, &kin);
    for (uint32_t i = 0; i < kin.count; i++) {
        derp_session_t *s = NULL;

        if (kin.conns[i].slot == w->p->slot) {
            s = derp_relay_session(w, kin.conns[i]);
        }
        if (s != NULL) {
            DERP_LOG(s, ION_LOG_INFO, 0, "closing: %s", why);
            derp_session_close(s);
            closed++;
        }
    }
    return closed;
}

void
derp_relay_peer_gone(
    derp_session_t *to, const ion_key_t *key, derp_gone_reason_t reason)
{
    derp_packet_t *packet = NULL;

    if (derp_queue_count(&to->queue, DERP_KIND_CONTROL) >= DERP_CONTROL_MAX ||
        derp_pool_get(to->w->pool, DERP_PEER_GONE_FRAME, &packet) != ION_OK)
    {
        DERP_LOG(to, ION_LOG_WARN, 0,
            "no memory left to tell the client that a peer is gone");
        return;
    }
    packet->kind = DERP_KIND_CONTROL;
    derp_peer_gone_put(packet->frame, key, reason);
    derp_queue_push(&to->queue, packet);
    derp_session_mark_dirty(to);
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
        .packets = w->send_queue,
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
 * The source of a forwarded packet is whatever the directory has for its key,
 * seen now: when that leaves, this worker is told after what we see here. A
 * key that the directory does not know cannot leave it. All are told when a
 * link's key leaves, but a client of another worker did not send the packet
 * itself and so must be told that it has reached us.
 */
static void
arm_forwarded(derp_session_t *to, const ion_key_t *key)
{
    derp_worker_t *w = to->w;
    ion_dir_hit_t hit;
    bool is_client;
    ion_err_t rc;

    if (ion_dir_lookup(w->shm, key, &hit) != ION_OK || is_seen(to, hit.conn)) {
        return;
    }
    is_client =
        (hit.flags & ION_DIR_FORWARDER) == 0 && hit.conn.slot != w->p->slot;
    /* while others are behind no message is worth this notice */
    rc = is_client && ion_fabric_is_behind(w->fabric)
             ? ION_LIMIT
             : derp_interests_add(w->interests, &to->receiver, key, hit.seq);
    if (rc != ION_OK) {
        to->seen[hit.conn.record % DERP_SEEN] = (ion_conn_id_t){ 0 };
    } else if (is_client) {
        derp_fabric_reached(w, &hit, key);
    }
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

    if (d->is_forwarded) {
        arm_forwarded(to, &d->src_key);
        return;
    }
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

    if (own == NULL && derp_stage_add(to, d, payload, n)) {
        derp_session_mark_dirty(to);
        arm_interest(to, d);
        return;
    }
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
