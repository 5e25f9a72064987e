/*
 * mesh_rig.c -- see mesh_rig.h.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "lib/mesh_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/hex.h"
#include "lib/tls_rig.h"
#include "proto/derp_info.h"
#include "shm/dir.h"
#include "shm/links.h"
#include "shm/slots.h"
#include "tls/tls_stream.h"

#define TURNS 100 /* of a link that never comes to rest */
#define QUIET 4   /* of a handshake step with nothing to show for it */

static mesh_rig_t *current; /* the processes' questions come without it */

static ion_err_t
on_ask(ion_process_t *p, const ion_ask_t *ask, ion_ask_done_pt done, void *arg,
    uint64_t *id)
{
    ION_ASSERT(ask->kind == ION_ASK_DIAL && ask->timeout_ms == 10000);
    if (current->has_no_courier) {
        return ION_CLOSED;
    }
    current->asked++;
    for (size_t i = 0; i < MESH_RIG_DIALS; i++) {
        mesh_rig_dial_t *d = &current->dials[i];

        if (d->done == NULL) {
            *d = (mesh_rig_dial_t){ p, *ask, done, arg, ++current->last_id };
            *id = d->id;
            return ION_OK;
        }
    }
    return ION_BUSY;
}

static void
on_cancel(ion_process_t *p, uint64_t id)
{
    (void)p;
    for (size_t i = 0; i < MESH_RIG_DIALS; i++) {
        if (current->dials[i].id == id) {
            current->dials[i].done = NULL;
        }
    }
}

/* The configuration with these targets, every %pin% replaced. */
static void
write_conf(const mesh_rig_t *m, const char *targets, char *out, size_t cap)
{
    size_t n =
        (size_t)snprintf(out, cap, "derp: {mesh_key_file: /k, mesh_with: [");
    const char *p = targets == NULL ? "" : targets;

    while (*p != '\0' && n + sizeof(m->pin) < cap) {
        size_t mark = strlen(MESH_RIG_PINNED);

        if (strncmp(p, MESH_RIG_PINNED, mark) == 0) {
            n += (size_t)snprintf(out + n, cap - n, "%s", m->pin);
            p += mark;
        } else {
            out[n++] = *p++;
        }
    }
    ION_ASSERT(n + 4 < cap);
    memcpy(out + n, "]}\n", 4);
}

size_t
mesh_rig_start(mesh_rig_t *m, uint32_t index)
{
    size_t i = derp_rig_start_as(&m->rig, index);

    m->rig.worker[i].p.ask = on_ask;
    m->rig.worker[i].p.cancel = on_cancel;
    return i;
}

void
mesh_rig_kill(mesh_rig_t *m, size_t worker)
{
    derp_rig_worker_t *rw = &m->rig.worker[worker];
    derp_mesh_t *mesh = rw->w->mesh;

    ion_timer_cancel(m->rig.loop, &mesh->watch);
    for (size_t i = 0; i < ION_LINKS_MAX; i++) {
        if (mesh->link[i] != NULL) {
            ion_timer_cancel(m->rig.loop, &mesh->link[i]->timer);
            ion_client_close(&mesh->link[i]->client);
        }
    }
    for (size_t i = 0; i < MESH_RIG_DIALS; i++) {
        if (m->dials[i].p == &rw->p) {
            m->dials[i].done = NULL;
        }
    }
    derp_rig_kill(&m->rig, worker);
    derp_rig_turn(&m->rig);
}

void
mesh_rig_drain(mesh_rig_t *m, size_t worker)
{
    ion_process_t *p = &m->rig.worker[worker].p;

    ion_slots_set_state(m->rig.master, p->slot, ION_SLOT_DRAINING);
    p->draining = true;
    derp_module.drain(p, 0);
    derp_rig_turn(&m->rig);
}

