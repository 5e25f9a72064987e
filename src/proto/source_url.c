/*
 * source_url.c -- which getter a source means, and its plain kinds.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A source is cut once, from the outside in: forced getter, fragment, query,
 * scheme, authority, path. What is said to be wrong never shows a part in
 * which a secret may stand.
 */

#include "proto/source_url.h"

#include <string.h>

#include "base/utf8.h"
#include "proto/source_url_int.h"

static bool
is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool
is_word(ion_str_t s, const char *more)
{
    for (size_t i = 0; i < s.len; i++) {
        if (!is_letter(s.p[i]) && !is_digit(s.p[i]) &&
            (s.p[i] == '\0' || strchr(more, s.p[i]) == NULL))
        {
            return false;
        }
    }
    return s.len > 0;
}

static ion_err_t
check_bytes(source_parse_t *p, ion_str_t text)
{
    if (text.len == 0) {
        return source_fail(p, ION_MALF, "source: is empty");
    }
    if (text.len > SOURCE_URL_MAX) {
        return source_fail(
            p, ION_LIMIT, "source: is longer than %d bytes", SOURCE_URL_MAX);
    }
    if (ion_utf8_check(text) < text.len) {
        return source_fail(p, ION_MALF, "source: is not UTF-8");
    }
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.p[i];
        if (c == ' ' || c == '\t') {
            return source_fail(
                p, ION_MALF, "source: has a blank inside, write %%20");
        }
        if (c < 0x20 || c == 0x7f) {
            return source_fail(
                p, ION_MALF, "source: control characters are not allowed");
        }
    }
    return ION_OK;
}

/* "name::": only letters and digits before the first "::". */
static ion_err_t
cut_getter(source_parse_t *p, ion_str_t *text)
{
    static const char *const known[] = { "git", "http", "https", "file", "s3",
        "gcs" };
    size_t n = source_find(*text, ION_STR("::"));
    ion_str_t name = source_head(*text, n);
    if (n + 2 >= text->len || !is_word(name, "")) {
        return ION_OK;
    }
    *text = source_tail(*text, n + 2);
    for (size_t i = 0; i < ION_ARRAY_LEN(known); i++) {
        if (ion_str_eq(name, ion_str_from(known[i]))) {
            p->getter = name;
            return ION_OK;
        }
    }
    ion_str_t shown = source_shown(name);
    return source_fail(p, ION_UNSUPPORTED,
        "getter: \"%.*s\" is not supported, want git, https, file, s3 or gcs",
        ION_STR_ARG(shown));
}

/* Fragment and query go before anything looks at the path. */
static void
cut_tails(source_parse_t *p, ion_str_t text)
{
    size_t hash = source_find(text, ION_STR("#"));
    if (hash < text.len) {
        p->has_fragment = true;
        p->fragment = source_tail(text, hash + 1);
    }
    text = source_head(text, hash);
    size_t mark = source_find(text, ION_STR("?"));
    if (mark < text.len) {
        p->query_bytes = p->out->bytes + p->out->bytes_used;
        p->query = source_keep(p, source_tail(text, mark + 1), ION_STR(""));
    }
    p->rest = source_head(text, mark);
}

static bool
is_getter(const source_parse_t *p, const char *name)
{
    return ion_str_eq(p->getter, ion_str_from(name));
}

static bool
is_scheme(const source_parse_t *p, const char *name)
{
    return ion_str_eq(p->out->scheme, ion_str_from(name));
}

/* The scheme in lower case; ION_NOTFOUND when there is none. */
static ion_err_t
cut_scheme(source_parse_t *p)
{
    size_t colon = source_find(p->rest, ION_STR(":"));
    ion_str_t name = source_head(p->rest, colon);
    ion_str_t rest = source_tail(p->rest, ION_MIN(colon + 1, p->rest.len));
    if (colon == p->rest.len || !is_word(name, "+-.") || !is_letter(name.p[0]))
    {
        return ION_NOTFOUND;
    }
    char *lower = p->out->bytes + p->out->bytes_used;
    p->out->scheme = source_keep(p, name, ION_STR(""));
    for (size_t i = 0; i < name.len; i++) {
        lower[i] =
            (char)(lower[i] >= 'A' && lower[i] <= 'Z' ? lower[i] - 'A' + 'a'
                                                      : lower[i]);
    }
    if (ion_str_has_prefix(rest, ION_STR("//")) || is_scheme(p, "file")) {
        p->rest = rest;
        p->is_url = true;
        return ION_OK;
    }
    if (rest.len > 0 && is_digit(rest.p[0])) {
        return source_fail(p, ION_MALF,
            "scheme: is missing, did you mean https:// before the host?");
    }
    ion_str_t shown = source_shown(p->out->scheme);
    return source_fail(p, ION_UNSUPPORTED,
        "scheme: \"%.*s\" is not supported, want https, file, s3, or git::",
        ION_STR_ARG(shown));
}

