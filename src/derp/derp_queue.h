/*
 * derp_queue.h -- what waits to be written to one client.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Three FIFOs: disco packets, other packets, and control frames (PeerGone).
 * The packet FIFOs are bounded in packets and in bytes; a full one loses its
 * oldest packet, never the new one. Disco goes first, but after a run of
 * disco packets one other packet is let through, so that neither can starve
 * the other. A control frame leaves when everything that was queued before
 * it has left, and before anything that came after it.
 */
#ifndef ION_DERP_DERP_QUEUE_H
#define ION_DERP_DERP_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "derp/derp_pool.h"

typedef struct derp_fifo {
    derp_packet_t *head;
    derp_packet_t *tail;
    uint32_t count;
    uint32_t bytes; /* of frames */
} derp_fifo_t;

typedef struct derp_queue {
    derp_fifo_t fifo[3]; /* by derp_kind_t */
    uint64_t next_order;
    uint32_t disco_run; /* disco packets since the last other one */
} derp_queue_t;

/* Bounds of each of the two packet FIFOs. */
typedef struct derp_queue_limits {
    uint32_t packets; /* at least 1 */
    size_t bytes;
} derp_queue_limits_t;

/* derp_queue_init -- an empty queue.  Errors: none. */
void derp_queue_init(derp_queue_t *q);

/* derp_queue_is_empty -- nothing waits at all.  Errors: none. */
bool derp_queue_is_empty(const derp_queue_t *q);

/*
 * derp_queue_has_room -- does a packet of len bytes fit without an eviction?
 *
 * Errors: none.
 */
bool derp_queue_has_room(const derp_queue_t *q, derp_kind_t kind, size_t len,
    const derp_queue_limits_t *limits);

/*
 * derp_queue_evict -- the oldest packet that must go before one of len bytes
 * fits behind it.
 *
 * Shape:  call until it returns NULL. An empty FIFO takes any packet.
 * Owns:   gives the packet.
 * Errors: none.
 */
derp_packet_t *derp_queue_evict(derp_queue_t *q, derp_kind_t kind, size_t len,
    const derp_queue_limits_t *limits);

/*
 * derp_queue_drop_head -- the oldest packet of a FIFO, NULL when empty.
 *
 * Owns:   gives the packet.
 * Errors: none.
 */
derp_packet_t *derp_queue_drop_head(derp_queue_t *q, derp_kind_t kind);

/*
 * derp_queue_push -- append a packet to the FIFO of its kind.
 *
 * Owns:   takes packet. Does not look at limits: see derp_queue_evict.
 * Errors: none.
 */
void derp_queue_push(derp_queue_t *q, derp_packet_t *packet);

/*
 * derp_queue_pop -- the frame to write next, NULL when nothing waits.
 *
 * Owns:   gives the packet.
 * Errors: none.
 */
derp_packet_t *derp_queue_pop(derp_queue_t *q);

/* derp_queue_count -- packets of a kind that wait.  Errors: none. */
uint32_t derp_queue_count(const derp_queue_t *q, derp_kind_t kind);

#endif
