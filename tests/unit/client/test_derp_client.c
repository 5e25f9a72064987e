/*
 * test_derp_client.c -- the client against a scripted server.
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The server is this test: a listening socket, and bytes written by hand. The
 * clock is the loop's fake one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "client/derp_client.h"
#include "crypto/box.h"
#include "crypto/hash.h"
#include "event/bufpool.h"

#define TURNS    200
#define BIG      70000
#define INFO_LEN (DERP_KEY_LEN + ION_BOX_OVERHEAD)

static const char reply_101[] = "HTTP/1.1 101 Switching Protocols\r\n"
                                "Upgrade: DERP\r\n"
                                "Connection: Upgrade\r\n\r\n";

typedef struct env {
    ion_loop_t *loop;
    int listener;
    int peer; /* the server's side of the connection */
    ion_addr_t addr;
    ion_secret_key_t secret; /* the server's */
    ion_key_t public_key;
    ion_client_t *client;
    int ups;
    int downs;
    int frames;
    uint8_t type; /* of the last frame */
    size_t len;
    uint8_t body[64];
    char why[256];
    bool close_in_up;
    bool close_in_frame;
    bool close_in_down;
    int64_t write_ms;
    char info[256]; /* the ClientInfo that came */
    uint8_t shared[ION_BOX_SHARED_LEN];
} env_t;

static void
on_up(ion_client_t *c)
{
    env_t *env = ion_client_owner(c);
    env->ups++;
    if (env->close_in_up) {
        ion_client_close(&env->client);
    }
}

static void
on_frame(ion_client_t *c, uint8_t type, const uint8_t *body, size_t len)
{
    env_t *env = ion_client_owner(c);
    env->frames++;
    env->type = type;
    env->len = len;
    memcpy(env->body, body, ION_MIN(len, sizeof(env->body)));
    if (env->close_in_frame) {
        ion_client_close(&env->client);
    }
}

static void
on_down(ion_client_t *c, const char *why)
{
    env_t *env = ion_client_owner(c);
    env->downs++;
    (void)snprintf(env->why, sizeof(env->why), "%s", why);
    if (env->close_in_down) {
        ion_client_close(&env->client);
    }
}

static const ion_client_events_t events = {
    .up = on_up,
    .frame = on_frame,
    .down = on_down,
};

static int
set_up(void **state)
{
    static env_t env;
    struct sockaddr_in sin = { .sin_family = AF_INET };
    socklen_t len = sizeof(sin);
    memset(&env, 0, sizeof(env));
    env.peer = -1;
    assert_int_equal(ion_crypto_init(), ION_OK);
    assert_int_equal(ion_loop_new_fake(1, &env.loop), ION_OK);
    sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    env.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(
        bind(env.listener, (struct sockaddr *)&sin, sizeof(sin)), 0);
    assert_int_equal(listen(env.listener, 1), 0);
    assert_int_equal(
        getsockname(env.listener, (struct sockaddr *)&sin, &len), 0);
    assert_int_equal(
        ion_addr_from_sockaddr((struct sockaddr *)&sin, sizeof(sin), &env.addr),
        ION_OK);
    ion_key_generate(&env.secret, &env.public_key);
    *state = &env;
    return 0;
}

static void
turn(env_t *env)
{
    for (int i = 0; i < 5; i++) {
        assert_int_equal(ion_loop_turn(env->loop, false, NULL), ION_OK);
    }
}

static int
tear_down(void **state)
{
    env_t *env = *state;
    ion_client_close(&env->client);
    turn(env);
    assert_int_equal(ion_bufpool_used(ion_loop_pool(env->loop)), 0);
    ion_loop_free(&env->loop);
    close(env->listener);
    if (env->peer >= 0) {
        close(env->peer);
    }
    return 0;
}

/* Turn until *count is n; what was sent may still be on its way. */
static void
expect_count(env_t *env, const int *count, int n)
{
    for (int i = 0; i < TURNS && *count != n; i++) {
        (void)poll(NULL, 0, 5);
        turn(env);
    }
    assert_int_equal(*count, n);
}

