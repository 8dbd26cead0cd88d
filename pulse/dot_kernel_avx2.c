/* Samples are taken 16 at a time; the rest of a record that is no multiple of 16 long is copied out or done one by one, so that
 * nothing behind it is read. */
#include "pulse/dot_kernel_parts.h"

#ifdef __x86_64__
#include <math.h>
#include <string.h>

/* With 0x4b00 above it a sample is the float 2^23 + x, so one subtraction of 2^23 + base converts it: exactly, when base is whole. */
struct sixteen { __m256 low, high; };   /* samples less base: woven 0..3 with 8..11 and 4..7 with 12..15, or 0..7 and 8..15 */

AVX2 static inline __m256 lift(float base) {
    return _mm256_set1_ps(8388608.0F + base);
}

/* Woven: unpacking works within halves. */
AVX2 static inline struct sixteen woven16(__m256i v, __m256 lifted) {
    const __m256i exponent = _mm256_set1_epi16(0x4b00);
    return (struct sixteen){ _mm256_sub_ps(_mm256_castsi256_ps(_mm256_unpacklo_epi16(v, exponent)), lifted),
                             _mm256_sub_ps(_mm256_castsi256_ps(_mm256_unpackhi_epi16(v, exponent)), lifted) };
}

/* Or gcc loads the samples once for each of two uses. */
AVX2 static inline __m256i once16(const sample_u16 *x) {
    __m256i v = load16(x);
    __asm__("" : "+x"(v));
    return v;
}

AVX2 static inline struct sixteen less16(const sample_u16 *x, __m256 lifted) {
    return woven16(_mm256_permute4x64_epi64(load16(x), 0xd8), lifted);
}

/* The last samples of a record, fewer than 16, and zeros. */
AVX2 static inline __m256i load_rest(const sample_u16 *x, size_t n) {
    sample_u16 rest[16] = { 0 };
    memcpy(rest, x, n * sizeof rest[0]);
    return load16(rest);
}

/* Four accumulators hide the latency of FMA. */
AVX2 static float one_avx2(const float *row, const sample_u16 *x, size_t n, float base) {
    __m256 level = lift(base), a = _mm256_setzero_ps(), b = a, c = a, d = a;
    size_t k = 0;
    for (; k + 32 <= n; k += 32) {
        struct sixteen y = woven16(load16(x + k), level), z = woven16(load16(x + k + 16), level);
        ask_for(x + k, DOT_AHEAD);
        a = _mm256_fmadd_ps(_mm256_load_ps(row + k), y.low, a);
        b = _mm256_fmadd_ps(_mm256_load_ps(row + k + 8), y.high, b);
        c = _mm256_fmadd_ps(_mm256_load_ps(row + k + 16), z.low, c);
        d = _mm256_fmadd_ps(_mm256_load_ps(row + k + 24), z.high, d);
    }
    for (; k < n; k += 16) {   /* rows are zero behind n */
        struct sixteen y = woven16(k + 16 <= n ? load16(x + k) : load_rest(x + k, n - k), level);
        a = _mm256_fmadd_ps(_mm256_load_ps(row + k), y.low, a);
        b = _mm256_fmadd_ps(_mm256_load_ps(row + k + 8), y.high, b);
    }
    return sum8(_mm256_add_ps(_mm256_add_ps(a, b), _mm256_add_ps(c, d)));
}

/* 16 samples against the same place of all rows; written out so that the sums stay in registers at any -O. */
struct row_sums { __m256 low[DOT_ROWS], high[DOT_ROWS]; };

AVX2 static inline void turn(const float *rows, size_t stride, struct sixteen y, struct row_sums *s) {
    s->low[0] = _mm256_fmadd_ps(_mm256_load_ps(rows), y.low, s->low[0]);
    s->high[0] = _mm256_fmadd_ps(_mm256_load_ps(rows + 8), y.high, s->high[0]);
    s->low[1] = _mm256_fmadd_ps(_mm256_load_ps(rows + stride), y.low, s->low[1]);
    s->high[1] = _mm256_fmadd_ps(_mm256_load_ps(rows + stride + 8), y.high, s->high[1]);
    s->low[2] = _mm256_fmadd_ps(_mm256_load_ps(rows + 2 * stride), y.low, s->low[2]);
    s->high[2] = _mm256_fmadd_ps(_mm256_load_ps(rows + 2 * stride + 8), y.high, s->high[2]);
}

/* Samples are converted a block ahead of their use: conversion takes longer than a core with a small window (36 operations: Zen 1) looks ahead.
 * And in between the products, so that each four operations that a core takes at once are of different kinds: that makes a record a sixth
 * faster there, and is why this file is compiled in the order in which it is written (see the Makefile). */
