/*
 * fuzz_derp_client.c -- a DERP server that says anything at all.
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The input is what the server does: bytes of its own, well-formed frames, a
 * reply, a greeting, a ServerInfo that opens, cut anywhere, with time passing
 * and the owner sending, or closing inside a callback. Properties: `up` comes
 * once and before any frame, `down` at most once and last, no frame is longer
 * than allowed, and when the connection is closed nothing of it is left.
 */
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/assert.h"
#include "client/derp_client.h"
#include "crypto/box.h"
#include "crypto/hash.h"
#include "event/bufpool.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define STEPS_MAX 200

enum {
    CLOSE_IN_UP = 1,
    CLOSE_IN_FRAME = 2,
    CLOSE_IN_DOWN = 4,
    NO_FAST_START = 8,
};

typedef struct program {
    const uint8_t *p;
    size_t left;
    uint8_t how;
    int peer;
    ion_client_t *client;
    bool is_closed;
    unsigned ups;
    unsigned downs;
    uint8_t shared[ION_BOX_SHARED_LEN]; /* the server's half of the box */
} program_t;

static ion_loop_t *loop; /* kept from input to input */
static ion_secret_key_t server_secret;
static ion_key_t server_key;
static ion_secret_key_t client_secret;
static ion_key_t client_key;

static void
start_once(void)
{
    if (loop != NULL) {
        return;
    }
    ION_ASSERT(ion_crypto_init() == ION_OK);
    ION_ASSERT(ion_loop_new_fake(1, &loop) == ION_OK);
    memset(server_secret.b, 0x40, sizeof(server_secret.b));
    memset(client_secret.b, 0x48, sizeof(client_secret.b));
    ion_key_public(&server_secret, &server_key);
    ion_key_public(&client_secret, &client_key);
}

static uint8_t
take(program_t *g)
{
    if (g->left == 0) {
        return 0;
    }
    g->left--;
    return *g->p++;
}

static void
close_by(program_t *g, uint8_t where)
{
    if ((g->how & where) != 0) {
        ion_client_close(&g->client);
        g->is_closed = true;
    }
}

static void
on_up(ion_client_t *c)
{
    program_t *g = ion_client_owner(c);
    ION_ASSERT(!g->is_closed && g->ups == 0 && g->downs == 0);
    g->ups++;
    close_by(g, CLOSE_IN_UP);
}

static void
on_frame(ion_client_t *c, uint8_t type, const uint8_t *body, size_t len)
{
    program_t *g = ion_client_owner(c);
    volatile uint8_t sink = 0;
    ION_ASSERT(!g->is_closed && g->ups == 1 && g->downs == 0);
    ION_ASSERT(type != DERP_FRAME_PING && len <= DERP_MAX_FRAME);
    for (size_t i = 0; i < len; i += 61) {
        sink = body[i];
    }
    (void)sink;
    close_by(g, CLOSE_IN_FRAME);
}

static void
on_down(ion_client_t *c, const char *why)
{
    program_t *g = ion_client_owner(c);
    ION_ASSERT(!g->is_closed && g->downs == 0 && why[0] != '\0');
    g->downs++;
    close_by(g, CLOSE_IN_DOWN);
}

static void
turn(void)
{
    for (int i = 0; i < 3; i++) {
        ION_ASSERT(ion_loop_turn(loop, false, NULL) == ION_OK);
    }
}

/* What the client sends is read now and then, and looked at by nobody. */
static void
read_some(program_t *g)
{
    static uint8_t buf[65536];
    while (recv(g->peer, buf, sizeof(buf), MSG_DONTWAIT) > 0) {
        turn();
    }
}

/* Bytes to the client, in pieces of a length that the program gives. */
static void
say(program_t *g, const uint8_t *p, size_t n)
{
    size_t step = take(g) % 64u;
    step = step == 0 ? n : ION_MAX(step, n / 16);
    while (n > 0) {
        size_t part = ION_MIN(n, step);
        ssize_t r = send(g->peer, p, part, MSG_NOSIGNAL | MSG_DONTWAIT);
        turn();
        if (r <= 0) {
            return;
        }
        p += r;
        n -= (size_t)r;
    }
}

