/*
 * conf.h -- the configuration: directive tables in, const structures out.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Every key is a line of a const table: full dotted path, type, where the
 * value goes, default (as text: it passes the same parser), bounds, words and
 * documentation.  Settings (settings.h) are one table, each module has one.
 * From the tables come the parser, the checks, `server -T`, the list of
 * directives, and the test that conf/ionscale.yaml shows each of them.
 *
 * A configuration is const once loaded; a reload loads another one beside it.
 */
#ifndef ION_CORE_CONF_H
#define ION_CORE_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "base/err.h"
#include "base/str.h"
#include "core/conf_notes.h"
#include "core/directive.h"

typedef struct ion_conf ion_conf_t;
typedef struct ion_settings ion_settings_t; /* settings.h */

/* One module's part.  check may be NULL; see ion_module_t. */
typedef struct ion_conf_table {
    const char *name;
    const ion_directive_t *directives; /* ends with .name NULL; may be NULL */
    size_t conf_size;
    ion_err_t (*check)(
        const void *conf, const ion_settings_t *settings, ion_errtext_t *why);
} ion_conf_table_t;

/* Where a configuration comes from; all members borrowed for the call. */
typedef struct ion_conf_source {
    const char *file;    /* --config; NULL = none; a leading ~ is expanded */
    const char *base64;  /* value of IONSCALE_CONFIG_BASE64; NULL = unset */
    ion_str_t effective; /* or: text of ion_conf_effective_text, alone */
    const char *(*env)(void *arg, const char *name); /* NULL = getenv */
    void *env_arg;
} ion_conf_source_t;

/*
 * ion_conf_load -- read, substitute, merge, check, resolve.
 *
 * Finds everything that is wrong, not the first thing: every error and
 * warning is added to notes as "file:line:column: key: what is wrong, what
 * would be right".  Table n of tables is what ion_conf_module(conf, n) gives.
 * tables is copied; what it points to outlives the configuration.  Nothing
 * outside memory is touched.  Gives *out.
 * Errors: ION_MALF notes has at least one error | ION_NOMEM.
 */
ION_NODISCARD ion_err_t ion_conf_load(const ion_conf_source_t *src,
    const ion_conf_table_t *tables, size_t table_count, ion_conf_notes_t *notes,
    ion_conf_t **out);

/* ion_conf_free -- free all of it; NULL is fine. */
void ion_conf_free(ion_conf_t **conf);

/* ion_conf_settings -- the keys that are not one module's; never NULL. */
const ion_settings_t *ion_conf_settings(const ion_conf_t *conf);

/* ion_conf_module -- module n's structure, as its table describes it; NULL
 * for a module without directives. */
const void *ion_conf_module(const ion_conf_t *conf, size_t n);

/* ion_conf_file -- absolute path of the file it was read from; NULL = none. */
const char *ion_conf_file(const ion_conf_t *conf);

/*
 * ion_conf_effective_text -- the configuration in force as YAML.
 *
 * Substituted, merged, defaults filled in and resolved; loading the text (as
 * .effective, or as a file) gives the same configuration.
 * Errors: sb->failed.
 */
void ion_conf_effective_text(const ion_conf_t *conf, ion_sb_t *sb);

/*
 * ion_conf_effective_json -- the same as one nested JSON object.
 *
 * Errors: sb->failed.
 */
void ion_conf_effective_json(const ion_conf_t *conf, ion_sb_t *sb);

/*
 * ion_conf_where -- "file:line:column" of a key that was set, for an error
 * found later (port taken, certificate unreadable).
 *
 * Returns: text, "" when the key has its default.
 */
const char *ion_conf_where(
    const ion_conf_t *conf, const char *key, char *text, size_t cap);

/*
 * ion_conf_help -- every directive with type, default, bounds and doc text,
 * for people.
 *
 * Errors: sb->failed.
 */
void ion_conf_help(
    const ion_conf_table_t *tables, size_t table_count, ion_sb_t *sb);

/*
 * ion_conf_walk -- call visit for every directive known: settings, then the
 * tables in order, then those that a later version serves and no table has.
 */
void ion_conf_walk(const ion_conf_table_t *tables, size_t table_count,
    void (*visit)(void *arg, const ion_directive_t *d), void *arg);

#endif
