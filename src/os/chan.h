/*
 * chan.h -- typed messages with descriptors between our own processes.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A channel is one end of a SOCK_SEQPACKET pair.  A message is a 16-byte
 * header {type u16, version u16, len u32, req u64} (host order: both ends are
 * the same program), a payload of at most 64 KiB and at most 16 descriptors.
 * The receiver checks all of it against a table before it sees a byte: type,
 * length, number of descriptors, and whether the peer's role may send that
 * type.  Larger things travel as memfds.  Sending never blocks: what the
 * kernel does not take waits here, in order, up to a bound.
 */
#ifndef ION_OS_CHAN_H
#define ION_OS_CHAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "base/err.h"

#define ION_CHAN_VERSION     1u
#define ION_CHAN_MAX_PAYLOAD 65536u
#define ION_CHAN_MAX_FDS     16u
/* Payload bytes, messages and descriptors that may wait for a slow peer. */
#define ION_CHAN_MAX_QUEUED      (4u * 1024u * 1024u)
#define ION_CHAN_MAX_QUEUED_MSGS 1024u
#define ION_CHAN_MAX_QUEUED_FDS  512u

/* One line of the message table; the table ends with .name NULL. */
typedef struct ion_chan_rule {
    uint16_t type;
    const char *name; /* for log lines: "reload-ready" */
    uint32_t min_len;
    uint32_t max_len; /* <= ION_CHAN_MAX_PAYLOAD */
    uint8_t min_fds;
    uint8_t max_fds; /* <= ION_CHAN_MAX_FDS */
    uint32_t from;   /* bit set of the roles that may send it */
} ion_chan_rule_t;

typedef struct ion_chan ion_chan_t;

typedef struct ion_chan_msg {
    const ion_chan_rule_t *rule;
    uint64_t req;        /* the sender's number, for replies */
    const uint8_t *data; /* in the channel, valid until its next recv */
    size_t len;
    int fds[ION_CHAN_MAX_FDS]; /* owned by the message; -1 = taken */
    size_t fd_count;
} ion_chan_msg_t;

/*
 * ion_chan_pair -- two connected ends, close-on-exec, non-blocking.
 *
 * Gives both.  Errors: ION_SYS (errno).
 */
ION_NODISCARD ion_err_t ion_chan_pair(int fds[2]);

/*
 * ion_chan_new -- a channel over one end.
 *
 * fd: taken, also on failure.  rules: borrowed for the channel's life.
 * peer_role: the one role bit of whoever holds the other end.
 * Errors: ION_NOMEM | ION_UNSUPPORTED fd is no SOCK_SEQPACKET socket.
 */
ION_NODISCARD ion_err_t ion_chan_new(
    int fd, const ion_chan_rule_t *rules, uint32_t peer_role, ion_chan_t **out);

/* ion_chan_free -- close the end; what still waits is lost.  NULL is fine. */
void ion_chan_free(ion_chan_t **c);

/* ion_chan_fd -- the descriptor, for epoll; still owned by the channel. */
int ion_chan_fd(const ion_chan_t *c);

/* What a message carries; all borrowed. */
typedef struct {
    const void *p;
    size_t n; /* bytes */
    const int *fds;
    size_t fd_count;
} ion_chan_body_t;

/*
 * ion_chan_send -- send one message, or queue it behind those that wait.
 *
 * body: NULL = empty; waiting descriptors are duplicated.  The type, its
 * length and descriptor count must fit the table: our own error otherwise
 * (assert).
 * Errors: ION_LIMIT the queue is full, nothing was sent | ION_CLOSED the peer
 *         is gone | ION_NOMEM | ION_SYS (errno).
 */
ION_NODISCARD ion_err_t ion_chan_send(
    ion_chan_t *c, uint16_t type, uint64_t req, const ion_chan_body_t *body);

/*
 * ion_chan_flush -- send what waits; call it when the descriptor is writable.
 *
 * Errors: ION_AGAIN some is left: watch for writability | ION_CLOSED |
 *         ION_SYS (errno).
 */
ION_NODISCARD ion_err_t ion_chan_flush(ion_chan_t *c);

/* ion_chan_has_unsent -- whether messages wait for the peer. */
bool ion_chan_has_unsent(const ion_chan_t *c);

/*
 * ion_chan_recv -- the next message.
 *
 * On ION_OK take the descriptors you keep with ion_chan_take_fd, then call
 * ion_chan_msg_done, which closes the others.
 * Errors: ION_AGAIN none now | ION_CLOSED end of the channel | ION_MALF it
 *         breaks the table (*why says how; its descriptors are closed; the
 *         channel must not be used on) | ION_SYS (errno).
 */
ION_NODISCARD ion_err_t ion_chan_recv(
    ion_chan_t *c, ion_chan_msg_t *msg, ion_errtext_t *why);

/* ion_chan_take_fd -- descriptor i of a message; now the caller's. */
int ion_chan_take_fd(ion_chan_msg_t *msg, size_t i);

/* ion_chan_msg_done -- close the descriptors that nobody took. */
void ion_chan_msg_done(ion_chan_msg_t *msg);

#endif