void
mesh_rig_init(mesh_rig_t *m, size_t workers, const char *targets)
{
    char yaml[2048];
    ion_cert_info_t info;

    memset(m, 0, sizeof(*m));
    current = m;
    m->cert = tls_rig_cert();
    m->tls = tls_rig_ctx(m->cert, NULL, NULL, 0);
    ion_cert_info(m->cert, &info);
    strcpy(m->pin, "#sha256-raw:");
    ion_hex_encode(m->pin + strlen(m->pin), info.pin, sizeof(info.pin));
    write_conf(m, targets, yaml, sizeof(yaml));
    derp_rig_init(&m->rig, 0, yaml);
    derp_rig_mesh_key(&m->rig, MESH_RIG_KEY);
    while (m->rig.count < workers) {
        (void)mesh_rig_start(m, (uint32_t)m->rig.count);
    }
    derp_rig_turn(&m->rig);
}

void
mesh_rig_fini(mesh_rig_t *m)
{
    derp_rig_fini(&m->rig);
    ion_tls_ctx_unref(&m->tls);
    ion_cert_free(&m->cert);
}

void
mesh_rig_reload(mesh_rig_t *m, const char *targets)
{
    char yaml[2048];

    write_conf(m, targets, yaml, sizeof(yaml));
    derp_rig_reload(&m->rig, yaml);
    derp_rig_turn(&m->rig);
}

size_t
mesh_rig_open_dials(const mesh_rig_t *m, const char *host)
{
    size_t count = 0;

    for (size_t i = 0; i < MESH_RIG_DIALS; i++) {
        count += m->dials[i].done != NULL &&
                 (host == NULL || strcmp(m->dials[i].ask.host, host) == 0);
    }
    return count;
}

static mesh_rig_dial_t
take_dial(mesh_rig_t *m, size_t worker, const char *host)
{
    for (size_t i = 0; i < MESH_RIG_DIALS; i++) {
        mesh_rig_dial_t *d = &m->dials[i];
        mesh_rig_dial_t taken = *d;

        if (d->done != NULL && strcmp(d->ask.host, host) == 0 &&
            (worker == SIZE_MAX || d->p == &m->rig.worker[worker].p))
        {
            d->done = NULL;
            return taken;
        }
    }
    ION_UNREACHABLE();
}

void
mesh_rig_refuse(mesh_rig_t *m, const char *host, const char *why)
{
    mesh_rig_dial_t d = take_dial(m, SIZE_MAX, host);
    ion_answer_t answer = { .rc = ION_SYS, .fd = -1, .text = why };

    d.done(d.arg, &answer);
    derp_rig_turn(&m->rig);
}

void
mesh_peer_accept(mesh_rig_t *m, mesh_peer_t *peer, size_t worker,
    const char *host, uint32_t seed)
{
    mesh_rig_dial_t d = take_dial(m, worker, host);
    ion_answer_t answer = { .rc = ION_OK, .text = "" };
    int fds[2];

    memset(peer, 0, sizeof(*peer));
    peer->m = m;
    derp_rig_keys(seed, &peer->secret, &peer->public);
    tls_rig_pair(fds);
    ION_ASSERT(ion_tls_accept(
                   m->rig.loop, m->tls, fds[0], NULL, &peer->stream) == ION_OK);
    answer.fd = fds[1];
    ION_ASSERT(
        ion_addr_parse(ION_STR("192.0.2.7:443"), &answer.addr) == ION_OK);
    d.done(d.arg, &answer);
    if (answer.fd >= 0) {
        close(answer.fd);
    }
}

static void
keep(mesh_peer_t *peer, const uint8_t *p, size_t n)
{
    if (peer->in_len + n > peer->in_cap) {
        peer->in_cap = 2 * (peer->in_len + n);
        peer->in = realloc(peer->in, peer->in_cap);
        ION_ASSERT(peer->in != NULL);
    }
    memcpy(peer->in + peer->in_len, p, n);
    peer->in_len += n;
}

static void
drop(mesh_peer_t *peer, size_t n)
{
    memmove(peer->in, peer->in + n, peer->in_len - n);
    peer->in_len -= n;
}

