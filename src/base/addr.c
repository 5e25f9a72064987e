/*
 * addr.c -- text and kernel forms of a transport address.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "base/addr.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "base/num.h"

static const uint8_t mapped_prefix[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff,
    0xff };

static bool
parse_scope(ion_str_t zone, uint32_t *out)
{
    uint64_t n;

    if (zone.len == 0 || ion_parse_u64(zone, UINT32_MAX, &n) != ION_OK ||
        n == 0) {
        return false;
    }
    *out = (uint32_t)n;
    return true;
}

ion_err_t
ion_addr_parse_ip(ion_str_t text, ion_addr_t *out)
{
    char buf[INET6_ADDRSTRLEN];
    ion_addr_t a = { .family = 0 };
    const char *zone;
    size_t n = text.len;

    if (n == 0) {
        return ION_MALF;
    }
    zone = memchr(text.p, '%', n);
    if (zone != NULL) {
        ion_str_t rest = { zone + 1, (size_t)(text.p + n - zone) - 1 };

        if (!parse_scope(rest, &a.scope_id)) {
            return ION_MALF;
        }
        n = (size_t)(zone - text.p);
    }
    if (n >= sizeof(buf) || memchr(text.p, '\0', n) != NULL) {
        return ION_MALF;
    }
    memcpy(buf, text.p, n);
    buf[n] = '\0';
    if (inet_pton(AF_INET6, buf, a.ip) == 1) {
        a.family = 6;
    } else if (zone == NULL && inet_pton(AF_INET, buf, a.ip) == 1) {
        a.family = 4;
    } else {
        return ION_MALF;
    }
    *out = a;
    return ION_OK;
}

ion_err_t
ion_addr_split(ion_str_t text, ion_str_t *host, uint16_t *port)
{
    ion_str_t h = { text.p, 0 };
    ion_str_t digits;
    const char *colon = NULL;
    uint64_t n;

    if (text.len > 0) {
        colon = memrchr(text.p, ':', text.len);
    }
    if (colon == NULL) {
        return ION_MALF;
    }
    h.len = (size_t)(colon - text.p);
    digits.p = colon + 1;
    digits.len = text.len - h.len - 1;
    if (ion_parse_u64(digits, 65535, &n) != ION_OK) {
        return ION_MALF;
    }
    if (h.len > 0 && h.p[0] == '[') {
        if (h.len < 3 || h.p[h.len - 1] != ']') {
            return ION_MALF;
        }
        h.p++;
        h.len -= 2;
    } else if (memchr(h.p, ':', h.len) != NULL) {
        return ION_MALF; /* an IPv6 literal needs its brackets */
    }
    *host = h;
    *port = (uint16_t)n;
    return ION_OK;
}

ion_err_t
ion_addr_parse(ion_str_t text, ion_addr_t *out)
{
    ion_str_t host = { NULL, 0 };
    ion_addr_t a = { .family = 0 };
    uint16_t port = 0;
    ion_err_t rc = ion_addr_split(text, &host, &port);

    if (rc != ION_OK) {
        return rc;
    }
    if (ion_str_ieq(host, ION_STR("localhost"))) {
        host = ION_STR("127.0.0.1");
    }
    if (host.len > 0) {
        rc = ion_addr_parse_ip(host, &a);
        if (rc != ION_OK) {
            return rc;
        }
        if ((a.family == 6) != (text.p[0] == '[')) {
            return ION_MALF; /* [1.2.3.4]:5 is no address */
        }
    }
    a.port = port;
    *out = a;
    return ION_OK;
}

const char *
ion_addr_format_ip(const ion_addr_t *addr, char out[ION_ADDR_TEXT_MAX])
{
    size_t n;

    out[0] = '\0';
    if (addr->family == 4) {
        (void)inet_ntop(AF_INET, addr->ip, out, ION_ADDR_TEXT_MAX);
    } else if (addr->family == 6) {
        (void)inet_ntop(AF_INET6, addr->ip, out, ION_ADDR_TEXT_MAX);
        if (addr->scope_id != 0) {
            n = strlen(out);
            (void)snprintf(out + n, ION_ADDR_TEXT_MAX - n, "%%%u",
                (unsigned)addr->scope_id);
        }
    }
    return out;
}

