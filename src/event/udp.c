/*
 * event/udp.c -- recvmmsg and sendmmsg with the local address kept.
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A reply is sent to the raw socket address its request came from, with the
 * packet info of the request: ipi_spec_dst is the local address it came to.
 * The interface is left to routing, but for link-local addresses. A socket
 * that is bound to one address has no choice of another, and is spared the
 * packet info.
 */
#include "event/udp.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/assert.h"

#define CONTROL_LEN CMSG_SPACE(sizeof(struct in6_pktinfo))

/* One place of the batch, used for the request and for its reply. */
typedef struct udp_slot {
    struct sockaddr_storage peer;
    uint8_t data[ION_UDP_MAX];
    uint8_t reply[ION_UDP_REPLY_MAX];
    _Alignas(struct cmsghdr) uint8_t control_in[2 * CONTROL_LEN];
    _Alignas(struct cmsghdr) uint8_t control_out[CONTROL_LEN];
    struct iovec iov_in;
    struct iovec iov_out;
    bool has_reply;
} udp_slot_t;

struct ion_udp {
    int fd;
    bool has_info; /* bound to every address: datagrams come with theirs */
    size_t count;  /* datagrams of the last batch */
    size_t queued;
    udp_slot_t slots[ION_UDP_BATCH];
    ion_udp_msg_t msgs[ION_UDP_BATCH];
    struct mmsghdr in[ION_UDP_BATCH];
    struct mmsghdr out[ION_UDP_BATCH];
};

static ion_err_t
ask_packet_info(int fd)
{
    int domain = 0;
    int on = 1;
    socklen_t len = sizeof(domain);
    if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) != 0) {
        return ION_SYS;
    }
    if (domain == AF_INET6 &&
        setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on)) != 0)
    {
        return ION_SYS;
    }
    if (domain == AF_INET &&
        setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on)) != 0)
    {
        return ION_SYS;
    }
    return ION_OK;
}

static ion_err_t
is_bound_to_any(int fd, bool *out)
{
    struct sockaddr_storage ss;
    socklen_t len = sizeof(ss);
    ion_addr_t bound;
    if (getsockname(fd, (struct sockaddr *)&ss, &len) != 0) {
        return ION_SYS;
    }
    ion_err_t rc = ion_addr_from_sockaddr(
        (const struct sockaddr *)(const void *)&ss, len, &bound);
    *out = rc != ION_OK || ion_addr_is_any(&bound);
    return ION_OK;
}

ion_err_t
ion_udp_new(int fd, ion_udp_t **out)
{
    bool has_info = false;
    ion_err_t rc = is_bound_to_any(fd, &has_info);
    if (rc == ION_OK && has_info) {
        rc = ask_packet_info(fd);
    }
    if (rc != ION_OK) {
        return rc;
    }
    ion_udp_t *u = calloc(1, sizeof(*u));
    if (u == NULL) {
        return ION_NOMEM;
    }
    u->fd = fd;
    u->has_info = has_info;
    *out = u;
    return ION_OK;
}

void
ion_udp_free(ion_udp_t **u)
{
    free(*u);
    *u = NULL;
}

static void
prepare_batch(ion_udp_t *u)
{
    for (size_t i = 0; i < ION_UDP_BATCH; i++) {
        udp_slot_t *slot = &u->slots[i];
        struct msghdr *m = &u->in[i].msg_hdr;
        slot->has_reply = false;
        slot->iov_in.iov_base = slot->data;
        slot->iov_in.iov_len = sizeof(slot->data);
        *m = (struct msghdr){
            .msg_name = &slot->peer,
            .msg_namelen = sizeof(slot->peer),
            .msg_iov = &slot->iov_in,
            .msg_iovlen = 1,
            .msg_control = u->has_info ? slot->control_in : NULL,
            .msg_controllen = u->has_info ? sizeof(slot->control_in) : 0,
        };
    }
}

