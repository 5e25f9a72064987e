/*
 * derp_traffic.c -- who has traffic, as lines without an end.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A viewer walks over the directory at the pace at which it reads: some rows a
 * turn, none while output waits.  What a connection had counted in the round
 * before stands at the place that its row has in the walk, which stays the
 * same as long as it lives.
 */
#include "derp/derp_traffic.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "derp/derp_worker.h"
#include "http/conn.h"
#include "proto/http1.h"
#include "proto/key_text.h"

#define VIEWERS_MAX  4u
#define ROUND        ION_SEC(2)
#define PATIENCE     ION_SEC(30)
#define ROWS_A_TURN  512u
#define LINE_MAX_LEN 192u
#define SEEN_STEP    ((uint64_t)1024)

/* What a row had in the round before. */
typedef struct derp_seen {
    ion_conn_id_t conn;
    uint64_t bytes_in;
    uint64_t bytes_out;
} derp_seen_t;

typedef struct derp_viewer {
    ion_list_t link;
    derp_worker_t *w;     /* back */
    ion_stream_t *stream; /* owned */
    ion_io_t io;
    ion_timer_t timer; /* the next round; while output waits: patience */
    ion_task_t step;
    ion_reap_t reap;
    bool is_closed;
    bool is_in_round;
    ion_mono_t next_round;
    uint64_t pos;
    derp_seen_t *seen; /* owned */
    uint64_t seen_cap;
} derp_viewer_t;

static void
on_reap(ion_reap_t *reap)
{
    derp_viewer_t *v = ION_CONTAINER_OF(reap, derp_viewer_t, reap);

    free(v->seen);
    free(v);
}

static void
close_viewer(derp_viewer_t *v)
{
    ion_loop_t *loop = v->w->loop;

    if (v->is_closed) {
        return;
    }
    v->is_closed = true;
    ion_io_del(loop, &v->io);
    ion_timer_cancel(loop, &v->timer);
    ion_task_cancel(&v->step);
    ion_stream_close(&v->stream);
    ion_list_del(&v->link);
    v->w->viewer_count--;
    ion_loop_reap(loop, &v->reap, on_reap);
}

static bool
grow(derp_viewer_t *v, uint64_t place)
{
    uint64_t cap = ION_MAX(place + SEEN_STEP, v->seen_cap * 2);
    derp_seen_t *more;

    if (place < v->seen_cap) {
        return true;
    }
    more = reallocarray(v->seen, cap, sizeof(*more));
    if (more == NULL) {
        return false;
    }
    memset(more + v->seen_cap, 0, (cap - v->seen_cap) * sizeof(*more));
    v->seen = more;
    v->seen_cap = cap;
    return true;
}

/* The line of a row, if it has grown; false without memory. */
static bool
take_row(derp_viewer_t *v, uint64_t place, const ion_dir_row_t *row)
{
    const ion_dir_traffic_t *t = &row->traffic;
    derp_seen_t before = { .bytes_in = 0 };
    char key[ION_NODE_KEY_TEXT];
    char line[LINE_MAX_LEN];
    int n;

    if (!grow(v, place)) {
        return false;
    }
    if (ion_conn_id_eq(v->seen[place].conn, row->conn)) {
        before = v->seen[place];
    }
    v->seen[place] = (derp_seen_t){ row->conn, t->bytes_in, t->bytes_out };
    if (t->bytes_in <= before.bytes_in && t->bytes_out <= before.bytes_out) {
        return true;
    }
    n = snprintf(line, sizeof(line),
        "{\"Sent\":%" PRIu64 ",\"Recv\":%" PRIu64 ",\"Key\":\"%s\"}\n",
        t->bytes_out, t->bytes_in, ion_node_key_format(&row->key, key));
    return ion_stream_write(v->stream, line, (size_t)n) == ION_OK;
}

static bool
take_rows(derp_viewer_t *v)
{
    for (unsigned i = 0; i < ROWS_A_TURN; i++) {
        ion_dir_row_t row;

        if (!ion_dir_next(v->w->shm, &v->pos, &row)) {
            v->is_in_round = false;
            return ion_stream_write(v->stream, "\n", 1) == ION_OK;
        }
        if ((row.flags & ION_DIR_FORWARDER) == 0 &&
            !take_row(v, v->pos - 1, &row)) {
            return false;
        }
    }
    return true;
}

