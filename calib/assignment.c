#include "calib/assignment.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "calib/gain_spline.h"
#include "calib/height_jump.h"
#include "calib/spectrum_match.h"

static const double CONTRADICTION = 25;      /* eV at 1 keV between two assignments of a line */
static const double JUMP_REACH = 40;         /* eV at 1 keV: how far the lines of the calibration before are looked for */
static const double CLEAR_STRETCH = 5;       /* of the log likelihood of all pulses: as the margin of a match */

const struct pixel_calibration *assignment_before(const struct assignment *a, uint32_t pixel) {
    if (!a->before || pixel >= a->before->n_pixels || !a->before->pixels[pixel].curve)
        return NULL;
    return &a->before->pixels[pixel];
}

/* The lines of the calibration before, moved to where the new spectrum has them. */
static bool expect_from_before(const struct assignment *a, uint32_t pixel) {
    const struct pixel_calibration *old = assignment_before(a, pixel);
    const struct fit_plan *plan = a->plan;
    struct pixel_work *w = &a->works[pixel];
    double height[PLAN_MAX] = { 0 };
    if (!old || plan->n_anchors == 0)
        return false;
    for (size_t i = 0; i < plan->n_anchors; i++)
        height[i] = calibration_curve_height(old->curve, plan->lines[i].line.energy_eV);
    double top = height[plan->n_anchors - 1];
    if (!isfinite(top) || pixel_work_smooth(w, plan, calibration_curve_slope(old->curve, top)) != STATUS_OK)
        return false;
    double reach = JUMP_REACH * plan->scale / calibration_curve_slope(old->curve, top);
    struct height_move move = height_jump_search(w->smooth, height, plan->n_anchors, reach);
    for (size_t i = 0; i < plan->n_anchors; i++)
        height[i] = move.scale * height[i] + move.offset;
    return pixel_work_expect(w, plan, height);
}

static void map_lines(const struct assignment *a, const struct stretch *to, double *height) {
    for (size_t i = 0; i < a->plan->n_anchors; i++)
        height[i] = stretch_map(to, a->common->height[i]);
}

/* Do two lists of heights mean the same lines, within `eV` at 1 keV? `units_per_eV` at the top. */
static bool same_place(const struct fit_plan *plan, const double *one, const double *other, double eV) {
    assert(plan->n_anchors > 0);
    double units_per_eV = one[plan->n_anchors - 1] / plan->lines[plan->n_anchors - 1].line.energy_eV;
    for (size_t i = 0; i < plan->n_anchors; i++)
        if (!(fabs(one[i] - other[i]) < eV * plan->scale * units_per_eV))
            return false;
    return true;
}

/* The template's lines in this pixel; *clear tells whether no other stretch, with lines elsewhere, is about as likely. */
static bool stretch_lines(const struct assignment *a, const struct pixel_work *w, double *height, bool *clear) {
    struct stretch choice[STRETCH_CHOICES];
    size_t n;
    if (stretch_choices(a->common->stretch, w->sorted, w->n, choice, &n) != STATUS_OK)
        return false;
    map_lines(a, &choice[0], height);
    *clear = true;
    for (size_t k = 1; k < n; k++) {
        double other[PLAN_MAX];
        map_lines(a, &choice[k], other);
        bool as_likely = (choice[0].log_likelihood - choice[k].log_likelihood) * (double)w->n < CLEAR_STRETCH;
        *clear = *clear && !(as_likely && !same_place(a->plan, height, other, CONTRADICTION));
    }
    return true;
}

/* Where the rough curve has the anchors. */
static void lines_of_rough(const struct pixel_work *w, const struct fit_plan *plan, double *height) {
    for (size_t i = 0; i < plan->n_anchors; i++)
        height[i] = gain_spline_height(&w->rough, plan->lines[i].line.energy_eV, 2 * w->rough.x[w->rough.n - 1]);
}

/* A neighbour taken for the line (Fe Lb for Fe La) is no contradiction. */
static bool expect_from_template(const struct assignment *a, struct pixel_work *w, const struct spectrum_match *own) {
    double height[PLAN_MAX], found[PLAN_MAX];
    bool clear, own_clear = own && own->margin >= MATCH_CLEAR_MARGIN;
    if (!a->common || !a->common->assigned) {
        w->ambiguous = a->common && a->common->ambiguous;
        return false;
    }
    if (!stretch_lines(a, w, height, &clear) || !pixel_work_expect(w, a->plan, height))
        return false;
    lines_of_rough(w, a->plan, found);
    bool same = own && same_place(a->plan, found, own->height, CONTRADICTION);
    if (own)
        w->margin = same ? own->margin : -own->margin;
    w->ambiguous = own_clear ? !same : !clear;
    return !w->ambiguous;
}

void assignment_expect(const struct assignment *a, uint32_t pixel) {
    struct pixel_work *w = &a->works[pixel];
    struct spectrum_match own;
    w->margin = NAN;
    w->n_choices = 0;
    w->ambiguous = false;
    w->assigned_by = ASSIGNED_BY_NOTHING;
    if (!w->smooth)
        return;
    bool matched = spectrum_match_find(w->smooth, w->smooth_fwhm, a->plan, &own) == STATUS_OK;
    if (matched) {
        w->margin = own.margin;
        w->n_choices = (uint32_t)own.n_choices;
        memcpy(w->choices, own.choices, sizeof w->choices);
    }
    if (expect_from_template(a, w, matched ? &own : NULL))
        w->assigned_by = ASSIGNED_BY_TEMPLATE;
    else if (expect_from_before(a, pixel))
        w->assigned_by = ASSIGNED_BY_CURVE_BEFORE;
    w->has_rough = w->assigned_by != ASSIGNED_BY_NOTHING;
}

enum status assignment_make(struct assignment *a, const struct fit_plan *plan, struct pixel_work *works, uint32_t n, const struct calibration_table *before) {
    *a = (struct assignment){.plan = plan, .works = works, .n = n, .before = before};
    enum status status = array_template_new(works, n, plan, &a->common);
    if (status != STATUS_OK)
        a->common = NULL;
    for (uint32_t i = 0; i < n && status != STATUS_NO_MEMORY; i++)
        assignment_expect(a, i);
    return status == STATUS_NO_MEMORY ? status : STATUS_OK;
}

void assignment_done(struct assignment *a) {
    array_template_free(a->common);
    a->common = NULL;
}
