/*
 * client/probe.c -- the frame of a probe, and STUN.
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "client/probe.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/rng.h"
#include "client/probe_int.h"
#include "proto/stun_reply.h"

#define STUN_TRIES    4
#define STUN_RETRY_MS 500

void
probe_note(probe_t *p, const char *name, ion_probe_state_t state, double ms,
    const char *fmt, ...)
{
    if (p->result->count == ION_PROBE_CHECKS_MAX) {
        return;
    }
    ion_probe_check_t *check = &p->result->checks[p->result->count++];
    va_list args;
    check->name = name;
    check->state = state;
    check->ms = ms;
    va_start(args, fmt);
    (void)vsnprintf(check->detail, sizeof(check->detail), fmt, args);
    va_end(args);
    if (state == ION_PROBE_FAILED) {
        p->result->failed++;
    }
}

static void
on_late(ion_timer_t *timer)
{
    ION_CONTAINER_OF(timer, probe_t, timer)->is_late = true;
}

bool
probe_wait(probe_t *p, const bool *done, int64_t ms)
{
    p->is_late = false;
    /* the cached time may be old: take a turn before it counts */
    if (ion_loop_turn(p->loop, false, NULL) != ION_OK) {
        return *done;
    }
    ion_timer_set(p->loop, &p->timer, ion_loop_now(p->loop) + ION_MS(ms));
    while (!*done && !p->is_late) {
        if (ion_loop_turn(p->loop, true, NULL) != ION_OK) {
            break;
        }
    }
    ion_timer_cancel(p->loop, &p->timer);
    return *done;
}

const ion_addr_t *
probe_address(const probe_t *p, uint8_t family)
{
    for (size_t i = 0; i < p->conf->addr_count; i++) {
        if (p->conf->addrs[i].family == family) {
            return &p->conf->addrs[i];
        }
    }
    return NULL;
}

/* One question to a STUN server. */
typedef struct question {
    ion_io_t io;
    ion_loop_t *loop;
    uint8_t txid[STUN_TXID_LEN];
    ion_addr_t seen; /* where the server saw us */
    ion_mono_t asked;
    ion_mono_t answered;
    bool is_done;
    int error;
} question_t;

static void
on_answer(ion_io_t *io, uint32_t events)
{
    question_t *q = ION_CONTAINER_OF(io, question_t, io);
    uint8_t buf[512];
    (void)events;
    ssize_t n = recv(io->fd, buf, sizeof(buf), 0);
    if (n < 0) {
        q->error = errno == EAGAIN || errno == EINTR ? q->error : errno;
        return;
    }
    if (stun_parse_reply(buf, (size_t)n, q->txid, &q->seen) == ION_OK) {
        q->answered = ion_loop_now(q->loop);
        q->is_done = true;
    }
}

static int
open_udp(const ion_addr_t *to)
{
    struct sockaddr_storage sa;
    socklen_t len = ion_addr_to_sockaddr(to, false, &sa);
    int fd = socket(sa.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&sa, len) != 0) {
        int saved = errno;
        close(fd);
        errno = saved;
        return -1;
    }
    return fd;
}

static void
ask(probe_t *p, question_t *q)
{
    uint8_t request[STUN_REQUEST_LEN];
    stun_build_request(q->txid, request);
    for (int i = 0; i < STUN_TRIES && !q->is_done; i++) {
        if (ion_loop_turn(p->loop, false, NULL) != ION_OK) {
            return;
        }
        q->asked = ion_loop_now(p->loop);
        if (send(q->io.fd, request, sizeof(request), MSG_NOSIGNAL) < 0) {
            q->error = errno;
        }
        (void)probe_wait(p, &q->is_done, STUN_RETRY_MS);
    }
}

static void
probe_stun_family(probe_t *p, const char *name, uint8_t family)
{
    const ion_addr_t *at = probe_address(p, family);
    char text[ION_ADDR_TEXT_MAX];
    if (p->conf->stun_port == 0 || at == NULL) {
        probe_note(p, name, ION_PROBE_SKIPPED, -1, "%s",
            at == NULL ? "the host has no such address" : "not asked for");
        return;
    }
    ion_addr_t to = *at;
    question_t q = { .loop = p->loop };
    to.port = p->conf->stun_port;
    ion_random(q.txid, sizeof(q.txid));
    int fd = open_udp(&to);
    if (fd < 0) {
        probe_note(p, name, ION_PROBE_FAILED, -1, "%s: %s",
            ion_addr_format(&to, text), strerrordesc_np(errno));
        return;
    }
    ion_io_init(&q.io, fd, on_answer);
    if (ion_io_add(p->loop, &q.io, ION_IO_READ) == ION_OK) {
        ask(p, &q);
        ion_io_del(p->loop, &q.io);
    }
    close(fd);
    if (!q.is_done) {
        probe_note(p, name, ION_PROBE_FAILED, -1, "no answer from %s%s%s",
            ion_addr_format(&to, text), q.error != 0 ? ": " : "",
            q.error != 0 ? strerrordesc_np(q.error) : "");
        return;
    }
    probe_note(p, name, ION_PROBE_OK, (double)(q.answered - q.asked) / 1e6,
        "seen as %s", ion_addr_format(&q.seen, text));
}

void
probe_stun(probe_t *p)
{
    probe_stun_family(p, "stun4", 4);
    probe_stun_family(p, "stun6", 6);
}

ion_err_t
ion_probe_run(const ion_probe_config_t *config, ion_probe_result_t *out)
{
    probe_t p = { .conf = config, .result = out };
    memset(out, 0, sizeof(*out));
    ion_err_t rc = ion_loop_new(&p.loop);
    if (rc != ION_OK) {
        return rc;
    }
    ion_timer_init(&p.timer, on_late);
    probe_relay(&p);
    probe_stun(&p);
    ion_loop_free(&p.loop);
    return ION_OK;
}
