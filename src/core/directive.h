/*
 * directive.h -- one key of the configuration as data.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A table of them describes a const structure:
 *
 *   static const ion_directive_t derp_directives[] = {
 *       ION_D(UINT, "derp.send_queue", derp_conf_t, send_queue,
 *           .def = "32", .min = 1, .max = 65536,
 *           .doc = "Packets queued per client and class."),
 *       ION_D_END,
 *   };
 */
#ifndef ION_CORE_DIRECTIVE_H
#define ION_CORE_DIRECTIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/base.h"
#include "base/err.h"
#include "base/str.h"

/* type: what the YAML value looks like -> type of the member it fills */
typedef enum {
    ION_T_BOOL,   /* true, yes, on, ... -> bool */
    ION_T_UINT,   /* digits, or one of .words -> uint64_t */
    ION_T_SIZE,   /* bytes: 4096, 64KiB, 1MB -> uint64_t */
    ION_T_MSEC,   /* duration: 2s, 1m30s, 0 -> int64_t milliseconds */
    ION_T_FLOAT,  /* -> double */
    ION_T_ENUM,   /* one of .words -> int */
    ION_T_STRING, /* -> const char *, never NULL */
    ION_T_PATH,   /* ~/ expanded, made absolute -> const char *, "" = unset */
    ION_T_LISTEN, /* host:port, :port, or "" = off -> ion_listen_t */
    ION_T_LIST,   /* list of strings, or one string -> ion_strings_t */
    ION_T_MAP,    /* anything nested; only for keys of a later version */
} ion_conf_type_t;

/* What this version does with a key that is set. */
typedef enum {
    ION_D_SERVED,
    ION_D_LATER,   /* a later version serves it: a warning, unless it is off */
    ION_D_REFUSED, /* same, but ignoring it would be dangerous: an error */
    ION_D_GONE,    /* ionscale's, of no use here for good: a warning */
} ion_conf_rule_t;

typedef struct {
    bool on;         /* false: the key is "" */
    ion_addr_t addr; /* family 0: every address; port 0: any free one */
} ion_listen_t;

typedef struct {
    const char *const *v; /* NUL-terminated strings */
    size_t n;
} ion_strings_t;

/* The words of an ENUM, or of a UINT beside numbers; ends with .word NULL. */
typedef struct {
    const char *word;
    uint64_t value;
} ion_conf_word_t;

typedef struct ion_directive {
    const char *name; /* full dotted path, lower case */
    ion_conf_type_t type;
    size_t offset;
    size_t size;
    const char *def; /* as in the file; NULL = "" (for a LIST: empty) */
    uint64_t min;    /* UINT, SIZE, MSEC: bounds; max 0 = no upper bound */
    uint64_t max;
    bool zero_ok; /* 0 is allowed although min is above it: "off", "none" */
    bool bare_ns; /* MSEC: a number without a unit counts nanoseconds */
    const ion_conf_word_t *words;
    ion_conf_rule_t rule;
    /*
     * LIST that is not served yet: is this element sound? One that is a map
     * is asked about by its "url". On ION_OK a text in *why is a warning.
     */
    ion_err_t (*check_item)(ion_str_t text, ion_errtext_t *why);
    size_t max_items; /* with check_item: more of them are an error */
    const char *doc;  /* one or two sentences */
} ion_directive_t;

/* clang-format off */
#define ION_D(type_, name_, struct_, field_, ...)                             \
    { .name = (name_), .type = ION_T_##type_,                                 \
        .offset = offsetof(struct_, field_),                                  \
        .size = sizeof(((const struct_ *)0)->field_), __VA_ARGS__ }

#define ION_D_END { .name = NULL }
/* clang-format on */

#endif
