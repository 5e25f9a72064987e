/*
 * admin_client_keeper.c -- one client of the control socket.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A message that is not one of the protocol's ends its client, with one line
 * in the log, and never anything more.  One request is answered per turn, so
 * that a client that asks a thousand things at once delays nobody.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "admin/admin_keeper_int.h"
#include "admin/admin_reply.h"
#include "base/assert.h"

static void
set_limit(admin_client_t *c, uint64_t ms)
{
    ion_loop_t *loop = c->keeper->process->loop;

    ion_timer_set(loop, &c->limit, ion_loop_now(loop) + ION_MS(ms));
}

static void
on_reap(ion_reap_t *reap)
{
    free(ION_CONTAINER_OF(reap, admin_client_t, reap));
}

void
admin_client_close_keeper(admin_client_t *c)
{
    admin_keeper_t *k = c->keeper;
    ion_loop_t *loop = k->process->loop;

    if (c->state == ADMIN_CLIENT_CLOSED) {
        return;
    }
    admin_command_forget_keeper(c);
    admin_kick_forget_keeper(c);
    c->state = ADMIN_CLIENT_CLOSED;
    ion_io_del(loop, &c->io);
    ion_timer_cancel(loop, &c->limit);
    ion_task_cancel(&c->step);
    ion_outbuf_drop(ion_loop_pool(loop), &c->out);
    (void)close(c->io.fd); /* all that had to be sent was sent */
    ion_list_del(&c->link);
    k->client_count--;
    c->magic = 0;
    ion_loop_reap(loop, &c->reap, on_reap);
    admin_client_gone_keeper(k);
}

/* what was wrong goes to the log; the client just ends */
static void
close_malformed(admin_client_t *c, const char *why)
{
    ion_log_peer(&c->keeper->log, ION_LOG_WARN, 0,
        "control socket: malformed message of pid %d, uid %u, closing: %s",
        (int)c->peer.pid, (unsigned)c->peer.uid, why);
    admin_client_close_keeper(c);
}

static bool
watch(admin_client_t *c, uint32_t events)
{
    if (ion_io_mod(c->keeper->process->loop, &c->io, events) == ION_OK) {
        return true;
    }
    ion_log(&c->keeper->log, ION_LOG_WARN, errno,
        "control socket: cannot watch a client, closing");
    admin_client_close_keeper(c);
    return false;
}

ion_err_t
admin_client_send_keeper(
    admin_client_t *c, admin_frame_type_t type, ion_str_t payload)
{
    ion_bufpool_t *pool = ion_loop_pool(c->keeper->process->loop);
    admin_header_t header = { type, (uint32_t)payload.len, c->req };
    uint8_t head[ADMIN_HEADER_LEN];
    ion_err_t rc;

    if (payload.len > ADMIN_MAX_PAYLOAD) {
        return ION_LIMIT;
    }
    admin_header_put(head, &header);
    rc = ion_outbuf_add(pool, &c->out, head, sizeof(head));
    if (rc == ION_OK) {
        rc = ion_outbuf_add(pool, &c->out, payload.p, payload.len);
    }
    return rc;
}

void
admin_client_reply_keeper(admin_client_t *c, const ion_sb_t *sb)
{
    c->state = ADMIN_CLIENT_REPLYING;
    if (sb->failed || admin_client_send_keeper(
                          c, ADMIN_FRAME_REPLY, ion_sb_str(sb)) != ION_OK)
    {
        ion_log(&c->keeper->log, ION_LOG_WARN, 0,
            "control socket: no memory for a reply, closing");
        admin_client_close_keeper(c);
    }
}

void
admin_client_error_keeper(
    admin_client_t *c, const char *error, const char *lines)
{
    ion_sb_t sb;

    ion_sb_init(&sb, ADMIN_MAX_PAYLOAD);
    admin_reply_error(&sb, error, lines);
    admin_client_reply_keeper(c, &sb);
    ion_sb_fini(&sb);
}

/* one complete frame of c->in, header included; 0 = not there yet */
static size_t
complete_frame(admin_client_t *c, admin_header_t *header)
{
    ion_err_t rc = admin_header_parse(c->in, c->in_len, header);

    if (rc == ION_AGAIN) {
        return 0;
    }
    if (rc != ION_OK) {
        close_malformed(c, ion_strerror(rc));
        return 0;
    }
    if (header->type != ADMIN_FRAME_REQUEST) {
        close_malformed(c, "not a request");
        return 0;
    }
    if (header->len > ADMIN_REQUEST_MAX) {
        close_malformed(c, "request too long");
        return 0;
    }
    return c->in_len >= ADMIN_HEADER_LEN + header->len
               ? ADMIN_HEADER_LEN + (size_t)header->len
               : 0;
}

static void
run_request(admin_client_t *c, const admin_header_t *header)
{
    ion_arena_t *arena = NULL;
    ion_str_t payload = { (const char *)c->in + ADMIN_HEADER_LEN, header->len };
    admin_request_t request;
    ion_errtext_t why = { "no memory" };
    ion_err_t rc = ion_arena_new(ADMIN_REQUEST_ARENA, &arena);

    if (rc == ION_OK) {
        rc = admin_request_parse(arena, payload, &request, &why);
    }
    if (rc == ION_OK) {
        c->req = header->req;
        admin_command_run_keeper(c, &request);
    } else {
        close_malformed(c, why.msg);
    }
    ion_arena_free(&arena);
}

