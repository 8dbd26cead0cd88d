#include "calib/scan_cuts.h"

#include <math.h>
#include <stdlib.h>

static const double MASK_FWHM = 1.3, LINE_FWHM = 1.5;   /* doc/methods.md, Maps and yields */
static const double FWHM_OF_SIGMA = 2.3548200450309493;

enum status scan_cut_new(uint32_t n, struct scan_cut *out) {
    *out = (struct scan_cut){ .n = n, .counts = calloc(n + (size_t)1, sizeof *out->counts), .value = calloc(n + (size_t)1, sizeof *out->value),
                              .error = calloc(n + (size_t)1, sizeof *out->error), .lo_eV = NAN, .hi_eV = NAN, .live_time_s = NAN, .exposure = NAN };
    if (out->counts != NULL && out->value != NULL && out->error != NULL)
        return STATUS_OK;
    scan_cut_done(out);
    return STATUS_NO_MEMORY;
}

void scan_cut_done(struct scan_cut *c) {
    free(c->counts);
    free(c->value);
    free(c->error);
    *c = (struct scan_cut){ 0 };
}

enum yield_norm scan_cut_norm(const struct scan *s) {
    for (uint32_t k = 0; k < s->n_points; k++)
        if (s->points[k].i0 > 0 && isfinite(s->points[k].i0))
            return YIELD_PER_I0_LIVE_TIME;
    return YIELD_PER_LIVE_TIME;
}

/* ---- emission spectra ---- */

static bool point_wanted(const struct scan *s, uint32_t k, double lo_eV, double hi_eV) {
    const double e = s->points[k].incident_eV;
    if (lo_eV < hi_eV)
        return e >= lo_eV && e <= hi_eV;
    for (uint32_t i = 0; i < s->n_points; i++) {
        const double d = fabs(s->points[i].incident_eV - lo_eV), mine = fabs(e - lo_eV);
        if (d < mine || (d <= mine && i < k))
            return false;
    }
    return isfinite(e);
}

enum status scan_cut_emission(const struct scan_products *p, double lo_eV, double hi_eV, struct scan_cut *out) {
    const struct rixs_map *m = p->emission;
    struct scan_cut c;
    enum status s = scan_cut_new(m->n_bins, &c);
    if (s != STATUS_OK)
        return s;
    c.live_time_s = c.exposure = 0;
    for (uint32_t k = 0; k < p->n_points; k++) {
        if (!point_wanted(p->scan, k, lo_eV, hi_eV))
            continue;
        const double i0 = p->scan->points[k].i0;
        c.n_points++;
        c.lo_eV = c.n_points == 1 || p->scan->points[k].incident_eV < c.lo_eV ? p->scan->points[k].incident_eV : c.lo_eV;
        c.hi_eV = c.n_points == 1 || p->scan->points[k].incident_eV > c.hi_eV ? p->scan->points[k].incident_eV : c.hi_eV;
        c.live_time_s += p->live_time_s[k];
        c.exposure += i0 > 0 ? i0 * p->live_time_s[k] : (double)NAN;
        for (uint32_t b = 0; b < m->n_bins; b++)
            c.counts[b] += m->counts[(size_t)k * m->n_bins + b];
    }
    if (c.n_points == 0) {
        scan_cut_done(&c);
        return STATUS_TOO_FEW;
    }
    const double q = isfinite(c.exposure) ? c.exposure : c.live_time_s, width = (m->edges_eV[m->n_bins] - m->edges_eV[0]) / m->n_bins;
    for (uint32_t b = 0; b < m->n_bins; b++) {
        struct yield_value v = yield_value_of(c.counts[b], YIELD_PER_LIVE_TIME, 1, 0, q * width, 0);
        c.value[b] = v.yield;
        c.error[b] = v.error;
    }
    *out = c;
    return STATUS_OK;
}

/* ---- cuts along a map ---- */

/* Bins [first, end) whose middles lie in [lo, hi). */
static void bins_of(const struct rixs_map *m, double lo_eV, double hi_eV, uint32_t *first, uint32_t *end) {
    *first = *end = m->n_bins;
    for (uint32_t b = 0; b < m->n_bins; b++) {
        const double middle = 0.5 * (m->edges_eV[b] + m->edges_eV[b + 1]);
        if (middle < lo_eV || middle >= hi_eV)
            continue;
        *first = *first == m->n_bins ? b : *first;
        *end = b + 1;
    }
}

static uint32_t counts_in(const struct rixs_map *m, uint32_t point, uint32_t first, uint32_t end) {
    uint32_t n = 0;
    for (uint32_t b = first; b < end; b++)
        n += m->counts[(size_t)point * m->n_bins + b];
    return n;
}

static void divide(const struct scan_products *p, struct scan_cut *c) {
    const enum yield_norm norm = scan_cut_norm(p->scan);
    for (uint32_t k = 0; k < c->n; k++) {
        const struct scan_point *point = &p->scan->points[k];
        struct yield_value v = yield_value_of(c->counts[k], norm, point->i0, point->i0_sigma, p->live_time_s[k], 0);
        c->value[k] = v.yield;
        c->error[k] = v.error;
    }
}

