/*
 * explore.h -- run real code of several processes through every interleaving.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A test defines the names of shm/atom.h by the functions below, includes the
 * .c file under test, and describes a case: actors, each standing for a
 * process. They run as coroutines and hand over at every ION_SHM_STEP; the
 * case is run again and again until every order of steps has been tried.
 *
 * Stores go to a buffer of their actor, in order, as on x86: others see them
 * only after it is emptied, by a fence, an atomic operation, or whenever the
 * explorer feels like it (that too is tried in every order). A missing fence
 * is therefore a failing order, on every machine and in every run.
 */

#ifndef ION_TESTS_EXPLORE_H
#define ION_TESTS_EXPLORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EXPLORE_ACTORS 4

typedef struct explore_case {
    const char *name;
    void *arg;
    void (*setup)(void *arg); /* before each run */
    size_t actors;
    void (*actor[EXPLORE_ACTORS])(void *arg);
    /* bit i: actor i may be killed before any of its steps (one kill a run);
     * what it stored becomes visible, then killed() runs */
    unsigned killable;
    void (*killed)(void *arg, size_t actor);
    void (*check)(void *arg); /* after each run: asserts */
    /* at most so many switches away from an actor that could go on; 0: any */
    unsigned preemptions;
} explore_case_t;

/*
 * explore -- try all orders; returns how many there were.
 *
 * A failing assertion in check() or in an actor is reported with the order
 * that led to it.
 */
uint64_t explore(const explore_case_t *c);

/* For actors: hand over; wait until ready() holds (a blocked wait). */
void explore_step(const char *name);
void explore_wait(bool (*ready)(void *arg), void *arg);

/* What shm/atom.h is made of. Outside an actor they act at once. */
uint64_t explore_load(const volatile void *p, size_t size);
void explore_store(
    volatile void *p, size_t size, uint64_t value, bool is_release);
bool explore_cas(
    volatile void *p, size_t size, uint64_t *expected, uint64_t value);
uint64_t explore_add(volatile void *p, size_t size, uint64_t n);
uint64_t explore_bits(
    volatile void *p, size_t size, uint64_t set, uint64_t keep);
void explore_fence(void);

#define EXPLORE_LOAD(p) explore_load((p), sizeof(*(p)))

#endif
