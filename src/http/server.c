/*
 * http/server.c -- listeners, the set of connections, draining.
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "http/server.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/rng.h"
#include "http/http_int.h"

/*
 * Connections from one address (IPv6: one /64) that have not sent a whole
 * request yet. Loopback, where proxies and load generators live, is exempt.
 */
#define UNPROVEN_PER_ADDR 1024
#define KEY_LEN           16

static void
flush_dirty(ion_loop_hook_t *hook)
{
    ion_http_server_t *server = ION_CONTAINER_OF(hook, ion_http_server_t, hook);
    ion_list_t *link = NULL;
    while ((link = ion_list_first(&server->dirty)) != NULL) {
        http_conn_flush(ION_CONTAINER_OF(link, ion_http_conn_t, dirty));
    }
}

static void
on_drained(ion_task_t *task)
{
    ion_http_server_t *server =
        ION_CONTAINER_OF(task, ion_http_server_t, drained);
    void (*done)(void *arg) = server->done;
    server->done = NULL;
    if (done != NULL) {
        done(server->done_arg);
    }
}

ion_err_t
ion_http_server_new(ion_process_t *p, uint32_t stat_base,
    ion_http_config_t *config, ion_http_server_t **out)
{
    uint8_t seed[16];
    ion_http_server_t *server = calloc(1, sizeof(*server));
    if (server == NULL) {
        return ION_NOMEM;
    }
    ion_random(seed, sizeof(seed));
    if (ion_map_new(KEY_LEN, 64, seed, &server->unproven) != ION_OK) {
        free(server);
        return ION_NOMEM;
    }
    server->p = p;
    server->stats = p->stats + stat_base;
    server->date_second = -1;
    ion_list_init(&server->conns);
    ion_list_init(&server->dirty);
    http_ws_set_init(&server->websockets, p->log);
    ion_task_init(&server->drained, on_drained);
    server->tables[server->table_count++] = http_endpoints;
    server->hook.end_of_turn = flush_dirty;
    ion_loop_hook_add(p->loop, &server->hook);
    ion_http_server_swap(server, config);
    *out = server;
    return ION_OK;
}

ion_err_t
ion_http_server_routes(ion_http_server_t *server, const ion_http_route_t *table)
{
    if (server->table_count == ION_ARRAY_LEN(server->tables)) {
        return ION_LIMIT;
    }
    server->tables[server->table_count++] = table;
    return ION_OK;
}

void
ion_http_server_swap(ion_http_server_t *server, ion_http_config_t *config)
{
    bool same_rate = server->config.accept_rate == config->accept_rate &&
                     server->config.accept_burst == config->accept_burst;
    ion_http_config_fini(&server->config);
    server->config = *config;
    config->tls = NULL;
    if (!same_rate || server->limiter.last == 0) {
        ion_bucket_init(&server->limiter, server->config.accept_rate,
            server->config.accept_burst, ion_loop_now(server->p->loop));
    }
}

uint32_t
ion_http_kind_of(const char *socket_name)
{
    if (strcmp(socket_name, "listen_addr") == 0) {
        return ION_ROUTE_MAIN;
    }
    if (strcmp(socket_name, "http_listen_addr") == 0) {
        return ION_ROUTE_PORT80;
    }
    return strcmp(socket_name, "metrics_listen_addr") == 0 ? ION_ROUTE_METRICS
                                                           : 0;
}

static void
on_accepted(void *arg, int fd, const ion_addr_t *peer, const ion_addr_t *local)
{
    http_listener_t *l = arg;
    if (l->kind == ION_ROUTE_MAIN) {
        http_count(l->server, HTTP_STAT_ACCEPTED);
    }
    ion_http_server_accept(l->server, fd, peer, local, l->kind);
}

static void
on_rejected(void *arg)
{
    http_listener_t *l = arg;
    http_count(l->server, HTTP_STAT_REJECTED);
}

static http_listener_t **
find_listener(ion_http_server_t *server, int fd)
{
    for (size_t i = 0; i < server->listener_count; i++) {
        if (ion_listener_fd(server->listeners[i]->listener) == fd) {
            return &server->listeners[i];
        }
    }
    return NULL;
}

ion_err_t
ion_http_server_listen(
    ion_http_server_t *server, int fd, uint32_t kind, const char *name)
{
    if (find_listener(server, fd) != NULL) {
        return ION_EXISTS;
    }
    if (server->listener_count == HTTP_LISTENERS_MAX) {
        return ION_LIMIT;
    }
    http_listener_t *l = calloc(1, sizeof(*l));
    if (l == NULL) {
        return ION_NOMEM;
    }
    l->server = server;
    l->kind = kind;
    ion_listener_opts_t opts = {
        .name = name,
        .log = server->p->log,
        .limiter = kind == ION_ROUTE_MAIN ? &server->limiter : NULL,
        .accepted = on_accepted,
        .rejected = on_rejected,
        .arg = l,
    };
    ion_err_t rc = ion_listener_new(server->p->loop, fd, &opts, &l->listener);
    if (rc != ION_OK) {
        free(l);
        return rc;
    }
    server->listeners[server->listener_count++] = l;
    return ION_OK;
}

void
ion_http_server_unlisten(ion_http_server_t *server, int fd, bool drain)
{
    http_listener_t **at = find_listener(server, fd);
    if (at == NULL) {
        return;
    }
    ion_listener_free(&(*at)->listener, drain);
    free(*at);
    *at = server->listeners[--server->listener_count];
    server->listeners[server->listener_count] = NULL;
}

