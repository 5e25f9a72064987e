/*
 * test_admin_keeper.c -- the control socket: clients, commands, limits.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <sys/stat.h>

#include "unit/admin/admin_world.h"

#define VERSION_REPLY                                                          \
    "{\"ok\":true,\"result\":{\"version\":\"" ION_VERSION_TEXT                 \
    "\",\"revision\":\"abc\"}}"

static void
expect_reply(world_t *w, int fd, uint64_t req, const char *want)
{
    admin_header_t h;
    char *payload = world_receive(w, fd, &h);

    assert_int_equal(h.type, ADMIN_FRAME_REPLY);
    assert_int_equal(h.req, req);
    assert_string_equal(payload, want);
    free(payload);
}

static void
test_request_and_reply(void **state)
{
    world_t w;
    int fd;

    (void)state;
    world_open(&w, "");
    fd = world_connect(&w);
    world_send(fd, ADMIN_FRAME_REQUEST, 9, "{\"cmd\":\"version\"}");
    expect_reply(&w, fd, 9, VERSION_REPLY);
    world_send(fd, ADMIN_FRAME_REQUEST, 10, "{\"cmd\":\"derp list\"}");
    expect_reply(&w, fd, 10, "{\"ok\":true,\"result\":[]}");
    world_send(fd, ADMIN_FRAME_REQUEST, 11,
        "{\"cmd\":\"system get-derp-map\",\"args\":{}}");
    expect_reply(&w, fd, 11, "{\"ok\":true,\"result\":{\"Regions\":{}}}");
    close(fd);
    world_pass(&w, 0);
    assert_int_equal(world_lines(&w, " warn "), 0);
    world_close(&w);
}

static void
test_byte_by_byte_and_pipelined(void **state)
{
    static const char payload[] = "{\"cmd\":\"version\"}";
    admin_header_t h = { ADMIN_FRAME_REQUEST, sizeof(payload) - 1, 1 };
    uint8_t frame[ADMIN_HEADER_LEN + sizeof(payload) - 1];
    world_t w;
    int fd;

    (void)state;
    world_open(&w, "");
    fd = world_connect(&w);
    admin_header_put(frame, &h);
    memcpy(frame + ADMIN_HEADER_LEN, payload, sizeof(payload) - 1);
    for (size_t i = 0; i < sizeof(frame); i++) {
        assert_int_equal(send(fd, frame + i, 1, MSG_NOSIGNAL), 1);
        world_pass(&w, 1);
    }
    expect_reply(&w, fd, 1, VERSION_REPLY);
    for (uint64_t req = 100; req < 150; req++) {
        world_send(fd, ADMIN_FRAME_REQUEST, req, payload);
    }
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    for (uint64_t req = 100; req < 150; req++) {
        expect_reply(&w, fd, req, VERSION_REPLY);
    }
    assert_true(world_is_closed(&w, fd));
    close(fd);
    world_close(&w);
}

static void
test_errors_do_not_close(void **state)
{
    world_t w;
    admin_header_t h;
    char *payload;
    int fd;

    (void)state;
    world_open(&w, "");
    fd = world_connect(&w);
    world_send(fd, ADMIN_FRAME_REQUEST, 1, "{\"cmd\":\"frobnicate\"}");
    payload = world_receive(&w, fd, &h);
    assert_non_null(strstr(payload, "\"ok\":false"));
    assert_non_null(strstr(payload, "frobnicate"));
    assert_non_null(strstr(payload, "derp list"));
    free(payload);
    world_send(
        fd, ADMIN_FRAME_REQUEST, 2, "{\"cmd\":\"status\",\"args\":{\"x\":1}}");
    expect_reply(&w, fd, 2,
        "{\"ok\":false,\"error\":\"'status' takes no argument 'x'\","
        "\"lines\":[]}");
    world_send(fd, ADMIN_FRAME_REQUEST, 3, "{\"cmd\":\"version\"}");
    expect_reply(&w, fd, 3, VERSION_REPLY);
    close(fd);
    world_close(&w);
}

/* each ends its client, with one line, and nobody else */
static void
test_malformed_messages(void **state)
{
    static const struct {
        uint16_t type;
        uint16_t version;
        uint32_t len;
        const char *payload;
    } cases[] = {
        { 1, 1, 1, "{" },
        { 1, 1, 2, "[]" },
        { 1, 1, 2, "{}" },
        { 1, 1, 9, "{\"cmd\":5}" },
        { 1, 2, 17, "{\"cmd\":\"version\"}" },
        { 2, 1, 17, "{\"cmd\":\"version\"}" },
        { 3, 1, 2, "[]" },
        { 9, 1, 0, "" },
        { 1, 1, 65537, "" },
        { 1, 1, UINT32_MAX, "" },
        { 0x4547, 0x2054, 0, "/ HTTP/1.1\r\n\r\n" },
    };
    world_t w;
    int other;

    (void)state;
    world_open(&w, "");
    other = world_connect(&w);
    for (unsigned i = 0; i < ION_ARRAY_LEN(cases); i++) {
        uint8_t head[ADMIN_HEADER_LEN] = { (uint8_t)cases[i].type,
            (uint8_t)(cases[i].type >> 8), (uint8_t)cases[i].version,
            (uint8_t)(cases[i].version >> 8), (uint8_t)cases[i].len,
            (uint8_t)(cases[i].len >> 8), (uint8_t)(cases[i].len >> 16),
            (uint8_t)(cases[i].len >> 24) };
        int fd = world_connect(&w);

        assert_int_equal(
            send(fd, head, sizeof(head), MSG_NOSIGNAL), sizeof(head));
        assert_int_equal(
            send(fd, cases[i].payload, strlen(cases[i].payload), MSG_NOSIGNAL),
            (ssize_t)strlen(cases[i].payload));
        assert_true(world_is_closed(&w, fd));
        close(fd);
        /* one line each, as far as the log's burst of ten goes */
        assert_int_equal(
            world_lines(&w, "malformed message"), ION_MIN(i + 1, 10u));
    }
    world_send(other, ADMIN_FRAME_REQUEST, 3, "{\"cmd\":\"version\"}");
    expect_reply(&w, other, 3, VERSION_REPLY);
    close(other);
    assert_int_equal(world_lines(&w, " alert "), 0);
    world_close(&w);
}

