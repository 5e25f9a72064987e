/*
 * log_line.c -- the bytes of one log line.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A line goes to terminals and to programs: no byte of a peer's may move a
 * cursor or end a line.  Control characters (C1 too) and bytes that are not
 * UTF-8 come out as \xNN in text, as \u00NN in JSON.
 */
#include "core/log_line.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/utf8.h"

/* What a text line keeps free behind the message for errno, action, counts. */
#define TAIL_ROOM 192
/* Most bytes of one string of a JSON line that is not the message. */
#define FIELD_ROOM 96

typedef struct {
    char *p;
    size_t len;
    size_t limit; /* len stays at or below it */
    bool is_json;
    bool cut; /* something did not fit */
} line_t;

static void
put(line_t *l, const char *s, size_t n)
{
    if (l->cut || n > l->limit - l->len) {
        l->cut = true;
        return;
    }
    memcpy(l->p + l->len, s, n);
    l->len += n;
}

static void
putz(line_t *l, const char *s)
{
    put(l, s, strlen(s));
}

static void ION_PRINTF(2, 3) putf(line_t *l, const char *fmt, ...)
{
    char text[128];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    putz(l, text);
}

/* One character of foreign text, escaped where it has to be. */
static void
put_char(line_t *l, const char *s, size_t n, uint32_t cp)
{
    char text[16];

    if (n == 0 || cp < 0x20 || (cp >= 0x7f && cp < 0xa0)) {
        unsigned v = n == 0 ? (unsigned char)*s : (unsigned)cp;

        if (v == '\n') {
            putz(l, "\\n");
        } else if (v == '\t') {
            putz(l, "\\t");
        } else {
            (void)snprintf(
                text, sizeof(text), l->is_json ? "\\u00%02x" : "\\x%02x", v);
            putz(l, text);
        }
    } else if (cp == '\\' || (l->is_json && cp == '"')) {
        text[0] = '\\';
        text[1] = (char)cp;
        put(l, text, 2);
    } else {
        put(l, s, n);
    }
}

/* Foreign text of n bytes; what does not fit is replaced by "...". */
static void
put_text(line_t *l, const char *s, size_t n)
{
    size_t limit = l->limit;
    size_t i = 0;

    if (limit - l->len < 3) {
        l->cut = true;
        return;
    }
    l->limit = limit - 3;
    while (i < n && !l->cut) {
        uint32_t cp;
        size_t step = ion_utf8_decode(s + i, n - i, &cp);

        put_char(l, s + i, step, cp);
        i += step == 0 ? 1 : step;
    }
    l->limit = limit;
    if (l->cut) {
        l->cut = false;
        put(l, "...", 3);
    }
}

static void
put_time(line_t *l, int64_t wall_ms)
{
    char text[ION_UTC_TEXT];

    putz(l, ion_utc_format(wall_ms, text));
}

size_t
ion_log_line_text(const ion_log_line_t *in, char out[ION_LOG_LINE_MAX])
{
    line_t l = { .p = out, .limit = ION_LOG_LINE_MAX - TAIL_ROOM };

    put_time(&l, in->wall_ms);
    putf(&l, " %s %ld/%s", ion_log_level_word(in->level), in->pid, in->tag);
    if (in->subsystem != NULL) {
        putf(&l, " %s", in->subsystem);
    }
    if (in->context != NULL && in->context[0] != '\0') {
        putz(&l, " ");
        put_text(&l, in->context, strlen(in->context));
    }
    putz(&l, " ");
    put_text(&l, in->message, strlen(in->message));
    l.cut = false;
    l.limit = ION_LOG_LINE_MAX - 1;
    if (in->err != 0) {
        putf(&l, " (%d: %s)", in->err, strerror(in->err));
    }
    if (in->action != NULL) {
        putf(&l, " while %s", in->action);
    }
    if (in->suppressed != 0) {
        putf(&l, " suppressed=%" PRIu64, in->suppressed);
    }
    if (in->lost != 0) {
        putf(&l, " lost=%" PRIu64, in->lost);
    }
    out[l.len] = '\n';
    return l.len + 1;
}

/* "key":"text", with at most room bytes of text. */
static void
put_field(line_t *l, const char *key, size_t key_len, const char *s, size_t n,
    size_t room)
{
    size_t limit = l->limit;
    size_t start = l->len;

    /* the comma, three quotes and the colon, the key, the closing quote */
    if (limit - l->len < key_len + 6 + room) {
        return;
    }
    putz(l, ",\"");
    put(l, key, key_len);
    putz(l, "\":\"");
    l->limit = l->len + room;
    put_text(l, s, n);
    l->limit = limit;
    putz(l, "\"");
    if (l->cut) {
        l->len = start;
        l->cut = false;
    }
}

/* The end of a value that begins at s: at a blank outside of quotes. */
static size_t
value_len(const char *s)
{
    bool quoted = false;
    size_t i = 0;

    for (; s[i] != '\0' && (quoted || s[i] != ' '); i++) {
        quoted = s[i] == '"' ? !quoted : quoted;
    }
    return i;
}

/* Only keys of ours become members. */
static bool
is_key(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!(s[i] >= 'a' && s[i] <= 'z') && s[i] != '_') {
            return false;
        }
    }
    return n > 0;
}

static void
put_context(line_t *l, const char *context)
{
    const char *at = context;

    while (*at != '\0') {
        size_t key_len = strcspn(at, "= ");
        const char *value = at + key_len + 1;
        size_t n;

        if (at[key_len] != '=') {
            at += key_len + (at[key_len] == ' ' ? 1 : 0);
            continue;
        }
        n = value_len(value);
        if (is_key(at, key_len)) {
            bool quoted = n >= 2 && value[0] == '"' && value[n - 1] == '"';

            put_field(l, at, key_len, value + (quoted ? 1 : 0),
                n - (quoted ? 2 : 0), FIELD_ROOM);
        }
        at = value + n;
        at += *at == ' ' ? 1 : 0;
    }
}

static void
put_fieldz(line_t *l, const char *key, const char *s)
{
    put_field(l, key, strlen(key), s, strlen(s), FIELD_ROOM);
}

size_t
ion_log_line_json(const ion_log_line_t *in, char out[ION_LOG_LINE_MAX])
{
    static const char end[] = "\"}\n";
    /* the message keeps at least a third of the line */
    line_t l = { .p = out, .limit = ION_LOG_LINE_MAX * 2 / 3, .is_json = true };

    putz(&l, "{\"ts\":\"");
    put_time(&l, in->wall_ms);
    putf(&l, "\",\"level\":\"%s\",\"pid\":%ld,\"process\":\"%s\"",
        ion_log_level_word(in->level), in->pid, in->tag);
    if (in->suppressed != 0) {
        putf(&l, ",\"suppressed\":%" PRIu64, in->suppressed);
    }
    if (in->lost != 0) {
        putf(&l, ",\"lost\":%" PRIu64, in->lost);
    }
    if (in->subsystem != NULL) {
        put_fieldz(&l, "subsystem", in->subsystem);
    }
    if (in->err != 0) {
        putf(&l, ",\"errno\":%d", in->err);
        put_fieldz(&l, "error", strerror(in->err));
    }
    if (in->action != NULL) {
        put_fieldz(&l, "action", in->action);
    }
    if (in->context != NULL) {
        put_context(&l, in->context);
    }
    l.limit = ION_LOG_LINE_MAX - (sizeof(end) - 1);
    putz(&l, ",\"msg\":\"");
    put_text(&l, in->message, strlen(in->message));
    memcpy(out + l.len, end, sizeof(end) - 1);
    return l.len + sizeof(end) - 1;
}
