/*
 * admin_keeper.c -- the control socket: who may come in, and how many.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The file's mode decides who can connect; the kernel's word about the peer
 * decides who may stay: root, the user the daemon belongs to, and, with a
 * control_group, whoever the mode let in.  The service user is refused when it
 * is another than the owner: a worker that was taken over must not become an
 * administrator.
 */
#include "admin/admin_keeper.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "admin/admin_keeper_int.h"
#include "admin/admin_reply.h"
#include "base/assert.h"
#include "core/settings.h"

enum {
    ACCEPTS_PER_TURN = 16,
    PAUSE_MS = 1000, /* after running out of descriptors */
};

static admin_keeper_t *
keeper_of(ion_process_t *p, uint32_t self)
{
    return ION_OBJ_CAST(
        admin_keeper_t, p->module_data[self], ADMIN_KEEPER_MAGIC);
}

/* accepting is on exactly when there is room, time and a reason */
static void
watch(admin_keeper_t *k)
{
    bool on = !k->is_draining && !k->pause.is_set &&
              k->client_count < ADMIN_CLIENTS_MAX;

    if (ion_io_mod(k->process->loop, &k->io, on ? ION_IO_READ : 0) != ION_OK) {
        ion_log(
            &k->log, ION_LOG_ALERT, errno, "cannot watch the control socket");
    }
}

static bool
may_administer(const admin_keeper_t *k, const ion_peer_cred_t *peer)
{
    if (peer->uid == 0 || peer->uid == k->owner) {
        return true;
    }
    if (peer->uid == geteuid()) {
        return false;
    }
    return ion_cycle_settings(k->process->cycle)->control_group[0] != '\0';
}

/* says why, as far as one write goes */
static void
refuse_client(admin_keeper_t *k, int fd, const ion_peer_cred_t *peer)
{
    uint8_t head[ADMIN_HEADER_LEN];
    struct iovec iov[2] = { { head, sizeof(head) }, { NULL, 0 } };
    struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };
    admin_header_t header = { ADMIN_FRAME_REPLY, 0, 0 };
    ion_sb_t sb;

    ion_log_peer(&k->log, ION_LOG_WARN, 0,
        "control socket: refused uid %u, pid %d", (unsigned)peer->uid,
        (int)peer->pid);
    ion_sb_init(&sb, ADMIN_MAX_PAYLOAD);
    admin_reply_error(&sb,
        "permission denied: only root, the daemon's owner and members of "
        "control_group may administer it",
        "");
    if (!sb.failed) {
        header.len = (uint32_t)sb.len;
        admin_header_put(head, &header);
        iov[1].iov_base = sb.p;
        iov[1].iov_len = sb.len;
        if (sendmsg(fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
            ion_log(&k->log, ION_LOG_DEBUG, errno,
                "control socket: a refused client did not wait");
        }
    }
    ion_sb_fini(&sb);
    (void)close(fd); /* there is nothing to lose */
}

static void
take_client(admin_keeper_t *k, int fd)
{
    ion_peer_cred_t peer;

    if (ion_unix_peer_cred(fd, &peer) != ION_OK) {
        ion_log_peer(&k->log, ION_LOG_WARN, errno,
            "control socket: cannot tell who connects, closing");
        (void)close(fd); /* nothing was written */
        return;
    }
    if (!may_administer(k, &peer)) {
        refuse_client(k, fd, &peer);
        return;
    }
    admin_client_open_keeper(k, fd, &peer);
}

static void
on_connect(ion_io_t *io, uint32_t events)
{
    admin_keeper_t *k = ION_CONTAINER_OF(io, admin_keeper_t, io);

    (void)events;
    for (int n = 0; n < ACCEPTS_PER_TURN && k->client_count < ADMIN_CLIENTS_MAX;
         n++)
    {
        int fd;
        ion_err_t rc = ion_unix_accept(k->io.fd, &fd);

        if (rc == ION_OK) {
            take_client(k, fd);
        } else if (rc == ION_LIMIT) {
            ion_log(&k->log, ION_LOG_WARN, errno,
                "control socket: cannot accept, pausing");
            ion_timer_set(k->process->loop, &k->pause,
                ion_loop_now(k->process->loop) + ION_MS(PAUSE_MS));
            break;
        } else if (rc != ION_CLOSED) {
            break;
        }
    }
    watch(k);
}

