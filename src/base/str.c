/*
 * str.c -- byte views and the bounded string builder.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "base/str.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SB_FIRST_CAP 64

static unsigned char
fold(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

static bool
is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

ion_str_t
ion_str_from(const char *cstr)
{
    ion_str_t s = { cstr, cstr == NULL ? 0 : strlen(cstr) };
    return s;
}

bool
ion_str_eq(ion_str_t a, ion_str_t b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

bool
ion_str_ieq(ion_str_t a, ion_str_t b)
{
    if (a.len != b.len) {
        return false;
    }
    for (size_t i = 0; i < a.len; i++) {
        if (fold(a.p[i]) != fold(b.p[i])) {
            return false;
        }
    }
    return true;
}

bool
ion_str_has_prefix(ion_str_t s, ion_str_t prefix)
{
    return s.len >= prefix.len &&
           (prefix.len == 0 || memcmp(s.p, prefix.p, prefix.len) == 0);
}

ion_str_t
ion_str_trim(ion_str_t s)
{
    while (s.len > 0 && is_blank(s.p[0])) {
        s.p++;
        s.len--;
    }
    while (s.len > 0 && is_blank(s.p[s.len - 1])) {
        s.len--;
    }
    return s;
}

bool
ion_str_split(ion_str_t *rest, char sep, ion_str_t *field)
{
    if (rest->p == NULL) {
        return false;
    }

    *field = *rest;
    const char *at = memchr(rest->p, sep, rest->len);
    if (at == NULL) {
        *rest = (ion_str_t){ NULL, 0 };
        return true;
    }

    field->len = (size_t)(at - rest->p);
    rest->p = at + 1;
    rest->len -= field->len + 1;
    return true;
}

char *
ion_str_dup(ion_str_t s)
{
    char *copy = malloc(s.len + 1);
    if (copy == NULL) {
        return NULL;
    }
    if (s.len > 0) {
        memcpy(copy, s.p, s.len);
    }
    copy[s.len] = '\0';
    return copy;
}

void
ion_sb_init(ion_sb_t *sb, size_t max_len)
{
    *sb = (ion_sb_t){ .max = ION_MIN(max_len, SIZE_MAX / 4) };
}

void
ion_sb_fini(ion_sb_t *sb)
{
    free(sb->p);
    *sb = (ion_sb_t){ .max = sb->max };
}

void
ion_sb_reset(ion_sb_t *sb)
{
    sb->len = 0;
    sb->failed = false;
    if (sb->p != NULL) {
        sb->p[0] = '\0';
    }
}

/* Room for n more bytes and a NUL, or the sticky failure. */
static bool
make_room(ion_sb_t *sb, size_t n)
{
    if (sb->failed || n > sb->max - sb->len) {
        sb->failed = true;
        return false;
    }

    size_t need = sb->len + n + 1;
    if (need <= sb->cap) {
        return true;
    }

    size_t cap = ION_MAX(sb->cap, (size_t)SB_FIRST_CAP / 2) * 2;
    cap = ION_MAX(ION_MIN(cap, sb->max + 1), need);
    char *p = realloc(sb->p, cap);
    if (p == NULL) {
        sb->failed = true;
        return false;
    }
    sb->p = p;
    sb->cap = cap;
    return true;
}

void
ion_sb_add(ion_sb_t *sb, const void *p, size_t n)
{
    if (!make_room(sb, n)) {
        return;
    }
    if (n > 0) {
        memcpy(sb->p + sb->len, p, n);
        sb->len += n;
    }
    sb->p[sb->len] = '\0';
}

void
ion_sb_addz(ion_sb_t *sb, const char *cstr)
{
    ion_sb_add(sb, cstr, strlen(cstr));
}

void
ion_sb_adds(ion_sb_t *sb, ion_str_t s)
{
    ion_sb_add(sb, s.p, s.len);
}

void
ion_sb_addc(ion_sb_t *sb, char c)
{
    ion_sb_add(sb, &c, 1);
}

void
ion_sb_addf(ion_sb_t *sb, const char *fmt, ...)
{
    va_list ap;
    va_list again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    if (n >= 0 && make_room(sb, (size_t)n)) {
        n = vsnprintf(sb->p + sb->len, sb->cap - sb->len, fmt, again);
        sb->len += (size_t)n;
    } else {
        sb->failed = true;
    }
    va_end(again);
    va_end(ap);
}

ion_str_t
ion_sb_str(const ion_sb_t *sb)
{
    ion_str_t s = { sb->p == NULL ? "" : sb->p, sb->len };
    return s;
}

char *
ion_sb_take(ion_sb_t *sb, size_t *len)
{
    if (!make_room(sb, 0)) {
        ion_sb_fini(sb);
        return NULL;
    }

    char *p = sb->p;
    p[sb->len] = '\0';
    if (len != NULL) {
        *len = sb->len;
    }
    *sb = (ion_sb_t){ .max = sb->max };
    return p;
}
