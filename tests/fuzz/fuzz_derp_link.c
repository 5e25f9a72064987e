/*
 * fuzz_derp_link.c -- a relay of the mesh that says anything at all.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The input is a program for the other end of a mesh link of two workers: let
 * it in, tell of clients, send frames and bytes of any kind, stop reading,
 * hang up; and for clients of this relay with the same keys: come, go, send to
 * those behind the link. Time passes, the owner may die and another take over.
 * Properties: what the link sends are whole frames that a mesh member may
 * send; and when all is over no forwarder, no link and no session is left.
 */
#include <stdint.h>
#include <string.h>

#include "base/assert.h"
#include "lib/mesh_rig.h"
#include "shm/links.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CLIENTS   3
#define STEPS_MAX 128
#define HOST      "one"

typedef struct program {
    const uint8_t *p;
    size_t left;
    mesh_rig_t m; /* kept from input to input, while nobody dies */
    bool has_rig;
    mesh_peer_t peer;
    bool has_peer;
    size_t owner;
    derp_rig_client_t client[CLIENTS];
    bool is_open[CLIENTS];
} program_t;

static program_t g; /* the rig is large */

static uint8_t
take(void)
{
    if (g.left == 0) {
        return 0;
    }
    g.left--;
    return *g.p++;
}

/* One of few keys: of clients, of ours, of this relay, of nobody. */
static ion_key_t
take_key(void)
{
    uint8_t n = take();

    return n == 255 ? g.m.rig.public : mesh_rig_key(n % 8u);
}

static void
read_link(void)
{
    mesh_frame_t f;

    mesh_peer_turn(&g.peer);
    while (g.peer.is_up && mesh_peer_next(&g.peer, &f)) {
        ION_ASSERT(f.type == DERP_FRAME_WATCH_CONNS ||
                   f.type == DERP_FRAME_FORWARD_PACKET ||
                   f.type == DERP_FRAME_PONG);
        ION_ASSERT(f.type != DERP_FRAME_WATCH_CONNS || f.len == 0);
        ION_ASSERT(f.type != DERP_FRAME_FORWARD_PACKET ||
                   (f.len >= 2 * DERP_KEY_LEN && f.len <= DERP_MAX_FORWARD));
    }
}

static void
hang_up(void)
{
    if (g.has_peer) {
        mesh_peer_close(&g.peer);
        g.has_peer = false;
    }
}

static void
let_in(void)
{
    uint8_t how = take();

    if (mesh_rig_open_dials(&g.m, HOST) == 0) {
        return;
    }
    hang_up();
    if ((how & 1) != 0) {
        mesh_rig_refuse(&g.m, HOST, "refused");
        return;
    }
    mesh_peer_accept(&g.m, &g.peer, SIZE_MAX, HOST, 50u + how % 2u);
    g.has_peer = true;
    g.peer.is_mute = (how & 4) != 0;
    mesh_peer_turn(&g.peer);
}

static void
say(void)
{
    ion_key_t key = take_key();
    uint8_t what = take();
    size_t n = ION_MIN(g.left, (size_t)take());

    if (!g.has_peer) {
        return;
    }
    if (what < 96) {
        mesh_peer_present(&g.peer, &key);
    } else if (what < 160) {
        mesh_peer_gone(&g.peer, &key);
    } else if (what < 192) {
        mesh_peer_send(&g.peer, DERP_FRAME_PEER_PRESENT, key.b, what - 160u);
    } else {
        n = ION_MIN(n, g.left);
        if (what < 224) {
            mesh_peer_send(&g.peer, what - 192u, g.p, n);
        } else {
            mesh_peer_write(&g.peer, g.p, n);
        }
        g.p += n;
        g.left -= n;
    }
}

/* Very many at once. */
static void
say_many(void)
{
    uint32_t from = 1000u + take();

    for (uint32_t i = 0; g.has_peer && i < 150; i++) {
        ion_key_t key = { { 0xee } };

        memcpy(key.b + 4, &(uint32_t){ from + i }, sizeof(from));
        mesh_peer_present(&g.peer, &key);
    }
}

static void
move_client(void)
{
    uint8_t how = take();
    size_t i = how % CLIENTS;
    size_t worker = (how & 64) != 0 ? g.m.rig.count - 1 : g.owner;

    if (g.is_open[i]) {
        derp_rig_close(&g.client[i]);
        derp_rig_turn(&g.m.rig);
        g.is_open[i] = false;
    } else if (!g.m.rig.worker[worker].is_dead) {
        derp_rig_login(&g.m.rig, &g.client[i], worker, 1u + (how >> 3) % 7u);
        g.is_open[i] = true;
    }
}

static void
send_packet(void)
{
    static const uint8_t bytes[4096];
    size_t i = take() % CLIENTS;
    ion_key_t to = take_key();
    derp_rig_frame_t f;

    if (!g.is_open[i]) {
        return;
    }
    if (derp_rig_packet(&g.client[i], &to, bytes, (size_t)take() * 16)) {
        derp_rig_turn(&g.m.rig);
    }
    while (derp_rig_next(&g.client[i], &f)) {
        ION_ASSERT(f.type == DERP_FRAME_RECV_PACKET ||
                   f.type == DERP_FRAME_KEEP_ALIVE ||
                   f.type == DERP_FRAME_PEER_GONE);
    }
}

static void
kill_owner(void)
{
    if (g.owner + 1 < g.m.rig.count) {
        mesh_rig_kill(&g.m, g.owner);
        g.owner++;
    }
}

static void
run_step(void)
{
    switch (take() % 10) {
    case 0:
    case 1:
    case 2:
        say();
        break;
    case 3:
        let_in();
        break;
    case 4:
        move_client();
        break;
    case 5:
        send_packet();
        break;
    case 6:
        derp_rig_advance(&g.m.rig, ION_MS(100u * take()));
        break;
    case 7:
        say_many();
        break;
    case 8:
        hang_up();
        break;
    default:
        if ((take() & 15) == 0) {
            kill_owner();
        }
        break;
    }
}

/* All have gone: nothing may be left. */
static void
check_end(void)
{
    hang_up();
    for (size_t i = 0; i < CLIENTS; i++) {
        if (g.is_open[i]) {
            derp_rig_close(&g.client[i]);
            g.is_open[i] = false;
        }
    }
    mesh_rig_reload(&g.m, NULL);
    ION_ASSERT(mesh_rig_forwarders(&g.m) == 0);
    for (size_t i = g.owner; i < g.m.rig.count; i++) {
        const derp_worker_t *w = g.m.rig.worker[i].w;

        ION_ASSERT(w->session_count == 0 && w->mesh->link_count == 0);
        ION_ASSERT(ion_slab_count(w->mesh->forwards) == 0);
        ION_ASSERT(derp_interests_count(w->interests) == 0);
        ION_ASSERT(derp_pool_used(w->pool) == 0);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g.p = data;
    g.left = size;
    if (!g.has_rig) {
        mesh_rig_init(&g.m, 2, NULL);
        g.has_rig = true;
        g.owner = 0;
    }
    mesh_rig_reload(&g.m, "localhost/" HOST MESH_RIG_PINNED);
    for (int i = 0; i < STEPS_MAX && g.left > 0; i++) {
        run_step();
        if (g.has_peer) {
            read_link();
        }
    }
    check_end();
    if (g.owner > 0) {
        mesh_rig_fini(&g.m);
        g.has_rig = false;
    }
    return 0;
}
