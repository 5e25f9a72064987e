/*
 * cli_places.c -- where a daemon may be.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The defaults come from the configuration layer itself: what the daemon would
 * choose for this user is where a command looks.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli_conn.h"
#include "cli/cli_print.h"
#include "core/module.h"
#include "core/settings.h"

#define ROOT_SOCKET "/run/ionscale/control.sock"
#define PID_NAME    "ionscale.pid"

static bool
set_path(char out[CLI_PATH_MAX], const char *path)
{
    int n = snprintf(out, CLI_PATH_MAX, "%s", path);

    return n > 0 && n < CLI_PATH_MAX;
}

/* the pid file that stands beside a socket unless the configuration differs */
static void
set_pid_beside(char out[CLI_PATH_MAX], const char *socket)
{
    const char *slash = strrchr(socket, '/');
    int dir = slash == NULL ? 0 : (int)(slash - socket) + 1;
    int n = snprintf(out, CLI_PATH_MAX, "%.*s%s", dir, socket, PID_NAME);

    if (n < 0 || n >= CLI_PATH_MAX) {
        out[0] = '\0';
    }
}

static bool
add_socket(cli_places_t *out, const char *socket)
{
    if (!set_path(out->socket[out->count], socket)) {
        (void)cli_error(
            "the path of the control socket is too long: %s", socket);
        return false;
    }
    set_pid_beside(out->pid_file[out->count], socket);
    out->count++;
    return true;
}

static void
print_errors(const ion_conf_notes_t *notes)
{
    for (size_t i = 0; i < ion_conf_notes_count(notes); i++) {
        ion_conf_note_t note = ion_conf_notes_at(notes, i);

        if (note.is_error) {
            (void)cli_error("%s", note.text);
        }
    }
}

/* file NULL: what the daemon does without one */
static ion_err_t
load_conf(const char *file, bool is_quiet, ion_conf_t **conf)
{
    ion_conf_table_t tables[ION_MODULE_MAX];
    const ion_conf_source_t source = { .file = file,
        .base64 = getenv("IONSCALE_CONFIG_BASE64") };
    ion_conf_notes_t *notes = NULL;
    ion_err_t rc = ion_conf_notes_new(&notes);

    if (rc != ION_OK) {
        return rc;
    }
    for (uint32_t i = 0; i < ion_module_count; i++) {
        const ion_module_t *m = ion_modules[i];

        tables[i] = (ion_conf_table_t){ m->name, m->directives, m->conf_size,
            m->check };
    }
    rc = ion_conf_load(&source, tables, ion_module_count, notes, conf);
    if (rc != ION_OK && !is_quiet) {
        print_errors(notes);
    }
    ion_conf_notes_free(&notes);
    return rc;
}

static bool
add_configured(const char *file, cli_places_t *out)
{
    ion_conf_t *conf = NULL;
    const ion_settings_t *s;
    bool ok;

    if (load_conf(file, false, &conf) != ION_OK) {
        return false;
    }
    s = ion_conf_settings(conf);
    ok = add_socket(out, s->control_socket);
    if (ok && !set_path(out->pid_file[out->count - 1], s->pid_file)) {
        out->pid_file[out->count - 1][0] = '\0';
    }
    ion_conf_free(&conf);
    return ok;
}

/* the user's own, then root's; one of them when they are the same */
static bool
add_defaults(cli_places_t *out)
{
    ion_conf_t *conf = NULL;
    bool ok = true;

    if (load_conf(NULL, true, &conf) == ION_OK) {
        const ion_settings_t *s = ion_conf_settings(conf);

        ok = add_socket(out, s->control_socket);
        if (ok && !set_path(out->pid_file[0], s->pid_file)) {
            out->pid_file[0][0] = '\0';
        }
        ion_conf_free(&conf);
    }
    if (ok && (out->count == 0 || strcmp(out->socket[0], ROOT_SOCKET) != 0)) {
        ok = add_socket(out, ROOT_SOCKET);
    }
    return ok;
}

bool
cli_find_places(const cli_opts_t *opts, cli_places_t *out)
{
    const char *env = getenv("IONSCALE_SOCKET");

    *out = (cli_places_t){ .count = 0 };
    if (opts->socket != NULL) {
        return add_socket(out, opts->socket);
    }
    if (env != NULL && env[0] != '\0') {
        return add_socket(out, env);
    }
    if (opts->config != NULL) {
        return add_configured(opts->config, out);
    }
    return add_defaults(out);
}
