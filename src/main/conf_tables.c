/*
 * conf_tables.c -- the configuration with the tables of all our modules.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "main/conf_tables.h"

#include <stdlib.h>

#include "core/module.h"

static void
fill(ion_conf_table_t tables[ION_MODULE_MAX])
{
    for (uint32_t i = 0; i < ion_module_count; i++) {
        const ion_module_t *m = ion_modules[i];
        tables[i] = (ion_conf_table_t){ m->name, m->directives, m->conf_size,
            m->check };
    }
}

ion_err_t
conf_tables_load(const char *file, ion_conf_notes_t *notes, ion_conf_t **out)
{
    ion_conf_table_t tables[ION_MODULE_MAX];
    const ion_conf_source_t src = {
        .file = file,
        .base64 = getenv("IONSCALE_CONFIG_BASE64"),
    };
    fill(tables);
    return ion_conf_load(&src, tables, ion_module_count, notes, out);
}

ion_err_t
conf_tables_parse(ion_str_t text, ion_conf_t **out, ion_errtext_t *why)
{
    ion_conf_table_t tables[ION_MODULE_MAX];
    const ion_conf_source_t src = { .effective = text };
    ion_conf_notes_t *notes;
    ion_err_t rc = ion_conf_notes_new(&notes);
    if (rc != ION_OK) {
        return rc;
    }
    fill(tables);
    rc = ion_conf_load(&src, tables, ion_module_count, notes, out);
    for (size_t i = 0; rc != ION_OK && i < ion_conf_notes_count(notes); i++) {
        ion_conf_note_t note = ion_conf_notes_at(notes, i);
        if (note.is_error) {
            ion_errtext_set(why, "%s", note.text);
            break;
        }
    }
    ion_conf_notes_free(&notes);
    return rc;
}

void
conf_tables_help(ion_sb_t *sb)
{
    ion_conf_table_t tables[ION_MODULE_MAX];
    fill(tables);
    ion_conf_help(tables, ion_module_count, sb);
}
