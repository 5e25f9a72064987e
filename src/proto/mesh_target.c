/*
 * mesh_target.c -- see mesh_target.h.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "proto/mesh_target.h"

#include <string.h>
#include <strings.h>

#include "base/addr.h"
#include "base/hex.h"
#include "base/num.h"

#define PIN_PREFIX ION_STR("sha256-raw:")
#define LABEL_MAX  63
#define SHOWN      ((size_t)64) /* of a text in an error */

static ion_err_t
refuse(ion_errtext_t *why, ion_str_t text, const char *what)
{
    ion_errtext_set(
        why, "\"%.*s\" %s", (int)ION_MIN(text.len, SHOWN), text.p, what);
    return ION_MALF;
}

/* Cut text at the first sep; false, and *tail empty, when there is none. */
static bool
cut(ion_str_t *text, char sep, ion_str_t *tail)
{
    const char *at = text->len > 0 ? memchr(text->p, sep, text->len) : NULL;

    *tail = (ion_str_t){ text->p + text->len, 0 };
    if (at == NULL) {
        return false;
    }
    *tail = (ion_str_t){ at + 1, text->len - (size_t)(at - text->p) - 1 };
    text->len = (size_t)(at - text->p);
    return true;
}

static bool
is_label_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') || c == '-' || c == '_';
}

/* A DNS name: labels of letters, digits, '-' and '_', no dot at the end. */
static bool
is_name(ion_str_t text)
{
    size_t label = 0;

    for (size_t i = 0; i < text.len; i++) {
        if (text.p[i] == '.' && label > 0) {
            label = 0;
        } else if (!is_label_char(text.p[i]) || ++label > LABEL_MAX) {
            return false;
        }
    }
    return label > 0;
}

/* A DNS name or an IP literal, brackets around it allowed for IPv6. */
static bool
take_host(ion_str_t text, char out[ION_MESH_HOST])
{
    bool has_brackets =
        text.len > 2 && text.p[0] == '[' && text.p[text.len - 1] == ']';
    ion_addr_t addr;

    if (has_brackets) {
        text = (ion_str_t){ text.p + 1, text.len - 2 };
    }
    if (text.len == 0 || text.len >= ION_MESH_HOST) {
        return false;
    }
    if (ion_addr_parse_ip(text, &addr) == ION_OK) {
        if (has_brackets && addr.family != 6) {
            return false;
        }
    } else if (has_brackets || !is_name(text)) {
        return false;
    }
    memcpy(out, text.p, text.len);
    out[text.len] = '\0';
    return true;
}

/* Cut ":port" off the end of a host; a port of 0 stands for none. */
static bool
cut_port(ion_str_t *text, uint16_t *port)
{
    const char *colon = NULL;
    ion_str_t digits;
    uint64_t number = 0;

    *port = ION_MESH_PORT;
    for (size_t i = text->len; i > 0 && colon == NULL; i--) {
        if (text->p[i - 1] == ']') {
            return true;
        }
        colon = text->p[i - 1] == ':' ? text->p + i - 1 : NULL;
    }
    if (colon == NULL) {
        return true;
    }
    digits.p = colon + 1;
    digits.len = text->len - (size_t)(digits.p - text->p);
    text->len = (size_t)(colon - text->p);
    if (ion_parse_u64(digits, UINT16_MAX, &number) != ION_OK || number == 0) {
        return false;
    }
    *port = (uint16_t)number;
    return true;
}

static ion_err_t
take_pin(ion_str_t text, ion_mesh_target_t *out, ion_errtext_t *why)
{
    ion_str_t hex = text;

    if (ion_str_has_prefix(text, PIN_PREFIX)) {
        hex.p += PIN_PREFIX.len;
        hex.len -= PIN_PREFIX.len;
        out->has_pin =
            ion_hex_decode(out->pin, sizeof(out->pin), hex) == ION_OK;
    }
    return out->has_pin ? ION_OK
                        : refuse(why, text,
                              "is not a pin: want sha256-raw: and 64 hex "
                              "digits, as that relay's `ionscale status` "
                              "shows them");
}

ion_err_t
ion_mesh_target_parse(
    ion_str_t text, ion_mesh_target_t *out, ion_errtext_t *why)
{
    ion_str_t pin, dial, host, full;
    bool has_pin, has_dial;

    *out = (ion_mesh_target_t){ .has_pin = false };
    has_pin = cut(&text, '#', &pin);
    has_dial = cut(&text, '/', &dial);
    full = text;
    host = text;
    if (!cut_port(&host, &out->port)) {
        return refuse(why, full, "has no port from 1 to 65535 behind its ':'");
    }
    if (!take_host(host, out->host)) {
        return refuse(why, full,
            "is not a host: want a DNS name, an IPv4 address, or an IPv6 "
            "address in brackets, and :port unless it is 443");
    }
    if (strchr(out->host, ':') != NULL && host.p[0] != '[') {
        return refuse(why, full, "wants brackets around its IPv6 address");
    }
    if (!has_dial) {
        memcpy(out->dial, out->host, sizeof(out->dial));
    } else if (!take_host(dial, out->dial)) {
        return refuse(why, dial,
            "is not a host to dial: want a DNS name or an IP address, "
            "without a port or another '/'");
    }
    return has_pin ? take_pin(pin, out, why) : ION_OK;
}

bool
ion_mesh_target_is_same(const ion_mesh_target_t *a, const ion_mesh_target_t *b)
{
    return a->port == b->port && strcasecmp(a->host, b->host) == 0 &&
           strcasecmp(a->dial, b->dial) == 0;
}
