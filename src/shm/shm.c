/*
 * shm.c -- sizes and places of everything shared; create, attach, sweep.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * All sizes follow from the geometry, so a child computes them again and
 * refuses zones that do not have them.
 */

#include "shm/shm.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/rng.h"
#include "shm/shm_int.h"

/* Half of the largest ring, from where on sources are held to their share,
 * takes a full send queue of the largest packets at once: whoever stays under
 * the queue's bound loses nothing on the way to another worker. */
#define RING_MIN    (UINT64_C(256) << 10)
#define RING_MAX    (UINT64_C(4) << 20)
#define MAX_WORKERS (ION_WORKER_SLOTS_MAX / 2)
#define MAX_CLIENTS (1u << 24)
#define MAX_STATS   4096u
#define MIN_SLOTS   8u
#define MIN_BUCKETS 4u

typedef enum { NO_ZONE, READS, WRITES } zone_right_t;

/* Who gets which zone, and how: what shm.h shows. */
static const zone_right_t rights[][SHM_ZONES] = {
    [ION_SLOT_WORKER] = { READS, WRITES, READS, READS, WRITES, WRITES },
    [ION_SLOT_KEEPER] = { READS, READS, WRITES, READS, READS, NO_ZONE },
    [ION_SLOT_COURIER] = { READS, NO_ZONE, NO_ZONE, WRITES, NO_ZONE, NO_ZONE },
};

static uint64_t
page_up(uint64_t n)
{
    return (n + SHM_PAGE - 1) & ~(uint64_t)(SHM_PAGE - 1);
}

static uint64_t
block_bytes(const ion_shm_t *shm)
{
    return page_up(sizeof(shm_block_t) +
                   (uint64_t)shm->geometry.nstats * sizeof(uint64_t));
}

static uint64_t
ring_count(const ion_shm_t *shm)
{
    return (uint64_t)shm->worker_slots * (shm->worker_slots - 1);
}

static uint64_t
ring_words_bytes(const ion_shm_t *shm)
{
    return page_up((uint64_t)shm->worker_slots * shm->worker_slots *
                   sizeof(ion_ring_words_t));
}

static uint64_t
buckets_bytes(const ion_shm_t *shm)
{
    return page_up((uint64_t)shm->buckets * sizeof(dir_bucket_t));
}

static uint64_t
zone_bytes(const ion_shm_t *shm, int zone)
{
    switch (zone) {
    case SHM_ZONE_MASTER:
        return SHM_PAGE + page_up(ION_SLOTS_MAX * sizeof(shm_slot_t)) +
               block_bytes(shm);
    case SHM_ZONE_WORKERS:
        return shm->worker_slots * block_bytes(shm);
    case SHM_ZONE_KEEPER:
    case SHM_ZONE_COURIER:
        return block_bytes(shm);
    case SHM_ZONE_DIR:
        return page_up(sizeof(dir_head_t)) + buckets_bytes(shm) +
               (uint64_t)shm->worker_slots * shm->records *
                   sizeof(dir_record_t);
    case SHM_ZONE_RINGS:
        return page_up(sizeof(shm_rings_t)) + ring_words_bytes(shm) +
               ring_count(shm) * shm->ring_bytes;
    default:
        ION_UNREACHABLE();
    }
}

