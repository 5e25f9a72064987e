/*
 * fabric_int.h -- what the fabric's two files share; for this folder only.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef ION_SHM_FABRIC_INT_H
#define ION_SHM_FABRIC_INT_H

#include "shm/fabric.h"
#include "shm/ring.h"
#include "shm/shm_int.h"

#define FABRIC_SHARES        256u
#define FABRIC_PENDING_COUNT (ION_FABRIC_PENDING_MAX / ION_RING_HEADER)

/* Control messages that wait for room: a queue in a circular array. */
typedef struct fabric_pending {
    ion_ring_header_t *list;
    size_t room;
    size_t first;
    size_t count;
} fabric_pending_t;

typedef struct fabric_peer {
    uint32_t state;       /* as of the view */
    uint32_t incarnation; /* whose rings these are */
    uint32_t retirement;  /* the death being, or last, dealt with */
    bool is_open;         /* tx and rx are set up */
    bool is_corrupt;      /* what it says makes no sense: not read any more */
    bool is_hung;         /* it takes no control messages */
    bool is_dirty;        /* something to publish, or waiting for room */
    bool is_drained;      /* dead, and its last record was handed on */
    bool is_acked;        /* dead, and the master was told so */
    ion_ring_t tx;
    ion_ring_t rx;
    fabric_pending_t pending;
    uint32_t share[FABRIC_SHARES]; /* bytes per source since the last drain */
} fabric_peer_t;

struct ion_fabric {
    ion_shm_t *shm; /* back */
    uint32_t slots;
    uint32_t turn; /* where the next drain begins */
    uint64_t changes;
    ion_slot_mask_t blamed; /* as last told to the master */
    _Atomic uint32_t *asleep;
    fabric_peer_t *peer; /* [slots]; our own place is unused */
};

/* fabric_view -- look at all slots again if the master changed anything. */
void fabric_view(ion_fabric_t *fab);

/* fabric_put_data, fabric_put_ctl -- build the header of a record. */
void fabric_put_data(
    ion_ring_header_t *header, const ion_fabric_data_t *data, size_t len);
void fabric_put_ctl(ion_ring_header_t *header, const ion_fabric_ctl_t *ctl);

#endif
