/*
 * test_ws_frame.c -- WebSocket frames: what is let through, what is refused,
 * cut at every byte.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Frames are written out in hex. Masked ones carry the mask 37fa213d of the
 * protocol's own examples, or 00000000.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/base.h"
#include "base/hex.h"
#include "crypto/hash.h"
#include "proto/ws_frame.h"

#define TEXT_MAX 512
#define HEX_50                                                                 \
    "0001020304050607080900010203040506070809"                                 \
    "0001020304050607080900010203040506070809"                                 \
    "00010203040506070809"
#define HEX_125     HEX_50 HEX_50 HEX_50_HALF
#define HEX_50_HALF "00010203040506070809000102030405060708090001020304"

typedef struct decode_case {
    const char *name;
    const char *in;   /* hex */
    const char *data; /* hex: payload of messages put together */
    const char *told; /* pings, pongs and the Close, as text */
    uint16_t code;    /* of the violation, 0 = none */
} decode_case_t;

static const decode_case_t cases[] = {
    { "example", "828537fa213d7f9f4d5158", "48656c6c6f", "", 0 },
    { "empty message", "828037fa213d", "", "", 0 },
    { "two fragments",
        "028337fa213d7f9f4d"
        "808237fa213d5b95",
        "48656c6c6f", "", 0 },
    { "ping between fragments",
        "02830000000048656c"
        "89820000000041 42"
        "8082000000006c6f",
        "48656c6c6f", "ping:4142 ", 0 },
    { "ping, pong, empty ping",
        "898137fa213d56"
        "8a8137fa213d56"
        "898037fa213d",
        "", "ping:61 pong:61 ping: ", 0 },
    { "125 bytes of ping", "89fd00000000" HEX_125, "", "ping:" HEX_125 " ", 0 },
    { "two messages",
        "82810000000061"
        "82810000000062",
        "6162", "", 0 },
    { "126 bytes", "82fe007e00000000" HEX_125 "ff", HEX_125 "ff", "", 0 },
    { "close", "888037fa213d", "", "close: ", 0 },
    { "close 1000", "88820000000003e8", "", "close:03e8 ", 0 },
    { "close 1001 and reason", "88840000000003e96f6b", "", "close:03e96f6b ",
        0 },
    { "close 4999", "8882000000001387", "", "close:1387 ", 0 },
    { "nothing counts behind a close",
        "88820000000003e8"
        "818100000000ff"
        "82810000000061",
        "", "close:03e8 ", 0 },
    { "text", "818537fa213d7f9f4d5158", "", "", 1003 },
    { "text fragment", "01810000000061", "", "", 1003 },
    { "text in a message",
        "02810000000061"
        "81810000000061",
        "61", "", 1002 },
    { "no mask", "820548656c6c6f", "", "", 1002 },
    { "rsv1", "c2810000000061", "", "", 1002 },
    { "rsv2", "a2810000000061", "", "", 1002 },
    { "rsv3 in a ping", "998000000000", "", "", 1002 },
    { "opcode 3", "83810000000061", "", "", 1002 },
    { "opcode 7", "878000000000", "", "", 1002 },
    { "opcode 11", "8b8000000000", "", "", 1002 },
    { "opcode 15", "8f8000000000", "", "", 1002 },
    { "ping in fragments", "09810000000061", "", "", 1002 },
    { "close in fragments", "08820000000003e8", "", "close:03e8 ", 1002 },
    { "126 bytes of ping", "89fe007e00000000" HEX_125 "ff", "", "", 1002 },
    { "continuation of nothing", "80810000000061", "", "", 1002 },
    { "continuation behind the end",
        "82810000000061"
        "80810000000061",
        "61", "", 1002 },
    { "message in a message",
        "02810000000061"
        "82810000000061",
        "61", "", 1002 },
    { "16 bits for 125", "82fe007d00000000" HEX_125, "", "", 1002 },
    { "64 bits for 125", "82ff000000000000007d00000000" HEX_125, "", "", 1002 },
    { "2^63 bytes", "82ff800000000000000000000000", "", "", 1002 },
    { "2^64-1 bytes", "82ffffffffffffffffff00000000", "", "", 1002 },
    { "2^63-1 bytes", "82ff7fffffffffffffff00000000", "", "", 1009 },
    { "one byte too many", "82ff000000000010000100000000", "", "", 1009 },
    { "close with one byte", "88810000000003", "", "", 1002 },
    { "close 999", "88820000000003e7", "", "", 1002 },
    { "close 1004", "88820000000003ec", "", "", 1002 },
    { "close 1005", "88820000000003ed", "", "", 1002 },
    { "close 1006", "88820000000003ee", "", "", 1002 },
    { "close 1015", "88820000000003f7", "", "", 1002 },
    { "close 2999", "8882000000000bb7", "", "", 1002 },
    { "close 5000", "8882000000001388", "", "", 1002 },
    { "close 65535", "888200000000ffff", "", "", 1002 },
    { "close with broken UTF-8", "88830000000003e8ff", "", "", 1007 },
    { "data before the violation",
        "82810000000061"
        "81810000000062"
        "82810000000063",
        "61", "", 1003 },
    { "a close behind the violation",
        "81850000000048656c6c6f"
        "898100000000 61"
        "88820000000003e8",
        "", "close:03e8 ", 1003 },
    { "a broken close behind the violation", "8180000000008881000000 0003", "",
        "close:03 ", 1003 },
};