/* The numbers that follow from the geometry. */
static ion_err_t
set_geometry(ion_shm_t *shm, const ion_shm_geometry_t *g)
{
    if (g->max_workers == 0 || g->max_workers > MAX_WORKERS ||
        g->max_clients == 0 || g->max_clients > MAX_CLIENTS ||
        g->nstats > MAX_STATS)
    {
        return ION_RANGE;
    }
    shm->geometry = *g;
    shm->worker_slots = ION_MAX(2 * g->max_workers, MIN_SLOTS);

    /* clients, and as many keys behind mesh links */
    shm->records = 2 * g->max_clients;
    /* full with all of them at three quarters of its cells */
    uint64_t cells = ((uint64_t)shm->records * 4 + 2) / 3;
    shm->buckets = MIN_BUCKETS;
    while ((uint64_t)shm->buckets * DIR_CELLS < cells) {
        shm->buckets *= 2;
    }
    /* memory is used by pairs of live workers only */
    uint64_t pairs = (uint64_t)g->max_workers * (g->max_workers - 1);
    uint64_t share = g->fabric_bytes / ION_MAX(pairs, 1u);
    shm->ring_bytes = RING_MIN;
    while (shm->ring_bytes * 2 <= ION_MIN(share, RING_MAX)) {
        shm->ring_bytes *= 2;
    }
    return ION_OK;
}

static void
place(ion_shm_t *shm)
{
    uint8_t *base = shm->zone[SHM_ZONE_MASTER]->base;
    shm->head = (void *)base;
    shm->slots = (void *)(base + SHM_PAGE);
    if (shm->zone[SHM_ZONE_DIR] != NULL) {
        base = shm->zone[SHM_ZONE_DIR]->base;
        shm->dir = (void *)base;
        base += page_up(sizeof(dir_head_t));
        shm->bucket = (void *)base;
        base += buckets_bytes(shm);
        shm->record = (void *)base;
    }
    if (shm->zone[SHM_ZONE_RINGS] != NULL) {
        base = shm->zone[SHM_ZONE_RINGS]->base;
        shm->rings = (void *)base;
        base += page_up(sizeof(shm_rings_t));
        shm->ring_words = (void *)base;
        base += ring_words_bytes(shm);
        shm->ring_data = base;
        /* packets of clients have no place in a core file */
        (void)madvise(shm->ring_data,
            (size_t)(ring_count(shm) * shm->ring_bytes), MADV_DONTDUMP);
    }
}

static ion_shm_t *
new_shm(void)
{
    ion_shm_t *shm = calloc(1, sizeof(*shm));
    if (shm != NULL) {
        for (size_t i = 0; i < ION_ARRAY_LEN(shm->doorbell); i++) {
            shm->doorbell[i] = -1;
        }
    }
    return shm;
}

