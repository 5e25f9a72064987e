/*
 * mesh_target.h -- a relay to mesh with, as an operator writes it.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 *   host[:port][/dialhost][#sha256-raw:HEX]
 *
 * host is what the relay calls itself: TLS and HTTP ask for it. TCP goes to
 * dialhost when there is one, such as an address inside a private network,
 * with host's port. The pin is of a self-signed certificate, in the form in
 * which `ionscale status` and the DERP map show it; without one the machine's
 * certificate authorities are asked.
 */
#ifndef ION_PROTO_MESH_TARGET_H
#define ION_PROTO_MESH_TARGET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"
#include "base/err.h"
#include "base/str.h"

enum {
    ION_MESH_HOST = 254, /* a DNS name or an IP literal, and NUL */
    ION_MESH_PIN_LEN = 32,
    ION_MESH_PORT = 443, /* when the target names none */
    ION_MESH_TARGETS_MAX = 32,
};

typedef struct ion_mesh_target {
    char host[ION_MESH_HOST]; /* no brackets around an IPv6 address */
    char dial[ION_MESH_HOST]; /* where TCP goes; host unless it was given */
    uint16_t port;
    bool has_pin;
    uint8_t pin[ION_MESH_PIN_LEN]; /* SHA-256 of the certificate's DER */
} ion_mesh_target_t;

/*
 * ion_mesh_target_parse -- read one target.
 *
 * Shape:  text is taken as it is: blanks belong to a name, and are refused.
 *         why may be NULL.
 * Errors: ION_MALF, *why says what is wrong and what would be right; *out is
 *         undefined then.
 * Spec:   DERP protocol: mesh, client side.
 */
ION_NODISCARD ion_err_t ion_mesh_target_parse(
    ion_str_t text, ion_mesh_target_t *out, ion_errtext_t *why);

/*
 * ion_mesh_target_is_same -- would two targets be one link?
 *
 * Shape:  host, port and dialhost agree, names in either case.
 * Errors: none.
 * Spec:   DERP protocol: mesh, client side.
 */
bool ion_mesh_target_is_same(
    const ion_mesh_target_t *a, const ion_mesh_target_t *b);

#endif