static void
say_frame(program_t *g, uint8_t type, const uint8_t *body, size_t n)
{
    static uint8_t frame[DERP_HEADER_LEN + 4096];
    ION_ASSERT(n <= sizeof(frame) - DERP_HEADER_LEN);
    derp_header_put(frame, (derp_frame_type_t)type, (uint32_t)n);
    memcpy(frame + DERP_HEADER_LEN, body, n);
    say(g, frame, DERP_HEADER_LEN + n);
}

/* A frame of any type with bytes of the program, some of them many times. */
static void
say_any_frame(program_t *g)
{
    uint8_t body[4096];
    uint8_t type = take(g);
    size_t n = (size_t)take(g) * (1 + (take(g) & 15));
    size_t own = ION_MIN(n, g->left);
    memset(body, type, sizeof(body));
    memcpy(body, g->p, own);
    g->p += own;
    g->left -= own;
    say_frame(g, type, body, n);
}

static void
say_greeting(program_t *g)
{
    uint8_t frame[DERP_SERVER_KEY_FRAME];
    derp_server_key_put(frame, &server_key);
    frame[take(g) % sizeof(frame)] ^= take(g);
    say(g, frame, sizeof(frame));
}

static void
say_server_info(program_t *g)
{
    static const char json[] = "{\"version\":2}";
    uint8_t box[ION_BOX_OVERHEAD + sizeof(json) - 1];
    ion_box_seal(g->shared, json, sizeof(json) - 1, box);
    box[take(g) % sizeof(box)] ^= take(g);
    say_frame(g, DERP_FRAME_SERVER_INFO, box, sizeof(box));
}

static void
say_bytes(program_t *g)
{
    size_t n = ION_MIN(g->left, (size_t)take(g));
    const uint8_t *p = g->p;
    n = ION_MIN(n, g->left);
    g->p += n;
    g->left -= n;
    say(g, p, n);
}

static void
send_from_client(program_t *g)
{
    static const uint8_t packet[DERP_MAX_PACKET];
    size_t n = (size_t)take(g) * 257;
    if (!g->is_closed) {
        ion_err_t rc =
            ion_client_forward(g->client, &client_key, &server_key, packet, n);
        ION_ASSERT(rc == ION_OK || rc == ION_LIMIT || rc == ION_CLOSED);
        ION_ASSERT(rc == ION_CLOSED || g->ups == 1);
    }
    turn();
}

static void
run_step(program_t *g)
{
    static const char reply[] = "HTTP/1.1 101 Switching Protocols\r\n"
                                "Upgrade: DERP\r\n\r\n";
    switch (take(g) % 9) {
    case 0:
        say(g, (const uint8_t *)reply, sizeof(reply) - 1);
        break;
    case 1:
        say_greeting(g);
        break;
    case 2:
        say_server_info(g);
        break;
    case 3:
        say_any_frame(g);
        break;
    case 4:
        say_bytes(g);
        break;
    case 5:
        send_from_client(g);
        break;
    case 6:
        ION_ASSERT(ion_loop_advance(loop, ION_MS(1000u * take(g))) == ION_OK);
        break;
    case 7:
        read_some(g);
        break;
    default:
        (void)shutdown(g->peer, SHUT_WR);
        turn();
        break;
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const ion_client_events_t events = { on_up, on_frame, on_down };
    static const uint8_t mesh_key[32] = { 1 };
    int fds[2];
    program_t g = { .p = data, .left = size };
    start_once();
    g.how = take(&g);
    ion_client_config_t conf = {
        .addr = { .family = 4, .port = 443 },
        .has_socket = true,
        .host = "relay.example",
        .key = client_secret,
        .mesh_key = mesh_key,
        .no_fast_start = (g.how & NO_FAST_START) != 0,
        .write_ms = 5000,
        .events = &events,
        .owner = &g,
    };
    ION_ASSERT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
                   0, fds) == 0);
    conf.socket = fds[0];
    g.peer = fds[1];
    ION_ASSERT(ion_box_shared(&server_secret, &client_key, g.shared) == ION_OK);
    ION_ASSERT(ion_client_open(loop, &conf, &g.client) == ION_OK);
    turn();
    for (int i = 0; i < STEPS_MAX && g.left > 0; i++) {
        run_step(&g);
    }
    ion_client_close(&g.client);
    g.is_closed = true;
    turn();
    close(g.peer);
    ION_ASSERT(ion_bufpool_used(ion_loop_pool(loop)) == 0);
    return 0;
}
