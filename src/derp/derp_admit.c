/*
 * derp_admit.c -- who may use the relay: the last step of a login.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The fail rule is ours: a service that cannot be asked keeps clients out,
 * but for verify URLs with derp.verify_fail_open.  Too many questions at once
 * keep them out in any case, or a flood of logins would open the door.
 */
#include "derp/derp_admit.h"

#include <stdlib.h>
#include <string.h>

#include "core/settings.h"
#include "derp/derp_worker.h"
#include "proto/derp_frame.h"

#define HEALTH_MAX 256

enum { ASK_WHOIS, ASK_URLS, ASKS };

/* What a session that waits holds besides itself. */
struct derp_admission {
    uint8_t shared[ION_BOX_SHARED_LEN];
    uint64_t ids[ASKS]; /* 0 = not asked, or answered */
    bool is_unverified; /* let in although the URLs could not be asked */
};

static void
say_refused(derp_session_t *s, const char *text)
{
    uint8_t frame[DERP_HEADER_LEN + HEALTH_MAX];
    size_t n = strnlen(text, HEALTH_MAX);
    size_t got;

    derp_header_put(frame, DERP_FRAME_HEALTH, (uint32_t)n);
    memcpy(frame + DERP_HEADER_LEN, text, n);
    /* what lies unread in the socket when it closes would take the words
     * with it; and if they cannot be said, that is that */
    ION_IGNORE(ion_stream_read(
        s->stream, ion_loop_rxbuf(s->w->loop), DERP_READ_BUDGET, &got));
    ION_IGNORE(ion_stream_write(s->stream, frame, DERP_HEADER_LEN + n));
    ION_IGNORE(ion_stream_flush(s->stream));
}

static void
keep_out(derp_session_t *s, derp_stat_t outcome, const char *text)
{
    derp_count(s->w, outcome, 1);
    derp_count(s->w, DERP_STAT_LOGIN_DENIED, 1);
    say_refused(s, text);
    derp_session_close(s);
}

static void
let_in(derp_session_t *s, derp_stat_t outcome)
{
    uint8_t shared[ION_BOX_SHARED_LEN];

    memcpy(shared, s->admission->shared, sizeof(shared));
    derp_admit_forget(s);
    derp_count(s->w, outcome, 1);
    derp_login_admitted(s, shared);
    ion_box_wipe(shared);
    derp_session_go_on(s);
}

static int
compare_keys(const void *a, const void *b)
{
    return memcmp(a, b, DERP_KEY_LEN);
}

/* The list is sorted; a configuration without one lists everybody. */
static bool
is_listed(const derp_session_t *s)
{
    const ion_blob_t *list = ion_cycle_blob(s->w->p->cycle, "allow");

    return list == NULL ||
           bsearch(s->st.key.b, list->p, list->len / DERP_KEY_LEN, DERP_KEY_LEN,
               compare_keys) != NULL;
}

static bool
is_over(const derp_session_t *s)
{
    for (size_t i = 0; i < ASKS; i++) {
        if (s->admission->ids[i] != 0) {
            return false;
        }
    }
    return true;
}

static void
refuse_denied(derp_session_t *s, const char *why)
{
    DERP_LOG(s, ION_LOG_INFO, 0, "login refused: %s", why);
    keep_out(s, DERP_STAT_ADMIT_DENIED,
        "This DERP relay does not admit this device.");
}

static void
refuse_failed(derp_session_t *s, ion_err_t rc, const char *why)
{
    DERP_LOG(s, ION_LOG_WARN, 0,
        "login refused: it cannot be found out whether the client may come "
        "in: %s",
        why);
    keep_out(s, rc == ION_BUSY ? DERP_STAT_ADMIT_BUSY : DERP_STAT_ADMIT_FAILED,
        "This DERP relay cannot find out whether it may admit this device.");
}

static void
on_whois(void *arg, ion_answer_t *answer)
{
    derp_session_t *s = arg;

    s->admission->ids[ASK_WHOIS] = 0;
    if (answer->rc == ION_DENIED) {
        refuse_denied(s, answer->text);
    } else if (answer->rc != ION_OK) {
        refuse_failed(s, answer->rc, answer->text);
    } else if (is_over(s)) {
        let_in(s, DERP_STAT_ADMIT_ALLOWED);
    }
}

