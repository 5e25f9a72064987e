/*
 * derpmap_fields.c -- the fields of a DERP map as tables.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "model/derpmap_fields.h"

#include <limits.h>
#include <stddef.h>

#include "base/assert.h"

#define PORT_MAX 65535

#define FIELD(t, field_name, member, field_type)                               \
    .name = (field_name), .offset = offsetof(t, member),                       \
    .type = ION_DERPFIELD_##field_type
#define MAP(name, member, type)    FIELD(ion_derpmap_t, name, member, type)
#define REGION(name, member, type) FIELD(ion_derpregion_t, name, member, type)
#define NODE(name, member, type)   FIELD(ion_derpnode_t, name, member, type)

/* clang-format off */
const ion_derpfield_t ion_derpmap_fields[ION_DERPMAP_FIELDS + 1] = {
    { .name = "HomeParams", .type = ION_DERPFIELD_NESTED },
    { .name = "Regions", .type = ION_DERPFIELD_NESTED },
    { MAP("omitDefaultRegions", omit_default_regions, BOOL), .is_late = true },
    { .name = NULL },
};

const ion_derpfield_t ion_derpregion_fields[ION_DERPREGION_FIELDS + 1] = {
    { REGION("RegionID", id, INT), .is_required = true, .alias = "region_id",
        .min = INT_MIN, .max = INT_MAX },
    { REGION("RegionCode", code, STR), .is_required = true,
        .alias = "region_code" },
    { REGION("RegionName", name, STR), .is_required = true,
        .alias = "region_name" },
    { REGION("Latitude", latitude, F64) },
    { REGION("Longitude", longitude, F64) },
    { REGION("Avoid", avoid, BOOL) },
    { REGION("NoMeasureNoHome", no_measure_no_home, BOOL), .is_late = true },
    { .name = "Nodes", .type = ION_DERPFIELD_NESTED, .is_required = true },
    { .name = NULL },
};

const ion_derpfield_t ion_derpnode_fields[ION_DERPNODE_FIELDS + 1] = {
    { NODE("Name", name, STR), .is_required = true },
    { NODE("RegionID", region_id, INT), .is_required = true,
        .alias = "region_id", .min = INT_MIN, .max = INT_MAX },
    { NODE("HostName", host_name, STR), .is_required = true,
        .alias = "host_name" },
    { NODE("CertName", cert_name, STR) },
    { NODE("IPv4", ipv4, STR) },
    { NODE("IPv6", ipv6, STR) },
    { NODE("STUNPort", stun_port, INT), .alias = "stun_port",
        .min = ION_DERPMAP_NO_STUN, .max = PORT_MAX,
        .meaning = " (0 = 3478, -1 = none)" },
    { NODE("STUNOnly", stun_only, BOOL), .alias = "stun_only" },
    { NODE("DERPPort", derp_port, INT), .alias = "derp_port", .min = 0,
        .max = PORT_MAX, .meaning = " (0 = 443)" },
    { NODE("InsecureForTests", insecure_for_tests, BOOL) },
    { NODE("STUNTestIP", stun_test_ip, STR) },
    { NODE("CanPort80", can_port80, BOOL), .alias = "can_port_80" },
    { .name = NULL },
};
/* clang-format on */

static const void *
member(const ion_derpfield_t *f, const void *of, ion_derpfield_type_t type)
{
    ION_ASSERT(f->type == type);
    return (const char *)of + f->offset;
}

int
ion_derpfield_int(const ion_derpfield_t *f, const void *of)
{
    return *(const int *)member(f, of, ION_DERPFIELD_INT);
}

bool
ion_derpfield_bool(const ion_derpfield_t *f, const void *of)
{
    return *(const bool *)member(f, of, ION_DERPFIELD_BOOL);
}

double
ion_derpfield_f64(const ion_derpfield_t *f, const void *of)
{
    return *(const double *)member(f, of, ION_DERPFIELD_F64);
}

ion_str_t
ion_derpfield_str(const ion_derpfield_t *f, const void *of)
{
    return *(const ion_str_t *)member(f, of, ION_DERPFIELD_STR);
}

bool
ion_derpfield_is_set(const ion_derpfield_t *f, const void *of)
{
    switch (f->type) {
    case ION_DERPFIELD_INT:
        return ion_derpfield_int(f, of) != 0;
    case ION_DERPFIELD_BOOL:
        return ion_derpfield_bool(f, of);
    case ION_DERPFIELD_F64:
        return ion_derpfield_f64(f, of) != 0;
    case ION_DERPFIELD_STR:
        return ion_derpfield_str(f, of).len > 0;
    case ION_DERPFIELD_NESTED:
        return true;
    }
    return true;
}
