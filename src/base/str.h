/*
 * str.h -- counted byte views and a growing, bounded string builder.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A view owns nothing and need not end in NUL. The builder is sticky: after
 * one failure (no memory, over its bound) every addition does nothing, and
 * one look at `failed` in the end is enough.
 */

#ifndef ION_BASE_STR_H
#define ION_BASE_STR_H

#include "base/base.h"
#include "base/err.h"

typedef struct ion_str {
    const char *p; /* borrowed; may be NULL when len is 0 */
    size_t len;    /* bytes */
} ion_str_t;

/* A literal as a view. */
#define ION_STR(lit) ((ion_str_t){ "" lit, sizeof(lit) - 1 })

/* For printf's "%.*s"; views printed this way are far below INT_MAX. */
#define ION_STR_ARG(s) (int)(s).len, ((s).p == NULL ? "" : (s).p)

/*
 * ion_str_from -- a view of a C string.
 *
 * Shape:  cstr is borrowed; NULL gives the empty view.
 * Errors: none.
 */
ion_str_t ion_str_from(const char *cstr);

/*
 * ion_str_eq, ion_str_ieq -- equality of bytes; ieq folds A-Z only.
 *
 * Errors: none.
 */
bool ion_str_eq(ion_str_t a, ion_str_t b);
bool ion_str_ieq(ion_str_t a, ion_str_t b);

/*
 * ion_str_has_prefix -- does s begin with the prefix, byte for byte?
 *
 * Errors: none.
 */
bool ion_str_has_prefix(ion_str_t s, ion_str_t prefix);

/*
 * ion_str_trim -- s without blanks, tabs, CR and LF at both ends.
 *
 * Errors: none.
 */
ion_str_t ion_str_trim(ion_str_t s);

/*
 * ion_str_split -- cut the next field off a list.
 *
 * Shape:  *field = *rest up to sep, *rest = what follows it. Returns false
 *         when *rest was used up before (its p is NULL then). "a,,b" gives
 *         three fields; the empty view gives one.
 * Errors: none.
 */
bool ion_str_split(ion_str_t *rest, char sep, ion_str_t *field);

/*
 * ion_str_dup -- a NUL-terminated copy.
 *
 * Shape:  gives: the caller frees. A NUL inside s stays inside.
 * Errors: NULL when there is no memory.
 */
ION_NODISCARD char *ion_str_dup(ion_str_t s);

typedef struct ion_sb {
    char *p;     /* owns; NUL-terminated whenever it is not NULL */
    size_t len;  /* bytes used, without the NUL */
    size_t cap;  /* bytes allocated */
    size_t max;  /* len never grows beyond this */
    bool failed; /* sticky: something did not fit */
} ion_sb_t;

/*
 * ion_sb_init, ion_sb_fini -- an empty builder, and its end.
 *
 * Shape:  max_len is the bound in bytes. fini frees what was not taken and
 *         leaves an empty builder; a zeroed struct may be passed to it.
 * Errors: none.
 */
void ion_sb_init(ion_sb_t *sb, size_t max_len);
void ion_sb_fini(ion_sb_t *sb);

/*
 * ion_sb_reset -- forget the content (and the failure), keep the memory.
 *
 * Errors: none.
 */
void ion_sb_reset(ion_sb_t *sb);

/*
 * ion_sb_add, _addz, _adds, _addc, _addf -- append bytes, a C string, a view,
 * one byte, or printf output.
 *
 * Errors: sb->failed is set when it does not fit; sb keeps what it had.
 */
void ion_sb_add(ion_sb_t *sb, const void *p, size_t n);
void ion_sb_addz(ion_sb_t *sb, const char *cstr);
void ion_sb_adds(ion_sb_t *sb, ion_str_t s);
void ion_sb_addc(ion_sb_t *sb, char c);
void ion_sb_addf(ion_sb_t *sb, const char *fmt, ...) ION_PRINTF(2, 3);

/*
 * ion_sb_str -- what has been built so far, valid until the next change.
 *
 * Errors: none.
 */
ion_str_t ion_sb_str(const ion_sb_t *sb);

/*
 * ion_sb_take -- hand the text over.
 *
 * Shape:  gives a NUL-terminated string of sb->len bytes, *len may be NULL;
 *         sb is empty afterwards.
 * Errors: NULL when the builder had failed or there is no memory; sb is
 *         emptied then too.
 */
ION_NODISCARD char *ion_sb_take(ion_sb_t *sb, size_t *len);

#endif
