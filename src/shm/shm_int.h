/*
 * shm_int.h -- layout of the zones; for the files of this folder only.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Whoever changes a struct here changes ion_shm_layout_hash with it; where
 * only a meaning changes, raise SHM_LAYOUT.
 */

#ifndef ION_SHM_SHM_INT_H
#define ION_SHM_SHM_INT_H

#include <stdatomic.h>

#include "base/base.h"
#include "shm/ids.h"
#include "shm/links.h"
#include "shm/ring.h"
#include "shm/shm.h"
#include "shm/slots.h"
#include "shm/zone.h"

#define SHM_MAGIC  UINT64_C(0x696f6e7363616c65)
#define SHM_LAYOUT 3u
#define SHM_PAGE   4096u
#define SHM_LINE   64u

#define DIR_CELLS    7u
#define DIR_PATH_MAX 1024u /* buckets one key may overflow over */

enum {
    SHM_ZONE_MASTER,
    SHM_ZONE_WORKERS,
    SHM_ZONE_KEEPER,
    SHM_ZONE_COURIER,
    SHM_ZONE_DIR,
    SHM_ZONE_RINGS,
    SHM_ZONES,
};

/* Start of the master's zone; the slot table follows on the next page. */
typedef struct shm_head {
    uint64_t magic;
    uint64_t layout;
    ion_shm_geometry_t geometry;
    uint8_t secret[16]; /* of the directory's hash, new at each start */
    _Alignas(SHM_LINE) _Atomic uint64_t changes; /* after any state changed */
} shm_head_t;

typedef struct shm_slot {
    _Alignas(SHM_LINE) _Atomic uint32_t state;
    _Atomic uint32_t role;
    _Atomic uint32_t index;
    _Atomic int32_t pid;
    _Atomic uint32_t incarnation;
    _Atomic uint32_t retirement; /* counts on at each DEAD; acks name it */
    _Atomic uint64_t generation;
    _Atomic uint64_t started_ms;
} shm_slot_t;

typedef struct shm_box {
    _Alignas(SHM_LINE) _Atomic uint32_t len;
    char text[SHM_PAGE - SHM_LINE];
} shm_box_t;

#define SHM_LINK_WORDS (ION_LINKS_TEXT / sizeof(uint64_t))

/* One row of links.h. */
typedef struct shm_link {
    _Alignas(SHM_LINE) _Atomic uint32_t version; /* odd: being written */
    _Atomic uint32_t state;
    _Atomic uint64_t since_ms;
    _Atomic uint64_t keys;
    _Atomic uint64_t packets;
    _Atomic uint64_t target[SHM_LINK_WORDS];
    _Atomic uint64_t why[SHM_LINK_WORDS];
} shm_link_t;

/* A process's own; its counters follow. */
typedef struct shm_block {
    _Alignas(SHM_LINE) _Atomic uint64_t beat;
    _Atomic uint32_t busy;
    _Atomic uint32_t sandbox;   /* as ion_slots_set_sandbox */
    _Atomic uint64_t blamed[2]; /* slots it cannot talk with */
    _Alignas(SHM_LINE) _Atomic uint32_t acks[ION_WORKER_SLOTS_MAX];
    shm_box_t box;
    shm_link_t links[ION_LINKS_MAX]; /* a worker's */
    uint64_t stats[];
} shm_block_t;

typedef struct dir_record {
    _Alignas(SHM_LINE) _Atomic uint64_t key[4];
    _Atomic uint32_t life;
    _Atomic uint32_t flags;
    _Atomic uint64_t seq;
    _Atomic uint32_t tailnet;
    /* cold */
    _Alignas(SHM_LINE) _Atomic uint64_t ip[2];
    _Atomic uint32_t port; /* family in the upper half */
    _Atomic uint32_t drops;
    _Atomic uint64_t connected_ms;
    _Atomic uint64_t packets_in;
    _Atomic uint64_t bytes_in;
    _Atomic uint64_t packets_out;
    _Atomic uint64_t bytes_out;
} dir_record_t;

