/*
 * derp_rig.c -- see derp_rig.h.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "lib/derp_rig.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/hex.h"
#include "core/module.h"
#include "event/stream.h"
#include "proto/derp_info.h"
#include "shm/slots.h"
#include "shm/stats.h"

#define QUIET_TURNS 8 /* messages between workers hop at most that often */
#define MAX_TURNS   100000

const ion_module_t *const ion_modules[] = { &derp_module };
const uint32_t ion_module_count = 1;

static const char *
no_env(void *arg, const char *name)
{
    (void)arg;
    return strcmp(name, "HOME") == 0 ? "/nonexistent" : NULL;
}

static ion_conf_t *
load_conf(const char *yaml)
{
    static const ion_conf_table_t table = {
        .name = "derp",
        .directives = derp_directives,
        .conf_size = sizeof(derp_conf_t),
    };
    ion_conf_source_t src = { .env = no_env };
    ion_conf_notes_t *notes = NULL;
    ion_conf_t *conf = NULL;
    char text[1024] = "";

    if (yaml != NULL) {
        size_t n = strlen(yaml);

        ION_ASSERT(n * 2 < sizeof(text));
        ion_base64_encode(text, yaml, n);
        src.base64 = text;
    }
    ION_ASSERT(ion_conf_notes_new(&notes) == ION_OK);
    ION_ASSERT(ion_conf_load(&src, &table, 1, notes, &conf) == ION_OK);
    ion_conf_notes_free(&notes);
    return conf;
}

static void
on_idle(ion_process_t *p, uint32_t module)
{
    derp_rig_worker_t *rw = ION_CONTAINER_OF(p, derp_rig_worker_t, p);

    (void)module;
    rw->idle_calls++;
}

size_t
derp_rig_start(derp_rig_t *rig)
{
    return derp_rig_start_as(rig, (uint32_t)rig->count);
}

size_t
derp_rig_start_as(derp_rig_t *rig, uint32_t index)
{
    size_t i = rig->count++;
    derp_rig_worker_t *rw = &rig->worker[i];
    int fds[ION_SHM_FDS_MAX];
    uint32_t slot;
    size_t n;

    ION_ASSERT(i < DERP_RIG_WORKERS);
    memset(rw, 0, sizeof(*rw));
    ION_ASSERT(ion_slots_alloc(rig->master, ION_SLOT_WORKER, index, 1, &slot) ==
               ION_OK);
    n = ion_shm_fds(rig->master, ION_SLOT_WORKER, fds);
    for (size_t k = 0; k < n; k++) {
        fds[k] = fcntl(fds[k], F_DUPFD_CLOEXEC, 3);
        ION_ASSERT(fds[k] >= 0);
    }
    ION_ASSERT(
        ion_shm_attach(ION_SLOT_WORKER, slot, fds, n, &rw->p.shm) == ION_OK);
    rw->p.role = ION_ROLE_WORKER;
    rw->p.slot = slot;
    rw->p.index = index;
    rw->p.loop = rig->loop;
    rw->p.log = &rig->log;
    rw->p.stats = ion_stats_own(rw->p.shm);
    rw->p.cycle = &rig->cycle;
    rw->p.idle = on_idle;
    ION_ASSERT(derp_module.start(&rw->p, 0, NULL) == ION_OK);
    rw->w = rw->p.module_data[0];
    ion_slots_set_state(rig->master, slot, ION_SLOT_LIVE);
    return i;
}

