/*
 * netif.h -- which address of this machine others would reach.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Nothing is sent: a UDP socket is connected towards a global address and
 * asked for the source address that the kernel would use.
 */
#ifndef ION_OS_NETIF_H
#define ION_OS_NETIF_H

#include <net/if.h>
#include <stdbool.h>

#include "base/addr.h"
#include "base/err.h"

typedef struct {
    ion_addr_t v4;                  /* port 0; always set, at worst 127.0.0.1 */
    char v4_interface[IF_NAMESIZE]; /* "lo" for 127.0.0.1 */
    bool has_v6;
    ion_addr_t v6; /* global or unique local, never link-local */
    char v6_interface[IF_NAMESIZE];
} ion_own_addr_t;

/*
 * ion_own_addr_find -- the machine's own addresses.
 *
 * IPv4: source towards a global address; else the first interface that is up
 * and not loopback; else 127.0.0.1.  IPv6 likewise without the last step; a
 * link-local, mapped or loopback address does not count.  Never fails.
 */
void ion_own_addr_find(ion_own_addr_t *out);

#endif
