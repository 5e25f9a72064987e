/*
 * dir.h -- the directory: which connection is the active one of a client key.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Each registered connection has a record in the store of its worker's slot
 * and a cell in the shared directory that points to it. Of several live
 * records of one key the one with the highest seq is active (one that is not
 * behind a mesh link beats one that is). seq comes from one shared counter,
 * so the order of seq is the history of the key.
 *
 * A key behind a mesh link has a cell and a record too, of the worker that
 * holds the link, with the flag ION_DIR_FORWARDER: a forwarder. It is found
 * when the key has no connection here; of several the oldest. Forwarders are
 * no connections: they are nobody's duplicates, watchers do not hear of them,
 * and they have places of their own, max_clients beside those of clients.
 *
 * Writes: records and their lives, the worker that owns the slot; cells,
 *         versions, overflow counts, the seq counter and the watch mask, all
 *         workers, by atomic operations; after a worker's death the master.
 * Reads:  workers, keeper.
 * Order:  register: record, life odd, cell, home version, fence, scan.
 *         leave: cell 0, overflow, home version, fence, scan, life even,
 *         fence, watch mask. watch: own bit, fence, walk over all cells.
 *         All sides store, fence and then look, so of two that meet at least
 *         one sees the other.
 * A kill leaves: a cell of a slot that is, or soon will be, DEAD (ignored
 *         then at once, swept by the master), or an overflow count that is too
 *         high (costs a probe, never an answer).
 *
 * What belongs to the caller (src/derp): the reach mask of a connection (slots
 * its packets went to; those of a forwarder are all), interests and the
 * delivery of PeerGone, and sending the messages that these calls ask for, in
 * the same turn of the loop.
 * A full directory and the 65th connection of a key are refused, never queued.
 */

#ifndef ION_SHM_DIR_H
#define ION_SHM_DIR_H

#include "base/addr.h"
#include "base/err.h"
#include "crypto/keys.h"
#include "shm/ids.h"
#include "shm/shm.h"

#define ION_DIR_CONNS_PER_KEY 64

/* Flags of a record. */
enum {
    ION_DIR_MESH = 1u << 0,      /* privileged by a mesh key */
    ION_DIR_PROBER = 1u << 1,    /* said so in its client info */
    ION_DIR_NOT_IDEAL = 1u << 2, /* has another relay as its ideal one */
    ION_DIR_DUP = 1u << 3,       /* knows of another one of its key */
    ION_DIR_FORWARDER = 1u << 4, /* stands for a key behind a mesh link */
    ION_DIR_PREFERRED = 1u << 5, /* this relay is its home */
};

typedef struct ion_dir_new {
    ion_key_t key;
    uint32_t flags; /* ION_DIR_* but DUP */
    uint32_t tailnet;
    ion_addr_t addr;
    uint64_t connected_ms; /* since 1970 */
} ion_dir_new_t;

/* The owner's hold on a registered connection: numbers only. */
typedef struct ion_dir_entry {
    ion_conn_id_t conn;
    uint32_t home;    /* bucket of the key */
    uint32_t version; /* of the home bucket when it last became active */
    uint64_t seq;     /* current; goes with each packet over the fabric */
} ion_dir_entry_t;

typedef struct ion_dir_reg {
    ion_dir_entry_t entry;
    uint32_t forwarders;   /* other ones of the key */
    uint32_t others_count; /* other clients with the key */
    ion_conn_id_t others[ION_DIR_CONNS_PER_KEY];
    ion_slot_mask_t watchers; /* who must hear PRESENT(conn, key) */
} ion_dir_reg_t;

typedef struct ion_dir_kin {
    uint32_t forwarders;
    uint32_t count; /* clients with the key */
    ion_conn_id_t conns[ION_DIR_CONNS_PER_KEY];
} ion_dir_kin_t;

typedef struct ion_dir_hit {
    ion_conn_id_t conn;
    uint64_t seq;
    uint32_t home;
    uint32_t version; /* of the home bucket, read before the scan */
    uint32_t flags;
    uint32_t tailnet;
} ion_dir_hit_t;

