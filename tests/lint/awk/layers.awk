# layers.awk -- the work of tests/lint/layers.
# SPDX-License-Identifier: BSD-2-Clause

function problem(text) {
    printf "%s:%d: %s\n", FILENAME, FNR, text
    bad = 1
}

# fits(pattern, header): itself, or a folder that the header is in
function fits(pattern, header) {
    return pattern == header || \
        (pattern ~ /\/$/ && index(header, pattern) == 1)
}

BEGIN {
    while ((getline line < "auto/layers") > 0) {
        sub(/#.*/, "", line)
        n = split(line, word, " ")
        if (word[1] == "layer") {
            sub(/:$/, "", word[2])
            known[word[2]] = 1
            for (i = 3; i <= n; i++) {
                may[word[2], word[i]] = 1
            }
        } else if (word[1] == "fence") {
            sub(/:$/, "", word[2])
            fence[++fences] = word[2]
            for (i = 3; i <= n; i++) {
                inside[fences, word[i]] = 1
            }
        } else if (word[1] == "libc") {
            for (i = 2; i <= n; i++) {
                libc[++libcs] = word[i]
            }
        }
    }
}

function check_project(header,    to) {
    to = header
    if (!sub(/\/.*/, "", to)) {
        problem("\"" header "\" is not qualified with its folder")
    } else if (!(to in known)) {
        problem("\"" header "\": no such layer")
    } else if (to != layer && !((layer, to) in may)) {
        problem(layer " may not include " to " (\"" header "\")")
    }
}

function check_system(header,    i) {
    for (i = 1; i <= fences; i++) {
        if (fits(fence[i], header)) {
            if (!((i, layer) in inside)) {
                problem("<" header "> is fenced, and not for " layer)
            }
            return
        }
    }
    for (i = 1; i <= libcs; i++) {
        if (fits(libc[i], header)) {
            return
        }
    }
    problem("<" header "> stands in no libc or fence line of auto/layers")
}

FNR == 1 {
    split(FILENAME, part, "/")
    layer = part[2]
    if (!(layer in known)) {
        problem("src/" layer " is no layer of auto/layers")
    }
}

/^[ \t]*#[ \t]*include/ {
    if (match($0, /"[^"]+"/)) {
        check_project(substr($0, RSTART + 1, RLENGTH - 2))
    } else if (match($0, /<[^>]+>/)) {
        check_system(substr($0, RSTART + 1, RLENGTH - 2))
    }
}

END { exit bad }
