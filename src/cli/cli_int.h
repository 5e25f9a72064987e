/*
 * cli_int.h -- what the files of the commands share.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef ION_CLI_CLI_INT_H
#define ION_CLI_CLI_INT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "base/str.h"

/* flags a command takes beside --help */
enum {
    CLI_TAKES_DAEMON = 1 << 0, /* how to find the daemon */
    CLI_TAKES_JSON = 1 << 1,
    CLI_TAKES_NO_NEWLINE = 1 << 2,
    CLI_TAKES_SERVER = 1 << 3, /* `server`: described here, run elsewhere */
    CLI_TAKES_PROBE = 1 << 4,  /* a relay to look at, and how to trust it */
    CLI_TAKES_KEY = 1 << 6,    /* a client's key */
    CLI_TAKES_INTERVAL = 1 << 7,
    CLI_TAKES_ONCE = 1 << 8,   /* one round of what goes on else */
    CLI_TAKES_SCREEN = 1 << 9, /* what a screen shows */
    CLI_TAKES_FILES = 1 << 5,  /* files; a wrong call exits with CLI_USAGE */
};

/* Exit status of commands that tell a wrong call from a bad file. */
enum { CLI_USAGE = 2 };

typedef struct cli_opts {
    const char *socket; /* --socket, or --addr unix:PATH; NULL = search */
    const char *config; /* --config; NULL = none */
    bool is_json;
    bool no_newline;
    bool is_help;
    const char *target;    /* HOST[:PORT] of a probe, KEY of a kick */
    const char *pin;       /* of its certificate; NULL = none */
    const char *stun_port; /* NULL = the usual one */
    bool is_insecure;
    bool is_plain;
    const char *interval; /* a duration; NULL = the command's own */
    bool is_once;
    const char *sort;   /* NULL = bytes */
    const char *rows;   /* lines of a screen; NULL = what fits */
    char *const *files; /* borrowed */
    size_t file_count;
} cli_opts_t;

typedef struct cli_command {
    const char *name; /* one or two words; NULL ends the table */
    const char *help; /* one line */
    unsigned takes;
    int (*run)(const cli_opts_t *opts); /* returns the exit status */
} cli_command_t;

/* Every command, in the order of the help text. */
extern const cli_command_t cli_commands[];

/*
 * cli_parse_flags -- read a command's flags.
 *
 * Shape:  argv[0] is the command's last word. Notes about ignored flags go to
 *         stderr. Returns false, with "Error: ..." printed, for a wrong one.
 */
bool cli_parse_flags(
    const cli_command_t *cmd, int argc, char **argv, cli_opts_t *opts);

/* cli_argument -- " NAME" of the argument a command needs; NULL = none. */
const char *cli_argument(const cli_command_t *cmd);

/*
 * cli_interval -- the seconds between two looks, --interval or the default.
 *
 * Shape:  100ms to 30s: the daemon hangs up on who is silent for a minute.
 *         Returns 0, with "Error: ..." printed, for a wrong one.
 */
double cli_interval(const cli_opts_t *opts, double normal);

/* cli_pause -- wait; false when stdout has lost its reader meanwhile. */
bool cli_pause(double seconds);

/* cli_print_flags -- the flags of a command, for its help text. */
void cli_print_flags(const cli_command_t *cmd);

/*
 * cli_help -- print help: of a command or of a group ("derp"), of everything
 * when n is 0. Returns the exit status.
 */
int cli_help(int n, char **words);

/* cli_help_command -- print the help of one command; returns 0. */
int cli_help_command(const cli_command_t *cmd);

/* cli_unknown -- say that there is no such command, and which one is near. */
int cli_unknown(const char *words);

/* The commands. */
int cli_run_status(const cli_opts_t *opts);
int cli_run_derp_list(const cli_opts_t *opts);
int cli_run_derp_probe(const cli_opts_t *opts);
int cli_run_derp_kick(const cli_opts_t *opts);
int cli_run_derp_top(const cli_opts_t *opts);
int cli_run_derp_traffic(const cli_opts_t *opts);
int cli_run_stats(const cli_opts_t *opts);
int cli_run_derpmap_convert(const cli_opts_t *opts);
int cli_run_derpmap_diff(const cli_opts_t *opts);
int cli_run_derpmap_lint(const cli_opts_t *opts);
int cli_run_get_derp_map(const cli_opts_t *opts);
int cli_run_reload(const cli_opts_t *opts);
int cli_run_reopen(const cli_opts_t *opts);
int cli_run_stop(const cli_opts_t *opts);
int cli_run_quit(const cli_opts_t *opts);
int cli_run_genkey(const cli_opts_t *opts);
int cli_run_version(const cli_opts_t *opts);

#endif
