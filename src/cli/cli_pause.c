/*
 * cli_pause.c -- commands that look more than once.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <poll.h>
#include <unistd.h>

#include "base/num.h"
#include "cli/cli_int.h"
#include "cli/cli_print.h"

#define INTERVAL_MIN (INT64_C(100) * 1000 * 1000)
#define INTERVAL_MAX (INT64_C(30) * 1000 * 1000 * 1000)

double
cli_interval(const cli_opts_t *opts, double normal)
{
    int64_t ns;

    if (opts->interval == NULL) {
        return normal;
    }
    if (ion_parse_duration(ion_str_from(opts->interval), &ns) != ION_OK ||
        ns < INTERVAL_MIN || ns > INTERVAL_MAX)
    {
        (void)cli_error(
            "--interval %s: right is 100ms to 30s, such as 500ms or 5s",
            opts->interval);
        return 0;
    }
    return (double)ns / 1e9;
}

bool
cli_pause(double seconds)
{
    /* nothing is asked of it: it wakes for a reader that has gone alone */
    struct pollfd out = { .fd = STDOUT_FILENO };
    int rc = poll(&out, 1, (int)(seconds * 1000 + 0.5));

    return rc <= 0 || (out.revents & (POLLERR | POLLNVAL)) == 0;
}
