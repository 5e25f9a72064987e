/*
 * http/debug_access.h -- who may see the page under /debug/.
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef ION_HTTP_DEBUG_ACCESS_H
#define ION_HTTP_DEBUG_ACCESS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"

/*
 * http_debug_is_allowed -- loopback and Tailscale addresses may; nobody may
 * whose request came through a proxy, because its address is not the peer's.
 *
 * Errors: none.
 */
bool http_debug_is_allowed(const ion_addr_t *peer, bool is_forwarded);

/*
 * http_debug_uptime -- whole seconds since started_wall_ms (ms since 1970).
 *
 * Errors: none; 0 when the clock went backwards.
 */
uint64_t http_debug_uptime(uint64_t started_wall_ms);

#endif