const char *
ion_addr_format(const ion_addr_t *addr, char out[ION_ADDR_TEXT_MAX])
{
    char ip[ION_ADDR_TEXT_MAX];

    (void)ion_addr_format_ip(addr, ip);
    if (addr->family == 6) {
        (void)snprintf(
            out, ION_ADDR_TEXT_MAX, "[%.60s]:%u", ip, (unsigned)addr->port);
    } else {
        (void)snprintf(
            out, ION_ADDR_TEXT_MAX, "%.60s:%u", ip, (unsigned)addr->port);
    }
    return out;
}

static void
unmap(ion_addr_t *a)
{
    if (memcmp(a->ip, mapped_prefix, sizeof(mapped_prefix)) == 0) {
        a->family = 4;
        memmove(a->ip, a->ip + sizeof(mapped_prefix), 4);
        memset(a->ip + 4, 0, sizeof(a->ip) - 4);
        a->scope_id = 0;
    }
}

ion_err_t
ion_addr_from_sockaddr(
    const struct sockaddr *sa, socklen_t len, ion_addr_t *out)
{
    ion_addr_t a = { .family = 0 };
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;

    if (len >= sizeof(v4) && sa->sa_family == AF_INET) {
        memcpy(&v4, sa, sizeof(v4));
        a.family = 4;
        memcpy(a.ip, &v4.sin_addr, 4);
        a.port = ntohs(v4.sin_port);
    } else if (len >= sizeof(v6) && sa->sa_family == AF_INET6) {
        memcpy(&v6, sa, sizeof(v6));
        a.family = 6;
        memcpy(a.ip, &v6.sin6_addr, 16);
        a.port = ntohs(v6.sin6_port);
        a.scope_id = v6.sin6_scope_id;
        unmap(&a);
    } else {
        return ION_UNSUPPORTED;
    }
    *out = a;
    return ION_OK;
}

socklen_t
ion_addr_to_sockaddr(
    const ion_addr_t *addr, bool as_v6, struct sockaddr_storage *out)
{
    memset(out, 0, sizeof(*out));
    if (as_v6 || addr->family == 6) {
        struct sockaddr_in6 v6 = { .sin6_family = AF_INET6,
            .sin6_port = htons(addr->port),
            .sin6_scope_id = addr->scope_id };

        ion_addr_to_v6(addr, v6.sin6_addr.s6_addr);
        memcpy(out, &v6, sizeof(v6));
        return sizeof(v6);
    }
    struct sockaddr_in v4 = { .sin_family = AF_INET,
        .sin_port = htons(addr->port) };

    memcpy(&v4.sin_addr, addr->ip, 4);
    memcpy(out, &v4, sizeof(v4));
    return sizeof(v4);
}

void
ion_addr_to_v6(const ion_addr_t *addr, uint8_t out[16])
{
    if (addr->family == 4) {
        memcpy(out, mapped_prefix, sizeof(mapped_prefix));
        memcpy(out + sizeof(mapped_prefix), addr->ip, 4);
    } else if (addr->family == 6) {
        memcpy(out, addr->ip, 16);
    } else {
        memset(out, 0, 16);
    }
}

bool
ion_addr_eq(const ion_addr_t *a, const ion_addr_t *b)
{
    return a->family == b->family && a->port == b->port &&
           a->scope_id == b->scope_id &&
           memcmp(a->ip, b->ip, sizeof(a->ip)) == 0;
}

bool
ion_addr_is_any(const ion_addr_t *addr)
{
    static const uint8_t zero[16];

    return addr->family == 0 || memcmp(addr->ip, zero, sizeof(zero)) == 0;
}

bool
ion_addr_is_loopback(const ion_addr_t *addr)
{
    static const uint8_t one[16] = { [15] = 1 };

    if (addr->family == 4) {
        return addr->ip[0] == 127;
    }
    return addr->family == 6 && memcmp(addr->ip, one, sizeof(one)) == 0;
}

bool
ion_addr_is_link_local(const ion_addr_t *addr)
{
    if (addr->family == 4) {
        return addr->ip[0] == 169 && addr->ip[1] == 254;
    }
    return addr->family == 6 && addr->ip[0] == 0xfe &&
           (addr->ip[1] & 0xc0) == 0x80;
}
