/*
 * client/http_call.c -- libcurl on our loop.
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * libcurl says which descriptors and which time it waits for and is told when
 * they have come; what has ended it lists.  Deadlines and the line of waiting
 * calls are ours: libcurl has none for what it has not begun.  A call that is
 * over does not wait for the thread that still resolves its name.
 */
#include "client/http_call.h"

#include <errno.h>
#include <fcntl.h>
#include <nss.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/list.h"
#include "base/str.h"
#include "client/curl_api.h"

#define IDLE_AFTER ION_SEC(5) /* connections that nobody needs are closed */

struct ion_caller {
    ion_loop_t *loop;
    ion_curl_t curl;
    CURLM *multi;
    ion_timer_t timer;
    ion_timer_t idle;
    uint32_t running;
    uint32_t max_parallel;
    ion_list_t calls;   /* begun */
    ion_list_t waiting; /* in line */
    bool is_ending;
};

struct ion_call {
    ion_list_t link;
    ion_caller_t *c; /* back */
    CURL *easy;
    CURLcode set; /* of its options */
    bool is_running;
    bool is_dial;
    struct curl_slist *headers;
    CURLU *url;
    size_t head_bytes;
    int head_status; /* of the last response whose head is complete, or 0 */
    size_t max_body;
    size_t len;
    char *body;
    ion_timer_t deadline;
    ion_call_done_pt done;
    void *owner;
    char error[CURL_ERROR_SIZE];
};

/* A descriptor that libcurl waits for. */
typedef struct {
    ion_caller_t *c; /* back */
    ion_io_t io;
    ion_reap_t reap;
} watch_t;

static void collect(ion_caller_t *c);

/* --- what libcurl waits for --- */

static void
act(ion_caller_t *c, curl_socket_t fd, int what)
{
    int running;
    /* errors of single calls come as messages, others do not exist here */
    (void)c->curl.multi_socket_action(c->multi, fd, what, &running);
    collect(c);
}

static void
on_descriptor(ion_io_t *io, uint32_t events)
{
    watch_t *w = ION_CONTAINER_OF(io, watch_t, io);
    int what = 0;
    if ((events & ION_IO_READ) != 0) {
        what |= CURL_CSELECT_IN;
    }
    if ((events & ION_IO_WRITE) != 0) {
        what |= CURL_CSELECT_OUT;
    }
    if ((events & ION_IO_HUP) != 0) {
        what |= CURL_CSELECT_ERR;
    }
    act(w->c, io->fd, what);
}

static void
free_watch(ion_reap_t *reap)
{
    free(ION_CONTAINER_OF(reap, watch_t, reap));
}

static int
watch_new(ion_caller_t *c, curl_socket_t fd, uint32_t events)
{
    watch_t *w = calloc(1, sizeof(*w));
    if (w == NULL) {
        return -1;
    }
    w->c = c;
    ion_io_init(&w->io, fd, on_descriptor);
    if (ion_io_add(c->loop, &w->io, events) != ION_OK ||
        c->curl.multi_assign(c->multi, fd, w) != CURLM_OK)
    {
        ion_io_del(c->loop, &w->io);
        free(w);
        return -1;
    }
    return 0;
}

static int
on_interest(CURL *easy, curl_socket_t fd, int what, void *arg, void *mine)
{
    ion_caller_t *c = arg;
    watch_t *w = mine;
    uint32_t events = 0;
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (w != NULL) {
            ion_io_del(c->loop, &w->io);
            ion_loop_reap(c->loop, &w->reap, free_watch);
        }
        return 0;
    }
    if ((what & CURL_POLL_IN) != 0) {
        events |= ION_IO_READ;
    }
    if ((what & CURL_POLL_OUT) != 0) {
        events |= ION_IO_WRITE;
    }
    if (w == NULL) {
        return watch_new(c, fd, events);
    }
    return ion_io_mod(c->loop, &w->io, events) == ION_OK ? 0 : -1;
}

static int
on_time_wanted(CURLM *multi, long ms, void *arg)
{
    ion_caller_t *c = arg;
    (void)multi;
    if (ms < 0) {
        ion_timer_cancel(c->loop, &c->timer);
    } else {
        ion_timer_set(
            c->loop, &c->timer, ion_loop_now(c->loop) + ION_MS((uint64_t)ms));
    }
    return 0;
}

static void
on_time(ion_timer_t *timer)
{
    act(ION_CONTAINER_OF(timer, ion_caller_t, timer), CURL_SOCKET_TIMEOUT, 0);
}

