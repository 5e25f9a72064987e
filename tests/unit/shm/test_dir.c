/*
 * test_dir.c -- the directory, one process after the other.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * What happens when several act at once is tests/replay/shm/test_replay_dir.c.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/shm_rig.h"
#include "shm/dir.h"
#include "shm/dir_int.h"

#define CLIENTS 200

static shm_rig_t rig;
static ion_shm_t *w[3];

static int
start(void **state)
{
    (void)state;
    shm_rig_init(&rig, 4, CLIENTS);
    for (size_t i = 0; i < ION_ARRAY_LEN(w); i++) {
        w[i] = rig.worker[shm_rig_start(&rig)];
    }
    return 0;
}

static int
stop(void **state)
{
    (void)state;
    shm_rig_fini(&rig);
    return 0;
}

static ion_dir_reg_t
join_as(ion_shm_t *shm, ion_key_t key, uint32_t flags)
{
    ion_dir_reg_t reg;
    ion_dir_new_t in = { .key = key, .flags = flags };
    assert_int_equal(ion_dir_register(shm, &in, &reg), ION_OK);
    return reg;
}

static ion_dir_reg_t
join_key(ion_shm_t *shm, uint32_t n)
{
    return join_as(shm, shm_rig_key(n), 0);
}

static ion_dir_left_t
leave(ion_shm_t *shm, ion_dir_reg_t *reg)
{
    ion_dir_left_t left;
    ion_dir_leave(shm, &reg->entry, &left);
    assert_true(ion_conn_id_is_none(reg->entry.conn));
    return left;
}

static ion_err_t
find(uint32_t n, ion_dir_hit_t *hit)
{
    ion_key_t key = shm_rig_key(n);
    return ion_dir_lookup(w[2], &key, hit);
}

static void
assert_active(uint32_t n, ion_conn_id_t conn)
{
    ion_dir_hit_t hit;
    assert_int_equal(find(n, &hit), ION_OK);
    assert_true(ion_conn_id_eq(hit.conn, conn));
}

static void
test_one(void **state)
{
    (void)state;
    ion_dir_hit_t hit;
    assert_int_equal(find(1, &hit), ION_NOTFOUND);
    ion_dir_new_t in = { .key = shm_rig_key(1),
        .flags = ION_DIR_PROBER | ION_DIR_DUP,
        .tailnet = 9 };
    ion_dir_reg_t reg;
    assert_int_equal(ion_dir_register(w[1], &in, &reg), ION_OK);
    assert_int_equal(reg.others_count, 0);
    assert_int_equal(reg.entry.conn.slot, 1);
    assert_int_equal(reg.entry.conn.life & 1, 1);
    assert_int_equal(find(1, &hit), ION_OK);
    assert_true(ion_conn_id_eq(hit.conn, reg.entry.conn));
    assert_int_equal(hit.flags, ION_DIR_PROBER);
    assert_int_equal(hit.tailnet, 9);
    assert_int_equal(hit.seq, reg.entry.seq);
    assert_true(ion_dir_is_fresh(w[0], &hit));
    assert_int_equal(find(2, &hit), ION_NOTFOUND);

    assert_int_equal(find(1, &hit), ION_OK);
    ion_conn_id_t conn = reg.entry.conn;
    ion_dir_left_t left = leave(w[1], &reg);
    assert_false(left.has_heir);
    assert_true(left.seq > hit.seq);
    assert_memory_equal(&left.key, &in.key, sizeof(in.key));
    assert_false(ion_dir_is_fresh(w[0], &hit));
    assert_int_equal(find(1, &hit), ION_NOTFOUND);

    /* the record is used again, as another connection */
    reg = join_key(w[1], 1);
    assert_int_equal(reg.entry.conn.record, conn.record);
    assert_int_equal(reg.entry.conn.life, conn.life + 2);
}

