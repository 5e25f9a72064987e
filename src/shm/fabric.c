/*
 * fabric.c -- one worker's ends of all rings: sending, receiving, sleeping,
 * and its part in the retirement of dead slots.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The state of the other slots is a private view, taken anew at the start of
 * a drain when the master has changed anything. What is decided by the view
 * (not to write to a dead slot) therefore holds for the whole turn, and the
 * ack says exactly that this view has seen the death.
 *
 * A control message is one record without payload, so the private list of
 * those that wait is an array of headers.
 */

#include "shm/fabric.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "shm/atom.h"
#include "shm/fabric_int.h"
#include "shm/shm_int.h"

ion_err_t
ion_fabric_new(ion_shm_t *shm, ion_fabric_t **out)
{
    ION_ASSERT(shm->role == ION_SLOT_WORKER);
    ion_fabric_t *fab = calloc(1, sizeof(*fab));
    if (fab == NULL) {
        return ION_NOMEM;
    }
    fab->peer = calloc(shm->worker_slots, sizeof(*fab->peer));
    if (fab->peer == NULL) {
        free(fab);
        return ION_NOMEM;
    }
    fab->shm = shm;
    fab->slots = shm->worker_slots;
    fab->asleep = &shm->rings->sleep[shm->slot].asleep;
    fab->changes = SHM_LOAD_ACQ(&shm->head->changes) - 1;
    fabric_view(fab);
    *out = fab;
    return ION_OK;
}

void
ion_fabric_free(ion_fabric_t **fabp)
{
    ion_fabric_t *fab = *fabp;
    *fabp = NULL;
    if (fab == NULL) {
        return;
    }
    for (uint32_t i = 0; i < fab->slots; i++) {
        free(fab->peer[i].pending.list);
    }
    free(fab->peer);
    free(fab);
}

static bool
is_alive(const fabric_peer_t *p)
{
    return p->state == ION_SLOT_LIVE || p->state == ION_SLOT_DRAINING;
}

static fabric_peer_t *
peer_of(ion_fabric_t *fab, uint32_t slot)
{
    ION_ASSERT(slot < fab->slots && slot != fab->shm->slot);
    return &fab->peer[slot];
}

/* Both rings with a slot, as a new owner of it finds them. */
static void
open_peer(ion_fabric_t *fab, uint32_t slot)
{
    const ion_shm_t *shm = fab->shm;
    fabric_peer_t *p = &fab->peer[slot];
    ion_err_t tx =
        ion_ring_init_tx(&p->tx, shm_ring_words(shm, shm->slot, slot),
            shm_ring_data(shm, shm->slot, slot), shm->ring_bytes);
    ion_err_t rx =
        ion_ring_init_rx(&p->rx, shm_ring_words(shm, slot, shm->slot),
            shm_ring_data(shm, slot, shm->slot), shm->ring_bytes);
    p->is_open = true;
    p->is_corrupt = tx != ION_OK || rx != ION_OK;
    memset(p->share, 0, sizeof(p->share));
}

static void
close_peer(fabric_peer_t *p)
{
    free(p->pending.list);
    p->pending = (fabric_pending_t){ .list = NULL };
    p->is_open = false;
    p->is_corrupt = false;
    p->is_hung = false;
    p->is_dirty = false;
    p->is_drained = false;
    p->is_acked = false;
}

static void
view_peer(ion_fabric_t *fab, uint32_t slot)
{
    const shm_slot_t *s = &fab->shm->slots[slot];
    fabric_peer_t *p = &fab->peer[slot];
    uint32_t state = SHM_LOAD_ACQ(&s->state);
    uint32_t incarnation = SHM_LOAD_ACQ(&s->incarnation);
    if (incarnation != p->incarnation) {
        close_peer(p);
        p->incarnation = incarnation;
    }
    p->state = state;
    if (state == ION_SLOT_FREE || state == ION_SLOT_STARTING) {
        close_peer(p);
        return;
    }
    if (!p->is_open) {
        open_peer(fab, slot);
    }
    if (state == ION_SLOT_DEAD) {
        uint32_t retirement = SHM_LOAD_ACQ(&s->retirement);
        if (retirement != p->retirement) {
            p->retirement = retirement;
            p->is_drained = false;
            p->is_acked = false;
        }
        free(p->pending.list);
        p->pending = (fabric_pending_t){ .list = NULL };
        p->is_hung = false;
    }
}

void
fabric_view(ion_fabric_t *fab)
{
    uint64_t changes = SHM_LOAD_ACQ(&fab->shm->head->changes);
    if (changes == fab->changes) {
        return;
    }
    fab->changes = changes;
    for (uint32_t i = 0; i < fab->slots; i++) {
        if (i != fab->shm->slot) {
            view_peer(fab, i);
        }
    }
}

/* May this source add need bytes? Above half of the ring it may hold one
 * sixteenth per drain; sources that fall on the same counter share it. */
