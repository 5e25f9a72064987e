/*
 * source_url_git.c -- one file of a git repository.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * URL//path/to/file?ref=REF, and the older form in which the last element of
 * the path is the file. Refs and paths are checked here so that neither can
 * be an option, a pattern or a way out when a program gets them.
 */

#include <string.h>

#include "proto/source_url_int.h"

#define REF_MAX 255

static ion_err_t
no_file(source_parse_t *p)
{
    return source_fail(p, ION_MALF,
        "path: names no file, add //path/to/file.json behind the repository");
}

static ion_err_t
check_ref(source_parse_t *p, ion_str_t ref)
{
    static const char *const bad[] = { "..", "@{", "^", "~", ":", "?", "*", "[",
        "\\", " " };
    if (source_find(ref, ION_STR("//")) < ref.len) {
        return source_fail(
            p, ION_MALF, "ref: contains //, put //path before the '?'");
    }
    if (ion_str_has_prefix(ref, ION_STR("-"))) {
        return source_fail(p, ION_MALF, "ref: must not begin with '-'");
    }
    for (size_t i = 0; i < ION_ARRAY_LEN(bad); i++) {
        if (source_find(ref, ion_str_from(bad[i])) < ref.len) {
            return source_fail(p, ION_MALF,
                "ref: \"%s\" is not allowed, want a branch, a tag or a commit",
                bad[i]);
        }
    }
    if (ref.len > REF_MAX || source_has_suffix(ref, ION_STR(".lock")) ||
        source_has_suffix(ref, ION_STR("/")))
    {
        return source_fail(p, ION_MALF,
            "ref: want a branch, a tag or a commit of at most %d bytes",
            REF_MAX);
    }
    return ION_OK;
}

static ion_err_t
read_query(source_parse_t *p)
{
    bool found;
    ion_str_t value;
    ion_err_t rc = source_take(p, "sshkey", &found, &value);
    if (rc == ION_OK && found) {
        return source_fail(p, ION_UNSUPPORTED,
            "sshkey: is not taken from a URL, set "
            "derp.fetch.git_ssh_key_file");
    }
    if (rc == ION_OK) {
        rc = source_take(p, "depth", &found, &value); /* always 1 */
    }
    if (rc == ION_OK) {
        rc = source_take(p, "ref", &found, &p->out->ref);
    }
    return rc == ION_OK ? check_ref(p, p->out->ref) : rc;
}

static ion_err_t
check_element(source_parse_t *p, ion_str_t element)
{
    if (ion_str_ieq(element, ION_STR(".git"))) {
        return source_fail(
            p, ION_MALF, "path: .git is no file of the repository");
    }
    if (ion_str_has_prefix(element, ION_STR("-"))) {
        return source_fail(
            p, ION_MALF, "path: no part of it may begin with '-'");
    }
    for (size_t i = 0; i < element.len; i++) {
        if (strchr("*?[]", element.p[i]) != NULL) {
            return source_fail(p, ION_UNSUPPORTED,
                "path: patterns are not supported, name one file");
        }
        if (element.p[i] == '\\') {
            return source_fail(
                p, ION_MALF, "path: '\\' is not allowed, write '/'");
        }
    }
    return ION_OK;
}

/* raw is as written; the result is out->subpath. */
static ion_err_t
set_file(source_parse_t *p, ion_str_t raw)
{
    ion_str_t decoded;
    ion_str_t element;
    if (raw.len == 0) {
        return no_file(p);
    }
    ion_err_t rc = source_decode(p, "path", raw, false, &decoded);
    if (rc == ION_OK && source_has_suffix(decoded, ION_STR("/"))) {
        rc = source_fail(p, ION_MALF, "path: want a file, not a directory");
    }
    if (rc == ION_OK) {
        rc = source_clean_path(p, "path", decoded, &p->out->subpath);
    }
    ion_str_t rest = p->out->subpath;
    while (rc == ION_OK && ion_str_split(&rest, '/', &element)) {
        rc = check_element(p, element);
    }
    return rc;
}

/* Hosts whose repositories are always OWNER/REPO. */
static bool
is_known_host(ion_str_t host)
{
    return ion_str_eq(host, ION_STR("github.com")) ||
           ion_str_eq(host, ION_STR("gitlab.com")) ||
           ion_str_eq(host, ION_STR("bitbucket.org"));
}

static size_t
count_slashes(ion_str_t s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++) {
        n += s.p[i] == '/' ? 1 : 0;
    }
    return n;
}

