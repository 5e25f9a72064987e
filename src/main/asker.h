/*
 * asker.h -- a worker's open questions to the courier.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * What p->ask and p->cancel do.  A question that finds no courier waits a
 * second for one: a courier that has died is back in a few milliseconds, and
 * nobody should be refused for that.  One that had been sent when the courier
 * died is answered at once.
 */
#ifndef ION_MAIN_ASKER_H
#define ION_MAIN_ASKER_H

#include "core/ask.h"
#include "core/log.h"
#include "event/loop.h"

typedef struct asker asker_t;

/*
 * asker_new -- nothing asked, no courier yet.
 *
 * loop, log: borrowed.  Gives *out.  Errors: ION_NOMEM.
 */
ION_NODISCARD ion_err_t asker_new(
    ion_loop_t *loop, ion_log_t *log, asker_t **out);

/* asker_free -- answer what is open with ION_CLOSED; NULL is fine. */
void asker_free(asker_t **a);

/*
 * asker_link -- there is a courier at the other end of fd (taken); what was
 * asked of another one is answered, what waits is sent.
 */
void asker_link(asker_t *a, int fd);

/* asker_ask, asker_cancel -- see ion_ask_pt and ion_ask_cancel_pt.
 *
 * Errors: ION_BUSY ION_ASKS_MAX are open, or the courier does not read. */
ION_NODISCARD ion_err_t asker_ask(asker_t *a, const ion_ask_t *ask,
    ion_ask_done_pt done, void *arg, uint64_t *id);
void asker_cancel(asker_t *a, uint64_t id);

#endif
