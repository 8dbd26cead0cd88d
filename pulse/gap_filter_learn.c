#include "pulse/gap_filter_parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pulse/normal_equations.h"
#include "pulse/robust.h"

enum { LEAST_PULSES = 100, LEAST_BEHIND = 24, ROUNDS = 3 };
static const double OUTLIER = 5;

/* A good pulse, both ways. */
struct both { double whole, gap, whole_arrival, arrival; bool used; };

static size_t measure_both(const struct record_store *pulses, const bool *good, const struct pixel_model *m, const struct gap_filter *g, struct both *out) {
    size_t n = 0;
    for (uint32_t i = 0; i < pulses->n_records; i++) {
        struct pulse_record r = record_store_at(pulses, i);
        if (!good[i])
            continue;
        struct lag_parabola whole = optimal_filter_apply(m->filter, r.samples, r.samples[0]), gap = optimal_filter_apply(g->filter, r.samples, r.samples[0]);
        if (whole.height > 0 && gap.height > 0 && gap.peaked && whole.peaked)
            out[n++] = (struct both){ whole.height, gap.height, whole.arrival_samples - m->template_arrival, gap.arrival_samples - g->arrival, true };
    }
    return n;
}

/* Height of reference: the median; u is held within what most pulses have. */
static void set_range(struct both *b, size_t n, double *scratch, struct gap_filter *g) {
    for (size_t i = 0; i < n; i++)
        scratch[i] = b[i].gap;
    g->reference = robust_median(scratch, n);
    g->u_low = robust_quantile(scratch, n, 0.01) / g->reference - 1;
    g->u_high = robust_quantile(scratch, n, 0.99) / g->reference - 1;
}

/* Least squares of whole / gap on the terms, weighted as noise asks. */
static bool fit_map(const struct both *b, size_t n, struct gap_filter *g) {
    struct normal_equations e;
    normal_equations_init(&e, GAP_TERMS);
    for (size_t i = 0; i < n; i++) {
        double terms[GAP_TERMS], weight = b[i].gap * b[i].gap / (g->reference * g->reference);
        if (!b[i].used)
            continue;
        gap_filter_terms(g, b[i].gap, b[i].arrival, terms);
        normal_equations_add(&e, terms, weight, weight * b[i].whole / b[i].gap);
    }
    if (normal_equations_factor(&e) != STATUS_OK)
        return false;
    normal_equations_solve(&e, e.right, g->map);
    return true;
}

/* Left as it is where the pulses cannot tell, all of them arriving alike. */
static void fit_arrival(const struct both *b, size_t n, struct gap_filter *g) {
    struct normal_equations e;
    normal_equations_init(&e, GAP_ARRIVAL_TERMS);
    for (size_t i = 0; i < n; i++) {
        double p = b[i].arrival, weight = b[i].gap * b[i].gap / (g->reference * g->reference);
        if (b[i].used && fabs(p) < GAP_ARRIVAL_MOST)
            normal_equations_add(&e, (double[GAP_ARRIVAL_TERMS]){ 1, p, p * p, p * p * p }, weight, weight * b[i].whole_arrival);
    }
    memcpy(g->arrival_map, (double[GAP_ARRIVAL_TERMS]){ 0, 1, 0, 0 }, sizeof g->arrival_map);
    if (normal_equations_factor(&e) == STATUS_OK)
        normal_equations_solve(&e, e.right, g->arrival_map);
}

/* What the map misses by, in heights, beyond OUTLIER robust sigmas is not used again. */
static void reject(struct both *b, size_t n, double *scratch, const struct gap_filter *g) {
    for (size_t i = 0; i < n; i++)
        scratch[i] = fabs(gap_filter_on_whole_scale(g, b[i].gap, b[i].arrival) - b[i].whole);
    double limit = OUTLIER * 1.4826 * robust_median(scratch, n);
    for (size_t i = 0; i < n; i++)
        b[i].used = fabs(gap_filter_on_whole_scale(g, b[i].gap, b[i].arrival) - b[i].whole) <= limit;
}

