/* Products of floats, for records that something speaks against: searches and fits. */
#include "pulse/dot_kernel_parts.h"

#ifdef __x86_64__
/* 64 outputs in 8 sums, which is as many products as a core has on their way at once. To load vectors once for products with several weights puts those of
 * one sum behind each other, and took half as long again. */
AVX2 static void correlate64(const float *w, size_t n_w, const float *x, float *out) {
    __m256 sum[8];
#pragma GCC unroll 8
    for (size_t s = 0; s < 8; s++)
        sum[s] = _mm256_setzero_ps();
    for (size_t i = 0; i < n_w; i++) {
        __m256 weight = _mm256_broadcast_ss(w + i);
#pragma GCC unroll 8
        for (size_t s = 0; s < 8; s++)
            sum[s] = _mm256_fmadd_ps(weight, _mm256_loadu_ps(x + i + 8 * s), sum[s]);
    }
#pragma GCC unroll 8
    for (size_t s = 0; s < 8; s++)
        _mm256_storeu_ps(out + 8 * s, sum[s]);
}

AVX2 void dot_correlate_avx2(const float *w, size_t n_w, const float *x, size_t n_out, float *out) {
    size_t j = 0;
    for (; j + 64 <= n_out; j += 64)
        correlate64(w, n_w, x + j, out + j);
    if (j > 0 && j < n_out) {   /* the last 64, some of them again */
        correlate64(w, n_w, x + n_out - 64, out + n_out - 64);
        return;
    }
    for (; j + 8 <= n_out; j += 8) {
        __m256 a = _mm256_setzero_ps(), b = a;
        size_t i = 0;
        for (; i + 2 <= n_w; i += 2) {
            a = _mm256_fmadd_ps(_mm256_broadcast_ss(w + i), _mm256_loadu_ps(x + j + i), a);
            b = _mm256_fmadd_ps(_mm256_broadcast_ss(w + i + 1), _mm256_loadu_ps(x + j + i + 1), b);
        }
        if (i < n_w)
            a = _mm256_fmadd_ps(_mm256_broadcast_ss(w + i), _mm256_loadu_ps(x + j + i), a);
        _mm256_storeu_ps(out + j, _mm256_add_ps(a, b));
    }
    for (; j < n_out; j++) {
        float sum = 0;
        for (size_t i = 0; i < n_w; i++)
            sum += w[i] * x[j + i];
        out[j] = sum;
    }
}

AVX2 float dot_floats_avx2(const float *a, const float *b, size_t n) {
    __m256 c = _mm256_setzero_ps(), d = c, e = c, f = c;
    size_t k = 0;
    for (; k + 32 <= n; k += 32) {
        c = _mm256_fmadd_ps(_mm256_loadu_ps(a + k), _mm256_loadu_ps(b + k), c);
        d = _mm256_fmadd_ps(_mm256_loadu_ps(a + k + 8), _mm256_loadu_ps(b + k + 8), d);
        e = _mm256_fmadd_ps(_mm256_loadu_ps(a + k + 16), _mm256_loadu_ps(b + k + 16), e);
        f = _mm256_fmadd_ps(_mm256_loadu_ps(a + k + 24), _mm256_loadu_ps(b + k + 24), f);
    }
    float sum = sum8(_mm256_add_ps(_mm256_add_ps(c, d), _mm256_add_ps(e, f)));
    for (; k < n; k++)
        sum += a[k] * b[k];
    return sum;
}

/* By 32, or each would wait for the product before it. */
AVX2 static inline void less32(float *a, const float *row, size_t stride, const float *times, size_t n_rows) {
    __m256 v[4] = { _mm256_loadu_ps(a), _mm256_loadu_ps(a + 8), _mm256_loadu_ps(a + 16), _mm256_loadu_ps(a + 24) };
    for (size_t j = 0; j < n_rows; j++, row += stride) {
        __m256 t = _mm256_broadcast_ss(times + j);
#pragma GCC unroll 4
        for (size_t i = 0; i < 4; i++)
            v[i] = _mm256_fnmadd_ps(t, _mm256_loadu_ps(row + 8 * i), v[i]);
    }
#pragma GCC unroll 4
    for (size_t i = 0; i < 4; i++)
        _mm256_storeu_ps(a + 8 * i, v[i]);
}

AVX2 void dot_less_avx2(float *a, const float *rows, size_t stride, const float *times, size_t n_rows, size_t n) {
    size_t k = 0;
    for (; k + 32 <= n; k += 32)
        less32(a + k, rows + k, stride, times, n_rows);
    for (; k < n; k++)
        for (size_t j = 0; j < n_rows; j++)
            a[k] -= times[j] * rows[j * stride + k];
}

struct bent_sums { __m256 yy, y, ye, ys, yse, s, se, ss, see, sse, ssee; };

AVX2 static inline __attribute__((always_inline)) void bend8(struct bent_sums *a, __m256 y, __m256 s, __m256 e) {
    __m256 se = _mm256_mul_ps(s, e);
    a->yy = _mm256_fmadd_ps(y, y, a->yy);
    a->y = _mm256_add_ps(a->y, y);
    a->ye = _mm256_fmadd_ps(y, e, a->ye);
    a->ys = _mm256_fmadd_ps(y, s, a->ys);
    a->s = _mm256_add_ps(a->s, s);
    a->ss = _mm256_fmadd_ps(s, s, a->ss);
    a->yse = _mm256_fmadd_ps(y, se, a->yse);
    a->se = _mm256_add_ps(a->se, se);
    a->see = _mm256_fmadd_ps(se, e, a->see);
    a->sse = _mm256_fmadd_ps(s, se, a->sse);
    a->ssee = _mm256_fmadd_ps(se, se, a->ssee);
}

AVX2 static inline __m256 floats8(const sample_u16 *x) {
    return _mm256_cvtepi32_ps(_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)(const void *)x)));
}

AVX2 void dot_bent_avx2(const sample_u16 *x, struct dot_bend by, size_t n, struct dot_bent *sums) {
    const __m256 o = _mm256_setzero_ps(), base = _mm256_set1_ps(by.base), height = _mm256_set1_ps(by.height), at = _mm256_set1_ps(by.at);
    struct bent_sums a = { o, o, o, o, o, o, o, o, o, o, o };
    size_t k = 0;
    for (; k + 8 <= n; k += 8) {
        __m256 s = _mm256_loadu_ps(by.s + k);
        bend8(&a, _mm256_fnmadd_ps(height, s, _mm256_sub_ps(floats8(x + k), base)), s, _mm256_mul_ps(at, _mm256_loadu_ps(by.fall + k)));
    }
    if (k < n) {   /* those that are not there are 0 */
        float y[8] = { 0 }, s[8] = { 0 }, e[8] = { 0 };
        for (size_t i = 0; k + i < n; i++) {
            s[i] = by.s[k + i];
            y[i] = (float)x[k + i] - by.base - by.height * s[i];
            e[i] = by.at * by.fall[k + i];
        }
        bend8(&a, _mm256_loadu_ps(y), _mm256_loadu_ps(s), _mm256_loadu_ps(e));
    }
    sums->yy += (double)sum8(a.yy);
    sums->y += (double)sum8(a.y);
    sums->ye += (double)sum8(a.ye);
    sums->ys += (double)sum8(a.ys);
    sums->yse += (double)sum8(a.yse);
    sums->s += (double)sum8(a.s);
    sums->se += (double)sum8(a.se);
    sums->ss += (double)sum8(a.ss);
    sums->see += (double)sum8(a.see);
    sums->sse += (double)sum8(a.sse);
    sums->ssee += (double)sum8(a.ssee);
}
#endif
