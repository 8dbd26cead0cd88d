#include "calib/array_fit.h"

#include <math.h>
#include <stdlib.h>

#include "calib/gain_spline.h"
#include "calib/line_tail.h"
#include "pulse/robust.h"

enum { MAX_ROUNDS = 4, ENOUGH_FOR_WIDTH = 3, WEAK_STEPS = 2 };
static const double SETTLED = 0.15;           /* rounds end when the array's resolution changes by less */
static const double LONGEST_TAIL = 3;         /* times the resolution: a longer one is background in the window */

static uint32_t count(const struct array_fit *a) {
    return a->assignment->n;
}

static struct pixel_work *work(const struct array_fit *a, uint32_t pixel) {
    return &a->assignment->works[pixel];
}

/* Median over pixels of one number of one line; NaN when no pixel has it. */
static double typical(const struct array_fit *a, size_t line, bool width, double *scratch) {
    size_t n = 0;
    for (uint32_t i = 0; i < count(a); i++) {
        const struct found_line *f = &work(a, i)->found[line];
        if (work(a, i)->has_rough && f->state == LINE_GOOD && (!width || f->fit.fwhm_sigma_eV > 0))
            scratch[n++] = width ? f->fit.fwhm_eV : f->fit.counts;
    }
    return robust_median(scratch, n);
}

static double typical_resolution(const struct array_fit *a, double *scratch) {
    size_t n = 0;
    for (uint32_t i = 0; i < count(a); i++)
        if (work(a, i)->has_rough && isfinite(work(a, i)->resolution_eV))
            scratch[n++] = work(a, i)->resolution_eV;
    return robust_median(scratch, n);
}

static void fit_pixels(const struct array_fit *a) {
    for (uint32_t i = 0; i < count(a); i++)
        pixel_work_fit(work(a, i), a->plan);
}

static void cut_at_steps(const struct array_fit *a) {
    for (uint32_t i = 0; i < count(a); i++)
        if (pixel_work_cut_at_step(work(a, i), a->plan, &a->heights[i])) {
            assignment_expect(a->assignment, i);
            pixel_work_fit(work(a, i), a->plan);
        }
}

static void free_rounds(const struct array_fit *a, double *scratch) {
    for (int round = 0; round < MAX_ROUNDS; round++) {
        fit_pixels(a);
        if (round == 0)
            cut_at_steps(a);
        double fwhm[PLAN_MAX], counts[PLAN_MAX], resolution = typical_resolution(a, scratch), was = a->plan->resolution_eV;
        if (round > 0 && !(fabs(resolution / was - 1) > SETTLED))
            return;
        for (size_t k = 0; k < a->plan->n; k++) {
            fwhm[k] = typical(a, k, true, scratch);
            counts[k] = typical(a, k, false, scratch);
        }
        fit_plan_refine(a->plan, resolution, fwhm, counts);
    }
}

/* What the line is wide by itself: the median over pixels of its width less the pixel's resolution there, in quadrature; what the table says
 * where too few pixels tell. *measured says which. */
static double own_width(const struct array_fit *a, size_t line, bool *measured, double *scratch) {
    const struct planned_line *l = &a->plan->lines[line];
    size_t n = 0;
    for (uint32_t i = 0; i < count(a); i++) {
        const struct pixel_work *w = work(a, i);
        const struct anchor_fit *f = &w->found[line].fit;
        if (!w->has_rough || w->found[line].state != LINE_GOOD || !(f->fwhm_sigma_eV > 0) || !isfinite(w->resolution_eV))
            continue;
        double there = w->resolution_eV * f->eV_per_unit / gain_spline_slope(&w->rough, w->rough.x[w->rough.n - 1]);
        scratch[n++] = f->fwhm_eV * f->fwhm_eV - there * there;
    }
    *measured = n >= ENOUGH_FOR_WIDTH || (n > 0 && isnan(l->shape.intrinsic_fwhm_eV));
    if (*measured)
        return sqrt(fmax(robust_median(scratch, n), 0));
    return l->shape.intrinsic_fwhm_eV;
}