typedef struct dir_bucket {
    _Alignas(SHM_LINE) _Atomic uint64_t head; /* version:32 | overflow:32 */
    _Atomic uint64_t cell[DIR_CELLS]; /* tag:24 | slot:8 | record+1:32 */
} dir_bucket_t;

typedef struct dir_store {
    _Alignas(SHM_LINE) _Atomic uint32_t live; /* clients' records in use */
    _Atomic uint32_t links;                   /* forwarders' records in use */
    _Atomic uint32_t used; /* records that ever had a life since the sweep */
} dir_store_t;

/* Start of the directory's zone; buckets and records follow, page-aligned. */
typedef struct dir_head {
    _Alignas(SHM_LINE) _Atomic uint64_t seq;
    _Alignas(SHM_LINE) _Atomic uint64_t watch[2]; /* slots that watch */
    dir_store_t store[ION_WORKER_SLOTS_MAX];
} dir_head_t;

typedef struct shm_sleep {
    _Alignas(SHM_LINE) _Atomic uint32_t asleep;
} shm_sleep_t;

/* Start of the ring zone; ring words [consumer][producer] and data follow. */
typedef struct shm_rings {
    shm_sleep_t sleep[ION_WORKER_SLOTS_MAX];
} shm_rings_t;

ION_STATIC_ASSERT(sizeof(shm_slot_t) == SHM_LINE, "slot is a line");
ION_STATIC_ASSERT(sizeof(dir_bucket_t) == SHM_LINE, "bucket is a line");
ION_STATIC_ASSERT(sizeof(dir_record_t) == 2 * SHM_LINE, "record is two");
ION_STATIC_ASSERT(sizeof(ion_ring_words_t) == 2 * SHM_LINE, "a line a side");
ION_STATIC_ASSERT(sizeof(shm_head_t) <= SHM_PAGE, "head fits its page");
ION_STATIC_ASSERT(sizeof(shm_box_t) == SHM_PAGE, "box is a page");

struct ion_shm {
    ion_slot_role_t role;
    uint32_t slot;
    uint32_t worker_slots;
    uint32_t buckets; /* power of two */
    uint32_t records; /* of each slot */
    uint64_t ring_bytes;
    ion_shm_geometry_t geometry;
    uint8_t secret[16];

    ion_zone_t *zone[SHM_ZONES]; /* NULL: not of this role */
    shm_head_t *head;
    shm_slot_t *slots;
    dir_head_t *dir;
    dir_bucket_t *bucket;
    dir_record_t *record;
    shm_rings_t *rings;
    ion_ring_words_t *ring_words;
    uint8_t *ring_data;

    int doorbell[ION_WORKER_SLOTS_MAX + 1]; /* [worker_slots]: the master's */

    /* the owner's free records: a stack, and those never used yet */
    uint32_t *free_record;
    uint32_t free_count;
    uint32_t next_record;
};

/* shm_block -- a slot's block; NULL if this process may not see it. */
shm_block_t *shm_block(const ion_shm_t *shm, uint32_t slot);

/* shm_slot_of_role -- the only slot of the keeper or the courier. */
uint32_t shm_slot_of_role(const ion_shm_t *shm, ion_slot_role_t role);

/* shm_doorbell_ring -- wake a worker, or the master (worker_slots). */
void shm_doorbell_ring(const ion_shm_t *shm, uint32_t slot);

/* shm_doorbell_clear -- make a rung doorbell unreadable again. */
void shm_doorbell_clear(const ion_shm_t *shm, uint32_t slot);

/* shm_ring -- the words and the data of the ring from one slot to another. */
ion_ring_words_t *shm_ring_words(
    const ion_shm_t *shm, uint32_t producer, uint32_t consumer);
uint8_t *shm_ring_data(
    const ion_shm_t *shm, uint32_t producer, uint32_t consumer);

/* dir_sweep -- remove the cells and lives of a dead slot. Master only. */
void dir_sweep(ion_shm_t *shm, uint32_t slot);

#endif