/* Send; then what comes next, when it is time for it. */
static void
go_on(derp_viewer_t *v)
{
    ion_loop_t *loop = v->w->loop;
    ion_err_t rc = ion_stream_flush(v->stream);
    uint32_t events = ION_IO_READ | (rc == ION_AGAIN ? ION_IO_WRITE : 0);

    if ((rc != ION_OK && rc != ION_AGAIN) ||
        ion_io_mod(loop, &v->io, events) != ION_OK)
    {
        close_viewer(v);
    } else if (rc == ION_AGAIN) {
        ion_timer_set(loop, &v->timer, ion_loop_now(loop) + PATIENCE);
    } else if (v->is_in_round) {
        ion_timer_cancel(loop, &v->timer);
        ion_loop_defer(loop, &v->step);
    } else {
        ion_timer_set(
            loop, &v->timer, ION_MAX(v->next_round, ion_loop_now(loop)));
    }
}

static void
on_step(ion_task_t *task)
{
    derp_viewer_t *v = ION_CONTAINER_OF(task, derp_viewer_t, step);

    if (take_rows(v)) {
        go_on(v);
    } else {
        close_viewer(v);
    }
}

static void
on_timer(ion_timer_t *timer)
{
    derp_viewer_t *v = ION_CONTAINER_OF(timer, derp_viewer_t, timer);
    ion_loop_t *loop = v->w->loop;

    if (ion_stream_unsent(v->stream) > 0) {
        close_viewer(v); /* it does not read */
        return;
    }
    v->is_in_round = true;
    v->pos = 0;
    v->next_round = ion_loop_now(loop) + ROUND;
    ion_loop_defer(loop, &v->step);
}

/* What a viewer sends is read and thrown away, until it ends. */
static void
on_io(ion_io_t *io, uint32_t events)
{
    derp_viewer_t *v = ION_CONTAINER_OF(io, derp_viewer_t, io);
    size_t n;

    if ((events & (ION_IO_READ | ION_IO_HUP)) != 0) {
        ion_err_t rc = ion_stream_read(
            v->stream, ion_loop_rxbuf(v->w->loop), ION_LOOP_RXBUF, &n);

        if (rc != ION_OK && rc != ION_AGAIN) {
            close_viewer(v);
            return;
        }
    }
    if ((events & ION_IO_WRITE) != 0) {
        go_on(v);
    }
}

static bool
open_viewer(derp_worker_t *w, const ion_http_taken_t *taken)
{
    static const char head[] = "HTTP/1.1 200 OK\r\n"
                               "Content-Type: text/plain; charset=utf-8\r\n"
                               "Cache-Control: no-store\r\n"
                               "Connection: close\r\n\r\n";
    derp_viewer_t *v = calloc(1, sizeof(*v));
    ion_stream_t *stream = taken->stream;

    if (v == NULL) {
        ion_stream_close(&stream);
        return false;
    }
    v->w = w;
    v->stream = stream;
    ion_io_init(&v->io, ion_stream_fd(stream), on_io);
    ion_timer_init(&v->timer, on_timer);
    ion_task_init(&v->step, on_step);
    ion_list_add_tail(&w->viewers, &v->link);
    w->viewer_count++;
    if (ion_io_add(w->loop, &v->io, ION_IO_READ) != ION_OK ||
        ion_stream_write(stream, head, sizeof(head) - 1) != ION_OK)
    {
        close_viewer(v);
        return false;
    }
    v->next_round = ion_loop_now(w->loop);
    go_on(v);
    return true;
}

void
derp_traffic_page(
    struct ion_http_conn *c, const struct http1_request *req, void *arg)
{
    derp_worker_t *w = derp_worker_of(arg);
    ion_http_taken_t taken;

    if (!ion_http_may_debug(c, req)) {
        return;
    }
    if (!ion_str_eq(req->method, ION_STR("GET"))) {
        ion_http_reply(c, &(ion_http_reply_t){ .status = 405,
                              .extra_headers = ION_STR("Allow: GET\r\n") });
        return;
    }
    if (w->viewer_count >= VIEWERS_MAX || w->p->draining) {
        ion_http_reply_text(c, 503, "there are enough viewers\n");
        return;
    }
    ion_http_take(c, &taken);
    if (!open_viewer(w, &taken)) {
        ion_log_peer(&w->log, ION_LOG_WARN, 0,
            "a viewer of the traffic could not be taken on");
    }
}

void
derp_traffic_close(derp_worker_t *w)
{
    ION_LIST_FOREACH_SAFE(it, tmp, &w->viewers) {
        close_viewer(ION_CONTAINER_OF(it, derp_viewer_t, link));
    }
}
