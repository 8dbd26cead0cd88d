/* g(p) = p / E: a gain_fit through or near the anchors, straight outside; E(p) = p / g(p).
 * Uncertainty: the fit is linear in the anchors' gains, g(p) = sum_i w_i(p) g_i with w_i the fit of the unit vector, and
 * dE/dg = -E/g. Moving the centre of anchor i by d moves its knot by d along p and by d/E_i in g, which at the old place is
 * a change of g by d (1/E_i - g'(p_i)) (first order). A change of the table's energy by u is a change of g by g_i u / E_i.
 * Evaluation is a cubic between the nodes of a table, through their energies and along their slopes: for curves this smooth the error is far
 * below 1e-3 eV (tested). One small node holds all that a photon needs: an array's tables are in no cache when its pixels come round again, so
 * each line of them costs a look into memory (4097 energies for straight lines between them cost 8 ns a photon more). */
#include "calib/calibration_curve.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "calib/gain_spline.h"
#include "calib/photon_block.h"
#include "pulse/wide_loop.h"

enum { TABLE_CELLS = 512, INVERSE_ROUNDS = 3, PIECE = 64 };

/* Far above the anchors a falling straight gain runs into a pole. From 2 x the top anchor, or earlier where the gain has
 * fallen to half of the top anchor's, the energy goes on as a straight line: finite, increasing, and flagged as beyond. */
static const double TABLE_TOP = 2.0, POLE_GUARD = 0.5;

enum slow { SLOW_SLOPE, SLOW_SIGMA, SLOW_COMMON, N_SLOW = 4 };

struct node { double energy_eV; float slow[N_SLOW]; };   /* slow: what is straight between nodes */

