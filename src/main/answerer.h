/*
 * answerer.h -- the courier's channels to the workers.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Passes questions to p->server and answers back.  A worker that breaks a rule
 * or goes away loses its channel, and its questions are forgotten; the others
 * notice nothing.
 */
#ifndef ION_MAIN_ANSWERER_H
#define ION_MAIN_ANSWERER_H

#include "core/process.h"

/* Questions of all workers that may be open at a time. */
#define ANSWERER_OPEN_MAX 4096

typedef struct answerer answerer_t;

/*
 * answerer_new -- no worker yet.
 *
 * p: borrowed.  Questions wait in their channels until answerer_start.
 * Errors: ION_NOMEM.
 */
ION_NODISCARD ion_err_t answerer_new(ion_process_t *p, answerer_t **out);

/* answerer_start -- p->server is there: take questions from now on. */
void answerer_start(answerer_t *a);

/* answerer_free -- close all channels and forget what is open.  NULL is
 * fine. */
void answerer_free(answerer_t **a);

/* answerer_link -- there is a worker of that slot at the other end of fd
 * (taken); a channel to an earlier one of the slot is closed. */
void answerer_link(answerer_t *a, int fd, uint32_t slot);

/* answerer_reply -- see ion_reply_pt. */
void answerer_reply(answerer_t *a, uint64_t ref, const ion_answer_t *answer);

#endif
