/*
 * heap.c -- 4-ary min-heap with back index.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The array holds keys beside the pointers, so that a sift compares without
 * touching the nodes; four children share a cache line.
 */

#include "base/heap.h"

#include <stdlib.h>

#include "base/assert.h"

#define HEAP_ARITY     4
#define HEAP_FIRST_CAP 64

struct ion_heap_slot {
    uint64_t key;
    ion_heap_node_t *node;
};

void
ion_heap_init(ion_heap_t *h)
{
    *h = (ion_heap_t){ .slots = NULL };
}

void
ion_heap_fini(ion_heap_t *h)
{
    free(h->slots);
    ion_heap_init(h);
}

static void
place(ion_heap_t *h, size_t at, struct ion_heap_slot slot)
{
    h->slots[at] = slot;
    slot.node->pos = at + 1;
}

static void
sift_up(ion_heap_t *h, size_t at, struct ion_heap_slot slot)
{
    while (at > 0) {
        size_t parent = (at - 1) / HEAP_ARITY;
        if (h->slots[parent].key <= slot.key) {
            break;
        }
        place(h, at, h->slots[parent]);
        at = parent;
    }
    place(h, at, slot);
}

static size_t
smallest_child(const ion_heap_t *h, size_t at)
{
    size_t first = at * HEAP_ARITY + 1;
    size_t end = ION_MIN(first + HEAP_ARITY, h->count);
    size_t best = first;
    for (size_t i = first + 1; i < end; i++) {
        if (h->slots[i].key < h->slots[best].key) {
            best = i;
        }
    }
    return best;
}

static void
sift_down(ion_heap_t *h, size_t at, struct ion_heap_slot slot)
{
    while (at * HEAP_ARITY + 1 < h->count) {
        size_t child = smallest_child(h, at);
        if (h->slots[child].key >= slot.key) {
            break;
        }
        place(h, at, h->slots[child]);
        at = child;
    }
    place(h, at, slot);
}

/* A slot goes to `at`, then to where its key belongs. */
static void
settle(ion_heap_t *h, size_t at, struct ion_heap_slot slot)
{
    slot.node->key = slot.key;
    if (at > 0 && h->slots[(at - 1) / HEAP_ARITY].key > slot.key) {
        sift_up(h, at, slot);
    } else {
        sift_down(h, at, slot);
    }
}

ion_err_t
ion_heap_push(ion_heap_t *h, ion_heap_node_t *node, uint64_t key)
{
    ION_ASSERT(node->pos == 0);
    if (h->count == h->cap) {
        size_t cap = h->cap == 0 ? HEAP_FIRST_CAP : h->cap * 2;
        struct ion_heap_slot *slots =
            reallocarray(h->slots, cap, sizeof(*slots));
        if (slots == NULL) {
            return ION_NOMEM;
        }
        h->slots = slots;
        h->cap = cap;
    }

    struct ion_heap_slot slot = { key, node };
    h->count++;
    settle(h, h->count - 1, slot);
    return ION_OK;
}

void
ion_heap_remove(ion_heap_t *h, ion_heap_node_t *node)
{
    if (node->pos == 0) {
        return;
    }

    size_t at = node->pos - 1;
    ION_ASSERT(at < h->count && h->slots[at].node == node);
    node->pos = 0;
    h->count--;
    if (at < h->count) {
        settle(h, at, h->slots[h->count]);
    }
}

void
ion_heap_update(ion_heap_t *h, ion_heap_node_t *node, uint64_t key)
{
    size_t at = node->pos - 1;
    ION_ASSERT(at < h->count && h->slots[at].node == node);
    struct ion_heap_slot slot = { key, node };
    settle(h, at, slot);
}

ion_heap_node_t *
ion_heap_min(const ion_heap_t *h)
{
    return h->count == 0 ? NULL : h->slots[0].node;
}
