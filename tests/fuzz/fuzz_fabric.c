/*
 * fuzz_fabric.c -- a worker whose neighbour has been taken over.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The input is a program for the neighbour, who may write anything anywhere
 * in the memory that the two share: records, positions, the words of sleep
 * and room. Properties: what is handed on lies within the ring and names only
 * slots, connections and masks that can be; nothing is endless; a ring that
 * made no sense is blamed and never read again.
 */
#include <fcntl.h>
#include <string.h>

#include "base/assert.h"
#include "shm/fabric.h"
#include "shm/fabric_int.h"
#include "shm/slots.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CLIENTS    1000u
#define TOUCHED    16384u /* bytes at the start of a ring that are cleared */
#define STEPS_MAX  128
#define DRAINS_MAX 64

enum { EVIL, GOOD, WORKERS };

typedef struct program {
    const uint8_t *p;
    size_t left;
} program_t;

static struct {
    ion_shm_t *master;
    ion_shm_t *shm[WORKERS];
    ion_fabric_t *fab[WORKERS];
    bool is_blamed;
    uint64_t sum; /* of all bytes seen, so that each is read */
} w;

static uint64_t
take(program_t *g, size_t n)
{
    uint64_t v = 0;

    while (n-- > 0 && g->left > 0) {
        v = v << 8 | *g->p++;
        g->left--;
    }
    return v;
}

static void
check_conn(ion_conn_id_t id, uint32_t slot)
{
    ION_ASSERT(id.slot == slot);
    ION_ASSERT(id.record < w.shm[GOOD]->records && (id.life & 1) == 1);
}

static void
on_data(
    void *arg, const ion_fabric_data_t *data, const uint8_t *payload, size_t n)
{
    const ion_ring_t *r = &w.fab[GOOD]->peer[EVIL].rx;

    (void)arg;
    ION_ASSERT(!w.is_blamed);
    ION_ASSERT(n <= ION_FABRIC_PAYLOAD_MAX && data->cls < 16);
    ION_ASSERT(payload >= r->data && payload + n <= r->data + r->size);
    check_conn(data->dst, GOOD);
    check_conn(data->src, EVIL);
    for (size_t i = 0; i < n; i++) {
        w.sum += payload[i];
    }
}

static void
on_ctl(void *arg, uint32_t from, const ion_fabric_ctl_t *ctl)
{
    (void)arg;
    ION_ASSERT(!w.is_blamed && from == EVIL);
    if (ctl->type == ION_FABRIC_DUP) {
        check_conn(ctl->conn, GOOD);
    } else if (ctl->type == ION_FABRIC_PRESENT || ctl->type == ION_FABRIC_LEFT)
    {
        check_conn(ctl->conn, EVIL);
    }
    for (uint32_t i = w.fab[GOOD]->slots; i < ION_WORKER_SLOTS_MAX; i++) {
        ION_ASSERT(!ion_slot_mask_has(&ctl->mask, i));
    }
}

static const ion_fabric_sink_t sink = { on_data, on_ctl, NULL };

static void
start_worker(uint32_t index)
{
    int fds[ION_SHM_FDS_MAX];
    uint32_t slot;
    size_t n = ion_shm_fds(w.master, ION_SLOT_WORKER, fds);

    ION_ASSERT(
        ion_slots_alloc(w.master, ION_SLOT_WORKER, index, 1, &slot) == ION_OK &&
        slot == index);
    for (size_t i = 0; i < n; i++) {
        fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 3);
        ION_ASSERT(fds[i] >= 0);
    }
    ION_ASSERT(
        ion_shm_attach(ION_SLOT_WORKER, slot, fds, n, &w.shm[index]) == ION_OK);
    ion_slots_set_state(w.master, slot, ION_SLOT_LIVE);
}

static void
clear_ring(ion_ring_t *r)
{
    atomic_store(&r->words->tail, 0);
    atomic_store(&r->words->head, 0);
    atomic_store(&r->words->wants_room, 0);
    memset(r->data, 0, ION_MIN((uint64_t)TOUCHED, r->size));
    memset(r->data + r->size - 4096, 0, 4096);
}

