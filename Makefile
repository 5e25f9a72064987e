# ionscale -- the targets for people. The build itself is in
# $(BUILD)/Makefile, which auto/configure makes.
# SPDX-License-Identifier: BSD-2-Clause

BUILD ?= objs
# as configured, unless make is told another one
PREFIX = $(shell sed -n 's/^PREFIX := //p' $(BUILD)/Makefile)
DESTDIR ?=
JOBS ?= $(shell nproc)
export BUILD

MAKE_BUILD = $(MAKE) --no-print-directory -f $(BUILD)/Makefile
# as many jobs as processors, unless make was told another number
PARALLEL = $(if $(findstring -j,$(MAKEFLAGS)),,-j$(JOBS))

.PHONY: all test unit replay system fuzz bench lint check-all format
.PHONY: install uninstall quickstart clean

all: $(BUILD)/configured
	+@$(MAKE_BUILD) all

$(BUILD)/configured:
	@./auto/configure --builddir=$(BUILD)

# everything that proves this tree; ends with "N passed, N failed"
test:
	@./tests/lib/run-all

# the parts of it; T= picks those with that text in their path
unit: $(BUILD)/configured
	+@$(MAKE_BUILD) $(PARALLEL) unit-programs
	@./tests/lib/run-cmocka unit $(T)

replay: $(BUILD)/configured
	+@$(MAKE_BUILD) $(PARALLEL) replay-programs
	@./tests/lib/run-cmocka replay $(T)

system: all
	@./tests/lib/run-system $(T)

# make fuzz T=stun TIME=60; with TIME=0 RUNS=10000000 until so many executions
TIME ?= 60
fuzz:
	@RUNS=$(or $(RUNS),-1) ./tests/lib/run-fuzz "$(T)" $(TIME)

lint: all
	@./auto/deps lint
	@./tests/lint/run --all

# what the relay costs, beside upstream's: make bench [T=login]
bench: all
	+@$(MAKE_BUILD) $(PARALLEL) bench-programs
	@./auto/deps build test
	@./tests/bench/run $(T)

format:
	@git ls-files 'src/*.[ch]' 'tests/*.[ch]' | xargs clang-format -i

# the sanitizers over everything, gcc's analyzer and clang's build
check-all:
	@./tests/lib/check-all

install: all
	@./auto/install "$(BUILD)" "$(DESTDIR)" "$(PREFIX)"

uninstall: $(BUILD)/configured
	@./auto/install --remove "$(BUILD)" "$(DESTDIR)" "$(PREFIX)"

# from a clone to a running relay; Ctrl-C ends it
quickstart:
	@./auto/deps build
	@$(MAKE) --no-print-directory $(PARALLEL) all
	@exec $(BUILD)/ionscale server

clean:
	rm -rf $(BUILD)
