#include "daemon/reprocess.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "calib/calibration_verdict.h"
#include "daemon/log.h"
#include "daemon/pipeline.h"
#include "daemon/progress.h"
#include "daemon/source/channel_reader.h"
#include "daemon/stage/analyse.h"
#include "daemon/stage/bin.h"

struct reprocess {
    const struct beamtime *beamtime;
    const struct array_model *model;
    struct archive *archive;
    struct reprocessed *result;
    struct photon_block **blocks;    /* job i fills blocks[i]; taking it frees it */
    uint8_t *pixels_used;            /* of the scan being set up */
    bool two_sided;
    uint32_t best_pixels;
    struct progress progress;
};

static struct analyse_settings analyse_settings_of(const struct reprocess *r, size_t pixel) {
    const struct array_model *m = r->model;
    return (struct analyse_settings){ .pixel = (uint32_t)pixel, .model = m->channels[pixel].model, .n_tables = m->n_tables, .tables = m->tables,
                                      .two_sided = r->two_sided };
}

static void keep_counts(struct pixel_totals *t, const struct channel_counts *c) {
    t->torn = c->torn;
    t->duplicates = c->duplicates;
    t->restarts = c->restarts;
    t->disagreements = c->disagreements;
    t->tail_bytes = c->tail_bytes;
    t->unreadable = c->unreadable;
}

static struct photon_block *analyse_channel(const struct analyse_settings *settings, const struct channel_reader *reader) {
    size_t n = channel_reader_count(reader);
    struct measured_pulse *pulses = malloc((n + 1) * sizeof *pulses);
    struct photon_block *block = NULL;
    if (pulses != NULL && photon_block_new(n ? n : 1, &block) == STATUS_OK) {
        struct channel_record record;
        for (size_t i = 0; i < n; i++) {
            channel_reader_get(reader, i, &record);
            analyse_measure(settings, &record, &pulses[i]);
        }
        analyse_rows(settings, pulses, n, block);
    }
    free(pulses);
    return block;
}

static void analyse_job(void *context, size_t pixel) {
    struct reprocess *r = context;
    struct channel_reader *reader;
    struct analyse_settings settings = analyse_settings_of(r, pixel);
    if (!channel_reader_open(&r->beamtime->pulses.channels[pixel], (uint32_t)pixel, &reader))
        return;
    struct channel_counts counts = channel_reader_counts(reader);
    r->blocks[pixel] = analyse_channel(&settings, reader);
    keep_counts(&r->result->pixels[pixel], &counts);
    channel_reader_close(reader);
}

static void count_rows(struct pixel_totals *t, const struct photon_block *b) {
    t->records = b->n;
    for (size_t i = 0; i < b->n; i++) {
        enum cut reason = cut_reason(b->cuts[i]);
        if (reason == N_CUTS)
            t->photons++;
        else
            t->cut_counts[reason]++;
    }
}

static bool take_block(void *context, size_t pixel) {
    struct reprocess *r = context;
    struct photon_block *b = r->blocks[pixel];
    if (b == NULL) {
        log_error("out of memory while analysing channel %d", r->beamtime->pulses.channels[pixel].channel);
        return false;
    }
    bin_stage_add(r->result->bins, b);
    count_rows(&r->result->pixels[pixel], b);
    bool good = archive_photons(r->archive, b);
    photon_block_free(b);
    r->blocks[pixel] = NULL;
    progress_add(&r->progress, 1);
    return good;
}

/* A scan's set of pixels is frozen: those with a model and a curve when it began, or the best of them. NULL when memory fails. */
static const uint8_t *pixels_used(void *context, size_t timeline_index) {
    struct reprocess *r = context;
    int64_t start_ns = scan_timeline_at(r->beamtime->timeline, timeline_index)->start_ns;
    double *resolution_eV = calloc(r->model->n_channels + 1, sizeof *resolution_eV);
    for (size_t i = 0; resolution_eV != NULL && i < r->model->n_channels; i++) {
        struct analyse_settings s = analyse_settings_of(r, i);
        struct calibration_pair c = analyse_calibration_at(&s, start_ns);
        r->pixels_used[i] = s.model != NULL && c.before != NULL;
        resolution_eV[i] = c.before != NULL ? c.before->resolution_eV : (double)NAN;
    }
    bool good = resolution_eV != NULL && calibration_verdict_keep_best(resolution_eV, r->pixels_used, (uint32_t)r->model->n_channels, r->best_pixels) == STATUS_OK;
    free(resolution_eV);
    return good ? r->pixels_used : NULL;
}

