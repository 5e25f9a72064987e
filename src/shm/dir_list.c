/*
 * dir_list.c -- walking over all connections: `derp list` and gauges.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Nothing here writes but the owner's numbers of its own connections. A row's
 * cold fields are read between two looks at the life, like the hot ones.
 */

#include <string.h>

#include "base/assert.h"
#include "shm/atom.h"
#include "shm/dir.h"
#include "shm/dir_int.h"
#include "shm/shm_int.h"

void
ion_dir_set_traffic(ion_shm_t *shm, const ion_dir_entry_t *entry,
    const ion_dir_traffic_t *traffic)
{
    ION_ASSERT(entry->conn.slot == shm->slot);
    dir_record_t *r = dir_record(shm, entry->conn);
    SHM_STORE_RLX(&r->packets_in, traffic->packets_in);
    SHM_STORE_RLX(&r->bytes_in, traffic->bytes_in);
    SHM_STORE_RLX(&r->packets_out, traffic->packets_out);
    SHM_STORE_RLX(&r->bytes_out, traffic->bytes_out);
    SHM_STORE_RLX(&r->drops, traffic->drops);
}

static void
load_cold(const dir_record_t *r, ion_dir_row_t *row)
{
    uint64_t ip[2] = { SHM_LOAD_RLX(&r->ip[0]), SHM_LOAD_RLX(&r->ip[1]) };
    uint32_t port = SHM_LOAD_RLX(&r->port);
    memcpy(row->addr.ip, ip, sizeof(ip));
    row->addr.port = (uint16_t)port;
    row->addr.family = (uint8_t)(port >> 16);
    row->connected_ms = SHM_LOAD_RLX(&r->connected_ms);
    row->traffic = (ion_dir_traffic_t){
        .packets_in = SHM_LOAD_RLX(&r->packets_in),
        .bytes_in = SHM_LOAD_RLX(&r->bytes_in),
        .packets_out = SHM_LOAD_RLX(&r->packets_out),
        .bytes_out = SHM_LOAD_RLX(&r->bytes_out),
        .drops = SHM_LOAD_RLX(&r->drops),
    };
}

/* The rest of a row, if the connection is still the one that was found. */
static bool
fill_row(const ion_shm_t *shm, const dir_found_t *found, ion_dir_row_t *row)
{
    *row = (ion_dir_row_t){
        .key = found->key,
        .conn = found->conn,
        .flags = found->flags,
        .tailnet = found->tailnet,
        .seq = found->seq,
    };
    const dir_record_t *r = dir_record(shm, found->conn);
    load_cold(r, row);
    SHM_FENCE_ACQ();
    return SHM_LOAD_RLX(&r->life) == found->conn.life;
}

static bool
read_row(const ion_shm_t *shm, uint64_t cell, ion_dir_row_t *row)
{
    dir_found_t found;
    if (!dir_read_cell(shm, cell, &found) || !fill_row(shm, &found, row)) {
        return false;
    }
    ion_dir_hit_t hit;
    row->is_active = ion_dir_lookup(shm, &row->key, &hit) == ION_OK &&
                     ion_conn_id_eq(hit.conn, row->conn);
    return true;
}

ion_err_t
ion_dir_get(const ion_shm_t *shm, ion_conn_id_t conn, ion_dir_row_t *row)
{
    dir_found_t found;
    uint64_t cell = (uint64_t)conn.slot << 32 | (conn.record + 1);
    if (!dir_read_cell(shm, cell, &found) ||
        !ion_conn_id_eq(found.conn, conn) || !fill_row(shm, &found, row))
    {
        return ION_NOTFOUND;
    }
    return ION_OK;
}

uint64_t
ion_dir_places(const ion_shm_t *shm)
{
    return (uint64_t)shm->buckets * DIR_CELLS;
}

bool
ion_dir_next(const ion_shm_t *shm, uint64_t *pos, ion_dir_row_t *row)
{
    return ion_dir_next_within(shm, pos, UINT64_MAX, row);
}