static void
open_client(env_t *env, const uint8_t *mesh_key, bool is_prober)
{
    ion_client_config_t conf = {
        .addr = env->addr,
        .host = "relay.example",
        .mesh_key = mesh_key,
        .is_prober = is_prober,
        .write_ms = env->write_ms,
        .events = &events,
        .owner = env,
    };
    ion_key_generate(&conf.key, NULL);
    assert_int_equal(ion_client_open(env->loop, &conf, &env->client), ION_OK);
    assert_int_equal(env->ups + env->downs, 0);
    env->peer = accept(env->listener, NULL, NULL);
    assert_true(env->peer >= 0);
    turn(env);
}

/* Exactly n bytes that the client has sent; turns until they are there. */
static void
expect_bytes(env_t *env, void *out, size_t n)
{
    size_t got = 0;
    for (int i = 0; i < TURNS && got < n; i++) {
        struct pollfd p = { .fd = env->peer, .events = POLLIN };
        turn(env);
        if (poll(&p, 1, 10) > 0) {
            ssize_t r = recv(env->peer, (uint8_t *)out + got, n - got, 0);
            assert_true(r > 0);
            got += (size_t)r;
        }
    }
    assert_int_equal(got, n);
}

/* Write bytes, at most `piece` at a time, with turns between. */
static void
say(env_t *env, const void *p, size_t n, size_t piece)
{
    for (size_t at = 0; at < n; at += piece) {
        size_t part = ION_MIN(piece, n - at);
        (void)send(env->peer, (const uint8_t *)p + at, part, MSG_NOSIGNAL);
        turn(env);
    }
}

static void
expect_request(env_t *env, char *text, size_t cap)
{
    size_t n = 0;
    do {
        assert_true(n + 1 < cap);
        expect_bytes(env, text + n, 1);
        text[++n] = '\0';
    } while (n < 4 || strcmp(text + n - 4, "\r\n\r\n") != 0);
}

static size_t
put_frame(uint8_t *out, derp_frame_type_t type, const void *body, size_t n)
{
    derp_header_put(out, type, (uint32_t)n);
    memcpy(out + DERP_HEADER_LEN, body, n);
    return DERP_HEADER_LEN + n;
}

static size_t
put_greeting(const env_t *env, uint8_t *out)
{
    derp_server_key_put(out, &env->public_key);
    return DERP_SERVER_KEY_FRAME;
}

/* ClientInfo, opened into env->info. */
static void
expect_client_info(env_t *env)
{
    uint8_t header[DERP_HEADER_LEN];
    uint8_t body[INFO_LEN + sizeof(env->info)];
    derp_header_t parsed;
    ion_key_t key;
    expect_bytes(env, header, sizeof(header));
    assert_int_equal(
        derp_header_parse(header, sizeof(header), &parsed), ION_OK);
    assert_int_equal(parsed.type, DERP_FRAME_CLIENT_INFO);
    assert_in_range(parsed.len, INFO_LEN + 1, sizeof(body) - 1);
    expect_bytes(env, body, parsed.len);
    memcpy(key.b, body, sizeof(key.b));
    assert_true(ion_key_eq(&key, ion_client_key(env->client)));
    assert_int_equal(ion_box_shared(&env->secret, &key, env->shared), ION_OK);
    memset(env->info, 0, sizeof(env->info));
    assert_int_equal(ion_box_open(env->shared, body + DERP_KEY_LEN,
                         parsed.len - DERP_KEY_LEN, (uint8_t *)env->info),
        ION_OK);
}

static size_t
put_server_info(const env_t *env, uint8_t *out)
{
    static const char json[] = "{\"version\":2}";
    uint8_t box[ION_BOX_OVERHEAD + sizeof(json) - 1];
    ion_box_seal(env->shared, json, sizeof(json) - 1, box);
    return put_frame(out, DERP_FRAME_SERVER_INFO, box, sizeof(box));
}

/* The whole login, the server's bytes in pieces. */
static void
log_in(env_t *env, size_t piece)
{
    char text[1024];
    uint8_t frame[256];
    expect_request(env, text, sizeof(text));
    say(env, reply_101, sizeof(reply_101) - 1, piece);
    say(env, frame, put_greeting(env, frame), piece);
    expect_client_info(env);
    assert_int_equal(env->ups, 0);
    say(env, frame, put_server_info(env, frame), piece);
    expect_count(env, &env->ups, 1);
}

