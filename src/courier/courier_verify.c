/*
 * courier_verify.c -- the calls of a question: verify URLs, or tailscaled.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * All URLs are asked side by side; one "no" is the answer, "yes" takes all of
 * them.  Who answers but not as it should (a status other than 200, a body
 * that is not the JSON it should be or does not end) has said no; who cannot
 * be asked has failed, and what that means the worker decides.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "courier/courier.h"
#include "proto/key_text.h"
#include "proto/verify_reply.h"

#define VERIFY_TIMEOUT_MS 5000
#define CAPABILITY        "Tailscale-Cap: 1"

static const char *const verify_headers[] = {
    "Content-Type:", "Accept:", "Expect:", NULL
};
static const char *const whois_headers[] = { "Host: local-tailscaled.sock",
    CAPABILITY, "Accept:", NULL };

static void
count_open(courier_t *c, uint32_t now)
{
    c->open_calls = now;
    ion_stat_set(c->p->stats, c->stat_base + COURIER_STAT_OPEN, now);
}

static void
free_verify(courier_verify_t *v)
{
    courier_question_t *q = v->q;
    ion_call_cancel(&v->call);
    q->calls[v->nth] = NULL;
    q->open--;
    count_open(q->c, q->c->open_calls - 1);
    free(v);
}

void
courier_verify_stop(courier_question_t *q)
{
    for (size_t i = 0; i < ION_VERIFY_URLS_MAX; i++) {
        if (q->calls[i] != NULL) {
            free_verify(q->calls[i]);
        }
    }
}

/* One of them is over: does that decide? */
static void
conclude(courier_verify_t *v, ion_err_t rc, bool is_answer, const char *what)
{
    courier_question_t *q = v->q;
    char text[ION_ASK_TEXT_MAX];
    (void)snprintf(
        text, sizeof(text), "%s: %s", v->host, what); /* may be cut */
    free_verify(v);
    if (rc == ION_DENIED) {
        courier_question_done(q, rc, is_answer, text);
        return;
    }
    if (rc != ION_OK) { /* a later "no" still counts for more */
        q->rc = rc;
        memcpy(q->text, text, sizeof(q->text));
    }
    if (q->open > 0) {
        return;
    }
    if (q->rc != ION_OK) {
        memcpy(text, q->text, sizeof(text));
    }
    courier_question_done(q, q->rc, q->rc == ION_OK, text);
}

static void
on_verified(void *owner, ion_call_result_t *result)
{
    courier_verify_t *v = owner;
    bool allow = false;
    char text[64];
    v->call = NULL; /* it is over */
    if (result->status == 0) {
        conclude(v, result->rc, false, result->text);
    } else if (result->status != 200) {
        (void)snprintf(text, sizeof(text), "answered with status %d",
            result->status); /* fits */
        conclude(v, ION_DENIED, false, text);
    } else if (verify_reply_parse(
                   (ion_str_t){ result->body, result->len }, &allow) != ION_OK)
    {
        conclude(v, ION_DENIED, false,
            result->rc != ION_OK ? result->text
                                 : "answered something else than "
                                   "{\"Allow\":true} or {\"Allow\":false}");
    } else if (!allow) {
        conclude(v, ION_DENIED, true, "said no");
    } else {
        conclude(v, ION_OK, true, "said yes");
    }
}

static void
on_whois(void *owner, ion_call_result_t *result)
{
    courier_verify_t *v = owner;
    char text[64];
    v->call = NULL; /* it is over */
    if (result->status == 200 && result->rc == ION_OK) {
        conclude(v, ION_OK, true, "knows the client");
    } else if (result->status == 404) {
        conclude(v, ION_DENIED, true, "does not know the client");
    } else if (result->status != 0 && result->status != 200) {
        (void)snprintf(text, sizeof(text), "answered with status %d",
            result->status); /* fits */
        conclude(v, ION_SYS, false, text);
    } else {
        conclude(v, result->rc, false, result->text);
    }
}

