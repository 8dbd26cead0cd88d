#include "daemon/rebuild.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "calib/scan_live_time.h"
#include "daemon/calibration_join.h"
#include "daemon/further_products.h"
#include "daemon/log.h"
#include "daemon/merge_check.h"
#include "daemon/photon_file.h"
#include "daemon/rebuild_parts.h"

enum { BATCH = 16384 };

/* ---- rows ---- */

static bool read_rows(struct rebuild_work *w, size_t k) {
    struct rebuild_input *in = &w->inputs[k];
    struct photon_file *f = photon_file_open_first(&in->file, in->entry, in->n_rows);
    struct photon_block *piece = NULL;
    bool good = f != NULL && photon_block_new(BATCH, &piece) == STATUS_OK;
    for (uint64_t left = in->n_rows; good && left > 0;) {
        good = photon_file_next(f, piece) && piece->n > 0;
        for (size_t i = 0; good && i < piece->n && left > 0; i++, left--) {
            if (piece->pixel[i] >= in->n_pixels) {
                h5_input_fail(&in->file, "photons/pixel names pixel %u of %zu", piece->pixel[i], in->n_pixels);
                good = false;
                break;
            }
            piece->pixel[i] = w->pixel_of[k][piece->pixel[i]];
            photon_block_copy_row(w->rows.all, piece, i);
        }
    }
    photon_block_free(piece);
    photon_file_close(f);
    return good;
}

static bool gather_rows(struct rebuild_work *w, const char *folder) {
    size_t n = 0;
    for (size_t k = 0; k < w->what->n_inputs; k++)
        n += w->inputs[k].n_rows;
    if (!rebuild_rows_new(&w->rows, folder, n)) {
        log_error("no room for %zu photon rows", n);
        return false;
    }
    for (size_t k = 0; k < w->what->n_inputs; k++)
        if (!read_rows(w, k))
            return false;
    if (!rebuild_rows_sort(&w->rows, w->n_pixels))
        return false;
    const struct photon_block *b = w->rows.all;
    const uint64_t twice = w->rows.first_duplicate;
    if (w->what->merging && w->rows.duplicates > 0)
        log_error("%llu records stand in two of the files, such as that of channel %u at %lld ns; each may count once, so leave one of the files out",
                  (unsigned long long)w->rows.duplicates, w->described[b->pixel[twice]]->channel, (long long)b->time_ns[twice]);
    return !w->what->merging || w->rows.duplicates == 0;
}

/* Which scan and point, as scan_timeline_place tells it. */
static struct scan_copy *place(const struct rebuild_work *w, int64_t time_ns, int32_t *point, int32_t *after) {
    size_t lo = 0, hi = w->n_scans;
    while (lo < hi) {
        const size_t mid = lo + (hi - lo) / 2;
        if (w->scans[mid]->scan.start_ns <= time_ns)
            lo = mid + 1;
        else
            hi = mid;
    }
    const struct scan *s = lo > 0 ? &w->scans[lo - 1]->scan : NULL;
    if (s == NULL || time_ns >= s->end_ns)
        return NULL;
    uint32_t first = 0, last = s->n_points;
    while (first < last) {
        const uint32_t mid = first + (last - first) / 2;
        if (s->points[mid].start_ns <= time_ns)
            first = mid + 1;
        else
            last = mid;
    }
    *after = (int32_t)first - 1;
    *point = time_ns < s->points[first - 1].end_ns ? *after : -1;
    return w->scans[lo - 1];
}

static void count_row(struct rebuild_work *w, struct photon_block *b, size_t i) {
    int32_t point = -1, after = -1;
    struct scan_copy *c = place(w, b->time_ns[i], &point, &after);
    struct archive_pixel *p = &w->pixels[b->pixel[i]];
    b->scan[i] = c != NULL ? c->scan.number : -1;
    b->point[i] = point;
    b->incident_eV[i] = c != NULL && point >= 0 ? (float)c->scan.points[point].incident_eV : NAN;
    if (c != NULL)
        scan_products_add(c->products, b, i, after);
    p->records++;
    if (b->cuts[i] == 0)
        p->photons++;
    else
        p->cut_counts[cut_reason(b->cuts[i])]++;
    if (p->jumped_ns == 0 && b->cuts[i] & CUT_BIT(CUT_JUMPED))
        p->jumped_ns = b->time_ns[i];
}

