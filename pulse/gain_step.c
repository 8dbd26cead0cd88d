#include "pulse/gain_step.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pulse/normal_equations.h"
#include "pulse/robust.h"
#include "pulse/sharpening.h"

enum { PULSES_MIN = 100, GROUP_MIN = 60, CUBIC = 4, PIXELS_MIN = 3, ROUNDS = 8, TERMS = N_CORRECTION_TERMS };

static const double sigma_of_height = 0.0013;
static const double told_within = 2e-3;       /* a pixel counts at a time when it knows its step to this, relative */
static const double sure_sigmas = 6, sure_chi2 = 20;
static const double most_sigmas = 15;         /* that one pixel counts for */
static const double most_common_sigmas = 4;   /* and moves what all have in common by: five others must not seem off because one is */
static const double shared_share = 0.15, favour_chi2 = 20;
static const double seen_sigmas = 2, seen_share = 0.25;   /* without a step one in twenty is so far off */

/* A pulse: its part in the score, and what else could explain it. */
struct witness {
    int64_t time_ns;
    unsigned group;
    double height, pull, weight;   /* pull = psi x height, weight = pull^2 */
    double power[CUBIC];           /* of its relative height */
    double term[TERMS];            /* of the correction, their cubic in height taken out group by group */
};

struct group {
    struct normal_equations cubic;      /* sum of power power', factored */
    double pull[CUBIC];                 /* sum of pull x power */
    double weight[CUBIC][CUBIC];        /* sum of weight x power power' */
    double term[CUBIC][TERMS];          /* sum of weight x power x term */
};

struct witnesses {
    size_t n, n_groups;
    size_t group_end[GAIN_STEP_GROUPS_MAX];
    struct group *group;
    struct witness *of;      /* group by group, then by time */
    double *height, *psi;
    double sigma, scale;
};

static void witnesses_done(struct witnesses *w) {
    free(w->group);
    free(w->of);
    free(w->height);
    free(w->psi);
}

static unsigned group_of(const struct correction_pulses *p, size_t i) {
    const struct measured_pulse *m = &p->pulses[i];
    bool usable = m->cuts == 0 && isfinite(m->height) && m->height > 0 && isfinite(m->baseline);
    return !usable ? GROUP_NONE : p->group ? p->group[i] : 0;
}

static void gather(const struct correction_pulses *p, const struct height_correction *c, struct witnesses *w) {
    size_t count[GAIN_STEP_GROUPS_MAX] = { 0 };
    for (size_t i = 0; i < p->n; i++)
        if (group_of(p, i) < GAIN_STEP_GROUPS_MAX)
            count[group_of(p, i)]++;
    for (unsigned g = 0; g < GAIN_STEP_GROUPS_MAX; g++) {
        if (count[g] < GROUP_MIN)
            continue;
        for (size_t i = 0; i < p->n; i++)
            if (group_of(p, i) == g) {
                struct witness *x = &w->of[w->n];
                *x = (struct witness){ .time_ns = p->pulses[i].time_ns, .group = (unsigned)w->n_groups };
                height_correction_terms(c, &p->pulses[i], x->term);
                w->height[w->n++] = (double)height_correction_apply(c, &p->pulses[i]);
            }
        w->group_end[w->n_groups++] = w->n;
    }
}

static enum status witnesses_init(const struct correction_pulses *p, const struct height_correction *c, struct witnesses *w) {
    *w = (struct witnesses){ .of = malloc((p->n + 1) * sizeof *w->of), .height = malloc((p->n + 1) * sizeof *w->height),
                             .psi = malloc((p->n + 1) * sizeof *w->psi), .group = calloc(GAIN_STEP_GROUPS_MAX, sizeof *w->group) };
    if (!w->of || !w->height || !w->psi || !w->group)
        return STATUS_NO_MEMORY;
    gather(p, c, w);
    if (w->n < PULSES_MIN)
        return STATUS_TOO_FEW;
    memcpy(w->psi, w->height, w->n * sizeof *w->psi);
    w->scale = robust_median(w->psi, w->n);
    w->sigma = p->noise_sigma > 0 ? p->noise_sigma : sigma_of_height * w->scale;
    return STATUS_OK;
}

static enum status find_psi(struct witnesses *w) {
    struct sharpening_points points = { .n = w->n, .n_groups = w->n_groups, .sigma = w->sigma, .height = w->height, .group_end = w->group_end };
    struct density *d;
    enum status s = density_new(&points, &d);
    if (s != STATUS_OK)
        return s;
    sharpening_gradient(d, &points, NULL, w->psi);
    density_free(d);
    return STATUS_OK;
}

