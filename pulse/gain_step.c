#include "pulse/gain_step.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pulse/normal_equations.h"
#include "pulse/robust.h"
#include "pulse/sharpening.h"

enum { PULSES_MIN = 100, GROUP_MIN = 60, CUBIC = 4, ROW = CUBIC + N_CORRECTION_TERMS, PIXELS_MIN = 3, ROUNDS = 8 };
_Static_assert(GAIN_STEP_GROUPS_MAX * CUBIC + N_CORRECTION_TERMS <= NORMAL_MAX, "what a pixel may explain fits");

static const double sigma_of_height = 0.0013;
static const double told_within = 2e-3;       /* a pixel counts at a time when it knows its step to this, relative */
static const double sure_sigmas = 6, sure_chi2 = 20;
static const double most_sigmas = 15;         /* that one pixel counts for */
static const double shared_share = 0.15, favour_chi2 = 20;
static const double seen_sigmas = 3.5, seen_share = 0.25;

/* A pulse: its part in the score, and what else could explain it. */
struct witness {
    int64_t time_ns;
    unsigned group;
    double height, psi;
    double row[ROW];         /* (1, u, u^2, u^3) and the terms, times height */
};

struct witnesses {
    size_t n, n_groups;
    size_t group_end[GAIN_STEP_GROUPS_MAX];
    struct witness *of;      /* group by group */
    double *height, *psi;
    double sigma, scale;
};

static void witnesses_done(struct witnesses *w) {
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
                height_correction_terms(c, &p->pulses[i], x->row + CUBIC);
                w->height[w->n++] = (double)height_correction_apply(c, &p->pulses[i]);
            }
        w->group_end[w->n_groups++] = w->n;
    }
}

static enum status witnesses_init(const struct correction_pulses *p, const struct height_correction *c, struct witnesses *w) {
    *w = (struct witnesses){ .of = malloc((p->n + 1) * sizeof *w->of), .height = malloc((p->n + 1) * sizeof *w->height),
                             .psi = malloc((p->n + 1) * sizeof *w->psi) };
    if (!w->of || !w->height || !w->psi)
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

/* Terms less their value at the first pulse, so that a baseline of thousands does not drown the constant. */
static void finish_rows(struct witnesses *w) {
    double origin[N_CORRECTION_TERMS];
    memcpy(origin, w->of[0].row + CUBIC, sizeof origin);
    for (size_t i = 0; i < w->n; i++) {
        struct witness *x = &w->of[i];
        double u = fmax(-1, fmin(1.5, w->height[i] / w->scale - 1));
        x->height = w->height[i];
        x->psi = w->psi[i];
        for (int k = 0; k < N_CORRECTION_TERMS; k++)
            x->row[CUBIC + k] = (x->row[CUBIC + k] - origin[k]) * (k == TERM_OFFSET ? 1 : x->height);
        x->row[0] = x->height;
        for (int k = 1; k < CUBIC; k++)
            x->row[k] = x->row[k - 1] * u;
    }
}

static int by_time(const void *va, const void *vb) {
    const struct witness *a = va, *b = vb;
    if (a->time_ns != b->time_ns)
        return a->time_ns < b->time_ns ? -1 : 1;
    return a->group < b->group ? -1 : a->group > b->group ? 1 : (a->height > b->height) - (a->height < b->height);
}

/* Unknowns that a pulse has a part in: its group's cubic, and the terms. */
static void unknowns_of(const struct witness *x, size_t n_groups, unsigned unknown[ROW]) {
    for (unsigned k = 0; k < ROW; k++)
        unknown[k] = k < CUBIC ? x->group * CUBIC + k : (unsigned)n_groups * CUBIC + k - CUBIC;
}

static enum status information_of_rest(const struct witnesses *w, struct normal_equations *e) {
    unsigned unknown[ROW];
    normal_equations_init(e, (unsigned)w->n_groups * CUBIC + N_CORRECTION_TERMS);
    for (size_t i = 0; i < w->n; i++) {
        const struct witness *x = &w->of[i];
        unknowns_of(x, w->n_groups, unknown);
        normal_equations_add_sparse(e, unknown, ROW, x->row, x->psi * x->psi, x->psi);
    }
    for (unsigned k = 0; k < e->n; k++)
        e->matrix[k * e->n + k] += 1e-9 * e->matrix[k * e->n + k] + 1e-300;
    return normal_equations_factor(e);
}

/* From the last time to the first, adding the pulses that come to lie behind the step. */
static void score_times(const struct witnesses *w, const struct normal_equations *e, const int64_t *times, size_t n_times, struct gain_step_score *out) {
    double shared[NORMAL_MAX] = { 0 }, whitened[NORMAL_MAX], score = 0, information = 0;
    unsigned unknown[ROW];
    size_t i = w->n;
    for (size_t t = n_times; t-- > 0;) {
        for (; i > 0 && w->of[i - 1].time_ns >= times[t]; i--) {
            const struct witness *x = &w->of[i - 1];
            double weight = x->psi * x->psi * x->height;
            score += x->psi * x->height;
            information += weight * x->height;
            unknowns_of(x, w->n_groups, unknown);
            for (unsigned k = 0; k < ROW; k++)
                shared[unknown[k]] += weight * x->row[k];
        }
        normal_equations_solve(e, shared, whitened);
        double explained = 0, bias = 0;
        for (unsigned k = 0; k < e->n; k++) {
            explained += shared[k] * whitened[k];
            bias += e->right[k] * whitened[k];
        }
        double left = information - explained;
        out[t] = left > 1e-9 * information ? (struct gain_step_score){ score - bias, left } : (struct gain_step_score){ 0, 0 };
    }
}

enum status gain_step_scores(const struct correction_pulses *p, const struct height_correction *c, const int64_t *times, size_t n_times, struct gain_step_score *out) {
    struct witnesses w;
    struct normal_equations e;
    for (size_t t = 0; t < n_times; t++)
        out[t] = (struct gain_step_score){ 0, 0 };
    enum status s = witnesses_init(p, c, &w);
    if (s == STATUS_OK)
        s = find_psi(&w);
    if (s == STATUS_OK) {
        finish_rows(&w);
        qsort(w.of, w.n, sizeof *w.of, by_time);
        if (information_of_rest(&w, &e) == STATUS_OK)
            score_times(&w, &e, times, n_times, out);
    }
    witnesses_done(&w);
    return s == STATUS_NO_MEMORY ? s : STATUS_OK;
}

static bool can_tell(struct gain_step_score s) {
    return s.information * told_within * told_within > 1;
}

static double clipped(struct gain_step_score s, double common) {
    return fmax(-most_sigmas, fmin(most_sigmas, (s.score - common * s.information) / sqrt(s.information)));
}

/* At one time. */
struct comparison {
    double differences;   /* chi2 of what pixels do not have in common */
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
            double sigmas = clipped(s, common);
            c.differences += sigmas * sigmas;
            c.pixels++;
            c.seen += fabs(sigmas) > seen_sigmas;
            pull += sigmas * sqrt(s.information);
            information += s.information;
        }
        common += information > 0 ? pull / information : 0;
    }
    c.common = common * common * information;
    return c;
}

/* Beyond chance, seen by many pixels (one that jumped alone is no step of the array), and large beside a change that all share, which
 * looks different to pixels whose baselines move differently. */
static bool is_clear(const struct comparison *c, double shared) {
    double freedom = c->pixels - 1.0, limit = freedom + sure_sigmas * sqrt(2 * freedom) + sure_chi2 + shared_share * shared;
    return c->differences > limit && c->seen >= PIXELS_MIN && c->seen >= seen_share * c->pixels;
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
