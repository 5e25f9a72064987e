/*
 * rlimit.h -- how many descriptors and CPUs we may use.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef ION_OS_RLIMIT_H
#define ION_OS_RLIMIT_H

#include <stdint.h>

#include "base/base.h"
#include "base/err.h"

/*
 * ion_rlimit_raise_files -- raise RLIMIT_NOFILE's soft limit to the hard one.
 *
 * *now_soft: the limit in force afterwards, also on failure.
 * Errors: ION_SYS (errno).
 */
ION_NODISCARD ion_err_t ion_rlimit_raise_files(uint64_t *now_soft);

/* ion_cpu_count -- CPUs this process may run on; at least 1. */
uint32_t ion_cpu_count(void);

#endif
