/* How close the kernels are to the machine: ns per record, as ratios to one dot product and to reading the record, all legs
 * interleaved in one process, medians of many short runs. Nothing is asserted: machines are shared. */
#include <immintrin.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "pulse/cut_limits.h"
#include "pulse/optimal_filter.h"
#include "pulse/pixel_model.h"
#include "pulse/pulse_quality.h"
#include "pulse/pulse_shape.h"
#include "pulse/robust.h"
#include "tests/pulse/synthetic.h"

enum { RUNS = 31, HEADER_BYTES = 16 };

/* Records as they stand in an LJH file: a header before each, no alignment. */
struct bench {
    const char *place;
    uint32_t n_samples, n_presamples, n_records;
    size_t stride;
    uint8_t *bytes;
    float *row;                    /* one dot: n_samples floats */
    struct pixel_model *fast, *slow;
};

typedef double leg_fn(const struct bench *b);

static const sample_u16 *samples_at(const struct bench *b, uint32_t i) {
    return (const sample_u16 *)(const void *)(b->bytes + 1 + i * b->stride + HEADER_BYTES);
}

/* The cheapest way to touch every byte. */
__attribute__((target("avx2"))) static double leg_read(const struct bench *b) {
    __m256i all = _mm256_setzero_si256();
    for (uint32_t i = 0; i < b->n_records; i++)
        for (size_t k = 0; k + 16 <= b->n_samples; k += 16)
            all = _mm256_xor_si256(all, _mm256_loadu_si256((const __m256i *)(const void *)(samples_at(b, i) + k)));
    return (double)_mm256_extract_epi64(all, 0);
}

/* One dot product, four accumulators. */
__attribute__((target("avx2,fma"))) static float dot(const float *w, const sample_u16 *x, size_t n) {
    __m256 sum[4] = { _mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps() };
    for (size_t k = 0; k + 32 <= n; k += 32)
        for (size_t j = 0; j < 4; j++) {
            __m128i half = _mm_loadu_si128((const __m128i *)(const void *)(x + k + 8 * j));
            sum[j] = _mm256_fmadd_ps(_mm256_loadu_ps(w + k + 8 * j), _mm256_cvtepi32_ps(_mm256_cvtepu16_epi32(half)), sum[j]);
        }
    float out[8];
    _mm256_storeu_ps(out, _mm256_add_ps(_mm256_add_ps(sum[0], sum[1]), _mm256_add_ps(sum[2], sum[3])));
    return out[0] + out[1] + out[2] + out[3] + out[4] + out[5] + out[6] + out[7];
}

static double leg_dot(const struct bench *b) {
    double all = 0;
    for (uint32_t i = 0; i < b->n_records; i++)
        all += dot(b->row, samples_at(b, i), b->n_samples);
    return all;
}

static double lags_with(const struct bench *b, const struct pixel_model *m) {
    double all = 0;
    for (uint32_t i = 0; i < b->n_records; i++)
        all += optimal_filter_apply(m->filter, samples_at(b, i), 8000).height;
    return all;
}

static double leg_lags(const struct bench *b) {
    return lags_with(b, b->fast);
}

static double leg_lags_scalar(const struct bench *b) {
    return lags_with(b, b->slow);
}

static double leg_residual(const struct bench *b) {
    double all = 0;
    for (uint32_t i = 0; i < b->n_records; i++)
        all += pulse_shape_residual(b->fast->shape, optimal_filter_kernel(b->fast->filter), samples_at(b, i), 8000, 4000, 0.1);
    return all;
}

static struct pulse_record record_at(const struct bench *b, uint32_t i) {
    return (struct pulse_record){ .samples = samples_at(b, i), .n_samples = b->n_samples, .n_presamples = b->n_presamples };
}

static double leg_quality(const struct bench *b) {
    double all = 0;
    for (uint32_t i = 0; i < b->n_records; i++) {
        struct pulse_record r = record_at(b, i);
        all += pulse_quality_of(dot_kernel_best(), &r, false, b->n_presamples + 22).late_rise;
    }
    return all;
}

static double leg_measure(const struct bench *b) {
    double all = 0;
    for (uint32_t i = 0; i < b->n_records; i++) {
        struct pulse_record r = record_at(b, i);
        struct measured_pulse p;
        pixel_model_measure(b->fast, &r, &p);
        all += p.height;
    }
    return all;
}

