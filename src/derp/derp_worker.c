/*
 * derp_worker.c -- the relay's share of a worker process.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "derp/derp_worker.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/rng.h"
#include "core/conf.h"
#include "core/settings.h"
#include "derp/derp_fabric.h"
#include "derp/derp_health.h"
#include "derp/derp_relay.h"
#include "derp/derp_traffic.h"
#include "derp/derp_watch.h"
#include "shm/dir.h"
#include "shm/shm.h"

#define RECORDS_STEP 1024u

derp_worker_t *
derp_worker_of(ion_process_t *p)
{
    void *data = p->module_data[ion_module_number(&derp_module)];

    return ION_OBJ_CAST(derp_worker_t, data, DERP_WORKER_MAGIC);
}

const derp_conf_t *
derp_worker_conf(const derp_worker_t *w)
{
    return ion_cycle_module(w->p->cycle, w->self);
}

ion_err_t
derp_worker_registered(derp_worker_t *w, derp_session_t *s)
{
    uint32_t record = s->st.entry.conn.record;

    if (record >= w->record_cap) {
        uint32_t cap = ION_MAX(record + RECORDS_STEP, w->record_cap * 2);
        derp_session_t **bigger =
            realloc(w->by_record, cap * sizeof(derp_session_t *));

        if (bigger == NULL) {
            return ION_NOMEM;
        }
        memset(bigger + w->record_cap, 0,
            (cap - w->record_cap) * sizeof(derp_session_t *));
        w->by_record = bigger;
        w->record_cap = cap;
    }
    w->by_record[record] = s;
    s->phase = DERP_PHASE_LIVE;
    derp_receiver_init(&s->receiver, record);
    derp_count(w, DERP_STAT_CONNECTIONS, 1);
    w->member_count += derp_session_is_mesh(s) ? 1 : 0;
    if ((s->st.flags & DERP_STATE_NOT_IDEAL) != 0) {
        derp_count(w, DERP_STAT_NOT_IDEAL, 1);
    }
    return ION_OK;
}

void
derp_worker_unregistered(derp_worker_t *w, derp_session_t *s)
{
    w->by_record[s->st.entry.conn.record] = NULL;
    derp_uncount(w, DERP_STAT_CONNECTIONS, 1);
    w->member_count -= derp_session_is_mesh(s) ? 1 : 0;
    if ((s->st.flags & DERP_STATE_NOT_IDEAL) != 0) {
        derp_uncount(w, DERP_STAT_NOT_IDEAL, 1);
    }
    if ((s->st.flags & DERP_STATE_PREFERRED) != 0) {
        derp_uncount(w, DERP_STAT_HOME, 1);
    }
}

/* Another relay's link, and who else has the mesh key, never leave by
 * themselves: nobody waits for them. */
static void
tell_if_idle(derp_worker_t *w)
{
    if (w->p->draining && w->session_count == w->member_count &&
        !w->is_idle_told && w->p->idle != NULL && !derp_mesh_must_stay(w->mesh))
    {
        w->is_idle_told = true;
        w->p->idle(w->p, w->self);
    }
}

void
derp_worker_ended(derp_worker_t *w)
{
    w->session_count--;
    tell_if_idle(w);
}

/* Sessions whose input was left over for fairness' sake: one budget more. */
static void
read_again(derp_worker_t *w)
{
    ion_list_t now;
    ion_list_t *first;

    ion_list_init(&now);
    ion_list_splice(&now, &w->again);
    while ((first = ion_list_first(&now)) != NULL) {
        ion_list_del(first);
        derp_session_read(ION_CONTAINER_OF(first, derp_session_t, again));
    }
}

/* Sessions whose packet found a ring full try again, and then at the latest
 * when the retry timer makes another turn. */
static void
retry_waiting(derp_worker_t *w)
{
    ion_list_t now;
    ion_list_t *first;

    ion_list_init(&now);
    ion_list_splice(&now, &w->waiting);
    while ((first = ion_list_first(&now)) != NULL) {
        derp_session_t *s = ION_CONTAINER_OF(first, derp_session_t, wait);

        if (derp_relay_retry(s)) {
            derp_session_go_on(s);
        } else {
            ion_list_del(first);
            ion_list_add_tail(&w->waiting, first);
        }
    }
    if (!ion_list_is_empty(&w->waiting) && !w->retry.is_set) {
        ion_timer_set(
            w->loop, &w->retry, ion_loop_now(w->loop) + DERP_FABRIC_RETRY);
    }
}

static void
on_retry(ion_timer_t *timer)
{
    (void)timer; /* the turn's end does it */
}

static void
flush_dirty(derp_worker_t *w)
{
    ion_list_t now;
    ion_list_t *first;

    ion_list_init(&now);
    ion_list_splice(&now, &w->dirty);
    while ((first = ion_list_first(&now)) != NULL) {
        ion_list_del(first);
        derp_output_flush(ION_CONTAINER_OF(first, derp_session_t, dirty));
    }
}

