/*
 * test_derp_link_hostile.c -- relays of the mesh that do what they must not.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Who has the mesh key is trusted with reaching our clients, not with our
 * memory, our CPU or our own clients' connections.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/mesh_rig.h"
#include "shm/links.h"

#define ONE "localhost/one%pin%"

#define MAX_CLIENTS 1000u /* of the rig */

static const char packet[] = "over the mesh";

/* Keys made of a number, cheaper than real ones. */
static ion_key_t
made_up(uint32_t n)
{
    ion_key_t key = { { 0xee } };

    memcpy(key.b + 8, &n, sizeof(n));
    return key;
}

/* More clients than there is room for: the surplus is refused and counted,
 * those of this relay keep their room, and all goes with the link. */
static void
test_flood_of_present(void **state)
{
    mesh_rig_t m;
    mesh_peer_t peer;
    derp_rig_client_t a, b;
    ion_key_t first = made_up(0);
    ion_key_t last = made_up(4 * MAX_CLIENTS - 1);

    (void)state;
    mesh_rig_init(&m, 2, ONE);
    mesh_peer_link(&m, &peer, 0, "one", 50);
    for (uint32_t i = 0; i < 4 * MAX_CLIENTS; i++) {
        ion_key_t key = made_up(i);

        mesh_peer_present(&peer, &key);
        if (i % 256 == 0) {
            mesh_peer_turn(&peer);
        }
    }
    mesh_peer_turn(&peer);
    assert_int_equal(mesh_rig_forwarders(&m), MAX_CLIENTS);
    assert_int_equal(
        derp_rig_stat(&m.rig, DERP_STAT_MESH_REFUSED), 3 * MAX_CLIENTS);
    derp_rig_login(&m.rig, &a, 0, 1);
    derp_rig_login(&m.rig, &b, 1, 2);
    assert_true(derp_rig_packet(&a, &b.key, packet, sizeof(packet)));
    derp_rig_turn(&m.rig);
    assert_true(derp_rig_expect_packet(&b, &a.key, packet, sizeof(packet)));
    assert_true(derp_rig_packet(&a, &first, packet, sizeof(packet)));
    assert_true(mesh_peer_expect_forward(
        &peer, &a.key, &first, packet, sizeof(packet)));
    assert_true(derp_rig_packet(&a, &last, packet, sizeof(packet)));
    derp_rig_turn(&m.rig);
    assert_int_equal(
        derp_rig_drops(&m.rig, DERP_DROP_UNKNOWN_DEST, DERP_KIND_OTHER), 1);
    mesh_peer_close(&peer);
    assert_int_equal(mesh_rig_forwarders(&m), 0);
    assert_int_equal(ion_slab_count(m.rig.worker[0].w->mesh->forwards), 0);
    derp_rig_close(&a);
    derp_rig_close(&b);
    mesh_rig_fini(&m);
}

/* Keys that come and go all the time: nothing is left of it, and nobody's
 * control messages pile up. */
static void
test_flood_of_changes(void **state)
{
    mesh_rig_t m;
    mesh_peer_t peer;

    (void)state;
    mesh_rig_init(&m, 3, ONE);
    mesh_peer_link(&m, &peer, 0, "one", 50);
    for (uint32_t round = 0; round < 20; round++) {
        for (uint32_t i = 0; i < 500; i++) {
            ion_key_t key = made_up(i);

            mesh_peer_present(&peer, &key);
            mesh_peer_gone(&peer, &key);
        }
        mesh_peer_turn(&peer);
    }
    assert_int_equal(mesh_rig_forwarders(&m), 0);
    /* 64 by name to two workers in each turn that took frames, and one sweep */
    assert_in_range(
        derp_rig_stat(&m.rig, DERP_STAT_FABRIC_CONTROLS), 1, 20 * 12 * 2 * 65);
    mesh_peer_close(&peer);
    mesh_rig_fini(&m);
}

