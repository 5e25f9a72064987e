/*
 * messages.h -- the messages between the master and its children.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * One table for both directions; `from` says who may send what.  Payloads are
 * fixed structs of this program (both ends are the same binary), texts follow
 * them without a NUL.  A child gets its configuration as CYCLE, BLOB...,
 * SOCKET..., CYCLE_END and answers READY or REFUSED; SWITCH puts it in force
 * (the first one starts the modules), answered by SWITCHED, ABORT forgets it.
 */
#ifndef ION_MAIN_MESSAGES_H
#define ION_MAIN_MESSAGES_H

#include <stdint.h>
#include <sys/types.h>

#include "base/addr.h"
#include "base/base.h"
#include "core/process.h"
#include "os/chan.h"
#include "os/priv.h"

/* Descriptors of a child besides 0, 1 and 2. */
#define ION_CHILD_FD_CHAN 3
#define ION_CHILD_FD_LOG  4

#define ION_BLOBS_MAX   16
#define ION_SOCKETS_MAX 512
#define ION_BLOB_BYTES  (16u * 1024u * 1024u)
#define ION_TEXT_MAX    16384u

enum {
    /* master to child */
    ION_MSG_HELLO = 1,
    ION_MSG_ATTACH, /* shared-memory descriptors, the next in their order */
    ION_MSG_CYCLE,  /* begins a cycle */
    ION_MSG_BLOB,   /* one sealed memfd */
    ION_MSG_SOCKET, /* a socket; without descriptor: address only */
    ION_MSG_CYCLE_END,
    ION_MSG_SWITCH,
    ION_MSG_ABORT,
    ION_MSG_REOPEN,  /* the log file's new descriptor */
    ION_MSG_DRAIN,   /* no new work; exit when idle */
    ION_MSG_EXIT,    /* exit now */
    ION_MSG_PROBE,   /* something to wake up for, no answer */
    ION_MSG_OP_DONE, /* answer to OP and OP_KICK, keeper only */
    ION_MSG_KICK,    /* end the connections of a client key, workers only */
    ION_MSG_LINK,    /* one end of a channel between worker and courier */
    /* child to master */
    ION_MSG_READY,
    ION_MSG_REFUSED, /* with text */
    ION_MSG_SWITCHED,
    ION_MSG_OP,      /* keeper only */
    ION_MSG_OP_KICK, /* keeper only */
};

typedef struct {
    uint32_t role; /* ION_ROLE_* */
    uint32_t slot;
    uint32_t index;
    uint32_t attach_count; /* descriptors that follow in ATTACH */
    uint32_t sandbox;      /* ion_sandbox_t */
    uint32_t has_account;
    int32_t master_pid;
    uint64_t started_wall_ms;
    ion_account_t account;
} ion_msg_hello_t;

/* CYCLE, CYCLE_END, SWITCH, ABORT, READY, SWITCHED; REFUSED has text behind. */
typedef struct {
    uint64_t generation;
    uint32_t blob_count;
    uint32_t socket_count;
} ion_msg_cycle_t;

typedef struct {
    char name[ION_BLOB_NAME_MAX];
    uint32_t is_secret;
} ion_msg_blob_t;

typedef struct {
    uint32_t id;
    uint32_t kind;
    uint32_t index;
    char name[ION_SOCKET_NAME];
    ion_addr_t addr;
} ion_msg_socket_t;

typedef struct {
    int32_t result; /* ion_err_t of OP_DONE; ion_master_op_t of OP */
} ion_msg_op_t;

/* KICK and OP_KICK */
typedef struct {
    uint8_t key[32];
} ion_msg_kick_t;

/* Who holds the other end. */
typedef struct {
    uint32_t slot;
    uint32_t role;
} ion_msg_link_t;

/* The table, ended by a rule without a name. */
extern const ion_chan_rule_t ion_main_rules[];

/* Between a worker and the courier, over a channel of their own. */
enum {
    ION_LINK_ASK = 1, /* ion_ask_t */
    ION_LINK_CANCEL,  /* req is the question's */
    ION_LINK_ANSWER,  /* with text behind; a socket after a dial */
};

typedef struct {
    int32_t rc; /* ion_err_t */
    ion_addr_t addr;
} ion_link_answer_t;

extern const ion_chan_rule_t ion_link_rules[];

#endif
