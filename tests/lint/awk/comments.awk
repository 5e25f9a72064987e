# comments.awk -- the work of tests/lint/comments.
# SPDX-License-Identifier: BSD-2-Clause

function problem(text) {
    printf "%s:%d: %s\n", FILENAME, start, text
    bad = 1
}

function check(text,    name) {
    if (text !~ /\(/ || text ~ /^(typedef|struct|enum|union|static|#|\})/) {
        return
    }
    name = text
    sub(/\(.*/, "", name)
    sub(/.*[ *]/, "", name)
    if (name ~ /^ION_STATIC_ASSERT|^_Static_assert|^ION_/) {
        if (text !~ /^ION_NODISCARD|^ION_NORETURN|^ION_PRINTF/) {
            return
        }
        name = text
        sub(/^ION_PRINTF\([^)]*\)[ ]*/, "", name)
        sub(/\(.*/, "", name)
        sub(/.*[ *]/, "", name)
    }
    if (text ~ /(^|[ \t])ion_err_t[ \t]+[a-z]/ && comment !~ /Errors:/) {
        problem(name ": its comment has no \"Errors:\"")
    }
    if (FILENAME ~ /^src\/proto\// && comment !~ /Spec:/) {
        problem(name ": its comment has no \"Spec:\"")
    }
}

FNR == 1 { comment = ""; text = ""; in_comment = 0; depth = 0 }

/^\/\*/ { comment = ""; in_comment = 1 }
in_comment {
    comment = comment $0 "\n"
    if (/\*\//) {
        in_comment = 0
    }
    next
}

/^[ \t]*$/ {
    if (text == "" && depth == 0) {
        comment = ""
    }
    next
}

/^#/ || /\\$/ { next }

{
    if (text == "" && depth == 0) {
        start = FNR
    }
    text = text (text == "" ? "" : " ") $0
    depth += gsub(/\{/, "{") - gsub(/\}/, "}")
    if (depth == 0 && /[;}]([ \t]*\/\*.*\*\/)?[ \t]*$/) {
        check(text)
        text = ""
    }
}

END { exit bad }