static bool
cycle_has(const ion_cycle_t *cycle, int fd)
{
    for (size_t i = 0; i < cycle->socket_count; i++) {
        if (cycle->sockets[i].fd == fd) {
            return true;
        }
    }
    return false;
}

static ion_err_t
serve_socket(ion_http_server_t *server, const ion_socket_t *socket)
{
    uint32_t kind = ion_http_kind_of(socket->name);
    if (kind == 0 || socket->kind != ION_SOCKET_TCP || socket->fd < 0 ||
        find_listener(server, socket->fd) != NULL)
    {
        return ION_OK;
    }
    return ion_http_server_listen(server, socket->fd, kind, socket->name);
}

ion_err_t
ion_http_server_sync(
    ion_http_server_t *server, const ion_cycle_t *cycle, ion_errtext_t *err)
{
    ion_err_t rc = ION_OK;
    size_t i = server->listener_count;
    while (i-- > 0) {
        int fd = ion_listener_fd(server->listeners[i]->listener);
        if (!cycle_has(cycle, fd)) {
            ion_http_server_unlisten(server, fd, true);
        }
    }
    for (i = 0; i < cycle->socket_count; i++) {
        ion_err_t one = serve_socket(server, &cycle->sockets[i]);
        if (one != ION_OK && rc == ION_OK) {
            ion_errtext_set(err, "%s: cannot accept connections: %s",
                cycle->sockets[i].name, ion_strerror(one));
            rc = one;
        }
    }
    return rc;
}

static bool
address_key(const ion_addr_t *peer, uint8_t key[KEY_LEN])
{
    if (peer->family == 0 || ion_addr_is_loopback(peer)) {
        return false;
    }
    ion_addr_to_v6(peer, key);
    if (peer->family == 6) {
        memset(key + 8, 0, 8);
    }
    return true;
}

ion_err_t
http_unproven_add(ion_http_server_t *server, const ion_addr_t *peer)
{
    uint8_t key[KEY_LEN];
    if (!address_key(peer, key)) {
        return ION_OK;
    }
    /* the value is the count itself: never NULL, because never 0 */
    uintptr_t n = (uintptr_t)ion_map_get(server->unproven, key);
    if (n >= UNPROVEN_PER_ADDR) {
        return ION_LIMIT;
    }
    return ion_map_put(server->unproven, key, (void *)(n + 1));
}

void
http_unproven_del(ion_http_server_t *server, const ion_addr_t *peer)
{
    uint8_t key[KEY_LEN];
    if (!address_key(peer, key)) {
        return;
    }
    uintptr_t n = (uintptr_t)ion_map_get(server->unproven, key);
    if (n <= 1) {
        (void)ion_map_del(server->unproven, key);
        return;
    }
    /* replacing a value needs no memory */
    ION_IGNORE(ion_map_put(server->unproven, key, (void *)(n - 1)));
}

void
ion_http_server_accept(ion_http_server_t *server, int fd,
    const ion_addr_t *peer, const ion_addr_t *local, uint32_t kind)
{
    ion_stream_t *stream = NULL;
    if (server->count >= server->config.max_conns ||
        http_unproven_add(server, peer) != ION_OK)
    {
        http_count(server, HTTP_STAT_REJECTED);
        close(fd);
        return;
    }
    if (ion_stream_new_plain(server->p->loop, fd, &stream) != ION_OK) {
        http_unproven_del(server, peer);
        close(fd);
        return;
    }
    http_conn_open(server, stream, peer, local, kind);
}

void
http_server_gone(ion_http_server_t *server)
{
    server->count--;
    if (server->is_draining && server->count == 0) {
        ion_loop_defer(server->p->loop, &server->drained);
    }
}

size_t
ion_http_server_count(const ion_http_server_t *server)
{
    return server->count;
}

void
ion_http_server_drain(
    ion_http_server_t *server, void (*done)(void *arg), void *arg)
{
    while (server->listener_count > 0) {
        ion_http_server_unlisten(
            server, ion_listener_fd(server->listeners[0]->listener), true);
    }
    server->is_draining = true;
    server->done = done;
    server->done_arg = arg;
    ION_LIST_FOREACH_SAFE(it, tmp, &server->conns) {
        http_conn_drain(ION_CONTAINER_OF(it, ion_http_conn_t, link));
    }
    if (server->count == 0) {
        ion_loop_defer(server->p->loop, &server->drained);
    }
}

void
ion_http_server_free(ion_http_server_t **server)
{
    ion_http_server_t *s = *server;
    ion_list_t *link = NULL;
    if (s == NULL) {
        return;
    }
    while (s->listener_count > 0) {
        ion_http_server_unlisten(
            s, ion_listener_fd(s->listeners[0]->listener), false);
    }
    while ((link = ion_list_first(&s->conns)) != NULL) {
        http_conn_close(ION_CONTAINER_OF(link, ion_http_conn_t, link));
    }
    http_ws_set_fini(&s->websockets);
    ion_loop_hook_del(s->p->loop, &s->hook);
    ion_task_cancel(&s->drained);
    ion_map_free(&s->unproven);
    ion_http_config_fini(&s->config);
    free(s);
    *server = NULL;
}
