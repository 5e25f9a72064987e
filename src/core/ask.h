/*
 * ask.h -- what a worker asks the courier, and what comes back.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A worker opens nothing and resolves nothing; the courier does it for it.
 * p->ask begins a question, and exactly one answer follows, never from inside
 * p->ask, unless p->cancel takes the question back first.  The answer comes
 * also when the courier dies, or when it is too slow: who asks needs no timer
 * of its own.
 */
#ifndef ION_CORE_ASK_H
#define ION_CORE_ASK_H

#include <stdint.h>

#include "base/addr.h"
#include "base/err.h"

struct ion_process;

#define ION_ASK_HOST_MAX 256
#define ION_ASK_TEXT_MAX 256

/* Questions of one worker that may be open at a time. */
#define ION_ASKS_MAX 1024

typedef enum {
    ION_ASK_ADMIT = 1, /* every verify URL: may this key come in? */
    ION_ASK_WHOIS = 2, /* the tailscaled of this machine: does it know it? */
    ION_ASK_DIAL = 3,  /* connect to host and port over TCP */
} ion_ask_kind_t;

/* A question; the fields of other kinds are not looked at. */
typedef struct ion_ask {
    ion_ask_kind_t kind;
    uint32_t timeout_ms;         /* the courier's time for it; 1 .. 60000 */
    uint8_t key[32];             /* ADMIT, WHOIS: the client's public key */
    ion_addr_t peer;             /* ADMIT: the client; family 0 = unknown */
    char host[ION_ASK_HOST_MAX]; /* DIAL: a name, or an IP without brackets */
    uint16_t port;               /* DIAL: 1 .. 65535 */
} ion_ask_t;

/*
 * An answer.  rc:
 *   ION_OK       allowed; or connected
 *   ION_DENIED   refused by who was asked; or a question it does not answer
 *   ION_TIMEOUT  no answer in time
 *   ION_NOTFOUND DIAL: the name does not resolve
 *   ION_CLOSED   the courier went away, or there was none for a second
 *   ION_BUSY     the courier has too much to do
 *   ION_SYS      any other failure on the way: could not connect, no TLS, no
 *                memory, ...
 */
typedef struct ion_answer {
    ion_err_t rc;
    int fd;           /* DIAL and ION_OK: connected, non-blocking, close on
                         exec; who wants it sets this to -1, or it is closed
                         after the callback; else -1 */
    ion_addr_t addr;  /* DIAL and ION_OK: where it is connected to */
    const char *text; /* why, for people; never NULL; during the call */
} ion_answer_t;

/* Called once per question that was not cancelled. */
typedef void (*ion_ask_done_pt)(void *arg, ion_answer_t *answer);

/*
 * p->ask (worker; NULL in other roles) -- begin a question.
 *
 * ask is copied.  Gives *id for p->cancel, never 0.
 * Errors: ION_BUSY ION_ASKS_MAX are open, or the courier does not read |
 *         ION_CLOSED this process is ending; the callback is not called then.
 */
typedef ion_err_t (*ion_ask_pt)(struct ion_process *p, const ion_ask_t *ask,
    ion_ask_done_pt done, void *arg, uint64_t *id);

/*
 * p->cancel -- take a question back: its callback will not be called.  An id
 * of 0, or of a question that is over, is fine.
 */
typedef void (*ion_ask_cancel_pt)(struct ion_process *p, uint64_t id);

/*
 * The courier's side, hung into p->server by the module that answers, when it
 * starts.  ref names the question; exactly one p->reply(p, ref, ...) follows,
 * possibly from inside, unless `forget` comes first (cancelled, or who asked
 * is gone).
 */
typedef struct ion_ask_server {
    void (*ask)(struct ion_process *p, uint64_t ref, const ion_ask_t *ask);
    void (*forget)(struct ion_process *p, uint64_t ref);
} ion_ask_server_t;

/*
 * p->reply (courier; NULL in other roles) -- answer a question.
 *
 * answer is borrowed; its fd is taken and closed here after it has been
 * passed on; a ref of a question that is over is fine.
 */
typedef void (*ion_reply_pt)(
    struct ion_process *p, uint64_t ref, const ion_answer_t *answer);

#endif
