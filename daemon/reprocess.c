#include "daemon/reprocess.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "calib/calibration_verdict.h"
#include "daemon/channel_rows.h"
#include "daemon/clock.h"
#include "daemon/line_locking.h"
#include "daemon/log.h"
#include "daemon/pipeline.h"
#include "daemon/progress.h"
#include "daemon/reprocess_file.h"
#include "daemon/scratch.h"
#include "daemon/stage/analyse.h"
#include "daemon/stage/bin.h"

/* 100 bytes for each record of the channels under way; the rest of the program needs less than this. */
enum { SCRATCH_BUDGET = 128 << 20 };

struct reprocess {
    struct channel_rows_work work;   /* its grading, array, monitoring and lock are ours */
    const struct reprocess_settings *settings;
    struct archive *archive;
    struct reprocessed *result;
    struct scratch scratch;
    struct channel_rows *rows;       /* job i fills rows[i]; taking it frees it */
    uint8_t *pixels_used;            /* of the scan being set up */
    struct progress progress;
};

static void analyse_job(void *context, size_t pixel) {
    struct reprocess *r = context;
    channel_rows_make(&r->work, pixel, &r->rows[pixel]);
}

static void grade_job(void *context, size_t pixel) {
    struct reprocess *r = context;
    channel_rows_grade(&r->work, pixel, &r->rows[pixel]);
}

static void keep_counts(struct pixel_totals *t, const struct channel_counts *c) {
    t->torn = c->torn;
    t->duplicates = c->duplicates;
    t->restarts = c->restarts;
    t->disagreements = c->disagreements;
    t->tail_bytes = c->tail_bytes;
    t->unreadable = c->unreadable;
}

static void count_rows(struct pixel_totals *t, const struct photon_block *b) {
    t->records = b->n;
    uint64_t counts[N_CUTS + 1] = { 0 };
    for (size_t i = 0; i < b->n; i++)
        counts[cut_reason(b->cuts[i])]++;
    for (size_t i = 0; t->jumped_ns == 0 && i < b->n; i++)
        t->jumped_ns = b->cuts[i] & CUT_BIT(CUT_JUMPED) ? b->time_ns[i] : 0;
    t->photons = counts[N_CUTS];
    memcpy(t->cut_counts, counts, sizeof t->cut_counts);
}

static bool take_block(void *context, size_t pixel) {
    struct reprocess *r = context;
    struct pixel_totals *totals = &r->result->pixels[pixel];
    struct channel_rows *rows = &r->rows[pixel];
    struct photon_block *b = rows->block;
    if (b == NULL) {
        log_error("out of memory while analysing channel %d", r->work.beamtime->pulses.channels[pixel].channel);
        return false;
    }
    bin_stage_add(r->result->bins, b);
    keep_counts(totals, &rows->counts);
    count_rows(totals, b);
    bool good = archive_photons(r->archive, b) && grading_take(r->work.grading, pixel, b);
    channel_rows_free(&r->work, rows);
    progress_add(&r->progress, 1);
    return good;
}

/* FWHM of each pixel by the calibration that holds when the scan begins, NaN without; used: those with a model and a curve then. One whose
 * curve is known to have ended before the scan did (it jumped) is none of them: what it would count until then, its live time would be
 * asked for to the end. */
static void resolutions_of(const struct reprocess *r, const struct scan *scan, double *resolution_eV, uint8_t *used) {
    for (size_t i = 0; i < r->work.model->n_channels; i++) {
        struct analyse_settings s = channel_rows_settings(&r->work, i);
        struct calibration_pair c = analyse_calibration_at(&s, scan->start_ns);
        used[i] = s.model != NULL && c.before != NULL && analyse_calibration_at(&s, scan->end_ns - 1).before != NULL;
        resolution_eV[i] = c.before != NULL ? c.before->resolution_eV : (double)NAN;
    }
}

/* A scan's set of pixels is frozen: all those, or the best of them. NULL when memory fails. */
static const uint8_t *pixels_used(void *context, size_t timeline_index) {
    struct reprocess *r = context;
    double *resolution_eV = calloc(r->work.model->n_channels + 1, sizeof *resolution_eV);
    bool good = resolution_eV != NULL;
    if (good) {
        resolutions_of(r, scan_timeline_at(r->work.beamtime->timeline, timeline_index), resolution_eV, r->pixels_used);
        good = calibration_verdict_keep_best(resolution_eV, r->pixels_used, (uint32_t)r->work.model->n_channels, r->settings->best_pixels) == STATUS_OK;
    }
    free(resolution_eV);
    return good ? r->pixels_used : NULL;
}

