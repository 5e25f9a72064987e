/*
 * log_line.h -- the bytes of one log line; log.c decides whether and where.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * No I/O and no clock, so that the form of lines can be tested alone.
 */
#ifndef ION_CORE_LOG_LINE_H
#define ION_CORE_LOG_LINE_H

#include <stddef.h>
#include <stdint.h>

#include "core/log.h"

/* Everything a line may say; strings are borrowed, NULL = not there. */
typedef struct {
    int64_t wall_ms;
    ion_log_level_t level;
    long pid;
    const char *tag;
    const char *subsystem;
    const char *context; /* "k=v k=v" */
    const char *message;
    int err; /* errno, 0 = none */
    const char *action;
    uint64_t suppressed;
    uint64_t lost;
} ion_log_line_t;

/*
 * ion_log_line_text, ion_log_line_json -- write the line with its '\n'.
 *
 * A message that is too long ends in "..."; a JSON line is always whole.
 * Returns: its length in bytes, <= ION_LOG_LINE_MAX; not NUL-terminated.
 */
size_t ion_log_line_text(const ion_log_line_t *l, char out[ION_LOG_LINE_MAX]);
size_t ion_log_line_json(const ion_log_line_t *l, char out[ION_LOG_LINE_MAX]);

#endif