static void
test_duplicates(void **state)
{
    (void)state;
    ion_dir_reg_t a = join_key(w[0], 1);
    ion_dir_reg_t b = join_key(w[1], 1);
    assert_int_equal(b.others_count, 1);
    assert_true(ion_conn_id_eq(b.others[0], a.entry.conn));
    assert_int_equal(ion_dir_others(w[0], &a.entry), 1);
    assert_active(1, b.entry.conn);
    ion_dir_hit_t hit;
    assert_int_equal(find(1, &hit), ION_OK);
    assert_int_equal(hit.flags, ION_DIR_DUP);

    /* last writer is active; who is already changes nothing */
    assert_false(ion_dir_activity(w[1], &b.entry));
    assert_true(ion_dir_activity(w[0], &a.entry));
    assert_false(ion_dir_is_fresh(w[2], &hit));
    assert_active(1, a.entry.conn);
    assert_false(ion_dir_activity(w[0], &a.entry));
    assert_true(ion_dir_activity(w[1], &b.entry));
    assert_active(1, b.entry.conn);

    ion_dir_reg_t c = join_key(w[1], 1);
    assert_int_equal(c.others_count, 2);
    ion_conn_id_t newest = b.entry.conn;
    ion_dir_left_t left = leave(w[1], &c);
    assert_true(left.has_heir);
    assert_true(ion_conn_id_eq(left.heir, newest));
    left = leave(w[1], &b);
    assert_true(left.has_heir);
    assert_true(ion_conn_id_eq(left.heir, a.entry.conn));
    assert_int_equal(ion_dir_others(w[0], &a.entry), 0);
    assert_active(1, a.entry.conn);
    left = leave(w[0], &a);
    assert_false(left.has_heir);
}

static void
test_65_of_a_key(void **state)
{
    (void)state;
    ion_dir_reg_t reg[ION_DIR_CONNS_PER_KEY];
    for (uint32_t i = 0; i < ION_DIR_CONNS_PER_KEY; i++) {
        reg[i] = join_key(w[i % 2], 1);
        assert_int_equal(reg[i].others_count, i);
        assert_active(1, reg[i].entry.conn);
    }
    ion_dir_new_t in = { .key = shm_rig_key(1) };
    ion_dir_reg_t one;
    assert_int_equal(ion_dir_register(w[2], &in, &one), ION_LIMIT);
    assert_active(1, reg[ION_DIR_CONNS_PER_KEY - 1].entry.conn);
    (void)leave(w[0], &reg[10]);
    assert_int_equal(ion_dir_register(w[2], &in, &one), ION_OK);
    assert_int_equal(one.others_count, 63);
    ion_dir_counts_t n;
    ion_dir_count(w[2], &n);
    assert_int_equal(n.keys, 1);
    assert_int_equal(n.conns, 64);
    assert_int_equal(n.dup_keys, 1);
    assert_int_equal(n.dup_conns, 64);
}

/* The gauges are right whatever the paths look like. */
static void
test_counts(void **state)
{
    (void)state;
    ion_dir_counts_t n;
    uint32_t conns = 0;
    for (uint32_t key = 0; key < 90; key++) {
        for (uint32_t i = 0; i <= key % 3 && conns < CLIENTS; i++) {
            (void)join_key(w[i], key);
            conns++;
        }
        ion_dir_count(w[2], &n);
        assert_int_equal(n.conns, conns);
        assert_int_equal(n.keys, key + 1);
    }
    assert_int_equal(n.dup_keys, 60);
    assert_int_equal(n.dup_conns, 150);
}

static void
assert_empty_tables(void)
{
    const ion_shm_t *shm = rig.master;
    for (uint32_t i = 0; i < shm->buckets; i++) {
        assert_int_equal((uint32_t)atomic_load(&shm->bucket[i].head), 0);
        for (size_t k = 0; k < DIR_CELLS; k++) {
            assert_int_equal(atomic_load(&shm->bucket[i].cell[k]), 0);
        }
    }
}

/* As many as fit, all found; one more refused; then all gone without trace. */
static void
test_full(void **state)
{
    (void)state;
    ion_dir_reg_t *reg = calloc(CLIENTS, sizeof(*reg));
    ion_dir_new_t in = { .key = shm_rig_key(CLIENTS) };
    ion_dir_reg_t extra;
    assert_non_null(reg);
    for (int round = 0; round < 3; round++) {
        for (uint32_t i = 0; i < CLIENTS; i++) {
            reg[i] = join_key(w[i % 3], i);
        }
        for (uint32_t i = 0; i < CLIENTS; i++) {
            assert_active(i, reg[i].entry.conn);
        }
        assert_int_equal(ion_dir_register(w[1], &in, &extra), ION_LIMIT);
        for (uint32_t i = 0; i < CLIENTS; i++) {
            uint32_t n = (i * 77) % CLIENTS;
            (void)leave(w[n % 3], &reg[n]);
        }
        assert_empty_tables();
    }
    free(reg);
}

