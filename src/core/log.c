/*
 * log.c -- which lines are written, and the one write(2) that does it.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A relay must not wait for whoever reads its log: a descriptor that would
 * block costs the line, after a short wait where the line matters.
 */
#include "core/log.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/bucket.h"
#include "base/clock.h"
#include "core/log_line.h"
#include "os/fd.h"
#include "os/path.h"

#define TAG_MAX 32

/* Peer lines: a burst, and so many a second after it, for each call site. */
#define SITE_BURST 10
#define SITE_RATE  1
#define SITES      64 /* a power of two */

/* How long an important line waits for room, in milliseconds. */
#define WAIT_MS 50

/* Longest chain of logs that lends its context. */
#define CHAIN_MAX 8

typedef struct {
    const char *fmt; /* names the call site; NULL = free */
    ion_bucket_t bucket;
    uint64_t suppressed;
} site_t;

struct ion_log_sink {
    int fd;
    bool owns_fd;
    ion_log_format_t format;
    ion_log_level_t level;
    long pid;
    char tag[TAG_MAX];
    uint64_t lost; /* lines since the last one that got out */
    site_t sites[SITES];
    site_t other; /* what all further call sites share */
};

static const struct {
    const char *word;
    ion_log_level_t level;
} words[] = {
    /* ours first, in the order of the enum */
    { "alert", ION_LOG_ALERT },
    { "err", ION_LOG_ERR },
    { "warn", ION_LOG_WARN },
    { "notice", ION_LOG_NOTICE },
    { "info", ION_LOG_INFO },
    { "debug", ION_LOG_DEBUG },
    { "error", ION_LOG_ERR },
    { "warning", ION_LOG_WARN },
    { "dpanic", ION_LOG_ALERT },
    { "panic", ION_LOG_ALERT },
    { "fatal", ION_LOG_ALERT },
};

ion_err_t
ion_log_level_parse(ion_str_t word, ion_log_level_t *out)
{
    for (size_t i = 0; i < ION_ARRAY_LEN(words); i++) {
        if (ion_str_ieq(word, ion_str_from(words[i].word))) {
            *out = words[i].level;
            return ION_OK;
        }
    }
    return ION_MALF;
}

const char *
ion_log_level_word(ion_log_level_t level)
{
    return words[level].word;
}

ion_err_t
ion_log_sink_new(int fd, const char *tag, ion_log_sink_t **out)
{
    ion_log_sink_t *s = calloc(1, sizeof(*s));

    if (s == NULL) {
        return ION_NOMEM;
    }
    s->fd = fd;
    s->owns_fd = fd > STDERR_FILENO;
    s->format = ION_LOG_TEXT;
    s->level = ION_LOG_INFO;
    ion_bucket_init(&s->other.bucket, SITE_RATE, SITE_BURST, ion_mono_now());
    s->pid = (long)getpid();
    (void)snprintf(s->tag, sizeof(s->tag), "%s", tag);
    *out = s;
    return ION_OK;
}

void
ion_log_sink_free(ion_log_sink_t **sp)
{
    ion_log_sink_t *s = *sp;

    *sp = NULL;
    if (s == NULL) {
        return;
    }
    if (s->owns_fd) {
        ion_fd_close(&s->fd);
    }
    free(s);
}

void
ion_log_sink_set(
    ion_log_sink_t *sink, ion_log_format_t format, ion_log_level_t level)
{
    sink->format = format;
    sink->level = level;
}

void
ion_log_sink_set_fd(ion_log_sink_t *sink, int fd)
{
    if (sink->owns_fd && sink->fd != fd) {
        ion_fd_close(&sink->fd);
    }
    sink->fd = fd;
    sink->owns_fd = fd > STDERR_FILENO;
}

int
ion_log_sink_fd(const ion_log_sink_t *sink)
{
    return sink->fd;
}

ion_err_t
ion_log_open_file(const char *path, int *fd, ion_errtext_t *why)
{
    return ion_path_open_append(path, 0640, fd, why);
}

bool
ion_log_enabled(const ion_log_t *log, ion_log_level_t level)
{
    return level <= log->sink->level;
}

