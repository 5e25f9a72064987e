/*
 * heap.h -- 4-ary min-heap of embedded nodes, made for timers.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A node knows its place, so that it can be removed or moved in O(log n).
 * Nodes of equal key come out in no particular order. A zeroed node is in no
 * heap.
 */

#ifndef ION_BASE_HEAP_H
#define ION_BASE_HEAP_H

#include "base/base.h"
#include "base/err.h"

typedef struct ion_heap_node {
    uint64_t key; /* the heap's while the node is in it; then read only */
    size_t pos;   /* place in the heap + 1; 0 = in no heap */
} ion_heap_node_t;

typedef struct ion_heap {
    struct ion_heap_slot *slots; /* owns */
    size_t count;
    size_t cap;
} ion_heap_t;

/*
 * ion_heap_init, ion_heap_fini -- an empty heap, and its end.
 *
 * Shape:  fini frees the heap's own array; nodes still in it are left as they
 *         are (their pos is stale).
 * Errors: none.
 */
void ion_heap_init(ion_heap_t *h);
void ion_heap_fini(ion_heap_t *h);

/*
 * ion_heap_push -- add a node that is in no heap.
 *
 * Owns:   borrows the node until it is removed.
 * Errors: ION_NOMEM the array could not grow; nothing changed.
 */
ION_NODISCARD ion_err_t ion_heap_push(
    ion_heap_t *h, ion_heap_node_t *node, uint64_t key);

/*
 * ion_heap_remove -- take a node out; harmless when it is in no heap.
 *
 * Errors: none.
 */
void ion_heap_remove(ion_heap_t *h, ion_heap_node_t *node);

/*
 * ion_heap_update -- give a node of this heap another key.
 *
 * Errors: none; the node must be in h.
 */
void ion_heap_update(ion_heap_t *h, ion_heap_node_t *node, uint64_t key);

/*
 * ion_heap_min -- the node with the smallest key, or NULL.
 *
 * Errors: none.
 */
ion_heap_node_t *ion_heap_min(const ion_heap_t *h);

/*
 * ion_heap_has -- is the node in a heap?
 *
 * Errors: none.
 */
static inline bool
ion_heap_has(const ion_heap_node_t *node)
{
    return node->pos != 0;
}

#endif
