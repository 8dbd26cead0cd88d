# tesd - real-time event processing for TES X-ray arrays.
#
#   make                 build/tesd
#   make run             install what is missing, build, simulate a small beamtime, calibrate and replay it
#   make check           install what is missing, build and run all tests      SAN=address,undefined | SAN=thread
#   make check-NAME      run one test program, e.g. make check-record_ljh
#   make fuzz FUZZ_S=60  run every fuzz target for 60 s each
#   make lint            clang-tidy, cppcheck, format and layer checks
#   make bench           kernels and chain against the machine
#   make install DESTDIR= PREFIX=/usr/local

name    := tesd
PREFIX  ?= /usr/local
SAN     ?=
comma   := ,
build   := build$(if $(filter-out cc gcc,$(notdir $(CC))),/$(notdir $(CC)))$(if $(SAN),/san-$(subst $(comma),-,$(SAN)))

# Flags: ours apart from the user's CFLAGS, so that a CFLAGS on the command line adds and does not replace.
warnings := -Wall -Wextra -Wshadow -Wconversion -Wmissing-prototypes
CFLAGS  ?= -O2 -g
version := $(shell git describe --always --dirty --tags 2>/dev/null || echo unknown)
flags    = -std=c11 -D_GNU_SOURCE -I. $(warnings) -ffp-contract=off -MMD -MP $(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=all)
ldflags  = $(if $(SAN),-fsanitize=$(SAN))

# Packages.
pkg        = $(shell pkg-config --$(1) $(2) 2>/dev/null)
pure_pkg   := fftw3 lapacke openblas cminpack
daemon_pkg := libzmq hdf5-serial jansson libcyaml yaml-0.1 cairo liburing libsystemd
pure_libs   = $(call pkg,libs,$(pure_pkg)) -lcerf -lm
daemon_libs = $(call pkg,libs,$(daemon_pkg)) -lpthread
flags      += $(call pkg,cflags,$(pure_pkg) $(daemon_pkg))

# Three rooms, one direction: pulse <- calib <- daemon <- tests.
objects = $(patsubst %.c,$(build)/%.o,$(1))
pulse  := $(call objects,$(sort $(wildcard pulse/*.c)))
calib  := $(call objects,$(sort $(wildcard calib/*.c)))
daemon := $(call objects,$(filter-out daemon/main.c,$(sort $(wildcard daemon/*.c daemon/*/*.c))))
tests  := $(patsubst %.c,$(build)/%,$(sort $(wildcard tests/pulse/test_*.c tests/calib/test_*.c tests/daemon/test_*.c tests/golden/test_*.c tests/stream/test_*.c)))

.PHONY: all clean
all: $(build)/$(name)

$(build)/$(name): $(build)/daemon/main.o $(build)/libdaemon.a $(build)/libcalib.a $(build)/libpulse.a
	$(CC) $(ldflags) $(LDFLAGS) -o $@ $^ $(daemon_libs) $(pure_libs)
$(build)/libpulse.a: $(pulse)
$(build)/libcalib.a: $(calib)
$(build)/libdaemon.a: $(daemon)
$(build)/lib%.a:
	rm -f $@ && $(AR) rcs $@ $^

# Unit tests of the pure rooms link no ZeroMQ, HDF5 or liburing; golden ones read HDF5.
$(build)/tests/pulse/%: $(build)/tests/pulse/%.o $(build)/libcalib.a $(build)/libpulse.a
	$(CC) $(ldflags) $(LDFLAGS) -o $@ $^ -lcmocka $(pure_libs)
$(build)/tests/calib/%: $(build)/tests/calib/%.o $(build)/libcalib.a $(build)/libpulse.a
	$(CC) $(ldflags) $(LDFLAGS) -o $@ $^ -lcmocka $(pure_libs)
$(build)/tests/%: $(build)/tests/%.o $(build)/libdaemon.a $(build)/libcalib.a $(build)/libpulse.a
	$(CC) $(ldflags) $(LDFLAGS) -o $@ $^ -lcmocka $(daemon_libs) $(pure_libs)

$(build)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(flags) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

check-%: $(build)/$(name)
	@t=$$(ls tests/*/test_$*.c) && $(MAKE) --no-print-directory $(build)/$${t%.c} && TESD=$(build)/$(name) $(build)/$${t%.c}

clean:
	rm -rf build

.SECONDARY:
-include $(shell find $(build) -name '*.d' 2>/dev/null)
