/*
 * cli_flags.c -- the flags of commands.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * One table; a command says which of them it takes.  Flags follow the command,
 * as "--flag value" or "--flag=value"; switches as "--flag" or "--flag=false".
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/num.h"
#include "cli/cli_int.h"
#include "cli/cli_print.h"

enum {
    FLAG_SOCKET = 256,
    FLAG_ADDR,
    FLAG_ADMIN_KEY,
    FLAG_SKIP_VERIFY,
    FLAG_JSON,
    FLAG_CHECK,
    FLAG_DUMP,
    FLAG_PIN,
    FLAG_INSECURE,
    FLAG_PLAIN,
    FLAG_STUN_PORT,
    FLAG_INTERVAL,
    FLAG_ONCE,
    FLAG_SORT,
    FLAG_ROWS,
};

typedef struct flag {
    const char *name; /* NULL: a short flag alone */
    char letter;      /* 0 = none */
    int value;        /* what getopt_long returns */
    unsigned takes;   /* commands it belongs to; 0 = all */
    const char *arg;  /* NULL: a switch */
    const char *help;
} flag_t;

static const flag_t flags[] = {
    { "socket", 0, FLAG_SOCKET, CLI_TAKES_DAEMON, "PATH",
        "control socket of the daemon (env IONSCALE_SOCKET)" },
    { "config", 'c', 'c', CLI_TAKES_DAEMON | CLI_TAKES_SERVER, "FILE",
        "configuration file of the daemon" },
    { "addr", 0, FLAG_ADDR, CLI_TAKES_DAEMON, "ADDR",
        "unix:PATH, the same as --socket PATH" },
    { "system-admin-key", 0, FLAG_ADMIN_KEY, CLI_TAKES_DAEMON, "KEY",
        "accepted and ignored" },
    { "tls-skip-verify", 0, FLAG_SKIP_VERIFY, CLI_TAKES_DAEMON, NULL,
        "accepted and ignored" },
    { "json", 0, FLAG_JSON, CLI_TAKES_JSON, NULL, "print JSON" },
    { "no-newline", 'n', 'n', CLI_TAKES_NO_NEWLINE, NULL,
        "no line end behind the key" },
    { "pin", 0, FLAG_PIN, CLI_TAKES_PROBE, "PIN",
        "trust this certificate alone: sha256-raw:HEX" },
    { "insecure", 0, FLAG_INSECURE, CLI_TAKES_PROBE, NULL,
        "trust any certificate" },
    { "plain", 0, FLAG_PLAIN, CLI_TAKES_PROBE, NULL, "no TLS" },
    { "stun-port", 0, FLAG_STUN_PORT, CLI_TAKES_PROBE, "PORT",
        "UDP port of STUN (3478); 0 = do not ask" },
    { "interval", 0, FLAG_INTERVAL, CLI_TAKES_INTERVAL, "TIME",
        "between two looks, such as 500ms or 5s" },
    { "once", 0, FLAG_ONCE, CLI_TAKES_ONCE, NULL, "one round, then end" },
    { "sort", 0, FLAG_SORT, CLI_TAKES_SCREEN, "WHAT",
        "bytes, packets or drops" },
    { "rows", 0, FLAG_ROWS, CLI_TAKES_SCREEN, "N", "clients to show" },
    { NULL, 't', FLAG_CHECK, CLI_TAKES_SERVER, NULL,
        "check the configuration, files and addresses" },
    { NULL, 'T', FLAG_DUMP, CLI_TAKES_SERVER, NULL,
        "print the configuration in force" },
    { "help", 'h', 'h', 0, NULL, "this text" },
};

static bool
belongs(const flag_t *f, const cli_command_t *cmd)
{
    return f->takes == 0 || (f->takes & cmd->takes) != 0;
}

const char *
cli_argument(const cli_command_t *cmd)
{
    if ((cmd->takes & CLI_TAKES_PROBE) != 0) {
        return " HOST[:PORT]";
    }
    return (cmd->takes & CLI_TAKES_KEY) != 0 ? " KEY" : NULL;
}

void
cli_print_flags(const cli_command_t *cmd)
{
    for (size_t i = 0; i < ION_ARRAY_LEN(flags); i++) {
        const flag_t *f = &flags[i];
        char left[48];

        if (!belongs(f, cmd)) {
            continue;
        }
        (void)snprintf(left, sizeof(left), "%c%c%s%s%s%s%s",
            f->letter != 0 ? '-' : ' ', f->letter != 0 ? f->letter : ' ',
            f->name == NULL  ? ""
            : f->letter != 0 ? ", "
                             : "  ",
            f->name != NULL ? "--" : "", f->name != NULL ? f->name : "",
            f->arg != NULL ? " " : "", f->arg != NULL ? f->arg : "");
        (void)printf("  %-26s  %s\n", left, f->help);
    }
}

