/*
 * addr.h -- one transport address: IPv4 or IPv6 and a port.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The whole program passes peers and listeners around in this form; only
 * the wrappers on system calls see a struct sockaddr.  An IPv4 address
 * keeps its four bytes at the front of ip and zeroes behind them, so two
 * addresses may be compared byte by byte.  Nothing here resolves names.
 */
#ifndef ION_BASE_ADDR_H
#define ION_BASE_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/base.h"
#include "base/err.h"
#include "base/str.h"

/* room for "[" longest IPv6 text "%" scope "]:65535" and the final NUL */
#define ION_ADDR_TEXT_MAX 80

typedef struct ion_addr {
    uint8_t family;    /* 0 = no host (a wildcard or unknown), 4 or 6 */
    uint8_t ip[16];    /* network order; IPv4 uses the first four bytes */
    uint16_t port;     /* host order */
    uint32_t scope_id; /* link-local IPv6 only, else 0 */
} ion_addr_t;

/*
 * ion_addr_parse -- read "1.2.3.4:5", "[::1]:5", ":8080" or "localhost:5".
 *
 * Shape:  text borrowed.  An empty host gives family 0, which listeners
 *         take as "every address of this machine"; localhost is 127.0.0.1.
 *         Names, service names and a missing port are refused.
 * Errors: ION_MALF not of that shape (*out untouched); no other.
 */
ION_NODISCARD ion_err_t ion_addr_parse(ion_str_t text, ion_addr_t *out);

/*
 * ion_addr_parse_ip -- read a bare IP literal, brackets not allowed.
 *
 * Errors: ION_MALF not an IPv4 or IPv6 literal (*out untouched); no other.
 */
ION_NODISCARD ion_err_t ion_addr_parse_ip(ion_str_t text, ion_addr_t *out);

/*
 * ion_addr_split -- cut "host:port" at its last colon.
 *
 * Shape:  text borrowed; *host points into it, without the brackets of an
 *         IPv6 literal, and may be empty or a name.
 * Errors: ION_MALF no port, a port over 65535, or unbalanced brackets.
 */
ION_NODISCARD ion_err_t ion_addr_split(
    ion_str_t text, ion_str_t *host, uint16_t *port);

/*
 * ion_addr_format -- write "1.2.3.4:5" or "[::1]:5"; family 0 gives ":5".
 *
 * Owns:   nothing; returns out, always NUL-terminated.
 * Errors: none.
 */
const char *ion_addr_format(
    const ion_addr_t *addr, char out[ION_ADDR_TEXT_MAX]);

/*
 * ion_addr_format_ip -- the address without port and brackets; family 0
 * gives an empty text.
 *
 * Owns:   nothing; returns out, always NUL-terminated.
 * Errors: none.
 */
const char *ion_addr_format_ip(
    const ion_addr_t *addr, char out[ION_ADDR_TEXT_MAX]);

/*
 * ion_addr_from_sockaddr -- take over what the kernel reported.
 *
 * Shape:  ::ffff:a.b.c.d of a dual-stack socket becomes family 4.
 * Errors: ION_UNSUPPORTED not IP, or len too short (*out untouched).
 */
ION_NODISCARD ion_err_t ion_addr_from_sockaddr(
    const struct sockaddr *sa, socklen_t len, ion_addr_t *out);

/*
 * ion_addr_to_sockaddr -- the form the kernel wants.
 *
 * Shape:  returns the length used in *out.  With as_v6 an IPv4 address is
 *         written as ::ffff:a.b.c.d, which a dual-stack socket needs.
 *         Family 0 gives the wildcard of IPv6 (as_v6) or IPv4.
 * Errors: none.
 */
socklen_t ion_addr_to_sockaddr(
    const ion_addr_t *addr, bool as_v6, struct sockaddr_storage *out);

/*
 * ion_addr_to_v6 -- the 16-byte form: IPv4 as ::ffff:a.b.c.d, family 0 as
 * all zero.
 *
 * Errors: none.
 */
void ion_addr_to_v6(const ion_addr_t *addr, uint8_t out[16]);

/* ion_addr_eq -- same family, address, port and scope.  Errors: none. */
bool ion_addr_eq(const ion_addr_t *a, const ion_addr_t *b);

/* ion_addr_is_any -- 0.0.0.0, :: or no host at all.  Errors: none. */
bool ion_addr_is_any(const ion_addr_t *addr);

/* ion_addr_is_loopback -- 127.0.0.0/8 or ::1.  Errors: none. */
bool ion_addr_is_loopback(const ion_addr_t *addr);

/* ion_addr_is_link_local -- 169.254.0.0/16 or fe80::/10.  Errors: none. */
bool ion_addr_is_link_local(const ion_addr_t *addr);

#endif
