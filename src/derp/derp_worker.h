/*
 * derp_worker.h -- what one worker process knows about its DERP clients.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * One derp_worker_t per process; everything hangs on it, so that tests run
 * several in one process. The order of a turn's end: what came over the
 * fabric, sessions with input left over, retirement of dead slots, then all
 * dirty sessions are written, then the fabric is published.
 */
#ifndef ION_DERP_DERP_WORKER_H
#define ION_DERP_DERP_WORKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "base/err.h"
#include "base/list.h"
#include "base/slab.h"
#include "core/log.h"
#include "core/process.h"
#include "crypto/keys.h"
#include "derp/derp.h"
#include "derp/derp_interest.h"
#include "derp/derp_mesh.h"
#include "derp/derp_pool.h"
#include "derp/derp_session.h"
#include "event/loop.h"
#include "shm/fabric.h"
#include "shm/stats.h"

#define DERP_WORKER_MAGIC 0x64777270u

typedef struct derp_worker {
    uint32_t magic;
    uint32_t self; /* the module's number */
    ion_process_t *p;
    ion_loop_t *loop;
    struct ion_shm *shm;
    uint64_t *stats; /* the module's first counter */
    ion_log_t log;
    ion_key_t public; /* the secret key stays in the cycle's blob */

    ion_fabric_t *fabric;
    ion_fabric_sink_t sink;
    ion_io_t doorbell;
    ion_loop_hook_t hook;
    bool is_fabric_behind; /* the last drain ended with its budget */
    bool is_idle_told;
    bool is_burst;        /* a client has sent much at once: see derp_stage.h */
    uint32_t stage_count; /* sessions with a stage */
    bool is_walking;      /* over the interests */
    bool is_sweep_wanted; /* the next walk has a reason */
    ion_slot_mask_t walking;  /* dead slots that the walk is for */
    ion_slot_mask_t reported; /* faulty slots that the log names already */

    derp_mesh_t *mesh;
    derp_pool_t *pool;
    derp_interests_t *interests;
    struct derp_watch *watch; /* NULL: nobody watches */
    ion_slab_t *sessions;
    ion_slab_t *routes;
    derp_session_t **by_record; /* record of our slot -> session */
    uint32_t record_cap;

    ion_reap_t reap;
    ion_list_t all;
    ion_list_t dirty;
    ion_list_t again;
    ion_list_t partial; /* the longest without progress first */
    ion_list_t traffic;
    ion_list_t waiting; /* for room in the ring to another worker */
    ion_timer_t retry;
    ion_slot_mask_t stalled; /* workers whose rings nobody waits for */
    size_t session_count;
    size_t member_count; /* of them: mesh members, live */
    ion_list_t viewers;  /* of /debug/traffic */
    uint32_t viewer_count;

    ion_key_t *suspects; /* keys to look up again after the drain */
    size_t suspect_count;
    size_t suspect_cap;

    uint64_t rate; /* the limits that live sessions have */
    uint64_t burst;
    uint32_t send_queue; /* packets per client and class */
    double queue_ms;     /* moving average */
    uint8_t chunk[DERP_CHUNK];
    size_t chunk_len;
    size_t news_count;   /* frames for a watcher in the batch */
    size_t news_batches; /* batches with such frames in the flush */
} derp_worker_t;

/*
 * derp_worker_start, _prepare, _commit, _drain, _stop -- the module's
 * callbacks; see core/module.h.
 *
 * Errors: start: ION_NOTFOUND no server key was handed over | ION_NOMEM |
 *         ION_SYS; *err says what. prepare: ION_NOTFOUND likewise |
 *         ION_DENIED the next cycle has another server key.
 */
ION_NODISCARD ion_err_t derp_worker_start(
    ion_process_t *p, uint32_t self, ion_errtext_t *err);
ION_NODISCARD ion_err_t derp_worker_prepare(ion_process_t *p, uint32_t self,
    const ion_cycle_t *next, ion_errtext_t *err);
void derp_worker_commit(ion_process_t *p, uint32_t self);
void derp_worker_drain(ion_process_t *p, uint32_t self);
void derp_worker_stop(ion_process_t *p, uint32_t self);

/* derp_worker_of -- the worker of a process that was started.  Errors: none. */
derp_worker_t *derp_worker_of(ion_process_t *p);

/* derp_worker_secret -- the server's key; borrowed, never kept. */
const ion_secret_key_t *derp_worker_secret(const derp_worker_t *w);

/*
 * derp_worker_is_mesh_key -- is this the mesh key in force?
 *
 * Shape:  takes the same time whatever the answer is; false without a key.
 * Errors: none.
 */
bool derp_worker_is_mesh_key(const derp_worker_t *w, const uint8_t key[32]);

/* derp_worker_conf -- the configuration in force; never kept. */
const derp_conf_t *derp_worker_conf(const derp_worker_t *w);

/*
 * derp_worker_registered -- a session has entered the directory: it can be
 * found by its record, and is live.
 *
 * Errors: ION_NOMEM; nothing changed.
 */
ION_NODISCARD ion_err_t derp_worker_registered(
    derp_worker_t *w, derp_session_t *s);

/* derp_worker_unregistered -- the opposite.  Errors: none. */
void derp_worker_unregistered(derp_worker_t *w, derp_session_t *s);

/* derp_worker_ended -- a session is gone; a draining worker may be idle. */
void derp_worker_ended(derp_worker_t *w);

/* derp_count -- add to one of the module's counters.  Errors: none. */
static inline void
derp_count(derp_worker_t *w, size_t stat, uint64_t n)
{
    ion_stat_add(w->stats, stat, n);
}

/* derp_uncount -- take from one of the module's gauges.  Errors: none. */
static inline void
derp_uncount(derp_worker_t *w, size_t stat, uint64_t n)
{
    ion_stat_sub(w->stats, stat, n);
}

/*
 * derp_count_drop -- a packet of `len` payload bytes is lost.
 *
 * Errors: none.
 */
void derp_count_drop(
    derp_worker_t *w, derp_drop_t why, derp_kind_t kind, size_t len);

/*
 * derp_count_queue_time -- a packet left a queue, sent or evicted.
 *
 * Errors: none.
 */
void derp_count_queue_time(derp_worker_t *w, const derp_packet_t *packet);

/* derp_publish_queue_time -- their moving average, into the counters; once a
 * turn.  Errors: none. */
void derp_publish_queue_time(derp_worker_t *w);

#endif
