#include "calib/reference_pixel.h"

#include <math.h>
#include <stdlib.h>

#include "calib/spectrum_stretch.h"

/* From ALONE_BELOW pixels on, one that nobody agrees with is not believed. */
enum { CANDIDATES = 6, PEAKS = 64, ALONE_BELOW = 4 };

static const double CLOSE_PEAKS = 0.02;   /* relative; the lower one is dropped (calibration.md 2.1) */

struct candidate {
    uint32_t pixel;
    double height[PLAN_MAX];
    double score;
    struct stretch_reference *stretch;
    int agreeing;
};

/* Anchors closer than the pruning distance would prune each other. */
static double prune_distance(const struct fit_plan *plan) {
    double closest = CLOSE_PEAKS;
    for (size_t i = 1; i < plan->n_anchors; i++)
        closest = fmin(closest, 0.5 * (1 - plan->lines[i - 1].line.energy_eV / plan->lines[i].line.energy_eV));
    return closest;
}

/* Heights of all anchors: the matched ones as they are, the others by the gain spline through those. */
static bool complete(const struct line_match *m, const struct fit_plan *plan, double height[PLAN_MAX]) {
    double energy[MATCH_MAX_LINES];
    for (size_t k = 0; k < m->n; k++)
        energy[k] = plan->lines[m->line[k]].line.energy_eV;
    struct natural_spline g;
    gain_spline_init(&g, m->height, energy, m->n);
    if (!gain_spline_is_monotone(&g))
        return false;
    for (size_t i = 0; i < plan->n_anchors; i++)
        height[i] = gain_spline_height(&g, plan->lines[i].line.energy_eV, 2 * m->height[m->n - 1]);
    for (size_t k = 0; k < m->n; k++)
        height[m->line[k]] = m->height[k];
    return true;
}

enum status reference_pixel_match(const struct pixel_work *w, const struct fit_plan *plan, double height[PLAN_MAX], double *score, double *margin) {
    struct match_line anchors[PLAN_MAX];
    double explained[2 * PLAN_MAX];
    struct match_lines lines = {.anchors = anchors, .n_anchors = plan->n_anchors, .explained_eV = explained, .top_eV = plan->top_eV};
    for (size_t i = 0; i < plan->n; i++) {
        if (i < plan->n_anchors)
            anchors[i] = (struct match_line){plan->lines[i].line.energy_eV, plan->lines[i].line.unc_eV};
        else
            explained[lines.n_explained++] = plan->lines[i].line.energy_eV;
    }
    struct peak peaks[PEAKS];
    size_t n = peak_find_drop_ripples(peaks, peak_find(w->smooth, peaks, PEAKS), 1.064 * w->smooth_fwhm / w->smooth->width);
    n = line_match_prune(peaks, n, prune_distance(plan), MATCH_MAX_PEAKS);
    struct line_match m;
    enum status status = line_match_find(peaks, n, &lines, &m);
    if (status != STATUS_OK)
        return status;
    if (m.rms_eV > 4 * plan->scale || !complete(&m, plan, height))
        return STATUS_NOT_FOUND;
    *score = m.score;
    *margin = m.margin;
    return STATUS_OK;
}

static int by_counts(const void *a, const void *b) {
    const struct pixel_work *x = *(const struct pixel_work *const *)a, *y = *(const struct pixel_work *const *)b;
    return x->n != y->n ? (x->n < y->n ? 1 : -1) : (x > y) - (x < y);
}

/* The upper half by counts, spread over it: the very busiest pixel may be one that triggers on noise. */
static size_t gather(const struct pixel_work *works, const struct pixel_work **ordered, size_t n, const struct fit_plan *plan, struct candidate *list) {
    size_t half = n > CANDIDATES ? n / 2 : n, found = 0;
    if (half < CANDIDATES && n >= CANDIDATES)
        half = CANDIDATES;
    size_t tries = half < 2 * CANDIDATES ? half : 2 * CANDIDATES;
    for (size_t t = 0; t < tries && found < CANDIDATES; t++) {
        const struct pixel_work *w = ordered[t * half / tries];
        struct candidate c = {.pixel = (uint32_t)(w - works)};
        double margin;
        if (reference_pixel_match(w, plan, c.height, &c.score, &margin) != STATUS_OK || margin < MATCH_CLEAR_MARGIN)
            continue;
        if (stretch_reference_new(w->sorted, w->n, &c.stretch) == STATUS_OK)
            list[found++] = c;
    }
    return found;
}

static bool agrees(const struct candidate *from, const struct candidate *to, const struct pixel_work *works, const struct fit_plan *plan) {
    struct stretch t;
    if (stretch_find(from->stretch, works[to->pixel].sorted, works[to->pixel].n, &t) != STATUS_OK)
        return false;
    double units_per_eV = to->height[plan->n_anchors - 1] / plan->lines[plan->n_anchors - 1].line.energy_eV;
    for (size_t i = 0; i < plan->n_anchors; i++)
        if (!(fabs(stretch_map(&t, from->height[i]) - to->height[i]) < plan->lines[i].search_eV * units_per_eV))
            return false;
    return true;
}

enum status reference_pixel_choose(const struct pixel_work *works, uint32_t n_pixels, const struct fit_plan *plan, struct reference_pixel *out) {
    const struct pixel_work **ordered = malloc((n_pixels ? n_pixels : 1) * sizeof(const struct pixel_work *));
    if (!ordered)
        return STATUS_NO_MEMORY;
    size_t n = 0;
    for (uint32_t i = 0; i < n_pixels; i++)
        if (works[i].smooth)
            ordered[n++] = &works[i];
    if (n > 0)
        qsort(ordered, n, sizeof(const struct pixel_work *), by_counts);
    struct candidate list[CANDIDATES];
    size_t found = gather(works, ordered, n, plan, list);
    free(ordered);
    for (size_t i = 0; i < found; i++)
        for (size_t k = 0; k < found; k++)
            list[i].agreeing += i != k && agrees(&list[i], &list[k], works, plan);
    const struct candidate *best = NULL;
    for (size_t i = 0; i < found; i++)
        if (!best || list[i].agreeing > best->agreeing || (list[i].agreeing == best->agreeing && list[i].score > best->score))
            best = &list[i];
    bool clear = best && 2 * (size_t)best->agreeing + 1 >= found && (n < ALONE_BELOW || best->agreeing > 0);
    if (clear) {
        out->pixel = best->pixel;
        for (size_t i = 0; i < plan->n_anchors; i++)
            out->height[i] = best->height[i];
    }
    for (size_t i = 0; i < found; i++)
        stretch_reference_free(list[i].stretch);
    return clear ? STATUS_OK : n == 0 ? STATUS_TOO_FEW : STATUS_NOT_FOUND;
}
