# sanitizers.sh -- how the sanitizers behave in a test.
# SPDX-License-Identifier: BSD-2-Clause
# Sourced by what runs tests. Nothing of it matters to a plain build.
# shellcheck shell=sh

ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1:abort_on_error=1}
UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1:abort_on_error=1}
export ASAN_OPTIONS UBSAN_OPTIONS
