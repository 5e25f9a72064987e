/*
 * fuzz_derp_session.c -- clients of two workers that do anything at all.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The input is a program for four clients: connect, log in, also with the
 * mesh key, send frames, bursts and pieces of frames, read, let time pass,
 * close; and for the relay: a reload, a worker that drains or dies.
 * Properties: what a client reads is always a whole frame that a server may
 * send it; a dead worker is retired; and when all have gone, no connection,
 * no block, no interest, no watcher and no directory entry is left.
 */
#include <stdint.h>
#include <string.h>

#include "base/assert.h"
#include "lib/derp_rig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CLIENTS    4
#define WORKERS    2
#define MAX_PIECES 16
#define MESH_BYTE  0x42
#define MESH_HEX   "42424242424242424242424242424242"
#define MAX_BURST  40
#define FEW_TURNS  2 /* enough to act; to be quiet takes the rig's own number */

typedef struct program {
    const uint8_t *p;
    size_t left;
    derp_rig_client_t client[CLIENTS];
    bool is_open[CLIENTS];
    bool has_greeting[CLIENTS]; /* HTTP bytes stand before the frames */
    bool is_mesh[CLIENTS];      /* has sent a login with the mesh key */
    size_t worker[CLIENTS];     /* that serves it */
    size_t away;                /* worker that drains or is dead, or WORKERS */
    bool is_reloaded;
} program_t;

static derp_rig_t rig; /* kept from input to input */
static bool has_rig;
static unsigned quiet_turns; /* the rig's own number */
static uint8_t scratch[DERP_MAX_FORWARD + 64];

static uint32_t
take(program_t *g)
{
    if (g->left == 0) {
        return 0;
    }
    g->left--;
    return *g->p++;
}

static void
check_frame(const derp_rig_frame_t *f, bool is_mesh)
{
    switch (f->type) {
    case DERP_FRAME_SERVER_KEY:
        ION_ASSERT(f->len == DERP_MAGIC_LEN + DERP_KEY_LEN);
        break;
    case DERP_FRAME_SERVER_INFO:
        ION_ASSERT(f->len == 53);
        break;
    case DERP_FRAME_RECV_PACKET:
        ION_ASSERT(f->len >= DERP_KEY_LEN && f->len <= DERP_MAX_SEND);
        break;
    case DERP_FRAME_KEEP_ALIVE:
        ION_ASSERT(f->len == 0);
        break;
    case DERP_FRAME_PEER_GONE:
        ION_ASSERT(f->len == DERP_KEY_LEN + 1 && f->p[DERP_KEY_LEN] <= 1);
        break;
    case DERP_FRAME_PEER_PRESENT:
        ION_ASSERT(is_mesh && f->len == 51);
        ION_ASSERT(f->p[50] >= DERP_PRESENT_REGULAR && f->p[50] < 16);
        break;
    case DERP_FRAME_PONG:
        ION_ASSERT(f->len == DERP_PING_LEN);
        break;
    case DERP_FRAME_HEALTH:
        ION_ASSERT(f->len <= 256);
        break;
    default:
        ION_UNREACHABLE();
    }
}

static void
read_all(program_t *g, size_t i)
{
    derp_rig_client_t *c = &g->client[i];
    derp_rig_frame_t f;

    if (g->has_greeting[i]) {
        return;
    }
    while (derp_rig_next(c, &f)) {
        check_frame(&f, g->is_mesh[i]);
    }
}

static void
close_client(program_t *g, size_t i)
{
    if (g->is_open[i]) {
        read_all(g, i);
        derp_rig_close(&g->client[i]);
        g->is_open[i] = false;
    }
}

static void
connect_client(program_t *g, size_t i)
{
    uint32_t how = take(g);
    size_t worker = (how & 1) == g->away ? WORKERS - 1 - g->away : how & 1;
    derp_rig_opts_t opts = {
        .is_normal_start = (how & 2) != 0,
        .is_not_ideal = (how & 4) != 0,
    };

    close_client(g, i);
    if ((how & 8) != 0) {
        opts.rest = g->p;
        opts.rest_len = ION_MIN(g->left, (size_t)(how >> 4));
    }
    derp_rig_connect(&rig, &g->client[i], worker, (how >> 4) % 3, &opts);
    g->worker[i] = worker;
    g->is_open[i] = true;
    g->has_greeting[i] = opts.is_normal_start;
    g->is_mesh[i] = false;
}

/* Bytes in pieces whose length the program gives; the last may be cut. */
static void
send_pieces(program_t *g, size_t i, const uint8_t *p, size_t n)
{
    uint32_t how = take(g);
    size_t least = n / MAX_PIECES + 1;
    size_t step = (how & 3) == 0 ? n : least + (size_t)take(g) * 3;

    if ((how & 4) != 0) {
        size_t cut = take(g);

        n -= ION_MIN(n, cut);
    }
    while (n > 0) {
        size_t part = ION_MIN(step, n);

        if (!derp_rig_write(&g->client[i], p, part)) {
            return;
        }
        if ((how & 8) != 0) {
            derp_rig_turn(&rig);
        }
        p += part;
        n -= part;
    }
}

