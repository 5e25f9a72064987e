/*
 * dir.c -- register, look up, become active, leave, sweep.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A key's path is its home bucket and the buckets behind it; it ends at the
 * first one with an overflow count of 0. Whoever places a cell raises the
 * count of each full bucket it passes before it goes on, and lowers them when
 * the cell goes, so a count is never lower than the number of cells that need
 * it: no reader stops short of a key that is there.
 *
 * seq is drawn after the cell is visible. A connection that leaves draws the
 * seq of its GONE before it looks for others, so whoever it cannot see has a
 * higher one, and its interests survive that GONE.
 *
 * Key words are read while their owner may be writing the next life's: the
 * life before and after tells (a sequence lock with one writer).
 */

#include "shm/dir.h"

#include <string.h>

#include "base/assert.h"
#include "base/map.h"
#include "shm/atom.h"
#include "shm/dir_int.h"
#include "shm/shm_int.h"

#define ONE_VERSION  (UINT64_C(1) << 32)
#define LOOKUP_TRIES 8
#define KEY_WORDS    4

dir_path_t
dir_path(const ion_shm_t *shm, const ion_key_t *key)
{
    uint64_t h = ion_siphash13(shm->secret, key->b, sizeof(key->b));
    return (dir_path_t){
        .key = *key,
        .tag = (uint32_t)(h >> 40),
        .home = (uint32_t)h & (shm->buckets - 1),
    };
}

static uint32_t
path_max(const ion_shm_t *shm)
{
    return ION_MIN(shm->buckets, DIR_PATH_MAX);
}

static dir_bucket_t *
bucket_at(const ion_shm_t *shm, uint32_t home, uint32_t nth)
{
    return &shm->bucket[(home + nth) & (shm->buckets - 1)];
}

static uint32_t
version_of(const ion_shm_t *shm, uint32_t home)
{
    return (uint32_t)(SHM_LOAD(&shm->bucket[home].head) >> 32);
}

static dir_record_t *
record_at(const ion_shm_t *shm, uint32_t slot, uint32_t record)
{
    return &shm->record[(size_t)slot * shm->records + record];
}

dir_record_t *
dir_record(const ion_shm_t *shm, ion_conn_id_t conn)
{
    ION_ASSERT(conn.slot < shm->worker_slots);
    ION_ASSERT(conn.record < shm->records);
    return record_at(shm, conn.slot, conn.record);
}

static uint64_t
cell_of(const dir_path_t *path, uint32_t slot, uint32_t record)
{
    return (uint64_t)path->tag << 40 | (uint64_t)slot << 32 | (record + 1);
}

static void
load_key(const dir_record_t *r, ion_key_t *key)
{
    uint64_t w[KEY_WORDS];
    for (size_t i = 0; i < KEY_WORDS; i++) {
        w[i] = SHM_LOAD_RLX(&r->key[i]);
    }
    memcpy(key->b, w, sizeof(key->b));
}

bool
dir_read_cell(const ion_shm_t *shm, uint64_t cell, dir_found_t *out)
{
    uint32_t slot = (uint32_t)(cell >> 32) & 0xff;
    uint32_t record = (uint32_t)cell - 1;
    if ((uint32_t)cell == 0 || slot >= shm->worker_slots ||
        record >= shm->records ||
        SHM_LOAD_ACQ(&shm->slots[slot].state) == ION_SLOT_DEAD)
    {
        return false;
    }
    const dir_record_t *r = record_at(shm, slot, record);
    uint32_t life = SHM_LOAD_ACQ(&r->life);
    if ((life & 1) == 0) {
        return false;
    }
    ION_SHM_STEP("read record");
    load_key(r, &out->key);
    out->seq = SHM_LOAD_RLX(&r->seq);
    out->flags = SHM_LOAD_RLX(&r->flags);
    out->tailnet = SHM_LOAD_RLX(&r->tailnet);
    SHM_FENCE_ACQ();
    if (SHM_LOAD_RLX(&r->life) != life) {
        return false;
    }
    out->conn = (ion_conn_id_t){
        .record = record,
        .life = life,
        .slot = (uint8_t)slot,
    };
    return true;
}

