/*
 * chan.c -- typed messages with descriptors between our own processes.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The order of messages is the order of sends: once one waits, all later ones
 * wait behind it.
 */
#include "os/chan.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/list.h"
#include "os/fd.h"

#define CHAN_MAGIC 0x6368616eu

typedef struct {
    uint16_t type;
    uint16_t version;
    uint32_t len;
    uint64_t req;
} header_t;

ION_STATIC_ASSERT(sizeof(header_t) == 16, "the header has no holes");

/* A message that waits for the kernel. */
typedef struct {
    ion_list_t link;
    header_t header;
    size_t fd_count;
    int fds[ION_CHAN_MAX_FDS]; /* owned */
    uint8_t data[];
} waiting_t;

struct ion_chan {
    uint32_t magic;
    uint32_t peer;
    int fd;
    const ion_chan_rule_t *rules;
    ion_list_t queue; /* of waiting_t */
    size_t queued_bytes;
    size_t queued_msgs;
    size_t queued_fds;
    /* one byte more than a message may have, so that a longer one shows */
    _Alignas(16) uint8_t in[sizeof(header_t) + ION_CHAN_MAX_PAYLOAD + 1];
};

ion_err_t
ion_chan_pair(int fds[2])
{
    int type = SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK;

    return socketpair(AF_UNIX, type, 0, fds) == 0 ? ION_OK : ION_SYS;
}

ion_err_t
ion_chan_new(
    int fd, const ion_chan_rule_t *rules, uint32_t peer_role, ion_chan_t **out)
{
    int type = 0;
    socklen_t len = sizeof(type);
    ion_chan_t *c;

    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) != 0 ||
        type != SOCK_SEQPACKET)
    {
        ion_fd_close(&fd);
        return ION_UNSUPPORTED;
    }
    c = malloc(sizeof(*c));
    if (c == NULL) {
        ion_fd_close(&fd);
        return ION_NOMEM;
    }
    c->magic = CHAN_MAGIC;
    c->peer = peer_role;
    c->fd = fd;
    c->rules = rules;
    ion_list_init(&c->queue);
    c->queued_bytes = 0;
    c->queued_msgs = 0;
    c->queued_fds = 0;
    *out = c;
    return ION_OK;
}

static void
drop_waiting(ion_chan_t *c, waiting_t *w)
{
    ion_list_del(&w->link);
    c->queued_bytes -= w->header.len;
    c->queued_msgs -= 1;
    c->queued_fds -= w->fd_count;
    for (size_t i = 0; i < w->fd_count; i++) {
        ion_fd_close(&w->fds[i]);
    }
    free(w);
}

void
ion_chan_free(ion_chan_t **cp)
{
    ion_chan_t *c = *cp;

    *cp = NULL;
    if (c == NULL) {
        return;
    }
    ION_LIST_FOREACH_SAFE(it, tmp, &c->queue) {
        drop_waiting(c, ION_CONTAINER_OF(it, waiting_t, link));
    }
    ion_fd_close(&c->fd);
    c->magic = 0;
    free(c);
}

int
ion_chan_fd(const ion_chan_t *c)
{
    return c->fd;
}

bool
ion_chan_has_unsent(const ion_chan_t *c)
{
    return c->queued_msgs != 0;
}

static const ion_chan_rule_t *
find_rule(const ion_chan_t *c, uint16_t type)
{
    for (const ion_chan_rule_t *r = c->rules; r->name != NULL; r++) {
        if (r->type == type) {
            return r;
        }
    }
    return NULL;
}

static bool
fits(const ion_chan_rule_t *r, size_t len, size_t fd_count)
{
    return len >= r->min_len && len <= r->max_len && fd_count >= r->min_fds &&
           fd_count <= r->max_fds;
}

