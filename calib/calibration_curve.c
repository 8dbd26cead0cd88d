/* g(p) = p / E: a gain_fit through or near the anchors, straight outside; E(p) = p / g(p).
 * Uncertainty: the fit is linear in the anchors' gains, g(p) = sum_i w_i(p) g_i with w_i the fit of the unit vector, and
 * dE/dg = -E/g. Moving the centre of anchor i by d moves its knot by d along p and by d/E_i in g, which at the old place is
 * a change of g by d (1/E_i - g'(p_i)) (first order). A change of the table's energy by u is a change of g by g_i u / E_i.
 * Evaluation is linear interpolation in a table: for curves this smooth the error is far below 1e-3 eV (tested). */
#include "calib/calibration_curve.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "calib/gain_spline.h"
#include "calib/photon_block.h"

enum { TABLE_CELLS = 4096, SLOW_CELLS = 512 };

/* Far above the anchors a falling straight gain runs into a pole. From 2 x the top anchor, or earlier where the gain has
 * fallen to half of the top anchor's, the energy goes on as a straight line: finite, increasing, and flagged as beyond. */
static const double TABLE_TOP = 2.0, POLE_GUARD = 0.5;

/* What changes slowly along the curve, together so that one photon looks at one place. */
struct slow { float sigma, common, slope, unused; };

struct calibration_curve {
    enum curve_form form;
    size_t n;
    struct curve_anchor anchors[CURVE_MAX_ANCHORS];
    double covariance[CURVE_MAX_ANCHORS * CURVE_MAX_ANCHORS];
    struct natural_spline gain;
    double top;        /* height where the table and p / g(p) end */
    double top_slope;  /* dE/dp there */
    double cells_per_height, slow_cells_per_height;
    double energy[TABLE_CELLS + 1];
    struct slow slow[SLOW_CELLS + 1];
};

static int by_height(const void *a, const void *b) {
    const struct curve_anchor *x = a, *y = b;
    return (x->height > y->height) - (x->height < y->height);
}

static bool anchors_increase(const struct curve_anchor *a, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(a[i].height) || !isfinite(a[i].energy_eV) || !(a[i].height > 0) || !(a[i].energy_eV > 0))
            return false;
        if (!(a[i].height_sigma >= 0) || !(a[i].energy_unc_eV >= 0))
            return false;
        if (i > 0 && (!(a[i].height > a[i - 1].height) || !(a[i].energy_eV > a[i - 1].energy_eV)))
            return false;
    }
    return true;
}

static void set_top(struct calibration_curve *c) {
    double last = c->anchors[c->n - 1].height, g = natural_spline_value(&c->gain, last);
    double slope = natural_spline_slope(&c->gain, last);
    c->top = TABLE_TOP * last;
    if (slope < 0)
        c->top = fmin(c->top, fmax(last - POLE_GUARD * g / slope, 1.05 * last));
    c->top_slope = gain_spline_slope(&c->gain, c->top);
}

static void set_energies(struct calibration_curve *c) {
    c->cells_per_height = TABLE_CELLS / c->top;
    c->energy[0] = 0;
    for (int i = 1; i <= TABLE_CELLS; i++)
        c->energy[i] = gain_spline_energy(&c->gain, c->top * i / TABLE_CELLS);
}

static void set_uncertainty(struct calibration_curve *c, const struct gain_fit *fit) {
    struct natural_spline weight[CURVE_MAX_ANCHORS];
    double table_variance[CURVE_MAX_ANCHORS], unit[CURVE_MAX_ANCHORS] = {0};
    memset(c->covariance, 0, sizeof c->covariance);
    for (size_t i = 0; i < c->n; i++) {
        const struct curve_anchor *a = &c->anchors[i];
        double pixel = a->height_sigma * (1 / a->energy_eV - natural_spline_slope(&c->gain, a->height));
        double table = a->height / a->energy_eV * a->energy_unc_eV / a->energy_eV;
        c->covariance[i * c->n + i] = pixel * pixel;
        table_variance[i] = table * table;
        unit[i] = 1;
        gain_fit_curve(fit, unit, &weight[i]);
        unit[i] = 0;
    }
    c->slow_cells_per_height = SLOW_CELLS / c->top;
    for (int k = 0; k <= SLOW_CELLS; k++) {
        double p = c->top * k / SLOW_CELLS, g = natural_spline_value(&c->gain, p);
        double energy_per_gain = p / (g * g), pixel = 0, table = 0;
        for (size_t i = 0; i < c->n; i++) {
            double w = natural_spline_value(&weight[i], p);
            pixel += w * w * c->covariance[i * c->n + i];
            table += w * w * table_variance[i];
        }
        c->slow[k] = (struct slow){ (float)(energy_per_gain * sqrt(pixel)), (float)(energy_per_gain * sqrt(table)), (float)gain_spline_slope(&c->gain, p), 0 };
    }
}

/* Errors that pull: the anchor's fit and the table's energy. */
static enum status fit_gain(struct calibration_curve *c, struct gain_fit *fit) {
    double x[CURVE_MAX_ANCHORS], gain[CURVE_MAX_ANCHORS], sigma[CURVE_MAX_ANCHORS];
    for (size_t i = 0; i < c->n; i++) {
        const struct curve_anchor *a = &c->anchors[i];
        x[i] = a->height;
        gain[i] = a->height / a->energy_eV;
        sigma[i] = gain[i] * hypot(a->height_sigma / a->height, a->energy_unc_eV / a->energy_eV);
    }
    enum status status = gain_fit_init(fit, c->form, x, gain, sigma, c->n);
    if (status == STATUS_OK)
        gain_fit_curve(fit, gain, &c->gain);
    return status;
}

