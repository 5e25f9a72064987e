/*
 * derp_pool.c -- blocks that hold one frame each, under a budget.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "derp/derp_pool.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "proto/derp_frame.h"

#define SPARE_BYTES 524288u /* kept per size */

/*
 * Sizes of whole blocks. The common WireGuard packet of a 1280 byte tunnel
 * fits the third; the last two are the largest packet, as a mesh member
 * forwards it, and the largest login.
 */
static const size_t block_sizes[] = {
    128,
    512,
    2048,
    8192,
    32768,
    sizeof(derp_packet_t) + DERP_HEADER_LEN + DERP_MAX_FORWARD,
    sizeof(derp_packet_t) + DERP_HEADER_LEN + DERP_MAX_CLIENT_INFO,
};

enum { SIZE_COUNT = ION_ARRAY_LEN(block_sizes) };

struct derp_pool {
    size_t budget;
    size_t used;
    derp_packet_t *spare[SIZE_COUNT];
    size_t spare_count[SIZE_COUNT];
};

ion_err_t
derp_pool_new(size_t budget, derp_pool_t **out)
{
    derp_pool_t *pool = calloc(1, sizeof(*pool));

    if (pool == NULL) {
        return ION_NOMEM;
    }
    pool->budget = budget;
    *out = pool;
    return ION_OK;
}

void
derp_pool_free(derp_pool_t **pool)
{
    derp_pool_t *p = *pool;

    if (p == NULL) {
        return;
    }
    ION_ASSERT(p->used == 0);
    for (size_t i = 0; i < SIZE_COUNT; i++) {
        while (p->spare[i] != NULL) {
            derp_packet_t *packet = p->spare[i];

            p->spare[i] = packet->next;
            free(packet);
        }
    }
    free(p);
    *pool = NULL;
}

ion_err_t
derp_pool_get(derp_pool_t *pool, size_t len, derp_packet_t **out)
{
    size_t i = 0;
    derp_packet_t *packet;

    while (i < SIZE_COUNT && block_sizes[i] - sizeof(*packet) < len) {
        i++;
    }
    if (i == SIZE_COUNT) {
        return ION_RANGE;
    }
    if (derp_pool_left(pool) < block_sizes[i]) {
        return ION_NOMEM;
    }
    packet = pool->spare[i];
    if (packet != NULL) {
        pool->spare[i] = packet->next;
        pool->spare_count[i]--;
    } else {
        packet = malloc(block_sizes[i]);
        if (packet == NULL) {
            return ION_NOMEM;
        }
    }
    pool->used += block_sizes[i];
    packet->next = NULL;
    packet->order = 0;
    packet->queued_at = 0;
    packet->len = (uint32_t)len;
    packet->size_class = (uint8_t)i;
    packet->kind = DERP_KIND_OTHER;
    *out = packet;
    return ION_OK;
}

ion_err_t
derp_pool_grow(derp_pool_t *pool, derp_packet_t **packet, size_t len)
{
    derp_packet_t *old = *packet;
    derp_packet_t *bigger = NULL;
    ion_err_t rc;

    if (derp_packet_room(old) >= len) {
        return ION_OK;
    }
    rc = derp_pool_get(pool, len, &bigger);
    if (rc != ION_OK) {
        return rc;
    }
    memcpy(bigger->frame, old->frame, old->len);
    bigger->len = old->len;
    bigger->kind = old->kind;
    derp_pool_put(pool, packet);
    *packet = bigger;
    return ION_OK;
}

void
derp_pool_put(derp_pool_t *pool, derp_packet_t **packet)
{
    derp_packet_t *p = *packet;
    size_t i;

    if (p == NULL) {
        return;
    }
    i = p->size_class;
    *packet = NULL;
    pool->used -= block_sizes[i];
    if (pool->spare_count[i] * block_sizes[i] >= SPARE_BYTES) {
        free(p);
        return;
    }
    p->next = pool->spare[i];
    pool->spare[i] = p;
    pool->spare_count[i]++;
}

size_t
derp_packet_room(const derp_packet_t *packet)
{
    return block_sizes[packet->size_class] - sizeof(*packet);
}

size_t
derp_pool_left(const derp_pool_t *pool)
{
    return pool->budget > pool->used ? pool->budget - pool->used : 0;
}

size_t
derp_pool_used(const derp_pool_t *pool)
{
    return pool->used;
}
