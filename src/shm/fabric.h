/*
 * fabric.h -- packets and control messages between workers.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * One ring per ordered pair of worker slots and one doorbell (an eventfd) per
 * worker. Data is dropped when a ring is full, which happens only when the
 * consumer's process is short of CPU: nobody ever waits. Control messages are
 * never dropped: what does not fit waits in a private list.
 *
 * Writes: a ring and its tail, the producer; its head and the word "asleep",
 *         the consumer.
 * Order:  consumer going to sleep: asleep = 1, seq_cst fence, look at every
 *         inbound tail. Producer: tail, seq_cst fence, doorbell if asleep. So
 *         either the consumer sees the record or the producer sees the sleep.
 *         A producer whose control messages wait asks for room in the same
 *         manner and is rung by the consumer after a drain.
 * A kill leaves: records up to the published tail, which are still delivered,
 *         and none beyond. Rings are reset only after all live workers acked
 *         the dead slot (slots.h).
 *
 * One turn of a worker's loop:
 *   ion_fabric_awake, ion_fabric_drain, ... the clients' own traffic ...,
 *   ion_fabric_flush, ion_fabric_may_sleep, wait.
 * After a drain: ion_fabric_retiring names the dead slots for which the
 * caller walks its own tables and then calls ion_fabric_ack.
 */

#ifndef ION_SHM_FABRIC_H
#define ION_SHM_FABRIC_H

#include "base/err.h"
#include "crypto/keys.h"
#include "shm/ids.h"
#include "shm/shm.h"

#define ION_FABRIC_PAYLOAD_MAX 65536u        /* bytes of one packet */
#define ION_FABRIC_PENDING_MAX (1024 * 1024) /* control bytes per target */

typedef struct ion_fabric ion_fabric_t;

/* Control messages. Numbers are shared between programs of one layout. */
typedef enum ion_fabric_type {
    ION_FABRIC_DUP = 1,     /* dst: yours; another one of key registered */
    ION_FABRIC_GONE = 2,    /* key left for good: interests up to seq end */
    ION_FABRIC_HEIR = 3,    /* key, seq: your connection inherits mask */
    ION_FABRIC_PRESENT = 4, /* conn, key: a client of mine is there */
    ION_FABRIC_LEFT = 5,    /* conn, key: a client of mine has left */
    ION_FABRIC_MARK = 6,    /* reserved: moving sessions */
    ION_FABRIC_KICK = 7,    /* key: close your connections of it */
    ION_FABRIC_SWEEP = 8,   /* many forwarders left: look at all interests */
    ION_FABRIC_LINK = 9,    /* key: a relay that I am linked with now */
} ion_fabric_type_t;

typedef struct ion_fabric_ctl {
    ion_fabric_type_t type;
    ion_conn_id_t conn; /* DUP: the receiver's; PRESENT, LEFT: the
                           sender's; else none, and not sent */
    uint64_t seq;
    ion_key_t key;
    ion_slot_mask_t mask; /* HEIR: reach of the one that left */
} ion_fabric_ctl_t;

typedef struct ion_fabric_data {
    ion_conn_id_t dst; /* its slot is the target */
    ion_conn_id_t src; /* its slot is the sending worker's */
    uint64_t src_seq;  /* seq of the source when it sent: interests keep it */
    ion_key_t src_key;
    uint8_t cls; /* queue class: the caller's number, below 16 */
} ion_fabric_data_t;

/* Who gets what ion_fabric_drain finds. Pointers are borrowed for the call;
 * the payload lies in shared memory: copy it before looking at it twice. */
typedef struct ion_fabric_sink {
    void (*on_data)(void *arg, const ion_fabric_data_t *data,
        const uint8_t *payload, size_t len);
    void (*on_ctl)(void *arg, uint32_t from, const ion_fabric_ctl_t *ctl);
    void *arg;
} ion_fabric_sink_t;

/*
 * ion_fabric_new -- this worker's ends of all rings.
 *
 * Owns:   borrows shm for its life; gives *out; ion_fabric_free.
 * Errors: ION_NOMEM.
 */
ION_NODISCARD ion_err_t ion_fabric_new(ion_shm_t *shm, ion_fabric_t **out);

/* ion_fabric_free -- *fab becomes NULL; it may be NULL. Errors: none. */
void ion_fabric_free(ion_fabric_t **fab);