/* All cells taken, by whomever: refused, and no overflow count stays. */
static void
test_path_full(void **state)
{
    (void)state;
    shm_rig_t small;
    shm_rig_init(&small, 1, 28);
    uint32_t slot = shm_rig_start(&small);
    ion_shm_t *shm = small.worker[slot];
    /* fill every cell with something that is not ours */
    for (uint32_t i = 0; i < shm->buckets; i++) {
        for (size_t k = 0; k < DIR_CELLS; k++) {
            atomic_store(&shm->bucket[i].cell[k], UINT64_MAX);
        }
    }
    ion_dir_new_t in = { .key = shm_rig_key(1) };
    ion_dir_reg_t reg;
    for (int i = 0; i < 100; i++) {
        assert_int_equal(ion_dir_register(shm, &in, &reg), ION_LIMIT);
    }
    for (uint32_t i = 0; i < shm->buckets; i++) {
        assert_int_equal((uint32_t)atomic_load(&shm->bucket[i].head), 0);
    }
    atomic_store(&shm->bucket[3].cell[2], 0);
    assert_int_equal(ion_dir_register(shm, &in, &reg), ION_OK);
    shm_rig_fini(&small);
}

/* A key behind a mesh link: anything local beats it, of links the oldest. */
static void
test_forwarders(void **state)
{
    (void)state;
    ion_key_t key = shm_rig_key(1);
    ion_dir_reg_t first = join_as(w[0], key, ION_DIR_FORWARDER);
    ion_dir_reg_t second = join_as(w[1], key, ION_DIR_FORWARDER);
    assert_active(1, first.entry.conn);
    ion_dir_reg_t local = join_as(w[1], key, 0);
    assert_active(1, local.entry.conn);
    (void)ion_dir_activity(w[0], &first.entry);
    assert_active(1, local.entry.conn);
    (void)leave(w[1], &local);
    assert_active(1, second.entry.conn);
}

static void
test_rows(void **state)
{
    (void)state;
    ion_addr_t addr = {
        .family = 6, .ip = { 0xfe, 0x80, 15, 1 }, .port = 4321
    };
    ion_dir_new_t in = { .key = shm_rig_key(7),
        .flags = ION_DIR_NOT_IDEAL,
        .tailnet = 3,
        .addr = addr,
        .connected_ms = 1234567 };
    ion_dir_reg_t reg;
    assert_int_equal(ion_dir_register(w[0], &in, &reg), ION_OK);
    ion_dir_set_flags(w[0], &reg.entry, ION_DIR_PREFERRED, ION_DIR_NOT_IDEAL);
    ion_dir_traffic_t traffic = { 1, 2, 3, 4, 5 };
    ion_dir_set_traffic(w[0], &reg.entry, &traffic);
    ion_dir_reg_t dup = join_key(w[1], 7);
    ion_dir_reg_t other = join_key(w[1], 8);
    (void)other;

    uint64_t pos = 0;
    uint32_t rows = 0;
    uint32_t active = 0;
    ion_dir_row_t row;
    while (ion_dir_next(rig.master, &pos, &row)) {
        rows++;
        active += row.is_active;
        if (!ion_conn_id_eq(row.conn, reg.entry.conn)) {
            continue;
        }
        assert_memory_equal(&row.key, &in.key, sizeof(in.key));
        assert_false(row.is_active);
        assert_int_equal(row.flags, ION_DIR_PREFERRED);
        assert_int_equal(row.tailnet, 3);
        assert_int_equal(row.connected_ms, 1234567);
        assert_true(ion_addr_eq(&row.addr, &addr));
        assert_int_equal(row.traffic.packets_in, 1);
        assert_int_equal(row.traffic.bytes_in, 2);
        assert_int_equal(row.traffic.packets_out, 3);
        assert_int_equal(row.traffic.bytes_out, 4);
        assert_int_equal(row.traffic.drops, 5);
    }
    assert_int_equal(rows, 3);
    assert_int_equal(active, 2);
    ion_dir_counts_t n;
    ion_dir_count(rig.master, &n);
    assert_int_equal(n.conns, 3);
    assert_int_equal(n.keys, 2);
    assert_int_equal(n.dup_keys, 1);
    assert_int_equal(n.dup_conns, 2);
    assert_int_equal(n.preferred, 1);
    assert_int_equal(n.not_ideal, 0);
    (void)leave(w[1], &dup);
}

