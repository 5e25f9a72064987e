/*
 * cli_value.h -- values of a reply, for people and as JSON.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A command may talk to a daemon of another version: what is missing or of
 * another kind reads as empty, and is never an error.
 */
#ifndef ION_CLI_CLI_VALUE_H
#define ION_CLI_CLI_VALUE_H

#include <stdint.h>

#include "doc/tree.h"

enum {
    CLI_TEXT_MAX = 64,
};

/* cli_str -- the text of a member that is a string; else empty. */
ion_str_t cli_str(const ion_doc_node_t *map, const char *key);

/* cli_int -- the value of a member that is an integer; else 0. */
int64_t cli_int(const ion_doc_node_t *map, const char *key);

/* cli_bool -- the value of a member that is true or false; else false. */
bool cli_bool(const ion_doc_node_t *map, const char *key);

/* cli_duration -- seconds as "3d4h", "12m5s"; returns out. */
const char *cli_duration(int64_t seconds, char out[CLI_TEXT_MAX]);

/* cli_time -- seconds since 1970 as local "2006-01-02 15:04:05"; "-" for 0. */
const char *cli_time(int64_t unix_seconds, char out[CLI_TEXT_MAX]);

/* cli_bytes -- a number of bytes as "812", "1.2K", "34M"; returns out. */
const char *cli_bytes(double bytes, char out[CLI_TEXT_MAX]);

/* cli_print_json -- a value, indented, on stdout; returns the exit status. */
int cli_print_json(const ion_doc_node_t *node);

#endif