bool
ion_dir_next_within(
    const ion_shm_t *shm, uint64_t *pos, uint64_t end, ion_dir_row_t *row)
{
    end = ION_MIN(end, ion_dir_places(shm));
    while (*pos < end) {
        uint64_t at = (*pos)++;
        const dir_bucket_t *b = &shm->bucket[at / DIR_CELLS];
        uint64_t cell = SHM_LOAD(&b->cell[at % DIR_CELLS]);
        if (cell != 0 && read_row(shm, cell, row)) {
            return true;
        }
    }
    return false;
}

/* The connections of one key, seen from one of them. */
typedef struct dir_kin {
    ion_conn_id_t self;
    uint32_t clients;
    uint32_t links;
    bool is_first; /* self is the lowest id: it stands for the key */
} dir_kin_t;

static bool
is_lower(ion_conn_id_t a, ion_conn_id_t b)
{
    return a.slot != b.slot ? a.slot < b.slot : a.record < b.record;
}

static void
count_kin(void *arg, const dir_found_t *found)
{
    dir_kin_t *kin = arg;
    bool is_link = (found->flags & ION_DIR_FORWARDER) != 0;
    kin->clients += !is_link;
    kin->links += is_link;
    if (is_lower(found->conn, kin->self)) {
        kin->is_first = false;
    }
}

/* Has the key of the n-th cell certainly no other one? Exact without hashing
 * the key when no path crosses this bucket and no tag in it is the same. */
static bool
is_alone(const ion_shm_t *shm, uint32_t bucket, size_t n, uint64_t cell)
{
    const dir_bucket_t *b = &shm->bucket[bucket];
    const dir_bucket_t *before =
        &shm->bucket[(bucket - 1) & (shm->buckets - 1)];
    if ((uint32_t)SHM_LOAD(&b->head) != 0 ||
        (uint32_t)SHM_LOAD(&before->head) != 0) {
        return false;
    }
    for (size_t i = 0; i < DIR_CELLS; i++) {
        if (i != n && SHM_LOAD(&b->cell[i]) >> 40 == cell >> 40) {
            return false;
        }
    }
    return true;
}

static void
find_kin(const ion_shm_t *shm, const dir_found_t *found, dir_kin_t *kin)
{
    dir_path_t path = dir_path(shm, &found->key);
    *kin = (dir_kin_t){ .self = found->conn, .is_first = true };
    dir_scan(shm, &path, count_kin, kin);
}

static void
count_cell(const ion_shm_t *shm, uint32_t bucket, size_t n, uint64_t cell,
    ion_dir_counts_t *out)
{
    dir_found_t found;
    if (cell == 0 || !dir_read_cell(shm, cell, &found)) {
        return;
    }
    bool is_link = (found.flags & ION_DIR_FORWARDER) != 0;
    dir_kin_t kin = { .clients = !is_link, .links = is_link, .is_first = true };
    if (!is_alone(shm, bucket, n, cell)) {
        find_kin(shm, &found, &kin);
    }
    out->keys += kin.is_first;
    out->dup_keys += kin.is_first && kin.clients > 1;
    out->remote_keys += kin.is_first && kin.clients == 0;
    if (is_link) {
        out->links++;
        return;
    }
    out->conns++;
    out->preferred += (found.flags & ION_DIR_PREFERRED) != 0;
    out->not_ideal += (found.flags & ION_DIR_NOT_IDEAL) != 0;
    out->dup_conns += kin.clients > 1;
}

void
ion_dir_count(const ion_shm_t *shm, ion_dir_counts_t *out)
{
    *out = (ion_dir_counts_t){ .keys = 0 };
    for (uint32_t i = 0; i < shm->buckets; i++) {
        for (size_t n = 0; n < DIR_CELLS; n++) {
            count_cell(shm, i, n, SHM_LOAD(&shm->bucket[i].cell[n]), out);
        }
    }
}