/* Lines too weak for a width of their own in a pixel: begun with the table's width or, without one, their neighbour's; `weak` marks them. */
static void separate(const struct array_fit *a, bool *weak, double *scratch) {
    double own[PLAN_MAX] = { 0 };
    for (size_t k = 0; k < a->plan->n; k++) {
        bool measured;
        own[k] = own_width(a, k, &measured, scratch);
        weak[k] = !measured && k < a->plan->n_anchors;
    }
    for (size_t k = 0; k < a->plan->n_anchors; k++) {
        int from = a->plan->lines[k].width_of;
        if (isnan(own[k]))
            own[k] = from >= 0 && !isnan(own[from]) ? own[from] : 0;
    }
    fit_plan_separate(a->plan, own);
}

/* The weak lines of all pixels together know their width: a step of Newton's on the sum of the profile likelihoods, in the square of the line's
 * own width (d/d ln F = 2 F^2 d/d w^2), at most to half or twice the whole width. */
static void widen_weak(const struct array_fit *a, const bool *weak) {
    for (size_t k = 0; k < a->plan->n_anchors; k++) {
        double slope = 0, information = 0, whole = a->plan->lines[k].fwhm_eV, own = a->plan->lines[k].shape.intrinsic_fwhm_eV;
        for (uint32_t i = 0; i < count(a) && weak[k]; i++) {
            const struct found_line *f = &work(a, i)->found[k];
            double per_square = 2 * f->gauss_fwhm_eV * f->gauss_fwhm_eV;
            if (!work(a, i)->has_rough || f->state != LINE_GOOD || !(f->width_information > 0))
                continue;
            slope += f->width_slope / per_square;
            information += f->width_information / (per_square * per_square);
        }
        if (!(information > 0))
            continue;
        double step = fmin(fmax(slope / information, -0.75 * whole * whole), 3 * whole * whole);
        fit_plan_set_own(a->plan, k, sqrt(fmax(own * own + step, 0)));
    }
}

static size_t elastic_of(const struct fit_plan *plan) {
    for (size_t k = 0; k < plan->n; k++)
        if (plan->lines[k].elastic)
            return k;
    return plan->n;
}

static enum status find_tail(struct array_fit *a, size_t elastic) {
    struct line_fit_request *requests = malloc((count(a) + (size_t)1) * sizeof *requests);
    struct spectrum **windows = malloc((count(a) + (size_t)1) * sizeof(struct spectrum *));
    enum status status = requests && windows ? STATUS_OK : STATUS_NO_MEMORY;
    size_t n = 0;
    for (uint32_t i = 0; status == STATUS_OK && i < count(a); i++) {
        const struct pixel_work *w = work(a, i);
        struct pixel_heights h = {.sorted = w->sorted, .n = w->n, .smooth = w->smooth, .smooth_fwhm = w->smooth_fwhm};
        if (!w->has_rough || w->found[elastic].state != LINE_GOOD || !isfinite(w->resolution_eV) ||
            pixel_lines_window(&h, a->plan, &w->rough, elastic, &w->found[elastic], &windows[n]) != STATUS_OK)
            continue;
        requests[n] = (struct line_fit_request){.histogram = windows[n], .shape = &a->plan->lines[elastic].shape, .start_fwhm_eV = w->resolution_eV};
        n++;
    }
    struct line_tail_found found;
    if (status == STATUS_OK)
        status = line_tail_find(requests, n, LONGEST_TAIL * a->plan->resolution_eV, &found);
    if (status == STATUS_OK)
        a->tail = found.tail;
    for (size_t i = 0; i < n; i++)
        spectrum_free(windows[i]);
    free(windows);
    free(requests);
    return status;
}

enum status array_fit_run(struct array_fit *a) {
    double *scratch = malloc((count(a) + (size_t)1) * sizeof *scratch);
    if (!scratch)
        return STATUS_NO_MEMORY;
    a->tail = (struct line_tail){0, 0};
    free_rounds(a, scratch);
    bool weak[PLAN_MAX] = { false }, any = false;
    separate(a, weak, scratch);
    free(scratch);
    fit_pixels(a);
    for (size_t k = 0; k < a->plan->n_anchors; k++)
        any = any || weak[k];
    for (int step = 0; step < WEAK_STEPS && any; step++) {
        widen_weak(a, weak);
        fit_pixels(a);
    }
    size_t elastic = elastic_of(a->plan);
    if (!a->tails || elastic == a->plan->n)
        return STATUS_OK;
    enum status status = find_tail(a, elastic);
    if (status == STATUS_OK) {
        fit_plan_set_tail(a->plan, a->tail);
        fit_pixels(a);
    }
    return status == STATUS_NO_MEMORY ? status : STATUS_OK;
}