static bool write_rows(struct rebuild_work *w, struct archive *a) {
    struct photon_block *b;
    bool good = photon_block_new(BATCH, &b) == STATUS_OK;
    if (!good)
        return false;
    for (size_t i = 0; good && i < w->rows.n; i++) {
        photon_block_copy_row(b, w->rows.all, w->rows.order[i]);
        count_row(w, b, b->n - 1);
        if (b->n == BATCH || i + 1 == w->rows.n) {
            good = archive_photons(a, b);
            b->n = 0;
        }
    }
    photon_block_free(b);
    return good && archive_photons_end(a);
}

/* ---- the file ---- */

/* FWHM of the typical pixel at a time; NaN unknown. */
static double resolution_at(const void *context, int64_t time_ns) {
    const struct rebuild_work *w = context;
    const struct rebuild_calibration *best = NULL;
    for (size_t k = 0; k < w->what->n_inputs; k++)
        for (size_t i = 0; i < w->inputs[k].n_calibrations; i++) {
            const struct rebuild_calibration *c = &w->inputs[k].calibrations[i];
            const bool later = best == NULL || (c->start_ns <= time_ns ? best->start_ns > time_ns || c->start_ns > best->start_ns : best->start_ns > time_ns && c->start_ns < best->start_ns);
            best = c->resolution_eV > 0 && later ? c : best;
        }
    return best != NULL ? best->resolution_eV : (double)NAN;
}

static bool write_scans(struct rebuild_work *w, struct archive *a) {
    struct scan_products **products = calloc(w->n_scans + 1, sizeof(struct scan_products *));
    struct scan_sum *sums = NULL;
    size_t n_sums = 0;
    bool good = products != NULL;
    for (size_t k = 0; good && k < w->n_scans; k++)
        products[k] = w->scans[k]->products;
    good = good && rebuild_settle_pixels(w, products, a);
    for (size_t k = 0; good && k < w->n_scans; k++)
        good = archive_scan(a, products[k]);
    good = good && scan_sums_make(products, w->n_scans, &sums, &n_sums) == STATUS_OK;
    for (size_t k = 0; good && k < n_sums; k++)
        good = archive_sum(a, &sums[k]);
    struct scan_elastics elastics = { 0 };
    good = good && scan_elastics_find(products, w->n_scans, sums, n_sums, resolution_at, w, &elastics);
    const struct further_products further = { .archive = a, .products = products, .n_products = w->n_scans, .sums = sums, .n_sums = n_sums, .elastics = &elastics, .tell = w->what->merging,
                                              .choice = w->what->choice != NULL ? &w->what->choice->cuts : NULL };
    good = good && further_products_write(&further);
    scan_elastics_done(&elastics);
    scan_sums_free(sums, n_sums);
    free(products);
    return good;
}

static bool join_calibrations(const struct rebuild_work *w, struct archive *a) {
    uint32_t *channels = calloc(w->n_pixels + 1, sizeof *channels);
    for (size_t p = 0; channels != NULL && p < w->n_pixels; p++)
        channels[p] = w->described[p]->channel;
    const struct calibration_join j = { .inputs = w->inputs, .n_inputs = w->what->n_inputs, .n_pixels = w->n_pixels, .pixel_of = w->pixel_of, .channels = channels,
                                        .strict = w->what->merging };
    const bool good = channels != NULL && calibration_join(&j, a);
    free(channels);
    return good;
}

static const char *state_of(const struct rebuild_work *w) {
    if (w->what->state != NULL)
        return w->what->state;
    for (size_t k = 1; k < w->what->n_inputs; k++)
        if (strcmp(w->inputs[k].state, w->inputs[0].state) != 0)
            return "prelim";
    return w->inputs[0].state;
}

