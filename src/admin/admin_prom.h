/*
 * admin_prom.h -- counters as Prometheus text.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef ION_ADMIN_ADMIN_PROM_H
#define ION_ADMIN_ADMIN_PROM_H

#include "base/str.h"
#include "core/process.h"

/* Content-Type of the text. */
#define ADMIN_PROM_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* More text than this is not written. */
#define ADMIN_PROM_MAX (256u * 1024)

/*
 * admin_prom_write -- append one line per counter, with # HELP and # TYPE in
 * front of each metric.
 *
 * Errors: sb->failed.
 */
void admin_prom_write(const ion_process_t *p, ion_sb_t *sb);

#endif
