/*
 * derp_fabric.c -- what workers tell each other about clients.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Messages of different workers may overtake each other, and data may
 * overtake messages. What that can do to interests is put right in one way:
 * an interest that a packet from another worker has newly armed is looked up
 * once more when the rings have been drained, and fires at once if its key
 * has left.
 */
#include "derp/derp_fabric.h"

#include <stdlib.h>
#include <string.h>

#include "derp/derp_health.h"
#include "derp/derp_mesh.h"
#include "derp/derp_relay.h"
#include "derp/derp_watch.h"
#include "derp/derp_worker.h"
#include "shm/fabric.h"
#include "shm/shm.h"

#define KICKED        "a mesh member asked for it"
#define DRAIN_BUDGET  ((size_t)1024 * 1024) /* bytes per turn */
#define WALK_BUDGET   ((size_t)2048)        /* keys per turn */
#define SUSPECTS_MAX  ((size_t)65536)
#define SUSPECTS_STEP ((size_t)256)

/*
 * A message to a worker that is dead, or as good as dead, need not be sent:
 * its retirement does all that the message would have done.
 */
static void
send_ctl(derp_worker_t *w, uint32_t slot, const ion_fabric_ctl_t *ctl)
{
    if (ion_fabric_send_ctl(w->fabric, slot, ctl) == ION_OK) {
        derp_count(w, DERP_STAT_FABRIC_CONTROLS, 1);
    }
}

void
derp_fabric_tell(
    derp_worker_t *w, const ion_slot_mask_t *mask, const ion_fabric_ctl_t *ctl)
{
    derp_count(w, DERP_STAT_FABRIC_CONTROLS,
        ion_fabric_send_ctl_mask(w->fabric, mask, ctl));
}

static void
on_interest_fired(void *arg, derp_receiver_t *receiver, const ion_key_t *key)
{
    derp_session_t *to = ION_CONTAINER_OF(receiver, derp_session_t, receiver);

    (void)arg;
    for (size_t i = 0; i < DERP_SEEN; i++) {
        to->seen[i] = (ion_conn_id_t){ 0 };
    }
    derp_relay_peer_gone(to, key, DERP_GONE_DISCONNECTED);
}

static bool
is_present(void *arg, const ion_key_t *key)
{
    const derp_worker_t *w = arg;
    ion_dir_hit_t hit;

    return ion_dir_lookup(w->shm, key, &hit) == ION_OK;
}

/*
 * The same for a walk over interests. One whose key another worker's client
 * has may be in a packet that came over a mesh: that client's worker does not
 * know then that this one wants to hear when it leaves.
 */
static bool
is_present_walking(void *arg, const ion_key_t *key)
{
    derp_worker_t *w = arg;
    ion_dir_hit_t hit;

    if (ion_dir_lookup(w->shm, key, &hit) != ION_OK) {
        return false;
    }
    if ((hit.flags & ION_DIR_FORWARDER) == 0 && hit.conn.slot != w->p->slot) {
        derp_fabric_reached(w, &hit, key);
    }
    return true;
}

static void
gone_here(derp_worker_t *w, const ion_key_t *key, uint64_t seq)
{
    (void)derp_interests_gone(w->interests, key, seq, on_interest_fired, w);
}

/* Another one of its key has registered: from now on every frame counts. */
static void
became_dup(derp_worker_t *w, derp_session_t *s)
{
    derp_health_dup(s);
    s->st.flags |= DERP_STATE_DUP;
    ion_dir_set_flags(w->shm, &s->st.entry, ION_DIR_DUP, 0);
}

/* A connection of ours inherits the reach of one that has left. */
static void
inherit(derp_worker_t *w, derp_session_t *heir, const ion_slot_mask_t *reach)
{
    ion_slot_mask_or(&heir->st.reach, reach);
    if (ion_dir_others(w->shm, &heir->st.entry) == 0) {
        derp_health_single(heir);
        heir->st.flags &= ~(uint32_t)DERP_STATE_DUP;
        ion_dir_set_flags(w->shm, &heir->st.entry, 0, ION_DIR_DUP);
    }
}