static bool finish(struct rebuild_work *w, struct archive *a) {
    char title[80];
    int64_t start_ns = INT64_MAX, end_ns = INT64_MIN;
    for (size_t i = 0; i < w->rows.n; i++) {
        const int64_t t = w->rows.all->time_ns[w->rows.order[i]];
        start_ns = t < start_ns ? t : start_ns;
        end_ns = t > end_ns ? t : end_ns;
    }
    for (size_t k = 0; k < w->what->n_inputs; k++)
        for (size_t i = 0; i < w->inputs[k].n_gaps; i++)
            w->lost += w->inputs[k].gaps[i].lost;
    const struct archive_counter counters[] = { { "records", w->rows.n }, { "duplicate_rows", w->rows.duplicates }, { "rows_in_gaps", w->lost } };
    const struct archive_process process = { .command_line = w->what->command_line, .config_text = w->inputs[0].config != NULL ? w->inputs[0].config : "", .inputs = w->what->inputs, .n_inputs = w->what->n_inputs,
                                             .state = state_of(w), .counters = counters, .n_counters = sizeof counters / sizeof counters[0] };
    snprintf(title, sizeof title, "%zu scan%s from %zu file%s", w->n_scans, w->n_scans == 1 ? "" : "s", w->what->n_inputs, w->what->n_inputs == 1 ? "" : "s");
    return archive_finish(a, title, w->rows.n > 0 ? start_ns : 0, w->rows.n > 0 ? end_ns : 0, &process);
}

static bool write_file(struct rebuild_work *w, const char *out) {
    struct archive *a;
    if (!archive_create(out, false, &a))
        return false;
    if (write_rows(w, a) && write_scans(w, a) && join_calibrations(w, a))
        return finish(w, a);
    archive_abandon(a);
    return false;
}

static void work_done(struct rebuild_work *w) {
    for (size_t k = 0; k < w->what->n_inputs; k++) {
        if (w->pixel_of != NULL)
            free(w->pixel_of[k]);
        if (w->inputs != NULL)
            rebuild_input_close(&w->inputs[k]);
    }
    for (size_t k = 0; w->scans != NULL && k < w->n_scans; k++)
        scan_copy_free(w->scans[k]);
    rebuild_rows_done(&w->rows);
    free(w->scans);
    free(w->pixel_of);
    free(w->pixels);
    free(w->described);
    free(w->inputs);
}

static void folder_of(const char *path, char folder[PATH_MAX]) {
    const char *slash = strrchr(path, '/');
    snprintf(folder, PATH_MAX, "%.*s", slash == NULL ? 1 : slash == path ? 1 : (int)(slash - path), slash == NULL ? "." : path);
}

bool rebuild_file(const struct rebuild *r, const char *out) {
    struct rebuild_work w = { .what = r, .inputs = calloc(r->n_inputs + 1, sizeof *w.inputs) };
    char folder[PATH_MAX];
    bool good = w.inputs != NULL;
    folder_of(out, folder);
    for (size_t k = 0; w.inputs != NULL && k < r->n_inputs; k++)
        w.inputs[k] = (struct rebuild_input){ .entry = -1, .file = { .id = -1 } };
    for (size_t k = 0; good && k < r->n_inputs; k++)
        good = rebuild_input_open(r->inputs[k], &w.inputs[k]);
    const struct rebuild_choice *c = r->choice;
    const struct merge_rules rules = { .other_emission = c != NULL && c->emission_given, .other_loss = c != NULL && c->loss_given, .other_windows = c != NULL && c->n_regions > 0, .apart = r->apart };
    good = good && (!r->merging || merge_check(w.inputs, r->n_inputs, &rules));
    if (good && (!rebuild_join_pixels(&w) || !rebuild_join_scans(&w))) {
        log_error("%s: no memory for its pixels and scans, or scans of other axes", out);
        good = false;
    }
    good = good && gather_rows(&w, folder) && write_file(&w, out);
    work_done(&w);
    return good;
}