static bool write_pixels(const struct reprocess *r) {
    const struct array_model *m = r->model;
    struct archive_pixel *rows = calloc(m->n_channels, sizeof *rows);
    if (rows == NULL)
        return false;
    double live_time_s = 0;
    for (size_t k = 0; k < r->result->bins->n_products; k++)
        for (uint32_t p = 0; p < r->result->bins->products[k]->n_points; p++)
            live_time_s += r->result->bins->products[k]->live_time_s[p];
    for (size_t i = 0; i < m->n_channels; i++) {
        const struct pixel_totals *t = &r->result->pixels[i];
        struct array_verdict v = array_model_verdict(m, i);
        rows[i] = (struct archive_pixel){
            .channel = (uint32_t)m->channels[i].channel, .sensitivity = 1, .verdict = v.verdict, .reason = v.reason, .records = t->records,
            .photons = t->photons, .resolution_eV = v.resolution_eV, .live_time_s = live_time_s, .lost_upstream = t->torn,
        };
        memcpy(rows[i].name, m->channels[i].name, sizeof rows[i].name);
        memcpy(rows[i].cut_counts, t->cut_counts, sizeof rows[i].cut_counts);
    }
    bool good = archive_pixels(r->archive, rows, m->n_channels);
    free(rows);
    return good;
}

static bool write_calibrations(const struct reprocess *r, const char *state) {
    bool good = true;
    for (size_t k = 0; good && k < r->model->n_tables; k++)
        good = archive_calibration(r->archive, r->model->tables[k], state);
    return good;
}

static bool write_products(struct reprocess *r, const char *state) {
    struct reprocessed *out = r->result;
    bool good = write_pixels(r);
    for (size_t k = 0; good && k < out->bins->n_products; k++)
        good = archive_scan(r->archive, out->bins->products[k]);
    if (good && scan_sums_make(out->bins->products, out->bins->n_products, &out->sums, &out->n_sums) != STATUS_OK)
        good = false;
    for (size_t k = 0; good && k < out->n_sums; k++)
        good = archive_sum(r->archive, &out->sums[k]);
    return good && write_calibrations(r, state);
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
        { "tail_bytes", all.tail_bytes },     { "unreadable_files", all.unreadable },
    };
    struct archive_process process = settings->process;
    process.counters = counters;
    process.n_counters = sizeof counters / sizeof counters[0];
    const struct run_input *in = &r->beamtime->pulses;
    int64_t start_ns = in->first_ns <= in->last_ns ? in->first_ns : 0, end_ns = in->first_ns <= in->last_ns ? in->last_ns : 0;
    struct archive *a = r->archive;
    r->archive = NULL;
    return archive_finish(a, settings->title, start_ns, end_ns, &process);
}

static bool set_up(struct reprocess *r, const struct reprocess_settings *settings, const char *path) {
    size_t n = r->model->n_channels;
    r->result->n_pixels = n;
    r->result->pixels = calloc(n, sizeof *r->result->pixels);
    r->blocks = calloc(n, sizeof(struct photon_block *));
    r->pixels_used = calloc(n, 1);
    if (r->result->pixels == NULL || r->blocks == NULL || r->pixels_used == NULL ||
        !bin_stage_new(r->beamtime->timeline, (uint32_t)n, &settings->products, pixels_used, r, &r->result->bins)) {
        log_error("out of memory for the maps");
        return false;
    }
    return archive_create(path, settings->compress, &r->archive);
}

bool reprocess_run(const struct beamtime *b, const struct array_model *m, const struct reprocess_settings *settings, const char *path, struct reprocessed *out) {
    *out = (struct reprocessed){ 0 };
    struct reprocess r = { .beamtime = b, .model = m, .result = out, .two_sided = settings->two_sided, .best_pixels = settings->best_pixels };
    bool good = set_up(&r, settings, path);
    if (good) {
        progress_begin(&r.progress, "analysing", m->n_channels);
        good = pipeline_run_ordered(m->n_channels, settings->workers, analyse_job, take_block, &r);
        progress_end(&r.progress);
    }
    good = good && write_products(&r, settings->calibration_state) && finish(&r, settings);
    for (size_t i = 0; r.blocks != NULL && i < m->n_channels; i++)
        photon_block_free(r.blocks[i]);
    archive_abandon(r.archive);
    free(r.blocks);
    free(r.pixels_used);
    if (!good)
        reprocessed_done(out);
    return good;
}

void reprocessed_done(struct reprocessed *r) {
    scan_sums_free(r->sums, r->n_sums);
    bin_stage_free(r->bins);
    free(r->pixels);
    *r = (struct reprocessed){ 0 };
}
