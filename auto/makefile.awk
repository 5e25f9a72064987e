# auto/makefile.awk -- turns auto/layers and auto/sources into make rules.
# SPDX-License-Identifier: BSD-2-Clause
#
# Read first: layers (what an archive may be linked with), then sources. Says
# so on stderr and exits 1 when a file is missing or listed twice, a layer is
# unknown, or two base names are the same.

function fail(text)
{
    printf "%s:%d: %s\n", FILENAME, FNR, text > "/dev/stderr"
    failed = 1
}

# close_over(name): seen[] gets name and every layer below it.
function close_over(name,    n, i, part)
{
    if (name in seen) {
        return
    }
    seen[name] = 1
    n = split(may[name], part, " ")
    for (i = 1; i <= n; i++) {
        close_over(part[i])
    }
}

# archives(name): the archives that a test of layer name is linked with.
function archives(name,    i, text)
{
    split("", seen)
    close_over(name)
    text = ""
    for (i = layers; i >= 1; i--) {
        if (order[i] in seen && count[order[i]] > 0) {
            text = text " $(B)/lib" order[i] ".a"
        }
    }
    return text
}

function object(path)
{
    sub(/\.c$/, ".o", path)
    return "$(B)/" path
}

function binary(path)
{
    sub(/\.c$/, "", path)
    return "$(B)/" path
}

function exists(path,    line, rc)
{
    rc = (getline line < (top "/" path))
    close(top "/" path)
    return rc >= 0
}

function add_program(kind, path, options)
{
    programs++
    p_kind[programs] = kind
    p_path[programs] = path
    p_layer[programs] = stanza_layer
    p_options[programs] = options
}

