/*
 * derp_link.c -- a link's life: dial, log in, listen, lose, wait, again.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Nothing ends a link but its owner and the discovery that it leads back to
 * this relay. Whatever a try fails with is kept for `status`, and said in the
 * log when it is not what the try before it failed with.
 */
#include "derp/derp_link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/rng.h"
#include "base/str.h"
#include "derp/derp_fabric.h"
#include "derp/derp_mesh.h"
#include "derp/derp_worker.h"

#define KEYS_HINT 64

static derp_worker_t *
worker_of(const derp_link_t *link)
{
    return link->mesh->w;
}

static void
set_state(derp_link_t *link, ion_link_state_t state)
{
    derp_worker_t *w = worker_of(link);

    if (link->state != ION_LINK_NONE) {
        derp_uncount(w,
            DERP_STAT_MESH_LINKS + (size_t)link->state - ION_LINK_WAITING, 1);
    }
    if (state != ION_LINK_NONE) {
        derp_count(
            w, DERP_STAT_MESH_LINKS + (size_t)state - ION_LINK_WAITING, 1);
    }
    link->state = state;
    link->is_told = false;
}

/* End the connection, or the question that would lead to one. */
static void
hang_up(derp_link_t *link)
{
    derp_worker_t *w = worker_of(link);
    size_t pos = 0;
    derp_forward_t *forward;

    if (link->ask != 0) {
        w->p->cancel(w->p, link->ask);
        link->ask = 0;
    }
    ion_client_close(&link->client);
    while ((forward = ion_map_next(link->forwards, &pos, NULL)) != NULL) {
        derp_mesh_remove(link->mesh, forward);
    }
}

/* The try has failed or the connection is lost: say so, and wait. */
static void
lose(derp_link_t *link, const char *why)
{
    derp_worker_t *w = worker_of(link);
    ion_mono_t now = ion_loop_now(w->loop);
    bool was_up = link->state == ION_LINK_UP;
    bool is_news =
        was_up || strncmp(why, link->why, sizeof(link->why) - 1) != 0;

    hang_up(link);
    (void)snprintf(link->why, sizeof(link->why), "%s", why); /* cut */
    if (was_up || link->since_ms == 0) {
        link->since_ms = (uint64_t)ion_wall_now_ms();
    }
    set_state(link, ION_LINK_WAITING);
    ion_timer_set(
        w->loop, &link->timer, link->is_leaving ? now : now + DERP_LINK_RETRY);
    ion_log(&w->log, is_news ? ION_LOG_WARN : ION_LOG_DEBUG, 0,
        "mesh: %s %s: %s", was_up ? "lost the link to" : "no link to",
        link->name, why);
}

static void
on_up(ion_client_t *c)
{
    derp_link_t *link = ion_client_owner(c);
    derp_worker_t *w = worker_of(link);
    const ion_key_t *relay = ion_client_server_key(c);
    char key[ION_KEY_SHORT_LEN];

    link->since_ms = (uint64_t)ion_wall_now_ms();
    link->why[0] = '\0';
    if (ion_key_eq(relay, &w->public)) {
        ion_log(&w->log, ION_LOG_NOTICE, 0,
            "mesh: %s is this relay itself, no link is needed", link->name);
        ion_client_close(&link->client);
        set_state(link, ION_LINK_SELF);
        return;
    }
    if (ion_client_send(c, DERP_FRAME_WATCH_CONNS, NULL, NULL) != ION_OK) {
        lose(link, "no memory to ask for the relay's clients");
        return;
    }
    link->packets = 0;
    set_state(link, ION_LINK_UP);
    derp_fabric_linked(w, relay);
    ion_key_short(relay, key);
    ion_log(&w->log, ION_LOG_NOTICE, 0, "mesh: linked with %s, key %s",
        link->name, key);
}

static void
on_present(derp_link_t *link, const ion_key_t *key)
{
    /* every relay has us among its clients: that is this very link */
    if (ion_key_eq(key, &worker_of(link)->public) ||
        ion_map_get(link->forwards, key->b) != NULL)
    {
        return;
    }
    if (derp_mesh_add(link->mesh, link, key) != ION_OK) {
        derp_count(worker_of(link), DERP_STAT_MESH_REFUSED, 1);
    }
    link->is_told = false;
}

