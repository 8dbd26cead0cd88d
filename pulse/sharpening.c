#include "pulse/sharpening.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pulse/normal_equations.h"

enum { RADIUS = 3, BOXES = 3, BINS_MAX = 1 << 16, GRID = 20, REPEATS = 2, SOME = 32 /* points */ };
static const double kernels[] = { 20, 12, 8, 5, 3, 2, 1.5, 1.2, 1, 0.8 };  /* sigmas */
static const double floor_counts = 0.15;                                   /* per kernel width */
static const double room_to_move = 0.1;
static const double judging_kernel = 1, scanning_kernel = 8;

struct density {
    size_t room;         /* bins */
    double *memory, *counts, *work, *psi, *curvature;
    double *at;          /* of each point: bin and the share of the next one */
    size_t bins;         /* in use, for the group and kernel of the last fill */
    double low, width;
};

static double kernel_bins(void) {
    return sqrt(RADIUS * (RADIUS + 1.0) * BOXES / 3.0);   /* standard deviation of the moving averages */
}

static void range_of(const double *x, size_t n, double *low, double *high) {
    *low = INFINITY;
    *high = -INFINITY;
    for (size_t i = 0; i < n; i++) {
        *low = x[i] < *low ? x[i] : *low;
        *high = x[i] > *high ? x[i] : *high;
    }
}

enum status density_new(const struct sharpening_points *p, struct density **out) {
    double low, high;
    range_of(p->height, p->n, &low, &high);
    double width = kernels[sizeof kernels / sizeof *kernels - 1] * p->sigma / kernel_bins();
    double bins = p->n > 0 ? (1 + 2 * room_to_move) * (high - low) / width + 200 : 200;
    struct density *d = calloc(1, sizeof *d);
    if (d == NULL)
        return STATUS_NO_MEMORY;
    d->room = bins < BINS_MAX ? (size_t)bins : BINS_MAX;
    d->memory = malloc((4 * d->room + p->n) * sizeof *d->memory);
    if (d->memory == NULL) {
        free(d);
        return STATUS_NO_MEMORY;
    }
    d->counts = d->memory;
    d->work = d->counts + d->room;
    d->psi = d->work + d->room;
    d->curvature = d->psi + d->room;
    d->at = d->curvature + d->room;
    *out = d;
    return STATUS_OK;
}

void density_free(struct density *d) {
    if (d == NULL)
        return;
    free(d->memory);
    free(d);
}

static double place_of(const struct sharpening_points *p, const double *coefficients, size_t i) {
    double x = p->height[i];
    for (unsigned k = 0; k < p->n_terms; k++)
        x += coefficients[k] * p->slope[i * p->n_terms + k];
    return x;
}

/* In bins, which are centred at low + index x width. What left the range counts at its end. */
static double at_of(const struct density *d, double x) {
    double at = (x - d->low) / d->width, last = (double)d->bins - 1.001;
    return at > 0 ? at < last ? at : last : 0;
}

/* Between the bins that point i lies between; as fill placed it. */
static double between(const struct density *d, const double *values, size_t i) {
    size_t bin = (size_t)d->at[i];
    double share = d->at[i] - (double)bin;
    return (1 - share) * values[bin] + share * values[bin + 1];
}

static double sum_of(const double *in, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += in[i];
    return sum;
}

/* The bins [from, to) with RADIUS bins on either side. By running sums, each of which waits for its last addition: so by STRETCHES of them at
 * a time. */
static void smooth_inside(const double *in, size_t from, size_t to, double *out) {
    enum { STRETCHES = 4 };
    const double share = 1.0 / (2 * RADIUS + 1);
    size_t length = (to - from) / STRETCHES, begin[STRETCHES], i = 0;
    double sum[STRETCHES];
    for (size_t s = 0; s < STRETCHES; s++) {
        begin[s] = from + s * length;
        sum[s] = sum_of(in + begin[s] - RADIUS, 2 * RADIUS);
    }
    for (; i < length; i++)
        for (size_t s = 0; s < STRETCHES; s++) {
            size_t at = begin[s] + i;
            double all = sum[s] + in[at + RADIUS];
            out[at] = all * share;
            sum[s] = all - in[at - RADIUS];
        }
    for (i += begin[STRETCHES - 1]; i < to; i++)
        out[i] = sum_of(in + i - RADIUS, 2 * RADIUS + 1) * share;
}

