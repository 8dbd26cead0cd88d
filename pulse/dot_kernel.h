/* pulse/dot_kernel.h - the hot loops over one record: filter outputs (the parabola through five lags), residual from a pulse model, and the exact
 * integer sums behind the cuts. The scalar variant is the meaning: it accumulates floats in double and is never optimised.
 * Other variants give the same integers, and floats within FLT_EPSILON x (n + 1) x sum of |terms|; the test and the benchmark
 * walk the table.
 * Loops that are the first to touch a record ask for what lies DOT_AHEAD behind: there stand the next records in a file, and a prefetch of memory that
 * is not there does nothing. From memory that makes a dot product 1.4x faster. Records of a stream stand apart, and asking for what is not wanted made
 * the rows 1.7x slower there; the record that is wanted next is asked for between the steps of a measurement (pulse_record_ask): by the rows, at once or on
 * the way, it comes no sooner than they wait for it.
 * Rows are woven: each 16 weights stand in the order in which AVX2 unpacks 16 samples, or a third of a dot product goes into putting samples
 * in order (Zen 1: 6.8 cycles for 16 samples, 5.3 woven).
 * Chosen after measuring (doc/methods.md, Filters): rows shifted beforehand and one conversion of the samples beat shifting the record
 * (1.7x); three rows that give the parabola itself beat five lags (1.5x); two records at once (loses from memory), int16 weights (no gain) and BLAS (needs a float copy of the record). */
#ifndef TESD_PULSE_DOT_KERNEL_H
#define TESD_PULSE_DOT_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pulse/lag_parabola.h"
#include "pulse/pulse_record.h"

enum {
    DOT_PAD = 16,      /* rows are padded with zeros to a multiple of this */
    DOT_AHEAD = 4096,  /* bytes */
};

/* Where a woven row has the weight of sample k: 0-3, 8-11, 4-7, 12-15 of every 16. Its own inverse. */
static inline size_t dot_place(size_t k) {
    return ((k >> 2) ^ (k >> 3)) & 1 ? k ^ 12 : k;
}

/* x everywhere: any address, n samples, n <= 65536; nothing behind them is read. */

struct dot_extremes { uint16_t low, high; };   /* of no samples: 65535 and 0 */

/* base in the next two: a whole number of counts, |base| < 2^22.
 * sums[i] = sum over k < n of rows[i x stride + dot_place(k)] x (x[k] - base), and the least and largest sample, which cost next to nothing
 * here. ahead: bytes, what lies so far behind is asked for; 0: nothing is. rows: DOT_ROWS of them, 64-byte aligned, stride a multiple of DOT_PAD that is not below n, zeros for samples from n on. */
enum { DOT_ROWS = PARABOLA_TERMS };
struct dot_looks { float sums[DOT_ROWS]; struct dot_extremes extremes; };   /* by pointer: put together in registers it would cost a tenth more */
typedef void dot_rows_fn(const float *rows, size_t stride, const sample_u16 *x, size_t n, float base, size_t ahead, struct dot_looks *out);

/* Sum over k < n of row[dot_place(k)] x (x[k] - base): one lag alone. row: as above. */
typedef float dot_one_fn(const float *row, const sample_u16 *x, size_t n, float base);

/* Sum over k < n of (x[k] - base - sum over j of terms[j] x rows[j x stride + k])^2. rows: DOT_TERMS of them, aligned as above but not woven;
 * any base. And the same with DOT_FEW woven rows. */
enum { DOT_TERMS = 7, DOT_FEW = 2 };
typedef float dot_residual_fn(const float *rows, size_t stride, const sample_u16 *x, size_t n, float base, const float terms[DOT_TERMS]);
typedef float dot_few_fn(const float *rows, size_t stride, const sample_u16 *x, size_t n, float base, const float terms[DOT_FEW]);

/* within, here and below: extremes that none of the samples leaves, DOT_ANY when not known. Where they are close together, so are the sums. */
#define DOT_ANY ((struct dot_extremes){ 0, UINT16_MAX })
struct dot_sums { uint64_t sum, squares, moment; };  /* of x[k], x[k]^2, k x[k] */
typedef struct dot_sums dot_sums_fn(const sample_u16 *x, size_t n, struct dot_extremes within);

typedef struct dot_extremes dot_extremes_fn(const sample_u16 *x, size_t n);

typedef size_t dot_find_fn(const sample_u16 *x, size_t n, uint16_t value);  /* first k with x[k] == value, n if none */

/* First k >= from, 1 <= k < n, where x takes a step that its neighbours do not take: with s(k) = |x[k] - x[k-1]| modulo 65536 (so at most
 * 32768), 0 outside the record, s(k) >= DOT_STEP_LEAST and s(k) >= 4 max(s(k-1), s(k+1)); n if there is none. from >= 1. For records that
 * something speaks against. */
enum { DOT_STEP_LEAST = 64 };
typedef size_t dot_step_fn(const sample_u16 *x, size_t n, size_t from);

/* Largest of x[k+6] + .. + x[k+9] - (x[k] + .. + x[k+3]) over 0 <= k < n - 9, or of what that falls by (down), 0 for n < 10; or `least` if that is more.
 * Whoever asks only whether a rise exceeds least is answered for a third of the price, as a rule. */
typedef int32_t dot_rise_fn(const sample_u16 *x, size_t n, struct dot_extremes within, bool down, int32_t least);

/* out[j] = sum over i < n_w of w[i] x[j + i], j < n_out; x holds n_out + n_w - 1 floats. For searches, not for every record. */
typedef void dot_correlate_fn(const float *w, size_t n_w, const float *x, size_t n_out, float *out);

/* Sum over k < n of a[k] b[k]; and a[k] -= sum over j < n_rows <= DOT_TERMS of times[j] x rows[j x stride + k], which lie apart from a. Floats at any
 * address; for searches too. */
typedef float dot_floats_fn(const float *a, const float *b, size_t n);
typedef void dot_less_fn(float *a, const float *rows, size_t stride, const float *times, size_t n_rows, size_t n);

/* With y = x[k] - base - height x s[k] and e = at x fall[k] adds to each sum that of its product over n samples: what the fit of a constant, e, s and s e to y is
 * made of. s, fall: at any address. For some hundred at a time: products are added in floats before they are added to the sums. */
struct dot_bent { double yy, y, ye, ys, yse, s, se, ss, see, sse, ssee; };
struct dot_bend { float base, height, at; const float *s, *fall; };
typedef void dot_bent_fn(const sample_u16 *x, struct dot_bend by, size_t n, struct dot_bent *sums);

struct dot_kernel {
    const char *name;
    dot_one_fn *one;
    dot_rows_fn *rows;
    dot_residual_fn *residual;
    dot_few_fn *few;
    dot_sums_fn *sums;
    dot_extremes_fn *extremes;
    dot_find_fn *find;
    dot_rise_fn *rise;
    dot_step_fn *step;
    dot_correlate_fn *correlate;
    dot_floats_fn *floats;
    dot_less_fn *less;
    dot_bent_fn *bent;
};

/* Number i of those that this machine can run, NULL beyond the last; 0 is "scalar", the last is the fastest. */
const struct dot_kernel *dot_kernel_at(size_t i);
const struct dot_kernel *dot_kernel_best(void);
const struct dot_kernel *dot_kernel_find(const char *name);  /* NULL: no such variant here */

/* dot_kernel_avx2.c, dot_integers_avx2.c and dot_floats_avx2.c: for machines that have AVX2 and FMA. */
extern const struct dot_kernel dot_kernel_avx2;

#endif
