#include "daemon/cli/bench_kernels.h"

#include <stdatomic.h>
#include <string.h>

#include "calib/photon_block.h"
#include "daemon/clock.h"
#include "daemon/pipeline.h"
#include "daemon/stage/analyse.h"
#include "pulse/optimal_filter.h"
#include "pulse/pulse_quality.h"

enum { LJH_STAMP_BYTES = 16 };

struct stopwatch stopwatch_start(void) {
    return (struct stopwatch){ (double)clock_ns(CLOCK_MONOTONIC), (double)clock_ns(CLOCK_PROCESS_CPUTIME_ID) };
}

struct bench_time stopwatch_stop(struct stopwatch from, double records) {
    return (struct bench_time){ ((double)clock_ns(CLOCK_MONOTONIC) - from.wall_ns) / records, ((double)clock_ns(CLOCK_PROCESS_CPUTIME_ID) - from.cpu_ns) / records };
}

double bench_records(const struct bench_set *s) {
    return (double)s->size.pixels * s->records;
}

static struct pulse_record record_at(const struct bench_set *s, size_t pixel, size_t i) {
    const uint8_t *at = s->bytes + (pixel * s->records + i) * s->record_bytes;
    return (struct pulse_record){ .samples = (const sample_u16 *)(at + LJH_STAMP_BYTES), .n_samples = s->n_samples, .n_presamples = s->n_presamples };
}

/* The cheapest way to touch every byte. */
typedef uint64_t words __attribute__((vector_size(32), aligned(1), may_alias));

unsigned bench_fold(const uint8_t *bytes, size_t n) {
    words a = { 0 }, b = { 0 };
    for (size_t k = 0; k + 64 <= n; k += 64) {
        __builtin_prefetch((const void *)((uintptr_t)(bytes + k) + DOT_AHEAD));
        a ^= *(const words *)(const void *)(bytes + k);
        b ^= *(const words *)(const void *)(bytes + k + 32);
    }
    a ^= b;
    return (unsigned)(a[0] ^ a[1] ^ a[2] ^ a[3]);
}

struct bench_time bench_read(struct bench_context *c) {
    const struct bench_set *s = c->set;
    struct stopwatch w = stopwatch_start();
    for (size_t p = 0; p < s->size.pixels; p++)
        c->sink ^= bench_fold(s->bytes + p * s->records * s->record_bytes, s->records * s->record_bytes);
    return stopwatch_stop(w, bench_records(s));
}

struct bench_time bench_dot(struct bench_context *c) {
    const struct bench_set *s = c->set;
    double sum = 0;
    struct stopwatch w = stopwatch_start();
    for (size_t p = 0; p < s->size.pixels; p++) {
        const struct optimal_filter *f = s->model->channels[p].model->filter;
        const struct dot_kernel *kernel = optimal_filter_kernel(f);
        const float *row = optimal_filter_row(f);
        for (size_t i = 0; i < s->records; i++) {
            struct pulse_record r = record_at(s, p, i);
            sum += kernel->one(row, r.samples, r.n_samples, (float)r.samples[0]);
        }
    }
    c->sink += sum > 0;
    return stopwatch_stop(w, bench_records(s));
}

/* ---- what a core can issue at best ---- */

/* Operations on 128 bits that summaries and 5 lags cannot do without, counted from dot_kernel_avx2.c and dot_integers_avx2.c: for 16 samples 4 to
 * unpack, 4 to subtract the base, 12 products and 12 additions of three rows, 4 for the extremes; 8 for late rises, 15 for the sums before the
 * trigger. A machine that joins 256 bits, or product and sum, at full speed needs fewer: then this is no bound. */
enum { OPS_ROWS = 36, OPS_RISES = 8, OPS_SUMS = 15, OP_STREAMS = 6 };

static size_t operations_of(const struct bench_set *s, size_t pixel) {
    const struct pixel_model *m = s->model->channels[pixel].model;
    uint32_t late = pulse_quality_late_start(&m->limits, m->n_presamples);
    size_t behind = late < s->n_samples ? s->n_samples - late : 0;
    return (s->n_samples * (size_t)OPS_ROWS + behind * OPS_RISES + s->n_presamples * (size_t)OPS_SUMS) / 16;
}

typedef float four __attribute__((vector_size(16)));

/* As many, half of them products and half additions, in registers: none waits for another one of its kind. */
struct bench_time bench_operations(struct bench_context *c) {
    const struct bench_set *s = c->set;
    const four by = { 1, 1, 1, 1 };   /* no product leaves the normal numbers */
    four p0 = by, p1 = by, p2 = by, p3 = by, p4 = by, p5 = by, s0 = by, s1 = by, s2 = by, s3 = by, s4 = by, s5 = by;   /* by name: or they are kept in memory */
    struct stopwatch w = stopwatch_start();
    for (size_t p = 0; p < s->size.pixels; p++)
        for (size_t i = operations_of(s, p) * s->records / (2 * OP_STREAMS); i > 0; i--) {
            p0 *= by; s0 += by; p1 *= by; s1 += by; p2 *= by; s2 += by;
            p3 *= by; s3 += by; p4 *= by; s4 += by; p5 *= by; s5 += by;
            __asm__ volatile("" : "+x"(p0), "+x"(p1), "+x"(p2), "+x"(p3), "+x"(p4), "+x"(p5));
        }
    struct bench_time t = stopwatch_stop(w, bench_records(s));
    four all = p0 + p1 + p2 + p3 + p4 + p5 + s0 + s1 + s2 + s3 + s4 + s5;
    c->sink += all[0] > 0;
    return t;
}