/* Behind "//": authority and path; "file:/path" has no authority. */
static void
cut_authority(source_parse_t *p)
{
    if (!ion_str_has_prefix(p->rest, ION_STR("//"))) {
        p->path = p->rest;
        return;
    }
    ion_str_t rest = source_tail(p->rest, 2);
    size_t slash = source_find(rest, ION_STR("/"));
    p->authority = source_head(rest, slash);
    p->path = source_tail(rest, slash);
}

static ion_err_t
check_percent(source_parse_t *p, const char *part, ion_str_t raw)
{
    ion_str_t decoded;
    size_t used = p->out->bytes_used;
    ion_err_t rc = source_decode(p, part, raw, false, &decoded);
    p->out->bytes_used = used;
    return rc;
}

/* An archive's member behind "//"; without an archive "//" is the path's. */
static ion_err_t
split_archive(source_parse_t *p, ion_str_t *member)
{
    size_t cut = source_find(p->path, ION_STR("//"));
    ion_str_t right = source_tail(p->path, ION_MIN(cut + 2, p->path.len));
    ion_str_t left = source_head(p->path, cut);
    *member = ION_STR("");
    if (cut == p->path.len) {
        return ION_OK;
    }
    ion_str_t cleaned;
    if (right.len > 0 &&
        source_clean_path(p, "subpath", right, &cleaned) != ION_OK) {
        return ION_MALF;
    }
    if (source_is_tar(left)) {
        p->path = left;
        *member = right;
    }
    return ION_OK;
}

static ion_err_t
set_member(source_parse_t *p, ion_str_t member)
{
    ion_str_t decoded;
    ion_err_t rc = ION_OK;
    if (member.len > 0 && p->out->archive == SOURCE_TAR_GZ) {
        rc = source_decode(p, "subpath", member, false, &decoded);
        if (rc == ION_OK) {
            rc = source_clean_path(p, "subpath", decoded, &p->out->subpath);
        }
    }
    return rc;
}

static ion_err_t
read_http(source_parse_t *p)
{
    ion_str_t member;
    p->out->getter = SOURCE_HTTP;
    ion_err_t rc = source_host(p);
    if (rc == ION_OK) {
        rc = check_percent(p, "path", p->path);
    }
    if (rc == ION_OK) {
        rc = split_archive(p, &member);
    }
    if (rc == ION_OK) {
        rc = source_options(p, p->path);
    }
    if (rc == ION_OK) {
        rc = set_member(p, member);
    }
    if (rc == ION_OK) {
        p->out->path = source_keep(
            p, p->path, p->path.len == 0 ? ION_STR("/") : ION_STR(""));
        p->out->query = p->query;
    }
    return rc;
}

/* "/a//b" is "/a/b"; ".." is the operator's business. */
static ion_str_t
collapse_slashes(source_parse_t *p, ion_str_t path)
{
    char *to = p->out->bytes + p->out->bytes_used;
    ion_str_t copy = source_keep(p, path, ION_STR(""));
    size_t n = 0;
    for (size_t i = 0; i < path.len; i++) {
        if (path.p[i] != '/' || n == 0 || to[n - 1] != '/') {
            to[n++] = path.p[i];
        }
    }
    copy.len = n;
    return copy;
}

