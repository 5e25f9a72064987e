/*
 * utf8.c -- UTF-8.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "base/utf8.h"

#define REPLACEMENT UINT32_C(0xfffd)

static bool
is_scalar_value(uint32_t cp)
{
    return cp < 0xd800 || (cp > 0xdfff && cp <= 0x10ffff);
}

size_t
ion_utf8_decode(const void *p, size_t n, uint32_t *cp)
{
    static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
    const uint8_t *b = p;

    *cp = REPLACEMENT;
    if (n == 0) {
        return 0;
    }
    if (b[0] < 0x80) {
        *cp = b[0];
        return 1;
    }

    size_t len = b[0] >= 0xf0 ? 4 : b[0] >= 0xe0 ? 3 : 2;
    if (b[0] < 0xc2 || b[0] > 0xf4 || n < len) {
        return 0;
    }
    uint32_t v = b[0] & (0xffU >> (len + 1));
    for (size_t i = 1; i < len; i++) {
        if ((b[i] & 0xc0U) != 0x80) {
            return 0;
        }
        v = v << 6 | (b[i] & 0x3fU);
    }
    if (v < smallest[len] || !is_scalar_value(v)) {
        return 0;
    }
    *cp = v;
    return len;
}

size_t
ion_utf8_encode(char out[4], uint32_t cp)
{
    if (!is_scalar_value(cp)) {
        return 0;
    }
    if (cp < 0x80) {
        out[0] = (char)cp;
        return 1;
    }

    size_t len = cp < 0x800 ? 2 : cp < 0x10000 ? 3 : 4;
    for (size_t i = len - 1; i > 0; i--) {
        out[i] = (char)(0x80U | (cp & 0x3fU));
        cp >>= 6;
    }
    out[0] = (char)((0xf00U >> len & 0xffU) | cp);
    return len;
}

size_t
ion_utf8_check(ion_str_t s)
{
    size_t at = 0;
    while (at < s.len) {
        uint32_t cp;
        size_t n = ion_utf8_decode(s.p + at, s.len - at, &cp);
        if (n == 0) {
            break;
        }
        at += n;
    }
    return at;
}
