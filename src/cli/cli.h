/*
 * cli.h -- what the user types: every command but `server`.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A command finds the daemon by its control socket, asks, and prints: tables
 * for people, JSON for programs.  Errors are one line, "Error: ...", on
 * stderr, and exit status 1.
 */
#ifndef ION_CLI_CLI_H
#define ION_CLI_CLI_H

/*
 * ion_cli_main -- run one command.
 *
 * Shape:  argv as the program got it; argv[1] names the command.  `server`
 *         is listed in the help and run elsewhere.  Returns the exit status.
 * Errors: none that are not printed.
 */
int ion_cli_main(int argc, char **argv);

#endif
