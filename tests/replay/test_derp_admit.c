/*
 * test_derp_admit.c -- a login that waits to be admitted: what it may and what
 * it must not.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The courier is a table of questions that the test answers when it likes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/derp_rig.h"

#define QUESTIONS 16

static const char urls[] = "derp: {verify_client_urls: ['http://x/']}\n";
static const char urls_open[] =
    "derp: {verify_client_urls: ['http://x/'], verify_fail_open: true}\n";
static const char both[] =
    "derp: {verify_client_urls: ['http://x/'], verify_clients: true,\n"
    "  verify_fail_open: true}\n";

static const char not_admitted[] =
    "This DERP relay does not admit this device.";
static const char not_known[] =
    "This DERP relay cannot find out whether it may admit this device.";

typedef struct {
    ion_ask_t ask;
    ion_ask_done_pt done; /* NULL: over, or cancelled */
    void *arg;
} question_t;

static derp_rig_t rig;
static question_t questions[QUESTIONS];
static size_t asked;
static size_t cancelled;
static ion_err_t ask_rc;

static ion_err_t
fake_ask(ion_process_t *p, const ion_ask_t *ask, ion_ask_done_pt done,
    void *arg, uint64_t *id)
{
    (void)p;
    if (ask_rc != ION_OK) {
        return ask_rc;
    }
    assert_true(asked < QUESTIONS);
    questions[asked] = (question_t){ *ask, done, arg };
    *id = ++asked;
    return ION_OK;
}

static void
fake_cancel(ion_process_t *p, uint64_t id)
{
    (void)p;
    if (id != 0 && questions[id - 1].done != NULL) {
        questions[id - 1].done = NULL;
        cancelled++;
    }
}

static void
answer(size_t nth, ion_err_t rc)
{
    ion_ask_done_pt done = questions[nth].done;
    ion_answer_t with = { .rc = rc, .fd = -1, .text = "x: because" };

    assert_non_null(done);
    questions[nth].done = NULL;
    done(questions[nth].arg, &with);
    derp_rig_turn(&rig);
}

static void
begin(const char *yaml)
{
    derp_rig_init(&rig, 1, yaml);
    rig.worker[0].p.ask = fake_ask;
    rig.worker[0].p.cancel = fake_cancel;
    asked = 0;
    cancelled = 0;
    ask_rc = ION_OK;
}

static void
end(void)
{
    derp_rig_turn(&rig);
    assert_int_equal(derp_rig_stat(&rig, DERP_STAT_CONNECTIONS), 0);
    for (size_t i = 0; i < asked; i++) {
        assert_null(questions[i].done); /* nothing points to a session */
    }
    derp_rig_fini(&rig);
}

/* A login up to its ClientInfo. */
static void
log_in(derp_rig_client_t *c, uint32_t seed)
{
    uint8_t info[512];
    derp_rig_frame_t f;

    derp_rig_connect(&rig, c, 0, seed, NULL);
    assert_true(derp_rig_write(
        c, info, derp_rig_client_info(c, "{}", info, sizeof(info))));
    derp_rig_turn(&rig);
    assert_true(derp_rig_next(c, &f));
    assert_int_equal(f.type, DERP_FRAME_SERVER_KEY);
}

static void
expect_in(derp_rig_client_t *c)
{
    derp_rig_frame_t f;

    assert_true(derp_rig_next(c, &f));
    assert_int_equal(f.type, DERP_FRAME_SERVER_INFO);
    assert_false(derp_rig_is_closed(c));
}

static void
expect_out(derp_rig_client_t *c, const char *text)
{
    assert_true(derp_rig_expect(c, DERP_FRAME_HEALTH, text, strlen(text)));
    assert_true(derp_rig_is_closed(c));
    derp_rig_close(c);
}

static void
test_question(void **state)
{
    derp_rig_client_t c;

    (void)state;
    begin(urls);
    log_in(&c, 1);
    assert_int_equal(asked, 1);
    assert_int_equal(questions[0].ask.kind, ION_ASK_ADMIT);
    assert_int_equal(questions[0].ask.timeout_ms, 5000);
    assert_memory_equal(questions[0].ask.key, c.key.b, 32);
    assert_true(derp_rig_is_quiet(&c));
    assert_int_equal(derp_rig_stat(&rig, DERP_STAT_CONNECTIONS), 0);
    answer(0, ION_OK);
    expect_in(&c);
    assert_int_equal(derp_rig_stat(&rig, DERP_STAT_CONNECTIONS), 1);
    assert_int_equal(derp_rig_stat(&rig, DERP_STAT_ADMIT_ALLOWED), 1);
    derp_rig_close(&c);
    end();
}