static void smooth_once(const double *in, size_t bins, double *out) {
    const double share = 1.0 / (2 * RADIUS + 1);
    size_t from = RADIUS < bins ? RADIUS : bins, to = bins > 2 * RADIUS ? bins - RADIUS : from;
    for (size_t i = 0; i < from; i++)
        out[i] = sum_of(in, i + RADIUS + 1 < bins ? i + RADIUS + 1 : bins) * share;
    if (to > from)
        smooth_inside(in, from, to, out);
    for (size_t i = to; i < bins; i++)
        out[i] = sum_of(in + i - RADIUS, bins - (i - RADIUS)) * share;
}

/* Smoothed counts per bin of the points [from, to), and where each of them is. */
static void fill(struct density *d, const struct sharpening_points *p, size_t from, size_t to, const double *coefficients, double kernel) {
    double high;
    range_of(p->height + from, to - from, &d->low, &high);
    d->width = kernel * p->sigma / kernel_bins();
    double margin = room_to_move / 2 * high + 20 * d->width, span = high - d->low + 2 * margin;
    d->width = fmax(d->width, span / ((double)d->room - 2));
    d->low -= margin;
    d->bins = (size_t)(span / d->width) + 2;
    memset(d->counts, 0, d->bins * sizeof *d->counts);
    for (size_t i = from; i < to; i++) {
        double at = d->at[i] = at_of(d, place_of(p, coefficients, i));
        size_t bin = (size_t)at;
        double share = at - (double)bin;
        d->counts[bin] += 1 - share;
        d->counts[bin + 1] += share;
    }
    for (int box = 0; box < BOXES; box++) {
        smooth_once(d->counts, d->bins, d->work);
        double *swap = d->counts;
        d->counts = d->work;
        d->work = swap;
    }
}

static size_t group_begin(const struct sharpening_points *p, size_t g) {
    return g == 0 ? 0 : p->group_end[g - 1];
}

static double floor_per_bin(void) {
    return floor_counts / kernel_bins();
}

/* Sum of the logarithms of the density at the points [from, to): of products of some, since one logarithm costs as much as all else for a point. */
static double sum_of_logs(const struct density *d, size_t from, size_t to) {
    enum { FACTORS = 16 };   /* each between the floor and the number of points */
    double sum = 0, product = 1;
    for (size_t i = from; i < to; i++) {
        product *= between(d, d->counts, i) + floor_per_bin();
        if ((i - from) % FACTORS == FACTORS - 1 || i + 1 == to) {
            sum += log(product);
            product = 1;
        }
    }
    return sum;
}

static double entropy_at(struct density *d, const struct sharpening_points *p, const double *coefficients, double kernel) {
    double sum = 0;
    for (size_t g = 0; g < p->n_groups; g++) {
        size_t from = group_begin(p, g), to = p->group_end[g];
        fill(d, p, from, to, coefficients, kernel);
        if (to > from)
            sum += (double)(to - from) * log((double)(to - from) * d->width) - sum_of_logs(d, from, to);
    }
    return p->n > 0 ? sum / (double)p->n : 0;
}

double sharpening_entropy(struct density *d, const struct sharpening_points *p, const double *coefficients) {
    return entropy_at(d, p, coefficients, judging_kernel);
}

/* Of what fill made, per bin: psi = f'/f, and psi^2 smoothed once more. */
static void derive(struct density *d) {
    for (size_t b = 0; b < d->bins; b++) {
        double before = b > 0 ? d->counts[b - 1] : 0, after = b + 1 < d->bins ? d->counts[b + 1] : 0;
        d->psi[b] = (after - before) / (2 * d->width * (d->counts[b] + floor_per_bin()));
    }
    for (size_t b = 0; b < d->bins; b++)
        d->curvature[b] = d->psi[b] * d->psi[b];
    for (int box = 0; box < BOXES; box++) {
        smooth_once(d->curvature, d->bins, d->work);
        double *swap = d->curvature;
        d->curvature = d->work;
        d->work = swap;
    }
}