static const struct { const char *name; leg_fn *run; } legs[] = {
    { "read", leg_read },          { "one dot", leg_dot },      { "5 lags", leg_lags },   { "5 lags, scalar", leg_lags_scalar },
    { "residual", leg_residual },  { "quality", leg_quality },  { "whole measurement", leg_measure },
};
enum { N_LEGS = sizeof legs / sizeof legs[0] };

static double now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return 1e9 * (double)t.tv_sec + (double)t.tv_nsec;
}

static struct pixel_model *make_model(uint32_t n, uint32_t p, const struct dot_kernel *kernel) {
    struct pixel_model *m = calloc(1, sizeof *m);
    double *shape = calloc(2 * (size_t)n, sizeof *shape), variance;
    if (m == NULL || shape == NULL)
        exit(1);
    *m = (struct pixel_model){ .n_samples = n, .n_presamples = p, .limits = cut_limits_open() };
    for (uint32_t k = 0; k < n; k++)
        shape[k] = synthetic_shape((double)k - p);
    if (pulse_shape_from_template(shape, n, p, 1000, &m->shape) != STATUS_OK || optimal_filter_design(shape, n, NULL, shape + n, &variance) != STATUS_OK || optimal_filter_new(shape + n, n - 4, kernel, &m->filter) != STATUS_OK)
        exit(1);
    free(shape);
    return m;
}

static void set_up(const char *place, uint32_t n, size_t bytes, struct bench *b) {
    struct synthetic s = { .random = { .state = 1 } };
    uint16_t *one = malloc(n * sizeof *one);
    *b = (struct bench){ .place = place, .n_samples = n, .n_presamples = n / 4, .stride = HEADER_BYTES + 2 * (size_t)n };
    b->n_records = (uint32_t)(bytes / b->stride);
    b->bytes = malloc(1 + b->n_records * b->stride);
    b->row = malloc(n * sizeof *b->row);
    if (one == NULL || b->bytes == NULL || b->row == NULL)
        exit(1);
    for (uint32_t i = 0; i < b->n_records; i++) {
        if (i < 64)
            synthetic_record(&s, one, n, b->n_presamples, 8000, 4000, synthetic_uniform(&s));
        memcpy(b->bytes + 1 + i * b->stride + HEADER_BYTES, one, n * sizeof *one);
    }
    for (uint32_t k = 0; k < n; k++)
        b->row[k] = (float)synthetic_gauss(&s);
    b->fast = make_model(n, b->n_presamples, dot_kernel_best());
    b->slow = make_model(n, b->n_presamples, dot_kernel_find("scalar"));
    free(one);
}

static void tear_down(struct bench *b) {
    free(b->bytes);
    free(b->row);
    pixel_model_free(b->fast);
    pixel_model_free(b->slow);
}

static double run(const struct bench *b) {
    double ns[N_LEGS][RUNS], median[N_LEGS], check = 0;
    int repeats = b->n_records < 4000 ? 20 : 1;
    for (int r = 0; r < RUNS; r++)
        for (size_t l = 0; l < N_LEGS; l++) {
            double start = now_ns();
            for (int i = 0; i < repeats; i++)
                check += legs[l].run(b);
            ns[l][r] = (now_ns() - start) / repeats / b->n_records;
        }
    for (size_t l = 0; l < N_LEGS; l++)
        median[l] = robust_median(ns[l], RUNS);
    printf("%u samples, %s, kernel %s\n  %-20s %10s %8s %8s\n", b->n_samples, b->place, optimal_filter_kernel(b->fast->filter)->name, "", "ns/record",
           "/ dot", "/ read");
    for (size_t l = 0; l < N_LEGS; l++)
        printf("  %-20s %10.0f %8.2f %8.2f\n", legs[l].name, median[l], median[l] / median[1], median[l] / median[0]);
    return check;
}

int main(void) {
    static const struct { const char *place; size_t bytes; } places[] = { { "in L2 cache", 128 << 10 }, { "from memory", 64 << 20 } };
    double check = 0;
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) {
        puts("no AVX2 here: nothing to compare with");
        return 0;
    }
    for (uint32_t n = 512; n <= 1024; n *= 2)
        for (size_t i = 0; i < 2; i++) {
            struct bench b;
            set_up(places[i].place, n, places[i].bytes, &b);
            check += run(&b);
            tear_down(&b);
        }
    printf("(checksum %g)\n", check);
    return 0;
}
