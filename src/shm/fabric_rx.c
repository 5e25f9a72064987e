/*
 * fabric_rx.c -- the record format, and draining what came in.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The producer may be corrupt: a header was copied before it is looked at
 * here, and whatever cannot have been written by an honest worker of this
 * layout marks the whole ring.
 */

#include <string.h>

#include "base/assert.h"
#include "shm/atom.h"
#include "shm/fabric.h"
#include "shm/fabric_int.h"
#include "shm/shm_int.h"

/* kind = what | detail << 8 */
#define KIND_DATA   1u /* detail: the queue class */
#define KIND_CTL    2u /* detail: the control type */
#define CLASS_LIMIT 16u

typedef struct wire_data {
    uint32_t dst_record;
    uint32_t dst_life;
    uint32_t src_record;
    uint32_t src_life;
    uint64_t src_seq;
    ion_key_t src_key;
} wire_data_t;

typedef struct wire_ctl {
    uint64_t seq;
    ion_key_t key;
    uint64_t extra[2]; /* a mask, or record and life */
} wire_ctl_t;

ION_STATIC_ASSERT(sizeof(wire_data_t) == ION_RING_HEADER - 8, "one line");
ION_STATIC_ASSERT(sizeof(wire_ctl_t) == ION_RING_HEADER - 8, "one line");

void
fabric_put_data(
    ion_ring_header_t *header, const ion_fabric_data_t *data, size_t len)
{
    ION_ASSERT(data->cls < CLASS_LIMIT);
    wire_data_t w = {
        .dst_record = data->dst.record,
        .dst_life = data->dst.life,
        .src_record = data->src.record,
        .src_life = data->src.life,
        .src_seq = data->src_seq,
        .src_key = data->src_key,
    };
    header->len = (uint32_t)(ION_RING_HEADER + len);
    header->kind = KIND_DATA | (uint32_t)data->cls << 8;
    memcpy(header->user, &w, sizeof(w));
}

/* What the two last words of a message are. */
typedef enum ctl_form {
    CTL_NONE, /* no message of this layout */
    CTL_MASK,
    CTL_YOURS, /* a connection of the receiver */
    CTL_MINE,  /* a connection of the sender */
} ctl_form_t;

static ctl_form_t
form_of(uint32_t type)
{
    static const uint8_t forms[] = {
        [ION_FABRIC_DUP] = CTL_YOURS,
        [ION_FABRIC_GONE] = CTL_MASK,
        [ION_FABRIC_HEIR] = CTL_MASK,
        [ION_FABRIC_PRESENT] = CTL_MINE,
        [ION_FABRIC_LEFT] = CTL_MINE,
        [ION_FABRIC_KICK] = CTL_MASK,
        [ION_FABRIC_SWEEP] = CTL_MASK,
        [ION_FABRIC_LINK] = CTL_MASK,
    };
    return type < ION_ARRAY_LEN(forms) ? (ctl_form_t)forms[type] : CTL_NONE;
}

void
fabric_put_ctl(ion_ring_header_t *header, const ion_fabric_ctl_t *ctl)
{
    wire_ctl_t w = { .seq = ctl->seq, .key = ctl->key };
    if (form_of(ctl->type) == CTL_MASK) {
        w.extra[0] = ctl->mask.w[0];
        w.extra[1] = ctl->mask.w[1];
    } else {
        w.extra[0] = ctl->conn.record;
        w.extra[1] = ctl->conn.life;
    }
    header->len = ION_RING_HEADER;
    header->kind = KIND_CTL | (uint32_t)ctl->type << 8;
    memcpy(header->user, &w, sizeof(w));
}

static bool
is_conn(const ion_fabric_t *fab, uint64_t record, uint64_t life)
{
    return record < fab->shm->records && (life & 1) == 1 && life <= UINT32_MAX;
}

static ion_err_t
take_data(ion_fabric_t *fab, uint32_t from, const ion_ring_header_t *header,
    const uint8_t *payload, const ion_fabric_sink_t *sink)
{
    wire_data_t w;
    memcpy(&w, header->user, sizeof(w));
    size_t len = header->len - ION_RING_HEADER;
    if (len > ION_FABRIC_PAYLOAD_MAX || header->kind >> 8 >= CLASS_LIMIT ||
        !is_conn(fab, w.dst_record, w.dst_life) ||
        !is_conn(fab, w.src_record, w.src_life))
    {
        return ION_MALF;
    }
    ion_fabric_data_t data = {
        .dst = { w.dst_record, w.dst_life, (uint8_t)fab->shm->slot },
        .src = { w.src_record, w.src_life, (uint8_t)from },
        .src_seq = w.src_seq,
        .src_key = w.src_key,
        .cls = (uint8_t)(header->kind >> 8),
    };
    sink->on_data(sink->arg, &data, payload, len);
    return ION_OK;
}

