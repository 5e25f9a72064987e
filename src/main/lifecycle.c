/*
 * lifecycle.c -- all parts of a child in order.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Parts are numbered as ion_module_stat_base counts them: the modules, then
 * the http layer.  The http layer starts last, because it lets clients in.
 */
#include "main/lifecycle.h"

#include "core/module.h"
#include "http/server.h"

static uint32_t
part_count(void)
{
    return ion_module_count + 1;
}

static const ion_module_t *
part_at(uint32_t n)
{
    return n < ion_module_count ? ion_modules[n] : &ion_http_part;
}

static bool
is_mine(const ion_process_t *p, const ion_module_t *m)
{
    return (m->roles & p->role) != 0;
}

static void
name_reason(ion_errtext_t *why, const ion_module_t *m)
{
    if (why != NULL) {
        ion_errtext_set(why, "%s: %s", m->name, why->msg);
    }
}

static void
stop_down_from(ion_process_t *p, uint32_t n)
{
    while (n-- > 0) {
        const ion_module_t *m = part_at(n);
        if (is_mine(p, m) && m->stop != NULL) {
            m->stop(p, n);
        }
    }
}

ion_err_t
lifecycle_start(ion_process_t *p, ion_errtext_t *why)
{
    for (uint32_t n = 0; n < part_count(); n++) {
        const ion_module_t *m = part_at(n);
        ion_err_t rc;
        if (!is_mine(p, m) || m->start == NULL) {
            continue;
        }
        ion_errtext_set(why, "cannot start");
        rc = m->start(p, n, why);
        if (rc != ION_OK) {
            name_reason(why, m);
            stop_down_from(p, n);
            return rc;
        }
    }
    return ION_OK;
}

static void
abort_down_from(ion_process_t *p, uint32_t n)
{
    while (n-- > 0) {
        const ion_module_t *m = part_at(n);
        if (is_mine(p, m) && m->abort != NULL) {
            m->abort(p, n);
        }
    }
}

ion_err_t
lifecycle_prepare(ion_process_t *p, const ion_cycle_t *next, ion_errtext_t *why)
{
    for (uint32_t n = 0; n < part_count(); n++) {
        const ion_module_t *m = part_at(n);
        ion_err_t rc;
        if (!is_mine(p, m) || m->prepare == NULL) {
            continue;
        }
        ion_errtext_set(why, "refused");
        rc = m->prepare(p, n, next, why);
        if (rc != ION_OK) {
            name_reason(why, m);
            abort_down_from(p, n);
            return rc;
        }
    }
    return ION_OK;
}

void
lifecycle_commit(ion_process_t *p)
{
    for (uint32_t n = 0; n < part_count(); n++) {
        const ion_module_t *m = part_at(n);
        if (is_mine(p, m) && m->commit != NULL) {
            m->commit(p, n);
        }
    }
}

void
lifecycle_abort(ion_process_t *p)
{
    abort_down_from(p, part_count());
}

void
lifecycle_drain(ion_process_t *p)
{
    p->draining = true;
    for (uint32_t n = 0; n < part_count(); n++) {
        const ion_module_t *m = part_at(n);
        if (!is_mine(p, m)) {
            continue;
        }
        if (m->drain != NULL) {
            m->drain(p, n);
        } else {
            p->idle(p, n);
        }
    }
}

void
lifecycle_kick(ion_process_t *p, const uint8_t key[32])
{
    for (uint32_t n = 0; n < part_count(); n++) {
        const ion_module_t *m = part_at(n);
        if (is_mine(p, m) && m->kick != NULL) {
            m->kick(p, n, key);
        }
    }
}

uint32_t
lifecycle_parts(const ion_process_t *p)
{
    uint32_t count = 0;
    for (uint32_t n = 0; n < part_count(); n++) {
        count += is_mine(p, part_at(n)) ? 1 : 0;
    }
    return count;
}

void
lifecycle_stop(ion_process_t *p)
{
    stop_down_from(p, part_count());
}