static bool
take_share(fabric_peer_t *p, uint32_t source, size_t need)
{
    uint64_t before = p->tx.theirs;
    if (p->tx.mine - before > p->tx.size / 2) {
        (void)ion_ring_used(&p->tx);
        if (p->tx.theirs != before) {
            memset(p->share, 0, sizeof(p->share));
        }
    }
    uint32_t *share = &p->share[source % FABRIC_SHARES];
    if (p->tx.mine - p->tx.theirs > p->tx.size / 2 && *share > 0 &&
        *share + need > p->tx.size / 16)
    {
        return false;
    }
    *share += (uint32_t)need;
    return true;
}

ion_err_t
ion_fabric_send_data(ion_fabric_t *fab, const ion_fabric_data_t *data,
    const uint8_t *payload, size_t len)
{
    if (len > ION_FABRIC_PAYLOAD_MAX) {
        return ION_RANGE;
    }
    fabric_peer_t *p = peer_of(fab, data->dst.slot);
    if (!is_alive(p) || p->is_corrupt) {
        return ION_CLOSED;
    }
    size_t need = ION_RING_HEADER + len;
    uint64_t limit = p->tx.size / 8 * 7;
    uint8_t *to = ion_ring_reserve(&p->tx, need, limit);
    if (to == NULL || !take_share(p, data->src.record, need)) {
        return ION_LIMIT;
    }
    ion_ring_header_t header;
    fabric_put_data(&header, data, len);
    memcpy(to, &header, sizeof(header));
    memcpy(to + sizeof(header), payload, len);
    ion_ring_commit(&p->tx);
    p->is_dirty = true;
    return ION_OK;
}

static ion_err_t
append_pending(fabric_pending_t *q, const ion_ring_header_t *header)
{
    if (q->count == q->room) {
        size_t room = q->room == 0 ? 16 : q->room * 2;
        if (room > FABRIC_PENDING_COUNT) {
            return ION_LIMIT;
        }
        ion_ring_header_t *list = malloc(room * sizeof(*list));
        if (list == NULL) {
            return ION_NOMEM;
        }
        for (size_t i = 0; i < q->count; i++) {
            list[i] = q->list[(q->first + i) % q->room];
        }
        free(q->list);
        *q =
            (fabric_pending_t){ .list = list, .room = room, .count = q->count };
    }
    q->list[(q->first + q->count) % q->room] = *header;
    q->count++;
    return ION_OK;
}

static bool
put_ctl(fabric_peer_t *p, const ion_ring_header_t *header)
{
    uint8_t *to = ion_ring_reserve(&p->tx, sizeof(*header), p->tx.size);
    if (to == NULL) {
        return false;
    }
    memcpy(to, header, sizeof(*header));
    ion_ring_commit(&p->tx);
    return true;
}

ion_err_t
ion_fabric_send_ctl(
    ion_fabric_t *fab, uint32_t slot, const ion_fabric_ctl_t *ctl)
{
    fabric_peer_t *p = peer_of(fab, slot);
    if (!is_alive(p) || p->is_corrupt) {
        return ION_CLOSED;
    }
    ion_ring_header_t header;
    fabric_put_ctl(&header, ctl);
    p->is_dirty = true;
    if (p->pending.count == 0 && put_ctl(p, &header)) {
        return ION_OK;
    }
    ion_err_t rc = append_pending(&p->pending, &header);
    if (rc != ION_OK) {
        p->is_hung = true;
    }
    return rc;
}

uint32_t
ion_fabric_send_ctl_mask(
    ion_fabric_t *fab, const ion_slot_mask_t *mask, const ion_fabric_ctl_t *ctl)
{
    uint32_t sent = 0;
    for (uint32_t i = 0; i < fab->slots; i++) {
        if (i != fab->shm->slot && ion_slot_mask_has(mask, i) &&
            ion_fabric_send_ctl(fab, i, ctl) == ION_OK)
        {
            sent++;
        }
    }
    return sent;
}

bool
ion_fabric_is_behind(const ion_fabric_t *fab)
{
    for (uint32_t i = 0; i < fab->slots; i++) {
        if (fab->peer[i].pending.count > 0) {
            return true;
        }
    }
    return false;
}

static void
push_pending(fabric_peer_t *p)
{
    fabric_pending_t *q = &p->pending;
    while (q->count > 0 && put_ctl(p, &q->list[q->first])) {
        q->first = (q->first + 1) % q->room;
        q->count--;
    }
}

/* Publishes what there is; control messages that do not fit ask for room. */
static bool
publish_peer(fabric_peer_t *p)
{
    push_pending(p);
    uint32_t waits = p->pending.count > 0;
    if (SHM_LOAD_RLX(&p->tx.words->wants_room) != waits) {
        SHM_STORE_RLX(&p->tx.words->wants_room, waits);
    }
    ION_SHM_STEP("publish");
    return ion_ring_publish(&p->tx);
}

