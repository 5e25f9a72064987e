/*
 * derpmap_rules.c -- what a field of a DERP map may hold.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "model/derpmap_rules.h"

#include <string.h>

#include "base/addr.h"
#include "base/hex.h"
#include "base/utf8.h"
#include "model/derpmap.h"

#define HOST_MAX  253
#define LABEL_MAX 63

static bool
is_letter_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9');
}

static bool
is_label(ion_str_t label, bool *all_digits)
{
    *all_digits = true;
    if (label.len == 0 || label.len > LABEL_MAX || label.p[0] == '-' ||
        label.p[label.len - 1] == '-')
    {
        return false;
    }
    for (size_t i = 0; i < label.len; i++) {
        char c = label.p[i];
        if (!is_letter_or_digit(c) && c != '-' && c != '_') {
            return false;
        }
        *all_digits = *all_digits && c >= '0' && c <= '9';
    }
    return true;
}

/* A last label of digits would be an IPv4 address that is none. */
static bool
is_dns_name(ion_str_t host)
{
    ion_str_t label;
    bool all_digits = true;
    if (host.len > 1 && host.p[host.len - 1] == '.') {
        host.len--;
    }
    if (host.len == 0 || host.len > HOST_MAX) {
        return false;
    }
    for (ion_str_t rest = host; ion_str_split(&rest, '.', &label);) {
        if (!is_label(label, &all_digits)) {
            return false;
        }
    }
    return !all_digits;
}

/* An address without a zone, which means nothing on another machine. */
static bool
is_ip(ion_str_t text, uint8_t family)
{
    ion_addr_t addr;
    return ion_addr_parse_ip(text, &addr) == ION_OK &&
           memchr(text.p, '%', text.len) == NULL &&
           (family == 0 || addr.family == family);
}

bool
ion_derp_host_is_valid(ion_str_t host)
{
    return host.len > 0 && (is_ip(host, 0) || is_dns_name(host));
}

static bool
is_unset_or_none(ion_str_t text)
{
    return text.len == 0 || ion_str_eq(text, ION_STR("none"));
}

bool
ion_derp_ipv4_is_valid(ion_str_t text)
{
    return is_unset_or_none(text) || is_ip(text, 4);
}

bool
ion_derp_ipv6_is_valid(ion_str_t text)
{
    return is_unset_or_none(text) || is_ip(text, 6);
}

bool
ion_derp_cert_name_is_valid(ion_str_t text)
{
    const ion_str_t pin = ION_STR("sha256-raw:");
    uint8_t digest[32];
    if (!ion_str_has_prefix(text, pin)) {
        return text.len == 0 || ion_derp_host_is_valid(text);
    }
    ion_str_t hex = { text.p + pin.len, text.len - pin.len };
    return ion_hex_decode(digest, sizeof(digest), hex) == ION_OK;
}

bool
ion_derp_text_is_valid(ion_str_t text)
{
    if (text.len == 0 || text.len > ION_DERPMAP_TEXT_MAX) {
        return false;
    }
    size_t at = 0;
    while (at < text.len) {
        uint32_t cp;
        size_t n = ion_utf8_decode(text.p + at, text.len - at, &cp);
        if (n == 0 || cp < 0x20 || (cp >= 0x7f && cp < 0xa0)) {
            return false;
        }
        at += n;
    }
    return true;
}
