/*
 * public_addr.c -- an address as clients are told it.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The host goes into URLs, Host headers and SNI of strangers: only a DNS name
 * or an IP literal passes.
 */
#include <string.h>

#include "core/conf_int.h"

#define HOST_MAX  253
#define LABEL_MAX 63

static bool
is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') || c == '-' || c == '_';
}

/* A DNS name; one whose last label is a number is a mistyped IP address. */
static bool
is_dns_name(ion_str_t host)
{
    ion_str_t rest = host;
    ion_str_t label;
    bool all_digits = false;

    if (host.len == 0 || host.len > HOST_MAX) {
        return false;
    }
    while (ion_str_split(&rest, '.', &label)) {
        if (label.len == 0 || label.len > LABEL_MAX || label.p[0] == '-' ||
            label.p[label.len - 1] == '-')
        {
            return false;
        }
        all_digits = true;
        for (size_t i = 0; i < label.len; i++) {
            if (!is_name_char(label.p[i])) {
                return false;
            }
            all_digits = all_digits && label.p[i] >= '0' && label.p[i] <= '9';
        }
    }
    return !all_digits;
}

static bool
strip_prefix(ion_str_t *s, ion_str_t prefix)
{
    if (s->len < prefix.len ||
        !ion_str_ieq((ion_str_t){ s->p, prefix.len }, prefix))
    {
        return false;
    }
    s->p += prefix.len;
    s->len -= prefix.len;
    return true;
}

static bool
check_host(ion_str_t host, bool bracketed, ion_public_t *out)
{
    out->is_ip = ion_addr_parse_ip(host, &out->ip) == ION_OK;
    if (out->is_ip) {
        out->ip.port = out->port;
        return bracketed == (out->ip.family == 6) && !ion_addr_is_any(&out->ip);
    }
    return !bracketed && is_dns_name(host);
}

ion_err_t
public_addr_parse(ion_arena_t *arena, ion_str_t text, bool with_scheme,
    ion_public_t *out, ion_errtext_t *why)
{
    ion_str_t rest = text;
    ion_str_t host;

    memset(out, 0, sizeof(*out));
    out->is_https = true;
    out->host = "";
    if (text.len == 0) {
        return ION_OK;
    }
    if (with_scheme && !strip_prefix(&rest, ION_STR("https://")) &&
        strip_prefix(&rest, ION_STR("http://")))
    {
        out->is_https = false;
    }
    if (ion_addr_split(rest, &host, &out->port) != ION_OK ||
        !check_host(host, rest.p[0] == '[', out))
    {
        ion_errtext_set(why,
            "\"%.*s\" is not allowed, %shost:port is needed, where host is a "
            "DNS name or an IP address that clients can reach",
            (int)ION_MIN(text.len, 64), text.p,
            with_scheme ? "[https://|http://]" : "");
        return ION_MALF;
    }
    out->host = ion_arena_strdup(arena, host);
    if (out->host == NULL) {
        return ION_NOMEM;
    }
    out->set = true;
    return ION_OK;
}