/* The dead slot's connections stop to count at once, and are swept whole. */
static void
test_sweep(void **state)
{
    (void)state;
    ion_dir_hit_t hit;
    ion_dir_reg_t keep = join_key(w[0], 0);
    for (uint32_t i = 0; i < 60; i++) {
        (void)join_key(w[1], 100 + i % 3); /* so that paths overflow */
    }
    assert_int_equal(find(101, &hit), ION_OK);
    ion_dir_hit_t cached = hit;
    shm_rig_kill(&rig, 1);
    assert_active(0, keep.entry.conn);
    assert_int_equal(find(101, &hit), ION_NOTFOUND);

    dir_sweep(rig.master, 1);
    assert_false(ion_dir_is_fresh(w[2], &cached));
    uint64_t pos = 0;
    ion_dir_row_t row;
    assert_true(ion_dir_next(rig.master, &pos, &row));
    assert_true(ion_conn_id_eq(row.conn, keep.entry.conn));
    assert_false(ion_dir_next(rig.master, &pos, &row));
    (void)leave(w[0], &keep);
    assert_empty_tables();
}

/* Cells that no honest worker writes. */
static void
test_corrupt_cells(void **state)
{
    (void)state;
    ion_shm_t *m = rig.master;
    ion_dir_reg_t reg = join_key(w[0], 1);
    ion_key_t mine = shm_rig_key(1);
    ion_key_t wanted = shm_rig_key(2);
    dir_path_t path = dir_path(m, &wanted);
    uint64_t tag = (uint64_t)path.tag << 40;
    const uint64_t cells[] = {
        tag | 0,                                 /* no record */
        tag | UINT64_C(0) << 32 | (CLIENTS + 1), /* beyond the store */
        tag | UINT64_C(1) << 32 | UINT32_MAX,    /* far beyond */
        tag | UINT64_C(8) << 32 | 1,             /* not a worker */
        tag | UINT64_C(255) << 32 | 1,           /* not a slot */
        tag | UINT64_C(0) << 32 | (reg.entry.conn.record + 1), /* not its */
        tag | UINT64_C(0) << 32 | 9, /* no life in there */
    };
    dir_bucket_t *b = &m->bucket[path.home];
    ion_dir_hit_t hit;
    for (size_t i = 0; i < ION_ARRAY_LEN(cells); i++) {
        atomic_store(&b->cell[6], cells[i]);
        assert_int_equal(ion_dir_lookup(w[2], &wanted, &hit), ION_NOTFOUND);
        ion_dir_counts_t n;
        ion_dir_count(m, &n);
        uint64_t pos = 0;
        ion_dir_row_t row;
        while (ion_dir_next(m, &pos, &row)) {
            assert_memory_equal(&row.key, &mine, sizeof(mine));
        }
    }
    assert_int_equal(ion_dir_lookup(w[2], &mine, &hit), ION_OK);
    atomic_store(&b->cell[6], 0);
}

/* What a corrupt worker left behind is swept, its neighbours are not. */
static void
test_sweep_corrupt(void **state)
{
    (void)state;
    ion_shm_t *m = rig.master;
    ion_dir_reg_t keep = join_key(w[0], 1);
    ion_dir_reg_t theirs = join_key(w[1], 2);
    dir_bucket_t *b = &m->bucket[5];
    atomic_store(&b->cell[3], UINT64_C(1) << 32 | UINT32_MAX);
    atomic_store(&b->cell[4], UINT64_C(1) << 32 | 77);
    atomic_store(&b->cell[5], UINT64_C(1) << 32);
    /* its store says that it used more records than there are */
    atomic_store(&m->dir->store[1].used, UINT32_MAX);
    dir_record_t *r = dir_record(m, theirs.entry.conn);
    atomic_store(&r->key[0], 1234); /* so its home cannot be told */
    shm_rig_kill(&rig, 1);
    dir_sweep(m, 1);
    for (uint32_t i = 0; i < m->buckets; i++) {
        for (size_t k = 0; k < DIR_CELLS; k++) {
            uint64_t cell = atomic_load(&m->bucket[i].cell[k]);
            assert_true(cell == 0 || (cell >> 32 & 0xff) == 0);
        }
    }
    assert_active(1, keep.entry.conn);
    /* an overflow count made too low stays at 0 */
    atomic_store(&m->bucket[keep.entry.home].head, 0);
    (void)leave(w[0], &keep);
    ion_dir_hit_t hit;
    assert_int_equal(find(1, &hit), ION_NOTFOUND);
}

