# banned.awk -- the work of tests/lint/banned.
# SPDX-License-Identifier: BSD-2-Clause

BEGIN {
    n = split("strcpy strcat sprintf vsprintf atoi atol atoll rand srand " \
        "gets alloca system popen strtok asctime ctime gmtime localtime", \
        word, " ")
    for (i = 1; i <= n; i++) {
        banned[word[i]] = "is banned"
    }
    n = split("getaddrinfo gethostbyname gethostbyaddr getnameinfo", word, " ")
    for (i = 1; i <= n; i++) {
        banned[word[i]] = "blocks on DNS"
    }
}

{
    rest = code
    while (match(rest, /[A-Za-z_][A-Za-z0-9_]*[ \t]*\(/)) {
        name = substr(rest, RSTART, RLENGTH - 1)
        sub(/[ \t]+$/, "", name)
        rest = substr(rest, RSTART + RLENGTH)
        if (name in banned) {
            printf "%s:%d: %s %s\n", FILENAME, FNR, name, banned[name]
            bad = 1
        }
    }
}

END { exit bad }
