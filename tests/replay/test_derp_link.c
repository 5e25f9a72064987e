/*
 * test_derp_link.c -- links to other relays: who owns them, what goes over
 * them, what is left when they are lost.
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

#define ONE  "localhost/one%pin%"
#define BOTH "localhost/one%pin%, localhost/two%pin%"

static const char packet[] = "over the mesh";

/* What another relay's link brings from a client of its own. */
static void
forward_in(mesh_rig_t *m, derp_rig_client_t *member, const ion_key_t *src,
    derp_rig_client_t *dst)
{
    assert_true(
        derp_rig_forward(member, src, &dst->key, packet, sizeof(packet)));
    derp_rig_turn(&m->rig);
    assert_true(derp_rig_expect_packet(dst, src, packet, sizeof(packet)));
}

/* The login of a link: our own key, the mesh key, then WatchConns. */
static void
test_login(void **state)
{
    mesh_rig_t m;
    mesh_peer_t peer;
    ion_link_row_t row;

    (void)state;
    mesh_rig_init(&m, 1, "localhost:8443/one%pin%");
    assert_int_equal(mesh_rig_open_dials(&m, "one"), 1);
    assert_int_equal(m.dials[0].ask.port, 8443);
    assert_int_equal(mesh_rig_links(&m, ION_LINK_DIALLING), 1);
    mesh_peer_link(&m, &peer, 0, "one", 50);
    assert_true(peer.is_watched);
    assert_true(ion_key_eq(&peer.client, &m.rig.public));
    assert_non_null(strstr(peer.info, "{\"meshKey\":\"5a5a5a5a"));
    assert_int_equal(mesh_rig_links(&m, ION_LINK_UP), 1);
    assert_int_equal(mesh_rig_links(&m, ION_LINK_DIALLING), 0);
    assert_true(ion_links_get(m.rig.master, m.rig.worker[0].p.slot, 0, &row));
    assert_string_equal(row.target, "localhost:8443/one");
    assert_int_equal(row.state, ION_LINK_UP);
    mesh_peer_close(&peer);
    mesh_rig_fini(&m);
}

/* T44: what a peer has is reached from every worker; ours comes first. */
static void
test_t44_mesh_out(void **state)
{
    (void)state;
    for (size_t workers = 1; workers <= 3; workers++) {
        mesh_rig_t m;
        mesh_peer_t peer;
        derp_rig_client_t a, local;
        ion_key_t k = mesh_rig_key(60);

        mesh_rig_init(&m, workers, ONE);
        mesh_peer_link(&m, &peer, 0, "one", 50);
        mesh_peer_present(&peer, &k);
        mesh_peer_turn(&peer);
        assert_int_equal(mesh_rig_forwarders(&m), 1);
        for (size_t w = 0; w < workers; w++) {
            derp_rig_login(&m.rig, &a, w, 1);
            assert_true(derp_rig_packet(&a, &k, packet, sizeof(packet)));
            assert_true(mesh_peer_expect_forward(
                &peer, &a.key, &k, packet, sizeof(packet)));
            derp_rig_login(&m.rig, &local, workers - 1, 60);
            assert_true(derp_rig_packet(&a, &k, packet, sizeof(packet)));
            derp_rig_turn(&m.rig);
            assert_true(
                derp_rig_expect_packet(&local, &a.key, packet, sizeof(packet)));
            derp_rig_close(&local);
            derp_rig_turn(&m.rig);
            assert_true(derp_rig_packet(&a, &k, "", 0));
            assert_true(mesh_peer_expect_forward(&peer, &a.key, &k, "", 0));
            assert_true(derp_rig_is_quiet(&a));
            derp_rig_close(&a);
        }
        assert_int_equal(
            derp_rig_stat(&m.rig, DERP_STAT_FORWARDED_OUT), 2 * workers);
        mesh_peer_gone(&peer, &k);
        mesh_peer_turn(&peer);
        assert_int_equal(mesh_rig_forwarders(&m), 0);
        derp_rig_login(&m.rig, &a, workers - 1, 1);
        assert_true(derp_rig_packet(&a, &k, packet, sizeof(packet)));
        derp_rig_turn(&m.rig);
        assert_int_equal(
            derp_rig_drops(&m.rig, DERP_DROP_UNKNOWN_DEST, DERP_KIND_OTHER), 1);
        mesh_peer_close(&peer);
        derp_rig_close(&a);
        mesh_rig_fini(&m);
    }
}