static void
assert_kin(uint32_t key, uint32_t clients, uint32_t forwarders)
{
    ion_dir_kin_t kin;
    ion_key_t k = shm_rig_key(key);
    ion_dir_counts_t n;
    ion_dir_kin(rig.master, &k, &kin);
    assert_int_equal(kin.count, clients);
    assert_int_equal(kin.forwarders, forwarders);
    ion_dir_count(rig.master, &n);
    assert_int_equal(n.conns, clients);
    assert_int_equal(n.links, forwarders);
    assert_int_equal(n.keys, clients + forwarders > 0);
    assert_int_equal(n.remote_keys, clients == 0 && forwarders > 0);
    assert_int_equal(n.dup_conns, clients > 1 ? clients : 0);
}

/* One key behind two links and at a client of ours, in the order of the
 * protocol document's table. */
static void
test_t45_forwarders(void **state)
{
    (void)state;
    ion_key_t key = shm_rig_key(1);
    ion_dir_reg_t f1 = join_as(w[0], key, ION_DIR_FORWARDER);
    assert_int_equal(f1.forwarders, 0);
    assert_active(1, f1.entry.conn);
    assert_kin(1, 0, 1);
    ion_dir_reg_t f2 = join_as(w[1], key, ION_DIR_FORWARDER);
    assert_int_equal(f2.forwarders, 1); /* there are several from now on */
    assert_active(1, f1.entry.conn);    /* and the first one stays */
    assert_kin(1, 0, 2);
    ion_dir_left_t left = leave(w[0], &f1);
    assert_int_equal(left.forwarders, 1); /* no longer several */
    assert_true(left.has_heir);
    assert_true((left.heir_flags & ION_DIR_FORWARDER) != 0);
    assert_true(ion_conn_id_eq(left.heir, f2.entry.conn));
    assert_active(1, f2.entry.conn);
    /* a client of ours wins, though older links and newer ones are there */
    ion_dir_reg_t client = join_key(w[2], 1);
    assert_int_equal(client.others_count, 0);
    assert_int_equal(client.forwarders, 1);
    assert_int_equal(ion_dir_others(w[2], &client.entry), 0);
    assert_active(1, client.entry.conn);
    f1 = join_as(w[0], key, ION_DIR_FORWARDER);
    assert_int_equal(f1.others_count, 1);
    assert_true(ion_conn_id_eq(f1.others[0], client.entry.conn));
    assert_active(1, client.entry.conn);
    assert_kin(1, 1, 2);
    (void)leave(w[0], &f1);
    left = leave(w[1], &f2);
    assert_int_equal(left.forwarders, 0);
    assert_int_equal(left.heir_flags & ION_DIR_FORWARDER, 0);
    assert_true(ion_conn_id_eq(left.heir, client.entry.conn));
    left = leave(w[2], &client);
    assert_false(left.has_heir); /* the key has left the region */
    assert_kin(1, 0, 0);
}

/* A client that leaves while a link leads to its key has not left. */
static void
test_client_leaves_forwarder(void **state)
{
    (void)state;
    ion_key_t key = shm_rig_key(1);
    ion_dir_reg_t client = join_key(w[0], 1);
    ion_dir_reg_t second = join_key(w[0], 1);
    ion_dir_reg_t link = join_as(w[1], key, ION_DIR_FORWARDER);
    ion_dir_left_t left = leave(w[0], &second);
    assert_true(ion_conn_id_eq(left.heir, client.entry.conn));
    left = leave(w[0], &client);
    assert_true(ion_conn_id_eq(left.heir, link.entry.conn));
    assert_true((left.heir_flags & ION_DIR_FORWARDER) != 0);
    left = leave(w[1], &link);
    assert_false(left.has_heir);
}

