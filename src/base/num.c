/*
 * num.c -- numbers, sizes, durations and booleans as text.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "base/num.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Longer texts are no number that anybody writes by hand. */
#define FLOAT_TEXT_MAX 64

static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Digits from *at on; false when there is none. Saturates at UINT64_MAX. */
static bool
scan_digits(ion_str_t text, size_t *at, uint64_t *out, bool *overflow)
{
    size_t start = *at;
    uint64_t v = 0;
    for (; *at < text.len && is_digit(text.p[*at]); (*at)++) {
        uint64_t digit = (uint64_t)(text.p[*at] - '0');
        if (__builtin_mul_overflow(v, 10, &v) ||
            __builtin_add_overflow(v, digit, &v)) {
            *overflow = true;
        }
    }
    *out = *overflow ? UINT64_MAX : v;
    return *at > start;
}

ion_err_t
ion_parse_u64(ion_str_t text, uint64_t max, uint64_t *out)
{
    size_t at = 0;
    uint64_t v;
    bool overflow = false;
    if (!scan_digits(text, &at, &v, &overflow) || at != text.len) {
        return ION_MALF;
    }
    if (overflow || v > max) {
        return ION_RANGE;
    }
    *out = v;
    return ION_OK;
}

ion_err_t
ion_parse_i64(ion_str_t text, int64_t min, int64_t max, int64_t *out)
{
    bool negative = text.len > 0 && text.p[0] == '-';
    if (text.len > 0 && (negative || text.p[0] == '+')) {
        text.p++;
        text.len--;
    }

    uint64_t v;
    uint64_t limit = (uint64_t)INT64_MAX + (negative ? 1 : 0);
    ion_err_t rc = ion_parse_u64(text, limit, &v);
    if (rc != ION_OK) {
        return rc;
    }

    int64_t n = negative ? (int64_t)(0 - v) : (int64_t)v;
    if (n < min || n > max) {
        return ION_RANGE;
    }
    *out = n;
    return ION_OK;
}

/* [-+]digits[.digits][e[-+]digits] and nothing else. */
static bool
is_decimal_float(ion_str_t text)
{
    size_t at = 0;
    uint64_t ignored;
    bool overflow = false;
    if (at < text.len && (text.p[at] == '-' || text.p[at] == '+')) {
        at++;
    }
    if (!scan_digits(text, &at, &ignored, &overflow)) {
        return false;
    }
    if (at < text.len && text.p[at] == '.') {
        at++;
        if (!scan_digits(text, &at, &ignored, &overflow)) {
            return false;
        }
    }
    if (at < text.len && (text.p[at] == 'e' || text.p[at] == 'E')) {
        at++;
        if (at < text.len && (text.p[at] == '-' || text.p[at] == '+')) {
            at++;
        }
        if (!scan_digits(text, &at, &ignored, &overflow)) {
            return false;
        }
    }
    return at == text.len;
}

ion_err_t
ion_parse_f64(ion_str_t text, double *out)
{
    char copy[FLOAT_TEXT_MAX];
    if (text.len >= sizeof(copy) || !is_decimal_float(text)) {
        return ION_MALF;
    }
    memcpy(copy, text.p, text.len);
    copy[text.len] = '\0';

    double v = strtod(copy, NULL);
    if (!isfinite(v)) {
        return ION_RANGE;
    }
    *out = v;
    return ION_OK;
}

typedef struct {
    const char *name;
    uint64_t factor;
} unit_t;

static const unit_t duration_units[] = {
    { "ns", 1 },
    { "us", UINT64_C(1000) },
    { "\xc2\xb5s", UINT64_C(1000) }, /* micro sign */
    { "\xce\xbcs", UINT64_C(1000) }, /* Greek mu */
    { "ms", UINT64_C(1000000) },
    { "s", UINT64_C(1000000000) },
    { "m", UINT64_C(60000000000) },
    { "h", UINT64_C(3600000000000) },
};

static const unit_t size_units[] = {
    { "", 1 },
    { "B", 1 },
    { "kB", UINT64_C(1000) },
    { "KB", UINT64_C(1000) },
    { "MB", UINT64_C(1000000) },
    { "GB", UINT64_C(1000000000) },
    { "TB", UINT64_C(1000000000000) },
    { "KiB", UINT64_C(1) << 10 },
    { "MiB", UINT64_C(1) << 20 },
    { "GiB", UINT64_C(1) << 30 },
    { "TiB", UINT64_C(1) << 40 },
};

