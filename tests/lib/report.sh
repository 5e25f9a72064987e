# report.sh -- counts results for the scripts of tests/lib and tests/lint.
# SPDX-License-Identifier: BSD-2-Clause
#
# Sourced. report GROUP prints "GROUP: N passed, N failed[, N skipped]", adds
# that to the file RESULTS where it is set, and returns 1 if anything failed.
# shellcheck shell=sh

# a script is no part of the make that calls it: no job server of its, and no
# variables of its command line in the build's Makefile
unset MAKEFLAGS MFLAGS MAKEOVERRIDES MAKELEVEL

passed=0
failed=0
skipped=0

pass()
{
    passed=$((passed + 1))
    printf 'ok      %s\n' "$*"
}

fail()
{
    failed=$((failed + 1))
    printf 'FAILED  %s\n' "$*"
}

skip()
{
    skipped=$((skipped + 1))
    printf 'SKIPPED %s\n' "$*"
}

# counts: the three numbers as a sentence
counts()
{
    printf '%d passed, %d failed' "$passed" "$failed"
    if [ "$skipped" -gt 0 ]; then
        printf ', %d skipped' "$skipped"
    fi
    printf '\n'
}

report()
{
    if [ $((passed + failed + skipped)) = 0 ]; then
        fail "$1: nothing ran"
    fi
    printf '%s: %s\n' "$1" "$(counts)"
    if [ -n "${RESULTS:-}" ]; then
        echo "$passed $failed $skipped $1" >> "$RESULTS"
    fi
    [ "$failed" = 0 ]
}
