/* Order: usable pulses, sorted by group -> usual arrival at each height -> terms without their cubics -> forward selection on halves
 * -> gains of the whole. Tried and rejected in filters-measured.md 2.3: more phase terms, phase x height, time polynomials. */
#include "pulse/correction_learner.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pulse/normal_equations.h"
#include "pulse/robust.h"
#include "pulse/sharpening.h"

enum { PULSES_MIN = 100, GROUP_MIN = 60, BLOCK = 16, CUBIC = 4, ROUNDS = 4 };
static const double sigma_of_height = 0.0013;    /* of the median height, where the noise is not known */
static const double least_share = 0.02;          /* of a term's spread that must be left inside the groups */
static const double offset_sigmas = 4;           /* clip of the offset: beyond, it is a tail and no noise */
static const double fine_start = 3;              /* sigmas: where small terms begin to be sharpened */

typedef unsigned term_set;                       /* bit k: term k */
static const term_set drift_terms = 1u << TERM_BASELINE;
static const term_set phase_terms = 1u << TERM_ARRIVAL | 1u << TERM_ARRIVAL_SQUARED;
static const term_set wave_terms = 1u << TERM_ARRIVAL_SINE | 1u << TERM_ARRIVAL_COSINE;
static const term_set offset_terms = 1u << TERM_OFFSET;
static const term_set step_terms = ((1u << GAIN_STEPS_MAX) - 1) << TERM_STEP;

/* Usable pulses group by group, by time within a group. */
struct bench {
    struct height_correction c;    /* without gains: says what the terms are */
    size_t n, n_groups;
    const struct measured_pulse **pulse;
    size_t group_end[GROUPS_MAX];
    double scale, sigma;
    double *height;                /* n */
    double *term;                  /* n x N_CORRECTION_TERMS: cubic in height taken out, unit deviation */
    double deviation[N_CORRECTION_TERMS];   /* 0: constant in each group, cannot be used */
    double limit[N_CORRECTION_TERMS];       /* largest coefficient of the term so scaled */
    double *scratch;               /* n */
};

static void bench_done(struct bench *b) {
    free(b->pulse);
    free(b->height);
    free(b->term);
    free(b->scratch);
}

static bool usable(const struct correction_pulses *p, size_t i) {
    const struct measured_pulse *m = &p->pulses[i];
    return m->cuts == 0 && isfinite(m->height) && m->height > 0 && isfinite(m->arrival_samples) && isfinite(m->baseline) &&
           (p->group == NULL || p->group[i] < GROUPS_MAX);
}

/* Groups that are large enough, one behind the other. */
static void sort_by_group(const struct correction_pulses *p, struct bench *b) {
    size_t count[GROUPS_MAX] = { 0 }, at[GROUPS_MAX] = { 0 };
    for (size_t i = 0; i < p->n; i++)
        if (usable(p, i))
            count[p->group ? p->group[i] : 0]++;
    for (size_t g = 0; g < GROUPS_MAX; g++)
        if (count[g] >= GROUP_MIN) {
            at[g] = b->n;
            b->n += count[g];
            b->group_end[b->n_groups++] = b->n;
        }
    for (size_t i = 0; i < p->n; i++)
        if (usable(p, i) && count[p->group ? p->group[i] : 0] >= GROUP_MIN)
            b->pulse[at[p->group ? p->group[i] : 0]++] = &p->pulses[i];
    for (size_t i = 0; i < b->n; i++)
        b->height[i] = (double)b->pulse[i]->height;
}

static enum status bench_init(const struct correction_pulses *p, const struct height_correction *from, struct bench *b) {
    *b = (struct bench){ .c = height_correction_none() };
    b->pulse = malloc((p->n + 1) * sizeof(const struct measured_pulse *));
    b->height = malloc((p->n + 1) * sizeof *b->height);
    b->term = malloc((p->n + 1) * N_CORRECTION_TERMS * sizeof *b->term);
    b->scratch = malloc((p->n + 1) * sizeof *b->scratch);
    if (!b->pulse || !b->height || !b->term || !b->scratch)
        return STATUS_NO_MEMORY;
    b->c.baseline = from->baseline;
    b->c.n_steps = from->n_steps;
    memcpy(b->c.step_time_ns, from->step_time_ns, sizeof b->c.step_time_ns);
    sort_by_group(p, b);
    if (b->n < PULSES_MIN)
        return STATUS_TOO_FEW;
    memcpy(b->scratch, b->height, b->n * sizeof *b->scratch);
    b->scale = robust_median(b->scratch, b->n);
    b->sigma = p->noise_sigma > 0 ? p->noise_sigma : sigma_of_height * b->scale;
    return STATUS_OK;
}