static void
test_outcomes(void **state)
{
    static const struct {
        const char *yaml;
        ion_err_t rc;
        const char *text; /* NULL: in */
        derp_stat_t stat;
    } cases[] = {
        { urls, ION_DENIED, not_admitted, DERP_STAT_ADMIT_DENIED },
        { urls, ION_TIMEOUT, not_known, DERP_STAT_ADMIT_FAILED },
        { urls, ION_CLOSED, not_known, DERP_STAT_ADMIT_FAILED },
        { urls, ION_SYS, not_known, DERP_STAT_ADMIT_FAILED },
        { urls, ION_BUSY, not_known, DERP_STAT_ADMIT_BUSY },
        { urls_open, ION_OK, NULL, DERP_STAT_ADMIT_ALLOWED },
        { urls_open, ION_DENIED, not_admitted, DERP_STAT_ADMIT_DENIED },
        { urls_open, ION_TIMEOUT, NULL, DERP_STAT_ADMIT_FAILED_OPEN },
        { urls_open, ION_CLOSED, NULL, DERP_STAT_ADMIT_FAILED_OPEN },
        { urls_open, ION_BUSY, not_known, DERP_STAT_ADMIT_BUSY },
    };

    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(cases); i++) {
        derp_rig_client_t c;

        begin(cases[i].yaml);
        log_in(&c, 1);
        answer(0, cases[i].rc);
        if (cases[i].text == NULL) {
            expect_in(&c);
            derp_rig_close(&c);
        } else {
            expect_out(&c, cases[i].text);
        }
        assert_int_equal(derp_rig_stat(&rig, cases[i].stat), 1);
        assert_int_equal(derp_rig_stat(&rig, DERP_STAT_LOGIN_DENIED),
            cases[i].text != NULL ? 1 : 0);
        end();
    }
}

/* Both are asked side by side; the fail rule is for URLs alone. */
static void
test_two_questions(void **state)
{
    static const struct {
        ion_err_t whois;
        ion_err_t verify;
        const char *text;
    } cases[] = {
        { ION_OK, ION_OK, NULL },
        { ION_OK, ION_TIMEOUT, NULL },
        { ION_OK, ION_DENIED, not_admitted },
        { ION_DENIED, ION_OK, not_admitted },
        { ION_SYS, ION_OK, not_known },
    };

    (void)state;
    for (size_t i = 0; i < 2 * ION_ARRAY_LEN(cases); i++) {
        ion_err_t rc[2] = { cases[i / 2].whois, cases[i / 2].verify };
        size_t first = i % 2;
        derp_rig_client_t c;

        begin(both);
        log_in(&c, 1);
        assert_int_equal(asked, 2);
        assert_int_equal(questions[0].ask.kind, ION_ASK_WHOIS);
        answer(first, rc[first]);
        if (questions[1 - first].done != NULL) {
            assert_true(derp_rig_is_quiet(&c));
            answer(1 - first, rc[1 - first]);
        } else {
            assert_int_equal(cancelled, 1);
        }
        if (cases[i / 2].text == NULL) {
            expect_in(&c);
            derp_rig_close(&c);
        } else {
            expect_out(&c, cases[i / 2].text);
        }
        end();
    }
}

static void
test_cannot_ask(void **state)
{
    derp_rig_client_t c;

    (void)state;
    begin(urls_open);
    ask_rc = ION_BUSY;
    log_in(&c, 1);
    expect_out(&c, not_known);
    assert_int_equal(derp_rig_stat(&rig, DERP_STAT_ADMIT_BUSY), 1);
    end();
}

/* Input behind the ClientInfo waits and is all there afterwards. */
static void
test_input_waits(void **state)
{
    derp_rig_client_t a;
    derp_rig_client_t b;
    uint8_t data[600];

    (void)state;
    memset(data, 7, sizeof(data));
    begin(urls);
    log_in(&a, 1);
    answer(0, ION_OK);
    expect_in(&a);
    log_in(&b, 2);
    for (int i = 0; i < 10; i++) {
        assert_true(derp_rig_packet(&b, &a.key, data, sizeof(data)));
        derp_rig_turn(&rig);
    }
    assert_true(derp_rig_is_quiet(&a));
    assert_true(derp_rig_is_quiet(&b));
    answer(1, ION_OK);
    expect_in(&b);
    for (int i = 0; i < 10; i++) {
        assert_true(derp_rig_expect_packet(&a, &b.key, data, sizeof(data)));
    }
    derp_rig_close(&a);
    derp_rig_close(&b);
    end();
}

