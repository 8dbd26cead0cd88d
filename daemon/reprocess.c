#include "daemon/reprocess.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "calib/calibration_verdict.h"
#include "daemon/clock.h"
#include "daemon/crowded_pulses.h"
#include "daemon/further_products.h"
#include "daemon/line_locking.h"
#include "daemon/log.h"
#include "daemon/measured_channel.h"
#include "daemon/options.h"
#include "daemon/pipeline.h"
#include "daemon/product_facts.h"
#include "daemon/progress.h"
#include "daemon/scratch.h"
#include "daemon/source/channel_reader.h"
#include "daemon/stage/analyse.h"
#include "daemon/stage/bin.h"

/* 100 bytes for each record of the channels under way; the rest of the program needs less than this. */
enum { SCRATCH_BUDGET = 128 << 20 };

struct rows {                        /* what a job leaves to be taken */
    struct photon_block *block;      /* NULL: it failed */
    struct scratch_piece room, gaps;   /* gaps: a bool per row, while they wait for the other channels */
};

struct reprocess {
    const struct beamtime *beamtime;
    const struct array_model *model;
    struct archive *archive;
    struct grading *grading;
    struct array_events *array;      /* NULL: channels do not wait for each other */
    struct monitoring *monitoring;
    struct line_lock *lock;          /* NULL: none */
    struct reprocessed *result;
    struct scratch scratch;
    struct rows *rows;               /* job i fills rows[i]; taking it frees it */
    uint8_t *pixels_used;            /* of the scan being set up */
    bool causal, tell;
    const struct cut_list *cuts;
    const struct reprocess_stored *stored;
    uint32_t best_pixels;
    struct progress progress;
};

static struct analyse_settings analyse_settings_of(const struct reprocess *r, size_t pixel) {
    const struct array_model *m = r->model;
    struct analyse_settings s = { .pixel = (uint32_t)pixel, .model = m->channels[pixel].model, .n_tables = m->n_tables, .tables = m->tables, .lock = r->lock, .causal = r->causal };
    if (m->neighbours != NULL && !r->causal && m->neighbours->of[pixel].used) {
        s.neighbours = &m->neighbours->of[pixel];
        s.mains = m->neighbours->mains;
    }
    return s;
}

static void keep_counts(struct pixel_totals *t, const struct channel_counts *c) {
    t->torn = c->torn;
    t->duplicates = c->duplicates;
    t->restarts = c->restarts;
    t->disagreements = c->disagreements;
    t->tail_bytes = c->tail_bytes;
    t->unreadable = c->unreadable;
}

/* At once, or when the events of the whole array are known. */
static bool grade_or_wait(struct reprocess *r, size_t pixel, const bool *gaps, size_t n, struct rows *rows) {
    if (r->array == NULL)
        return grading_rows(r->grading, pixel, gaps, NULL, rows->block);
    if (!scratch_take(&r->scratch, n + 1, &rows->gaps))
        return false;
    memcpy(rows->gaps.data, gaps, n * sizeof *gaps);
    return true;
}

static void grade_job(void *context, size_t pixel) {
    struct reprocess *r = context;
    struct rows *rows = &r->rows[pixel];
    struct time_spans vetoes = { 0 };
    bool good = rows->block != NULL && array_events_vetoes(r->array, pixel, &vetoes) && grading_rows(r->grading, pixel, rows->gaps.data, &vetoes, rows->block);
    time_spans_done(&vetoes);
    scratch_give(&r->scratch, &rows->gaps);
    if (!good)
        rows->block = NULL;
}

static bool grade_and_watch(struct reprocess *r, const struct analyse_settings *settings, struct channel_reader *reader, struct measured_channel *m, struct rows *out) {
    size_t n_seconds, pixel = settings->pixel;
    if (!grading_events(r->grading, pixel, reader, r->causal, out->block))
        return false;
    const struct inner_event *seconds = grading_seconds(r->grading, pixel, &n_seconds);
    if (!r->causal)
        crowded_pulses_measure(settings, reader, m->places, grading_windows(r->grading, pixel), seconds, n_seconds, m->pulses, out->block);
    measured_channel_residuals(m);
    return grade_or_wait(r, pixel, m->gap_before, m->n, out) && monitoring_channel(r->monitoring, pixel, m->residual, out->block);
}