static void powers(double u, double row[CUBIC]) {
    row[0] = 1;
    for (int k = 1; k < CUBIC; k++)
        row[k] = row[k - 1] * u;
}

static double relative_height(const struct bench *b, size_t i) {
    return fmax(-1, fmin(1.5, b->height[i] / b->scale - 1));
}

/* Cubic of the arrival against height; records far from it (piled up) are left out after the first round. */
static void learn_usual_arrival(struct bench *b) {
    double reach = INFINITY, curve[CUBIC] = { 0 };
    for (int round = 0; round < ROUNDS; round++) {
        struct normal_equations e;
        double row[CUBIC];
        normal_equations_init(&e, CUBIC);
        for (size_t i = 0; i < b->n; i++) {
            powers(relative_height(b, i), row);
            double arrival = (double)b->pulse[i]->arrival_samples, usual = 0;
            for (int k = 0; k < CUBIC; k++)
                usual += curve[k] * row[k];
            b->scratch[i] = arrival - usual;
            if (fabs(arrival - usual) <= reach)
                normal_equations_add(&e, row, 1, arrival);
        }
        if (normal_equations_factor(&e) != STATUS_OK)
            return;
        normal_equations_solve(&e, e.right, curve);
        struct robust_centre all = robust_centre(b->scratch, b->n);
        reach = round == 0 ? 1 : fabs(all.median) + 4 * all.sigma;
    }
    b->c.height_scale = b->scale;
    memcpy(b->c.arrival_curve, curve, sizeof curve);
}

/* Takes the cubic fit in height off one term in one group. */
static void remove_cubic(struct bench *b, size_t from, size_t to, size_t k) {
    struct normal_equations e;
    double row[CUBIC], fit[CUBIC];
    normal_equations_init(&e, CUBIC);
    for (size_t i = from; i < to; i++) {
        powers(relative_height(b, i), row);
        normal_equations_add(&e, row, 1, b->term[i * N_CORRECTION_TERMS + k]);
    }
    for (unsigned j = 0; j < CUBIC; j++)
        e.matrix[j * CUBIC + j] *= 1 + 1e-9;
    bool solved = normal_equations_factor(&e) == STATUS_OK;
    if (solved)
        normal_equations_solve(&e, e.right, fit);
    for (size_t i = from; i < to; i++) {
        double *t = &b->term[i * N_CORRECTION_TERMS + k];
        powers(relative_height(b, i), row);
        for (int j = 0; j < CUBIC && solved; j++)
            *t -= fit[j] * row[j];
        *t = solved ? *t : 0;
    }
}

static double squares_of(const struct bench *b, unsigned k) {
    double sum = 0;
    for (size_t i = 0; i < b->n; i++)
        sum += b->term[i * N_CORRECTION_TERMS + k] * b->term[i * N_CORRECTION_TERMS + k];
    return sum;
}

/* What is left of the term inside the groups must not be a trifle of it: the gain would be a guess for all the rest. Nor may a gain be so
 * large that the term as a whole, over all but its outermost percent, would change heights by more than is allowed. */
static void standardise(struct bench *b, unsigned k) {
    double *t = b->term + k;
    for (size_t i = 0; i < b->n; i++)
        b->scratch[i] = t[i * N_CORRECTION_TERMS];
    double middle = robust_median(b->scratch, b->n);
    for (size_t i = 0; i < b->n; i++) {
        t[i * N_CORRECTION_TERMS] -= middle;
        b->scratch[i] = fabs(t[i * N_CORRECTION_TERMS]);
    }
    double whole = squares_of(b, k), reach = robust_quantile(b->scratch, b->n, 0.99);
    for (size_t g = 0, from = 0; g < b->n_groups; from = b->group_end[g++])
        remove_cubic(b, from, b->group_end[g], k);
    double left = squares_of(b, k), least = least_share * least_share * whole;
    b->deviation[k] = whole > 1e-18 * (double)b->n * middle * middle && left > least ? sqrt(left / (double)b->n) : 0;
    b->limit[k] = k == TERM_OFFSET ? 2 * b->sigma : CORRECTION_MAX * b->deviation[k] / fmax(reach, b->deviation[k]);
}

static void make_terms(struct bench *b) {
    for (size_t i = 0; i < b->n; i++)
        b->scratch[i] = (double)b->pulse[i]->baseline_offset;
    b->c.offset_max = offset_sigmas * robust_centre(b->scratch, b->n).sigma;
    learn_usual_arrival(b);
    double origin = (double)b->pulse[0]->baseline;
    for (size_t i = 0; i < b->n; i++) {
        double *t = b->term + i * N_CORRECTION_TERMS;
        height_correction_terms(&b->c, b->pulse[i], t);
        t[TERM_BASELINE] -= origin;
    }
    for (unsigned k = 0; k < N_CORRECTION_TERMS; k++)
        standardise(b, k);
}

