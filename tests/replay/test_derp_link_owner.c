/*
 * test_derp_link_owner.c -- who owns the mesh links, and how they change
 * hands: deaths, drains, a lower index, reloads.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/mesh_rig.h"
#include "shm/links.h"

#define ONE "localhost/one%pin%"
#define TWO "localhost/two%pin%"

static const char packet[] = "over the mesh";

/* A client of a worker reaches k over that peer's link. */
static void
assert_reaches(derp_rig_client_t *from, const ion_key_t *k, mesh_peer_t *over)
{
    assert_true(derp_rig_packet(from, k, packet, sizeof(packet)));
    assert_true(
        mesh_peer_expect_forward(over, &from->key, k, packet, sizeof(packet)));
}

/* The owner is killed: the next one dials at once. */
static void
test_owner_killed(void **state)
{
    mesh_rig_t m;
    mesh_peer_t peer, again;
    derp_rig_client_t a;
    ion_key_t k = mesh_rig_key(60);

    (void)state;
    mesh_rig_init(&m, 3, ONE);
    assert_int_equal(m.asked, 1); /* one owner, not three */
    mesh_peer_link(&m, &peer, 0, "one", 50);
    mesh_peer_present(&peer, &k);
    mesh_peer_turn(&peer);
    derp_rig_login(&m.rig, &a, 2, 1);
    assert_reaches(&a, &k, &peer);
    mesh_rig_kill(&m, 0);
    assert_int_equal(mesh_rig_forwarders(&m), 0);
    assert_int_equal(mesh_rig_open_dials(&m, "one"), 1);
    mesh_peer_link(&m, &again, 1, "one", 50);
    mesh_peer_present(&again, &k);
    mesh_peer_turn(&again);
    assert_reaches(&a, &k, &again);
    assert_true(derp_rig_retired(&m.rig, 0));
    assert_reaches(&a, &k, &again);
    mesh_peer_close(&peer);
    mesh_peer_close(&again);
    derp_rig_close(&a);
    mesh_rig_fini(&m);
}

/* The owner dies while it dials: nobody waits for its answer. */
static void
test_owner_killed_dialling(void **state)
{
    mesh_rig_t m;
    mesh_peer_t peer;

    (void)state;
    mesh_rig_init(&m, 2, ONE);
    assert_int_equal(mesh_rig_open_dials(&m, "one"), 1);
    mesh_rig_kill(&m, 0);
    assert_int_equal(mesh_rig_open_dials(&m, "one"), 1);
    mesh_peer_link(&m, &peer, 1, "one", 50);
    mesh_peer_close(&peer);
    mesh_rig_fini(&m);
}

/* A worker with a lower index comes: it takes the link over, and no packet
 * and no client behind it is lost on the way. */
static void
test_hand_over(void **state)
{
    mesh_rig_t m;
    mesh_peer_t old, new;
    derp_rig_client_t a, member, r;
    ion_key_t k = mesh_rig_key(60);

    (void)state;
    mesh_rig_init(&m, 3, ONE);
    mesh_rig_kill(&m, 0);
    mesh_peer_link(&m, &old, 1, "one", 50);
    mesh_peer_present(&old, &k);
    mesh_peer_turn(&old);
    derp_rig_login(&m.rig, &a, 2, 1);
    derp_rig_login(&m.rig, &r, 1, 2);
    mesh_rig_member(&m, &member, 2, 50);
    assert_true(derp_rig_forward(&member, &k, &r.key, "", 0));
    derp_rig_turn(&m.rig);
    assert_true(derp_rig_expect_packet(&r, &k, "", 0));

    assert_true(derp_rig_retired(&m.rig, 0));
    assert_int_equal(mesh_rig_start(&m, 0), 3);
    derp_rig_turn(&m.rig);
    assert_int_equal(mesh_rig_open_dials(&m, "one"), 1);
    assert_reaches(&a, &k, &old); /* make before break */
    /* a try that fails changes nothing */
    mesh_rig_refuse(&m, "one", "refused");
    derp_rig_advance(&m.rig, ION_SEC(4));
    assert_reaches(&a, &k, &old);
    derp_rig_advance(&m.rig, ION_SEC(1));
    mesh_peer_link(&m, &new, 3, "one", 50);
    mesh_peer_present(&new, &k);
    mesh_peer_turn(&new);
    assert_reaches(&a, &k, &old);
    assert_int_equal(mesh_rig_links(&m, ION_LINK_UP), 2);
    derp_rig_advance(&m.rig, ION_SEC(2));
    assert_int_equal(mesh_rig_links(&m, ION_LINK_UP), 1);
    assert_int_equal(mesh_rig_forwarders(&m), 1);
    assert_reaches(&a, &k, &new);
    mesh_peer_turn(&old);
    assert_true(old.is_closed);
    assert_true(derp_rig_is_quiet(&r)); /* k never was away */
    derp_rig_advance(&m.rig, ION_SEC(30));
    assert_int_equal(mesh_rig_open_dials(&m, NULL), 0);

    mesh_peer_close(&old);
    mesh_peer_close(&new);
    assert_true(derp_rig_expect_gone(&r, &k, DERP_GONE_DISCONNECTED));
    derp_rig_close(&a);
    derp_rig_close(&r);
    derp_rig_close(&member);
    mesh_rig_fini(&m);
}

