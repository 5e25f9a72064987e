/*
 * test_asking.c -- questions of workers and the courier's answers, over the
 * channels between them.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "main/answerer.h"
#include "main/asker.h"
#include "main/messages.h"
#include "os/chan.h"

#define OPEN_MAX 2048

static ion_loop_t *loop;
static ion_log_sink_t *sink;
static ion_log_t log_of_test;
static asker_t *asker;
static answerer_t *answerer;
static ion_process_t courier;

static struct {
    uint64_t ref;
    ion_ask_t ask;
    bool is_forgotten;
} seen[OPEN_MAX];
static size_t seen_count;

static struct {
    size_t count;
    ion_err_t rc;
    int fd;
    char text[ION_ASK_TEXT_MAX + 1];
} got;

static void
on_ask(ion_process_t *p, uint64_t ref, const ion_ask_t *ask)
{
    assert_ptr_equal(p, &courier);
    assert_true(seen_count < OPEN_MAX);
    seen[seen_count].ref = ref;
    seen[seen_count].ask = *ask;
    seen[seen_count].is_forgotten = false;
    seen_count++;
}

static void
on_forget(ion_process_t *p, uint64_t ref)
{
    (void)p;
    for (size_t i = 0; i < seen_count; i++) {
        if (seen[i].ref == ref) {
            assert_false(seen[i].is_forgotten);
            seen[i].is_forgotten = true;
            return;
        }
    }
    fail_msg("forgets what nobody asked");
}

static const ion_ask_server_t server = { on_ask, on_forget };

static void
on_done(void *arg, ion_answer_t *answer)
{
    size_t *mine = arg;
    if (mine != NULL) {
        (*mine)++;
    }
    got.count++;
    got.rc = answer->rc;
    got.fd = answer->fd;
    (void)strncpy(got.text, answer->text, ION_ASK_TEXT_MAX);
}

static void
link_both(uint32_t slot)
{
    int ends[2];
    assert_int_equal(ion_chan_pair(ends), ION_OK);
    asker_link(asker, ends[0]);
    answerer_link(answerer, ends[1], slot);
}

static int
setup(void **state)
{
    (void)state;
    assert_int_equal(
        ion_log_sink_new(dup(STDERR_FILENO), "test", &sink), ION_OK);
    ion_log_sink_set(sink, ION_LOG_TEXT, ION_LOG_ALERT);
    log_of_test = (ion_log_t){ .sink = sink, .subsystem = "test" };
    assert_int_equal(ion_loop_new_fake(ION_SEC(1), &loop), ION_OK);
    memset(&courier, 0, sizeof(courier));
    memset(&got, 0, sizeof(got));
    seen_count = 0;
    courier.loop = loop;
    courier.log = &log_of_test;
    courier.server = &server;
    assert_int_equal(asker_new(loop, &log_of_test, &asker), ION_OK);
    assert_int_equal(answerer_new(&courier, &answerer), ION_OK);
    answerer_start(answerer);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    asker_free(&asker);
    answerer_free(&answerer);
    ion_loop_free(&loop);
    ion_log_sink_free(&sink);
    return 0;
}

static void
turn(void)
{
    assert_int_equal(ion_loop_advance(loop, 0), ION_OK);
}

static uint64_t
ask(ion_ask_kind_t kind)
{
    ion_ask_t question = {
        .kind = kind, .timeout_ms = 5000, .host = "relay.test", .port = 443
    };
    uint64_t id = 0;
    size_t before = got.count;
    assert_int_equal(asker_ask(asker, &question, on_done, NULL, &id), ION_OK);
    assert_int_not_equal(id, 0);
    assert_int_equal(got.count, before); /* never from inside */
    return id;
}

static void
reply(size_t nth, ion_err_t rc, int fd)
{
    answerer_reply(answerer, seen[nth].ref,
        &(ion_answer_t){ .rc = rc, .fd = fd, .text = "because" });
    turn();
}

static void
test_answer(void **state)
{
    (void)state;
    link_both(3);
    (void)ask(ION_ASK_ADMIT);
    turn();
    assert_int_equal(seen_count, 1);
    assert_int_equal(seen[0].ask.kind, ION_ASK_ADMIT);
    reply(0, ION_DENIED, -1);
    assert_int_equal(got.count, 1);
    assert_int_equal(got.rc, ION_DENIED);
    assert_string_equal(got.text, "because");
    reply(0, ION_OK, -1); /* once is enough */
    assert_int_equal(got.count, 1);
    assert_int_equal(ion_loop_advance(loop, ION_SEC(100)), ION_OK);
    assert_int_equal(got.count, 1);
}