static void
on_pause_over(ion_timer_t *timer)
{
    watch(ION_CONTAINER_OF(timer, admin_keeper_t, pause));
}

static const ion_socket_t *
find_socket(const ion_cycle_t *cycle)
{
    for (size_t i = 0; i < cycle->socket_count; i++) {
        if (cycle->sockets[i].kind == ION_SOCKET_UNIX &&
            cycle->sockets[i].fd >= 0) {
            return &cycle->sockets[i];
        }
    }
    return NULL;
}

ion_err_t
admin_keeper_start(ion_process_t *p, uint32_t self, ion_errtext_t *err)
{
    const ion_socket_t *s = find_socket(p->cycle);
    admin_keeper_t *k;
    ion_peer_cred_t maker;
    ion_err_t rc;

    if (s == NULL) {
        ion_errtext_set(err, "the keeper was given no control socket");
        return ION_NOTFOUND;
    }
    /* of a listening socket: the process that called listen */
    rc = ion_unix_peer_cred(s->fd, &maker);
    k = rc == ION_OK ? calloc(1, sizeof(*k)) : NULL;
    if (k == NULL) {
        rc = rc == ION_OK ? ION_NOMEM : rc;
        ion_errtext_set(err, "control socket: %s", ion_strerror(rc));
        return rc;
    }
    k->magic = ADMIN_KEEPER_MAGIC;
    k->self = self;
    k->process = p;
    k->log = (ion_log_t){
        .sink = p->log->sink, .parent = p->log, .subsystem = "admin"
    };
    k->owner = maker.uid;
    ion_list_init(&k->clients);
    ion_list_init(&k->ops);
    ion_list_init(&k->kicks);
    ion_timer_init(&k->pause, on_pause_over);
    ion_io_init(&k->io, s->fd, on_connect);
    rc = ion_io_add(p->loop, &k->io, ION_IO_READ);
    if (rc != ION_OK) {
        ion_errtext_set(err, "control socket: %s", strerror(errno));
        free(k);
        return rc;
    }
    p->module_data[self] = k;
    return ION_OK;
}

static void
look_idle(admin_keeper_t *k)
{
    if (k->is_draining && !k->is_idle && k->client_count == 0) {
        k->is_idle = true;
        k->process->idle(k->process, k->self);
    }
}

void
admin_client_gone_keeper(admin_keeper_t *k)
{
    if (!k->is_draining) {
        watch(k);
    }
    look_idle(k);
}

void
admin_keeper_drain(ion_process_t *p, uint32_t self)
{
    admin_keeper_t *k = keeper_of(p, self);

    k->is_draining = true;
    ion_timer_cancel(p->loop, &k->pause);
    ion_io_del(p->loop, &k->io);
    ION_LIST_FOREACH_SAFE(it, tmp, &k->clients) {
        admin_client_t *c = ION_CONTAINER_OF(it, admin_client_t, link);

        if (c->state == ADMIN_CLIENT_READING) {
            admin_client_close_keeper(c);
        }
    }
    look_idle(k);
}

void
admin_keeper_stop(ion_process_t *p, uint32_t self)
{
    admin_keeper_t *k = p->module_data[self];

    if (k == NULL) {
        return; /* start had failed */
    }
    k->is_draining = true;
    k->is_idle = true;
    ion_timer_cancel(p->loop, &k->pause);
    ion_io_del(p->loop, &k->io);
    ION_LIST_FOREACH_SAFE(it, tmp, &k->clients) {
        admin_client_close_keeper(ION_CONTAINER_OF(it, admin_client_t, link));
    }
    admin_command_leave_ops_keeper(k);
    admin_kick_stop_keeper(k);
    p->module_data[self] = NULL;
    k->magic = 0;
    free(k);
}
