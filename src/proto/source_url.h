/*
 * source_url.h -- where a DERP map comes from, as an operator writes it.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The grammar is go-getter's for a single file, with what its documentation
 * promises where the program does something else: git::URL//path?ref=,
 * shorthand (github.com/o/r//f), s3:: and gcs:: in every host style, plain
 * paths, archives and checksums. Pure text: nothing is looked up or opened.
 */

#ifndef ION_PROTO_SOURCE_URL_H
#define ION_PROTO_SOURCE_URL_H

#include "base/base.h"
#include "base/err.h"
#include "base/str.h"

#define SOURCE_URL_MAX          4096 /* bytes of a source */
#define SOURCE_URL_WARNINGS_MAX 4
#define SOURCE_URL_DIGEST_MAX   64

/* Room for every part as it is written, decoded and cleaned. */
#define SOURCE_URL_BYTES_MAX (6 * SOURCE_URL_MAX)

typedef enum source_getter {
    SOURCE_HTTP, /* scheme is http or https */
    SOURCE_FILE,
    SOURCE_GIT, /* scheme is https, http, ssh or file */
    SOURCE_S3,
    SOURCE_GCS
} source_getter_t;

typedef enum source_archive {
    SOURCE_PLAIN,
    SOURCE_GZ,
    SOURCE_TAR_GZ
} source_archive_t;

typedef enum source_checksum {
    SOURCE_NO_CHECKSUM,
    SOURCE_MD5,
    SOURCE_SHA1,
    SOURCE_SHA256,
    SOURCE_SHA512,
    SOURCE_SUMS_FILE /* checksum_url says where it stands */
} source_checksum_t;

/* All texts are the struct's own; "" = not given. Secrets: user, password,
 * secret_key, token, and whatever query holds. */
typedef struct source_url {
    source_getter_t getter;
    ion_str_t scheme;
    bool has_user;
    ion_str_t user; /* decoded, as the password */
    ion_str_t password;
    ion_str_t host; /* lower case, without brackets */
    uint16_t port;  /* 0 = the scheme's */
    ion_str_t path; /* http: as written; file: decoded; git: the repository's */
    ion_str_t query; /* without '?' and the keys that are ours; as written */

    ion_str_t ref; /* git: branch, tag, commit; "" = HEAD */
    ion_str_t
        subpath;    /* git: the file; tar.gz: the member, "" = the only one */
    bool is_legacy; /* git: the last element of the path is the file */

    ion_str_t bucket; /* s3, gcs */
    ion_str_t key;    /* s3: key; gcs: object; decoded */
    ion_str_t region; /* s3; "" = the environment's */
    bool is_aws;      /* s3: Amazon's, not another server of that protocol */
    ion_str_t version;
    ion_str_t profile;
    ion_str_t access_key; /* with secret_key, or neither */
    ion_str_t secret_key;
    ion_str_t token;
    uint64_t generation; /* gcs; 0 = the newest */

    source_archive_t archive;
    source_checksum_t checksum;
    uint8_t digest[SOURCE_URL_DIGEST_MAX];
    ion_str_t checksum_url;

    const char *warnings[SOURCE_URL_WARNINGS_MAX];
    size_t warning_count;

    char bytes[SOURCE_URL_BYTES_MAX]; /* where the texts are */
    size_t bytes_used;
} source_url_t;

/*
 * source_url_parse -- read one source.
 *
 * Shape:  text is borrowed for the call; white space around it is dropped.
 *         *err (may be NULL) becomes "PART: what is wrong, what would be
 *         right"; it never shows user, password or query.
 * Owns:   *out is the caller's, overwritten also on an error; it holds all
 *         texts and must not be moved.
 * Errors: ION_MALF no source | ION_UNSUPPORTED one that we leave out |
 *         ION_LIMIT too long; each with *err.
 * Cost:   O(length), no allocation.
 * Spec:   source URLs: order of processing, detectors, our parser;
 *         tests/vectors/source_urls.tsv.
 */
ION_NODISCARD ion_err_t source_url_parse(
    ion_str_t text, source_url_t *out, ion_errtext_t *err);

#endif
