/*
 * derpmap.h -- the DERP map: what clients are told about relays.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The fields are those of tailcfg's DERPMap. A map is made once, in an arena,
 * and not changed afterwards; regions are in ascending order of their ids.
 * The empty string stands for a field that is not set.
 */

#ifndef ION_MODEL_DERPMAP_H
#define ION_MODEL_DERPMAP_H

#include "base/arena.h"
#include "base/base.h"
#include "base/err.h"
#include "base/str.h"

/* Region ids go through clients in 16 bits. */
#define ION_DERPMAP_ID_MAX      65535
#define ION_DERPMAP_TEXT_MAX    255 /* bytes of a code or a name */
#define ION_DERPMAP_REGIONS_MAX 1024
#define ION_DERPMAP_NODES_MAX   64   /* in a region */
#define ION_DERPMAP_NODES_TOTAL 4096 /* in a map */

/* STUNPort: there is no STUN server at this node. */
#define ION_DERPMAP_NO_STUN (-1)

typedef struct ion_derpnode {
    ion_str_t name;
    int region_id;
    ion_str_t host_name; /* DNS name or IP literal */
    ion_str_t cert_name; /* name to verify, or "sha256-raw:" + 64 hex */
    ion_str_t ipv4;      /* address; "" = DNS, "none" = not reachable */
    ion_str_t ipv6;
    int stun_port; /* 0 = 3478, -1 = none */
    bool stun_only;
    int derp_port; /* 0 = 443 */
    bool insecure_for_tests;
    ion_str_t stun_test_ip;
    bool can_port80;
} ion_derpnode_t;

typedef struct ion_derpregion {
    int id;
    bool is_removed; /* null in a source: earlier sources' region goes; the
                        other fields are not set. No map to clients has it */
    ion_str_t code;
    ion_str_t name;
    double latitude; /* degrees; 0 = unknown */
    double longitude;
    bool avoid;
    bool no_measure_no_home;
    ion_derpnode_t *nodes; /* in order of preference */
    size_t node_count;
} ion_derpregion_t;

/* How a region's latency counts when a client chooses its home. */
typedef struct ion_derpscore {
    int region_id;
    double score; /* below 1 favours, above 1 penalises */
} ion_derpscore_t;

typedef struct ion_derpmap {
    ion_derpscore_t *scores; /* HomeParams.RegionScore, ids ascending */
    size_t score_count;
    ion_derpregion_t *regions; /* ids ascending */
    size_t region_count;
    bool omit_default_regions;
} ion_derpmap_t;

/*
 * ion_derpmap_write_canonical -- one form per map: compact, keys in the order
 * of the fields, unset ones left out, regions by number.
 *
 * Shape:  appends to sb, no newline. The same map gives the same bytes, and
 *         equal bytes mean equal maps.
 * Errors: sb->failed.
 */
void ion_derpmap_write_canonical(const ion_derpmap_t *map, ion_sb_t *sb);

/*
 * ion_derpmap_write_json -- the same fields as Go's encoding/json orders
 * them: region keys sorted as strings.
 *
 * Shape:  indent is 0 (what clients get) or 2 (what people get); appends to
 *         sb, no newline.
 * Errors: sb->failed.
 */
void ion_derpmap_write_json(
    const ion_derpmap_t *map, unsigned indent, ion_sb_t *sb);

/*
 * ion_derpmap_write_yaml -- the printed form for people: every field, keys in
 * lower case, regions by number.
 *
 * Shape:  form is 2 (`system get-derp-map`) or 4 (`tailnets get-derp-map`)
 *         blanks a level; appends to sb, with a newline after each line. The
 *         command prints one more newline behind it.
 * Errors: sb->failed.
 */
void ion_derpmap_write_yaml(
    const ion_derpmap_t *map, unsigned form, ion_sb_t *sb);

/*
 * ion_derpmap_parse -- read a map that this program wrote.
 *
 * Shape:  text is JSON in any of our two forms; exact field names, no field
 *         that is unknown, no null. *err (may be NULL) says what was wrong.
 * Owns:   *out and all it points to is the arena's.
 * Errors: ION_MALF not such a document | ION_LIMIT more regions than
 *         ION_DERPMAP_REGIONS_MAX or larger than the arena allows | ION_NOMEM.
 */
ION_NODISCARD ion_err_t ion_derpmap_parse(ion_arena_t *arena, ion_str_t text,
    ion_derpmap_t **out, ion_errtext_t *err);

#endif
