/*
 * derp_info.h -- what client and server tell each other at login.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Both texts are JSON inside a box.  A stranger writes the client's, so it
 * is read by a small strict reader: keys in any case, later duplicates win,
 * unknown keys are skipped, nothing is allocated.
 */
#ifndef ION_PROTO_DERP_INFO_H
#define ION_PROTO_DERP_INFO_H

#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"
#include "base/err.h"
#include "base/str.h"

/* the server's whole answer: no client-side token bucket is advertised */
#define DERP_SERVER_INFO_JSON "{\"version\":2}"

typedef struct derp_client_info {
    int64_t version; /* not checked by the protocol */
    bool can_ack_pings;
    bool is_prober;
    bool has_mesh_key;    /* false for an absent or all-zero key */
    uint8_t mesh_key[32]; /* compare in constant time */
    char app_name[64];    /* NUL-terminated, cut; bytes of a stranger */
} derp_client_info_t;

/*
 * derp_client_info_parse -- read the JSON of a ClientInfo frame.
 *
 * Shape:  json borrowed; *out is complete on ION_OK and undefined else.
 *         An object or null, blanks around it.
 * Errors: ION_MALF not JSON, a field of the wrong type, a mesh key that is
 *         not 64 hex digits, or bytes behind the value; no other.
 * Spec:   DERP protocol: ClientInfo.
 */
ION_NODISCARD ion_err_t derp_client_info_parse(
    ion_str_t json, derp_client_info_t *out);

#endif
