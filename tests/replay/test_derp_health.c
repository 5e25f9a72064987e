/*
 * test_derp_health.c -- what clients are told about their connection, and
 * what the relay finds about itself.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "derp/derp_check.h"
#include "lib/derp_rig.h"

enum { KEY_A = 1, KEY_B = 2, KEY_K = 9 };

/* workers of the two devices that have one key */
static const struct {
    size_t c1;
    size_t c2;
} places[] = { { 0, 0 }, { 0, 2 } };

static derp_rig_t rig;

static int
setup(void **state)
{
    (void)state;
    derp_rig_init(&rig, 3, "worker_shutdown_timeout: 90s\n");
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    derp_rig_turn(&rig);
    for (size_t i = 0; i < rig.count; i++) {
        assert_int_equal(derp_pool_used(rig.worker[i].w->pool), 0);
    }
    derp_rig_fini(&rig);
    return 0;
}

static void
leave(derp_rig_client_t *c)
{
    derp_rig_close(c);
    derp_rig_turn(&rig);
}

/* a frame, and its answer, with nothing else before it */
static void
speak(derp_rig_client_t *c)
{
    assert_true(derp_rig_send(c, DERP_FRAME_PING, "12345678", 8));
    derp_rig_turn(&rig);
    assert_true(derp_rig_expect(c, DERP_FRAME_PONG, "12345678", 8));
}

static void
expect_health(derp_rig_client_t *c, const char *part)
{
    derp_rig_frame_t f;
    char text[512] = "";

    assert_true(derp_rig_next(c, &f));
    assert_int_equal(f.type, DERP_FRAME_HEALTH);
    assert_true(f.len < sizeof(text));
    if (f.len > 0) {
        memcpy(text, f.p, f.len);
    }
    if (part == NULL) {
        assert_string_equal(text, "");
    } else if (strstr(text, part) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", text, part);
    }
}

/* speaks, and is told what is wrong besides */
static void
speak_and_hear(derp_rig_client_t *c, const char *part)
{
    assert_true(derp_rig_send(c, DERP_FRAME_PING, "12345678", 8));
    derp_rig_turn(&rig);
    assert_true(derp_rig_expect(c, DERP_FRAME_PONG, "12345678", 8));
    expect_health(c, part);
}

/* Both are told, each once, and when it is over. */
static void
test_two_devices_with_one_key(void **state)
{
    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(places); i++) {
        derp_rig_client_t c1, c2;

        derp_rig_login(&rig, &c1, places[i].c1, KEY_K);
        derp_rig_login(&rig, &c2, places[i].c2, KEY_K);
        speak(&c1);
        speak(&c2);
        derp_rig_advance(&rig, DERP_DUP_TELL_AFTER);
        speak(&c2); /* has been the active one already */
        speak_and_hear(&c1, "another device with the same node key");
        speak_and_hear(&c2, "another device with the same node key");
        speak(&c1);
        speak(&c2);
        leave(&c2);
        derp_rig_turn(&rig);
        expect_health(&c1, NULL);
        speak(&c1);
        leave(&c1);
    }
}

/* A client that has connected anew, and whose old connection is dead. */
static void
test_an_old_connection_is_no_other_device(void **state)
{
    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(places); i++) {
        derp_rig_client_t old, new;

        derp_rig_login(&rig, &old, places[i].c1, KEY_K);
        speak(&old);
        derp_rig_login(&rig, &new, places[i].c2, KEY_K);
        for (int n = 0; n < 5; n++) {
            derp_rig_client_t other;

            derp_rig_advance(&rig, ION_SEC(3));
            /* whatever else happens in the directory */
            derp_rig_login(&rig, &other, 1, KEY_A);
            leave(&other);
            speak(&new);
        }
        assert_true(derp_rig_is_quiet(&old));
        leave(&old);
        speak(&new);
        assert_true(derp_rig_is_quiet(&new));
        leave(&new);
    }
}

/* A second one that comes later is told later. */
static void
test_told_again_about_the_next_one(void **state)
{
    derp_rig_client_t c1, c2;

    (void)state;
    derp_rig_login(&rig, &c1, 0, KEY_K);
    for (int n = 0; n < 2; n++) {
        derp_rig_login(&rig, &c2, 1, KEY_K);
        derp_rig_advance(&rig, DERP_DUP_TELL_AFTER - ION_MS(1));
        speak(&c1);
        speak(&c2);
        derp_rig_advance(&rig, ION_MS(1));
        speak_and_hear(&c1, "same node key");
        leave(&c2);
        derp_rig_turn(&rig);
        expect_health(&c1, NULL);
    }
    leave(&c1);
}