struct calibration_curve {
    enum curve_form form;
    size_t n;
    struct curve_anchor anchors[CURVE_MAX_ANCHORS];
    double covariance[CURVE_MAX_ANCHORS * CURVE_MAX_ANCHORS];
    struct natural_spline gain;
    double top;        /* height where the table and p / g(p) end */
    double top_slope;  /* dE/dp there */
    double cells_per_height, cell;   /* cell: of height */
    struct node node[TABLE_CELLS + 1];
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
    c->cell = c->top / TABLE_CELLS;
    for (int i = 0; i <= TABLE_CELLS; i++) {
        double p = c->top * i / TABLE_CELLS;
        c->node[i].energy_eV = gain_spline_energy(&c->gain, p);
        c->node[i].slow[SLOW_SLOPE] = (float)gain_spline_slope(&c->gain, p);
    }
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
    for (int k = 0; k <= TABLE_CELLS; k++) {
        double p = c->top * k / TABLE_CELLS, g = natural_spline_value(&c->gain, p);
        double energy_per_gain = p / (g * g), pixel = 0, table = 0;
        for (size_t i = 0; i < c->n; i++) {
            double w = natural_spline_value(&weight[i], p);
            pixel += w * w * c->covariance[i * c->n + i];
            table += w * w * table_variance[i];
        }
        c->node[k].slow[SLOW_SIGMA] = (float)(energy_per_gain * sqrt(pixel));
        c->node[k].slow[SLOW_COMMON] = (float)(energy_per_gain * sqrt(table));
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

/* Which of them holds is as good as random: nothing here asks. */
static inline uint8_t trust_of(const struct trusted *t, double energy_eV) {
    int inside = (energy_eV >= t->inside_lo) & (energy_eV <= t->inside_hi), near = (energy_eV >= t->near_lo) & (energy_eV <= t->near_hi);
    return (uint8_t)(TRUST_BEYOND - near - inside);
}

/* Share in 0..1 of the cell behind a node. Rounding must not break monotony at the cell's end. */
static inline double energy_in(const struct calibration_curve *c, const struct node *a, double share) {
    const struct node *b = a + 1;
    double step = b->energy_eV - a->energy_eV, out = (double)a->slow[SLOW_SLOPE] * c->cell, in = (double)b->slow[SLOW_SLOPE] * c->cell;
    double e = a->energy_eV + share * (out + share * (3 * step - 2 * out - in + share * (out + in - 2 * step)));
    return e < b->energy_eV ? e : b->energy_eV;
}

/* Of sigma, common and slope at once. */
typedef float four __attribute__((vector_size(16)));

static inline four slow_at(const struct node *a, double share) {
    four from, to, part = { (float)share, (float)share, (float)share, (float)share };
    memcpy(&from, a->slow, sizeof from);
    memcpy(&to, a[1].slow, sizeof to);
    return from + part * (to - from);
}

struct place { const struct node *node; double share; };

/* Of a height below the table's top. */
static inline struct place place_of(const struct calibration_curve *c, double height) {
    double at = height * c->cells_per_height;
    int32_t i = (int32_t)at;
    i = i < TABLE_CELLS ? i : TABLE_CELLS - 1;
    return (struct place){ &c->node[i], at - i };
}

static struct curve_value within(const struct calibration_curve *c, const struct trusted *trusted, double height) {
    struct place p = place_of(c, height);
    float e = (float)energy_in(c, p.node, p.share);
    four slow = slow_at(p.node, p.share);
    return (struct curve_value){ .energy_eV = e, .sigma_eV = slow[SLOW_SIGMA], .common_sigma_eV = slow[SLOW_COMMON], .slope = slow[SLOW_SLOPE], .trust = trust_of(trusted, (double)e) };
}

/* Above the table. */
static struct curve_value beyond(const struct calibration_curve *c, const struct trusted *trusted, double height) {
    const struct node *last = &c->node[TABLE_CELLS];
    float e = (float)(last->energy_eV + (height - c->top) * c->top_slope);
    return (struct curve_value){ .energy_eV = e, .sigma_eV = last->slow[SLOW_SIGMA], .common_sigma_eV = last->slow[SLOW_COMMON], .slope = last->slow[SLOW_SLOPE], .trust = trust_of(trusted, (double)e) };
}

static inline struct curve_value value_at(const struct calibration_curve *c, const struct trusted *trusted, float height) {
    if (!(height > 0) || !isfinite(height))
        return (struct curve_value){ .energy_eV = NAN, .sigma_eV = NAN, .common_sigma_eV = NAN, .slope = NAN, .trust = TRUST_BEYOND };
    return (double)height < c->top ? within(c, trusted, (double)height) : beyond(c, trusted, (double)height);
}

struct curve_value calibration_curve_value(const struct calibration_curve *c, float height) {
    const struct trusted trusted = trusted_by(c);
    return value_at(c, &trusted, height);
}

/* n <= PIECE, by columns. */
struct columns { float energy[PIECE], sigma[PIECE], slope[PIECE]; };

/* A pixel's table has been driven out of the caches when the pixel comes round again: all of a piece wait for it together. */
static void fetch(const struct place *places, size_t n) {
    for (size_t i = 0; i < n; i++) {
        __builtin_prefetch(places[i].node);
        __builtin_prefetch(&places[i].node[1].slow[N_SLOW - 1]);
    }
}

/* False: some heights are not in the table, and nothing was said of them. */
static bool look_up(const struct calibration_curve *c, const float *height, size_t n, struct columns *to) {
    struct place places[PIECE];
    bool all = true;
    for (size_t i = 0; i < n; i++) {
        double p = (double)height[i];
        bool in = (p > 0) & (p < c->top);
        all &= in;
        places[i] = place_of(c, in ? p : 0);
    }
    fetch(places, n);
    for (size_t i = 0; i < n; i++) {
        four slow = slow_at(places[i].node, places[i].share);
        to->energy[i] = (float)energy_in(c, places[i].node, places[i].share);
        to->sigma[i] = slow[SLOW_SIGMA];
        to->slope[i] = slow[SLOW_SLOPE];
    }
    return all;
}

static void look_up_outside(const struct calibration_curve *c, const struct trusted *trusted, const float *height, size_t n, struct columns *to) {
    for (size_t i = 0; i < n; i++)
        if (!(height[i] > 0 && (double)height[i] < c->top)) {
            struct curve_value v = value_at(c, trusted, height[i]);
            to->energy[i] = v.energy_eV;
            to->sigma[i] = v.sigma_eV;
            to->slope[i] = v.slope;
        }
}

WIDE_LOOP static inline void sigmas_loop(const struct columns *restrict x, const double *restrict noise, size_t n, float *restrict sigma_eV) {
    for (size_t i = 0; i < n; i++) {
        double own = noise[i] * (double)x->slope[i], curve = (double)x->sigma[i];
        sigma_eV[i] = (float)sqrt(own * own + curve * curve);
    }
}

WIDE_LOOP_CHOSEN(sigmas, (const struct columns *restrict x, const double *restrict noise, size_t n, float *restrict sigma_eV), (x, noise, n, sigma_eV))

static void energies_of_piece(const struct calibration_curve *c, const float *height, const double *noise, size_t n, const struct curve_rows *out) {
    const struct trusted trusted = trusted_by(c);
    struct columns x;
    if (!look_up(c, height, n, &x))
        look_up_outside(c, &trusted, height, n, &x);
    sigmas(&x, noise, n, out->sigma_eV);
    for (size_t i = 0; i < n; i++) {
        out->energy_eV[i] = x.energy[i];
        out->trust[i] = trust_of(&trusted, (double)x.energy[i]);
    }
}

void calibration_curve_rows(const struct calibration_curve *c, const float *height, const double *noise, size_t n, const struct curve_rows *out) {
    for (size_t from = 0; from < n; from += PIECE) {
        struct curve_rows rows = { out->energy_eV + from, out->sigma_eV + from, out->trust + from };
        energies_of_piece(c, height + from, noise + from, n - from < PIECE ? n - from : PIECE, &rows);
    }
}

double calibration_curve_slope(const struct calibration_curve *c, double height) {
    if (!(height >= 0))
        return NAN;
    return height >= c->top ? c->top_slope : gain_spline_slope(&c->gain, height);
}

/* The inverse of energy_in: the cell is next to straight, so each round squares what is left. */
static double share_of(const struct calibration_curve *c, const struct node *a, double energy_eV) {
    const struct node *b = a + 1;
    double step = b->energy_eV - a->energy_eV, share = (energy_eV - a->energy_eV) / step;
    for (int round = 0; round < INVERSE_ROUNDS; round++) {
        double slope = (double)slow_at(a, share)[SLOW_SLOPE] * c->cell;
        share += (energy_eV - energy_in(c, a, share)) / slope;
        share = share > 0 ? share < 1 ? share : 1 : 0;
    }
    return share;
}

double calibration_curve_height(const struct calibration_curve *c, double energy_eV) {
    if (!(energy_eV >= 0) || energy_eV > 2 * c->anchors[c->n - 1].energy_eV)
        return NAN;
    const struct node *last = &c->node[TABLE_CELLS];
    if (energy_eV >= last->energy_eV)
        return c->top + (energy_eV - last->energy_eV) / c->top_slope;
    size_t low = 0, high = TABLE_CELLS;
    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        *(c->node[middle].energy_eV <= energy_eV ? &low : &high) = middle;
    }
    return ((double)low + share_of(c, &c->node[low], energy_eV)) * c->cell;
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
