/*
 * explore.c -- depth-first search over schedules, by running them.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A run is determined by its decisions: which actor goes on, whose store
 * buffer gives up its next group, who is killed. The decisions of a run are
 * kept; the next run repeats them but for the last one that has an
 * alternative left. A group of stores ends with a release store, which is as
 * fine as it needs to be: plain stores before it are of no use to anybody.
 */

/* a longjmp to another stack is what this file is about */
#undef _FORTIFY_SOURCE

#include "lib/explore.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include <cmocka.h>

#define STACK_BYTES   (128 * 1024)
#define STORES_MAX    256
#define DECISIONS_MAX 512
#define OPTIONS_MAX   (EXPLORE_ACTORS * 3)
#define RUNS_MAX      UINT64_C(20000000)

/* the sanitizer follows swapcontext, at a price, and nothing else */
#if defined(__SANITIZE_ADDRESS__)
#define EXPLORE_SLOW
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define EXPLORE_SLOW
#endif
#endif

typedef struct store {
    volatile void *p;
    size_t size;
    uint64_t value;
    bool is_release;
} store_t;

typedef enum { GO, FLUSH, KILL } act_t;

typedef struct option {
    act_t act;
    size_t actor;
} option_t;

typedef struct place {
#ifdef EXPLORE_SLOW
    ucontext_t context;
#else
    jmp_buf jump;
    jmp_buf home; /* where a run begins */
#endif
} place_t;

typedef struct actor {
    place_t place;
    uint8_t *stack;
    bool is_done;
    bool (*ready)(void *arg);
    void *ready_arg;
    const char *step;
    size_t stores;
    store_t store[STORES_MAX];
} actor_t;

static struct {
    const explore_case_t *c;
    place_t scheduler;
    actor_t actor[EXPLORE_ACTORS];
    actor_t *running;
    size_t last;     /* the actor that went on last */
    bool has_killed; /* in this run */
    unsigned spent;  /* preemptions of this run */
    size_t decisions;
    struct {
        size_t taken;
        size_t options;
        option_t what;
        const char *step;
    } decision[DECISIONS_MAX];
} world;

static uint64_t
peek(const volatile void *p, size_t size)
{
    switch (size) {
    case 4:
        return *(const volatile uint32_t *)p;
    case 8:
        return *(const volatile uint64_t *)p;
    default:
        abort();
    }
}

static void
poke(volatile void *p, size_t size, uint64_t value)
{
    switch (size) {
    case 4:
        *(volatile uint32_t *)p = (uint32_t)value;
        return;
    case 8:
        *(volatile uint64_t *)p = value;
        return;
    default:
        abort();
    }
}

/* The oldest group of an actor's stores becomes visible. */
static void
flush_group(actor_t *a)
{
    size_t n = 0;
    bool is_end = false;
    while (n < a->stores && !is_end) {
        store_t *s = &a->store[n++];
        poke(s->p, s->size, s->value);
        is_end = s->is_release;
    }
    a->stores -= n;
    memmove(a->store, a->store + n, a->stores * sizeof(a->store[0]));
}

static void
flush_all(actor_t *a)
{
    while (a->stores > 0) {
        flush_group(a);
    }
}

uint64_t
explore_load(const volatile void *p, size_t size)
{
    const actor_t *a = world.running;
    for (size_t i = a != NULL ? a->stores : 0; i > 0; i--) {
        if (a->store[i - 1].p == p) {
            return a->store[i - 1].value;
        }
    }
    return peek(p, size);
}

void
explore_store(volatile void *p, size_t size, uint64_t value, bool is_release)
{
    actor_t *a = world.running;
    if (size == 4) {
        value = (uint32_t)value;
    }
    if (a == NULL) {
        poke(p, size, value);
        return;
    }
    if (a->stores == STORES_MAX) {
        abort();
    }
    a->store[a->stores++] = (store_t){ p, size, value, is_release };
}

