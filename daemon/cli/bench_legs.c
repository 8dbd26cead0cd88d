#include "daemon/cli/bench_legs.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/clock.h"
#include "daemon/log.h"
#include "daemon/pipeline.h"
#include "daemon/reprocess.h"
#include "daemon/source/source.h"
#include "pulse/optimal_filter.h"
#include "pulse/pulse_quality.h"

enum { LJH_STAMP_BYTES = 16, LINE = 64, WINDOW = 256 << 10, WINDOW_WIDE = 1 << 20 };

struct stopwatch { double wall_ns, cpu_ns; };

static struct stopwatch start(void) {
    return (struct stopwatch){ (double)clock_ns(CLOCK_MONOTONIC), (double)clock_ns(CLOCK_PROCESS_CPUTIME_ID) };
}

static struct bench_time stop(struct stopwatch from, double records) {
    return (struct bench_time){ ((double)clock_ns(CLOCK_MONOTONIC) - from.wall_ns) / records, ((double)clock_ns(CLOCK_PROCESS_CPUTIME_ID) - from.cpu_ns) / records };
}

/* ---- bare kernels ---- */

static double all_records(const struct bench_set *s) {
    return (double)s->size.pixels * s->records;
}

static struct pulse_record record_at(const struct bench_set *s, size_t pixel, size_t i) {
    const uint8_t *at = s->bytes + (pixel * s->records + i) * s->record_bytes;
    return (struct pulse_record){ .samples = (const sample_u16 *)(at + LJH_STAMP_BYTES), .n_samples = s->n_samples, .n_presamples = s->n_presamples };
}

/* The cheapest way to touch every byte. */
typedef uint64_t words __attribute__((vector_size(32), aligned(1), may_alias));

static unsigned fold(const uint8_t *bytes, size_t n) {
    words a = { 0 }, b = { 0 };
    for (size_t k = 0; k + 64 <= n; k += 64) {
        __builtin_prefetch((const void *)((uintptr_t)(bytes + k) + DOT_AHEAD));
        a ^= *(const words *)(const void *)(bytes + k);
        b ^= *(const words *)(const void *)(bytes + k + 32);
    }
    a ^= b;
    return (unsigned)(a[0] ^ a[1] ^ a[2] ^ a[3]);
}

static struct bench_time run_read(struct bench_context *c) {
    const struct bench_set *s = c->set;
    struct stopwatch w = start();
    for (size_t p = 0; p < s->size.pixels; p++)
        c->sink ^= fold(s->bytes + p * s->records * s->record_bytes, s->records * s->record_bytes);
    return stop(w, all_records(s));
}

static struct bench_time run_dot(struct bench_context *c) {
    const struct bench_set *s = c->set;
    double sum = 0;
    struct stopwatch w = start();
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
    return stop(w, all_records(s));
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
static struct bench_time run_operations(struct bench_context *c) {
    const struct bench_set *s = c->set;
    const four by = { 1, 1, 1, 1 };   /* no product leaves the normal numbers */
    four p0 = by, p1 = by, p2 = by, p3 = by, p4 = by, p5 = by, s0 = by, s1 = by, s2 = by, s3 = by, s4 = by, s5 = by;   /* by name: or they are kept in memory */
    struct stopwatch w = start();
    for (size_t p = 0; p < s->size.pixels; p++)
        for (size_t i = operations_of(s, p) * s->records / (2 * OP_STREAMS); i > 0; i--) {
            p0 *= by; s0 += by; p1 *= by; s1 += by; p2 *= by; s2 += by;
            p3 *= by; s3 += by; p4 *= by; s4 += by; p5 *= by; s5 += by;
            __asm__ volatile("" : "+x"(p0), "+x"(p1), "+x"(p2), "+x"(p3), "+x"(p4), "+x"(p5));
        }
    struct bench_time t = stop(w, all_records(s));
    four all = p0 + p1 + p2 + p3 + p4 + p5 + s0 + s1 + s2 + s3 + s4 + s5;
    c->sink += all[0] > 0;
    return t;
}

static struct bench_time run_summaries_lags(struct bench_context *c) {
    const struct bench_set *s = c->set;
    double sum = 0;
    struct stopwatch w = start();
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
    return stop(w, all_records(s));
}

/* What a replay with a frozen calibration does with every record of a pixel. */
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
    struct stopwatch w = start();
    c->failed |= !pipeline_run(c->set->size.pixels, threads, analyse_job, &a);
    c->sink += atomic_load(&a.cuts);
    return stop(w, all_records(c->set));
}

static struct bench_time run_analysis(struct bench_context *c) {
    return analyse_all(c, 1);
}

static struct bench_time run_analysis_two(struct bench_context *c) {
    return analyse_all(c, 2);
}

/* ---- bare reading ---- */

