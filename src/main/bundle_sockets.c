/*
 * bundle_sockets.c -- every listener for every worker index.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * One SO_REUSEPORT socket per worker index and address: the kernel spreads
 * connections over them, and a new worker takes over the socket of its index.
 * SO_REUSEPORT would also let two instances of one user share a port without
 * a word, so the first bind of an address is tried without it.  And a socket
 * of such a group is given its share of connections and datagrams at once: what
 * a check or a reload opens waits outside until it is sure to be served.
 */
#include "main/bundle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/settings.h"
#include "os/sock.h"

typedef struct {
    const char *key;
    ion_socket_kind_t kind;
    ion_listen_t listen;
} wanted_t;

#define WANTED_MAX 4

static size_t
list_wanted(const ion_settings_t *s, wanted_t out[WANTED_MAX])
{
    const wanted_t all[WANTED_MAX] = {
        { "listen_addr", ION_SOCKET_TCP, s->listen_addr },
        { "http_listen_addr", ION_SOCKET_TCP, s->http_listen_addr },
        { "metrics_listen_addr", ION_SOCKET_TCP, s->metrics_listen_addr },
        { "stun_listen_addr", ION_SOCKET_UDP, s->stun_listen_addr },
    };
    size_t n = 0;
    for (size_t i = 0; i < WANTED_MAX; i++) {
        bool is_off = !all[i].listen.on ||
                      (all[i].kind == ION_SOCKET_UDP && s->derp_disabled);
        if (!is_off) {
            out[n++] = all[i];
        }
    }
    return n;
}

static ion_err_t
add_socket(bundle_t *b, bundle_socket_t *s)
{
    bundle_socket_t **grown =
        realloc(b->sockets, (b->socket_count + 1) * sizeof(*b->sockets));
    if (grown == NULL) {
        return ION_NOMEM;
    }
    b->sockets = grown;
    b->sockets[b->socket_count++] = s;
    return ION_OK;
}

static bundle_socket_t *
find_kept(const bundle_t *now, const wanted_t *w, uint32_t index)
{
    for (size_t i = 0; now != NULL && i < now->socket_count; i++) {
        bundle_socket_t *s = now->sockets[i];
        if (s->kind == w->kind && s->index == index &&
            strcmp(s->name, w->key) == 0 &&
            ion_addr_eq(&s->asked, &w->listen.addr))
        {
            return s;
        }
    }
    return NULL;
}

static const bundle_socket_t *
find_first(const bundle_t *b, const char *key)
{
    for (size_t i = 0; i < b->socket_count; i++) {
        if (strcmp(b->sockets[i]->name, key) == 0) {
            return b->sockets[i];
        }
    }
    return NULL;
}

/* Would a strict bind of that address hit a socket of our own? */
static bool
is_own(const bundle_t *now, ion_socket_kind_t kind, const ion_addr_t *addr)
{
    for (size_t i = 0; now != NULL && i < now->socket_count; i++) {
        const ion_addr_t *ours = &now->sockets[i]->addr;
        if (now->sockets[i]->kind == kind && ours->port == addr->port &&
            (ion_addr_is_any(ours) || ion_addr_is_any(addr) ||
                ion_addr_eq(ours, addr)))
        {
            return true;
        }
    }
    return false;
}

static ion_err_t
open_socket(ion_socket_kind_t kind, const ion_addr_t *addr,
    const ion_sock_opts_t *opts, int *fd, ion_errtext_t *why)
{
    return kind == ION_SOCKET_UDP ? ion_sock_bind_udp(addr, opts, fd, why)
                                  : ion_sock_listen_tcp(addr, opts, fd, why);
}

/* "Every address" is "::" with IPv4 in it, or 0.0.0.0 where IPv6 is off. */
static ion_addr_t
concrete(const bundle_maker_t *maker, const char *key, const ion_addr_t *asked)
{
    ion_addr_t a = *asked;
    if (a.family == 0) {
        a.family = ion_sock_has_ipv6() ? 6 : 4;
        if (a.family == 4) {
            ion_log(maker->log, ION_LOG_NOTICE, 0,
                "%s: IPv6 is off on this machine, listening on IPv4 alone",
                key);
        }
    }
    return a;
}

/*
 * Is a taken UDP port taken by nobody but us: the instance that runs while its
 * configuration is checked, or the one that reloads?
 */
static bool
is_held_by_us(
    const bundle_maker_t *maker, const bundle_t *now, const ion_addr_t *addr)
{
    pid_t us = maker->is_dry ? maker->running : getpid();
    return (maker->is_dry || now != NULL) &&
           ion_sock_is_held_by(addr, true, us);
}

/* The first bind of an address: strict, and it finds the port for port 0. */
static ion_err_t
probe(const bundle_maker_t *maker, const wanted_t *w, const bundle_t *now,
    ion_addr_t *addr, ion_errtext_t *why)
{
    const ion_sock_opts_t strict = { .reuse_port = false };
    bool is_udp = w->kind == ION_SOCKET_UDP;
    int fd;
    ion_err_t rc;
    bool is_strict = addr->port == 0 || is_udp ||
                     (!maker->is_dry && !is_own(now, w->kind, addr));
    if (!is_strict) {
        return ION_OK;
    }
    rc = open_socket(w->kind, addr, &strict, &fd, why);
    if (rc == ION_EXISTS && is_udp && is_held_by_us(maker, now, addr)) {
        return ION_OK;
    }
    if (rc == ION_OK) {
        rc = ion_sock_local(fd, addr);
        (void)close(fd); /* only a probe */
    }
    return rc;
}

