/* Sums and searches over samples, exact. What fits signed 16-bit arithmetic is y = x less a middle: 32768 for samples of any size, the middle of
 * the extremes where those are close together, and then many samples are added before anything has to be widened. */
#include "pulse/dot_kernel_parts.h"

#ifdef __x86_64__
#include <stdlib.h>

enum { NARROW = 16382 };   /* largest distance of two samples for which |y| < 2^13 */

AVX2 static inline int64_t sum_i64(__m256i v) {
    __m128i s = _mm_add_epi64(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    return _mm_cvtsi128_si64(s) + _mm_extract_epi64(s, 1);
}

AVX2 static inline int64_t sum_i32(__m256i v) {
    return sum_i64(_mm256_add_epi64(_mm256_cvtepi32_epi64(_mm256_castsi256_si128(v)), _mm256_cvtepi32_epi64(_mm256_extracti128_si256(v, 1))));
}

AVX2 static inline __m256i sum_u32(__m256i v) {   /* in 64 bits */
    const __m256i zero = _mm256_setzero_si256();
    return _mm256_add_epi64(_mm256_unpacklo_epi32(v, zero), _mm256_unpackhi_epi32(v, zero));
}

/* ---- sums ---- */

/* Of y over a chunk, and of k y with k counted from its beginning. */
struct chunk { int64_t sum, squares, moment; };

/* What the chunk from sample `from` on adds to the sums of x = y + middle. */
static void add_chunk(struct dot_sums *s, struct chunk c, int64_t middle, size_t from, size_t n) {
    int64_t count = (int64_t)n, sum = c.sum + middle * count;
    s->sum += (uint64_t)sum;
    s->squares += (uint64_t)(c.squares + 2 * middle * c.sum + count * middle * middle);
    s->moment += (uint64_t)(c.moment + middle * (count * (count - 1) / 2) + (int64_t)from * sum);
}

/* Sums of y, y^2 and k y over at most 2048 samples: then no 32-bit lane overflows. With s_b the sum of block b of B, T = sum of prefix
 * sums gives sum of b s_b = B x S - T, so no index is multiplied in the loop. */
enum { WIDE_CHUNK = 2048 };
struct running { __m256i sum, prefixes, inside, squares; };

/* place: of each lane in its block. */
AVX2 static inline void add_block(struct running *r, __m256i y, __m256i place) {
    __m256i square = _mm256_madd_epi16(y, y);   /* up to 2^31: unsigned */
    r->sum = _mm256_add_epi32(r->sum, _mm256_madd_epi16(y, _mm256_set1_epi16(1)));
    r->prefixes = _mm256_add_epi32(r->prefixes, r->sum);
    r->inside = _mm256_add_epi32(r->inside, _mm256_madd_epi16(y, place));
    r->squares = _mm256_add_epi64(r->squares, sum_u32(square));
}

/* Read, not counted on: additions are what these sums wait for. 16 of no meaning stand first: those of lanes before a chunk. */
#define FROM(k) (k), (k) + 1, (k) + 2, (k) + 3, (k) + 4, (k) + 5, (k) + 6, (k) + 7, (k) + 8, (k) + 9, (k) + 10, (k) + 11, (k) + 12, (k) + 13, (k) + 14, (k) + 15
#define FROM4(k) FROM(k), FROM((k) + 16), FROM((k) + 32), FROM((k) + 48)
static const int16_t places[16 + 512] = { [16] = FROM4(0), FROM4(64), FROM4(128), FROM4(192), FROM4(256), FROM4(320), FROM4(384), FROM4(448) };
#undef FROM4
#undef FROM

AVX2 static inline __m256i places16(size_t k) {
    return _mm256_loadu_si256((const __m256i *)(const void *)(places + 16 + k));
}

/* Of the 16 lanes that end where k = n begins: for n below 16 the first of them are of no meaning. */
AVX2 static inline __m256i places_before(size_t n) {
    return _mm256_loadu_si256((const __m256i *)(const void *)(places + n));
}

/* 16 samples or more stand before x + n. */
AVX2 __attribute__((noinline)) static struct chunk wide_sums(const sample_u16 *x, size_t n) {
    const __m256i flip = _mm256_set1_epi16(INT16_MIN), place = places16(0);
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

/* The same of narrow samples: 31 blocks of squares of 13 bits fit unsigned lanes, and sums of four blocks fit 16 bits. */
enum { NARROW_CHUNK = 496 };
struct narrow { __m256i squares, moment; };

AVX2 static inline void add_narrow(struct narrow *r, __m256i y, __m256i place) {
    r->squares = _mm256_add_epi32(r->squares, _mm256_madd_epi16(y, y));
    r->moment = _mm256_add_epi32(r->moment, _mm256_madd_epi16(y, place));
}

AVX2 static inline struct chunk chunk_of(__m256i sum, struct narrow r) {
    __m256i both = _mm256_add_epi32(_mm256_unpacklo_epi32(sum, r.moment), _mm256_unpackhi_epi32(sum, r.moment));   /* of no more than 31 bits */
    __m128i half = _mm_add_epi32(_mm256_castsi256_si128(both), _mm256_extracti128_si256(both, 1));
    half = _mm_add_epi32(half, _mm_unpackhi_epi64(half, half));
    return (struct chunk){ .sum = _mm_cvtsi128_si32(half), .squares = sum_i64(sum_u32(r.squares)), .moment = _mm_extract_epi32(half, 1) };
}

/* 16 samples or more stand before x + n. In two streams of sums, or they wait for each other. */
AVX2 static struct chunk narrow_sums(const sample_u16 *x, size_t n, uint16_t middle) {
    const __m256i level = _mm256_set1_epi16((int16_t)middle), ones = _mm256_set1_epi16(1), zero = _mm256_setzero_si256();
    struct narrow r = { zero, zero }, s = { zero, zero };
    __m256i sum = zero, rest = zero;
    size_t k = 0;
    for (; k + 64 <= n; k += 64) {
        __m256i a = _mm256_sub_epi16(load16(x + k), level), b = _mm256_sub_epi16(load16(x + k + 16), level);
        __m256i c = _mm256_sub_epi16(load16(x + k + 32), level), d = _mm256_sub_epi16(load16(x + k + 48), level);
        add_narrow(&r, a, places16(k));
        add_narrow(&s, b, places16(k + 16));
        add_narrow(&r, c, places16(k + 32));
        add_narrow(&s, d, places16(k + 48));
        sum = _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_add_epi16(_mm256_add_epi16(a, b), _mm256_add_epi16(c, d)), ones));
    }
    for (; k + 16 <= n; k += 16) {
        __m256i y = _mm256_sub_epi16(load16(x + k), level);
        add_narrow(&r, y, places16(k));
        rest = _mm256_add_epi16(rest, y);
    }
    if (k < n) {   /* the last 16 again, without those that were there already */
        __m256i seen = _mm256_cmpgt_epi16(_mm256_set1_epi16((int16_t)(k + 16 - n)), places16(0));
        __m256i y = _mm256_andnot_si256(seen, _mm256_sub_epi16(load16(x + n - 16), level));
        add_narrow(&r, y, places_before(n));
        rest = _mm256_add_epi16(rest, y);
    }
    r.squares = _mm256_add_epi32(r.squares, s.squares);
    r.moment = _mm256_add_epi32(r.moment, s.moment);
    return chunk_of(_mm256_add_epi32(sum, _mm256_madd_epi16(rest, ones)), r);
}

