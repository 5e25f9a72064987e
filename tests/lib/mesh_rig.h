/*
 * mesh_rig.h -- a relay whose mesh links end in this test.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * One derp_rig is the relay. The courier is the rig: what a link asks to be
 * dialled stands in `dials` until the test answers it, with an error or with
 * a socket whose other end is a mesh_peer: a relay made of a TLS stream and
 * frames written by hand. A failure of the rig itself is a panic.
 */
#ifndef ION_TESTS_MESH_RIG_H
#define ION_TESTS_MESH_RIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "event/stream.h"
#include "lib/derp_rig.h"
#include "tls/cert.h"
#include "tls/tls_ctx.h"

#define MESH_RIG_DIALS 64
#define MESH_RIG_KEY   0x5a /* each byte of the mesh key */
/* As targets, in a list; the certificate's pin and the end stand behind. */
#define MESH_RIG_PINNED "%pin%"

typedef struct mesh_rig_dial {
    ion_process_t *p;
    ion_ask_t ask;
    ion_ask_done_pt done; /* NULL: answered or cancelled */
    void *arg;
    uint64_t id;
} mesh_rig_dial_t;

typedef struct mesh_rig {
    derp_rig_t rig;
    ion_cert_t *cert;
    ion_tls_ctx_t *tls;
    char pin[80]; /* "#sha256-raw:..." */
    mesh_rig_dial_t dials[MESH_RIG_DIALS];
    uint64_t last_id;
    size_t asked; /* ever */
    bool has_no_courier;
} mesh_rig_t;

typedef struct mesh_peer {
    mesh_rig_t *m;
    ion_secret_key_t secret;
    ion_key_t public;
    ion_stream_t *stream;
    bool is_up;      /* ServerInfo is sent */
    bool is_watched; /* WatchConns has come */
    bool is_closed;  /* the other side has gone */
    bool is_mute;    /* reads nothing */
    char info[256];  /* the ClientInfo that came */
    ion_key_t client;
    uint8_t *in;
    size_t in_len;
    size_t in_cap;
} mesh_peer_t;

typedef struct mesh_frame {
    uint8_t type;
    uint32_t len;
    const uint8_t *p; /* valid until the next call */
} mesh_frame_t;

/*
 * Start `workers` workers. targets: what stands in derp.mesh_with, as YAML
 * between its brackets, where each "%pin%" becomes the pin; NULL = none.
 */
void mesh_rig_init(mesh_rig_t *m, size_t workers, const char *targets);
void mesh_rig_fini(mesh_rig_t *m);

/* Start one more worker with that index; returns its number. */
size_t mesh_rig_start(mesh_rig_t *m, uint32_t index);

/* A worker's process is killed, and its links with it. */
void mesh_rig_kill(mesh_rig_t *m, size_t worker);

/* A worker is told to take nothing new, and to end when it is idle. */
void mesh_rig_drain(mesh_rig_t *m, size_t worker);

/* Another list of targets is in force. */
void mesh_rig_reload(mesh_rig_t *m, const char *targets);

/* Questions that stand open for a host to be dialled; of any worker. */
size_t mesh_rig_open_dials(const mesh_rig_t *m, const char *host);

/* Answer one of them with an error. */
void mesh_rig_refuse(mesh_rig_t *m, const char *host, const char *why);

/*
 * Answer the question of a worker, or of any (SIZE_MAX), for a host with a
 * connection to a relay that has the key of `seed`.
 */
void mesh_peer_accept(mesh_rig_t *m, mesh_peer_t *peer, size_t worker,
    const char *host, uint32_t seed);

/* Turn the relay and the peer until nothing happens. */
void mesh_peer_turn(mesh_peer_t *peer);

/* accept, then the whole login. */
void mesh_peer_link(mesh_rig_t *m, mesh_peer_t *peer, size_t worker,
    const char *host, uint32_t seed);

/* One frame to the link; then bytes of any kind. */
void mesh_peer_send(mesh_peer_t *peer, uint8_t type, const void *p, size_t n);
void mesh_peer_write(mesh_peer_t *peer, const void *p, size_t n);

/* PeerPresent and PeerGone of a key. */
void mesh_peer_present(mesh_peer_t *peer, const ion_key_t *key);
void mesh_peer_gone(mesh_peer_t *peer, const ion_key_t *key);

/* The next frame from the link; false: none. */
bool mesh_peer_next(mesh_peer_t *peer, mesh_frame_t *out);

/* Is the next frame that packet, forwarded? */
bool mesh_peer_expect_forward(mesh_peer_t *peer, const ion_key_t *src,
    const ion_key_t *dst, const void *p, size_t n);

/* Close the peer's end; harmless when it is closed. */
void mesh_peer_close(mesh_peer_t *peer);

/* The key that a seed makes. */
ion_key_t mesh_rig_key(uint32_t seed);

/* A mesh member that speaks to us as another relay's link does. */
void mesh_rig_member(
    mesh_rig_t *m, derp_rig_client_t *c, size_t worker, uint32_t seed);

/* Forwarders in the directory. */
uint64_t mesh_rig_forwarders(const mesh_rig_t *m);

/* Links in a state, by the gauge. */
uint64_t mesh_rig_links(const mesh_rig_t *m, int state);

#endif
