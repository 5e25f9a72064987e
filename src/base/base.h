/*
 * base.h -- attributes, small macros and checked arithmetic used everywhere.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Nothing here has state or does I/O.
 */

#ifndef ION_BASE_BASE_H
#define ION_BASE_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ION_NODISCARD    __attribute__((warn_unused_result))
#define ION_PRINTF(f, a) __attribute__((format(printf, f, a)))
#define ION_NORETURN     __attribute__((noreturn))
#define ION_UNUSED       __attribute__((unused))
#define ION_NONNULL      __attribute__((nonnull))

/* Drops a result on purpose; a comment beside it says why that is right. */
#define ION_IGNORE(expr) ((void)((expr) == 0))

#define ION_STATIC_ASSERT(expr, msg) _Static_assert(expr, msg)

#define ION_ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* From a pointer to a member to the object that holds it. */
#define ION_CONTAINER_OF(ptr, type, member)                                    \
    ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* Arguments are evaluated more than once: pass plain values. */
#define ION_MIN(a, b) ((a) < (b) ? (a) : (b))
#define ION_MAX(a, b) ((a) > (b) ? (a) : (b))

/* A point on CLOCK_MONOTONIC, in nanoseconds. */
typedef uint64_t ion_mono_t;

#define ION_NSEC_PER_SEC UINT64_C(1000000000)

/* Milliseconds and seconds as nanoseconds. */
#define ION_MS(n)  ((ion_mono_t)(n)*UINT64_C(1000000))
#define ION_SEC(n) ((ion_mono_t)(n)*ION_NSEC_PER_SEC)

/*
 * ion_size_add, ion_size_mul -- sizes that must not wrap.
 *
 * Shape:  *out = a + b (a * b); true when it fits, false otherwise.
 */
ION_NODISCARD static inline bool
ion_size_add(size_t a, size_t b, size_t *out)
{
    return !__builtin_add_overflow(a, b, out);
}

ION_NODISCARD static inline bool
ion_size_mul(size_t a, size_t b, size_t *out)
{
    return !__builtin_mul_overflow(a, b, out);
}

#endif