/* From sample k on, for what is too short for vectors. Never inlined: it would be made of vectors, and half of its caller. */
__attribute__((noinline)) static struct dot_sums with_rest_of(struct dot_sums s, const sample_u16 *x, size_t k, size_t n) {
    for (; k < n; k++) {
        s.sum += x[k];
        s.squares += (uint64_t)x[k] * x[k];
        s.moment += (uint64_t)k * x[k];
    }
    return s;
}

AVX2 struct dot_sums dot_sums_avx2(const sample_u16 *x, size_t n, struct dot_extremes within) {
    struct dot_sums s = { 0, 0, 0 };
    bool narrow = within.high - within.low <= NARROW;
    uint16_t middle = (uint16_t)(narrow ? (within.low + within.high) / 2 : 32768);
    size_t k = 0, most = narrow ? NARROW_CHUNK : WIDE_CHUNK;
    while (n >= 16 && k < n) {
        size_t length = n - k < most ? n - k : most;
        add_chunk(&s, narrow ? narrow_sums(x + k, length, middle) : wide_sums(x + k, length), middle, k, length);
        k += length;
    }
    return k < n ? with_rest_of(s, x, k, n) : s;
}

/* ---- extremes and their places ---- */

AVX2 struct dot_extremes dot_extremes_avx2(const sample_u16 *x, size_t n) {
    struct dot_range range = { _mm256_set1_epi16(-1), _mm256_setzero_si256() };
    size_t k = 0;
    for (; k + 32 <= n; k += 32) {
        ask_for(x + k, DOT_AHEAD);
        widen(&range, load16(x + k));
        widen(&range, load16(x + k + 16));
    }
    return with_rest(extremes_of(&range), x + k, n - k);
}