static void
send_login(program_t *g, size_t i)
{
    static const char *const texts[] = {
        "{\"version\":2,\"CanAckPings\":true}",
        "{\"version\":2,\"IsProber\":true}",
        "{}",
        "[]",
        "{\"meshKey\":\"" MESH_HEX MESH_HEX "\"}",
    };
    size_t which = take(g) % ION_ARRAY_LEN(texts);
    size_t n = derp_rig_client_info(
        &g->client[i], texts[which], scratch, sizeof(scratch));

    g->is_mesh[i] = g->is_mesh[i] || which == 4;

    send_pieces(g, i, scratch, n);
}

static void
send_packet(program_t *g, size_t i)
{
    uint32_t to = take(g);
    size_t n = (size_t)take(g) * (to >= 128 ? 257 : 1);
    ion_secret_key_t secret;
    ion_key_t dst;

    derp_rig_keys(to % 4, &secret, &dst); /* 3 is nobody's */
    n = ION_MIN(n, (size_t)DERP_MAX_PACKET);
    derp_header_put(
        scratch, DERP_FRAME_SEND_PACKET, (uint32_t)(DERP_KEY_LEN + n));
    memcpy(scratch + DERP_HEADER_LEN, dst.b, DERP_KEY_LEN);
    if (n >= DERP_DISCO_MIN && (to & 64) != 0) {
        derp_rig_disco(scratch + DERP_RECV_HEADER, n);
    }
    send_pieces(g, i, scratch, DERP_RECV_HEADER + n);
}

/* What only members may send, with keys of the clients in it. */
static void
send_mesh_frame(program_t *g, size_t i, uint32_t type)
{
    static const uint8_t types[] = { DERP_FRAME_WATCH_CONNS,
        DERP_FRAME_CLOSE_PEER, DERP_FRAME_FORWARD_PACKET,
        DERP_FRAME_FORWARD_PACKET };
    static const size_t keys[] = { 0, 1, 2, 2 };
    uint32_t how = take(g);
    size_t which = type % 4;
    size_t n = which < 2 ? 0 : (size_t)take(g) * (which == 2 ? 1 : 257);
    uint8_t *p = scratch + DERP_HEADER_LEN;
    ion_secret_key_t secret;
    ion_key_t key;

    for (size_t k = 0; k < keys[which]; k++) {
        derp_rig_keys((how >> (2 * k)) % 4, &secret, &key);
        memcpy(p, key.b, sizeof(key.b));
        p += sizeof(key.b);
    }
    n = ION_MIN(n, (size_t)DERP_MAX_PACKET);
    if (n >= DERP_DISCO_MIN && (how & 64) != 0) {
        derp_rig_disco(p, n);
    }
    p += n;
    derp_header_put(
        scratch, DERP_FRAME_PING, (uint32_t)(p - scratch) - DERP_HEADER_LEN);
    scratch[0] = types[which];
    send_pieces(g, i, scratch, (size_t)(p - scratch));
}

static void
send_frame(program_t *g, size_t i)
{
    uint32_t type = take(g);
    uint32_t len = take(g) * (type >= 128 ? 250 : 1);

    if ((type & 64) != 0) {
        send_mesh_frame(g, i, type);
        return;
    }

    derp_header_put(scratch, DERP_FRAME_PING, len);
    scratch[0] = type & 31;
    send_pieces(g, i, scratch, DERP_HEADER_LEN + ION_MIN(len, 60000u));
}

static void
send_raw(program_t *g, size_t i)
{
    size_t n = take(g);

    n = ION_MIN(n, g->left);
    (void)derp_rig_write(&g->client[i], g->p, n); /* may be closed */
    g->p += n;
    g->left -= n;
}

/* More packets than a queue or a socket holds, in one go. */
static void
send_burst(program_t *g, size_t i)
{
    uint32_t to = take(g);
    size_t n = 1 + (size_t)take(g) * 16;
    ion_secret_key_t secret;
    ion_key_t dst;

    derp_rig_keys(to % 4, &secret, &dst);
    derp_header_put(
        scratch, DERP_FRAME_SEND_PACKET, (uint32_t)(DERP_KEY_LEN + n));
    memcpy(scratch + DERP_HEADER_LEN, dst.b, DERP_KEY_LEN);
    if (n >= DERP_DISCO_MIN && (to & 64) != 0) {
        derp_rig_disco(scratch + DERP_RECV_HEADER, n);
    }
    for (uint32_t k = 0; k < to >> 2 && k < MAX_BURST; k++) {
        if (!derp_rig_write(&g->client[i], scratch, DERP_RECV_HEADER + n)) {
            return;
        }
    }
}