static void
test_long_list_comes_in_pieces(void **state)
{
    enum { ROWS = 2500 };
    world_t w;
    int fd;
    unsigned rows = 0;
    unsigned parts = 0;
    admin_header_t h;

    (void)state;
    world_open(&w, "");
    for (unsigned i = 0; i < ROWS; i++) {
        ion_dir_new_t in = { .flags = 0, .connected_ms = 1000 };
        ion_dir_reg_t out;

        memcpy(in.key.b, &i, sizeof(i));
        in.key.b[31] = 1;
        assert_int_equal(ion_dir_register(w.workers[i % 2], &in, &out), ION_OK);
    }
    fd = world_connect(&w);
    world_send(fd, ADMIN_FRAME_REQUEST, 5, "{\"cmd\":\"derp list\"}");
    do {
        char *payload = world_receive(&w, fd, &h);

        assert_int_equal(h.req, 5);
        parts += h.type == ADMIN_FRAME_PART;
        for (char *at = payload; (at = strstr(at, "\"nodekey:")) != NULL; at++)
        {
            rows++;
        }
        free(payload);
    } while (h.type == ADMIN_FRAME_PART);
    assert_int_equal(rows, ROWS);
    assert_int_equal(parts, 2);
    world_send(fd, ADMIN_FRAME_REQUEST, 6, "{\"cmd\":\"version\"}");
    expect_reply(&w, fd, 6, VERSION_REPLY);
    close(fd);
    world_close(&w);
}

static void
test_reload_done(void **state)
{
    world_t w;
    int fd;
    int other;

    (void)state;
    world_open(&w, "");
    fd = world_connect(&w);
    other = world_connect(&w);
    world_send(fd, ADMIN_FRAME_REQUEST, 1, "{\"cmd\":\"reload\"}");
    world_pass(&w, 3600 * 1000); /* waiting for the master has no limit */
    assert_int_equal(w.op, ION_OP_RELOAD);
    close(other); /* it had nothing to say for an hour */
    other = world_connect(&w);
    world_send(other, ADMIN_FRAME_REQUEST, 2, "{\"cmd\":\"version\"}");
    expect_reply(&w, other, 2, VERSION_REPLY);
    w.done(w.done_arg, ION_OK, "a: warning\nb\n");
    expect_reply(&w, fd, 1,
        "{\"ok\":true,\"result\":{\"lines\":[\"a: warning\",\"b\"]}}");
    close(fd);
    close(other);
    world_close(&w);
}

