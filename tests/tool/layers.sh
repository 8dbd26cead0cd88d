#!/usr/bin/env bash
# layers.sh: the promises of the rooms, checked. Includes point one way (pulse <- calib <- daemon <- tests; source, stage, sink and
# control never see each other), every header compiles alone, and the objects of pulse/ and calib/ need nothing but memory, strings
# and mathematics and have no writable file-scope variables. `layers.sh --self-test` plants every fault and looks that it is caught.
# Environment: BUILD (folder with libpulse.a and libcalib.a), CC. Run from the top of the tree.
set -u
build=${BUILD:-build}
cc=${CC:-cc}

# What the pure rooms may ask of others. An allow-list: gcc turns printf("a\n") into puts, which a deny-list would miss.
allowed='mem(cpy|move|set|cmp|chr|rchr|mem)|mempcpy|str[a-z]+|__str[a-z]+|malloc|calloc|realloc|reallocarray|free|aligned_alloc|posix_memalign|qsort(_r)?|bsearch
v?snprintf|__v?snprintf_chk|__(mem|str)[a-z]+_chk|__isoc(99|23)_(sscanf|strto[a-z]+)|sscanf|atoi|abs|labs|llabs|__ctype_(b|tolower|toupper)_loc|to(lower|upper)|is[a-z]+|__is(nan|inf|finite)f?
__assert_fail|__stack_chk_fail|_GLOBAL_OFFSET_TABLE_|__cpu_model|__cpu_indicator_init|gmtime_r|timegm
l?gamma_?r?f?|tgammaf?|erfc?f?|a?(sin|cos|tan)h?f?|atan2f?|sincosf?|exp(2|10|m1)?f?|log(2|10|1p|b)?f?|pow(f|l)?|cbrtf?|sqrt(f|l)?|hypotf?|fmodf?|modff?|remainderf?|floorf?|ceilf?|truncf?|rintf?|nearbyintf?
l?l?r(ound|int)f?|fabs(f|l)?|f(min|max|dim|ma)f?|copysignf?|nextafterf?|(ld|fr)expf?|scal(b|bl)nf?|ilogbf?|signgam
fftwf?_[a-z0-9_]+|LAPACKE_[a-z0-9_]+|cblas_[a-z0-9_]+|openblas_set_num_threads|(lmder|lmdif|lmstr|hybr|enorm|dpmpar|covar)[a-z0-9_]*|(__cminpack_func__)?[a-z_]*cminpack[a-z_]*|voigt|voigt_hwhm|w_of_z|(im|re)_w_(of_z|of_x)|erfcx|cerf[a-z]*|dawson|__(mul|div)[a-z]+c3|c(abs|exp|arg)f?
__(a|t|ub|l|m)san_[a-zA-Z0-9_]+|__sanitizer_[a-z0-9_]+|__tsan_[a-z0-9_]+|__sancov_[a-z0-9_]+|__asan_option_[a-z_]+'
allowed_pattern="^($(tr '\n' '|' <<<"$allowed" | sed 's/|$//'))\$"

wrong=0
complain() { echo "layers: $*" >&2; wrong=1; }

includes_of() { find "$1" -name '*.[ch]' -exec grep -HnE '^[[:space:]]*#[[:space:]]*include[[:space:]]*"' {} + 2>/dev/null; }

arrow() {  # folder, pattern of what it must not include, why
    local hit
    while IFS= read -r hit; do complain "$hit: $3"; done < <(includes_of "$1" | grep -E "\"($2)")
}

check_includes() {
    local room other
    arrow pulse '(calib|daemon|tests)/|\.\./' 'pulse/ includes pulse/ only'
    arrow calib '(daemon|tests)/|\.\./' 'calib/ includes calib/ and pulse/ only'
    arrow daemon 'tests/|\.\./' 'daemon/ does not include tests/'
    for room in source stage sink control client; do
        for other in source stage sink control client cli; do
            [ "$room" = "$other" ] || arrow "daemon/$room" "daemon/$other/" "daemon/$room and daemon/$other never see each other"
        done
    done
}

header_alone() { "$1" -std=c11 -D_GNU_SOURCE -I. -Wall -Wextra $PURE_CFLAGS -Werror -fsyntax-only -x c - <<<"#include \"$2\"" 2>&1 | sed "s,^,$2: ," | head -3; }

check_headers() {
    local text
    PURE_CFLAGS=$(pkg-config --cflags fftw3 lapacke openblas hdf5-serial jansson cairo 2>/dev/null)
    export PURE_CFLAGS
    export -f header_alone
    text=$(find pulse calib daemon -name '*.h' -print0 | xargs -0 -r -n1 -P"$(nproc)" bash -c 'header_alone "$0" "$1"' "$cc")
    [ -z "$text" ] || complain "a header does not compile alone"$'\n'"$text"
}

own_symbols() { nm --defined-only "$@" 2>/dev/null | awk 'NF == 3 { print $3 }' | sort -u; }

