/*
 * event/udp.h -- datagrams in batches, answered from the address asked.
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * One recvmmsg fetches up to ION_UDP_BATCH datagrams, one sendmmsg sends the
 * replies. Each reply leaves from the local address its request came to
 * (IP_PKTINFO, IPV6_RECVPKTINFO where the socket is bound to every address).
 * No allocation after ion_udp_new.
 */
#ifndef ION_EVENT_UDP_H
#define ION_EVENT_UDP_H

#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/base.h"
#include "base/err.h"

#define ION_UDP_BATCH     32
#define ION_UDP_MAX       1536 /* longer datagrams arrive with is_cut set */
#define ION_UDP_REPLY_MAX 64

typedef struct ion_udp ion_udp_t;

/* One datagram of the batch; data is valid until the next ion_udp_recv. */
typedef struct ion_udp_msg {
    const uint8_t *data;
    size_t len;
    bool is_cut;
    ion_addr_t peer; /* IPv4 also when it came mapped into IPv6 */
} ion_udp_msg_t;

/*
 * ion_udp_new -- batches over a UDP socket that is bound already.
 *
 * Owns:   borrows fd; gives *out.
 * Errors: ION_NOMEM | ION_SYS.
 */
ION_NODISCARD ion_err_t ion_udp_new(int fd, ion_udp_t **out);

/* ion_udp_free -- free *u, null it; accepts NULL; leaves the fd open. */
void ion_udp_free(ion_udp_t **u);

/*
 * ion_udp_recv -- fetch what waits, at most ION_UDP_BATCH datagrams.
 *
 * Shape:  *msgs points to *n entries on ION_OK (n > 0). Drops replies of the
 *         last batch that were not sent.
 * Errors: ION_AGAIN nothing waits | ION_SYS errno.
 */
ION_NODISCARD ion_err_t ion_udp_recv(
    ion_udp_t *u, const ion_udp_msg_t **msgs, size_t *n);

/*
 * ion_udp_reply -- queue an answer to msgs[index] of the last batch.
 *
 * Shape:  p[0..n) is copied; n <= ION_UDP_REPLY_MAX; one per datagram.
 * Errors: ION_LIMIT too long | ION_RANGE no such datagram.
 */
ION_NODISCARD ion_err_t ion_udp_reply(
    ion_udp_t *u, size_t index, const void *p, size_t n);

/*
 * ion_udp_send -- send the queued answers.
 *
 * Shape:  *sent and *failed (both required) count them; a full socket or an
 *         unreachable peer is a failure, never a wait.
 */
void ion_udp_send(ion_udp_t *u, size_t *sent, size_t *failed);

#endif
