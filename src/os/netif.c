/*
 * netif.c -- which address of this machine others would reach.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "os/netif.h"

#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Addresses that only a default route leads to; nothing is ever sent. */
static const ion_addr_t far_v4 = {
    .family = 4, .ip = { 8, 8, 8, 8 }, .port = 53
};
static const ion_addr_t far_v6 = { .family = 6,
    .ip = { 0x20, 0x01, 0x48, 0x60, 0x48, 0x60, 0, 0, 0, 0, 0, 0, 0, 0, 0x88,
        0x88 },
    .port = 53 };

/* Global or unique local, of the family asked for. */
static bool
is_reachable(const ion_addr_t *a, uint8_t family)
{
    return a->family == family && !ion_addr_is_any(a) &&
           !ion_addr_is_loopback(a) &&
           (family == 4 || !ion_addr_is_link_local(a));
}

static bool
source_towards(const ion_addr_t *far, ion_addr_t *out)
{
    struct sockaddr_storage ss;
    socklen_t len = ion_addr_to_sockaddr(far, far->family == 6, &ss);
    int fd = socket(ss.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool found = false;

    if (fd < 0) {
        return false;
    }
    if (connect(fd, (const struct sockaddr *)&ss, len) == 0) {
        len = sizeof(ss);
        found = getsockname(fd, (struct sockaddr *)&ss, &len) == 0 &&
                ion_addr_from_sockaddr(
                    (const struct sockaddr *)&ss, len, out) == ION_OK &&
                is_reachable(out, far->family);
    }
    (void)close(fd); /* nothing was sent */
    return found;
}

static bool
addr_of(const struct ifaddrs *i, ion_addr_t *out)
{
    socklen_t len;

    if (i->ifa_addr == NULL) {
        return false;
    }
    len = i->ifa_addr->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6)
                                             : sizeof(struct sockaddr_in);
    return ion_addr_from_sockaddr(i->ifa_addr, len, out) == ION_OK;
}

static void
set_name(char name[IF_NAMESIZE], const char *from)
{
    (void)snprintf(name, IF_NAMESIZE, "%s", from);
}

/*
 * Fill in what is missing: the interface of a known address, or the first
 * usable address of the family.
 */
static bool
from_interfaces(const struct ifaddrs *all, uint8_t family, bool known,
    ion_addr_t *addr, char name[IF_NAMESIZE])
{
    for (const struct ifaddrs *i = all; i != NULL; i = i->ifa_next) {
        ion_addr_t a;

        if (!addr_of(i, &a) || a.family != family) {
            continue;
        }
        if (known && memcmp(a.ip, addr->ip, sizeof(a.ip)) == 0) {
            set_name(name, i->ifa_name);
            return true;
        }
        if (!known && (i->ifa_flags & IFF_UP) != 0 &&
            (i->ifa_flags & IFF_LOOPBACK) == 0 && is_reachable(&a, family))
        {
            *addr = a;
            set_name(name, i->ifa_name);
            return true;
        }
    }
    return false;
}

void
ion_own_addr_find(ion_own_addr_t *out)
{
    struct ifaddrs *all = NULL;
    bool has_v4;

    memset(out, 0, sizeof(*out));
    if (getifaddrs(&all) != 0) {
        all = NULL;
    }
    set_name(out->v4_interface, "?");
    set_name(out->v6_interface, "?");
    has_v4 = source_towards(&far_v4, &out->v4);
    has_v4 =
        from_interfaces(all, 4, has_v4, &out->v4, out->v4_interface) || has_v4;
    out->has_v6 = source_towards(&far_v6, &out->v6);
    out->has_v6 =
        from_interfaces(all, 6, out->has_v6, &out->v6, out->v6_interface) ||
        out->has_v6;
    if (!has_v4) {
        out->v4 = (ion_addr_t){ .family = 4, .ip = { 127, 0, 0, 1 } };
        set_name(out->v4_interface, "lo");
    }
    out->v4.port = 0;
    out->v6.port = 0;
    if (all != NULL) {
        freeifaddrs(all);
    }
}
