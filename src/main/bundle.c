/*
 * bundle.c -- the master's side of a cycle: put together, counted, freed.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "main/bundle.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/module.h"
#include "core/settings.h"
#include "main/conf_tables.h"
#include "os/memfd.h"

void
bundle_socket_unref(bundle_socket_t **s)
{
    bundle_socket_t *o = *s;
    *s = NULL;
    if (o == NULL || --o->refs > 0) {
        return;
    }
    if (o->fd >= 0) {
        (void)close(o->fd); /* a listener has nothing to lose */
    }
    free(o);
}

const char *
bundle_where(const bundle_t *b, const char *key, char out[BUNDLE_WHERE])
{
    size_t n;
    (void)ion_conf_where(b->conf, key, out, BUNDLE_WHERE - 2);
    n = strlen(out);
    if (n > 0) {
        memcpy(out + n, ": ", 3);
    }
    return out;
}

void
bundle_free(bundle_t **b)
{
    bundle_t *o = *b;
    *b = NULL;
    if (o == NULL) {
        return;
    }
    for (size_t i = 0; i < o->socket_count; i++) {
        bundle_socket_unref(&o->sockets[i]);
    }
    free(o->sockets);
    for (size_t i = 0; i < o->blob_count; i++) {
        (void)close(o->blobs[i].fd); /* a memfd has nothing to lose */
    }
    ion_sb_fini(&o->map);
    ion_conf_free(&o->conf);
    free(o);
}

static ion_err_t
add_blob_fd(
    bundle_t *b, const char *name, uint32_t roles, bool is_secret, int fd)
{
    bundle_blob_t *blob;
    if (b->blob_count >= ION_BLOBS_MAX) {
        (void)close(fd); /* never handed out */
        return ION_LIMIT;
    }
    blob = &b->blobs[b->blob_count++];
    (void)snprintf(blob->name, sizeof(blob->name), "%s", name); /* our names */
    blob->fd = fd;
    blob->roles = roles;
    blob->is_secret = is_secret;
    return ION_OK;
}

ion_err_t
bundle_blob(bundle_t *b, const char *name, uint32_t roles, bool is_secret,
    ion_str_t bytes)
{
    int fd;
    ion_err_t rc = ion_memfd_from(name, bytes.p, bytes.len, &fd);
    return rc == ION_OK ? add_blob_fd(b, name, roles, is_secret, fd) : rc;
}

static ion_err_t
dup_blob(bundle_t *b, const char *name, uint32_t roles, bool is_secret, int fd)
{
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (copy < 0) {
        return ION_SYS;
    }
    return add_blob_fd(b, name, roles, is_secret, copy);
}

static ion_err_t
add_text(bundle_t *b)
{
    ion_sb_t sb;
    ion_err_t rc = ION_NOMEM;
    ion_sb_init(&sb, ION_BLOB_BYTES);
    ion_conf_effective_text(b->conf, &sb);
    if (!sb.failed) {
        rc = bundle_blob(b, "conf",
            ION_ROLE_WORKER | ION_ROLE_KEEPER | ION_ROLE_COURIER, false,
            ion_sb_str(&sb));
    }
    ion_sb_fini(&sb);
    return rc;
}

static ion_err_t
add_tickets(const bundle_maker_t *maker, bundle_t *b)
{
    if (maker->tickets_fd < 0) {
        return ION_OK;
    }
    return dup_blob(b, "tickets", ION_ROLE_WORKER, true, maker->tickets_fd);
}

static bool
needs_courier(const ion_conf_t *conf)
{
    uint32_t roles = 0;
    for (uint32_t i = 0; i < ion_module_count; i++) {
        if (ion_modules[i]->needs != NULL) {
            roles |= ion_modules[i]->needs(
                ion_conf_module(conf, i), ion_conf_settings(conf));
        }
    }
    return (roles & ION_ROLE_COURIER) != 0;
}

