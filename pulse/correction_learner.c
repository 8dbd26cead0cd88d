/* Tried and rejected in doc/methods.md, Corrections: more phase terms learnt alone, phase x height, time polynomials. */
#include "pulse/correction_learner.h"

#include <math.h>

#include "pulse/correction_climb.h"

static const double fine_start = 3, prior_start = 5;   /* sigmas: where small terms begin to be sharpened, and what the array's gains leave */

static const term_set drift_terms = 1u << TERM_BASELINE | 1u << TERM_DRIFT;
static const term_set phase_terms = 1u << TERM_ARRIVAL | 1u << TERM_ARRIVAL_SQUARED;
static const term_set wave_terms = 1u << TERM_ARRIVAL_SINE | 1u << TERM_ARRIVAL_COSINE;
static const term_set offset_terms = 1u << TERM_OFFSET;
static const term_set step_terms = ((1u << GAIN_STEPS_MAX) - 1) << TERM_STEP;
static const term_set all_terms = (1u << N_LEARNT_TERMS) - 1;

struct judged { term_set set; struct term_gains half[2]; double held_out; };

/* Each half's gains, judged on the other half. */
static void hold_out(struct correction_climb *c, struct judged *j) {
    j->held_out = 0;
    for (size_t half = 0; half < 2; half++)
        j->held_out += 0.5 * correction_climb_entropy(c, j->set, half, &j->half[1 - half]);
}

static struct judged judge(struct correction_climb *c, term_set set, const struct term_gains start[2], double widest) {
    struct judged j = { .set = set };
    for (size_t half = 0; half < 2; half++)
        j.half[half] = correction_climb_up(c, set, half, &start[half], widest);
    hold_out(c, &j);
    return j;
}

static term_set drift_of(const struct correction_climb *c) {
    return drift_terms | (c->terms->c.n_steps > 0 ? step_terms : 0);
}

/* Drift and steps are searched together, since either alone would imitate the other; the small terms are added to what that gave.
 * Large drifts have many false optima: the baseline's is first looked for over its whole range. */
static struct judged best_set(struct correction_climb *c, struct judged none) {
    const term_set more[] = { phase_terms, phase_terms | wave_terms, offset_terms, phase_terms | offset_terms, phase_terms | wave_terms | offset_terms };
    const struct term_gains scanned[2] = { correction_climb_scan(c, TERM_BASELINE, 0), correction_climb_scan(c, TERM_BASELINE, 1) };
    struct judged drifting = judge(c, drift_of(c), scanned, INFINITY), base = drifting.held_out < none.held_out ? drifting : none, best = base;
    for (size_t k = 0; k < sizeof more / sizeof *more; k++) {
        struct judged next = judge(c, base.set | more[k], base.half, fine_start);
        if (next.held_out < best.held_out)
            best = next;
    }
    return best;
}

/* Between the units of height_correction and those of the climb. */
static struct term_gains in_deviations(const struct correction_terms *t, const double gain[N_CORRECTION_TERMS]) {
    struct term_gains g = { { 0 } };
    for (unsigned k = 0; k < N_CORRECTION_TERMS; k++)
        g.of[k] = fmax(-t->limit[k], fmin(t->limit[k], gain[k] * t->deviation[k]));
    return g;
}

/* In units of the climb. */
static struct term_covariance covariance_in_deviations(const struct correction_terms *t, const struct correction_estimate *e) {
    struct term_covariance v = { { { 0 } } };
    for (unsigned j = 0; j < N_CORRECTION_TERMS; j++)
        for (unsigned k = 0; k < N_CORRECTION_TERMS; k++)
            v.of[j][k] = e->covariance[j][k] * t->deviation[j] * t->deviation[k];
    return v;
}

/* What those pulses say of all terms. False: nothing that has a covariance. */
static bool estimate_from(struct correction_climb *c, size_t which, const struct term_gains *start, double widest, struct correction_estimate *e) {
    const struct correction_terms *t = c->terms;
    struct term_gains g = correction_climb_up(c, all_terms, which, start, widest);
    struct term_covariance v;
    *e = (struct correction_estimate){ .terms = 0 };
    e->entropy = (double)t->n * correction_climb_entropy(c, all_terms, which, &g);
    bool known = correction_climb_covariance(c, all_terms, which, &g, &v) == STATUS_OK;
    for (unsigned j = 0; j < N_CORRECTION_TERMS; j++) {
        if (!(t->deviation[j] > 0))
            continue;
        e->terms |= known ? 1u << j : 0;
        e->gain[j] = g.of[j] / t->deviation[j];
        for (unsigned k = 0; k < N_CORRECTION_TERMS; k++)
            e->covariance[j][k] = known && t->deviation[k] > 0 ? v.of[j][k] / (t->deviation[j] * t->deviation[k]) : 0;
    }
    return known;
}

