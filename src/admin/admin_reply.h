/*
 * admin_reply.h -- payloads of REPLY and PART frames.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Appended to a builder with room for ADMIN_MAX_PAYLOAD bytes.
 */
#ifndef ION_ADMIN_ADMIN_REPLY_H
#define ION_ADMIN_ADMIN_REPLY_H

#include "base/str.h"
#include "doc/emit.h"

/*
 * admin_reply_begin, admin_reply_end -- {"ok": true, "result": ...}; the
 * caller writes one value in between.
 *
 * Errors: sb->failed.
 */
void admin_reply_begin(ion_jw_t *w, ion_sb_t *sb);
void admin_reply_end(ion_jw_t *w);

/*
 * admin_reply_error -- {"ok": false, "error": ..., "lines": [...]}.
 *
 * Shape:  lines is text with lines separated by '\n'; "" = none.
 * Errors: sb->failed.
 */
void admin_reply_error(ion_sb_t *sb, const char *error, const char *lines);

/*
 * admin_reply_lines -- an array of the lines of a text, empty ones left out.
 *
 * Errors: sb->failed.
 */
void admin_reply_lines(ion_jw_t *w, const char *lines);

#endif
