#include "daemon/reprocess_file.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/array_model.h"
#include "daemon/further_products.h"
#include "daemon/product_facts.h"
#include "daemon/stage/bin.h"

/* Files do not say what never came to them; a live session knows. */
static uint64_t lost_of(const struct reprocess_stored *stored, size_t i) {
    return stored != NULL && stored->lost != NULL ? stored->lost[stored->pixel_of[i]] : 0;
}

bool reprocess_file_pixels(const struct reprocess_file *f) {
    const struct array_model *m = f->work->model;
    const struct grading *grading = f->work->grading;
    struct archive_pixel *rows = calloc(m->n_channels, sizeof *rows);
    if (rows == NULL)
        return false;
    for (size_t i = 0; i < m->n_channels; i++) {
        const struct pixel_totals *t = &f->result->pixels[i];
        struct array_verdict v = array_model_verdict(m, i);
        rows[i] = (struct archive_pixel){
            .channel = (uint32_t)m->channels[i].channel, .sensitivity = grading_sensitivity(grading, i), .verdict = v.verdict, .reason = v.reason, .records = t->records,
            .photons = t->photons, .jumped_ns = t->jumped_ns, .resolution_eV = v.resolution_eV, .live_time_s = grading_live_time_s(grading, i), .lost_upstream = t->torn + lost_of(f->work->stored, i),
        };
        if (m->neighbours != NULL) {
            rows[i].neighbours = m->neighbours->of[i].used;
            rows[i].neighbour_line_pull = m->neighbours->of[i].line_pull;
        }
        memcpy(rows[i].name, m->channels[i].name, sizeof rows[i].name);
        memcpy(rows[i].cut_counts, t->cut_counts, sizeof rows[i].cut_counts);
    }
    struct calibration_counts c = { 0 };
    bool good = archive_pixels(f->archive, rows, m->n_channels) && grading_calibrations(grading, &c) && archive_calibration_counts(f->archive, &c);
    calibration_counts_done(&c);
    free(rows);
    return good;
}

static bool write_calibrations(const struct reprocess_file *f) {
    const struct array_model *m = f->work->model;
    const struct pixel_model **models = calloc(m->n_channels + 1, sizeof(void *));
    bool good = models != NULL;
    for (size_t i = 0; good && i < m->n_channels; i++)
        models[i] = m->channels[i].model;
    for (size_t k = 0; good && k < m->n_tables; k++)
        good = archive_calibration(f->archive, m->tables[k], f->settings->calibration_state) && (m->tables[k]->n_pixels != m->n_channels || archive_pulses(f->archive, m->tables[k]->number, models, m->n_channels));
    free(models);
    return good;
}

bool reprocess_file_products(const struct reprocess_file *f) {
    const struct reprocessed *r = f->result;
    bool good = f->work->lock == NULL || archive_line_lock(f->archive, f->work->lock);
    for (size_t k = 0; good && k < r->bins->n_products; k++)
        good = archive_scan(f->archive, r->bins->products[k]);
    for (size_t k = 0; good && k < r->n_sums; k++)
        good = archive_sum(f->archive, &r->sums[k]);
    const struct further_products further = { .archive = f->archive, .products = r->bins->products, .n_products = r->bins->n_products, .sums = r->sums,
                                              .n_sums = r->n_sums, .elastics = &r->elastics, .tell = f->settings->tell, .choice = &f->settings->cuts };
    good = good && further_products_write(&further);
    return good && write_calibrations(f);
}

bool reprocess_file_history(const struct reprocess_file *f, const char *path) {
    struct reprocessed *r = f->result;
    const struct product_facts facts = { .state = f->settings->process.state, .model = f->work->model, .products = r->bins->products, .n_products = r->bins->n_products,
                                         .elastic = r->elastics.of };
    product_facts_say(&facts, &r->history);
    return product_history_follow(&r->history, path);
}

static struct pixel_totals sum_of(const struct reprocessed *r) {
    struct pixel_totals all = { 0 };
    for (size_t i = 0; i < r->n_pixels; i++) {
        const struct pixel_totals *t = &r->pixels[i];
        all.records += t->records;
        all.photons += t->photons;
        all.torn += t->torn;
        all.duplicates += t->duplicates;
        all.restarts += t->restarts;
        all.disagreements += t->disagreements;
        all.tail_bytes += t->tail_bytes;
        all.unreadable += t->unreadable;
    }
    return all;
}

bool reprocess_file_finish(const struct reprocess_file *f) {
    const struct pixel_totals all = sum_of(f->result);
    const struct archive_counter counters[] = {
        { "records", all.records },           { "photons", all.photons },       { "torn_records", all.torn },
        { "duplicate_records", all.duplicates }, { "frame_restarts", all.restarts }, { "stamp_disagreements", all.disagreements },
        { "tail_bytes", all.tail_bytes },     { "unreadable_files", all.unreadable }, { "pixel_deaths", grading_died(f->work->grading) },
    };
    struct archive_process process = f->settings->process;
    process.counters = counters;
    process.history = &f->result->history;
    process.n_counters = sizeof counters / sizeof counters[0];
    const struct run_input *in = &f->work->beamtime->pulses;
    int64_t start_ns = in->first_ns <= in->last_ns ? in->first_ns : 0, end_ns = in->first_ns <= in->last_ns ? in->last_ns : 0;
    return archive_finish(f->archive, f->settings->title, start_ns, end_ns, &process);
}