static void
test_login(void **state)
{
    env_t *env = *state;
    char text[1024];
    char wanted[1024];
    uint8_t frame[256];
    open_client(env, NULL, false);
    expect_request(env, text, sizeof(text));
    (void)snprintf(wanted, sizeof(wanted),
        "GET /derp HTTP/1.1\r\nHost: relay.example:%u\r\n"
        "Connection: Upgrade\r\nUpgrade: DERP\r\n\r\n",
        env->addr.port);
    assert_string_equal(text, wanted);
    assert_null(ion_client_server_key(env->client));
    size_t n = sizeof(reply_101) - 1;
    memcpy(frame, reply_101, n);
    n += put_greeting(env, frame + n);
    say(env, frame, n, n); /* reply and greeting in one segment */
    expect_client_info(env);
    assert_string_equal(env->info, "{\"version\":2,\"CanAckPings\":true}");
    say(env, frame, put_server_info(env, frame), sizeof(frame));
    expect_count(env, &env->ups, 1);
    assert_false(ion_client_is_fast(env->client));
    assert_true(
        ion_key_eq(ion_client_server_key(env->client), &env->public_key));
}

static void
test_login_byte_by_byte(void **state)
{
    env_t *env = *state;
    open_client(env, NULL, false);
    log_in(env, 1);
    assert_int_equal(env->downs, 0);
}

static void
test_client_info_of_mesh_and_prober(void **state)
{
    env_t *env = *state;
    uint8_t mesh_key[32];
    memset(mesh_key, 0xab, sizeof(mesh_key));
    open_client(env, mesh_key, true);
    memset(mesh_key, 0, sizeof(mesh_key)); /* was copied */
    log_in(env, 4096);
    assert_string_equal(env->info,
        "{\"meshKey\":\""
        "abababababababababababababababababababababababababababababababab"
        "\",\"version\":2,\"CanAckPings\":true,\"IsProber\":true}");
}

static void
test_frames_in(void **state)
{
    static const size_t pieces[] = { 1, 7, 4096, BIG };
    env_t *env = *state;
    uint8_t *stream = calloc(1, BIG);
    uint8_t *big = calloc(1, 65568);
    assert_true(stream != NULL && big != NULL);
    open_client(env, NULL, false);
    log_in(env, 4096);
    for (size_t i = 0; i < ION_ARRAY_LEN(pieces); i++) {
        size_t n = put_frame(stream, DERP_FRAME_KEEP_ALIVE, "", 0);
        n += put_frame(
            stream + n, DERP_FRAME_RECV_PACKET, big, i == 0 ? 300 : 65568);
        n += put_frame(stream + n, DERP_FRAME_HEALTH, "bad", 3);
        env->frames = 0;
        say(env, stream, n, pieces[i]);
        expect_count(env, &env->frames, 3);
        assert_int_equal(env->type, DERP_FRAME_HEALTH);
        assert_int_equal(env->len, 3);
        assert_memory_equal(env->body, "bad", 3);
    }
    free(stream);
    free(big);
}

static void
test_frames_out(void **state)
{
    env_t *env = *state;
    ion_key_t to = { { 7 } };
    uint8_t got[DERP_HEADER_LEN + DERP_KEY_LEN + 2];
    uint8_t ping[DERP_HEADER_LEN + DERP_PING_LEN];
    open_client(env, NULL, false);
    assert_int_equal(ion_client_send_packet(env->client, &to, "hi", 2),
        ION_CLOSED); /* not yet */
    log_in(env, 4096);
    assert_int_equal(ion_client_send_packet(env->client, &to, "hi", 2), ION_OK);
    assert_int_equal(ion_client_send_packet(env->client, &to, "", 0), ION_OK);
    expect_bytes(env, got, sizeof(got));
    assert_memory_equal(got, "\x04\x00\x00\x00\x22\x07", 6);
    assert_memory_equal(got + sizeof(got) - 2, "hi", 2);
    expect_bytes(env, got, DERP_HEADER_LEN + DERP_KEY_LEN);
    assert_memory_equal(got, "\x04\x00\x00\x00\x20\x07", 6);
    /* a ping is answered without the owner */
    (void)put_frame(ping, DERP_FRAME_PING, "12345678", 8);
    say(env, ping, sizeof(ping), sizeof(ping));
    expect_bytes(env, got, sizeof(ping));
    assert_memory_equal(got,
        "\x13\x00\x00\x00\x08"
        "12345678",
        13);
    assert_int_equal(env->frames, 0);
    assert_int_equal(
        ion_client_send_packet(env->client, &to, ping, DERP_MAX_PACKET + 1),
        ION_RANGE);
}

