/*
 * atom.h -- how the protocol code of this folder touches shared words.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Every access that another process can see goes through these names, so that
 * a replay test may put its own in their place (it defines ION_SHM_ATOM_H and
 * includes the .c file) and run the real code through every interleaving, with
 * store buffers as the processors have them. ION_SHM_STEP marks the places
 * where two processes may meet; it is nothing in the program.
 *
 * Words with several writers are read and changed with seq_cst; words with one
 * writer are published by release and read by acquire.
 */

#ifndef ION_SHM_ATOM_H
#define ION_SHM_ATOM_H

#include <stdatomic.h>

#define ION_SHM_STEP(name) ((void)0)

#define SHM_LOAD(p)     atomic_load_explicit((p), memory_order_seq_cst)
#define SHM_LOAD_ACQ(p) atomic_load_explicit((p), memory_order_acquire)
#define SHM_LOAD_RLX(p) atomic_load_explicit((p), memory_order_relaxed)

#define SHM_STORE_REL(p, v)                                                    \
    atomic_store_explicit((p), (v), memory_order_release)
#define SHM_STORE_RLX(p, v)                                                    \
    atomic_store_explicit((p), (v), memory_order_relaxed)

/* True when *p was *expected and is v now; else *expected = *p. */
#define SHM_CAS(p, expected, v)                                                \
    atomic_compare_exchange_strong_explicit(                                   \
        (p), (expected), (v), memory_order_seq_cst, memory_order_seq_cst)

/* The value before the addition. */
#define SHM_ADD(p, n) atomic_fetch_add_explicit((p), (n), memory_order_seq_cst)

/* The value before. */
#define SHM_OR(p, v)  atomic_fetch_or_explicit((p), (v), memory_order_seq_cst)
#define SHM_AND(p, v) atomic_fetch_and_explicit((p), (v), memory_order_seq_cst)

#define SHM_FENCE()     atomic_thread_fence(memory_order_seq_cst)
#define SHM_FENCE_REL() atomic_thread_fence(memory_order_release)
#define SHM_FENCE_ACQ() atomic_thread_fence(memory_order_acquire)

#endif
