/*
 * spawn.c -- start a process of ours and hand it what its role may have.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "main/master.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/settings.h"
#include "main/child.h"
#include "os/proc.h"
#include "shm/slots.h"

static ion_slot_role_t
slot_role(uint32_t role)
{
    switch (role) {
    case ION_ROLE_KEEPER:
        return ION_SLOT_KEEPER;
    case ION_ROLE_COURIER:
        return ION_SLOT_COURIER;
    default:
        return ION_SLOT_WORKER;
    }
}

static ion_err_t
send_hello(kid_t *kid)
{
    master_t *m = kid->master;
    int fds[ION_SHM_FDS_MAX];
    size_t n = ion_shm_fds(m->shm, slot_role(kid->role), fds);
    ion_msg_hello_t hello = {
        .role = kid->role,
        .slot = kid->slot,
        .index = kid->index,
        .attach_count = (uint32_t)n,
        .sandbox = (uint32_t)m->now->settings->sandbox,
        .has_account = m->has_account ? 1 : 0,
        .master_pid = (int32_t)getpid(),
        .started_wall_ms = m->started_wall_ms,
        .account = m->account,
    };
    ion_err_t rc = ion_chan_send(kid->chan, ION_MSG_HELLO, 0,
        &(ion_chan_body_t){ .p = &hello, .n = sizeof(hello) });
    for (size_t i = 0; i < n && rc == ION_OK; i += ION_CHAN_MAX_FDS) {
        size_t some = ION_MIN(n - i, (size_t)ION_CHAN_MAX_FDS);
        rc = ion_chan_send(kid->chan, ION_MSG_ATTACH, 0,
            &(ion_chan_body_t){ .fds = fds + i, .fd_count = some });
    }
    return rc;
}

static ion_err_t
launch(kid_t *kid)
{
    static const char *const argv[] = { "ionscale", ION_CHILD_ARG, NULL };
    int log_fd = ion_log_sink_fd(kid->master->sink);
    int ends[2];
    ion_err_t rc = ion_chan_pair(ends);
    if (rc != ION_OK) {
        return rc;
    }
    const ion_proc_fd_t map[] = {
        { ends[1], ION_CHILD_FD_CHAN },
        { log_fd, ION_CHILD_FD_LOG },
    };
    rc = ion_proc_spawn(argv, map, ION_ARRAY_LEN(map), &kid->pid, &kid->pidfd);
    (void)close(ends[1]); /* the child has its own */
    if (rc != ION_OK) {
        (void)close(ends[0]); /* nobody is at the other end */
        return rc;
    }
    return ion_chan_new(ends[0], ion_main_rules, kid->role, &kid->chan);
}

ion_err_t
master_spawn(seat_t *seat, kid_t **out)
{
    master_t *m = seat->master;
    ion_err_t rc;
    kid_t *kid = calloc(1, sizeof(*kid));
    if (kid == NULL) {
        return ION_NOMEM;
    }
    kid->master = m;
    kid->seat = seat;
    kid->role = seat->role;
    kid->index = seat->index;
    kid->state = KID_STARTING;
    kid->pidfd = -1;
    ion_list_init(&kid->link);
    rc = ion_slots_alloc(m->shm, slot_role(seat->role), seat->index,
        m->now->generation, &kid->slot);
    if (rc != ION_OK) {
        free(kid);
        return rc;
    }
    rc = launch(kid);
    if (kid->pid == 0) {
        ion_slots_set_state(m->shm, kid->slot, ION_SLOT_DEAD);
        free(kid);
        return rc;
    }
    ion_slots_set_pid(m->shm, kid->slot, kid->pid);
    if (rc == ION_OK) {
        (void)send_hello(kid); /* a child without it is found by the watch */
    }
    *out = kid; /* it runs: from here on it is watched, whatever happened */
    return ION_OK;
}

static bool
gets_socket(const kid_t *kid, const bundle_socket_t *s, bool *with_fd)
{
    const master_t *m = kid->master;
    *with_fd = false;
    if (kid->role == ION_ROLE_COURIER) {
        return false;
    }
    if (kid->role == ION_ROLE_KEEPER) {
        *with_fd = s->kind == ION_SOCKET_UNIX;
        return *with_fd || s->index == 0;
    }
    if (s->kind == ION_SOCKET_UNIX || kid->seat == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < m->seat_count; i++) {
        const seat_t *seat = &m->seats[i];
        if (seat->role == ION_ROLE_WORKER && seat->index == s->index &&
            (seat == kid->seat || seat->minder == kid->seat))
        {
            *with_fd = true;
        }
    }
    return *with_fd;
}

static ion_err_t
send_blobs(kid_t *kid, const bundle_t *b)
{
    ion_err_t rc = ION_OK;
    for (size_t i = 0; i < b->blob_count && rc == ION_OK; i++) {
        const bundle_blob_t *blob = &b->blobs[i];
        ion_msg_blob_t msg = { .is_secret = blob->is_secret ? 1 : 0 };
        if ((blob->roles & kid->role) == 0) {
            continue;
        }
        memcpy(msg.name, blob->name, sizeof(msg.name));
        rc = ion_chan_send(kid->chan, ION_MSG_BLOB, 0,
            &(ion_chan_body_t){ &msg, sizeof(msg), &blob->fd, 1 });
    }
    return rc;
}

static ion_err_t
send_sockets(kid_t *kid, const bundle_t *b)
{
    ion_err_t rc = ION_OK;
    for (size_t i = 0; i < b->socket_count && rc == ION_OK; i++) {
        const bundle_socket_t *s = b->sockets[i];
        ion_msg_socket_t msg = { s->id, s->kind, s->index, "", s->addr };
        bool with_fd;
        if (!gets_socket(kid, s, &with_fd)) {
            continue;
        }
        memcpy(msg.name, s->name, sizeof(msg.name));
        rc = ion_chan_send(kid->chan, ION_MSG_SOCKET, 0,
            &(ion_chan_body_t){ &msg, sizeof(msg), &s->fd, with_fd ? 1 : 0 });
    }
    return rc;
}

void
master_kid_cycle(kid_t *kid, const bundle_t *b)
{
    ion_msg_cycle_t msg = { .generation = b->generation };
    bool with_fd;
    ion_err_t rc;
    for (size_t i = 0; i < b->blob_count; i++) {
        msg.blob_count += (b->blobs[i].roles & kid->role) != 0 ? 1 : 0;
    }
    for (size_t i = 0; i < b->socket_count; i++) {
        msg.socket_count += gets_socket(kid, b->sockets[i], &with_fd) ? 1 : 0;
    }
    rc = ion_chan_send(kid->chan, ION_MSG_CYCLE, kid->master->round.serial,
        &(ion_chan_body_t){ .p = &msg, .n = sizeof(msg) });
    if (rc == ION_OK) {
        rc = send_blobs(kid, b);
    }
    if (rc == ION_OK) {
        rc = send_sockets(kid, b);
    }
    if (rc == ION_OK) {
        rc = ion_chan_send(kid->chan, ION_MSG_CYCLE_END, 0,
            &(ion_chan_body_t){ .p = &msg, .n = sizeof(msg) });
    }
    if (rc != ION_OK && rc != ION_CLOSED) {
        master_kid_kill(kid, "cannot be handed its configuration");
        return;
    }
    master_watch_kid(kid);
}
