/* Samples are taken 16 at a time; the rest of a record that is no multiple of 16 long is copied out or done one by one, so that
 * nothing behind it is read. Integer loops work on y = x - 32768, which is what fits signed 16-bit arithmetic. */
#include "pulse/dot_kernel.h"

#ifdef __x86_64__
#include <immintrin.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define AVX2 __attribute__((target("avx2,fma")))

AVX2 static inline __m256i load16(const sample_u16 *x) {
    return _mm256_loadu_si256((const __m256i *)(const void *)x);
}

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

AVX2 static inline struct sixteen less16(const sample_u16 *x, __m256 lifted) {
    return woven16(_mm256_permute4x64_epi64(load16(x), 0xd8), lifted);
}

AVX2 static inline float sum8(__m256 v) {
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}

static inline void ask_for(const sample_u16 *x) {
    _mm_prefetch((const char *)((uintptr_t)x + DOT_AHEAD), _MM_HINT_T0);
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
        ask_for(x + k);
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

AVX2 static inline uint16_t least_of(__m256i v) {
    __m128i half = _mm_min_epu16(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    return (uint16_t)_mm_extract_epi16(_mm_minpos_epu16(half), 0);
}

struct range { __m256i low, high; };

AVX2 static inline void widen(struct range *r, __m256i v) {
    r->low = _mm256_min_epu16(r->low, v);
    r->high = _mm256_max_epu16(r->high, v);
}

AVX2 static inline struct dot_extremes extremes_of(const struct range *r) {
    return (struct dot_extremes){ least_of(r->low), (uint16_t)~least_of(_mm256_xor_si256(r->high, _mm256_set1_epi16(-1))) };
}

/* Widened by samples that are no multiple of 16. */
static struct dot_extremes with_rest(struct dot_extremes e, const sample_u16 *x, size_t n) {
    for (size_t k = 0; k < n; k++) {
        e.low = x[k] < e.low ? x[k] : e.low;
        e.high = x[k] > e.high ? x[k] : e.high;
    }
    return e;
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

/* Samples are converted a block ahead of their use: conversion takes longer than a core with a small window (36 operations: Zen 1) looks ahead. */
AVX2 static inline struct sixteen next16(const sample_u16 *x, __m256 level, struct range *range) {
    __m256i v = load16(x);
    widen(range, v);
    return woven16(v, level);
}

/* n: a multiple of 16, not 0. */
AVX2 static inline void whole_rows(const float *rows, size_t stride, const sample_u16 *x, size_t n, __m256 level, struct row_sums *sums, struct range *range) {
    struct row_sums s = *sums;
    struct range r = *range;
    struct sixteen now = next16(x, level, &r), next;
    size_t k = 0;
    for (; k + 32 < n; k += 32) {
        ask_for(x + k);
        next = next16(x + k + 16, level, &r);
        turn(rows + k, stride, now, &s);
        now = next16(x + k + 32, level, &r);
        turn(rows + k + 16, stride, next, &s);
    }
    if (k + 16 < n) {
        ask_for(x + k);
        next = next16(x + k + 16, level, &r);
        turn(rows + k, stride, now, &s);
        now = next;
        k += 16;
    }
    turn(rows + k, stride, now, &s);
    *sums = s;
    *range = r;
}

AVX2 static struct dot_looks rows_avx2(const float *rows, size_t stride, const sample_u16 *x, size_t n, float base) {
    __m256 level = lift(base), o = _mm256_setzero_ps();
    struct row_sums s = { { o, o, o }, { o, o, o } };
    struct range range = { _mm256_set1_epi16(-1), _mm256_setzero_si256() };
    struct dot_looks looks;
    size_t whole = n / 16 * 16;
    if (whole > 0)
        whole_rows(rows, stride, x, whole, level, &s, &range);
    looks.extremes = extremes_of(&range);
    if (whole < n) {   /* rows are zero behind n */
        turn(rows + whole, stride, woven16(load_rest(x + whole, n - whole), level), &s);
        looks.extremes = with_rest(looks.extremes, x + whole, n - whole);
    }
    for (size_t i = 0; i < DOT_ROWS; i++)
        looks.sums[i] = sum8(_mm256_add_ps(s.low[i], s.high[i]));
    return looks;
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

/* What few rows leave of 8 samples. */
AVX2 static inline __m256 few8(const float *row, size_t stride, __m256 y, __m256 fraction, const __m256 terms[DOT_FEW]) {
    y = _mm256_fnmadd_ps(terms[0], _mm256_load_ps(row), y);
    return _mm256_sub_ps(y, _mm256_fmadd_ps(terms[1], _mm256_load_ps(row + stride), fraction));
}

/* n: a multiple of 16, not 0. Conversion, model and square of three blocks at a time, as for the rows. */
AVX2 static float whole_few(const float *rows, size_t stride, const sample_u16 *x, size_t n, __m256 level, __m256 fraction, const __m256 t[DOT_FEW]) {
    __m256 one = _mm256_setzero_ps(), two = one, v = one, w = one;
    struct sixteen now = woven16(load16(x), level);
    size_t k = 0;
    for (; k + 16 < n; k += 16) {
        struct sixteen next = woven16(load16(x + k + 16), level);
        one = _mm256_fmadd_ps(v, v, one);
        two = _mm256_fmadd_ps(w, w, two);
        v = few8(rows + k, stride, now.low, fraction, t);
        w = few8(rows + k + 8, stride, now.high, fraction, t);
        now = next;
    }
    one = _mm256_fmadd_ps(v, v, one);
    two = _mm256_fmadd_ps(w, w, two);
    v = few8(rows + k, stride, now.low, fraction, t);
    w = few8(rows + k + 8, stride, now.high, fraction, t);
    return sum8(_mm256_add_ps(_mm256_fmadd_ps(v, v, one), _mm256_fmadd_ps(w, w, two)));
}

AVX2 static float few_avx2(const float *rows, size_t stride, const sample_u16 *x, size_t n, float base, const float terms[DOT_FEW]) {
    float whole = rintf(base);
    const __m256 t[DOT_FEW] = { _mm256_set1_ps(terms[0]), _mm256_set1_ps(terms[1]) };
    size_t k = n / 16 * 16;
    float sum = k > 0 ? whole_few(rows, stride, x, k, lift(whole), _mm256_set1_ps(base - whole), t) : 0;
    for (; k < n; k++) {
        size_t place = dot_place(k);
        float left = (float)x[k] - base - terms[0] * rows[place] - terms[1] * rows[stride + place];
        sum += left * left;
    }
    return sum;
}

AVX2 static inline int64_t sum_i64(__m256i v) {
    __m128i s = _mm_add_epi64(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    return _mm_cvtsi128_si64(s) + _mm_extract_epi64(s, 1);
}

AVX2 static inline int64_t sum_i32(__m256i v) {
    return sum_i64(_mm256_add_epi64(_mm256_cvtepi32_epi64(_mm256_castsi256_si128(v)), _mm256_cvtepi32_epi64(_mm256_extracti128_si256(v, 1))));
}

/* Sums of y, y^2 and k y over at most 2048 samples: then no 32-bit lane overflows. With s_b the sum of block b of B, T = sum of prefix
 * sums gives sum of b s_b = B x S - T, so no index is multiplied in the loop. */
struct running { __m256i sum, prefixes, inside, squares; };
struct chunk { int64_t sum, squares, moment; };

/* place: of each lane in its block. */
AVX2 static inline void add_block(struct running *r, __m256i y, __m256i place) {
    const __m256i zero = _mm256_setzero_si256();
    __m256i square = _mm256_madd_epi16(y, y);   /* up to 2^31: unsigned */
    r->sum = _mm256_add_epi32(r->sum, _mm256_madd_epi16(y, _mm256_set1_epi16(1)));
    r->prefixes = _mm256_add_epi32(r->prefixes, r->sum);
    r->inside = _mm256_add_epi32(r->inside, _mm256_madd_epi16(y, place));
    r->squares = _mm256_add_epi64(r->squares, _mm256_add_epi64(_mm256_unpacklo_epi32(square, zero), _mm256_unpackhi_epi32(square, zero)));
}

/* 16 samples or more stand before x + n. */
AVX2 static struct chunk chunk_sums(const sample_u16 *x, size_t n) {
    const __m256i flip = _mm256_set1_epi16(INT16_MIN), place = _mm256_setr_epi16(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    struct running r = { _mm256_setzero_si256(), _mm256_setzero_si256(), _mm256_setzero_si256(), _mm256_setzero_si256() };
    size_t k = 0;
    for (; k + 16 <= n; k += 16)
        add_block(&r, _mm256_xor_si256(load16(x + k), flip), place);
    if (k < n) {   /* the last 16 again, without those that were there already */
        __m256i seen = _mm256_set1_epi16((int16_t)(k + 16 - n)), old = _mm256_cmpgt_epi16(seen, place);
        add_block(&r, _mm256_andnot_si256(old, _mm256_xor_si256(load16(x + n - 16), flip)), _mm256_sub_epi16(place, seen));
    }
    int64_t total = sum_i32(r.sum), blocks = (int64_t)((n + 15) / 16);
    return (struct chunk){ .sum = total, .squares = sum_i64(r.squares), .moment = 16 * (blocks * total - sum_i32(r.prefixes)) + sum_i32(r.inside) };
}

AVX2 static struct dot_sums sums_avx2(const sample_u16 *x, size_t n) {
    struct dot_sums s = { 0, 0, 0 };
    size_t k = 0;
    while (n >= 16 && k < n) {
        size_t length = n - k < 2048 ? n - k : 2048;
        struct chunk c = chunk_sums(x + k, length);
        int64_t count = (int64_t)length, sum = c.sum + 32768 * count;
        s.sum += (uint64_t)sum;
        s.squares += (uint64_t)(c.squares + 65536 * c.sum + (count << 30));
        s.moment += (uint64_t)(c.moment + 32768 * (count * (count - 1) / 2) + (int64_t)k * sum);
        k += length;
    }
    for (; k < n; k++) {
        s.sum += x[k];
        s.squares += (uint64_t)x[k] * x[k];
        s.moment += (uint64_t)k * x[k];
    }
    return s;
}

AVX2 static struct dot_extremes extremes_avx2(const sample_u16 *x, size_t n) {
    struct range range = { _mm256_set1_epi16(-1), _mm256_setzero_si256() };
    size_t k = 0;
    for (; k + 32 <= n; k += 32) {
        ask_for(x + k);
        widen(&range, load16(x + k));
        widen(&range, load16(x + k + 16));
    }
    return with_rest(extremes_of(&range), x + k, n - k);
}

AVX2 static size_t find_avx2(const sample_u16 *x, size_t n, uint16_t value) {
    const __m256i wanted = _mm256_set1_epi16((int16_t)value);
    size_t k = 0;
    for (; k + 64 <= n; k += 64) {
        __m256i a = _mm256_or_si256(_mm256_cmpeq_epi16(load16(x + k), wanted), _mm256_cmpeq_epi16(load16(x + k + 16), wanted));
        __m256i b = _mm256_or_si256(_mm256_cmpeq_epi16(load16(x + k + 32), wanted), _mm256_cmpeq_epi16(load16(x + k + 48), wanted));
        if (_mm256_movemask_epi8(_mm256_or_si256(a, b)))
            break;
    }
    for (; k + 16 <= n; k += 16) {
        unsigned hits = (unsigned)_mm256_movemask_epi8(_mm256_cmpeq_epi16(load16(x + k), wanted));
        if (hits)
            return k + (size_t)__builtin_ctz(hits) / 2;
    }
    while (k < n && x[k] != value)
        k++;
    return k;
}

/* y[k] + y[k+1], y[k+2] + y[k+3], ... in 8 lanes. */
AVX2 static inline __m256i pairs(const sample_u16 *x) {
    return _mm256_madd_epi16(_mm256_xor_si256(load16(x), _mm256_set1_epi16(INT16_MIN)), _mm256_set1_epi16(1));
}

/* The rises from x, x+2, .. x+14: the 32768s cancel. */
AVX2 static inline __m256i rises8(const sample_u16 *x) {
    __m256i early = _mm256_add_epi32(pairs(x), pairs(x + 2)), late = _mm256_add_epi32(pairs(x + 6), pairs(x + 8));
    return _mm256_sub_epi32(late, early);
}

/* Any samples: sums in 32 bits. n >= 25; the last 16 rises may be looked at twice. */
AVX2 static struct dot_rises rises_wide(const sample_u16 *x, size_t n) {
    __m256i least = _mm256_set1_epi32(INT32_MAX), most = _mm256_set1_epi32(INT32_MIN);
    int32_t low[8], high[8];
    for (size_t k = 0; k + 9 < n; k += 16) {
        const sample_u16 *at = x + (k + 25 <= n ? k : n - 25);
        __m256i even = rises8(at), odd = rises8(at + 1);
        least = _mm256_min_epi32(least, _mm256_min_epi32(even, odd));
        most = _mm256_max_epi32(most, _mm256_max_epi32(even, odd));
    }
    _mm256_storeu_si256((__m256i *)(void *)low, least);
    _mm256_storeu_si256((__m256i *)(void *)high, most);
    struct dot_rises r = { low[0], high[0] };
    for (size_t i = 1; i < 8; i++) {
        r.least = low[i] < r.least ? low[i] : r.least;
        r.most = high[i] > r.most ? high[i] : r.most;
    }
    return r;
}

AVX2 static inline __m128i load8(const sample_u16 *x) {
    return _mm_loadu_si128((const __m128i *)(const void *)x);
}

AVX2 static inline __m128i pairs8(const sample_u16 *x) {
    return _mm_add_epi16(load8(x), load8(x + 1));
}

AVX2 static inline __m128i fours8(const sample_u16 *x) {
    return _mm_add_epi16(pairs8(x), pairs8(x + 2));
}

/* Samples so close together that no rise leaves 16 bits: sums may wrap around, their differences are right all the same. n >= 25. By 8,
 * because shifts do not cross halves of 16; each pair and each sum of four is made once. */
AVX2 static struct dot_rises rises_narrow(const sample_u16 *x, size_t n) {
    const __m128i flip = _mm_set1_epi16(INT16_MIN);
    __m128i least = _mm_set1_epi16(INT16_MAX), most = flip, pairs = pairs8(x + 8), fours = fours8(x), rise;
    size_t k = 0;
    if (n >= 33) {   /* as long as pairs may be made a step ahead */
        __m128i ahead = pairs8(x + 16);
#pragma GCC unroll 4
        for (; k + 33 <= n; k += 8) {
            __m128i next = _mm_add_epi16(pairs, _mm_alignr_epi8(ahead, pairs, 4));
            pairs = ahead;
            ahead = pairs8(x + k + 24);
            rise = _mm_sub_epi16(_mm_alignr_epi8(next, fours, 12), fours);
            least = _mm_min_epi16(least, rise);
            most = _mm_max_epi16(most, rise);
            fours = next;
        }
    }
    for (; k + 9 < n; k += 8) {   /* the last 8 may be looked at twice */
        const sample_u16 *at = x + (k + 17 <= n ? k : n - 17);
        rise = _mm_sub_epi16(fours8(at + 6), fours8(at));
        least = _mm_min_epi16(least, rise);
        most = _mm_max_epi16(most, rise);
    }
    most = _mm_xor_si128(_mm_xor_si128(most, flip), _mm_set1_epi16(-1));
    return (struct dot_rises){ _mm_extract_epi16(_mm_minpos_epu16(_mm_xor_si128(least, flip)), 0) - 32768, 32767 - _mm_extract_epi16(_mm_minpos_epu16(most), 0) };
}

AVX2 static struct dot_rises rises_avx2(const sample_u16 *x, size_t n, uint16_t span) {
    if (n >= 25)
        return 4 * span <= INT16_MAX ? rises_narrow(x, n) : rises_wide(x, n);
    struct dot_rises r = { n < 10 ? 0 : INT32_MAX, n < 10 ? 0 : INT32_MIN };
    for (size_t k = 0; k + 9 < n; k++) {
        int32_t rise = x[k + 6] + x[k + 7] + x[k + 8] + x[k + 9] - x[k] - x[k + 1] - x[k + 2] - x[k + 3];
        r.least = rise < r.least ? rise : r.least;
        r.most = rise > r.most ? rise : r.most;
    }
    return r;
}

/* |x[k] - x[k-1]| in 16 lanes; 32768 comes out as itself, unsigned. */
AVX2 static inline __m256i steps16(const sample_u16 *x) {
    return _mm256_abs_epi16(_mm256_sub_epi16(load16(x), load16(x - 1)));
}

AVX2 static inline __m256i times4(__m256i v) {
    __m256i twice = _mm256_adds_epu16(v, v);
    return _mm256_adds_epu16(twice, twice);
}

/* Saturating, and 4 x 16384 and more is 65535: no step is as large, so neither is the answer. */
AVX2 static size_t step_avx2(const sample_u16 *x, size_t n, size_t from) {
    const __m256i least = _mm256_set1_epi16(DOT_STEP_LEAST);
    size_t k = from;
    if (k == 1 && n > 1) {
        int here = abs((int16_t)(x[1] - x[0])), after = n > 2 ? abs((int16_t)(x[2] - x[1])) : 0;
        if (here >= DOT_STEP_LEAST && here >= 4 * after)
            return 1;
        k = 2;
    }
    for (; k + 17 <= n; k += 16) {
        __m256i here = steps16(x + k), around = _mm256_max_epu16(steps16(x + k - 1), steps16(x + k + 1));
        __m256i needed = _mm256_max_epu16(times4(around), least);
        unsigned hits = (unsigned)_mm256_movemask_epi8(_mm256_cmpeq_epi16(_mm256_max_epu16(here, needed), here));
        if (hits)
            return k + (size_t)__builtin_ctz(hits) / 2;
    }
    for (; k < n; k++) {
        int here = abs((int16_t)(x[k] - x[k - 1])), before = k > 1 ? abs((int16_t)(x[k - 1] - x[k - 2])) : 0;
        int after = k + 1 < n ? abs((int16_t)(x[k + 1] - x[k])) : 0;
        if (here >= DOT_STEP_LEAST && here >= 4 * before && here >= 4 * after)
            return k;
    }
    return n;
}

/* 64 outputs in 8 sums. Weights 8 apart meet the same vectors of x: with four of them at once a vector is loaded once for up to four products. */
AVX2 static void correlate64(const float *w, size_t n_w, const float *x, float *out) {
    __m256 sum[8];
    size_t i = 0;
    for (size_t s = 0; s < 8; s++)
        sum[s] = _mm256_setzero_ps();
    for (; i + 32 <= n_w; i += 32)
        for (size_t j = i; j < i + 8; j++) {
            __m256 a = _mm256_broadcast_ss(w + j), b = _mm256_broadcast_ss(w + j + 8), c = _mm256_broadcast_ss(w + j + 16), d = _mm256_broadcast_ss(w + j + 24);
            __m256 p = _mm256_loadu_ps(x + j), q = _mm256_loadu_ps(x + j + 8), r = _mm256_loadu_ps(x + j + 16);
#pragma GCC unroll 8
            for (size_t s = 0; s < 8; s++) {
                __m256 next = _mm256_loadu_ps(x + j + 24 + 8 * s);
                sum[s] = _mm256_fmadd_ps(a, p, sum[s]);
                sum[s] = _mm256_fmadd_ps(b, q, sum[s]);
                sum[s] = _mm256_fmadd_ps(c, r, sum[s]);
                sum[s] = _mm256_fmadd_ps(d, next, sum[s]);
                p = q;
                q = r;
                r = next;
            }
        }
    for (; i < n_w; i++) {
        __m256 weight = _mm256_broadcast_ss(w + i);
#pragma GCC unroll 8
        for (size_t s = 0; s < 8; s++)
            sum[s] = _mm256_fmadd_ps(weight, _mm256_loadu_ps(x + i + 8 * s), sum[s]);
    }
    for (size_t s = 0; s < 8; s++)
        _mm256_storeu_ps(out + 8 * s, sum[s]);
}

AVX2 static void correlate_avx2(const float *w, size_t n_w, const float *x, size_t n_out, float *out) {
    size_t j = 0;
    for (; j + 64 <= n_out; j += 64)
        correlate64(w, n_w, x + j, out + j);
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

AVX2 static float floats_avx2(const float *a, const float *b, size_t n) {
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

AVX2 static void add_avx2(float *a, float times, const float *b, size_t n) {
    __m256 t = _mm256_set1_ps(times);
    size_t k = 0;
    for (; k + 8 <= n; k += 8)
        _mm256_storeu_ps(a + k, _mm256_fmadd_ps(t, _mm256_loadu_ps(b + k), _mm256_loadu_ps(a + k)));
    for (; k < n; k++)
        a[k] += times * b[k];
}

const struct dot_kernel dot_kernel_avx2 = {
    "avx2", one_avx2, rows_avx2, residual_avx2, few_avx2, sums_avx2, extremes_avx2, find_avx2, rises_avx2, step_avx2, correlate_avx2, floats_avx2, add_avx2,
};
#endif
