/*
 * source_url_text.c -- parts of a source: cut, decode, keep.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/addr.h"
#include "base/assert.h"
#include "base/hex.h"
#include "base/num.h"
#include "proto/source_url_int.h"

#define SHOWN_MAX 60 /* bytes of a source in a message */
#define PORT_MAX  65535

ion_err_t
source_fail(source_parse_t *p, ion_err_t rc, const char *fmt, ...)
{
    char text[sizeof(p->err->msg)];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    ion_errtext_set(p->err, "%s", text);
    return rc;
}

void
source_warn(source_parse_t *p, const char *text)
{
    if (p->out->warning_count < SOURCE_URL_WARNINGS_MAX) {
        p->out->warnings[p->out->warning_count++] = text;
    }
}

ion_str_t
source_shown(ion_str_t part)
{
    return source_head(part, ION_MIN(part.len, (size_t)SHOWN_MAX));
}

size_t
source_find(ion_str_t s, ion_str_t word)
{
    const char *at = s.len == 0 ? NULL : memmem(s.p, s.len, word.p, word.len);
    return at == NULL ? s.len : (size_t)(at - s.p);
}

ion_str_t
source_head(ion_str_t s, size_t n)
{
    ION_ASSERT(n <= s.len);
    return (ion_str_t){ s.p, n };
}

ion_str_t
source_tail(ion_str_t s, size_t n)
{
    ION_ASSERT(n <= s.len);
    return (ion_str_t){ s.len == 0 ? s.p : s.p + n, s.len - n };
}

bool
source_has_suffix(ion_str_t s, ion_str_t suffix)
{
    return s.len >= suffix.len &&
           ion_str_eq(source_tail(s, s.len - suffix.len), suffix);
}

ion_str_t
source_keep(source_parse_t *p, ion_str_t a, ion_str_t b)
{
    source_url_t *out = p->out;
    char *start = out->bytes + out->bytes_used;
    ION_ASSERT(a.len + b.len <= sizeof(out->bytes) - out->bytes_used);
    if (a.len > 0) {
        memcpy(start, a.p, a.len);
    }
    if (b.len > 0) {
        memcpy(start + a.len, b.p, b.len);
    }
    out->bytes_used += a.len + b.len;
    return (ion_str_t){ start, a.len + b.len };
}

ion_err_t
source_decode(source_parse_t *p, const char *part, ion_str_t raw, bool plus,
    ion_str_t *out)
{
    ion_str_t copy = source_keep(p, raw, ION_STR(""));
    char *to = p->out->bytes + (p->out->bytes_used - copy.len);
    size_t n = 0;
    for (size_t i = 0; i < raw.len; i++) {
        char c = raw.p[i];
        if (c == '%') {
            uint8_t byte;
            if (raw.len - i < 3 ||
                ion_hex_decode(&byte, 1,
                    source_head(source_tail(raw, i + 1), 2)) != ION_OK)
            {
                return source_fail(p, ION_MALF,
                    "%s: '%%' must be followed by two hexadecimal digits",
                    part);
            }
            c = (char)byte;
            i += 2;
        } else if (c == '+' && plus) {
            c = ' ';
        }
        if ((unsigned char)c < 0x20 || c == 0x7f) {
            return source_fail(
                p, ION_MALF, "%s: control characters are not allowed", part);
        }
        to[n++] = c;
    }
    p->out->bytes_used -= raw.len - n;
    *out = (ion_str_t){ to, n };
    return ION_OK;
}

/* Takes every field of that name out, in place. */
static void
drop_fields(source_parse_t *p, ion_str_t name)
{
    ion_str_t rest = p->query;
    ion_str_t field;
    size_t left = 0;
    while (ion_str_split(&rest, '&', &field)) {
        size_t n = source_find(field, ION_STR("="));
        if (ion_str_eq(source_head(field, n), name)) {
            continue;
        }
        if (left > 0) {
            p->query_bytes[left++] = '&';
        }
        memmove(p->query_bytes + left, field.p, field.len);
        left += field.len;
    }
    p->query.len = left;
}

ion_err_t
source_take(source_parse_t *p, const char *key, bool *found, ion_str_t *value)
{
    ion_str_t rest = p->query;
    ion_str_t field;
    ion_str_t name = ion_str_from(key);
    *found = false;
    *value = ION_STR("");
    while (!*found && rest.len > 0 && ion_str_split(&rest, '&', &field)) {
        size_t n = source_find(field, ION_STR("="));
        *found = ion_str_eq(source_head(field, n), name);
        ion_str_t raw = source_tail(field, ION_MIN(n + 1, field.len));
        if (*found && source_decode(p, key, raw, true, value) != ION_OK) {
            return ION_MALF;
        }
    }
    if (*found) {
        drop_fields(p, name);
    }
    return ION_OK;
}