static size_t
unhex(const char *hex, uint8_t *out, size_t cap)
{
    char digits[2 * TEXT_MAX + 1];
    size_t n = 0;

    for (size_t i = 0; hex[i] != '\0'; i++) {
        if (hex[i] != ' ') {
            assert_true(n < sizeof(digits));
            digits[n++] = hex[i];
        }
    }
    assert_true(n / 2 <= cap && n % 2 == 0);
    assert_int_equal(
        ion_hex_decode(out, n / 2, (ion_str_t){ digits, n }), ION_OK);
    return n / 2;
}

typedef struct seen {
    ws_decoder_t d;
    uint8_t data[TEXT_MAX];
    size_t len;
    char told[TEXT_MAX];
    unsigned failures;
} seen_t;

static void
tell(seen_t *s, const char *word, const ws_event_t *event)
{
    size_t n = strlen(s->told);

    n += (size_t)snprintf(s->told + n, sizeof(s->told) - n, "%s:", word);
    assert_true(n + 2 * event->len + 2 < sizeof(s->told));
    ion_hex_encode(s->told + n, event->p, event->len);
    memcpy(s->told + n + 2 * event->len, " ", 2);
}

static void
note(seen_t *s, const ws_event_t *event)
{
    if (event->kind == WS_BINARY) {
        assert_true(event->len > 0 && s->len + event->len <= TEXT_MAX);
        memcpy(s->data + s->len, event->p, event->len);
        s->len += event->len;
    } else if (event->kind == WS_PING) {
        tell(s, "ping", event);
    } else if (event->kind == WS_PONG) {
        tell(s, "pong", event);
    } else {
        assert_int_equal(event->kind, WS_CLOSE);
        tell(s, "close", event);
    }
}

static void
feed(seen_t *s, uint8_t *p, size_t n)
{
    size_t pos = 0;

    while (pos < n) {
        ws_event_t event;
        size_t used = 0;
        ion_err_t rc = ws_decode(&s->d, p + pos, n - pos, &used, &event);

        assert_true(used <= n - pos);
        pos += used;
        if (rc == ION_OK) {
            note(s, &event);
        } else if (rc == ION_MALF) {
            s->failures++;
        } else {
            assert_int_equal(rc, ION_AGAIN);
            assert_int_equal(pos, n);
        }
    }
}

static void
check(const decode_case_t *c, const seen_t *s)
{
    uint8_t data[TEXT_MAX];
    char told[TEXT_MAX] = "";
    size_t len = unhex(c->data, data, sizeof(data));

    (void)snprintf(told, sizeof(told), "%s", c->told);
    if (s->len != len || memcmp(s->data, data, len) != 0 ||
        strcmp(s->told, told) != 0 || s->d.code != c->code ||
        s->failures != (c->code == 0 ? 0 : 1) ||
        (c->code != 0) != (s->d.why != NULL))
    {
        fail_msg("%s: %zu bytes, told \"%s\", code %u, %u failures", c->name,
            s->len, s->told, s->d.code, s->failures);
    }
}

static void
test_decode_cut_at_every_byte(void **state)
{
    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(cases); i++) {
        uint8_t in[TEXT_MAX];
        size_t n = unhex(cases[i].in, in, sizeof(in));

        for (size_t cut = 0; cut <= n; cut++) {
            seen_t s = { .len = 0 };

            unhex(cases[i].in, in, sizeof(in));
            feed(&s, in, cut);
            feed(&s, in + cut, n - cut);
            check(&cases[i], &s);
        }
    }
}

static void
test_decode_byte_by_byte(void **state)
{
    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(cases); i++) {
        uint8_t in[TEXT_MAX];
        size_t n = unhex(cases[i].in, in, sizeof(in));
        seen_t s = { .len = 0 };

        for (size_t at = 0; at < n; at++) {
            feed(&s, in + at, 1);
        }
        check(&cases[i], &s);
    }
}

