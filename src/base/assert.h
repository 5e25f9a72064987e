/*
 * assert.h -- always-on assertions, tagged objects, and the way to die.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * An assertion states an invariant between our own functions. It never
 * depends on bytes of a peer, configuration text or the kernel's mood.
 * A failed one stores its text through the panic hook, writes it to
 * stderr and aborts.
 */

#ifndef ION_BASE_ASSERT_H
#define ION_BASE_ASSERT_H

#include "base/base.h"

/*
 * ion_panic -- report a broken invariant and abort the process.
 *
 * Shape:  "panic: file:line: func: text" goes to the hook, then to stderr.
 *         Async-signal-safe; a panic inside the hook aborts at once.
 * Errors: does not return.
 */
ION_NORETURN void ion_panic(
    const char *file, int line, const char *func, const char *text);

/*
 * ion_panic_set_hook -- where the last words of this process are kept.
 *
 * Shape:  hook is called once with the full line (NUL-terminated, borrowed),
 *         must be async-signal-safe; NULL removes it.
 * Errors: none.
 */
void ion_panic_set_hook(void (*hook)(const char *text));

#define ION_ASSERT(x)                                                          \
    ((x) ? (void)0 : ion_panic(__FILE__, __LINE__, __func__, "failed: " #x))

/* For checks that cost more than O(1). */
#if ION_DEBUG
#define ION_DEBUG_ASSERT(x) ION_ASSERT(x)
#else
#define ION_DEBUG_ASSERT(x) ((void)sizeof((x) ? 1 : 0))
#endif

#define ION_UNREACHABLE()                                                      \
    ion_panic(__FILE__, __LINE__, __func__, "reached the unreachable")

/*
 * ion_obj_check -- the tag test behind ION_OBJ_CAST.
 *
 * Shape:  p points to an object whose first member is `uint32_t magic`;
 *         returns p, panics when p is NULL or the tag differs.
 * Errors: none that return.
 */
static inline void *
ion_obj_check(void *p, uint32_t magic, const char *file, int line)
{
    if (p == NULL || *(const uint32_t *)p != magic) {
        ion_panic(file, line, "ION_OBJ_CAST", "not the expected object");
    }
    return p;
}

/* From void * to T *, whose first member is `uint32_t magic`. */
#define ION_OBJ_CAST(T, p, MAGIC)                                              \
    ((T *)ion_obj_check((p), (MAGIC), __FILE__, __LINE__))

#endif
