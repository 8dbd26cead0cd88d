#include "calib/inverse_yield.h"

#include <math.h>

/* Of one point: counts and their variance, without and with what crowding adds. */
struct left { double counts, variance, whole_variance, live_time_s; };

static void invert(const struct scan_products *p, uint32_t k, const struct left *l, struct scan_cut *c) {
    const enum yield_norm norm = scan_cut_norm(p->scan);
    const struct scan_point *point = &p->scan->points[k];
    const double i0 = norm == YIELD_PER_I0_LIVE_TIME ? point->i0 : 1;
    c->value[k] = c->error[k] = NAN;
    if (!(l->counts > 0 && l->counts * l->counts >= INVERSE_YIELD_LEAST * INVERSE_YIELD_LEAST * l->variance) || !(i0 > 0) || !(l->live_time_s > 0))
        return;
    const double of_i0 = norm == YIELD_PER_I0_LIVE_TIME && point->i0_sigma > 0 ? point->i0_sigma / point->i0 : 0;
    c->value[k] = i0 * l->live_time_s / l->counts;
    c->error[k] = c->value[k] * hypot(sqrt(l->whole_variance) / l->counts, of_i0);
}

enum status inverse_yield_of(const struct scan_products *p, const struct yield_spectrum *y, struct scan_cut *out) {
    const enum status s = scan_cut_new(p->n_points, out);
    if (s != STATUS_OK)
        return s;
    out->lo_eV = y->region.lo_eV;
    out->hi_eV = y->region.hi_eV;
    for (uint32_t k = 0; k < p->n_points; k++) {
        const double n = out->counts[k] = y->counts[k];
        invert(p, k, &(struct left){ n, n, n * (1 + y->crowding[k]), y->live_time_s[k] }, out);
    }
    return STATUS_OK;
}

enum status inverse_yield_window(const struct scan_products *p, const struct yield_region *window, const struct yield_region *background, struct scan_cut *out, struct scan_cut *beside) {
    struct scan_cut b = { 0 }, c;
    enum status s = scan_cut_constant(p, p->emission, window->lo_eV, window->hi_eV, &c);
    if (s != STATUS_OK)
        return s;
    if (background != NULL && (s = scan_cut_constant(p, p->emission, background->lo_eV, background->hi_eV, &b)) != STATUS_OK) {
        scan_cut_done(&c);
        return s;
    }
    const double share = background != NULL ? (c.hi_eV - c.lo_eV) / (b.hi_eV - b.lo_eV) : 0;
    for (uint32_t k = 0; k < p->n_points; k++) {
        const double under = background != NULL ? b.counts[k] : 0, variance = c.counts[k] + share * share * under;
        invert(p, k, &(struct left){ c.counts[k] - share * under, variance, variance, p->live_time_s[k] }, &c);
    }
    *out = c;
    if (background != NULL)
        *beside = b;
    return STATUS_OK;
}
