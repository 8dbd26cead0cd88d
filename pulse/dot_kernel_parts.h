/* pulse/dot_kernel_parts.h - what the files of the AVX2 variant share: dot_kernel_avx2.c (samples against rows), dot_integers_avx2.c (sums and searches over
 * samples), dot_floats_avx2.c (what looks closer at few records: floats). Private to them. */
#ifndef TESD_PULSE_DOT_KERNEL_PARTS_H
#define TESD_PULSE_DOT_KERNEL_PARTS_H

#include "pulse/dot_kernel.h"

#ifdef __x86_64__
#include <immintrin.h>

#define AVX2 __attribute__((target("avx2,fma")))

AVX2 static inline __m256i load16(const sample_u16 *x) {
    return _mm256_loadu_si256((const __m256i *)(const void *)x);
}

static inline void ask_for(const sample_u16 *x, size_t ahead) {
    _mm_prefetch((const char *)((uintptr_t)x + ahead), _MM_HINT_T0);
}

AVX2 static inline float sum8(__m256 v) {
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}

/* The least and the largest of each lane of 16. */
struct dot_range { __m256i low, high; };

AVX2 static inline void widen(struct dot_range *r, __m256i v) {
    r->low = _mm256_min_epu16(r->low, v);
    r->high = _mm256_max_epu16(r->high, v);
}

AVX2 static inline uint16_t least_of(__m256i v) {
    __m128i half = _mm_min_epu16(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    return (uint16_t)_mm_extract_epi16(_mm_minpos_epu16(half), 0);
}

AVX2 static inline struct dot_extremes extremes_of(const struct dot_range *r) {
    return (struct dot_extremes){ least_of(r->low), (uint16_t)~least_of(_mm256_xor_si256(r->high, _mm256_set1_epi16(-1))) };
}

/* Widened by samples that are no multiple of 16. */
static inline struct dot_extremes with_rest(struct dot_extremes e, const sample_u16 *x, size_t n) {
    for (size_t k = 0; k < n; k++) {
        e.low = x[k] < e.low ? x[k] : e.low;
        e.high = x[k] > e.high ? x[k] : e.high;
    }
    return e;
}

dot_sums_fn dot_sums_avx2;
dot_extremes_fn dot_extremes_avx2;
dot_find_fn dot_find_avx2;
dot_rise_fn dot_rise_avx2;
dot_step_fn dot_step_avx2;
dot_correlate_fn dot_correlate_avx2;
dot_floats_fn dot_floats_avx2;
dot_less_fn dot_less_avx2;
dot_bent_fn dot_bent_avx2;
#endif

#endif
