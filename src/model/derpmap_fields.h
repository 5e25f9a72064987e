/*
 * derpmap_fields.h -- the fields of a DERP map as tables.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Reading, both written forms and the comparison of two maps walk these
 * tables, in the order in which the fields are written. A field that
 * tailcfg gets tomorrow is a member of a struct and one line here.
 */

#ifndef ION_MODEL_DERPMAP_FIELDS_H
#define ION_MODEL_DERPMAP_FIELDS_H

#include "model/derpmap.h"

typedef enum ion_derpfield_type {
    ION_DERPFIELD_INT,   /* int */
    ION_DERPFIELD_BOOL,  /* bool */
    ION_DERPFIELD_F64,   /* double */
    ION_DERPFIELD_STR,   /* ion_str_t */
    ION_DERPFIELD_NESTED /* a list or a map: its owner knows */
} ion_derpfield_type_t;

typedef struct ion_derpfield {
    const char *name;  /* as tailcfg writes it; NULL ends a table */
    const char *alias; /* what people write instead; NULL = nothing */
    ion_derpfield_type_t type;
    size_t offset;    /* of the member; NESTED: unused */
    bool is_required; /* written to JSON also when it is not set */
    bool is_late;     /* written to YAML only when it is set */
    int min;          /* INT: bounds, both included */
    int max;
    const char *meaning; /* INT: what special values mean; NULL = nothing */
} ion_derpfield_t;

/* Lengths of the tables, without the ends. */
#define ION_DERPMAP_FIELDS    3
#define ION_DERPREGION_FIELDS 8
#define ION_DERPNODE_FIELDS   12

/* Where the nested fields stand in them. */
#define ION_DERPMAP_HOME_PARAMS  0
#define ION_DERPMAP_REGIONS      1
#define ION_DERPMAP_OMIT_DEFAULT 2
#define ION_DERPREGION_NODES     7

extern const ion_derpfield_t ion_derpmap_fields[ION_DERPMAP_FIELDS + 1];
extern const ion_derpfield_t ion_derpregion_fields[ION_DERPREGION_FIELDS + 1];
extern const ion_derpfield_t ion_derpnode_fields[ION_DERPNODE_FIELDS + 1];

/*
 * ion_derpfield_int, _bool, _f64, _str -- the member of a struct that the
 * field stands for; the field's type must fit.
 *
 * Errors: none.
 */
int ion_derpfield_int(const ion_derpfield_t *f, const void *of);
bool ion_derpfield_bool(const ion_derpfield_t *f, const void *of);
double ion_derpfield_f64(const ion_derpfield_t *f, const void *of);
ion_str_t ion_derpfield_str(const ion_derpfield_t *f, const void *of);

/*
 * ion_derpfield_is_set -- is the member other than 0, false, "" (a NESTED one
 * always is).
 *
 * Errors: none.
 */
bool ion_derpfield_is_set(const ion_derpfield_t *f, const void *of);

#endif
