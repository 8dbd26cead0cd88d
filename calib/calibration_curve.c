/* g(p) = p / E: a gain_fit through or near the anchors, straight outside; E(p) = p / g(p).
 * Uncertainty: the fit is linear in the anchors' gains, g(p) = sum_i w_i(p) g_i with w_i the fit of the unit vector, and
 * dE/dg = -E/g. Moving the centre of anchor i by d moves its knot by d along p and by d/E_i in g, which at the old place is
 * a change of g by d (1/E_i - g'(p_i)) (first order). A change of the table's energy by u is a change of g by g_i u / E_i.
 * Evaluation is a cubic between the nodes of a table, through their energies and along their slopes: for curves this smooth the error is far
 * below 1e-3 eV (tested). One small node holds all that a photon needs: an array's tables are in no cache when its pixels come round again, so
 * each line of them costs a look into memory (4097 energies for straight lines between them waited for one by one cost 4 ns a photon more; cubics by the
 * energies and slopes of two neighbouring nodes, which nearly always lie in two lines, cost 3 ns more than their coefficients in one). */
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

enum { NODE_BYTES = 32 };

/* E = energy_eV + s (step + s (bend + s twist)) for the share s in 0..1 of the cell behind it, in which sigma is straight. Floats are right to 1e-7 of their
 * terms, and the terms of a cell are some eV. */
struct node { double energy_eV, step; float bend, twist, sigma, sigma_step; };
_Static_assert(sizeof(struct node) == NODE_BYTES, "nodes do not straddle lines");

