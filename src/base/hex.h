/*
 * hex.h -- hexadecimal and base64 text of bytes.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef ION_BASE_HEX_H
#define ION_BASE_HEX_H

#include "base/base.h"
#include "base/err.h"
#include "base/str.h"

/*
 * ion_hex_encode -- n bytes as 2n lower-case digits, no NUL.
 *
 * Errors: none.
 */
void ion_hex_encode(char *out, const void *p, size_t n);

/*
 * ion_hex_decode -- exactly 2n digits of either case to n bytes.
 *
 * Shape:  the time does not depend on the digits, so that keys may be read.
 * Errors: ION_MALF wrong length or another character; out is zeroed then.
 */
ION_NODISCARD ion_err_t ion_hex_decode(void *out, size_t n, ion_str_t text);

/* Characters of n bytes in base64, without a NUL. */
#define ION_BASE64_LEN(n) ((((n) + 2) / 3) * 4)

/*
 * ion_base64_encode -- standard alphabet with padding.
 *
 * Shape:  out has ION_BASE64_LEN(n) + 1 bytes; NUL-terminated.
 * Errors: none.
 */
void ion_base64_encode(char *out, const void *p, size_t n);

/*
 * ion_base64_decode -- standard alphabet, padding required; CR and LF are
 * skipped, as Go does.
 *
 * Shape:  at most cap bytes to out, their number to *len.
 * Errors: ION_MALF not base64 | ION_LIMIT more than cap bytes.
 */
ION_NODISCARD ion_err_t ion_base64_decode(
    void *out, size_t cap, ion_str_t text, size_t *len);

#endif
