/*
 * event/listen.h -- accepting connections fairly and within limits.
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A listener accepts at most ION_ACCEPT_BUDGET connections per turn, so that
 * logins do not starve relaying. Over the rate of a shared bucket it accepts
 * and closes at once. When descriptors or memory run out it says so once,
 * pauses, and resumes by itself.
 */
#ifndef ION_EVENT_LISTEN_H
#define ION_EVENT_LISTEN_H

#include <stdbool.h>

#include "base/addr.h"
#include "base/base.h"
#include "base/bucket.h"
#include "base/err.h"
#include "event/loop.h"

struct ion_log;

#define ION_ACCEPT_BUDGET   16
#define ION_ACCEPT_PAUSE_MS 250

typedef struct ion_listener ion_listener_t;

/* What a listener is made of; everything is borrowed while it lives. */
typedef struct ion_listener_opts {
    const char *name;      /* key of the address, for log lines */
    struct ion_log *log;   /* may be NULL */
    ion_bucket_t *limiter; /* shared by listeners; NULL = no limit */
    void (*accepted)(
        void *arg, int fd, const ion_addr_t *peer, const ion_addr_t *local);
    void (*rejected)(void *arg); /* over the limit; may be NULL */
    void *arg;
} ion_listener_opts_t;

/*
 * ion_listener_new -- start accepting on a listening socket.
 *
 * Shape:  fd non-blocking; accepted() takes each connection's descriptor
 *         (non-blocking, close-on-exec, TCP_NODELAY).
 * Owns:   borrows fd (whoever made it closes it after the listener is freed);
 *         gives *out.
 * Errors: ION_NOMEM | ION_SYS.
 */
ION_NODISCARD ion_err_t ion_listener_new(ion_loop_t *loop, int fd,
    const ion_listener_opts_t *opts, ion_listener_t **out);

/* ion_listener_fd -- the listening socket. */
int ion_listener_fd(const ion_listener_t *l);

/* ion_listener_is_paused -- descriptors ran out and it waits to try again. */
bool ion_listener_is_paused(const ion_listener_t *l);

/*
 * ion_listener_free -- stop accepting; free *l, null it; accepts NULL. With
 * drain, connections already in the backlog (at most 4096) are accepted first,
 * so that closing the socket resets nobody.
 */
void ion_listener_free(ion_listener_t **l, bool drain);

#endif