/* Our own clients' keys, our own key, keys told again and again. */
static void
test_keys_of_ours(void **state)
{
    mesh_rig_t m;
    mesh_peer_t peer;
    derp_rig_client_t a, b;

    (void)state;
    mesh_rig_init(&m, 2, ONE);
    mesh_peer_link(&m, &peer, 0, "one", 50);
    derp_rig_login(&m.rig, &a, 0, 1);
    derp_rig_login(&m.rig, &b, 1, 2);
    mesh_peer_present(&peer, &m.rig.public);
    for (int i = 0; i < 100; i++) {
        mesh_peer_present(&peer, &a.key);
        mesh_peer_present(&peer, &b.key);
    }
    mesh_peer_turn(&peer);
    assert_int_equal(mesh_rig_forwarders(&m), 2);
    assert_true(derp_rig_packet(&a, &b.key, packet, sizeof(packet)));
    assert_true(derp_rig_packet(&b, &a.key, packet, sizeof(packet)));
    derp_rig_turn(&m.rig);
    assert_true(derp_rig_expect_packet(&b, &a.key, packet, sizeof(packet)));
    assert_true(derp_rig_expect_packet(&a, &b.key, packet, sizeof(packet)));
    assert_int_equal(derp_rig_stat(&m.rig, DERP_STAT_FORWARDED_OUT), 0);
    assert_int_equal(derp_rig_stat(&m.rig, DERP_STAT_DUP_TOTAL), 0);
    mesh_peer_gone(&peer, &a.key);
    mesh_peer_gone(&peer, &a.key);
    mesh_peer_gone(&peer, &m.rig.public);
    mesh_peer_close(&peer);
    assert_true(derp_rig_is_quiet(&a));
    assert_true(derp_rig_is_quiet(&b)); /* a is here still */
    derp_rig_close(&a);
    derp_rig_turn(&m.rig);
    assert_true(derp_rig_expect_gone(&b, &a.key, DERP_GONE_DISCONNECTED));
    derp_rig_close(&b);
    mesh_rig_fini(&m);
}

/* Two relays that tell of the same clients, and forward what we send them
 * back to us: it is delivered or dropped, and never goes out again. */
static void
test_no_loops(void **state)
{
    mesh_rig_t m;
    mesh_peer_t one, two;
    derp_rig_client_t a, member;
    ion_key_t k = mesh_rig_key(60);
    mesh_frame_t f;

    (void)state;
    mesh_rig_init(&m, 2, ONE ", localhost/two%pin%");
    mesh_peer_link(&m, &one, 0, "one", 50);
    mesh_peer_link(&m, &two, 0, "two", 51);
    mesh_rig_member(&m, &member, 1, 50);
    derp_rig_login(&m.rig, &a, 1, 1);
    mesh_peer_present(&one, &k);
    mesh_peer_turn(&one);
    mesh_peer_present(&two, &k);
    mesh_peer_turn(&two);
    assert_true(derp_rig_packet(&a, &k, packet, sizeof(packet)));
    assert_true(
        mesh_peer_expect_forward(&one, &a.key, &k, packet, sizeof(packet)));
    assert_true(derp_rig_forward(&member, &a.key, &k, packet, sizeof(packet)));
    derp_rig_turn(&m.rig);
    mesh_peer_turn(&one);
    mesh_peer_turn(&two);
    assert_false(mesh_peer_next(&one, &f));
    assert_false(mesh_peer_next(&two, &f));
    assert_int_equal(derp_rig_stat(&m.rig, DERP_STAT_FORWARDED_OUT), 1);
    assert_int_equal(
        derp_rig_drops(&m.rig, DERP_DROP_UNKNOWN_DEST_ON_FWD, DERP_KIND_OTHER),
        1);
    mesh_peer_close(&one);
    mesh_peer_close(&two);
    derp_rig_close(&a);
    derp_rig_close(&member);
    mesh_rig_fini(&m);
}

/* Frames that mean nothing here, and too short ones, are passed over; what is
 * no frame at all ends the link. */