/* Hands every live connection of the path's key to visit. */
void
dir_scan(const ion_shm_t *shm, const dir_path_t *path,
    void (*visit)(void *arg, const dir_found_t *found), void *arg)
{
    for (uint32_t n = 0; n < path_max(shm); n++) {
        const dir_bucket_t *b = bucket_at(shm, path->home, n);
        ION_SHM_STEP("scan bucket");
        for (size_t i = 0; i < DIR_CELLS; i++) {
            uint64_t cell = SHM_LOAD(&b->cell[i]);
            dir_found_t found;
            if (cell >> 40 == path->tag && dir_read_cell(shm, cell, &found) &&
                memcmp(&found.key, &path->key, sizeof(found.key)) == 0)
            {
                visit(arg, &found);
            }
        }
        if ((uint32_t)SHM_LOAD(&b->head) == 0) {
            return;
        }
    }
}

/* A local connection beats a mesh link; then the newest connection is active,
 * but of two links the older one. */
static bool
is_better(const dir_found_t *a, const dir_found_t *b)
{
    bool a_links = (a->flags & ION_DIR_FORWARDER) != 0;
    bool b_links = (b->flags & ION_DIR_FORWARDER) != 0;
    if (a_links != b_links) {
        return b_links;
    }
    /* a link that has not drawn its seq yet is the newest */
    return a_links ? a->seq - 1 < b->seq - 1 : a->seq > b->seq;
}

static void
keep_best(void *arg, const dir_found_t *found)
{
    dir_found_t *best = arg;
    if (ion_conn_id_is_none(best->conn) || is_better(found, best)) {
        *best = *found;
    }
}

ion_err_t
ion_dir_lookup(const ion_shm_t *shm, const ion_key_t *key, ion_dir_hit_t *out)
{
    dir_path_t path = dir_path(shm, key);
    for (int tries = 0; tries < LOOKUP_TRIES; tries++) {
        dir_found_t best = { .conn = { 0 } };
        ION_SHM_STEP("lookup version");
        uint32_t version = version_of(shm, path.home);
        dir_scan(shm, &path, keep_best, &best);
        if (!ion_conn_id_is_none(best.conn)) {
            *out = (ion_dir_hit_t){
                .conn = best.conn,
                .seq = best.seq,
                .home = path.home,
                .version = version,
                .flags = best.flags,
                .tailnet = best.tailnet,
            };
            return ION_OK;
        }
        ION_SHM_STEP("lookup missed");
        if (version_of(shm, path.home) == version) {
            return ION_NOTFOUND;
        }
    }
    return ION_NOTFOUND;
}

bool
ion_dir_is_fresh(const ion_shm_t *shm, const ion_dir_hit_t *hit)
{
    return version_of(shm, hit->home) == hit->version;
}

/* An overflow count one lower; a count that a corrupt process made too low
 * stays 0 rather than borrowing from the version. */
static void
lower_overflow(dir_bucket_t *b)
{
    uint64_t head = SHM_LOAD(&b->head);
    while ((uint32_t)head != 0) {
        if (SHM_CAS(&b->head, &head, head - 1)) {
            return;
        }
    }
}

/* A cell into the first free place of the path. */
static bool
place_cell(ion_shm_t *shm, const dir_path_t *path, uint64_t cell)
{
    uint32_t n;
    for (n = 0; n < path_max(shm); n++) {
        dir_bucket_t *b = bucket_at(shm, path->home, n);
        ION_SHM_STEP("place cell");
        for (size_t i = 0; i < DIR_CELLS; i++) {
            uint64_t empty = 0;
            if (SHM_LOAD(&b->cell[i]) == 0 &&
                SHM_CAS(&b->cell[i], &empty, cell)) {
                return true;
            }
        }
        ION_SHM_STEP("raise overflow");
        SHM_ADD(&b->head, 1);
    }
    while (n > 0) {
        n--;
        lower_overflow(bucket_at(shm, path->home, n));
    }
    return false;
}