static int open_pixel(const struct bench_set *s, size_t p, size_t *bytes) {
    int fd = open(s->array.pulses.channels[p].files[0].path, O_RDONLY | O_CLOEXEC);
    struct stat st = { .st_size = 0 };
    if (fd >= 0)
        fstat(fd, &st);
    *bytes = (size_t)st.st_size;
    return fd;
}

/* Into lines of its own: to an odd address it takes two fifths longer (Zen 4). */
static struct bench_time read_by(struct bench_context *c, size_t piece) {
    struct stopwatch w = start();
    uint8_t *window = aligned_alloc(LINE, piece);
    for (size_t p = 0; window != NULL && p < c->set->size.pixels; p++) {
        size_t n;
        int fd = open_pixel(c->set, p, &n);
        ssize_t got;
        for (size_t at = 0; at < n && (got = pread(fd, window, piece, (off_t)at)) > 0; at += (size_t)got)
            c->sink ^= window[0];
        close(fd);
    }
    free(window);
    return stop(w, all_records(c->set));
}

/* What stays in the second-level cache. */
static struct bench_time run_pread(struct bench_context *c) {
    return read_by(c, WINDOW);
}

/* As a replay does. */
static struct bench_time run_pread_wide(struct bench_context *c) {
    return read_by(c, WINDOW_WIDE);
}

static struct bench_time run_mmap(struct bench_context *c) {
    struct stopwatch w = start();
    for (size_t p = 0; p < c->set->size.pixels; p++) {
        size_t n;
        int fd = open_pixel(c->set, p, &n);
        void *bytes = mmap(NULL, n, PROT_READ, MAP_PRIVATE, fd, 0);
        if (bytes != MAP_FAILED) {
            c->sink ^= fold(bytes, n);
            munmap(bytes, n);
        }
        close(fd);
    }
    return stop(w, all_records(c->set));
}

/* ---- the chain ---- */

static struct bench_time chain(struct bench_context *c, const struct beamtime *b, const struct array_model *m, unsigned workers) {
    const struct reprocess_settings settings = {
        .workers = workers,
        .products = { .emission = c->options->rixs.emission, .loss = c->options->rixs.loss, .n_regions = c->options->n_roi, .regions = c->options->roi },
        .causal = true, .grading = { .automatic = "", .secondary = "" },
        .monitoring = { .window_s = c->options->monitor.window_s, .alarm_eV = c->options->monitor.alarm_eV, .line = c->options->monitor.line },
        .process = { .command_line = "", .config_text = "", .state = "prelim" }, .calibration_state = "loaded", .title = "",
    };
    struct reprocessed r;
    unlink(c->set->output);
    log_set_level(LOG_LEVEL_ERROR);   /* the same remarks on the simulated beam, run after run */
    bool good = reprocess_run(b, m, &settings, c->set->output, &r);
    log_set_level(LOG_LEVEL_NOTE);
    if (!good) {
        c->failed = true;
        return (struct bench_time){ 0 };
    }
    double records = 0;
    for (size_t i = 0; i < r.n_pixels; i++)
        records += (double)r.pixels[i].records;
    struct bench_time t = { 1e9 * r.photons_wall_s / records, 1e9 * r.photons_cpu_s / records };
    reprocessed_done(&r);
    return t;
}

static struct bench_time run_chain(struct bench_context *c) {
    return chain(c, &c->set->array, c->set->model, 1);
}

static struct bench_time run_chain_two(struct bench_context *c) {
    return chain(c, &c->set->array, c->set->model, 2);
}

static struct bench_time run_chain_scalar(struct bench_context *c) {
    return chain(c, &c->set->few, c->set->scalar, 1);
}

const struct bench_leg bench_legs[N_LEGS] = {
    [LEG_READ] = { "read", "touch every byte, from memory", 1, run_read },
    [LEG_DOT] = { "dot", "one dot product, from memory", 1, run_dot },
    [LEG_OPERATIONS] = { "operations", "128-bit operations of summaries + 5 lags", 1, run_operations },
    [LEG_SUMMARIES_LAGS] = { "summaries_lags", "summaries + 5 lags, from memory", 1, run_summaries_lags },
    [LEG_ANALYSIS] = { "analysis", "all of a record with residual, from memory", 1, run_analysis },
    [LEG_ANALYSIS_TWO] = { "analysis_two", "the same, two threads", 2, run_analysis_two },
    [LEG_FILE_PREAD] = { "file_pread", "read the files, pread, 256 kB", 1, run_pread },
    [LEG_FILE_PREAD_WIDE] = { "file_pread_wide", "read the files, pread, 1 MB", 1, run_pread_wide },
    [LEG_FILE_MMAP] = { "file_mmap", "read the files, mmap", 1, run_mmap },
    [LEG_CHAIN] = { "chain", "replay: files to photon columns", 1, run_chain },
    [LEG_CHAIN_TWO] = { "chain_two", "the same, two workers", 2, run_chain_two },
    [LEG_CHAIN_SCALAR] = { "chain_scalar", "the same, scalar kernel, few pixels", 1, run_chain_scalar },
};
