/*
 * derp_stage.h -- packets of one turn for one client, side by side.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Packets that come in a burst and can leave with the turn need no queue: they
 * are laid behind each other as they go on the wire, and sealed from there.
 * Only for a client whose socket takes everything and whose queue is empty, so
 * that nothing on the stage ever has to make room for something newer.
 */
#ifndef ION_DERP_DERP_STAGE_H
#define ION_DERP_DERP_STAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "derp/derp.h"
#include "derp/derp_pool.h"
#include "derp/derp_relay.h"
#include "derp/derp_session.h"

/* Bytes read from a client at once, from which on they count as a burst. */
#define DERP_BURST 2048u
/* Clients of a worker that may have a stage at a time. */
#define DERP_STAGES 16u

/*
 * derp_stage_add -- lay a packet on the receiver's stage.
 *
 * Shape:  payload[0..n) borrowed. False when it must be queued instead: no
 *         burst is being read, the packet is not of the kind OTHER, the
 *         receiver has a queue or a full socket, or there is no room.
 * Errors: none.
 */
bool derp_stage_add(derp_session_t *to, const derp_delivery_t *d,
    const uint8_t *payload, size_t n);

/*
 * derp_stage_count_drop -- the packets of a stage that was taken are lost.
 *
 * Errors: none.
 */
void derp_stage_count_drop(struct derp_worker *w, derp_drop_t why,
    const derp_packet_t *stage, uint32_t frames);

/*
 * derp_stage_take -- take away what lies there, in one block.
 *
 * Shape:  *frames is how many packets that are, each behind a header of
 *         DERP_RECV_HEADER bytes; NULL when nothing lies there.
 * Owns:   gives the block; derp_pool_put.
 * Errors: none.
 */
derp_packet_t *derp_stage_take(derp_session_t *s, uint32_t *frames);

#endif
