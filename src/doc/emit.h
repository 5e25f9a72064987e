/*
 * emit.h -- JSON and YAML writers on a string builder.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The writers take values in the order of the text and keep the commas,
 * indents and quotes. JSON comes out byte for byte as Go's encoding/json
 * writes it, YAML as Go's yaml libraries do, because people compare it.
 * Failures are the builder's (sticky `failed`); misuse (a value without its
 * key, an end without its beginning) is a panic.
 */

#ifndef ION_DOC_EMIT_H
#define ION_DOC_EMIT_H

#include "base/base.h"
#include "base/str.h"

/* Levels a writer can be nested: the deepest tree, and some around it. */
#define ION_EMIT_DEPTH_MAX 40

typedef struct ion_jw {
    ion_sb_t *sb;    /* borrowed */
    unsigned indent; /* blanks a level; 0 = compact, on one line */
    unsigned depth;
    bool after_key;
    struct {
        char end; /* '}' or ']' */
        bool has_children;
    } level[ION_EMIT_DEPTH_MAX];
} ion_jw_t;

/*
 * ion_jw_init -- begin a document; indent is 0 or 2. No newline is written
 * after the last value.
 *
 * Errors: none.
 */
void ion_jw_init(ion_jw_t *w, ion_sb_t *sb, unsigned indent);

/*
 * ion_jw_object_begin, _end, ion_jw_array_begin, _end -- containers; empty
 * ones are {} and [].
 *
 * Errors: none.
 */
void ion_jw_object_begin(ion_jw_t *w);
void ion_jw_object_end(ion_jw_t *w);
void ion_jw_array_begin(ion_jw_t *w);
void ion_jw_array_end(ion_jw_t *w);

/*
 * ion_jw_key -- the key of the next value, in an object.
 *
 * Errors: none.
 */
void ion_jw_key(ion_jw_t *w, const char *key);
void ion_jw_keys(ion_jw_t *w, ion_str_t key);

/*
 * ion_jw_str, _strz, _i64, _u64, _f64, _bool, _null -- one value.
 *
 * Shape:  strings are escaped as Go does (also < > & U+2028 U+2029), bytes
 *         that are not UTF-8 become U+FFFD; a NULL strz is null; f64 is the
 *         shortest text that reads back the same (finite values only).
 * Errors: none.
 */
void ion_jw_str(ion_jw_t *w, ion_str_t v);
void ion_jw_strz(ion_jw_t *w, const char *v);
void ion_jw_i64(ion_jw_t *w, int64_t v);
void ion_jw_u64(ion_jw_t *w, uint64_t v);
void ion_jw_f64(ion_jw_t *w, double v);
void ion_jw_bool(ion_jw_t *w, bool v);
void ion_jw_null(ion_jw_t *w);

/*
 * ion_jw_raw -- one value that is JSON text already, written as it is.
 *
 * Errors: none.
 */
void ion_jw_raw(ion_jw_t *w, ion_str_t json);

typedef enum ion_yaml_form {
    ION_YAML_2, /* 2 blanks a level, lists at the indent of their key */
    ION_YAML_4  /* 4 blanks a level, lists indented too */
} ion_yaml_form_t;

typedef struct ion_yw {
    ion_sb_t *sb; /* borrowed */
    ion_yaml_form_t form;
    unsigned depth;
    bool after_key;  /* "key:" stands there, its value is next */
    bool after_dash; /* "- " stands there, the item is next */
    struct {
        bool is_list;
        bool has_children;
        unsigned indent;
    } level[ION_EMIT_DEPTH_MAX];
} ion_yw_t;

/*
 * ion_yw_init -- begin a document. Every line ends in a newline.
 *
 * Errors: none.
 */
void ion_yw_init(ion_yw_t *w, ion_sb_t *sb, ion_yaml_form_t form);

/*
 * ion_yw_map_begin, _end, ion_yw_list_begin, _end -- containers; empty ones
 * are {} and [].
 *
 * Errors: none.
 */
void ion_yw_map_begin(ion_yw_t *w);
void ion_yw_map_end(ion_yw_t *w);
void ion_yw_list_begin(ion_yw_t *w);
void ion_yw_list_end(ion_yw_t *w);

/*
 * ion_yw_key -- the key of the next value, in a map; it is quoted like a
 * string where that is needed. ion_yw_key_i64 writes an integer key.
 *
 * Errors: none.
 */
void ion_yw_key(ion_yw_t *w, const char *key);
void ion_yw_key_i64(ion_yw_t *w, int64_t key);

/*
 * ion_yw_str, _strz, _i64, _f64, _bool, _null -- one value.
 *
 * Shape:  a string that would read as something else is put in double quotes
 *         ("", "true", "0900"), one with YAML's signs in single quotes, one
 *         with line ends or control characters in double quotes with escapes.
 * Errors: none.
 */
void ion_yw_str(ion_yw_t *w, ion_str_t v);
void ion_yw_strz(ion_yw_t *w, const char *v);
void ion_yw_i64(ion_yw_t *w, int64_t v);
void ion_yw_f64(ion_yw_t *w, double v);
void ion_yw_bool(ion_yw_t *w, bool v);
void ion_yw_null(ion_yw_t *w);

/*
 * ion_yw_raw -- one scalar written as it is ("10s", "null", "1e3").
 *
 * Errors: none; the caller knows that it needs no quotes.
 */
void ion_yw_raw(ion_yw_t *w, ion_str_t text);

#endif
