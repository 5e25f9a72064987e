/*
 * client/client_int.h -- what the files of a connection share.
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef ION_CLIENT_CLIENT_INT_H
#define ION_CLIENT_CLIENT_INT_H

#include "client/derp_client.h"
#include "crypto/box.h"
#include "event/stream.h"

#define CLIENT_MAGIC    0x636c6e74u
#define CLIENT_HOST_MAX 254 /* a DNS name and NUL */

typedef enum client_phase {
    CLIENT_CONNECTING,
    CLIENT_SECURING,  /* the TLS handshake */
    CLIENT_UPGRADING, /* waits for the 101 reply */
    CLIENT_GREETING,  /* waits for ServerKey */
    CLIENT_LOGIN,     /* waits for ServerInfo */
    CLIENT_UP,
    CLIENT_DOWN,
} client_phase_t;

/* Bytes that grow up to a limit. */
typedef struct client_buf {
    uint8_t *p; /* owned; NULL when nothing is kept */
    size_t len;
    size_t cap;
} client_buf_t;

struct ion_client {
    uint32_t magic;
    ion_loop_t *loop;
    ion_io_t io;
    ion_timer_t timer;
    ion_task_t flush; /* what is queued leaves at the end of the turn */
    ion_task_t more;  /* input is left in the stream */
    ion_reap_t reap;
    int fd; /* owned until there is a stream */
    ion_stream_t *stream;
    client_phase_t phase;
    bool is_fast;
    bool is_closed; /* by the owner; freed when the turn ends */
    bool has_server_key;
    ion_key_t public_key;
    ion_key_t server_key;
    uint8_t shared[ION_BOX_SHARED_LEN];
    ion_mono_t heard;
    uint64_t flushed;     /* bytes that the socket ever took */
    uint64_t write_mark;  /* flushed must reach this */
    ion_mono_t write_due; /* before this; 0 = nothing waits */
    ion_client_times_t times;
    client_buf_t in;  /* an incomplete frame, or the head of the reply */
    client_buf_t out; /* frames of this turn, not sealed yet */
    ion_client_config_t conf;
    char host[CLIENT_HOST_MAX];
    uint8_t mesh_key[32];
};

/*
 * client_buf_add -- append n bytes.
 *
 * Errors: ION_LIMIT more than max bytes in all | ION_NOMEM.
 */
ION_NODISCARD ion_err_t client_buf_add(
    client_buf_t *buf, const void *p, size_t n, size_t max);

/* client_buf_drop -- empty it and give its memory back. */
void client_buf_drop(client_buf_t *buf);

/* client_fail -- the connection ends now, and the owner hears why. */
void client_fail(ion_client_t *c, const char *why);

/* client_put -- queue a frame in any phase. Errors: as ion_client_send. */
ION_NODISCARD ion_err_t client_put(ion_client_t *c, derp_frame_type_t type,
    const ion_str_t *head, const ion_str_t *body);

/* client_put_bytes -- queue bytes as they are. Errors: as ion_client_send. */
ION_NODISCARD ion_err_t client_put_bytes(
    ion_client_t *c, const void *p, size_t n);

/*
 * client_begin -- the stream is ready: ask for the upgrade, and log in too
 * when the server's key is known from its meta-certificate.
 */
void client_begin(ion_client_t *c);

/* client_take -- bytes from the server; may end or close the connection. */
void client_take(ion_client_t *c, const uint8_t *p, size_t n);

#endif