/* The pixel's own estimate drawn to the array's. */
static struct correction_estimate with_prior(struct correction_climb *c, const struct correction_prior *prior, size_t which) {
    struct correction_estimate e;
    struct term_gains start = in_deviations(c->terms, prior->mean);
    if (estimate_from(c, which, &start, prior_start, &e))
        (void)correction_prior_shrink(prior, &e);
    return e;
}

/* What gains are known to; 0 outside the set. */
struct gain_errors { term_set set; struct term_covariance v; };

/* What those errors add to a height, relative, rms over the pulses: trace of F C F', F the terms less their references. Of the terms as they are, not of what is
 * left inside the groups: a step that lies between groups moves heights all the same. */
static double error_of_gains(const struct correction_terms *t, const struct height_correction *c, const struct gain_errors *errors) {
    double sum = 0, x[N_CORRECTION_TERMS];
    for (size_t i = 0; i < t->n; i++) {
        height_correction_terms(c, t->pulse[i], x);
        for (unsigned k = 0; k < N_CORRECTION_TERMS; k++)
            x[k] = (errors->set >> k & 1) && t->deviation[k] > 0 ? (x[k] - c->reference[k]) / t->deviation[k] / (k == TERM_OFFSET ? t->height[i] : 1) : 0;
        for (unsigned j = 0; j < N_CORRECTION_TERMS; j++)
            for (unsigned k = 0; k < N_CORRECTION_TERMS; k++)
                sum += x[j] * errors->v.of[j][k] * x[k];
    }
    return sqrt(fmax(0, sum) / (double)t->n);
}

/* Of the filter's sigma, what is left behind the offset's gain. spread: counts, of the offsets. */
static double noise_share(const struct correction_terms *t, double gain, double spread) {
    struct offset_noise seen = { spread * spread, NAN };
    double variance = t->sigma * t->sigma;
    return sqrt(fmax(0.25, offset_noise_after(t->offset_noise.variance > 0 ? &t->offset_noise : &seen, variance, gain) / variance));
}

/* Terms in the units of height_correction, references as means over the pulses used. */
static void write_down(const struct correction_terms *t, const struct term_gains *g, const struct gain_errors *errors, struct height_correction *out) {
    struct height_correction c = t->c;
    double sum[N_CORRECTION_TERMS] = { 0 }, term[N_CORRECTION_TERMS];
    for (unsigned k = 0; k < N_CORRECTION_TERMS; k++)
        c.gain[k] = t->deviation[k] > 0 ? g->of[k] / t->deviation[k] : 0;
    for (size_t i = 0; i < t->n; i++) {
        height_correction_terms(&c, t->pulse[i], term);
        for (unsigned k = 0; k < N_CORRECTION_TERMS; k++)
            sum[k] += term[k];
    }
    for (unsigned k = 0; k < N_CORRECTION_TERMS; k++)
        c.reference[k] = k == TERM_OFFSET ? 0 : sum[k] / (double)t->n;
    c.noise_share = noise_share(t, c.gain[TERM_OFFSET], c.offset_max / CORRECTION_OFFSET_SIGMAS);
    c.gain_sigma = error_of_gains(t, &c, errors);
    *out = c;
}

static struct term_gains learn_alone(struct correction_climb *c, struct judged *none, struct gain_errors *errors) {
    struct judged best = best_set(c, *none);
    struct term_gains start = { { 0 } };
    for (unsigned k = 0; k < N_CORRECTION_TERMS; k++)
        start.of[k] = 0.5 * (best.half[0].of[k] + best.half[1].of[k]);
    struct term_gains g = correction_climb_up(c, best.set, CLIMB_ALL, &start, fine_start);
    if (correction_climb_covariance(c, best.set, CLIMB_ALL, &g, &errors->v) == STATUS_OK)
        errors->set = best.set;
    *none = best;
    return g;
}

static struct term_gains learn_with(struct correction_climb *c, const struct correction_prior *prior, struct judged *none, struct gain_errors *errors) {
    struct judged drawn = { .set = all_terms };
    for (size_t half = 0; half < 2; half++) {
        struct correction_estimate e = with_prior(c, prior, half);
        drawn.half[half] = in_deviations(c->terms, e.gain);
    }
    hold_out(c, &drawn);
    if (!(drawn.held_out < none->held_out))
        return none->half[0];
    struct correction_estimate e = with_prior(c, prior, CLIMB_ALL);
    *errors = (struct gain_errors){ all_terms, covariance_in_deviations(c->terms, &e) };
    *none = drawn;
    return in_deviations(c->terms, e.gain);
}

