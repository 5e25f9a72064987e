/*
 * json_pull.h -- read one small JSON object without building a tree.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * For the two texts that arrive before anything is known about the sender:
 * ClientInfo and key files.  The reader walks one flat object; values that
 * nobody asked for are skipped, however nested, up to a fixed depth.  The
 * grammar is JSON's alone: no comments, no trailing commas, no leading
 * zeroes.  Bytes of strings need not be UTF-8.  One failure makes the reader
 * bad for good, so one look at json_pull_end is enough.
 */
#ifndef ION_PROTO_JSON_PULL_H
#define ION_PROTO_JSON_PULL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "base/err.h"
#include "base/str.h"

enum {
    JSON_PULL_DEPTH = 64, /* nesting of skipped values */
};

typedef enum json_kind {
    JSON_NONE, /* end of text, or no value begins here */
    JSON_NULL,
    JSON_BOOL,
    JSON_NUMBER,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT,
} json_kind_t;

typedef struct json_pull {
    const char *p; /* next byte; borrowed */
    const char *end;
    bool bad;    /* sticky */
    bool is_new; /* entered an object, no member read yet */
} json_pull_t;

/*
 * json_pull_init -- read text (borrowed while reading).
 *
 * Errors: none.
 * Spec:   RFC 8259.
 */
void json_pull_init(json_pull_t *jp, ion_str_t text);

/*
 * json_pull_kind -- what kind of value comes next, by its first byte.
 *
 * Errors: none; JSON_NONE when the reader is bad.
 * Spec:   RFC 8259: values.
 */
json_kind_t json_pull_kind(json_pull_t *jp);

/*
 * json_pull_enter -- step into the object that comes next.
 *
 * Errors: the reader is bad when no object comes next.
 * Spec:   RFC 8259: objects.
 */
void json_pull_enter(json_pull_t *jp);

/*
 * json_pull_key -- the next member's key; its value comes next.
 *
 * Shape:  as json_pull_string.  Returns false behind the last member, which
 *         leaves the object, and when the reader is bad.
 * Errors: the reader is bad.
 * Spec:   RFC 8259: objects.
 */
bool json_pull_key(json_pull_t *jp, char *out, size_t cap, size_t *len);

/*
 * json_pull_string -- the string that comes next, escapes resolved.
 *
 * Shape:  at most cap bytes are written, no NUL; *len is the whole length,
 *         so *len > cap tells that it was cut.
 * Errors: the reader is bad when no string comes next; *len is 0 then.
 * Spec:   RFC 8259: strings.
 */
void json_pull_string(json_pull_t *jp, char *out, size_t cap, size_t *len);

/*
 * json_pull_int, json_pull_bool -- the integer (no fraction, no exponent, 64
 * bits) or truth value that comes next.  null leaves *out as it is.
 *
 * Errors: the reader is bad when something else comes next.
 * Spec:   RFC 8259: numbers, literals.
 */
void json_pull_int(json_pull_t *jp, int64_t *out);
void json_pull_bool(json_pull_t *jp, bool *out);

/*
 * json_pull_skip -- step over one value of any kind.
 *
 * Errors: the reader is bad when it is malformed or nested too deeply.
 * Spec:   RFC 8259.
 */
void json_pull_skip(json_pull_t *jp);

/*
 * json_pull_end -- nothing but blanks may follow.
 *
 * Errors: ION_MALF the reader is bad, or something follows; no other.
 * Spec:   RFC 8259.
 */
ION_NODISCARD ion_err_t json_pull_end(json_pull_t *jp);

#endif