ion_err_t
ion_udp_recv(ion_udp_t *u, const ion_udp_msg_t **msgs, size_t *n)
{
    int got = 0;
    prepare_batch(u);
    u->count = 0;
    u->queued = 0;
    do {
        got = recvmmsg(u->fd, u->in, ION_UDP_BATCH, MSG_DONTWAIT, NULL);
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
        return errno == EAGAIN ? ION_AGAIN : ION_SYS;
    }
    for (size_t i = 0; i < (size_t)got; i++) {
        const struct msghdr *m = &u->in[i].msg_hdr;
        u->msgs[i] = (ion_udp_msg_t){
            .data = u->slots[i].data,
            .len = u->in[i].msg_len,
            .is_cut = (m->msg_flags & MSG_TRUNC) != 0,
        };
        /* another family cannot come to this socket; it stays "no host" */
        ION_IGNORE(ion_addr_from_sockaddr(
            (const struct sockaddr *)(const void *)&u->slots[i].peer,
            m->msg_namelen, &u->msgs[i].peer));
    }
    u->count = (size_t)got;
    *msgs = u->msgs;
    *n = u->count;
    return u->count == 0 ? ION_AGAIN : ION_OK;
}

static void
put_control(struct msghdr *out, int level, int type, const void *p, size_t n)
{
    struct cmsghdr *c = out->msg_control;
    memset(c, 0, CMSG_SPACE(n));
    c->cmsg_level = level;
    c->cmsg_type = type;
    c->cmsg_len = CMSG_LEN(n);
    memcpy(CMSG_DATA(c), p, n);
    out->msg_controllen = CMSG_SPACE(n);
}

/* The packet info of the request as the only control message of the reply. */
static void
use_packet_info(struct msghdr *in, struct msghdr *out, udp_slot_t *slot)
{
    out->msg_control = slot->control_out;
    out->msg_controllen = 0;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(in); c != NULL;
         c = CMSG_NXTHDR(in, c)) {
        if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
            struct in_pktinfo info;
            memcpy(&info, CMSG_DATA(c), sizeof(info));
            info.ipi_ifindex = 0;
            put_control(out, IPPROTO_IP, IP_PKTINFO, &info, sizeof(info));
            return;
        }
        if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
            struct in6_pktinfo info;
            memcpy(&info, CMSG_DATA(c), sizeof(info));
            if (!IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr)) {
                info.ipi6_ifindex = 0;
            }
            put_control(out, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof(info));
            return;
        }
    }
    out->msg_control = NULL;
}

ion_err_t
ion_udp_reply(ion_udp_t *u, size_t index, const void *p, size_t n)
{
    if (index >= u->count || u->slots[index].has_reply) {
        return ION_RANGE;
    }
    if (n > ION_UDP_REPLY_MAX) {
        return ION_LIMIT;
    }
    udp_slot_t *slot = &u->slots[index];
    struct msghdr *in = &u->in[index].msg_hdr;
    struct msghdr *out = &u->out[u->queued].msg_hdr;
    memcpy(slot->reply, p, n);
    slot->iov_out.iov_base = slot->reply;
    slot->iov_out.iov_len = n;
    *out = (struct msghdr){
        .msg_name = &slot->peer,
        .msg_namelen = in->msg_namelen,
        .msg_iov = &slot->iov_out,
        .msg_iovlen = 1,
    };
    if (u->has_info) {
        use_packet_info(in, out, slot);
    }
    slot->has_reply = true;
    u->queued++;
    return ION_OK;
}

void
ion_udp_send(ion_udp_t *u, size_t *sent, size_t *failed)
{
    size_t done = 0;
    *sent = 0;
    *failed = 0;
    while (done < u->queued) {
        int r = sendmmsg(u->fd, u->out + done, (unsigned)(u->queued - done),
            MSG_DONTWAIT | MSG_NOSIGNAL);
        if (r > 0) {
            done += (size_t)r;
            *sent += (size_t)r;
        } else if (r == 0 || errno != EINTR) {
            /* the error belongs to the first datagram not sent */
            done++;
            (*failed)++;
        }
    }
    u->queued = 0;
}