/* --- the end of a call --- */

static void
free_call(ion_call_t *call)
{
    ion_caller_t *c = call->c;
    if (call->is_running) {
        /* cannot fail: it is in there, and this is no callback of libcurl */
        (void)c->curl.multi_remove_handle(c->multi, call->easy);
        if (--c->running == 0) {
            ion_timer_set(
                c->loop, &c->idle, ion_loop_now(c->loop) + IDLE_AFTER);
        }
    }
    ion_timer_cancel(c->loop, &call->deadline);
    ion_list_del(&call->link);
    c->curl.easy_cleanup(call->easy);
    c->curl.slist_free_all(call->headers);
    c->curl.url_cleanup(call->url);
    free(call->body);
    free(call);
}

static void start_next(ion_caller_t *c);

/* A connected socket of our own: libcurl closes its one. */
static void
take_socket(const ion_call_t *call, ion_call_result_t *result)
{
    struct sockaddr_storage ss;
    socklen_t len = sizeof(ss);
    curl_socket_t fd = CURL_SOCKET_BAD;
    if (call->c->curl.easy_getinfo(call->easy, CURLINFO_ACTIVESOCKET, &fd) ==
            CURLE_OK &&
        fd != CURL_SOCKET_BAD)
    {
        result->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    }
    if (result->fd < 0 ||
        getpeername(result->fd, (struct sockaddr *)&ss, &len) != 0 ||
        ion_addr_from_sockaddr((struct sockaddr *)&ss, len, &result->addr) !=
            ION_OK)
    {
        result->rc = ION_SYS;
        result->text = "the connection was lost at once";
        return;
    }
}

/* Of a redirect that is followed only what it leads to counts. */
static bool
is_final(int status)
{
    return status >= 200 && (status < 300 || status >= 400);
}

static void
finish(ion_call_t *call, ion_err_t rc, const char *text)
{
    ion_call_result_t result = {
        .rc = rc, .body = call->body, .len = call->len, .fd = -1, .text = text
    };
    ion_caller_t *c = call->c;
    if (rc == ION_OK || is_final(call->head_status)) {
        result.status = call->head_status;
    }
    if (call->is_dial && rc == ION_OK) {
        take_socket(call, &result);
    } else if (rc == ION_OK && call->head_status == 0) {
        result.rc = ION_SYS;
        result.text = "the answer ended before it had begun";
    }
    call->done(call->owner, &result);
    if (result.fd >= 0) {
        (void)close(result.fd); /* nobody wanted it */
    }
    free_call(call);
    start_next(c);
}

static void
finish_code(ion_call_t *call, CURLcode code)
{
    bool is_cut = code == CURLE_WRITE_ERROR && call->len == call->max_body;
    ion_err_t rc = ION_SYS;
    const char *text = call->error[0] != '\0'
                           ? call->error
                           : call->c->curl.easy_strerror(code);
    if (code == CURLE_OK || is_cut) {
        rc = ION_OK;
        text = "";
    } else if (code == CURLE_OPERATION_TIMEDOUT) {
        rc = ION_TIMEOUT;
    } else if (code == CURLE_COULDNT_RESOLVE_HOST ||
               code == CURLE_COULDNT_RESOLVE_PROXY)
    {
        rc = ION_NOTFOUND;
    }
    finish(call, rc, text);
}

static void
collect(ion_caller_t *c)
{
    CURLMsg *msg;
    int left;
    while ((msg = c->curl.multi_info_read(c->multi, &left)) != NULL) {
        char *mine = NULL;
        CURLcode code = msg->data.result; /* msg ends with its handle */
        if (msg->msg == CURLMSG_DONE &&
            c->curl.easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &mine) ==
                CURLE_OK)
        {
            finish_code((ion_call_t *)(void *)mine, code);
        }
    }
}

static void
on_deadline(ion_timer_t *timer)
{
    ion_call_t *call = ION_CONTAINER_OF(timer, ion_call_t, deadline);
    finish(call, ION_TIMEOUT,
        !call->is_running ? "too many others were asked at the same time"
        : is_final(call->head_status) ? "the answer did not end in time"
                                      : "no answer in time");
}

/* --- the beginning --- */

static void
on_refused_start(ion_timer_t *timer)
{
    finish(ION_CONTAINER_OF(timer, ion_call_t, deadline), ION_SYS,
        "no memory for another call");
}

