/*
 * courier_dial.c -- connect for a mesh link and pass the socket on.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "courier/courier.h"
#include "proto/mesh_target.h"

static void
on_dialled(void *owner, ion_call_result_t *result)
{
    courier_waiter_t *w = owner;
    courier_t *c = w->c;
    ion_answer_t answer = { .rc = result->rc,
        .fd = result->fd,
        .addr = result->addr,
        .text = result->text };
    uint64_t ref = w->ref;
    char text[ION_ASK_TEXT_MAX];
    w->call = NULL;  /* it is over */
    result->fd = -1; /* reply closes it */
    courier_count(c,
        result->rc == ION_OK ? COURIER_STAT_DIAL_OK : COURIER_STAT_DIAL_FAILED);
    if (result->rc != ION_OK) {
        (void)snprintf(text, sizeof(text), "connect to %.120s port %u: %s",
            w->host, w->port, result->text); /* may be cut */
        answer.text = text;
    }
    courier_waiter_free(w);
    c->p->reply(c->p, ref, &answer);
}

/* A worker that was taken over must not look around in a network by us. */
static bool
is_configured(const courier_t *c, const ion_ask_t *ask)
{
    const ion_strings_t *targets =
        &ion_cycle_settings(c->p->cycle)->derp_mesh_with;
    for (size_t i = 0; i < targets->n; i++) {
        ion_mesh_target_t target;
        if (ion_mesh_target_parse(ion_str_from(targets->v[i]), &target, NULL) ==
                ION_OK &&
            target.port == ask->port && strcasecmp(target.dial, ask->host) == 0)
        {
            return true;
        }
    }
    return false;
}

void
courier_dial(courier_t *c, uint64_t ref, const ion_ask_t *ask)
{
    courier_waiter_t *w = NULL;
    ion_call_dial_t dial = { .host = ask->host,
        .port = ask->port,
        .timeout_ms = ask->timeout_ms,
        .done = on_dialled };
    ion_err_t rc;
    if (!is_configured(c, ask)) {
        courier_answer(
            c, ref, ION_DENIED, "derp.mesh_with does not name that relay");
        return;
    }
    rc = courier_waiter_new(c, ref, &w);
    if (rc == ION_OK) {
        (void)snprintf(w->host, sizeof(w->host), "%s", ask->host); /* fits */
        w->port = ask->port;
        dial.owner = w;
        rc = ion_call_dial(c->dialler, &dial, &w->call);
        if (rc != ION_OK) {
            courier_waiter_free(w);
        }
    }
    if (rc != ION_OK) {
        courier_answer(c, ref, rc == ION_MALF ? ION_DENIED : ION_SYS,
            rc == ION_MALF ? "not the name of a host" : "no memory");
    }
}
