/*
 * hex.c -- hexadecimal and base64.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "base/hex.h"

#include <errno.h>
#include <sodium.h>
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

void
ion_base64_encode(char *out, const void *p, size_t n)
{
    sodium_bin2base64(
        out, ION_BASE64_LEN(n) + 1, p, n, sodium_base64_VARIANT_ORIGINAL);
}

ion_err_t
ion_base64_decode(void *out, size_t cap, ion_str_t text, size_t *len)
{
    errno = 0;
    int rc = sodium_base642bin(out, cap, text.p, text.len, "\r\n", len, NULL,
        sodium_base64_VARIANT_ORIGINAL);
    if (rc == 0) {
        return ION_OK;
    }
    return errno == ERANGE ? ION_LIMIT : ION_MALF;
}