static void
publish_traffic(derp_worker_t *w)
{
    ion_list_t *first;

    while ((first = ion_list_first(&w->traffic)) != NULL) {
        derp_session_t *s = ION_CONTAINER_OF(first, derp_session_t, traffic);

        ion_list_del(first);
        ion_dir_set_traffic(w->shm, &s->st.entry, &s->st.traffic);
    }
}

static derp_worker_t *
worker_of_hook(ion_loop_hook_t *hook)
{
    derp_worker_t *w = ION_CONTAINER_OF(hook, derp_worker_t, hook);

    ION_ASSERT(w->magic == DERP_WORKER_MAGIC);
    return w;
}

static void
on_end_of_turn(ion_loop_hook_t *hook)
{
    derp_worker_t *w = worker_of_hook(hook);

    read_again(w);
    derp_fabric_turn(w);
    retry_waiting(w);
    flush_dirty(w);
    publish_traffic(w);
    derp_publish_queue_time(w);
    derp_mesh_turn(w->mesh);
    tell_if_idle(w);
    ion_fabric_flush(w->fabric);
}

static bool
on_may_sleep(ion_loop_hook_t *hook)
{
    derp_worker_t *w = worker_of_hook(hook);

    return ion_list_is_empty(&w->again) && ion_list_is_empty(&w->dirty) &&
           !derp_fabric_is_busy(w) && ion_fabric_may_sleep(w->fabric);
}

static void
on_awake(ion_loop_hook_t *hook)
{
    ion_fabric_awake(worker_of_hook(hook)->fabric);
}

static void
on_doorbell(ion_io_t *io, uint32_t events)
{
    derp_worker_t *w = ION_CONTAINER_OF(io, derp_worker_t, doorbell);

    (void)events;
    ion_fabric_doorbell_clear(w->fabric); /* the turn's end looks at all */
}

/* Take note of the limits in force; true when they have changed. */
static bool
note_limits(derp_worker_t *w)
{
    const derp_conf_t *conf = derp_worker_conf(w);
    uint64_t burst = 0;
    bool is_new;

    if (conf->client_rate != 0) {
        burst = ION_MAX(conf->client_burst, (uint64_t)DERP_MAX_SEND);
    }
    is_new = conf->client_rate != w->rate || burst != w->burst;
    w->rate = conf->client_rate;
    w->burst = burst;
    w->send_queue = (uint32_t)conf->send_queue;
    ion_stat_set(w->stats, DERP_STAT_RATE_BYTES, w->rate);
    ion_stat_set(w->stats, DERP_STAT_RATE_BURST, w->burst);
    return is_new;
}

static const ion_secret_key_t *
key_of(const ion_cycle_t *cycle)
{
    const ion_blob_t *blob = ion_cycle_blob(cycle, "derp.key");

    if (blob == NULL || blob->len != sizeof(ion_secret_key_t)) {
        return NULL;
    }
    return (const ion_secret_key_t *)(const void *)blob->p;
}

const ion_secret_key_t *
derp_worker_secret(const derp_worker_t *w)
{
    const ion_secret_key_t *key = key_of(w->p->cycle);

    ION_ASSERT(key != NULL); /* start and prepare have looked */
    return key;
}

bool
derp_worker_is_mesh_key(const derp_worker_t *w, const uint8_t key[32])
{
    const ion_blob_t *blob = ion_cycle_blob(w->p->cycle, "mesh.key");

    return blob != NULL && blob->len == DERP_MESH_KEY_LEN &&
           ion_memeq(blob->p, key, DERP_MESH_KEY_LEN);
}

static ion_err_t
public_key_of(const ion_cycle_t *cycle, ion_key_t *out, ion_errtext_t *err)
{
    const ion_secret_key_t *key = key_of(cycle);

    if (key == NULL) {
        ion_errtext_set(err, "derp: the master handed over no server key");
        return ION_NOTFOUND;
    }
    ion_key_public(key, out);
    return ION_OK;
}

static ion_err_t
make_tables(derp_worker_t *w)
{
    const ion_shm_geometry_t *geometry = ion_shm_geometry(w->shm);
    uint8_t seed[16];
    ion_err_t rc;

    ion_random(seed, sizeof(seed));
    rc = derp_pool_new(DERP_WORKER_BUDGET, &w->pool);
    if (rc == ION_OK) {
        rc = derp_interests_new(seed, DERP_WORKER_INTERESTS, &w->interests);
    }
    if (rc == ION_OK) {
        /* logins in progress count beside the clients that are in */
        rc = ion_slab_new(sizeof(derp_session_t),
            2 * (size_t)geometry->max_clients + 1024, &w->sessions);
    }
    if (rc == ION_OK) {
        rc = ion_slab_new(DERP_ROUTES * sizeof(derp_route_t),
            geometry->max_clients, &w->routes);
    }
    if (rc == ION_OK) {
        rc = ion_fabric_new(w->shm, &w->fabric);
    }
    return rc;
}

static void
on_reap(ion_reap_t *reap)
{
    derp_worker_t *w = ION_CONTAINER_OF(reap, derp_worker_t, reap);

    ion_slab_free(&w->sessions);
    free(w);
}