/* The old owner's link breaks before the new one has its own: it is not the
 * old one's to dial again. */
static void
test_old_link_breaks(void **state)
{
    mesh_rig_t m;
    mesh_peer_t old, new;

    (void)state;
    mesh_rig_init(&m, 2, ONE);
    mesh_rig_kill(&m, 0);
    mesh_peer_link(&m, &old, 1, "one", 50);
    assert_true(derp_rig_retired(&m.rig, 0));
    (void)mesh_rig_start(&m, 0);
    derp_rig_turn(&m.rig);
    mesh_peer_close(&old);
    derp_rig_advance(&m.rig, ION_SEC(60));
    assert_int_equal(mesh_rig_open_dials(&m, "one"), 1); /* the new one's */
    assert_int_equal(m.asked, 3);
    mesh_peer_link(&m, &new, 2, "one", 50);
    assert_int_equal(mesh_rig_links(&m, ION_LINK_UP), 1);
    mesh_peer_close(&new);
    mesh_rig_fini(&m);
}

/* The new owner dies before it has the link: the old one goes on. */
static void
test_owned_again(void **state)
{
    mesh_rig_t m;
    mesh_peer_t old;
    derp_rig_client_t a;
    ion_key_t k = mesh_rig_key(60);
    size_t new;

    (void)state;
    mesh_rig_init(&m, 2, ONE);
    mesh_rig_kill(&m, 0);
    mesh_peer_link(&m, &old, 1, "one", 50);
    mesh_peer_present(&old, &k);
    mesh_peer_turn(&old);
    assert_true(derp_rig_retired(&m.rig, 0));
    new = mesh_rig_start(&m, 0);
    derp_rig_turn(&m.rig);
    mesh_rig_kill(&m, new);
    derp_rig_advance(&m.rig, ION_SEC(10));
    derp_rig_login(&m.rig, &a, 1, 1);
    assert_reaches(&a, &k, &old);
    assert_int_equal(mesh_rig_open_dials(&m, NULL), 0);
    /* and dials again when the link is lost */
    mesh_peer_close(&old);
    derp_rig_advance(&m.rig, ION_SEC(5));
    assert_int_equal(mesh_rig_open_dials(&m, "one"), 1);
    derp_rig_close(&a);
    mesh_rig_fini(&m);
}

/* A worker that drains stays until another one has its links, but not for
 * ever, and not when there is none. */
static void
test_drain(void **state)
{
    mesh_rig_t m;
    mesh_peer_t old, new;
    uint32_t *idle = &m.rig.worker[0].idle_calls;

    (void)state;
    mesh_rig_init(&m, 2, ONE);
    mesh_peer_link(&m, &old, 0, "one", 50);
    mesh_rig_drain(&m, 0);
    assert_int_equal(*idle, 0);
    mesh_peer_link(&m, &new, 1, "one", 50);
    derp_rig_advance(&m.rig, ION_SEC(2));
    assert_int_equal(*idle, 1);
    mesh_peer_close(&old);
    mesh_rig_drain(&m, 1);
    assert_int_equal(m.rig.worker[1].idle_calls, 1);
    mesh_peer_close(&new);
    mesh_rig_fini(&m);

    mesh_rig_init(&m, 2, ONE);
    mesh_peer_link(&m, &old, 0, "one", 50);
    mesh_rig_drain(&m, 0);
    derp_rig_advance(&m.rig, ION_MS(4900));
    assert_int_equal(*idle, 0);
    derp_rig_advance(&m.rig, ION_SEC(1));
    assert_int_equal(*idle, 1); /* worker 1 cannot reach it */
    mesh_peer_close(&old);
    mesh_rig_fini(&m);
}