static void
wake_peer(const ion_fabric_t *fab, uint32_t slot)
{
    ION_SHM_STEP("look for sleeper");
    if (SHM_LOAD_RLX(&fab->shm->rings->sleep[slot].asleep) != 0) {
        shm_doorbell_ring(fab->shm, slot);
    }
}

/* Tells the master whom we cannot talk with. What is said about a slot is
 * taken back before its death is acked, so it never meets the next owner. */
static void
publish_blame(ion_fabric_t *fab)
{
    ion_slot_mask_t blamed;
    ion_slot_mask_t hung;
    ion_fabric_faults(fab, &blamed, &hung);
    ion_slot_mask_or(&blamed, &hung);
    if (memcmp(&blamed, &fab->blamed, sizeof(blamed)) == 0) {
        return;
    }
    fab->blamed = blamed;
    shm_block_t *mine = shm_block(fab->shm, fab->shm->slot);
    SHM_STORE_REL(&mine->blamed[0], blamed.w[0]);
    SHM_STORE_REL(&mine->blamed[1], blamed.w[1]);
}

void
ion_fabric_flush(ion_fabric_t *fab)
{
    ion_slot_mask_t told = { .w = { 0 } };
    ion_slot_mask_t waiting = { .w = { 0 } };
    publish_blame(fab);
    for (uint32_t i = 0; i < fab->slots; i++) {
        fabric_peer_t *p = &fab->peer[i];
        if (!p->is_dirty || !is_alive(p) || p->is_corrupt) {
            continue;
        }
        if (publish_peer(p)) {
            ion_slot_mask_add(&told, i);
        }
        p->is_dirty = p->pending.count > 0;
        if (p->is_dirty) {
            ion_slot_mask_add(&waiting, i);
        }
    }
    if (ion_slot_mask_is_empty(&told) && ion_slot_mask_is_empty(&waiting)) {
        return;
    }
    SHM_FENCE();
    for (uint32_t i = 0; i < fab->slots; i++) {
        /* room that appeared before the consumer could see the request */
        if (ion_slot_mask_has(&waiting, i) && publish_peer(&fab->peer[i])) {
            ion_slot_mask_add(&told, i);
            SHM_FENCE();
        }
        if (ion_slot_mask_has(&told, i)) {
            wake_peer(fab, i);
        }
    }
}

bool
ion_fabric_may_sleep(ion_fabric_t *fab)
{
    SHM_STORE_RLX(fab->asleep, 1u);
    ION_SHM_STEP("falling asleep");
    SHM_FENCE();
    bool quiet = SHM_LOAD_ACQ(&fab->shm->head->changes) == fab->changes;
    for (uint32_t i = 0; quiet && i < fab->slots; i++) {
        const fabric_peer_t *p = &fab->peer[i];
        if (p->is_open && !p->is_corrupt) {
            ION_SHM_STEP("last look");
            quiet = !ion_ring_has_input(&p->rx);
        }
    }
    if (!quiet) {
        SHM_STORE_RLX(fab->asleep, 0u);
    }
    return quiet;
}

void
ion_fabric_awake(ion_fabric_t *fab)
{
    SHM_STORE_RLX(fab->asleep, 0u);
}

int
ion_fabric_doorbell_fd(const ion_fabric_t *fab)
{
    return fab->shm->doorbell[fab->shm->slot];
}

void
ion_fabric_doorbell_clear(ion_fabric_t *fab)
{
    shm_doorbell_clear(fab->shm, fab->shm->slot);
}

ion_slot_mask_t
ion_fabric_retiring(const ion_fabric_t *fab)
{
    ion_slot_mask_t mask = { .w = { 0 } };
    for (uint32_t i = 0; i < fab->slots; i++) {
        const fabric_peer_t *p = &fab->peer[i];
        if (p->state == ION_SLOT_DEAD && p->is_drained && !p->is_acked) {
            ion_slot_mask_add(&mask, i);
        }
    }
    return mask;
}

void
ion_fabric_ack(ion_fabric_t *fab, uint32_t slot)
{
    fabric_peer_t *p = peer_of(fab, slot);
    ION_ASSERT(p->state == ION_SLOT_DEAD && p->is_drained);
    publish_blame(fab);
    p->is_acked = true;
    shm_block_t *mine = shm_block(fab->shm, fab->shm->slot);
    SHM_STORE_REL(&mine->acks[slot], p->retirement);
    shm_doorbell_ring(fab->shm, fab->slots);
}

void
ion_fabric_faults(
    const ion_fabric_t *fab, ion_slot_mask_t *corrupt, ion_slot_mask_t *hung)
{
    *corrupt = (ion_slot_mask_t){ .w = { 0 } };
    *hung = (ion_slot_mask_t){ .w = { 0 } };
    for (uint32_t i = 0; i < fab->slots; i++) {
        const fabric_peer_t *p = &fab->peer[i];
        if (p->is_corrupt && is_alive(p)) {
            ion_slot_mask_add(corrupt, i);
        }
        if (p->is_hung && is_alive(p)) {
            ion_slot_mask_add(hung, i);
        }
    }
}
