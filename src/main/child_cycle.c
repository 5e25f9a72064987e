/*
 * child_cycle.c -- a cycle as a child owns it.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "main/child_cycle.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "main/conf_tables.h"
#include "os/memfd.h"

ion_err_t
child_cycle_new(const ion_msg_cycle_t *begin, child_cycle_t **out)
{
    child_cycle_t *c;
    if (begin->blob_count > ION_BLOBS_MAX ||
        begin->socket_count > ION_SOCKETS_MAX) {
        return ION_MALF;
    }
    c = calloc(1, sizeof(*c));
    if (c == NULL) {
        return ION_NOMEM;
    }
    c->want_blobs = begin->blob_count;
    c->want_sockets = begin->socket_count;
    c->sockets = calloc((size_t)begin->socket_count + 1, sizeof(*c->sockets));
    c->is_kept = calloc((size_t)begin->socket_count + 1, sizeof(*c->is_kept));
    if (c->sockets == NULL || c->is_kept == NULL) {
        child_cycle_free(&c);
        return ION_NOMEM;
    }
    c->pub.generation = begin->generation;
    c->pub.blobs = c->blobs;
    c->pub.sockets = c->sockets;
    *out = c;
    return ION_OK;
}

static bool
is_name(const char *name, size_t cap)
{
    size_t n = strnlen(name, cap);
    return n > 0 && n < cap;
}

ion_err_t
child_cycle_blob(child_cycle_t *c, const ion_msg_blob_t *msg, int fd)
{
    ion_err_t rc = ION_MALF;
    if (c->blob_count < c->want_blobs && is_name(msg->name, sizeof(msg->name)))
    {
        ion_blob_t *b = &c->blobs[c->blob_count];
        rc = ion_memfd_map(
            fd, ION_BLOB_BYTES, msg->is_secret != 0, &b->p, &b->len);
        if (rc == ION_OK) {
            memcpy(b->name, msg->name, sizeof(b->name));
            c->blob_count++;
            c->pub.blob_count = c->blob_count;
        }
    }
    (void)close(fd); /* read only: nothing to lose */
    return rc;
}

static int
fd_of_id(const child_cycle_t *now, uint32_t id)
{
    if (now == NULL) {
        return -1;
    }
    for (uint32_t i = 0; i < now->socket_count; i++) {
        if (now->sockets[i].id == id) {
            return now->sockets[i].fd;
        }
    }
    return -1;
}

ion_err_t
child_cycle_socket(child_cycle_t *c, const ion_msg_socket_t *msg, int fd,
    const child_cycle_t *now)
{
    ion_socket_t *s;
    int kept;
    if (c->socket_count >= c->want_sockets ||
        !is_name(msg->name, sizeof(msg->name)))
    {
        if (fd >= 0) {
            (void)close(fd); /* never used */
        }
        return ION_MALF;
    }
    s = &c->sockets[c->socket_count];
    s->id = msg->id;
    s->kind = (ion_socket_kind_t)msg->kind;
    s->index = msg->index;
    s->addr = msg->addr;
    s->fd = fd;
    memcpy(s->name, msg->name, sizeof(s->name));
    kept = fd_of_id(now, msg->id);
    if (fd >= 0 && kept >= 0) {
        (void)close(fd); /* the same socket as the one we hold */
        s->fd = kept;
        c->is_kept[c->socket_count] = true;
    }
    c->socket_count++;
    c->pub.socket_count = c->socket_count;
    return ION_OK;
}

ion_err_t
child_cycle_build(child_cycle_t *c, ion_errtext_t *why)
{
    const ion_blob_t *text = ion_cycle_blob(&c->pub, "conf");
    if (c->blob_count != c->want_blobs || c->socket_count != c->want_sockets ||
        text == NULL)
    {
        ion_errtext_set(why,
            "cycle is incomplete: %u of %u blobs, %u of %u "
            "sockets",
            c->blob_count, c->want_blobs, c->socket_count, c->want_sockets);
        return ION_MALF;
    }
    ion_err_t rc = conf_tables_parse(
        (ion_str_t){ (const char *)text->p, text->len }, &c->conf, why);
    c->pub.conf = c->conf;
    return rc;
}

static bool
has_fd(const child_cycle_t *c, int fd)
{
    for (uint32_t i = 0; i < c->socket_count; i++) {
        if (c->sockets[i].fd == fd) {
            return true;
        }
    }
    return false;
}

static void
free_parts(child_cycle_t *c)
{
    for (uint32_t i = 0; i < c->blob_count; i++) {
        ion_memfd_unmap(&c->blobs[i].p, c->blobs[i].len);
    }
    ion_conf_free(&c->conf);
    free(c->sockets);
    free(c->is_kept);
    free(c);
}

void
child_cycle_adopt(child_cycle_t *next, child_cycle_t **old)
{
    child_cycle_t *o = *old;
    *old = NULL;
    for (uint32_t i = 0; i < next->socket_count; i++) {
        next->is_kept[i] = false;
    }
    if (o == NULL) {
        return;
    }
    for (uint32_t i = 0; i < o->socket_count; i++) {
        if (o->sockets[i].fd >= 0 && !has_fd(next, o->sockets[i].fd)) {
            (void)close(o->sockets[i].fd); /* drained by its module */
        }
    }
    free_parts(o);
}

void
child_cycle_close_listeners(child_cycle_t *c)
{
    for (uint32_t i = 0; i < c->socket_count; i++) {
        if (c->sockets[i].fd >= 0) {
            (void)close(c->sockets[i].fd); /* nothing to lose */
            c->sockets[i].fd = -1;
        }
    }
}

void
child_cycle_free(child_cycle_t **c)
{
    child_cycle_t *o = *c;
    *c = NULL;
    if (o == NULL) {
        return;
    }
    for (uint32_t i = 0; o->sockets != NULL && i < o->socket_count; i++) {
        if (o->sockets[i].fd >= 0 && !o->is_kept[i]) {
            (void)close(o->sockets[i].fd); /* never in force, or at the end */
        }
    }
    free_parts(o);
}
