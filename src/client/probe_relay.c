/*
 * client/probe_relay.c -- the checks that need a connection.
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/bytes.h"
#include "base/hex.h"
#include "base/rng.h"
#include "client/derp_client.h"
#include "client/probe_int.h"
#include "crypto/keys.h"

#define PINGS       5
#define PACKET_LEN  8
#define PACKET_MS   5000
#define EXPIRY_DAYS 7
#define DAY_SECONDS 86400
#define TLS_13      0x0304

/* One throw-away client. */
typedef struct guest {
    ion_client_t *client;
    bool is_settled; /* logged in, or ended */
    bool is_up;
    bool has_heard;        /* what was waited for has come */
    const ion_key_t *from; /* of the packet that is waited for */
    uint8_t awaited[PACKET_LEN];
    ion_mono_t heard;
    char why[ION_PROBE_DETAIL_MAX];
    ion_loop_t *loop;
} guest_t;

static void
on_up(ion_client_t *c)
{
    guest_t *g = ion_client_owner(c);
    g->is_up = true;
    g->is_settled = true;
}

static void
on_down(ion_client_t *c, const char *why)
{
    guest_t *g = ion_client_owner(c);
    (void)snprintf(g->why, sizeof(g->why), "%s", why);
    g->is_up = false;
    g->is_settled = true;
}

static void
on_frame(ion_client_t *c, uint8_t type, const uint8_t *body, size_t len)
{
    guest_t *g = ion_client_owner(c);
    bool is_packet = type == DERP_FRAME_RECV_PACKET && g->from != NULL &&
                     len == DERP_KEY_LEN + PACKET_LEN &&
                     memcmp(body, g->from->b, DERP_KEY_LEN) == 0;
    bool is_pong =
        type == DERP_FRAME_PONG && g->from == NULL && len >= PACKET_LEN;
    const uint8_t *data = is_packet ? body + DERP_KEY_LEN : body;
    if ((is_packet || is_pong) && memcmp(data, g->awaited, PACKET_LEN) == 0) {
        g->heard = ion_loop_now(g->loop);
        g->has_heard = true;
    }
}

static const ion_client_events_t guest_events = {
    .up = on_up,
    .frame = on_frame,
    .down = on_down,
};

static double
ms_between(ion_mono_t from, ion_mono_t to)
{
    return to > from ? (double)(to - from) / 1e6 : 0;
}

/* Log a client in; false, with g->why, when it cannot. */
static bool
enter(probe_t *p, guest_t *g, ion_tls_ctx_t *tls, const ion_addr_t *addr,
    bool no_fast_start)
{
    ion_client_config_t conf = {
        .addr = *addr,
        .host = p->conf->host,
        .tls = tls,
        .is_prober = true,
        .no_fast_start = no_fast_start,
        .timeout_ms = p->conf->timeout_ms,
        .events = &guest_events,
        .owner = g,
    };
    g->loop = p->loop;
    if (ion_loop_turn(p->loop, false, NULL) != ION_OK) {
        return false;
    }
    ion_key_generate(&conf.key, NULL);
    ion_err_t rc = ion_client_open(p->loop, &conf, &g->client);
    ion_secret_key_wipe(&conf.key);
    if (rc != ION_OK) {
        (void)snprintf(g->why, sizeof(g->why), "connect: %s",
            rc == ION_SYS ? strerrordesc_np(errno) : ion_strerror(rc));
        return false;
    }
    (void)probe_wait(p, &g->is_settled, 2 * p->conf->timeout_ms);
    return g->is_up;
}

static void
skip(probe_t *p, const char *const *names)
{
    for (; *names != NULL; names++) {
        probe_note(p, *names, ION_PROBE_SKIPPED, -1, "not reached");
    }
}

static void
date_of(int64_t seconds, char out[16])
{
    time_t t = (time_t)seconds;
    struct tm tm;
    if (gmtime_r(&t, &tm) == NULL || strftime(out, 16, "%F", &tm) == 0) {
        out[0] = '\0';
    }
}

static void
check_certificate(probe_t *p, const ion_tls_peer_t *peer)
{
    char pin[2 * ION_CERT_PIN_LEN + 1] = "";
    char until[16];
    ion_hex_encode(pin, peer->pin, sizeof(peer->pin));
    date_of(peer->not_after, until);
    bool is_late =
        peer->not_after < p->conf->now + (int64_t)EXPIRY_DAYS * DAY_SECONDS;
    probe_note(p, "certificate", is_late ? ION_PROBE_FAILED : ION_PROBE_OK, -1,
        "%s, valid until %s%s, sha256-raw:%s", peer->subject, until,
        is_late ? " (within 7 days)" : "", pin);
}

static void
check_metacert(
    probe_t *p, const guest_t *g, int version, const ion_tls_peer_t *peer)
{
    if (version < TLS_13) {
        probe_note(
            p, "metacert", ION_PROBE_FAILED, -1, "TLS 1.3 is needed for it");
    } else if (!peer->has_server_key) {
        probe_note(p, "metacert", ION_PROBE_FAILED, -1,
            "there is none: every client needs one more round trip");
    } else if (!ion_client_is_fast(g->client)) {
        probe_note(p, "metacert", ION_PROBE_FAILED, -1,
            "it is there, but the login did not use it");
    } else {
        char key[2 * ION_KEY_LEN + 1] = "";
        ion_hex_encode(key, peer->server_key, sizeof(peer->server_key));
        probe_note(p, "metacert", ION_PROBE_OK, -1, "server key %s", key);
    }
}