static void
start(ion_call_t *call)
{
    ion_caller_t *c = call->c;
    ion_list_del(&call->link);
    ion_list_add_tail(&c->calls, &call->link);
    if (c->curl.multi_add_handle(c->multi, call->easy) == CURLM_OK) {
        call->is_running = true;
        c->running++;
        ion_timer_cancel(c->loop, &c->idle);
        return;
    }
    ion_timer_cancel(c->loop, &call->deadline);
    ion_timer_init(&call->deadline, on_refused_start);
    ion_timer_set(c->loop, &call->deadline, ion_loop_now(c->loop));
}

static void
start_next(ion_caller_t *c)
{
    ion_list_t *first = ion_list_first(&c->waiting);
    if (first != NULL && c->running < c->max_parallel && !c->is_ending) {
        start(ION_CONTAINER_OF(first, ion_call_t, link));
    }
}

static size_t
on_head(char *p, size_t one, size_t n, void *arg)
{
    ion_call_t *call = arg;
    long status = 0;
    call->head_bytes += one * n;
    if (call->head_bytes > ION_CALL_HEADERS_MAX) {
        return 0;
    }
    if (one * n > 5 && memcmp(p, "HTTP/", 5) == 0) {
        call->head_status = 0; /* the next one */
    } else if (n > 0 && (p[0] == '\r' || p[0] == '\n') &&
               call->c->curl.easy_getinfo(
                   call->easy, CURLINFO_RESPONSE_CODE, &status) == CURLE_OK)
    {
        call->head_status = (int)status;
    }
    return one * n;
}

static size_t
on_body(char *p, size_t one, size_t n, void *arg)
{
    ion_call_t *call = arg;
    size_t some = ION_MIN(one * n, call->max_body - call->len);
    if (some > 0) {
        memcpy(call->body + call->len, p, some);
        call->len += some;
    }
    return some; /* fewer than came: libcurl ends the call */
}

static ion_err_t
call_new(
    ion_caller_t *c, uint32_t timeout_ms, size_t max_body, ion_call_t **out)
{
    ion_call_t *call = calloc(1, sizeof(*call));
    if (call == NULL) {
        return ION_NOMEM;
    }
    call->c = c;
    ion_list_init(&call->link);
    ion_timer_init(&call->deadline, on_deadline);
    call->max_body = max_body;
    call->body = malloc(max_body + 1);
    call->easy = c->curl.easy_init();
    call->url = c->curl.url();
    if (call->body == NULL || call->easy == NULL || call->url == NULL) {
        free_call(call);
        return ION_NOMEM;
    }
    ion_timer_set(c->loop, &call->deadline,
        ion_loop_now(c->loop) + ION_MS((uint64_t)timeout_ms));
    *out = call;
    return ION_OK;
}

/* The first option that is not taken decides. */
static void
set_number(ion_call_t *call, CURLoption option, long value)
{
    if (call->set == CURLE_OK) {
        call->set = call->c->curl.easy_setopt(call->easy, option, value);
    }
}

static void
set_pointer(ion_call_t *call, CURLoption option, void *p)
{
    if (call->set == CURLE_OK) {
        call->set = call->c->curl.easy_setopt(call->easy, option, p);
    }
}

static void
set_text(ion_call_t *call, CURLoption option, const char *text)
{
    if (call->set == CURLE_OK) {
        call->set = call->c->curl.easy_setopt(call->easy, option, text);
    }
}

/* What every call has. */
static void
set_common(ion_call_t *call)
{
    const ion_curl_t *curl = &call->c->curl;
    const char *file = getenv("SSL_CERT_FILE");
    const char *dir = getenv("SSL_CERT_DIR");

    set_pointer(call, CURLOPT_PRIVATE, call);
    set_pointer(call, CURLOPT_CURLU, call->url);
    set_pointer(call, CURLOPT_ERRORBUFFER, call->error);
    set_number(call, CURLOPT_NOSIGNAL, 1);
    set_number(call, CURLOPT_QUICK_EXIT, 1);
    set_number(call, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1);
    set_number(call, CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2);
    set_pointer(call, CURLOPT_HEADERDATA, call);
    set_pointer(call, CURLOPT_WRITEDATA, call);
    if (call->set == CURLE_OK) {
        call->set =
            curl->easy_setopt(call->easy, CURLOPT_HEADERFUNCTION, on_head);
    }
    if (call->set == CURLE_OK) {
        call->set =
            curl->easy_setopt(call->easy, CURLOPT_WRITEFUNCTION, on_body);
    }
    if (file != NULL) {
        set_text(call, CURLOPT_CAINFO, file);
    }
    if (dir != NULL) {
        set_text(call, CURLOPT_CAPATH, dir);
    }
}

