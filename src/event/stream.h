/*
 * event/stream.h -- one byte stream to a peer: plain here, TLS in src/tls.
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The owner watches ion_stream_fd with its own ion_io_t; a stream never calls
 * back. Reading is one recv per call. Writing seals into an output buffer
 * that ion_stream_flush sends with one send per call. Close ends the
 * connection for both sides (shutdown, then close); release only lets go of
 * the stream and leaves the descriptor and the peer untouched, for a session
 * that goes on in another process. Export may answer "cannot".
 */
#ifndef ION_EVENT_STREAM_H
#define ION_EVENT_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "base/err.h"
#include "event/loop.h"

#define ION_STREAM_MAGIC 0x5354524du

typedef struct ion_stream ion_stream_t;

/* What a kind of stream does; close and release also free the stream. */
typedef struct ion_stream_ops {
    ion_err_t (*read)(ion_stream_t *s, void *buf, size_t cap, size_t *n);
    ion_err_t (*write)(ion_stream_t *s, const void *p, size_t n);
    ion_err_t (*flush)(ion_stream_t *s);
    size_t (*unsent)(const ion_stream_t *s);
    bool (*has_input)(const ion_stream_t *s);
    bool (*is_ready)(const ion_stream_t *s);
    int (*tls_version)(const ion_stream_t *s);
    ion_err_t (*finish)(ion_stream_t *s);
    ion_err_t (*export)(ion_stream_t *s, void *buf, size_t cap, size_t *n);
    void (*close)(ion_stream_t *s);
    void (*release)(ion_stream_t *s);
} ion_stream_ops_t;

/* The common head; implementations embed it as their first member. */
struct ion_stream {
    uint32_t magic;
    int fd; /* owned */
    const ion_stream_ops_t *ops;
    ion_loop_t *loop; /* back */
};

/*
 * ion_stream_new_plain -- a stream without encryption over a socket.
 *
 * Shape:  fd non-blocking and connected.
 * Owns:   takes fd on success only; gives *out.
 * Errors: ION_NOMEM.
 */
ION_NODISCARD ion_err_t ion_stream_new_plain(
    ion_loop_t *loop, int fd, ion_stream_t **out);

/*
 * ion_stream_import -- continue a session that ion_stream_export wrote.
 *
 * Shape:  state[0..n) borrowed.
 * Owns:   takes fd on success only; gives *out.
 * Errors: ION_UNSUPPORTED no known form | ION_MALF damaged | ION_NOMEM.
 */
ION_NODISCARD ion_err_t ion_stream_import(
    ion_loop_t *loop, int fd, const void *state, size_t n, ion_stream_t **out);

/*
 * ion_stream_read -- get plaintext; drives the handshake of a TLS stream.
 *
 * Shape:  at most cap (> 0) bytes into buf; *n of them on ION_OK, never 0.
 *         What it wants to send (handshake, alerts) waits for a flush.
 * Errors: ION_AGAIN nothing now | ION_CLOSED the peer ended the stream |
 *         ION_MALF not the protocol | ION_NOMEM | ION_SYS errno.
 */
ION_NODISCARD ion_err_t ion_stream_read(
    ion_stream_t *s, void *buf, size_t cap, size_t *n);

/*
 * ion_stream_write -- seal n bytes into the output buffer; sends nothing.
 *
 * Shape:  p[0..n) borrowed; all or nothing counts as written.
 * Errors: ION_NOMEM buffer limit | ION_AGAIN the handshake is not over |
 *         ION_CLOSED after finish or a fatal error; after any but
 *         ION_AGAIN the stream can only be closed.
 */
ION_NODISCARD ion_err_t ion_stream_write(
    ion_stream_t *s, const void *p, size_t n);

/*
 * ion_stream_flush -- one send of the output buffer.
 *
 * Errors: ION_OK all is out | ION_AGAIN some is left: wait for
 *         ION_IO_WRITE | ION_CLOSED peer gone | ION_SYS errno.
 */
ION_NODISCARD ion_err_t ion_stream_flush(ion_stream_t *s);

/* ion_stream_unsent -- bytes in the output buffer (as they go on the wire). */
size_t ion_stream_unsent(const ion_stream_t *s);

/*
 * ion_stream_has_input -- input is buffered in this process: read again
 * without waiting for the descriptor.
 */
bool ion_stream_has_input(const ion_stream_t *s);

/* ion_stream_is_ready -- the handshake is over; always true when plain. */
bool ion_stream_is_ready(const ion_stream_t *s);

/* ion_stream_tls_version -- 0x0303, 0x0304; 0 plain or not yet known. */
int ion_stream_tls_version(const ion_stream_t *s);

/* ion_stream_fd -- the descriptor, to watch; still owned by the stream. */
int ion_stream_fd(const ion_stream_t *s);

/*
 * ion_stream_finish -- end our direction (close_notify, FIN) after what is
 * unsent; reading goes on, so that a last reply is not lost to a reset.
 *
 * Errors: as ion_stream_flush; call again after ION_AGAIN.
 */
ION_NODISCARD ion_err_t ion_stream_finish(ion_stream_t *s);

/*
 * ion_stream_export -- write the state another process needs to go on.
 *
 * Shape:  at most cap bytes into buf, *n of them used.
 * Errors: ION_UNSUPPORTED this stream cannot move | ION_LIMIT cap too small.
 */
ION_NODISCARD ion_err_t ion_stream_export(
    ion_stream_t *s, void *buf, size_t cap, size_t *n);

/*
 * ion_stream_close -- close_notify and a last flush when they go out at once,
 * shutdown, close; frees *s and nulls it; accepts NULL. The owner's ion_io_t
 * must be deleted before.
 */
void ion_stream_close(ion_stream_t **s);

/* ion_stream_release -- free *s, null it, give the open descriptor to *fd. */
void ion_stream_release(ion_stream_t **s, int *fd);

#endif
