/*
 * rlimit.c -- how many descriptors and CPUs we may use.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "os/rlimit.h"

#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

ion_err_t
ion_rlimit_raise_files(uint64_t *now_soft)
{
    struct rlimit rl;
    struct rlimit want;

    *now_soft = 0;
    if (getrlimit(RLIMIT_NOFILE, &rl) != 0) {
        return ION_SYS;
    }
    *now_soft = rl.rlim_cur;
    if (rl.rlim_cur == rl.rlim_max) {
        return ION_OK;
    }
    want = rl;
    want.rlim_cur = rl.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &want) != 0) {
        return ION_SYS;
    }
    *now_soft = want.rlim_cur;
    return ION_OK;
}

uint32_t
ion_cpu_count(void)
{
    cpu_set_t set;
    long online;

    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof(set), &set) == 0 && CPU_COUNT(&set) > 0) {
        return (uint32_t)CPU_COUNT(&set);
    }
    online = sysconf(_SC_NPROCESSORS_ONLN); /* more CPUs than the set holds */
    return online > 0 ? (uint32_t)online : 1;
}
