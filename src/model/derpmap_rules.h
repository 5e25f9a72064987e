/*
 * derpmap_rules.h -- what a field of a DERP map may hold.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef ION_MODEL_DERPMAP_RULES_H
#define ION_MODEL_DERPMAP_RULES_H

#include "base/base.h"
#include "base/str.h"

/*
 * ion_derp_host_is_valid -- a DNS name (letters, digits, '-' and '_' in
 * labels of 1..63 bytes, 253 in all) or an IP literal: no scheme, port, path,
 * brackets or blanks.
 *
 * Errors: none.
 */
bool ion_derp_host_is_valid(ion_str_t host);

/*
 * ion_derp_ipv4_is_valid, ion_derp_ipv6_is_valid -- an address of that
 * family, "none", or the empty string.
 *
 * Errors: none.
 */
bool ion_derp_ipv4_is_valid(ion_str_t text);
bool ion_derp_ipv6_is_valid(ion_str_t text);

/*
 * ion_derp_cert_name_is_valid -- "", "sha256-raw:" + 64 hex digits, or a host
 * as above.
 *
 * Errors: none.
 */
bool ion_derp_cert_name_is_valid(ion_str_t text);

/*
 * ion_derp_text_is_valid -- a region's code or name: 1..255 bytes of UTF-8
 * without control characters.
 *
 * Errors: none.
 */
bool ion_derp_text_is_valid(ion_str_t text);

#endif
