# tesd - real-time event processing for TES X-ray arrays.
#
#   make                 build/tesd
#   make run             install what is missing, build, simulate a small beamtime, calibrate and replay it into demo/
#   make check           install what is missing, build and run all tests      SAN=address,undefined | SAN=thread
#   make check-NAME      run one test program, e.g. make check-record_ljh
#   make check-web       install what is missing (Chromium, Node, Playwright), the page of tesd web in a browser
#   make fuzz FUZZ_S=60  run every fuzz target for 60 s each
#   make lint            warnings of both compilers as errors, clang-tidy, cppcheck
#   make bench           kernels and chain against the machine
#   make soak            tesd run under load: 50 kills, a minute of rubbish, rates without loss, cost, memory and latency over ten minutes
#   make install DESTDIR= PREFIX=/usr/local
#   make deps            install the missing packages of all groups (build, test, lint)
# V=1 shows whole command lines. CC=clang builds in build/clang, each SAN in a folder of its own.

name    := tesd
release := 0.1.0
PREFIX  ?= /usr/local
SAN     ?=
FUZZ_S  ?= 60
comma   := ,
build   := build$(if $(filter-out cc gcc,$(notdir $(CC))),/$(notdir $(CC)))$(if $(SAN),/san-$(subst $(comma),-,$(SAN)))
ifeq ($(MAKELEVEL),0)
MAKEFLAGS += --no-print-directory -j$(shell nproc)
endif

# Flags: ours apart from the user's CFLAGS, so that a CFLAGS on the command line adds and does not replace.
warnings := -Wall -Wextra -Wshadow -Wconversion -Wmissing-prototypes
CFLAGS   ?= -O2 -g
sanitize := $(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=all)
git_id   := $(shell git -c safe.directory='*' describe --always --dirty --exclude='*' 2>/dev/null || echo unknown)

# Packages. OpenBLAS may be its threaded build whatever was asked for: the code calls openblas_set_num_threads(1) itself.
pkg         = $(shell pkg-config --$(1) $(2) 2>/dev/null)
pure_pkg   := fftw3 lapacke openblas cminpack
daemon_pkg := libzmq hdf5-serial zlib jansson libcyaml yaml-0.1 cairo liburing libsystemd
pure_libs   := $(call pkg,libs,$(pure_pkg)) -lcerf -lm
daemon_libs := $(call pkg,libs,$(daemon_pkg)) -lcivetweb -lpthread
flags       := -std=c11 -D_GNU_SOURCE -I. $(warnings) -ffp-contract=off -MMD -MP $(sanitize) $(call pkg,cflags,$(pure_pkg) $(daemon_pkg))