/* A mesh member's connection never ends by itself: a drain does not wait. */
static void
test_drain_with_member(void **state)
{
    mesh_rig_t m;
    derp_rig_client_t member, a;

    (void)state;
    mesh_rig_init(&m, 1, NULL);
    mesh_rig_member(&m, &member, 0, 50);
    derp_rig_login(&m.rig, &a, 0, 1);
    mesh_rig_drain(&m, 0);
    assert_int_equal(m.rig.worker[0].idle_calls, 0);
    derp_rig_close(&a);
    derp_rig_turn(&m.rig);
    assert_int_equal(m.rig.worker[0].idle_calls, 1);
    derp_rig_close(&member);
    derp_rig_turn(&m.rig);
    assert_int_equal(m.rig.worker[0].idle_calls, 1);
    mesh_rig_fini(&m);
}

/* A reload touches the targets that it changes, and no other. */
static void
test_reload(void **state)
{
    mesh_rig_t m;
    mesh_peer_t one, two;
    derp_rig_client_t a;
    ion_key_t k = mesh_rig_key(60);

    (void)state;
    mesh_rig_init(&m, 2, ONE);
    derp_rig_login(&m.rig, &a, 1, 1);
    mesh_peer_link(&m, &one, 0, "one", 50);
    mesh_peer_present(&one, &k);
    mesh_peer_turn(&one);
    mesh_rig_reload(&m, TWO ", " ONE);
    assert_int_equal(m.asked, 2);
    mesh_peer_link(&m, &two, 0, "two", 51);
    assert_reaches(&a, &k, &one);
    mesh_rig_reload(&m, TWO);
    mesh_peer_turn(&one);
    assert_true(one.is_closed);
    assert_int_equal(mesh_rig_forwarders(&m), 0);
    mesh_peer_present(&two, &k);
    mesh_peer_turn(&two);
    assert_reaches(&a, &k, &two);
    mesh_rig_reload(&m, NULL);
    mesh_peer_turn(&two);
    assert_true(two.is_closed);
    assert_int_equal(mesh_rig_links(&m, ION_LINK_UP), 0);
    mesh_rig_reload(&m, ONE);
    assert_int_equal(mesh_rig_open_dials(&m, "one"), 1);
    mesh_rig_reload(&m, "localhost/one"); /* without a pin: another link */
    assert_int_equal(mesh_rig_open_dials(&m, "one"), 1);
    assert_int_equal(m.asked, 4);
    mesh_peer_close(&one);
    mesh_peer_close(&two);
    derp_rig_close(&a);
    mesh_rig_fini(&m);
}

/* The most relays that a list may have. */
static void
test_many_targets(void **state)
{
    mesh_rig_t m;
    char list[1024];
    size_t n = 0;

    (void)state;
    for (unsigned i = 0; i < ION_MESH_TARGETS_MAX; i++) {
        n += (size_t)snprintf(list + n, sizeof(list) - n, "%slocalhost/t%u",
            i == 0 ? "" : ", ", i);
    }
    mesh_rig_init(&m, 1, list);
    assert_int_equal(mesh_rig_open_dials(&m, NULL), ION_MESH_TARGETS_MAX);
    assert_int_equal(
        mesh_rig_links(&m, ION_LINK_DIALLING), ION_MESH_TARGETS_MAX);
    mesh_rig_fini(&m);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_owner_killed),
        cmocka_unit_test(test_owner_killed_dialling),
        cmocka_unit_test(test_hand_over),
        cmocka_unit_test(test_old_link_breaks),
        cmocka_unit_test(test_owned_again),
        cmocka_unit_test(test_drain),
        cmocka_unit_test(test_drain_with_member),
        cmocka_unit_test(test_reload),
        cmocka_unit_test(test_many_targets),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
