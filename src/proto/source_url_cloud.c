/*
 * source_url_cloud.c -- objects in S3 and GCS.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * S3 has many styles of host names; the labels before .amazonaws.com are read
 * from the right. Requests will go to the endpoint without the bucket's
 * label, so that names with dots do not break certificates.
 */

#include <string.h>

#include "base/num.h"
#include "proto/source_url_int.h"

static ion_err_t
no_object(source_parse_t *p, const char *what)
{
    return source_fail(p, ION_MALF,
        "path: %s needs a bucket and an object: /BUCKET/NAME", what);
}

/* "/bucket/key" or, with a bucket already, "/key". */
static ion_err_t
set_object(source_parse_t *p, const char *what, ion_str_t path)
{
    ion_err_t rc = ION_OK;
    path = source_tail(path, path.len == 0 ? 0 : 1);
    if (p->out->bucket.len == 0) {
        size_t slash = source_find(path, ION_STR("/"));
        rc = source_decode(
            p, "bucket", source_head(path, slash), false, &p->out->bucket);
        path = source_tail(path, ION_MIN(slash + 1, path.len));
    }
    if (rc == ION_OK) {
        rc = source_decode(p, "path", path, false, &p->out->key);
    }
    if (rc == ION_OK && (p->out->bucket.len == 0 || p->out->key.len == 0)) {
        return no_object(p, what);
    }
    return rc;
}

static ion_err_t
refuse_user(source_parse_t *p, const char *instead)
{
    return p->out->has_user ? source_fail(p, ION_MALF,
                                  "user: is not allowed here, %s", instead)
                            : ION_OK;
}

static ion_err_t
set_credentials(source_parse_t *p)
{
    bool found[3];
    ion_err_t rc =
        source_take(p, "aws_access_key_id", &found[0], &p->out->access_key);
    if (rc == ION_OK) {
        rc = source_take(
            p, "aws_access_key_secret", &found[1], &p->out->secret_key);
    }
    if (rc == ION_OK) {
        rc = source_take(p, "aws_access_token", &found[2], &p->out->token);
    }
    if (rc != ION_OK || (!found[0] && !found[1] && !found[2])) {
        return rc;
    }
    if (p->out->access_key.len == 0 || p->out->secret_key.len == 0) {
        return source_fail(p, ION_MALF,
            "query: aws_access_key_id and aws_access_key_secret need each "
            "other");
    }
    source_warn(p, "query: credentials in a source URL, better use the "
                   "environment or a credentials file");
    return ION_OK;
}

/* Behind host and path: query, archive, and a region where none is known. */
static ion_err_t
finish_s3(source_parse_t *p)
{
    bool found;
    ion_str_t region;
    ion_err_t rc = set_credentials(p);
    if (rc == ION_OK) {
        rc = source_take(p, "region", &found, &region);
    }
    if (rc == ION_OK) {
        rc = source_take(p, "version", &found, &p->out->version);
    }
    if (rc == ION_OK) {
        rc = source_take(p, "aws_profile", &found, &p->out->profile);
    }
    if (rc == ION_OK) {
        rc = source_options(p, p->out->key);
    }
    if (rc == ION_OK && p->out->region.len == 0) {
        p->out->region = region;
    }
    p->out->query = p->query;
    return rc;
}

/* "eu-west-1": two letters, words, a digit. */
static bool
is_region(ion_str_t s)
{
    size_t words = 0;
    ion_str_t rest = s;
    ion_str_t word;
    while (ion_str_split(&rest, '-', &word)) {
        bool is_last = rest.p == NULL;
        for (size_t i = 0; i < word.len; i++) {
            bool is_digit = word.p[i] >= '0' && word.p[i] <= '9';
            bool is_letter = word.p[i] >= 'a' && word.p[i] <= 'z';
            if (is_last ? !is_digit : !is_letter) {
                return false;
            }
        }
        if (word.len == 0 || (words == 0 && word.len != 2) ||
            (is_last && word.len != 1))
        {
            return false;
        }
        words++;
    }
    return words >= 3;
}

static bool
is_left_out(ion_str_t label)
{
    static const char *const names[] = { "s3-accelerate", "s3-accesspoint",
        "s3-object-lambda", "s3-outposts", "s3-website", "s3express" };
    for (size_t i = 0; i < ION_ARRAY_LEN(names); i++) {
        if (ion_str_has_prefix(label, ion_str_from(names[i]))) {
            return true;
        }
    }
    return false;
}

/* Cuts the last label off; false when nothing is left. */
static bool
cut_label(ion_str_t *labels, ion_str_t *label)
{
    size_t dot = labels->len;
    if (labels->len == 0) {
        return false;
    }
    while (dot > 0 && labels->p[dot - 1] != '.') {
        dot--;
    }
    *label = source_tail(*labels, dot);
    *labels = source_head(*labels, dot > 0 ? dot - 1 : 0);
    return true;
}

static bool
is_any(ion_str_t s, const char *a, const char *b)
{
    return ion_str_eq(s, ion_str_from(a)) || ion_str_eq(s, ion_str_from(b));
}