/* Has a mask only slots that exist? */
static bool
is_mask(const ion_fabric_t *fab, const ion_slot_mask_t *mask)
{
    for (uint32_t i = fab->slots; i < ION_WORKER_SLOTS_MAX; i++) {
        if (ion_slot_mask_has(mask, i)) {
            return false;
        }
    }
    return true;
}

static ion_err_t
take_ctl(ion_fabric_t *fab, uint32_t from, const ion_ring_header_t *header,
    const ion_fabric_sink_t *sink)
{
    wire_ctl_t w;
    memcpy(&w, header->user, sizeof(w));
    uint32_t type = header->kind >> 8;
    ctl_form_t form = form_of(type);
    if (header->len != ION_RING_HEADER || form == CTL_NONE) {
        return ION_MALF;
    }
    ion_fabric_ctl_t ctl = {
        .type = (ion_fabric_type_t)type,
        .seq = w.seq,
        .key = w.key,
    };
    if (form == CTL_MASK) {
        ctl.mask = (ion_slot_mask_t){ { w.extra[0], w.extra[1] } };
        if (!is_mask(fab, &ctl.mask)) {
            return ION_MALF;
        }
    } else {
        uint32_t slot = form == CTL_YOURS ? fab->shm->slot : from;
        if (!is_conn(fab, w.extra[0], w.extra[1])) {
            return ION_MALF;
        }
        ctl.conn = (ion_conn_id_t){ (uint32_t)w.extra[0], (uint32_t)w.extra[1],
            (uint8_t)slot };
    }
    sink->on_ctl(sink->arg, from, &ctl);
    return ION_OK;
}

/* One ring, about budget bytes; ION_AGAIN: there is more. */
static ion_err_t
drain_ring(ion_fabric_t *fab, uint32_t from, size_t budget,
    const ion_fabric_sink_t *sink)
{
    ion_ring_t *rx = &fab->peer[from].rx;
    uint64_t start = rx->mine;
    while (rx->mine - start < budget) {
        ion_ring_header_t header;
        const uint8_t *payload;
        size_t len;
        ion_err_t rc = ion_ring_peek(rx, &header, &payload, &len);
        if (rc == ION_AGAIN) {
            return ION_OK;
        }
        if (rc == ION_OK) {
            rc = (header.kind & 0xff) == KIND_DATA
                     ? take_data(fab, from, &header, payload, sink)
                 : (header.kind & 0xff) == KIND_CTL
                     ? take_ctl(fab, from, &header, sink)
                     : ION_MALF;
        }
        if (rc != ION_OK) {
            return rc;
        }
        ion_ring_consume(rx);
    }
    return ion_ring_has_input(rx) ? ION_AGAIN : ION_OK;
}

static uint32_t
count_open(const ion_fabric_t *fab)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < fab->slots; i++) {
        n += fab->peer[i].is_open;
    }
    return n;
}

static void
offer_room(const ion_fabric_t *fab, uint32_t slot)
{
    ION_SHM_STEP("look for waiter");
    if (SHM_LOAD_RLX(&fab->peer[slot].rx.words->wants_room) != 0) {
        shm_doorbell_ring(fab->shm, slot);
    }
}

/* Producers whose control messages wait are rung: there is room now. */
static void
offer_rooms(ion_fabric_t *fab, const ion_slot_mask_t *released)
{
    if (ion_slot_mask_is_empty(released)) {
        return;
    }
    SHM_FENCE();
    for (uint32_t i = 0; i < fab->slots; i++) {
        if (ion_slot_mask_has(released, i)) {
            offer_room(fab, i);
        }
    }
}

ion_err_t
ion_fabric_drain(
    ion_fabric_t *fab, size_t budget, const ion_fabric_sink_t *sink)
{
    fabric_view(fab);
    uint32_t open = count_open(fab);
    if (open == 0) {
        return ION_OK;
    }
    ion_err_t more = ION_OK;
    ion_slot_mask_t released = { .w = { 0 } };
    size_t each = ION_MAX(budget / open, 1u);
    uint32_t begin = fab->turn++;
    for (uint32_t i = 0; i < fab->slots; i++) {
        uint32_t from = (begin + i) % fab->slots;
        fabric_peer_t *p = &fab->peer[from];
        if (!p->is_open || p->is_drained) {
            continue;
        }
        if (p->is_corrupt) {
            p->is_drained = p->state == ION_SLOT_DEAD;
            continue;
        }
        ion_err_t rc = drain_ring(fab, from, each, sink);
        ION_SHM_STEP("release");
        if (ion_ring_release(&p->rx)) {
            ion_slot_mask_add(&released, from);
        }
        if (rc == ION_AGAIN) {
            more = ION_AGAIN;
        } else {
            p->is_corrupt = rc != ION_OK;
            p->is_drained = p->state == ION_SLOT_DEAD;
        }
    }
    offer_rooms(fab, &released);
    return more;
}
