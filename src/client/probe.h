/*
 * client/probe.h -- a relay looked at from outside, as a client needs it.
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Two throw-away clients log in, one by fast start and one by the upgrade
 * reply, ping, and send each other a packet; beside them STUN is asked over
 * both families. A check that failed makes those that build on it skipped.
 */
#ifndef ION_CLIENT_PROBE_H
#define ION_CLIENT_PROBE_H

#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/base.h"
#include "base/err.h"
#include "tls/tls_client.h"

#define ION_PROBE_CHECKS_MAX 12
#define ION_PROBE_ADDRS_MAX  16
#define ION_PROBE_DETAIL_MAX 256

typedef enum ion_probe_state {
    ION_PROBE_OK,
    ION_PROBE_FAILED,
    ION_PROBE_SKIPPED,
} ion_probe_state_t;

typedef struct ion_probe_check {
    const char *name; /* "tcp", "tls", "packet"...; static */
    ion_probe_state_t state;
    double ms; /* what it took; negative = nothing to measure */
    char detail[ION_PROBE_DETAIL_MAX];
} ion_probe_check_t;

typedef struct ion_probe_result {
    ion_probe_check_t checks[ION_PROBE_CHECKS_MAX];
    size_t count;
    size_t failed;
} ion_probe_result_t;

typedef struct ion_probe_config {
    const char *host;                      /* DNS name or IP literal */
    ion_addr_t addrs[ION_PROBE_ADDRS_MAX]; /* of the host, with the port */
    size_t addr_count;                     /* at least one */
    uint16_t stun_port;                    /* 0 = do not ask */
    bool is_plain;                         /* no TLS */
    ion_tls_trust_t trust;
    uint8_t pin[ION_CERT_PIN_LEN];
    int64_t timeout_ms; /* of each step */
    int64_t now;        /* seconds since 1970 */
} ion_probe_config_t;

/*
 * ion_probe_run -- take all checks; blocks, on a loop of its own.
 *
 * Shape:  *out is complete on ION_OK, also when checks failed.
 * Errors: ION_NOMEM | ION_SYS | ION_INTERNAL the probe could not begin.
 */
ION_NODISCARD ion_err_t ion_probe_run(
    const ion_probe_config_t *config, ion_probe_result_t *out);

#endif