static void
test_garbage(void **state)
{
    mesh_rig_t m;
    mesh_peer_t peer;
    uint8_t bytes[256];

    (void)state;
    memset(bytes, 0xa5, sizeof(bytes));
    mesh_rig_init(&m, 1, ONE);
    mesh_peer_link(&m, &peer, 0, "one", 50);
    for (unsigned type = 0; type < 256; type++) {
        if (type != DERP_FRAME_PEER_PRESENT) {
            mesh_peer_send(&peer, (uint8_t)type, bytes, type);
        }
    }
    for (size_t n = 0; n < DERP_KEY_LEN; n++) {
        mesh_peer_send(&peer, DERP_FRAME_PEER_PRESENT, bytes, n);
        mesh_peer_send(&peer, DERP_FRAME_PEER_GONE, bytes, n);
    }
    mesh_peer_turn(&peer);
    assert_int_equal(mesh_rig_forwarders(&m), 0);
    assert_int_equal(mesh_rig_links(&m, ION_LINK_UP), 1);
    mesh_peer_send(&peer, DERP_FRAME_PEER_PRESENT, bytes, DERP_KEY_LEN);
    mesh_peer_turn(&peer);
    assert_int_equal(mesh_rig_forwarders(&m), 1);
    mesh_peer_write(&peer, bytes, sizeof(bytes)); /* a length of 2.7 GB */
    mesh_peer_turn(&peer);
    assert_int_equal(mesh_rig_links(&m, ION_LINK_WAITING), 1);
    assert_int_equal(mesh_rig_forwarders(&m), 0);
    mesh_peer_close(&peer);
    mesh_rig_fini(&m);
}

/* A relay that does not read: what it was to get is bounded and dropped, the
 * senders do not wait, and after five seconds the link is given up. */
static void
test_does_not_read(void **state)
{
    static uint8_t big[DERP_MAX_PACKET];
    mesh_rig_t m;
    mesh_peer_t peer;
    derp_rig_client_t a, b;
    ion_key_t k = mesh_rig_key(60);
    uint64_t dropped;

    (void)state;
    mesh_rig_init(&m, 2, ONE);
    mesh_peer_link(&m, &peer, 0, "one", 50);
    mesh_peer_present(&peer, &k);
    mesh_peer_turn(&peer);
    peer.is_mute = true;
    derp_rig_login(&m.rig, &a, 0, 1);
    derp_rig_login(&m.rig, &b, 1, 2);
    for (int i = 0; i < 100; i++) {
        assert_true(derp_rig_packet(&a, &k, big, sizeof(big)));
        derp_rig_turn(&m.rig);
        assert_true(derp_rig_packet(&b, &k, big, sizeof(big)));
        derp_rig_turn(&m.rig);
    }
    assert_true(derp_rig_packet(&b, &a.key, packet, sizeof(packet)));
    derp_rig_turn(&m.rig);
    assert_true(derp_rig_expect_packet(&a, &b.key, packet, sizeof(packet)));
    dropped = derp_rig_drops(&m.rig, DERP_DROP_QUEUE_TAIL, DERP_KIND_OTHER);
    assert_in_range(dropped, 150, 199);
    derp_rig_advance(&m.rig, ION_MS(4999));
    assert_int_equal(mesh_rig_links(&m, ION_LINK_UP), 1);
    derp_rig_advance(&m.rig, ION_MS(1));
    assert_int_equal(mesh_rig_links(&m, ION_LINK_WAITING), 1);
    mesh_peer_close(&peer);
    derp_rig_close(&a);
    derp_rig_close(&b);
    mesh_rig_fini(&m);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_flood_of_present),
        cmocka_unit_test(test_flood_of_changes),
        cmocka_unit_test(test_keys_of_ours),
        cmocka_unit_test(test_no_loops),
        cmocka_unit_test(test_garbage),
        cmocka_unit_test(test_does_not_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
