/*
 * derpmap_read_node.c -- one node of a region, field by field.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include <stdio.h>
#include <string.h>

#include "base/addr.h"
#include "model/derpmap_read_int.h"
#include "model/derpmap_rules.h"

#define PRIVILEGED_PORTS 1024

/* What is checked, for short argument lists. */
typedef struct {
    derpread_t *r;
    const derpread_fields_t *found;
    ion_derpnode_t *n;
    const ion_doc_node_t *whole;
} check_t;

static size_t
index_of(const char *name)
{
    size_t i = 0;
    while (strcmp(ion_derpnode_fields[i].name, name) != 0) {
        i++;
    }
    return i;
}

/* The place of a field by its name; that of the node when it is not there. */
static const ion_doc_node_t *
place(const check_t *c, const char *name)
{
    const ion_doc_node_t *node = c->found->node[index_of(name)];
    return node == NULL ? c->whole : node;
}

/* Was its type wrong? Then there is nothing more to say about it. */
static bool
is_wrong(const check_t *c, const char *name)
{
    return c->found->is_wrong[index_of(name)];
}

/* "5a", "5b", ...; behind "5z" comes "5n26" */
static void
make_name(const check_t *c, size_t i)
{
    char name[32];
    if (i < 26) {
        (void)snprintf(
            name, sizeof(name), "%d%c", c->n->region_id, (char)('a' + i));
    } else {
        (void)snprintf(name, sizeof(name), "%dn%zu", c->n->region_id, i);
    }
    ion_str_t text = ion_str_from(name);
    c->n->name = (ion_str_t){ ion_arena_strdup(c->r->arena, text), text.len };
    if (c->n->name.p == NULL) {
        c->r->rc = ION_NOMEM;
    }
    derpread_note(c->r, ION_DERPNOTE_WARNING, place(c, "Name"), "Name",
        "is missing, set to \"%s\"", name);
}

static void
check_name(const check_t *c, size_t i)
{
    if (is_wrong(c, "Name")) {
        return;
    }
    if (c->n->name.len == 0) {
        make_name(c, i);
    } else if (!ion_derp_text_is_valid(c->n->name)) {
        derpread_note(c->r, ION_DERPNOTE_DROPPED, place(c, "Name"), "Name",
            "must be 1 to %d bytes without control characters",
            ION_DERPMAP_TEXT_MAX);
    }
}

static void
check_region_id(const check_t *c, int region_id)
{
    if (c->n->region_id != 0 && c->n->region_id != region_id) {
        derpread_note(c->r, ION_DERPNOTE_WARNING, place(c, "RegionID"),
            "RegionID", "%d is corrected to %d, the region's", c->n->region_id,
            region_id);
    }
    c->n->region_id = region_id;
}

/* 10/8, 172.16/12, 192.168/16, 100.64/10, fc00::/7 */
static bool
is_private(const ion_addr_t *addr)
{
    const uint8_t *ip = addr->ip;
    if (addr->family == 6) {
        return (ip[0] & 0xfe) == 0xfc;
    }
    return ip[0] == 10 || (ip[0] == 172 && (ip[1] & 0xf0) == 16) ||
           (ip[0] == 192 && ip[1] == 168) ||
           (ip[0] == 100 && (ip[1] & 0xc0) == 64);
}

/* A name for what only some machines reach, NULL for other addresses. */
static const char *
scope_of(ion_str_t text)
{
    ion_addr_t addr;
    if (ion_addr_parse_ip(text, &addr) != ION_OK) {
        return NULL;
    }
    if (ion_addr_is_loopback(&addr)) {
        return "a loopback address: only the relay's own machine reaches it";
    }
    if (ion_addr_is_link_local(&addr)) {
        return "a link-local address: only the same link reaches it";
    }
    return is_private(&addr) ? "a private address: only its network reaches it"
                             : NULL;
}

static void
warn_of_scope(const check_t *c, const char *field, ion_str_t text)
{
    const char *scope = scope_of(text);
    if (scope != NULL) {
        derpread_note(c->r, ION_DERPNOTE_WARNING, place(c, field), field,
            "%.*s is %s", ION_STR_ARG(text), scope);
    }
}

static void
check_ip(const check_t *c, const char *field, ion_str_t *text,
    bool (*is_valid)(ion_str_t text))
{
    if (!is_valid(*text)) {
        ion_str_t quote = derpread_quote(*text);
        derpread_note(c->r, ION_DERPNOTE_WARNING, place(c, field), field,
            "\"%.*s\" is not an %s address or \"none\", left out",
            ION_STR_ARG(quote), field);
        *text = ION_STR("");
    }
    warn_of_scope(c, field, *text);
}