void
derp_rig_init(derp_rig_t *rig, size_t workers, const char *yaml)
{
    ion_shm_geometry_t geometry = {
        .max_workers = DERP_RIG_WORKERS,
        .max_clients = 1000,
        .nstats = ion_module_stat_base(1),
    };
    int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

    memset(rig, 0, sizeof(*rig));
    rig->quiet_turns = QUIET_TURNS;
    ION_ASSERT(fd >= 0);
    ION_ASSERT(ion_log_sink_new(fd, "rig", &rig->sink) == ION_OK);
    ion_log_sink_set(rig->sink, ION_LOG_TEXT, ION_LOG_DEBUG);
    rig->log.sink = rig->sink;
    ION_ASSERT(ion_loop_new_fake(DERP_RIG_START, &rig->loop) == ION_OK);
    ION_ASSERT(ion_shm_create(&geometry, &rig->master) == ION_OK);
    derp_rig_keys(0, &rig->secret, &rig->public);
    rig->conf = load_conf(yaml);
    strcpy(rig->blob[0].name, "derp.key");
    rig->blob[0].p = rig->secret.b;
    rig->blob[0].len = sizeof(rig->secret.b);
    strcpy(rig->blob[1].name, "mesh.key");
    rig->blob[1].p = rig->mesh_key;
    rig->blob[1].len = sizeof(rig->mesh_key);
    rig->cycle.conf = rig->conf;
    rig->cycle.blobs = rig->blob;
    rig->cycle.blob_count = 1;
    while (rig->count < workers) {
        (void)derp_rig_start(rig);
    }
}

void
derp_rig_fini(derp_rig_t *rig)
{
    for (size_t i = 0; i < rig->count; i++) {
        derp_module.stop(&rig->worker[i].p, 0);
    }
    ion_loop_free(&rig->loop);
    for (size_t i = 0; i < rig->count; i++) {
        ion_shm_free(&rig->worker[i].p.shm);
    }
    ion_shm_free(&rig->master);
    ion_conf_free(&rig->conf);
    ion_log_sink_free(&rig->sink);
}

void
derp_rig_kill(derp_rig_t *rig, size_t worker)
{
    derp_rig_worker_t *rw = &rig->worker[worker];
    derp_worker_t *w = rw->w;

    rw->is_dead = true;
    ion_loop_hook_del(rig->loop, &w->hook);
    ion_io_del(rig->loop, &w->doorbell);
    ION_LIST_FOREACH(it, &w->all) {
        derp_session_t *s = ION_CONTAINER_OF(it, derp_session_t, link);

        ion_io_del(rig->loop, &s->io);
        ion_timer_cancel(rig->loop, &s->timer);
        ION_IGNORE(shutdown(ion_stream_fd(s->stream), SHUT_RDWR));
    }
    ion_slots_set_state(rig->master, rw->p.slot, ION_SLOT_DEAD);
}

bool
derp_rig_retired(derp_rig_t *rig, size_t worker)
{
    uint32_t slot = rig->worker[worker].p.slot;

    if (!ion_slots_is_retired(rig->master, slot)) {
        return false;
    }
    ion_shm_sweep(rig->master, slot);
    return true;
}

void
derp_rig_reload(derp_rig_t *rig, const char *yaml)
{
    ion_conf_t *old = rig->conf;

    rig->conf = load_conf(yaml);
    rig->cycle.conf = rig->conf;
    for (size_t i = 0; i < rig->count; i++) {
        if (!rig->worker[i].is_dead) {
            ION_ASSERT(derp_module.prepare(
                           &rig->worker[i].p, 0, &rig->cycle, NULL) == ION_OK);
            derp_module.commit(&rig->worker[i].p, 0);
        }
    }
    ion_conf_free(&old);
}

void
derp_rig_mesh_key(derp_rig_t *rig, uint8_t byte)
{
    memset(rig->mesh_key, byte, sizeof(rig->mesh_key));
    rig->cycle.blob_count = byte == 0 ? 1 : 2;
}

bool
derp_rig_login_mesh(derp_rig_t *rig, derp_rig_client_t *c, size_t worker,
    uint32_t seed, uint8_t byte)
{
    uint8_t key[DERP_MESH_KEY_LEN];
    char hex[2 * DERP_MESH_KEY_LEN];
    char json[160];

    memset(key, byte, sizeof(key));
    ion_hex_encode(hex, key, sizeof(key));
    (void)snprintf(json, sizeof(json),
        "{\"meshKey\":\"%.*s\",\"version\":2,\"CanAckPings\":false}",
        (int)sizeof(hex), hex);
    return derp_rig_login_as(rig, c, worker, seed, json);
}

