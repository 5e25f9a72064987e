# roles.awk -- the work of tests/lint/roles.
# SPDX-License-Identifier: BSD-2-Clause

FNR == 1 {
    pass = (FILENAME in seen) ? 2 : 1
    seen[FILENAME] = 1
    role = FILENAME
    sub(/\.c$/, "", role)
    sub(/.*_/, "", role)
    before = ""
}

pass == 1 && match(code, /^[a-z_][a-z0-9_]*\(/) {
    if (before !~ /static/) {
        owner[substr(code, 1, RLENGTH - 1)] = role
        where[substr(code, 1, RLENGTH - 1)] = FILENAME
    }
}

pass == 2 {
    rest = code
    while (match(rest, /[A-Za-z_][A-Za-z0-9_]*/)) {
        name = substr(rest, RSTART, RLENGTH)
        lead = substr(rest, 1, RSTART - 1)
        rest = substr(rest, RSTART + RLENGTH)
        if (lead ~ /(->|\.)$/) {
            continue # a member of that name is no function
        }
        if ((name in owner) && owner[name] != role) {
            printf "%s:%d: %s belongs to the %s (%s)\n", FILENAME, FNR, \
                name, owner[name], where[name]
            bad = 1
        }
    }
}

{ before = code }

END { exit bad }