check_symbols() {  # library, library it may use...
    local needs
    [ -f "$1" ] || { complain "$1 is not built"; return; }
    needs=$(nm -u "$1" 2>/dev/null | awk '$1 == "U" { sub(/@.*/, "", $2); print $2 }' | sort -u | comm -23 - <(own_symbols "$@") | grep -vE "$allowed_pattern")
    [ -z "$needs" ] || complain "$1 must be pure but needs: $(tr '\n' ' ' <<<"$needs")"
}

# Symbols in .data, .bss or common; constant tables of pointers (.data.rel.ro) are read-only once the program runs.
# Sanitizers add their own variables, so those builds are left out.
check_variables() {
    local found
    case $build in *san-* | *fuzz*) return ;; esac
    found=$(nm -f sysv "$1" 2>/dev/null | awk -F'|' '
        /^Symbols from/ { object = $0; sub(/.*\[/, "", object); sub(/\].*/, "", object) }
        { gsub(/ /, ""); if ($3 ~ /^[dDbBC]$/ && $7 !~ /^\.data\.rel\.ro/ && $1 !~ /^DW\.ref/) printf "%s in %s; ", $1, object }')
    [ -z "$found" ] || complain "$1 has writable file-scope variables: $found"
}

check_all() {
    check_includes
    check_headers
    check_symbols "$build/libpulse.a"
    check_symbols "$build/libcalib.a" "$build/libpulse.a"
    check_variables "$build/libpulse.a"
    check_variables "$build/libcalib.a"
}

# ---- self-test: a tree of its own, clean first, then with one fault at a time ----
plant_tree() {  # folder
    mkdir -p "$1"/{pulse,calib,daemon/source,daemon/sink,build}
    printf '#include <stddef.h>\nsize_t good(size_t n);\n' >"$1/pulse/good.h"
    printf '#include "pulse/good.h"\n#include <stdlib.h>\nstatic const int table[] = { 1, 2 };\nextern const char *const names[];\nconst char *const names[] = { "a", "b" };\nsize_t good(size_t n) { void *p = malloc(n); free(p); return n + (size_t)table[n %% 2]; }\n' >"$1/pulse/good.c"
    printf '#include "pulse/good.h"\n#include <math.h>\ndouble fine(double x);\ndouble fine(double x) { return exp(x) + (double)good(2); }\n' >"$1/calib/fine.c"
}

verdict_of() {  # folder -> what this script says there
    (
        cd "$1" || exit 9
        for room in pulse calib; do
            rm -f "build/lib$room.a"
            for c in "$room"/*.c; do "$cc" -std=c11 -D_GNU_SOURCE -O2 -I. -c "$c" -o "build/$room-$(basename "$c" .c).o" || exit 9; done
            ar rcs "build/lib$room.a" build/$room-*.o
        done
        BUILD=build CC=$cc "$script" 2>&1
    )
}

expect() {  # what, expected word in the message, file, text: the fault alone in a clean tree
    local tree said
    tree=$(mktemp -d -p "$nursery")
    plant_tree "$tree"
    printf '%b' "$4" >"$tree/$3"
    said=$(verdict_of "$tree") && { echo "layers --self-test: not caught: $1" >&2; wrong=1; return; }
    grep -q -- "$2" <<<"$said" || { echo "layers --self-test: $1 was caught for another reason: $said" >&2; wrong=1; }
}

self_test() {
    local clean
    script=$(readlink -f "$0")
    nursery=$(mktemp -d)
    trap 'rm -rf "$nursery"' EXIT
    clean=$nursery/clean
    plant_tree "$clean"
    verdict_of "$clean" || { echo "layers --self-test: complains about a clean tree" >&2; wrong=1; }
    expect 'printing' 'puts' pulse/bad.c '#include <stdio.h>\nvoid bad(void);\nvoid bad(void) { printf("a\\n"); }\n'
    expect 'a file opened in calib' 'fopen' calib/bad.c '#include <stdio.h>\nvoid *bad(void);\nvoid *bad(void) { return fopen("x", "r"); }\n'
    expect 'a thread' 'pthread_create' pulse/bad.c '#include <pthread.h>\nint bad(void *(*f)(void *), pthread_t *t);\nint bad(void *(*f)(void *), pthread_t *t) { return pthread_create(t, 0, f, 0); }\n'
    expect 'a clock' 'clock_gettime' calib/bad.c '#include <time.h>\nint bad(struct timespec *t);\nint bad(struct timespec *t) { return clock_gettime(CLOCK_REALTIME, t); }\n'
    expect 'a hidden counter' 'file-scope' pulse/bad.c 'int bad(void);\nint bad(void) { static int calls; return ++calls; }\n'
    expect 'a global with a value' 'file-scope' calib/bad.c 'extern int bad;\nint bad = 3;\n'
    expect 'pulse including calib' 'pulse/ includes' pulse/bad.c '#include "calib/fine.c"\n'
    expect 'calib including daemon' 'calib/ includes' calib/bad.h '#include "daemon/log.h"\n'
    expect 'a sink including a source' 'never see each other' daemon/sink/bad.h '#include "daemon/source/x.h"\n'
    expect 'a header that needs another' 'compile alone' calib/bad.h 'double bad(size_t n);\n'
}

if [ "${1-}" = --self-test ]; then self_test; else check_all; fi
exit $wrong