void
derp_rig_turn(derp_rig_t *rig)
{
    unsigned quiet = 0;

    for (unsigned i = 0; quiet < rig->quiet_turns; i++) {
        unsigned events = 0;

        ION_ASSERT(i < MAX_TURNS);
        ION_ASSERT(ion_loop_turn(rig->loop, false, &events) == ION_OK);
        quiet = events == 0 ? quiet + 1 : 0;
    }
}

void
derp_rig_advance(derp_rig_t *rig, uint64_t ns)
{
    ION_ASSERT(ion_loop_advance(rig->loop, ns) == ION_OK);
    derp_rig_turn(rig);
}

uint64_t
derp_rig_stat(const derp_rig_t *rig, size_t stat)
{
    return ion_stats_sum(rig->master, ion_module_stat_base(0) + stat);
}

uint64_t
derp_rig_drops(const derp_rig_t *rig, derp_drop_t why, derp_kind_t kind)
{
    return derp_rig_stat(rig, DERP_STAT_PACKETS_DROPPED + 2 * (size_t)why +
                                  (kind == DERP_KIND_DISCO ? 0 : 1));
}

void
derp_rig_keys(uint32_t seed, ion_secret_key_t *secret, ion_key_t *key)
{
    for (size_t i = 0; i < sizeof(secret->b); i++) {
        secret->b[i] = (uint8_t)(seed * 7 + i * 13 + 1);
    }
    memcpy(secret->b + 4, &seed, sizeof(seed));
    secret->b[0] &= 248;
    secret->b[31] = (uint8_t)((secret->b[31] & 127) | 64);
    ion_key_public(secret, key);
}

void
derp_rig_connect(derp_rig_t *rig, derp_rig_client_t *c, size_t worker,
    uint32_t seed, const derp_rig_opts_t *opts)
{
    static const derp_rig_opts_t plain = { 0 };
    const derp_rig_opts_t *o = opts == NULL ? &plain : opts;
    derp_opening_t opening = {
        .rest = o->rest,
        .rest_len = o->rest_len,
        .is_fast_start = !o->is_normal_start,
        .is_not_ideal = o->is_not_ideal,
        .id = seed,
    };
    int fds[2];

    memset(c, 0, sizeof(*c));
    c->rig = rig;
    derp_rig_keys(seed, &c->secret, &c->key);
    ION_ASSERT(ion_box_shared(&c->secret, &rig->public, c->shared) == ION_OK);
    ION_ASSERT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
                   0, fds) == 0);
    c->fd = fds[0];
    c->server_fd = fds[1];
    ION_ASSERT(
        ion_addr_parse(ION_STR("192.0.2.1:41641"), &opening.peer) == ION_OK);
    ION_ASSERT(
        ion_stream_new_plain(rig->loop, fds[1], &opening.stream) == ION_OK);
    if (o->websockets != NULL) {
        ion_stream_t *lower = opening.stream;

        opening.is_websocket = true;
        ION_ASSERT(http_ws_new(o->websockets, lower, seed, NULL, 0,
                       &opening.stream) == ION_OK);
    }
    ION_ASSERT(derp_session_open(rig->worker[worker].w, &opening) == ION_OK);
}

size_t
derp_rig_client_info(
    derp_rig_client_t *c, const char *json, uint8_t *out, size_t cap)
{
    size_t n = strlen(json);
    size_t len = DERP_KEY_LEN + ION_BOX_OVERHEAD + n;

    ION_ASSERT(DERP_HEADER_LEN + len <= cap);
    derp_header_put(out, DERP_FRAME_CLIENT_INFO, (uint32_t)len);
    memcpy(out + DERP_HEADER_LEN, c->key.b, DERP_KEY_LEN);
    ion_box_seal(c->shared, json, n, out + DERP_HEADER_LEN + DERP_KEY_LEN);
    return DERP_HEADER_LEN + len;
}