static ion_err_t
read_file(source_parse_t *p)
{
    ion_str_t path = p->path;
    ion_err_t rc = source_options(p, path);
    p->out->getter = SOURCE_FILE;
    if (rc == ION_OK && p->has_fragment) {
        return source_fail(p, ION_MALF,
            "fragment: a file has none, write '#' in a name as %%23");
    }
    if (rc == ION_OK && p->query.len > 0) {
        return source_fail(p, ION_MALF,
            "query: a file has none but archive= and checksum=, write '?' in "
            "a name as %%3F");
    }
    if (rc == ION_OK && p->is_url &&
        (source_find(path, ION_STR("%2F")) < path.len ||
            source_find(path, ION_STR("%2f")) < path.len))
    {
        return source_fail(
            p, ION_MALF, "path: an encoded slash (%%2F) is not allowed");
    }
    if (rc == ION_OK && p->is_url) {
        rc = source_decode(p, "path", path, false, &path);
    }
    if (rc != ION_OK) {
        return rc;
    }
    p->out->path = collapse_slashes(p, path);
    if (source_has_suffix(p->out->path, ION_STR("/"))) {
        return source_fail(p, ION_MALF, "path: want a file, not a directory");
    }
    return ION_OK;
}

static ion_err_t
read_file_url(source_parse_t *p)
{
    if (!ion_str_has_prefix(p->rest, ION_STR("/"))) {
        return source_fail(
            p, ION_MALF, "path: must be absolute, write file:///path");
    }
    if (!ion_str_has_prefix(p->rest, ION_STR("//"))) {
        p->path = p->rest; /* file:/path */
        return read_file(p);
    }
    cut_authority(p);
    if (p->authority.len > 0 && !ion_str_eq(p->authority, ION_STR("localhost")))
    {
        return source_fail(p, ION_MALF,
            "host: a file has none, write three slashes: file:///path");
    }
    if (ion_str_has_prefix(p->path, ION_STR("//"))) {
        return source_fail(
            p, ION_MALF, "path: begins with //, write file:///path");
    }
    if (p->path.len == 0) {
        return source_fail(p, ION_MALF, "path: is missing, write file:///path");
    }
    return read_file(p);
}

static ion_err_t
read_url(source_parse_t *p)
{
    if (p->getter.len == 0 && is_scheme(p, "ssh")) {
        return source_fail(
            p, ION_MALF, "getter: is missing, write git:: before ssh://");
    }
    if (is_scheme(p, "git")) {
        return source_fail(p, ION_UNSUPPORTED,
            "scheme: git:// is not encrypted, write git::https://");
    }
    if (is_getter(p, "git")) {
        cut_authority(p);
        return source_git(p);
    }
    bool is_s3 = is_getter(p, "s3") || p->getter.len == 0;
    if (is_scheme(p, "s3") && is_s3) {
        cut_authority(p);
        return source_s3_bare(p);
    }
    if (is_scheme(p, "gs") && is_getter(p, "gcs")) {
        cut_authority(p);
        return source_gcs_bare(p);
    }
    if (is_getter(p, "file") || is_scheme(p, "file")) {
        bool fits = is_scheme(p, "file") &&
                    (p->getter.len == 0 || is_getter(p, "file"));
        return fits ? read_file_url(p)
                    : source_fail(p, ION_MALF,
                          "getter: file:: and file:// need each other");
    }
    if (!is_scheme(p, "https") && !is_scheme(p, "http")) {
        ion_str_t shown = source_shown(p->out->scheme);
        return source_fail(p, ION_UNSUPPORTED,
            "scheme: \"%.*s\" is not supported, want https, file, s3, or "
            "git::",
            ION_STR_ARG(shown));
    }
    cut_authority(p);
    if (is_getter(p, "s3")) {
        return source_s3(p);
    }
    if (is_getter(p, "gcs")) {
        return source_gcs(p);
    }
    if (p->getter.len > 0 && !ion_str_eq(p->getter, p->out->scheme)) {
        return source_fail(p, ION_MALF,
            "getter: contradicts the scheme, leave one of them out");
    }
    return read_http(p);
}

/* Shorthand of a host: its name, or a domain's ending before the slash. */
static bool
is_at_host(const source_parse_t *p, const char *suffix)
{
    size_t slash = source_find(p->rest, ION_STR("/"));
    ion_str_t host = source_head(p->rest, slash);
    return slash < p->rest.len && source_has_suffix(host, ion_str_from(suffix));
}

static bool
is_git_host(const source_parse_t *p)
{
    return ion_str_has_prefix(p->rest, ION_STR("github.com/")) ||
           ion_str_has_prefix(p->rest, ION_STR("gitlab.com/")) ||
           ion_str_has_prefix(p->rest, ION_STR("bitbucket.org/"));
}

