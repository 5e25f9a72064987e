/*
 * json_pull.c -- read one small JSON object without building a tree.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "proto/json_pull.h"

#include <string.h>

#include "base/num.h"

/* where decoded string bytes go; counts on behind the end */
typedef struct sink {
    char *p;
    size_t cap;
    size_t len;
} sink_t;

static void
sink_put(sink_t *s, unsigned c)
{
    if (s->len < s->cap) {
        s->p[s->len] = (char)c;
    }
    s->len++;
}

static void
sink_put_rune(sink_t *s, uint32_t r)
{
    if (r < 0x80) {
        sink_put(s, r);
    } else if (r < 0x800) {
        sink_put(s, 0xc0 | r >> 6);
        sink_put(s, 0x80 | (r & 0x3f));
    } else if (r < 0x10000) {
        sink_put(s, 0xe0 | r >> 12);
        sink_put(s, 0x80 | (r >> 6 & 0x3f));
        sink_put(s, 0x80 | (r & 0x3f));
    } else {
        sink_put(s, 0xf0 | r >> 18);
        sink_put(s, 0x80 | (r >> 12 & 0x3f));
        sink_put(s, 0x80 | (r >> 6 & 0x3f));
        sink_put(s, 0x80 | (r & 0x3f));
    }
}

static void
fail(json_pull_t *jp)
{
    jp->bad = true;
    jp->p = jp->end;
}

static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static void
skip_blanks(json_pull_t *jp)
{
    while (jp->p < jp->end && (*jp->p == ' ' || *jp->p == '\t' ||
                                  *jp->p == '\n' || *jp->p == '\r'))
    {
        jp->p++;
    }
}

/* takes c if it comes next, behind blanks */
static bool
take(json_pull_t *jp, char c)
{
    skip_blanks(jp);
    if (jp->p == jp->end || *jp->p != c) {
        return false;
    }
    jp->p++;
    return true;
}

static void
expect_word(json_pull_t *jp, ion_str_t word)
{
    if ((size_t)(jp->end - jp->p) < word.len ||
        memcmp(jp->p, word.p, word.len) != 0)
    {
        fail(jp);
        return;
    }
    jp->p += word.len;
}

void
json_pull_init(json_pull_t *jp, ion_str_t text)
{
    jp->p = text.len == 0 ? "" : text.p;
    jp->end = jp->p + text.len;
    jp->bad = false;
    jp->is_new = false;
}

json_kind_t
json_pull_kind(json_pull_t *jp)
{
    skip_blanks(jp);
    if (jp->bad || jp->p == jp->end) {
        return JSON_NONE;
    }
    switch (*jp->p) {
    case '{':
        return JSON_OBJECT;
    case '[':
        return JSON_ARRAY;
    case '"':
        return JSON_STRING;
    case 't':
    case 'f':
        return JSON_BOOL;
    case 'n':
        return JSON_NULL;
    default:
        return *jp->p == '-' || is_digit(*jp->p) ? JSON_NUMBER : JSON_NONE;
    }
}

void
json_pull_enter(json_pull_t *jp)
{
    if (!take(jp, '{')) {
        fail(jp);
        return;
    }
    jp->is_new = true;
}

bool
json_pull_key(json_pull_t *jp, char *out, size_t cap, size_t *len)
{
    bool is_new = jp->is_new;

    jp->is_new = false;
    *len = 0;
    if (jp->bad || take(jp, '}')) {
        return false;
    }
    if (!is_new && !take(jp, ',')) {
        fail(jp);
        return false;
    }
    json_pull_string(jp, out, cap, len);
    if (!jp->bad && !take(jp, ':')) {
        fail(jp);
    }
    return !jp->bad;
}

/* four hex digits; UINT32_MAX when they are not there */
static uint32_t
hex4(const json_pull_t *jp)
{
    uint32_t v = 0;

    if (jp->end - jp->p < 4) {
        return UINT32_MAX;
    }
    for (int i = 0; i < 4; i++) {
        char c = jp->p[i];

        if (is_digit(c)) {
            v = v << 4 | (uint32_t)(c - '0');
        } else if ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')) {
            v = v << 4 | (uint32_t)((c | 0x20) - 'a' + 10);
        } else {
            return UINT32_MAX;
        }
    }
    return v;
}

/* behind "\u"; a surrogate without its half becomes U+FFFD */
static void
read_unicode(json_pull_t *jp, sink_t *out)
{
    uint32_t r = hex4(jp);
    uint32_t low;

    if (r == UINT32_MAX) {
        fail(jp);
        return;
    }
    jp->p += 4;
    if (r >= 0xd800 && r < 0xe000) {
        if (r < 0xdc00 && jp->end - jp->p >= 6 && jp->p[0] == '\\' &&
            jp->p[1] == 'u') {
            jp->p += 2;
            low = hex4(jp);
            if (low >= 0xdc00 && low < 0xe000) {
                jp->p += 4;
                sink_put_rune(
                    out, 0x10000 + ((r - 0xd800) << 10) + (low - 0xdc00));
                return;
            }
            jp->p -= 2;
        }
        r = 0xfffd;
    }
    sink_put_rune(out, r);
}

/* behind a backslash */
static void
read_escape(json_pull_t *jp, sink_t *out)
{
    static const char from[] = "\"\\/bfnrt";
    static const char to[] = "\"\\/\b\f\n\r\t";
    const char *at;
    char c;

    if (jp->p == jp->end) {
        fail(jp);
        return;
    }
    c = *jp->p++;
    if (c == 'u') {
        read_unicode(jp, out);
        return;
    }
    at = c == '\0' ? NULL : strchr(from, c);
    if (at == NULL) {
        fail(jp);
        return;
    }
    sink_put(out, (unsigned char)to[at - from]);
}