/* n <= SOME points from `first` on. */
static void add_points(const struct density *d, const struct sharpening_points *p, size_t first, size_t n, struct normal_equations *e, struct normal_equations *variance) {
    double psi[SOME], weight[SOME], none[SOME] = { 0 };
    for (size_t i = 0; i < n; i++) {
        psi[i] = between(d, d->psi, first + i);
        weight[i] = between(d, d->curvature, first + i);
    }
    normal_equations_add_rows(e, p->slope + first * p->n_terms, weight, psi, n);
    for (size_t i = 0; i < n; i++)
        weight[i] = psi[i] * psi[i];
    if (variance)
        normal_equations_add_rows(variance, p->slope + first * p->n_terms, weight, none, n);
}

/* Score and both informations of all points at one kernel; variance may be NULL. The prior (limits as standard deviations) settles
 * what the data cannot. */
static void collect(struct density *d, const struct sharpening_points *p, const double *coefficients, double kernel, struct normal_equations *e,
                    struct normal_equations *variance) {
    normal_equations_init(e, p->n_terms);
    for (size_t g = 0; g < p->n_groups; g++) {
        size_t from = group_begin(p, g), to = p->group_end[g];
        fill(d, p, from, to, coefficients, kernel);
        derive(d);
        for (size_t i = from; i < to; i += SOME)
            add_points(d, p, i, to - i < SOME ? to - i : SOME, e, variance);
    }
    for (unsigned k = 0; k < p->n_terms; k++)
        e->matrix[k * p->n_terms + k] += 1 / (p->limit[k] * p->limit[k]);
}

void sharpening_gradient(struct density *d, const struct sharpening_points *p, const double *coefficients, double *psi) {
    for (size_t g = 0; g < p->n_groups; g++) {
        size_t from = group_begin(p, g), to = p->group_end[g];
        fill(d, p, from, to, coefficients, judging_kernel);
        derive(d);
        for (size_t i = from; i < to; i++)
            psi[i] = between(d, d->psi, i);
    }
}

static void step(struct density *d, const struct sharpening_points *p, double kernel, double *coefficients) {
    struct normal_equations e;
    double move[SHARPENING_TERMS_MAX];
    collect(d, p, coefficients, kernel, &e, NULL);
    if (normal_equations_factor(&e) != STATUS_OK)
        return;
    normal_equations_solve(&e, e.right, move);
    for (unsigned k = 0; k < p->n_terms; k++)
        coefficients[k] = fmax(-p->limit[k], fmin(p->limit[k], coefficients[k] + move[k]));
}

void sharpening_climb(struct density *d, const struct sharpening_points *p, double widest, double *coefficients) {
    if (p->n_terms == 0)
        return;
    for (size_t i = 0; i < sizeof kernels / sizeof *kernels; i++)
        for (int again = 0; again < REPEATS && kernels[i] <= widest; again++)
            step(d, p, kernels[i], coefficients);
}

void sharpening_scan(struct density *d, const struct sharpening_points *p, unsigned k, double *coefficients) {
    double best = coefficients[k], least = entropy_at(d, p, coefficients, scanning_kernel);
    for (int i = -GRID; i <= GRID; i++) {
        coefficients[k] = p->limit[k] * i / GRID;
        double entropy = entropy_at(d, p, coefficients, scanning_kernel);
        if (entropy < least) {
            least = entropy;
            best = coefficients[k];
        }
    }
    coefficients[k] = best;
}

enum status sharpening_covariance(struct density *d, const struct sharpening_points *p, const double *coefficients, double *covariance) {
    struct normal_equations e, v;
    unsigned n = p->n_terms;
    if (n == 0)
        return STATUS_NOT_POSITIVE;
    normal_equations_init(&v, n);
    collect(d, p, coefficients, judging_kernel, &e, &v);
    enum status s = normal_equations_factor(&e);
    if (s != STATUS_OK)
        return s;
    normal_equations_covariance(&e, &v, covariance);
    return STATUS_OK;
}