AVX2 static inline struct sixteen turn_and_next(const float *row, size_t stride, struct sixteen y, struct row_sums *s, const sample_u16 *x, __m256 level,
                                                struct dot_range *r) {
    const __m256i exponent = _mm256_set1_epi16(0x4b00);
    struct sixteen next;
    __m256i v = load16(x);
    s->low[0] = _mm256_fmadd_ps(_mm256_load_ps(row), y.low, s->low[0]);
    s->low[1] = _mm256_fmadd_ps(_mm256_load_ps(row + stride), y.low, s->low[1]);
    next.low = _mm256_castsi256_ps(_mm256_unpacklo_epi16(v, exponent));
    next.high = _mm256_castsi256_ps(_mm256_unpackhi_epi16(v, exponent));
    s->low[2] = _mm256_fmadd_ps(_mm256_load_ps(row + 2 * stride), y.low, s->low[2]);
    s->high[0] = _mm256_fmadd_ps(_mm256_load_ps(row + 8), y.high, s->high[0]);
    next.low = _mm256_sub_ps(next.low, level);
    next.high = _mm256_sub_ps(next.high, level);
    s->high[1] = _mm256_fmadd_ps(_mm256_load_ps(row + stride + 8), y.high, s->high[1]);
    s->high[2] = _mm256_fmadd_ps(_mm256_load_ps(row + 2 * stride + 8), y.high, s->high[2]);
    widen(r, v);
    return next;
}

/* n: a multiple of 16, not 0. */
AVX2 static inline void whole_rows(const float *rows, size_t stride, const sample_u16 *x, size_t n, __m256 level, size_t ahead, struct row_sums *sums, struct dot_range *range) {
    struct row_sums s = *sums;
    struct dot_range r = *range;
    __m256i first = load16(x);
    struct sixteen now = woven16(first, level), next;
    size_t k = 0;
    widen(&r, first);
    ask_for(x, ahead);
    if (n % 32 == 0) {
        now = turn_and_next(rows, stride, now, &s, x + 16, level, &r);
        k = 16;
    }
    for (; k + 16 < n; k += 32) {
        ask_for(x + k, ahead);
        next = turn_and_next(rows + k, stride, now, &s, x + k + 16, level, &r);
        now = turn_and_next(rows + k + 16, stride, next, &s, x + k + 32, level, &r);
    }
    ask_for(x + k, ahead);
    turn(rows + k, stride, now, &s);
    *sums = s;
    *range = r;
}

AVX2 static void rows_avx2(const float *rows, size_t stride, const sample_u16 *x, size_t n, float base, size_t ahead, struct dot_looks *out) {
    __m256 level = lift(base), o = _mm256_setzero_ps();
    struct row_sums s = { { o, o, o }, { o, o, o } };
    struct dot_range range = { _mm256_set1_epi16(-1), _mm256_setzero_si256() };
    size_t whole = n / 16 * 16;
    if (whole > 0)
        whole_rows(rows, stride, x, whole, level, ahead, &s, &range);
    out->extremes = extremes_of(&range);
    if (whole < n) {   /* rows are zero behind n */
        turn(rows + whole, stride, woven16(load_rest(x + whole, n - whole), level), &s);
        out->extremes = with_rest(out->extremes, x + whole, n - whole);
    }
    for (size_t i = 0; i < DOT_ROWS; i++)
        out->sums[i] = sum8(_mm256_add_ps(s.low[i], s.high[i]));
}

/* What the model leaves of 8 samples y, less `fraction`. Two chains of FMA, or their latency would show; written out for the registers' sake. */
AVX2 static inline __m256 left8(const float *row, size_t stride, __m256 y, __m256 fraction, const __m256 terms[DOT_TERMS]) {
    __m256 z = _mm256_fmadd_ps(terms[1], _mm256_load_ps(row + stride), fraction);
    y = _mm256_fnmadd_ps(terms[0], _mm256_load_ps(row), y);
    z = _mm256_fmadd_ps(terms[3], _mm256_load_ps(row + 3 * stride), z);
    y = _mm256_fnmadd_ps(terms[2], _mm256_load_ps(row + 2 * stride), y);
    z = _mm256_fmadd_ps(terms[5], _mm256_load_ps(row + 5 * stride), z);
    y = _mm256_fnmadd_ps(terms[4], _mm256_load_ps(row + 4 * stride), y);
    y = _mm256_fnmadd_ps(terms[6], _mm256_load_ps(row + 6 * stride), y);
    return _mm256_sub_ps(y, z);
}

