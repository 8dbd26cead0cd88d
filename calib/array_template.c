#include "calib/array_template.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "pulse/robust.h"

/* Few pixels compete for the first reference, judged by a sample of the others. */
enum { CANDIDATES = 4, JUDGES = 16, VOTERS = 6, ASKED = 18, PASSES = 2 };
static const double FINE = 8;            /* bins per width of smoothing */
static const double LEAST_LIKELY = 0.5;  /* of the typical log likelihood per pulse: pixels below are no part of the template */

struct making {
    const struct pixel_work *works;
    const struct fit_plan *plan;
    const struct pixel_work **ordered;   /* those with pulses enough, busiest first */
    size_t n;
    struct stretch *to;                  /* of ordered[i], from the reference of the pass before */
    bool *fits;
    double *scratch;                     /* n */
    struct array_template *t;
};

static int by_counts(const void *a, const void *b) {
    const struct pixel_work *x = *(const struct pixel_work *const *)a, *y = *(const struct pixel_work *const *)b;
    return x->n != y->n ? (x->n < y->n ? 1 : -1) : (x > y) - (x < y);
}

/* Number k of `of` spread over the upper half by counts: the very busiest pixel may be one that triggers on noise. */
static const struct pixel_work *spread(const struct making *m, size_t k, size_t of) {
    size_t half = (m->n + 1) / 2;
    return m->ordered[of < half ? k * half / of : k];
}

/* How well the typical one of some pixels is stretched from this one; NaN if it cannot be a reference. */
static double merit(struct making *m, const struct pixel_work *candidate) {
    struct stretch_reference *r;
    if (stretch_reference_new(candidate->sorted, candidate->n, &r) != STATUS_OK)
        return NAN;
    size_t n = 0, judges = m->n < JUDGES ? m->n : JUDGES;
    for (size_t k = 0; k < judges; k++) {
        const struct pixel_work *w = m->ordered[k * m->n / judges];
        struct stretch s;
        if ((w != candidate || m->n == 1) && stretch_find(r, w->sorted, w->n, &s) == STATUS_OK)
            m->scratch[n++] = s.log_likelihood;
    }
    stretch_reference_free(r);
    return robust_median(m->scratch, n);
}

static const struct pixel_work *choose_reference(struct making *m) {
    const struct pixel_work *best = NULL;
    double highest = -INFINITY;
    size_t half = (m->n + 1) / 2, tries = half < CANDIDATES ? half : CANDIDATES;
    for (size_t k = 0; k < tries; k++) {
        const struct pixel_work *w = spread(m, k, tries);
        double value = merit(m, w);
        if (value > highest) {
            highest = value;
            best = w;
        }
    }
    return best;
}

/* Stretches all pixels; those that fit about as well as the typical one will be the template. */
static void align(struct making *m, const struct stretch_reference *r) {
    size_t n = 0;
    for (size_t i = 0; i < m->n; i++) {
        const struct pixel_work *w = m->ordered[i];
        m->fits[i] = stretch_find(r, w->sorted, w->n, &m->to[i]) == STATUS_OK;
        if (m->fits[i])
            m->scratch[n++] = m->to[i].log_likelihood;
    }
    double usual = n ? robust_quantile(m->scratch, n, 0.75) : 0;  /* of the better half: most of the array may be bad */
    for (size_t i = 0; i < m->n; i++)
        m->fits[i] = m->fits[i] && m->to[i].log_likelihood > LEAST_LIKELY * usual;
}

/* One pixel in the reference's units: unit area, on the template's axis. */
static enum status carried_over(const struct pixel_work *w, const struct stretch *to, const struct spectrum *axis, double fwhm, double *out) {
    struct spectrum *raw, *smooth;
    enum status status = spectrum_new(axis->low, axis->width, axis->n, &raw);
    if (status != STATUS_OK)
        return status;
    for (size_t i = 0; i < w->n; i++) {
        double x = stretch_unmap(to, (double)w->sorted[i]);
        if (isfinite(x))
            spectrum_add(raw, x, 1);
    }
    status = spectrum_smooth(raw, fwhm, &smooth);
    for (size_t i = 0; status == STATUS_OK && i < axis->n; i++)
        out[i] = raw->total > 0 ? smooth->counts[i] / raw->total : 0;
    spectrum_free(raw);
    if (status == STATUS_OK)
        spectrum_free(smooth);
    return status;
}

/* Median over the pixels that fit, times their pulses. */
static enum status fill_density(struct making *m) {
    struct spectrum *d = m->t->density;
    size_t used = 0;
    double pulses = 0;
    for (size_t i = 0; i < m->n; i++)
        used += m->fits[i];
    double *rows = malloc((used * d->n + 1) * sizeof *rows);
    if (!rows)
        return STATUS_NO_MEMORY;
    enum status status = used ? STATUS_OK : STATUS_TOO_FEW;
    for (size_t i = 0, row = 0; i < m->n && status == STATUS_OK; i++)
        if (m->fits[i]) {
            status = carried_over(m->ordered[i], &m->to[i], d, m->t->smooth_fwhm, rows + d->n * row++);
            pulses += (double)m->ordered[i]->n;
        }
    d->total = 0;
    for (size_t b = 0; b < d->n && status == STATUS_OK; b++) {
        for (size_t row = 0; row < used; row++)
            m->scratch[row] = rows[row * d->n + b];
        d->counts[b] = pulses * robust_median(m->scratch, used);
        d->total += d->counts[b];
    }
    m->t->n_pixels = (uint32_t)used;
    free(rows);
    return status;
}

