/*
 * cli_main.c -- which command was meant.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/cli_int.h"
#include "cli/cli_print.h"

enum {
    WORDS_MAX = 128, /* bytes of a command's words, with the blank */
};

/* how many of the n words are this command's name; 0 = another command */
static int
match(const cli_command_t *cmd, int n, char **words)
{
    const char *blank = strchr(cmd->name, ' ');
    size_t first =
        blank == NULL ? strlen(cmd->name) : (size_t)(blank - cmd->name);

    if (n < 1 || strlen(words[0]) != first ||
        strncmp(cmd->name, words[0], first) != 0)
    {
        return 0;
    }
    if (blank == NULL) {
        return 1;
    }
    return n > 1 && strcmp(blank + 1, words[1]) == 0 ? 2 : 0;
}

static bool
is_group(const char *word)
{
    size_t n = strlen(word);

    for (const cli_command_t *cmd = cli_commands; cmd->name != NULL; cmd++) {
        if (strncmp(cmd->name, word, n) == 0 && cmd->name[n] == ' ') {
            return true;
        }
    }
    return false;
}

static bool
is_help_flag(const char *word)
{
    return strcmp(word, "-h") == 0 || strcmp(word, "--help") == 0;
}

static int
run_command(const cli_command_t *cmd, int argc, char **argv)
{
    cli_opts_t opts;

    if (!cli_parse_flags(cmd, argc, argv, &opts)) {
        return (cmd->takes & CLI_TAKES_FILES) != 0 ? CLI_USAGE : 1;
    }
    return opts.is_help ? cli_help_command(cmd) : cmd->run(&opts);
}

/* the words before the first flag, for a message */
static void
join_words(char out[WORDS_MAX], int n, char **words)
{
    out[0] = '\0';
    for (int i = 0; i < n && i < 2 && words[i][0] != '-'; i++) {
        size_t len = strlen(out);

        (void)snprintf(
            out + len, WORDS_MAX - len, "%s%s", i > 0 ? " " : "", words[i]);
    }
}

int
ion_cli_main(int argc, char **argv)
{
    int n = argc - 1;
    char **words = argv + 1;
    char text[WORDS_MAX];

    (void)signal(SIGPIPE, SIG_IGN); /* a closed pipe is a failed write */
    if (n == 0 || is_help_flag(words[0])) {
        return cli_help(0, words);
    }
    if (strcmp(words[0], "help") == 0) {
        return cli_help(n - 1, words + 1);
    }
    if (words[0][0] == '-') {
        return cli_error(
            "unknown flag: %s; flags follow the command", words[0]);
    }
    for (const cli_command_t *cmd = cli_commands; cmd->name != NULL; cmd++) {
        int used = match(cmd, n, words);

        if (used > 0) {
            return run_command(cmd, argc - used, argv + used);
        }
    }
    if (is_group(words[0]) && (n == 1 || is_help_flag(words[1]))) {
        return cli_help(1, words);
    }
    join_words(text, n, words);
    return cli_unknown(text);
}
