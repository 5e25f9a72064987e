/*
 * derpmap_embedded.h -- the region that this instance itself serves.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Built from plain parameters, because only the master knows what was really
 * bound and which certificate is served.
 */

#ifndef ION_MODEL_DERPMAP_EMBEDDED_H
#define ION_MODEL_DERPMAP_EMBEDDED_H

#include "model/derpmap.h"

/* Where clients reach one service of ours. */
typedef struct ion_derp_endpoint {
    ion_str_t host; /* DNS name or IP literal, without port or brackets */
    ion_str_t ipv4; /* address, "none", or "" to leave it to DNS */
    ion_str_t ipv6;
    int port; /* 1..65535 */
} ion_derp_endpoint_t;

typedef struct ion_derp_embedded {
    int region_id; /* 1..65535 */
    ion_str_t region_code;
    ion_str_t region_name; /* "" = the code */
    ion_derp_endpoint_t derp;
    ion_derp_endpoint_t stun; /* port ION_DERPMAP_NO_STUN = there is none */
    ion_str_t cert_name;      /* of the DERP node; "" = verify the host name */
    bool can_port80;          /* the captive portal probe is answered there */
} ion_derp_embedded_t;

/*
 * ion_derpmap_embedded -- check the parameters and make the map of this one
 * region.
 *
 * Shape:  equal public hosts give one node "ionscale"; different ones a
 *         STUN-only node "stun" and a node "derp" without STUN. Hosts are
 *         compared without regard to case. The endpoint's addresses go to the
 *         endpoint's node.
 * Owns:   *out and all it points to, also the texts, is the arena's.
 * Errors: ION_MALF a parameter that no client could use, named in *err (may
 *         be NULL) | ION_NOMEM the arena is used up.
 */
ION_NODISCARD ion_err_t ion_derpmap_embedded(ion_arena_t *arena,
    const ion_derp_embedded_t *params, ion_derpmap_t **out, ion_errtext_t *err);

#endif