/* Takes a cell off its path; one that is not there (someone corrupt removed
 * it) leaves the counts alone. */
static void
remove_cell(ion_shm_t *shm, const dir_path_t *path, uint64_t cell)
{
    for (uint32_t n = 0; n < path_max(shm); n++) {
        dir_bucket_t *b = bucket_at(shm, path->home, n);
        ION_SHM_STEP("remove cell");
        for (size_t i = 0; i < DIR_CELLS; i++) {
            uint64_t mine = cell;
            if (SHM_LOAD(&b->cell[i]) != cell ||
                !SHM_CAS(&b->cell[i], &mine, 0)) {
                continue;
            }
            for (uint32_t k = 0; k < n; k++) {
                ION_SHM_STEP("lower overflow");
                lower_overflow(bucket_at(shm, path->home, k));
            }
            return;
        }
        if ((uint32_t)SHM_LOAD(&b->head) == 0) {
            return;
        }
    }
}

/* Sets or clears a slot's bit in the watch mask. */
static void
set_watch(ion_shm_t *shm, uint32_t slot, bool on)
{
    _Atomic uint64_t *word = &shm->dir->watch[slot / 64];
    uint64_t bit = UINT64_C(1) << (slot % 64);
    ION_SHM_STEP("watch");
    if (on) {
        SHM_OR(word, bit);
    } else {
        SHM_AND(word, ~bit);
    }
}

/* Who must hear of what the caller has just made visible; it has fenced. */
static ion_slot_mask_t
watchers_of(const ion_shm_t *shm, ion_conn_id_t conn)
{
    ion_slot_mask_t mask = { .w = { 0 } };
    uint32_t flags = SHM_LOAD_RLX(&dir_record(shm, conn)->flags);
    if ((flags & ION_DIR_FORWARDER) != 0) {
        return mask;
    }
    ION_SHM_STEP("look for watchers");
    mask.w[0] = SHM_LOAD(&shm->dir->watch[0]);
    mask.w[1] = SHM_LOAD(&shm->dir->watch[1]);
    return mask;
}

void
ion_dir_watch(ion_shm_t *shm, bool on)
{
    ION_ASSERT(shm->role == ION_SLOT_WORKER);
    set_watch(shm, shm->slot, on);
    SHM_FENCE();
}

static uint64_t
next_seq(ion_shm_t *shm)
{
    return SHM_ADD(&shm->dir->seq, 1) + 1;
}

/* A store's count of clients, or of keys behind links. */
static _Atomic uint32_t *
count_of(const ion_shm_t *shm, uint32_t slot, uint32_t flags)
{
    dir_store_t *store = &shm->dir->store[slot];
    return (flags & ION_DIR_FORWARDER) != 0 ? &store->links : &store->live;
}

static uint32_t
count_all(const ion_shm_t *shm, uint32_t flags)
{
    uint32_t sum = 0;
    for (uint32_t i = 0; i < shm->worker_slots; i++) {
        sum += SHM_LOAD_RLX(count_of(shm, i, flags));
    }
    return sum;
}

static void
count_own(ion_shm_t *shm, uint32_t flags, int32_t change)
{
    _Atomic uint32_t *count = count_of(shm, shm->slot, flags);
    SHM_STORE_RLX(count, SHM_LOAD_RLX(count) + (uint32_t)change);
}

/* A record of ours whose life is even. */
static bool
take_record(ion_shm_t *shm, uint32_t flags, uint32_t *record)
{
    if (count_all(shm, flags) >= shm->geometry.max_clients) {
        return false;
    }
    if (shm->free_count > 0) {
        *record = shm->free_record[--shm->free_count];
    } else if (shm->next_record < shm->records) {
        *record = shm->next_record++;
        SHM_STORE_RLX(&shm->dir->store[shm->slot].used, shm->next_record);
    } else {
        return false;
    }
    count_own(shm, flags, 1);
    return true;
}

