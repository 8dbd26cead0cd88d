#include "calib/condition_compare.h"

#include <math.h>
#include <stdlib.h>

enum { LEAST = 10, ROUNDS = 20 };

enum status condition_curve_new(uint32_t n, struct condition_curve *out) {
    const size_t room = n + (size_t)1;
    *out = (struct condition_curve){ .n = n, .incident_eV = calloc(room, sizeof(double)), .counts = calloc(room, sizeof(double)), .exposure = calloc(room, sizeof(double)),
                                     .yield = calloc(room, sizeof(double)), .variance = calloc(room, sizeof(double)) };
    if (out->incident_eV && out->counts && out->exposure && out->yield && out->variance)
        return STATUS_OK;
    condition_curve_done(out);
    return STATUS_NO_MEMORY;
}

void condition_curve_done(struct condition_curve *c) {
    free(c->incident_eV);
    free(c->counts);
    free(c->exposure);
    free(c->yield);
    free(c->variance);
    *c = (struct condition_curve){ 0 };
}

static bool exposed(const struct condition_curve *c, uint32_t k) { return c->exposure[k] > 0 && isfinite(c->exposure[k]); }

void condition_curve_settle(struct condition_curve *c, const double *relative_i0, const double *excess) {
    for (uint32_t k = 0; k < c->n; k++) {
        c->yield[k] = c->variance[k] = NAN;
        if (!exposed(c, k))
            continue;
        const double of_i0 = relative_i0 != NULL && relative_i0[k] > 0 ? relative_i0[k] : 0, more = excess != NULL && excess[k] > 0 ? excess[k] : 0;
        c->yield[k] = c->counts[k] / c->exposure[k];
        c->variance[k] = c->counts[k] * (1 + more) / (c->exposure[k] * c->exposure[k]) + c->yield[k] * c->yield[k] * of_i0 * of_i0;
    }
}

struct condition_sum condition_sum_of(const struct condition_curve *c, const struct condition_curve *other, double lo_eV, double hi_eV) {
    struct condition_sum s = { 0 };
    double sx = 0, sxx = 0, squares = 0;
    for (uint32_t k = 0; k < c->n; k++) {
        if (!exposed(c, k) || (other != NULL && !exposed(other, k)) || !(c->incident_eV[k] >= lo_eV && c->incident_eV[k] <= hi_eV))
            continue;
        s.value += c->yield[k];
        s.variance += c->variance[k];
        s.counts += c->counts[k];
        s.points++;
        const double x = c->incident_eV[k] - c->background.centre_eV;
        sx += x;
        sxx += x * x;
        squares += c->yield[k] * c->yield[k];
    }
    const double n = s.points;   /* what points have in common adds before it is squared */
    s.variance += c->background.level_variance * (n * n - n) + c->background.slope_variance * (sx * sx - sxx) + c->common_relative * (s.value * s.value - squares);
    return s;
}

void condition_curve_normalise(struct condition_curve *c, const struct condition_sum *area) {
    const double relative = area->variance / (area->value * area->value);
    for (uint32_t k = 0; k < c->n; k++) {
        c->yield[k] /= area->value;
        c->variance[k] = c->variance[k] / (area->value * area->value) + c->yield[k] * c->yield[k] * relative;
    }
    c->background.level_variance /= area->value * area->value;
    c->background.slope_variance /= area->value * area->value;
    c->common_relative += relative;
}

/* ---- before the edge ---- */

/* One step of weighted least squares with the variance that the last line predicts: the score equations of Poisson likelihood. */
static void fit_line(const struct condition_curve *c, const uint8_t *wanted, bool line, struct pre_edge *p) {
    double s = 0, sx = 0, sxx = 0, sy = 0, sxy = 0;
    for (uint32_t k = 0; k < c->n; k++) {
        if (!wanted[k])
            continue;
        const double x = c->incident_eV[k] - p->centre_eV, rate = fmax(p->level + p->slope * x, 0.05 * p->level), w = c->exposure[k] / rate;
        s += w;
        sx += w * x;
        sxx += w * x * x;
        sy += w * c->yield[k];
        sxy += w * x * c->yield[k];
    }
    const double det = s * sxx - sx * sx;
    if (line && det > 0) {
        p->level = (sxx * sy - sx * sxy) / det;
        p->slope = (s * sxy - sx * sy) / det;
        p->level_variance = sxx / det;
        p->slope_variance = s / det;
        p->centre_eV += sx / s;      /* there level and slope are independent; the last round is at their centre */
        p->level += p->slope * sx / s;
    } else {
        p->level = sy / s;
        p->level_variance = 1 / s;
    }
}