static void
drain(size_t worker)
{
    derp_rig_worker_t *r = &rig.worker[worker];

    r->p.draining = true;
    derp_worker_drain(&r->p, r->w->self);
    derp_rig_turn(&rig);
}

static void
test_draining(void **state)
{
    derp_rig_client_t a, b;

    (void)state;
    derp_rig_login(&rig, &a, 0, KEY_A);
    derp_rig_login(&rig, &b, 1, KEY_B);
    drain(0);
    expect_health(&a, "shutting down: this connection ends within 90 s");
    assert_true(derp_rig_is_quiet(&b));
    speak(&a);
    leave(&a);
    leave(&b);
    rig.worker[0].p.draining = false;
}

/* Without a limit they may stay as long as they like: nothing to tell. */
static void
test_draining_without_a_limit(void **state)
{
    derp_rig_client_t a;

    (void)state;
    derp_rig_reload(&rig, "worker_shutdown_timeout: 0\n");
    derp_rig_login(&rig, &a, 0, KEY_A);
    drain(0);
    assert_true(derp_rig_is_quiet(&a));
    leave(&a);
    rig.worker[0].p.draining = false;
}

static void
test_cleared_while_draining(void **state)
{
    derp_rig_client_t c1, c2;

    (void)state;
    derp_rig_login(&rig, &c1, 0, KEY_K);
    derp_rig_login(&rig, &c2, 1, KEY_K);
    derp_rig_advance(&rig, DERP_DUP_TELL_AFTER);
    speak_and_hear(&c1, "same node key");
    drain(0);
    expect_health(&c1, "shutting down");
    leave(&c2);
    derp_rig_turn(&rig);
    expect_health(&c1, "shutting down"); /* which still holds */
    leave(&c1);
    rig.worker[0].p.draining = false;
}

static uint32_t
problems(size_t worker, const char *part)
{
    ion_sb_t sb;
    uint32_t n;

    ion_sb_init(&sb, 16384);
    n = derp_check(rig.worker[worker].w, &sb);
    if (part != NULL && (n == 0 || strstr(sb.p, part) == NULL)) {
        fail_msg("\"%s\" is not in \"%s\"", part, n == 0 ? "" : sb.p);
    }
    ion_sb_fini(&sb);
    return n;
}

static void
test_check(void **state)
{
    derp_rig_client_t c1, c2, a;
    derp_worker_t *w = rig.worker[0].w;
    derp_session_t *s;
    ion_conn_id_t conn;

    (void)state;
    derp_rig_login(&rig, &a, 0, KEY_A);
    derp_rig_login(&rig, &c1, 0, KEY_K);
    derp_rig_login(&rig, &c2, 1, KEY_K);
    for (size_t i = 0; i < rig.count; i++) {
        assert_int_equal(problems(i, NULL), 0);
    }

    /* a gauge that went wrong is seen at its worker, and by all as a sum */
    ion_stat_add(w->stats, DERP_STAT_CONNECTIONS, 1);
    assert_int_equal(problems(0, "its gauge says 3"), 2);
    assert_int_equal(problems(1, "together have 4"), 1);
    ion_stat_sub(w->stats, DERP_STAT_CONNECTIONS, 2);
    assert_int_equal(problems(1, "together have 2"), 1);
    ion_stat_add(w->stats, DERP_STAT_CONNECTIONS, 1);
    assert_int_equal(problems(0, NULL), 0);

    /* a connection that this worker has lost */
    s = ION_CONTAINER_OF(ion_list_first(&w->all), derp_session_t, link);
    conn = s->st.entry.conn;
    w->by_record[conn.record] = NULL;
    assert_int_equal(problems(0, "has no such connection"), 1);
    w->by_record[conn.record] = s;

    /* another key than the directory has, which finds nobody by it */
    s->st.key.b[0] ^= 1;
    assert_int_equal(problems(0, "has another key"), 2);
    assert_int_equal(problems(0, "does not find it"), 2);
    s->st.key.b[0] ^= 1;
    assert_int_equal(problems(0, NULL), 0);
    leave(&a);
    leave(&c1);
    leave(&c2);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            test_two_devices_with_one_key, setup, teardown),
        cmocka_unit_test_setup_teardown(
            test_an_old_connection_is_no_other_device, setup, teardown),
        cmocka_unit_test_setup_teardown(
            test_told_again_about_the_next_one, setup, teardown),
        cmocka_unit_test_setup_teardown(test_draining, setup, teardown),
        cmocka_unit_test_setup_teardown(
            test_draining_without_a_limit, setup, teardown),
        cmocka_unit_test_setup_teardown(
            test_cleared_while_draining, setup, teardown),
        cmocka_unit_test_setup_teardown(test_check, setup, teardown),
    };

    return cmocka_run_group_tests_name("derp_health", tests, NULL, NULL);
}