/* Terms are counted from the first pulse's, so that a baseline of thousands does not drown what changes. */
static void finish_witnesses(struct witnesses *w) {
    double origin[TERMS];
    memcpy(origin, w->of[0].term, sizeof origin);
    for (size_t i = 0; i < w->n; i++) {
        struct witness *x = &w->of[i];
        double u = fmax(-1, fmin(1.5, w->height[i] / w->scale - 1));
        x->height = w->height[i];
        x->pull = w->psi[i] * x->height;
        x->weight = x->pull * x->pull;
        x->power[0] = 1;
        for (int k = 1; k < CUBIC; k++)
            x->power[k] = x->power[k - 1] * u;
        for (int k = 0; k < TERMS; k++)
            x->term[k] = (x->term[k] - origin[k]) / (k == TERM_OFFSET ? x->height : 1);
    }
}

/* Takes a cubic in height off each term in one group; not weighted by psi, whose sum over a stretch of the spectrum is not zero: a
 * compressed spectrum is always sharper. False: the group's heights do not carry a cubic. */
static bool remove_cubics(struct witness *of, size_t n, struct group *g) {
    normal_equations_init(&g->cubic, CUBIC);
    double sum[TERMS][CUBIC] = { { 0 } };
    for (size_t i = 0; i < n; i++) {
        normal_equations_add(&g->cubic, of[i].power, 1, 0);
        for (int k = 0; k < TERMS; k++)
            for (int j = 0; j < CUBIC; j++)
                sum[k][j] += of[i].term[k] * of[i].power[j];
    }
    if (normal_equations_factor(&g->cubic) != STATUS_OK)
        return false;
    for (int k = 0; k < TERMS; k++) {
        normal_equations_solve(&g->cubic, sum[k], sum[k]);
        for (size_t i = 0; i < n; i++)
            for (int j = 0; j < CUBIC; j++)
                of[i].term[k] -= sum[k][j] * of[i].power[j];
    }
    return true;
}

static void sum_group(const struct witness *of, size_t n, struct group *g) {
    for (size_t i = 0; i < n; i++)
        for (int j = 0; j < CUBIC; j++) {
            g->pull[j] += of[i].pull * of[i].power[j];
            for (int k = 0; k < CUBIC; k++)
                g->weight[j][k] += of[i].weight * of[i].power[j] * of[i].power[k];
            for (int k = 0; k < TERMS; k++)
                g->term[j][k] += of[i].weight * of[i].power[j] * of[i].term[k];
        }
}

/* Groups that carry a cubic, with their sums, and the information on the terms. False: nothing to judge with. */
static bool sum_up(struct witnesses *w, struct normal_equations *terms) {
    normal_equations_init(terms, TERMS);
    for (size_t g = 0, from = 0; g < w->n_groups; from = w->group_end[g++]) {
        struct witness *of = w->of + from;
        size_t n = w->group_end[g] - from;
        if (!remove_cubics(of, n, &w->group[g]))
            return false;
        sum_group(of, n, &w->group[g]);
        for (size_t i = 0; i < n; i++)
            normal_equations_add(terms, of[i].term, of[i].weight, of[i].pull);
    }
    double largest = 0;
    for (int k = 0; k < TERMS; k++)
        largest = fmax(largest, terms->matrix[k * TERMS + k]);
    for (int k = 0; k < TERMS; k++)
        terms->matrix[k * TERMS + k] += 1e-9 * terms->matrix[k * TERMS + k] + 1e-15 * largest + 1e-300;
    return normal_equations_factor(terms) == STATUS_OK;
}

/* Sums over the pulses of one group behind the step. */
struct behind { double count[CUBIC], pull, weight, powers[CUBIC], term[TERMS]; };

static void pass(struct behind *b, const struct witness *x) {
    b->pull += x->pull;
    b->weight += x->weight;
    for (int j = 0; j < CUBIC; j++) {
        b->count[j] += x->power[j];
        b->powers[j] += x->weight * x->power[j];
    }
    for (int k = 0; k < TERMS; k++)
        b->term[k] += x->weight * x->term[k];
}

/* Adds one group's score, information and overlap with the terms for the step less its cubic (coefficients beta). */
static void judge_group(const struct group *g, const struct behind *b, double *score, double *information, double overlap[TERMS]) {
    double beta[CUBIC];
    normal_equations_solve(&g->cubic, b->count, beta);
    *score += b->pull;
    *information += b->weight;
    for (int k = 0; k < TERMS; k++)
        overlap[k] += b->term[k];
    for (int j = 0; j < CUBIC; j++) {
        *score -= beta[j] * g->pull[j];
        *information -= 2 * beta[j] * b->powers[j];
        for (int k = 0; k < CUBIC; k++)
            *information += beta[j] * g->weight[j][k] * beta[k];
        for (int k = 0; k < TERMS; k++)
            overlap[k] -= beta[j] * g->term[j][k];
    }
}

