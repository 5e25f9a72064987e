# budgets.awk -- the work of tests/lint/budgets.
# SPDX-License-Identifier: BSD-2-Clause

function problem(line, text) {
    printf "%s:%d: %s\n", FILENAME, line, text
    bad = 1
}

# parameters(text): how many the list after the first ( has
function parameters(text,    i, c, depth, n) {
    sub(/^[^(]*\(/, "", text)
    if (text ~ /^[ \t]*(void)?[ \t]*\)/) {
        return 0
    }
    n = 1
    depth = 1
    for (i = 1; i <= length(text) && depth > 0; i++) {
        c = substr(text, i, 1)
        if (c == "(") {
            depth++
        } else if (c == ")") {
            depth--
        } else if (c == "," && depth == 1) {
            n++
        }
    }
    return n
}

FNR == 1 { name = ""; in_body = 0; table = 0 }

/clang-format off/ { table = 1 }
/clang-format on/ { table = 0 }

length($0) > 80 && !table { problem(FNR, length($0) " columns (80)") }

FNR == 901 { problem(FNR, "more than 900 lines") }

!in_body && match(code, /^[A-Za-z_][A-Za-z0-9_]*\(/) {
    name = substr(code, 1, RLENGTH - 1)
    start = FNR
    signature = ""
}

name != "" && !in_body {
    signature = signature code
    if (code ~ /^\{/) {
        in_body = 1
        n = parameters(signature)
        if (n > 6) {
            problem(start, name " takes " n " parameters (6)")
        }
    } else if (code ~ /;[ \t]*$/) {
        name = ""
    }
}

in_body && code ~ /^\}/ {
    if (FNR - start + 1 > 80) {
        problem(start, name " has " (FNR - start + 1) " lines (80)")
    }
    in_body = 0
    name = ""
}

END { exit bad }