static ion_err_t
make_zones(ion_shm_t *shm)
{
    static const char *const names[SHM_ZONES] = {
        [SHM_ZONE_MASTER] = "ionscale-master",
        [SHM_ZONE_WORKERS] = "ionscale-workers",
        [SHM_ZONE_KEEPER] = "ionscale-keeper",
        [SHM_ZONE_COURIER] = "ionscale-courier",
        [SHM_ZONE_DIR] = "ionscale-directory",
        [SHM_ZONE_RINGS] = "ionscale-rings",
    };
    for (int i = 0; i < SHM_ZONES; i++) {
        ion_err_t rc =
            ion_zone_create(names[i], zone_bytes(shm, i), &shm->zone[i]);
        if (rc != ION_OK) {
            return rc;
        }
    }
    for (uint32_t i = 0; i <= shm->worker_slots; i++) {
        shm->doorbell[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (shm->doorbell[i] < 0) {
            return ION_SYS;
        }
    }
    return ION_OK;
}

ion_err_t
ion_shm_create(const ion_shm_geometry_t *geometry, ion_shm_t **out)
{
    ion_shm_t *shm = new_shm();
    if (shm == NULL) {
        return ION_NOMEM;
    }
    ion_err_t rc = set_geometry(shm, geometry);
    if (rc == ION_OK) {
        rc = make_zones(shm);
    }
    if (rc != ION_OK) {
        ion_shm_free(&shm);
        return rc;
    }
    place(shm);
    shm->role = ION_SLOT_MASTER;
    shm->slot = shm->worker_slots;
    ion_random(shm->secret, sizeof(shm->secret));
    shm->head->magic = SHM_MAGIC;
    shm->head->layout = ion_shm_layout_hash();
    shm->head->geometry = shm->geometry;
    memcpy(shm->head->secret, shm->secret, sizeof(shm->secret));
    shm_slot_t *mine = &shm->slots[shm->slot];
    atomic_store(&mine->role, (uint32_t)ION_SLOT_MASTER);
    atomic_store(&mine->pid, (int32_t)getpid());
    atomic_store(&mine->incarnation, 1u);
    atomic_store(&mine->started_ms, (uint64_t)ion_wall_now_ms());
    atomic_store(&mine->state, (uint32_t)ION_SLOT_LIVE);
    *out = shm;
    return ION_OK;
}

static size_t
zones_of(ion_slot_role_t role)
{
    size_t n = 0;
    for (int i = 0; i < SHM_ZONES; i++) {
        n += rights[role][i] != NO_ZONE ? 1 : 0;
    }
    return n;
}

size_t
ion_shm_fds(
    const ion_shm_t *shm, ion_slot_role_t role, int fds[ION_SHM_FDS_MAX])
{
    size_t n = 0;
    for (int i = 0; i < SHM_ZONES; i++) {
        if (rights[role][i] != NO_ZONE) {
            fds[n++] = rights[role][i] == WRITES ? shm->zone[i]->fd
                                                 : shm->zone[i]->fd_ro;
        }
    }
    for (uint32_t i = 0; role == ION_SLOT_WORKER && i <= shm->worker_slots; i++)
    {
        fds[n++] = shm->doorbell[i];
    }
    return n;
}

static ion_err_t
map_zones(ion_shm_t *shm, const int *fds, size_t nfds)
{
    const zone_right_t *mine = rights[shm->role];
    size_t n = 0;
    if (nfds < zones_of(shm->role)) {
        return ION_MALF;
    }
    for (int i = 0; i < SHM_ZONES; i++) {
        ion_err_t rc = ION_OK;
        if (mine[i] != NO_ZONE) {
            rc = ion_zone_map(fds[n++], mine[i] == WRITES, &shm->zone[i]);
        }
        if (rc != ION_OK) {
            return rc;
        }
    }
    return ION_OK;
}

/* The master's word about the geometry, and whether the zones have it. */
static ion_err_t
check_zones(ion_shm_t *shm, size_t nfds)
{
    const ion_zone_t *z = shm->zone[SHM_ZONE_MASTER];
    const shm_head_t *head = z->base;
    if (z->size < SHM_PAGE || head->magic != SHM_MAGIC) {
        return ION_MALF;
    }
    if (head->layout != ion_shm_layout_hash()) {
        return ION_VERSION;
    }
    if (set_geometry(shm, &head->geometry) != ION_OK) {
        return ION_MALF;
    }
    for (int i = 0; i < SHM_ZONES; i++) {
        if (shm->zone[i] != NULL &&
            shm->zone[i]->size != page_up(zone_bytes(shm, i))) {
            return ION_MALF;
        }
    }
    memcpy(shm->secret, head->secret, sizeof(shm->secret));
    if (shm->role == ION_SLOT_WORKER) {
        return shm->slot < shm->worker_slots &&
                       nfds == SHM_ZONES + shm->worker_slots + 1
                   ? ION_OK
                   : ION_MALF;
    }
    return shm->slot == shm_slot_of_role(shm, shm->role) &&
                   nfds == zones_of(shm->role)
               ? ION_OK
               : ION_MALF;
}

static ion_err_t
attach(ion_shm_t *shm, const int *fds, size_t nfds)
{
    ion_err_t rc = map_zones(shm, fds, nfds);
    if (rc == ION_OK) {
        rc = check_zones(shm, nfds);
    }
    if (rc != ION_OK || shm->role != ION_SLOT_WORKER) {
        return rc;
    }
    shm->free_record = calloc(shm->records, sizeof(*shm->free_record));
    return shm->free_record != NULL ? ION_OK : ION_NOMEM;
}

ion_err_t
ion_shm_attach(ion_slot_role_t role, uint32_t slot, const int *fds, size_t nfds,
    ion_shm_t **out)
{
    ION_ASSERT(role == ION_SLOT_WORKER || role == ION_SLOT_KEEPER ||
               role == ION_SLOT_COURIER);
    ion_err_t rc = ION_NOMEM;
    ion_shm_t *shm = new_shm();
    if (shm != NULL) {
        shm->role = role;
        shm->slot = slot;
        rc = attach(shm, fds, nfds);
    }
    /* doorbells stay open in a worker that attached; all else is done with */
    bool keep = rc == ION_OK && role == ION_SLOT_WORKER;
    for (size_t i = 0; i < nfds; i++) {
        if (keep && i >= SHM_ZONES) {
            shm->doorbell[i - SHM_ZONES] = fds[i];
        } else {
            (void)close(fds[i]);
        }
    }
    if (rc != ION_OK) {
        ion_shm_free(&shm);
        return rc;
    }
    place(shm);
    *out = shm;
    return ION_OK;
}

void
ion_shm_free(ion_shm_t **shmp)
{
    ion_shm_t *shm = *shmp;
    *shmp = NULL;
    if (shm == NULL) {
        return;
    }
    int saved = errno;
    for (size_t i = 0; i < ION_ARRAY_LEN(shm->doorbell); i++) {
        if (shm->doorbell[i] >= 0) {
            (void)close(shm->doorbell[i]);
        }
    }
    for (int i = 0; i < SHM_ZONES; i++) {
        ion_zone_free(&shm->zone[i]);
    }
    free(shm->free_record);
    free(shm);
    errno = saved;
}

static void
reset_ring(ion_shm_t *shm, uint32_t producer, uint32_t consumer)
{
    ion_ring_words_t *w = shm_ring_words(shm, producer, consumer);
    if (atomic_load(&w->tail) != 0) {
        /* best effort: memory that stays is used again by the next owner */
        (void)madvise(shm_ring_data(shm, producer, consumer),
            (size_t)shm->ring_bytes, MADV_REMOVE);
    }
    atomic_store(&w->tail, 0);
    atomic_store(&w->head, 0);
    atomic_store(&w->wants_room, 0u);
}

void
ion_shm_sweep(ion_shm_t *shm, uint32_t slot)
{
    ION_ASSERT(shm->role == ION_SLOT_MASTER);
    ION_ASSERT(ion_slots_is_retired(shm, slot));
    if (slot < shm->worker_slots) {
        dir_sweep(shm, slot);
        ion_links_clear(shm, slot);
        for (uint32_t i = 0; i < shm->worker_slots; i++) {
            if (i != slot) {
                reset_ring(shm, slot, i);
                reset_ring(shm, i, slot);
            }
        }
        atomic_store(&shm->rings->sleep[slot].asleep, 0u);
        shm_doorbell_clear(shm, slot);
    }
    shm_block_t *block = shm_block(shm, slot);
    atomic_store(&block->busy, 0u);
    atomic_store(&block->blamed[0], 0);
    atomic_store(&block->blamed[1], 0);
    shm_slot_t *s = &shm->slots[slot];
    atomic_store(&s->pid, 0);
    atomic_store(&s->state, (uint32_t)ION_SLOT_FREE);
    atomic_fetch_add(&shm->head->changes, 1);
}

shm_block_t *
shm_block(const ion_shm_t *shm, uint32_t slot)
{
    uint8_t *base;
    if (slot < shm->worker_slots) {
        base = shm->zone[SHM_ZONE_WORKERS]->base;
        base += slot * block_bytes(shm);
    } else if (slot == shm->worker_slots) {
        base = shm->zone[SHM_ZONE_MASTER]->base;
        base += SHM_PAGE + page_up(ION_SLOTS_MAX * sizeof(shm_slot_t));
    } else if (slot == shm->worker_slots + 1) {
        base = shm->zone[SHM_ZONE_KEEPER]->base;
    } else {
        ION_ASSERT(slot == shm->worker_slots + 2);
        base = shm->zone[SHM_ZONE_COURIER]->base;
    }
    return (void *)base;
}

void
shm_doorbell_ring(const ion_shm_t *shm, uint32_t slot)
{
    uint64_t one = 1;
    /* a full counter is readable already, which is all that is wanted */
    (void)!write(shm->doorbell[slot], &one, sizeof(one));
}

void
shm_doorbell_clear(const ion_shm_t *shm, uint32_t slot)
{
    uint64_t count;
    /* nothing to read: nobody had rung */
    (void)!read(shm->doorbell[slot], &count, sizeof(count));
}

ion_ring_words_t *
shm_ring_words(const ion_shm_t *shm, uint32_t producer, uint32_t consumer)
{
    return &shm->ring_words[(size_t)consumer * shm->worker_slots + producer];
}

uint8_t *
shm_ring_data(const ion_shm_t *shm, uint32_t producer, uint32_t consumer)
{
    uint32_t nth = consumer < producer ? consumer : consumer - 1;
    uint64_t ring = (uint64_t)producer * (shm->worker_slots - 1) + nth;
    return shm->ring_data + ring * shm->ring_bytes;
}

uint32_t
shm_slot_of_role(const ion_shm_t *shm, ion_slot_role_t role)
{
    return shm->worker_slots + (role == ION_SLOT_KEEPER ? 1 : 2);
}

uint64_t
ion_shm_layout_hash(void)
{
    static const uint32_t layout[] = {
        SHM_LAYOUT,
        SHM_PAGE,
        DIR_CELLS,
        ION_WORKER_SLOTS_MAX,
        ION_RING_HEADER,
        sizeof(ion_shm_geometry_t),
        offsetof(shm_head_t, geometry),
        offsetof(shm_head_t, secret),
        offsetof(shm_head_t, changes),
        offsetof(shm_slot_t, incarnation),
        offsetof(shm_slot_t, retirement),
        offsetof(shm_slot_t, generation),
        offsetof(shm_slot_t, started_ms),
        offsetof(shm_block_t, busy),
        offsetof(shm_block_t, blamed),
        offsetof(shm_block_t, acks),
        offsetof(shm_block_t, box),
        offsetof(shm_block_t, links),
        sizeof(shm_link_t),
        offsetof(shm_block_t, stats),
        offsetof(dir_record_t, life),
        offsetof(dir_record_t, flags),
        offsetof(dir_record_t, seq),
        offsetof(dir_record_t, tailnet),
        offsetof(dir_record_t, ip),
        offsetof(dir_record_t, port),
        offsetof(dir_record_t, connected_ms),
        offsetof(dir_record_t, bytes_out),
        sizeof(dir_record_t),
        sizeof(dir_bucket_t),
        sizeof(dir_head_t),
        sizeof(shm_rings_t),
        offsetof(ion_ring_words_t, wants_room),
        offsetof(ion_ring_words_t, head),
        sizeof(ion_ring_words_t),
    };
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < ION_ARRAY_LEN(layout); i++) {
        h = (h ^ layout[i]) * UINT64_C(0x100000001b3);
    }
    return h;
}

uint32_t
ion_shm_slot(const ion_shm_t *shm)
{
    return shm->slot;
}

uint32_t
ion_shm_worker_slots(const ion_shm_t *shm)
{
    return shm->worker_slots;
}

uint32_t
ion_shm_master_slot(const ion_shm_t *shm)
{
    return shm->worker_slots;
}

uint32_t
ion_shm_keeper_slot(const ion_shm_t *shm)
{
    return shm->worker_slots + 1;
}

uint32_t
ion_shm_courier_slot(const ion_shm_t *shm)
{
    return shm->worker_slots + 2;
}

const ion_shm_geometry_t *
ion_shm_geometry(const ion_shm_t *shm)
{
    return &shm->geometry;
}
