#include "daemon/rebuild.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "calib/scan_live_time.h"
#include "daemon/log.h"
#include "daemon/photon_file.h"
#include "daemon/rebuild_input.h"
#include "daemon/rebuild_rows.h"
#include "daemon/scan_copy.h"
#include "daemon/sink/archive.h"
#include "pulse/livetime.h"

enum { BATCH = 16384 };

struct work {
    const struct rebuild *what;
    struct rebuild_input *inputs;
    uint16_t **pixel_of;             /* input, its pixel -> ours */
    size_t n_pixels, n_scans, most_scans;
    struct archive_pixel *pixels;
    const struct rebuild_pixel **described;   /* each of ours, in the input that named it first */
    struct scan_copy **scans;        /* by start */
    struct rebuild_rows rows;
    uint64_t lost;
};

/* ---- pixels of all inputs ---- */

static int by_channel(const void *a, const void *b) {
    const struct rebuild_pixel *const *x = a, *const *y = b;
    return ((*x)->channel > (*y)->channel) - ((*x)->channel < (*y)->channel);
}

static size_t find_channel(const struct work *w, uint32_t channel) {
    size_t lo = 0, hi = w->n_pixels;
    while (lo < hi) {
        const size_t mid = lo + (hi - lo) / 2;
        if (w->described[mid]->channel < channel)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static bool join_pixels(struct work *w) {
    size_t all = 0, n = 0;
    for (size_t k = 0; k < w->what->n_inputs; k++)
        all += w->inputs[k].n_pixels;
    w->described = calloc(all + 1, sizeof(struct rebuild_pixel *));
    w->pixels = calloc(all + 1, sizeof *w->pixels);
    w->pixel_of = calloc(w->what->n_inputs, sizeof(uint16_t *));
    if (w->described == NULL || w->pixels == NULL || w->pixel_of == NULL)
        return false;
    for (size_t k = 0; k < w->what->n_inputs; k++)
        for (size_t p = 0; p < w->inputs[k].n_pixels; p++)
            w->described[n++] = &w->inputs[k].pixels[p];
    qsort(w->described, n, sizeof(struct rebuild_pixel *), by_channel);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || w->described[i]->channel != w->described[w->n_pixels - 1]->channel)
            w->described[w->n_pixels++] = w->described[i];
    for (size_t k = 0; k < w->what->n_inputs; k++) {
        w->pixel_of[k] = calloc(w->inputs[k].n_pixels + 1, sizeof **w->pixel_of);
        for (size_t p = 0; w->pixel_of[k] != NULL && p < w->inputs[k].n_pixels; p++)
            w->pixel_of[k][p] = (uint16_t)find_channel(w, w->inputs[k].pixels[p].channel);
        if (w->pixel_of[k] == NULL)
            return false;
    }
    return w->n_pixels <= UINT16_MAX;
}

static void describe_pixels(struct work *w) {
    for (size_t i = 0; i < w->n_pixels; i++) {
        const struct rebuild_pixel *p = w->described[i];
        w->pixels[i] = (struct archive_pixel){ .channel = p->channel, .sensitivity = p->sensitivity, .verdict = p->verdict, .reason = p->reason, .resolution_eV = p->resolution_eV };
        memcpy(w->pixels[i].name, p->name, sizeof w->pixels[i].name);
    }
    for (size_t k = 0; k < w->what->n_inputs; k++)
        for (size_t p = 0; p < w->inputs[k].n_pixels; p++)
            w->pixels[w->pixel_of[k][p]].lost_upstream += w->inputs[k].pixels[p].lost_upstream;
}

/* ---- scans of all inputs ---- */

/* A pixel that no input speaks of was not alive. */
static void all_dead(struct scan_products *p) {
    for (uint32_t i = 0; i < p->n_pixels; i++)
        for (uint32_t k = 0; k < p->n_points; k++) {
            int64_t *row = p->grade_time_ns + ((size_t)i * p->n_points + k) * N_LIVETIME_COLUMNS;
            memset(row, 0, N_LIVETIME_COLUMNS * sizeof *row);
            row[LIVETIME_DEAD] = p->scan->points[k].end_ns - p->scan->points[k].start_ns;
        }
}

static bool add_scan(struct work *w, struct rebuild_scan *s, struct scan_copy **out) {
    const struct product_settings settings = { .emission = s->emission, .loss = s->loss, .n_regions = s->n_regions, .regions = s->regions };
    uint8_t *none = calloc(w->n_pixels + 1, 1);
    struct scan mine = s->scan;
    s->scan.points = NULL;
    s->scan.extras = NULL;
    s->scan.n_extras = 0;
    const bool good = none != NULL && scan_copy_begin(&mine, (uint32_t)w->n_pixels, none, &settings, out);
    free(none);
    if (!good || *out == NULL)
        return false;
    struct scan_products *p = (*out)->products;
    all_dead(p);
    p->emission->grades_used = p->loss->grades_used = s->map_grades;
    for (uint32_t k = 0; k < p->n_yields; k++)
        p->yields[k]->grades_used = s->region_grades[k];
    w->scans[w->n_scans++] = *out;
    return true;
}

static void use_pixel(struct scan_products *p, uint32_t pixel) {
    p->pixels_used[pixel] = p->emission->pixels_used[pixel] = p->loss->pixels_used[pixel] = 1;
    for (uint32_t k = 0; k < p->n_yields; k++)
        p->yields[k]->pixels_used[pixel] = 1;
}

/* Time inside a gap is nobody's: taken from every grade in proportion. */
static void take_out_gaps(const struct rebuild_input *in, const struct scan_point *point, int64_t row[N_LIVETIME_COLUMNS]) {
    const int64_t dwell_ns = point->end_ns - point->start_ns;
    int64_t missing_ns = 0, left_ns = 0;
    for (size_t k = 0; k < in->n_gaps; k++) {
        const int64_t from = in->gaps[k].from_ns > point->start_ns ? in->gaps[k].from_ns : point->start_ns;
        const int64_t to = in->gaps[k].to_ns < point->end_ns ? in->gaps[k].to_ns : point->end_ns;
        missing_ns += to > from ? to - from : 0;
    }
    const double share = missing_ns < dwell_ns ? 1 - (double)missing_ns / (double)dwell_ns : 0;
    for (int c = 0; c < LIVETIME_DEAD; c++)
        left_ns += row[c] = (int64_t)((double)row[c] * share);
    row[LIVETIME_DEAD] = dwell_ns - left_ns;
}

static void set_pixel(const struct work *w, size_t input, const struct rebuild_scan *s, size_t pixel, struct scan_products *p) {
    const uint32_t mine = w->pixel_of[input][pixel];
    const size_t row = (size_t)p->n_points * N_LIVETIME_COLUMNS;
    if (s->pixels_used[pixel])
        use_pixel(p, mine);
    p->sensitivity[mine] = s->sensitivity[pixel];
    p->window_s[mine] = s->window_s[pixel];
    if (s->grade_time_ns == NULL)
        return;
    memcpy(p->grade_time_ns + mine * row, s->grade_time_ns + pixel * row, row * sizeof *p->grade_time_ns);
    for (uint32_t k = 0; k < p->n_points; k++) {
        int64_t *times = p->grade_time_ns + mine * row + (size_t)k * N_LIVETIME_COLUMNS;
        scan_copy_fit_times(times, p->scan->points[k].end_ns - p->scan->points[k].start_ns);
        if (w->inputs[input].n_gaps > 0)
            take_out_gaps(&w->inputs[input], &p->scan->points[k], times);
    }
}

static struct scan_copy *find_scan(const struct work *w, const struct scan *s) {
    for (size_t k = 0; k < w->n_scans; k++) {
        struct scan_copy *c = w->scans[k];
        if (c != NULL && c->scan.number == s->number && c->scan.start_ns == s->start_ns && c->scan.n_points == s->n_points)
            return c;
    }
    return NULL;
}

static int by_start(const void *a, const void *b) {
    const struct scan_copy *const *x = a, *const *y = b;
    return ((*x)->scan.start_ns > (*y)->scan.start_ns) - ((*x)->scan.start_ns < (*y)->scan.start_ns);
}

/* Two scans of one number in one file would share their groups: the later one gets a number of its own. */
static void number_scans(struct work *w) {
    qsort(w->scans, w->n_scans, sizeof(struct scan_copy *), by_start);
    int32_t highest = 0;
    for (size_t k = 0; k < w->n_scans; k++)
        highest = w->scans[k]->scan.number > highest ? w->scans[k]->scan.number : highest;
    for (size_t k = 1; k < w->n_scans; k++)
        for (size_t i = 0; i < k; i++)
            if (w->scans[i]->scan.number == w->scans[k]->scan.number) {
                log_warning("two scans have the number %d; the later one becomes %d", w->scans[k]->scan.number, highest + 1);
                w->scans[k]->scan.number = ++highest;
            }
}

static bool join_scans(struct work *w) {
    for (size_t k = 0; k < w->what->n_inputs; k++)
        w->most_scans += w->inputs[k].n_scans;
    w->scans = calloc(w->most_scans + 1, sizeof(struct scan_copy *));
    for (size_t k = 0; w->scans != NULL && k < w->what->n_inputs; k++)
        for (size_t i = 0; i < w->inputs[k].n_scans; i++) {
            struct rebuild_scan *s = &w->inputs[k].scans[i];
            struct scan_copy *c = s->scan.n_points > 0 ? find_scan(w, &s->scan) : NULL;
            if (s->scan.n_points == 0 || (c == NULL && !add_scan(w, s, &c))) {
                if (s->scan.n_points > 0)
                    return false;
                continue;
            }
            for (size_t p = 0; p < w->inputs[k].n_pixels; p++)
                set_pixel(w, k, s, p, c->products);
        }
    if (w->scans == NULL)
        return false;
    number_scans(w);
    return true;
}

/* ---- rows ---- */

static bool read_rows(struct work *w, size_t k) {
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

static bool gather_rows(struct work *w, const char *folder) {
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
    return rebuild_rows_sort(&w->rows, w->n_pixels);
}

/* Which scan and point, as scan_timeline_place tells it. */
static struct scan_copy *place(const struct work *w, int64_t time_ns, int32_t *point, int32_t *after) {
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

static void count_row(struct work *w, struct photon_block *b, size_t i) {
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
}

static bool write_rows(struct work *w, struct archive *a) {
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

static bool write_scans(struct work *w, struct archive *a) {
    struct scan_products **products = calloc(w->n_scans + 1, sizeof(struct scan_products *));
    struct scan_sum *sums = NULL;
    size_t n_sums = 0;
    bool good = products != NULL;
    for (size_t k = 0; good && k < w->n_scans; k++) {
        products[k] = w->scans[k]->products;
        scan_live_time_settle(products[k]);
        for (uint32_t p = 0; p < w->n_pixels; p++)
            w->pixels[p].live_time_s += scan_live_time_pixel(products[k], p, GRADE_HIGH);
    }
    good = good && archive_pixels(a, w->pixels, w->n_pixels);
    for (size_t k = 0; good && k < w->n_scans; k++)
        good = archive_scan(a, products[k]);
    good = good && scan_sums_make(products, w->n_scans, &sums, &n_sums) == STATUS_OK;
    for (size_t k = 0; good && k < n_sums; k++)
        good = archive_sum(a, &sums[k]);
    scan_sums_free(sums, n_sums);
    free(products);
    return good;
}

static bool copy_calibrations(const struct work *w, struct archive *a) {
    bool good = true;
    for (size_t k = 0; good && k < w->what->n_inputs; k++)
        good = archive_copy_groups(a, w->inputs[k].entry, "calibration_");
    return good;
}

static bool finish(struct work *w, struct archive *a) {
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
    const struct archive_process process = { .command_line = w->what->command_line, .config_text = "", .inputs = w->what->inputs, .n_inputs = w->what->n_inputs,
                                             .state = w->what->state, .counters = counters, .n_counters = sizeof counters / sizeof counters[0] };
    snprintf(title, sizeof title, "%zu scan%s from %zu file%s", w->n_scans, w->n_scans == 1 ? "" : "s", w->what->n_inputs, w->what->n_inputs == 1 ? "" : "s");
    return archive_finish(a, title, w->rows.n > 0 ? start_ns : 0, w->rows.n > 0 ? end_ns : 0, &process);
}

static bool write_file(struct work *w, const char *out) {
    struct archive *a;
    if (!archive_create(out, false, &a))
        return false;
    if (write_rows(w, a) && write_scans(w, a) && copy_calibrations(w, a))
        return finish(w, a);
    archive_abandon(a);
    return false;
}

static void work_done(struct work *w) {
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
    struct work w = { .what = r, .inputs = calloc(r->n_inputs + 1, sizeof *w.inputs) };
    char folder[PATH_MAX];
    bool good = w.inputs != NULL;
    folder_of(out, folder);
    for (size_t k = 0; w.inputs != NULL && k < r->n_inputs; k++)
        w.inputs[k] = (struct rebuild_input){ .entry = -1, .file = { .id = -1 } };
    for (size_t k = 0; good && k < r->n_inputs; k++)
        good = rebuild_input_open(r->inputs[k], &w.inputs[k]);
    if (good && (!join_pixels(&w) || !join_scans(&w))) {
        log_error("%s: no memory for its pixels and scans, or scans of other axes", out);
        good = false;
    }
    if (good)
        describe_pixels(&w);
    good = good && gather_rows(&w, folder) && write_file(&w, out);
    work_done(&w);
    return good;
}
