/*
 * derp_mesh.c -- who owns the links, and the clients behind them.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Ownership follows the slot table, which every worker reads for itself: the
 * live worker with the lowest index. The clients behind a link are records of
 * this worker's slot like those of its own clients.
 */
#include "derp/derp_mesh.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "core/settings.h"
#include "derp/derp_fabric.h"
#include "derp/derp_mesh_conf.h"
#include "derp/derp_worker.h"
#include "shm/shm.h"
#include "shm/slots.h"
#include "tls/tls_client.h"

#define RECORDS_STEP 1024u
#define STAY_MAX     ION_SEC(5)

static bool
is_live_worker(const ion_slot_info_t *info)
{
    return info->role == ION_SLOT_WORKER && info->state == ION_SLOT_LIVE;
}

/* The live worker with the lowest index, by its slot; the number of slots when
 * there is none. */
static uint32_t
owner_slot(const derp_mesh_t *mesh)
{
    uint32_t slots = ion_shm_worker_slots(mesh->w->shm);
    uint32_t best = slots;
    uint32_t best_index = UINT32_MAX;

    for (uint32_t slot = 0; slot < slots; slot++) {
        ion_slot_info_t info;

        ion_slots_get(mesh->w->shm, slot, &info);
        if (is_live_worker(&info) && info.index < best_index) {
            best = slot;
            best_index = info.index;
        }
    }
    return best;
}

void
derp_mesh_drop(derp_mesh_t *mesh, uint32_t nth)
{
    derp_link_free(&mesh->link[nth]);
    mesh->link_count--;
}

static bool
is_wanted(const derp_link_t *link, const ion_mesh_target_t *targets, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (ion_mesh_target_is_same(&link->target, &targets[i]) &&
            link->target.has_pin == targets[i].has_pin &&
            memcmp(link->target.pin, targets[i].pin, ION_MESH_PIN_LEN) == 0)
        {
            return true;
        }
    }
    return false;
}

static bool
has_link(const derp_mesh_t *mesh, const ion_mesh_target_t *target)
{
    for (size_t i = 0; i < ION_LINKS_MAX; i++) {
        if (mesh->link[i] != NULL &&
            ion_mesh_target_is_same(&mesh->link[i]->target, target))
        {
            return true;
        }
    }
    return false;
}

static void
begin_link(derp_mesh_t *mesh, const ion_mesh_target_t *target)
{
    uint32_t nth = 0;

    while (nth < ION_LINKS_MAX && mesh->link[nth] != NULL) {
        nth++;
    }
    if (nth == ION_LINKS_MAX ||
        derp_link_new(mesh, nth, target, &mesh->link[nth]) != ION_OK)
    {
        ion_log(&mesh->w->log, ION_LOG_ERR, 0,
            "mesh: no memory for the link to %s: reload to try again",
            target->host);
        return;
    }
    mesh->link_count++;
}

static void
set_watch(derp_mesh_t *mesh, bool is_on)
{
    derp_worker_t *w = mesh->w;

    if (is_on) {
        ion_timer_set(
            w->loop, &mesh->watch, ion_loop_now(w->loop) + DERP_MESH_WATCH);
    } else {
        ion_timer_cancel(w->loop, &mesh->watch);
    }
}

/* End links that are not configured any more; the owner begins new ones. */
static void
adjust(derp_mesh_t *mesh)
{
    const ion_settings_t *settings = ion_cycle_settings(mesh->w->p->cycle);
    ion_mesh_target_t targets[ION_MESH_TARGETS_MAX];
    size_t n = derp_mesh_conf_read(&settings->derp_mesh_with, targets);

    if (settings->derp_disabled) {
        n = 0;
    }
    for (uint32_t i = 0; i < ION_LINKS_MAX; i++) {
        if (mesh->link[i] != NULL && !is_wanted(mesh->link[i], targets, n)) {
            derp_mesh_drop(mesh, i);
        }
    }
    for (size_t i = 0; i < n && mesh->is_owner; i++) {
        if (!has_link(mesh, &targets[i])) {
            begin_link(mesh, &targets[i]);
        }
    }
    set_watch(mesh, n > 0 || mesh->link_count > 0);
}

static void
become_owner(derp_mesh_t *mesh)
{
    for (uint32_t i = 0; i < ION_LINKS_MAX; i++) {
        if (mesh->link[i] != NULL) {
            derp_link_stay(mesh->link[i]);
        }
    }
    adjust(mesh);
}

/* Links that are up stay until their successors are. */
static void
stop_owning(derp_mesh_t *mesh)
{
    for (uint32_t i = 0; i < ION_LINKS_MAX; i++) {
        if (mesh->link[i] != NULL && !derp_link_leave(mesh->link[i])) {
            derp_mesh_drop(mesh, i);
        }
    }
}

