/*
 * sock.c -- TCP and UDP sockets: bind, accept, addresses, and good reasons.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * SO_REUSEPORT lets a second instance of the same user slip onto a port
 * without any error and take half of its clients.  So the first socket of a
 * listener asks with an ordinary bind whether the port is free.
 */
#include "os/sock.h"

#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "os/fd.h"

/* What a bind needs to know; family is the kernel's. */
typedef struct {
    struct sockaddr_storage ss;
    socklen_t len;
    int family;
    int type;
    bool reuse_port;
    bool v6_only;
    bool has_no_port; /* UDP: a later bind brings it */
} bind_plan_t;

static bool
set_int(int fd, int level, int name, int value)
{
    return setsockopt(fd, level, name, &value, sizeof(value)) == 0;
}

bool
ion_sock_has_ipv6(void)
{
    struct sockaddr_in6 any = { .sin6_family = AF_INET6 };
    int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool usable =
        fd >= 0 && bind(fd, (const struct sockaddr *)&any, sizeof(any)) == 0;

    /* With disable_ipv6 the wildcard still binds, but no address exists. */
    any.sin6_addr = in6addr_loopback;
    any.sin6_port = htons(9);
    usable =
        usable && connect(fd, (const struct sockaddr *)&any, sizeof(any)) == 0;
    ion_fd_close(&fd);
    return usable;
}

static void
make_plan(bind_plan_t *plan, const ion_addr_t *addr, int type,
    const ion_sock_opts_t *opts)
{
    bool as_v6 =
        addr->family == 6 || (addr->family == 0 && ion_sock_has_ipv6());

    memset(plan, 0, sizeof(*plan));
    plan->len = ion_addr_to_sockaddr(addr, as_v6, &plan->ss);
    plan->family = as_v6 ? AF_INET6 : AF_INET;
    plan->type = type;
    plan->reuse_port = opts->reuse_port;
    plan->v6_only = opts->v6_only;
    plan->has_no_port = opts->is_waiting && type == SOCK_DGRAM;
}

static int
open_and_bind(const bind_plan_t *plan, bool reuse_port)
{
    int fd = socket(plan->family, plan->type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0) {
        return -1;
    }
    if ((plan->type == SOCK_STREAM &&
            !set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1)) ||
        (reuse_port && !set_int(fd, SOL_SOCKET, SO_REUSEPORT, 1)) ||
        (plan->family == AF_INET6 &&
            !set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, plan->v6_only ? 1 : 0)) ||
        (plan->has_no_port &&
            !set_int(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)) ||
        bind(fd, (const struct sockaddr *)&plan->ss, plan->len) != 0)
    {
        ion_fd_close(&fd);
        return -1;
    }
    return fd;
}

/* The errno of a failed socket or bind, as a code and words. */
static ion_err_t
explain(const ion_addr_t *addr, int type, ion_errtext_t *why)
{
    char owner[ION_SOCK_OWNER_LEN];
    char exe[128];
    ssize_t n;
    int saved = errno;

    switch (saved) {
    case EADDRINUSE:
        if (ion_sock_owner(addr, type == SOCK_DGRAM, owner) == ION_OK) {
            ion_errtext_set(why, "address already in use by %s", owner);
        } else {
            ion_errtext_set(why, "address already in use");
        }
        errno = saved;
        return ION_EXISTS;
    case EACCES:
        n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
        exe[n > 0 ? n : 0] = '\0';
        ion_errtext_set(why,
            "no right to port %u: choose one above 1023, or "
            "\"setcap cap_net_bind_service=+ep %s\", or "
            "AmbientCapabilities=CAP_NET_BIND_SERVICE in the unit",
            addr->port, n > 0 ? exe : "ionscale");
        errno = saved;
        return ION_DENIED;
    case EADDRNOTAVAIL:
        ion_errtext_set(why, "not an address of this machine");
        return ION_NOTFOUND;
    case EAFNOSUPPORT:
        ion_errtext_set(
            why, "this machine has no IPv%u", addr->family == 6 ? 6u : 4u);
        return ION_UNSUPPORTED;
    default:
        ion_errtext_set(why, "%s", strerror(saved));
        errno = saved;
        return ION_SYS;
    }
}

/* A bound socket, after asking whether the port is free where that matters. */
static ion_err_t
bind_plan(const bind_plan_t *plan, const ion_addr_t *addr, bool check_free,
    int *fd, ion_errtext_t *why)
{
    if (check_free && plan->reuse_port && addr->port != 0) {
        int probe = open_and_bind(plan, false);

        if (probe < 0) {
            return explain(addr, plan->type, why);
        }
        ion_fd_close(&probe);
    }
    *fd = open_and_bind(plan, plan->reuse_port);
    return *fd < 0 ? explain(addr, plan->type, why) : ION_OK;
}

