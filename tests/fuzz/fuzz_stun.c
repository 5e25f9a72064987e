/*
 * fuzz_stun.c -- datagrams to the STUN port.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Properties: what is taken is at least as long as a client's own request, so
 * replies cannot amplify; replies have the asked id.  The bytes are also
 * tried as attributes of an otherwise right request.
 */
#include <stdint.h>
#include <string.h>

#include "base/assert.h"
#include "proto/stun.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
try_datagram(const uint8_t *p, size_t n)
{
    uint8_t txid[STUN_TXID_LEN];
    uint8_t reply[STUN_REPLY_MAX];
    ion_addr_t source = { .family = n % 2 == 0 ? 4 : 6, .port = 41641 };
    size_t len;

    if (stun_parse_binding(p, n, txid) != ION_OK) {
        return;
    }
    ION_ASSERT(n >= STUN_REQUEST_LEN);
    ION_ASSERT(memcmp(txid, p + 8, sizeof(txid)) == 0);
    memcpy(source.ip, p, 4);
    len = stun_build_reply(txid, &source, reply);
    ION_ASSERT(len == 32 || len == 44);
    ION_ASSERT(memcmp(reply + 8, txid, sizeof(txid)) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t request[STUN_REQUEST_LEN + 1024];
    uint8_t txid[STUN_TXID_LEN] = { 0 };

    try_datagram(data, size);
    if (size <= 1024) {
        stun_build_request(txid, request);
        memmove(request + 20 + size, request + 20, 20);
        if (size > 0) {
            memcpy(request + 20, data, size);
        }
        try_datagram(request, STUN_REQUEST_LEN + size);
    }
    return 0;
}