static enum status make_density(struct making *m, const struct pixel_work *first) {
    struct array_template *t = m->t;
    struct stretch_reference *r;
    enum status status = stretch_reference_new(first->sorted, first->n, &r);
    if (status != STATUS_OK)
        return status;
    t->pixel = (uint32_t)(first - m->works);
    t->smooth_fwhm = first->smooth_fwhm;
    double width = t->smooth_fwhm / FINE, high = first->smooth->low + (double)first->smooth->n * first->smooth->width;
    status = spectrum_new(fmax(first->smooth->low, 0), width, (size_t)ceil((high - fmax(first->smooth->low, 0)) / width) + 1, &t->density);
    for (int pass = 0; pass < PASSES && status == STATUS_OK; pass++) {
        align(m, r);
        status = fill_density(m);
        stretch_reference_free(r);
        r = NULL;
        if (status == STATUS_OK)
            status = stretch_reference_from(t->density, &r);
    }
    t->stretch = r;
    return status;
}

/* ---- which line is where ---- */

struct vote {
    double height[PLAN_MAX];   /* the pixel's clear match, in the template's units */
};

static size_t ask(const struct making *m, struct vote *votes) {
    size_t n = 0, half = (m->n + 1) / 2, asked = half < ASKED ? half : ASKED;
    for (size_t k = 0; k < asked && n < VOTERS; k++) {
        const struct pixel_work *w = spread(m, k, asked);
        struct spectrum_match own;
        struct stretch to;
        if (spectrum_match_find(w->smooth, w->smooth_fwhm, m->plan, &own) != STATUS_OK || own.margin < MATCH_CLEAR_MARGIN ||
            stretch_find(m->t->stretch, w->sorted, w->n, &to) != STATUS_OK)
            continue;
        for (size_t i = 0; i < m->plan->n_anchors; i++)
            votes[n].height[i] = stretch_unmap(&to, own.height[i]);
        n++;
    }
    return n;
}

static bool agree(const struct fit_plan *plan, const double *a, const double *b) {
    assert(plan->n_anchors > 0);
    double units_per_eV = a[plan->n_anchors - 1] / plan->lines[plan->n_anchors - 1].line.energy_eV;
    for (size_t i = 0; i < plan->n_anchors; i++)
        if (!(fabs(a[i] - b[i]) < plan->lines[i].search_eV * units_per_eV))
            return false;
    return true;
}

/* The vote that most others agree with; NULL when that is not the majority, or when it stands alone in an array. */
static const struct vote *majority(const struct making *m, const struct vote *votes, size_t n) {
    const struct vote *best = NULL;
    size_t most = 0;
    for (size_t i = 0; i < n; i++) {
        size_t with = 0;
        for (size_t k = 0; k < n; k++)
            with += agree(m->plan, votes[i].height, votes[k].height);
        if (with > most) {
            most = with;
            best = &votes[i];
        }
    }
    return 2 * most > n && (most > 1 || m->n < 4) ? best : NULL;
}

static void assign(struct making *m) {
    struct array_template *t = m->t;
    struct vote votes[VOTERS];
    size_t n = ask(m, votes);
    bool matched = spectrum_match_find(t->density, t->smooth_fwhm, m->plan, &t->match) == STATUS_OK;
    bool clear = matched && t->match.margin >= MATCH_CLEAR_MARGIN;
    t->votes = (uint32_t)n;
    for (size_t k = 0; k < n && matched; k++)
        t->votes_against += !agree(m->plan, t->match.height, votes[k].height);
    const struct vote *by_votes = majority(m, votes, n);
    t->assigned = clear ? 2 * t->votes_against < n || n == 0 : by_votes != NULL;
    t->ambiguous = !t->assigned && (matched || n > 0);
    for (size_t i = 0; i < m->plan->n_anchors; i++)
        t->height[i] = !t->assigned ? (double)NAN : clear ? t->match.height[i] : by_votes->height[i];
}

static enum status make(struct making *m) {
    const struct pixel_work *first = choose_reference(m);
    if (!first)
        return STATUS_TOO_FEW;
    enum status status = make_density(m, first);
    if (status == STATUS_OK)
        assign(m);
    return status;
}

enum status array_template_new(const struct pixel_work *works, uint32_t n_pixels, const struct fit_plan *plan, struct array_template **out) {
    size_t room = n_pixels ? n_pixels : 1;
    struct making m = {.works = works, .plan = plan, .ordered = malloc(room * sizeof(const struct pixel_work *)), .to = malloc(room * sizeof *m.to),
                       .fits = malloc(room * sizeof *m.fits), .scratch = malloc(room * sizeof *m.scratch), .t = calloc(1, sizeof *m.t)};
    enum status status = m.ordered && m.to && m.fits && m.scratch && m.t ? STATUS_OK : STATUS_NO_MEMORY;
    for (uint32_t i = 0; i < n_pixels && status == STATUS_OK; i++)
        if (works[i].smooth)
            m.ordered[m.n++] = &works[i];
    if (status == STATUS_OK && m.n > 0) {
        qsort(m.ordered, m.n, sizeof(const struct pixel_work *), by_counts);
        status = make(&m);
    } else if (status == STATUS_OK) {
        status = STATUS_TOO_FEW;
    }
    free(m.ordered);
    free(m.to);
    free(m.fits);
    free(m.scratch);
    if (status == STATUS_OK)
        *out = m.t;
    else
        array_template_free(m.t);
    return status;
}

void array_template_free(struct array_template *t) {
    if (!t)
        return;
    spectrum_free(t->density);
    stretch_reference_free(t->stretch);
    free(t);
}