/* The URLs could not be asked: let in if that is wanted. */
static void
fail_open(derp_session_t *s, const char *why)
{
    DERP_LOG(s, ION_LOG_WARN, 0,
        "client let in by derp.verify_fail_open, it cannot be found out "
        "whether it may come in: %s",
        why);
    s->admission->is_unverified = true;
}

static void
on_verified(void *arg, ion_answer_t *answer)
{
    derp_session_t *s = arg;
    const ion_settings_t *settings = ion_cycle_settings(s->w->p->cycle);

    s->admission->ids[ASK_URLS] = 0;
    if (answer->rc == ION_DENIED) {
        refuse_denied(s, answer->text);
        return;
    }
    if (answer->rc != ION_OK) {
        if (answer->rc == ION_BUSY || !settings->verify_fail_open) {
            refuse_failed(s, answer->rc, answer->text);
            return;
        }
        fail_open(s, answer->text);
    }
    if (is_over(s)) {
        let_in(s, s->admission->is_unverified ? DERP_STAT_ADMIT_FAILED_OPEN
                                              : DERP_STAT_ADMIT_ALLOWED);
    }
}

static ion_err_t
ask(derp_session_t *s, size_t which)
{
    ion_process_t *p = s->w->p;
    ion_ask_t question = {
        .kind = which == ASK_WHOIS ? ION_ASK_WHOIS : ION_ASK_ADMIT,
        .timeout_ms = DERP_ADMIT_TIMEOUT_MS,
        .peer = s->st.peer,
    };

    memcpy(question.key, s->st.key.b, sizeof(question.key));
    return p->ask(p, &question, which == ASK_WHOIS ? on_whois : on_verified, s,
        &s->admission->ids[which]);
}

/* Nobody decides at once: ask, and wait. */
static void
ask_all(derp_session_t *s, const uint8_t shared[ION_BOX_SHARED_LEN],
    const ion_settings_t *settings)
{
    ion_err_t rc = ION_OK;

    s->admission = calloc(1, sizeof(*s->admission));
    if (s->admission == NULL) {
        refuse_failed(s, ION_NOMEM, "no memory left");
        return;
    }
    memcpy(s->admission->shared, shared, sizeof(s->admission->shared));
    if (settings->verify_clients) {
        rc = ask(s, ASK_WHOIS);
    }
    if (rc == ION_OK && settings->verify_client_urls.n > 0) {
        rc = ask(s, ASK_URLS);
    }
    if (rc != ION_OK) {
        refuse_failed(s, rc,
            rc == ION_BUSY ? "too many others wait for an answer"
                           : "this worker is ending");
        return;
    }
    s->st.login_due = ion_loop_now(s->w->loop) + DERP_LOGIN_TIMEOUT;
    derp_session_arm(s);
    derp_session_watch(s);
}

void
derp_admit(derp_session_t *s, const uint8_t shared[ION_BOX_SHARED_LEN])
{
    const ion_settings_t *settings = ion_cycle_settings(s->w->p->cycle);

    if (derp_session_is_mesh(s)) {
        derp_count(s->w, DERP_STAT_ADMIT_MESH, 1);
        derp_login_admitted(s, shared);
    } else if (!is_listed(s)) {
        DERP_LOG(s, ION_LOG_INFO, 0,
            "login refused: the key is not in derp.allow_file");
        keep_out(s, DERP_STAT_ADMIT_UNLISTED,
            "This DERP relay does not admit this device.");
    } else if (settings->verify_clients || settings->verify_client_urls.n > 0) {
        ask_all(s, shared, settings);
    } else {
        derp_count(s->w, DERP_STAT_ADMIT_ALLOWED, 1);
        derp_login_admitted(s, shared);
    }
}

void
derp_admit_forget(derp_session_t *s)
{
    struct derp_admission *a = s->admission;
    ion_process_t *p = s->w->p;

    s->admission = NULL;
    if (a == NULL) {
        return;
    }
    for (size_t i = 0; i < ASKS; i++) {
        if (a->ids[i] != 0) {
            p->cancel(p, a->ids[i]);
        }
    }
    ion_box_wipe(a->shared);
    free(a);
}