static void
make_all(bundle_maker_t *maker, bundle_t *b, const bundle_t *now,
    ion_sb_t *lines, ion_err_t *rc)
{
    bundle_public_t pub;
    ion_err_t bound = bundle_bind(maker, b, now, lines);
    ion_err_t secret;
    ion_err_t admission;
    *rc = bound;
    if (bound == ION_NOMEM) {
        return;
    }
    bundle_public(b, &pub);
    secret = bundle_secrets(maker, b, &pub, lines);
    admission = bundle_admission(maker, b, lines);
    if (*rc == ION_OK) {
        *rc = secret;
    }
    if (*rc == ION_OK) {
        *rc = admission;
    }
    if (*rc == ION_OK) {
        *rc = bundle_mesh(b, lines);
    }
    if (*rc == ION_OK) {
        *rc = bundle_map(b, &pub, lines);
    }
    if (*rc == ION_OK) {
        *rc = add_text(b);
    }
    if (*rc == ION_OK) {
        *rc = add_tickets(maker, b);
    }
}

ion_err_t
bundle_new(bundle_maker_t *maker, ion_conf_t *conf, const bundle_t *now,
    bundle_t **out, ion_sb_t *lines)
{
    ion_err_t rc = ION_NOMEM;
    bundle_t *b = calloc(1, sizeof(*b));
    if (b == NULL) {
        ion_conf_free(&conf);
        return rc;
    }
    b->conf = conf;
    b->settings = ion_conf_settings(conf);
    b->workers = (uint32_t)b->settings->workers;
    b->has_courier = needs_courier(conf);
    b->generation = maker->next_generation;
    b->is_reload = now != NULL;
    ion_sb_init(&b->map, ION_BLOB_BYTES);
    make_all(maker, b, now, lines, &rc);
    if (rc != ION_OK) {
        bundle_free(&b);
        return rc;
    }
    maker->next_generation++;
    *out = b;
    return ION_OK;
}

static ion_err_t
copy_sockets(bundle_t *b, const bundle_t *now)
{
    b->sockets = calloc(now->socket_count + 1, sizeof(*b->sockets));
    if (b->sockets == NULL) {
        return ION_NOMEM;
    }
    for (size_t i = 0; i < now->socket_count; i++) {
        b->sockets[i] = now->sockets[i];
        b->sockets[i]->refs++;
        b->socket_count++;
    }
    return ION_OK;
}

static ion_err_t
copy_conf(bundle_t *b, const bundle_t *now, ion_sb_t *text)
{
    ion_errtext_t why;
    ion_err_t rc;
    ion_conf_effective_text(now->conf, text);
    if (text->failed) {
        return ION_NOMEM;
    }
    rc = conf_tables_parse(ion_sb_str(text), &b->conf, &why);
    if (rc == ION_OK) {
        b->settings = ion_conf_settings(b->conf);
        b->workers = now->workers;
        b->has_courier = now->has_courier;
    }
    return rc;
}

ion_err_t
bundle_renew(bundle_maker_t *maker, const bundle_t *now, bundle_t **out)
{
    ion_sb_t text;
    ion_err_t rc;
    bundle_t *b = calloc(1, sizeof(*b));
    if (b == NULL) {
        return ION_NOMEM;
    }
    ion_sb_init(&b->map, ION_BLOB_BYTES);
    ion_sb_init(&text, ION_BLOB_BYTES);
    b->generation = maker->next_generation;
    b->facts = now->facts;
    rc = copy_sockets(b, now);
    if (rc == ION_OK) {
        rc = copy_conf(b, now, &text);
    }
    ion_sb_fini(&text);
    for (size_t i = 0; i < now->blob_count && rc == ION_OK; i++) {
        const bundle_blob_t *o = &now->blobs[i];
        if (strcmp(o->name, "tickets") != 0) {
            rc = dup_blob(b, o->name, o->roles, o->is_secret, o->fd);
        }
    }
    ion_sb_adds(&b->map, ion_sb_str(&now->map));
    if (rc == ION_OK) {
        rc = b->map.failed ? ION_NOMEM : add_tickets(maker, b);
    }
    if (rc != ION_OK) {
        bundle_free(&b);
        return rc;
    }
    maker->next_generation++;
    *out = b;
    return ION_OK;
}
