/*
 * test_derp_frame.c -- DERP frame header, lengths and the server's frames.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The whole frames are vectors of the protocol's reference, made with the
 * keys named here, not with the code under test.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/base.h"
#include "base/hex.h"
#include "proto/derp_frame.h"

#define S_PUB "8f40c5adb68f25624ae5b214ea767a6ec94d829d3d7b5e1ad1ba6f3e2138285f"
#define A_PUB "358072d6365880d1aeea329adf9121383851ed21a28e3b75e965d0d2cd166254"
#define B_PUB "79a631eede1bf9c98f12032cdeadd0e7a079398fc786b88cc846ec89af85a51a"

static ion_key_t
key_of(const char *hex)
{
    ion_key_t key;

    assert_int_equal(
        ion_hex_decode(key.b, sizeof(key.b), ion_str_from(hex)), ION_OK);
    return key;
}

static void
assert_hex(const uint8_t *p, size_t n, const char *want)
{
    char text[512];

    assert_true(2 * n < sizeof(text));
    ion_hex_encode(text, p, n);
    text[2 * n] = '\0';
    assert_string_equal(text, want);
}

static void
test_t01_header_codec(void **state)
{
    static const struct {
        uint8_t in[5];
        uint8_t type;
        uint32_t len;
    } cases[] = {
        { { 0x04, 0x00, 0x00, 0x04, 0x00 }, 4, 1024 },
        { { 0x06, 0x00, 0x00, 0x00, 0x00 }, 6, 0 },
        { { 0x05, 0xff, 0xff, 0xff, 0xff }, 5, UINT32_MAX },
        { { 0x99, 0x00, 0x03, 0x0d, 0x40 }, 0x99, 200000 },
    };

    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(cases); i++) {
        derp_header_t h = { 0, 0 };
        uint8_t out[DERP_HEADER_LEN];

        assert_int_equal(
            derp_header_parse(cases[i].in, sizeof(cases[i].in), &h), ION_OK);
        assert_int_equal(h.type, cases[i].type);
        assert_int_equal(h.len, cases[i].len);
        derp_header_put(out, (derp_frame_type_t)h.type, h.len);
        assert_memory_equal(out, cases[i].in, sizeof(out));
    }
}

static void
test_header_needs_five_bytes(void **state)
{
    static const uint8_t in[5] = { 0x04, 0, 0, 4, 0 };
    derp_header_t h = { 7, 7 };

    (void)state;
    for (size_t n = 0; n < sizeof(in); n++) {
        assert_int_equal(derp_header_parse(in, n, &h), ION_AGAIN);
        assert_int_equal(h.type, 7);
        assert_int_equal(h.len, 7);
    }
}

static void
test_frame_lengths(void **state)
{
    static const struct {
        uint8_t type;
        uint32_t len;
        ion_err_t plain;
        ion_err_t mesh;
    } cases[] = {
        { DERP_FRAME_SEND_PACKET, 31, ION_MALF, ION_MALF },
        { DERP_FRAME_SEND_PACKET, 32, ION_OK, ION_OK },
        { DERP_FRAME_SEND_PACKET, 65568, ION_OK, ION_OK },
        { DERP_FRAME_SEND_PACKET, 65569, ION_MALF, ION_MALF },
        { DERP_FRAME_NOTE_PREFERRED, 0, ION_MALF, ION_MALF },
        { DERP_FRAME_NOTE_PREFERRED, 1, ION_OK, ION_OK },
        { DERP_FRAME_NOTE_PREFERRED, 2, ION_MALF, ION_MALF },
        { DERP_FRAME_FORWARD_PACKET, 63, ION_MALF, ION_MALF },
        { DERP_FRAME_FORWARD_PACKET, 64, ION_DENIED, ION_OK },
        { DERP_FRAME_FORWARD_PACKET, 65600, ION_DENIED, ION_OK },
        { DERP_FRAME_FORWARD_PACKET, 65601, ION_MALF, ION_MALF },
        { DERP_FRAME_WATCH_CONNS, 0, ION_DENIED, ION_OK },
        { DERP_FRAME_WATCH_CONNS, 1, ION_MALF, ION_MALF },
        { DERP_FRAME_CLOSE_PEER, 31, ION_MALF, ION_MALF },
        { DERP_FRAME_CLOSE_PEER, 32, ION_DENIED, ION_OK },
        { DERP_FRAME_CLOSE_PEER, 33, ION_MALF, ION_MALF },
        { DERP_FRAME_PING, 7, ION_MALF, ION_MALF },
        { DERP_FRAME_PING, 8, ION_OK, ION_OK },
        { DERP_FRAME_PING, 1000, ION_OK, ION_OK },
        { DERP_FRAME_PING, 1001, ION_MALF, ION_MALF },
        /* the wrong way round, or unknown: drained at any length */
        { DERP_FRAME_SERVER_KEY, 40, ION_UNSUPPORTED, ION_UNSUPPORTED },
        { DERP_FRAME_CLIENT_INFO, 100, ION_UNSUPPORTED, ION_UNSUPPORTED },
        { DERP_FRAME_RECV_PACKET, 0, ION_UNSUPPORTED, ION_UNSUPPORTED },
        { DERP_FRAME_KEEP_ALIVE, 9, ION_UNSUPPORTED, ION_UNSUPPORTED },
        { DERP_FRAME_PEER_GONE, 33, ION_UNSUPPORTED, ION_UNSUPPORTED },
        { DERP_FRAME_PONG, 8, ION_UNSUPPORTED, ION_UNSUPPORTED },
        { DERP_FRAME_RESTARTING, 8, ION_UNSUPPORTED, ION_UNSUPPORTED },
        { 0x99, UINT32_MAX, ION_UNSUPPORTED, ION_UNSUPPORTED },
        { 0x00, 0, ION_UNSUPPORTED, ION_UNSUPPORTED },
    };

    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(cases); i++) {
        derp_header_t h = { cases[i].type, cases[i].len };

        assert_int_equal(derp_frame_check(&h, false), cases[i].plain);
        assert_int_equal(derp_frame_check(&h, true), cases[i].mesh);
    }
}