static void
reload(program_t *g)
{
    static const char *const texts[] = {
        NULL,
        "derp:\n  client_rate: 20000\n",
        "derp:\n  send_queue: 1\n",
        "derp:\n  send_queue: 4\n  write_timeout: 100ms\n",
    };

    derp_rig_reload(&rig, texts[take(g) % ION_ARRAY_LEN(texts)]);
    g->is_reloaded = true;
}

/* One worker takes no more clients: it drains, or its process is killed. */
static void
send_away(program_t *g, bool is_killed)
{
    size_t w = take(g) % WORKERS;

    if (g->away != WORKERS) {
        return;
    }
    g->away = w;
    if (!is_killed) {
        rig.worker[w].p.draining = true;
        derp_module.drain(&rig.worker[w].p, 0);
        return;
    }
    for (size_t i = 0; i < CLIENTS; i++) {
        if (g->worker[i] == w) {
            close_client(g, i);
        }
    }
    derp_rig_kill(&rig, w);
}

static void
step_relay(program_t *g, size_t i, uint32_t op)
{
    switch (op >> 5 & 3) {
    case 0:
        close_client(g, i);
        break;
    case 1:
        reload(g);
        break;
    case 2:
        if (g->is_open[i]) {
            send_burst(g, i);
        }
        break;
    default:
        send_away(g, i < CLIENTS / 2);
        break;
    }
}

static void
step(program_t *g)
{
    uint32_t op = take(g);
    size_t i = (op >> 3) % CLIENTS;

    if ((op & 7) != 0 && (op & 7) < 6 && !g->is_open[i]) {
        return;
    }
    switch (op & 7) {
    case 0:
        connect_client(g, i);
        break;
    case 1:
        send_login(g, i);
        break;
    case 2:
        send_packet(g, i);
        break;
    case 3:
        send_frame(g, i);
        break;
    case 4:
        send_raw(g, i);
        break;
    case 5:
        read_all(g, i);
        break;
    case 6:
        derp_rig_advance(&rig, ION_MS(take(g) * 20));
        break;
    default:
        step_relay(g, i, op);
        break;
    }
    if ((op & 128) != 0) {
        derp_rig_turn(&rig);
    }
}

/* A dead worker's slot is swept; its gauges are the master's to forget.
 * Returns: whether there is none. */
static bool
are_all_alive(void)
{
    bool is_alive = true;

    for (size_t i = 0; i < rig.count; i++) {
        if (rig.worker[i].is_dead) {
            is_alive = false;
            ION_ASSERT(derp_rig_retired(&rig, i));
        }
    }
    return is_alive;
}

static void
check_empty(void)
{
    ion_dir_row_t row;
    uint64_t pos = 0;

    rig.quiet_turns = quiet_turns;
    derp_rig_turn(&rig);
    if (are_all_alive()) {
        ION_ASSERT(derp_rig_stat(&rig, DERP_STAT_CONNECTIONS) == 0);
        ION_ASSERT(derp_rig_stat(&rig, DERP_STAT_HOME) == 0);
        ION_ASSERT(derp_rig_stat(&rig, DERP_STAT_NOT_IDEAL) == 0);
        ION_ASSERT(derp_rig_stat(&rig, DERP_STAT_WATCHERS) == 0);
    }
    ION_ASSERT(!ion_dir_next(rig.master, &pos, &row));
    for (size_t i = 0; i < rig.count; i++) {
        derp_worker_t *w = rig.worker[i].w;

        if (rig.worker[i].is_dead) {
            continue;
        }
        ION_ASSERT(w->session_count == 0);
        ION_ASSERT(derp_pool_used(w->pool) == 0);
        ION_ASSERT(derp_interests_count(w->interests) == 0);
        ION_ASSERT(w->watch == NULL);
    }
}

static void
start_rig(void)
{
    if (!has_rig) {
        derp_rig_init(&rig, WORKERS, NULL);
        derp_rig_mesh_key(&rig, MESH_BYTE);
        quiet_turns = rig.quiet_turns;
        has_rig = true;
    }
    rig.quiet_turns = FEW_TURNS;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    program_t g = { .p = data, .left = size, .away = WORKERS };

    if (size < 1) {
        return 0;
    }
    start_rig();
    if ((take(&g) & 1) != 0) {
        derp_rig_reload(&rig, "derp:\n  client_rate: 20000\n");
        g.is_reloaded = true;
    }
    while (g.left > 0) {
        step(&g);
    }
    for (size_t i = 0; i < CLIENTS; i++) {
        close_client(&g, i);
    }
    check_empty();
    if (g.away != WORKERS) {
        derp_rig_fini(&rig);
        has_rig = false;
    } else if (g.is_reloaded) {
        derp_rig_reload(&rig, NULL);
    }
    return 0;
}
