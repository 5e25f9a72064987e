/*
 * cli_control.c -- `ionscale reload`, `reopen`, `stop` and `quit`.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Stopping must also work while the keeper is down: then the pid file says
 * whom to send the signal.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cli/cli_conn.h"
#include "cli/cli_int.h"
#include "cli/cli_print.h"
#include "os/pidfile.h"

enum {
    RELOAD_SECONDS = 120, /* all processes must say yes or no */
    KEEPER_SECONDS = 5,   /* after that the pid file is used */
    GONE_MS = 20000,      /* until a stopped daemon is gone */
};

static void
print_lines(const ion_doc_node_t *result)
{
    const ion_doc_node_t *lines = ion_doc_get(result, "lines");

    if (lines != NULL && lines->kind == ION_DOC_LIST) {
        ION_DOC_FOREACH(line, lines)
        {
            cli_note("%.*s", ION_STR_ARG(line->text));
        }
    }
}

static int
ask_and_wait(const cli_opts_t *opts, const char *cmd, const char *done)
{
    cli_places_t places;
    cli_conn_t conn;
    cli_reply_t reply = { NULL, NULL, NULL };
    ion_err_t rc;
    int status;

    if (!cli_find_places(opts, &places) ||
        cli_connect(&places, false, &conn) != ION_OK)
    {
        return 1;
    }
    cli_set_limit(&conn, RELOAD_SECONDS);
    rc = cli_ask(&conn, cmd, NULL, NULL, &reply);
    if (rc == ION_OK) {
        print_lines(reply.result);
        (void)printf("%s\n", done);
        status = cli_finish();
    } else {
        status = cli_print_failure(&conn, rc, &reply);
    }
    cli_reply_free(&reply);
    cli_close(&conn);
    return status;
}

int
cli_run_reload(const cli_opts_t *opts)
{
    return ask_and_wait(opts, "reload", "Configuration reloaded.");
}

int
cli_run_reopen(const cli_opts_t *opts)
{
    return ask_and_wait(opts, "reopen", "Log file reopened.");
}

/* a descriptor that becomes readable when the process ends; -1 = cannot tell */
static int
watch_process(pid_t pid)
{
    return pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
}

static int
wait_gone(int pidfd, pid_t pid)
{
    struct pollfd p = { .fd = pidfd, .events = POLLIN };
    int n;

    if (pidfd < 0) {
        return 0; /* not ours to see: it has been told, that is all */
    }
    do {
        n = poll(&p, 1, GONE_MS);
    } while (n < 0 && errno == EINTR);
    (void)close(pidfd); /* only watched */
    if (n == 1) {
        return 0;
    }
    return cli_error("the daemon (pid %d) has been told to stop and still "
                     "runs after %d seconds",
        (int)pid, GONE_MS / 1000);
}

/* the signal by way of the pid file */
static int
signal_daemon(const cli_places_t *places, int number, bool wait)
{
    for (size_t i = 0; i < places->count; i++) {
        pid_t pid = 0;
        int pidfd;

        if (places->pid_file[i][0] == '\0' ||
            ion_pidfile_read(places->pid_file[i], &pid) != ION_OK)
        {
            continue;
        }
        pidfd = watch_process(pid);
        if (kill(pid, number) != 0) {
            if (pidfd >= 0) {
                (void)close(pidfd); /* only watched */
            }
            return cli_error("cannot signal the daemon, pid %d: %s", (int)pid,
                strerror(errno));
        }
        if (wait) {
            return wait_gone(pidfd, pid);
        }
        if (pidfd >= 0) {
            (void)close(pidfd); /* only watched */
        }
        return 0;
    }
    return cli_error("no daemon is there (tried %s%s%s, and the pid file %s%s"
                     "%s)",
        places->socket[0], places->count > 1 ? " and " : "",
        places->count > 1 ? places->socket[1] : "", places->pid_file[0],
        places->count > 1 ? " and " : "",
        places->count > 1 ? places->pid_file[1] : "");
}

/* tells the daemon through the keeper; ION_NOTFOUND: the keeper is no help */
static ion_err_t
tell_keeper(const cli_places_t *places, const char *cmd, pid_t *pid, int *pidfd)
{
    cli_conn_t conn;
    cli_reply_t reply = { NULL, NULL, NULL };
    ion_err_t rc;

    *pidfd = -1;
    *pid = 0;
    if (cli_connect(places, true, &conn) != ION_OK) {
        return ION_NOTFOUND;
    }
    *pid = conn.daemon;
    *pidfd = watch_process(conn.daemon);
    cli_set_limit(&conn, KEEPER_SECONDS);
    rc = cli_ask(&conn, cmd, NULL, NULL, &reply);
    if (rc == ION_DENIED) {
        (void)cli_print_failure(&conn, rc, &reply);
    } else if (rc == ION_CLOSED && *pidfd >= 0 && kill(conn.daemon, 0) != 0 &&
               errno == ESRCH)
    {
        rc = ION_OK; /* it was faster than its answer */
    } else if (rc != ION_OK) {
        rc = ION_NOTFOUND;
    }
    cli_reply_free(&reply);
    cli_close(&conn);
    return rc;
}

int
cli_run_stop(const cli_opts_t *opts)
{
    cli_places_t places;
    pid_t pid;
    int pidfd;
    ion_err_t rc;

    if (!cli_find_places(opts, &places)) {
        return 1;
    }
    rc = tell_keeper(&places, "stop", &pid, &pidfd);
    if (rc == ION_OK) {
        return wait_gone(pidfd, pid);
    }
    if (pidfd >= 0) {
        (void)close(pidfd); /* only watched */
    }
    return rc == ION_DENIED ? 1 : signal_daemon(&places, SIGTERM, true);
}

int
cli_run_quit(const cli_opts_t *opts)
{
    cli_places_t places;
    pid_t pid;
    int pidfd;
    ion_err_t rc;

    if (!cli_find_places(opts, &places)) {
        return 1;
    }
    rc = tell_keeper(&places, "quit", &pid, &pidfd);
    if (pidfd >= 0) {
        (void)close(pidfd); /* only watched */
    }
    if (rc == ION_OK) {
        return 0;
    }
    return rc == ION_DENIED ? 1 : signal_daemon(&places, SIGQUIT, false);
}
