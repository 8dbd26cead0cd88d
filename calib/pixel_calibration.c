#include "calib/pixel_calibration.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "calib/calibration_form.h"
#include "calib/calibration_verdict.h"
#include "calib/height_jump.h"
#include "calib/line_match.h"
#include "pulse/robust.h"

static const double ROUGHNESS = 4.0;         /* eV at 1 keV: rms of the maxima around a quadratic gain; 0.4-1.6 were measured */
/* Above 2.2 eV the picks are looked at again; 0.6 of the roughness must go, and the new maximum be within 5 eV. */
static const double REPICK = 2.2, REPICK_GAIN = 0.6, REPICK_SEARCH = 5;
static const double SECOND_SEARCH = 8;       /* eV at 1 keV, for a line that was not seen at first */
static const double SPAN_NEEDED = 0.6;       /* of the logarithmic range of the table's anchors */
static const double STEP_REACH = 40, STEP_LEAST = 3;  /* eV at 1 keV */
static const double JUMP = 8.0;              /* eV at 1 keV: more than an hour's drift, less than the jumps seen (17) */
static const double JUMP_SIGMAS = 4.0;
static const double WIDTH_COUNTS = 30;       /* fewest counts for a width that is called a resolution */
static const double WIDTH_PRECISION = 0.17; /* and its largest relative error */