/*
 * ion_fabric_send_data -- append a packet to the ring of its destination.
 *
 * Shape:  payload borrowed, len at most ION_FABRIC_PAYLOAD_MAX. Visible at
 *         the next ion_fabric_flush. dst.slot is a worker's and not our own.
 * Errors: ION_LIMIT no room, or this source has had its share of a ring that
 *         is over half full: drop and count (fabric_full) | ION_CLOSED the
 *         slot is not alive: forget the cached hit, look the key up again |
 *         ION_RANGE len too large.
 */
ION_NODISCARD ion_err_t ion_fabric_send_data(ion_fabric_t *fab,
    const ion_fabric_data_t *data, const uint8_t *payload, size_t len);

/*
 * ion_fabric_send_ctl -- a control message to one slot, in order, never lost.
 *
 * Shape:  slot is a worker's and not our own. Data sent later may overtake it.
 * Errors: ION_CLOSED the slot is not alive (its retirement does the rest: no
 *         need to act) | ION_LIMIT the list of waiting messages is full: the
 *         target counts as hung (ion_fabric_faults) | ION_NOMEM likewise.
 */
ION_NODISCARD ion_err_t ion_fabric_send_ctl(
    ion_fabric_t *fab, uint32_t slot, const ion_fabric_ctl_t *ctl);

/*
 * ion_fabric_send_ctl_mask -- the same to every slot of mask but our own.
 *
 * Errors: none; what fails shows up in ion_fabric_faults. Returns how many
 *         messages were taken.
 */
uint32_t ion_fabric_send_ctl_mask(ion_fabric_t *fab,
    const ion_slot_mask_t *mask, const ion_fabric_ctl_t *ctl);

/*
 * ion_fabric_is_behind -- does any slot have control messages that wait for
 * room?
 *
 * Shape:  whoever can be made to send many of them by a peer's frames takes
 *         no more frames while this is so, and none can be made to fill a
 *         list.
 * Errors: none.
 */
bool ion_fabric_is_behind(const ion_fabric_t *fab);

/*
 * ion_fabric_flush -- publish everything, ring the sleepers. Once per turn.
 *
 * Errors: none.
 */
void ion_fabric_flush(ion_fabric_t *fab);

/*
 * ion_fabric_drain -- hand what came in to sink.
 *
 * Shape:  at most about budget bytes, shared out over the inbound rings.
 *         Calls to send and flush are allowed inside the sink.
 * Errors: ION_AGAIN the budget ended first: call again next turn, without
 *         sleeping. A corrupt ring is not an error here: ion_fabric_faults.
 */
ION_NODISCARD ion_err_t ion_fabric_drain(
    ion_fabric_t *fab, size_t budget, const ion_fabric_sink_t *sink);

/*
 * ion_fabric_may_sleep -- the last look before waiting.
 *
 * Shape:  true: "asleep" is set and nothing has come in: wait now, and call
 *         ion_fabric_awake after. False: do not wait.
 * Errors: none.
 */
bool ion_fabric_may_sleep(ion_fabric_t *fab);

/* ion_fabric_awake -- the wait is over. Errors: none. */
void ion_fabric_awake(ion_fabric_t *fab);

/*
 * ion_fabric_doorbell_fd -- our eventfd: watch for reading; when it is ready,
 * ion_fabric_doorbell_clear. Owned by shm.
 *
 * Errors: none.
 */
int ion_fabric_doorbell_fd(const ion_fabric_t *fab);
void ion_fabric_doorbell_clear(ion_fabric_t *fab);

/*
 * ion_fabric_retiring -- dead slots that this worker has drained but not yet
 * acked. Valid after ion_fabric_drain.
 *
 * Shape:  for each: walk interests for keys no longer in the directory (cells
 *         of a dead slot are ignored by ion_dir_lookup already), in as many
 *         turns as it takes, then ion_fabric_ack.
 * Errors: none.
 */
ion_slot_mask_t ion_fabric_retiring(const ion_fabric_t *fab);

/* ion_fabric_ack -- nothing here refers to the dead slot. Rings the master. */
void ion_fabric_ack(ion_fabric_t *fab, uint32_t slot);

/*
 * ion_fabric_faults -- slots that must be killed by the master, who is told
 * so by ion_fabric_flush (slots.h, ion_slots_blamed).
 *
 * Shape:  corrupt: its ring to us made no sense and is not read any more;
 *         hung: it takes no control messages. Cleared when the slot dies.
 * Errors: none.
 */
void ion_fabric_faults(
    const ion_fabric_t *fab, ion_slot_mask_t *corrupt, ion_slot_mask_t *hung);

#endif