/* ---- points for the sharpening: all pulses, or those of alternate blocks ---- */

struct view { struct sharpening_points points; size_t ends[GROUPS_MAX]; };

static enum status view_init(const struct bench *b, struct view *v) {
    *v = (struct view){ .points = { .sigma = b->sigma } };
    v->points.height = malloc(b->n * sizeof *v->points.height);
    v->points.slope = malloc(b->n * SHARPENING_TERMS_MAX * sizeof *v->points.slope);
    return v->points.height && v->points.slope ? STATUS_OK : STATUS_NO_MEMORY;
}

static void view_done(struct view *v) {
    free(v->points.height);
    free(v->points.slope);
}

static double slope_of(const struct bench *b, size_t i, unsigned k) {
    double t = b->term[i * N_CORRECTION_TERMS + k] / b->deviation[k];
    return k == TERM_OFFSET ? t : t * b->height[i];
}

/* parity 0, 1: that half; 2: all. Terms of the set that can be used, in order of their number. */
static void view_fill(struct view *v, const struct bench *b, term_set set, size_t parity) {
    struct sharpening_points *p = &v->points;
    unsigned term[SHARPENING_TERMS_MAX];
    p->n = p->n_groups = p->n_terms = 0;
    p->group_end = v->ends;
    for (unsigned k = 0; k < N_CORRECTION_TERMS; k++)
        if ((set >> k & 1) && b->deviation[k] > 0) {
            p->limit[p->n_terms] = b->limit[k];
            term[p->n_terms++] = k;
        }
    for (size_t g = 0, i = 0; g < b->n_groups; g++) {
        for (; i < b->group_end[g]; i++) {
            if (parity < 2 && i / BLOCK % 2 != parity)
                continue;
            p->height[p->n] = b->height[i];
            for (unsigned k = 0; k < p->n_terms; k++)
                p->slope[p->n * p->n_terms + k] = slope_of(b, i, term[k]);
            p->n++;
        }
        p->group_end[p->n_groups++] = p->n;
    }
}

/* Coefficients by term: what the climb and the judgement share between sets. */
struct gains { double of[N_CORRECTION_TERMS]; };

static void pack(const struct bench *b, term_set set, const struct gains *g, double *coefficients) {
    unsigned n = 0;
    for (unsigned k = 0; k < N_CORRECTION_TERMS; k++)
        if ((set >> k & 1) && b->deviation[k] > 0)
            coefficients[n++] = g->of[k];
}

static struct gains unpack(const struct bench *b, term_set set, const double *coefficients) {
    struct gains g = { { 0 } };
    unsigned n = 0;
    for (unsigned k = 0; k < N_CORRECTION_TERMS; k++)
        if ((set >> k & 1) && b->deviation[k] > 0)
            g.of[k] = coefficients[n++];
    return g;
}

struct judged { term_set set; struct gains half[2]; double held_out; };

static double entropy_of(struct density *d, struct view *v, const struct bench *b, term_set set, size_t parity, const struct gains *g) {
    double c[SHARPENING_TERMS_MAX] = { 0 };
    view_fill(v, b, set, parity);
    pack(b, set, g, c);
    return sharpening_entropy(d, &v->points, c);
}

static struct gains climb(struct density *d, struct view *v, const struct bench *b, term_set set, size_t parity, const struct gains *start, double widest) {
    double c[SHARPENING_TERMS_MAX] = { 0 };
    view_fill(v, b, set, parity);
    pack(b, set, start, c);
    sharpening_climb(d, &v->points, widest, c);
    return unpack(b, set, c);
}

/* Large drifts have many false optima: look over the whole range first, with the baseline alone. */
static struct gains scan_drift(struct density *d, struct view *v, const struct bench *b, size_t parity) {
    double c[SHARPENING_TERMS_MAX] = { 0 };
    view_fill(v, b, drift_terms, parity);
    if (v->points.n_terms > 0)
        sharpening_scan(d, &v->points, 0, c);
    return unpack(b, drift_terms, c);
}

/* A set learnt on each half from a start, judged on the other half. */
static struct judged judge(struct density *d, struct view *v, const struct bench *b, term_set set, const struct gains start[2], double widest) {
    struct judged j = { .set = set };
    for (size_t parity = 0; parity < 2; parity++)
        j.half[parity] = climb(d, v, b, set, parity, &start[parity], widest);
    for (size_t parity = 0; parity < 2; parity++)
        j.held_out += 0.5 * entropy_of(d, v, b, set, parity, &j.half[1 - parity]);
    return j;
}

