#include "daemon/stage/live_scan.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "calib/yield_region.h"
#include "pulse/livetime.h"

bool live_scan_begin(const struct scan_event *start, uint32_t n_pixels, const uint8_t *pixels_used, const struct product_settings *settings, size_t kept, struct live_scan **out) {
    struct live_scan *s = calloc(1, sizeof *s);
    if (s == NULL)
        return false;
    s->n_pixels = n_pixels;
    s->pixels_used = calloc(n_pixels + (size_t)1, 1);
    if (s->pixels_used == NULL || !live_scan_begin_with(s, settings) || !scan_view_new(kept, &s->view)) {
        live_scan_free(s);
        return false;
    }
    memcpy(s->pixels_used, pixels_used, n_pixels);
    s->scan = (struct scan){ .number = start->number, .log_number = start->number, .start_ns = start->time_ns, .end_ns = start->time_ns, .mono_eV = NAN };
    memcpy(s->scan.sample, start->sample, sizeof s->scan.sample);
    memcpy(s->scan.label, start->label, sizeof s->scan.label);
    memcpy(s->scan.log_name, start->text, sizeof s->scan.log_name - 1);
    memcpy(s->scan.var_name, start->var_name, sizeof s->scan.var_name);
    memcpy(s->scan.var_unit, start->var_unit, sizeof s->scan.var_unit);
    *out = s;
    return true;
}

bool live_scan_begin_with(struct live_scan *s, const struct product_settings *settings) {
    struct yield_region *regions = calloc(settings->n_regions + (size_t)1, sizeof *regions);
    if (regions == NULL)
        return false;
    if (settings->n_regions > 0)
        memcpy(regions, settings->regions, settings->n_regions * sizeof *regions);
    free(s->regions);
    s->regions = regions;
    s->settings = *settings;
    s->settings.regions = regions;
    return true;
}

void live_scan_free(struct live_scan *s) {
    if (s == NULL)
        return;
    scan_view_free(s->view);
    scan_products_free(s->products);
    scan_done(&s->scan);
    free(s->pixels_used);
    free(s->regions);
    free(s);
}

static bool make_room(struct live_scan *s) {
    if (s->scan.n_points < s->capacity)
        return true;
    uint32_t capacity = s->capacity ? 2 * s->capacity : 64;
    struct scan_point *grown = realloc(s->scan.points, capacity * sizeof *grown);
    if (grown == NULL)
        return false;
    s->scan.points = grown;
    s->capacity = capacity;
    return true;
}

/* Products of all points known now, with what was counted in the ones before; live time is what has been graded, none when new. */
static bool grow_products(struct live_scan *s) {
    struct scan_products *p;
    if (scan_products_untimed(&s->scan, s->n_pixels, s->pixels_used, &s->settings, &p) != STATUS_OK)
        return false;
    struct scan_products *old = s->products;
    uint32_t *row_of = old != NULL ? calloc(old->n_points, sizeof *row_of) : NULL;
    bool good = old == NULL || row_of != NULL;
    for (uint32_t r = 0; good && old != NULL && r < old->n_points; r++)
        row_of[r] = r;
    good = good && (old == NULL || scan_products_sum(p, old, row_of) == STATUS_OK);
    free(row_of);
    if (!good) {
        scan_products_free(p);
        return false;
    }
    if (old != NULL) {
        memcpy(p->live_time_s, old->live_time_s, old->n_points * sizeof *p->live_time_s);
        memcpy(p->window_s, old->window_s, p->n_pixels * sizeof *p->window_s);
        memcpy(p->unresolved_s, old->unresolved_s, p->n_pixels * sizeof *p->unresolved_s);
        memcpy(p->tail_s, old->tail_s, p->n_pixels * sizeof *p->tail_s);
        memcpy(p->sensitivity, old->sensitivity, p->n_pixels * sizeof *p->sensitivity);
        for (uint32_t r = 0; r < p->n_yields; r++) {
            memcpy(p->yields[r]->live_time_s, old->yields[r]->live_time_s, old->n_points * sizeof *p->live_time_s);
            memcpy(p->yields[r]->crowding, old->yields[r]->crowding, old->n_points * sizeof *p->live_time_s);
        }
        scan_products_free(old);
    }
    s->products = p;
    scan_view_grow(s->view, p);
    return true;
}