/* answers the request that is complete in the buffer, if there is one */
static void
take_request(admin_client_t *c)
{
    admin_header_t header;
    size_t n = complete_frame(c, &header);

    ion_task_cancel(&c->step);
    if (n == 0) {
        if (c->state == ADMIN_CLIENT_READING && c->at_end) {
            admin_client_close_keeper(c);
        }
        return;
    }
    ion_timer_cancel(c->keeper->process->loop, &c->limit);
    run_request(c, &header);
    if (c->state != ADMIN_CLIENT_CLOSED) {
        c->in_len -= n;
        memmove(c->in, c->in + n, c->in_len);
    }
}

/* a reply is out: the next request, or the end */
static void
begin_reading(admin_client_t *c)
{
    if (c->keeper->is_draining) {
        admin_client_close_keeper(c);
        return;
    }
    c->state = ADMIN_CLIENT_READING;
    set_limit(c, c->in_len > 0 ? ADMIN_REQUEST_MS : ADMIN_IDLE_MS);
    if (c->in_len > 0 || c->at_end) {
        ion_loop_defer(c->keeper->process->loop, &c->step);
    }
    (void)watch(c, c->at_end ? ION_IO_HUP : ION_IO_READ);
}

/* sends; true when nothing is left to be sent */
static bool
flush(admin_client_t *c)
{
    ion_bufpool_t *pool = ion_loop_pool(c->keeper->process->loop);
    size_t before = ion_outbuf_len(&c->out);
    ion_err_t rc = ion_outbuf_send(pool, &c->out, c->io.fd);

    if (rc == ION_OK) {
        return true;
    }
    if (rc != ION_AGAIN) {
        admin_client_close_keeper(c);
        return false;
    }
    if (!c->limit.is_set || ion_outbuf_len(&c->out) < before) {
        set_limit(c, ADMIN_WRITE_MS);
    }
    (void)watch(c, ION_IO_WRITE);
    return false;
}

void
admin_client_go_on_keeper(admin_client_t *c)
{
    if (c->state == ADMIN_CLIENT_CLOSED || !flush(c)) {
        return;
    }
    ion_timer_cancel(c->keeper->process->loop, &c->limit);
    switch (c->state) {
    case ADMIN_CLIENT_REPLYING:
        begin_reading(c);
        break;
    case ADMIN_CLIENT_LISTING:
        ion_loop_defer(c->keeper->process->loop, &c->step);
        (void)watch(c, ION_IO_HUP);
        break;
    case ADMIN_CLIENT_WAITING:
        (void)watch(c, ION_IO_HUP);
        break;
    case ADMIN_CLIENT_READING:
    case ADMIN_CLIENT_CLOSED:
        break;
    }
}

static void
on_step(ion_task_t *task)
{
    admin_client_t *c = ION_CONTAINER_OF(task, admin_client_t, step);

    if (c->state == ADMIN_CLIENT_READING) {
        take_request(c);
    } else if (c->state == ADMIN_CLIENT_LISTING) {
        admin_command_piece_keeper(c);
    }
    if (c->state != ADMIN_CLIENT_READING) {
        admin_client_go_on_keeper(c);
    }
}

static void
read_more(admin_client_t *c)
{
    ssize_t n = recv(c->io.fd, c->in + c->in_len, sizeof(c->in) - c->in_len, 0);

    if (n < 0) {
        if (errno != EAGAIN && errno != EINTR) {
            admin_client_close_keeper(c);
        }
        return;
    }
    if (n == 0) {
        c->at_end = true;
    } else if (c->in_len == 0) {
        set_limit(c, ADMIN_REQUEST_MS);
    }
    c->in_len += (size_t)n;
    take_request(c);
    if (c->state != ADMIN_CLIENT_READING) {
        admin_client_go_on_keeper(c);
    }
}

static void
on_ready(ion_io_t *io, uint32_t events)
{
    admin_client_t *c = ION_CONTAINER_OF(io, admin_client_t, io);

    ION_ASSERT(c->magic == ADMIN_CLIENT_MAGIC);
    if (c->state == ADMIN_CLIENT_READING) {
        if ((events & ION_IO_READ) != 0) {
            read_more(c);
        } else {
            admin_client_close_keeper(c);
        }
    } else if ((events & ION_IO_HUP) != 0) {
        admin_client_close_keeper(c);
    } else {
        admin_client_go_on_keeper(c);
    }
}

static void
on_limit(ion_timer_t *timer)
{
    admin_client_t *c = ION_CONTAINER_OF(timer, admin_client_t, limit);

    if (c->state != ADMIN_CLIENT_READING || c->in_len > 0) {
        ion_log_peer(&c->keeper->log, ION_LOG_WARN, 0,
            "control socket: pid %d, uid %u is too slow, closing",
            (int)c->peer.pid, (unsigned)c->peer.uid);
    }
    admin_client_close_keeper(c);
}

void
admin_client_open_keeper(admin_keeper_t *k, int fd, const ion_peer_cred_t *peer)
{
    admin_client_t *c = calloc(1, sizeof(*c));

    if (c == NULL) {
        ion_log(&k->log, ION_LOG_WARN, 0,
            "control socket: no memory for a client, closing");
        (void)close(fd); /* nothing was written */
        return;
    }
    c->magic = ADMIN_CLIENT_MAGIC;
    c->state = ADMIN_CLIENT_READING;
    c->keeper = k;
    c->peer = *peer;
    ion_io_init(&c->io, fd, on_ready);
    ion_timer_init(&c->limit, on_limit);
    ion_task_init(&c->step, on_step);
    ion_list_add_tail(&k->clients, &c->link);
    k->client_count++;
    if (ion_io_add(k->process->loop, &c->io, ION_IO_READ) != ION_OK) {
        ion_log(&k->log, ION_LOG_WARN, errno,
            "control socket: cannot watch a client, closing");
        admin_client_close_keeper(c);
        return;
    }
    set_limit(c, ADMIN_REQUEST_MS);
}