/* Drift and steps are searched together, since either alone would imitate the other; the small terms are added to what that gave. */
static struct judged best_set(struct density *d, struct view *v, const struct bench *b, struct judged none) {
    const term_set more[] = { phase_terms, phase_terms | wave_terms, offset_terms, phase_terms | offset_terms, phase_terms | wave_terms | offset_terms };
    term_set drift = drift_terms | (b->c.n_steps > 0 ? step_terms : 0);
    const struct gains scanned[2] = { scan_drift(d, v, b, 0), scan_drift(d, v, b, 1) };
    struct judged drifting = judge(d, v, b, drift, scanned, INFINITY), base = drifting.held_out < none.held_out ? drifting : none, best = base;
    for (size_t k = 0; k < sizeof more / sizeof *more; k++) {
        struct judged next = judge(d, v, b, base.set | more[k], base.half, fine_start);
        if (next.held_out < best.held_out)
            best = next;
    }
    return best;
}

/* What the errors of the gains add to a height, relative, rms over the pulses: trace of F C F'. */
static double error_of_gains(struct density *d, struct view *v, const struct bench *b, term_set set, const struct gains *g) {
    double c[SHARPENING_TERMS_MAX] = { 0 }, covariance[SHARPENING_TERMS_MAX * SHARPENING_TERMS_MAX], sum = 0;
    view_fill(v, b, set, 2);
    pack(b, set, g, c);
    unsigned n = v->points.n_terms;
    if (sharpening_covariance(d, &v->points, c, covariance) != STATUS_OK)
        return 0;
    for (size_t i = 0; i < v->points.n; i++)
        for (unsigned j = 0; j < n; j++)
            for (unsigned k = 0; k < n; k++) {
                const double *f = v->points.slope + i * n;
                sum += f[j] * covariance[j * n + k] * f[k] / (v->points.height[i] * v->points.height[i]);
            }
    return sqrt(fmax(0, sum) / (double)v->points.n);
}

/* Terms in the units of height_correction, references as means over the pulses used. */
static void write_down(const struct bench *b, const struct gains *g, double gain_sigma, struct height_correction *out) {
    struct height_correction c = b->c;
    double sum[N_CORRECTION_TERMS] = { 0 }, term[N_CORRECTION_TERMS];
    for (unsigned k = 0; k < N_CORRECTION_TERMS; k++)
        c.gain[k] = b->deviation[k] > 0 ? g->of[k] / b->deviation[k] : 0;
    for (size_t i = 0; i < b->n; i++) {
        height_correction_terms(&c, b->pulse[i], term);
        for (unsigned k = 0; k < N_CORRECTION_TERMS; k++)
            sum[k] += term[k];
    }
    for (unsigned k = 0; k < N_CORRECTION_TERMS; k++)
        c.reference[k] = k == TERM_OFFSET ? 0 : sum[k] / (double)b->n;
    double removed = c.gain[TERM_OFFSET] * c.offset_max / offset_sigmas;
    c.noise_share = sqrt(fmax(0.25, 1 - removed * removed / (b->sigma * b->sigma)));
    c.gain_sigma = gain_sigma;
    *out = c;
}

static void select_and_learn(struct density *d, struct view *v, const struct bench *b, struct height_correction *out, struct correction_learning *report) {
    struct judged none = { .set = 0 };
    for (size_t parity = 0; parity < 2; parity++)
        none.held_out += 0.5 * entropy_of(d, v, b, 0, parity, &none.half[parity]);
    *report = (struct correction_learning){ .pulses = b->n, .held_out_before = none.held_out, .entropy_before = entropy_of(d, v, b, 0, 2, &none.half[0]) };
    struct judged best = best_set(d, v, b, none);
    struct gains start = { { 0 } };
    for (unsigned k = 0; k < N_CORRECTION_TERMS; k++)
        start.of[k] = 0.5 * (best.half[0].of[k] + best.half[1].of[k]);
    struct gains g = climb(d, v, b, best.set, 2, &start, fine_start);
    report->held_out_after = best.held_out;
    report->entropy_after = entropy_of(d, v, b, best.set, 2, &g);
    write_down(b, &g, error_of_gains(d, v, b, best.set, &g), out);
}

enum status correction_learn(const struct correction_pulses *p, const struct height_correction *from, struct height_correction *out,
                             struct correction_learning *report) {
    struct bench b;
    struct view v = { .points = { .n = 0 } };
    struct density *d = NULL;
    struct correction_learning unwanted;
    enum status s = bench_init(p, from, &b);
    if (s == STATUS_OK)
        s = view_init(&b, &v);
    if (s == STATUS_OK) {
        make_terms(&b);
        view_fill(&v, &b, 0, 2);
        s = density_new(&v.points, &d);
    }
    if (s == STATUS_OK)
        select_and_learn(d, &v, &b, out, report ? report : &unwanted);
    density_free(d);
    view_done(&v);
    bench_done(&b);
    return s;
}
