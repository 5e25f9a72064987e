/*
 * messages.c -- the table of messages between the master and its children.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "main/messages.h"

#define CHILD (ION_ROLE_WORKER | ION_ROLE_KEEPER | ION_ROLE_COURIER)

/* type, name, from, fixed payload, text behind it, fds at least, at most */
#define RULE(type, name, from, payload, text, min_fds, max_fds)                \
    {                                                                          \
        ION_MSG_##type, name, sizeof(payload), sizeof(payload) + (text),       \
            min_fds, max_fds, from                                             \
    }
#define BARE(type, name, from)                                                 \
    {                                                                          \
        ION_MSG_##type, name, 0, 0, 0, 0, from                                 \
    }

const ion_chan_rule_t ion_main_rules[] = {
    RULE(HELLO, "hello", ION_ROLE_MASTER, ion_msg_hello_t, 0, 0, 0),
    { ION_MSG_ATTACH, "attach", 0, 0, 1, ION_CHAN_MAX_FDS, ION_ROLE_MASTER },
    RULE(CYCLE, "cycle", ION_ROLE_MASTER, ion_msg_cycle_t, 0, 0, 0),
    RULE(BLOB, "blob", ION_ROLE_MASTER, ion_msg_blob_t, 0, 1, 1),
    RULE(SOCKET, "socket", ION_ROLE_MASTER, ion_msg_socket_t, 0, 0, 1),
    RULE(CYCLE_END, "cycle-end", ION_ROLE_MASTER, ion_msg_cycle_t, 0, 0, 0),
    RULE(SWITCH, "switch", ION_ROLE_MASTER, ion_msg_cycle_t, 0, 0, 0),
    RULE(ABORT, "abort", ION_ROLE_MASTER, ion_msg_cycle_t, 0, 0, 0),
    BARE(DRAIN, "drain", ION_ROLE_MASTER),
    BARE(EXIT, "exit", ION_ROLE_MASTER),
    BARE(PROBE, "probe", ION_ROLE_MASTER),
    { ION_MSG_REOPEN, "reopen", 0, 0, 1, 1, ION_ROLE_MASTER },
    RULE(OP_DONE, "op-done", ION_ROLE_MASTER, ion_msg_op_t, ION_TEXT_MAX, 0, 0),
    RULE(KICK, "kick", ION_ROLE_MASTER, ion_msg_kick_t, 0, 0, 0),
    RULE(LINK, "link", ION_ROLE_MASTER, ion_msg_link_t, 0, 1, 1),
    RULE(READY, "ready", CHILD, ion_msg_cycle_t, 0, 0, 0),
    RULE(REFUSED, "refused", CHILD, ion_msg_cycle_t, ION_TEXT_MAX, 0, 0),
    RULE(SWITCHED, "switched", CHILD, ion_msg_cycle_t, 0, 0, 0),
    RULE(OP, "op", ION_ROLE_KEEPER, ion_msg_op_t, 0, 0, 0),
    RULE(OP_KICK, "op-kick", ION_ROLE_KEEPER, ion_msg_kick_t, 0, 0, 0),
    { 0, NULL, 0, 0, 0, 0, 0 },
};

const ion_chan_rule_t ion_link_rules[] = {
    { ION_LINK_ASK, "ask", sizeof(ion_ask_t), sizeof(ion_ask_t), 0, 0,
        ION_ROLE_WORKER },
    { ION_LINK_CANCEL, "cancel", 0, 0, 0, 0, ION_ROLE_WORKER },
    { ION_LINK_ANSWER, "answer", sizeof(ion_link_answer_t),
        sizeof(ion_link_answer_t) + ION_ASK_TEXT_MAX, 0, 1, ION_ROLE_COURIER },
    { 0, NULL, 0, 0, 0, 0, 0 },
};