bool live_scan_point_start(struct live_scan *s, int64_t start_ns, double incident_eV) {
    struct scan *scan = &s->scan;
    if (s->ended || !make_room(s))
        return false;
    if (s->open && !live_scan_point_end(s, start_ns, NAN, NAN))
        return false;
    if (scan->n_points > 0 && start_ns < scan->points[scan->n_points - 1].end_ns)
        return false;
    if (scan->n_points == 0)
        scan->start_ns = start_ns;
    scan->points[scan->n_points++] = (struct scan_point){ .start_ns = start_ns, .end_ns = start_ns + 1, .incident_eV = incident_eV, .i0 = NAN, .i0_sigma = NAN };
    if (!grow_products(s)) {
        scan->n_points--;
        return false;
    }
    s->open = true;
    return true;
}

bool live_scan_point_end(struct live_scan *s, int64_t end_ns, double i0, double i0_sigma) {
    struct scan_point *p = s->open ? &s->scan.points[s->scan.n_points - 1] : NULL;
    if (p == NULL || end_ns <= p->start_ns)
        return false;
    s->open = false;
    p->i0 = i0;
    p->i0_sigma = i0_sigma;
    p->end_ns = s->scan.end_ns = end_ns;
    return true;
}

void live_scan_end(struct live_scan *s, int64_t end_ns) {
    if (s->open && !live_scan_point_end(s, end_ns, NAN, NAN))
        live_scan_point_end(s, s->scan.points[s->scan.n_points - 1].start_ns + 1, NAN, NAN);
    s->ended = true;
}

static uint32_t points_begun(const struct scan *s, int64_t time_ns) {
    uint32_t lo = 0, hi = s->n_points;
    while (lo < hi) {
        uint32_t middle = lo + (hi - lo) / 2;
        if (s->points[middle].start_ns <= time_ns)
            lo = middle + 1;
        else
            hi = middle;
    }
    return lo;
}

struct live_place live_scan_place(const struct live_scan *s, int64_t time_ns) {
    uint32_t begun = points_begun(&s->scan, time_ns);
    if (begun == 0)
        return (struct live_place){ s->scan.n_points == 0 && !s->ended && time_ns >= s->scan.start_ns ? PLACE_WAITS : PLACE_OUTSIDE, -1, -1 };
    int32_t point = (int32_t)begun - 1;
    bool last = begun == s->scan.n_points;
    if (time_ns < s->scan.points[point].end_ns || (last && s->open))
        return (struct live_place){ PLACE_POINT, point, point };
    if (!last)
        return (struct live_place){ PLACE_MOVING, -1, point };
    return (struct live_place){ s->ended ? PLACE_OUTSIDE : PLACE_WAITS, -1, s->ended ? -1 : point };
}

void live_scan_add(struct live_scan *s, struct photon_block *b, size_t i, struct live_place place) {
    b->scan[i] = s->scan.number;
    b->point[i] = place.point;
    b->incident_eV[i] = place.point >= 0 ? (float)s->scan.points[place.point].incident_eV : NAN;
    scan_products_add(s->products, b, i, place.after);
    scan_view_add(s->view, b, i);
}

void live_scan_remove(struct live_scan *s, const struct photon_block *b, size_t i, struct live_place place) {
    scan_products_remove(s->products, b, i, place.after);
    scan_view_remove(s->view, b, i);
}

void live_scan_keep(struct live_scan *s, const struct photon_block *b, size_t i) { scan_view_keep(s->view, s->products, b, i); }

struct scan_products *live_scan_seen(const struct live_scan *s) { return scan_view_of(s->view, s->products); }

static bool fit_row(int64_t times[N_LIVETIME_COLUMNS], int64_t dwell_ns) {
    int64_t sum = 0, rest = dwell_ns;
    for (unsigned g = 0; g < N_LIVETIME_COLUMNS; g++)
        sum += times[g];
    if (sum == dwell_ns)
        return false;
    for (unsigned g = 0; g < LIVETIME_DEAD; g++) {
        if (sum > dwell_ns)
            times[g] = (int64_t)((double)times[g] * (double)dwell_ns / (double)sum);
        rest -= times[g];
    }
    times[LIVETIME_DEAD] = rest;
    return true;
}

bool live_scan_fit_times(struct live_scan *s, uint32_t point) {
    struct scan_products *p = s->products;
    int64_t dwell_ns = s->scan.points[point].end_ns - s->scan.points[point].start_ns;
    bool fitted = false;
    for (uint32_t pixel = 0; pixel < p->n_pixels; pixel++)
        fitted = fit_row(p->grade_time_ns + ((size_t)pixel * p->n_points + point) * N_LIVETIME_COLUMNS, dwell_ns) || fitted;
    return fitted;
}