static void analyse_channel(struct reprocess *r, const struct analyse_settings *settings, struct channel_reader *reader, struct rows *out) {
    const size_t most = channel_reader_most(reader) + 1, bytes = photon_block_bytes(most);
    struct scratch_piece piece = { 0 };
    if (bytes == 0 || !scratch_take(&r->scratch, measured_channel_bytes(most, settings->causal), &piece))
        return;
    if (scratch_take(&r->scratch, bytes, &out->room)) {
        struct measured_channel m = measured_channel_in(piece.data, most, settings->causal);
        out->block = photon_block_in(out->room.data, most);
        bool measured = measured_channel_read(&m, settings, reader, out->block);
        struct channel_counts counts = channel_reader_counts(reader);   /* of a whole pass: grading may walk again and stop early */
        keep_counts(&r->result->pixels[settings->pixel], &counts);
        if (!measured || !grade_and_watch(r, settings, reader, &m, out))
            out->block = NULL;
    }
    scratch_give(&r->scratch, &piece);
}

/* The same of pulses that were measured when their records came. */
static bool make_stored_rows(struct reprocess *r, const struct analyse_settings *settings, struct stored_channel *c, struct measured_pulse *pulses, float *residual, struct rows *out) {
    struct kept_rows kept = { .gap_before = c->gaps, .flags = c->flags, .seconds = c->seconds, .n_seconds = c->n_seconds };
    if (!scratch_take(&r->scratch, photon_block_bytes(c->n + 1), &out->room))
        return false;
    out->block = photon_block_in(out->room.data, c->n + 1);
    analyse_rows(settings, pulses, c->n, out->block);
    for (size_t i = 0; i < c->n; i++)
        residual[i] = pulses[i].residual;
    c->seconds = NULL;   /* taken over */
    return grading_events_kept(r->grading, settings->pixel, r->stored->n_samples, &kept, out->block) && grade_or_wait(r, settings->pixel, c->gaps, c->n, out) &&
           monitoring_channel(r->monitoring, settings->pixel, residual, out->block);
}

static void analyse_stored(struct reprocess *r, const struct analyse_settings *settings, struct rows *out) {
    const struct reprocess_stored *from = r->stored;
    int64_t first_ns, last_ns;
    size_t most = pulse_store_most(from->pulses, from->pixel_of[settings->pixel], &first_ns, &last_ns) + 1;
    struct scratch_piece room = { 0 };
    struct stored_channel c;
    if (!scratch_take(&r->scratch, most * (sizeof(struct measured_pulse) + sizeof(float)), &room))
        return;
    struct measured_pulse *pulses = room.data;
    if (pulse_store_channel(from->pulses, from->pixel_of[settings->pixel], from->sample_period_s, pulses, &c)) {
        keep_counts(&r->result->pixels[settings->pixel], &c.counts);
        if (!make_stored_rows(r, settings, &c, pulses, (float *)(pulses + most), out))
            out->block = NULL;
        stored_channel_done(&c);
    }
    scratch_give(&r->scratch, &room);
}

static void analyse_job(void *context, size_t pixel) {
    struct reprocess *r = context;
    struct channel_reader *reader;
    struct analyse_settings settings = analyse_settings_of(r, pixel);
    if (r->stored != NULL) {
        analyse_stored(r, &settings, &r->rows[pixel]);
        return;
    }
    if (!channel_reader_open(&r->beamtime->pulses.channels[pixel], (uint32_t)pixel, &reader))
        return;
    analyse_channel(r, &settings, reader, &r->rows[pixel]);
    channel_reader_close(reader);
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
    struct photon_block *b = r->rows[pixel].block;
    if (b == NULL) {
        log_error("out of memory while analysing channel %d", r->beamtime->pulses.channels[pixel].channel);
        return false;
    }
    bin_stage_add(r->result->bins, b);
    count_rows(&r->result->pixels[pixel], b);
    bool good = archive_photons(r->archive, b) && grading_take(r->grading, pixel, b);
    scratch_give(&r->scratch, &r->rows[pixel].room);
    progress_add(&r->progress, 1);
    return good;
}

/* FWHM of each pixel by the calibration that holds when the scan begins, NaN without; used: those with a model and a curve then. One whose
 * curve is known to have ended before the scan did (it jumped) is none of them: what it would count until then, its live time would be
 * asked for to the end. */
static void resolutions_of(const struct reprocess *r, const struct scan *scan, double *resolution_eV, uint8_t *used) {
    for (size_t i = 0; i < r->model->n_channels; i++) {
        struct analyse_settings s = analyse_settings_of(r, i);
        struct calibration_pair c = analyse_calibration_at(&s, scan->start_ns);
        used[i] = s.model != NULL && c.before != NULL && analyse_calibration_at(&s, scan->end_ns - 1).before != NULL;
        resolution_eV[i] = c.before != NULL ? c.before->resolution_eV : (double)NAN;
    }
}