static void
test_disco(void **state)
{
    uint8_t p[64] = { 0x54, 0x53, 0xf0, 0x9f, 0x92, 0xac };

    (void)state;
    assert_true(ion_packet_is_disco(p, 62));
    assert_true(ion_packet_is_disco(p, 64));
    assert_false(ion_packet_is_disco(p, 61));
    assert_false(ion_packet_is_disco(p, 0));
    for (size_t i = 0; i < 6; i++) {
        p[i] ^= 1;
        assert_false(ion_packet_is_disco(p, 62));
        p[i] ^= 1;
    }
}

static void
test_server_key(void **state)
{
    ion_key_t s = key_of(S_PUB);
    uint8_t out[DERP_SERVER_KEY_FRAME];

    (void)state;
    derp_server_key_put(out, &s);
    assert_hex(out, sizeof(out),
        "0100000028"
        "44455250f09f9491" S_PUB);
}

static void
test_recv_header(void **state)
{
    ion_key_t a = key_of(A_PUB);
    uint8_t out[DERP_RECV_HEADER];

    (void)state;
    derp_recv_header_put(out, &a, 11);
    assert_hex(out, sizeof(out), "050000002b" A_PUB);
    derp_recv_header_put(out, &a, 0);
    assert_hex(out, sizeof(out), "0500000020" A_PUB);
    derp_recv_header_put(out, &a, DERP_MAX_PACKET);
    assert_hex(out, sizeof(out), "0500010020" A_PUB);
}

static void
test_peer_gone(void **state)
{
    ion_key_t a = key_of(A_PUB);
    ion_key_t b = key_of(B_PUB);
    uint8_t out[DERP_PEER_GONE_FRAME];

    (void)state;
    derp_peer_gone_put(out, &a, DERP_GONE_DISCONNECTED);
    assert_hex(out, sizeof(out), "0800000021" A_PUB "00");
    derp_peer_gone_put(out, &b, DERP_GONE_NOT_HERE);
    assert_hex(out, sizeof(out), "0800000021" B_PUB "01");
}

static void
test_restarting(void **state)
{
    uint8_t out[DERP_RESTARTING_FRAME];

    (void)state;
    derp_restarting_put(out, 1, 2);
    assert_hex(out, sizeof(out), "15000000080000000100000002");
    derp_restarting_put(out, 0x01020304, UINT32_MAX);
    assert_hex(out, sizeof(out), "150000000801020304ffffffff");
}

static void
test_peer_present(void **state)
{
    ion_key_t a = key_of(A_PUB);
    ion_key_t b = key_of(B_PUB);
    ion_addr_t addr = { .family = 0 };
    uint8_t out[DERP_PEER_PRESENT_FRAME];

    (void)state;
    assert_int_equal(ion_addr_parse(ION_STR("192.0.2.1:41641"), &addr), ION_OK);
    derp_peer_present_put(out, &a, &addr, 0);
    assert_hex(out, sizeof(out),
        "0900000033" A_PUB "00000000000000000000ffffc0000201"
        "a2a9"
        "01");
    assert_int_equal(
        ion_addr_parse(ION_STR("[2001:db8::1]:443"), &addr), ION_OK);
    derp_peer_present_put(out, &b, &addr, DERP_PRESENT_MESH);
    assert_hex(out, sizeof(out),
        "0900000033" B_PUB "20010db8000000000000000000000001"
        "01bb"
        "02");
    addr.family = 0;
    derp_peer_present_put(
        out, &b, &addr, DERP_PRESENT_PROBER | DERP_PRESENT_NOT_IDEAL);
    assert_hex(out, sizeof(out),
        "0900000033" B_PUB "00000000000000000000000000000000"
        "0000"
        "0c");
}

static void
test_pong(void **state)
{
    static const uint8_t data[8] = { 1, 2, 3, 4, 5, 6, 7, 42 };
    uint8_t out[DERP_PONG_FRAME];

    (void)state;
    derp_pong_put(out, data);
    assert_hex(out, sizeof(out), "1300000008010203040506072a");
}

static void
test_upgrade_reply(void **state)
{
    static const char want[] = "HTTP/1.1 101 Switching Protocols\r\n"
                               "Upgrade: DERP\r\n"
                               "Connection: Upgrade\r\n"
                               "Derp-Version: 2\r\n"
                               "Derp-Public-Key: " S_PUB "\r\n"
                               "\r\n";
    ion_key_t s = key_of(S_PUB);
    char out[DERP_UPGRADE_REPLY_MAX];
    size_t n;

    (void)state;
    n = derp_upgrade_reply(out, &s);
    assert_int_equal(n, sizeof(want) - 1);
    assert_memory_equal(out, want, n);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_t01_header_codec),
        cmocka_unit_test(test_header_needs_five_bytes),
        cmocka_unit_test(test_frame_lengths),
        cmocka_unit_test(test_disco),
        cmocka_unit_test(test_server_key),
        cmocka_unit_test(test_recv_header),
        cmocka_unit_test(test_peer_gone),
        cmocka_unit_test(test_restarting),
        cmocka_unit_test(test_peer_present),
        cmocka_unit_test(test_pong),
        cmocka_unit_test(test_upgrade_reply),
    };

    return cmocka_run_group_tests_name("derp_frame", tests, NULL, NULL);
}