typedef struct ion_dir_left {
    ion_key_t key;
    ion_conn_id_t conn; /* the one that left */
    bool has_heir;
    ion_conn_id_t heir;  /* valid if has_heir: what a lookup finds now */
    uint32_t heir_flags; /* ION_DIR_FORWARDER: no client with the key is left */
    uint32_t forwarders; /* those of the key that are left */
    uint64_t seq;        /* goes into the HEIR or GONE message */
    ion_slot_mask_t watchers; /* who must hear LEFT(conn, key) */
} ion_dir_left_t;

/* Absolute numbers since the connection began; written as often as wanted. */
typedef struct ion_dir_traffic {
    uint64_t packets_in;
    uint64_t bytes_in;
    uint64_t packets_out;
    uint64_t bytes_out;
    uint32_t drops;
} ion_dir_traffic_t;

typedef struct ion_dir_row {
    ion_key_t key;
    ion_conn_id_t conn;
    bool is_active;
    uint32_t flags;
    uint32_t tailnet;
    uint64_t seq;
    uint64_t connected_ms;
    ion_addr_t addr;
    ion_dir_traffic_t traffic;
} ion_dir_row_t;

typedef struct ion_dir_counts {
    uint64_t keys;        /* distinct keys, also behind links */
    uint64_t remote_keys; /* those that no client here has */
    uint64_t links;       /* forwarders */
    uint64_t conns;       /* clients; so below */
    uint64_t dup_keys;    /* keys of more than one connection */
    uint64_t dup_conns;   /* connections of those keys */
    uint64_t preferred;
    uint64_t not_ideal;
} ion_dir_counts_t;

/*
 * ion_dir_register -- make a connection known; it is the active one then.
 *
 * Shape:  worker only. On ION_OK the connection can be found by everybody;
 *         the caller may answer its client now. others lists the connections
 *         of the same key that are there too: if there are any, this one is
 *         dup (its flag is set), and each of them must be told with a DUP
 *         message to its slot (a direct call if the slot is our own), whose
 *         owner then sets ION_DIR_DUP (ion_dir_set_flags). PRESENT goes to
 *         the slots in watchers, our own among them.
 *         With ION_DIR_FORWARDER in flags: others is for information, nobody
 *         is dup and nobody hears PRESENT.
 * Errors: ION_LIMIT the directory is full, max_clients are connected (or as
 *         many forwarders), or the key has ION_DIR_CONNS_PER_KEY connections
 *         (or forwarders) already; a race between two for the last place may
 *         refuse both. It may have been seen for a moment: LEFT(entry.conn)
 *         goes to the slots in watchers then, our own among them.
 */
ION_NODISCARD ion_err_t ion_dir_register(
    ion_shm_t *shm, const ion_dir_new_t *in, ion_dir_reg_t *out);

/*
 * ion_dir_activity -- a frame came in from a connection marked dup.
 *
 * Shape:  makes it the active one unless nothing changed at its home bucket
 *         since it last did; one load in that case. Returns true when it
 *         took a new seq (entry is updated).
 * Errors: none.
 */
bool ion_dir_activity(ion_shm_t *shm, ion_dir_entry_t *entry);

/*
 * ion_dir_others -- how many other clients with the key of entry there are.
 *
 * Shape:  for the owner of entry: 0 after a HEIR message means that the key
 *         is no longer duplicated.
 * Errors: none.
 */
uint32_t ion_dir_others(const ion_shm_t *shm, const ion_dir_entry_t *entry);

/*
 * ion_dir_kin -- all clients with a key, and the number of its forwarders.
 *
 * Errors: none.
 */
void ion_dir_kin(
    const ion_shm_t *shm, const ion_key_t *key, ion_dir_kin_t *out);

