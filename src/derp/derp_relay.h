/*
 * derp_relay.h -- from a sender's frame to a receiver's queue.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The destination is looked up in the shared directory through a small cache
 * of the sender's. It is a client of this worker, whose queue takes the
 * packet, or of another one, whose ring does. Nobody waits for a slow client:
 * what has no room is dropped and counted.
 */
#ifndef ION_DERP_DERP_RELAY_H
#define ION_DERP_DERP_RELAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crypto/keys.h"
#include "derp/derp_pool.h"
#include "derp/derp_session.h"
#include "shm/ids.h"

struct derp_worker;

/* A packet on its way to a client of this worker. */
typedef struct derp_delivery {
    ion_conn_id_t src;
    uint64_t src_seq; /* of the source when it sent */
    ion_key_t src_key;
    derp_kind_t kind;
    bool is_remote;    /* came over the fabric */
    bool is_forwarded; /* src is the mesh member, not the source's own */
} derp_delivery_t;

/*
 * derp_relay_packet -- a client sent a packet: route it.
 *
 * Shape:  payload[0..n) borrowed, n <= DERP_MAX_PACKET. own: NULL, or the
 *         block that the payload lies in behind DERP_RECV_HEADER bytes; it is
 *         used instead of a copy when that fits, and *own is NULL then.
 *         When the ring to another worker is full, the session is paused and
 *         the packet stays in s->waiting.
 * Errors: none; what cannot be delivered is counted.
 */
void derp_relay_packet(derp_session_t *s, const ion_key_t *dst,
    const uint8_t *payload, size_t n, derp_packet_t **own);

/*
 * derp_relay_forwarded -- a mesh member forwarded a packet of another relay's
 * client: deliver it to a client of ours, never to another mesh link.
 *
 * Shape:  as derp_relay_packet.
 * Errors: none; what cannot be delivered is counted.
 */
void derp_relay_forwarded(derp_session_t *s, const ion_key_t *src,
    const ion_key_t *dst, const uint8_t *payload, size_t n);

/*
 * derp_relay_retry -- try again to pass on the packet that a session's input
 * waits with (s->waiting).
 *
 * Shape:  true when it is passed on, or given up: the input may go on.
 * Errors: none.
 */
bool derp_relay_retry(derp_session_t *s);

/*
 * derp_relay_deliver -- queue a packet for a client of this worker.
 *
 * Shape:  as derp_relay_packet; arms the client's interest in the source.
 * Errors: none.
 */
void derp_relay_deliver(derp_session_t *to, const derp_delivery_t *d,
    const uint8_t *payload, size_t n, derp_packet_t **own);

/*
 * derp_relay_session -- the session of a connection id of our slot, NULL
 * when that connection has ended.
 *
 * Errors: none.
 */
derp_session_t *derp_relay_session(
    const struct derp_worker *w, ion_conn_id_t conn);

/*
 * derp_relay_close_key -- close all connections of a key on this worker.
 *
 * Shape:  why ends the log line "closing: ..." of each; returns how many
 *         there were.
 * Errors: none.
 */
uint32_t derp_relay_close_key(
    struct derp_worker *w, const ion_key_t *key, const char *why);

/*
 * derp_relay_peer_gone -- queue a PeerGone frame behind what is queued.
 *
 * Errors: none; without memory the notice is lost.
 */
void derp_relay_peer_gone(
    derp_session_t *to, const ion_key_t *key, derp_gone_reason_t reason);

#endif