/* fills what getopt_long wants for this command */
static void
build_options(const cli_command_t *cmd, struct option *longs, char *shorts)
{
    size_t n = 0;
    size_t s = 0;

    shorts[s++] = ':'; /* tell a missing argument from an unknown flag */
    for (size_t i = 0; i < ION_ARRAY_LEN(flags); i++) {
        const flag_t *f = &flags[i];

        if (!belongs(f, cmd)) {
            continue;
        }
        if (f->name != NULL) {
            longs[n++] = (struct option){ f->name,
                f->arg != NULL ? required_argument : optional_argument, NULL,
                f->value };
        }
        if (f->letter != 0) {
            shorts[s++] = f->letter;
            if (f->arg != NULL) {
                shorts[s++] = ':';
            }
        }
    }
    longs[n] = (struct option){ NULL, 0, NULL, 0 };
    shorts[s] = '\0';
}

static bool
set_switch(const char *name, bool *out)
{
    if (optarg == NULL) {
        *out = true;
        return true;
    }
    if (ion_parse_bool(ion_str_from(optarg), out) == ION_OK) {
        return true;
    }
    (void)cli_error("invalid argument \"%s\" for \"--%s\": not true or false",
        optarg, name);
    return false;
}

static bool
set_addr(cli_opts_t *opts)
{
    if (strncmp(optarg, "unix:", 5) == 0 && optarg[5] != '\0') {
        opts->socket = optarg + 5;
        return true;
    }
    (void)cli_error("--addr %s: the daemon is administered over its control "
                    "socket alone; say --addr unix:PATH or --socket PATH",
        optarg);
    return false;
}

static void
ignore(const char *name)
{
    cli_note("Note: --%s is ignored: who may open the control socket may "
             "administer",
        name);
}

static bool
take_probe_flag(int c, cli_opts_t *opts)
{
    switch (c) {
    case FLAG_PIN:
        opts->pin = optarg;
        return true;
    case FLAG_STUN_PORT:
        opts->stun_port = optarg;
        return true;
    case FLAG_INSECURE:
        return set_switch("insecure", &opts->is_insecure);
    default:
        return set_switch("plain", &opts->is_plain);
    }
}

static bool
take_live_flag(int c, cli_opts_t *opts)
{
    switch (c) {
    case FLAG_INTERVAL:
        opts->interval = optarg;
        return true;
    case FLAG_SORT:
        opts->sort = optarg;
        return true;
    case FLAG_ROWS:
        opts->rows = optarg;
        return true;
    default:
        return set_switch("once", &opts->is_once);
    }
}

static bool
take_flag(int c, char **argv, cli_opts_t *opts)
{
    bool ignored;

    switch (c) {
    case FLAG_PIN:
    case FLAG_STUN_PORT:
    case FLAG_INSECURE:
    case FLAG_PLAIN:
        return take_probe_flag(c, opts);
    case FLAG_INTERVAL:
    case FLAG_SORT:
    case FLAG_ROWS:
    case FLAG_ONCE:
        return take_live_flag(c, opts);
    case FLAG_SOCKET:
        opts->socket = optarg;
        return true;
    case FLAG_ADDR:
        return set_addr(opts);
    case 'c':
        opts->config = optarg;
        return true;
    case FLAG_ADMIN_KEY:
        ignore("system-admin-key");
        return true;
    case FLAG_SKIP_VERIFY:
        ignore("tls-skip-verify");
        return set_switch("tls-skip-verify", &ignored);
    case FLAG_JSON:
        return set_switch("json", &opts->is_json);
    case 'n':
        return set_switch("no-newline", &opts->no_newline);
    case 'h':
        return set_switch("help", &opts->is_help);
    case ':':
        (void)cli_error("flag needs an argument: %s", argv[optind - 1]);
        return false;
    default:
        break;
    }
    if (optopt > 0 && optopt < 256) {
        (void)cli_error("unknown shorthand flag: '%c'", optopt);
    } else {
        (void)cli_error("unknown flag: %s", argv[optind - 1]);
    }
    return false;
}

bool
cli_parse_flags(
    const cli_command_t *cmd, int argc, char **argv, cli_opts_t *opts)
{
    struct option longs[ION_ARRAY_LEN(flags) + 1];
    char shorts[2 * ION_ARRAY_LEN(flags) + 2];
    int c;

    *opts = (cli_opts_t){ .socket = NULL };
    build_options(cmd, longs, shorts);
    optind = 0; /* begin anew, with everything that glibc remembers */
    opterr = 0;
    while ((c = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
        if (!take_flag(c, argv, opts)) {
            return false;
        }
    }
    if (!opts->is_help && cli_argument(cmd) != NULL) {
        if (optind == argc) {
            (void)cli_error("\"%s\" needs a%s", cmd->name, cli_argument(cmd));
            return false;
        }
        opts->target = argv[optind++];
    }
    if ((cmd->takes & CLI_TAKES_FILES) != 0) {
        opts->files = argv + optind;
        opts->file_count = (size_t)(argc - optind);
    } else if (optind < argc && !opts->is_help) {
        (void)cli_error("\"%s\" takes no %s: %s", cmd->name,
            opts->target != NULL ? "second argument" : "argument",
            argv[optind]);
        return false;
    }
    return true;
}