/* FWHM of the typical pixel at a time; NaN unknown. */
static double resolution_at(const void *context, int64_t time_ns) {
    const struct reprocess *r = context;
    double resolution_eV = NAN;
    for (size_t k = 0; k < r->work.model->n_tables; k++)
        if (r->work.model->tables[k]->resolution_eV > 0 && (!isfinite(resolution_eV) || r->work.model->tables[k]->start_ns <= time_ns))
            resolution_eV = r->work.model->tables[k]->resolution_eV;
    return resolution_eV;
}

static size_t index_of(const struct bin_stage *b, int32_t product) {
    size_t i = 0;
    while (b->of_scan[i] != product)
        i++;
    return i;
}

static bool make_sums(struct reprocess *r) {
    struct reprocessed *out = r->result;
    for (size_t k = 0; k < out->bins->n_products; k++)
        resolutions_of(r, out->bins->products[k]->scan, out->bins->products[k]->resolution_eV, r->pixels_used);
    return scan_sums_make(out->bins->products, out->bins->n_products, &out->sums, &out->n_sums) == STATUS_OK;
}

/* A number of its own for every scan; nothing reads it back into energies. */
static bool find_elastics(struct reprocess *r) {
    struct reprocessed *out = r->result;
    const size_t n = out->bins->n_products;
    const bool good = scan_elastics_find(out->bins->products, n, out->sums, out->n_sums, resolution_at, r, &out->elastics);
    for (size_t k = 0; good && k < n; k++)
        monitoring_free_points(r->work.monitoring, index_of(out->bins, (int32_t)k), out->elastics.point_used[k]);
    return good;
}

static bool set_up(struct reprocess *r, const char *path) {
    const struct reprocess_settings *settings = r->settings;
    size_t n = r->work.model->n_channels;
    struct product_settings products = settings->products;
    products.wide_grades = r->work.stored != NULL && !r->work.causal ? 0 : array_model_wide_grades(r->work.model, r->work.causal);
    r->result->n_pixels = n;
    r->result->pixels = calloc(n, sizeof *r->result->pixels);
    r->rows = calloc(n, sizeof *r->rows);
    r->pixels_used = calloc(n, 1);
    if (r->result->pixels == NULL || r->rows == NULL || r->pixels_used == NULL ||
        !bin_stage_new(r->work.beamtime->timeline, (uint32_t)n, &products, pixels_used, r, &r->result->bins)) {
        log_error("out of memory for the maps");
        return false;
    }
    r->work.bins = r->result->bins;
    if (array_events_wanted(&settings->array) && !array_events_new(&settings->array, r->work.model, &r->scratch, &r->work.array))
        return false;
    return grading_new(&settings->grading, r->work.beamtime, r->work.model, r->result->bins, &r->work.grading) &&
           monitoring_new(&settings->monitoring, r->work.beamtime, r->work.model, r->work.causal, &r->work.monitoring) && archive_create(path, settings->compress, &r->archive);
}

static bool lock_to_line(struct reprocess *r) {
    const struct reprocess_settings *settings = r->settings;
    if (settings->line_lock == NULL || settings->line_lock[0] == '\0')
        return true;
    if (settings->causal || settings->stored != NULL) {
        log_warning("calibration.line_lock: %s, so nothing is locked to %s", settings->causal ? "a frozen calibration looks at no later records" : "only tesd replay follows a line",
                    settings->line_lock);
        return true;
    }
    return line_locking_run(r->work.beamtime, r->work.model, settings->line_lock, settings->workers, &r->work.lock);
}

/* All channels are analysed and wait in scratch; then each is graded by what it knows of the others. The rows of a channel may not
 * go before its neighbours have been graded, which is why they go at the very end. */
