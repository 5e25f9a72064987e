/*
 * sock.h -- TCP and UDP sockets: bind, accept, addresses, and good reasons.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Every descriptor made here is close-on-exec and non-blocking.  An address is
 * always an ion_addr_t; an IPv4 peer of a dual-stack socket is family 4 (the
 * mapped form never leaves this file).
 */
#ifndef ION_OS_SOCK_H
#define ION_OS_SOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/addr.h"
#include "base/base.h"
#include "base/err.h"

/* TCP_USER_TIMEOUT and keep-alive of accepted connections. */
#define ION_SOCK_USER_TIMEOUT_MS  15000
#define ION_SOCK_KEEPALIVE_IDLE_S 600
#define ION_SOCK_KEEPALIVE_STEP_S 15
#define ION_SOCK_KEEPALIVE_PROBES 9
#define ION_SOCK_BACKLOG          4096

/* Room for the text of ion_sock_owner. */
#define ION_SOCK_OWNER_LEN 96

typedef struct {
    bool reuse_port; /* SO_REUSEPORT: one socket per worker index */
    bool v6_only;    /* false: "::" takes IPv4 too */
    bool check_free; /* with reuse_port: refuse a port that anybody serves
                        already, us included: set it for the first socket */
    bool is_waiting; /* until ion_sock_serve the socket takes nothing away from
                        who serves that port by SO_REUSEPORT: TCP does not
                        listen, UDP has the address, but not yet the port */
    int backlog;     /* TCP; 0 = ION_SOCK_BACKLOG */
} ion_sock_opts_t;

/*
 * ion_sock_has_ipv6 -- whether this machine lets us bind an IPv6 address.
 *
 * Returns: false where the family is missing or switched off: then an address
 *          without a host means 0.0.0.0 instead of "::".
 */
bool ion_sock_has_ipv6(void);

/*
 * ion_sock_listen_tcp -- a listening TCP socket (bound only, if is_waiting).
 *
 * addr: family 0 means every address: a dual-stack socket, or 0.0.0.0 where
 * IPv6 is off.  Sets SO_REUSEADDR, TCP_USER_TIMEOUT and keep-alive, which
 * accepted connections inherit.  Port 0: the kernel picks one.
 * Gives *fd.
 * Errors: ION_EXISTS address taken | ION_DENIED no right to that port |
 *         ION_NOTFOUND not an address of this machine | ION_UNSUPPORTED no
 *         IPv6 here | ION_SYS (errno); *why says what is wrong, with the owner
 *         of a taken port where it can be read, and what would be right.  It
 *         does not repeat the address.
 */
ION_NODISCARD ion_err_t ion_sock_listen_tcp(const ion_addr_t *addr,
    const ion_sock_opts_t *opts, int *fd, ion_errtext_t *why);

/*
 * ion_sock_serve -- let a socket that was made with is_waiting serve addr.
 *
 * Errors: as ion_sock_listen_tcp.
 */
ION_NODISCARD ion_err_t ion_sock_serve(
    int fd, bool is_udp, const ion_addr_t *addr, ion_errtext_t *why);

/*
 * ion_sock_bind_udp -- a bound UDP socket. One that is bound to every address
 * tells which was asked: IP_PKTINFO, and IPV6_RECVPKTINFO on an IPv6 or
 * dual-stack socket.
 *
 * Gives *fd.  Errors: as ion_sock_listen_tcp.
 */
ION_NODISCARD ion_err_t ion_sock_bind_udp(const ion_addr_t *addr,
    const ion_sock_opts_t *opts, int *fd, ion_errtext_t *why);

/*
 * ion_sock_steer -- have the kernel give what comes for fd's SO_REUSEPORT group
 * to the n sockets of it that are longest in it, at random; 0: to all again.
 *
 * So that the others can be emptied and closed, and nothing is lost with them.
 * Errors: ION_SYS (errno), as on a kernel that cannot.
 */
ION_NODISCARD ion_err_t ion_sock_steer(int fd, uint32_t n);

/*
 * ion_sock_accept -- one connection of a listening socket, TCP_NODELAY set.
 *
 * peer and local may be NULL.  Gives *out.
 * Errors: ION_AGAIN nobody waits | ION_CLOSED that connection died before we
 *         took it: try the next | ION_LIMIT no descriptor or memory left
 *         (errno): pause | ION_SYS (errno).
 */
ION_NODISCARD ion_err_t ion_sock_accept(
    int listener, ion_addr_t *peer, ion_addr_t *local, int *out);

/*
 * ion_sock_local, ion_sock_peer -- the address of either end.
 *
 * Errors: ION_SYS (errno) | ION_UNSUPPORTED not an internet socket.
 */
ION_NODISCARD ion_err_t ion_sock_local(int fd, ion_addr_t *out);
ION_NODISCARD ion_err_t ion_sock_peer(int fd, ion_addr_t *out);

/*
 * ion_sock_owner -- who holds a local port, from /proc: "pid 812 (nginx)".
 *
 * Looks for a listening TCP or a bound UDP socket of that port on a
 * conflicting address.  Costs a walk over /proc: for error texts only.
 * Errors: ION_NOTFOUND nobody, or not readable with our rights; text is "" |
 *         ION_SYS (errno).
 */
ION_NODISCARD ion_err_t ion_sock_owner(
    const ion_addr_t *addr, bool is_udp, char text[ION_SOCK_OWNER_LEN]);

/*
 * ion_sock_is_held_by -- are all sockets that keep us from binding addr those
 * of one process?
 *
 * Where the process hides its descriptors from us: are they all sockets of our
 * own user? Costs a walk over /proc/net.
 * Returns: false also when nobody holds the port, or it cannot be told.
 */
bool ion_sock_is_held_by(const ion_addr_t *addr, bool is_udp, pid_t pid);

#endif