/* One bit for each of 32 samples. */
AVX2 static inline uint32_t bits_of(__m256i first, __m256i second) {
    return (uint32_t)_mm256_movemask_epi8(_mm256_permute4x64_epi64(_mm256_packs_epi16(first, second), 0xd8));
}

/* Where among 64 samples is no matter of branches: it differs from record to record, and each wrong guess costs as much as all of them. */
AVX2 size_t dot_find_avx2(const sample_u16 *x, size_t n, uint16_t value) {
    const __m256i wanted = _mm256_set1_epi16((int16_t)value);
    size_t k = 0;
    for (; k + 64 <= n; k += 64) {
        __m256i a = _mm256_cmpeq_epi16(load16(x + k), wanted), b = _mm256_cmpeq_epi16(load16(x + k + 16), wanted);
        __m256i c = _mm256_cmpeq_epi16(load16(x + k + 32), wanted), d = _mm256_cmpeq_epi16(load16(x + k + 48), wanted);
        if (_mm256_movemask_epi8(_mm256_or_si256(_mm256_or_si256(a, b), _mm256_or_si256(c, d))))
            return k + (size_t)__builtin_ctzll(bits_of(a, b) | (uint64_t)bits_of(c, d) << 32);
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

/* ---- rises ---- */

/* y[k] + y[k+1], y[k+2] + y[k+3], ... in 8 lanes. */
AVX2 static inline __m256i pairs(const sample_u16 *x) {
    return _mm256_madd_epi16(_mm256_xor_si256(load16(x), _mm256_set1_epi16(INT16_MIN)), _mm256_set1_epi16(1));
}

/* The rises from x, x+2, .. x+14: the 32768s cancel. */
AVX2 static inline __m256i rises8(const sample_u16 *x, __m256i sign) {
    __m256i early = _mm256_add_epi32(pairs(x), pairs(x + 2)), late = _mm256_add_epi32(pairs(x + 6), pairs(x + 8));
    return _mm256_sign_epi32(_mm256_sub_epi32(late, early), sign);
}

/* Any samples: sums in 32 bits. n >= 25; the last 16 rises may be looked at twice. */
AVX2 __attribute__((noinline)) static int32_t rise_wide(const sample_u16 *x, size_t n, bool down) {
    const __m256i sign = _mm256_set1_epi32(down ? -1 : 1);
    __m256i most = _mm256_set1_epi32(INT32_MIN);
    int32_t lanes[8];
    for (size_t k = 0; k + 9 < n; k += 16) {
        const sample_u16 *at = x + (k + 25 <= n ? k : n - 25);
        most = _mm256_max_epi32(most, _mm256_max_epi32(rises8(at, sign), rises8(at + 1, sign)));
    }
    _mm256_storeu_si256((__m256i *)(void *)lanes, most);
    int32_t rise = lanes[0];
    for (size_t i = 1; i < 8; i++)
        rise = lanes[i] > rise ? lanes[i] : rise;
    return rise;
}

AVX2 static inline __m128i load8(const sample_u16 *x) {
    return _mm_loadu_si128((const __m128i *)(const void *)x);
}

/* x[k+6] - x[k] in 8 lanes, or less that. */
AVX2 static inline __m128i sixes8(const sample_u16 *x, bool down) {
    return down ? _mm_sub_epi16(load8(x), load8(x + 6)) : _mm_sub_epi16(load8(x + 6), load8(x));
}

/* Eight rises of few: from two and four differences; what 16 bits do not hold stays at their end. */
AVX2 static inline __m128i rise_at(const sample_u16 *x, bool down) {
    return _mm_adds_epi16(_mm_add_epi16(sixes8(x, down), sixes8(x + 1, down)), _mm_add_epi16(sixes8(x + 2, down), sixes8(x + 3, down)));
}

/* Narrow samples: two differences fit 16 bits, four perhaps; 32767 is 32767 or more. n >= 25. Each difference and each sum of two is made once;
 * by 8, because shifts do not cross halves of 16. */
AVX2 static inline __attribute__((always_inline)) int32_t rise_narrow(const sample_u16 *x, size_t n, bool down) {
    __m128i most = _mm_set1_epi16(INT16_MIN), six = sixes8(x, down), next = sixes8(x + 8, down), two = _mm_add_epi16(six, _mm_alignr_epi8(next, six, 2)), then;
    size_t k = 0;
    for (; k + 38 <= n; k += 16) {
        six = sixes8(x + k + 16, down);
        then = _mm_add_epi16(next, _mm_alignr_epi8(six, next, 2));
        most = _mm_max_epi16(most, _mm_adds_epi16(two, _mm_alignr_epi8(then, two, 4)));
        next = sixes8(x + k + 24, down);
        two = _mm_add_epi16(six, _mm_alignr_epi8(next, six, 2));
        most = _mm_max_epi16(most, _mm_adds_epi16(then, _mm_alignr_epi8(two, then, 4)));
    }
    for (; k + 9 < n; k += 8)   /* the last 8 may be looked at twice */
        most = _mm_max_epi16(most, rise_at(x + (k + 17 <= n ? k : n - 17), down));
    return 32767 - _mm_extract_epi16(_mm_minpos_epu16(_mm_sub_epi16(_mm_set1_epi16(INT16_MAX), most)), 0);
}

__attribute__((noinline)) static int32_t rise_short(const sample_u16 *x, size_t n, bool down) {
    int32_t most = n < 10 ? 0 : INT32_MIN;
    for (size_t k = 0; k + 9 < n; k++) {
        int32_t rise = x[k + 6] + x[k + 7] + x[k + 8] + x[k + 9] - x[k] - x[k + 1] - x[k + 2] - x[k + 3];
        rise = down ? -rise : rise;
        most = rise > most ? rise : most;
    }
    return most;
}

/* x[k+6] - x[k] in 8 lanes, or less that, of the samples from x on and the 8 behind them. */
static inline AVX2 __attribute__((always_inline)) __m128i sixes_of(__m128i eight, __m128i next, bool down) {
    __m128i late = _mm_alignr_epi8(next, eight, 12);
    return down ? _mm_sub_epi16(eight, late) : _mm_sub_epi16(late, eight);
}

/* Whether no rise exceeds least, as can be told from its quarters: four differences over 6 samples each, of which one would have to exceed quarter = least / 4,
 * rounded down. True of eleven records in twelve, and a third of the work. Each sample is loaded once: loads at any address are what this waits for. n >= 32. */
AVX2 static inline __attribute__((always_inline)) bool rises_hardly(const sample_u16 *x, size_t n, __m128i quarter, bool down) {
    __m128i most = sixes8(x + n - 14, down), other = sixes8(x + n - 22, down), a = load8(x), b, c;   /* the last 16, which may be looked at twice */
    size_t k = 0;
    for (; k + 40 <= n; k += 32) {
        b = load8(x + k + 8);
        c = load8(x + k + 16);
        most = _mm_max_epi16(most, sixes_of(a, b, down));
        other = _mm_max_epi16(other, sixes_of(b, c, down));
        b = load8(x + k + 24);
        a = load8(x + k + 32);
        most = _mm_max_epi16(most, sixes_of(c, b, down));
        other = _mm_max_epi16(other, sixes_of(b, a, down));
    }
    for (; k + 22 <= n; k += 8)
        most = _mm_max_epi16(most, sixes8(x + k, down));
    return _mm_movemask_epi8(_mm_cmpgt_epi16(_mm_max_epi16(most, other), quarter)) == 0;
}

/* The same from its halves: of nearly all the others, and two thirds of the work. half: least / 2, rounded down. n >= 25. */
AVX2 static inline __attribute__((always_inline)) bool rises_little(const sample_u16 *x, size_t n, __m128i half, bool down) {
    __m128i six = sixes8(x, down), next, most = _mm_set1_epi16(INT16_MIN);
    size_t k = 0;
    for (; k + 30 <= n; k += 16) {
        next = sixes8(x + k + 8, down);
        most = _mm_max_epi16(most, _mm_add_epi16(six, _mm_alignr_epi8(next, six, 2)));
        six = sixes8(x + k + 16, down);
        most = _mm_max_epi16(most, _mm_add_epi16(next, _mm_alignr_epi8(six, next, 2)));
    }
    for (; k + 7 < n; k += 8) {   /* the last 8 may be looked at twice */
        const sample_u16 *at = x + (k + 15 <= n ? k : n - 15);
        most = _mm_max_epi16(most, _mm_add_epi16(sixes8(at, down), sixes8(at + 1, down)));
    }
    return _mm_movemask_epi8(_mm_cmpgt_epi16(most, half)) == 0;
}

static int32_t most_of(int32_t rise, int32_t least) {
    return rise > least ? rise : least;
}

AVX2 static inline __attribute__((always_inline)) bool is_little(const sample_u16 *x, size_t n, bool down, int32_t least) {
    return (n >= 32 && rises_hardly(x, n, _mm_set1_epi16((int16_t)(least / 4)), down)) || rises_little(x, n, _mm_set1_epi16((int16_t)(least / 2)), down);
}

/* Of narrow samples no half exceeds 2 x NARROW. */
AVX2 static inline bool is_enough(const sample_u16 *x, size_t n, bool down, int32_t least) {
    return least >= 4 * NARROW || (least >= 0 && (down ? is_little(x, n, true, least) : is_little(x, n, false, least)));
}

AVX2 int32_t dot_rise_avx2(const sample_u16 *x, size_t n, struct dot_extremes within, bool down, int32_t least) {
    if (n >= 25 && within.high - within.low <= NARROW) {
        if (is_enough(x, n, down, least))
            return least;
        int32_t rise = down ? rise_narrow(x, n, true) : rise_narrow(x, n, false);
        if (rise < INT16_MAX)   /* else it may be larger */
            return most_of(rise, least);
    }
    return most_of(n >= 25 ? rise_wide(x, n, down) : rise_short(x, n, down), least);
}

/* ---- steps ---- */

/* |x[k] - x[k-1]| in 16 lanes; 32768 comes out as itself, unsigned. */
AVX2 static inline __m256i steps16(const sample_u16 *x) {
    return _mm256_abs_epi16(_mm256_sub_epi16(load16(x), load16(x - 1)));
}

AVX2 static inline __m256i times4(__m256i v) {
    __m256i twice = _mm256_adds_epu16(v, v);
    return _mm256_adds_epu16(twice, twice);
}

/* Whether none of the 64 steps to x, x+1, .. is one to speak of: true of nearly all of a record. */
AVX2 static inline bool steps_little(const sample_u16 *x) {
    __m256i most = _mm256_max_epu16(_mm256_max_epu16(steps16(x), steps16(x + 16)), _mm256_max_epu16(steps16(x + 32), steps16(x + 48)));
    const __m256i least = _mm256_set1_epi16(DOT_STEP_LEAST);
    return _mm256_movemask_epi8(_mm256_cmpeq_epi16(_mm256_max_epu16(most, least), most)) == 0;
}

/* Saturating, and 4 x 16384 and more is 65535: no step is as large, so neither is the answer. */
AVX2 size_t dot_step_avx2(const sample_u16 *x, size_t n, size_t from) {
    const __m256i least = _mm256_set1_epi16(DOT_STEP_LEAST);
    size_t k = from;
    if (k == 1 && n > 1) {
        int here = abs((int16_t)(x[1] - x[0])), after = n > 2 ? abs((int16_t)(x[2] - x[1])) : 0;
        if (here >= DOT_STEP_LEAST && here >= 4 * after)
            return 1;
        k = 2;
    }
    for (; k + 17 <= n; k += 16) {
        while (k + 64 <= n && steps_little(x + k))
            k += 64;
        if (k + 17 > n)
            break;
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
#endif