static void
on_data(void *arg, const ion_fabric_data_t *data, const uint8_t *payload,
    size_t len)
{
    derp_worker_t *w = arg;
    derp_session_t *to = derp_relay_session(w, data->dst);
    derp_delivery_t d = {
        .src = data->src,
        .src_seq = data->src_seq,
        .src_key = data->src_key,
        .kind = (data->cls & ~DERP_CLASS_FORWARDED) == DERP_KIND_DISCO
                    ? DERP_KIND_DISCO
                    : DERP_KIND_OTHER,
        .is_remote = true,
        .is_forwarded = (data->cls & DERP_CLASS_FORWARDED) != 0,
    };

    if (to == NULL && len <= DERP_MAX_PACKET && !d.is_forwarded &&
        derp_mesh_forward(w->mesh, data->dst, &d.src_key, d.kind, payload, len))
    {
        return;
    }
    if (to == NULL || len > DERP_MAX_PACKET) {
        derp_count_drop(w, DERP_DROP_GONE_DISCONNECTED, d.kind, len);
        return;
    }
    derp_relay_deliver(to, &d, payload, len, NULL);
}

/*
 * The reach of a connection that has left goes to another one of its key, or,
 * when there is none and no link leads to the key, its receivers hear that the
 * key is gone. heir->conn was the newest one when the question came up.
 */
static void
pass_reach(derp_worker_t *w, const ion_fabric_ctl_t *heir)
{
    derp_session_t *s = NULL;
    ion_dir_hit_t hit;
    ion_fabric_ctl_t ctl = *heir;

    if (heir->conn.slot == w->p->slot) {
        s = derp_relay_session(w, heir->conn);
    }
    if (s == NULL && ion_dir_lookup(w->shm, &heir->key, &hit) == ION_OK) {
        if ((hit.flags & ION_DIR_FORWARDER) != 0) {
            return; /* all are told when it leaves */
        }
        ctl.conn = hit.conn;
        if (hit.conn.slot != w->p->slot) {
            send_ctl(w, hit.conn.slot, &ctl);
            return;
        }
        s = derp_relay_session(w, hit.conn);
    }
    if (s != NULL) {
        inherit(w, s, &heir->mask);
        return;
    }
    ctl.type = ION_FABRIC_GONE;
    ctl.conn = (ion_conn_id_t){ 0 };
    derp_fabric_tell(w, &heir->mask, &ctl);
    gone_here(w, &heir->key, heir->seq);
}

void
derp_fabric_kick(derp_worker_t *w, const ion_key_t *key)
{
    ion_fabric_ctl_t ctl = { .type = ION_FABRIC_KICK, .key = *key };
    ion_slot_mask_t told = { { 0 } };
    ion_dir_kin_t kin;

    ion_dir_kin(w->shm, key, &kin);
    for (uint32_t i = 0; i < kin.count; i++) {
        ctl.conn = kin.conns[i];
        if (ctl.conn.slot != w->p->slot &&
            !ion_slot_mask_has(&told, ctl.conn.slot)) {
            ion_slot_mask_add(&told, ctl.conn.slot);
            send_ctl(w, ctl.conn.slot, &ctl);
        }
    }
    (void)derp_relay_close_key(w, key, KICKED);
}

static void
on_ctl(void *arg, uint32_t from, const ion_fabric_ctl_t *ctl)
{
    derp_worker_t *w = arg;
    derp_session_t *s;

    (void)from;
    switch (ctl->type) {
    case ION_FABRIC_DUP:
        s = derp_relay_session(w, ctl->conn);
        if (s != NULL) {
            became_dup(w, s);
        }
        break;
    case ION_FABRIC_GONE:
        gone_here(w, &ctl->key, ctl->seq);
        break;
    case ION_FABRIC_HEIR:
        pass_reach(w, ctl);
        break;
    case ION_FABRIC_KICK:
        (void)derp_relay_close_key(w, &ctl->key, KICKED);
        break;
    case ION_FABRIC_SWEEP:
        w->is_sweep_wanted = true;
        break;
    case ION_FABRIC_LINK:
        derp_mesh_handed_over(w->mesh, &ctl->key);
        break;
    case ION_FABRIC_PRESENT:
        derp_watch_on_present(w, ctl->conn);
        break;
    case ION_FABRIC_LEFT:
        derp_watch_on_left(w, ctl->conn);
        break;
    case ION_FABRIC_MARK:
    default:
        break; /* nobody of this version sends or waits for these */
    }
}