static void
give_record(ion_shm_t *shm, ion_conn_id_t conn)
{
    dir_record_t *r = dir_record(shm, conn);
    shm->free_record[shm->free_count++] = conn.record;
    count_own(shm, SHM_LOAD_RLX(&r->flags), -1);
    ION_SHM_STEP("end life");
    SHM_STORE_REL(&r->life, conn.life + 1);
}

static void
store_cold(dir_record_t *r, const ion_dir_new_t *in)
{
    uint64_t ip[2];
    memcpy(ip, in->addr.ip, sizeof(ip));
    SHM_STORE_RLX(&r->ip[0], ip[0]);
    SHM_STORE_RLX(&r->ip[1], ip[1]);
    SHM_STORE_RLX(&r->port, (uint32_t)in->addr.family << 16 | in->addr.port);
    SHM_STORE_RLX(&r->connected_ms, in->connected_ms);
    SHM_STORE_RLX(&r->drops, 0u);
    SHM_STORE_RLX(&r->packets_in, 0);
    SHM_STORE_RLX(&r->bytes_in, 0);
    SHM_STORE_RLX(&r->packets_out, 0);
    SHM_STORE_RLX(&r->bytes_out, 0);
}

/* Step 1: a complete record, then its life. */
static ion_conn_id_t
write_record(ion_shm_t *shm, uint32_t record, const ion_dir_new_t *in)
{
    dir_record_t *r = record_at(shm, shm->slot, record);
    uint32_t life = (SHM_LOAD_RLX(&r->life) + 1) | 1;
    uint64_t w[KEY_WORDS];
    memcpy(w, in->key.b, sizeof(w));
    SHM_FENCE_REL();
    for (size_t i = 0; i < KEY_WORDS; i++) {
        SHM_STORE_RLX(&r->key[i], w[i]);
    }
    SHM_STORE_RLX(&r->seq, 0);
    SHM_STORE_RLX(&r->flags, in->flags & ~(uint32_t)ION_DIR_DUP);
    SHM_STORE_RLX(&r->tailnet, in->tailnet);
    store_cold(r, in);
    SHM_STORE_REL(&r->life, life);
    return (ion_conn_id_t){
        .record = record,
        .life = life,
        .slot = (uint8_t)shm->slot,
    };
}

typedef struct dir_others {
    ion_conn_id_t self;
    ion_conn_id_t *list; /* ION_DIR_CONNS_PER_KEY places; NULL: count only */
    uint32_t count;      /* clients */
    uint32_t forwarders;
} dir_others_t;

static void
collect_other(void *arg, const dir_found_t *found)
{
    dir_others_t *o = arg;
    if (ion_conn_id_eq(found->conn, o->self)) {
        return;
    }
    if ((found->flags & ION_DIR_FORWARDER) != 0) {
        o->forwarders++;
        return;
    }
    if (o->list != NULL && o->count < ION_DIR_CONNS_PER_KEY) {
        o->list[o->count] = found->conn;
    }
    o->count++;
}

/* Steps 3 to 5 of register, after the cell is visible. */
static void
become_known(ion_shm_t *shm, const dir_path_t *path, ion_dir_reg_t *out)
{
    ion_dir_entry_t *e = &out->entry;
    uint32_t version = version_of(shm, path->home);
    ION_SHM_STEP("register seq");
    e->seq = next_seq(shm);
    SHM_STORE_REL(&dir_record(shm, e->conn)->seq, e->seq);
    ION_SHM_STEP("register version");
    SHM_ADD(&shm->bucket[path->home].head, ONE_VERSION);
    e->version = version + 1;
    SHM_FENCE();
    dir_others_t others = { .self = e->conn, .list = out->others };
    dir_scan(shm, path, collect_other, &others);
    out->others_count = others.count;
    out->forwarders = others.forwarders;
    out->watchers = watchers_of(shm, e->conn);
}