/* What waits is bounded, whole frames only, and nothing is lost of it. */
static void
test_unsent_is_bounded(void **state)
{
    env_t *env = *state;
    ion_key_t to = { { 7 } };
    uint8_t *packet = calloc(1, DERP_MAX_PACKET);
    uint8_t *got = malloc(DERP_HEADER_LEN + DERP_MAX_SEND);
    size_t taken = 0;
    ion_err_t rc = ION_OK;
    assert_true(packet != NULL && got != NULL);
    open_client(env, NULL, false);
    log_in(env, 4096);
    for (int i = 0; i < 1000 && rc == ION_OK; i++) {
        rc = ion_client_send_packet(env->client, &to, packet, DERP_MAX_PACKET);
        taken += rc == ION_OK ? 1 : 0;
    }
    assert_int_equal(rc, ION_LIMIT);
    assert_in_range(taken, 10, 16);
    for (size_t i = 0; i < taken; i++) {
        expect_bytes(env, got, DERP_HEADER_LEN + DERP_MAX_SEND);
        assert_memory_equal(got, "\x04\x00\x01\x00\x20\x07", 6);
    }
    assert_int_equal(ion_client_send_packet(env->client, &to, "x", 1), ION_OK);
    expect_bytes(env, got, DERP_HEADER_LEN + DERP_KEY_LEN + 1);
    assert_memory_equal(got, "\x04\x00\x00\x00\x21\x07", 6);
    free(packet);
    free(got);
}

static void
test_server_that_lies(void **state)
{
    static const struct {
        const char *text;
        size_t n;
        const char *why;
    } cases[] = {
        { "HTTP/1.1 404 Not Found\r\n\r\n", 26, "says HTTP/1.1 404 Not Found" },
        { "HTTP/1.0 101 x\r\n\r\n", 18, "no upgrade" },
        { "\r\n\r\n", 4, "no upgrade" },
    };
    env_t *env = *state;
    for (size_t i = 0; i < ION_ARRAY_LEN(cases); i++) {
        char text[1024];
        open_client(env, NULL, false);
        expect_request(env, text, sizeof(text));
        say(env, cases[i].text, cases[i].n, cases[i].n);
        expect_count(env, &env->downs, 1);
        assert_non_null(strstr(env->why, cases[i].why));
        ion_client_close(&env->client);
        turn(env);
        close(env->peer);
        env->peer = -1;
        env->downs = 0;
    }
}

static void
test_frame_too_long(void **state)
{
    env_t *env = *state;
    open_client(env, NULL, false);
    log_in(env, 4096);
    say(env, "\x05\x00\x10\x00\x01", 5, 5);
    expect_count(env, &env->downs, 1);
    assert_string_equal(env->why, "a frame that is too long");
}

static void
test_server_leaves(void **state)
{
    env_t *env = *state;
    open_client(env, NULL, false);
    log_in(env, 4096);
    close(env->peer);
    env->peer = -1;
    expect_count(env, &env->downs, 1);
    assert_string_equal(env->why, "the server ended the connection");
    assert_int_equal(
        ion_client_send(env->client, DERP_FRAME_PING, NULL, NULL), ION_CLOSED);
}