# Three rooms, one direction: pulse <- calib <- daemon <- tests.
objects = $(patsubst %.c,$(build)/%.o,$(1))
sources = $(patsubst %.c,$(build)/%,$(sort $(wildcard $(1))))
pulse  := $(call objects,$(sort $(wildcard pulse/*.c)))
calib  := $(call objects,$(sort $(wildcard calib/*.c)))
# Loops over samples and bins become vectors, which is a tenth of learning; nothing is summed in another order, so the results are the same.
# Nobody asks errno or the floating-point exceptions what arithmetic did.
pure_CFLAGS := $(patsubst -O2,-O3,$(CFLAGS)) -fno-math-errno -fno-trapping-math
$(pulse) $(calib) $(build)/daemon/stage/analyse.o: CFLAGS := $(pure_CFLAGS)
# Written in the order in which a core takes operations best (gcc would sort them by their latency).
$(build)/pulse/dot_kernel_avx2.o: CFLAGS += $(if $(findstring clang,$(CC)),,-fno-schedule-insns2)
daemon := $(call objects,$(filter-out daemon/main.c,$(sort $(wildcard daemon/*.c daemon/*/*.c))))
tests  := $(call sources,tests/*/test_*.c)
benches := $(call sources,tests/bench/bench_*.c)
fuzzers := $(call sources,tests/fuzz/fuzz_*.c)

.PHONY: all run deps check check-web fuzz lint bench soak install clean check-built fuzz-programs fuzz-built ready
all: $(build)/$(name)

# ---- products ----
say  = $(if $(V),,@echo '  $(1) $@' &&)
link = $(call say,LINK)$(CC) $(sanitize) $(LDFLAGS) -o $@ $(filter %.o %.a,$^) -Wl,--as-needed
libs := $(build)/libcalib.a $(build)/libpulse.a

$(build)/$(name): $(build)/daemon/main.o $(build)/libdaemon.a $(libs)
	$(link) $(daemon_libs) $(pure_libs)
$(build)/libpulse.a: $(pulse)
$(build)/libcalib.a: $(calib)
$(build)/libdaemon.a: $(daemon)
$(build)/lib%.a:
	$(call say,AR  )rm -f $@ && $(AR) rcs $@ $^

# Unit tests of the pure rooms link no ZeroMQ, HDF5 or liburing.
$(build)/tests/pulse/%: $(build)/tests/pulse/%.o $(libs)
	$(link) -lcmocka $(pure_libs)
$(build)/tests/calib/%: $(build)/tests/calib/%.o $(libs)
	$(link) -lcmocka $(pure_libs)
$(build)/tests/fuzz/%: $(build)/tests/fuzz/%.o $(build)/libdaemon.a $(libs)
	$(link) -fsanitize=fuzzer $(daemon_libs) $(pure_libs)
$(build)/tests/%: $(build)/tests/%.o $(build)/libdaemon.a $(libs)
	$(link) -lcmocka $(daemon_libs) $(pure_libs)

# A stamp changes only when its text does: other flags rebuild everything, another version or prefix one file.
stamp := $(shell mkdir -p $(build) && for s in 'flags $(CC) $(flags) $(CPPFLAGS) $(CFLAGS) $(pure_CFLAGS)' 'version $(release) $(git_id)' 'prefix $(PREFIX)'; do \
    f=$(build)/.$${s%% *}; echo "$$s" | cmp -s - $$f || echo "$$s" >$$f; done)
$(build)/daemon/version.o: $(build)/.version
$(build)/daemon/version.o: defines := -DTESD_VERSION='"$(release)"' -DTESD_GIT_ID='"$(git_id)"'
$(build)/daemon/config_path.o: $(build)/.prefix
$(build)/daemon/config_path.o: defines := -DTESD_PREFIX='"$(PREFIX)"'
# The report's page is compiled in from its files, which the compiler does not see as includes.
$(build)/daemon/sink/report_page.o: $(wildcard daemon/sink/report/*)
$(build)/daemon/client/web_page.o: $(wildcard daemon/client/page/*.* daemon/client/page/uplot/*)
$(build)/%.o: %.c $(build)/.flags | ready
	@mkdir -p $(@D)
	$(call say,CC  )$(CC) $(flags) $(defines) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<
ready:
	@pkg-config --exists $(pure_pkg) $(daemon_pkg) || { echo "make: packages are missing; 'make deps' installs them" >&2; exit 1; }

# ---- running ----
export TESD := $(CURDIR)/$(build)/$(name)
export LSAN_OPTIONS := suppressions=$(CURDIR)/tests/tool/lsan.supp:print_suppressions=0
export TSAN_OPTIONS := suppressions=$(CURDIR)/tests/tool/tsan.supp
export UBSAN_OPTIONS := print_stacktrace=1
export TEST_LIMIT_S ?= $(if $(filter thread,$(SAN)),1200,300)

deps:
	@tests/tool/install-packages build test lint
run:
	@tests/tool/install-packages build
	@$(MAKE) all
	@tests/tool/demo

# Fuzzing has its own build folder and needs clang; the sanitizer runs do not repeat it. The long tests come first, and the many short ones fill the gaps.
check:
	@tests/tool/install-packages build test
	@$(MAKE) check-built
check-built: all $(tests) $(if $(SAN),,fuzz-programs)
	@BUILD=$(build) CC=$(CC) FUZZ_S=5 tests/tool/run-tests tests/tool/layers.sh 'tests/tool/layers.sh --self-test' tests/tool/units.sh \
	    $(sort $(wildcard tests/stream/*.py tests/golden/*.py)) $(if $(SAN),,$(patsubst $(build)/%,build/fuzz/%,$(fuzzers))) $(tests)
check-%: all
	@t=$$(ls tests/*/test_$*.c) && $(MAKE) $(build)/$${t%.c} && $(build)/$${t%.c}

