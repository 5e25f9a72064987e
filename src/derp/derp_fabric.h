/*
 * derp_fabric.h -- what workers tell each other about clients.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Data from other workers, and the messages that follow registrations and
 * departures: DUP (you have a duplicate), HEIR (your connection of the key
 * inherits the reach of one that left), GONE (the key has left; interests end
 * here). shm/dir.h says when each is due. KICK closes
 * connections; PRESENT and LEFT are for watchers (derp_watch.h).
 */
#ifndef ION_DERP_DERP_FABRIC_H
#define ION_DERP_DERP_FABRIC_H

#include "derp/derp_session.h"
#include "shm/dir.h"
#include "shm/fabric.h"

struct derp_worker;

/* Class of a packet in a ring: its kind, and whether it was forwarded. */
#define DERP_CLASS_FORWARDED 8u

/* derp_fabric_sink -- the functions that take what a drain finds. */
ion_fabric_sink_t derp_fabric_sink(struct derp_worker *w);

/*
 * derp_fabric_registered -- tell the other connections of a key that they are
 * duplicates now.
 *
 * Errors: none.
 */
void derp_fabric_registered(derp_session_t *s, const ion_dir_reg_t *reg);

/*
 * derp_fabric_left -- hand on what a departure asks for: HEIR or GONE.
 *
 * Shape:  reach: the slots that packets of the departed connection went to.
 * Errors: none.
 */
void derp_fabric_left(struct derp_worker *w, const ion_dir_left_t *left,
    const ion_slot_mask_t *reach);

/*
 * derp_fabric_tell -- a message to every slot of a mask but our own.
 *
 * Errors: none.
 */
void derp_fabric_tell(struct derp_worker *w, const ion_slot_mask_t *mask,
    const ion_fabric_ctl_t *ctl);

/*
 * derp_fabric_kick -- close all connections of a key, on every worker.
 *
 * Errors: none; without one nothing happens.
 */
void derp_fabric_kick(struct derp_worker *w, const ion_key_t *key);

/*
 * derp_fabric_reached -- a packet of a client of another worker has come here
 * by another way than from it: tell it that this slot is in its reach.
 *
 * Shape:  hit: where the client was found.
 * Errors: none.
 */
void derp_fabric_reached(
    struct derp_worker *w, const ion_dir_hit_t *hit, const ion_key_t *key);

/*
 * derp_fabric_sweep -- keys have left, too many to name: everybody looks at
 * all interests, some at a time.
 *
 * Errors: none.
 */
void derp_fabric_sweep(struct derp_worker *w);

/*
 * derp_fabric_linked -- tell the others that this worker holds the link to the
 * relay with this key now.
 *
 * Errors: none.
 */
void derp_fabric_linked(struct derp_worker *w, const ion_key_t *relay);

/*
 * derp_fabric_suspect -- a packet armed a new interest in a key that may have
 * left meanwhile: look it up when the drain is over.
 *
 * Errors: none.
 */
void derp_fabric_suspect(struct derp_worker *w, const ion_key_t *key);

/*
 * derp_fabric_turn -- drain the rings within a budget, settle suspects, and
 * take a step in retiring dead slots.
 *
 * Errors: none.
 */
void derp_fabric_turn(struct derp_worker *w);

/* derp_fabric_is_busy -- is there work for the next turn?  Errors: none. */
bool derp_fabric_is_busy(const struct derp_worker *w);

#endif