ion_fabric_sink_t
derp_fabric_sink(derp_worker_t *w)
{
    ion_fabric_sink_t sink = { on_data, on_ctl, w };

    return sink;
}

void
derp_fabric_registered(derp_session_t *s, const ion_dir_reg_t *reg)
{
    derp_worker_t *w = s->w;
    ion_fabric_ctl_t ctl = {
        .type = ION_FABRIC_DUP,
        .seq = s->st.entry.seq,
        .key = s->st.key,
    };

    derp_watch_registered(s, &reg->watchers);
    if (reg->others_count == 0) {
        return;
    }
    derp_count(w, DERP_STAT_DUP_TOTAL, 1);
    derp_health_dup(s);
    s->st.flags |= DERP_STATE_DUP; /* the record's flag is set already */
    for (uint32_t i = 0; i < reg->others_count; i++) {
        derp_session_t *other;

        ctl.conn = reg->others[i];
        if (ctl.conn.slot != w->p->slot) {
            send_ctl(w, ctl.conn.slot, &ctl);
            continue;
        }
        other = derp_relay_session(w, ctl.conn);
        if (other != NULL) {
            became_dup(w, other);
        }
    }
}

void
derp_fabric_left(
    derp_worker_t *w, const ion_dir_left_t *left, const ion_slot_mask_t *reach)
{
    ion_fabric_ctl_t ctl = {
        .type = left->has_heir ? ION_FABRIC_HEIR : ION_FABRIC_GONE,
        .seq = left->seq,
        .key = left->key,
        .mask = *reach,
    };

    derp_watch_left(w, left);
    if (left->has_heir && (left->heir_flags & ION_DIR_FORWARDER) != 0) {
        return; /* a forwarder's reach is everywhere */
    }
    if (!left->has_heir) {
        derp_fabric_tell(w, reach, &ctl);
        gone_here(w, &left->key, left->seq);
        return;
    }
    if ((left->heir_flags & ION_DIR_FORWARDER) != 0) {
        return; /* the key has only moved; all are told when it leaves */
    }
    ctl.conn = left->heir;
    if (left->heir.slot == w->p->slot) {
        pass_reach(w, &ctl);
        return;
    }
    send_ctl(w, left->heir.slot, &ctl);
}

/* The same to every other worker. */
static void
send_all(derp_worker_t *w, const ion_fabric_ctl_t *ctl)
{
    ion_slot_mask_t all = { { 0 } };

    for (uint32_t slot = 0; slot < ion_shm_worker_slots(w->shm); slot++) {
        ion_slot_mask_add(&all, slot);
    }
    derp_fabric_tell(w, &all, ctl);
}

void
derp_fabric_sweep(derp_worker_t *w)
{
    ion_fabric_ctl_t ctl = { .type = ION_FABRIC_SWEEP };

    send_all(w, &ctl);
    w->is_sweep_wanted = true;
}

void
derp_fabric_linked(derp_worker_t *w, const ion_key_t *relay)
{
    ion_fabric_ctl_t ctl = { .type = ION_FABRIC_LINK, .key = *relay };

    send_all(w, &ctl);
}

void
derp_fabric_reached(
    derp_worker_t *w, const ion_dir_hit_t *hit, const ion_key_t *key)
{
    ion_fabric_ctl_t ctl = {
        .type = ION_FABRIC_HEIR,
        .seq = hit->seq,
        .key = *key,
    };

    ion_slot_mask_add(&ctl.mask, w->p->slot);
    send_ctl(w, hit->conn.slot, &ctl);
}

void
derp_fabric_suspect(derp_worker_t *w, const ion_key_t *key)
{
    if (w->suspect_count == w->suspect_cap) {
        size_t cap = ION_MAX(SUSPECTS_STEP, w->suspect_cap * 2);
        ion_key_t *bigger;

        if (cap > SUSPECTS_MAX) {
            return; /* worth one notice that might get lost, not more */
        }
        bigger = realloc(w->suspects, cap * sizeof(*bigger));
        if (bigger == NULL) {
            return;
        }
        w->suspects = bigger;
        w->suspect_cap = cap;
    }
    w->suspects[w->suspect_count++] = *key;
}

