/*
 * module.h -- what a module is: const tables and a handful of callbacks.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * auto/modules lists the modules; the build writes the array ion_modules[] in
 * that order.  A module is a folder, a line there and a line in auto/layers;
 * the core needs no edit.  A module's number is its place in the array: its
 * configuration is ion_cycle_module(cycle, n), its data p->module_data[n], its
 * counters begin at ion_module_stat_base(n) in p->stats.
 */
#ifndef ION_CORE_MODULE_H
#define ION_CORE_MODULE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "core/conf.h"
#include "core/process.h"
#include "shm/stats.h"

struct ion_http_route; /* http/route.h */

typedef struct ion_module {
    const char *name; /* "derp": log subsystem, first word of its keys */
    uint32_t roles;   /* ION_ROLE_* bits in which the callbacks below run */

    const ion_directive_t *directives; /* ends with .name NULL; may be NULL */
    size_t conf_size;                  /* of the struct they fill */
    const ion_stat_desc_t *stats;
    size_t stat_count;
    const struct ion_http_route *routes; /* ends with .path NULL; may be NULL */

    /*
     * check: cross-field rules, in the master, before anything is touched.
     * Errors: ION_MALF, *err saying key, what is wrong, what would be right.
     */
    ion_err_t (*check)(
        const void *conf, const ion_settings_t *settings, ion_errtext_t *err);

    /*
     * needs: ION_ROLE_* bits of the processes that this configuration needs
     * besides workers and keeper: ION_ROLE_COURIER or 0.  May be NULL.
     */
    uint32_t (*needs)(const void *conf, const ion_settings_t *settings);

    /*
     * start: once per process, after privileges are gone; p->cycle is the
     * first cycle.  self is the module's number.  Errors: any, with *err set:
     * the process exits and the master logs it.
     */
    ion_err_t (*start)(ion_process_t *p, uint32_t self, ion_errtext_t *err);

    /*
     * prepare, commit, abort: a reload.  prepare builds what the next cycle
     * needs and may refuse it (any error, *err set) but changes nothing that
     * can be seen from outside.  After all processes are ready, commit runs
     * with p->cycle == next and cannot fail; or abort throws the prepared
     * things away.  prepare, then exactly one of the two, between loop turns.
     * A module without prepare accepts every cycle; commit and abort may be
     * NULL.
     */
    ion_err_t (*prepare)(ion_process_t *p, uint32_t self,
        const ion_cycle_t *next, ion_errtext_t *err);
    void (*commit)(ion_process_t *p, uint32_t self);
    void (*abort)(ion_process_t *p, uint32_t self);

    /*
     * drain: no new work from now on (p->draining is true); when nothing is
     * left, or at once, the module calls p->idle(p, self).  A module without
     * drain counts as idle.  The process ends when all are idle, or after
     * worker_shutdown_timeout.
     */
    void (*drain)(ion_process_t *p, uint32_t self);

    /* kick: end every connection of this client key.  May be NULL. */
    void (*kick)(ion_process_t *p, uint32_t self, const uint8_t key[32]);

    /* stop: give back everything; a leak checker must find nothing after. */
    void (*stop)(ion_process_t *p, uint32_t self);
} ion_module_t;

/* The generated array and its length. */
extern const ion_module_t *const ion_modules[];
extern const uint32_t ion_module_count;

/*
 * ion_module_stat_base -- index in p->stats of module n's first counter.  The
 * master's own (core/master_stats.h) and what each process uses
 * (core/process_stats.h) stand in front; the http layer's behind the last
 * module's: n == ion_module_count.
 */
uint32_t ion_module_stat_base(uint32_t n);

/*
 * ion_module_stat_sum -- a metric of the modules in one slot, all its lines
 * together; 0 for a name that no module has.
 */
uint64_t ion_module_stat_sum(
    const struct ion_shm *shm, uint32_t slot, const char *name);

/*
 * ion_module_number -- the number of a module of the array, for code that
 * holds the module but not its number (route handlers).
 */
uint32_t ion_module_number(const ion_module_t *m);

#endif