/* No "//": the last element is the file, what is before it the repository. */
static ion_err_t
read_legacy(source_parse_t *p)
{
    size_t slash = p->path.len;
    while (slash > 0 && p->path.p[slash - 1] != '/') {
        slash--;
    }
    ion_str_t file = source_tail(p->path, slash);
    ion_str_t repository = source_head(p->path, slash > 0 ? slash - 1 : 0);
    bool is_known = is_known_host(p->out->host);
    if (repository.len == 0 || file.len == 0 ||
        source_has_suffix(file, ION_STR(".git")) ||
        (is_known && count_slashes(repository) < 2))
    {
        return no_file(p);
    }
    if (is_known && count_slashes(repository) > 2) {
        return source_fail(p, ION_MALF,
            "path: is a file in a directory, write // between the repository "
            "and it: OWNER/REPO//dir/file.json");
    }
    p->out->is_legacy = true;
    p->out->path = source_keep(p, repository, ION_STR(""));
    return set_file(p, file);
}

/* host, path and query are cut already; out->host is read here. */
static ion_err_t
finish(source_parse_t *p)
{
    ion_err_t rc = read_query(p);
    if (rc == ION_OK && p->has_fragment) {
        rc = source_fail(p, ION_MALF,
            "fragment: a repository has none, write ?ref= for a commit");
    }
    size_t cut = source_find(p->path, ION_STR("//"));
    if (rc == ION_OK && cut == p->path.len) {
        rc = read_legacy(p);
    } else if (rc == ION_OK && cut == 0) {
        rc = source_fail(
            p, ION_MALF, "path: no repository stands before the first //");
    } else if (rc == ION_OK) {
        p->out->path = source_keep(p, source_head(p->path, cut), ION_STR(""));
        rc = set_file(p, source_tail(p->path, cut + 2));
    }
    if (rc == ION_OK) {
        rc = source_options(p, p->out->subpath);
    }
    p->out->query = p->query;
    return rc;
}

ion_err_t
source_git(source_parse_t *p)
{
    bool is_file = ion_str_eq(p->out->scheme, ION_STR("file"));
    p->out->getter = SOURCE_GIT;
    if (!is_file && !ion_str_eq(p->out->scheme, ION_STR("https")) &&
        !ion_str_eq(p->out->scheme, ION_STR("http")) &&
        !ion_str_eq(p->out->scheme, ION_STR("ssh")))
    {
        ion_str_t shown = source_shown(p->out->scheme);
        return source_fail(p, ION_UNSUPPORTED,
            "scheme: \"%.*s\" is not supported, want git::https:// or "
            "git::ssh://",
            ION_STR_ARG(shown));
    }
    if (is_file && !ion_str_has_prefix(p->path, ION_STR("/")) &&
        p->authority.len == 0)
    {
        return source_fail(
            p, ION_MALF, "path: must be absolute, write git::file:///path");
    }
    if (is_file && p->authority.len > 0) {
        return source_fail(p, ION_MALF,
            "host: a file has none, write three slashes: git::file:///path");
    }
    ion_err_t rc = is_file ? ION_OK : source_host(p);
    return rc == ION_OK ? finish(p) : rc;
}

/* The elements of p->path that are the repository: 2, or (with //) all. */
static size_t
repository_length(ion_str_t left, bool all)
{
    size_t slashes = 0;
    for (size_t i = 0; i < left.len; i++) {
        slashes += left.p[i] == '/' ? 1 : 0;
        if (slashes == 3 && !all) {
            return i;
        }
    }
    return left.len;
}

/* HOST/OWNER/REPO[/dir]//file -> https://HOST/OWNER/REPO.git//dir/file */
ion_err_t
source_git_short(source_parse_t *p)
{
    size_t slash = source_find(p->rest, ION_STR("/"));
    ion_str_t path = source_tail(p->rest, slash);
    size_t cut = source_find(path, ION_STR("//"));
    ion_str_t left = source_head(path, cut);
    p->authority = source_head(p->rest, slash);
    p->out->scheme = ION_STR("https");
    p->is_url = true;
    bool all =
        cut < path.len && ion_str_eq(p->authority, ION_STR("gitlab.com"));
    if (count_slashes(left) < 2 || source_has_suffix(left, ION_STR("/"))) {
        return source_fail(p, ION_MALF,
            "path: %.*s URLs should be %.*s/username/repo",
            ION_STR_ARG(p->authority), ION_STR_ARG(p->authority));
    }
    size_t n = repository_length(left, all);
    ion_str_t repository = source_head(left, n);
    ion_str_t file = source_tail(path, n);
    while (file.len > 0 && file.p[0] == '/') {
        file = source_tail(file, 1);
    }
    bool has_git = source_has_suffix(repository, ION_STR(".git"));
    repository =
        source_keep(p, repository, has_git ? ION_STR("") : ION_STR(".git"));
    ion_str_t joined = source_keep(p, ION_STR("//"), file);
    p->path = (ion_str_t){ repository.p, repository.len + joined.len };
    return source_git(p);
}
