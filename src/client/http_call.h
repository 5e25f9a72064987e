/*
 * client/http_call.h -- HTTP requests and TCP connections to others.
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The only door to libcurl (curl_api.h), which resolves names (in threads of
 * its own), connects, and speaks TLS and HTTP; the loop drives it.  A caller
 * runs a bounded number of calls side by side, others wait in line; the time of
 * a call counts from its beginning, waiting included.  Connections to the same
 * server are used again, and closed when there has been no call for 5 s.
 */
#ifndef ION_CLIENT_HTTP_CALL_H
#define ION_CLIENT_HTTP_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/base.h"
#include "base/err.h"
#include "event/loop.h"

/* Bytes of response heads, redirects included; more end the call. */
#define ION_CALL_HEADERS_MAX 65536
#define ION_CALL_REDIRECTS   10

typedef struct ion_caller ion_caller_t;
typedef struct ion_call ion_call_t;

typedef struct ion_call_result {
    /* ION_OK the response is complete, or cut at max_body; connected |
     * ION_TIMEOUT | ION_NOTFOUND the name does not resolve | ION_SYS */
    ion_err_t rc;
    int status;       /* of the final response once its head has come, else 0:
                         also when the rest of it failed */
    const char *body; /* what has come of it */
    size_t len;
    int fd;           /* of a dial: taken by who sets it to -1 */
    ion_addr_t addr;  /* of a dial: where it is connected to */
    const char *text; /* what went wrong, for people; "" after ION_OK */
} ion_call_result_t;

/* Everything in it is valid during the call. */
typedef void (*ion_call_done_pt)(void *owner, ion_call_result_t *result);

/* A request; all but owner is copied. */
typedef struct ion_call_http {
    const char *url;            /* http or https */
    const char *unix_path;      /* connect there instead; NULL = by the URL */
    const char *const *headers; /* lines, ended by NULL; "X:" takes X away */
    const char *body;           /* POST with this body; NULL = GET */
    size_t max_body;            /* bytes of the response that are kept */
    uint32_t timeout_ms;
    ion_call_done_pt done;
    void *owner;
} ion_call_http_t;

typedef struct ion_call_dial {
    const char *host; /* a name, or an IP without brackets */
    uint16_t port;
    uint32_t timeout_ms;
    ion_call_done_pt done;
    void *owner;
} ion_call_dial_t;

/*
 * ion_caller_load -- load the library, for a process that will not be able to
 * later; and resolve names by files and DNS alone from now on, without
 * plug-ins.
 *
 * Errors: ION_UNSUPPORTED it is not there; *why says so.
 */
ION_NODISCARD ion_err_t ion_caller_load(ion_errtext_t *why);

/*
 * ion_caller_new -- nothing called yet.
 *
 * Shape:  at most max_parallel calls run at a time. The authorities of TLS are
 *         the system's, or those of the variables SSL_CERT_FILE and
 *         SSL_CERT_DIR.
 * Owns:   gives *out; borrows the loop.
 * Errors: ION_NOMEM | ION_UNSUPPORTED the library is not there; *why says so.
 */
ION_NODISCARD ion_err_t ion_caller_new(ion_loop_t *loop, uint32_t max_parallel,
    ion_caller_t **out, ion_errtext_t *why);

/* ion_caller_free -- end all calls without a word; accepts NULL. */
void ion_caller_free(ion_caller_t **c);

/*
 * ion_call_http -- begin a request; done is called once, never from inside.
 *
 * Owns:   gives *out, which is gone once done has been called.
 * Errors: ION_NOMEM | ION_MALF not a URL of http or https.
 */
ION_NODISCARD ion_err_t ion_call_http(
    ion_caller_t *c, const ion_call_http_t *req, ion_call_t **out);

/*
 * ion_call_dial -- connect over TCP, to the address that answers first; no
 * proxy.  done as above.
 *
 * Errors: ION_NOMEM | ION_MALF host cannot be a host.
 */
ION_NODISCARD ion_err_t ion_call_dial(
    ion_caller_t *c, const ion_call_dial_t *req, ion_call_t **out);

/* ion_call_cancel -- end a call without a word; nulls *call, accepts NULL. */
void ion_call_cancel(ion_call_t **call);

#endif
