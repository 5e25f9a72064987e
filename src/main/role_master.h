/*
 * role_master.h -- entry of the master process.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef ION_MAIN_ROLE_MASTER_H
#define ION_MAIN_ROLE_MASTER_H

#include <stdbool.h>

#include "core/conf.h"

typedef struct server_opts {
    const char *program;     /* argv[0] */
    const char *config_file; /* NULL = none */
    bool is_test;            /* -t */
    bool is_dump;            /* -T */
} server_opts_t;

/*
 * master_main -- be the master until told to end, or with is_test check
 * everything and return.
 *
 * conf: taken.  Returns: the exit status; what was wrong is on stderr or in
 * the log.
 */
int master_main(const server_opts_t *opts, ion_conf_t *conf);

#endif
