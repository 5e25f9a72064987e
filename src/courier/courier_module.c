/*
 * courier_module.c -- the courier as the rest of the program sees it.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/rng.h"
#include "core/module.h"
#include "courier/courier.h"
#include "event/loop.h"

const ion_stat_desc_t courier_stats[] = {
    { "ionscale_courier_verifications", "outcome=\"allowed\"", ION_STAT_COUNTER,
        "Questions of admission that were asked, by outcome." },
    { "ionscale_courier_verifications", "outcome=\"denied\"", ION_STAT_COUNTER,
        NULL },
    { "ionscale_courier_verifications", "outcome=\"failed\"", ION_STAT_COUNTER,
        NULL },
    { "ionscale_courier_spared", "by=\"memory\"", ION_STAT_COUNTER,
        "Questions of admission that needed no call of their own, by why." },
    { "ionscale_courier_spared", "by=\"joining\"", ION_STAT_COUNTER, NULL },
    { "ionscale_courier_spared", "by=\"overload\"", ION_STAT_COUNTER, NULL },
    { "ionscale_courier_dials", "outcome=\"connected\"", ION_STAT_COUNTER,
        "Connections made for mesh links, by outcome." },
    { "ionscale_courier_dials", "outcome=\"failed\"", ION_STAT_COUNTER, NULL },
    { "ionscale_courier_open_calls", NULL, ION_STAT_GAUGE,
        "Calls of admission in line or running." },
};

ION_STATIC_ASSERT(ION_ARRAY_LEN(courier_stats) == COURIER_STAT_COUNT,
    "one name for each counter");

static courier_t *
courier_of(ion_process_t *p, uint32_t self)
{
    return ION_OBJ_CAST(courier_t, p->module_data[self], COURIER_MAGIC);
}

extern const ion_module_t courier_module;

static courier_t *
courier_here(ion_process_t *p)
{
    return courier_of(p, ion_module_number(&courier_module));
}

void
courier_count(courier_t *c, courier_stat_t which)
{
    ion_stat_add(c->p->stats, c->stat_base + which, 1);
}

void
courier_answer(courier_t *c, uint64_t ref, ion_err_t rc, const char *text)
{
    c->p->reply(c->p, ref, &(ion_answer_t){ .rc = rc, .fd = -1, .text = text });
}

static void
look_for_idleness(courier_t *c)
{
    if (c->is_draining && ion_map_count(c->waiters) == 0) {
        c->is_draining = false;
        c->p->idle(c->p, c->self);
    }
}

ion_err_t
courier_waiter_new(courier_t *c, uint64_t ref, courier_waiter_t **out)
{
    ion_err_t rc;
    courier_waiter_t *w = calloc(1, sizeof(*w));
    if (w == NULL) {
        return ION_NOMEM;
    }
    w->c = c;
    w->ref = ref;
    ion_list_init(&w->link);
    rc = ion_map_put(c->waiters, &ref, w);
    if (rc != ION_OK) {
        free(w);
        return ION_NOMEM;
    }
    *out = w;
    return ION_OK;
}

void
courier_waiter_free(courier_waiter_t *w)
{
    courier_t *c = w->c;
    (void)ion_map_del(c->waiters, &w->ref); /* it is w */
    ion_list_del(&w->link);
    ion_call_cancel(&w->call);
    free(w);
    look_for_idleness(c);
}

static void
on_ask(ion_process_t *p, uint64_t ref, const ion_ask_t *ask)
{
    courier_t *c = courier_here(p);
    if (ask->kind == ION_ASK_DIAL) {
        courier_dial(c, ref, ask);
    } else {
        courier_admit(c, ref, ask);
    }
}

static void
on_forget(ion_process_t *p, uint64_t ref)
{
    courier_t *c = courier_here(p);
    courier_waiter_t *w = ion_map_get(c->waiters, &ref);
    if (w != NULL) {
        courier_question_t *q = w->q;
        courier_waiter_free(w);
        if (q != NULL) {
            courier_admit_forget(q);
        }
    }
}

static const ion_ask_server_t courier_server = { on_ask, on_forget };

static void
courier_stop(ion_process_t *p, uint32_t self)
{
    courier_t *c = courier_of(p, self);
    courier_waiter_t *w;
    size_t pos = 0;
    c->is_draining = false;
    while (c->waiters != NULL &&
           (w = ion_map_next(c->waiters, &pos, NULL)) != NULL) {
        courier_question_t *q = w->q;
        courier_waiter_free(w);
        if (q != NULL) {
            courier_admit_forget(q);
        }
    }
    courier_admit_reset(c);
    ion_caller_free(&c->verifier);
    ion_caller_free(&c->dialler);
    ion_map_free(&c->waiters);
    ion_map_free(&c->questions);
    p->module_data[self] = NULL;
    free(c);
}

static ion_err_t
courier_start(ion_process_t *p, uint32_t self, ion_errtext_t *why)
{
    uint8_t seed[16];
    ion_err_t rc;
    courier_t *c = calloc(1, sizeof(*c));
    ion_errtext_set(why, "no memory");
    if (c == NULL) {
        return ION_NOMEM;
    }
    c->magic = COURIER_MAGIC;
    c->p = p;
    c->self = self;
    c->stat_base = ion_module_stat_base(self);
    ion_list_init(&c->known);
    p->module_data[self] = c;
    ion_random(seed, sizeof(seed));
    rc = ion_map_new(sizeof(uint64_t), 64, seed, &c->waiters);
    if (rc == ION_OK) {
        rc = ion_map_new(sizeof(courier_subject_t), 64, seed, &c->questions);
    }
    if (rc == ION_OK) {
        rc = ion_caller_new(p->loop, COURIER_PARALLEL, &c->verifier, why);
    }
    if (rc == ION_OK) {
        rc = ion_caller_new(p->loop, COURIER_DIALS, &c->dialler, why);
    }
    if (rc != ION_OK) {
        courier_stop(p, self);
        return rc;
    }
    ion_stat_set(p->stats, c->stat_base + COURIER_STAT_OPEN, 0);
    p->server = &courier_server;
    return ION_OK;
}

/* What other URLs have said says nothing about these. */
static void
courier_commit(ion_process_t *p, uint32_t self)
{
    courier_admit_reset(courier_of(p, self));
}

static void
courier_drain(ion_process_t *p, uint32_t self)
{
    courier_t *c = courier_of(p, self);
    c->is_draining = true;
    look_for_idleness(c);
}

const ion_module_t courier_module = {
    .name = "courier",
    .roles = ION_ROLE_COURIER,
    .stats = courier_stats,
    .stat_count = COURIER_STAT_COUNT,
    .start = courier_start,
    .commit = courier_commit,
    .drain = courier_drain,
    .stop = courier_stop,
};