/* The request has come: answer it and greet. */
static bool
greet(mesh_peer_t *peer)
{
    uint8_t reply[DERP_UPGRADE_REPLY_MAX + DERP_SERVER_KEY_FRAME];
    const uint8_t *end;
    size_t n;

    if (peer->in_len == 0 || peer->in[0] != 'G') {
        return false;
    }
    end = memmem(peer->in, peer->in_len, "\r\n\r\n", 4);
    if (end == NULL) {
        return false;
    }
    drop(peer, (size_t)(end + 4 - peer->in));
    n = derp_upgrade_reply((char *)reply, &peer->public);
    derp_server_key_put(reply + n, &peer->public);
    mesh_peer_write(peer, reply, n + DERP_SERVER_KEY_FRAME);
    return true;
}

/* ClientInfo has come: open it and let the link in. */
static void
let_in(mesh_peer_t *peer, const mesh_frame_t *f)
{
    static const char json[] = DERP_SERVER_INFO_JSON;
    uint8_t shared[ION_BOX_SHARED_LEN];
    uint8_t box[ION_BOX_OVERHEAD + sizeof(json) - 1];

    ION_ASSERT(f->len < DERP_KEY_LEN + ION_BOX_OVERHEAD + sizeof(peer->info));
    memcpy(peer->client.b, f->p, DERP_KEY_LEN);
    ION_ASSERT(ion_box_shared(&peer->secret, &peer->client, shared) == ION_OK);
    ION_ASSERT(ion_box_open(shared, f->p + DERP_KEY_LEN, f->len - DERP_KEY_LEN,
                   (uint8_t *)peer->info) == ION_OK);
    ion_box_seal(shared, json, sizeof(json) - 1, box);
    peer->is_up = true;
    mesh_peer_send(peer, DERP_FRAME_SERVER_INFO, box, sizeof(box));
}

/* Whatever has come in; false: nothing. */
static bool
take_input(mesh_peer_t *peer)
{
    static uint8_t buf[65536];
    size_t before = peer->in_len;
    bool was_ready = ion_stream_is_ready(peer->stream);
    size_t n = 0;
    ion_err_t rc = ION_OK;

    while (!peer->is_mute && rc == ION_OK) {
        rc = ion_stream_read(peer->stream, buf, sizeof(buf), &n);
        if (rc == ION_OK) {
            keep(peer, buf, n);
        } else if (rc != ION_AGAIN) {
            peer->is_closed = true;
        }
    }
    ION_IGNORE(ion_stream_flush(peer->stream));
    return peer->in_len != before || peer->is_closed ||
           ion_stream_is_ready(peer->stream) != was_ready;
}

void
mesh_peer_turn(mesh_peer_t *peer)
{
    int quiet = 0;

    for (int i = 0; i < TURNS && quiet < QUIET; i++) {
        mesh_frame_t f;

        derp_rig_turn(&peer->m->rig);
        if (peer->stream == NULL || peer->is_closed) {
            return;
        }
        quiet = take_input(peer) ? 0 : quiet + 1;
        quiet = greet(peer) ? 0 : quiet;
        if (!peer->is_up && mesh_peer_next(peer, &f)) {
            ION_ASSERT(f.type == DERP_FRAME_CLIENT_INFO);
            let_in(peer, &f);
        }
    }
}

void
mesh_peer_link(mesh_rig_t *m, mesh_peer_t *peer, size_t worker,
    const char *host, uint32_t seed)
{
    mesh_frame_t f;

    mesh_peer_accept(m, peer, worker, host, seed);
    mesh_peer_turn(peer);
    ION_ASSERT(peer->is_up);
    peer->is_watched = mesh_peer_next(peer, &f) &&
                       f.type == DERP_FRAME_WATCH_CONNS && f.len == 0;
}