{ sub(/[ \t]*#.*/, "") }
NF == 0 { next }

FILENAME ~ /layers$/ {
    if ($1 == "layer") {
        name = $2
        if (!sub(/:$/, "", name)) {
            fail("a layer's name ends in a colon")
        }
        order[++layers] = name
        known[name] = 1
        count[name] = 0
        for (i = 3; i <= NF; i++) {
            if (!($i in known)) {
                fail("layer " name " may include " $i ", which is not above")
            }
            may[name] = may[name] " " $i
        }
    }
    next
}

$1 == "layer" || $1 == "unit" || $1 == "replay" || $1 == "fuzz" {
    stanza = $1
    stanza_layer = $2
    if (!($2 in known)) {
        fail("auto/layers knows no layer '" $2 "'")
    }
    next
}

$1 == "testlib" { stanza = $1; next }

$1 == "bench" {
    stanza = $1
    bench_name = $2
    if (!($3 in known)) {
        fail("auto/layers knows no layer '" $3 "'")
    }
    bench_layer[$2] = $3
    next
}

{
    path = $1
    options = $0
    sub(/^[ \t]*[^ \t]+[ \t]*/, "", options)
    if (path !~ /\.c$/) {
        fail("'" path "' is not a .c file")
    }
    if (!exists(path)) {
        fail("'" path "' does not exist")
    }
    base = path
    sub(/.*\//, "", base)
    if (base in bases) {
        fail("base name of '" path "' is taken by '" bases[base] "'")
    }
    bases[base] = path
    if (stanza == "layer") {
        if (path !~ ("^src/" stanza_layer "/")) {
            fail("'" path "' is not in src/" stanza_layer)
        }
        count[stanza_layer]++
        members[stanza_layer] = members[stanza_layer] " " path
    } else if (stanza == "testlib") {
        testlib = testlib " " path
    } else if (stanza == "bench") {
        bench_files[bench_name] = bench_files[bench_name] " " path
    } else {
        add_program(stanza, path, options)
    }
}

function compile_rule(path, flags, dir)
{
    print object(path) ": " (dir ? dir : "$(S)") "/" path " $(B)/flags"
    print "\t$(Q)mkdir -p $(@D)"
    print "\t$(call say,CC," path ")"
    print "\t$(Q)$(CC) $(CFLAGS) $(WARN) $(ANALYZE) " flags \
        " $(LIB_CFLAGS) -I$(S)/src -include $(B)/auto_config.h" \
        " -MMD -MP -c -o $@ $<"
    print "-include " substr(object(path), 1, length(object(path)) - 2) ".d"
    print ""
}

function archive_rule(name, list, flags,    n, i, part, objs)
{
    n = split(list, part, " ")
    for (i = 1; i <= n; i++) {
        objs = objs " " object(part[i])
        compile_rule(part[i], flags)
    }
    print "$(B)/lib" name ".a:" objs " $(B)/Makefile"
    print "\t$(call say,AR,lib" name ".a)"
    print "\t$(Q)rm -f $@ && ar rcsD $@" objs
    print ""
}

function link_rule(target, inputs, libs, options)
{
    print target ":" inputs libs
    print "\t$(Q)mkdir -p $(@D)"
    print "\t$(call say,LD,$(@F))"
    print "\t$(Q)$(CC) -o $@" inputs " -Wl,--start-group" libs \
        " -Wl,--end-group " options " $(LDFLAGS) $(LIBS)"
    print ""
}

function program_rules(    i)
{
    compile_rule("modules.c", "", "$(B)")
    compile_rule("revision.c", "", "$(B)")
    for (i = layers; i >= 1; i--) {
        if (order[i] != "main" && count[order[i]] > 0) {
            all = all " $(B)/lib" order[i] ".a"
        }
    }
    link_rule("$(B)/ionscale", " $(B)/modules.o $(B)/revision.o $(B)/libmain.a", all, "")
}

function test_rules(    i, extra, driver, kinds, libs)
{
    if (testlib != "") {
        archive_rule("test", testlib, "$(TEST_CFLAGS)")
        extra = " $(B)/libtest.a"
    }
    compile_rule("tests/fuzz/main.c", "$(TEST_CFLAGS)")
    for (i = 1; i <= programs; i++) {
        compile_rule(p_path[i], "$(TEST_CFLAGS)")
        kinds[p_kind[i]] = kinds[p_kind[i]] " " binary(p_path[i])
        driver = ""
        if (p_kind[i] != "fuzz") {
            p_options[i] = p_options[i] " -lcmocka"
        } else if (mode == "fuzz") {
            p_options[i] = p_options[i] " -fsanitize=fuzzer"
        } else {
            driver = " $(B)/tests/fuzz/main.o"
        }
        libs = extra archives(p_layer[i])
        if (p_layer[i] == "main") { # it sees the modules through their array
            driver = driver " $(B)/modules.o $(B)/revision.o"
            libs = " $(B)/libmain.a" all
        }
        link_rule(binary(p_path[i]), " " object(p_path[i]) driver, \
            libs, p_options[i])
    }
    print "UNIT :=" kinds["unit"]
    print "REPLAY :=" kinds["replay"]
    print "FUZZ :=" kinds["fuzz"]
}

# a program of several files, for measurements
function bench_rules(    name, n, i, part, objs)
{
    for (name in bench_layer) {
        n = split(bench_files[name], part, " ")
        objs = ""
        for (i = 1; i <= n; i++) {
            compile_rule(part[i], "$(TEST_CFLAGS)")
            objs = objs " " object(part[i])
        }
        link_rule("$(B)/tests/bench/" name, objs, \
            archives(bench_layer[name]), "")
        print "bench-programs: $(B)/tests/bench/" name
    }
}

END {
    if (failed) {
        exit 1
    }
    print "include $(S)/auto/rules.mk"
    print ""
    for (i = 1; i <= layers; i++) {
        if (count[order[i]] > 0) {
            archive_rule(order[i], members[order[i]], \
                "$(STRICT_" order[i] ")")
            print "ARCHIVES += $(B)/lib" order[i] ".a"
        }
    }
    if (count["main"] > 0) {
        program_rules()
        print "PROGRAM := $(B)/ionscale"
    }
    test_rules()
    bench_rules()
    print "all: $(PROGRAM) $(ARCHIVES)"
    print "unit-programs: $(call matching,$(UNIT))"
    print "replay-programs: $(call matching,$(REPLAY))"
    print "fuzz-programs: $(call matching,$(FUZZ))"
    print "print-units:; @echo $(call matching,$(UNIT))"
    print "print-replays:; @echo $(call matching,$(REPLAY))"
    print "print-fuzzers:; @echo $(call matching,$(FUZZ))"
}
