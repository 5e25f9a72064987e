/*
 * hex.c -- hexadecimal and base64.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "base/hex.h"

#include <string.h>

/* The nibble's digit without a table, so without a secret-dependent load. */
static char
digit_of(unsigned nibble)
{
    unsigned letter = (9U - nibble) >> 8 & ('a' - '0' - 10U);
    return (char)('0' + nibble + letter);
}

/* The nibble of a digit, or a number above 15, in constant time. */
static unsigned
nibble_of(char c)
{
    unsigned v = (unsigned char)c;
    unsigned digit = v - '0';
    unsigned letter = (v | 0x20U) - 'a' + 10U;
    unsigned is_digit = (digit - 10U) >> 16 & 0xffffU;
    unsigned is_letter = ((letter - 16U) & ~(letter - 10U)) >> 16 & 0xffffU;
    return (digit & is_digit) | (letter & is_letter) |
           (~(is_digit | is_letter) & 0x100U);
}

void
ion_hex_encode(char *out, const void *p, size_t n)
{
    const uint8_t *in = p;
    for (size_t i = 0; i < n; i++) {
        out[2 * i] = digit_of(in[i] >> 4);
        out[2 * i + 1] = digit_of(in[i] & 15U);
    }
}

ion_err_t
ion_hex_decode(void *out, size_t n, ion_str_t text)
{
    uint8_t *to = out;
    unsigned bad = 0;
    if (text.len / 2 != n || text.len % 2 != 0) {
        memset(out, 0, n);
        return ION_MALF;
    }

    for (size_t i = 0; i < n; i++) {
        unsigned hi = nibble_of(text.p[2 * i]);
        unsigned lo = nibble_of(text.p[2 * i + 1]);
        bad |= hi | lo;
        to[i] = (uint8_t)(hi << 4 | lo);
    }
    if (bad > 15U) {
        memset(out, 0, n);
        return ION_MALF;
    }
    return ION_OK;
}

static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void
ion_base64_encode(char *out, const void *p, size_t n)
{
    const uint8_t *in = p;
    for (size_t i = 0; i < n; i += 3) {
        size_t left = ION_MIN(n - i, (size_t)3);
        uint32_t v = (uint32_t)in[i] << 16;
        v |= left > 1 ? (uint32_t)in[i + 1] << 8 : 0;
        v |= left > 2 ? (uint32_t)in[i + 2] : 0;
        out[0] = base64_digits[v >> 18];
        out[1] = base64_digits[v >> 12 & 63];
        out[2] = left > 1 ? base64_digits[v >> 6 & 63] : '=';
        out[3] = left > 2 ? base64_digits[v & 63] : '=';
        out += 4;
    }
    *out = '\0';
}

/* The next character that is not a line end; -1 at the end of the text. */
static int
next_base64(ion_str_t *text)
{
    while (text->len > 0) {
        char c = *text->p++;
        text->len--;
        if (c != '\r' && c != '\n') {
            return (unsigned char)c;
        }
    }
    return -1;
}

/*
 * Four characters to bytes; their number is 3, or less in the last group,
 * and 0 when it is no group.
 */
static size_t
decode_group(const int c[4], uint8_t out[3])
{
    uint32_t v = 0;
    size_t pad = 0;
    for (size_t i = 0; i < 4; i++) {
        const char *at = c[i] > 0 ? strchr(base64_digits, c[i]) : NULL;
        if (at != NULL && pad == 0) {
            v = v << 6 | (uint32_t)(at - base64_digits);
        } else if (c[i] == '=' && i >= 2) {
            v <<= 6;
            pad++;
        } else {
            return 0;
        }
    }
    out[0] = (uint8_t)(v >> 16);
    out[1] = (uint8_t)(v >> 8);
    out[2] = (uint8_t)v;
    uint32_t unused = pad == 2 ? v & 0xffffU : pad == 1 ? v & 0xffU : 0;
    return unused == 0 ? 3 - pad : 0;
}

ion_err_t
ion_base64_decode(void *out, size_t cap, ion_str_t text, size_t *len)
{
    uint8_t *to = out;
    size_t used = 0;
    size_t n = 3;
    int c[4];
    while ((c[0] = next_base64(&text)) >= 0) {
        uint8_t bytes[3];
        c[1] = next_base64(&text);
        c[2] = next_base64(&text);
        c[3] = next_base64(&text);
        bool ended = n < 3; /* the group before this one was padded */
        n = decode_group(c, bytes);
        if (ended || n == 0) {
            return ION_MALF;
        }
        if (n > cap - used) {
            return ION_LIMIT;
        }
        memcpy(to + used, bytes, n);
        used += n;
    }
    *len = used;
    return ION_OK;
}