static bool
is_address(ion_str_t text)
{
    return text.len > 0 && !ion_str_eq(text, ION_STR("none"));
}

static void
check_host(const check_t *c)
{
    ion_derpnode_t *n = c->n;
    const ion_doc_node_t *at = place(c, "HostName");
    if (is_wrong(c, "HostName")) {
        return;
    }
    if (n->host_name.len > 0) {
        ion_str_t quote = derpread_quote(n->host_name);
        if (!ion_derp_host_is_valid(n->host_name)) {
            derpread_note(c->r, ION_DERPNOTE_DROPPED, at, "HostName",
                "\"%.*s\" must be a host name or an address, without scheme, "
                "port or path",
                ION_STR_ARG(quote));
        }
        warn_of_scope(c, "HostName", n->host_name);
    } else if (is_address(n->ipv4) || is_address(n->ipv6)) {
        n->host_name = is_address(n->ipv4) ? n->ipv4 : n->ipv6;
        derpread_note(c->r, ION_DERPNOTE_WARNING, at, "HostName",
            "is missing, set to the address %.*s", ION_STR_ARG(n->host_name));
    } else {
        derpread_note(c->r, ION_DERPNOTE_DROPPED, at, "HostName",
            "is missing, want a host name or an address");
    }
}

static void
check_cert_name(const check_t *c)
{
    const ion_str_t pin = ION_STR("sha256-raw:");
    ion_str_t text = c->n->cert_name;
    ion_str_t quote = derpread_quote(text);
    const ion_doc_node_t *at = place(c, "CertName");
    if (ion_derp_cert_name_is_valid(text)) {
        if (text.len > 0 && !ion_str_has_prefix(text, pin)) {
            derpread_note(c->r, ION_DERPNOTE_WARNING, at, "CertName",
                "\"%.*s\" is the name that clients will expect instead of the "
                "host's; a pin would be sha256-raw: and 64 hexadecimal digits",
                ION_STR_ARG(quote));
        }
        return;
    }
    derpread_note(c->r, ION_DERPNOTE_DROPPED, at, "CertName",
        "\"%.*s\" must be a host name, or sha256-raw: and 64 hexadecimal "
        "digits",
        ION_STR_ARG(quote));
}

static void
check_port(const check_t *c, const char *field, int port)
{
    if (port > 0 && port < PRIVILEGED_PORTS && port != 80 && port != 443) {
        derpread_note(c->r, ION_DERPNOTE_WARNING, place(c, field), field,
            "%d is below 1024 and neither 80 nor 443: another service's?",
            port);
    }
}

static void
check_test_fields(const check_t *c)
{
    ion_derpnode_t *n = c->n;
    if (n->insecure_for_tests) {
        derpread_note(c->r, ION_DERPNOTE_WARNING, place(c, "InsecureForTests"),
            "InsecureForTests", "clients will not verify the certificate");
    }
    if (n->stun_test_ip.len == 0) {
        return;
    }
    bool is_ip = is_address(n->stun_test_ip) &&
                 (ion_derp_ipv4_is_valid(n->stun_test_ip) ||
                     ion_derp_ipv6_is_valid(n->stun_test_ip));
    ion_str_t quote = derpread_quote(n->stun_test_ip);
    derpread_note(c->r, ION_DERPNOTE_WARNING, place(c, "STUNTestIP"),
        "STUNTestIP", "\"%.*s\" %s", ION_STR_ARG(quote),
        is_ip ? "is for tests alone" : "is not an address, left out");
    if (!is_ip) {
        n->stun_test_ip = ION_STR("");
    }
}

void
derpread_node(derpread_t *r, const ion_doc_node_t *node, size_t i,
    const ion_derpregion_t *region, ion_derpnode_t *out)
{
    derpread_fields_t found;
    check_t c = { .r = r, .found = &found, .n = out, .whole = node };
    derpread_members(
        r, node, ion_derpnode_fields, ION_DERPNOTE_DROPPED, out, &found);

    check_region_id(&c, region->id);
    check_name(&c, i);
    check_ip(&c, "IPv4", &out->ipv4, ion_derp_ipv4_is_valid);
    check_ip(&c, "IPv6", &out->ipv6, ion_derp_ipv6_is_valid);
    if (ion_str_eq(out->ipv4, ION_STR("none")) &&
        ion_str_eq(out->ipv6, ION_STR("none")))
    {
        derpread_note(r, ION_DERPNOTE_DROPPED, place(&c, "IPv6"), "IPv6",
            "IPv4 and IPv6 are both \"none\": nobody could reach this node");
    }
    check_host(&c);
    check_cert_name(&c);
    check_port(&c, "STUNPort", out->stun_port);
    check_port(&c, "DERPPort", out->derp_port);
    check_test_fields(&c);
}
