/*
 * derpmap_module.c -- the map service as the rest of the program sees it.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Sources are not fetched yet, but what is written in the configuration is
 * read: a mistake in a source is found at the start, at `server -t` and at a
 * reload, with its place, and not when it is first needed.
 */
#include "core/module.h"
#include "proto/source_url.h"

enum {
    SOURCES_MAX = 64,
};

/* The element of derp.sources that is wrong, or worth a warning. */
static ion_err_t
check_source(ion_str_t text, ion_errtext_t *why)
{
    source_url_t url;
    ion_err_t rc = source_url_parse(text, &url, why);

    if (rc == ION_OK && url.warning_count > 0) {
        ion_errtext_set(why, "%s", url.warnings[0]);
    }
    return rc;
}

static const ion_directive_t derpmap_directives[] = {
    { .name = "derp.sources",
        .type = ION_T_LIST,
        .rule = ION_D_LATER,
        .max_items = SOURCES_MAX,
        .check_item = check_source,
        .doc = "Where regions of the DERP map come from, merged in order." },
    ION_D_END,
};

const ion_module_t derpmap_module = {
    .name = "derpmap",
    .directives = derpmap_directives,
};
