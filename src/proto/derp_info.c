/*
 * derp_info.c -- the JSON of a ClientInfo frame.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "proto/derp_info.h"

#include <string.h>

#include "proto/json_pull.h"
#include "proto/key_text.h"

enum {
    MAX_KEY = 16 /* longer than any key we look for */
};

static void
read_mesh_key(json_pull_t *jp, derp_client_info_t *out)
{
    char hex[ION_HEX_KEY_TEXT];
    ion_str_t text = { hex, 0 };

    json_pull_string(jp, hex, sizeof(hex), &text.len);
    if (jp->bad || text.len > sizeof(hex) ||
        ion_mesh_key_parse(text, out->mesh_key, &out->has_mesh_key) != ION_OK)
    {
        jp->bad = true;
    }
}

static void
read_app_name(json_pull_t *jp, derp_client_info_t *out)
{
    size_t len;

    if (json_pull_kind(jp) == JSON_NULL) {
        json_pull_skip(jp);
        return;
    }
    memset(out->app_name, 0, sizeof(out->app_name));
    json_pull_string(jp, out->app_name, sizeof(out->app_name) - 1, &len);
}

static void
read_member(json_pull_t *jp, ion_str_t key, derp_client_info_t *out)
{
    if (ion_str_ieq(key, ION_STR("meshKey"))) {
        read_mesh_key(jp, out);
    } else if (ion_str_ieq(key, ION_STR("version"))) {
        json_pull_int(jp, &out->version);
    } else if (ion_str_ieq(key, ION_STR("CanAckPings"))) {
        json_pull_bool(jp, &out->can_ack_pings);
    } else if (ion_str_ieq(key, ION_STR("IsProber"))) {
        json_pull_bool(jp, &out->is_prober);
    } else if (ion_str_ieq(key, ION_STR("AppName"))) {
        read_app_name(jp, out);
    } else {
        json_pull_skip(jp);
    }
}

ion_err_t
derp_client_info_parse(ion_str_t json, derp_client_info_t *out)
{
    json_pull_t jp;
    char key[MAX_KEY];
    size_t len;

    memset(out, 0, sizeof(*out));
    json_pull_init(&jp, json);
    if (json_pull_kind(&jp) == JSON_NULL) {
        json_pull_skip(&jp);
        return json_pull_end(&jp);
    }
    json_pull_enter(&jp);
    while (json_pull_key(&jp, key, sizeof(key), &len)) {
        ion_str_t name = { key, len > sizeof(key) ? 0 : len };

        read_member(&jp, name, out);
    }
    return json_pull_end(&jp);
}
