/*
 * cli_conn.c -- asking the daemon over its control socket.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "cli/cli_conn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "cli/cli_print.h"
#include "doc/emit.h"
#include "doc/json.h"
#include "os/unix_sock.h"
#include "proto/admin_frame.h"

enum {
    LIMIT_SECONDS = 30,
    REPLY_ARENA = 64 * 1024 * 1024,
};

void
cli_set_limit(cli_conn_t *conn, int seconds)
{
    const struct timeval tv = { .tv_sec = seconds };

    /* without a limit a command may wait longer, nothing worse */
    (void)setsockopt(conn->fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
    (void)setsockopt(conn->fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
}

static ion_err_t
open_conn(const char *path, cli_conn_t *conn)
{
    ion_peer_cred_t peer;
    ion_err_t rc = ion_unix_connect(path, &conn->fd);

    if (rc != ION_OK) {
        return rc;
    }
    conn->path = path;
    conn->buf = malloc(ADMIN_MAX_PAYLOAD);
    if (conn->buf == NULL) {
        cli_close(conn);
        return ION_NOMEM;
    }
    /* of a client's end: the process that listens, which is the master */
    if (ion_unix_peer_cred(conn->fd, &peer) == ION_OK) {
        conn->daemon = peer.pid;
    }
    cli_set_limit(conn, LIMIT_SECONDS);
    return ION_OK;
}

ion_err_t
cli_connect(const cli_places_t *places, bool is_quiet, cli_conn_t *conn)
{
    ion_err_t worst = ION_NOTFOUND;
    int saved = 0;

    *conn = (cli_conn_t){ .fd = -1 };
    for (size_t i = 0; i < places->count; i++) {
        ion_err_t rc = open_conn(places->socket[i], conn);

        if (rc == ION_OK) {
            return rc;
        }
        if (rc != ION_NOTFOUND) {
            worst = rc;
            saved = errno;
        }
    }
    if (!is_quiet) {
        const char *why = worst == ION_NOTFOUND ? "no daemon is there"
                          : worst == ION_DENIED ? "no permission"
                          : worst == ION_SYS    ? strerror(saved)
                                                : ion_strerror(worst);

        (void)cli_error("cannot reach the daemon: %s (tried %s%s%s)", why,
            places->socket[0], places->count > 1 ? " and " : "",
            places->count > 1 ? places->socket[1] : "");
    }
    return worst;
}

void
cli_close(cli_conn_t *conn)
{
    if (conn->fd >= 0) {
        (void)close(conn->fd); /* whatever it says, we are done */
        conn->fd = -1;
    }
    free(conn->buf);
    conn->buf = NULL;
}

static ion_err_t
of_errno(void)
{
    if (errno == EAGAIN) {
        return ION_TIMEOUT;
    }
    return errno == EPIPE || errno == ECONNRESET ? ION_CLOSED : ION_SYS;
}

static ion_err_t
send_all(const cli_conn_t *conn, const void *p, size_t n)
{
    const char *at = p;

    while (n > 0) {
        ssize_t sent = send(conn->fd, at, n, MSG_NOSIGNAL);

        if (sent < 0 && errno == EINTR) {
            continue;
        }
        if (sent < 0) {
            return of_errno();
        }
        at += sent;
        n -= (size_t)sent;
    }
    return ION_OK;
}

static ion_err_t
recv_all(const cli_conn_t *conn, void *p, size_t n)
{
    char *at = p;

    while (n > 0) {
        ssize_t got = recv(conn->fd, at, n, 0);

        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return of_errno();
        }
        if (got == 0) {
            return ION_CLOSED;
        }
        at += got;
        n -= (size_t)got;
    }
    return ION_OK;
}

/* what is asked, and the argument of it, if there is one */
typedef struct cli_request {
    const char *cmd;
    const char *name;
    const char *value;
} cli_request_t;

static ion_err_t
send_request(cli_conn_t *conn, const cli_request_t *request)
{
    uint8_t head[ADMIN_HEADER_LEN];
    admin_header_t header = { ADMIN_FRAME_REQUEST, 0, ++conn->req };
    ion_sb_t sb;
    ion_jw_t w;
    ion_err_t rc = ION_NOMEM;

    ion_sb_init(&sb, ADMIN_MAX_PAYLOAD);
    ion_jw_init(&w, &sb, 0);
    ion_jw_object_begin(&w);
    ion_jw_key(&w, "cmd");
    ion_jw_strz(&w, request->cmd);
    if (request->name != NULL) {
        ion_jw_key(&w, "args");
        ion_jw_object_begin(&w);
        ion_jw_key(&w, request->name);
        ion_jw_strz(&w, request->value);
        ion_jw_object_end(&w);
    }
    ion_jw_object_end(&w);
    if (!sb.failed) {
        header.len = (uint32_t)sb.len;
        admin_header_put(head, &header);
        rc = send_all(conn, head, sizeof(head));
    }
    if (rc == ION_OK) {
        rc = send_all(conn, sb.p, sb.len);
    }
    ion_sb_fini(&sb);
    return rc;
}