struct calibration_curve {
    enum curve_form form;
    size_t n;
    struct curve_anchor anchors[CURVE_MAX_ANCHORS];
    double covariance[CURVE_MAX_ANCHORS * CURVE_MAX_ANCHORS];
    struct natural_spline gain;
    double top;        /* height where the table and p / g(p) end */
    double top_slope;  /* dE/dp there */
    double cells_per_height, cell;   /* cell: of height */
    float common[TABLE_CELLS + 1];   /* sigma by the table's errors; no photon asks for it */
    _Alignas(NODE_BYTES) struct node node[TABLE_CELLS + 1];
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

static const double A_LITTLE_LESS = 1 - 4e-16;

/* Through the energies of both ends along their slopes. What rounding does to the sum of its terms must not break monotony at the cell's end. */
static void set_cell(struct node *a, double energy_behind, double slope, double slope_behind) {
    double step = energy_behind - a->energy_eV;
    a->bend = (float)(3 * step - 2 * slope - slope_behind);
    a->twist = (float)(slope + slope_behind - 2 * step);
    a->step = (step - (double)(a->bend + a->twist)) * A_LITTLE_LESS;
}

static void set_energies(struct calibration_curve *c) {
    c->cells_per_height = TABLE_CELLS / c->top;
    c->cell = c->top / TABLE_CELLS;
    double slope = gain_spline_slope(&c->gain, 0) * c->cell;
    c->node[0].energy_eV = gain_spline_energy(&c->gain, 0);
    for (int i = 0; i < TABLE_CELLS; i++) {
        double p = c->top * (i + 1) / TABLE_CELLS, slope_behind = gain_spline_slope(&c->gain, p) * c->cell;
        c->node[i + 1].energy_eV = gain_spline_energy(&c->gain, p);
        set_cell(&c->node[i], c->node[i + 1].energy_eV, slope, slope_behind);
        slope = slope_behind;
    }
    c->node[TABLE_CELLS].step = slope;   /* nothing is behind it */
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
        c->node[k].sigma = (float)(energy_per_gain * sqrt(pixel));
        c->common[k] = (float)(energy_per_gain * sqrt(table));
    }
    for (int k = 0; k < TABLE_CELLS; k++)
        c->node[k].sigma_step = c->node[k + 1].sigma - c->node[k].sigma;
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
    struct calibration_curve *c = aligned_alloc(_Alignof(struct calibration_curve), sizeof *c);
    if (!c)
        return STATUS_NO_MEMORY;
    memset(c, 0, sizeof *c);
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
struct trusted { float inside_lo, inside_hi, near_lo, near_hi; };

static inline struct trusted trusted_by(const struct calibration_curve *c) {
    double low = c->anchors[0].energy_eV, high = c->anchors[c->n - 1].energy_eV;
    return (struct trusted){ (float)(0.8 * low), (float)(1.03 * high), (float)(0.7 * low), (float)(1.13 * high) };
}

/* Which of them holds is as good as random: nothing here asks. */
WIDE_LOOP static inline uint8_t trust_of(const struct trusted *t, float energy_eV) {
    int inside = (energy_eV >= t->inside_lo) & (energy_eV <= t->inside_hi), near = (energy_eV >= t->near_lo) & (energy_eV <= t->near_hi);
    return (uint8_t)(TRUST_BEYOND - near - inside);
}

/* Share in 0..1 of the cell behind a node. */
static inline double energy_in(const struct node *a, float share) {
    return a->energy_eV + (double)share * (a->step + (double)(share * (a->bend + share * a->twist)));
}

/* eV per cell. */
static inline float slope_in(const struct node *a, float share) {
    return (float)a->step + share * (2 * a->bend + share * (3 * a->twist));
}

/* Of heights, n <= PIECE. Those that are not in the table get its first node. outside: how many these are. */
struct places { int32_t cell[PIECE]; float share[PIECE]; int32_t outside; };

WIDE_LOOP static inline void find_places_loop(double cells_per_height, double top, const float *restrict height, size_t n, struct places *restrict to) {
    int32_t outside = 0;
    for (size_t i = 0; i < n; i++) {
        const double p = (double)height[i], at = ((p > 0) & (p < top)) ? p * cells_per_height : -1;
        int32_t cell = (int32_t)at;
        outside += at < 0;
        cell = cell < TABLE_CELLS ? cell : TABLE_CELLS - 1;
        to->cell[i] = cell > 0 ? cell : 0;
        to->share[i] = (float)(at - cell);
    }
    to->outside = outside;
}

WIDE_LOOP_CHOSEN(find_places, (double cells_per_height, double top, const float *restrict height, size_t n, struct places *restrict to), (cells_per_height, top, height, n, to))

static inline float per_height(const struct calibration_curve *c) {
    return (float)c->cells_per_height;
}

static struct curve_value within(const struct calibration_curve *c, const struct trusted *trusted, float height) {
    struct places place;
    find_places_loop(c->cells_per_height, c->top, &height, 1, &place);
    const struct node *node = &c->node[place.cell[0]];
    const float *common = &c->common[place.cell[0]], share = place.share[0], e = (float)energy_in(node, share);
    return (struct curve_value){ .energy_eV = e, .sigma_eV = node->sigma + share * node->sigma_step, .common_sigma_eV = common[0] + share * (common[1] - common[0]),
                                 .slope = slope_in(node, share) * per_height(c), .trust = trust_of(trusted, e) };
}

/* Above the table. */
static struct curve_value beyond(const struct calibration_curve *c, const struct trusted *trusted, double height) {
    const struct node *last = &c->node[TABLE_CELLS];
    float e = (float)(last->energy_eV + (height - c->top) * c->top_slope);
    return (struct curve_value){ .energy_eV = e, .sigma_eV = last->sigma, .common_sigma_eV = c->common[TABLE_CELLS], .slope = (float)c->top_slope, .trust = trust_of(trusted, e) };
}

static inline struct curve_value value_at(const struct calibration_curve *c, const struct trusted *trusted, float height) {
    if (!(height > 0) || !isfinite(height))
        return (struct curve_value){ .energy_eV = NAN, .sigma_eV = NAN, .common_sigma_eV = NAN, .slope = NAN, .trust = TRUST_BEYOND };
    return (double)height < c->top ? within(c, trusted, height) : beyond(c, trusted, (double)height);
}

struct curve_value calibration_curve_value(const struct calibration_curve *c, float height) {
    const struct trusted trusted = trusted_by(c);
    return value_at(c, &trusted, height);
}

/* n <= PIECE, by columns. slope: eV per height */
struct columns { float energy[PIECE], sigma[PIECE], slope[PIECE]; };

/* False: some heights are not in the table, and nothing was said of them. A pixel's table has been driven out of the caches when the pixel comes
 * round again: all of a piece wait for it together. */
static bool look_up(const struct calibration_curve *c, const float *height, size_t n, struct columns *to) {
    struct places places;
    const float by_height = per_height(c);
    find_places(c->cells_per_height, c->top, height, n, &places);
    for (size_t i = 0; i < n; i++)
        __builtin_prefetch(&c->node[places.cell[i]]);
    for (size_t i = 0; i < n; i++) {
        const struct node *node = &c->node[places.cell[i]];
        const float share = places.share[i];
        to->energy[i] = (float)energy_in(node, share);
        to->sigma[i] = node->sigma + share * node->sigma_step;
        to->slope[i] = slope_in(node, share) * by_height;
    }
    return places.outside == 0;
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

/* Energies and all the rest of rows from what was looked up. */
WIDE_LOOP static inline void finish_loop(const struct columns *restrict x, struct trusted t, const float *restrict variance, size_t n, float *restrict energy_eV, float *restrict sigma_eV,
                                         uint8_t *restrict trust) {
    for (size_t i = 0; i < n; i++) {
        energy_eV[i] = x->energy[i];
        sigma_eV[i] = sqrtf(variance[i] * (x->slope[i] * x->slope[i]) + x->sigma[i] * x->sigma[i]);
    }
    for (size_t i = 0; i < n; i++)
        trust[i] = trust_of(&t, x->energy[i]);
}

WIDE_LOOP_CHOSEN(finish, (const struct columns *restrict x, struct trusted t, const float *restrict variance, size_t n, float *restrict energy_eV, float *restrict sigma_eV,
                          uint8_t *restrict trust), (x, t, variance, n, energy_eV, sigma_eV, trust))

static void rows_of_piece(const struct calibration_curve *c, const float *height, const float *variance, size_t n, const struct curve_rows *out) {
    const struct trusted trusted = trusted_by(c);
    struct columns x;
    if (!look_up(c, height, n, &x))
        look_up_outside(c, &trusted, height, n, &x);
    finish(&x, trusted, variance, n, out->energy_eV, out->sigma_eV, out->trust);
}

void calibration_curve_rows(const struct calibration_curve *c, const float *height, const float *variance, size_t n, const struct curve_rows *out) {
    for (size_t from = 0; from < n; from += PIECE) {
        struct curve_rows rows = { out->energy_eV + from, out->sigma_eV + from, out->trust + from };
        rows_of_piece(c, height + from, variance + from, n - from < PIECE ? n - from : PIECE, &rows);
    }
}

double calibration_curve_slope(const struct calibration_curve *c, double height) {
    if (!(height >= 0))
        return NAN;
    return height >= c->top ? c->top_slope : gain_spline_slope(&c->gain, height);
}

/* The inverse of energy_in: the cell is next to straight, so each round squares what is left. */
static double share_of(const struct node *a, double energy_eV) {
    const struct node *b = a + 1;
    double step = b->energy_eV - a->energy_eV, share = (energy_eV - a->energy_eV) / step;
    for (int round = 0; round < INVERSE_ROUNDS; round++) {
        double slope = (double)slope_in(a, (float)share);
        share += (energy_eV - energy_in(a, (float)share)) / slope;
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
    return ((double)low + share_of(&c->node[low], energy_eV)) * c->cell;
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
