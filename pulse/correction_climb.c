#include "pulse/correction_climb.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 16 };

static bool in_set(const struct correction_terms *t, term_set set, unsigned k) {
    return (set >> k & 1) && t->deviation[k] > 0;
}

static double slope_of(const struct correction_terms *t, size_t i, unsigned k) {
    double x = t->term[i * N_LEARNT_TERMS + k] / t->deviation[k];
    return k == TERM_OFFSET ? x : x * t->height[i];
}

/* The points are those pulses, with the terms of the set in order of their number. */
static void fill(struct correction_climb *c, term_set set, size_t which) {
    const struct correction_terms *t = c->terms;
    struct sharpening_points *p = &c->points;
    unsigned term[SHARPENING_TERMS_MAX];
    p->n = p->n_groups = p->n_terms = 0;
    p->group_end = c->ends;
    for (unsigned k = 0; k < N_LEARNT_TERMS; k++)
        if (in_set(t, set, k)) {
            p->limit[p->n_terms] = t->limit[k];
            term[p->n_terms++] = k;
        }
    for (size_t g = 0, i = 0; g < t->n_groups; g++) {
        for (; i < t->group_end[g]; i++) {
            if (which != CLIMB_ALL && i / BLOCK % 2 != which)
                continue;
            p->height[p->n] = t->height[i];
            for (unsigned k = 0; k < p->n_terms; k++)
                p->slope[p->n * p->n_terms + k] = slope_of(t, i, term[k]);
            p->n++;
        }
        p->group_end[p->n_groups++] = p->n;
    }
}

enum status correction_climb_init(const struct correction_terms *terms, struct correction_climb *out) {
    *out = (struct correction_climb){ .terms = terms, .points = { .sigma = terms->sigma } };
    out->points.height = malloc(terms->n * sizeof *out->points.height);
    out->points.slope = malloc(terms->n * SHARPENING_TERMS_MAX * sizeof *out->points.slope);
    if (!out->points.height || !out->points.slope)
        return STATUS_NO_MEMORY;
    fill(out, 0, CLIMB_ALL);
    return density_new(&out->points, &out->density);
}

void correction_climb_done(struct correction_climb *c) {
    density_free(c->density);
    free(c->points.height);
    free(c->points.slope);
}

static void pack(const struct correction_terms *t, term_set set, const struct term_gains *g, double *coefficients) {
    unsigned n = 0;
    for (unsigned k = 0; k < N_LEARNT_TERMS; k++)
        if (in_set(t, set, k))
            coefficients[n++] = g->of[k];
}

static struct term_gains unpack(const struct correction_terms *t, term_set set, const double *coefficients) {
    struct term_gains g = { { 0 } };
    unsigned n = 0;
    for (unsigned k = 0; k < N_LEARNT_TERMS; k++)
        if (in_set(t, set, k))
            g.of[k] = coefficients[n++];
    return g;
}

struct term_gains correction_climb_up(struct correction_climb *c, term_set set, size_t which, const struct term_gains *start, double widest) {
    double x[SHARPENING_TERMS_MAX] = { 0 };
    fill(c, set, which);
    pack(c->terms, set, start, x);
    sharpening_climb(c->density, &c->points, widest, x);
    return unpack(c->terms, set, x);
}

struct term_gains correction_climb_scan(struct correction_climb *c, enum correction_term term, size_t which) {
    double x[SHARPENING_TERMS_MAX] = { 0 };
    fill(c, 1u << term, which);
    if (c->points.n_terms > 0)
        sharpening_scan(c->density, &c->points, 0, x);
    return unpack(c->terms, 1u << term, x);
}

double correction_climb_entropy(struct correction_climb *c, term_set set, size_t which, const struct term_gains *gains) {
    double x[SHARPENING_TERMS_MAX] = { 0 };
    fill(c, set, which);
    pack(c->terms, set, gains, x);
    return sharpening_entropy(c->density, &c->points, x);
}

enum status correction_climb_covariance(struct correction_climb *c, term_set set, size_t which, const struct term_gains *gains, struct term_covariance *out) {
    double x[SHARPENING_TERMS_MAX] = { 0 }, covariance[SHARPENING_TERMS_MAX * SHARPENING_TERMS_MAX];
    fill(c, set, which);
    pack(c->terms, set, gains, x);
    unsigned n = c->points.n_terms, term[SHARPENING_TERMS_MAX] = { 0 };
    enum status s = sharpening_covariance(c->density, &c->points, x, covariance);
    if (s != STATUS_OK)
        return s;
    for (unsigned k = 0, j = 0; k < N_LEARNT_TERMS; k++)
        if (in_set(c->terms, set, k))
            term[j++] = k;
    memset(out, 0, sizeof *out);
    for (unsigned i = 0; i < n; i++)
        for (unsigned j = 0; j < n; j++)
            out->of[term[i]][term[j]] = covariance[i * n + j];
    return s;
}