static void
on_gone(derp_link_t *link, const ion_key_t *key)
{
    derp_worker_t *w = worker_of(link);
    derp_forward_t *forward = ion_map_get(link->forwards, key->b);
    ion_dir_kin_t kin;

    if (forward != NULL) {
        derp_mesh_remove(link->mesh, forward);
        link->is_told = false;
        return;
    }
    ion_dir_kin(w->shm, key, &kin);
    if (kin.forwarders > 0 || kin.count > 0) {
        derp_count(w, DERP_STAT_DELETE_OTHER, 1);
    }
}

static void
on_frame(ion_client_t *c, uint8_t type, const uint8_t *body, size_t len)
{
    derp_link_t *link = ion_client_owner(c);
    ion_key_t key;

    if (len < sizeof(key.b)) {
        return;
    }
    memcpy(key.b, body, sizeof(key.b));
    if (type == DERP_FRAME_PEER_PRESENT) {
        on_present(link, &key);
    } else if (type == DERP_FRAME_PEER_GONE) {
        on_gone(link, &key);
    }
}

static void
on_down(ion_client_t *c, const char *why)
{
    lose(ion_client_owner(c), why);
}

/* Log in over a socket that is connected. */
static ion_err_t
log_in(derp_link_t *link, int fd, const ion_addr_t *addr)
{
    static const ion_client_events_t events = { on_up, on_frame, on_down };
    derp_worker_t *w = worker_of(link);
    ion_mono_t now = ion_loop_now(w->loop);
    const ion_blob_t *mesh_key = ion_cycle_blob(w->p->cycle, "mesh.key");
    ion_client_config_t conf = {
        .addr = *addr,
        .has_socket = true,
        .socket = fd,
        .host = link->target.host,
        .key = *derp_worker_secret(w),
        .mesh_key = mesh_key == NULL ? NULL : mesh_key->p,
        .write_ms = DERP_LINK_WRITE_MS,
        .events = &events,
        .owner = link,
    };
    ion_err_t rc = derp_mesh_trust(link->mesh, &link->target, &conf.tls);

    conf.addr.port = link->target.port;
    conf.timeout_ms = 1;
    if (link->try_due > now) {
        conf.timeout_ms += (int64_t)((link->try_due - now) / ION_MS(1));
    }
    if (rc == ION_OK) {
        rc = ion_client_open(w->loop, &conf, &link->client);
    }
    ion_tls_ctx_unref(&conf.tls);
    ion_secret_key_wipe(&conf.key);
    return rc;
}

void
derp_link_answered(void *arg, ion_answer_t *answer)
{
    derp_link_t *link = arg;
    char why[ION_LINKS_TEXT];
    ion_err_t rc;

    ION_ASSERT(link->magic == DERP_LINK_MAGIC);
    link->ask = 0;
    if (answer->rc != ION_OK) {
        lose(link, answer->text);
        return;
    }
    rc = log_in(link, answer->fd, &answer->addr);
    if (rc != ION_OK) {
        (void)snprintf(why, sizeof(why), "cannot begin the login: %s",
            ion_strerror(rc)); /* fits */
        lose(link, why);
        return;
    }
    answer->fd = -1; /* the client's now */
    set_state(link, ION_LINK_LOGIN);
}

static void
dial(derp_link_t *link)
{
    derp_worker_t *w = worker_of(link);
    ion_ask_t ask = {
        .kind = ION_ASK_DIAL,
        .timeout_ms = DERP_LINK_TRY_MS,
        .port = link->target.port,
    };
    ion_err_t rc = ION_CLOSED;

    ION_STATIC_ASSERT(ION_MESH_HOST <= sizeof(ask.host), "hosts fit");
    memcpy(ask.host, link->target.dial, sizeof(link->target.dial));
    set_state(link, ION_LINK_DIALLING);
    link->try_due = ion_loop_now(w->loop) + ION_MS(DERP_LINK_TRY_MS);
    if (w->p->ask != NULL) {
        rc = w->p->ask(w->p, &ask, derp_link_answered, link, &link->ask);
    }
    if (rc != ION_OK) {
        lose(link, rc == ION_BUSY
                       ? "the courier, which connects, has too much to do"
                       : "the courier, which connects, does not run");
    }
}

