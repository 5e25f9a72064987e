/*
 * cli_help.c -- the table of commands, and help made from it.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdio.h>
#include <string.h>

#include "base/near.h"
#include "cli/cli_int.h"
#include "cli/cli_print.h"

enum {
    NAME_MAX_LEN = 64, /* bytes of a command's words */
};

#define ASKS CLI_TAKES_DAEMON

const cli_command_t cli_commands[] = {
    { "server", "Run the daemon in the foreground", CLI_TAKES_SERVER, NULL },
    { "status", "Show processes, listeners and counters", ASKS | CLI_TAKES_JSON,
        cli_run_status },
    { "stats", "Show the counters, grouped",
        ASKS | CLI_TAKES_JSON | CLI_TAKES_INTERVAL, cli_run_stats },
    { "derp list", "List the connected clients", ASKS | CLI_TAKES_JSON,
        cli_run_derp_list },
    { "derp top", "Show the busiest clients, live",
        ASKS | CLI_TAKES_JSON | CLI_TAKES_INTERVAL | CLI_TAKES_ONCE |
            CLI_TAKES_SCREEN,
        cli_run_derp_top },
    { "derp traffic", "Print who has traffic, as lines of JSON",
        ASKS | CLI_TAKES_JSON | CLI_TAKES_INTERVAL | CLI_TAKES_ONCE,
        cli_run_derp_traffic },
    { "derp kick", "End all connections of a client",
        ASKS | CLI_TAKES_JSON | CLI_TAKES_KEY, cli_run_derp_kick },
    { "derp probe", "Check a relay from outside, as clients see it",
        CLI_TAKES_PROBE | CLI_TAKES_JSON, cli_run_derp_probe },
    { "system get-derp-map", "Print the DERP map of this instance",
        ASKS | CLI_TAKES_JSON, cli_run_get_derp_map },
    { "derpmap lint", "Check DERP map files; no daemon is asked",
        CLI_TAKES_FILES | CLI_TAKES_JSON, cli_run_derpmap_lint },
    { "derpmap diff", "Compare two DERP map files as clients would",
        CLI_TAKES_FILES | CLI_TAKES_JSON, cli_run_derpmap_diff },
    { "derpmap convert", "Print a DERP map file as YAML or JSON",
        CLI_TAKES_FILES | CLI_TAKES_JSON, cli_run_derpmap_convert },
    { "reload", "Read the configuration again; no session is lost", ASKS,
        cli_run_reload },
    { "reopen", "Open the log file again", ASKS, cli_run_reopen },
    { "stop", "Stop the daemon now", ASKS, cli_run_stop },
    { "quit", "Stop the daemon when its clients are gone", ASKS, cli_run_quit },
    { "genkey", "Print a new random key", CLI_TAKES_NO_NEWLINE,
        cli_run_genkey },
    { "version", "Print the versions of this program and of the daemon", ASKS,
        cli_run_version },
    { NULL, NULL, 0, NULL },
};

static void
print_commands(const char *group)
{
    size_t n = strlen(group);

    for (const cli_command_t *cmd = cli_commands; cmd->name != NULL; cmd++) {
        if (n == 0 ||
            (strncmp(cmd->name, group, n) == 0 && cmd->name[n] == ' ')) {
            (void)printf("  %-20s  %s\n", cmd->name, cmd->help);
        }
    }
}

static int
help_all(void)
{
    (void)printf("ionscale: a self-hosted relay and map service for Tailscale "
                 "clients\n\n"
                 "Usage: ionscale COMMAND [flags]\n\n"
                 "Commands:\n");
    print_commands("");
    (void)printf("  %-20s  %s\n  %-20s  %s\n\n", "help [COMMAND]",
        "Help about a command", "help directives",
        "Every key of the configuration file");
    (void)printf("\"ionscale COMMAND --help\" lists the flags of a command.\n");
    return cli_finish();
}

int
cli_help_command(const cli_command_t *cmd)
{
    const char *args =
        (cmd->takes & CLI_TAKES_FILES) != 0 ? " FILE..." : cli_argument(cmd);

    (void)printf("%s.\n\nUsage: ionscale %s%s [flags]\n\nFlags:\n", cmd->help,
        cmd->name, args != NULL ? args : "");
    cli_print_flags(cmd);
    return cli_finish();
}

static int
help_group(const char *group)
{
    (void)printf("Usage: ionscale %s COMMAND [flags]\n\nCommands:\n", group);
    print_commands(group);
    return cli_finish();
}

int
cli_help(int n, char **words)
{
    char name[NAME_MAX_LEN];
    size_t len;

    if (n == 0) {
        return help_all();
    }
    (void)snprintf(name, sizeof(name), "%s%s%s", words[0], n > 1 ? " " : "",
        n > 1 ? words[1] : "");
    len = strlen(name);
    for (const cli_command_t *cmd = cli_commands; cmd->name != NULL; cmd++) {
        if (strcmp(cmd->name, name) == 0) {
            return cli_help_command(cmd);
        }
        if (n == 1 && strncmp(cmd->name, name, len) == 0 &&
            cmd->name[len] == ' ') {
            return help_group(name);
        }
    }
    return cli_unknown(name);
}

static size_t
distance(const char *a, const char *b)
{
    return ion_near_distance(ion_str_from(a), ion_str_from(b));
}

int
cli_unknown(const char *words)
{
    const char *near = NULL;
    size_t best = ION_MAX((size_t)2, strlen(words) / 3) + 1;

    for (const cli_command_t *cmd = cli_commands; cmd->name != NULL; cmd++) {
        const char *last = strchr(cmd->name, ' ');
        size_t d = distance(words, cmd->name);

        if (last != NULL) {
            size_t alone = distance(words, last + 1);

            d = ION_MIN(d, alone);
        }
        if (d < best) {
            best = d;
            near = cmd->name;
        }
    }
    if (near != NULL) {
        return cli_error(
            "unknown command \"%s\", did you mean \"%s\"?", words, near);
    }
    return cli_error(
        "unknown command \"%s\"; \"ionscale help\" lists all", words);
}