static void
settle_suspects(derp_worker_t *w)
{
    for (size_t i = 0; i < w->suspect_count; i++) {
        if (!is_present(w, &w->suspects[i])) {
            gone_here(w, &w->suspects[i], UINT64_MAX);
        }
    }
    w->suspect_count = 0;
}

/*
 * A worker has died. Duplicates that it had are gone, perhaps the last ones;
 * and what they had reached is lost with it, so those of their keys that are
 * here will tell everybody when they leave.
 */
static void
check_dups(derp_worker_t *w)
{
    ion_slot_mask_t all = { { 0 } };

    for (uint32_t slot = 0; slot < ion_shm_worker_slots(w->shm); slot++) {
        ion_slot_mask_add(&all, slot);
    }
    ION_LIST_FOREACH(it, &w->all) {
        derp_session_t *s = ION_CONTAINER_OF(it, derp_session_t, link);

        if ((s->st.flags & DERP_STATE_DUP) != 0) {
            inherit(w, s, &all);
        }
    }
}

/* Have the watchers been told of all that died with those slots? */
static bool
retire_watched(derp_worker_t *w)
{
    bool is_done = true;

    for (uint32_t slot = 0; slot < ION_WORKER_SLOTS_MAX; slot++) {
        if (ion_slot_mask_has(&w->walking, slot)) {
            is_done = derp_watch_retire(w, slot) && is_done;
        }
    }
    return is_done;
}

/* Is there a reason to walk the interests?  Then the walk begins. */
static bool
begin_walk(derp_worker_t *w)
{
    w->walking = ion_fabric_retiring(w->fabric);
    if (!ion_slot_mask_is_empty(&w->walking)) {
        check_dups(w);
    } else if (!w->is_sweep_wanted) {
        return false;
    }
    w->is_sweep_wanted = false;
    w->is_walking = true;
    derp_interests_walk_start(w->interests);
    return true;
}

/* Walk the interests for slots that have died and for links that were lost,
 * some keys a turn; then ack. */
static void
walk_step(derp_worker_t *w)
{
    bool is_done;

    if (!w->is_walking && !begin_walk(w)) {
        return;
    }
    is_done = retire_watched(w);
    if (ion_fabric_is_behind(w->fabric) ||
        !derp_interests_walk(w->interests, WALK_BUDGET, is_present_walking,
            on_interest_fired, w) ||
        !is_done)
    {
        return;
    }
    w->is_walking = false;
    for (uint32_t slot = 0; slot < ION_WORKER_SLOTS_MAX; slot++) {
        if (ion_slot_mask_has(&w->walking, slot)) {
            ion_fabric_ack(w->fabric, slot);
        }
    }
    w->walking = (ion_slot_mask_t){ { 0 } };
}

/* Say once what only the master can put right. */
static void
report_faults(derp_worker_t *w)
{
    ion_slot_mask_t corrupt, hung, all;

    ion_fabric_faults(w->fabric, &corrupt, &hung);
    all = corrupt;
    ion_slot_mask_or(&all, &hung);
    if (memcmp(&all, &w->reported, sizeof(all)) == 0) {
        return;
    }
    for (uint32_t slot = 0; slot < ION_WORKER_SLOTS_MAX; slot++) {
        if (ion_slot_mask_has(&all, slot) &&
            !ion_slot_mask_has(&w->reported, slot)) {
            ion_log(&w->log, ION_LOG_ALERT, 0,
                "the worker in slot %u %s: it must be killed", slot,
                ion_slot_mask_has(&corrupt, slot)
                    ? "sent records that make no sense"
                    : "takes no messages");
        }
    }
    w->reported = all;
}

void
derp_fabric_turn(derp_worker_t *w)
{
    ion_err_t rc = ion_fabric_drain(w->fabric, DRAIN_BUDGET, &w->sink);

    w->is_fabric_behind = rc == ION_AGAIN;
    if (!w->is_fabric_behind) {
        settle_suspects(w);
    }
    derp_watch_turn(w);
    walk_step(w);
    report_faults(w);
}

bool
derp_fabric_is_busy(const derp_worker_t *w)
{
    return w->is_fabric_behind || w->is_walking || w->is_sweep_wanted ||
           derp_watch_is_busy(w);
}
