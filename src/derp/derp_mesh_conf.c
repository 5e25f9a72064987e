/*
 * derp_mesh_conf.c -- see derp_mesh_conf.h.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "derp/derp_mesh_conf.h"

#include "base/str.h"

static ion_err_t
check_entry(
    const ion_strings_t *list, size_t n, ion_errtext_t *err, ion_errtext_t *why)
{
    ion_mesh_target_t target, before;

    if (ion_mesh_target_parse(ion_str_from(list->v[n]), &target, why) != ION_OK)
    {
        ion_errtext_set(err, "derp.mesh_with: %s", why->msg);
        return ION_MALF;
    }
    for (size_t i = 0; i < n; i++) {
        if (ion_mesh_target_parse(ion_str_from(list->v[i]), &before, NULL) ==
                ION_OK &&
            ion_mesh_target_is_same(&before, &target))
        {
            ion_errtext_set(err,
                "derp.mesh_with: %s is listed twice: keep one of them",
                list->v[n]);
            return ION_MALF;
        }
    }
    return ION_OK;
}

ion_err_t
derp_mesh_conf_check(const ion_strings_t *mesh_with, ion_errtext_t *err)
{
    ion_errtext_t why = { "" };

    if (mesh_with->n > ION_MESH_TARGETS_MAX) {
        ion_errtext_set(err,
            "derp.mesh_with: %zu relays are listed, a mesh may have %d",
            mesh_with->n, (int)ION_MESH_TARGETS_MAX);
        return ION_MALF;
    }
    for (size_t i = 0; i < mesh_with->n; i++) {
        if (check_entry(mesh_with, i, err, &why) != ION_OK) {
            return ION_MALF;
        }
    }
    return ION_OK;
}

size_t
derp_mesh_conf_read(const ion_strings_t *mesh_with, ion_mesh_target_t *out)
{
    size_t count = 0;

    for (size_t i = 0; i < mesh_with->n && count < ION_MESH_TARGETS_MAX; i++) {
        if (ion_mesh_target_parse(
                ion_str_from(mesh_with->v[i]), &out[count], NULL) == ION_OK)
        {
            count++;
        }
    }
    return count;
}