# The page of tesd web in a real browser; skipped with a word where there is none, or no Playwright: its library is npm's, of the version and checksum
# in package-lock.json.
playwright := tests/browser/node_modules/.package-lock.json
$(playwright): tests/browser/package-lock.json
	@echo "fetching Playwright's library by npm"
	@npm ci --prefix tests/browser --ignore-scripts --no-audit --no-fund --silent || echo 'npm could not fetch it' >&2
check-web: all
	-@tests/tool/install-packages web
	-@$(MAKE) -s $(playwright)
	@/usr/bin/python3 tests/browser/test_page.py || [ $$? -eq 77 ]

fuzz:
	@tests/tool/install-packages build test
	@$(MAKE) fuzz-programs
	@FUZZ_S=$(FUZZ_S) tests/tool/run-tests $(patsubst $(build)/%,build/fuzz/%,$(fuzzers))
fuzz-programs:
	@! tests/tool/has-fuzzer || $(MAKE) CC=clang build=build/fuzz SAN=fuzzer-no-link,address,undefined CFLAGS='-O1 -g' fuzz-built
fuzz-built: $(fuzzers)

lint:
	@tests/tool/install-packages build test lint
	@$(MAKE) CC=gcc build=build/lint-gcc CFLAGS='-O2 -Werror' all $(patsubst $(build)/%,build/lint-gcc/%,$(tests))
	@$(MAKE) CC=clang build=build/lint-clang CFLAGS='-O1 -Werror' all $(patsubst $(build)/%,build/lint-clang/%,$(tests))
	@tests/tool/lint $(flags)

bench: all $(benches)
	@for b in $(benches) '$(TESD) bench'; do $$b || exit; done

soak: all $(build)/tests/bench/live_sender $(build)/tests/bench/live_null $(build)/tests/daemon/test_killed_sinks
	TESD_KILLS=50 $(build)/tests/daemon/test_killed_sinks
	TESD_KILLS=50 /usr/bin/python3 tests/stream/test_run_disk.py
	TESD_RUBBISH_S=60 /usr/bin/python3 tests/stream/test_run_service.py
	/usr/bin/python3 tests/bench/soak.py --seconds 20
	/usr/bin/python3 tests/bench/soak.py 24000 --long 600

share := $(DESTDIR)$(PREFIX)/share/$(name)
manual := $(DESTDIR)$(PREFIX)/share/man
units := $(DESTDIR)$(PREFIX)/lib
install: all
	install -D -m 755 $(build)/$(name) $(DESTDIR)$(PREFIX)/bin/$(name)
	install -D -m 644 -t $(share) config/tesd.yaml config/reference.md
	install -D -m 644 -t $(share)/lines config/lines/*.csv
	install -D -m 644 -t $(manual)/man1 doc/tesd.1
	install -D -m 644 -t $(manual)/man5 doc/tesd.yaml.5
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/doc/$(name) README.md LICENSE doc/*.md doc/subscribe.*
	install -D -m 644 daemon/client/page/uplot/LICENSE $(DESTDIR)$(PREFIX)/share/doc/$(name)/LICENSE.uPlot
	install -D -m 644 -t $(units)/sysusers.d systemd/sysusers.d/$(name).conf
	install -D -m 644 -t $(units)/tmpfiles.d systemd/tmpfiles.d/$(name).conf
	install -d $(units)/systemd/system
	for u in systemd/*.service; do sed 's,/usr/\(bin\|share\)/$(name),$(PREFIX)/\1/$(name),' $$u >$(units)/systemd/system/$$(basename $$u) || exit; done

clean:
	rm -rf build

.SECONDARY:
-include $(shell find $(build) -name '*.d' 2>/dev/null)
