/*
 * source_url_int.h -- what the files of the source grammar share.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef ION_PROTO_SOURCE_URL_INT_H
#define ION_PROTO_SOURCE_URL_INT_H

#include "proto/source_url.h"

/* A source on its way: what is cut off it, and where it goes. */
typedef struct source_parse {
    source_url_t *out;
    ion_errtext_t *err;
    ion_str_t getter;    /* forced: what stands before "::"; "" = nothing */
    ion_str_t rest;      /* behind the scheme's "://", or the shorthand */
    ion_str_t authority; /* of a URL */
    ion_str_t path;      /* behind the authority, as written */
    ion_str_t query;     /* a copy in out->bytes, which only shrinks */
    char *query_bytes;   /* the same, to write to */
    ion_str_t fragment;
    bool has_fragment;
    bool is_url; /* has a scheme, so that %XX mean something */
} source_parse_t;

/*
 * source_fail -- set the error text; returns rc, so that callers can return
 * it.
 *
 * Errors: rc.
 * Spec:   source URLs: error catalogue.
 */
ion_err_t source_fail(source_parse_t *p, ion_err_t rc, const char *fmt, ...)
    ION_PRINTF(3, 4);

/*
 * source_warn -- one warning, a constant; what does not fit is dropped.
 *
 * Errors: none.
 * Spec:   source URLs: examples.
 */
void source_warn(source_parse_t *p, const char *text);

/*
 * source_shown -- a part for "%.*s" in a message, cut to a sane length.
 *
 * Errors: none.
 * Spec:   source URLs: error catalogue.
 */
ion_str_t source_shown(ion_str_t part);

/*
 * source_find -- the offset of the first `word` in s; s.len when it is not
 * there.
 *
 * Errors: none.
 * Spec:   source URLs: subpath splitting.
 */
size_t source_find(ion_str_t s, ion_str_t word);

/*
 * source_head, source_tail -- the first n bytes; what follows them.
 *
 * Errors: none.
 * Spec:   source URLs: subpath splitting.
 */
ion_str_t source_head(ion_str_t s, size_t n);
ion_str_t source_tail(ion_str_t s, size_t n);

/*
 * source_has_suffix -- does s end with these bytes?
 *
 * Errors: none.
 * Spec:   source URLs: magic query keys.
 */
bool source_has_suffix(ion_str_t s, ion_str_t suffix);

/*
 * source_keep -- a copy of a, then b, in out->bytes.
 *
 * Errors: none: the pieces of a source fit.
 * Spec:   source URLs: our parser.
 */
ion_str_t source_keep(source_parse_t *p, ion_str_t a, ion_str_t b);

/*
 * source_decode -- %XX resolved, the copy kept in out->bytes; `plus`: a '+'
 * is a blank.
 *
 * Shape:  part names it in an error.
 * Errors: ION_MALF a '%' without two digits, or a control character.
 * Spec:   source URLs: our parser.
 */
ION_NODISCARD ion_err_t source_decode(source_parse_t *p, const char *part,
    ion_str_t raw, bool plus, ion_str_t *out);

/*
 * source_take -- cut a key out of p->query; the first one's value, decoded,
 * goes to *value, and all of that name are gone.
 *
 * Shape:  *found says whether there was one.
 * Errors: as source_decode.
 * Spec:   source URLs: magic query keys.
 */
ION_NODISCARD ion_err_t source_take(
    source_parse_t *p, const char *key, bool *found, ion_str_t *value);

/*
 * source_clean_path -- a relative path without empty, "." and ".." elements.
 *
 * Shape:  raw is decoded already; part names it.
 * Errors: ION_MALF nothing left, or it leads out.
 * Spec:   source URLs: subpath splitting.
 */
ION_NODISCARD ion_err_t source_clean_path(
    source_parse_t *p, const char *part, ion_str_t raw, ion_str_t *out);

/*
 * source_host -- read p->authority into user, password, host and port.
 *
 * Errors: ION_MALF.
 * Spec:   source URLs: our parser.
 */
ION_NODISCARD ion_err_t source_host(source_parse_t *p);

/*
 * source_options -- take archive and checksum out of the query; object is
 * the path whose ending implies an archive.
 *
 * Errors: ION_MALF | ION_UNSUPPORTED.
 * Spec:   source URLs: magic query keys; left out.
 */
ION_NODISCARD ion_err_t source_options(source_parse_t *p, ion_str_t object);

/*
 * source_is_tar -- does the path end as a tar.gz does?
 *
 * Errors: none.
 * Spec:   source URLs: magic query keys.
 */
bool source_is_tar(ion_str_t path);

/*
 * source_git, source_git_short, source_s3, source_s3_bare, source_gcs,
 * source_gcs_bare -- the rest of a source of that getter: a URL, or a host
 * and path without a scheme; _bare: s3://BUCKET/KEY and gs://BUCKET/OBJECT.
 *
 * Errors: ION_MALF | ION_UNSUPPORTED.
 * Spec:   source URLs: per getter.
 */
ION_NODISCARD ion_err_t source_git(source_parse_t *p);
ION_NODISCARD ion_err_t source_git_short(source_parse_t *p);
ION_NODISCARD ion_err_t source_s3(source_parse_t *p);
ION_NODISCARD ion_err_t source_s3_bare(source_parse_t *p);
ION_NODISCARD ion_err_t source_gcs(source_parse_t *p);
ION_NODISCARD ion_err_t source_gcs_bare(source_parse_t *p);

#endif
