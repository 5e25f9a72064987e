/*
 * process.h -- what a running process of ours is: its role, its share of the
 * instance, and the configuration in force.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * src/main fills these structures; modules read them.  A process learns its
 * configuration in one way only, at start and at every reload: as an
 * ion_cycle_t that is built and checked beside the one in force and then
 * swapped in between two turns of the loop.  Whoever needs something of a
 * cycle longer than the present callback copies it or reads it again from
 * p->cycle at use: after commit() the old cycle is freed.
 */
#ifndef ION_CORE_PROCESS_H
#define ION_CORE_PROCESS_H

#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/base.h"
#include "base/err.h"
#include "core/ask.h"
#include "core/conf.h"
#include "core/log.h"

#define ION_ROLE_MASTER  1u
#define ION_ROLE_WORKER  2u
#define ION_ROLE_KEEPER  4u
#define ION_ROLE_COURIER 8u

#define ION_MODULE_MAX    16
#define ION_BLOB_NAME_MAX 32
#define ION_SOCKET_NAME   32

struct ion_loop;
struct ion_shm;

typedef enum {
    ION_SOCKET_TCP = 1,
    ION_SOCKET_UDP = 2,
    ION_SOCKET_UNIX = 3,
} ion_socket_kind_t;

/*
 * One bound socket of a cycle.  `id` names the socket, not its address: a
 * reload that keeps a listener keeps its id and its descriptor.  A worker sees
 * the sockets of its own index (and those it minds for a worker that is being
 * restarted); the keeper sees the control socket and, with fd -1, the
 * addresses of the others.
 */
typedef struct ion_socket {
    uint32_t id;
    ion_socket_kind_t kind;
    char name[ION_SOCKET_NAME]; /* the configuration key: "listen_addr" */
    uint32_t index;             /* the worker index it was bound for */
    ion_addr_t addr;            /* as bound: the real port, never 0 */
    int fd;                     /* owned by the cycle; -1 = address only */
} ion_socket_t;

/*
 * A named piece of bytes handed over by the master as a sealed memfd, mapped
 * read-only (secrets: kept out of core dumps).  Worker: "derp.key" (32 bytes),
 * "tls.cert" and "tls.key" (PEM, absent with tls.disable), "tickets", "allow"
 * (client keys in order, absent without derp.allow_file), "mesh.key" (32
 * bytes, absent without derp.mesh_key_file), "mesh.ca" (PEM, absent when no
 * relay of derp.mesh_with needs it).  Keeper: "facts" (JSON object: public_key,
 * certificate, config_file, state_dir, control_socket).  Both: "map" (the
 * instance map, canonical JSON).  All: "conf" (effective configuration text).
 */
typedef struct ion_blob {
    char name[ION_BLOB_NAME_MAX];
    const uint8_t *p;
    size_t len;
} ion_blob_t;

/* One configuration with everything that belongs to it; const once built. */
typedef struct ion_cycle {
    uint64_t generation;
    const ion_conf_t *conf;
    const ion_blob_t *blobs;
    size_t blob_count;
    const ion_socket_t *sockets;
    size_t socket_count;
} ion_cycle_t;

/* Operations that only the master can do, asked for by the keeper. */
typedef enum {
    ION_OP_RELOAD = 1,
    ION_OP_REOPEN = 2,
    ION_OP_STOP = 3, /* fast, as SIGTERM */
    ION_OP_QUIT = 4, /* graceful, as SIGQUIT */
} ion_master_op_t;

/*
 * Called once per request.  rc: ION_OK done (stop and quit: begun), ION_DENIED
 * refused by the master with the reasons in text (lines separated by '\n'),
 * ION_CLOSED the master went away.  text is borrowed and never NULL.
 */
typedef void (*ion_op_done_pt)(void *arg, ion_err_t rc, const char *text);

typedef struct ion_process {
    uint32_t role;  /* one ION_ROLE_* bit */
    uint32_t slot;  /* slot in shared memory */
    uint32_t index; /* worker index; 0 for the others */
    struct ion_loop *loop;
    ion_log_t *log;
    struct ion_shm *shm;
    uint64_t *stats;          /* this process's counters, see shm/stats.h */
    const ion_cycle_t *cycle; /* in force; swapped by a reload */
    void *module_data[ION_MODULE_MAX + 1]; /* behind the modules: http */
    uint64_t started_wall_ms; /* of the instance, not of this process */
    bool draining;            /* no new work: retiring, or a graceful quit */
    ion_err_t (*master_op)(struct ion_process *p, ion_master_op_t op,
        ion_op_done_pt done, void *arg); /* keeper only, else NULL */
    ion_err_t (*kick)(struct ion_process *p, const uint8_t key[32],
        ion_op_done_pt done, void *arg); /* likewise; done: all are told */
    ion_ask_pt ask;                      /* worker only: see ask.h */
    ion_ask_cancel_pt cancel;            /* worker only */
    ion_reply_pt reply;                  /* courier only */
    const ion_ask_server_t *server;      /* courier only: set by who answers */
    void (*idle)(struct ion_process *p, uint32_t module); /* see drain() */
} ion_process_t;

/*
 * ion_cycle_blob -- a named blob of a cycle.
 *
 * Returns: the blob (borrowed, lives as long as the cycle), NULL when this
 *          role was not given one of that name.
 */
const ion_blob_t *ion_cycle_blob(const ion_cycle_t *cycle, const char *name);

/* ion_role_word -- "worker", "keeper", ... of one ION_ROLE_* bit. */
const char *ion_role_word(uint32_t role);

/*
 * ion_cycle_settings, ion_cycle_module -- the settings and one module's
 * configuration of a cycle; never NULL.  module is the index in ion_modules[].
 */
const ion_settings_t *ion_cycle_settings(const ion_cycle_t *cycle);
const void *ion_cycle_module(const ion_cycle_t *cycle, uint32_t module);

#endif