static void learn(struct correction_climb *c, const struct correction_prior *prior, struct height_correction *out, struct correction_learning *report) {
    struct judged judged = { .set = 0 };
    struct gain_errors errors = { .set = 0 };
    hold_out(c, &judged);
    struct correction_learning l = { .pulses = c->terms->n, .held_out_before = judged.held_out };
    l.entropy_before = correction_climb_entropy(c, 0, CLIMB_ALL, &judged.half[0]);
    struct term_gains g = prior ? learn_with(c, prior, &judged, &errors) : learn_alone(c, &judged, &errors);
    l.held_out_after = judged.held_out;
    l.entropy_after = correction_climb_entropy(c, judged.set, CLIMB_ALL, &g);
    write_down(c->terms, &g, &errors, out);
    if (report)
        *report = l;
}

/* Terms and a climb over them; both are to be ended whatever comes of it. */
struct workshop { struct correction_terms terms; struct correction_climb climb; };

static enum status workshop_init(struct workshop *w, const struct correction_pulses *p, const struct height_correction *from) {
    w->climb = (struct correction_climb){ .terms = &w->terms };
    enum status s = correction_terms_init(p, from, &w->terms);
    return s == STATUS_OK ? correction_climb_init(&w->terms, &w->climb) : s;
}

static void workshop_done(struct workshop *w) {
    correction_climb_done(&w->climb);
    correction_terms_done(&w->terms);
}

enum status correction_learn(const struct correction_pulses *p, const struct height_correction *from, const struct correction_prior *prior,
                             struct height_correction *out, struct correction_learning *report) {
    struct workshop w;
    enum status s = workshop_init(&w, p, from);
    if (s == STATUS_OK)
        learn(&w.climb, prior, out, report);
    workshop_done(&w);
    return s;
}

enum status correction_estimate_make(const struct correction_pulses *p, const struct height_correction *from, struct correction_estimate *estimate,
                                     struct height_correction *out) {
    struct workshop w;
    enum status s = workshop_init(&w, p, from);
    if (s == STATUS_OK) {
        struct term_gains start = correction_climb_scan(&w.climb, TERM_BASELINE, CLIMB_ALL);
        start = correction_climb_up(&w.climb, drift_of(&w.climb), CLIMB_ALL, &start, INFINITY);
        estimate_from(&w.climb, CLIMB_ALL, &start, fine_start, estimate);
        struct term_gains g = in_deviations(&w.terms, estimate->gain);
        write_down(&w.terms, &g, &(struct gain_errors){ .set = 0 }, out);
    }
    workshop_done(&w);
    return s;
}

enum status correction_take(const struct correction_pulses *p, const struct height_correction *from, const struct correction_estimate *estimate, struct height_correction *out) {
    struct workshop w;
    enum status s = workshop_init(&w, p, from);
    if (s == STATUS_OK) {
        const struct term_gains before = in_deviations(&w.terms, from->gain), after = in_deviations(&w.terms, estimate->gain);
        const double blunter = correction_climb_entropy(&w.climb, all_terms, CLIMB_ALL, &after) - correction_climb_entropy(&w.climb, all_terms, CLIMB_ALL, &before);
        const struct gain_errors errors = { all_terms, covariance_in_deviations(&w.terms, estimate) };
        if ((double)w.terms.n * blunter > N_LEARNT_TERMS)
            s = STATUS_NOT_FOUND;
        else
            write_down(&w.terms, &after, &errors, out);
    }
    workshop_done(&w);
    return s;
}

enum status correction_drift_worth(const struct correction_pulses *p, const struct height_correction *from, double *nats) {
    struct workshop w;
    enum status s = workshop_init(&w, p, from);
    *nats = 0;
    if (s == STATUS_OK && w.terms.deviation[TERM_DRIFT] > 0) {
        const struct term_gains so_far = in_deviations(&w.terms, from->gain), start[2] = { so_far, so_far };
        const term_set all = drift_of(&w.climb);
        struct judged with = judge(&w.climb, all, start, INFINITY), without = judge(&w.climb, all & ~(1u << TERM_DRIFT), start, INFINITY);
        *nats = (double)w.terms.n * (without.held_out - with.held_out);
    }
    workshop_done(&w);
    return s;
}
