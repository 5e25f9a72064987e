/*
 * derp_mesh_conf.h -- the relays to mesh with, read and checked.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef ION_DERP_DERP_MESH_CONF_H
#define ION_DERP_DERP_MESH_CONF_H

#include <stddef.h>

#include "base/base.h"
#include "base/err.h"
#include "core/settings.h"
#include "proto/mesh_target.h"

/*
 * derp_mesh_conf_check -- is every entry of derp.mesh_with a target, and none
 * twice?
 *
 * Errors: ION_MALF, *err begins with "derp.mesh_with: " and says what is
 *         wrong and what would be right.
 */
ION_NODISCARD ion_err_t derp_mesh_conf_check(
    const ion_strings_t *mesh_with, ion_errtext_t *err);

/*
 * derp_mesh_conf_read -- the targets of a list that was checked.
 *
 * Shape:  out has room for ION_MESH_TARGETS_MAX; returns how many there are.
 * Errors: none.
 */
size_t derp_mesh_conf_read(
    const ion_strings_t *mesh_with, ion_mesh_target_t *out);

#endif
