/*
 * bundle_admission.c -- who may use the relay, as far as files say it.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "main/bundle.h"

#include <stdlib.h>

#include "core/settings.h"
#include "model/allow_list.h"
#include "os/file.h"

static void
add_reason(const bundle_t *b, ion_sb_t *lines, const ion_doc_error_t *at,
    const char *reason)
{
    char where[BUNDLE_WHERE];
    ion_sb_addf(lines, "%sderp.allow_file: %s",
        bundle_where(b, "derp.allow_file", where), b->settings->allow_file);
    if (at != NULL && at->line > 0) {
        ion_sb_addf(lines, ":%u:%u", at->line, at->column);
    }
    ion_sb_addf(lines, ": %s\n", reason);
}

static ion_err_t
add_keys(
    bundle_t *b, const bundle_maker_t *maker, ion_str_t text, ion_sb_t *lines)
{
    ion_allow_list_t list = { NULL, 0 };
    ion_doc_error_t at = { .name = NULL };
    ion_err_t rc = ion_allow_list_parse(text, &list, &at);
    if (rc != ION_OK) {
        add_reason(b, lines, &at, rc == ION_NOMEM ? "no memory" : at.msg);
        return ION_DENIED;
    }
    if (list.count == 0) {
        ion_log(maker->log, ION_LOG_WARN, 0,
            "derp.allow_file: %s names no key, so nobody may use the relay",
            b->settings->allow_file);
    }
    rc = bundle_blob(b, "allow", ION_ROLE_WORKER, false,
        (ion_str_t){ (const char *)list.keys, list.count * sizeof(ion_key_t) });
    ion_allow_list_fini(&list);
    return rc;
}

ion_err_t
bundle_admission(bundle_maker_t *maker, bundle_t *b, ion_sb_t *lines)
{
    char *text = NULL;
    size_t n = 0;
    ion_errtext_t why = { "" };
    ion_err_t rc;
    if (b->settings->allow_file[0] == '\0') {
        return ION_OK;
    }
    rc = ion_file_read(
        b->settings->allow_file, ION_ALLOW_FILE_MAX, &text, &n, &why);
    if (rc != ION_OK) {
        add_reason(b, lines, NULL, why.msg);
        return ION_DENIED;
    }
    rc = add_keys(b, maker, (ion_str_t){ text, n }, lines);
    free(text);
    return rc;
}