/* What the first client went through, up to where it failed. */
static bool
check_entry(probe_t *p, guest_t *g, bool is_up)
{
    static const char *const below[] = { "tls", "certificate", "metacert",
        "login", "upgrade", "ping", "packet", NULL };
    ion_tls_peer_t peer;
    const ion_client_times_t none = { 0 };
    const ion_client_times_t *t =
        g->client == NULL ? &none : ion_client_times(g->client);
    const char *const *rest = p->conf->is_plain ? below + 3 : below;
    if (t->connected == 0) {
        probe_note(p, "tcp", ION_PROBE_FAILED, -1, "%s", g->why);
        skip(p, rest);
        return false;
    }
    probe_note(p, "tcp", ION_PROBE_OK, ms_between(t->opened, t->connected),
        "%s", "connected");
    if (!p->conf->is_plain) {
        if (t->secured == 0) {
            probe_note(p, "tls", ION_PROBE_FAILED, -1, "%s", g->why);
            skip(p, rest + 1);
            return false;
        }
        int version = ion_client_peer(g->client, &peer);
        probe_note(p, "tls", ION_PROBE_OK, ms_between(t->connected, t->secured),
            "TLS 1.%d", version - 0x0301);
        check_certificate(p, &peer);
        check_metacert(p, g, version, &peer);
    }
    if (!is_up) {
        probe_note(p, "login", ION_PROBE_FAILED, -1, "%s", g->why);
        skip(p, below + 4);
        return false;
    }
    probe_note(p, "login", ION_PROBE_OK, ms_between(t->secured, t->up), "%s",
        ion_client_is_fast(g->client) ? "fast start" : "by the upgrade");
    return true;
}

static bool
check_upgrade(probe_t *p, const guest_t *first, const guest_t *g, bool is_up)
{
    static const char *const below[] = { "ping", "packet", NULL };
    if (!is_up) {
        probe_note(p, "upgrade", ION_PROBE_FAILED, -1, "%s", g->why);
        skip(p, below);
        return false;
    }
    const ion_client_times_t *t = ion_client_times(g->client);
    if (!ion_key_eq(ion_client_server_key(first->client),
            ion_client_server_key(g->client)))
    {
        probe_note(p, "upgrade", ION_PROBE_FAILED, -1,
            "two connections, two server keys");
    } else {
        probe_note(p, "upgrade", ION_PROBE_OK, ms_between(t->secured, t->up),
            "login by the upgrade, same server key");
    }
    return true;
}

/* Send 8 bytes one way and wait for them; ms, negative when they got lost. */
static double
round_of(probe_t *p, guest_t *from, guest_t *to)
{
    ion_str_t body = { (const char *)to->awaited, PACKET_LEN };
    ion_err_t rc = ION_OK;
    ion_random(to->awaited, PACKET_LEN);
    to->has_heard = false;
    to->from = from == to ? NULL : ion_client_key(from->client);
    if (ion_loop_turn(p->loop, false, NULL) != ION_OK) {
        return -1;
    }
    ion_mono_t begun = ion_loop_now(p->loop);
    if (from == to) {
        rc = ion_client_send(from->client, DERP_FRAME_PING, NULL, &body);
    } else {
        rc = ion_client_send_packet(
            from->client, ion_client_key(to->client), to->awaited, PACKET_LEN);
    }
    if (rc != ION_OK || !probe_wait(p, &to->has_heard, PACKET_MS)) {
        return -1;
    }
    return ms_between(begun, to->heard);
}

static void
check_ping(probe_t *p, guest_t *g)
{
    double best = -1;
    int lost = 0;
    for (int i = 0; i < PINGS && lost == 0; i++) {
        double ms = round_of(p, g, g);
        lost += ms < 0 ? 1 : 0;
        best = best < 0 || (ms >= 0 && ms < best) ? ms : best;
    }
    if (lost > 0) {
        probe_note(p, "ping", ION_PROBE_FAILED, -1, "no pong within %d s",
            PACKET_MS / 1000);
    } else {
        probe_note(p, "ping", ION_PROBE_OK, best, "best of %d", PINGS);
    }
}

static void
check_packet(probe_t *p, guest_t *a, guest_t *b)
{
    double there = round_of(p, a, b);
    double back = there < 0 ? -1 : round_of(p, b, a);
    if (back < 0) {
        probe_note(p, "packet", ION_PROBE_FAILED, -1,
            "a packet did not come %s within %d s",
            there < 0 ? "through" : "back", PACKET_MS / 1000);
        return;
    }
    probe_note(
        p, "packet", ION_PROBE_OK, there, "one each way between two clients");
}

static void
probe_with(probe_t *p, ion_tls_ctx_t *tls)
{
    const ion_addr_t *first = &p->conf->addrs[0];
    /* the second client comes by the other family, where there is one */
    const ion_addr_t *second = probe_address(p, first->family == 4 ? 6 : 4);
    guest_t a = { 0 };
    guest_t b = { 0 };
    if (check_entry(p, &a, enter(p, &a, tls, first, false)) &&
        check_upgrade(p, &a, &b,
            enter(p, &b, tls, second != NULL ? second : first, true)))
    {
        check_ping(p, &a);
        check_packet(p, &a, &b);
    }
    ion_client_close(&a.client);
    ion_client_close(&b.client);
    /* one turn reaps them */
    ION_IGNORE(ion_loop_turn(p->loop, false, NULL));
}

void
probe_relay(probe_t *p)
{
    ion_tls_ctx_t *tls = NULL;
    if (!p->conf->is_plain &&
        ion_tls_client_new(p->conf->trust,
            p->conf->trust == ION_TLS_TRUST_PIN ? p->conf->pin : NULL,
            &tls) != ION_OK)
    {
        probe_note(p, "tls", ION_PROBE_FAILED, -1,
            "the TLS library could not be set up");
        return;
    }
    probe_with(p, tls);
    ion_tls_ctx_unref(&tls);
}