/* Neither does it fill the relay: what it sends stays in the socket. */
static void
test_input_is_not_read(void **state)
{
    derp_rig_client_t c;
    uint8_t data[8192] = { 0 };
    size_t sent = 0;

    (void)state;
    begin(urls);
    log_in(&c, 1);
    while (sent < ((size_t)64 << 20) &&
           derp_rig_packet(&c, &c.key, data, sizeof(data)))
    {
        sent += sizeof(data);
        derp_rig_turn(&rig);
    }
    assert_true(sent < ((size_t)16 << 20)); /* the socket was full */
    answer(0, ION_DENIED);
    assert_true(derp_rig_is_closed(&c));
    derp_rig_close(&c);
    end();
}

static void
test_client_leaves(void **state)
{
    derp_rig_client_t c;

    (void)state;
    begin(both);
    log_in(&c, 1);
    derp_rig_close(&c);
    derp_rig_turn(&rig);
    assert_int_equal(cancelled, 2);
    end();
}

/* The deadline of the login begins anew with the question, and holds. */
static void
test_deadline(void **state)
{
    derp_rig_client_t c;
    uint8_t info[512];
    size_t n;

    (void)state;
    begin(urls);
    derp_rig_connect(&rig, &c, 0, 1, NULL);
    n = derp_rig_client_info(&c, "{}", info, sizeof(info));
    derp_rig_advance(&rig, ION_SEC(9));
    assert_true(derp_rig_write(&c, info, n));
    derp_rig_advance(&rig, ION_SEC(6));
    answer(0, ION_OK);
    assert_true(derp_rig_take_hello(&c));
    derp_rig_close(&c);
    log_in(&c, 2);
    derp_rig_advance(&rig, ION_SEC(11));
    assert_true(derp_rig_is_closed(&c));
    assert_int_equal(cancelled, 1);
    derp_rig_close(&c);
    end();
}

/* The rule in force when the answer comes is the one that counts. */
static void
test_reload_between(void **state)
{
    derp_rig_client_t c;

    (void)state;
    begin(urls_open);
    log_in(&c, 1);
    derp_rig_reload(&rig, urls);
    answer(0, ION_TIMEOUT);
    expect_out(&c, not_known);
    end();
}

static int
compare(const void *a, const void *b)
{
    return memcmp(a, b, DERP_KEY_LEN);
}

static void
test_list(void **state)
{
    ion_secret_key_t secret;
    ion_key_t keys[3];
    ion_blob_t blobs[2];

    (void)state;
    begin(NULL);
    for (uint32_t i = 0; i < 3; i++) {
        derp_rig_keys(i + 1, &secret, &keys[i]);
    }
    qsort(keys, 3, sizeof(keys[0]), compare);
    blobs[0] = rig.blob[0];
    blobs[1] =
        (ion_blob_t){ "allow", (const uint8_t *)keys, 3 * sizeof(keys[0]) };
    rig.cycle.blobs = blobs;
    rig.cycle.blob_count = 2;
    for (uint32_t i = 0; i <= 4; i++) {
        derp_rig_client_t c;

        log_in(&c, i);
        if (i >= 1 && i <= 3) {
            expect_in(&c);
            derp_rig_close(&c);
        } else {
            expect_out(&c, not_admitted);
        }
    }
    blobs[1].len = 0; /* a list of nobody */
    for (uint32_t i = 0; i <= 4; i++) {
        derp_rig_client_t c;

        log_in(&c, i);
        expect_out(&c, not_admitted);
    }
    assert_int_equal(derp_rig_stat(&rig, DERP_STAT_ADMIT_UNLISTED), 7);
    assert_int_equal(asked, 0);
    rig.cycle.blobs = rig.blob;
    rig.cycle.blob_count = 1;
    end();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_question),
        cmocka_unit_test(test_outcomes),
        cmocka_unit_test(test_two_questions),
        cmocka_unit_test(test_cannot_ask),
        cmocka_unit_test(test_input_waits),
        cmocka_unit_test(test_input_is_not_read),
        cmocka_unit_test(test_client_leaves),
        cmocka_unit_test(test_deadline),
        cmocka_unit_test(test_reload_between),
        cmocka_unit_test(test_list),
    };

    return cmocka_run_group_tests_name("derp_admit", tests, NULL, NULL);
}
