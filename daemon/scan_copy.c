#include "daemon/scan_copy.h"

#include <stdlib.h>
#include <string.h>

#include "pulse/livetime.h"

enum { MOST_REGIONS = 256 };

void scan_copy_free(struct scan_copy *c) {
    if (c == NULL)
        return;
    scan_products_free(c->products);
    scan_done(&c->scan);
    free(c);
}

typedef enum status make_products(const struct scan *, uint32_t n_pixels, const uint8_t *pixels_used, const struct product_settings *, struct scan_products **);

static bool begin_with(make_products *make, struct scan *scan, uint32_t n_pixels, const uint8_t *pixels_used, const struct product_settings *settings, struct scan_copy **out) {
    struct scan_copy *c = calloc(1, sizeof *c);
    if (c == NULL) {
        scan_done(scan);
        return false;
    }
    c->scan = *scan;
    *scan = (struct scan){ 0 };
    if (make(&c->scan, n_pixels, pixels_used, settings, &c->products) != STATUS_OK) {
        scan_copy_free(c);
        return false;
    }
    *out = c;
    return true;
}

bool scan_copy_begin(struct scan *scan, uint32_t n_pixels, const uint8_t *pixels_used, const struct product_settings *settings, struct scan_copy **out) {
    return begin_with(scan_products_new, scan, n_pixels, pixels_used, settings, out);
}

void scan_copy_fit_times(int64_t *row, int64_t dwell_ns) {
    int64_t alive_ns = 0, fitted_ns = 0;
    for (int c = 0; c < LIVETIME_DEAD; c++)
        alive_ns += row[c] = row[c] > 0 ? row[c] : 0;
    for (int c = 0; c < LIVETIME_DEAD; c++)
        fitted_ns += row[c] = alive_ns > dwell_ns ? (int64_t)((double)row[c] * ((double)dwell_ns / (double)alive_ns)) : row[c];
    row[LIVETIME_DEAD] = dwell_ns - fitted_ns;
}

/* Points without what logs add to them: a scan that is being measured has no log yet. */
static bool copy_scan(const struct scan *from, uint32_t n_points, struct scan *out) {
    struct scan s = *from;
    s.n_points = n_points;
    s.n_extras = 0;
    s.extras = NULL;
    s.points = calloc(n_points + (size_t)1, sizeof *s.points);
    if (s.points == NULL)
        return false;
    memcpy(s.points, from->points, n_points * sizeof *s.points);
    *out = s;
    return true;
}

/* The sum of nothing and p; times and what belongs to pixels are taken as they are. */
static bool fill(struct scan_products *to, const struct scan_products *p) {
    uint32_t *rows = calloc(p->n_points + (size_t)1, sizeof *rows);
    const size_t row = (size_t)to->n_points * N_LIVETIME_COLUMNS;
    for (uint32_t k = 0; rows != NULL && k < p->n_points; k++)
        rows[k] = k < to->n_points ? k : UINT32_MAX;
    const bool good = rows != NULL && scan_products_sum(to, p, rows) == STATUS_OK;
    for (uint32_t k = 0; good && k < p->n_pixels; k++)
        memcpy(to->grade_time_ns + k * row, p->grade_time_ns + (size_t)k * p->n_points * N_LIVETIME_COLUMNS, row * sizeof *to->grade_time_ns);
    if (good) {
        memcpy(to->sensitivity, p->sensitivity, p->n_pixels * sizeof *to->sensitivity);
        memcpy(to->window_s, p->window_s, p->n_pixels * sizeof *to->window_s);
        memcpy(to->unresolved_s, p->unresolved_s, p->n_pixels * sizeof *to->unresolved_s);
        memcpy(to->tail_s, p->tail_s, p->n_pixels * sizeof *to->tail_s);
        memcpy(to->live_time_s, p->live_time_s, to->n_points * sizeof *to->live_time_s);
    }
    free(rows);
    return good;
}

static void fill_yields(struct scan_products *to, const struct scan_products *p) {
    for (uint32_t k = 0; k < to->n_yields; k++) {
        memcpy(to->yields[k]->live_time_s, p->yields[k]->live_time_s, to->n_points * sizeof(double));
        memcpy(to->yields[k]->crowding, p->yields[k]->crowding, to->n_points * sizeof(double));
    }
}

bool scan_copy_make(const struct scan_products *p, uint32_t n_points, struct scan_copy **out) {
    struct yield_region regions[MOST_REGIONS];
    struct scan scan;
    struct scan_copy *c;
    if (p->n_yields > MOST_REGIONS || p->emission == NULL || p->loss == NULL || !copy_scan(p->scan, n_points, &scan))
        return false;
    for (uint32_t k = 0; k < p->n_yields; k++)
        regions[k] = p->yields[k]->region;
    const struct product_settings settings = { .emission = p->emission->axis, .loss = p->loss->axis, .n_regions = p->n_yields, .regions = regions };
    if (!begin_with(scan_products_untimed, &scan, p->n_pixels, p->pixels_used, &settings, &c))   /* p has its times */
        return false;
    c->products->emission->grades_used = p->emission->grades_used;
    c->products->loss->grades_used = p->loss->grades_used;
    for (uint32_t k = 0; k < p->n_yields; k++)   /* wide windows count what was learnt to be good */
        c->products->yields[k]->grades_used = p->yields[k]->grades_used;
    if (!fill(c->products, p)) {
        scan_copy_free(c);
        return false;
    }
    fill_yields(c->products, p);
    *out = c;
    return true;
}
