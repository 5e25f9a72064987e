/*
 * courier_admit.c -- questions of admission: joined, remembered, forgotten.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * What is remembered is an answer in words, for as long as derp.verify_cache
 * says; never a failure, which may be over the next time, nor what somebody
 * says whom a reload has taken out of the configuration meanwhile.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "courier/courier.h"
#include "event/loop.h"

static void
set_generation(const courier_t *c, courier_subject_t *s)
{
    uint64_t generation = c->p->cycle->generation;
    memcpy(s->generation, &generation, sizeof(s->generation));
}

static void
subject_of(const courier_t *c, const ion_ask_t *ask, courier_subject_t *s)
{
    memset(s, 0, sizeof(*s));
    set_generation(c, s);
    s->kind = (uint8_t)ask->kind;
    memcpy(s->key, ask->key, sizeof(s->key));
    if (ask->kind == ION_ASK_ADMIT) {
        s->family = (uint8_t)ask->peer.family;
        memcpy(s->ip, ask->peer.ip, sizeof(s->ip));
    }
}

static void
free_question(courier_question_t *q)
{
    courier_verify_stop(q);
    if (q->is_known) {
        q->c->known_count--;
    }
    ion_list_del(&q->link);
    (void)ion_map_del(q->c->questions, &q->subject); /* it is q */
    free(q);
}

static void
remember(courier_question_t *q)
{
    courier_t *c = q->c;
    uint64_t ms = (uint64_t)ion_cycle_settings(c->p->cycle)->verify_cache_ms;
    courier_subject_t now = q->subject;
    set_generation(c, &now);
    if (ms == 0 || memcmp(&now, &q->subject, sizeof(now)) != 0) {
        free_question(q);
        return;
    }
    q->is_known = true;
    q->until = ion_loop_now(c->p->loop) + ION_MS(ms);
    ion_list_add_tail(&c->known, &q->link);
    if (++c->known_count > COURIER_KNOWN) {
        free_question(ION_CONTAINER_OF(
            ion_list_first(&c->known), courier_question_t, link));
    }
}

void
courier_question_done(
    courier_question_t *q, ion_err_t rc, bool is_answer, const char *text)
{
    courier_t *c = q->c;
    q->rc = rc;
    (void)snprintf(q->text, sizeof(q->text), "%s", text); /* may be cut */
    courier_verify_stop(q);
    courier_count(c, rc == ION_OK       ? COURIER_STAT_ALLOWED
                     : rc == ION_DENIED ? COURIER_STAT_DENIED
                                        : COURIER_STAT_FAILED);
    while (!ion_list_is_empty(&q->waiters)) {
        courier_waiter_t *w = ION_CONTAINER_OF(
            ion_list_first(&q->waiters), courier_waiter_t, link);
        uint64_t ref = w->ref;
        courier_waiter_free(w);
        courier_answer(c, ref, rc, q->text);
    }
    if (is_answer) {
        remember(q);
    } else {
        free_question(q);
    }
}

static ion_err_t
ask_anew(
    courier_t *c, const courier_subject_t *subject, courier_question_t **out)
{
    ion_err_t rc;
    courier_question_t *q = calloc(1, sizeof(*q));
    if (q == NULL) {
        return ION_NOMEM;
    }
    q->c = c;
    q->subject = *subject;
    ion_list_init(&q->link);
    ion_list_init(&q->waiters);
    rc = ion_map_put(c->questions, subject, q);
    if (rc != ION_OK) {
        free(q);
        return ION_NOMEM;
    }
    rc = courier_verify_start(q);
    if (rc != ION_OK) {
        free_question(q);
        return rc;
    }
    *out = q;
    return ION_OK;
}

static void
refuse(courier_t *c, uint64_t ref, ion_err_t rc)
{
    if (rc == ION_BUSY) {
        courier_count(c, COURIER_STAT_BUSY);
        courier_answer(c, ref, rc, "too many others wait for an answer");
        return;
    }
    courier_answer(c, ref, ION_SYS,
        rc == ION_NOMEM ? "the courier has no memory left"
                        : "there is nobody to ask");
}

void
courier_admit(courier_t *c, uint64_t ref, const ion_ask_t *ask)
{
    courier_subject_t subject;
    courier_question_t *q;
    courier_waiter_t *w = NULL;
    ion_err_t rc = ION_OK;
    subject_of(c, ask, &subject);
    q = ion_map_get(c->questions, &subject);
    if (q != NULL && q->is_known && q->until <= ion_loop_now(c->p->loop)) {
        free_question(q);
        q = NULL;
    }
    if (q != NULL && q->is_known) {
        courier_count(c, COURIER_STAT_CACHED);
        courier_answer(c, ref, q->rc, q->text);
        return;
    }
    if (q != NULL) {
        courier_count(c, COURIER_STAT_JOINED);
    } else {
        rc = ask_anew(c, &subject, &q);
    }
    if (rc == ION_OK) {
        rc = courier_waiter_new(c, ref, &w);
    }
    if (rc != ION_OK) {
        if (q != NULL) {
            courier_admit_forget(q);
        }
        refuse(c, ref, rc);
        return;
    }
    w->q = q;
    ion_list_add_tail(&q->waiters, &w->link);
}

void
courier_admit_forget(courier_question_t *q)
{
    if (!q->is_known && ion_list_is_empty(&q->waiters)) {
        free_question(q);
    }
}

void
courier_admit_reset(courier_t *c)
{
    while (!ion_list_is_empty(&c->known)) {
        free_question(ION_CONTAINER_OF(
            ion_list_first(&c->known), courier_question_t, link));
    }
}