AVX2 static float residual_avx2(const float *rows, size_t stride, const sample_u16 *x, size_t n, float base, const float terms[DOT_TERMS]) {
    float whole = rintf(base);
    __m256 level = lift(whole), fraction = _mm256_set1_ps(base - whole), t[DOT_TERMS], one = _mm256_setzero_ps(), two = _mm256_setzero_ps();
    size_t k = 0;
    for (size_t j = 0; j < DOT_TERMS; j++)
        t[j] = _mm256_set1_ps(terms[j]);
    for (; k + 16 <= n; k += 16) {
        struct sixteen y = less16(x + k, level);
        __m256 v = left8(rows + k, stride, y.low, fraction, t), w = left8(rows + k + 8, stride, y.high, fraction, t);
        one = _mm256_fmadd_ps(v, v, one);
        two = _mm256_fmadd_ps(w, w, two);
    }
    float sum = sum8(_mm256_add_ps(one, two));
    for (; k < n; k++) {
        float left = (float)x[k] - base;
        for (size_t j = 0; j < DOT_TERMS; j++)
            left -= terms[j] * rows[j * stride + k];
        sum += left * left;
    }
    return sum;
}

/* What few rows leave of 16 samples, y; the squares of what they left of the 16 before, v; and the conversion of the next: as for the rows. */
struct few { __m256 level, fraction, terms[DOT_FEW], low, high; };   /* low, high: sums of squares */

AVX2 static inline struct sixteen few16(struct few *f, const float *row, size_t stride, struct sixteen *y, struct sixteen v, __m256i samples) {
    const __m256i exponent = _mm256_set1_epi16(0x4b00);
    struct sixteen left = *y;
    f->low = _mm256_fmadd_ps(v.low, v.low, f->low);
    left.low = _mm256_fnmadd_ps(f->terms[0], _mm256_load_ps(row), left.low);
    y->low = _mm256_castsi256_ps(_mm256_unpacklo_epi16(samples, exponent));
    y->high = _mm256_castsi256_ps(_mm256_unpackhi_epi16(samples, exponent));
    f->high = _mm256_fmadd_ps(v.high, v.high, f->high);
    left.high = _mm256_fnmadd_ps(f->terms[0], _mm256_load_ps(row + 8), left.high);
    y->low = _mm256_sub_ps(y->low, f->level);
    y->high = _mm256_sub_ps(y->high, f->level);
    left.low = _mm256_fnmadd_ps(f->terms[1], _mm256_load_ps(row + stride), left.low);
    left.high = _mm256_fnmadd_ps(f->terms[1], _mm256_load_ps(row + stride + 8), left.high);
    left.low = _mm256_sub_ps(left.low, f->fraction);
    left.high = _mm256_sub_ps(left.high, f->fraction);
    return left;
}

/* n: a multiple of 16, not 0. */
AVX2 static float whole_few(struct few f, const float *rows, size_t stride, const sample_u16 *x, size_t n) {
    struct sixteen y = woven16(load16(x), f.level), v = { _mm256_setzero_ps(), _mm256_setzero_ps() }, w;
    size_t k = 0;
    if (n % 32 == 0) {
        v = few16(&f, rows, stride, &y, v, once16(x + 16));
        k = 16;
    }
    for (; k + 16 < n; k += 32) {
        w = few16(&f, rows + k, stride, &y, v, once16(x + k + 16));
        v = few16(&f, rows + k + 16, stride, &y, w, once16(x + k + 32));
    }
    v = few16(&f, rows + k, stride, &y, v, _mm256_setzero_si256());
    return sum8(_mm256_add_ps(_mm256_fmadd_ps(v.low, v.low, f.low), _mm256_fmadd_ps(v.high, v.high, f.high)));
}

AVX2 static float few_avx2(const float *rows, size_t stride, const sample_u16 *x, size_t n, float base, const float terms[DOT_FEW]) {
    float whole = rintf(base);
    const struct few f = { lift(whole), _mm256_set1_ps(base - whole), { _mm256_set1_ps(terms[0]), _mm256_set1_ps(terms[1]) }, _mm256_setzero_ps(), _mm256_setzero_ps() };
    size_t k = n / 16 * 16;
    float sum = k > 0 ? whole_few(f, rows, stride, x, k) : 0;
    for (; k < n; k++) {
        size_t place = dot_place(k);
        float left = (float)x[k] - base - terms[0] * rows[place] - terms[1] * rows[stride + place];
        sum += left * left;
    }
    return sum;
}

const struct dot_kernel dot_kernel_avx2 = {
    "avx2", one_avx2, rows_avx2, residual_avx2, few_avx2, dot_sums_avx2, dot_extremes_avx2, dot_find_avx2, dot_rise_avx2, dot_step_avx2,
    dot_correlate_avx2, dot_floats_avx2, dot_less_avx2, dot_bent_avx2,
};
#endif
