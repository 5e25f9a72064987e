/*
 * tls/tls_stream.h -- the TLS implementation of event/stream.h.
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * One recv fills the loop's shared buffer, from which the library reads
 * record by record (no read-ahead); sealed records go straight into the
 * stream's output buffer. ion_stream_read drives the handshake. Key updates
 * and empty records without data between them are bounded, renegotiation is
 * off.
 */
#ifndef ION_TLS_TLS_STREAM_H
#define ION_TLS_TLS_STREAM_H

#include <stdint.h>

#include "base/base.h"
#include "base/err.h"
#include "event/stream.h"
#include "tls/tls_ctx.h"

/*
 * Gauges of live connections by version; each is one counter of this process
 * and may be NULL. Counted from the end of the handshake to the stream's end,
 * whoever owns the stream by then.
 */
typedef struct ion_tls_gauges {
    uint64_t *active_12;
    uint64_t *active_13;
} ion_tls_gauges_t;

/*
 * ion_tls_accept -- the server side of a new connection, before its
 * handshake.
 *
 * Shape:  fd non-blocking and connected; gauges copied, may be NULL.
 * Owns:   takes fd on success only; shares ctx; gives *out.
 * Errors: ION_NOMEM.
 */
ION_NODISCARD ion_err_t ion_tls_accept(ion_loop_t *loop, ion_tls_ctx_t *ctx,
    int fd, const ion_tls_gauges_t *gauges, ion_stream_t **out);

/*
 * ion_tls_reason -- why a TLS stream failed, for a log line ("unsupported
 * protocol"); a static text, empty when it did not.
 *
 * Shape:  s was made by ion_tls_accept.
 */
const char *ion_tls_reason(const ion_stream_t *s);

#endif