/* The limit is the message's, however it is cut into frames. */
static void
test_message_limit(void **state)
{
    static uint8_t piece[65536];
    uint8_t head[WS_CLIENT_HEADER] = { 0x02, 0xff, 0, 0, 0, 0, 0, 1 };
    uint8_t last[] = { 0x80, 0x81, 0, 0, 0, 0, 'x' };
    ws_decoder_t d = { 0 };
    ws_event_t event;
    size_t used;

    (void)state;
    for (size_t i = 0; i < WS_MAX_MESSAGE / sizeof(piece); i++) {
        uint8_t copy[WS_CLIENT_HEADER];

        memcpy(copy, head, sizeof(copy));
        assert_int_equal(
            ws_decode(&d, copy, sizeof(copy), &used, &event), ION_AGAIN);
        assert_int_equal(
            ws_decode(&d, piece, sizeof(piece), &used, &event), ION_OK);
        assert_int_equal(used, sizeof(piece));
        assert_int_equal(event.len, sizeof(piece));
        head[0] = 0x00;
    }
    assert_int_equal(
        ws_decode(&d, last, sizeof(last), &used, &event), ION_MALF);
    assert_int_equal(d.code, WS_CODE_TOO_BIG);
}

/* Nothing more has to come for a refused Close to be seen as one. */
static void
test_empty_close_refused(void **state)
{
    uint8_t in[] = { 0x88, 0x00 };
    ws_decoder_t d = { 0 };
    ws_event_t event;
    size_t used;

    (void)state;
    assert_int_equal(ws_decode(&d, in, sizeof(in), &used, &event), ION_MALF);
    assert_int_equal(used, sizeof(in));
    assert_int_equal(d.code, WS_CODE_PROTOCOL);
    assert_true(d.has_close);
}

static void
test_server_header(void **state)
{
    static const struct {
        ws_opcode_t opcode;
        uint64_t len;
        const char *hex;
    } heads[] = {
        { WS_BINARY, 0, "8200" },
        { WS_PONG, 125, "8a7d" },
        { WS_BINARY, 126, "827e007e" },
        { WS_BINARY, 65535, "827effff" },
        { WS_BINARY, 65536, "827f0000000000010000" },
    };

    (void)state;
    for (size_t i = 0; i < ION_ARRAY_LEN(heads); i++) {
        uint8_t out[WS_SERVER_HEADER];
        uint8_t expected[WS_SERVER_HEADER];
        size_t n = unhex(heads[i].hex, expected, sizeof(expected));

        assert_int_equal(ws_header_put(out, heads[i].opcode, heads[i].len), n);
        assert_memory_equal(out, expected, n);
    }
}

static void
test_close_frame(void **state)
{
    char reason[200];
    uint8_t out[WS_CONTROL_FRAME];

    (void)state;
    memset(reason, 'r', sizeof(reason));
    assert_int_equal(ws_close_put(out, WS_CODE_NONE, ION_STR("lost")), 2);
    assert_memory_equal(out, "\x88\x00", 2);
    assert_int_equal(ws_close_put(out, WS_CODE_NORMAL, ION_STR("")), 4);
    assert_memory_equal(out, "\x88\x02\x03\xe8", 4);
    assert_int_equal(ws_close_put(out, WS_CODE_POLICY, ION_STR("no")), 6);
    assert_memory_equal(out, "\x88\x04\x03\xf0no", 6);
    assert_int_equal(ws_close_put(out, WS_CODE_TOO_BIG,
                         (ion_str_t){ reason, sizeof(reason) }),
        WS_CONTROL_FRAME);
    assert_memory_equal(out, "\x88\x7d\x03\xf1rr", 6);
}

static void
test_accept_key(void **state)
{
    static const char *const bad[] = {
        "",
        "dGhlIHNhbXBsZSBub25jZQ=",
        "dGhlIHNhbXBsZSBub25jZQ==\n",
        "dGhlIHNhbXBsZSBub25jZQAA",
        "dGhlIHNhbXBsZSBub25jZ\n==",
        "!GhlIHNhbXBsZSBub25jZQ==",
        "dGhlIHNhbXBsZSBub25jZSEhISEhISEh",
    };
    char out[WS_ACCEPT_LEN + 1];

    (void)state;
    assert_int_equal(
        ws_accept_key(ION_STR("dGhlIHNhbXBsZSBub25jZQ=="), out), ION_OK);
    assert_string_equal(out, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    for (size_t i = 0; i < ION_ARRAY_LEN(bad); i++) {
        assert_int_equal(ws_accept_key(ion_str_from(bad[i]), out), ION_MALF);
    }
}

static int
init(void **state)
{
    (void)state;
    return ion_crypto_init() == ION_OK ? 0 : -1;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decode_cut_at_every_byte),
        cmocka_unit_test(test_decode_byte_by_byte),
        cmocka_unit_test(test_message_limit),
        cmocka_unit_test(test_empty_close_refused),
        cmocka_unit_test(test_server_header),
        cmocka_unit_test(test_close_frame),
        cmocka_unit_test(test_accept_key),
    };

    return cmocka_run_group_tests(tests, init, NULL);
}
