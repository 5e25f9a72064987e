/*
 * bundle_map.c -- where clients reach this instance, and the map that says so.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * With public_addr set, the map says what it says.  Without it the map names
 * the address that is bound, or, for "every address", the machine's own one,
 * and start says which and which key changes it.
 */
#include "main/bundle.h"

#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "core/settings.h"
#include "model/derpmap.h"
#include "model/derpmap_embedded.h"
#include "os/netif.h"

#define NONE "none"

static void
copy_text(char *out, size_t cap, const char *text)
{
    (void)snprintf(out, cap, "%s", text); /* bounded by the configuration */
}

static void
set_ip(char out[48], const ion_addr_t *addr)
{
    char text[ION_ADDR_TEXT_MAX];
    copy_text(out, 48, ion_addr_format_ip(addr, text));
}

static void
add_addr(bundle_public_t *pub, const ion_addr_t *addr)
{
    if (pub->addr_count < ION_ARRAY_LEN(pub->addrs)) {
        pub->addrs[pub->addr_count++] = *addr;
    }
}

/* The host is one literal address: the other family leads nowhere. */
static void
use_literal(bundle_public_t *pub, const ion_addr_t *ip)
{
    if (ip->family == 6) {
        copy_text(pub->ipv4, sizeof(pub->ipv4), NONE);
        set_ip(pub->ipv6, ip);
    } else {
        set_ip(pub->ipv4, ip);
        copy_text(pub->ipv6, sizeof(pub->ipv6), NONE);
    }
    add_addr(pub, ip);
}

static void
use_own(bundle_t *b, bundle_public_t *pub)
{
    ion_own_addr_t own;
    ion_own_addr_find(&own);
    set_ip(pub->ipv4, &own.v4);
    copy_text(pub->host, sizeof(pub->host), pub->ipv4);
    copy_text(pub->ipv6, sizeof(pub->ipv6), NONE);
    add_addr(pub, &own.v4);
    if (own.has_v6) {
        set_ip(pub->ipv6, &own.v6);
        add_addr(pub, &own.v6);
    }
    (void)snprintf(b->facts.public_text, sizeof(b->facts.public_text),
        "%s (from interface %s), set public_addr to change it", pub->host,
        own.v4_interface); /* fits */
}

static void
use_bound(bundle_t *b, bundle_public_t *pub, const ion_addr_t *bound)
{
    char text[ION_ADDR_TEXT_MAX];
    copy_text(pub->host, sizeof(pub->host), ion_addr_format_ip(bound, text));
    use_literal(pub, bound);
    (void)snprintf(b->facts.public_text, sizeof(b->facts.public_text),
        "%s (from listen_addr), set public_addr to change it",
        pub->host); /* fits */
}

static void
use_public(bundle_t *b, bundle_public_t *pub, const ion_public_t *p)
{
    copy_text(pub->host, sizeof(pub->host), p->host);
    if (p->is_ip) {
        use_literal(pub, &p->ip);
    }
    (void)snprintf(b->facts.public_text, sizeof(b->facts.public_text),
        "%s (from public_addr)", pub->host); /* fits */
}

void
bundle_public(bundle_t *b, bundle_public_t *out)
{
    const ion_settings_t *s = b->settings;
    const ion_addr_t *bound = bundle_address(b, "listen_addr");
    const ion_addr_t *stun = bundle_address(b, "stun_listen_addr");
    memset(out, 0, sizeof(*out));
    if (s->public_addr.set) {
        use_public(b, out, &s->public_addr);
        out->port = s->public_addr.port;
    } else if (bound == NULL || ion_addr_is_any(bound)) {
        use_own(b, out);
    } else {
        use_bound(b, out, bound);
    }
    if (out->port == 0 && bound != NULL) {
        out->port = bound->port;
    }
    copy_text(out->stun_host, sizeof(out->stun_host), out->host);
    if (s->stun_public_addr.set) {
        copy_text(
            out->stun_host, sizeof(out->stun_host), s->stun_public_addr.host);
        out->stun_port = s->stun_public_addr.port;
    }
    if (out->stun_port == 0 && stun != NULL) {
        out->stun_port = stun->port;
    }
}

static void
fill_stun(const bundle_t *b, const bundle_public_t *pub, bool has_stun,
    ion_derp_endpoint_t *out)
{
    const ion_public_t *p = &b->settings->stun_public_addr;
    out->host = ion_str_from(pub->stun_host);
    out->port = has_stun ? pub->stun_port : ION_DERPMAP_NO_STUN;
    if (p->set && p->is_ip) {
        bool is_v6 = p->ip.family == 6;
        out->ipv4 = is_v6 ? ION_STR(NONE) : out->host;
        out->ipv6 = is_v6 ? out->host : ION_STR(NONE);
    } else if (!p->set) {
        out->ipv4 = ion_str_from(pub->ipv4);
        out->ipv6 = ion_str_from(pub->ipv6);
    }
}

static ion_err_t
write_map(bundle_t *b, const bundle_public_t *pub, ion_arena_t *arena,
    ion_errtext_t *why)
{
    const ion_settings_t *s = b->settings;
    char pin[BUNDLE_PIN_TEXT];
    ion_derpmap_t *map = NULL;
    ion_derp_embedded_t params = {
        .region_id = (int)s->derp_region_id,
        .region_code = ion_str_from(s->derp_region_code),
        .region_name = ion_str_from(s->derp_region_name),
        .derp = { .host = ion_str_from(pub->host),
            .ipv4 = ion_str_from(pub->ipv4),
            .ipv6 = ion_str_from(pub->ipv6),
            .port = pub->port },
    };
    ion_err_t rc;
    fill_stun(
        b, pub, bundle_address(b, "stun_listen_addr") != NULL, &params.stun);
    if (s->tls_self_signed && !s->tls_disable) {
        bundle_pin_text(b, pin);
        params.cert_name = ion_str_from(pin);
    }
    rc = ion_derpmap_embedded(arena, &params, &map, why);
    if (rc == ION_OK) {
        ion_derpmap_write_canonical(map, &b->map);
    }
    return rc;
}

ion_err_t
bundle_map(bundle_t *b, const bundle_public_t *pub, ion_sb_t *lines)
{
    ion_arena_t *arena = NULL;
    ion_errtext_t why = { "" };
    ion_err_t rc = ION_OK;
    if (b->settings->derp_disabled) {
        ion_sb_addz(&b->map, "{\"Regions\":{}}");
    } else {
        rc = ion_arena_new(1u << 20, &arena);
        if (rc == ION_OK) {
            rc = write_map(b, pub, arena, &why);
        }
        ion_arena_free(&arena);
    }
    if (rc == ION_MALF) {
        ion_sb_addf(lines,
            "public_addr, stun_public_addr, derp.server: no "
            "client could use this map: %s\n",
            why.msg);
        return ION_DENIED;
    }
    if (rc == ION_OK) {
        rc = b->map.failed
                 ? ION_NOMEM
                 : bundle_blob(b, "map", ION_ROLE_WORKER | ION_ROLE_KEEPER,
                       false, ion_sb_str(&b->map));
    }
    return rc;
}