static enum status learn_map(const struct record_store *pulses, const bool *good, const struct pixel_model *m, struct gap_filter *g) {
    struct both *b = calloc((size_t)pulses->n_records + 1, sizeof *b);
    double *scratch = calloc((size_t)pulses->n_records + 1, sizeof *scratch);
    enum status s = b != NULL && scratch != NULL ? STATUS_OK : STATUS_NO_MEMORY;
    size_t n = s == STATUS_OK ? measure_both(pulses, good, m, g, b) : 0;
    if (s == STATUS_OK && n < LEAST_PULSES)
        s = STATUS_TOO_FEW;
    if (s == STATUS_OK)
        set_range(b, n, scratch, g);
    for (int round = 0; s == STATUS_OK && round < ROUNDS; round++) {
        if (!fit_map(b, n, g))
            s = STATUS_TOO_FEW;
        else
            reject(b, n, scratch, g);
    }
    if (s == STATUS_OK)
        fit_arrival(b, n, g);
    free(b);
    free(scratch);
    return s;
}

static enum status learn_residuals(const struct record_store *pulses, const bool *good, const struct pixel_model *m, struct gap_filter *g) {
    struct residual_point *points = calloc((size_t)pulses->n_records + 1, sizeof *points);
    if (points == NULL)
        return STATUS_NO_MEMORY;
    size_t n = 0;
    for (uint32_t i = 0; i < pulses->n_records; i++) {
        struct pulse_record r = record_store_at(pulses, i);
        struct measured_pulse p = good[i] ? gap_filter_measure(m, g, &r) : (struct measured_pulse){ .cuts = 1 };
        if (p.cuts == 0 && p.height > 0 && p.residual > 0)
            points[n++] = (struct residual_point){ (double)p.height, (double)p.residual };
    }
    enum status s = residual_scale_learn(points, n, &g->residual_scale);
    free(points);
    return s == STATUS_TOO_FEW ? STATUS_OK : s;
}

enum status gap_filter_learn_scale(const struct record_store *pulses, const bool *good, const struct pixel_model *m, double variance, struct gap_filter *g) {
    enum status s = learn_map(pulses, good, m, g);
    if (s != STATUS_OK)
        return s;
    g->noise_factor = m->noise_sigma > 0 ? g->map[0] * sqrt(variance) / m->noise_sigma : 1;
    return learn_residuals(pulses, good, m, g);
}

/* The filter of that length, and everything about it. STATUS_TOO_FEW: there is none. */
static enum status make_one(const struct record_store *pulses, const bool *good, const double *template_pulse, const double *covariance,
                            const struct pixel_model *m, struct gap_filter *g) {
    uint32_t n = m->n_presamples + g->n_behind, n_weights = n - (LAGS - 1);
    double *weights = calloc(n, sizeof *weights), variance = 0;
    enum status s = weights != NULL ? optimal_filter_design(template_pulse, n, covariance, weights, &variance) : STATUS_NO_MEMORY;
    if (s == STATUS_OK)
        s = optimal_filter_new(weights, n_weights, NULL, &g->filter);
    if (s == STATUS_OK)
        g->arrival = optimal_filter_on_template(weights, n_weights, template_pulse).arrival_samples;
    free(weights);
    if (s == STATUS_OK)
        s = gap_filter_learn_scale(pulses, good, m, variance, g);
    if (s != STATUS_OK) {
        optimal_filter_free(g->filter);
        g->filter = NULL;
    }
    return s == STATUS_NO_MEMORY || s == STATUS_OK ? s : STATUS_TOO_FEW;
}

enum status gap_filters_learn(const struct record_store *pulses, const bool *good, const double *template_pulse, const double *covariance,
                              double least_gap_samples, const struct pixel_model *m, struct gap_filters **out) {
    uint32_t post = m->n_samples - m->n_presamples;
    double least = fmax(ceil(least_gap_samples) - GAP_MARGIN, LEAST_BEHIND);
    struct gap_filters *all = calloc(1, sizeof *all);
    enum status s = all != NULL ? STATUS_OK : STATUS_NO_MEMORY;
    for (unsigned k = 0; s == STATUS_OK && least < post && k < GAP_FILTERS_MAX; k++) {
        struct gap_filter g = { .n_behind = (uint32_t)(least * pow(post / least, (double)k / GAP_FILTERS_MAX)) };
        s = make_one(pulses, good, template_pulse, covariance, m, &g);
        if (s == STATUS_OK)
            all->list[all->n++] = g;
    }
    bool whole = s == STATUS_OK && all->n == GAP_FILTERS_MAX;   /* a gap that no filter serves would be a loss that depends on rate */
    if (!whole) {
        gap_filters_free(all);
        all = NULL;
    }
    *out = all;
    return s == STATUS_NO_MEMORY ? s : STATUS_OK;
}