/* The first steps of leave: the cell goes, and everybody can know. */
static void
become_unknown(ion_shm_t *shm, const dir_path_t *path, ion_conn_id_t conn)
{
    remove_cell(shm, path, cell_of(path, conn.slot, conn.record));
    ION_SHM_STEP("leave version");
    SHM_ADD(&shm->bucket[path->home].head, ONE_VERSION);
    SHM_FENCE();
}

/* The last steps of leaving: the record is free, and who watches is asked. */
static ion_slot_mask_t
end_life(ion_shm_t *shm, ion_conn_id_t conn)
{
    give_record(shm, conn);
    ION_SHM_STEP("leave fence");
    SHM_FENCE();
    return watchers_of(shm, conn);
}

ion_err_t
ion_dir_register(ion_shm_t *shm, const ion_dir_new_t *in, ion_dir_reg_t *out)
{
    ION_ASSERT(shm->role == ION_SLOT_WORKER);
    bool is_link = (in->flags & ION_DIR_FORWARDER) != 0;
    dir_path_t path = dir_path(shm, &in->key);
    dir_others_t before = { .list = NULL };
    dir_scan(shm, &path, collect_other, &before);
    uint32_t kin = is_link ? before.forwarders : before.count;
    uint32_t record;
    out->entry = (ion_dir_entry_t){ .conn = { 0 } };
    out->watchers = (ion_slot_mask_t){ .w = { 0 } };
    if (kin >= ION_DIR_CONNS_PER_KEY || !take_record(shm, in->flags, &record)) {
        return ION_LIMIT;
    }
    ion_conn_id_t conn = write_record(shm, record, in);
    out->entry = (ion_dir_entry_t){ .conn = conn, .home = path.home };
    if (!place_cell(shm, &path, cell_of(&path, conn.slot, record))) {
        give_record(shm, conn);
        return ION_LIMIT;
    }
    become_known(shm, &path, out);
    kin = is_link ? out->forwarders : out->others_count;
    if (kin >= ION_DIR_CONNS_PER_KEY) {
        become_unknown(shm, &path, conn);
        out->watchers = end_life(shm, conn);
        return ION_LIMIT;
    }
    out->others_count = ION_MIN(out->others_count, ION_DIR_CONNS_PER_KEY);
    if (out->others_count > 0 && !is_link) {
        ion_dir_set_flags(shm, &out->entry, ION_DIR_DUP, 0);
    }
    return ION_OK;
}

bool
ion_dir_activity(ion_shm_t *shm, ion_dir_entry_t *entry)
{
    uint32_t version = version_of(shm, entry->home);
    if (version == entry->version) {
        return false;
    }
    ION_SHM_STEP("activity seq");
    entry->seq = next_seq(shm);
    SHM_STORE_REL(&dir_record(shm, entry->conn)->seq, entry->seq);
    ION_SHM_STEP("activity version");
    SHM_ADD(&shm->bucket[entry->home].head, ONE_VERSION);
    /* not what it is now: a step of another in between must be noticed */
    entry->version = version + 1;
    return true;
}

uint32_t
ion_dir_others(const ion_shm_t *shm, const ion_dir_entry_t *entry)
{
    ion_key_t key;
    load_key(dir_record(shm, entry->conn), &key);
    dir_path_t path = dir_path(shm, &key);
    dir_others_t others = { .self = entry->conn };
    dir_scan(shm, &path, collect_other, &others);
    return others.count;
}

void
ion_dir_kin(const ion_shm_t *shm, const ion_key_t *key, ion_dir_kin_t *out)
{
    dir_path_t path = dir_path(shm, key);
    dir_others_t all = { .list = out->conns };
    dir_scan(shm, &path, collect_other, &all);
    out->count = ION_MIN(all.count, ION_DIR_CONNS_PER_KEY);
    out->forwarders = all.forwarders;
}

/* The best connection of a key, and how many links lead to it. */
typedef struct dir_heir {
    dir_found_t best;
    uint32_t forwarders;
} dir_heir_t;