bool
derp_rig_take_hello(derp_rig_client_t *c)
{
    uint8_t expected[DERP_SERVER_KEY_FRAME];
    uint8_t plain[sizeof(DERP_SERVER_INFO_JSON)];
    size_t info_len = sizeof(DERP_SERVER_INFO_JSON) - 1;
    derp_rig_frame_t f;

    derp_server_key_put(expected, &c->rig->public);
    if (!derp_rig_expect(c, DERP_FRAME_SERVER_KEY, expected + DERP_HEADER_LEN,
            sizeof(expected) - DERP_HEADER_LEN))
    {
        return false;
    }
    return derp_rig_next(c, &f) && f.type == DERP_FRAME_SERVER_INFO &&
           f.len == ION_BOX_OVERHEAD + info_len &&
           ion_box_open(c->shared, f.p, f.len, plain) == ION_OK &&
           memcmp(plain, DERP_SERVER_INFO_JSON, info_len) == 0;
}

bool
derp_rig_login_as(derp_rig_t *rig, derp_rig_client_t *c, size_t worker,
    uint32_t seed, const char *json)
{
    uint8_t frame[4096];
    size_t n;

    derp_rig_connect(rig, c, worker, seed, NULL);
    n = derp_rig_client_info(c, json, frame, sizeof(frame));
    ION_ASSERT(derp_rig_write(c, frame, n));
    derp_rig_turn(rig);
    return derp_rig_take_hello(c);
}

void
derp_rig_login(
    derp_rig_t *rig, derp_rig_client_t *c, size_t worker, uint32_t seed)
{
    ION_ASSERT(derp_rig_login_as(
        rig, c, worker, seed, "{\"version\":2,\"CanAckPings\":true}"));
}

void
derp_rig_close(derp_rig_client_t *c)
{
    if (c->fd >= 0) {
        ION_IGNORE(close(c->fd));
        c->fd = -1;
    }
    free(c->in);
    c->in = NULL;
    c->in_len = 0;
    c->in_cap = 0;
    c->in_pos = 0;
}

bool
derp_rig_write(derp_rig_client_t *c, const void *p, size_t n)
{
    const uint8_t *b = p;

    while (n > 0) {
        ssize_t r = send(c->fd, b, n, MSG_NOSIGNAL);

        if (r <= 0) {
            return false;
        }
        b += r;
        n -= (size_t)r;
        if (n > 0) {
            derp_rig_turn(c->rig);
        }
    }
    return true;
}

bool
derp_rig_send(derp_rig_client_t *c, uint8_t type, const void *p, size_t n)
{
    uint8_t *frame = malloc(DERP_HEADER_LEN + n);
    bool ok;

    ION_ASSERT(frame != NULL);
    derp_header_put(frame, DERP_FRAME_PING, (uint32_t)n);
    frame[0] = type;
    if (n > 0) {
        memcpy(frame + DERP_HEADER_LEN, p, n);
    }
    ok = derp_rig_write(c, frame, DERP_HEADER_LEN + n);
    free(frame);
    return ok;
}

bool
derp_rig_packet(
    derp_rig_client_t *c, const ion_key_t *dst, const void *p, size_t n)
{
    uint8_t *payload = malloc(DERP_KEY_LEN + n);
    bool ok;

    ION_ASSERT(payload != NULL);
    memcpy(payload, dst->b, DERP_KEY_LEN);
    if (n > 0) {
        memcpy(payload + DERP_KEY_LEN, p, n);
    }
    ok = derp_rig_send(c, DERP_FRAME_SEND_PACKET, payload, DERP_KEY_LEN + n);
    free(payload);
    return ok;
}