static int ascending(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static double sorted_quantile(const struct pixel_work *w, double fraction) {
    return (double)w->sorted[(size_t)(fraction * (double)(w->n - 1))];
}

enum status pixel_work_smooth(struct pixel_work *w, const struct fit_plan *plan, double eV_per_unit) {
    double fwhm = plan->smooth_eV / eV_per_unit;
    if (w->smooth && fabs(fwhm / w->smooth_fwhm - 1) < 0.25)
        return STATUS_OK;
    double low = sorted_quantile(w, 0.001), high = sorted_quantile(w, 0.999), width = fwhm / 8;
    double from = fmax(low - 4 * fwhm, 0), bins = (high + 4 * fwhm - from) / width;
    if (!(bins > 16) || !(bins < 1e5))
        return STATUS_TOO_FEW;
    struct spectrum *raw, *smooth;
    enum status status = spectrum_new(from, width, (size_t)bins, &raw);
    if (status != STATUS_OK)
        return status;
    spectrum_fill(raw, w->sorted, w->n);
    status = spectrum_smooth(raw, fwhm, &smooth);
    spectrum_free(raw);
    if (status != STATUS_OK)
        return status;
    spectrum_free(w->smooth);
    w->smooth = smooth;
    w->smooth_fwhm = fwhm;
    return STATUS_OK;
}

enum status pixel_work_init(struct pixel_work *w, const struct calibration_heights *heights, const struct fit_plan *plan) {
    *w = (struct pixel_work){.resolution_eV = NAN, .resolution_sigma_eV = NAN, .margin = NAN};
    for (size_t i = 0; i < PLAN_MAX; i++)
        w->found[i].start = w->found[i].fit.height = NAN;
    w->sorted = malloc((heights->n ? heights->n : 1) * sizeof *w->sorted);
    if (!w->sorted)
        return STATUS_NO_MEMORY;
    for (size_t i = 0; i < heights->n; i++)
        if (heights->heights[i] > 0 && isfinite(heights->heights[i]))
            w->sorted[w->n++] = heights->heights[i];
    qsort(w->sorted, w->n, sizeof *w->sorted, ascending);
    if (w->n < CALIBRATION_MIN_PULSES)
        return STATUS_TOO_FEW;
    return pixel_work_smooth(w, plan, plan->top_eV / sorted_quantile(w, 0.998));
}

void pixel_work_done(struct pixel_work *w) {
    free(w->sorted);
    spectrum_free(w->smooth);
    w->sorted = NULL;
    w->smooth = NULL;
}

static struct pixel_heights heights_of(const struct pixel_work *w) {
    return (struct pixel_heights){.sorted = w->sorted, .n = w->n, .smooth = w->smooth, .smooth_fwhm = w->smooth_fwhm};
}

/* Where a smooth gain through the other maxima has line `index`; NaN if there are too few. */
static double height_by_others(const struct pixel_work *w, const struct fit_plan *plan, size_t index) {
    double height[PLAN_MAX], energy[PLAN_MAX], sigma[PLAN_MAX], gain[3];
    size_t n = 0;
    for (size_t i = 0; i < plan->n_anchors; i++)
        if (i != index && isfinite(w->found[i].start)) {
            height[n] = w->found[i].start;
            energy[n] = plan->lines[i].line.energy_eV;
            sigma[n++] = plan->scale;
        }
    if (n < 4 || !isfinite(line_match_gain_fit(height, energy, sigma, n, gain, NULL)))
        return NAN;
    double target = plan->lines[index].line.energy_eV, at = target * gain[0];
    for (int i = 0; i < 50; i++)
        at = target * (gain[0] + at * (gain[1] + at * gain[2]));
    return isfinite(at) && at > 0 ? at : NAN;
}

/* One maximum that does not fit in may be a neighbour of the line (Fe Lb for Fe La): the maximum nearest to where the others
 * want the line is taken instead if that makes the gain much smoother. */
static void repick_outlier(struct pixel_work *w, const struct fit_plan *plan, const struct natural_spline *spline) {
    double was = pixel_lines_roughness(plan, w->found), best = REPICK_GAIN * was, better = NAN;
    size_t line = 0;
    if (!(was > REPICK * plan->scale))
        return;
    struct pixel_heights h = heights_of(w);
    for (size_t i = 0; i < plan->n_anchors; i++) {
        double kept = w->found[i].start, expected = height_by_others(w, plan, i);
        if (!isfinite(expected) || !isfinite(kept))
            continue;
        w->found[i].start = pixel_lines_pick(&h, &plan->lines[i], expected, REPICK_SEARCH * plan->scale, gain_spline_slope(spline, expected));
        double r = pixel_lines_roughness(plan, w->found);
        if (isfinite(w->found[i].start) && r < best) {
            best = r;
            better = w->found[i].start;
            line = i;
        }
        w->found[i].start = kept;
    }
    if (isfinite(better))
        w->found[line].start = better;
}

/* If the maxima do not lie on a smooth gain, the one whose removal helps most goes; true when what is left is smooth. */
static bool drop_outlier(struct pixel_work *w, const struct fit_plan *plan) {
    double limit = ROUGHNESS * plan->scale, best = INFINITY;
    if (pixel_lines_roughness(plan, w->found) <= limit)
        return true;
    size_t worst = plan->n_anchors;
    for (size_t i = 0; i < plan->n_anchors && plan->n_anchors >= 5; i++) {
        double kept = w->found[i].start;
        w->found[i].start = NAN;
        double r = pixel_lines_roughness(plan, w->found);
        if (isfinite(kept) && r < best) {
            best = r;
            worst = i;
        }
        w->found[i].start = kept;
    }
    if (worst == plan->n_anchors || best > 0.5 * limit)
        return false;
    w->found[worst].start = NAN;
    return true;
}

bool pixel_work_expect(struct pixel_work *w, const struct fit_plan *plan, const double *expected) {
    struct natural_spline spline;
    for (size_t i = 0; i < plan->n_anchors; i++)
        w->found[i].start = expected[i];
    w->has_rough = false;
    if (!pixel_lines_spline(plan, w->found, false, &spline))
        return false;
    if (pixel_work_smooth(w, plan, gain_spline_slope(&spline, spline.x[spline.n - 1])) != STATUS_OK)
        return false;
    struct pixel_heights h = heights_of(w);
    for (size_t i = 0; i < plan->n_anchors; i++)
        if (isfinite(expected[i]))
            w->found[i].start = pixel_lines_pick(&h, &plan->lines[i], expected[i], plan->lines[i].search_eV, gain_spline_slope(&spline, expected[i]));
    repick_outlier(w, plan, &spline);
    if (!drop_outlier(w, plan))
        return false;
    w->has_rough = pixel_lines_spline(plan, w->found, false, &w->rough);
    return w->has_rough;
}

/* A companion is already in the model of its anchor, at the table's distance: its own fit would only give that back. */
static bool is_modelled(const struct fit_plan *plan, size_t index) {
    for (size_t i = 0; i < plan->n_anchors; i++) {
        const struct planned_line *a = &plan->lines[i];
        if (a->has_companion && fabs(a->line.energy_eV + a->companion_offset_eV - plan->lines[index].line.energy_eV) < 1e-6)
            return true;
    }
    return false;
}

/* Looks for lines where the rough curve has them, as far as it may be believed ("near" of doc/nexus.md). */
static void expect_on_curve(struct pixel_work *w, const struct fit_plan *plan, size_t index, double search_eV) {
    struct pixel_heights h = heights_of(w);
    const struct natural_spline *g = &w->rough;
    double top = g->x[g->n - 1], energy = plan->lines[index].line.energy_eV;
    w->found[index].start = NAN;
    if (energy < 0.7 * gain_spline_energy(g, g->x[0]) || energy > 1.13 * gain_spline_energy(g, top) || is_modelled(plan, index))
        return;
    double at = gain_spline_height(g, energy, 1.5 * top);
    if (isfinite(at))
        w->found[index].start = pixel_lines_pick(&h, &plan->lines[index], at, search_eV, gain_spline_slope(g, at));
}

struct resolution { double fwhm_eV, sigma_eV; };

/* What a width says about the pixel: the free Gaussian less what the line itself has; NaN if it says nothing. */
static struct resolution resolution_from(const struct planned_line *l, const struct found_line *f) {
    const struct resolution none = {NAN, NAN};
    if (f->state != LINE_GOOD || f->fit.counts < WIDTH_COUNTS || !(f->fit.fwhm_sigma_eV > 0) || f->fit.fwhm_sigma_eV > WIDTH_PRECISION * f->fit.fwhm_eV)
        return none;
    if (!l->shape.total_is_gauss)
        return (struct resolution){f->gauss_fwhm_eV, f->fit.fwhm_sigma_eV};
    double intrinsic = l->elastic || isnan(l->shape.intrinsic_fwhm_eV) ? 0 : l->shape.intrinsic_fwhm_eV;
    double rest = f->fit.fwhm_eV * f->fit.fwhm_eV - intrinsic * intrinsic;
    if (!(rest > 0.16 * f->fit.fwhm_eV * f->fit.fwhm_eV))
        return none;
    return (struct resolution){sqrt(rest), f->fit.fwhm_sigma_eV * f->fit.fwhm_eV / sqrt(rest)};
}

static struct resolution resolution_of(const struct pixel_work *w, const struct fit_plan *plan) {
    double narrowest = INFINITY;
    struct resolution best = {NAN, NAN};
    for (size_t i = 0; i < plan->n; i++) {
        const struct planned_line *l = &plan->lines[i];
        struct resolution r = resolution_from(l, &w->found[i]);
        if (!isfinite(r.fwhm_eV))
            continue;
        if (l->elastic)
            return r;
        if (plan->shared)
            continue;
        double width = isnan(l->shape.intrinsic_fwhm_eV) ? w->found[i].fit.fwhm_eV : l->shape.intrinsic_fwhm_eV;
        if (l->anchor && width < narrowest) {
            narrowest = width;
            best = r;
        }
    }
    if (plan->shared && w->width.sigma_eV > 0 && w->width.sigma_eV < WIDTH_PRECISION * w->width.fwhm_eV)
        return (struct resolution){w->width.fwhm_eV, w->width.sigma_eV};
    return best;
}

void pixel_work_fit(struct pixel_work *w, const struct fit_plan *plan) {
    if (!w->has_rough)
        return;
    struct pixel_heights h = heights_of(w);
    for (size_t i = 0; i < plan->n_anchors; i++) {
        if (w->found[i].state == LINE_GOOD)
            w->found[i].start = w->found[i].fit.height;
        else if (!isfinite(w->found[i].start))
            expect_on_curve(w, plan, i, fmin(SECOND_SEARCH * plan->scale, plan->lines[i].search_eV));
    }
    if (plan->shared)
        pixel_lines_fit_shared(&h, plan, &w->rough, w->found, &w->width);
    else
        pixel_lines_fit(&h, plan, &w->rough, 0, plan->n_anchors, w->found);
    struct natural_spline better;
    if (pixel_lines_spline(plan, w->found, true, &better))
        w->rough = better;
    for (size_t i = plan->n_anchors; i < plan->n; i++)
        expect_on_curve(w, plan, i, plan->lines[i].search_eV);
    if (plan->shared)
        pixel_lines_fit_checks(&h, plan, &w->rough, &w->width, w->found);
    else
        pixel_lines_fit(&h, plan, &w->rough, plan->n_anchors, plan->n, w->found);
    struct resolution r = resolution_of(w, plan);
    w->resolution_eV = r.fwhm_eV;
    w->resolution_sigma_eV = r.sigma_eV;
}

bool pixel_work_cut_at_step(struct pixel_work *w, const struct fit_plan *plan, const struct calibration_heights *heights) {
    double line_height[PLAN_MAX];
    size_t n = 0;
    struct height_step step;
    for (size_t i = 0; i < plan->n_anchors && w->has_rough; i++) {
        double at = w->found[i].state == LINE_GOOD ? w->found[i].fit.height : gain_spline_height(&w->rough, plan->lines[i].line.energy_eV, 1.5 * w->rough.x[w->rough.n - 1]);
        if (isfinite(at) && (n == 0 || at > line_height[n - 1]))
            line_height[n++] = at;
    }
    if (n < 2)
        return false;
    double unit = plan->scale / gain_spline_slope(&w->rough, line_height[n - 1]);
    if (height_step_find(heights->heights, heights->n, line_height, n, STEP_REACH * unit, STEP_LEAST * unit, &step) != STATUS_OK || step.index == 0)
        return false;
    struct calibration_heights rest = {.heights = heights->heights + step.index, .n = heights->n - step.index};
    pixel_work_done(w);
    pixel_work_init(w, &rest, plan);
    w->step = step;
    return true;
}

/* Says of every anchor that does not carry the curve why not; returns how many do. */
static size_t tell_missing(const struct pixel_work *w, const struct fit_plan *plan, struct pixel_calibration *out) {
    size_t good = 0;
    for (size_t i = 0; i < plan->n_anchors; i++) {
        const struct found_line *f = &w->found[i];
        const char *name = plan->lines[i].line.name;
        good += f->state == LINE_GOOD;
        if (f->state == LINE_NOT_FOUND)
            calibration_verdict_note(out, "line %s not found", name);
        else if (f->state == LINE_UNCERTAIN)
            calibration_verdict_note(out, "%s too uncertain (%.0f counts)", name, f->fit.counts);
        else if (f->state == LINE_MISFIT)
            calibration_verdict_note(out, "fit of %s bad (deviance %.1f)", name, f->fit.deviance_per_dof);
    }
    return good;
}

static bool anchors_suffice(const struct pixel_work *w, const struct fit_plan *plan, size_t good) {
    if (good < (plan->n_anchors < 4 ? plan->n_anchors : 4))
        return false;
    double low = INFINITY, high = 0;
    for (size_t i = 0; i < plan->n_anchors; i++)
        if (w->found[i].state == LINE_GOOD) {
            low = fmin(low, plan->lines[i].line.energy_eV);
            high = fmax(high, plan->lines[i].line.energy_eV);
        }
    double all = plan->lines[plan->n_anchors - 1].line.energy_eV / plan->lines[0].line.energy_eV;
    return log(high / low) >= SPAN_NEEDED * log(all);
}

/* A check line's maximum may belong to another check line that is nearer. */
static bool is_nearest(const struct fit_plan *plan, const struct pixel_work *w, size_t index, double energy) {
    double mine = fabs(energy - plan->lines[index].line.energy_eV);
    for (size_t k = 0; k < plan->n; k++)
        if (k != index && w->found[k].state == LINE_GOOD && fabs(energy - plan->lines[k].line.energy_eV) < mine)
            return false;
    return mine < plan->lines[index].search_eV;
}

static void copy_fits(const struct pixel_work *w, const struct fit_plan *plan, struct pixel_calibration *out) {
    out->n_fits = 0;
    for (size_t i = 0; i < plan->n; i++) {
        struct anchor_fit f = w->found[i].fit;
        if (w->found[i].state != LINE_GOOD)
            continue;
        f.used = plan->lines[i].anchor;
        if (!f.used) {
            double energy = gain_spline_energy(&w->rough, f.height);
            if (!is_nearest(plan, w, i, energy))
                continue;
            f.residual_eV = energy - f.energy_eV;
        }
        out->fits[out->n_fits++] = f;
    }
}

static enum status make_curve(const struct pixel_calibration *p, struct calibration_curve **out) {
    struct curve_anchor a[CURVE_MAX_ANCHORS];
    size_t n = 0;
    for (uint32_t i = 0; i < p->n_fits; i++)
        if (p->fits[i].used)
            a[n++] = (struct curve_anchor){p->fits[i].height, p->fits[i].height_sigma, p->fits[i].energy_eV, p->fits[i].energy_unc_eV};
    return calibration_curve_new(CURVE_SPLINE, a, n, out);
}

enum status pixel_work_finish(struct pixel_work *w, const struct fit_plan *plan, struct pixel_calibration *out) {
    *out = (struct pixel_calibration){.verdict = VERDICT_GOOD, .resolution_eV = NAN, .resolution_sigma_eV = NAN, .pulses = (double)w->n,
                                       .jump = NAN, .step = w->step.units, .shape_distance = NAN, .assigned_by = w->assigned_by, .margin = w->margin,
                                       .n_choices = w->n_choices};
    memcpy(out->choices, w->choices, sizeof out->choices);
    if (w->step.index > 0) {
        out->jumped = true;
        calibration_verdict_note(out, "lines moved by %+.0f units within the calibration, only the %zu pulses after that count", w->step.units, w->n);
    }
    if (w->n < CALIBRATION_MIN_PULSES) {
        out->verdict = VERDICT_BAD;
        calibration_verdict_note(out, "too few pulses (%zu, %d are needed)", w->n, CALIBRATION_MIN_PULSES);
        return STATUS_OK;
    }
    if (!w->has_rough) {
        out->verdict = w->ambiguous ? VERDICT_AMBIGUOUS : VERDICT_BAD;
        calibration_verdict_note(out, w->ambiguous ? "ambiguous: different assignments of lines fit about equally well" : "the lines of the table were not found");
        return STATUS_OK;
    }
    size_t good = tell_missing(w, plan, out);
    if (!anchors_suffice(w, plan, good)) {
        out->verdict = VERDICT_BAD;
        return STATUS_OK;
    }
    copy_fits(w, plan, out);
    out->resolution_eV = w->resolution_eV;
    out->resolution_sigma_eV = w->resolution_sigma_eV;
    enum status status = make_curve(out, &out->curve);
    if (status == STATUS_NO_MEMORY)
        return status;
    if (status != STATUS_OK) {
        out->verdict = VERDICT_BAD;
        calibration_verdict_note(out, "the curve is not monotone");
        return STATUS_OK;
    }
    calibration_form_leave_one_out(out, CURVE_SPLINE);
    return STATUS_OK;
}

static const struct anchor_fit *used_fit(const struct pixel_calibration *p, const struct anchor_fit *like) {
    for (uint32_t i = 0; i < p->n_fits; i++)
        if (p->fits[i].used && strcmp(p->fits[i].line, like->line) == 0 && !(fabs(p->fits[i].energy_eV - like->energy_eV) > 0))
            return &p->fits[i];
    return NULL;
}

void pixel_calibration_compare(struct pixel_calibration *now, const struct pixel_calibration *before, const struct fit_plan *plan) {
    double old_height[CURVE_MAX_ANCHORS], new_height[CURVE_MAX_ANCHORS], shift[CURVE_MAX_ANCHORS];
    size_t n = 0;
    if (!now->curve || !before->curve)
        return;
    for (uint32_t i = 0; i < now->n_fits; i++) {
        const struct anchor_fit *old = now->fits[i].used ? used_fit(before, &now->fits[i]) : NULL;
        if (!old)
            continue;
        old_height[n] = old->height;
        new_height[n] = now->fits[i].height;
        shift[n] = new_height[n] - old_height[n];
        n++;
    }
    if (n < 3)
        return;
    double units_per_eV = plan->scale / calibration_curve_slope(now->curve, new_height[n - 1]), error, scale;
    double offset = height_jump_offset(old_height, new_height, n, units_per_eV, &scale, &error);
    bool jumped = fabs(offset) > JUMP * units_per_eV && fabs(offset) > JUMP_SIGMAS * error;
    now->jumped = now->jumped || jumped;
    now->jump = jumped ? robust_median(shift, n) : 0;
    if (jumped)
        calibration_verdict_note(now, "heights jumped by %+.0f units since the calibration before", now->jump);
}
