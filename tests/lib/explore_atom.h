/*
 * explore_atom.h -- shm/atom.h for code under the explorer; include it before
 * the .c file under test.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef ION_SHM_ATOM_H
#define ION_SHM_ATOM_H

#include "lib/explore.h"

#define ION_SHM_STEP(name) explore_step(name)

#define SHM_LOAD(p)     EXPLORE_LOAD(p)
#define SHM_LOAD_ACQ(p) EXPLORE_LOAD(p)
#define SHM_LOAD_RLX(p) EXPLORE_LOAD(p)

#define SHM_STORE_REL(p, v) explore_store((p), sizeof(*(p)), (v), true)
#define SHM_STORE_RLX(p, v) explore_store((p), sizeof(*(p)), (v), false)

#define SHM_CAS(p, expected, v) explore_cas((p), sizeof(*(p)), (expected), (v))
#define SHM_ADD(p, n)           explore_add((p), sizeof(*(p)), (n))

#define SHM_OR(p, v)  explore_bits((p), sizeof(*(p)), (v), ~UINT64_C(0))
#define SHM_AND(p, v) explore_bits((p), sizeof(*(p)), 0, (v))

#define SHM_FENCE()     explore_fence()
#define SHM_FENCE_REL() ((void)0) /* stores keep their order */
#define SHM_FENCE_ACQ() ((void)0) /* so do loads */

#endif
