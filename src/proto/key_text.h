/*
 * key_text.h -- keys as text: nodekey:, privkey:, mesh keys, the key file.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A prefix must match exactly; 64 hex digits of either case follow; output
 * is lower case.  Secret text is written only where the caller asks for it.
 */
#ifndef ION_PROTO_KEY_TEXT_H
#define ION_PROTO_KEY_TEXT_H

#include <stdint.h>

#include "base/base.h"
#include "base/err.h"
#include "base/str.h"
#include "crypto/keys.h"

enum {
    ION_NODE_KEY_TEXT = 8 + 64 + 1,    /* "nodekey:" hex NUL */
    ION_NODE_SECRET_TEXT = 8 + 64 + 1, /* "privkey:" hex NUL */
    ION_HEX_KEY_TEXT = 64 + 1,
    ION_KEY_FILE_MAX = 4096, /* a longer key file is not one */
    ION_KEY_FILE_TEXT = 128, /* room for what ion_key_file_format writes */
};

/*
 * ion_node_key_parse -- read "nodekey:" and 64 hex digits.
 *
 * Errors: ION_MALF anything else (*out untouched); no other.
 * Spec:   key text forms: node public key.
 */
ION_NODISCARD ion_err_t ion_node_key_parse(ion_str_t text, ion_key_t *out);

/*
 * ion_node_key_format -- write "nodekey:" and 64 hex digits.
 *
 * Owns:   nothing; returns out, NUL-terminated.
 * Errors: none.
 * Spec:   key text forms: node public key.
 */
const char *ion_node_key_format(
    const ion_key_t *key, char out[ION_NODE_KEY_TEXT]);

/*
 * ion_hex_key_parse -- 64 hex digits without a prefix.
 *
 * Errors: ION_MALF anything else (*out untouched); no other.
 * Spec:   key text forms: untyped node public key.
 */
ION_NODISCARD ion_err_t ion_hex_key_parse(ion_str_t text, ion_key_t *out);

/*
 * ion_hex_key_format -- 64 lower-case hex digits without a prefix.
 *
 * Owns:   nothing; returns out, NUL-terminated.
 * Errors: none.
 * Spec:   key text forms: untyped node public key.
 */
const char *ion_hex_key_format(
    const ion_key_t *key, char out[ION_HEX_KEY_TEXT]);

/*
 * ion_node_secret_parse -- read "privkey:" and 64 hex digits.
 *
 * Shape:  the bytes are taken as they are, not clamped again.
 * Errors: ION_MALF anything else (*out untouched); no other.
 * Spec:   key text forms: node private key.
 */
ION_NODISCARD ion_err_t ion_node_secret_parse(
    ion_str_t text, ion_secret_key_t *out);

/*
 * ion_mesh_key_parse -- 64 hex digits, nothing around them.
 *
 * Shape:  *is_set is false for the all-zero key, which counts as absent.
 * Errors: ION_MALF anything else (outputs untouched); no other.
 * Spec:   key text forms: mesh key.
 */
ION_NODISCARD ion_err_t ion_mesh_key_parse(
    ion_str_t text, uint8_t out[32], bool *is_set);

/*
 * ion_mesh_key_parse_file -- as ion_mesh_key_parse, with blanks and line
 * ends around the digits trimmed, as a file has them.
 *
 * Errors: ION_MALF anything else (outputs untouched); no other.
 * Spec:   key text forms: mesh key.
 */
ION_NODISCARD ion_err_t ion_mesh_key_parse_file(
    ion_str_t text, uint8_t out[32], bool *is_set);

/*
 * ion_key_file_parse -- read {"PrivateKey": "privkey:..."}.
 *
 * Shape:  json borrowed, at most ION_KEY_FILE_MAX bytes; unknown keys are
 *         skipped; the secret must be there and not all zero.
 * Errors: ION_MALF anything else (*out untouched); no other.
 * Spec:   key text forms: relay key file.
 */
ION_NODISCARD ion_err_t ion_key_file_parse(
    ion_str_t json, ion_secret_key_t *out);

/*
 * ion_key_file_format -- write the key file, tab-indented, no last newline.
 *
 * Shape:  returns the bytes written (no NUL).  The caller wipes out.
 * Errors: none.
 * Spec:   key text forms: relay key file.
 */
size_t ion_key_file_format(
    const ion_secret_key_t *secret, char out[ION_KEY_FILE_TEXT]);

#endif
