/*
 * utf8.h -- UTF-8, strictly: no overlong forms, no surrogates, at most
 * U+10FFFF.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef ION_BASE_UTF8_H
#define ION_BASE_UTF8_H

#include "base/base.h"
#include "base/str.h"

/*
 * ion_utf8_decode -- the character at the start of n bytes.
 *
 * Shape:  returns its length in bytes (1..4) and sets *cp.
 * Errors: 0 when the bytes are no character (or n is 0); *cp is U+FFFD then.
 */
size_t ion_utf8_decode(const void *p, size_t n, uint32_t *cp);

/*
 * ion_utf8_encode -- a character as bytes.
 *
 * Shape:  cp is a Unicode scalar value; returns the length (1..4).
 * Errors: 0 when cp is a surrogate or above U+10FFFF.
 */
size_t ion_utf8_encode(char out[4], uint32_t cp);

/*
 * ion_utf8_check -- the offset of the first byte that is not UTF-8; s.len
 * when all of it is.
 *
 * Errors: none.
 */
size_t ion_utf8_check(ion_str_t s);

#endif