void
explore_fence(void)
{
    if (world.running != NULL) {
        flush_all(world.running);
    }
}

bool
explore_cas(volatile void *p, size_t size, uint64_t *expected, uint64_t value)
{
    explore_fence();
    uint64_t now = peek(p, size);
    if (now != *expected) {
        *expected = now;
        return false;
    }
    poke(p, size, value);
    return true;
}

uint64_t
explore_add(volatile void *p, size_t size, uint64_t n)
{
    explore_fence();
    uint64_t now = peek(p, size);
    poke(p, size, now + n);
    return now;
}

uint64_t
explore_bits(volatile void *p, size_t size, uint64_t set, uint64_t keep)
{
    explore_fence();
    uint64_t now = peek(p, size);
    poke(p, size, (now | set) & keep);
    return now;
}

static void
switch_to(place_t *from, place_t *to)
{
#ifdef EXPLORE_SLOW
    if (swapcontext(&from->context, &to->context) != 0) {
        abort();
    }
#else
    if (_setjmp(from->jump) == 0) {
        _longjmp(to->jump, 1);
    }
#endif
}

static void
hand_over(void)
{
    actor_t *self = world.running;
    world.running = NULL;
    switch_to(&self->place, &world.scheduler);
}

void
explore_step(const char *name)
{
    if (world.running != NULL) {
        world.running->step = name;
        hand_over();
    }
}

void
explore_wait(bool (*ready)(void *arg), void *arg)
{
    actor_t *self = world.running;
    self->ready = ready;
    self->ready_arg = arg;
    self->step = "waits";
    hand_over();
    self->ready = NULL;
}

static void
actor_main(int nth)
{
#ifndef EXPLORE_SLOW
    if (_setjmp(world.actor[nth].place.home) == 0) {
        _longjmp(world.scheduler.jump, 1);
    }
#endif
    world.c->actor[nth](world.c->arg);
    world.running->is_done = true;
    hand_over();
}

static void
make_context(actor_t *a, ucontext_t *context, int nth)
{
    if (getcontext(context) != 0) {
        abort();
    }
    context->uc_stack.ss_sp = a->stack;
    context->uc_stack.ss_size = STACK_BYTES;
    context->uc_link = NULL;
    makecontext(context, (void (*)(void))(void *)actor_main, 1, nth);
}

/* Once per case: a stack for the actor, and its first frame. */
static void
prepare_actor(actor_t *a, int nth)
{
    a->stack = malloc(STACK_BYTES);
    assert_non_null(a->stack);
#ifndef EXPLORE_SLOW
    ucontext_t context;
    make_context(a, &context, nth);
    if (_setjmp(world.scheduler.jump) == 0) {
        (void)setcontext(&context);
        abort();
    }
#else
    (void)nth;
#endif
}

/* The actor begins anew, wherever its last run left it. */
static void
go_home(actor_t *a, int nth)
{
#ifdef EXPLORE_SLOW
    make_context(a, &a->place.context, nth);
#else
    (void)nth;
    memcpy(a->place.jump, a->place.home, sizeof(a->place.jump));
#endif
}

static bool
can_go(const actor_t *a)
{
    return !a->is_done && (a->ready == NULL || a->ready(a->ready_arg));
}

/* Switching under the sanitizer costs two system calls: fewer orders then. */
static unsigned
bound(const explore_case_t *c)
{
    unsigned most = c->preemptions > 0 ? c->preemptions : DECISIONS_MAX;
#ifdef EXPLORE_SLOW
    return most < 3 ? most : 3;
#else
    return most;
#endif
}

/* What may happen next. The actor that went on last comes first: to let it go
 * on is free, everything else counts against the bound while it could. */