/* T46: a lost link takes all its clients with it, and comes back. */
static void
test_t46_mesh_reconnect(void **state)
{
    mesh_rig_t m;
    mesh_peer_t peer;
    derp_rig_client_t a;
    ion_key_t k[3] = { mesh_rig_key(60), mesh_rig_key(61), mesh_rig_key(62) };

    (void)state;
    mesh_rig_init(&m, 2, ONE);
    mesh_peer_link(&m, &peer, 0, "one", 50);
    for (int i = 0; i < 3; i++) {
        mesh_peer_present(&peer, &k[i]);
    }
    mesh_peer_turn(&peer);
    assert_int_equal(mesh_rig_forwarders(&m), 3);
    mesh_peer_close(&peer);
    assert_int_equal(mesh_rig_forwarders(&m), 0);
    assert_int_equal(mesh_rig_links(&m, ION_LINK_WAITING), 1);
    derp_rig_login(&m.rig, &a, 1, 1);
    assert_true(derp_rig_packet(&a, &k[0], packet, sizeof(packet)));
    derp_rig_advance(&m.rig, ION_SEC(5) - 1);
    assert_int_equal(mesh_rig_open_dials(&m, "one"), 0);
    assert_int_equal(
        derp_rig_drops(&m.rig, DERP_DROP_UNKNOWN_DEST, DERP_KIND_OTHER), 1);
    derp_rig_advance(&m.rig, 1);
    assert_int_equal(mesh_rig_open_dials(&m, "one"), 1);
    mesh_peer_link(&m, &peer, 0, "one", 50);
    mesh_peer_present(&peer, &k[0]);
    mesh_peer_turn(&peer);
    assert_true(derp_rig_packet(&a, &k[0], packet, sizeof(packet)));
    assert_true(
        mesh_peer_expect_forward(&peer, &a.key, &k[0], packet, sizeof(packet)));
    mesh_peer_close(&peer);
    derp_rig_close(&a);
    mesh_rig_fini(&m);
}

/* T47: a target that is this relay itself is given up for good. */
static void
test_t47_self_mesh(void **state)
{
    mesh_rig_t m;
    mesh_peer_t peer;

    (void)state;
    mesh_rig_init(&m, 2, ONE);
    mesh_peer_link(&m, &peer, 0, "one", 0); /* the seed of the rig's key */
    assert_false(peer.is_watched);
    mesh_peer_turn(&peer);
    assert_true(peer.is_closed);
    assert_int_equal(mesh_rig_links(&m, ION_LINK_SELF), 1);
    derp_rig_advance(&m.rig, ION_SEC(600));
    assert_int_equal(m.asked, 1);
    mesh_peer_close(&peer);
    mesh_rig_fini(&m);
}

/* Every way a try can fail, and the time to the next. */
static void
test_failures(void **state)
{
    mesh_rig_t m;
    mesh_peer_t peer;
    ion_link_row_t row;
    uint32_t slot;

    (void)state;
    mesh_rig_init(&m, 1, ONE);
    slot = m.rig.worker[0].p.slot;
    mesh_rig_refuse(&m, "one", "resolve one: no such host");
    assert_true(ion_links_get(m.rig.master, slot, 0, &row));
    assert_int_equal(row.state, ION_LINK_WAITING);
    assert_string_equal(row.why, "resolve one: no such host");
    m.has_no_courier = true;
    derp_rig_advance(&m.rig, ION_SEC(5));
    assert_true(ion_links_get(m.rig.master, slot, 0, &row));
    assert_non_null(strstr(row.why, "does not run"));
    m.has_no_courier = false;
    derp_rig_advance(&m.rig, ION_SEC(5));
    /* the time for the login is what the dialling has left */
    derp_rig_advance(&m.rig, ION_SEC(9));
    mesh_peer_accept(&m, &peer, 0, "one", 50);
    peer.is_mute = true;
    derp_rig_advance(&m.rig, ION_MS(999));
    assert_int_equal(mesh_rig_links(&m, ION_LINK_LOGIN), 1);
    derp_rig_advance(&m.rig, ION_MS(2));
    assert_int_equal(mesh_rig_links(&m, ION_LINK_WAITING), 1);
    assert_true(ion_links_get(m.rig.master, slot, 0, &row));
    assert_non_null(strstr(row.why, "timeout"));
    mesh_peer_close(&peer);
    /* a relay with another certificate */
    mesh_rig_reload(&m, "localhost/one#sha256-raw:"
                        "0000000000000000000000000000000000000000000000000000"
                        "000000000000");
    mesh_peer_accept(&m, &peer, 0, "one", 50);
    mesh_peer_turn(&peer);
    assert_true(ion_links_get(m.rig.master, slot, 0, &row));
    assert_non_null(strstr(row.why, "not the pinned one"));
    mesh_peer_close(&peer);
    mesh_rig_fini(&m);
}