static bool make_photons_together(struct reprocess *r) {
    const unsigned workers = r->settings->workers;
    size_t n = r->work.model->n_channels, whole = 0, n_instants;
    const int64_t *instants;
    const struct photon_block **blocks = calloc(n + 1, sizeof(struct photon_block *));
    bool good = blocks != NULL && pipeline_run(n, workers, analyse_job, r);
    for (; good && whole < n && r->rows[whole].block != NULL; whole++)
        blocks[whole] = r->rows[whole].block;
    if (good && whole < n)
        log_error("out of memory while analysing channel %d", r->work.beamtime->pulses.channels[whole].channel);
    good = good && whole == n && array_events_collect(r->work.array, blocks) && array_events_instants(r->work.array, &instants, &n_instants);
    good = good && (instants == NULL || grading_sample_at(r->work.grading, instants, n_instants)) && pipeline_run(n, workers, grade_job, r);
    for (size_t k = 0; k < r->result->bins->n_products; k++)
        r->result->bins->products[k]->array_rules |= array_events_rules(r->work.array);
    for (size_t pixel = 0; good && pixel < n; pixel++)
        good = take_block(r, pixel);
    free(blocks);
    return good;
}

static bool make_photons(struct reprocess *r) {
    double wall_s = clock_s(CLOCK_MONOTONIC), cpu_s = clock_s(CLOCK_PROCESS_CPUTIME_ID);
    progress_begin(&r->progress, "analysing", r->work.model->n_channels);
    bool good = r->work.array != NULL ? make_photons_together(r) : pipeline_run_ordered(r->work.model->n_channels, r->settings->workers, analyse_job, take_block, r);
    good = good && archive_photons_end(r->archive);
    progress_end(&r->progress);
    r->result->photons_wall_s = clock_s(CLOCK_MONOTONIC) - wall_s;
    r->result->photons_cpu_s = clock_s(CLOCK_PROCESS_CPUTIME_ID) - cpu_s;
    return good;
}

static const char *folder_of(const char *path, char folder[PATH_MAX]) {
    const char *slash = strrchr(path, '/');
    if (slash == NULL)
        snprintf(folder, PATH_MAX, ".");
    else
        snprintf(folder, PATH_MAX, "%.*s", slash > path ? (int)(slash - path) : 1, path);
    return folder;
}

static bool write_file(struct reprocess *r, const char *path) {
    const struct reprocess_file file = { .archive = r->archive, .work = &r->work, .settings = r->settings, .result = r->result };
    if (!(grading_finish(r->work.grading, r->archive) && reprocess_file_pixels(&file) && make_sums(r) && find_elastics(r) && monitoring_finish(r->work.monitoring, r->archive) &&
          reprocess_file_products(&file) && reprocess_file_history(&file, path)))
        return false;
    r->archive = NULL;
    return reprocess_file_finish(&file);
}

static void reprocess_done(struct reprocess *r) {
    for (size_t i = 0; r->rows != NULL && i < r->work.model->n_channels; i++)
        channel_rows_free(&r->work, &r->rows[i]);
    array_events_free(r->work.array);
    scratch_done(&r->scratch);
    archive_abandon(r->archive);
    grading_free(r->work.grading);
    monitoring_free(r->work.monitoring);
    line_lock_free(r->work.lock);
    free(r->rows);
    free(r->pixels_used);
}

bool reprocess_run(const struct beamtime *b, const struct array_model *m, const struct reprocess_settings *settings, const char *path, struct reprocessed *out) {
    *out = (struct reprocessed){ 0 };
    char folder[PATH_MAX];
    struct reprocess r = { .work = { .beamtime = b, .model = m, .stored = settings->stored, .causal = settings->causal }, .settings = settings, .result = out,
                           .scratch = { .folder = folder_of(path, folder), .budget = SCRATCH_BUDGET, .keeps = true } };
    r.work.scratch = &r.scratch;
    const bool good = set_up(&r, path) && lock_to_line(&r) && make_photons(&r) && write_file(&r, path);
    reprocess_done(&r);
    if (!good)
        reprocessed_done(out);
    return good;
}

void reprocessed_done(struct reprocessed *r) {
    scan_sums_free(r->sums, r->n_sums);
    bin_stage_free(r->bins);
    free(r->pixels);
    scan_elastics_done(&r->elastics);
    product_history_done(&r->history);
    *r = (struct reprocessed){ 0 };
}
