# strip.awk -- blanks comments, strings and character constants of C, keeping
# every line where it is. Include it with -f before a lint's own program;
# `code` then holds the line without them.
# SPDX-License-Identifier: BSD-2-Clause
FNR == 1 { in_comment = 0 }
{
    code = ""
    rest = $0
    while (rest != "") {
        if (in_comment) {
            at = index(rest, "*/")
            if (at == 0) {
                break
            }
            rest = substr(rest, at + 2)
            in_comment = 0
        } else if (match(rest, /"|'|\/\*|\/\//)) {
            code = code substr(rest, 1, RSTART - 1)
            mark = substr(rest, RSTART, RLENGTH)
            rest = substr(rest, RSTART + RLENGTH)
            if (mark == "//") {
                break
            }
            if (mark == "/*") {
                in_comment = 1
                continue
            }
            while (rest != "") {
                c = substr(rest, 1, 1)
                rest = substr(rest, c == "\\" ? 3 : 2)
                if (c == mark) {
                    break
                }
            }
            code = code mark mark
        } else {
            code = code rest
            break
        }
    }
}