static size_t
list_options(option_t *out)
{
    const explore_case_t *c = world.c;
    size_t n = 0;
    bool last_can_go = can_go(&world.actor[world.last]);
    if (last_can_go) {
        out[n++] = (option_t){ GO, world.last };
        if (world.spent >= bound(c)) {
            return n;
        }
    }
    for (size_t i = 0; i < c->actors; i++) {
        actor_t *a = &world.actor[i];
        if (i != world.last && can_go(a)) {
            out[n++] = (option_t){ GO, i };
        }
        if (a->stores > 0) {
            out[n++] = (option_t){ FLUSH, i };
        }
        if ((c->killable >> i & 1) != 0 && !world.has_killed && !a->is_done) {
            out[n++] = (option_t){ KILL, i };
        }
    }
    return n;
}

static void
take(option_t o)
{
    actor_t *a = &world.actor[o.actor];
    if ((o.act != GO || o.actor != world.last) &&
        can_go(&world.actor[world.last])) {
        world.spent++;
    }
    switch (o.act) {
    case GO:
        world.last = o.actor;
        world.running = a;
        switch_to(&world.scheduler, &a->place);
        return;
    case FLUSH:
        flush_group(a);
        return;
    case KILL:
        flush_all(a);
        a->is_done = true;
        world.has_killed = true;
        if (world.c->killed != NULL) {
            world.c->killed(world.c->arg, o.actor);
        }
        return;
    }
}

static void
start_run(void)
{
    const explore_case_t *c = world.c;
    world.running = NULL;
    world.last = 0;
    world.has_killed = false;
    world.spent = 0;
    c->setup(c->arg);
    for (size_t i = 0; i < c->actors; i++) {
        actor_t *a = &world.actor[i];
        a->is_done = false;
        a->ready = NULL;
        a->stores = 0;
        a->step = "starts";
        go_home(a, (int)i);
        /* up to its first step an actor touches nothing that is shared */
        world.running = a;
        switch_to(&world.scheduler, &a->place);
    }
}

static void
run_once(void)
{
    option_t options[OPTIONS_MAX];
    size_t n;
    start_run();
    for (size_t d = 0; (n = list_options(options)) > 0; d++) {
        if (d == DECISIONS_MAX) {
            fail_msg("%s: a run does not end", world.c->name);
        }
        if (d == world.decisions) {
            world.decision[d].taken = 0;
            world.decision[d].options = n;
            world.decisions++;
        }
        option_t o = options[world.decision[d].taken];
        world.decision[d].what = o;
        world.decision[d].step = world.actor[o.actor].step;
        take(o);
    }
    world.c->check(world.c->arg);
}

/* On to the next order; false: there is none. */
static bool
advance(void)
{
    while (world.decisions > 0) {
        size_t d = world.decisions - 1;
        if (++world.decision[d].taken < world.decision[d].options) {
            return true;
        }
        world.decisions--;
    }
    return false;
}

static void
print_order(void)
{
    static const char *const names[] = { "goes on at", "flushes at",
        "is killed at" };
    print_error("%s fails in this order:\n", world.c->name);
    for (size_t d = 0; d < world.decisions; d++) {
        print_error("  %zu %s: %s\n", world.decision[d].what.actor,
            names[world.decision[d].what.act], world.decision[d].step);
    }
}

static bool watching;

/* An assertion of cmocka leaves by longjmp or exit: say how we came there. */
static void
explain(void)
{
    if (watching) {
        print_order();
    }
}

uint64_t
explore(const explore_case_t *c)
{
    static bool is_registered;
    if (!is_registered) {
        is_registered = true;
        (void)atexit(explain);
    }
    explain();
    memset(&world, 0, sizeof(world));
    world.c = c;
    for (size_t i = 0; i < c->actors; i++) {
        prepare_actor(&world.actor[i], (int)i);
    }
    uint64_t runs = 0;
    watching = true;
    do {
        run_once();
        runs++;
        assert_true(runs < RUNS_MAX);
    } while (advance());
    watching = false;
    for (size_t i = 0; i < c->actors; i++) {
        free(world.actor[i].stack);
    }
    print_message("    %s: %llu orders\n", c->name, (unsigned long long)runs);
    return runs;
}