/* Silence of two minutes ends a link; a keep-alive does not let it. */
static void
test_silence(void **state)
{
    mesh_rig_t m;
    mesh_peer_t peer;

    (void)state;
    mesh_rig_init(&m, 1, ONE);
    mesh_peer_link(&m, &peer, 0, "one", 50);
    derp_rig_advance(&m.rig, ION_SEC(119));
    mesh_peer_send(&peer, DERP_FRAME_KEEP_ALIVE, NULL, 0);
    mesh_peer_turn(&peer);
    derp_rig_advance(&m.rig, ION_SEC(119));
    assert_int_equal(mesh_rig_links(&m, ION_LINK_UP), 1);
    derp_rig_advance(&m.rig, ION_SEC(1));
    assert_int_equal(mesh_rig_links(&m, ION_LINK_WAITING), 1);
    mesh_peer_close(&peer);
    mesh_rig_fini(&m);
}

/* Whoever got a packet from a client of another relay hears when it leaves
 * the region, and only then. */
static void
test_gone_across_relays(void **state)
{
    mesh_rig_t m;
    mesh_peer_t peer, other;
    derp_rig_client_t member, r;
    ion_key_t s = mesh_rig_key(60);

    (void)state;
    for (size_t w = 0; w < 3; w++) {
        mesh_rig_init(&m, 3, BOTH);
        mesh_peer_link(&m, &peer, 0, "one", 50);
        mesh_peer_link(&m, &other, 0, "two", 51);
        mesh_rig_member(&m, &member, 2, 50);
        derp_rig_login(&m.rig, &r, w, 1);
        mesh_peer_present(&peer, &s);
        mesh_peer_present(&other, &s);
        mesh_peer_turn(&peer);
        mesh_peer_turn(&other);
        assert_int_equal(derp_rig_stat(&m.rig, DERP_STAT_MULTI_CREATED), 1);
        forward_in(&m, &member, &s, &r);
        mesh_peer_gone(&peer, &s);
        mesh_peer_turn(&peer);
        assert_true(derp_rig_is_quiet(&r)); /* the other one has it */
        assert_int_equal(derp_rig_stat(&m.rig, DERP_STAT_MULTI_DELETED), 1);
        mesh_peer_gone(&peer, &s); /* not its to say */
        mesh_peer_turn(&peer);
        assert_int_equal(derp_rig_stat(&m.rig, DERP_STAT_DELETE_OTHER), 1);
        mesh_peer_gone(&other, &s);
        mesh_peer_turn(&other);
        assert_true(derp_rig_expect_gone(&r, &s, DERP_GONE_DISCONNECTED));
        assert_true(derp_rig_is_quiet(&r));
        mesh_peer_close(&peer);
        mesh_peer_close(&other);
        derp_rig_close(&member);
        derp_rig_close(&r);
        mesh_rig_fini(&m);
    }
}

/* A client that moves from another relay to this one, and leaves it: PeerGone
 * comes then, although this relay's worker never saw it send. */
