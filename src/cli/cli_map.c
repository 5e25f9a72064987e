/*
 * cli_map.c -- `ionscale system get-derp-map`.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdio.h>

#include "cli/cli_conn.h"
#include "cli/cli_int.h"
#include "cli/cli_print.h"
#include "doc/emit_tree.h"
#include "model/derpmap.h"

enum {
    MAP_MAX = 16 * 1024 * 1024,
    MAP_YAML_FORM = 2,
    MAP_JSON_INDENT = 2,
};

static int
print_map(const cli_opts_t *opts, ion_str_t text, ion_arena_t *arena)
{
    ion_derpmap_t *map = NULL;
    ion_errtext_t why = { "" };
    ion_sb_t sb;
    int status;

    if (ion_derpmap_parse(arena, text, &map, &why) != ION_OK) {
        return cli_error("the daemon's DERP map is not one that this program "
                         "understands: %s",
            why.msg);
    }
    ion_sb_init(&sb, MAP_MAX);
    if (opts->is_json) {
        ion_derpmap_write_json(map, MAP_JSON_INDENT, &sb);
    } else {
        ion_derpmap_write_yaml(map, MAP_YAML_FORM, &sb);
    }
    if (sb.failed) {
        status = cli_error("no memory for the map");
    } else {
        (void)printf("%s\n", sb.p);
        status = cli_finish();
    }
    ion_sb_fini(&sb);
    return status;
}

int
cli_run_get_derp_map(const cli_opts_t *opts)
{
    cli_reply_t reply;
    ion_sb_t sb;
    ion_jw_t w;
    int status;

    if (cli_simple(opts, "system get-derp-map", &reply) != ION_OK) {
        return 1;
    }
    ion_sb_init(&sb, MAP_MAX);
    ion_jw_init(&w, &sb, 0);
    ion_jw_node(&w, reply.result);
    status = sb.failed ? cli_error("no memory for the map")
                       : print_map(opts, ion_sb_str(&sb), reply.arena);
    ion_sb_fini(&sb);
    cli_reply_free(&reply);
    return status;
}