static void
keep_heir(void *arg, const dir_found_t *found)
{
    dir_heir_t *heir = arg;
    keep_best(&heir->best, found);
    heir->forwarders += (found->flags & ION_DIR_FORWARDER) != 0;
}

/* The connection of the path's key that is active now, if there is one. */
static void
find_heir(ion_shm_t *shm, const dir_path_t *path, ion_dir_left_t *out)
{
    dir_heir_t heir = { .best = { .conn = { 0 } } };
    ION_SHM_STEP("leave seq");
    uint64_t seq = next_seq(shm);
    dir_scan(shm, path, keep_heir, &heir);
    *out = (ion_dir_left_t){
        .key = path->key,
        .has_heir = !ion_conn_id_is_none(heir.best.conn),
        .heir = heir.best.conn,
        .heir_flags = heir.best.flags,
        .forwarders = heir.forwarders,
        .seq = seq,
    };
}

void
ion_dir_leave(ion_shm_t *shm, ion_dir_entry_t *entry, ion_dir_left_t *out)
{
    ion_conn_id_t conn = entry->conn;
    ION_ASSERT(shm->role == ION_SLOT_WORKER && conn.slot == shm->slot);
    ion_key_t key;
    load_key(dir_record(shm, conn), &key);
    dir_path_t path = dir_path(shm, &key);
    become_unknown(shm, &path, conn);
    find_heir(shm, &path, out);
    out->conn = conn;
    out->watchers = end_life(shm, conn);
    *entry = (ion_dir_entry_t){ .conn = { 0 } };
}

void
ion_dir_set_flags(
    ion_shm_t *shm, const ion_dir_entry_t *entry, uint32_t set, uint32_t clear)
{
    dir_record_t *r = dir_record(shm, entry->conn);
    SHM_STORE_RLX(&r->flags, (SHM_LOAD_RLX(&r->flags) & ~clear) | set);
}

/* One cell of a dead slot. Its record was complete before the cell was; if it
 * says anything else its owner was corrupt, and only the cell is removed. */
static void
sweep_cell(ion_shm_t *shm, dir_bucket_t *b, size_t nth, uint64_t cell)
{
    uint32_t record = (uint32_t)cell - 1;
    uint64_t expected = cell;
    if (record >= shm->records) {
        (void)SHM_CAS(&b->cell[nth], &expected, 0);
        return;
    }
    ion_key_t key;
    load_key(record_at(shm, (uint32_t)(cell >> 32) & 0xff, record), &key);
    dir_path_t path = dir_path(shm, &key);
    if (path.tag == cell >> 40) {
        remove_cell(shm, &path, cell);
        SHM_ADD(&shm->bucket[path.home].head, ONE_VERSION);
    }
    (void)SHM_CAS(&b->cell[nth], &expected, 0);
}

void
dir_sweep(ion_shm_t *shm, uint32_t slot)
{
    for (uint32_t i = 0; i < shm->buckets; i++) {
        dir_bucket_t *b = &shm->bucket[i];
        for (size_t n = 0; n < DIR_CELLS; n++) {
            uint64_t cell = SHM_LOAD(&b->cell[n]);
            if (cell != 0 && ((cell >> 32) & 0xff) == slot) {
                sweep_cell(shm, b, n, cell);
            }
        }
    }
    /* records that nobody used are holes in the zone: do not touch them */
    uint32_t used = SHM_LOAD_ACQ(&shm->dir->store[slot].used);
    used = ION_MIN(used, shm->records);
    for (uint32_t i = 0; i < used; i++) {
        dir_record_t *r = record_at(shm, slot, i);
        uint32_t life = SHM_LOAD_RLX(&r->life);
        if ((life & 1) != 0) {
            SHM_STORE_REL(&r->life, life + 1);
        }
    }
    SHM_STORE_RLX(&shm->dir->store[slot].used, 0u);
    SHM_STORE_RLX(&shm->dir->store[slot].live, 0u);
    SHM_STORE_RLX(&shm->dir->store[slot].links, 0u);
    set_watch(shm, slot, false);
}