struct bench_time bench_summaries_lags(struct bench_context *c) {
    const struct bench_set *s = c->set;
    double sum = 0;
    struct stopwatch w = stopwatch_start();
    for (size_t p = 0; p < s->size.pixels; p++) {
        const struct pixel_model *m = s->model->channels[p].model;
        for (size_t i = 0; i < s->records; i++) {
            struct pulse_record r = record_at(s, p, i);
            struct dot_looks looks;
            optimal_filter_look(m->filter, &r, &looks);
            struct pulse_quality q = pulse_quality_within(optimal_filter_kernel(m->filter), &r, m->inverted, &m->limits, looks.extremes);
            struct lag_parabola fit = optimal_filter_saw(&looks);
            sum += fit.height + fit.arrival_samples + (double)q.late_rise + q.peak_sample + (double)q.pretrigger_mean + (double)q.pretrigger_sd + (double)q.pretrigger_rise;
        }
    }
    c->sink += sum > 0;
    return stopwatch_stop(w, bench_records(s));
}

/* How a replay with a frozen calibration measures every record of a pixel. */
static unsigned analyse_pixel(const struct bench_set *s, size_t pixel) {
    unsigned cuts = 0;
    for (size_t i = 0; i < s->records; i++) {
        struct pulse_record r = record_at(s, pixel, i);
        struct measured_pulse m;
        pixel_model_measure_crowded(s->model->channels[pixel].model, &r, &m);
        cuts += m.cuts;
    }
    return cuts;
}

struct analysis {
    const struct bench_set *set;
    atomic_uint cuts;
};

static void analyse_job(void *context, size_t pixel) {
    struct analysis *a = context;
    atomic_fetch_add_explicit(&a->cuts, analyse_pixel(a->set, pixel), memory_order_relaxed);
}

static struct bench_time analyse_all(struct bench_context *c, unsigned threads) {
    struct analysis a = { .set = c->set };
    struct stopwatch w = stopwatch_start();
    c->failed |= !pipeline_run(c->set->size.pixels, threads, analyse_job, &a);
    c->sink += atomic_load(&a.cuts);
    return stopwatch_stop(w, bench_records(c->set));
}

struct bench_time bench_analysis(struct bench_context *c) {
    return analyse_all(c, 1);
}

struct bench_time bench_analysis_two(struct bench_context *c) {
    return analyse_all(c, 2);
}

/* ---- and what becomes of the pulse ---- */

enum { BATCH = 64 };   /* as a replay does */

static int64_t time_of(const struct bench_set *s, size_t pixel, size_t i) {
    int64_t time_us;
    memcpy(&time_us, s->bytes + (pixel * s->records + i) * s->record_bytes + LJH_STAMP_BYTES - sizeof time_us, sizeof time_us);
    return 1000 * time_us;
}

/* Every kernel that a replay with a frozen calibration has for a record, from samples to energy and its error; rows are made over one another. */
static void make_energies(const struct bench_set *s, size_t pixel, struct photon_block *rows) {
    const struct analyse_settings settings = { .pixel = (uint32_t)pixel, .model = s->model->channels[pixel].model, .n_tables = s->model->n_tables, .tables = s->model->tables, .causal = true };
    struct analyse_track track = { 0 };
    struct measured_pulse pulses[BATCH];
    for (size_t i = 0, n; i < s->records; i += n) {
        n = s->records - i < BATCH ? s->records - i : BATCH;
        for (size_t k = 0; k < n; k++) {
            struct channel_record r = { .samples = record_at(s, pixel, i + k), .time_ns = time_of(s, pixel, i + k) };
            analyse_measure(&settings, &r, &pulses[k]);
        }
        rows->n = 0;
        analyse_next(&settings, &track, pulses, n, rows);
    }
}

struct bench_time bench_energies(struct bench_context *c) {
    const struct bench_set *s = c->set;
    struct photon_block *rows;
    if (photon_block_new(BATCH, &rows) != STATUS_OK) {
        c->failed = true;
        return (struct bench_time){ 0 };
    }
    struct stopwatch w = stopwatch_start();
    for (size_t p = 0; p < s->size.pixels; p++) {
        make_energies(s, p, rows);
        c->sink += rows->cuts[0];
    }
    struct bench_time t = stopwatch_stop(w, bench_records(s));
    photon_block_free(rows);
    return t;
}
