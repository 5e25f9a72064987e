# auto/rules.mk -- the part of a build directory's Makefile that is always the
# same. The variables S, B, CC, CFLAGS... stand above its inclusion.
# SPDX-License-Identifier: BSD-2-Clause

.SUFFIXES:
.DELETE_ON_ERROR:
.PHONY: all unit-programs replay-programs fuzz-programs bench-programs
.PHONY: print-units print-replays print-fuzzers

all:

# quiet unless V=1
Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-4s %s\n' $(1) $(2))

# matching LIST: the programs whose path has $(T) in it
matching = $(if $(T),$(foreach p,$(1),$(if $(findstring $(T),$(p)),$(p))),$(1))

# signedness is checked where it pays: in what reads lengths from the wire
STRICT_base := -Wsign-conversion
STRICT_proto := -Wsign-conversion

# cmocka's macros cast everything to its widest integer; tables of texts have
# entries of several literals
TEST_CFLAGS := -I$(S)/tests -Wno-conversion -Wno-cast-qual \
    -Wno-null-dereference -Wno-string-concatenation

# what configure read has changed: configure again, as it was told before
$(B)/configured: $(addprefix $(S)/auto/,configure options probes sources \
    modules layers makefile.awk version)
	$(Q)cd $(S) && CC=$(CC) ./auto/configure \
	    $(CONFIGURE_ARGS) --builddir=$(B) >&2

$(B)/Makefile: $(B)/configured ;

# every make looks which revision it is; what did not change is left alone
.PHONY: look
$(B)/revision.c: look
	$(Q)$(S)/auto/revision $(S) $@
