/*
 * cli_conn.h -- finding the daemon, and asking it.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A command asks one thing and waits; so this is blocking, with a limit on
 * every step.
 */
#ifndef ION_CLI_CLI_CONN_H
#define ION_CLI_CLI_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/err.h"
#include "cli/cli_int.h"
#include "doc/tree.h"

enum {
    CLI_PATH_MAX = 512,
    CLI_PATHS_MAX = 2,
};

/* Where a daemon may be. */
typedef struct cli_places {
    size_t count;
    char socket[CLI_PATHS_MAX][CLI_PATH_MAX];
    char pid_file[CLI_PATHS_MAX][CLI_PATH_MAX];
} cli_places_t;

typedef struct cli_conn {
    int fd;
    pid_t daemon;     /* the master's, as the kernel says; 0 = not visible */
    const char *path; /* of the socket; borrowed from the places */
    uint64_t req;
    char *buf; /* owned: one payload */
} cli_conn_t;

/* A reply; the tree lives in the arena. */
typedef struct cli_reply {
    ion_arena_t *arena;
    const ion_doc_node_t *result; /* NULL when the daemon said no */
    const ion_doc_node_t *error;  /* the whole reply then, else NULL */
} cli_reply_t;

/*
 * cli_find_places -- the socket that was named, or those to try.
 *
 * Shape:  --socket, then IONSCALE_SOCKET, then control_socket of --config,
 *         then the defaults: the user's own, then root's.
 * Errors: false, with the reason printed (a configuration that is wrong).
 */
bool cli_find_places(const cli_opts_t *opts, cli_places_t *out);

/*
 * cli_connect -- connect to the first daemon that is there.
 *
 * Shape:  on ION_OK cli_close(conn) later. With is_quiet nothing is printed.
 * Errors: ION_NOTFOUND nobody | ION_DENIED | ION_SYS; one line names the
 *         paths that were tried.
 */
ION_NODISCARD ion_err_t cli_connect(
    const cli_places_t *places, bool is_quiet, cli_conn_t *conn);

/* cli_close -- end it; harmless when it was never open. */
void cli_close(cli_conn_t *conn);

/*
 * cli_set_limit -- how long one step may take from now on.
 */
void cli_set_limit(cli_conn_t *conn, int seconds);

/*
 * cli_ask -- run one command.
 *
 * Shape:  piece (may be NULL when the command sends no list) is called with
 *         each array of rows; the last rows are also handed to it, and are
 *         reply->result. Give the reply to cli_reply_free in any case.
 * Errors: ION_DENIED the daemon said no: reply->error | ION_TIMEOUT |
 *         ION_CLOSED | ION_MALF not our protocol | ION_VERSION | ION_NOMEM |
 *         ION_SYS. Nothing is printed.
 */
ION_NODISCARD ion_err_t cli_ask(cli_conn_t *conn, const char *cmd,
    void (*piece)(void *arg, const ion_doc_node_t *rows), void *arg,
    cli_reply_t *reply);

/*
 * cli_ask_with -- run one command that takes an argument, a text.
 *
 * Errors: as cli_ask.
 */
ION_NODISCARD ion_err_t cli_ask_with(cli_conn_t *conn, const char *cmd,
    const char *name, const char *value, cli_reply_t *reply);

/* cli_reply_free -- free what a reply holds. */
void cli_reply_free(cli_reply_t *reply);

/*
 * cli_print_failure -- say why cli_ask failed; returns 1, the exit status.
 *
 * Errors: none.
 */
int cli_print_failure(
    const cli_conn_t *conn, ion_err_t rc, const cli_reply_t *reply);

/*
 * cli_simple -- find, connect, ask; prints what went wrong.
 *
 * Errors: as above; on ION_OK the caller frees reply.
 */
ION_NODISCARD ion_err_t cli_simple(
    const cli_opts_t *opts, const char *cmd, cli_reply_t *reply);

#endif