/* Clients and keys behind links do not take each other's places. */
static void
test_places_of_forwarders(void **state)
{
    (void)state;
    ion_dir_reg_t reg;
    ion_dir_new_t in = { .flags = ION_DIR_FORWARDER };
    for (uint32_t i = 0; i < CLIENTS; i++) {
        (void)join_as(w[i % 2], shm_rig_key(i), ION_DIR_FORWARDER);
    }
    in.key = shm_rig_key(CLIENTS);
    assert_int_equal(ion_dir_register(w[2], &in, &reg), ION_LIMIT);
    for (uint32_t i = 0; i < CLIENTS; i++) {
        (void)join_key(w[2], i + CLIENTS / 2);
    }
    in.flags = 0;
    assert_int_equal(ion_dir_register(w[2], &in, &reg), ION_LIMIT);
    ion_dir_counts_t n;
    ion_dir_count(rig.master, &n);
    assert_int_equal(n.conns, CLIENTS);
    assert_int_equal(n.links, CLIENTS);
    assert_int_equal(n.keys, CLIENTS + CLIENTS / 2);
    assert_int_equal(n.remote_keys, CLIENTS / 2);
    assert_int_equal(n.dup_keys, 0);
}

static void
test_65_forwarders_of_a_key(void **state)
{
    (void)state;
    ion_dir_reg_t reg;
    ion_dir_new_t in = { .key = shm_rig_key(1), .flags = ION_DIR_FORWARDER };
    for (uint32_t i = 0; i < ION_DIR_CONNS_PER_KEY; i++) {
        reg = join_as(w[i % 2], in.key, in.flags);
        assert_int_equal(reg.forwarders, i);
    }
    assert_int_equal(ion_dir_register(w[2], &in, &reg), ION_LIMIT);
    reg = join_key(w[2], 1);
    assert_int_equal(reg.forwarders, ION_DIR_CONNS_PER_KEY);
    assert_active(1, reg.entry.conn);
}

/* Who watches is told by register and leave, and forgotten with the slot. */
static void
test_watchers(void **state)
{
    (void)state;
    ion_dir_row_t row;
    ion_dir_reg_t reg = join_key(w[0], 1);
    assert_true(ion_slot_mask_is_empty(&reg.watchers));
    ion_dir_watch(w[1], true);
    reg = join_key(w[0], 2);
    assert_true(ion_slot_mask_has(&reg.watchers, 1));
    assert_false(ion_slot_mask_has(&reg.watchers, 0));
    ion_dir_watch(w[0], true);
    assert_int_equal(ion_dir_get(w[1], reg.entry.conn, &row), ION_OK);
    assert_int_equal(row.key.b[0], shm_rig_key(2).b[0]);
    ion_conn_id_t conn = reg.entry.conn;
    ion_dir_left_t left = leave(w[0], &reg);
    assert_true(ion_conn_id_eq(left.conn, conn));
    assert_true(ion_slot_mask_has(&left.watchers, 0));
    assert_true(ion_slot_mask_has(&left.watchers, 1));
    assert_int_equal(ion_dir_get(w[1], conn, &row), ION_NOTFOUND);
    ion_dir_watch(w[0], false);
    shm_rig_kill(&rig, 1);
    dir_sweep(rig.master, 1);
    reg = join_key(w[2], 3);
    assert_true(ion_slot_mask_is_empty(&reg.watchers));
    conn = (ion_conn_id_t){ UINT32_MAX - 1, 1, 0 };
    assert_int_equal(ion_dir_get(w[2], conn, &row), ION_NOTFOUND);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_one, start, stop),
        cmocka_unit_test_setup_teardown(test_duplicates, start, stop),
        cmocka_unit_test_setup_teardown(test_65_of_a_key, start, stop),
        cmocka_unit_test_setup_teardown(test_counts, start, stop),
        cmocka_unit_test_setup_teardown(test_t45_forwarders, start, stop),
        cmocka_unit_test_setup_teardown(
            test_client_leaves_forwarder, start, stop),
        cmocka_unit_test_setup_teardown(test_places_of_forwarders, start, stop),
        cmocka_unit_test_setup_teardown(
            test_65_forwarders_of_a_key, start, stop),
        cmocka_unit_test_setup_teardown(test_watchers, start, stop),
        cmocka_unit_test_setup_teardown(test_full, start, stop),
        cmocka_unit_test(test_path_full),
        cmocka_unit_test_setup_teardown(test_forwarders, start, stop),
        cmocka_unit_test_setup_teardown(test_rows, start, stop),
        cmocka_unit_test_setup_teardown(test_sweep, start, stop),
        cmocka_unit_test_setup_teardown(test_corrupt_cells, start, stop),
        cmocka_unit_test_setup_teardown(test_sweep_corrupt, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