static void
test_refused(void **state)
{
    env_t *env = *state;
    ion_client_config_t conf = {
        .addr = env->addr, .host = "127.0.0.1", .events = &events, .owner = env
    };
    ion_key_generate(&conf.key, NULL);
    close(env->listener);
    env->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(ion_client_open(env->loop, &conf, &env->client), ION_OK);
    expect_count(env, &env->downs, 1);
    assert_string_equal(env->why, "connect: Connection refused");
}

static void
test_timeouts(void **state)
{
    env_t *env = *state;
    char text[1024];
    open_client(env, NULL, false);
    expect_request(env, text, sizeof(text));
    assert_int_equal(ion_loop_advance(env->loop, ION_MS(9999)), ION_OK);
    assert_int_equal(env->downs, 0);
    assert_int_equal(ion_loop_advance(env->loop, ION_MS(1)), ION_OK);
    assert_int_equal(env->downs, 1);
    assert_string_equal(env->why, "timeout: no answer to the upgrade");
}

/* Keep-alives keep a connection; two minutes without any frame end it. */
static void
test_silence(void **state)
{
    env_t *env = *state;
    uint8_t frame[DERP_HEADER_LEN];
    open_client(env, NULL, false);
    log_in(env, 4096);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(ion_loop_advance(env->loop, ION_MS(100000)), ION_OK);
        (void)put_frame(frame, DERP_FRAME_KEEP_ALIVE, "", 0);
        say(env, frame, sizeof(frame), sizeof(frame));
        expect_count(env, &env->frames, i + 1);
    }
    assert_int_equal(env->downs, 0);
    assert_int_equal(ion_loop_advance(env->loop, ION_MS(119999)), ION_OK);
    assert_int_equal(env->downs, 0);
    assert_int_equal(ion_loop_advance(env->loop, ION_MS(1)), ION_OK);
    assert_int_equal(env->downs, 1);
    assert_non_null(strstr(env->why, "two minutes"));
}

/* The owner may close from inside any callback; no event follows. */
static void
test_close_inside(void **state)
{
    env_t *env = *state;
    uint8_t frames[64];
    for (int i = 0; i < 3; i++) {
        env->close_in_up = i == 0;
        env->close_in_frame = i == 1;
        env->close_in_down = i == 2;
        env->frames = 0;
        env->ups = 0;
        env->downs = 0;
        open_client(env, NULL, false);
        log_in(env, 4096);
        size_t n = put_frame(frames, DERP_FRAME_HEALTH, "a", 1);
        n += put_frame(frames + n, DERP_FRAME_HEALTH, "b", 1);
        say(env, frames, n, n);
        expect_count(env, &env->frames, i); /* none, one, two */
        close(env->peer);
        env->peer = -1;
        expect_count(env, &env->downs, i == 2 ? 1 : 0);
        assert_null(env->client);
    }
}

/* What is queued cannot go out any more, and nobody hears of it. */
static void
test_close_after_reset(void **state)
{
    env_t *env = *state;
    struct linger reset = { .l_onoff = 1 };
    ion_key_t to = { { 7 } };
    open_client(env, NULL, false);
    log_in(env, 4096);
    assert_int_equal(
        setsockopt(env->peer, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)), 0);
    close(env->peer);
    env->peer = -1;
    assert_int_equal(ion_client_send_packet(env->client, &to, "x", 1), ION_OK);
    ion_client_close(&env->client);
    turn(env);
    assert_int_equal(env->downs, 0);
}

/* A ForwardPacket names both ends. */
static void
test_forward(void **state)
{
    env_t *env = *state;
    ion_key_t from = { { 1 } };
    ion_key_t to = { { 2 } };
    uint8_t got[DERP_HEADER_LEN + ION_CLIENT_FORWARD_KEYS + 2];
    open_client(env, NULL, false);
    log_in(env, 4096);
    assert_int_equal(
        ion_client_forward(env->client, &from, &to, "hi", 2), ION_OK);
    expect_bytes(env, got, sizeof(got));
    assert_memory_equal(got, "\x0a\x00\x00\x00\x42\x01", 6);
    assert_int_equal(got[DERP_HEADER_LEN + DERP_KEY_LEN], 2);
    assert_memory_equal(got + sizeof(got) - 2, "hi", 2);
    assert_int_equal(
        ion_client_forward(env->client, &from, &to, got, DERP_MAX_PACKET + 1),
        ION_RANGE);
}

