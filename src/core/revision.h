/*
 * revision.h -- which revision of the sources this program was made from.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef ION_CORE_REVISION_H
#define ION_CORE_REVISION_H

/* Made by the build: the Git revision of a clone, with "-dirty" behind it when
 * files were edited; "" for sources that are no clone. */
extern const char ion_revision[];

#endif
