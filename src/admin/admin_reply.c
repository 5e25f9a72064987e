/*
 * admin_reply.c -- payloads of REPLY and PART frames.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "admin/admin_reply.h"

void
admin_reply_begin(ion_jw_t *w, ion_sb_t *sb)
{
    ion_jw_init(w, sb, 0);
    ion_jw_object_begin(w);
    ion_jw_key(w, "ok");
    ion_jw_bool(w, true);
    ion_jw_key(w, "result");
}

void
admin_reply_end(ion_jw_t *w)
{
    ion_jw_object_end(w);
}

void
admin_reply_lines(ion_jw_t *w, const char *lines)
{
    ion_str_t rest = ion_str_from(lines);
    ion_str_t line;

    ion_jw_array_begin(w);
    while (ion_str_split(&rest, '\n', &line)) {
        if (line.len > 0) {
            ion_jw_str(w, line);
        }
    }
    ion_jw_array_end(w);
}

void
admin_reply_error(ion_sb_t *sb, const char *error, const char *lines)
{
    ion_jw_t w;

    ion_jw_init(&w, sb, 0);
    ion_jw_object_begin(&w);
    ion_jw_key(&w, "ok");
    ion_jw_bool(&w, false);
    ion_jw_key(&w, "error");
    ion_jw_strz(&w, error);
    ion_jw_key(&w, "lines");
    admin_reply_lines(&w, lines);
    ion_jw_object_end(&w);
}