/* What stands before .amazonaws.com: [BUCKET.]s3..., a region in it. */
static ion_err_t
read_aws_host(source_parse_t *p, ion_str_t labels)
{
    ion_str_t all = p->out->host;
    ion_str_t label = ION_STR("");
    ion_str_t rest = labels;
    bool fits = cut_label(&rest, &label);
    if (fits && is_left_out(label)) {
        fits = false;
    } else if (fits && ion_str_eq(label, ION_STR("s3"))) {
        p->out->region = ION_STR("");
    } else if (fits && ion_str_has_prefix(label, ION_STR("s3-")) &&
               is_region(source_tail(label, 3)))
    {
        p->out->region = source_tail(label, 3);
    } else if (fits && is_region(label)) {
        p->out->region = label;
        fits = cut_label(&rest, &label);
        if (fits && ion_str_eq(label, ION_STR("dualstack"))) {
            fits = cut_label(&rest, &label);
        }
        fits = fits && is_any(label, "s3", "s3-fips");
    } else {
        fits = false;
    }
    if (!fits) {
        return source_fail(p, ION_UNSUPPORTED,
            "host: want [BUCKET.]s3[-fips][.dualstack].REGION.amazonaws.com; "
            "accelerate, access point, website, outposts and express hosts "
            "are not supported");
    }
    p->out->bucket = rest;
    if (rest.len > 0) {
        p->out->host = source_tail(all, rest.len + 1);
    }
    return ION_OK;
}

ion_err_t
source_s3(source_parse_t *p)
{
    static const ion_str_t suffixes[] = {
        { ".amazonaws.com", 14 },
        { ".amazonaws.com.cn", 17 },
    };
    p->out->getter = SOURCE_S3;
    ion_err_t rc = source_host(p);
    if (rc == ION_OK) {
        rc =
            refuse_user(p, "use aws_access_key_id= and aws_access_key_secret=");
    }
    ion_str_t host = p->out->host;
    for (size_t i = 0; rc == ION_OK && i < ION_ARRAY_LEN(suffixes); i++) {
        if (source_has_suffix(host, suffixes[i])) {
            p->out->is_aws = true;
            rc =
                read_aws_host(p, source_head(host, host.len - suffixes[i].len));
        }
    }
    if (rc == ION_OK) {
        rc = set_object(p, "S3", p->path);
    }
    if (rc == ION_OK) {
        rc = finish_s3(p);
    }
    if (rc == ION_OK && p->out->region.len == 0) {
        p->out->region = ION_STR("us-east-1");
    }
    return rc;
}

ion_err_t
source_s3_bare(source_parse_t *p)
{
    p->out->getter = SOURCE_S3;
    p->out->is_aws = true;
    ion_err_t rc =
        source_decode(p, "bucket", p->authority, false, &p->out->bucket);
    if (rc == ION_OK && p->out->bucket.len == 0) {
        rc = no_object(p, "S3");
    }
    if (rc == ION_OK) {
        rc = set_object(p, "S3", p->path);
    }
    return rc == ION_OK ? finish_s3(p) : rc;
}

static ion_err_t
finish_gcs(source_parse_t *p)
{
    ion_err_t rc = source_options(p, p->out->key);
    if (rc == ION_OK && p->has_fragment &&
        ion_parse_u64(p->fragment, INT64_MAX, &p->out->generation) != ION_OK)
    {
        rc = source_fail(p, ION_MALF,
            "fragment: is the generation of the object, want a number");
    }
    p->out->query = p->query;
    return rc;
}

/* /storage/v1/BUCKET/OBJECT, /storage/v1/b/BUCKET/o/OBJECT, or /BUCKET/... */
static ion_err_t
read_gcs_path(source_parse_t *p)
{
    ion_str_t path = p->path;
    if (ion_str_has_prefix(path, ION_STR("/storage/"))) {
        path = source_tail(path, 9);
        path = source_tail(path, source_find(path, ION_STR("/")));
    } else if (!ion_str_eq(p->out->host, ION_STR("storage.googleapis.com"))) {
        return source_fail(
            p, ION_MALF, "path: want /storage/v1/BUCKET/OBJECT at this host");
    }
    if (ion_str_has_prefix(path, ION_STR("/b/"))) {
        ion_str_t rest = source_tail(path, 3);
        size_t cut = source_find(rest, ION_STR("/o/"));
        if (cut < rest.len) {
            ion_err_t rc = source_decode(
                p, "bucket", source_head(rest, cut), false, &p->out->bucket);
            return rc == ION_OK
                       ? set_object(p, "GCS", source_tail(rest, cut + 2))
                       : rc;
        }
    }
    return set_object(p, "GCS", path);
}

ion_err_t
source_gcs(source_parse_t *p)
{
    p->out->getter = SOURCE_GCS;
    ion_err_t rc = source_host(p);
    if (rc == ION_OK) {
        rc = refuse_user(p, "use GOOGLE_APPLICATION_CREDENTIALS");
    }
    ion_str_t host = p->out->host;
    ion_str_t suffix = ION_STR(".googleapis.com");
    if (rc == ION_OK &&
        (!source_has_suffix(host, suffix) || source_find(host, suffix) == 0 ||
            source_find(host, ION_STR(".")) != host.len - suffix.len))
    {
        rc = source_fail(p, ION_MALF,
            "host: want www.googleapis.com or storage.googleapis.com");
    }
    if (rc == ION_OK) {
        rc = read_gcs_path(p);
    }
    return rc == ION_OK ? finish_gcs(p) : rc;
}

ion_err_t
source_gcs_bare(source_parse_t *p)
{
    p->out->getter = SOURCE_GCS;
    ion_err_t rc =
        source_decode(p, "bucket", p->authority, false, &p->out->bucket);
    if (rc == ION_OK && p->out->bucket.len == 0) {
        rc = no_object(p, "GCS");
    }
    if (rc == ION_OK) {
        rc = set_object(p, "GCS", p->path);
    }
    return rc == ION_OK ? finish_gcs(p) : rc;
}