static uint64_t
find_unit(const unit_t *units, size_t n, ion_str_t name)
{
    for (size_t i = 0; i < n; i++) {
        if (ion_str_eq(name, ion_str_from(units[i].name))) {
            return units[i].factor;
        }
    }
    return 0;
}

/* The digits after the point, as a share of `factor`, cut off below 1. */
static uint64_t
scan_fraction(ion_str_t text, size_t *at, uint64_t factor)
{
    double scale = 1;
    uint64_t v = 0;
    for (; *at < text.len && is_digit(text.p[*at]); (*at)++) {
        if (v < UINT64_MAX / 100) {
            v = v * 10 + (uint64_t)(text.p[*at] - '0');
            scale *= 10;
        }
    }
    return (uint64_t)((double)v * ((double)factor / scale));
}

/* One "1.5h" from *at on, added to *sum. */
static ion_err_t
scan_duration_part(ion_str_t text, size_t *at, uint64_t *sum)
{
    uint64_t whole;
    bool overflow = false;
    bool has_whole = scan_digits(text, at, &whole, &overflow);

    size_t fraction_at = *at;
    bool has_fraction = false;
    if (*at < text.len && text.p[*at] == '.') {
        fraction_at = ++(*at);
        for (; *at < text.len && is_digit(text.p[*at]); (*at)++) {
            has_fraction = true;
        }
    }
    if (!has_whole && !has_fraction) {
        return ION_MALF;
    }

    size_t unit_at = *at;
    while (*at < text.len && text.p[*at] != '.' && !is_digit(text.p[*at])) {
        (*at)++;
    }
    ion_str_t name = { text.p + unit_at, *at - unit_at };
    uint64_t factor =
        find_unit(duration_units, ION_ARRAY_LEN(duration_units), name);
    if (factor == 0) {
        return ION_MALF;
    }

    uint64_t v;
    uint64_t part =
        has_fraction ? scan_fraction(text, &fraction_at, factor) : 0;
    if (overflow || __builtin_mul_overflow(whole, factor, &v) ||
        __builtin_add_overflow(v, part, &v) ||
        __builtin_add_overflow(*sum, v, sum))
    {
        return ION_RANGE;
    }
    return ION_OK;
}

ion_err_t
ion_parse_duration(ion_str_t text, int64_t *ns)
{
    size_t at = 0;
    bool negative = text.len > 0 && text.p[0] == '-';
    if (text.len > 0 && (negative || text.p[0] == '+')) {
        at = 1;
    }
    if (text.len == at) {
        return ION_MALF;
    }
    if (text.len == at + 1 && text.p[at] == '0') {
        *ns = 0;
        return ION_OK;
    }

    uint64_t sum = 0;
    while (at < text.len) {
        ion_err_t rc = scan_duration_part(text, &at, &sum);
        if (rc != ION_OK) {
            return rc;
        }
    }

    if (sum > (uint64_t)INT64_MAX) {
        return ION_RANGE;
    }
    *ns = negative ? -(int64_t)sum : (int64_t)sum;
    return ION_OK;
}

ion_err_t
ion_parse_size(ion_str_t text, uint64_t *bytes)
{
    size_t at = 0;
    uint64_t v;
    bool overflow = false;
    if (!scan_digits(text, &at, &v, &overflow)) {
        return ION_MALF;
    }
    if (at + 1 < text.len && text.p[at] == ' ') {
        at++;
    }

    ion_str_t name = { text.p + at, text.len - at };
    uint64_t factor = find_unit(size_units, ION_ARRAY_LEN(size_units), name);
    if (factor == 0) {
        return ION_MALF;
    }
    if (overflow || __builtin_mul_overflow(v, factor, &v)) {
        return ION_RANGE;
    }
    *bytes = v;
    return ION_OK;
}

ion_err_t
ion_parse_bool(ion_str_t text, bool *out)
{
    static const struct {
        const char *word;
        bool value;
    } words[] = {
        { "true", true },
        { "yes", true },
        { "on", true },
        { "false", false },
        { "no", false },
        { "off", false },
    };

    for (size_t i = 0; i < ION_ARRAY_LEN(words); i++) {
        if (ion_str_ieq(text, ion_str_from(words[i].word))) {
            *out = words[i].value;
            return ION_OK;
        }
    }
    return ION_MALF;
}

