#include "daemon/cli/bench_legs.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/cli/bench_kernels.h"
#include "daemon/log.h"
#include "daemon/reprocess.h"

enum { LINE = 64, WINDOW = 256 << 10, WINDOW_WIDE = 2 << 20 };

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
    struct stopwatch w = stopwatch_start();
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
    return stopwatch_stop(w, bench_records(c->set));
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
    struct stopwatch w = stopwatch_start();
    for (size_t p = 0; p < c->set->size.pixels; p++) {
        size_t n;
        int fd = open_pixel(c->set, p, &n);
        void *bytes = mmap(NULL, n, PROT_READ, MAP_PRIVATE, fd, 0);
        if (bytes != MAP_FAILED) {
            c->sink ^= bench_fold(bytes, n);
            munmap(bytes, n);
        }
        close(fd);
    }
    return stopwatch_stop(w, bench_records(c->set));
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
    [LEG_READ] = { "read", "touch every byte, from memory", 1, bench_read },
    [LEG_DOT] = { "dot", "one dot product, from memory", 1, bench_dot },
    [LEG_OPERATIONS] = { "operations", "128-bit operations of summaries + 5 lags", 1, bench_operations },
    [LEG_SUMMARIES_LAGS] = { "summaries_lags", "summaries + 5 lags, from memory", 1, bench_summaries_lags },
    [LEG_ANALYSIS] = { "analysis", "all of a record with residual, from memory", 1, bench_analysis },
    [LEG_ANALYSIS_TWO] = { "analysis_two", "the same, two threads", 2, bench_analysis_two },
    [LEG_ENERGIES] = { "energies", "all of a record, to its energy, from memory", 1, bench_energies },
    [LEG_FILE_PREAD] = { "file_pread", "read the files, pread, 256 kB", 1, run_pread },
    [LEG_FILE_PREAD_WIDE] = { "file_pread_wide", "read the files, pread, 2 MB", 1, run_pread_wide },
    [LEG_FILE_MMAP] = { "file_mmap", "read the files, mmap", 1, run_mmap },
    [LEG_CHAIN] = { "chain", "replay: files to photon columns", 1, run_chain },
    [LEG_CHAIN_TWO] = { "chain_two", "the same, two workers", 2, run_chain_two },
    [LEG_CHAIN_SCALAR] = { "chain_scalar", "the same, scalar kernel, few pixels", 1, run_chain_scalar },
};