ion_err_t
ion_sock_listen_tcp(const ion_addr_t *addr, const ion_sock_opts_t *opts,
    int *fd, ion_errtext_t *why)
{
    bind_plan_t plan;
    int backlog = opts->backlog > 0 ? opts->backlog : ION_SOCK_BACKLOG;
    int s = -1;
    ion_err_t rc;

    make_plan(&plan, addr, SOCK_STREAM, opts);
    rc = bind_plan(&plan, addr, opts->check_free, &s, why);
    if (rc != ION_OK) {
        return rc;
    }
    if (!set_int(s, IPPROTO_TCP, TCP_USER_TIMEOUT, ION_SOCK_USER_TIMEOUT_MS) ||
        !set_int(s, SOL_SOCKET, SO_KEEPALIVE, 1) ||
        !set_int(s, IPPROTO_TCP, TCP_KEEPIDLE, ION_SOCK_KEEPALIVE_IDLE_S) ||
        !set_int(s, IPPROTO_TCP, TCP_KEEPINTVL, ION_SOCK_KEEPALIVE_STEP_S) ||
        !set_int(s, IPPROTO_TCP, TCP_KEEPCNT, ION_SOCK_KEEPALIVE_PROBES) ||
        (!opts->is_waiting && listen(s, backlog) != 0))
    {
        rc = explain(addr, SOCK_STREAM, why);
        ion_fd_close(&s);
        return rc;
    }
    *fd = s;
    return ION_OK;
}

ion_err_t
ion_sock_serve(int fd, bool is_udp, const ion_addr_t *addr, ion_errtext_t *why)
{
    const ion_sock_opts_t opts = { .reuse_port = true };
    bind_plan_t plan;
    int rc;

    if (is_udp) {
        make_plan(&plan, addr, SOCK_DGRAM, &opts);
        rc = bind(fd, (const struct sockaddr *)&plan.ss, plan.len);
    } else {
        rc = listen(fd, ION_SOCK_BACKLOG);
    }
    return rc == 0 ? ION_OK
                   : explain(addr, is_udp ? SOCK_DGRAM : SOCK_STREAM, why);
}

ion_err_t
ion_sock_bind_udp(const ion_addr_t *addr, const ion_sock_opts_t *opts, int *fd,
    ion_errtext_t *why)
{
    ion_addr_t at = *addr;
    bind_plan_t plan;
    int s = -1;
    ion_err_t rc;

    if (opts->is_waiting) {
        at.port = 0;
    }
    make_plan(&plan, &at, SOCK_DGRAM, opts);
    rc = bind_plan(&plan, addr, opts->check_free, &s, why);
    if (rc != ION_OK) {
        return rc;
    }
    /* A dual-stack socket reports IPv4 requests as IP_PKTINFO only if asked. */
    if (ion_addr_is_any(addr) &&
        (!set_int(s, IPPROTO_IP, IP_PKTINFO, 1) ||
            (plan.family == AF_INET6 &&
                !set_int(s, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1))))
    {
        rc = explain(addr, SOCK_DGRAM, why);
        ion_fd_close(&s);
        return rc;
    }
    *fd = s;
    return ION_OK;
}

ion_err_t
ion_sock_steer(int fd, uint32_t n)
{
    struct sock_filter code[] = {
        BPF_STMT(
            BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_RANDOM)),
        BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, n),
        BPF_STMT(BPF_RET | BPF_A, 0),
    };
    const struct sock_fprog program = {
        .len = ION_ARRAY_LEN(code),
        .filter = code,
    };
    int rc;

    if (n == 0) {
        int unused = 0;

        rc = setsockopt(
            fd, SOL_SOCKET, SO_DETACH_REUSEPORT_BPF, &unused, sizeof(unused));
    } else {
        rc = setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program,
            sizeof(program));
    }
    return rc == 0 ? ION_OK : ION_SYS;
}

static ion_err_t
accept_error(int err)
{
    switch (err) {
    case EAGAIN:
    case EINTR:
        return ION_AGAIN;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
        return ION_LIMIT;
    case EBADF:
    case EFAULT:
    case EINVAL:
    case ENOTSOCK:
        return ION_SYS;
    default:
        return ION_CLOSED; /* accept(2) passes on errors of the new socket */
    }
}

ion_err_t
ion_sock_accept(int listener, ion_addr_t *peer, ion_addr_t *local, int *out)
{
    struct sockaddr_storage ss;
    socklen_t len = sizeof(ss);
    int fd = accept4(
        listener, (struct sockaddr *)&ss, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);

    if (fd < 0) {
        return accept_error(errno);
    }
    if ((peer != NULL && ion_addr_from_sockaddr((const struct sockaddr *)&ss,
                             len, peer) != ION_OK) ||
        (local != NULL && ion_sock_local(fd, local) != ION_OK) ||
        !set_int(fd, IPPROTO_TCP, TCP_NODELAY, 1))
    {
        ion_fd_close(&fd);
        return ION_CLOSED;
    }
    *out = fd;
    return ION_OK;
}

ion_err_t
ion_sock_local(int fd, ion_addr_t *out)
{
    struct sockaddr_storage ss;
    socklen_t len = sizeof(ss);

    if (getsockname(fd, (struct sockaddr *)&ss, &len) != 0) {
        return ION_SYS;
    }
    return ion_addr_from_sockaddr((const struct sockaddr *)&ss, len, out);
}

ion_err_t
ion_sock_peer(int fd, ion_addr_t *out)
{
    struct sockaddr_storage ss;
    socklen_t len = sizeof(ss);

    if (getpeername(fd, (struct sockaddr *)&ss, &len) != 0) {
        return ION_SYS;
    }
    return ion_addr_from_sockaddr((const struct sockaddr *)&ss, len, out);
}