/* the next frame's payload is in conn->buf, and parsed in the arena */
static ion_err_t
receive(cli_conn_t *conn, ion_arena_t *arena, admin_header_t *header,
    ion_doc_node_t **root)
{
    uint8_t head[ADMIN_HEADER_LEN];
    ion_err_t rc = recv_all(conn, head, sizeof(head));

    if (rc == ION_OK) {
        rc = admin_header_parse(head, sizeof(head), header);
    }
    if (rc == ION_OK) {
        rc = recv_all(conn, conn->buf, header->len);
    }
    if (rc == ION_OK) {
        rc = ion_json_parse(
            arena, (ion_str_t){ conn->buf, header->len }, NULL, root, NULL);
    }
    return rc;
}

/* request number 0 answers what could not be read: a refusal */
static ion_err_t
take_reply(const cli_conn_t *conn, const admin_header_t *header,
    const ion_doc_node_t *root, cli_reply_t *reply)
{
    bool ok;

    if (header->type != ADMIN_FRAME_REPLY ||
        (header->req != conn->req && header->req != 0) ||
        ion_doc_bool(ion_doc_get(root, "ok"), &ok) != ION_OK)
    {
        return ION_MALF;
    }
    if (!ok) {
        reply->error = root;
        return ION_DENIED;
    }
    reply->result = ion_doc_get(root, "result");
    return reply->result != NULL ? ION_OK : ION_MALF;
}

static ion_err_t
ask(cli_conn_t *conn, const cli_request_t *request,
    void (*piece)(void *arg, const ion_doc_node_t *rows), void *arg,
    cli_reply_t *reply)
{
    admin_header_t header;
    ion_doc_node_t *root = NULL;
    ion_err_t sent;
    ion_err_t rc = ion_arena_new(REPLY_ARENA, &reply->arena);

    reply->result = NULL;
    reply->error = NULL;
    if (rc != ION_OK) {
        reply->arena = NULL;
        return rc;
    }
    /* a daemon that refuses us may close before it reads: look for its word */
    sent = send_request(conn, request);
    rc = receive(conn, reply->arena, &header, &root);
    while (rc == ION_OK && header.type == ADMIN_FRAME_PART &&
           header.req == conn->req && piece != NULL)
    {
        piece(arg, root);
        ion_arena_reset(reply->arena);
        rc = receive(conn, reply->arena, &header, &root);
    }
    if (rc == ION_OK) {
        rc = take_reply(conn, &header, root, reply);
    } else if (sent != ION_OK) {
        rc = sent;
    }
    if (rc == ION_OK && piece != NULL) {
        piece(arg, reply->result);
    }
    return rc;
}

ion_err_t
cli_ask(cli_conn_t *conn, const char *cmd,
    void (*piece)(void *arg, const ion_doc_node_t *rows), void *arg,
    cli_reply_t *reply)
{
    const cli_request_t request = { cmd, NULL, NULL };

    return ask(conn, &request, piece, arg, reply);
}

ion_err_t
cli_ask_with(cli_conn_t *conn, const char *cmd, const char *name,
    const char *value, cli_reply_t *reply)
{
    const cli_request_t request = { cmd, name, value };

    return ask(conn, &request, NULL, NULL, reply);
}

void
cli_reply_free(cli_reply_t *reply)
{
    ion_arena_free(&reply->arena);
    reply->result = NULL;
    reply->error = NULL;
}

static int
print_refusal(const ion_doc_node_t *error)
{
    const ion_doc_node_t *text = ion_doc_get(error, "error");
    const ion_doc_node_t *lines = ion_doc_get(error, "lines");

    (void)cli_error(
        "%.*s", ION_STR_ARG(text != NULL ? text->text : ION_STR("refused")));
    if (lines != NULL && lines->kind == ION_DOC_LIST) {
        ION_DOC_FOREACH(line, lines)
        {
            cli_note("%.*s", ION_STR_ARG(line->text));
        }
    }
    return 1;
}

int
cli_print_failure(
    const cli_conn_t *conn, ion_err_t rc, const cli_reply_t *reply)
{
    if (rc == ION_DENIED && reply->error != NULL) {
        return print_refusal(reply->error);
    }
    if (rc == ION_CLOSED) {
        return cli_error(
            "the daemon at %s closed the connection without an answer",
            conn->path);
    }
    if (rc == ION_TIMEOUT) {
        return cli_error("the daemon at %s does not answer", conn->path);
    }
    if (rc == ION_SYS) {
        return cli_error("%s: %s", conn->path, strerror(errno));
    }
    return cli_error("%s: not an answer that this program understands: %s",
        conn->path, ion_strerror(rc));
}

ion_err_t
cli_simple(const cli_opts_t *opts, const char *cmd, cli_reply_t *reply)
{
    cli_places_t places;
    cli_conn_t conn;
    ion_err_t rc;

    *reply = (cli_reply_t){ NULL, NULL, NULL };
    if (!cli_find_places(opts, &places)) {
        return ION_MALF;
    }
    rc = cli_connect(&places, false, &conn);
    if (rc != ION_OK) {
        return rc;
    }
    rc = cli_ask(&conn, cmd, NULL, NULL, reply);
    if (rc != ION_OK) {
        (void)cli_print_failure(&conn, rc, reply);
        cli_reply_free(reply);
    }
    cli_close(&conn);
    return rc;
}
