/*
 * fuzz_control.c -- clients of the control socket, up to the commands.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The input is a program for two clients of a keeper: requests whole and in
 * pieces, commands with any arguments, bytes that are no frame, time, the
 * master's answers, an end of either kind. Properties: what comes back are
 * whole replies, no more than were asked for; when the clients have gone no
 * descriptor of theirs is left.
 */
#include <sys/stat.h>

#include "unit/admin/admin_world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CLIENTS   2
#define STEPS_MAX 64
#define IN_MAX    (1 << 20)

#define PENDING_MAX 256

typedef struct program {
    const uint8_t *p;
    size_t left;
    int fd[CLIENTS];      /* -1 = not connected */
    bool is_raw[CLIENTS]; /* bytes of its own choice: no count of requests */
    size_t asked[CLIENTS];
    size_t answered[CLIENTS];
    size_t in_len[CLIENTS];
} program_t;

/* What the master was asked and has not answered yet. */
typedef struct pending {
    ion_op_done_pt done;
    void *arg;
} pending_t;

static world_t world;
static pending_t pending[PENDING_MAX];
static size_t pending_count;
static uint8_t in[CLIENTS][IN_MAX];

static size_t
take(program_t *g)
{
    if (g->left == 0) {
        return 0;
    }
    g->left--;
    return *g->p++;
}

static ion_err_t
put_off(ion_op_done_pt done, void *arg)
{
    if (pending_count == PENDING_MAX) {
        return ION_BUSY;
    }
    pending[pending_count++] = (pending_t){ done, arg };
    return ION_OK;
}

static ion_err_t
on_op(ion_process_t *p, ion_master_op_t op, ion_op_done_pt done, void *arg)
{
    (void)p;
    return op == ION_OP_REOPEN ? ION_BUSY : put_off(done, arg);
}

static ion_err_t
on_kick(ion_process_t *p, const uint8_t key[32], ion_op_done_pt done, void *arg)
{
    (void)p;
    assert_non_null(key);
    return put_off(done, arg);
}

static int
lowest_free(void)
{
    int fd = dup(world.log_fd);

    assert_true(fd >= 0);
    close(fd);
    return fd;
}

/* Take the replies off what has come. */
static void
check_replies(program_t *g, size_t i)
{
    size_t at = 0;
    admin_header_t h;

    while (admin_header_parse(in[i] + at, g->in_len[i] - at, &h) == ION_OK &&
           h.len <= g->in_len[i] - at - ADMIN_HEADER_LEN)
    {
        const uint8_t *payload = in[i] + at + ADMIN_HEADER_LEN;

        assert_true(h.type == ADMIN_FRAME_REPLY || h.type == ADMIN_FRAME_PART);
        assert_true(h.len >= 2);
        assert_true(payload[0] == (h.type == ADMIN_FRAME_REPLY ? '{' : '['));
        g->answered[i] += h.type == ADMIN_FRAME_REPLY;
        at += ADMIN_HEADER_LEN + h.len;
    }
    assert_true(g->is_raw[i] || g->answered[i] <= g->asked[i]);
    g->in_len[i] -= at;
    memmove(in[i], in[i] + at, g->in_len[i]);
}

static void
read_all(program_t *g, size_t i)
{
    ssize_t n = 1;

    while (g->fd[i] >= 0 && n > 0) {
        world_pass(&world, 0);
        n = recv(g->fd[i], in[i] + g->in_len[i], IN_MAX - g->in_len[i], 0);
        g->in_len[i] += n > 0 ? (size_t)n : 0;
        check_replies(g, i);
    }
}

static void
leave(program_t *g, size_t i)
{
    if (g->fd[i] >= 0) {
        close(g->fd[i]);
        g->fd[i] = -1;
    }
}

static void
enter(program_t *g, size_t i)
{
    leave(g, i);
    world_pass(&world, 0);
    g->fd[i] = world_connect(&world);
    g->is_raw[i] = false;
    g->asked[i] = 0;
    g->answered[i] = 0;
    g->in_len[i] = 0;
}