static ion_err_t
bind_one(bundle_maker_t *maker, bundle_t *b, const wanted_t *w, uint32_t index,
    const ion_addr_t *addr, ion_errtext_t *why)
{
    const ion_sock_opts_t shared = {
        .reuse_port = true,
        .is_waiting = maker->is_dry || b->is_reload,
    };
    ion_err_t rc;
    bundle_socket_t *s = calloc(1, sizeof(*s));
    if (s == NULL) {
        return ION_NOMEM;
    }
    s->refs = 1;
    s->fd = -1;
    s->id = maker->next_socket_id++;
    s->kind = w->kind;
    s->index = index;
    s->asked = w->listen.addr;
    s->is_waiting = shared.is_waiting;
    (void)snprintf(s->name, sizeof(s->name), "%s", w->key); /* our names */
    rc = open_socket(w->kind, addr, &shared, &s->fd, why);
    if (rc == ION_OK) {
        rc = ion_sock_local(s->fd, &s->addr);
        s->addr.port = addr->port == 0 ? s->addr.port : addr->port;
    }
    if (rc == ION_OK) {
        rc = add_socket(b, s);
    }
    if (rc != ION_OK) {
        bundle_socket_unref(&s);
    }
    return rc;
}

static ion_err_t
bind_key(bundle_maker_t *maker, bundle_t *b, const wanted_t *w,
    const bundle_t *now, ion_errtext_t *why)
{
    ion_addr_t addr = w->listen.addr;
    const bundle_socket_t *first = find_kept(now, w, 0);
    ion_err_t rc = ION_OK;
    if (first != NULL) {
        addr = first->addr;
    } else {
        addr = concrete(maker, w->key, &addr);
        rc = probe(maker, w, now, &addr, why);
    }
    for (uint32_t i = 0; i < b->workers && rc == ION_OK; i++) {
        bundle_socket_t *kept = find_kept(now, w, i);
        if (kept == NULL) {
            rc = bind_one(maker, b, w, i, &addr, why);
            continue;
        }
        rc = add_socket(b, kept);
        if (rc == ION_OK) {
            kept->refs++;
        }
    }
    return rc;
}

ion_err_t
bundle_bind(
    bundle_maker_t *maker, bundle_t *b, const bundle_t *now, ion_sb_t *lines)
{
    wanted_t wanted[WANTED_MAX];
    size_t n = list_wanted(b->settings, wanted);
    ion_err_t result = ION_OK;
    for (size_t i = 0; i < n; i++) {
        ion_errtext_t why = { "" };
        char text[ION_ADDR_TEXT_MAX];
        char where[BUNDLE_WHERE];
        ion_err_t rc;
        rc = bind_key(maker, b, &wanted[i], now, &why);
        if (rc == ION_NOMEM) {
            return rc;
        }
        if (rc != ION_OK) {
            ion_sb_addf(lines, "%s%s: cannot bind %s: %s\n",
                bundle_where(b, wanted[i].key, where), wanted[i].key,
                ion_addr_format(&wanted[i].listen.addr, text),
                why.msg[0] == '\0' ? ion_strerror(rc) : why.msg);
            result = ION_DENIED;
        }
    }
    if (result == ION_OK && maker->control != NULL) {
        result = add_socket(b, maker->control);
        if (result == ION_OK) {
            maker->control->refs++;
        }
    }
    return result;
}

ion_err_t
bundle_serve(const bundle_t *b, ion_sb_t *lines)
{
    ion_err_t result = ION_OK;
    for (size_t i = 0; i < b->socket_count; i++) {
        bundle_socket_t *s = b->sockets[i];
        ion_errtext_t why = { "" };
        char text[ION_ADDR_TEXT_MAX];
        if (!s->is_waiting) {
            continue;
        }
        if (ion_sock_serve(s->fd, s->kind == ION_SOCKET_UDP, &s->addr, &why) !=
            ION_OK) {
            ion_sb_addf(lines, "%s: cannot serve %s: %s\n", s->name,
                ion_addr_format(&s->addr, text), why.msg);
            result = ION_DENIED;
            continue;
        }
        s->is_waiting = false;
    }
    return result;
}

/* How many sockets a bundle has in the group of s. */
static uint32_t
group_size(const bundle_t *b, const bundle_socket_t *s)
{
    uint32_t n = 0;
    for (size_t i = 0; i < b->socket_count; i++) {
        n += strcmp(b->sockets[i]->name, s->name) == 0 &&
             ion_addr_eq(&b->sockets[i]->addr, &s->addr);
    }
    return n;
}

/*
 * The kernel numbers the sockets of a group as they came, and closing the last
 * ones moves none. Indexes are bound in their order and go from the end.
 */
void
bundle_steer(const bundle_t *now, const bundle_t *next)
{
    for (size_t i = 0; i < next->socket_count; i++) {
        bundle_socket_t *s = next->sockets[i];
        uint32_t stay = group_size(next, s);
        if (s->kind != ION_SOCKET_UNIX && s->index == 0 &&
            group_size(now, s) > stay) {
            s->is_steered = ion_sock_steer(s->fd, stay) == ION_OK;
        }
    }
}

void
bundle_unsteer(const bundle_t *now)
{
    for (size_t i = 0; i < now->socket_count; i++) {
        bundle_socket_t *s = now->sockets[i];
        if (s->is_steered) {
            s->is_steered = ion_sock_steer(s->fd, 0) != ION_OK;
        }
    }
}

const ion_addr_t *
bundle_address(const bundle_t *b, const char *name)
{
    const bundle_socket_t *s = find_first(b, name);
    return s == NULL ? NULL : &s->addr;
}