/* A scan's set of pixels is frozen: all those, or the best of them. NULL when memory fails. */
static const uint8_t *pixels_used(void *context, size_t timeline_index) {
    struct reprocess *r = context;
    double *resolution_eV = calloc(r->model->n_channels + 1, sizeof *resolution_eV);
    bool good = resolution_eV != NULL;
    if (good) {
        resolutions_of(r, scan_timeline_at(r->beamtime->timeline, timeline_index), resolution_eV, r->pixels_used);
        good = calibration_verdict_keep_best(resolution_eV, r->pixels_used, (uint32_t)r->model->n_channels, r->best_pixels) == STATUS_OK;
    }
    free(resolution_eV);
    return good ? r->pixels_used : NULL;
}

/* Files do not say what never came to them; a live session knows. */
static uint64_t lost_of(const struct reprocess *r, size_t i) {
    const struct reprocess_stored *stored = r->stored;
    return stored != NULL && stored->lost != NULL ? stored->lost[stored->pixel_of[i]] : 0;
}

static bool write_pixels(const struct reprocess *r) {
    const struct array_model *m = r->model;
    struct archive_pixel *rows = calloc(m->n_channels, sizeof *rows);
    if (rows == NULL)
        return false;
    for (size_t i = 0; i < m->n_channels; i++) {
        const struct pixel_totals *t = &r->result->pixels[i];
        struct array_verdict v = array_model_verdict(m, i);
        rows[i] = (struct archive_pixel){
            .channel = (uint32_t)m->channels[i].channel, .sensitivity = grading_sensitivity(r->grading, i), .verdict = v.verdict, .reason = v.reason, .records = t->records,
            .photons = t->photons, .jumped_ns = t->jumped_ns, .resolution_eV = v.resolution_eV, .live_time_s = grading_live_time_s(r->grading, i), .lost_upstream = t->torn + lost_of(r, i),
        };
        if (m->neighbours != NULL) {
            rows[i].neighbours = m->neighbours->of[i].used;
            rows[i].neighbour_line_pull = m->neighbours->of[i].line_pull;
        }
        memcpy(rows[i].name, m->channels[i].name, sizeof rows[i].name);
        memcpy(rows[i].cut_counts, t->cut_counts, sizeof rows[i].cut_counts);
    }
    struct calibration_counts c = { 0 };
    bool good = archive_pixels(r->archive, rows, m->n_channels) && grading_calibrations(r->grading, &c) && archive_calibration_counts(r->archive, &c);
    calibration_counts_done(&c);
    free(rows);
    return good;
}

static bool write_calibrations(const struct reprocess *r, const char *state) {
    const struct array_model *m = r->model;
    const struct pixel_model **models = calloc(m->n_channels + 1, sizeof(void *));
    bool good = models != NULL;
    for (size_t i = 0; good && i < m->n_channels; i++)
        models[i] = m->channels[i].model;
    for (size_t k = 0; good && k < m->n_tables; k++)
        good = archive_calibration(r->archive, m->tables[k], state) && (m->tables[k]->n_pixels != m->n_channels || archive_pulses(r->archive, m->tables[k]->number, models, m->n_channels));
    free(models);
    return good;
}

/* FWHM of the typical pixel at a time; NaN unknown. */
static double resolution_at(const void *context, int64_t time_ns) {
    const struct reprocess *r = context;
    double resolution_eV = NAN;
    for (size_t k = 0; k < r->model->n_tables; k++)
        if (r->model->tables[k]->resolution_eV > 0 && (!isfinite(resolution_eV) || r->model->tables[k]->start_ns <= time_ns))
            resolution_eV = r->model->tables[k]->resolution_eV;
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
        monitoring_free_points(r->monitoring, index_of(out->bins, (int32_t)k), out->elastics.point_used[k]);
    return good;
}

static bool write_products(struct reprocess *r, const char *state) {
    struct reprocessed *out = r->result;
    bool good = grading_finish(r->grading, r->archive) && write_pixels(r) && make_sums(r) && find_elastics(r) && monitoring_finish(r->monitoring, r->archive);
    good = good && (r->lock == NULL || archive_line_lock(r->archive, r->lock));
    for (size_t k = 0; good && k < out->bins->n_products; k++)
        good = archive_scan(r->archive, out->bins->products[k]);
    for (size_t k = 0; good && k < out->n_sums; k++)
        good = archive_sum(r->archive, &out->sums[k]);
    const struct further_products further = { .archive = r->archive, .products = out->bins->products, .n_products = out->bins->n_products, .sums = out->sums,
                                              .n_sums = out->n_sums, .elastics = &out->elastics, .tell = r->tell, .choice = r->cuts };
    good = good && further_products_write(&further);
    return good && write_calibrations(r, state);
}

