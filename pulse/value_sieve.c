#include "pulse/value_sieve.h"

#include <math.h>
#include <stdint.h>

static struct sieved between_from(size_t i, struct sieved s, const double *values, size_t n, double low, double high, double *out) {
    for (; i < n; i++) {
        double x = values[i];
        out[s.n] = x;
        s.n += (x >= low) & (x <= high);
        s.below += x < low;
    }
    return s;
}

static size_t near_from(size_t i, size_t kept, const double *values, size_t n, double centre, double reach, double *out) {
    for (; i < n; i++) {
        double x = values[i];
        out[kept] = x;
        kept += fabs(x - centre) <= reach;
    }
    return kept;
}

static struct sieved between_scalar(const double *values, size_t n, double low, double high, double *out) {
    return between_from(0, (struct sieved){ 0, 0 }, values, n, low, high, out);
}

static size_t near_scalar(const double *values, size_t n, double centre, double reach, double *out) {
    return near_from(0, 0, values, n, centre, reach, out);
}

static struct value_pair ranks_scalar(const double *values, size_t n, size_t low, size_t high) {
    double sorted[VALUE_SIEVE_FEW];
    for (size_t i = 0; i < n; i++) {
        size_t k = i;
        for (; k > 0 && sorted[k - 1] > values[i]; k--)
            sorted[k] = sorted[k - 1];
        sorted[k] = values[i];
    }
    return (struct value_pair){ sorted[low], sorted[high] };
}

#ifdef __x86_64__
#include <immintrin.h>

#define AVX2 __attribute__((target("avx2")))

/* For 4 bits, where the doubles of those that are set come from, in halves. */
#define HALVES(d) (uint32_t)(2 * (d)), (uint32_t)(2 * (d) + 1)
static const uint32_t packing[16][8] __attribute__((aligned(32))) = {
    { 0 },
    { HALVES(0) },
    { HALVES(1) },
    { HALVES(0), HALVES(1) },
    { HALVES(2) },
    { HALVES(0), HALVES(2) },
    { HALVES(1), HALVES(2) },
    { HALVES(0), HALVES(1), HALVES(2) },
    { HALVES(3) },
    { HALVES(0), HALVES(3) },
    { HALVES(1), HALVES(3) },
    { HALVES(0), HALVES(1), HALVES(3) },
    { HALVES(2), HALVES(3) },
    { HALVES(0), HALVES(2), HALVES(3) },
    { HALVES(1), HALVES(2), HALVES(3) },
    { HALVES(0), HALVES(1), HALVES(2), HALVES(3) },
};

/* Those of x in `keep` to out; how many. All four are written: what is not kept is overwritten by the next. */
AVX2 static inline size_t pack(__m256d x, __m256d keep, double *out) {
    unsigned bits = (unsigned)_mm256_movemask_pd(keep);
    __m256i from = _mm256_load_si256((const __m256i *)(const void *)packing[bits]);
    _mm256_storeu_pd(out, _mm256_castsi256_pd(_mm256_permutevar8x32_epi32(_mm256_castpd_si256(x), from)));
    return (size_t)(UINT64_C(0x4332322132212110) >> 4 * bits & 7);
}

AVX2 static struct sieved between_avx2(const double *values, size_t n, double low, double high, double *out) {
    const __m256d lo = _mm256_set1_pd(low), hi = _mm256_set1_pd(high);
    __m256i below = _mm256_setzero_si256();
    int64_t lanes[4];
    struct sieved s = { 0, 0 };
    size_t i = 0;
    for (; i + 4 <= n; i += 4) {
        __m256d x = _mm256_loadu_pd(values + i), less = _mm256_cmp_pd(x, lo, _CMP_LT_OQ);
        below = _mm256_sub_epi64(below, _mm256_castpd_si256(less));
        s.n += pack(x, _mm256_andnot_pd(less, _mm256_cmp_pd(x, hi, _CMP_LE_OQ)), out + s.n);
    }
    _mm256_storeu_si256((__m256i *)(void *)lanes, below);
    s.below = (size_t)(lanes[0] + lanes[1] + lanes[2] + lanes[3]);
    return between_from(i, s, values, n, low, high, out);
}

AVX2 static size_t near_avx2(const double *values, size_t n, double centre, double reach, double *out) {
    const __m256d middle = _mm256_set1_pd(centre), most = _mm256_set1_pd(reach), sign = _mm256_set1_pd(-0.0);
    size_t i = 0, kept = 0;
    for (; i + 4 <= n; i += 4) {
        __m256d x = _mm256_loadu_pd(values + i), distance = _mm256_andnot_pd(sign, _mm256_sub_pd(x, middle));
        kept += pack(x, _mm256_cmp_pd(distance, most, _CMP_LE_OQ), out + kept);
    }
    return near_from(i, kept, values, n, centre, reach, out);
}

AVX2 static inline double largest(__m256d x) {
    __m128d two = _mm_max_pd(_mm256_castpd256_pd128(x), _mm256_extractf128_pd(x, 1));
    return _mm_cvtsd_f64(_mm_max_sd(two, _mm_unpackhi_pd(two, two)));
}

/* Of rank k is the largest of those values than which k at most are less. */
AVX2 static struct value_pair ranks_avx2(const double *values, size_t n, size_t low, size_t high) {
    const __m256d least = _mm256_set1_pd(-(double)INFINITY);
    const __m256i above_low = _mm256_set1_epi64x((int64_t)low + 1), above_high = _mm256_set1_epi64x((int64_t)high + 1);
    __m256d at_low = least, at_high = least;
    double padded[VALUE_SIEVE_FEW];
    for (size_t k = 0; k < (n + 3) / 4 * 4; k++)
        padded[k] = k < n ? values[k] : (double)INFINITY;
    for (size_t k = 0; k < n; k += 4) {
        const __m256d x = _mm256_loadu_pd(padded + k);
        __m256i less = _mm256_setzero_si256();
        for (size_t i = 0; i < n; i++)
            less = _mm256_sub_epi64(less, _mm256_castpd_si256(_mm256_cmp_pd(_mm256_broadcast_sd(values + i), x, _CMP_LT_OQ)));
        at_low = _mm256_max_pd(at_low, _mm256_blendv_pd(least, x, _mm256_castsi256_pd(_mm256_cmpgt_epi64(above_low, less))));
        at_high = _mm256_max_pd(at_high, _mm256_blendv_pd(least, x, _mm256_castsi256_pd(_mm256_cmpgt_epi64(above_high, less))));
    }
    return (struct value_pair){ largest(at_low), largest(at_high) };
}
#endif

const struct value_sieve value_sieves[] = {
    { "scalar", between_scalar, near_scalar, ranks_scalar },
#ifdef __x86_64__
    { "avx2", between_avx2, near_avx2, ranks_avx2 },
#endif
    { NULL, NULL, NULL, NULL },
};

const struct value_sieve *value_sieve_best(void) {
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx2"))
        return &value_sieves[1];
#endif
    return &value_sieves[0];
}