static void
test_master_says_no(void **state)
{
    static const struct {
        const char *cmd;
        ion_master_op_t op;
        ion_err_t rc;
        const char *error;
    } cases[] = {
        { "reload", ION_OP_RELOAD, ION_DENIED,
            "reload refused, the old configuration stays in force" },
        { "reload", ION_OP_RELOAD, ION_CLOSED, "the master process went away" },
        { "reopen", ION_OP_REOPEN, ION_DENIED, "cannot reopen the log file" },
        { "stop", ION_OP_STOP, ION_DENIED, "stop refused" },
        { "quit", ION_OP_QUIT, ION_DENIED, "quit refused" },
    };
    world_t w;
    int fd;

    (void)state;
    world_open(&w, "");
    fd = world_connect(&w);
    for (size_t i = 0; i < ION_ARRAY_LEN(cases); i++) {
        char text[256];

        (void)snprintf(text, sizeof(text), "{\"cmd\":\"%s\"}", cases[i].cmd);
        world_send(fd, ADMIN_FRAME_REQUEST, i, text);
        world_pass(&w, 0);
        assert_int_equal(w.op, cases[i].op);
        w.done(w.done_arg, cases[i].rc, "why");
        (void)snprintf(text, sizeof(text),
            "{\"ok\":false,\"error\":\"%s\",\"lines\":[\"why\"]}",
            cases[i].error);
        expect_reply(&w, fd, i, text);
    }
    w.op_rc = ION_BUSY;
    world_send(fd, ADMIN_FRAME_REQUEST, 50, "{\"cmd\":\"reload\"}");
    expect_reply(&w, fd, 50,
        "{\"ok\":false,\"error\":\"cannot ask the master process\","
        "\"lines\":[\"busy\"]}");
    close(fd);
    world_close(&w);
}

static void
test_client_leaves_before_the_master_answers(void **state)
{
    world_t w;
    int fd;

    (void)state;
    world_open(&w, "");
    fd = world_connect(&w);
    world_send(fd, ADMIN_FRAME_REQUEST, 1, "{\"cmd\":\"reload\"}");
    world_pass(&w, 0);
    close(fd);
    world_pass(&w, 0);
    w.done(w.done_arg, ION_OK, "");
    /* and one that outlives the keeper: its answer comes all the same */
    fd = world_connect(&w);
    world_send(fd, ADMIN_FRAME_REQUEST, 1, "{\"cmd\":\"reload\"}");
    world_pass(&w, 0);
    world_close(&w);
    w.done(w.done_arg, ION_CLOSED, "");
    close(fd);
}

static void
test_clients_are_bounded(void **state)
{
    enum { MAX = 32 };
    world_t w;
    int fds[MAX];
    int extra;

    (void)state;
    world_open(&w, "");
    for (int i = 0; i < MAX; i++) {
        fds[i] = world_connect(&w);
        world_pass(&w, 0);
    }
    extra = world_connect(&w);
    world_send(extra, ADMIN_FRAME_REQUEST, 1, "{\"cmd\":\"version\"}");
    world_pass(&w, 1);
    assert_int_equal(recv(extra, fds, 1, MSG_PEEK), -1);
    assert_int_equal(errno, EAGAIN);
    close(fds[7]);
    expect_reply(&w, extra, 1, VERSION_REPLY);
    for (int i = 0; i < MAX; i++) {
        if (i != 7) {
            close(fds[i]);
        }
    }
    close(extra);
    world_close(&w);
}

static void
test_limits_of_time(void **state)
{
    world_t w;
    int silent;
    int half;
    int idle;

    (void)state;
    world_open(&w, "");
    silent = world_connect(&w);
    half = world_connect(&w);
    idle = world_connect(&w);
    assert_int_equal(send(half, "\1\0\1", 3, MSG_NOSIGNAL), 3);
    world_send(idle, ADMIN_FRAME_REQUEST, 1, "{\"cmd\":\"version\"}");
    expect_reply(&w, idle, 1, VERSION_REPLY);
    world_pass(&w, 9900);
    assert_false(world_is_closed(&w, silent));
    assert_false(world_is_closed(&w, half));
    world_pass(&w, 200);
    assert_true(world_is_closed(&w, silent));
    assert_true(world_is_closed(&w, half));
    assert_int_equal(world_lines(&w, "is too slow"), 1);
    world_pass(&w, 49000);
    assert_false(world_is_closed(&w, idle));
    world_pass(&w, 2000);
    assert_true(world_is_closed(&w, idle));
    assert_int_equal(world_lines(&w, "is too slow"), 1);
    close(silent);
    close(half);
    close(idle);
    world_close(&w);
}