static void
test_client_moves_here(void **state)
{
    mesh_rig_t m;
    mesh_peer_t peer;
    derp_rig_client_t member, r, s;

    (void)state;
    for (int lost = 0; lost < 2; lost++) {
        ion_key_t key = mesh_rig_key(60);

        mesh_rig_init(&m, 3, ONE);
        mesh_peer_link(&m, &peer, 0, "one", 50);
        mesh_rig_member(&m, &member, 2, 50);
        derp_rig_login(&m.rig, &r, 1, 1);
        mesh_peer_present(&peer, &key);
        mesh_peer_turn(&peer);
        forward_in(&m, &member, &key, &r);
        derp_rig_login(&m.rig, &s, 2, 60);
        if (lost == 0) {
            mesh_peer_gone(&peer, &key);
            mesh_peer_turn(&peer);
            mesh_peer_close(&peer);
        } else {
            /* too many leave with it to be named one by one */
            for (uint32_t i = 0; i < 200; i++) {
                ion_key_t more = mesh_rig_key(1000 + i);

                mesh_peer_present(&peer, &more);
            }
            mesh_peer_turn(&peer);
            assert_int_equal(mesh_rig_forwarders(&m), 201);
            mesh_peer_close(&peer);
        }
        assert_int_equal(mesh_rig_forwarders(&m), 0);
        assert_true(derp_rig_is_quiet(&r));
        derp_rig_close(&s);
        derp_rig_turn(&m.rig);
        assert_true(derp_rig_expect_gone(&r, &key, DERP_GONE_DISCONNECTED));
        derp_rig_close(&member);
        derp_rig_close(&r);
        mesh_rig_fini(&m);
    }
}

/* The other way round: it leaves here while another relay has it already. */
static void
test_client_moves_away(void **state)
{
    mesh_rig_t m;
    mesh_peer_t peer;
    derp_rig_client_t r, s;

    (void)state;
    mesh_rig_init(&m, 3, ONE);
    mesh_peer_link(&m, &peer, 0, "one", 50);
    derp_rig_login(&m.rig, &r, 1, 1);
    derp_rig_login(&m.rig, &s, 2, 60);
    assert_true(derp_rig_packet(&s, &r.key, packet, sizeof(packet)));
    derp_rig_turn(&m.rig);
    assert_true(derp_rig_expect_packet(&r, &s.key, packet, sizeof(packet)));
    mesh_peer_present(&peer, &s.key);
    mesh_peer_turn(&peer);
    derp_rig_close(&s);
    derp_rig_turn(&m.rig);
    assert_true(derp_rig_is_quiet(&r));
    mesh_peer_close(&peer);
    assert_true(derp_rig_expect_gone(&r, &s.key, DERP_GONE_DISCONNECTED));
    derp_rig_close(&r);
    mesh_rig_fini(&m);
}

/* A lost link with more clients than are named one by one. */
static void
test_gone_of_many(void **state)
{
    mesh_rig_t m;
    mesh_peer_t peer;
    derp_rig_client_t member, r;
    size_t gone = 0;
    derp_rig_frame_t f;

    (void)state;
    mesh_rig_init(&m, 3, ONE);
    mesh_peer_link(&m, &peer, 0, "one", 50);
    mesh_rig_member(&m, &member, 2, 50);
    derp_rig_login(&m.rig, &r, 1, 1);
    for (uint32_t i = 0; i < 300; i++) {
        ion_key_t key = mesh_rig_key(1000 + i);

        mesh_peer_present(&peer, &key);
        mesh_peer_turn(&peer);
        forward_in(&m, &member, &key, &r);
    }
    mesh_peer_close(&peer);
    while (derp_rig_next(&r, &f)) {
        assert_int_equal(f.type, DERP_FRAME_PEER_GONE);
        gone++;
    }
    assert_int_equal(gone, 300);
    derp_rig_close(&member);
    derp_rig_close(&r);
    mesh_rig_fini(&m);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_login),
        cmocka_unit_test(test_t44_mesh_out),
        cmocka_unit_test(test_t46_mesh_reconnect),
        cmocka_unit_test(test_t47_self_mesh),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_silence),
        cmocka_unit_test(test_gone_across_relays),
        cmocka_unit_test(test_client_moves_here),
        cmocka_unit_test(test_client_moves_away),
        cmocka_unit_test(test_gone_of_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
