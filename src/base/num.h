/*
 * num.h -- numbers, sizes, durations and booleans as text, both ways.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Locale-free and strict: the whole text must be the value, nothing is
 * trimmed, nothing wraps. *out is written only on ION_OK.
 */

#ifndef ION_BASE_NUM_H
#define ION_BASE_NUM_H

#include "base/base.h"
#include "base/err.h"
#include "base/str.h"

/* Room for any text ion_format_duration and ion_format_f64 write. */
#define ION_NUM_TEXT_MAX 40

/*
 * ion_parse_u64 -- decimal digits, no sign.
 *
 * Errors: ION_MALF not only digits | ION_RANGE above max.
 */
ION_NODISCARD ion_err_t ion_parse_u64(
    ion_str_t text, uint64_t max, uint64_t *out);

/*
 * ion_parse_i64 -- decimal digits with an optional sign.
 *
 * Errors: ION_MALF not a number | ION_RANGE outside min..max.
 */
ION_NODISCARD ion_err_t ion_parse_i64(
    ion_str_t text, int64_t min, int64_t max, int64_t *out);

/*
 * ion_parse_f64 -- a finite decimal number: [-+]digits[.digits][e[-+]digits].
 *
 * Errors: ION_MALF not such a number | ION_RANGE overflows a double.
 */
ION_NODISCARD ion_err_t ion_parse_f64(ion_str_t text, double *out);

/*
 * ion_parse_duration -- Go's duration syntax.
 *
 * Shape:  [-+] then one or more of number + unit, number with or without a
 *         fraction, units h m s ms us (also with U+00B5, U+03BC) ns: "1m30s",
 *         "1.5h", "-2ms". "0" alone is zero; any other bare number is
 *         refused.
 * Units:  nanoseconds out; a fraction of a nanosecond is cut off.
 * Errors: ION_MALF no such syntax (missing or unknown unit) | ION_RANGE does
 *         not fit 63 bits.
 */
ION_NODISCARD ion_err_t ion_parse_duration(ion_str_t text, int64_t *ns);

/*
 * ion_parse_size -- a count of bytes with an optional unit.
 *
 * Shape:  digits, then B, kB/KB, MB, GB, TB (powers of 1000), KiB, MiB, GiB,
 *         TiB (powers of 1024), or nothing; one blank before the unit may be.
 * Errors: ION_MALF no such syntax | ION_RANGE does not fit 64 bits.
 */
ION_NODISCARD ion_err_t ion_parse_size(ion_str_t text, uint64_t *bytes);

/*
 * ion_parse_bool -- true/yes/on or false/no/off, in any case.
 *
 * Errors: ION_MALF anything else.
 */
ION_NODISCARD ion_err_t ion_parse_bool(ion_str_t text, bool *out);

/*
 * ion_format_duration -- the way Go prints a duration: "0s", "1.5ms",
 * "1m30s", "1h0m0s".
 *
 * Shape:  writes a NUL-terminated text, returns its length.
 * Errors: none.
 */
size_t ion_format_duration(char out[ION_NUM_TEXT_MAX], int64_t ns);

/*
 * ion_format_f64 -- the shortest text that reads back as the same double, in
 * the form Go's encoding/json writes (exponent below 1e-6 and from 1e21 on).
 *
 * Shape:  v must be finite; writes a NUL-terminated text, returns its length.
 * Errors: none.
 */
size_t ion_format_f64(char out[ION_NUM_TEXT_MAX], double v);

#endif
