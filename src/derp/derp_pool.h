/*
 * derp_pool.h -- blocks that hold one frame each, under a budget.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Every byte of a packet that waits in a worker lies in such a block: in a
 * client's queue, or half received. Blocks come in a few sizes, are charged
 * to the worker's budget with their full size, and go to a short free list
 * when they are put back, so that relaying does not call malloc and a burst
 * does not stay for ever.
 */
#ifndef ION_DERP_DERP_POOL_H
#define ION_DERP_DERP_POOL_H

#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "base/err.h"

typedef struct derp_pool derp_pool_t;

typedef enum derp_kind {
    DERP_KIND_DISCO = 0,
    DERP_KIND_OTHER = 1,
    DERP_KIND_CONTROL = 2, /* PeerGone: not a packet, never evicted */
} derp_kind_t;

typedef struct derp_packet {
    struct derp_packet *next;
    uint64_t order;       /* place among everything queued for a client */
    ion_mono_t queued_at; /* for the time spent in the queue */
    uint32_t len;         /* bytes of frame[] in use */
    uint8_t size_class;
    uint8_t kind; /* derp_kind_t */
    uint8_t frame[];
} derp_packet_t;

/*
 * derp_pool_new -- a pool that hands out at most `budget` bytes at a time.
 *
 * Owns:   gives *out; derp_pool_free.
 * Errors: ION_NOMEM.
 */
ION_NODISCARD ion_err_t derp_pool_new(size_t budget, derp_pool_t **out);

/*
 * derp_pool_free -- free the pool and its free lists; *pool becomes NULL.
 *
 * Errors: none; *pool may be NULL, and all blocks have been put back.
 */
void derp_pool_free(derp_pool_t **pool);

/*
 * derp_pool_get -- a block with room for len bytes; its len is len.
 *
 * Owns:   gives *out; derp_pool_put. The frame's bytes are undefined.
 * Errors: ION_NOMEM the budget or the machine is exhausted | ION_RANGE len
 *         is more than the largest block takes.
 */
ION_NODISCARD ion_err_t derp_pool_get(
    derp_pool_t *pool, size_t len, derp_packet_t **out);

/*
 * derp_pool_grow -- make sure that a block has room for len bytes.
 *
 * Shape:  keeps the bytes and the len of *packet, which may move.
 * Errors: as derp_pool_get; *packet is unchanged then.
 */
ION_NODISCARD ion_err_t derp_pool_grow(
    derp_pool_t *pool, derp_packet_t **packet, size_t len);

/*
 * derp_pool_put -- give a block back; *packet becomes NULL.
 *
 * Errors: none; *packet may be NULL.
 */
void derp_pool_put(derp_pool_t *pool, derp_packet_t **packet);

/* derp_packet_room -- bytes that frame[] has room for.  Errors: none. */
size_t derp_packet_room(const derp_packet_t *packet);

/* derp_pool_left -- what the budget still allows, in bytes.  Errors: none. */
size_t derp_pool_left(const derp_pool_t *pool);

/* derp_pool_used -- bytes handed out now.  Errors: none. */
size_t derp_pool_used(const derp_pool_t *pool);

#endif