static struct gain_step_score judge_time(const struct witnesses *w, const struct normal_equations *terms, const struct behind *behind) {
    struct gain_step_score s = { 0, 0 };
    double overlap[TERMS] = { 0 }, share[TERMS], whole = 0;
    for (size_t g = 0; g < w->n_groups; g++) {
        judge_group(&w->group[g], &behind[g], &s.score, &s.information, overlap);
        whole += behind[g].weight;
    }
    normal_equations_solve(terms, overlap, share);
    for (int k = 0; k < TERMS; k++) {
        s.score -= share[k] * terms->right[k];
        s.information -= share[k] * overlap[k];
    }
    return s.information > 1e-6 * whole ? s : (struct gain_step_score){ 0, 0 };
}

/* From the last time to the first, passing the pulses that come to lie behind the step. */
static void score_times(const struct witnesses *w, const struct normal_equations *terms, const int64_t *times, size_t n_times, struct gain_step_score *out) {
    struct behind behind[GAIN_STEP_GROUPS_MAX] = { 0 };
    size_t at[GAIN_STEP_GROUPS_MAX];
    for (size_t g = 0; g < w->n_groups; g++)
        at[g] = w->group_end[g];
    for (size_t t = n_times; t-- > 0;) {
        for (size_t g = 0; g < w->n_groups; g++)
            for (size_t begin = g ? w->group_end[g - 1] : 0; at[g] > begin && w->of[at[g] - 1].time_ns >= times[t];)
                pass(&behind[g], &w->of[--at[g]]);
        out[t] = judge_time(w, terms, behind);
    }
}

enum status gain_step_scores(const struct correction_pulses *p, const struct height_correction *c, const int64_t *times, size_t n_times, struct gain_step_score *out) {
    struct witnesses w;
    struct normal_equations terms;
    for (size_t t = 0; t < n_times; t++)
        out[t] = (struct gain_step_score){ 0, 0 };
    enum status s = witnesses_init(p, c, &w);
    if (s == STATUS_OK)
        s = find_psi(&w);
    if (s == STATUS_OK) {
        finish_witnesses(&w);
        if (sum_up(&w, &terms))
            score_times(&w, &terms, times, n_times, out);
    }
    witnesses_done(&w);
    return s == STATUS_NO_MEMORY ? s : STATUS_OK;
}

static bool can_tell(struct gain_step_score s) {
    return s.information * told_within * told_within > 1;
}

static double clipped(double sigmas, double most) {
    return fmax(-most, fmin(most, sigmas));
}

/* At one time. */
struct comparison {
    double differences;   /* chi2 of what pixels do not have in common */
    double strongest;     /* of the pixel that says most of it */
    double common;        /* chi2 of what they have */
    uint32_t pixels, seen;   /* that can tell; that see a step of their own */
};

static struct comparison compare(const struct gain_step_score *scores, size_t n_pixels, size_t n_times, size_t t) {
    struct comparison c = { 0 };
    double common = 0, information = 0;
    for (int round = 0; round < ROUNDS; round++) {
        double pull = 0;
        c = (struct comparison){ 0 };
        information = 0;
        for (size_t p = 0; p < n_pixels; p++) {
            struct gain_step_score s = scores[p * n_times + t];
            if (!can_tell(s))
                continue;
            double sigmas = clipped((s.score - common * s.information) / sqrt(s.information), most_sigmas);
            c.differences += sigmas * sigmas;
            c.strongest = fmax(c.strongest, sigmas * sigmas);
            c.pixels++;
            c.seen += fabs(sigmas) > seen_sigmas;
            pull += clipped(sigmas, most_common_sigmas) * sqrt(s.information);
            information += s.information;
        }
        common += information > 0 ? pull / information : 0;
    }
    c.common = common * common * information;
    return c;
}

/* Beyond chance even without the pixel that says most, and seen by many (one that jumped alone is no step of the array; but each of many may see a
 * small step only dimly), and large beside a change that all share, which looks different to pixels whose baselines move differently. */
static bool is_clear(const struct comparison *c, double shared) {
    double freedom = c->pixels - 1.0, limit = freedom + sure_sigmas * sqrt(2 * freedom) + sure_chi2 + shared_share * shared;
    return c->differences - c->strongest > limit && c->seen >= PIXELS_MIN && c->seen >= seen_share * c->pixels;
}

struct gain_step_found gain_step_find(const struct gain_step_score *scores, const bool *preferred, size_t n_pixels, size_t n_times) {
    struct gain_step_found best = { .chi2 = 0 };
    struct comparison at_best = { 0 };
    double shared = 0, most = 0;
    for (size_t t = 0; t < n_times; t++) {
        struct comparison c = compare(scores, n_pixels, n_times, t);
        shared = fmax(shared, c.common);
        double worth = c.differences + (preferred && preferred[t] ? favour_chi2 : 0);
        if (c.pixels < PIXELS_MIN || !(worth > most))
            continue;
        most = worth;
        at_best = c;
        best = (struct gain_step_found){ .index = t, .chi2 = c.differences, .pixels = c.pixels };
    }
    best.clear = best.pixels >= PIXELS_MIN && is_clear(&at_best, shared);
    return best;
}
