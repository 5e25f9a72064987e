/*
 * fuzz_derp_frame.c -- header codec, length rules and the frame builders.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Properties: parse and put are inverse; no frame that is let through may be
 * longer than a client's largest; what we build, a client accepts.
 */
#include <stdint.h>
#include <string.h>

#include "base/assert.h"
#include "proto/derp_frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_header(const derp_header_t *h, const uint8_t *bytes)
{
    uint8_t again[DERP_HEADER_LEN];
    ion_err_t plain = derp_frame_check(h, false);
    ion_err_t mesh = derp_frame_check(h, true);

    derp_header_put(again, (derp_frame_type_t)h->type, h->len);
    ION_ASSERT(memcmp(again, bytes, sizeof(again)) == 0);
    ION_ASSERT(plain != ION_OK || mesh == ION_OK);
    ION_ASSERT(mesh != ION_OK || h->len <= DERP_MAX_FORWARD);
    ION_ASSERT((plain == ION_UNSUPPORTED) == (mesh == ION_UNSUPPORTED));
}

static void
check_built(const uint8_t *frame, size_t len)
{
    derp_header_t h;

    ION_ASSERT(derp_header_parse(frame, len, &h) == ION_OK);
    ION_ASSERT(h.len <= DERP_MAX_FRAME);
}

static void
build_frames(const uint8_t *p, size_t n)
{
    ion_key_t key;
    ion_addr_t addr = { .family = 4 };
    uint8_t frame[DERP_PEER_PRESENT_FRAME];
    char reply[DERP_UPGRADE_REPLY_MAX];

    if (n < sizeof(key)) {
        return;
    }
    memcpy(key.b, p, sizeof(key.b));
    memcpy(addr.ip, p, 4);
    derp_server_key_put(frame, &key);
    check_built(frame, DERP_SERVER_KEY_FRAME);
    derp_recv_header_put(frame, &key, ION_MIN(n, (size_t)DERP_MAX_PACKET));
    check_built(frame, DERP_RECV_HEADER);
    derp_peer_gone_put(frame, &key, DERP_GONE_NOT_HERE);
    check_built(frame, DERP_PEER_GONE_FRAME);
    derp_peer_present_put(frame, &key, &addr, p[0]);
    check_built(frame, DERP_PEER_PRESENT_FRAME);
    ION_ASSERT(frame[DERP_PEER_PRESENT_FRAME - 1] != 0);
    ION_ASSERT(derp_upgrade_reply(reply, &key) < sizeof(reply));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t at = 0;
    derp_header_t h;

    /* as a stream of frames */
    while (derp_header_parse(data + at, size - at, &h) == ION_OK) {
        size_t left = size - at - DERP_HEADER_LEN;
        size_t payload = ION_MIN(left, (size_t)h.len);

        check_header(&h, data + at);
        at += DERP_HEADER_LEN;
        (void)ion_packet_is_disco(data + at, payload);
        build_frames(data + at, payload);
        at += payload;
    }
    return 0;
}