void
json_pull_string(json_pull_t *jp, char *out, size_t cap, size_t *len)
{
    sink_t s = { .p = out, .cap = cap, .len = 0 };

    *len = 0;
    if (!take(jp, '"')) {
        fail(jp);
    }
    while (!jp->bad) {
        unsigned char c;

        if (jp->p == jp->end || (unsigned char)*jp->p < 0x20) {
            fail(jp);
            return;
        }
        c = (unsigned char)*jp->p++;
        if (c == '"') {
            *len = s.len;
            return;
        }
        if (c == '\\') {
            read_escape(jp, &s);
        } else {
            sink_put(&s, c);
        }
    }
}

static bool
skip_digits(json_pull_t *jp)
{
    const char *from = jp->p;

    while (jp->p < jp->end && is_digit(*jp->p)) {
        jp->p++;
    }
    return jp->p > from;
}

/* any number of JSON's, as it is spelt */
static ion_str_t
read_number(json_pull_t *jp)
{
    ion_str_t text = { jp->p, 0 };
    const char *digits;

    if (jp->p < jp->end && *jp->p == '-') {
        jp->p++;
    }
    digits = jp->p;
    if (!skip_digits(jp) || (digits[0] == '0' && jp->p - digits > 1)) {
        fail(jp);
        return text;
    }
    if (jp->p < jp->end && *jp->p == '.') {
        jp->p++;
        if (!skip_digits(jp)) {
            fail(jp);
            return text;
        }
    }
    if (jp->p < jp->end && (*jp->p == 'e' || *jp->p == 'E')) {
        jp->p++;
        if (jp->p < jp->end && (*jp->p == '+' || *jp->p == '-')) {
            jp->p++;
        }
        if (!skip_digits(jp)) {
            fail(jp);
            return text;
        }
    }
    text.len = (size_t)(jp->p - text.p);
    return text;
}

void
json_pull_int(json_pull_t *jp, int64_t *out)
{
    json_kind_t kind = json_pull_kind(jp);
    ion_str_t text;

    if (kind == JSON_NULL) {
        expect_word(jp, ION_STR("null"));
        return;
    }
    if (kind != JSON_NUMBER) {
        fail(jp);
        return;
    }
    text = read_number(jp);
    if (jp->bad || ion_parse_i64(text, INT64_MIN, INT64_MAX, out) != ION_OK) {
        fail(jp);
    }
}

void
json_pull_bool(json_pull_t *jp, bool *out)
{
    json_kind_t kind = json_pull_kind(jp);
    bool is_true;

    if (kind == JSON_NULL) {
        expect_word(jp, ION_STR("null"));
        return;
    }
    if (kind != JSON_BOOL) {
        fail(jp);
        return;
    }
    is_true = *jp->p == 't';
    expect_word(jp, is_true ? ION_STR("true") : ION_STR("false"));
    if (!jp->bad) {
        *out = is_true;
    }
}

/* a value that is neither object nor array */
static void
skip_scalar(json_pull_t *jp)
{
    size_t len;
    bool flag;

    switch (json_pull_kind(jp)) {
    case JSON_NULL:
    case JSON_BOOL:
        json_pull_bool(jp, &flag);
        break;
    case JSON_NUMBER:
        (void)read_number(jp);
        break;
    case JSON_STRING:
        json_pull_string(jp, NULL, 0, &len);
        break;
    case JSON_NONE:
    case JSON_ARRAY:
    case JSON_OBJECT:
        fail(jp);
        break;
    }
}

/* the key and the colon in front of an object's member */
static void
skip_key(json_pull_t *jp)
{
    size_t len;

    json_pull_string(jp, NULL, 0, &len);
    if (!jp->bad && !take(jp, ':')) {
        fail(jp);
    }
}

/* containers that are open while a value is skipped */
typedef struct levels {
    uint64_t is_object; /* one bit per level, innermost lowest */
    unsigned depth;
} levels_t;

/* steps into the container that begins here; true when a value comes next,
 * false when it was an empty one and lies behind */
static bool
open_level(json_pull_t *jp, levels_t *open, bool is_object)
{
    if (open->depth == JSON_PULL_DEPTH) {
        fail(jp);
        return true;
    }
    jp->p++;
    if (take(jp, is_object ? '}' : ']')) {
        return false;
    }
    open->is_object = open->is_object << 1 | is_object;
    open->depth++;
    if (is_object) {
        skip_key(jp);
    }
    return true;
}

/* behind a value: closes what ends, up to the value behind a comma */
static void
close_levels(json_pull_t *jp, levels_t *open)
{
    while (open->depth > 0 && !jp->bad) {
        bool is_object = (open->is_object & 1) != 0;

        if (take(jp, ',')) {
            if (is_object) {
                skip_key(jp);
            }
            return;
        }
        if (!take(jp, is_object ? '}' : ']')) {
            fail(jp);
        }
        open->is_object >>= 1;
        open->depth--;
    }
}

void
json_pull_skip(json_pull_t *jp)
{
    levels_t open = { 0, 0 };

    do {
        json_kind_t kind = json_pull_kind(jp);

        if (kind != JSON_OBJECT && kind != JSON_ARRAY) {
            skip_scalar(jp);
        } else if (open_level(jp, &open, kind == JSON_OBJECT)) {
            continue;
        }
        close_levels(jp, &open);
    } while (open.depth > 0 && !jp->bad);
}

ion_err_t
json_pull_end(json_pull_t *jp)
{
    skip_blanks(jp);
    return jp->bad || jp->p != jp->end ? ION_MALF : ION_OK;
}