/* As two workers find their rings when both have just started. */
static void
begin(void)
{
    if (w.master == NULL) {
        const ion_shm_geometry_t geometry = {
            .max_workers = 2,
            .max_clients = CLIENTS,
            .nstats = 1,
        };

        ION_ASSERT(ion_shm_create(&geometry, &w.master) == ION_OK);
        start_worker(EVIL);
        start_worker(GOOD);
        for (uint32_t i = 0; i < WORKERS; i++) {
            ION_ASSERT(ion_fabric_new(w.shm[i], &w.fab[i]) == ION_OK);
        }
    }
    clear_ring(&w.fab[EVIL]->peer[GOOD].tx);
    clear_ring(&w.fab[EVIL]->peer[GOOD].rx);
    for (uint32_t i = 0; i < WORKERS; i++) {
        ion_fabric_free(&w.fab[i]);
        ION_ASSERT(ion_fabric_new(w.shm[i], &w.fab[i]) == ION_OK);
    }
    w.is_blamed = false;
}

static void
drain(void)
{
    ion_slot_mask_t corrupt;
    ion_slot_mask_t hung;
    int i = 0;

    while (ion_fabric_drain(w.fab[GOOD], 1 << 16, &sink) == ION_AGAIN) {
        ION_ASSERT(++i < DRAINS_MAX);
    }
    ion_fabric_faults(w.fab[GOOD], &corrupt, &hung);
    ION_ASSERT(!w.is_blamed || ion_slot_mask_has(&corrupt, EVIL));
    w.is_blamed = ion_slot_mask_has(&corrupt, EVIL);
}

/* What an honest neighbour would send, but for the numbers in it. */
static void
send_record(program_t *g, bool is_data)
{
    static const uint8_t payload[512] = { 1, 2, 3 };
    ion_fabric_data_t data = {
        .dst = { (uint32_t)take(g, 2), (uint32_t)take(g, 1), GOOD },
        .src = { (uint32_t)take(g, 2), (uint32_t)take(g, 1), EVIL },
        .cls = take(g, 1) & 15,
    };
    ion_fabric_ctl_t ctl = {
        .type = (ion_fabric_type_t)data.cls,
        .conn = data.dst,
        .mask = { { data.src.record, data.src.life } },
    };

    if (is_data) {
        ION_IGNORE(ion_fabric_send_data(
            w.fab[EVIL], &data, payload, (size_t)take(g, 2) % 512));
    } else {
        ION_IGNORE(ion_fabric_send_ctl(w.fab[EVIL], GOOD, &ctl));
    }
}

/* Any bytes at the ring's start, or at its end. */
static void
scribble(program_t *g, ion_ring_t *r)
{
    uint64_t at = take(g, 2) % 8192;
    size_t n = (size_t)take(g, 1);

    n = ION_MIN(n, g->left);
    if (at >= 4096) {
        at += r->size - 8192;
    }
    n = ION_MIN(n, (size_t)(r->size - at));
    memcpy(r->data + at, g->p, n);
    g->p += n;
    g->left -= n;
}

/* A position that can be, more or less. */
static uint64_t
position(program_t *g)
{
    uint64_t v = take(g, 2);

    return (v & 1) != 0 ? take(g, 8) : (v >> 1) * ION_RING_ALIGN;
}

static void
step(program_t *g)
{
    uint64_t op = take(g, 1);
    ion_ring_t *out = &w.fab[EVIL]->peer[GOOD].tx;
    ion_ring_t *in = &w.fab[EVIL]->peer[GOOD].rx;

    switch (op & 7) {
    case 0:
        send_record(g, true);
        break;
    case 1:
        send_record(g, false);
        break;
    case 2:
        scribble(g, out);
        break;
    case 3:
        atomic_store(&out->words->tail, position(g));
        break;
    case 4: /* the other direction: how far we have read */
        atomic_store(&in->words->head, position(g));
        break;
    case 5: {
        ion_fabric_ctl_t ctl = { .type = ION_FABRIC_GONE, .seq = op };

        ION_IGNORE(ion_fabric_send_ctl(w.fab[GOOD], EVIL, &ctl));
        ion_fabric_flush(w.fab[GOOD]);
        break;
    }
    case 6:
        atomic_store(&out->words->wants_room, (uint32_t)take(g, 1));
        atomic_store(w.fab[EVIL]->asleep, (uint32_t)take(g, 1));
        break;
    default:
        ion_fabric_flush(w.fab[EVIL]);
        break;
    }
    if ((op & 128) != 0) {
        drain();
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    program_t g = { .p = data, .left = size };

    begin();
    for (int i = 0; i < STEPS_MAX && g.left > 0; i++) {
        step(&g);
    }
    drain();
    (void)ion_fabric_may_sleep(w.fab[GOOD]);
    ion_fabric_awake(w.fab[GOOD]);
    return 0;
}
