/*
 * admin_keeper_int.h -- what the files of the control socket share.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A client asks one thing at a time; what it sends meanwhile waits, first in
 * its buffer of one request and then in the socket.  Its states:
 *
 *   READING   collecting a request        -> WAITING, LISTING or REPLYING
 *   WAITING   the master is doing it      -> REPLYING
 *   LISTING   pieces of a list go out     -> REPLYING with the last one
 *   REPLYING  the rest of a reply goes out -> READING, or the end
 */
#ifndef ION_ADMIN_ADMIN_KEEPER_INT_H
#define ION_ADMIN_ADMIN_KEEPER_INT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "admin/admin_request.h"
#include "base/list.h"
#include "core/process.h"
#include "event/bufpool.h"
#include "event/loop.h"
#include "os/unix_sock.h"
#include "proto/admin_frame.h"

#define ADMIN_KEEPER_MAGIC 0x41444d4bu
#define ADMIN_CLIENT_MAGIC 0x41444d43u

enum {
    ADMIN_CLIENTS_MAX = 32,   /* more wait in the socket's backlog */
    ADMIN_REQUEST_MS = 10000, /* to send a request that has begun */
    ADMIN_IDLE_MS = 60000,    /* between two requests */
    ADMIN_WRITE_MS = 30000,   /* without taking a byte of a reply */
};

typedef struct admin_keeper {
    uint32_t magic;
    uint32_t self;          /* number of the module */
    ion_process_t *process; /* back */
    ion_log_t log;
    ion_io_t io;       /* the control socket; fd borrowed from the cycle */
    ion_timer_t pause; /* set while descriptors have run out */
    uid_t owner;       /* of the daemon: who made the socket */
    bool is_draining;
    bool is_idle; /* said so */
    size_t client_count;
    ion_list_t clients;
    ion_list_t ops;   /* asked of the master, not answered yet */
    ion_list_t kicks; /* under way */
} admin_keeper_t;

typedef enum admin_client_state {
    ADMIN_CLIENT_READING,
    ADMIN_CLIENT_WAITING,
    ADMIN_CLIENT_LISTING,
    ADMIN_CLIENT_REPLYING,
    ADMIN_CLIENT_CLOSED, /* waits for the loop to free it */
} admin_client_state_t;

typedef struct admin_client {
    uint32_t magic;
    admin_client_state_t state;
    admin_keeper_t *keeper; /* back */
    ion_list_t link;
    ion_io_t io;       /* fd owned */
    ion_timer_t limit; /* for the step in progress */
    ion_task_t step;   /* goes on in the next turn */
    ion_reap_t reap;
    ion_peer_cred_t peer;
    bool at_end;     /* it will send no more */
    uint64_t req;    /* of the request being answered */
    uint64_t cursor; /* LISTING */
    ion_outbuf_t out;
    size_t in_len;
    uint8_t in[ADMIN_HEADER_LEN + ADMIN_REQUEST_MAX];
} admin_client_t;

/*
 * admin_client_open_keeper -- serve a connected client.
 *
 * Owns:   takes fd in any case.
 */
void admin_client_open_keeper(
    admin_keeper_t *k, int fd, const ion_peer_cred_t *peer);

/* admin_client_close_keeper -- end a client; it is freed after the turn. */
void admin_client_close_keeper(admin_client_t *c);

/*
 * admin_client_send_keeper -- queue one frame of the present request.
 *
 * Errors: ION_LIMIT payload too long | ION_NOMEM.
 */
ION_NODISCARD ion_err_t admin_client_send_keeper(
    admin_client_t *c, admin_frame_type_t type, ion_str_t payload);

/*
 * admin_client_error_keeper -- queue an error as the reply; lines as in
 * admin_reply_error.
 */
void admin_client_error_keeper(
    admin_client_t *c, const char *error, const char *lines);

/* admin_client_reply_keeper -- queue a builder's text as the reply. */
void admin_client_reply_keeper(admin_client_t *c, const ion_sb_t *sb);

/* admin_client_go_on_keeper -- send what is queued, then wait for more. */
void admin_client_go_on_keeper(admin_client_t *c);

/* admin_client_gone_keeper -- the keeper's side of a client's end. */
void admin_client_gone_keeper(admin_keeper_t *k);

/*
 * admin_command_run_keeper -- begin to answer a request: afterwards the
 * client's state is not READING.
 */
void admin_command_run_keeper(
    admin_client_t *c, const admin_request_t *request);

/* admin_command_piece_keeper -- queue the next piece of a list. */
void admin_command_piece_keeper(admin_client_t *c);

/* admin_kick_run_keeper -- begin `derp kick`. */
void admin_kick_run_keeper(admin_client_t *c, const admin_request_t *request);

/* admin_kick_forget_keeper -- a client that waits for a kick is gone. */
void admin_kick_forget_keeper(admin_client_t *c);

/* admin_kick_stop_keeper -- the keeper ends; no client is left that waits. */
void admin_kick_stop_keeper(admin_keeper_t *k);

/* admin_command_forget_keeper -- a client that waits for the master is gone. */
void admin_command_forget_keeper(admin_client_t *c);

/* admin_command_leave_ops_keeper -- the keeper ends before the master has
 * answered; no client is left that waits. */
void admin_command_leave_ops_keeper(admin_keeper_t *k);

#endif