enum status condition_pre_edge(struct condition_curve *c, double lo_eV, double hi_eV, bool line, struct pre_edge *out) {
    uint8_t *wanted = calloc(c->n + (size_t)1, 1);
    struct pre_edge p = { 0 };
    double counts = 0, exposure = 0;
    if (wanted == NULL)
        return STATUS_NO_MEMORY;
    for (uint32_t k = 0; k < c->n; k++) {
        wanted[k] = exposed(c, k) && c->incident_eV[k] >= lo_eV && c->incident_eV[k] <= hi_eV;
        p.points += wanted[k];
        counts += wanted[k] ? c->counts[k] : 0;
        exposure += wanted[k] ? c->exposure[k] : 0;
        p.centre_eV += wanted[k] ? c->exposure[k] * c->incident_eV[k] : 0;
    }
    if (p.points < (line ? 3u : 2u) || !(counts > 0)) {
        free(wanted);
        return STATUS_TOO_FEW;
    }
    p.centre_eV /= exposure;
    p.level = counts / exposure;
    for (int round = 0; round < ROUNDS; round++)
        fit_line(c, wanted, line, &p);
    for (uint32_t k = 0; k < c->n; k++) {
        const double x = c->incident_eV[k] - p.centre_eV;
        c->yield[k] -= p.level + p.slope * x;
        c->variance[k] += p.level_variance + x * x * p.slope_variance;
    }
    free(wanted);
    *out = c->background = p;
    return STATUS_OK;
}

/* ---- two sums ---- */

struct condition_ratio condition_ratio_of(const struct condition_sum *a, const struct condition_sum *b) {
    struct condition_ratio r = { .ratio = NAN, .sigma = NAN, .difference = a->value - b->value, .difference_sigma = sqrt(a->variance + b->variance) };
    r.significance = r.difference_sigma > 0 ? r.difference / r.difference_sigma : 0;
    if (b->value > 0) {
        r.ratio = a->value / b->value;
        r.sigma = a->variance > 0 ? sqrt(a->variance + r.ratio * r.ratio * b->variance) / b->value : (double)NAN;
    }
    return r;
}

struct condition_shape condition_shape_of(const struct condition_curve *a, const struct condition_curve *b) {
    const struct condition_sum all_a = condition_sum_of(a, b, -INFINITY, INFINITY), all_b = condition_sum_of(b, a, -INFINITY, INFINITY);
    struct condition_shape s = { 0 };
    const double f = all_b.value > 0 ? all_a.value / all_b.value : 0;
    double r = 0, v = 0, in_a = 0, in_b = 0;
    uint32_t cells = 0;
    for (uint32_t k = 0; k < a->n && f > 0; k++) {
        if (!exposed(a, k) || !exposed(b, k))
            continue;
        r += a->yield[k] - f * b->yield[k];
        v += a->variance[k] + f * f * b->variance[k];
        in_a += a->counts[k];
        in_b += b->counts[k];
        if (fmin(in_a, in_b) < LEAST)
            continue;
        s.chi2 += v > 0 ? r * r / v : 0;
        cells++;
        r = v = in_a = in_b = 0;
    }
    s.dof = cells > 0 ? cells - 1 : 0;
    return s;
}

double condition_counts_needed(const struct condition_sum *a, const struct condition_sum *b, double wanted) {
    const struct condition_ratio r = condition_ratio_of(a, b);
    const double relative = r.sigma / r.ratio, factor = relative * relative / (wanted * wanted);
    return factor > 1 ? (a->counts + b->counts) * (factor - 1) : factor <= 1 ? 0 : (double)NAN;
}