static void
look_who_owns(derp_mesh_t *mesh)
{
    bool is_owner =
        !mesh->w->p->draining && owner_slot(mesh) == mesh->w->p->slot;

    mesh->slot_changes = ion_slots_changes(mesh->w->shm);
    if (is_owner == mesh->is_owner) {
        return;
    }
    mesh->is_owner = is_owner;
    if (is_owner) {
        become_owner(mesh);
    } else {
        stop_owning(mesh);
    }
}

static void
on_watch(ion_timer_t *timer)
{
    derp_mesh_t *mesh = ION_CONTAINER_OF(timer, derp_mesh_t, watch);

    look_who_owns(mesh);
    for (uint32_t i = 0; i < ION_LINKS_MAX; i++) {
        if (mesh->link[i] != NULL && mesh->link[i]->packets > 0) {
            mesh->link[i]->is_told = false;
        }
    }
    set_watch(mesh, true);
}

ion_err_t
derp_mesh_new(derp_worker_t *w, derp_mesh_t **out)
{
    derp_mesh_t *mesh = calloc(1, sizeof(*mesh));
    ion_err_t rc;

    if (mesh == NULL) {
        return ION_NOMEM;
    }
    rc = ion_slab_new(sizeof(derp_forward_t),
        ion_shm_geometry(w->shm)->max_clients, &mesh->forwards);
    if (rc != ION_OK) {
        free(mesh);
        return rc;
    }
    mesh->w = w;
    ion_timer_init(&mesh->watch, on_watch);
    *out = mesh;
    adjust(mesh); /* watches, if there is anything to watch for */
    return ION_OK;
}

void
derp_mesh_free(derp_mesh_t **out)
{
    derp_mesh_t *mesh = *out;

    *out = NULL;
    if (mesh == NULL) {
        return;
    }
    for (uint32_t i = 0; i < ION_LINKS_MAX; i++) {
        derp_link_free(&mesh->link[i]);
    }
    set_watch(mesh, false);
    ion_tls_ctx_unref(&mesh->authorities);
    ion_slab_free(&mesh->forwards);
    free(mesh->by_record);
    free(mesh);
}

ion_err_t
derp_mesh_prepare(const ion_cycle_t *next, ion_errtext_t *err)
{
    const ion_blob_t *key = ion_cycle_blob(next, "mesh.key");

    if (ion_cycle_settings(next)->derp_mesh_with.n > 0 &&
        (key == NULL || key->len != 32))
    {
        ion_errtext_set(err, "derp: the master handed over no mesh key");
        return ION_NOTFOUND;
    }
    return ION_OK;
}

void
derp_mesh_commit(derp_mesh_t *mesh)
{
    ion_tls_ctx_unref(&mesh->authorities); /* the list may be another one */
    adjust(mesh);
}

void
derp_mesh_turn(derp_mesh_t *mesh)
{
    if (ion_slots_changes(mesh->w->shm) != mesh->slot_changes) {
        look_who_owns(mesh);
    }
    if (mesh->is_sweep_due) {
        mesh->is_sweep_due = false;
        derp_fabric_sweep(mesh->w);
    }
    mesh->leaves = 0;
    for (uint32_t i = 0; mesh->link_count > 0 && i < ION_LINKS_MAX; i++) {
        if (mesh->link[i] != NULL) {
            derp_link_publish(mesh->link[i]);
        }
    }
}

void
derp_mesh_handed_over(derp_mesh_t *mesh, const ion_key_t *relay)
{
    look_who_owns(mesh); /* it may have been lost in this turn */
    for (uint32_t i = 0; i < ION_LINKS_MAX; i++) {
        derp_link_t *link = mesh->link[i];
        const ion_key_t *key = link == NULL ? NULL : derp_link_key(link);

        if (key != NULL && link->is_leaving && ion_key_eq(key, relay) &&
            !link->timer.is_set)
        {
            ion_timer_set(mesh->w->loop, &link->timer,
                ion_loop_now(mesh->w->loop) + DERP_MESH_OVERLAP);
        }
    }
}

bool
derp_mesh_forward(const derp_mesh_t *mesh, ion_conn_id_t dst,
    const ion_key_t *src, derp_kind_t kind, const uint8_t *payload, size_t n)
{
    const derp_forward_t *forward = NULL;

    if (dst.record < mesh->record_cap) {
        forward = mesh->by_record[dst.record];
    }
    if (forward == NULL || !ion_conn_id_eq(forward->entry.conn, dst)) {
        return false;
    }
    derp_link_forward(forward, src, kind, payload, n);
    return true;
}

