/*
 * log.h -- log lines: one write(2) each, with their context.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A sink is a process's way out: descriptor, format, level and a tag
 * ("worker1").  An ion_log_t is a small value that belongs to a thing (the
 * process, a listener, a connection) and points to the log of the thing above
 * it; a line carries the context of the whole chain.  A line is at most 1 KiB;
 * control bytes are escaped; a reader that does not read costs lines, which
 * are counted ("lost=3"), never the process.
 *
 *   2026-11-23T04:16:11.123Z warn 12345/worker1 derp c=8841
 *       peer=203.0.113.7:5555 write failed (32: Broken pipe)
 *       while sending frame
 *
 * Secrets, payloads and whole node keys have no business in a line.
 */
#ifndef ION_CORE_LOG_H
#define ION_CORE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "base/err.h"
#include "base/str.h"

#define ION_LOG_LINE_MAX    1024
#define ION_LOG_CONTEXT_MAX 256

/* Most urgent first; a sink writes its level and everything above it. */
typedef enum {
    ION_LOG_ALERT,  /* a bug, or the operator must act; tests fail on it */
    ION_LOG_ERR,    /* the service lost something */
    ION_LOG_WARN,   /* one peer lost something */
    ION_LOG_NOTICE, /* life cycle */
    ION_LOG_INFO,   /* per connection */
    ION_LOG_DEBUG,  /* per frame */
} ion_log_level_t;

typedef enum { ION_LOG_TEXT, ION_LOG_JSON } ion_log_format_t;

typedef struct ion_log_sink ion_log_sink_t;

/*
 * Writes "key=value key=value" (values without blanks, or quoted) into buf,
 * returns the length; called for lines that are written, not for others.
 */
typedef size_t (*ion_log_context_pt)(const void *arg, char *buf, size_t cap);

typedef struct ion_log {
    ion_log_sink_t *sink;         /* back: outlives the log */
    const struct ion_log *parent; /* back; NULL = top */
    const char *subsystem;        /* "derp"; NULL = the parent's */
    const char *action;           /* "reading client info"; may be NULL */
    ion_log_context_pt context;   /* may be NULL */
    const void *arg;              /* for context */
} ion_log_t;

/*
 * ion_log_sink_new -- a sink that writes to fd at level INFO, as text.
 *
 * fd: owned by the sink when it is above 2, and only borrowed otherwise.
 * tag: "master", "worker1"; copied, cut at 31 bytes.
 * Errors: ION_NOMEM.
 */
ION_NODISCARD ion_err_t ion_log_sink_new(
    int fd, const char *tag, ion_log_sink_t **out);

/* ion_log_sink_free -- close and free; NULL is fine. */
void ion_log_sink_free(ion_log_sink_t **sink);

/* ion_log_sink_set -- from now on this format and level. */
void ion_log_sink_set(
    ion_log_sink_t *sink, ion_log_format_t format, ion_log_level_t level);

/* ion_log_sink_set_fd -- reopen: write to fd from now on, close the old one.
 * fd: as in ion_log_sink_new. */
void ion_log_sink_set_fd(ion_log_sink_t *sink, int fd);

/* ion_log_sink_fd -- the descriptor in use, for handing to a child. */
int ion_log_sink_fd(const ion_log_sink_t *sink);

/*
 * ion_log_open_file -- open (or make, 0640) a log file for appending.
 *
 * Gives *fd, close-on-exec.  Errors: ION_DENIED | ION_NOTFOUND directory is
 * missing | ION_MALF not a file one can append to | ION_SYS (errno); *why.
 */
ION_NODISCARD ion_err_t ion_log_open_file(
    const char *path, int *fd, ion_errtext_t *why);

/* ion_log_enabled -- whether a line of that level would be written. */
bool ion_log_enabled(const ion_log_t *log, ion_log_level_t level);

/*
 * ion_log -- write one line.
 *
 * err: an errno value to append as "(32: Broken pipe)", 0 = none.  Keeps
 * errno.
 */
void ion_log(const ion_log_t *log, ion_log_level_t level, int err,
    const char *fmt, ...) ION_PRINTF(4, 5);

/*
 * ion_log_peer -- the same for lines that a peer can cause.
 *
 * Each format string (each call site) may write a burst of 10 lines and one a
 * second after that; the next line says how many were held back
 * ("suppressed=412").
 */
void ion_log_peer(const ion_log_t *log, ion_log_level_t level, int err,
    const char *fmt, ...) ION_PRINTF(4, 5);

/*
 * ion_log_level_parse -- a level by its word, in any case: ours (alert, err,
 * warn, notice, info, debug) and those of ionscale's configuration files
 * (error, dpanic, panic, fatal; "warning" too).
 *
 * Errors: ION_MALF none of them.
 */
ION_NODISCARD ion_err_t ion_log_level_parse(
    ion_str_t word, ion_log_level_t *out);

/* ion_log_level_word -- our word for a level. */
const char *ion_log_level_word(ion_log_level_t level);

#endif