/* asks for more than a socket holds and reads nothing */
static void
test_slow_reader(void **state)
{
    world_t w;
    int fd;

    (void)state;
    world_open(&w, "");
    for (unsigned i = 0; i < 3000; i++) {
        ion_dir_new_t in = { .flags = 0, .connected_ms = 1000 };
        ion_dir_reg_t out;

        memcpy(in.key.b, &i, sizeof(i));
        in.key.b[31] = 1;
        assert_int_equal(ion_dir_register(w.workers[0], &in, &out), ION_OK);
    }
    fd = world_connect(&w);
    world_send(fd, ADMIN_FRAME_REQUEST, 5, "{\"cmd\":\"derp list\"}");
    world_pass(&w, 29000);
    assert_int_equal(world_lines(&w, "is too slow"), 0);
    world_pass(&w, 2000);
    assert_int_equal(world_lines(&w, "is too slow"), 1);
    close(fd);
    world_close(&w);
}

static void
test_drain(void **state)
{
    world_t w;
    int waiting;
    int idle;

    (void)state;
    world_open(&w, "");
    waiting = world_connect(&w);
    idle = world_connect(&w);
    world_send(waiting, ADMIN_FRAME_REQUEST, 1, "{\"cmd\":\"quit\"}");
    world_pass(&w, 0);
    admin_module.drain(&w.p, 0);
    assert_true(world_is_closed(&w, idle));
    assert_int_equal(w.idle_calls, 0);
    w.done(w.done_arg, ION_OK, "");
    expect_reply(&w, waiting, 1, "{\"ok\":true,\"result\":{\"lines\":[]}}");
    assert_true(world_is_closed(&w, waiting));
    assert_int_equal(w.idle_calls, 1);
    close(waiting);
    close(idle);
    world_close(&w);

    world_open(&w, "");
    admin_module.drain(&w.p, 0);
    assert_int_equal(w.idle_calls, 1);
    world_close(&w);
    assert_int_equal(w.idle_calls, 1);
}

/* connects as another user; needs root */
static int
connect_as(world_t *w, uid_t uid)
{
    int fd;

    assert_int_equal(seteuid(uid), 0);
    fd = world_connect(w);
    assert_int_equal(seteuid(0), 0);
    return fd;
}

static void
test_strangers_are_refused(void **state)
{
    world_t w;
    admin_header_t h;
    char *payload;
    int fd;

    (void)state;
    if (geteuid() != 0) {
        skip();
    }
    world_open(&w, "");
    fd = connect_as(&w, 12345);
    payload = world_receive(&w, fd, &h);
    assert_int_equal(h.type, ADMIN_FRAME_REPLY);
    assert_int_equal(h.req, 0);
    assert_non_null(strstr(payload, "permission denied"));
    free(payload);
    assert_true(world_is_closed(&w, fd));
    assert_int_equal(world_lines(&w, "refused uid 12345"), 1);
    close(fd);
    world_close(&w);

    /* with a group the file's mode has decided */
    world_open(&w, "control_group: daemon\n");
    fd = connect_as(&w, 12345);
    world_send(fd, ADMIN_FRAME_REQUEST, 1, "{\"cmd\":\"version\"}");
    expect_reply(&w, fd, 1, VERSION_REPLY);
    close(fd);
    world_close(&w);
}

static void
test_no_socket_is_an_error(void **state)
{
    ion_process_t p = { .role = ION_ROLE_KEEPER };
    ion_cycle_t cycle = { .generation = 1 };
    ion_errtext_t why = { "" };

    (void)state;
    p.cycle = &cycle;
    assert_int_equal(admin_module.start(&p, 0, &why), ION_NOTFOUND);
    assert_true(why.msg[0] != '\0');
    admin_module.stop(&p, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_request_and_reply),
        cmocka_unit_test(test_byte_by_byte_and_pipelined),
        cmocka_unit_test(test_errors_do_not_close),
        cmocka_unit_test(test_malformed_messages),
        cmocka_unit_test(test_long_list_comes_in_pieces),
        cmocka_unit_test(test_reload_done),
        cmocka_unit_test(test_master_says_no),
        cmocka_unit_test(test_client_leaves_before_the_master_answers),
        cmocka_unit_test(test_clients_are_bounded),
        cmocka_unit_test(test_limits_of_time),
        cmocka_unit_test(test_slow_reader),
        cmocka_unit_test(test_drain),
        cmocka_unit_test(test_strangers_are_refused),
        cmocka_unit_test(test_no_socket_is_an_error),
    };

    return cmocka_run_group_tests_name("admin_keeper", tests, NULL, NULL);
}
