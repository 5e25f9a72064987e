/*
 * conf_tables.h -- the configuration with the tables of all our modules.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef ION_MAIN_CONF_TABLES_H
#define ION_MAIN_CONF_TABLES_H

#include "base/err.h"
#include "core/conf.h"

/*
 * conf_tables_load -- ion_conf_load with the modules' tables.
 *
 * file: of --config, NULL = none; IONSCALE_CONFIG_BASE64 comes on top.
 * Errors: as ion_conf_load.
 */
ION_NODISCARD ion_err_t conf_tables_load(
    const char *file, ion_conf_notes_t *notes, ion_conf_t **out);

/*
 * conf_tables_parse -- a configuration from its effective text.
 *
 * Errors: ION_MALF not one of ours, *why has the first reason | ION_NOMEM.
 */
ION_NODISCARD ion_err_t conf_tables_parse(
    ion_str_t text, ion_conf_t **out, ion_errtext_t *why);

/* conf_tables_help -- every directive, for people.  Errors: sb->failed. */
void conf_tables_help(ion_sb_t *sb);

#endif