/* Host and port of a URL: what else is in it may be a secret. */
static void
name_host(const char *url, char *out, size_t cap)
{
    const char *host = strstr(url, "://");
    const char *at;
    size_t n;
    host = host == NULL ? url : host + 3;
    n = strcspn(host, "/?#");
    at = memrchr(host, '@', n);
    if (at != NULL) {
        n -= (size_t)(at + 1 - host);
        host = at + 1;
    }
    (void)snprintf(out, cap, "%.*s", (int)n, host); /* may be cut */
}

static ion_err_t
verify_new(courier_question_t *q, uint32_t nth, courier_verify_t **out)
{
    courier_verify_t *v = calloc(1, sizeof(*v));
    if (v == NULL) {
        return ION_NOMEM;
    }
    v->q = q;
    v->nth = nth;
    q->calls[nth] = v;
    q->open++;
    count_open(q->c, q->c->open_calls + 1);
    *out = v;
    return ION_OK;
}

static ion_err_t
ask_url(courier_question_t *q, uint32_t nth, const char *url)
{
    const courier_subject_t *s = &q->subject;
    ion_addr_t peer = { .family = s->family };
    ion_key_t key;
    char key_text[ION_NODE_KEY_TEXT];
    char ip[ION_ADDR_TEXT_MAX] = "";
    char body[256];
    courier_verify_t *v = NULL;
    ion_call_http_t call = { .url = url,
        .headers = verify_headers,
        .body = body,
        .max_body = VERIFY_REPLY_MAX,
        .timeout_ms = VERIFY_TIMEOUT_MS,
        .done = on_verified };
    ion_err_t rc = verify_new(q, nth, &v);
    if (rc != ION_OK) {
        return rc;
    }
    memcpy(peer.ip, s->ip, sizeof(peer.ip));
    memcpy(key.b, s->key, sizeof(key.b));
    if (peer.family != 0) {
        (void)ion_addr_format_ip(&peer, ip); /* returns ip */
    }
    (void)snprintf(body, sizeof(body),
        "{\"NodePublic\":\"%s\",\"Source\":\"%s\"}",
        ion_node_key_format(&key, key_text), ip); /* fits */
    name_host(url, v->host, sizeof(v->host));
    call.owner = v;
    return ion_call_http(q->c->verifier, &call, &v->call);
}

static ion_err_t
ask_tailscaled(courier_question_t *q, const ion_settings_t *settings)
{
    ion_key_t key;
    char hex[ION_HEX_KEY_TEXT];
    char url[256];
    courier_verify_t *v = NULL;
    ion_call_http_t call = { .url = url,
        .unix_path = settings->tailscaled_socket,
        .headers = whois_headers,
        .max_body = VERIFY_REPLY_MAX,
        .timeout_ms = VERIFY_TIMEOUT_MS,
        .done = on_whois };
    ion_err_t rc = verify_new(q, 0, &v);
    if (rc != ION_OK) {
        return rc;
    }
    memcpy(key.b, q->subject.key, sizeof(key.b));
    (void)snprintf(url, sizeof(url),
        "http://local-tailscaled.sock/localapi/v0/whois?addr=nodekey%%3A%s",
        ion_hex_key_format(&key, hex));                     /* fits */
    (void)snprintf(v->host, sizeof(v->host), "tailscaled"); /* fits */
    call.owner = v;
    return ion_call_http(q->c->verifier, &call, &v->call);
}

ion_err_t
courier_verify_start(courier_question_t *q)
{
    const ion_settings_t *s = ion_cycle_settings(q->c->p->cycle);
    bool is_whois = q->subject.kind == ION_ASK_WHOIS;
    size_t n = is_whois ? 1 : s->verify_client_urls.n;
    ion_err_t rc = ION_OK;
    if (n == 0) {
        return ION_NOTFOUND; /* of a configuration that has just gone */
    }
    if (q->c->open_calls + n > COURIER_CALLS) {
        return ION_BUSY;
    }
    q->rc = ION_OK;
    for (uint32_t i = 0; i < n && rc == ION_OK; i++) {
        rc = is_whois ? ask_tailscaled(q, s)
                      : ask_url(q, i, s->verify_client_urls.v[i]);
    }
    if (rc != ION_OK) {
        courier_verify_stop(q);
    }
    return rc;
}
