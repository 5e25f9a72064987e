/*
 * http1_text.c -- character classes, escapes, paths and queries of HTTP/1.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "proto/http1_text.h"

#include <string.h>

#include "base/assert.h"
#include "base/num.h"
#include "proto/http1.h"

static bool
is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
           (c >= 'A' && c <= 'Z');
}

static bool
is_one_of(char c, const char *set)
{
    return c != '\0' && strchr(set, c) != NULL;
}

bool
http1_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool
http1_is_target_char(char c)
{
    return c > ' ' && c < 0x7f && !is_one_of(c, "\"#<>\\");
}

bool
http1_is_value_char(char c)
{
    unsigned char u = (unsigned char)c;

    return u == '\t' || (u >= ' ' && u != 0x7f);
}

bool
http1_is_token(ion_str_t s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (!is_alnum(s.p[i]) && !is_one_of(s.p[i], "!#$%&'*+-.^_`|~")) {
            return false;
        }
    }
    return s.len > 0;
}

bool
http1_is_host(ion_str_t s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (!is_alnum(s.p[i]) && !is_one_of(s.p[i], "-._~:[]%!$&'()*+,;=")) {
            return false;
        }
    }
    return true;
}

bool
http1_is_authority(ion_str_t s)
{
    const char *colon = s.len == 0 ? NULL : memrchr(s.p, ':', s.len);
    ion_str_t port;
    uint64_t n;

    if (colon == NULL || colon == s.p || !http1_is_host(s)) {
        return false;
    }
    port.p = colon + 1;
    port.len = (size_t)(s.p + s.len - port.p);
    return ion_parse_u64(port, 65535, &n) == ION_OK;
}

ion_str_t
http1_trim(ion_str_t s)
{
    while (s.len > 0 && (s.p[0] == ' ' || s.p[0] == '\t')) {
        s.p++;
        s.len--;
    }
    while (s.len > 0 && (s.p[s.len - 1] == ' ' || s.p[s.len - 1] == '\t')) {
        s.len--;
    }
    return s;
}

static int
hex_value(char c)
{
    if (http1_is_digit(c)) {
        return c - '0';
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool
http1_unescape(
    ion_str_t s, bool plus_is_blank, char *out, size_t cap, size_t *len)
{
    size_t n = 0;

    for (size_t i = 0; i < s.len; i++) {
        int c = (unsigned char)s.p[i];

        if (c == '%') {
            int high = s.len - i > 2 ? hex_value(s.p[i + 1]) : -1;
            int low = s.len - i > 2 ? hex_value(s.p[i + 2]) : -1;

            if (high < 0 || low < 0) {
                return false;
            }
            c = high << 4 | low;
            i += 2;
        } else if (c == '+' && plus_is_blank) {
            c = ' ';
        }
        if (n == cap) {
            return false;
        }
        out[n++] = (char)c;
    }
    *len = n;
    return true;
}

bool
http1_path_is_clean(ion_str_t path)
{
    char buf[HTTP1_MAX_PATH];
    size_t n = http1_path_clean(path, buf);

    return ion_str_eq(path, (ion_str_t){ buf, n });
}

size_t
http1_path_clean(ion_str_t path, char out[HTTP1_MAX_PATH])
{
    ion_str_t rest = path;
    ion_str_t part = { NULL, 0 };
    size_t n = 0;

    ION_ASSERT(path.len > 0 && path.len <= HTTP1_MAX_PATH);
    ION_ASSERT(path.p[0] == '/');
    while (ion_str_split(&rest, '/', &part)) {
        if (ion_str_eq(part, ION_STR(".."))) {
            while (n > 0 && out[--n] != '/') {
                continue;
            }
        } else if (part.len > 0 && !ion_str_eq(part, ION_STR("."))) {
            out[n++] = '/';
            memcpy(out + n, part.p, part.len);
            n += part.len;
        }
    }
    if (n == 0 || part.len == 0) {
        out[n++] = '/'; /* the path ended with a slash */
    }
    return n;
}

bool
http1_query_value(
    ion_str_t query, const char *name, char *out, size_t cap, size_t *len)
{
    ion_str_t want = ion_str_from(name);
    ion_str_t rest = query;
    ion_str_t pair;

    while (ion_str_split(&rest, '&', &pair)) {
        ion_str_t value = pair;
        ion_str_t key;
        char buf[64];
        ion_str_t found = { buf, 0 };

        (void)ion_str_split(&value, '=', &key);
        if (!http1_unescape(key, true, buf, sizeof(buf), &found.len) ||
            !ion_str_eq(found, want))
        {
            continue;
        }
        return http1_unescape(value, true, out, cap, len);
    }
    return false;
}
