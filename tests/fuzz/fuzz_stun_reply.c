/*
 * fuzz_stun_reply.c -- datagrams that come back from a STUN port.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Properties: what is taken has an address of a known family, and it is the
 * same whatever stands behind the length that the head names.
 */
#include <stdint.h>
#include <string.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "proto/stun_reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
try_reply(const uint8_t *p, size_t n)
{
    uint8_t txid[STUN_TXID_LEN] = { 0 };
    ion_addr_t whole;
    ion_addr_t cut;

    if (n >= 20) {
        memcpy(txid, p + 8, sizeof(txid));
    }
    if (stun_parse_reply(p, n, txid, &whole) != ION_OK) {
        return;
    }
    ION_ASSERT(whole.family == 4 || whole.family == 6);
    n = 20u + ion_get_u16be(p + 2);
    ION_ASSERT(stun_parse_reply(p, n, txid, &cut) == ION_OK);
    ION_ASSERT(ion_addr_eq(&whole, &cut));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t head[8] = { 1, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42 };
    uint8_t reply[20 + 512] = { 0 };

    try_reply(data, size);
    if (size > 0 && size <= 512) { /* as the attributes of a right head */
        memcpy(reply, head, sizeof(head));
        ion_put_u16be(reply + 2, (uint16_t)size);
        memcpy(reply + 20, data, size);
        try_reply(reply, 20 + size);
    }
    return 0;
}
