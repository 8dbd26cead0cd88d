/* pulse/wide_loop.h - loops over separate values that are compiled twice, for the vectors of every x86-64 and for those of 256 bits, and chosen
 * when called. Each value is the same bits either way: nothing is summed across values, and products are not fused with sums (-ffp-contract=off).
 *   WIDE_LOOP static inline void name_loop(parameters) { ... }   the loop
 *   WIDE_LOOP_CHOSEN(name, (parameters), (arguments))            defines static void name(parameters)
 * target_clones would do it in one word, but not with every linker and sanitizer. */
#ifndef TESD_PULSE_WIDE_LOOP_H
#define TESD_PULSE_WIDE_LOOP_H

#define WIDE_LOOP __attribute__((always_inline))

#ifdef __x86_64__
#define WIDE_LOOP_CHOSEN(name, parameters, arguments)                                  \
    __attribute__((target("avx2"))) static void name##_wide parameters { name##_loop arguments; } \
    static void name parameters {                                                      \
        if (__builtin_cpu_supports("avx2"))                                            \
            name##_wide arguments;                                                     \
        else                                                                           \
            name##_loop arguments;                                                     \
    }
#else
#define WIDE_LOOP_CHOSEN(name, parameters, arguments) \
    static void name parameters { name##_loop arguments; }
#endif

#endif
