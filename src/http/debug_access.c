/*
 * http/debug_access.c -- the address rule of /debug/.
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "http/debug_access.h"

#include <string.h>

#include "base/clock.h"

/* 100.64.0.0/10 without 100.115.92.0/23, which belongs to ChromeOS. */
static bool
is_tailscale_v4(const uint8_t ip[16])
{
    bool is_shared = ip[0] == 100 && (ip[1] & 0xc0) == 64;
    bool is_chrome = ip[0] == 100 && ip[1] == 115 && (ip[2] & 0xfe) == 92;
    return is_shared && !is_chrome;
}

/* fd7a:115c:a1e0::/48 */
static bool
is_tailscale_v6(const uint8_t ip[16])
{
    static const uint8_t prefix[6] = { 0xfd, 0x7a, 0x11, 0x5c, 0xa1, 0xe0 };
    return memcmp(ip, prefix, sizeof(prefix)) == 0;
}

bool
http_debug_is_allowed(const ion_addr_t *peer, bool is_forwarded)
{
    if (is_forwarded) {
        return false;
    }
    if (ion_addr_is_loopback(peer)) {
        return true;
    }
    return (peer->family == 4 && is_tailscale_v4(peer->ip)) ||
           (peer->family == 6 && is_tailscale_v6(peer->ip));
}

uint64_t
http_debug_uptime(uint64_t started_wall_ms)
{
    int64_t ms = ion_wall_now_ms() - (int64_t)started_wall_ms;
    return ms < 0 ? 0 : (uint64_t)ms / 1000;
}