ion_err_t
source_clean_path(
    source_parse_t *p, const char *part, ion_str_t raw, ion_str_t *out)
{
    ion_str_t rest = raw;
    ion_str_t element;
    char *to = p->out->bytes + p->out->bytes_used;
    size_t n = 0;
    ION_ASSERT(raw.len + 1 <= sizeof(p->out->bytes) - p->out->bytes_used);
    while (ion_str_split(&rest, '/', &element)) {
        if (element.len == 0 || ion_str_eq(element, ION_STR("."))) {
            continue;
        }
        if (!ion_str_eq(element, ION_STR(".."))) {
            if (n > 0) {
                to[n++] = '/';
            }
            memmove(to + n, element.p, element.len);
            n += element.len;
            continue;
        }
        if (n == 0) {
            return source_fail(
                p, ION_MALF, "%s: leads out of the source by \"..\"", part);
        }
        while (n > 0 && to[n - 1] != '/') {
            n--;
        }
        n -= n > 0 ? 1 : 0;
    }
    if (n == 0) {
        return source_fail(
            p, ION_MALF, "%s: is empty, want the path of a file", part);
    }
    p->out->bytes_used += n;
    *out = (ion_str_t){ to, n };
    return ION_OK;
}

static ion_err_t
read_user(source_parse_t *p, ion_str_t user)
{
    size_t colon = source_find(user, ION_STR(":"));
    p->out->has_user = true;
    ion_err_t rc = source_decode(
        p, "user", source_head(user, colon), false, &p->out->user);
    if (rc == ION_OK && colon < user.len) {
        rc = source_decode(p, "password", source_tail(user, colon + 1), false,
            &p->out->password);
    }
    return rc;
}

static bool
is_host_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_';
}

static ion_err_t
read_name(source_parse_t *p, ion_str_t name)
{
    ion_str_t copy = source_keep(p, name, ION_STR(""));
    char *bytes = p->out->bytes + (p->out->bytes_used - copy.len);
    for (size_t i = 0; i < copy.len; i++) {
        if (bytes[i] >= 'A' && bytes[i] <= 'Z') {
            bytes[i] = (char)(bytes[i] - 'A' + 'a');
        }
        if (!is_host_byte(bytes[i])) {
            return source_fail(p, ION_MALF,
                "host: want a name of letters, digits, '-' and '.', or an "
                "address");
        }
    }
    if (copy.len == 0) {
        return source_fail(p, ION_MALF, "host: is missing");
    }
    p->out->host = copy;
    return ION_OK;
}

static ion_err_t
read_port(source_parse_t *p, ion_str_t text)
{
    uint64_t port = 0;
    if (text.len == 0) {
        return ION_OK; /* "host:" */
    }
    if (ion_parse_u64(text, PORT_MAX, &port) == ION_OK && port > 0) {
        p->out->port = (uint16_t)port;
        return ION_OK;
    }
    if (ion_str_eq(p->out->scheme, ION_STR("ssh"))) {
        return source_fail(p, ION_MALF,
            "port: must be a number from 1 to 65535; without a port write "
            "git::git@host:path, without ssh://");
    }
    return source_fail(p, ION_MALF, "port: must be a number from 1 to 65535");
}

ion_err_t
source_host(source_parse_t *p)
{
    ion_str_t rest = p->authority;
    size_t at = rest.len;
    ion_err_t rc = ION_OK;
    while (at > 0 && rest.p[at - 1] != '@') {
        at--;
    }
    if (at > 0) {
        rc = read_user(p, source_head(rest, at - 1));
        rest = source_tail(rest, at);
    }
    if (rc != ION_OK) {
        return rc;
    }

    size_t end = source_find(rest, ION_STR(":"));
    if (rest.len > 0 && rest.p[0] == '[') {
        ion_addr_t addr;
        end = source_find(rest, ION_STR("]"));
        ion_str_t inner = end == rest.len
                              ? ION_STR("")
                              : source_tail(source_head(rest, end), 1);
        if (memchr(inner.p, '%', inner.len) != NULL ||
            ion_addr_parse_ip(inner, &addr) != ION_OK || addr.family != 6)
        {
            return source_fail(
                p, ION_MALF, "host: want an IPv6 address inside [ ]");
        }
        p->out->host = source_keep(p, inner, ION_STR(""));
        end++;
    } else {
        rc = read_name(p, source_head(rest, end));
    }
    rest = source_tail(rest, end);
    if (rc == ION_OK && rest.len > 0) {
        rc = rest.p[0] == ':'
                 ? read_port(p, source_tail(rest, 1))
                 : source_fail(p, ION_MALF, "host: want ':' behind ']'");
    }
    return rc;
}
