/*
 * conf_rig.h -- load configurations from texts, for tests.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A rig writes the text to a file, so that positions and substitution are
 * those of a real load, and has an environment of its own.
 */
#ifndef ION_TESTS_CONF_RIG_H
#define ION_TESTS_CONF_RIG_H

#include <stdbool.h>
#include <stddef.h>

#include "core/conf.h"
#include "core/settings.h"

#define CONF_RIG_ENV 8

typedef struct {
    const char *name;
    const char *value;
} conf_rig_env_t;

typedef struct {
    conf_rig_env_t env[CONF_RIG_ENV]; /* set by the test; ends with NULL */
    const ion_conf_table_t *tables;
    size_t table_count;
    ion_err_t rc;
    ion_conf_t *conf; /* NULL after an error */
    ion_conf_notes_t *notes;
    char dir[64];
    char file[96];
} conf_rig_t;

/* Load file text and overlay (both may be NULL; the overlay is encoded). */
void conf_rig_load(conf_rig_t *rig, const char *text, const char *overlay);

/* Load an effective text. */
void conf_rig_load_effective(conf_rig_t *rig, ion_str_t text);

/* The notes, one a line, with "FILE" for the file's path; static memory. */
const char *conf_rig_notes(const conf_rig_t *rig);

/* Throw away the last result; the rig can load again. */
void conf_rig_done(conf_rig_t *rig);

#endif