static bool find_history(struct reprocess *r, const struct reprocess_settings *settings, const char *path) {
    const struct product_facts facts = { .state = settings->process.state, .model = r->model, .products = r->result->bins->products,
                                         .n_products = r->result->bins->n_products, .elastic = r->result->elastics.of };
    product_facts_say(&facts, &r->result->history);
    return product_history_follow(&r->result->history, path);
}

static bool finish(struct reprocess *r, const struct reprocess_settings *settings) {
    struct pixel_totals all = { 0 };
    for (size_t i = 0; i < r->result->n_pixels; i++) {
        const struct pixel_totals *t = &r->result->pixels[i];
        all.records += t->records;
        all.photons += t->photons;
        all.torn += t->torn;
        all.duplicates += t->duplicates;
        all.restarts += t->restarts;
        all.disagreements += t->disagreements;
        all.tail_bytes += t->tail_bytes;
        all.unreadable += t->unreadable;
    }
    const struct archive_counter counters[] = {
        { "records", all.records },           { "photons", all.photons },       { "torn_records", all.torn },
        { "duplicate_records", all.duplicates }, { "frame_restarts", all.restarts }, { "stamp_disagreements", all.disagreements },
        { "tail_bytes", all.tail_bytes },     { "unreadable_files", all.unreadable }, { "pixel_deaths", grading_died(r->grading) },
    };
    struct archive_process process = settings->process;
    process.counters = counters;
    process.history = &r->result->history;
    process.n_counters = sizeof counters / sizeof counters[0];
    const struct run_input *in = &r->beamtime->pulses;
    int64_t start_ns = in->first_ns <= in->last_ns ? in->first_ns : 0, end_ns = in->first_ns <= in->last_ns ? in->last_ns : 0;
    struct archive *a = r->archive;
    r->archive = NULL;
    return archive_finish(a, settings->title, start_ns, end_ns, &process);
}

static bool set_up(struct reprocess *r, const struct reprocess_settings *settings, const char *path) {
    size_t n = r->model->n_channels;
    struct product_settings products = settings->products;
    products.wide_grades = r->stored != NULL && !r->causal ? 0 : array_model_wide_grades(r->model, r->causal);
    r->result->n_pixels = n;
    r->result->pixels = calloc(n, sizeof *r->result->pixels);
    r->rows = calloc(n, sizeof *r->rows);
    r->pixels_used = calloc(n, 1);
    if (r->result->pixels == NULL || r->rows == NULL || r->pixels_used == NULL ||
        !bin_stage_new(r->beamtime->timeline, (uint32_t)n, &products, pixels_used, r, &r->result->bins)) {
        log_error("out of memory for the maps");
        return false;
    }
    if (array_events_wanted(&settings->array) && !array_events_new(&settings->array, r->model, &r->scratch, &r->array))
        return false;
    return grading_new(&settings->grading, r->beamtime, r->model, r->result->bins, &r->grading) &&
           monitoring_new(&settings->monitoring, r->beamtime, r->model, r->causal, &r->monitoring) && archive_create(path, settings->compress, &r->archive);
}

static bool lock_to_line(struct reprocess *r, const struct reprocess_settings *settings) {
    if (settings->line_lock == NULL || settings->line_lock[0] == '\0')
        return true;
    if (settings->causal || settings->stored != NULL) {
        log_warning("calibration.line_lock: %s, so nothing is locked to %s", settings->causal ? "a frozen calibration looks at no later records" : "only tesd replay follows a line",
                    settings->line_lock);
        return true;
    }
    return line_locking_run(r->beamtime, r->model, settings->line_lock, settings->workers, &r->lock);
}

/* All channels are analysed and wait in scratch; then each is graded by what it knows of the others. The rows of a channel may not
 * go before its neighbours have been graded, which is why they go at the very end. */
static bool make_photons_together(struct reprocess *r, unsigned workers) {
    size_t n = r->model->n_channels, whole = 0, n_instants;
    const int64_t *instants;
    const struct photon_block **blocks = calloc(n + 1, sizeof(struct photon_block *));
    bool good = blocks != NULL && pipeline_run(n, workers, analyse_job, r);
    for (; good && whole < n && r->rows[whole].block != NULL; whole++)
        blocks[whole] = r->rows[whole].block;
    if (good && whole < n)
        log_error("out of memory while analysing channel %d", r->beamtime->pulses.channels[whole].channel);
    good = good && whole == n && array_events_collect(r->array, blocks) && array_events_instants(r->array, &instants, &n_instants);
    good = good && (instants == NULL || grading_sample_at(r->grading, instants, n_instants)) && pipeline_run(n, workers, grade_job, r);
    for (size_t k = 0; k < r->result->bins->n_products; k++)
        r->result->bins->products[k]->array_rules |= array_events_rules(r->array);
    for (size_t pixel = 0; good && pixel < n; pixel++)
        good = take_block(r, pixel);
    free(blocks);
    return good;
}