enum status scan_cut_constant(const struct scan_products *p, const struct rixs_map *map, double lo_eV, double hi_eV, struct scan_cut *out) {
    uint32_t first, end;
    bins_of(map, lo_eV, hi_eV, &first, &end);
    if (first == map->n_bins)
        return STATUS_BAD_VALUE;
    const enum status s = scan_cut_new(p->n_points, out);
    if (s != STATUS_OK)
        return s;
    for (uint32_t k = 0; k < p->n_points; k++)
        out->counts[k] = counts_in(map, k, first, end);
    out->lo_eV = map->edges_eV[first];
    out->hi_eV = map->edges_eV[end];
    divide(p, out);
    return STATUS_OK;
}

/* ---- the elastic line ---- */

/* Share of a Gaussian that lies below x. */
static double below(double x, double centre, double fwhm) { return 0.5 * erfc(-(x - centre) * FWHM_OF_SIGMA / (fwhm * sqrt(2))); }

static double elastic_at(const struct scan_products *p, uint32_t point, const struct scan_elastic *e) { return p->scan->points[point].incident_eV + e->offset_eV; }

bool scan_cut_meets_elastic(const struct scan_products *p, const struct yield_region *w, const struct scan_elastic *e) {
    for (uint32_t k = 0; e->found && k < p->n_points; k++)
        if (elastic_at(p, k, e) + LINE_FWHM * e->fwhm_eV > w->lo_eV && elastic_at(p, k, e) - LINE_FWHM * e->fwhm_eV < w->hi_eV)
            return true;
    return false;
}

/* What counts are divided by in one point; NaN: it cannot be. */
static double exposure_at(const struct scan_products *p, uint32_t point) {
    const double i0 = scan_cut_norm(p->scan) == YIELD_PER_I0_LIVE_TIME ? p->scan->points[point].i0 : 1;
    return i0 > 0 && p->live_time_s[point] > 0 ? i0 * p->live_time_s[point] : (double)NAN;
}

static void mask(const struct scan_products *p, const struct scan_elastic *e, uint32_t first, uint32_t end, struct scan_cut *out) {
    for (uint32_t k = 0; k < p->n_points; k++)
        for (uint32_t b = first; b < end; b++) {
            const double middle = 0.5 * (p->emission->edges_eV[b] + p->emission->edges_eV[b + 1]);
            if (!(fabs(middle - elastic_at(p, k, e)) < MASK_FWHM * e->fwhm_eV))
                out->counts[k] += p->emission->counts[(size_t)k * p->emission->n_bins + b];
        }
    divide(p, out);
}

enum status scan_cut_elastic_area(const struct scan_products *p, const struct scan_elastic *e, const uint8_t *point_used, struct elastic_area *out) {
    double *exposure = calloc(p->n_points + (size_t)1, sizeof *exposure);
    if (exposure == NULL)
        return STATUS_NO_MEMORY;
    for (uint32_t k = 0; k < p->n_points; k++)
        exposure[k] = exposure_at(p, k);
    const enum status s = elastic_area_find(p->loss, p->scan, exposure, e, point_used, out);
    free(exposure);
    return s;
}

static void subtract(const struct scan_products *p, const struct scan_elastic *e, const struct elastic_area *area, uint32_t first, uint32_t end, struct scan_cut *out) {
    for (uint32_t k = 0; k < p->n_points; k++)
        out->counts[k] = counts_in(p->emission, k, first, end);
    divide(p, out);
    for (uint32_t k = 0; k < p->n_points; k++) {
        const double share = below(out->hi_eV, elastic_at(p, k, e), e->fwhm_eV) - below(out->lo_eV, elastic_at(p, k, e), e->fwhm_eV);
        out->value[k] -= area[k].area * share;
        out->error[k] = hypot(out->error[k], area[k].sigma * share);
    }
}

enum status scan_cut_without_elastic(const struct scan_products *p, const struct yield_region *window, const struct scan_elastic *e, const struct elastic_area *area,
                                     enum elastic_removal how, struct scan_cut *out) {
    uint32_t first, end;
    bins_of(p->emission, window->lo_eV, window->hi_eV, &first, &end);
    if (!e->found || first == p->emission->n_bins)
        return STATUS_TOO_FEW;
    const enum status s = scan_cut_new(p->n_points, out);
    if (s != STATUS_OK)
        return s;
    out->lo_eV = p->emission->edges_eV[first];
    out->hi_eV = p->emission->edges_eV[end];
    if (how == ELASTIC_MASKED)
        mask(p, e, first, end, out);
    else
        subtract(p, e, area, first, end, out);
    return STATUS_OK;
}

enum status scan_cut_elastic(const struct scan_products *p, const struct scan_elastic *e, struct scan_cut *out) {
    if (!e->found)
        return STATUS_TOO_FEW;
    return scan_cut_constant(p, p->loss, -e->offset_eV - LINE_FWHM * e->fwhm_eV, -e->offset_eV + LINE_FWHM * e->fwhm_eV, out);
}
