/*
 * http1_text.h -- character classes and small texts of HTTP/1.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Locale-free.  Used by the head parser; nothing here keeps state.
 */
#ifndef ION_PROTO_HTTP1_TEXT_H
#define ION_PROTO_HTTP1_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

/*
 * http1_is_digit, http1_is_target_char, http1_is_value_char -- one character
 * of a number, a request target (visible ASCII without " # < > \), a header
 * value.
 *
 * Errors: none.
 * Spec:   HTTP/1.1 message syntax.
 */
bool http1_is_digit(char c);
bool http1_is_target_char(char c);
bool http1_is_value_char(char c);

/*
 * http1_is_token -- at least one character, all of them token characters.
 *
 * Errors: none.
 * Spec:   HTTP/1.1 message syntax: token.
 */
bool http1_is_token(ion_str_t s);

/*
 * http1_is_host -- characters that a host with an optional port may have;
 * the empty text is one.
 *
 * Errors: none.
 * Spec:   HTTP/1.1 message syntax: Host.
 */
bool http1_is_host(ion_str_t s);

/*
 * http1_is_authority -- host:port as CONNECT has it.
 *
 * Errors: none.
 * Spec:   HTTP/1.1 message syntax: authority-form.
 */
bool http1_is_authority(ion_str_t s);

/*
 * http1_trim -- s without blanks and tabs at both ends.
 *
 * Errors: none.
 * Spec:   HTTP/1.1 message syntax: optional white space.
 */
ion_str_t http1_trim(ion_str_t s);

/*
 * http1_unescape -- resolve %XX, and '+' as a blank where plus_is_blank.
 *
 * Shape:  at most cap bytes to out, their number to *len.  Returns false for
 *         a wrong escape or when out is too small.
 * Errors: none.
 * Spec:   URI syntax: percent-encoding.
 */
bool http1_unescape(
    ion_str_t s, bool plus_is_blank, char *out, size_t cap, size_t *len);

/*
 * http1_path_is_clean -- would http1_path_clean leave the path as it is?
 *
 * Errors: none.
 * Spec:   HTTP endpoints: paths are cleaned by redirect.
 */
bool http1_path_is_clean(ion_str_t path);

#endif
