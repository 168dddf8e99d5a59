# konseki. `make help` lists the targets; everything that is built is under build/.
# Packages: scripts/deps is the only list.

PREFIX  ?= /usr/local
DESTDIR ?=
CC      ?= gcc
CFLAGS  ?= -O2 -g
BUILD   ?= build

WARN := -Wall -Wextra -Wconversion -Wno-sign-conversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	-Wformat=2 -Wundef -Wvla
KCFLAGS := -std=gnu11 -I. $(WARN) -fno-strict-aliasing -fstack-protector-strong -D_FORTIFY_SOURCE=2 $(CFLAGS)
ifdef SANITIZE
# make SANITIZE=address,undefined: a build of its own, beside the plain one
BUILD := build/sanitize
KCFLAGS += -fsanitize=$(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer -U_FORTIFY_SOURCE
LDFLAGS += -fsanitize=$(SANITIZE)
endif

PKGS := libarchive sqlite3 libxml-2.0 libzstd yaml-0.1 libhs libpcre2-8 liblzma jansson libseccomp
PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
LIBS := $(shell pkg-config --libs $(PKGS) 2>/dev/null) -lyara -lpthread -lm

LAYERS := base evidence collectors parsers timeline detect analysis
LIB_SRC := $(wildcard $(addsuffix /*.c,$(LAYERS)))
CMD_SRC := $(wildcard cmd/*.c)
LIB_OBJ := $(LIB_SRC:%.c=$(BUILD)/%.o)
CMD_OBJ := $(CMD_SRC:%.c=$(BUILD)/%.o)

.PHONY: all
all: $(BUILD)/konseki

$(BUILD)/konseki: $(CMD_OBJ) $(BUILD)/libkonseki.a
	$(CC) $(LDFLAGS) -o $@ $(CMD_OBJ) $(BUILD)/libkonseki.a $(LIBS)

# The collector alone: static (glibc; nothing in it asks NSS), nothing but libc and zstd, stripped.
STATIC_SRC := cmd/static/main.c cmd/static/image.c cmd/collect.c cmd/host.c cmd/verify.c cmd/message.c $(wildcard collectors/*.c base/*.c)
STATIC_OBJ := $(STATIC_SRC:%.c=$(BUILD)/small/%.o)
.PHONY: static
static: $(BUILD)/konseki-collect
$(BUILD)/konseki-collect: $(STATIC_OBJ)
	$(CC) -static -Wl,--gc-sections -Wl,-s -o $@ $^ -l:libzstd.a -lpthread -lm
$(BUILD)/small/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(KCFLAGS) -g0 -ffunction-sections -fdata-sections -MMD -MP -c -o $@ $<

# The same for Windows: cross-built, static, only the system's DLLs. Formats of printf are checked by the other builds: mingw's
# compiler takes ours for Microsoft's.
WINDOWS_CC := x86_64-w64-mingw32-gcc
WINDOWS_SRC := cmd/static/image.c cmd/collect.c cmd/message.c $(wildcard cmd/windows/*.c collectors/windows/*.c) \
	collectors/bundle.c collectors/ntfs.c collectors/profile_read.c collectors/windows_triage.c collectors/collection.c \
	$(addprefix base/,aead.c age.c base64.c buffer.c bundle_format.c curve25519.c ed25519.c fe25519.c memory.c option.c persistence.c \
	sha256.c sha512.c ssh.c status.c text.c timestamp.c view.c)
WINDOWS_OBJ := $(WINDOWS_SRC:%.c=build/windows/%.o)
.PHONY: windows deps-windows
windows: deps-windows
	@$(MAKE) --no-print-directory build/windows/konseki-collect.exe
build/windows/libzstd.a: scripts/build-zstd-windows
	scripts/build-zstd-windows build/windows
build/windows/konseki-collect.exe: $(WINDOWS_OBJ) build/windows/libzstd.a
	$(WINDOWS_CC) -static -municode -Wl,--gc-sections -Wl,-s -Wl,--no-insert-timestamp -o $@ $^ \
		-lole32 -loleaut32 -lpsapi -ladvapi32 -lwinpthread
build/windows/%.o: %.c | build/windows/libzstd.a
	@mkdir -p $(@D)
	$(WINDOWS_CC) -std=gnu11 -I. -isystem build/windows $(WARN) -Wno-format -fno-strict-aliasing -O2 -g0 -ffunction-sections \
		-D_WIN32_WINNT=0x0601 -Wno-float-conversion -include collectors/windows/missing.h -D__USE_MINGW_ANSI_STDIO=1 -MMD -MP -c -o $@ $<

$(BUILD)/libkonseki.a: $(LIB_OBJ)
	@rm -f $@
	ar rcs $@ $^

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(KCFLAGS) $(PKG_CFLAGS) -MMD -MP -c -o $@ $<

# ---- tests ----
# tests/lib: helpers for tests (writers of fixtures); tests/unit/test_*.c: a cmocka program each;
# tests/cmd/*.t: TAP, run by prove, with $KONSEKI set; tests/golden/PARSER/*: see tests/cmd/golden.t

TEST_LIB := $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/lib/*.c))
UNIT := $(patsubst tests/unit/%.c,$(BUILD)/tests/unit/%,$(wildcard tests/unit/test_*.c))

$(BUILD)/tests/unit/%: $(BUILD)/tests/unit/%.o $(TEST_LIB) $(BUILD)/libkonseki.a
	$(CC) $(LDFLAGS) -o $@ $< $(TEST_LIB) $(BUILD)/libkonseki.a -lcmocka $(LIBS)

.PHONY: unit fixtures check-quick
unit: $(UNIT)
	@set -e; for t in $(UNIT); do $$t 2>$$t.log || { cat $$t.log; exit 1; }; done

# Event logs, for the benchmarks and as fixtures.
$(BUILD)/tests/load: $(BUILD)/tests/bench/load.o $(BUILD)/libkonseki.a
	$(CC) $(LDFLAGS) -o $@ $^ $(LIBS)
$(BUILD)/tests/match: $(BUILD)/tests/bench/match.o $(BUILD)/libkonseki.a
	$(CC) $(LDFLAGS) -o $@ $^ $(LIBS)
$(BUILD)/tests/make_evtx: $(BUILD)/tests/bench/make_evtx.o $(BUILD)/tests/lib/evtx_writer.o $(BUILD)/libkonseki.a
	$(CC) $(LDFLAGS) -o $@ $^ $(LIBS)

# tests/fixtures/make_*.py OUTDIR writes fixtures into OUTDIR/PARSER/; small ones by hand are committed
# as tests/fixtures/PARSER/NAME.
FIXTURE_MAKERS := $(wildcard tests/fixtures/make_*.py)
$(BUILD)/fixtures/.done: $(FIXTURE_MAKERS) $(BUILD)/tests/make_evtx
	@mkdir -p $(BUILD)/fixtures
	@set -e; for f in $(FIXTURE_MAKERS); do python3 $$f $(BUILD)/fixtures; done
	@$(BUILD)/tests/make_evtx --fixtures $(BUILD)/fixtures
	@touch $@
fixtures: $(BUILD)/fixtures/.done

# The same binary with parsers that can be told to misbehave (cmd/pipeline_worker.c), to see that only they suffer.
TESTING := pipeline.o pipeline_worker.o
$(addprefix $(BUILD)/tests/,$(TESTING)): $(BUILD)/tests/%.o: cmd/%.c
	@mkdir -p $(@D)
	$(CC) $(KCFLAGS) $(PKG_CFLAGS) -DKONSEKI_TESTING -MMD -MP -c -o $@ $<
$(BUILD)/tests/konseki: $(filter-out $(addprefix $(BUILD)/cmd/,$(TESTING)),$(CMD_OBJ)) $(addprefix $(BUILD)/tests/,$(TESTING)) $(BUILD)/libkonseki.a
	$(CC) $(LDFLAGS) -o $@ $^ $(LIBS)

check-quick: all unit fixtures $(BUILD)/tests/konseki
	KONSEKI=$(abspath $(BUILD)/konseki) BUILD=$(BUILD) prove -Q -j2 tests/cmd

$(BUILD)/tests/mutate: $(BUILD)/tests/mutation/mutate.o $(BUILD)/libkonseki.a
	$(CC) $(LDFLAGS) -o $@ $< $(BUILD)/libkonseki.a $(LIBS)

# Fuzz targets: the libraries once with clang's instrumentation, one binary, a name for each parser.
# NULL plus zero is how an empty view ends; clang 14 calls that an overflow.
FUZZ_FLAGS := -std=gnu11 -I. -g -O1 -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize=pointer-overflow -fno-sanitize-recover=all
FUZZ_OBJ := $(patsubst %.c,build/fuzz/%.o,$(wildcard base/*.c parsers/*.c))
FUZZ_NAMES := $(shell sed -n 's/^PARSER(\(.*\))/\1/p' parsers/list.h)
build/fuzz/%.o: %.c
	@mkdir -p $(@D)
	clang $(FUZZ_FLAGS) $(PKG_CFLAGS) -MMD -MP -c -o $@ $<
build/fuzz/fuzz: $(FUZZ_OBJ) build/fuzz/tests/fuzz/fuzz.o
	clang -fsanitize=fuzzer,address,undefined -o $@ $^ $(LIBS)
.PHONY: fuzz
fuzz: build/fuzz/fuzz
	@rm -f build/fuzz/fuzz_*
	@for p in $(FUZZ_NAMES); do ln -f build/fuzz/fuzz build/fuzz/fuzz_$$p; done

.PHONY: check sanitized
sanitized:
	$(MAKE) --no-print-directory SANITIZE=address,undefined build/sanitize/konseki build/sanitize/tests/mutate \
		$(patsubst tests/unit/%.c,build/sanitize/tests/unit/%,$(wildcard tests/unit/test_*.c))

check: deps-check
	$(MAKE) --no-print-directory -j2 all static fixtures $(BUILD)/tests/konseki $(BUILD)/tests/load
	$(MAKE) --no-print-directory -j2 sanitized
	$(MAKE) --no-print-directory -j2 fuzz
	@$(MAKE) --no-print-directory windows || echo 'no konseki-collect.exe: its test is skipped'
	tests/run-all

# What the mapping has built in.
$(BUILD)/detect/mapping.o: detect/mapping.yml

-include $(shell find $(BUILD) -name "*.d" 2>/dev/null)
.SECONDARY:

.PHONY: lint check-layers
check-layers:
	@scripts/check-layers

# clang-tidy is by far the slowest: a file is looked at again only when it or a header changed.
LINT_SRC := $(LIB_SRC) $(CMD_SRC)
build/lint/%.ok: %.c .clang-tidy
	@mkdir -p $(@D)
	@clang-tidy --quiet $< -- -std=gnu11 -I. $(PKG_CFLAGS) 2>/dev/null >$@.txt || { cat $@.txt; exit 1; }
	@touch $@
lint: check-layers
	@scripts/deps check
	clang-format --dry-run --Werror $(LINT_SRC) $(wildcard */*.h collectors/windows/*.[ch] cmd/windows/*.c tests/*/*.c tests/*/*.h)
	cppcheck --quiet --std=c11 --enable=warning,portability --inline-suppr --suppressions-list=scripts/cppcheck.suppress \
		--error-exitcode=1 -j2 -I. $(LAYERS) cmd
	$(MAKE) --no-print-directory -k -j2 $(LINT_SRC:%.c=build/lint/%.ok)
	@set -e; for page in man/*.[1-9]; do mandoc -Tlint -Wwarning $$page; done

# ---- the rest ----
.PHONY: install demo bench help
install: all static
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/konseki $(DESTDIR)$(PREFIX)/share/man/man1 \
		$(DESTDIR)$(PREFIX)/share/man/man5 $(DESTDIR)$(PREFIX)/share/bash-completion/completions
	install -m 755 $(BUILD)/konseki $(BUILD)/konseki-collect $(DESTDIR)$(PREFIX)/bin
	install -m 644 man/*.1 $(DESTDIR)$(PREFIX)/share/man/man1
	$(if $(wildcard man/*.5),install -m 644 man/*.5 $(DESTDIR)$(PREFIX)/share/man/man5)
	install -m 644 completion/konseki.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/konseki
	cp -r rules $(DESTDIR)$(PREFIX)/share/konseki/
	install -m 644 detect/mapping.yml $(DESTDIR)$(PREFIX)/share/konseki/

demo: deps-build
	@$(MAKE) --no-print-directory -j2 all >build-demo.log 2>&1 || { cat build-demo.log; exit 1; }
	@mkdir -p build; mv build-demo.log build/demo-build.log
	@scripts/demo

bench: all $(BUILD)/tests/make_evtx $(BUILD)/tests/load $(BUILD)/tests/match
	KONSEKI=$(abspath $(BUILD)/konseki) BUILD=$(BUILD) python3 tests/bench/run

help:
	@echo 'make           build/konseki'
	@echo 'make static    build/konseki-collect, the static collector'
	@echo 'make windows   build/windows/konseki-collect.exe'
	@echo 'make check     every test (installs what they need)'
	@echo 'make lint      formatting, layers, cppcheck, clang-tidy, man pages'
	@echo 'make demo      konseki on this very machine, start to end'
	@echo 'make bench     speed, beside the peers that are installed'
	@echo 'make fuzz      build/fuzz/fuzz_PARSER, a libFuzzer target for each parser'
	@echo 'make install   PREFIX=/usr/local, DESTDIR='
	@echo 'make clean     remove build/'
	@echo 'SANITIZE=address,undefined builds into build/sanitize'

.PHONY: deps-build deps-check
deps-build:
	@scripts/deps build
deps-check:
	@scripts/deps check
deps-windows:
	@scripts/deps windows

.PHONY: clean
clean:
	rm -rf build
