/* Two accumulators per lag hide the latency of FMA; 16 samples a turn share one conversion. The rest of a record that is no
 * multiple of 16 long is copied out, so that nothing behind it is read. */
#include "pulse/dot_kernel.h"

#ifdef __x86_64__
#include <immintrin.h>
#include <string.h>

#define AVX2 __attribute__((target("avx2,fma")))

AVX2 static inline __m256 load8(const sample_u16 *x, __m256 base) {
    __m256i wide = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)(const void *)x));
    return _mm256_sub_ps(_mm256_cvtepi32_ps(wide), base);
}

AVX2 static inline float sum8(__m256 v) {
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}

/* One turn: 16 samples against the same place of all rows. */
AVX2 static inline void turn(const float *rows, size_t stride, const sample_u16 *x, __m256 base, __m256 low[LAGS], __m256 high[LAGS]) {
    __m256 a = load8(x, base), b = load8(x + 8, base);
    for (size_t i = 0; i < LAGS; i++) {
        low[i] = _mm256_fmadd_ps(_mm256_load_ps(rows + i * stride), a, low[i]);
        high[i] = _mm256_fmadd_ps(_mm256_load_ps(rows + i * stride + 8), b, high[i]);
    }
}

AVX2 void dot_lags_avx2(const float *rows, size_t stride, const sample_u16 *x, size_t n, float base, float lags[LAGS]) {
    __m256 level = _mm256_set1_ps(base), zero = _mm256_setzero_ps();
    __m256 low[LAGS] = { zero, zero, zero, zero, zero }, high[LAGS] = { zero, zero, zero, zero, zero };
    size_t k = 0;
    for (; k + DOT_PAD <= n; k += DOT_PAD)
        turn(rows + k, stride, x + k, level, low, high);
    if (k < n) {
        sample_u16 rest[DOT_PAD] = { 0 };
        memcpy(rest, x + k, (n - k) * sizeof rest[0]);
        turn(rows + k, stride, rest, level, low, high);
    }
    for (size_t i = 0; i < LAGS; i++)
        lags[i] = sum8(_mm256_add_ps(low[i], high[i]));
}

/* 8 samples of what the model leaves; t points at the first one's template sample. */
AVX2 static inline __m256 left8(const float *t, const sample_u16 *x, __m256 base, __m256 height, __m256 slope) {
    __m256 y = _mm256_fnmadd_ps(height, _mm256_loadu_ps(t), load8(x, base));
    return _mm256_fnmadd_ps(slope, _mm256_sub_ps(_mm256_loadu_ps(t + 1), _mm256_loadu_ps(t - 1)), y);
}

AVX2 float dot_residual_avx2(const float *t, const sample_u16 *x, size_t n, float base, float height, float slope) {
    __m256 b = _mm256_set1_ps(base), h = _mm256_set1_ps(height), g = _mm256_set1_ps(slope);
    __m256 one = _mm256_setzero_ps(), two = _mm256_setzero_ps();
    size_t k = 1;
    for (; k + 16 < n; k += 16) {
        __m256 v = left8(t + k, x + k, b, h, g), w = left8(t + k + 8, x + k + 8, b, h, g);
        one = _mm256_fmadd_ps(v, v, one);
        two = _mm256_fmadd_ps(w, w, two);
    }
    float sum = sum8(_mm256_add_ps(one, two));
    for (; k + 1 < n; k++) {
        float left = (float)x[k] - base - height * t[k] - slope * (t[k + 1] - t[k - 1]);
        sum += left * left;
    }
    return sum;
}
#endif