static void
set_http(ion_call_t *call, const ion_call_http_t *req, bool is_https)
{
    set_common(call);
    set_text(call, CURLOPT_PROTOCOLS_STR, "http,https");
    set_text(
        call, CURLOPT_REDIR_PROTOCOLS_STR, is_https ? "https" : "http,https");
    set_number(call, CURLOPT_FOLLOWLOCATION, 1);
    set_number(call, CURLOPT_MAXREDIRS, ION_CALL_REDIRECTS);
    set_number(call, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
    set_text(call, CURLOPT_USERAGENT, "ionscale/" ION_VERSION_TEXT);
    set_pointer(call, CURLOPT_HTTPHEADER, call->headers);
    if (req->body != NULL) {
        set_text(call, CURLOPT_COPYPOSTFIELDS, req->body);
    }
    if (req->unix_path != NULL) {
        set_text(call, CURLOPT_UNIX_SOCKET_PATH, req->unix_path);
        set_text(call, CURLOPT_PROXY, "");
    }
}

static void
set_dial(ion_call_t *call)
{
    set_common(call);
    set_text(call, CURLOPT_PROTOCOLS_STR, "http");
    set_number(call, CURLOPT_CONNECT_ONLY, 1);
    set_number(call, CURLOPT_FRESH_CONNECT, 1);
    set_text(call, CURLOPT_PROXY, "");
}

static ion_err_t
add_headers(ion_call_t *call, const char *const *headers)
{
    for (; headers != NULL && *headers != NULL; headers++) {
        struct curl_slist *more =
            call->c->curl.slist_append(call->headers, *headers);
        if (more == NULL) {
            return ION_NOMEM;
        }
        call->headers = more;
    }
    return ION_OK;
}

static void
begin(ion_call_t *call, ion_call_t **out)
{
    ion_list_add_tail(&call->c->waiting, &call->link);
    start_next(call->c);
    *out = call;
}

static ion_err_t
set_url(ion_call_t *call, const char *url, bool *is_https)
{
    const ion_curl_t *curl = &call->c->curl;
    char *scheme = NULL;
    bool ok =
        curl->url_set(call->url, CURLUPART_URL, url, 0) == CURLUE_OK &&
        curl->url_get(call->url, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK;
    *is_https = ok && strcmp(scheme, "https") == 0;
    ok = ok && (*is_https || strcmp(scheme, "http") == 0);
    curl->free(scheme);
    return ok ? ION_OK : ION_MALF;
}

ion_err_t
ion_call_http(ion_caller_t *c, const ion_call_http_t *req, ion_call_t **out)
{
    ion_call_t *call = NULL;
    bool is_https = false;
    ion_err_t rc = call_new(c, req->timeout_ms, req->max_body, &call);
    if (rc != ION_OK) {
        return rc;
    }
    call->done = req->done;
    call->owner = req->owner;
    rc = set_url(call, req->url, &is_https);
    if (rc == ION_OK) {
        rc = add_headers(call, req->headers);
    }
    if (rc == ION_OK) {
        set_http(call, req, is_https);
        rc = call->set == CURLE_OK ? ION_OK : ION_NOMEM;
    }
    if (rc != ION_OK) {
        free_call(call);
        return rc;
    }
    begin(call, out);
    return ION_OK;
}

static bool
set_target(ion_call_t *call, const char *host, uint16_t port)
{
    const ion_curl_t *curl = &call->c->curl;
    CURLU *url = call->url;
    bool is_v6 = strchr(host, ':') != NULL;
    char text[512];
    char port_text[8];
    int n = snprintf(
        text, sizeof(text), "%s%s%s", is_v6 ? "[" : "", host, is_v6 ? "]" : "");
    (void)snprintf(port_text, sizeof(port_text), "%u", port); /* fits */
    return n > 0 && (size_t)n < sizeof(text) &&
           curl->url_set(url, CURLUPART_SCHEME, "http", 0) == CURLUE_OK &&
           curl->url_set(url, CURLUPART_HOST, text, 0) == CURLUE_OK &&
           curl->url_set(url, CURLUPART_PORT, port_text, 0) == CURLUE_OK;
}

ion_err_t
ion_call_dial(ion_caller_t *c, const ion_call_dial_t *req, ion_call_t **out)
{
    ion_call_t *call = NULL;
    ion_err_t rc = call_new(c, req->timeout_ms, 0, &call);
    if (rc != ION_OK) {
        return rc;
    }
    call->done = req->done;
    call->owner = req->owner;
    call->is_dial = true;
    if (set_target(call, req->host, req->port)) {
        set_dial(call);
        rc = call->set == CURLE_OK ? ION_OK : ION_NOMEM;
    } else {
        rc = ION_MALF;
    }
    if (rc != ION_OK) {
        free_call(call);
        return rc;
    }
    begin(call, out);
    return ION_OK;
}

void
ion_call_cancel(ion_call_t **callp)
{
    ion_call_t *call = *callp;
    *callp = NULL;
    if (call != NULL) {
        ion_caller_t *c = call->c;
        free_call(call);
        start_next(c);
    }
}

/* --- the caller --- */

static bool
set_multi(ion_caller_t *c)
{
    const ion_curl_t *curl = &c->curl;
    CURLM *m = c->multi;
    long kept = (long)c->max_parallel;
    return !curl->multi_setopt(m, CURLMOPT_SOCKETFUNCTION, on_interest) &&
           !curl->multi_setopt(m, CURLMOPT_SOCKETDATA, c) &&
           !curl->multi_setopt(m, CURLMOPT_TIMERFUNCTION, on_time_wanted) &&
           !curl->multi_setopt(m, CURLMOPT_TIMERDATA, c) &&
           !curl->multi_setopt(m, CURLMOPT_MAXCONNECTS, kept);
}

/* libcurl does not look at the connections it keeps: one that the other side
 * has closed would hold its descriptor until the next call. */
static void
on_idle(ion_timer_t *timer)
{
    ion_caller_t *c = ION_CONTAINER_OF(timer, ion_caller_t, idle);
    CURLM *old = c->multi;
    CURLM *fresh = c->curl.multi_init();
    if (fresh == NULL) {
        return; /* they stay until the next time */
    }
    c->multi = fresh;
    if (!set_multi(c)) {
        c->multi = old;
        old = fresh;
    }
    (void)c->curl.multi_cleanup(old); /* no call is in it */
}

ion_err_t
ion_caller_load(ion_errtext_t *why)
{
    ion_curl_t curl;
    /* which services a plug-in would add would have to be loaded later */
    (void)__nss_configure_lookup("hosts", "files dns"); /* ours, well-formed */
    return ion_curl_load(&curl, why);
}

ion_err_t
ion_caller_new(ion_loop_t *loop, uint32_t max_parallel, ion_caller_t **out,
    ion_errtext_t *why)
{
    ion_err_t rc;
    ion_caller_t *c = calloc(1, sizeof(*c));
    ion_errtext_set(why, "no memory");
    if (c == NULL) {
        return ION_NOMEM;
    }
    rc = ion_curl_load(&c->curl, why);
    if (rc != ION_OK || c->curl.global_init(CURL_GLOBAL_ALL) != CURLE_OK) {
        free(c);
        return rc != ION_OK ? rc : ION_NOMEM;
    }
    c->loop = loop;
    c->max_parallel = max_parallel;
    ion_list_init(&c->calls);
    ion_list_init(&c->waiting);
    ion_timer_init(&c->timer, on_time);
    ion_timer_init(&c->idle, on_idle);
    c->multi = c->curl.multi_init();
    if (c->multi == NULL || !set_multi(c)) {
        ion_caller_free(&c);
        return ION_NOMEM;
    }
    *out = c;
    return ION_OK;
}

static void
free_all(ion_list_t *calls)
{
    while (!ion_list_is_empty(calls)) {
        free_call(ION_CONTAINER_OF(ion_list_first(calls), ion_call_t, link));
    }
}

void
ion_caller_free(ion_caller_t **cp)
{
    ion_caller_t *c = *cp;
    ion_curl_t curl;
    *cp = NULL;
    if (c == NULL) {
        return;
    }
    c->is_ending = true;
    free_all(&c->waiting);
    free_all(&c->calls);
    /* its connections still say that they are not waited for any more */
    curl = c->curl;
    (void)curl.multi_cleanup(c->multi);
    ion_timer_cancel(c->loop, &c->timer);
    ion_timer_cancel(c->loop, &c->idle);
    free(c);
    curl.global_cleanup();
}
