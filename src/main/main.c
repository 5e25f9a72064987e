/*
 * main.c -- one program: the daemon, its children, and the commands.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "core/module.h"
#include "crypto/hash.h"
#include "main/child.h"
#include "main/conf_tables.h"
#include "main/role_master.h"
#include "os/proc.h"

#define PROGRAM_MAX 512

static const char server_help[] =
    "Usage: ionscale server [-c FILE] [-t | -T]\n"
    "\n"
    "Run the daemon in the foreground: a master, workers and a keeper.\n"
    "Without a configuration every key has its default, which runs.\n"
    "\n"
    "  -c, --config FILE  read this configuration (YAML)\n"
    "  -t                 check the configuration, files and addresses\n"
    "  -T                 print the configuration in force and exit\n"
    "  -h, --help         this text\n"
    "\n"
    "Signals: HUP reload, USR1 reopen the log, QUIT end when the clients\n"
    "are gone, TERM and INT end now.  `ionscale help directives` lists\n"
    "every configuration key.\n";

/* Returns: 0 go on, else the exit status plus one. */
static int
parse_server(int argc, char **argv, server_opts_t *opts)
{
    static const struct option longs[] = {
        { "config", required_argument, NULL, 'c' },
        { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 },
    };
    int c;
    optind = 1;
    opterr = 0;
    while ((c = getopt_long(argc, argv, "+:c:tTh", longs, NULL)) != -1) {
        switch (c) {
        case 'c':
            opts->config_file = optarg;
            break;
        case 't':
            opts->is_test = true;
            break;
        case 'T':
            opts->is_dump = true;
            break;
        case 'h':
            (void)fputs(server_help, stdout);
            return 1;
        default:
            (void)fprintf(stderr,
                c == ':' ? "Error: flag needs an argument: %s\n"
                         : "Error: unknown flag: %s\n",
                argv[optind - 1]);
            return 2;
        }
    }
    if (optind < argc) {
        (void)fprintf(
            stderr, "Error: server takes no argument: %s\n", argv[optind]);
        return 2;
    }
    return 0;
}

static int
dump(ion_conf_t *conf)
{
    ion_sb_t sb;
    int status = 1;
    ion_sb_init(&sb, 1u << 24);
    ion_conf_effective_text(conf, &sb);
    if (!sb.failed && fwrite(sb.p, 1, sb.len, stdout) == sb.len) {
        status = fflush(stdout) == 0 ? 0 : 1;
    }
    ion_sb_fini(&sb);
    ion_conf_free(&conf);
    return status;
}

static void
print_notes(const ion_conf_notes_t *notes)
{
    for (size_t i = 0; i < ion_conf_notes_count(notes); i++) {
        ion_conf_note_t note = ion_conf_notes_at(notes, i);
        (void)fprintf(
            stderr, "%s: %s\n", note.is_error ? "Error" : "Warning", note.text);
    }
}

static int
server_main(int argc, char **argv, const char *program)
{
    server_opts_t opts = { .program = program };
    ion_conf_notes_t *notes;
    ion_conf_t *conf = NULL;
    ion_err_t rc;
    int stop = parse_server(argc, argv, &opts);
    if (stop != 0) {
        return stop - 1;
    }
    if (ion_conf_notes_new(&notes) != ION_OK) {
        return 1;
    }
    rc = conf_tables_load(opts.config_file, notes, &conf);
    print_notes(notes);
    if (rc != ION_OK && ion_conf_notes_errors(notes) == 0) {
        (void)fprintf(stderr, "Error: cannot load the configuration: %s\n",
            ion_strerror(rc));
    }
    ion_conf_notes_free(&notes);
    if (rc != ION_OK) {
        return 1;
    }
    return opts.is_dump ? dump(conf) : master_main(&opts, conf);
}

static int
help_directives(void)
{
    ion_sb_t sb;
    int status = 1;
    ion_sb_init(&sb, 1u << 20);
    conf_tables_help(&sb);
    if (!sb.failed && fwrite(sb.p, 1, sb.len, stdout) == sb.len) {
        status = 0;
    }
    ion_sb_fini(&sb);
    return status;
}

int
main(int argc, char **argv)
{
    const char *command = argc > 1 ? argv[1] : "";
    char program[PROGRAM_MAX]; /* the title will overwrite argv[0] */
    (void)snprintf(program, sizeof(program), "%s",
        argc > 0 ? argv[0] : "ionscale"); /* cut is good enough for a hint */
    ion_proc_title_init(argc, argv);
    if (strcmp(command, ION_CHILD_ARG) == 0) {
        return child_main();
    }
    if (ion_crypto_init() != ION_OK) {
        (void)fputs("Error: the crypto library does not start\n", stderr);
        return 1;
    }
    if (strcmp(command, "server") == 0) {
        return server_main(argc - 1, argv + 1, program);
    }
    if (argc == 3 && strcmp(command, "help") == 0 &&
        strcmp(argv[2], "directives") == 0)
    {
        return help_directives();
    }
    return ion_cli_main(argc, argv);
}
