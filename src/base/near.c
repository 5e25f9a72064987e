/*
 * near.c -- how far one word is from another.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "base/near.h"

static char
fold(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

static bool
are_equal(char a, char b)
{
    return fold(a) == fold(b);
}

size_t
ion_near_distance(ion_str_t a, ion_str_t b)
{
    /* this row, the one above it, and the one above that */
    size_t d[3][ION_NEAR_MAX + 1] = { { 0 } };
    if (a.len > ION_NEAR_MAX || b.len > ION_NEAR_MAX) {
        return ION_NEAR_MAX;
    }
    for (size_t j = 0; j <= b.len; j++) {
        d[0][j] = j;
    }

    for (size_t i = 1; i <= a.len; i++) {
        size_t *row = d[i % 3];
        const size_t *above = d[(i + 2) % 3];
        const size_t *two = d[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            bool same = are_equal(a.p[i - 1], b.p[j - 1]);
            size_t change = above[j - 1] + (same ? 0 : 1);
            row[j] = ION_MIN(ION_MIN(above[j] + 1, row[j - 1] + 1), change);
            if (i > 1 && j > 1 && are_equal(a.p[i - 1], b.p[j - 2]) &&
                are_equal(a.p[i - 2], b.p[j - 1]))
            {
                row[j] = ION_MIN(row[j], two[j - 2] + 1);
            }
        }
    }
    return d[a.len % 3][b.len];
}