static void
on_timer(ion_timer_t *timer)
{
    derp_link_t *link = ION_CONTAINER_OF(timer, derp_link_t, timer);

    ION_ASSERT(link->magic == DERP_LINK_MAGIC);
    if (link->is_leaving) {
        derp_mesh_drop(link->mesh, link->nth);
    } else if (link->state == ION_LINK_WAITING) {
        dial(link);
    }
}

/* host[:port][/dialhost], what the operator knows it by. */
static ion_err_t
name_link(derp_link_t *link)
{
    const ion_mesh_target_t *t = &link->target;
    bool is_v6 = strchr(t->host, ':') != NULL;
    ion_sb_t sb;
    ion_err_t rc = ION_NOMEM;

    ion_sb_init(&sb, 1024);
    ion_sb_addf(&sb, "%s%s%s", is_v6 ? "[" : "", t->host, is_v6 ? "]" : "");
    if (t->port != ION_MESH_PORT) {
        ion_sb_addf(&sb, ":%u", t->port);
    }
    if (strcmp(t->host, t->dial) != 0) {
        ion_sb_addf(&sb, "/%s", t->dial);
    }
    if (!sb.failed) {
        memcpy(link->name, sb.p, ION_MIN(sb.len, sizeof(link->name) - 1));
        rc = ION_OK;
    }
    ion_sb_fini(&sb);
    return rc;
}

ion_err_t
derp_link_new(derp_mesh_t *mesh, uint32_t nth, const ion_mesh_target_t *target,
    derp_link_t **out)
{
    derp_link_t *link = calloc(1, sizeof(*link));
    uint8_t seed[16];

    if (link == NULL) {
        return ION_NOMEM;
    }
    ion_random(seed, sizeof(seed));
    link->magic = DERP_LINK_MAGIC;
    link->mesh = mesh;
    link->nth = nth;
    link->target = *target;
    if (name_link(link) != ION_OK ||
        ion_map_new(DERP_KEY_LEN, KEYS_HINT, seed, &link->forwards) != ION_OK)
    {
        free(link);
        return ION_NOMEM;
    }
    ion_timer_init(&link->timer, on_timer);
    set_state(link, ION_LINK_WAITING);
    ion_timer_set(mesh->w->loop, &link->timer, ion_loop_now(mesh->w->loop));
    *out = link;
    return ION_OK;
}

void
derp_link_free(derp_link_t **out)
{
    derp_link_t *link = *out;

    *out = NULL;
    if (link == NULL) {
        return;
    }
    hang_up(link);
    set_state(link, ION_LINK_NONE);
    ion_links_set(worker_of(link)->shm, link->nth, NULL);
    ion_timer_cancel(worker_of(link)->loop, &link->timer);
    ion_map_free(&link->forwards);
    link->magic = 0;
    free(link);
}

void
derp_link_forward(const derp_forward_t *to, const ion_key_t *src,
    derp_kind_t kind, const uint8_t *payload, size_t n)
{
    derp_link_t *link = to->link;
    ion_err_t rc = link->state == ION_LINK_UP ? ion_client_forward(link->client,
                                                    src, &to->key, payload, n)
                                              : ION_CLOSED;

    if (rc == ION_OK) {
        link->packets++;
        return;
    }
    derp_count_drop(worker_of(link),
        rc == ION_CLOSED ? DERP_DROP_GONE_DISCONNECTED : DERP_DROP_QUEUE_TAIL,
        kind, n);
}

bool
derp_link_leave(derp_link_t *link)
{
    link->is_leaving = true;
    return link->state == ION_LINK_UP;
}

void
derp_link_stay(derp_link_t *link)
{
    link->is_leaving = false;
    if (link->state == ION_LINK_UP) {
        ion_timer_cancel(worker_of(link)->loop, &link->timer);
    }
}

void
derp_link_publish(derp_link_t *link)
{
    ion_link_row_t row = {
        .state = link->state,
        .since_ms = link->since_ms,
        .keys = ion_map_count(link->forwards),
        .packets = link->packets,
    };

    if (link->is_told) {
        return;
    }
    memcpy(row.target, link->name, sizeof(row.target));
    memcpy(row.why, link->why, sizeof(row.why));
    ion_links_set(worker_of(link)->shm, link->nth, &row);
    link->is_told = true;
}

const ion_key_t *
derp_link_key(const derp_link_t *link)
{
    return link->state == ION_LINK_UP ? ion_client_server_key(link->client)
                                      : NULL;
}