/* "user@host:path": no slash before the colon. */
static bool
is_scp(const source_parse_t *p)
{
    size_t at = source_find(p->rest, ION_STR("@"));
    size_t colon = source_find(p->rest, ION_STR(":"));
    size_t slash = source_find(p->rest, ION_STR("/"));
    return at < colon && colon < slash && colon < p->rest.len;
}

/* git@host:path -> ssh://git@host/path */
static ion_err_t
read_scp(source_parse_t *p)
{
    size_t colon = source_find(p->rest, ION_STR(":"));
    if (!ion_str_has_prefix(p->rest, ION_STR("git@"))) {
        return source_fail(p, ION_MALF,
            "user: only git@host:path is taken, write git::ssh://USER@HOST/"
            "PATH");
    }
    ion_str_t path = source_tail(p->rest, colon + 1);
    if (ion_str_has_prefix(path, ION_STR("/"))) {
        path = source_tail(path, 1);
    }
    if (is_word(source_head(path, source_find(path, ION_STR("/"))), "") &&
        is_digit(path.p[0]))
    {
        source_warn(p, "path: the number behind ':' is taken as a directory, "
                       "not as a port; for a port write git::ssh://");
    }
    p->out->scheme = ION_STR("ssh");
    p->authority = source_head(p->rest, colon);
    p->path = source_keep(p, ION_STR("/"), path);
    p->is_url = true;
    return source_git(p);
}

/* Neither scheme nor shorthand: say what would be right. */
static ion_err_t
read_unknown(source_parse_t *p)
{
    size_t slash = source_find(p->rest, ION_STR("/"));
    ion_str_t first = source_head(p->rest, slash);
    if (ion_str_has_prefix(p->rest, ION_STR("~"))) {
        return source_fail(
            p, ION_MALF, "path: ~ is not expanded, write file:///home/...");
    }
    bool is_dots =
        ion_str_eq(first, ION_STR(".")) || ion_str_eq(first, ION_STR(".."));
    bool is_host = slash < p->rest.len && !is_dots &&
                   source_find(first, ION_STR(".")) < first.len;
    if (is_host || ion_str_has_prefix(p->rest, ION_STR("//"))) {
        return source_fail(p, ION_MALF,
            "scheme: is missing, did you mean https:// before the host?");
    }
    return source_fail(
        p, ION_MALF, "path: is relative, write file:/// and the absolute path");
}

static ion_err_t
read_short(source_parse_t *p)
{
    bool any = p->getter.len == 0;
    if (is_scp(p) && (any || is_getter(p, "git"))) {
        return read_scp(p);
    }
    if (is_git_host(p) && (any || is_getter(p, "git"))) {
        return source_git_short(p);
    }
    size_t slash = source_find(p->rest, ION_STR("/"));
    bool is_path = ion_str_has_prefix(p->rest, ION_STR("/")) &&
                   !ion_str_has_prefix(p->rest, ION_STR("//"));
    if (is_path && (any || is_getter(p, "file"))) {
        p->path = p->rest;
        return read_file(p);
    }
    if (is_path && is_getter(p, "git")) {
        p->out->scheme = ION_STR("file");
        p->path = p->rest;
        return source_git(p);
    }
    p->authority = source_head(p->rest, slash);
    p->path = source_tail(p->rest, slash);
    if (any &&
        (is_at_host(p, ".amazonaws.com") || is_at_host(p, ".amazonaws.com.cn")))
    {
        p->out->scheme = ION_STR("https");
        return source_s3(p);
    }
    if (any && is_at_host(p, ".googleapis.com") &&
        ion_str_has_prefix(p->path, ION_STR("/storage/")))
    {
        p->out->scheme = ION_STR("https");
        return source_gcs(p);
    }
    return read_unknown(p);
}

ion_err_t
source_url_parse(ion_str_t text, source_url_t *out, ion_errtext_t *err)
{
    ion_errtext_t scratch;
    source_parse_t p = { .out = out, .err = err == NULL ? &scratch : err };
    memset(out, 0, sizeof(*out));
    text = ion_str_trim(text);
    ion_err_t rc = check_bytes(&p, text);
    if (rc == ION_OK) {
        rc = cut_getter(&p, &text);
    }
    if (rc != ION_OK) {
        return rc;
    }
    cut_tails(&p, text);
    rc = cut_scheme(&p);
    if (rc == ION_OK) {
        return read_url(&p);
    }
    return rc == ION_NOTFOUND ? read_short(&p) : rc;
}