/* v / unit with its fraction, trailing zeros cut: "1.5" of 1500 / 1000. */
static size_t
put_fraction(char *out, size_t cap, uint64_t v, uint64_t unit)
{
    int n = snprintf(out, cap, "%llu", (unsigned long long)(v / unit));
    size_t len = (size_t)n;
    uint64_t rest = v % unit;
    if (rest == 0) {
        return len;
    }

    out[len++] = '.';
    for (uint64_t scale = unit / 10; rest > 0; scale /= 10) {
        out[len++] = (char)('0' + rest / scale);
        rest %= scale;
    }
    return len;
}

size_t
ion_format_duration(char out[ION_NUM_TEXT_MAX], int64_t ns)
{
    size_t len = 0;
    uint64_t v = ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns;
    if (ns < 0) {
        out[len++] = '-';
    }

    const char *unit = "s";
    if (v != 0 && v < ION_NSEC_PER_SEC) {
        uint64_t div = v < 1000 ? 1 : v < 1000000 ? 1000 : 1000000;
        unit = div == 1 ? "ns" : div == 1000 ? "\xc2\xb5s" : "ms";
        len += put_fraction(out + len, ION_NUM_TEXT_MAX - len, v, div);
    } else {
        uint64_t hours = v / UINT64_C(3600000000000);
        uint64_t minutes = v / UINT64_C(60000000000);
        if (hours > 0) {
            len += put_fraction(out + len, ION_NUM_TEXT_MAX - len, hours, 1);
            out[len++] = 'h';
        }
        if (minutes > 0) {
            len += put_fraction(
                out + len, ION_NUM_TEXT_MAX - len, minutes % 60, 1);
            out[len++] = 'm';
        }
        len += put_fraction(out + len, ION_NUM_TEXT_MAX - len,
            v % UINT64_C(60000000000), ION_NSEC_PER_SEC);
    }

    memcpy(out + len, unit, strlen(unit) + 1);
    return len + strlen(unit);
}

/* "1e-07" to "1e-7", as encoding/json does. */
static size_t
trim_exponent(char *text)
{
    size_t len = strlen(text);
    if (len >= 4 && text[len - 4] == 'e' && text[len - 3] == '-' &&
        text[len - 2] == '0')
    {
        text[len - 2] = text[len - 1];
        text[--len] = '\0';
    }
    return len;
}

/* Digits and decimal exponent of %e output to positional form. */
static size_t
put_positional(char out[ION_NUM_TEXT_MAX], const char *e_form, int exponent)
{
    char digits[20];
    size_t n = 0;
    size_t len = 0;
    for (const char *p = e_form; *p != 'e'; p++) {
        if (is_digit(*p)) {
            digits[n++] = *p;
        }
    }
    if (e_form[0] == '-') {
        out[len++] = '-';
    }

    int point = exponent + 1; /* digits before the point */
    if (point <= 0) {
        out[len++] = '0';
        out[len++] = '.';
        for (int i = point; i < 0; i++) {
            out[len++] = '0';
        }
    }
    for (int i = 0; i < ION_MAX((int)n, point); i++) {
        if (i == point && i > 0) {
            out[len++] = '.';
        }
        out[len++] = i < (int)n ? digits[i] : '0';
    }
    out[len] = '\0';
    return len;
}

size_t
ion_format_f64(char out[ION_NUM_TEXT_MAX], double v)
{
    char text[ION_NUM_TEXT_MAX];
    if (v == 0) {
        memcpy(out, signbit(v) ? "-0" : "0", signbit(v) ? 3 : 2);
        return strlen(out);
    }

    for (int precision = 0; precision <= 16; precision++) {
        snprintf(text, sizeof(text), "%.*e", precision, v);
        if (strtod(text, NULL) == v) {
            break;
        }
    }

    double magnitude = fabs(v);
    if (magnitude < 1e-6 || magnitude >= 1e21) {
        memcpy(out, text, strlen(text) + 1);
        return trim_exponent(out);
    }
    int exponent = (int)strtol(strchr(text, 'e') + 1, NULL, 10);
    return put_positional(out, text, exponent);
}
