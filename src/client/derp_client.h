/*
 * client/derp_client.h -- one outbound connection to a DERP server.
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Non-blocking, on a loop: TCP, TLS or plain, the upgrade (by fast start where
 * the meta-certificate allows it), the login, then frames. The owner hears of
 * it through three callbacks. After `down` nothing happens any more; the owner
 * closes it then or whenever it likes, also from inside a callback.
 */
#ifndef ION_CLIENT_DERP_CLIENT_H
#define ION_CLIENT_DERP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/base.h"
#include "base/err.h"
#include "crypto/keys.h"
#include "event/loop.h"
#include "proto/derp_frame.h"
#include "tls/tls_client.h"

/* Bytes that may wait to be sent; more is refused. */
#define ION_CLIENT_UNSENT_MAX 1048576
/* Nothing heard for this long: the server is taken for dead. */
#define ION_CLIENT_SILENCE_MS 120000
/* Bytes of a ForwardPacket's keys. */
#define ION_CLIENT_FORWARD_KEYS (2 * DERP_KEY_LEN)

typedef struct ion_client ion_client_t;

/* Any may be NULL. */
typedef struct ion_client_events {
    /* logged in: ServerInfo has come */
    void (*up)(ion_client_t *c);
    /* a frame after the login; body[0..len) is valid during the call */
    void (*frame)(
        ion_client_t *c, uint8_t type, const uint8_t *body, size_t len);
    /* the connection has ended; why is a text for people, valid during it */
    void (*down)(ion_client_t *c, const char *why);
} ion_client_events_t;

/* Everything is copied, but tls is shared and events borrowed. */
typedef struct ion_client_config {
    ion_addr_t addr;    /* to connect to; with a socket: who it leads to */
    bool has_socket;    /* do not connect: socket is a connected one */
    int socket;         /* non-blocking TCP */
    const char *host;   /* DNS name or IP literal, for TLS and HTTP */
    ion_tls_ctx_t *tls; /* of ion_tls_client_new; NULL = plain TCP */
    ion_secret_key_t key;
    const uint8_t *mesh_key; /* 32 bytes; NULL = none */
    bool is_prober;
    bool no_fast_start; /* upgrade by the 101 reply in any case */
    int64_t timeout_ms; /* to be logged in; 0 = 10 s */
    int64_t write_ms;   /* for bytes to leave once logged in; 0 = no limit */
    const ion_client_events_t *events;
    void *owner;
} ion_client_config_t;

/* When each step was over, in ns of the loop's clock; 0 = not yet. */
typedef struct ion_client_times {
    ion_mono_t opened;
    ion_mono_t connected; /* TCP */
    ion_mono_t secured;   /* TLS; as connected when plain */
    ion_mono_t up;        /* logged in */
} ion_client_times_t;

/*
 * ion_client_open -- begin to connect; the rest comes through the events,
 * never from inside this call.
 *
 * Owns:   gives *out; end it with ion_client_close. Takes config->socket on
 *         success only.
 * Errors: ION_NOMEM | ION_SYS no socket, or no way there (errno) | ION_RANGE
 *         the host's name is longer than 253 bytes or empty.
 */
ION_NODISCARD ion_err_t ion_client_open(
    ion_loop_t *loop, const ion_client_config_t *config, ion_client_t **out);

/* ion_client_close -- end it without an event; nulls *c; accepts NULL. */
void ion_client_close(ion_client_t **c);

/*
 * ion_client_send -- queue one frame; it leaves at the end of this turn.
 *
 * Shape:  the payload is head[0..head_len) and body[0..body_len), borrowed
 *         during the call; either may be empty.
 * Errors: ION_CLOSED not logged in, or ended | ION_LIMIT more than
 *         ION_CLIENT_UNSENT_MAX bytes would wait | ION_NOMEM.
 */
ION_NODISCARD ion_err_t ion_client_send(ion_client_t *c, derp_frame_type_t type,
    const ion_str_t *head, const ion_str_t *body);

/*
 * ion_client_send_packet -- SendPacket.
 *
 * Errors: as ion_client_send; ION_RANGE n over DERP_MAX_PACKET.
 */
ION_NODISCARD ion_err_t ion_client_send_packet(
    ion_client_t *c, const ion_key_t *to, const void *p, size_t n);

/*
 * ion_client_forward -- ForwardPacket: a packet of from's for to, who is a
 * client of that server. For a mesh peer only.
 *
 * Errors: as ion_client_send_packet.
 */
ION_NODISCARD ion_err_t ion_client_forward(ion_client_t *c,
    const ion_key_t *from, const ion_key_t *to, const void *p, size_t n);

/* ion_client_owner -- what the configuration had. */
void *ion_client_owner(const ion_client_t *c);

/* ion_client_key -- our public key. */
const ion_key_t *ion_client_key(const ion_client_t *c);

/* ion_client_server_key -- the server's; NULL before it is known. */
const ion_key_t *ion_client_server_key(const ion_client_t *c);

/* ion_client_is_fast -- the login went by fast start. */
bool ion_client_is_fast(const ion_client_t *c);

/* ion_client_times -- when each step was over. */
const ion_client_times_t *ion_client_times(const ion_client_t *c);

/*
 * ion_client_peer -- what the server showed in TLS, as ion_tls_peer; returns
 * the TLS version (0x0303, 0x0304), 0 when plain or not yet.
 */
int ion_client_peer(const ion_client_t *c, ion_tls_peer_t *out);

#endif
