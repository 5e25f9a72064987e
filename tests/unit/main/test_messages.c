/*
 * test_messages.c -- the message table keeps each side to what it may say.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "main/messages.h"

#define HEADER 16

typedef struct {
    const char *what;
    uint32_t peer_role;
    uint16_t type;
    size_t len;
    ion_err_t expect;
} case_t;

static void
put_header(uint8_t *p, uint16_t type, uint32_t len)
{
    const uint16_t version = ION_CHAN_VERSION;
    memset(p, 0, HEADER);
    memcpy(p, &type, sizeof(type));
    memcpy(p + 2, &version, sizeof(version));
    memcpy(p + 4, &len, sizeof(len));
}

static void
each_role_says_only_its_own(void **state)
{
    static const case_t cases[] = {
        { "worker is ready", ION_ROLE_WORKER, ION_MSG_READY,
            sizeof(ion_msg_cycle_t), ION_OK },
        { "keeper asks", ION_ROLE_KEEPER, ION_MSG_OP, sizeof(ion_msg_op_t),
            ION_OK },
        { "worker asks for an operation", ION_ROLE_WORKER, ION_MSG_OP,
            sizeof(ion_msg_op_t), ION_MALF },
        { "worker tells to exit", ION_ROLE_WORKER, ION_MSG_EXIT, 0, ION_MALF },
        { "keeper asks for a kick", ION_ROLE_KEEPER, ION_MSG_OP_KICK,
            sizeof(ion_msg_kick_t), ION_OK },
        { "worker asks for a kick", ION_ROLE_WORKER, ION_MSG_OP_KICK,
            sizeof(ion_msg_kick_t), ION_MALF },
        { "master tells of a kick", ION_ROLE_MASTER, ION_MSG_KICK,
            sizeof(ion_msg_kick_t), ION_OK },
        { "worker tells of a kick", ION_ROLE_WORKER, ION_MSG_KICK,
            sizeof(ion_msg_kick_t), ION_MALF },
        { "half a key", ION_ROLE_KEEPER, ION_MSG_OP_KICK,
            sizeof(ion_msg_kick_t) / 2, ION_MALF },
        { "keeper sends a cycle", ION_ROLE_KEEPER, ION_MSG_CYCLE,
            sizeof(ion_msg_cycle_t), ION_MALF },
        { "master is ready", ION_ROLE_MASTER, ION_MSG_READY,
            sizeof(ion_msg_cycle_t), ION_MALF },
        { "unknown type", ION_ROLE_WORKER, 999, 0, ION_MALF },
        { "short", ION_ROLE_WORKER, ION_MSG_READY, sizeof(ion_msg_cycle_t) - 1,
            ION_MALF },
        { "long", ION_ROLE_WORKER, ION_MSG_READY, sizeof(ion_msg_cycle_t) + 1,
            ION_MALF },
        { "refusal with text", ION_ROLE_WORKER, ION_MSG_REFUSED,
            sizeof(ion_msg_cycle_t) + 100, ION_OK },
        { "blob without descriptor", ION_ROLE_MASTER, ION_MSG_BLOB,
            sizeof(ion_msg_blob_t), ION_MALF },
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const case_t *c = &cases[i];
        uint8_t buf[HEADER + 8192] = { 0 };
        int ends[2];
        ion_chan_t *chan;
        ion_chan_msg_t msg;
        ion_errtext_t why;
        ion_err_t rc;
        assert_int_equal(ion_chan_pair(ends), ION_OK);
        assert_int_equal(
            ion_chan_new(ends[0], ion_main_rules, c->peer_role, &chan), ION_OK);
        put_header(buf, c->type, (uint32_t)c->len);
        assert_int_equal(
            send(ends[1], buf, HEADER + c->len, 0), (ssize_t)(HEADER + c->len));
        rc = ion_chan_recv(chan, &msg, &why);
        if (rc != c->expect) {
            fail_msg("%s: %s", c->what, ion_strerror(rc));
        }
        if (rc == ION_OK) {
            ion_chan_msg_done(&msg);
        }
        ion_chan_free(&chan);
        assert_int_equal(close(ends[1]), 0);
    }
}

static void
every_type_has_one_rule(void **state)
{
    bool seen[ION_MSG_OP_KICK + 1] = { false };
    (void)state;
    for (const ion_chan_rule_t *r = ion_main_rules; r->name != NULL; r++) {
        assert_in_range(r->type, ION_MSG_HELLO, ION_MSG_OP_KICK);
        assert_false(seen[r->type]);
        assert_true(r->max_len <= ION_CHAN_MAX_PAYLOAD);
        assert_int_not_equal(r->from, 0);
        seen[r->type] = true;
    }
    for (int t = ION_MSG_HELLO; t <= ION_MSG_OP_KICK; t++) {
        assert_true(seen[t]);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_role_says_only_its_own),
        cmocka_unit_test(every_type_has_one_rule),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