static enum status make(struct calibration_curve *c) {
    struct gain_fit fit;
    if (!anchors_increase(c->anchors, c->n))
        return STATUS_BAD_VALUE;
    enum status status = fit_gain(c, &fit);
    if (status != STATUS_OK || !gain_spline_is_monotone(&c->gain))
        return STATUS_NOT_CONVERGED;
    set_top(c);
    set_energies(c);
    set_uncertainty(c, &fit);
    return STATUS_OK;
}

enum status calibration_curve_new(enum curve_form form, const struct curve_anchor *anchors, size_t n, struct calibration_curve **out) {
    if (n < 2 || n > CURVE_MAX_ANCHORS || (unsigned)form >= N_CURVE_FORMS)
        return STATUS_BAD_VALUE;
    struct calibration_curve *c = calloc(1, sizeof *c);
    if (!c)
        return STATUS_NO_MEMORY;
    c->form = form;
    c->n = n;
    memcpy(c->anchors, anchors, n * sizeof *anchors);
    qsort(c->anchors, n, sizeof *c->anchors, by_height);
    enum status status = make(c);
    if (status == STATUS_OK)
        *out = c;
    else
        free(c);
    return status;
}

void calibration_curve_free(struct calibration_curve *c) {
    free(c);
}

/* Energies, by the outermost anchors. */
struct trusted { double inside_lo, inside_hi, near_lo, near_hi; };

static inline struct trusted trusted_by(const struct calibration_curve *c) {
    double low = c->anchors[0].energy_eV, high = c->anchors[c->n - 1].energy_eV;
    return (struct trusted){ 0.8 * low, 1.03 * high, 0.7 * low, 1.13 * high };
}

static inline uint8_t trust_of(const struct trusted *t, double energy_eV) {
    if (energy_eV >= t->inside_lo && energy_eV <= t->inside_hi)
        return TRUST_INSIDE;
    return energy_eV >= t->near_lo && energy_eV <= t->near_hi ? TRUST_NEAR : TRUST_BEYOND;
}

static inline double energy_at(const struct calibration_curve *c, double height) {
    if (height >= c->top)
        return c->energy[TABLE_CELLS] + (height - c->top) * c->top_slope;
    double at = height * c->cells_per_height;
    size_t i = (size_t)at;
    if (i >= TABLE_CELLS)
        i = TABLE_CELLS - 1;
    double e = c->energy[i] + (at - (double)i) * (c->energy[i + 1] - c->energy[i]);
    return e < c->energy[i + 1] ? e : c->energy[i + 1];  /* rounding must not break monotony at the cell's end */
}

static inline float between(float a, float b, float share) {
    return a + share * (b - a);
}

static inline struct slow slow_at(const struct calibration_curve *c, double height) {
    double at = height * c->slow_cells_per_height;
    if (height >= c->top || at >= SLOW_CELLS)
        return c->slow[SLOW_CELLS];
    size_t i = (size_t)at;
    float share = (float)(at - (double)i);
    const struct slow *a = &c->slow[i], *b = a + 1;
    return (struct slow){ between(a->sigma, b->sigma, share), between(a->common, b->common, share), between(a->slope, b->slope, share), 0 };
}

static inline struct curve_value value_at(const struct calibration_curve *c, const struct trusted *trusted, float height) {
    if (!(height > 0) || !isfinite(height))
        return (struct curve_value){.energy_eV = NAN, .sigma_eV = NAN, .common_sigma_eV = NAN, .slope = NAN, .trust = TRUST_BEYOND};
    float e = (float)energy_at(c, (double)height);
    struct slow s = slow_at(c, (double)height);
    return (struct curve_value){ .energy_eV = e, .sigma_eV = s.sigma, .common_sigma_eV = s.common, .slope = s.slope, .trust = trust_of(trusted, (double)e) };
}

struct curve_value calibration_curve_value(const struct calibration_curve *c, float height) {
    const struct trusted trusted = trusted_by(c);
    return value_at(c, &trusted, height);
}

void calibration_curve_values(const struct calibration_curve *c, const float *height, size_t n, struct curve_value *out) {
    const struct trusted trusted = trusted_by(c);
    for (size_t i = 0; i < n; i++)
        out[i] = value_at(c, &trusted, height[i]);
}

double calibration_curve_slope(const struct calibration_curve *c, double height) {
    if (!(height >= 0))
        return NAN;
    return height >= c->top ? c->top_slope : gain_spline_slope(&c->gain, height);
}

double calibration_curve_height(const struct calibration_curve *c, double energy_eV) {
    if (!(energy_eV >= 0) || energy_eV > 2 * c->anchors[c->n - 1].energy_eV)
        return NAN;
    if (energy_eV >= c->energy[TABLE_CELLS])
        return c->top + (energy_eV - c->energy[TABLE_CELLS]) / c->top_slope;
    size_t low = 0, high = TABLE_CELLS;
    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        *(c->energy[middle] <= energy_eV ? &low : &high) = middle;
    }
    double share = (energy_eV - c->energy[low]) / (c->energy[high] - c->energy[low]);
    return ((double)low + share) / c->cells_per_height;
}

size_t calibration_curve_anchors(const struct calibration_curve *c, const struct curve_anchor **out) {
    *out = c->anchors;
    return c->n;
}

enum curve_form calibration_curve_form(const struct calibration_curve *c) {
    return c->form;
}

const double *calibration_curve_covariance(const struct calibration_curve *c) {
    return c->covariance;
}