static bool make_photons(struct reprocess *r, unsigned workers) {
    double wall_s = clock_s(CLOCK_MONOTONIC), cpu_s = clock_s(CLOCK_PROCESS_CPUTIME_ID);
    progress_begin(&r->progress, "analysing", r->model->n_channels);
    bool good = r->array != NULL ? make_photons_together(r, workers) : pipeline_run_ordered(r->model->n_channels, workers, analyse_job, take_block, r);
    good = good && archive_photons_end(r->archive);
    progress_end(&r->progress);
    r->result->photons_wall_s = clock_s(CLOCK_MONOTONIC) - wall_s;
    r->result->photons_cpu_s = clock_s(CLOCK_PROCESS_CPUTIME_ID) - cpu_s;
    return good;
}

struct reprocess_settings reprocess_settings_of(const struct options *o) {
    struct reprocess_settings s = {
        .workers = (unsigned)o->replay.workers,
        .products = { .emission = o->rixs.emission, .loss = o->rixs.loss, .n_regions = o->n_roi, .regions = o->roi },
        .grading = { .automatic = o->trigger.automatic, .secondary = o->trigger.secondary, .isolation_s = o->trigger.isolation_s },
        .array = { .neighbours = o->veto.neighbours, .neighbour_above_eV = o->veto.neighbour_above_eV, .neighbour_window_s = o->veto.neighbour_window_s,
                   .array_pixels = (uint32_t)o->veto.array_pixels, .array_window_s = o->veto.array_window_s, .array_hold_s = o->veto.array_hold_s,
                   .instants = strcmp(o->live_time.method, "array") == 0 },
        .line_lock = o->calibration.line_lock,
        .monitoring = { .window_s = o->monitor.window_s, .alarm_eV = o->monitor.alarm_eV, .line = o->monitor.line },
        .compress = o->archive.compress,
        .best_pixels = (uint32_t)o->rixs.best_pixels,
        .process = { .config_text = o->text },
    };
    trigger_kind_named(o->trigger.mode, &s.grading.kind);
    char why[8];   /* the config was refused unless they can be read */
    cut_list_parse(&s.cuts, CUT_XES, o->products.xes, why, sizeof why);
    cut_list_parse(&s.cuts, CUT_CEE, o->products.cee, why, sizeof why);
    cut_list_parse(&s.cuts, CUT_CET, o->products.cet, why, sizeof why);
    cut_list_parse(&s.cuts, CUT_IPFY, o->products.ipfy, why, sizeof why);
    return s;
}

static const char *folder_of(const char *path, char folder[PATH_MAX]) {
    const char *slash = strrchr(path, '/');
    if (slash == NULL)
        snprintf(folder, PATH_MAX, ".");
    else
        snprintf(folder, PATH_MAX, "%.*s", slash > path ? (int)(slash - path) : 1, path);
    return folder;
}

bool reprocess_run(const struct beamtime *b, const struct array_model *m, const struct reprocess_settings *settings, const char *path, struct reprocessed *out) {
    *out = (struct reprocessed){ 0 };
    char folder[PATH_MAX];
    struct reprocess r = { .beamtime = b, .model = m, .result = out, .causal = settings->causal, .tell = settings->tell, .cuts = &settings->cuts, .stored = settings->stored, .best_pixels = settings->best_pixels,
                           .scratch = { .folder = folder_of(path, folder), .budget = SCRATCH_BUDGET, .keeps = true } };
    bool good = set_up(&r, settings, path);
    good = good && lock_to_line(&r, settings) && make_photons(&r, settings->workers) && write_products(&r, settings->calibration_state) && find_history(&r, settings, path) && finish(&r, settings);
    for (size_t i = 0; r.rows != NULL && i < m->n_channels; i++) {
        scratch_give(&r.scratch, &r.rows[i].room);
        scratch_give(&r.scratch, &r.rows[i].gaps);
    }
    array_events_free(r.array);
    scratch_done(&r.scratch);
    archive_abandon(r.archive);
    grading_free(r.grading);
    monitoring_free(r.monitoring);
    line_lock_free(r.lock);
    free(r.rows);
    free(r.pixels_used);
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
