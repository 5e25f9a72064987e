/*
 * derpmap_embedded.c -- the region that this instance itself serves.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "model/derpmap_embedded.h"

#include "model/derpmap_rules.h"

#define NODES_MAX 2

/* Texts are cut to this in messages. */
#define SHOWN_MAX 80

static ion_str_t
shown(ion_str_t s)
{
    s.len = ION_MIN(s.len, (size_t)SHOWN_MAX);
    return s;
}

static ion_err_t
check_text(ion_str_t text, const char *what, ion_errtext_t *err)
{
    if (ion_derp_text_is_valid(text)) {
        return ION_OK;
    }
    ion_errtext_set(err,
        "the %s must have 1 to %d bytes of UTF-8 without control characters",
        what, ION_DERPMAP_TEXT_MAX);
    return ION_MALF;
}

static ion_err_t
check_addresses(
    const ion_derp_endpoint_t *e, const char *what, ion_errtext_t *err)
{
    const ion_str_t none = ION_STR("none");
    if (!ion_derp_ipv4_is_valid(e->ipv4)) {
        ion_errtext_set(err,
            "the %s's IPv4 \"%.*s\" is neither an IPv4 address nor \"none\"",
            what, ION_STR_ARG(shown(e->ipv4)));
        return ION_MALF;
    }
    if (!ion_derp_ipv6_is_valid(e->ipv6)) {
        ion_errtext_set(err,
            "the %s's IPv6 \"%.*s\" is neither an IPv6 address nor \"none\"",
            what, ION_STR_ARG(shown(e->ipv6)));
        return ION_MALF;
    }
    if (ion_str_eq(e->ipv4, none) && ion_str_eq(e->ipv6, none)) {
        ion_errtext_set(
            err, "the %s can be reached neither by IPv4 nor by IPv6", what);
        return ION_MALF;
    }
    return ION_OK;
}

static ion_err_t
check_endpoint(
    const ion_derp_endpoint_t *e, const char *what, ion_errtext_t *err)
{
    if (!ion_derp_host_is_valid(e->host)) {
        ion_errtext_set(err,
            "the %s's public host \"%.*s\" must be a host name or an IP "
            "address without scheme, port or path",
            what, ION_STR_ARG(shown(e->host)));
        return ION_MALF;
    }
    if (e->port < 1 || e->port > UINT16_MAX) {
        ion_errtext_set(err, "the %s's public port %d is not from 1 to 65535",
            what, e->port);
        return ION_MALF;
    }
    return check_addresses(e, what, err);
}

static ion_err_t
check(const ion_derp_embedded_t *p, ion_errtext_t *err)
{
    if (p->region_id < 1 || p->region_id > ION_DERPMAP_ID_MAX) {
        ion_errtext_set(err, "the region id %d is not from 1 to %d",
            p->region_id, ION_DERPMAP_ID_MAX);
        return ION_MALF;
    }
    ion_err_t rc = check_text(p->region_code, "region code", err);
    if (rc == ION_OK && p->region_name.len > 0) {
        rc = check_text(p->region_name, "region name", err);
    }
    if (rc == ION_OK) {
        rc = check_endpoint(&p->derp, "relay", err);
    }
    if (rc == ION_OK && p->stun.port != ION_DERPMAP_NO_STUN) {
        rc = check_endpoint(&p->stun, "STUN server", err);
    }
    if (rc == ION_OK && !ion_derp_cert_name_is_valid(p->cert_name)) {
        ion_errtext_set(err,
            "the certificate name \"%.*s\" is neither a host name nor "
            "\"sha256-raw:\" with 64 hex digits",
            ION_STR_ARG(shown(p->cert_name)));
        rc = ION_MALF;
    }
    return rc;
}

static void
add_stun_node(ion_derpregion_t *r, const ion_derp_embedded_t *p)
{
    r->nodes[r->node_count++] = (ion_derpnode_t){
        .name = ION_STR("stun"),
        .region_id = r->id,
        .host_name = p->stun.host,
        .ipv4 = p->stun.ipv4,
        .ipv6 = p->stun.ipv6,
        .stun_port = p->stun.port,
        .stun_only = true,
    };
}

static void
add_derp_node(ion_derpregion_t *r, const ion_derp_embedded_t *p, ion_str_t name,
    int stun_port)
{
    r->nodes[r->node_count++] = (ion_derpnode_t){
        .name = name,
        .region_id = r->id,
        .host_name = p->derp.host,
        .cert_name = p->cert_name,
        .ipv4 = p->derp.ipv4,
        .ipv6 = p->derp.ipv6,
        .stun_port = stun_port,
        .derp_port = p->derp.port,
        .can_port80 = p->can_port80,
    };
}

/* The map owns its texts: each is replaced by a copy in the arena. */
static bool
own(ion_arena_t *arena, ion_str_t *s)
{
    s->p = ion_arena_strdup(arena, *s);
    return s->p != NULL;
}

static bool
own_texts(ion_arena_t *arena, ion_derpregion_t *r)
{
    bool ok = own(arena, &r->code) && own(arena, &r->name);
    for (size_t i = 0; ok && i < r->node_count; i++) {
        ion_derpnode_t *n = &r->nodes[i];
        ok = own(arena, &n->name) && own(arena, &n->host_name) &&
             own(arena, &n->cert_name) && own(arena, &n->ipv4) &&
             own(arena, &n->ipv6) && own(arena, &n->stun_test_ip);
    }
    return ok;
}

ion_err_t
ion_derpmap_embedded(ion_arena_t *arena, const ion_derp_embedded_t *params,
    ion_derpmap_t **out, ion_errtext_t *err)
{
    ion_err_t rc = check(params, err);
    if (rc != ION_OK) {
        return rc;
    }

    ion_derpmap_t *map = ion_arena_alloc(arena, sizeof(*map));
    ion_derpregion_t *r = ion_arena_alloc(arena, sizeof(*r));
    ion_derpnode_t *nodes = ion_arena_alloc(arena, NODES_MAX * sizeof(*nodes));
    if (map == NULL || r == NULL || nodes == NULL) {
        return ION_NOMEM;
    }
    bool has_name = params->region_name.len > 0;
    map->regions = r;
    map->region_count = 1;
    r->id = params->region_id;
    r->code = params->region_code;
    r->name = has_name ? params->region_name : params->region_code;
    r->nodes = nodes;

    bool has_stun = params->stun.port != ION_DERPMAP_NO_STUN;
    if (has_stun && !ion_str_ieq(params->stun.host, params->derp.host)) {
        add_stun_node(r, params);
        add_derp_node(r, params, ION_STR("derp"), ION_DERPMAP_NO_STUN);
    } else {
        add_derp_node(r, params, ION_STR("ionscale"), params->stun.port);
    }
    if (!own_texts(arena, r)) {
        return ION_NOMEM;
    }
    *out = map;
    return ION_OK;
}