static int
connected_socket(const env_t *env)
{
    struct sockaddr_storage sa;
    socklen_t len = ion_addr_to_sockaddr(&env->addr, false, &sa);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&sa, len), 0);
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    return fd;
}

/* Somebody else has connected; a refusal leaves the socket with them. */
static void
test_given_socket(void **state)
{
    env_t *env = *state;
    ion_client_config_t conf = {
        .addr = env->addr,
        .host = "relay.example",
        .has_socket = true,
        .socket = connected_socket(env),
        .events = &events,
        .owner = env,
    };
    ion_key_generate(&conf.key, NULL);
    env->peer = accept(env->listener, NULL, NULL);
    assert_true(env->peer >= 0);
    assert_int_equal(ion_client_open(env->loop, &conf, &env->client), ION_OK);
    assert_int_equal(env->ups + env->downs, 0);
    turn(env);
    log_in(env, 4096);
    ion_client_close(&env->client);
    turn(env);
    assert_int_equal(fcntl(conf.socket, F_GETFD), -1);

    int file = open("/dev/null", O_RDWR | O_CLOEXEC);
    conf.socket = file; /* epoll takes no such thing */
    assert_int_equal(ion_client_open(env->loop, &conf, &env->client), ION_SYS);
    assert_null(env->client);
    assert_true(fcntl(file, F_GETFD) >= 0);
    close(file);
}

/* Bytes that do not leave in time end the connection; a server that takes
 * them late, but in time, and then again, keeps it. */
static void
test_server_that_does_not_read(void **state)
{
    env_t *env = *state;
    ion_key_t to = { { 7 } };
    uint8_t *packet = calloc(1, DERP_MAX_PACKET);
    uint8_t *got = malloc(DERP_HEADER_LEN + DERP_MAX_SEND);
    size_t taken;
    assert_true(packet != NULL && got != NULL);
    env->write_ms = 5000;
    open_client(env, NULL, false);
    log_in(env, 4096);
    for (int round = 0; round < 3; round++) {
        taken = 0;
        for (int i = 0; i < 400; i++) {
            taken += ion_client_send_packet(
                         env->client, &to, packet, DERP_MAX_PACKET) == ION_OK;
            turn(env);
        }
        assert_true(taken > 10 && taken < 400);
        assert_int_equal(ion_loop_advance(env->loop, ION_MS(4999)), ION_OK);
        assert_int_equal(env->downs, 0);
        for (size_t i = 0; round < 2 && i < taken; i++) {
            expect_bytes(env, got, DERP_HEADER_LEN + DERP_MAX_SEND);
        }
    }
    assert_int_equal(ion_loop_advance(env->loop, ION_MS(1)), ION_OK);
    assert_int_equal(env->downs, 1);
    assert_string_equal(env->why, "timeout: the server does not read");
    free(packet);
    free(got);
}

static void
test_bad_config(void **state)
{
    env_t *env = *state;
    char host[300];
    ion_client_config_t conf = {
        .addr = env->addr, .host = "", .events = &events, .owner = env
    };
    assert_int_equal(
        ion_client_open(env->loop, &conf, &env->client), ION_RANGE);
    memset(host, 'h', sizeof(host));
    host[254] = '\0';
    conf.host = host;
    assert_int_equal(
        ion_client_open(env->loop, &conf, &env->client), ION_RANGE);
    assert_null(env->client);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_login),
        TEST(test_login_byte_by_byte),
        TEST(test_client_info_of_mesh_and_prober),
        TEST(test_frames_in),
        TEST(test_frames_out),
        TEST(test_unsent_is_bounded),
        TEST(test_server_that_lies),
        TEST(test_frame_too_long),
        TEST(test_server_leaves),
        TEST(test_refused),
        TEST(test_timeouts),
        TEST(test_silence),
        TEST(test_close_inside),
        TEST(test_close_after_reset),
        TEST(test_forward),
        TEST(test_given_socket),
        TEST(test_server_that_does_not_read),
        TEST(test_bad_config),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
