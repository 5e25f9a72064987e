/*
 * derp_rig.h -- several relay workers and their clients in one process, on a
 * fake clock.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Each worker is attached to a real instance's shared memory as a process of
 * its own would be; all of them turn in one loop, so that whatever happens
 * between workers happens in a known order. Clients are the other ends of
 * socket pairs. A failure of the rig itself is a panic.
 */
#ifndef ION_TESTS_DERP_RIG_H
#define ION_TESTS_DERP_RIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/conf.h"
#include "core/log.h"
#include "core/process.h"
#include "crypto/box.h"
#include "crypto/keys.h"
#include "derp/derp.h"
#include "derp/derp_worker.h"
#include "event/loop.h"
#include "http/ws_stream.h"
#include "proto/derp_frame.h"
#include "shm/shm.h"

#define DERP_RIG_WORKERS 4
#define DERP_RIG_START   ION_SEC(1000)

typedef struct derp_rig_worker {
    ion_process_t p;
    derp_worker_t *w;
    bool is_dead;
    uint32_t idle_calls;
} derp_rig_worker_t;

typedef struct derp_rig {
    ion_loop_t *loop;
    ion_log_sink_t *sink;
    ion_log_t log;
    ion_shm_t *master;
    ion_conf_t *conf;
    ion_cycle_t cycle;
    ion_blob_t blob[2]; /* the server's key; the mesh key, if there is one */
    uint8_t mesh_key[DERP_MESH_KEY_LEN];
    ion_secret_key_t secret;
    ion_key_t public;
    unsigned quiet_turns; /* that end derp_rig_turn; 8 unless changed */
    size_t count;
    derp_rig_worker_t worker[DERP_RIG_WORKERS];
} derp_rig_t;

typedef struct derp_rig_client {
    derp_rig_t *rig;
    int fd;        /* -1 when closed by us */
    int server_fd; /* the other end, owned by the worker */
    ion_secret_key_t secret;
    ion_key_t key;
    uint8_t shared[ION_BOX_SHARED_LEN];
    uint8_t *in;
    size_t in_len;
    size_t in_cap;
    size_t in_pos;  /* bytes that frames were taken from */
    bool is_closed; /* the relay has closed it */
} derp_rig_client_t;

typedef struct derp_rig_frame {
    uint8_t type;
    uint32_t len;
    const uint8_t *p; /* payload, valid until the next call */
} derp_rig_frame_t;

typedef struct derp_rig_opts {
    bool is_normal_start; /* wants the HTTP answer */
    bool is_not_ideal;
    http_ws_set_t *websockets; /* not NULL: DERP goes in messages */
    const uint8_t *rest;
    size_t rest_len;
} derp_rig_opts_t;

/* Start `workers` workers under a configuration (YAML text, or NULL). */
void derp_rig_init(derp_rig_t *rig, size_t workers, const char *yaml);
void derp_rig_fini(derp_rig_t *rig);

/* Start one more worker, with its number as its index or with another one;
 * returns its number. */
size_t derp_rig_start(derp_rig_t *rig);
size_t derp_rig_start_as(derp_rig_t *rig, uint32_t index);

/* A worker's process is killed: its sockets are gone, the master sees it. */
void derp_rig_kill(derp_rig_t *rig, size_t worker);

/* Has every live worker acked the dead one? Then its slot is swept. */
bool derp_rig_retired(derp_rig_t *rig, size_t worker);

/* Change the configuration in force, as a reload does. */
void derp_rig_reload(derp_rig_t *rig, const char *yaml);

/* The mesh key from now on is 32 times this byte; 0: there is none. */
void derp_rig_mesh_key(derp_rig_t *rig, uint8_t byte);

/* Log in with such a mesh key; false: was not let in. */
bool derp_rig_login_mesh(derp_rig_t *rig, derp_rig_client_t *c, size_t worker,
    uint32_t seed, uint8_t byte);

/* Turn until nothing happens; the same after moving the clock. */
void derp_rig_turn(derp_rig_t *rig);
void derp_rig_advance(derp_rig_t *rig, uint64_t ns);

/* Sum of one of the module's counters over all workers. */
uint64_t derp_rig_stat(const derp_rig_t *rig, size_t stat);

/* Dropped packets by reason and kind. */
uint64_t derp_rig_drops(
    const derp_rig_t *rig, derp_drop_t why, derp_kind_t kind);

/* A key pair made of a number. */
void derp_rig_keys(uint32_t seed, ion_secret_key_t *secret, ion_key_t *key);

/* Connect with the key of `seed`; opts may be NULL (fast start). */
void derp_rig_connect(derp_rig_t *rig, derp_rig_client_t *c, size_t worker,
    uint32_t seed, const derp_rig_opts_t *opts);

/* Connect, log in, and take ServerKey and ServerInfo off the input. */
void derp_rig_login(
    derp_rig_t *rig, derp_rig_client_t *c, size_t worker, uint32_t seed);

/* The same with a ClientInfo text of one's own; false: was not let in. */
bool derp_rig_login_as(derp_rig_t *rig, derp_rig_client_t *c, size_t worker,
    uint32_t seed, const char *json);

/* Close our end. */
void derp_rig_close(derp_rig_client_t *c);

/* Bytes to the relay; false when the socket takes no more. */
bool derp_rig_write(derp_rig_client_t *c, const void *p, size_t n);

/* One frame to the relay. */
bool derp_rig_send(derp_rig_client_t *c, uint8_t type, const void *p, size_t n);

/* A ForwardPacket frame. */
bool derp_rig_forward(derp_rig_client_t *c, const ion_key_t *src,
    const ion_key_t *dst, const void *p, size_t n);

/* A SendPacket frame. */
bool derp_rig_packet(
    derp_rig_client_t *c, const ion_key_t *dst, const void *p, size_t n);

/* A ClientInfo frame with that text in its box; returns its length. */
size_t derp_rig_client_info(
    derp_rig_client_t *c, const char *json, uint8_t *out, size_t cap);

/* The server's Hello: ServerKey and ServerInfo are next, and right. */
bool derp_rig_take_hello(derp_rig_client_t *c);

/* Next frame that has come; false: none. */
bool derp_rig_next(derp_rig_client_t *c, derp_rig_frame_t *out);

/* Is the next frame exactly this one? It is taken off the input if so. */
bool derp_rig_expect(
    derp_rig_client_t *c, uint8_t type, const void *p, size_t n);

/* Is the next frame this packet from that source? */
bool derp_rig_expect_packet(
    derp_rig_client_t *c, const ion_key_t *src, const void *p, size_t n);

/* Is the next frame PeerGone of that key? */
bool derp_rig_expect_gone(
    derp_rig_client_t *c, const ion_key_t *key, derp_gone_reason_t reason);

/* Nothing has come, and the connection is open. */
bool derp_rig_is_quiet(derp_rig_client_t *c);

/* The relay has closed the connection (frames before that may be unread). */
bool derp_rig_is_closed(derp_rig_client_t *c);

/* A packet of n bytes (at least 62) that looks like disco. */
void derp_rig_disco(uint8_t *p, size_t n);

#endif