/* The memory of sessions that have just ended goes at the end of the turn,
 * and their slab behind it. */
static void
worker_free(derp_worker_t **worker)
{
    derp_worker_t *w = *worker;

    if (w->fabric != NULL) {
        ion_io_del(w->loop, &w->doorbell);
        ion_timer_cancel(w->loop, &w->retry);
        ion_loop_hook_del(w->loop, &w->hook);
    }
    derp_watch_free(w);
    derp_mesh_free(&w->mesh);
    ion_fabric_free(&w->fabric);
    derp_interests_free(&w->interests);
    derp_pool_free(&w->pool);
    ion_slab_free(&w->routes);
    free(w->by_record);
    free(w->suspects);
    w->magic = 0;
    ion_loop_reap(w->loop, &w->reap, on_reap);
    *worker = NULL;
}

static void
worker_init(derp_worker_t *w, ion_process_t *p, uint32_t self)
{
    w->magic = DERP_WORKER_MAGIC;
    w->self = self;
    w->p = p;
    w->loop = p->loop;
    w->shm = p->shm;
    w->stats = p->stats + ion_module_stat_base(self);
    w->log.parent = p->log;
    w->log.sink = p->log->sink;
    w->log.subsystem = "derp";
    w->hook.end_of_turn = on_end_of_turn;
    w->hook.may_sleep = on_may_sleep;
    w->hook.awake = on_awake;
    ion_list_init(&w->hook.link);
    ion_list_init(&w->all);
    ion_list_init(&w->dirty);
    ion_list_init(&w->again);
    ion_list_init(&w->partial);
    ion_list_init(&w->traffic);
    ion_list_init(&w->waiting);
    ion_list_init(&w->viewers);
    ion_timer_init(&w->retry, on_retry);
    w->sink = derp_fabric_sink(w);
}

ion_err_t
derp_worker_start(ion_process_t *p, uint32_t self, ion_errtext_t *err)
{
    derp_worker_t *w = calloc(1, sizeof(*w));
    ion_err_t rc;

    if (w == NULL) {
        return ION_NOMEM;
    }
    worker_init(w, p, self);
    rc = public_key_of(p->cycle, &w->public, err);
    if (rc == ION_OK) {
        rc = derp_mesh_prepare(p->cycle, err);
    }
    if (rc == ION_OK) {
        rc = make_tables(w);
    }
    if (rc == ION_OK) {
        ion_io_init(
            &w->doorbell, ion_fabric_doorbell_fd(w->fabric), on_doorbell);
        rc = ion_io_add(w->loop, &w->doorbell, ION_IO_READ);
    }
    if (rc != ION_OK) {
        if (rc != ION_NOTFOUND) {
            ion_errtext_set(err, "derp: %s", ion_strerror(rc));
        }
        worker_free(&w);
        return rc;
    }
    rc = derp_mesh_new(w, &w->mesh);
    if (rc != ION_OK) {
        ion_errtext_set(err, "derp: %s", ion_strerror(rc));
        worker_free(&w);
        return rc;
    }
    ion_loop_hook_add(w->loop, &w->hook);
    p->module_data[self] = w;
    (void)note_limits(w);
    return ION_OK;
}

ion_err_t
derp_worker_prepare(ion_process_t *p, uint32_t self, const ion_cycle_t *next,
    ion_errtext_t *err)
{
    const derp_worker_t *w = p->module_data[self];
    ion_key_t public;
    ion_err_t rc = public_key_of(next, &public, err);

    if (rc != ION_OK) {
        return rc;
    }
    if (!ion_key_eq(&public, &w->public)) {
        ion_errtext_set(err,
            "derp: the server key cannot change while clients are connected; "
            "restart instead");
        return ION_DENIED;
    }
    return derp_mesh_prepare(next, err);
}

void
derp_worker_commit(ion_process_t *p, uint32_t self)
{
    derp_worker_t *w = p->module_data[self];

    derp_mesh_commit(w->mesh);
    if (!note_limits(w)) {
        return;
    }
    ION_LIST_FOREACH(it, &w->all) {
        derp_session_t *s = ION_CONTAINER_OF(it, derp_session_t, link);

        if (s->phase == DERP_PHASE_LIVE) {
            derp_session_limit(s);
        }
    }
}

void
derp_worker_drain(ion_process_t *p, uint32_t self)
{
    derp_traffic_close(p->module_data[self]);
    derp_health_drain(p->module_data[self]);
    tell_if_idle(p->module_data[self]);
}

void
derp_worker_stop(ion_process_t *p, uint32_t self)
{
    derp_worker_t *w = p->module_data[self];
    ion_list_t *first;

    if (w == NULL) {
        return;
    }
    derp_traffic_close(w);
    derp_health_goodbye(w);
    while ((first = ion_list_first(&w->all)) != NULL) {
        derp_session_close(ION_CONTAINER_OF(first, derp_session_t, link));
    }
    derp_mesh_free(&w->mesh);
    ion_fabric_flush(w->fabric);
    p->module_data[self] = NULL;
    worker_free(&w);
}