/* One sendmsg; ION_AGAIN when the kernel has no room now. */
static ion_err_t
send_now(int fd, const header_t *h, const ion_chan_body_t *body)
{
    union {
        struct cmsghdr head;
        char space[CMSG_SPACE(sizeof(int) * ION_CHAN_MAX_FDS)];
    } control;
    struct iovec iov[2] = {
        { .iov_base = (void *)(uintptr_t)h, .iov_len = sizeof(*h) },
        { .iov_base = (void *)(uintptr_t)body->p, .iov_len = body->n },
    };
    struct msghdr msg = { .msg_iov = iov, .msg_iovlen = body->n > 0 ? 2 : 1 };
    size_t fds_len = sizeof(int) * body->fd_count;

    if (body->fd_count > 0) {
        memset(&control, 0, sizeof(control));
        control.head.cmsg_level = SOL_SOCKET;
        control.head.cmsg_type = SCM_RIGHTS;
        control.head.cmsg_len = CMSG_LEN(fds_len);
        memcpy(CMSG_DATA(&control.head), body->fds, fds_len);
        msg.msg_control = control.space;
        msg.msg_controllen = CMSG_SPACE(fds_len);
    }
    if (sendmsg(fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) {
        return ION_OK;
    }
    switch (errno) {
    case EAGAIN:
    case EINTR:
    case ENOBUFS:
        return ION_AGAIN;
    case EPIPE:
    case ECONNRESET:
    case ENOTCONN:
        return ION_CLOSED;
    default:
        return ION_SYS;
    }
}

/* Keep a message for later, with descriptors of its own. */
static ion_err_t
enqueue(ion_chan_t *c, const header_t *h, const ion_chan_body_t *body)
{
    waiting_t *w = malloc(sizeof(*w) + body->n);

    if (w == NULL) {
        return ION_NOMEM;
    }
    w->header = *h;
    w->fd_count = 0;
    ion_list_add_tail(&c->queue, &w->link);
    c->queued_bytes += h->len;
    c->queued_msgs += 1;
    if (body->n > 0) {
        memcpy(w->data, body->p, body->n);
    }
    for (size_t i = 0; i < body->fd_count; i++) {
        int copy = fcntl(body->fds[i], F_DUPFD_CLOEXEC, 3);

        if (copy < 0) {
            drop_waiting(c, w);
            return ION_SYS;
        }
        w->fds[w->fd_count++] = copy;
        c->queued_fds += 1;
    }
    return ION_OK;
}

ion_err_t
ion_chan_send(
    ion_chan_t *c, uint16_t type, uint64_t req, const ion_chan_body_t *body)
{
    static const ion_chan_body_t empty = { .p = NULL };
    const ion_chan_rule_t *rule = find_rule(c, type);
    header_t h = { .type = type, .version = ION_CHAN_VERSION, .req = req };
    ion_err_t rc;

    body = body == NULL ? &empty : body;
    ION_ASSERT(rule != NULL);
    ION_ASSERT(
        body->n <= ION_CHAN_MAX_PAYLOAD && body->fd_count <= ION_CHAN_MAX_FDS);
    ION_ASSERT(fits(rule, body->n, body->fd_count));
    h.len = (uint32_t)body->n;
    if (c->queued_msgs == 0) {
        rc = send_now(c->fd, &h, body);
        if (rc != ION_AGAIN) {
            return rc;
        }
    }
    if (c->queued_msgs >= ION_CHAN_MAX_QUEUED_MSGS ||
        c->queued_bytes + body->n > ION_CHAN_MAX_QUEUED ||
        c->queued_fds + body->fd_count > ION_CHAN_MAX_QUEUED_FDS)
    {
        return ION_LIMIT;
    }
    return enqueue(c, &h, body);
}

ion_err_t
ion_chan_flush(ion_chan_t *c)
{
    ION_LIST_FOREACH_SAFE(it, tmp, &c->queue) {
        waiting_t *w = ION_CONTAINER_OF(it, waiting_t, link);
        const ion_chan_body_t body = { w->data, w->header.len, w->fds,
            w->fd_count };
        ion_err_t rc = send_now(c->fd, &w->header, &body);

        if (rc != ION_OK) {
            return rc;
        }
        drop_waiting(c, w);
    }
    return ION_OK;
}

/* Collect the descriptors of a received message, however many there are. */
static void
take_fds(struct msghdr *msg, ion_chan_msg_t *out)
{
    for (struct cmsghdr *cm = CMSG_FIRSTHDR(msg); cm != NULL;
         cm = CMSG_NXTHDR(msg, cm))
    {
        size_t n;

        if (cm->cmsg_level != SOL_SOCKET || cm->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        n = (cm->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < n; i++) {
            int fd;

            memcpy(&fd, CMSG_DATA(cm) + i * sizeof(int), sizeof(int));
            if (out->fd_count < ION_CHAN_MAX_FDS) {
                out->fds[out->fd_count++] = fd;
            } else {
                ion_fd_close(&fd);
            }
        }
    }
}

/* The table's verdict on a received message. */
static ion_err_t
check(
    ion_chan_t *c, size_t n, int flags, ion_chan_msg_t *msg, ion_errtext_t *why)
{
    header_t h;

    if ((flags & MSG_CTRUNC) != 0) {
        ion_errtext_set(why, "descriptors were lost on the way");
        return ION_MALF;
    }
    if (n < sizeof(h) || (flags & MSG_TRUNC) != 0) {
        ion_errtext_set(why, "a message of %zu bytes%s", n,
            n < sizeof(h) ? " has no header" : " or more is too long");
        return ION_MALF;
    }
    memcpy(&h, c->in, sizeof(h));
    if (h.version != ION_CHAN_VERSION) {
        ion_errtext_set(
            why, "message version %u, not %u", h.version, ION_CHAN_VERSION);
        return ION_MALF;
    }
    if (h.len != n - sizeof(h)) {
        ion_errtext_set(why, "message type %u says %u bytes and has %zu",
            h.type, h.len, n - sizeof(h));
        return ION_MALF;
    }
    msg->rule = find_rule(c, h.type);
    if (msg->rule == NULL) {
        ion_errtext_set(why, "message type %u is unknown", h.type);
        return ION_MALF;
    }
    if ((msg->rule->from & c->peer) == 0) {
        ion_errtext_set(
            why, "message %s may not come from there", msg->rule->name);
        return ION_MALF;
    }
    if (!fits(msg->rule, h.len, msg->fd_count)) {
        ion_errtext_set(why,
            "message %s with %u bytes and %zu descriptors, allowed are %u-%u "
            "and %u-%u",
            msg->rule->name, h.len, msg->fd_count, msg->rule->min_len,
            msg->rule->max_len, msg->rule->min_fds, msg->rule->max_fds);
        return ION_MALF;
    }
    msg->req = h.req;
    msg->data = c->in + sizeof(h);
    msg->len = h.len;
    return ION_OK;
}

ion_err_t
ion_chan_recv(ion_chan_t *c, ion_chan_msg_t *msg, ion_errtext_t *why)
{
    union {
        struct cmsghdr head;
        char space[CMSG_SPACE(sizeof(int) * ION_CHAN_MAX_FDS)];
    } control;
    struct iovec iov = { .iov_base = c->in, .iov_len = sizeof(c->in) };
    struct msghdr mh = {
        .msg_iov = &iov,
        .msg_iovlen = 1,
        .msg_control = control.space,
        .msg_controllen = sizeof(control.space),
    };
    ssize_t n = recvmsg(c->fd, &mh, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    ion_err_t rc;

    memset(msg, 0, sizeof(*msg));
    if (n == 0) {
        return ION_CLOSED;
    }
    if (n < 0) {
        if (errno == EAGAIN || errno == EINTR) {
            return ION_AGAIN;
        }
        return errno == ECONNRESET ? ION_CLOSED : ION_SYS;
    }
    take_fds(&mh, msg);
    rc = check(c, (size_t)n, mh.msg_flags, msg, why);
    if (rc != ION_OK) {
        ion_chan_msg_done(msg);
    }
    return rc;
}

int
ion_chan_take_fd(ion_chan_msg_t *msg, size_t i)
{
    int fd;

    ION_ASSERT(i < msg->fd_count);
    fd = msg->fds[i];
    msg->fds[i] = -1;
    return fd;
}

void
ion_chan_msg_done(ion_chan_msg_t *msg)
{
    for (size_t i = 0; i < msg->fd_count; i++) {
        ion_fd_close(&msg->fds[i]);
    }
    msg->fd_count = 0;
}
