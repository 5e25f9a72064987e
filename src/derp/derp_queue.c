/*
 * derp_queue.c -- what waits to be written to one client.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "derp/derp_queue.h"

#include <string.h>

#define DISCO_RUN_MAX 16 /* disco packets per other packet, at most */

void
derp_queue_init(derp_queue_t *q)
{
    memset(q, 0, sizeof(*q));
}

bool
derp_queue_is_empty(const derp_queue_t *q)
{
    return q->fifo[DERP_KIND_DISCO].head == NULL &&
           q->fifo[DERP_KIND_OTHER].head == NULL &&
           q->fifo[DERP_KIND_CONTROL].head == NULL;
}

derp_packet_t *
derp_queue_drop_head(derp_queue_t *q, derp_kind_t kind)
{
    derp_fifo_t *f = &q->fifo[kind];
    derp_packet_t *packet = f->head;

    if (packet == NULL) {
        return NULL;
    }
    f->head = packet->next;
    if (f->head == NULL) {
        f->tail = NULL;
    }
    f->count--;
    f->bytes -= packet->len;
    packet->next = NULL;
    return packet;
}

bool
derp_queue_has_room(const derp_queue_t *q, derp_kind_t kind, size_t len,
    const derp_queue_limits_t *limits)
{
    const derp_fifo_t *f = &q->fifo[kind];

    return f->count < limits->packets && f->bytes + len <= limits->bytes;
}

derp_packet_t *
derp_queue_evict(derp_queue_t *q, derp_kind_t kind, size_t len,
    const derp_queue_limits_t *limits)
{
    if (derp_queue_has_room(q, kind, len, limits)) {
        return NULL;
    }
    return derp_queue_drop_head(q, kind);
}

void
derp_queue_push(derp_queue_t *q, derp_packet_t *packet)
{
    derp_fifo_t *f = &q->fifo[packet->kind];

    packet->order = q->next_order++;
    packet->next = NULL;
    if (f->tail == NULL) {
        f->head = packet;
    } else {
        f->tail->next = packet;
    }
    f->tail = packet;
    f->count++;
    f->bytes += packet->len;
}

/* Has everything that was queued before a control frame left? */
static bool
is_control_due(const derp_queue_t *q)
{
    const derp_packet_t *control = q->fifo[DERP_KIND_CONTROL].head;
    const derp_packet_t *disco = q->fifo[DERP_KIND_DISCO].head;
    const derp_packet_t *other = q->fifo[DERP_KIND_OTHER].head;

    return control != NULL &&
           (disco == NULL || disco->order > control->order) &&
           (other == NULL || other->order > control->order);
}

/* Must the head of this FIFO wait for a control frame ahead of it? */
static bool
is_held_back(const derp_queue_t *q, const derp_packet_t *head)
{
    const derp_packet_t *control = q->fifo[DERP_KIND_CONTROL].head;

    return head == NULL || (control != NULL && head->order > control->order);
}

derp_packet_t *
derp_queue_pop(derp_queue_t *q)
{
    bool has_disco, has_other;

    if (is_control_due(q)) {
        return derp_queue_drop_head(q, DERP_KIND_CONTROL);
    }
    has_disco = !is_held_back(q, q->fifo[DERP_KIND_DISCO].head);
    has_other = !is_held_back(q, q->fifo[DERP_KIND_OTHER].head);
    if (has_disco && (!has_other || q->disco_run < DISCO_RUN_MAX)) {
        q->disco_run++;
        return derp_queue_drop_head(q, DERP_KIND_DISCO);
    }
    if (has_other) {
        q->disco_run = 0;
        return derp_queue_drop_head(q, DERP_KIND_OTHER);
    }
    return NULL;
}

uint32_t
derp_queue_count(const derp_queue_t *q, derp_kind_t kind)
{
    return q->fifo[kind].count;
}