/*
 * ion_dir_watch -- want to hear of every client that comes or goes, or not.
 *
 * Shape:  worker only. On: walk over all of them now (ion_dir_next) and leave
 *         out forwarders: each client that is there all the while is found by
 *         the walk or announced with PRESENT, perhaps both; each that leaves
 *         after that with LEFT, PRESENT before LEFT. A conn in PRESENT counts
 *         only if ion_dir_get finds it. Who dies says no LEFT.
 * Errors: none.
 */
void ion_dir_watch(ion_shm_t *shm, bool on);

/*
 * ion_dir_get -- one connection by its id; row->is_active is not told.
 *
 * Shape:  conn.slot is a worker's, conn.record any number.
 * Errors: ION_NOTFOUND it has left, or its worker is dead.
 */
ION_NODISCARD ion_err_t ion_dir_get(
    const ion_shm_t *shm, ion_conn_id_t conn, ion_dir_row_t *row);

/*
 * ion_dir_leave -- end a connection's registration.
 *
 * Shape:  worker only; entry is one of ours and is zeroed. With an heir: send
 *         HEIR(key, seq, reach) to heir.slot, or, if that is our own slot,
 *         add reach to its session; nothing if it is a forwarder. Without:
 *         send GONE(key, seq) to every slot in reach and handle it here; then
 *         LEFT to the slots in watchers, our own among them, unless a
 *         forwarder has left. The record is free at once. Who
 *         gets HEIR and has no connection of the key any more looks the key
 *         up: passes HEIR on, or, if there is none, sends that GONE.
 * Errors: none.
 */
void ion_dir_leave(ion_shm_t *shm, ion_dir_entry_t *entry, ion_dir_left_t *out);

/*
 * ion_dir_lookup -- the active connection of a key, or else its oldest
 * forwarder (hit.flags).
 *
 * Shape:  never misses a key that is registered all the while. *out may be
 *         kept and used again while ion_dir_is_fresh(shm, out), unless the
 *         fabric says that the slot is gone; a miss must not be kept.
 * Errors: ION_NOTFOUND.
 */
ION_NODISCARD ion_err_t ion_dir_lookup(
    const ion_shm_t *shm, const ion_key_t *key, ion_dir_hit_t *out);

/*
 * ion_dir_is_fresh -- has nothing changed at the hit's home bucket?
 *
 * Errors: none. Cost: one load.
 */
bool ion_dir_is_fresh(const ion_shm_t *shm, const ion_dir_hit_t *hit);

/*
 * ion_dir_set_flags -- set and clear ION_DIR_* bits of a record of ours.
 *
 * Errors: none.
 */
void ion_dir_set_flags(
    ion_shm_t *shm, const ion_dir_entry_t *entry, uint32_t set, uint32_t clear);

/*
 * ion_dir_set_traffic -- publish a connection's numbers for `derp list`.
 *
 * Errors: none.
 */
void ion_dir_set_traffic(ion_shm_t *shm, const ion_dir_entry_t *entry,
    const ion_dir_traffic_t *traffic);

/*
 * ion_dir_next -- walk over all connections and forwarders. Any process.
 *
 * Shape:  *pos = 0 to begin; false at the end. Connections that come or go
 *         during the walk may or may not be seen; each row is of one life.
 *         _within: in pieces; false when place `end` is reached.
 *         A row has the place *pos - 1, in every walk as long as it lives;
 *         places are below a small multiple of max_clients.
 * Errors: none.
 */
bool ion_dir_next(const ion_shm_t *shm, uint64_t *pos, ion_dir_row_t *row);
bool ion_dir_next_within(
    const ion_shm_t *shm, uint64_t *pos, uint64_t end, ion_dir_row_t *row);

/* ion_dir_places -- places that a walk has.  Errors: none. */
uint64_t ion_dir_places(const ion_shm_t *shm);

/*
 * ion_dir_count -- gauges that are counted over the tables.
 *
 * Errors: none. Cost: O(directory); once per scrape.
 */
void ion_dir_count(const ion_shm_t *shm, ion_dir_counts_t *out);

#endif