/* The contexts of the chain, outermost first. */
static void
gather_context(const ion_log_t *log, char *buf, size_t cap)
{
    const ion_log_t *chain[CHAIN_MAX];
    size_t depth = 0;
    size_t used = 0;

    for (; log != NULL && depth < CHAIN_MAX; log = log->parent) {
        if (log->context != NULL) {
            chain[depth++] = log;
        }
    }
    while (depth > 0 && used + 2 < cap) {
        size_t n;

        depth--;
        if (used > 0) {
            buf[used++] = ' ';
        }
        n = chain[depth]->context(
            chain[depth]->arg, buf + used, cap - 1 - used);
        used += ION_MIN(n, cap - 1 - used);
    }
    buf[used] = '\0';
}

static const char *
find_subsystem(const ion_log_t *log)
{
    for (; log != NULL; log = log->parent) {
        if (log->subsystem != NULL) {
            return log->subsystem;
        }
    }
    return NULL;
}

static void
emit(ion_log_sink_t *sink, const ion_log_line_t *line)
{
    char out[ION_LOG_LINE_MAX];
    size_t n = sink->format == ION_LOG_JSON ? ion_log_line_json(line, out)
                                            : ion_log_line_text(line, out);
    struct pollfd pfd = { .fd = sink->fd, .events = POLLOUT };
    int wait_ms = line->level <= ION_LOG_ERR ? WAIT_MS : 0;
    ssize_t w = -1;

    if (poll(&pfd, 1, wait_ms) == 1) {
        do {
            w = write(sink->fd, out, n);
        } while (w < 0 && errno == EINTR);
    }
    if (w == (ssize_t)n) {
        sink->lost = 0;
    } else {
        sink->lost++;
    }
}

static void ION_PRINTF(5, 0)
    log_line(const ion_log_t *log, ion_log_level_t level, int err,
        uint64_t suppressed, const char *fmt, va_list ap)
{
    char context[ION_LOG_CONTEXT_MAX];
    char message[ION_LOG_LINE_MAX];
    ion_log_sink_t *sink = log->sink;
    ion_log_line_t line = {
        .wall_ms = ion_wall_now_ms(),
        .level = level,
        .pid = sink->pid,
        .tag = sink->tag,
        .subsystem = find_subsystem(log),
        .context = context,
        .message = message,
        .err = err,
        .action = log->action,
        .suppressed = suppressed,
        .lost = sink->lost,
    };

    if (vsnprintf(message, sizeof(message), fmt, ap) < 0) {
        message[0] = '\0';
    }
    gather_context(log, context, sizeof(context));
    emit(sink, &line);
}

void
ion_log(
    const ion_log_t *log, ion_log_level_t level, int err, const char *fmt, ...)
{
    int saved = errno;
    va_list ap;

    if (!ion_log_enabled(log, level)) {
        return;
    }
    va_start(ap, fmt);
    log_line(log, level, err, 0, fmt, ap);
    va_end(ap);
    errno = saved;
}

static site_t *
find_site(ion_log_sink_t *sink, const char *fmt)
{
    size_t start =
        (size_t)(((uintptr_t)fmt * UINT64_C(0x9e3779b97f4a7c15)) >> 32);

    for (size_t i = 0; i < SITES; i++) {
        site_t *site = &sink->sites[(start + i) & (SITES - 1)];

        if (site->fmt == NULL) {
            site->fmt = fmt;
            ion_bucket_init(
                &site->bucket, SITE_RATE, SITE_BURST, ion_mono_now());
        }
        if (site->fmt == fmt) {
            return site;
        }
    }
    return &sink->other;
}

void
ion_log_peer(
    const ion_log_t *log, ion_log_level_t level, int err, const char *fmt, ...)
{
    int saved = errno;
    site_t *site;
    va_list ap;

    if (!ion_log_enabled(log, level)) {
        return;
    }
    site = find_site(log->sink, fmt);
    if (ion_bucket_take(&site->bucket, ion_mono_now(), 1)) {
        va_start(ap, fmt);
        log_line(log, level, err, site->suppressed, fmt, ap);
        va_end(ap);
        site->suppressed = 0;
    } else {
        site->suppressed++;
    }
    errno = saved;
}
