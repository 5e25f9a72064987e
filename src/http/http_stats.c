/*
 * http/http_stats.c -- the counters of the HTTP and TLS layers.
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "http/http_int.h"

/* clang-format off */
const ion_stat_desc_t ion_http_stats[] = {
    [HTTP_STAT_TLS_REQUEST_12] = { "derper_tls_request_version",
        "version=\"1.2\"", ION_STAT_COUNTER, "HTTP requests by TLS version." },
    [HTTP_STAT_TLS_REQUEST_13] = { "derper_tls_request_version",
        "version=\"1.3\"", ION_STAT_COUNTER, NULL },
    [HTTP_STAT_TLS_ACTIVE_12] = { "derper_tls_active_version",
        "version=\"1.2\"", ION_STAT_GAUGE, "Live connections by TLS version." },
    [HTTP_STAT_TLS_ACTIVE_13] = { "derper_tls_active_version",
        "version=\"1.3\"", ION_STAT_GAUGE, NULL },
    [HTTP_STAT_ACCEPTED] = { "tls_listener_accepted_connections",
        NULL, ION_STAT_COUNTER, "Connections accepted on listen_addr." },
    [HTTP_STAT_REJECTED] = { "tls_listener_rejected_connections",
        NULL, ION_STAT_COUNTER, "Connections closed by a limit at accept." },
    [HTTP_STAT_HANDSHAKES_OK] = { "ionscale_handshakes",
        "outcome=\"ok\"", ION_STAT_COUNTER, "TLS handshakes by outcome." },
    [HTTP_STAT_HANDSHAKES_FAILED] = { "ionscale_handshakes",
        "outcome=\"failed\"", ION_STAT_COUNTER, NULL },
    [HTTP_STAT_HANDSHAKES_TIMEOUT] = { "ionscale_handshakes",
        "outcome=\"timeout\"", ION_STAT_COUNTER, NULL },
    [HTTP_STAT_REQUESTS] = { "ionscale_http_requests",
        NULL, ION_STAT_COUNTER, "HTTP requests served." },
    [HTTP_STAT_ERRORS] = { "ionscale_http_errors",
        NULL, ION_STAT_COUNTER, "HTTP requests refused or broken off." },
    [HTTP_STAT_BOOTSTRAP_REQUESTS] = { "bootstrap_dns_requests",
        NULL, ION_STAT_COUNTER, "Requests for /bootstrap-dns." },
    [HTTP_STAT_BOOTSTRAP_MISSES] = { "bootstrap_dns_unpublished_misses",
        NULL, ION_STAT_COUNTER, "Names asked for that are not served." },
};
/* clang-format on */

ION_STATIC_ASSERT(ION_ARRAY_LEN(ion_http_stats) == HTTP_STAT_COUNT,
    "one description per counter");

const size_t ion_http_stat_count = HTTP_STAT_COUNT;