void
mesh_peer_write(mesh_peer_t *peer, const void *p, size_t n)
{
    ION_IGNORE(ion_stream_write(peer->stream, p, n));
    ION_IGNORE(ion_stream_flush(peer->stream));
}

void
mesh_peer_send(mesh_peer_t *peer, uint8_t type, const void *p, size_t n)
{
    uint8_t header[DERP_HEADER_LEN];

    derp_header_put(header, (derp_frame_type_t)type, (uint32_t)n);
    mesh_peer_write(peer, header, sizeof(header));
    if (n > 0) {
        mesh_peer_write(peer, p, n);
    }
}

void
mesh_peer_present(mesh_peer_t *peer, const ion_key_t *key)
{
    uint8_t body[DERP_PEER_PRESENT_FRAME - DERP_HEADER_LEN] = { 0 };

    memcpy(body, key->b, sizeof(key->b));
    body[sizeof(body) - 1] = DERP_PRESENT_REGULAR;
    mesh_peer_send(peer, DERP_FRAME_PEER_PRESENT, body, sizeof(body));
}

void
mesh_peer_gone(mesh_peer_t *peer, const ion_key_t *key)
{
    uint8_t body[DERP_KEY_LEN + 1] = { 0 };

    memcpy(body, key->b, sizeof(key->b));
    mesh_peer_send(peer, DERP_FRAME_PEER_GONE, body, sizeof(body));
}

bool
mesh_peer_next(mesh_peer_t *peer, mesh_frame_t *out)
{
    static uint8_t body[DERP_HEADER_LEN + DERP_MAX_FORWARD];
    derp_header_t h;

    if (derp_header_parse(peer->in, peer->in_len, &h) != ION_OK ||
        peer->in_len < DERP_HEADER_LEN + (size_t)h.len)
    {
        return false;
    }
    ION_ASSERT(h.len <= sizeof(body));
    memcpy(body, peer->in + DERP_HEADER_LEN, h.len);
    drop(peer, DERP_HEADER_LEN + (size_t)h.len);
    *out = (mesh_frame_t){ h.type, h.len, body };
    return true;
}

bool
mesh_peer_expect_forward(mesh_peer_t *peer, const ion_key_t *src,
    const ion_key_t *dst, const void *p, size_t n)
{
    mesh_frame_t f;

    mesh_peer_turn(peer);
    return mesh_peer_next(peer, &f) && f.type == DERP_FRAME_FORWARD_PACKET &&
           f.len == 2 * DERP_KEY_LEN + n &&
           memcmp(f.p, src->b, DERP_KEY_LEN) == 0 &&
           memcmp(f.p + DERP_KEY_LEN, dst->b, DERP_KEY_LEN) == 0 &&
           memcmp(f.p + 2 * (size_t)DERP_KEY_LEN, p, n) == 0;
}

void
mesh_peer_close(mesh_peer_t *peer)
{
    ion_stream_close(&peer->stream);
    free(peer->in);
    peer->in = NULL;
    peer->in_len = 0;
    peer->in_cap = 0;
    derp_rig_turn(&peer->m->rig);
}

ion_key_t
mesh_rig_key(uint32_t seed)
{
    ion_secret_key_t secret;
    ion_key_t key;

    derp_rig_keys(seed, &secret, &key);
    return key;
}

void
mesh_rig_member(
    mesh_rig_t *m, derp_rig_client_t *c, size_t worker, uint32_t seed)
{
    ION_ASSERT(derp_rig_login_mesh(&m->rig, c, worker, seed, MESH_RIG_KEY));
}

uint64_t
mesh_rig_forwarders(const mesh_rig_t *m)
{
    ion_dir_counts_t counts;

    ion_dir_count(m->rig.master, &counts);
    return counts.links;
}

uint64_t
mesh_rig_links(const mesh_rig_t *m, int state)
{
    return derp_rig_stat(
        &m->rig, DERP_STAT_MESH_LINKS + (size_t)state - ION_LINK_WAITING);
}
