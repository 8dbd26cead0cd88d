/* Pixels and scans of all inputs put together: by channel, and by number and start. */
#include "daemon/rebuild_parts.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/log.h"
#include "pulse/livetime.h"

/* ---- pixels of all inputs ---- */

static int by_channel(const void *a, const void *b) {
    const struct rebuild_pixel *const *x = a, *const *y = b;
    return ((*x)->channel > (*y)->channel) - ((*x)->channel < (*y)->channel);
}

static size_t find_channel(const struct rebuild_work *w, uint32_t channel) {
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

static void describe_pixels(struct rebuild_work *w) {
    for (size_t i = 0; i < w->n_pixels; i++) {
        const struct rebuild_pixel *p = w->described[i];
        w->pixels[i] = (struct archive_pixel){ .channel = p->channel, .sensitivity = p->sensitivity, .verdict = p->verdict, .reason = p->reason, .resolution_eV = p->resolution_eV,
                                               .neighbours = p->neighbours, .neighbour_line_pull = p->neighbour_line_pull };
        memcpy(w->pixels[i].name, p->name, sizeof w->pixels[i].name);
    }
    for (size_t k = 0; k < w->what->n_inputs; k++)
        for (size_t p = 0; p < w->inputs[k].n_pixels; p++)
            w->pixels[w->pixel_of[k][p]].lost_upstream += w->inputs[k].pixels[p].lost_upstream;
}

bool rebuild_join_pixels(struct rebuild_work *w) {
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
    if (w->n_pixels > UINT16_MAX)
        return false;
    describe_pixels(w);
    return true;
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

/* Lesser grades that wide windows of the scan count. */
static uint32_t wide_grades(const struct rebuild_scan *s) {
    uint32_t grades = 0;
    for (uint32_t k = 0; k < s->n_regions; k++)
        grades |= s->regions[k].hi_eV - s->regions[k].lo_eV >= WIDE_REGION_EV ? s->region_grades[k] & ~(UINT32_C(1) << GRADE_HIGH) : 0;
    return grades;
}

static struct product_settings settings_of(const struct rebuild_work *w, const struct rebuild_scan *s) {
    struct product_settings settings = { .emission = s->emission, .loss = s->loss, .n_regions = s->n_regions, .regions = s->regions, .wide_grades = wide_grades(s) };
    const struct rebuild_choice *c = w->what->choice;
    if (c != NULL && c->emission_given)
        settings.emission = c->emission;
    if (c != NULL && c->loss_given)
        settings.loss = c->loss;
    if (c != NULL && c->n_regions > 0) {
        settings.n_regions = c->n_regions;
        settings.regions = c->regions;
    }
    return settings;
}

static bool add_scan(struct rebuild_work *w, struct rebuild_scan *s, struct scan_copy **out) {
    const struct product_settings settings = settings_of(w, s);
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
    for (uint32_t k = 0; k < p->n_yields && settings.regions == s->regions; k++)
        p->yields[k]->grades_used = s->region_grades[k];
    p->dispersion = s->dispersion;
    p->array_rules = s->array_rules;
    if (s->shared_excess != NULL)
        memcpy(p->shared_excess, s->shared_excess, p->n_points * sizeof *p->shared_excess);
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

static void set_pixel(const struct rebuild_work *w, size_t input, const struct rebuild_scan *s, size_t pixel, struct scan_products *p) {
    const uint32_t mine = w->pixel_of[input][pixel];
    const size_t row = (size_t)p->n_points * N_LIVETIME_COLUMNS;
    if (s->pixels_used[pixel])
        use_pixel(p, mine);
    p->sensitivity[mine] = s->sensitivity[pixel];
    p->window_s[mine] = s->window_s[pixel];
    p->resolution_eV[mine] = s->resolution_eV[pixel];
    p->unresolved_s[mine] = s->unresolved_s[pixel];
    p->tail_s[mine] = s->tail_s[pixel];
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

static struct scan_copy *find_scan(const struct rebuild_work *w, const struct scan *s) {
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
static void number_scans(struct rebuild_work *w) {
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

/* Only those of the scan's pixels that are meant count in its products. */
static bool choose_pixels(const struct rebuild_work *w, struct scan_products *p) {
    const struct rebuild_choice *c = w->what->choice;
    uint32_t *channels = calloc(w->n_pixels + 1, sizeof *channels);
    bool good = channels != NULL;
    for (size_t i = 0; good && i < w->n_pixels; i++)
        channels[i] = w->described[i]->channel;
    good = good && pixel_choice_apply(&c->pixels, channels, p->resolution_eV, (uint32_t)w->n_pixels, p->pixels_used);
    for (size_t i = 0; good && i < w->n_pixels; i++) {
        p->emission->pixels_used[i] = p->loss->pixels_used[i] = p->pixels_used[i];
        for (uint32_t k = 0; k < p->n_yields; k++)
            p->yields[k]->pixels_used[i] = p->pixels_used[i];
    }
    free(channels);
    return good;
}

bool rebuild_join_scans(struct rebuild_work *w) {
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
    bool good = true;
    for (size_t k = 0; w->what->choice != NULL && good && k < w->n_scans; k++)
        good = choose_pixels(w, w->scans[k]->products);
    return good;
}
