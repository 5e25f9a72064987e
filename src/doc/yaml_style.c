/*
 * yaml_style.c -- plain, single or double quotes.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Two questions. Would the bare word be taken for something else than a
 * string (then double quotes)? Would one of its characters be taken for
 * syntax (then single quotes, unless it needs escapes)?
 */

#include "doc/yaml_style.h"

#include <string.h>

#include "base/utf8.h"

/* Characters beyond 16 bits are escaped, as all libraries of this family do. */
bool
ion_yaml_is_printable(uint32_t cp)
{
    return (cp >= 0x20 && cp <= 0x7e) ||
           (cp >= 0xa0 && cp <= 0xffff && cp != 0xfeff && cp != 0x2028 &&
               cp != 0x2029);
}

static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Words with a meaning, in YAML 1.1 or 1.2. */
static bool
is_reserved_word(ion_str_t s)
{
    static const char *const words[] = {
        "~",
        "null",
        "true",
        "false",
        "yes",
        "no",
        "on",
        "off",
        "y",
        "n",
        ".nan",
        ".inf",
        "-.inf",
        "+.inf",
        "<<",
    };
    for (size_t i = 0; i < ION_ARRAY_LEN(words); i++) {
        if (ion_str_ieq(s, ion_str_from(words[i]))) {
            return true;
        }
    }
    return false;
}

static bool
consists_of(ion_str_t s, const char *set)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.p[i] == '\0' || strchr(set, s.p[i]) == NULL) {
            return false;
        }
    }
    return s.len > 0;
}

static ion_str_t
skip(ion_str_t s, size_t n)
{
    return (ion_str_t){ s.p + n, s.len - n };
}

/* Digits with '_' between and behind them. */
static size_t
count_digits(ion_str_t s)
{
    size_t n = 0;
    while (n < s.len && (is_digit(s.p[n]) || (n > 0 && s.p[n] == '_'))) {
        n++;
    }
    return n;
}

/* 12, 1_000, 0x1f, 0o17, 0b10, 1., .5, 1.5e-3; any sign is gone already. */
static bool
is_unsigned_number(ion_str_t s)
{
    if (s.len > 2 && s.p[0] == '0' && (s.p[1] == 'x' || s.p[1] == 'X')) {
        return consists_of(skip(s, 2), "0123456789abcdefABCDEF_");
    }
    if (s.len > 2 && s.p[0] == '0' && (s.p[1] == 'o' || s.p[1] == 'b')) {
        return consists_of(skip(s, 2), "01234567_");
    }

    size_t whole = count_digits(s);
    s = skip(s, whole);
    size_t fraction = 0;
    if (s.len > 0 && s.p[0] == '.') {
        fraction = count_digits(skip(s, 1));
        s = skip(s, 1 + fraction);
    }
    if (whole + fraction == 0) {
        return false;
    }
    if (s.len > 1 && (s.p[0] == 'e' || s.p[0] == 'E')) {
        size_t sign = s.p[1] == '-' || s.p[1] == '+' ? 2 : 1;
        return s.len > sign && count_digits(skip(s, sign)) == s.len - sign;
    }
    return s.len == 0;
}

/* 1:30, 12:30:45.5 in base 60. */
static bool
is_base60(ion_str_t s)
{
    size_t n = count_digits(s);
    size_t colons = 0;
    if (n == 0 || !is_digit(s.p[0])) {
        return false;
    }
    for (s = skip(s, n); s.len > 1 && s.p[0] == ':'; s = skip(s, n)) {
        s = skip(s, 1);
        n = count_digits(s);
        if (n == 0 || n > 2) {
            return false;
        }
        colons++;
    }
    if (s.len > 0 && s.p[0] == '.') {
        s = skip(s, 1 + count_digits(skip(s, 1)));
    }
    return colons > 0 && s.len == 0;
}

/* 2026-11-24, alone or before a time of day. */
static bool
is_date(ion_str_t s)
{
    if (count_digits(s) != 4 || s.len < 5 || s.p[4] != '-') {
        return false;
    }
    s = skip(s, 5);
    size_t month = count_digits(s);
    if (month == 0 || month > 2 || month == s.len || s.p[month] != '-') {
        return false;
    }
    s = skip(s, month + 1);
    size_t day = count_digits(s);
    s = skip(s, day);
    bool has_time = s.len > 1 && is_digit(s.p[1]) &&
                    (s.p[0] == 'T' || s.p[0] == 't' || s.p[0] == ' ');
    return day > 0 && day <= 2 && (s.len == 0 || has_time);
}

static bool
is_other_than_string(ion_str_t s)
{
    if (s.len == 0 || is_reserved_word(s)) {
        return true;
    }
    bool has_sign = s.p[0] == '-' || s.p[0] == '+';
    ion_str_t bare = has_sign ? skip(s, 1) : s;
    return is_unsigned_number(bare) || is_base60(bare) || is_date(s);
}

static bool
needs_escapes(ion_str_t s)
{
    size_t at = 0;
    while (at < s.len) {
        uint32_t cp;
        size_t n = ion_utf8_decode(s.p + at, s.len - at, &cp);
        if (n == 0 || !ion_yaml_is_printable(cp)) {
            return true;
        }
        at += n;
    }
    return false;
}

static bool
ends_word(ion_str_t s, size_t at)
{
    return at + 1 == s.len || s.p[at + 1] == ' ';
}

/* Would a block-style reader see syntax in it? */
static bool
has_signs(ion_str_t s)
{
    if (s.p[0] == ' ' || s.p[s.len - 1] == ' ' ||
        strchr("#,[]{}&*!|>'\"%@`", s.p[0]) != NULL ||
        ion_str_has_prefix(s, ION_STR("---")) ||
        ion_str_has_prefix(s, ION_STR("...")))
    {
        return true;
    }
    if (strchr("-?", s.p[0]) != NULL && ends_word(s, 0)) {
        return true;
    }
    for (size_t i = 0; i < s.len; i++) {
        if (s.p[i] == ':' && ends_word(s, i)) {
            return true;
        }
        if (s.p[i] == '#' && s.p[i - 1] == ' ') {
            return true;
        }
    }
    return false;
}

ion_yaml_style_t
ion_yaml_style(ion_str_t s)
{
    if (is_other_than_string(s) || needs_escapes(s)) {
        return ION_YAML_DOUBLE_QUOTED;
    }
    return has_signs(s) ? ION_YAML_SINGLE_QUOTED : ION_YAML_PLAIN;
}