bool
derp_rig_forward(derp_rig_client_t *c, const ion_key_t *src,
    const ion_key_t *dst, const void *p, size_t n)
{
    uint8_t *payload = malloc(2 * DERP_KEY_LEN + n);
    bool ok;

    ION_ASSERT(payload != NULL);
    memcpy(payload, src->b, DERP_KEY_LEN);
    memcpy(payload + DERP_KEY_LEN, dst->b, DERP_KEY_LEN);
    if (n > 0) {
        memcpy(payload + 2 * DERP_KEY_LEN, p, n);
    }
    ok = derp_rig_send(
        c, DERP_FRAME_FORWARD_PACKET, payload, 2 * DERP_KEY_LEN + n);
    free(payload);
    return ok;
}

/* Take what has come into c->in. */
static void
receive(derp_rig_client_t *c)
{
    for (;;) {
        ssize_t r;

        if (c->in_cap - c->in_len < 65536) {
            c->in_cap = c->in_cap * 2 + 65536;
            c->in = realloc(c->in, c->in_cap);
            ION_ASSERT(c->in != NULL);
        }
        r = recv(c->fd, c->in + c->in_len, c->in_cap - c->in_len, 0);
        if (r > 0) {
            c->in_len += (size_t)r;
            continue;
        }
        c->is_closed = c->is_closed || r == 0 || errno != EAGAIN;
        return;
    }
}

bool
derp_rig_next(derp_rig_client_t *c, derp_rig_frame_t *out)
{
    derp_header_t h;
    size_t left;

    receive(c);
    left = c->in_len - c->in_pos;
    if (derp_header_parse(c->in + c->in_pos, left, &h) != ION_OK ||
        left < DERP_HEADER_LEN + (size_t)h.len)
    {
        return false;
    }
    out->type = h.type;
    out->len = h.len;
    out->p = c->in + c->in_pos + DERP_HEADER_LEN;
    c->in_pos += DERP_HEADER_LEN + (size_t)h.len;
    return true;
}

bool
derp_rig_expect(derp_rig_client_t *c, uint8_t type, const void *p, size_t n)
{
    size_t pos = c->in_pos;
    derp_rig_frame_t f;

    if (!derp_rig_next(c, &f)) {
        return false;
    }
    if (f.type == type && f.len == n && (n == 0 || memcmp(f.p, p, n) == 0)) {
        return true;
    }
    c->in_pos = pos;
    return false;
}

bool
derp_rig_expect_packet(
    derp_rig_client_t *c, const ion_key_t *src, const void *p, size_t n)
{
    size_t pos = c->in_pos;
    derp_rig_frame_t f;

    if (!derp_rig_next(c, &f)) {
        return false;
    }
    if (f.type == DERP_FRAME_RECV_PACKET && f.len == DERP_KEY_LEN + n &&
        memcmp(f.p, src->b, DERP_KEY_LEN) == 0 &&
        (n == 0 || memcmp(f.p + DERP_KEY_LEN, p, n) == 0))
    {
        return true;
    }
    c->in_pos = pos;
    return false;
}

bool
derp_rig_expect_gone(
    derp_rig_client_t *c, const ion_key_t *key, derp_gone_reason_t reason)
{
    uint8_t payload[DERP_KEY_LEN + 1];

    memcpy(payload, key->b, DERP_KEY_LEN);
    payload[DERP_KEY_LEN] = (uint8_t)reason;
    return derp_rig_expect(c, DERP_FRAME_PEER_GONE, payload, sizeof(payload));
}

bool
derp_rig_is_quiet(derp_rig_client_t *c)
{
    receive(c);
    return !c->is_closed && c->in_pos == c->in_len;
}

bool
derp_rig_is_closed(derp_rig_client_t *c)
{
    receive(c);
    return c->is_closed;
}

void
derp_rig_disco(uint8_t *p, size_t n)
{
    static const uint8_t magic[] = { 0x54, 0x53, 0xf0, 0x9f, 0x92, 0xac };

    memset(p, 0x5a, n);
    memcpy(p, magic, sizeof(magic));
}
