/*
 * courier.h -- what the courier process knows, for the files of this folder.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A waiter is one open question of a worker.  Those of admission stand in the
 * list of what they wait for, which equal questions share; a dial is a call of
 * its own.
 */
#ifndef ION_COURIER_COURIER_H
#define ION_COURIER_COURIER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/map.h"
#include "client/http_call.h"
#include "core/process.h"
#include "core/settings.h"
#include "shm/stats.h"

#define COURIER_MAGIC 0x434f5552u

/* Calls that run at a time, of admission and of dialling; and how many may be
 * open, in line or running, for admission: more questions are refused. */
#define COURIER_PARALLEL 64
#define COURIER_DIALS    16
#define COURIER_CALLS    1024
/* Answers that are remembered. */
#define COURIER_KNOWN 4096

typedef enum {
    COURIER_STAT_ALLOWED,
    COURIER_STAT_DENIED,
    COURIER_STAT_FAILED,
    COURIER_STAT_CACHED,
    COURIER_STAT_JOINED,
    COURIER_STAT_BUSY,
    COURIER_STAT_DIAL_OK,
    COURIER_STAT_DIAL_FAILED,
    COURIER_STAT_OPEN,
    COURIER_STAT_COUNT,
} courier_stat_t;

extern const ion_stat_desc_t courier_stats[];

/* What a question of admission is about; hashed, so without holes. */
typedef struct {
    uint8_t kind; /* ion_ask_kind_t */
    uint8_t family;
    uint8_t ip[16];
    uint8_t key[32];
    uint8_t generation[8]; /* of the configuration that says who is asked */
} courier_subject_t;

typedef struct courier courier_t;

/* A question of admission: being asked, or known. */
typedef struct courier_question {
    courier_t *c; /* back */
    courier_subject_t subject;
    ion_list_t link;    /* of the known ones, oldest first; or in no list */
    ion_list_t waiters; /* empty once it is known */
    bool is_known;
    ion_err_t rc;
    char text[ION_ASK_TEXT_MAX];
    ion_mono_t until; /* known: good until then */
    uint32_t open;    /* calls that are not over */
    struct courier_verify *calls[ION_VERIFY_URLS_MAX];
} courier_question_t;

/* One call for a question. */
typedef struct courier_verify {
    courier_question_t *q; /* back */
    uint32_t nth;          /* its place in q->calls */
    ion_call_t *call;
    char host[128]; /* who is asked, for people */
} courier_verify_t;

typedef struct courier_waiter {
    courier_t *c; /* back */
    uint64_t ref;
    ion_list_t link;       /* of q->waiters */
    courier_question_t *q; /* NULL: a dial */
    ion_call_t *call;      /* of the dial */
    char host[ION_ASK_HOST_MAX];
    uint16_t port;
} courier_waiter_t;

struct courier {
    uint32_t magic;
    ion_process_t *p;
    uint32_t self;
    uint32_t stat_base;
    ion_caller_t *verifier;
    ion_caller_t *dialler;
    ion_map_t *waiters;   /* ref -> courier_waiter_t */
    ion_map_t *questions; /* subject -> courier_question_t */
    ion_list_t known;     /* oldest first */
    size_t known_count;
    uint32_t open_calls; /* of admission */
    bool is_draining;
};

/* courier_count -- one of the numbers above.  Errors: none. */
void courier_count(courier_t *c, courier_stat_t which);

/*
 * courier_waiter_new, courier_waiter_free -- a question of a worker, found by
 * its ref until it is freed.
 *
 * Errors: ION_NOMEM.
 */
ION_NODISCARD ion_err_t courier_waiter_new(
    courier_t *c, uint64_t ref, courier_waiter_t **out);
void courier_waiter_free(courier_waiter_t *w);

/* courier_answer -- reply without a socket.  Errors: none. */
void courier_answer(courier_t *c, uint64_t ref, ion_err_t rc, const char *text);

/*
 * courier_admit -- a question of admission: from what is known, with others
 * that ask the same, or anew (courier_admit.c).
 *
 * Errors: none; the answer says it.
 */
void courier_admit(courier_t *c, uint64_t ref, const ion_ask_t *ask);

/* courier_admit_forget -- its waiter is gone; nobody else: no more calls. */
void courier_admit_forget(courier_question_t *q);

/* courier_admit_reset -- nothing is known any more. */
void courier_admit_reset(courier_t *c);

/* courier_question_done -- a call has brought the answer, or none is left.
 *
 * is_answer: an answer in words, to be remembered; else a failure.
 * Errors: none. */
void courier_question_done(
    courier_question_t *q, ion_err_t rc, bool is_answer, const char *text);

/*
 * courier_verify_start -- begin every call that a question needs
 * (courier_verify.c).
 *
 * Errors: ION_BUSY too many are open | ION_NOTFOUND there is nobody to ask |
 *         ION_MALF not a URL | ION_NOMEM; none has been begun.
 */
ION_NODISCARD ion_err_t courier_verify_start(courier_question_t *q);

/* courier_verify_stop -- end what is still open of them. */
void courier_verify_stop(courier_question_t *q);

/* courier_dial -- connect somewhere (courier_dial.c).  Errors: none. */
void courier_dial(courier_t *c, uint64_t ref, const ion_ask_t *ask);

#endif