bool
derp_mesh_must_stay(derp_mesh_t *mesh)
{
    ion_mono_t now = ion_loop_now(mesh->w->loop);

    look_who_owns(mesh);
    if (mesh->link_count == 0 ||
        owner_slot(mesh) == ion_shm_worker_slots(mesh->w->shm))
    {
        return false;
    }
    if (mesh->idle_due == 0) {
        mesh->idle_due = now + STAY_MAX;
    }
    return now < mesh->idle_due;
}

static ion_err_t
note_record(derp_mesh_t *mesh, derp_forward_t *forward)
{
    uint32_t record = forward->entry.conn.record;

    if (record >= mesh->record_cap) {
        uint32_t cap = ION_MAX(record + RECORDS_STEP, mesh->record_cap * 2);
        derp_forward_t **bigger =
            realloc(mesh->by_record, cap * sizeof(derp_forward_t *));

        if (bigger == NULL) {
            return ION_NOMEM;
        }
        memset(bigger + mesh->record_cap, 0,
            (cap - mesh->record_cap) * sizeof(derp_forward_t *));
        mesh->by_record = bigger;
        mesh->record_cap = cap;
    }
    mesh->by_record[record] = forward;
    return ION_OK;
}

/* What a departure asks for. A forwarder's packets may have gone anywhere. */
static void
tell_left(derp_mesh_t *mesh, const ion_dir_left_t *left)
{
    ion_slot_mask_t all = { { 0 } };

    if (left->has_heir && (left->heir_flags & ION_DIR_FORWARDER) != 0) {
        return; /* another link has the key: nothing has changed */
    }
    if (mesh->leaves >= DERP_MESH_LEAVES_TOLD) {
        mesh->is_sweep_due = true;
        return;
    }
    mesh->leaves++;
    for (uint32_t i = 0; i < ion_shm_worker_slots(mesh->w->shm); i++) {
        ion_slot_mask_add(&all, i);
    }
    derp_fabric_left(mesh->w, left, &all);
}

static void
leave_directory(derp_mesh_t *mesh, derp_forward_t *forward)
{
    ion_dir_left_t left;

    ion_dir_leave(mesh->w->shm, &forward->entry, &left);
    if (left.forwarders == 1) {
        derp_count(mesh->w, DERP_STAT_MULTI_DELETED, 1);
    }
    tell_left(mesh, &left);
}

ion_err_t
derp_mesh_add(derp_mesh_t *mesh, derp_link_t *link, const ion_key_t *key)
{
    derp_forward_t *forward = ion_slab_get(mesh->forwards);
    ion_dir_new_t in = { .key = *key, .flags = ION_DIR_FORWARDER };
    ion_dir_reg_t reg;
    ion_err_t rc;

    if (forward == NULL) {
        return ION_LIMIT;
    }
    rc = ion_dir_register(mesh->w->shm, &in, &reg);
    if (rc != ION_OK) {
        ion_slab_put(mesh->forwards, forward);
        return rc;
    }
    forward->link = link;
    forward->key = *key;
    forward->entry = reg.entry;
    if (reg.forwarders == 1) {
        derp_count(mesh->w, DERP_STAT_MULTI_CREATED, 1);
    }
    rc = note_record(mesh, forward);
    if (rc == ION_OK) {
        rc = ion_map_put(link->forwards, key->b, forward);
    }
    if (rc != ION_OK) {
        if (reg.entry.conn.record < mesh->record_cap) {
            mesh->by_record[reg.entry.conn.record] = NULL;
        }
        leave_directory(mesh, forward);
        ion_slab_put(mesh->forwards, forward);
    }
    return rc;
}

void
derp_mesh_remove(derp_mesh_t *mesh, derp_forward_t *forward)
{
    (void)ion_map_del(forward->link->forwards, forward->key.b);
    mesh->by_record[forward->entry.conn.record] = NULL;
    leave_directory(mesh, forward);
    ion_slab_put(mesh->forwards, forward);
}

ion_err_t
derp_mesh_trust(
    derp_mesh_t *mesh, const ion_mesh_target_t *target, ion_tls_ctx_t **out)
{
    const ion_blob_t *pem = ion_cycle_blob(mesh->w->p->cycle, "mesh.ca");
    ion_err_t rc;

    if (target->has_pin) {
        return ion_tls_client_new(ION_TLS_TRUST_PIN, target->pin, out);
    }
    if (mesh->authorities == NULL) {
        rc = pem == NULL
                 ? ION_NOTFOUND
                 : ion_tls_client_new_ca(pem->p, pem->len, &mesh->authorities);
        if (rc != ION_OK) {
            return rc;
        }
    }
    *out = ion_tls_ctx_ref(mesh->authorities);
    return ION_OK;
}