static void
send_some(program_t *g, size_t i, const void *p, size_t n)
{
    ssize_t sent = send(g->fd[i], p, n, MSG_NOSIGNAL); /* it may be closed */

    (void)sent;
}

/* A request whose payload is the program's, or a command with arguments. */
static void
ask(program_t *g, size_t i, bool is_command)
{
    static const char *const commands[] = {
        "status",
        "version",
        "derp list",
        "system get-derp-map",
        "reload",
        "reopen",
        "stop",
        "quit",
        "stats",
        "derp top",
        "derp traffic",
        "derp kick",
    };
    uint8_t frame[ADMIN_HEADER_LEN + 1024];
    char *text = (char *)frame + ADMIN_HEADER_LEN;
    size_t which = take(g);
    size_t n = take(g);
    size_t len;
    admin_header_t h = { ADMIN_FRAME_REQUEST, 0, which };

    n = ION_MIN(n, g->left);
    if (is_command) {
        len = (size_t)snprintf(text, 128, "{\"cmd\":\"%s\",\"args\":{",
            commands[which % ION_ARRAY_LEN(commands)]);
        memcpy(text + len, g->p, n);
        memcpy(text + len + n, "}}", 2);
        len += n + 2;
    } else {
        memcpy(text, g->p, n);
        len = n;
    }
    g->p += n;
    g->left -= n;
    h.len = (uint32_t)len;
    admin_header_put(frame, &h);
    g->asked[i]++;
    len += ADMIN_HEADER_LEN;
    n = which >= 128 ? which % len : len; /* in two pieces, or whole */
    send_some(g, i, frame, n);
    world_pass(&world, 0);
    send_some(g, i, frame + n, len - n);
}

/* The master answers in the order of the questions. */
static void
answer(program_t *g)
{
    ion_err_t rc = (take(g) & 1) != 0 ? ION_OK : ION_MALF;
    pending_t first;

    if (pending_count > 0) {
        first = pending[0];
        pending_count--;
        memmove(pending, pending + 1, pending_count * sizeof(*pending));
        first.done(first.arg, rc, rc == ION_OK ? "" : "no\nbecause");
    }
}

static void
step(program_t *g)
{
    size_t op = take(g);
    size_t i = (op >> 3) % CLIENTS;
    size_t n;

    if (g->fd[i] < 0 && (op & 7) < 6) {
        enter(g, i);
    }
    switch (op & 7) {
    case 0:
    case 1:
        ask(g, i, (op & 1) != 0);
        break;
    case 2:
        n = take(g);
        n = ION_MIN(n, g->left);
        g->is_raw[i] = true;
        send_some(g, i, g->p, n);
        g->p += n;
        g->left -= n;
        break;
    case 3:
        read_all(g, i);
        break;
    case 4:
        (void)shutdown(g->fd[i], SHUT_WR);
        break;
    case 5:
        leave(g, i);
        break;
    case 6:
        answer(g);
        break;
    default:
        world_pass(&world, op * 50);
        break;
    }
    if ((op & 128) != 0) {
        world_pass(&world, 0);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    program_t g = { .p = data, .left = size, .fd = { -1, -1 } };
    int before;

    if (world.p.loop == NULL) {
        world_open(&world, "");
        world.p.master_op = on_op;
        world.p.kick = on_kick;
    }
    before = lowest_free();
    for (int i = 0; i < STEPS_MAX && g.left > 0; i++) {
        step(&g);
    }
    answer(&g);
    for (size_t i = 0; i < CLIENTS; i++) {
        read_all(&g, i);
        leave(&g, i);
    }
    world_pass(&world, 60000);
    while (pending_count > 0) { /* though nobody waits any more */
        answer(&g);
    }
    assert_int_equal(lowest_free(), before);
    assert_int_equal(lseek(world.log_fd, 0, SEEK_SET), 0);
    assert_int_equal(ftruncate(world.log_fd, 0), 0);
    return 0;
}