static void
test_socket_is_passed(void **state)
{
    int pair[2];
    (void)state;
    link_both(0);
    (void)ask(ION_ASK_DIAL);
    turn();
    assert_string_equal(seen[0].ask.host, "relay.test");
    assert_int_equal(seen[0].ask.port, 443);
    assert_int_equal(
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    reply(0, ION_OK, pair[1]);
    assert_int_equal(got.rc, ION_OK);
    assert_true(got.fd >= 0);
    /* both copies are closed: the callback did not take it */
    assert_int_equal(read(pair[0], got.text, 1), 0);
    (void)close(pair[0]);
}

static void
test_no_socket_is_no_answer(void **state)
{
    (void)state;
    link_both(0);
    (void)ask(ION_ASK_DIAL);
    turn();
    reply(0, ION_OK, -1);
    assert_int_equal(got.rc, ION_SYS);
}

static void
test_strange_codes(void **state)
{
    (void)state;
    link_both(0);
    (void)ask(ION_ASK_ADMIT);
    turn();
    reply(0, ION_INTERNAL, -1);
    assert_int_equal(got.rc, ION_SYS);
}

static void
test_cancel(void **state)
{
    uint64_t id;
    (void)state;
    link_both(0);
    id = ask(ION_ASK_ADMIT);
    turn();
    asker_cancel(asker, id);
    asker_cancel(asker, id);
    asker_cancel(asker, 0);
    turn();
    assert_true(seen[0].is_forgotten);
    reply(0, ION_OK, -1);
    assert_int_equal(got.count, 0);
}

static void
test_too_slow(void **state)
{
    (void)state;
    link_both(0);
    (void)ask(ION_ASK_ADMIT);
    turn();
    assert_int_equal(ion_loop_advance(loop, ION_SEC(5)), ION_OK);
    assert_int_equal(got.count, 0);
    assert_int_equal(ion_loop_advance(loop, ION_SEC(2)), ION_OK);
    assert_int_equal(got.count, 1);
    assert_int_equal(got.rc, ION_TIMEOUT);
    assert_true(seen[0].is_forgotten);
}

/* A question waits a moment for a courier, and then no longer. */
static void
test_no_courier(void **state)
{
    (void)state;
    (void)ask(ION_ASK_ADMIT);
    assert_int_equal(ion_loop_advance(loop, ION_MS(900)), ION_OK);
    assert_int_equal(got.count, 0);
    link_both(0);
    turn();
    assert_int_equal(seen_count, 1);
    reply(0, ION_OK, -1);
    assert_int_equal(got.rc, ION_OK);
    answerer_free(&answerer);
    turn();
    (void)ask(ION_ASK_ADMIT);
    assert_int_equal(ion_loop_advance(loop, ION_MS(1100)), ION_OK);
    assert_int_equal(got.count, 2);
    assert_int_equal(got.rc, ION_CLOSED);
}

/* Who had been asked is gone: an answer at once; who had not waits. */
static void
test_courier_dies(void **state)
{
    (void)state;
    link_both(0);
    (void)ask(ION_ASK_ADMIT);
    (void)ask(ION_ASK_WHOIS);
    turn();
    answerer_free(&answerer);
    turn();
    assert_int_equal(got.count, 2);
    assert_int_equal(got.rc, ION_CLOSED);
    (void)ask(ION_ASK_DIAL);
    turn();
    assert_int_equal(got.count, 2);
    seen_count = 0; /* another courier counts anew */
    assert_int_equal(answerer_new(&courier, &answerer), ION_OK);
    answerer_start(answerer);
    link_both(0);
    turn();
    assert_int_equal(seen_count, 1);
    assert_int_equal(seen[0].ask.kind, ION_ASK_DIAL);
}

static void
test_worker_dies(void **state)
{
    (void)state;
    link_both(0);
    (void)ask(ION_ASK_ADMIT);
    (void)ask(ION_ASK_ADMIT);
    turn();
    asker_free(&asker);
    turn();
    assert_int_equal(got.count, 2); /* its own callbacks */
    assert_true(seen[0].is_forgotten && seen[1].is_forgotten);
    reply(0, ION_OK, -1); /* nobody there */
}

/* A place is bounded on both sides; a slot that is linked anew starts anew. */
static void
test_bounds(void **state)
{
    uint64_t ids[ION_ASKS_MAX];
    ion_ask_t question = { .kind = ION_ASK_ADMIT, .timeout_ms = 5000 };
    uint64_t id;
    (void)state;
    link_both(5);
    for (size_t i = 0; i < ION_ASKS_MAX; i++) {
        ids[i] = ask(ION_ASK_ADMIT);
        if (i % 64 == 0) {
            turn();
        }
    }
    assert_int_equal(asker_ask(asker, &question, on_done, NULL, &id), ION_BUSY);
    turn();
    assert_int_equal(seen_count, ION_ASKS_MAX);
    asker_cancel(asker, ids[7]);
    (void)ask(ION_ASK_WHOIS);
    turn();
    assert_true(seen[7].is_forgotten);
    assert_int_equal(seen_count, ION_ASKS_MAX + 1);
    reply(ION_ASKS_MAX, ION_OK, -1);
    assert_int_equal(got.count, 1);
    link_both(5);
    turn();
    assert_int_equal(got.count, ION_ASKS_MAX);
    assert_int_equal(got.rc, ION_CLOSED);
    for (size_t i = 0; i < ION_ASKS_MAX; i++) {
        assert_true(seen[i].is_forgotten);
    }
}

/* A worker that was taken over: its channel is closed, or it is told no. */
static void
test_hostile_worker(void **state)
{
    static const ion_ask_t bad[] = {
        { .kind = 0, .timeout_ms = 5000 },
        { .kind = 99, .timeout_ms = 5000 },
        { .kind = ION_ASK_ADMIT, .timeout_ms = 0 },
        { .kind = ION_ASK_ADMIT, .timeout_ms = 60001 },
        { .kind = ION_ASK_DIAL, .timeout_ms = 5000, .port = 1 },
        { .kind = ION_ASK_DIAL, .timeout_ms = 5000, .host = "x" },
    };
    static const uint8_t garbage[20] = { 99, 0, 1, 0 };
    int ends[2];
    ion_chan_t *chan;
    ion_ask_t unended = { .kind = ION_ASK_DIAL, .timeout_ms = 5000, .port = 1 };
    (void)state;
    assert_int_equal(ion_chan_pair(ends), ION_OK);
    answerer_link(answerer, ends[1], 1);
    assert_int_equal(
        ion_chan_new(ends[0], ion_link_rules, ION_ROLE_COURIER, &chan), ION_OK);
    memset(unended.host, 'x', sizeof(unended.host));
    for (size_t i = 0; i <= ION_ARRAY_LEN(bad); i++) {
        const ion_ask_t *one = i < ION_ARRAY_LEN(bad) ? &bad[i] : &unended;
        ion_chan_msg_t msg;
        ion_link_answer_t head;
        assert_int_equal(ion_chan_send(chan, ION_LINK_ASK, i + 1,
                             &(ion_chan_body_t){ .p = one, .n = sizeof(*one) }),
            ION_OK);
        turn();
        assert_int_equal(ion_chan_recv(chan, &msg, NULL), ION_OK);
        memcpy(&head, msg.data, sizeof(head));
        assert_int_equal(head.rc, ION_DENIED);
        ion_chan_msg_done(&msg);
    }
    assert_int_equal(seen_count, 0);
    link_both(2);
    assert_int_equal(
        send(ion_chan_fd(chan), garbage, sizeof(garbage), 0), sizeof(garbage));
    (void)ask(ION_ASK_ADMIT);
    turn();
    assert_int_equal(seen_count, 1); /* the other one is served */
    assert_int_equal(recv(ion_chan_fd(chan), ends, 1, 0), 0);
    ion_chan_free(&chan);
}

/* A courier that was taken over. */
static void
test_hostile_courier(void **state)
{
    static const uint8_t garbage[20] = { 99, 0, 1, 0 };
    int ends[2];
    (void)state;
    assert_int_equal(ion_chan_pair(ends), ION_OK);
    asker_link(asker, ends[0]);
    (void)ask(ION_ASK_ADMIT);
    assert_int_equal(
        send(ends[1], garbage, sizeof(garbage), 0), sizeof(garbage));
    turn();
    assert_int_equal(got.count, 1);
    assert_int_equal(got.rc, ION_CLOSED);
    (void)close(ends[1]);
}

/* Questions that come before the server is there wait for it. */
static void
test_questions_before_start(void **state)
{
    (void)state;
    answerer_free(&answerer);
    courier.server = NULL;
    assert_int_equal(answerer_new(&courier, &answerer), ION_OK);
    link_both(0);
    (void)ask(ION_ASK_ADMIT);
    turn();
    assert_int_equal(seen_count, 0);
    courier.server = &server;
    answerer_start(answerer);
    turn();
    assert_int_equal(seen_count, 1);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_answer),
        TEST(test_socket_is_passed),
        TEST(test_no_socket_is_no_answer),
        TEST(test_strange_codes),
        TEST(test_cancel),
        TEST(test_too_slow),
        TEST(test_no_courier),
        TEST(test_courier_dies),
        TEST(test_worker_dies),
        TEST(test_bounds),
        TEST(test_hostile_worker),
        TEST(test_hostile_courier),
        TEST(test_questions_before_start),
    };
    return cmocka_run_group_tests_name("asking", tests, NULL, NULL);
}
