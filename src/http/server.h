/*
 * http/server.h -- the HTTP server of one process.
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Owns the listeners' accept loops, the connections and the configuration in
 * use. A listener of the main kind tells TLS from plain by the first byte. A
 * reload builds an ion_http_config_t from the next cycle, which may fail, and
 * swaps it in, which cannot; connections go on with what they have and use
 * the new values at their next step.
 */
#ifndef ION_HTTP_SERVER_H
#define ION_HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/base.h"
#include "base/err.h"
#include "core/module.h"
#include "core/process.h"
#include "core/settings.h"
#include "http/route.h"
#include "shm/stats.h"
#include "tls/tls_ctx.h"

#define ION_HTTP_HOME_MAX 1024
#define ION_HTTP_HOST_MAX 256

typedef struct ion_http_server ion_http_server_t;

/* Limits and behaviour; a value, but for the TLS context it shares. */
typedef struct ion_http_config {
    ion_tls_ctx_t *tls; /* owns a reference; NULL = plain only */
    uint32_t max_header;
    uint32_t max_conns;      /* HTTP connections of this process */
    int64_t read_ms;         /* handshake and request, and between requests */
    int64_t write_ms;        /* a reply; listen_addr and metrics */
    int64_t write_port80_ms; /* a reply; http_listen_addr */
    uint64_t accept_rate;    /* connections per second, 0 = no limit */
    uint64_t accept_burst;
    bool force_https; /* redirect plain requests; false without tls */
    ion_home_t home;
    char home_url[ION_HTTP_HOME_MAX];
    char public_host[ION_HTTP_HOST_MAX]; /* of public_addr; "" = not set */
    bool has_mesh_key;
} ion_http_config_t;

/*
 * ion_http_config_init -- the defaults, without TLS; what tests start from.
 *
 * Errors: none.
 */
void ion_http_config_init(ion_http_config_t *config);

/*
 * ion_http_config_from -- what a cycle asks for: settings, certificate, key,
 * tickets and the server key for the meta-certificate.
 *
 * Owns:   fills *out; ion_http_config_fini gives it back.
 * Errors: ION_MALF a certificate or key is not usable (text names the file) |
 *         ION_NOMEM | ION_INTERNAL; *out is as after fini.
 */
ION_NODISCARD ion_err_t ion_http_config_from(
    const ion_cycle_t *cycle, ion_http_config_t *out, ion_errtext_t *err);

/* ion_http_config_fini -- drop the TLS context; harmless when repeated. */
void ion_http_config_fini(ion_http_config_t *config);

/*
 * ion_http_server_new -- a server with the built-in endpoints and no listener.
 *
 * Shape:  p gives loop, log and stats; stat_base is the index of
 *         ion_http_stats[0] in p->stats. p is borrowed and passed to handlers.
 * Owns:   takes *config on success (it is emptied); gives *out.
 * Errors: ION_NOMEM.
 */
ION_NODISCARD ion_err_t ion_http_server_new(ion_process_t *p,
    uint32_t stat_base, ion_http_config_t *config, ion_http_server_t **out);

/*
 * ion_http_server_routes -- add a module's table (borrowed for ever).
 *
 * Errors: ION_LIMIT more than ION_MODULE_MAX tables.
 */
ION_NODISCARD ion_err_t ion_http_server_routes(
    ion_http_server_t *server, const ion_http_route_t *table);

/* ion_http_server_swap -- use *config from now on; takes it, empties it. */
void ion_http_server_swap(ion_http_server_t *server, ion_http_config_t *config);

/*
 * ion_http_kind_of -- the kind that a socket of this configuration key serves:
 * ION_ROUTE_MAIN, _PORT80, _METRICS; 0 for a key that is no HTTP listener.
 */
uint32_t ion_http_kind_of(const char *socket_name);

/*
 * ion_http_server_listen -- accept connections of a kind from a socket.
 *
 * Shape:  fd borrowed until ion_http_server_unlisten; name for log lines.
 * Errors: ION_EXISTS it listens there already | ION_NOMEM | ION_SYS.
 */
ION_NODISCARD ion_err_t ion_http_server_listen(
    ion_http_server_t *server, int fd, uint32_t kind, const char *name);

/*
 * ion_http_server_unlisten -- stop accepting from a socket; with drain, serve
 * what is in its backlog. Harmless for a socket that is not listened to.
 */
void ion_http_server_unlisten(ion_http_server_t *server, int fd, bool drain);

/*
 * ion_http_server_sync -- listen on the HTTP sockets of a cycle and on no
 * others; those it no longer has are drained first.
 *
 * Errors: as ion_http_server_listen, *err naming the first; the others are
 *         served.
 */
ION_NODISCARD ion_err_t ion_http_server_sync(
    ion_http_server_t *server, const ion_cycle_t *cycle, ion_errtext_t *err);

/*
 * ion_http_server_accept -- serve one connection.
 *
 * Shape:  fd non-blocking; kind as above.
 * Owns:   takes fd in any case.
 */
void ion_http_server_accept(ion_http_server_t *server, int fd,
    const ion_addr_t *peer, const ion_addr_t *local, uint32_t kind);

/* ion_http_server_count -- HTTP connections now, taken ones not counted. */
size_t ion_http_server_count(const ion_http_server_t *server);

/*
 * ion_http_server_drain -- serve what is in the backlogs, then listen no more
 * and keep nothing alive: idle connections close, busy ones after their reply,
 * those that have not sent a request yet when they do not within 5 s.
 * done(arg) runs once, from the loop, when none is left.
 */
void ion_http_server_drain(
    ion_http_server_t *server, void (*done)(void *arg), void *arg);

/* ion_http_server_free -- close all, free *server, null it; accepts NULL. */
void ion_http_server_free(ion_http_server_t **server);

/*
 * The life of the HTTP layer in a worker, in the form of a module though it is
 * none: src/main calls it with self == ion_module_count. It serves the routes
 * of all modules on the TCP sockets of the cycle. Ticket keys are rotated by
 * a cycle that differs in nothing else.
 */
extern const ion_module_t ion_http_part;

/* Counters of the HTTP and TLS layers, registered behind the modules' ones. */
extern const ion_stat_desc_t ion_http_stats[];
extern const size_t ion_http_stat_count;

#endif
