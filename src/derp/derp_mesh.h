/*
 * derp_mesh.h -- the links to the other relays of this region.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * To the outside all workers are one relay, so there is one link per relay of
 * derp.mesh_with, and the live worker with the lowest index owns them all.
 * When another one becomes that, it dials its own links first and says so;
 * then the old owner lets go of its links. So clients behind them can be
 * reached all the while, and two workers hold the same link for no longer than
 * that takes.
 *
 * Packets come from the owner's own clients, or over the fabric to a
 * forwarder's record; what came in over a mesh never goes out over one.
 */
#ifndef ION_DERP_DERP_MESH_H
#define ION_DERP_DERP_MESH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "base/err.h"
#include "base/slab.h"
#include "core/process.h"
#include "derp/derp_link.h"
#include "event/loop.h"
#include "shm/fabric.h"
#include "tls/tls_ctx.h"

struct derp_worker;

/* A leaving link goes so long after its successor is up: time for the other
 * relay's list of clients to arrive there. */
#define DERP_MESH_OVERLAP ION_SEC(2)
/* How often a worker looks who owns the links, beside when a slot changes. */
#define DERP_MESH_WATCH ION_SEC(1)
/* Departures of one turn that are told one by one; more are told as one. */
#define DERP_MESH_LEAVES_TOLD 64u

typedef struct derp_mesh {
    struct derp_worker *w; /* back */
    bool is_owner;
    uint64_t slot_changes;            /* of the slots, as last seen */
    derp_link_t *link[ION_LINKS_MAX]; /* owned; NULL: none */
    size_t link_count;
    ion_tls_ctx_t *authorities; /* NULL: not needed yet */
    ion_slab_t *forwards;       /* of all links */
    derp_forward_t **by_record; /* record of our slot */
    uint32_t record_cap;
    uint32_t leaves; /* in this turn */
    bool is_sweep_due;
    ion_mono_t idle_due; /* draining ends here at last */
    ion_timer_t watch;
} derp_mesh_t;

/*
 * derp_mesh_new -- a worker's share of the mesh; links begin with the turn in
 * which it is the owner.
 *
 * Owns:   gives *out; derp_mesh_free. Borrows w.
 * Errors: ION_NOMEM.
 */
ION_NODISCARD ion_err_t derp_mesh_new(struct derp_worker *w, derp_mesh_t **out);

/* derp_mesh_free -- end all links; *mesh becomes NULL, may be NULL. */
void derp_mesh_free(derp_mesh_t **mesh);

/*
 * derp_mesh_prepare -- can the links of a cycle be made?
 *
 * Errors: ION_NOTFOUND the master handed over no mesh key; *err says so.
 */
ION_NODISCARD ion_err_t derp_mesh_prepare(
    const ion_cycle_t *next, ion_errtext_t *err);

/*
 * derp_mesh_commit -- a new configuration is in force: links that it does not
 * have end, new ones begin, the others go on.
 *
 * Errors: none.
 */
void derp_mesh_commit(derp_mesh_t *mesh);

/*
 * derp_mesh_turn -- once per turn, before the fabric is published: who owns
 * the links, what must be told.
 *
 * Errors: none.
 */
void derp_mesh_turn(derp_mesh_t *mesh);

/*
 * derp_mesh_handed_over -- another worker says that it holds the link to the
 * relay with this key.
 *
 * Errors: none.
 */
void derp_mesh_handed_over(derp_mesh_t *mesh, const ion_key_t *relay);

/*
 * derp_mesh_forward -- a packet for a record of our slot that is no client's.
 *
 * Shape:  false: it is no forwarder's either; true: sent on, or counted as
 *         dropped.
 * Errors: none.
 */
ION_NODISCARD bool derp_mesh_forward(const derp_mesh_t *mesh, ion_conn_id_t dst,
    const ion_key_t *src, derp_kind_t kind, const uint8_t *payload, size_t n);

/*
 * derp_mesh_must_stay -- is a draining worker needed until another one holds
 * its links?
 *
 * Errors: none. False at the latest five seconds after the drain began.
 */
ION_NODISCARD bool derp_mesh_must_stay(derp_mesh_t *mesh);

/*
 * derp_mesh_add, derp_mesh_remove -- a client behind a link came or left
 * (derp_link.c).
 *
 * Errors: add: ION_LIMIT no room for it, counted | ION_NOMEM. remove: takes
 *         forward.
 */
ION_NODISCARD ion_err_t derp_mesh_add(
    derp_mesh_t *mesh, derp_link_t *link, const ion_key_t *key);
void derp_mesh_remove(derp_mesh_t *mesh, derp_forward_t *forward);

/* derp_mesh_drop -- the nth link ends, and is not begun again. */
void derp_mesh_drop(derp_mesh_t *mesh, uint32_t nth);

/*
 * derp_mesh_trust -- whom a target's certificate must be of.
 *
 * Owns:   gives *out with a reference of its own.
 * Errors: ION_NOMEM | ION_INTERNAL | ION_NOTFOUND, ION_MALF no authorities.
 */
ION_NODISCARD ion_err_t derp_mesh_trust(
    derp_mesh_t *mesh, const ion_mesh_target_t *target, ion_tls_ctx_t **out);

#endif
