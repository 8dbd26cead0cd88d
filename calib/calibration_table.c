#include "calib/calibration_table.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "calib/calibration_verdict.h"
#include "calib/height_jump.h"
#include "calib/pixel_calibration.h"
#include "calib/pixel_peaks.h"
#include "calib/reference_pixel.h"
#include "calib/spectrum_stretch.h"
#include "pulse/robust.h"

const char *const verdict_names[N_VERDICTS] = {
    [VERDICT_GOOD] = "good", [VERDICT_STALE] = "stale", [VERDICT_AMBIGUOUS] = "ambiguous", [VERDICT_BAD] = "bad", [VERDICT_NO_TABLE] = "no table"};

enum { MAX_ROUNDS = 4 };

static const double SETTLED = 0.15;           /* rounds end when the array's resolution changes by less */
static const double CONTRADICTION = 25;      /* eV at 1 keV between two assignments of a line */
static const double IMPOSSIBLE = 4;          /* eV at 1 keV: an anchor that far off in all pixels carries no curve */
static const double JUMP_REACH = 40;          /* eV at 1 keV: how far the lines of the calibration before are looked for */

/* Everything that lives during one learn. */
struct learning {
    struct fit_plan plan;
    struct pixel_work *works;
    uint32_t n;
    const struct calibration_table *before;
    const struct calibration_heights *heights;
    struct reference_pixel reference;
    struct stretch_reference *stretch;   /* of the reference pixel; NULL: none */
    double *scratch;       /* n */
};

static const struct pixel_calibration *earlier(const struct learning *l, uint32_t pixel) {
    if (!l->before || pixel >= l->before->n_pixels || !l->before->pixels[pixel].curve)
        return NULL;
    return &l->before->pixels[pixel];
}

/* The lines of the calibration before, moved to where the new spectrum has them. */
static bool expect_from_before(struct learning *l, uint32_t pixel) {
    const struct pixel_calibration *old = earlier(l, pixel);
    struct pixel_work *w = &l->works[pixel];
    double height[PLAN_MAX] = { 0 };
    if (!old || l->plan.n_anchors == 0)
        return false;
    for (size_t i = 0; i < l->plan.n_anchors; i++)
        height[i] = calibration_curve_height(old->curve, l->plan.lines[i].line.energy_eV);
    double top = height[l->plan.n_anchors - 1];
    if (!isfinite(top) || pixel_work_smooth(w, &l->plan, calibration_curve_slope(old->curve, top)) != STATUS_OK)
        return false;
    double reach = JUMP_REACH * l->plan.scale / calibration_curve_slope(old->curve, top);
    struct height_move move = height_jump_search(w->smooth, height, l->plan.n_anchors, reach);
    for (size_t i = 0; i < l->plan.n_anchors; i++)
        height[i] = move.scale * height[i] + move.offset;
    return pixel_work_expect(w, &l->plan, height);
}

static bool expect_from_reference(struct learning *l, uint32_t pixel) {
    struct pixel_work *w = &l->works[pixel];
    struct stretch t;
    double height[PLAN_MAX];
    if (!l->stretch || stretch_find(l->stretch, w->sorted, w->n, &t) != STATUS_OK)
        return false;
    for (size_t i = 0; i < l->plan.n_anchors; i++)
        height[i] = stretch_map(&t, l->reference.height[i]);
    return pixel_work_expect(w, &l->plan, height);
}

static bool expect_from_own_peaks(struct learning *l, uint32_t pixel) {
    struct pixel_work *w = &l->works[pixel];
    double height[PLAN_MAX], score, margin;
    if (reference_pixel_match(w, &l->plan, height, &score, &margin) != STATUS_OK)
        return false;
    w->ambiguous = margin < MATCH_CLEAR_MARGIN;
    return !w->ambiguous && pixel_work_expect(w, &l->plan, height);
}

/* The independent veto (calibration.md 2.2): the pixel's own peaks, matched without any reference, say clearly something else. A
 * neighbour taken for the line (Fe Lb for Fe La) is no contradiction. */
static bool is_contradicted(const struct learning *l, const struct pixel_work *w) {
    double height[PLAN_MAX], score, margin;
    if (reference_pixel_match(w, &l->plan, height, &score, &margin) != STATUS_OK || margin < MATCH_CLEAR_MARGIN)
        return false;
    for (size_t i = 0; i < l->plan.n_anchors; i++) {
        double energy = l->plan.lines[i].line.energy_eV, mine = gain_spline_height(&w->rough, energy, 2 * w->rough.x[w->rough.n - 1]);
        if (fabs(mine - height[i]) * gain_spline_slope(&w->rough, mine) > CONTRADICTION * l->plan.scale)
            return true;
    }
    return false;
}

/* First rough curve. The stretched reference unless the pixel's own peaks say clearly no, then the calibration before, then the
 * pixel's own peaks if they are clear. */
static void expect(struct learning *l, uint32_t pixel) {
    struct pixel_work *w = &l->works[pixel];
    if (!w->smooth)
        return;
    bool found = expect_from_reference(l, pixel);
    if (found && is_contradicted(l, w)) {
        found = false;
        w->ambiguous = true;
    }
    w->has_rough = found || expect_from_before(l, pixel) || (!w->ambiguous && expect_from_own_peaks(l, pixel));
}

static void expect_all(struct learning *l, uint32_t *reference_pixel) {
    *reference_pixel = UINT32_MAX;
    if (reference_pixel_choose(l->works, l->n, &l->plan, &l->reference) == STATUS_OK) {
        const struct pixel_work *w = &l->works[l->reference.pixel];
        *reference_pixel = l->reference.pixel;
        if (stretch_reference_new(w->sorted, w->n, &l->stretch) != STATUS_OK)
            l->stretch = NULL;
    }
    for (uint32_t i = 0; i < l->n; i++)
        expect(l, i);
}

/* Pixels whose lines moved within the calibration begin anew with what came after that. */
static void cut_at_steps(struct learning *l) {
    for (uint32_t i = 0; i < l->n; i++)
        if (pixel_work_cut_at_step(&l->works[i], &l->plan, &l->heights[i])) {
            expect(l, i);
            pixel_work_fit(&l->works[i], &l->plan);
        }
}

/* Median over pixels of one number of one line; NaN when no pixel has it. */
static double typical(struct learning *l, size_t line, bool width) {
    size_t n = 0;
    for (uint32_t i = 0; i < l->n; i++) {
        const struct found_line *f = &l->works[i].found[line];
        if (l->works[i].has_rough && f->state == LINE_GOOD && (!width || f->fit.fwhm_sigma_eV > 0))
            l->scratch[n++] = width ? f->fit.fwhm_eV : f->fit.counts;
    }
    return robust_median(l->scratch, n);
}

static double typical_resolution(struct learning *l) {
    size_t n = 0;
    for (uint32_t i = 0; i < l->n; i++)
        if (l->works[i].has_rough && isfinite(l->works[i].resolution_eV))
            l->scratch[n++] = l->works[i].resolution_eV;
    return robust_median(l->scratch, n);
}

static void fit_all(struct learning *l) {
    for (int round = 0; round < MAX_ROUNDS; round++) {
        for (uint32_t i = 0; i < l->n; i++)
            pixel_work_fit(&l->works[i], &l->plan);
        if (round == 0)
            cut_at_steps(l);
        double fwhm[PLAN_MAX], counts[PLAN_MAX], resolution = typical_resolution(l), was = l->plan.resolution_eV;
        bool settled = round > 0 && !(fabs(resolution / was - 1) > SETTLED);
        if (settled)
            return;
        for (size_t k = 0; k < l->plan.n; k++) {
            fwhm[k] = typical(l, k, true);
            counts[k] = typical(l, k, false);
        }
        fit_plan_refine(&l->plan, resolution, fwhm, counts);
    }
}

/* Too few pulses to learn from, but a good curve from before: keep that, and say so. */
static enum status keep_stale(struct pixel_calibration *p, const struct pixel_calibration *old) {
    const struct curve_anchor *anchors;
    size_t n = calibration_curve_anchors(old->curve, &anchors);
    enum status status = calibration_curve_new(calibration_curve_form(old->curve), anchors, n, &p->curve);
    if (status != STATUS_OK)
        return status;
    p->verdict = VERDICT_STALE;
    p->n_fits = old->n_fits;
    memcpy(p->fits, old->fits, sizeof p->fits);
    p->resolution_eV = old->resolution_eV;
    p->resolution_sigma_eV = old->resolution_sigma_eV;
    char text[sizeof p->reason];
    snprintf(text, sizeof text, "curve of the calibration before: %.80s", p->reason);
    memcpy(p->reason, text, sizeof text);
    return STATUS_OK;
}

static enum status finish_all(struct learning *l, struct calibration_table *t) {
    for (uint32_t i = 0; i < l->n; i++) {
        enum status status = pixel_work_finish(&l->works[i], &l->plan, &t->pixels[i]);
        if (status != STATUS_OK)
            return status;
        if (l->works[i].step.index > 0 && l->heights[i].time_ns)
            t->pixels[i].valid_from_ns = l->heights[i].time_ns[l->works[i].step.index];
    }
    struct calibration_heights *counted = malloc((l->n + (size_t)1) * sizeof *counted);
    if (!counted)
        return STATUS_NO_MEMORY;
    for (uint32_t i = 0; i < l->n; i++) {
        counted[i] = l->heights[i];
        counted[i].heights += l->works[i].step.index;
        counted[i].n -= l->works[i].step.index;
    }
    enum status judged = calibration_verdict_judge(t, &l->plan, counted);
    free(counted);
    if (judged != STATUS_OK)
        return judged;
    for (uint32_t i = 0; i < l->n; i++) {
        struct pixel_calibration *p = &t->pixels[i];
        const struct pixel_calibration *old = earlier(l, i);
        if (p->verdict == VERDICT_BAD || p->verdict == VERDICT_AMBIGUOUS) {
            calibration_curve_free(p->curve);
            p->curve = NULL;
        } else if (old) {
            pixel_calibration_compare(p, old, &l->plan);
        }
        bool old_good = old && (old->verdict == VERDICT_GOOD || old->verdict == VERDICT_STALE);
        if (old_good && !p->curve && !p->jumped && (l->works[i].n < CALIBRATION_MIN_PULSES || p->verdict == VERDICT_AMBIGUOUS)) {
            enum status status = keep_stale(p, old);
            if (status != STATUS_OK)
                return status;
        }
    }
    return calibration_verdict_rank(t);
}

static enum status table_new(const struct line_table *lines, double mono_eV, uint32_t n_pixels, struct calibration_table **out) {
    struct calibration_table *t = calloc(1, sizeof *t);
    if (!t)
        return STATUS_NO_MEMORY;
    t->mono_eV = mono_eV;
    t->resolution_eV = NAN;
    t->n_pixels = n_pixels;
    t->reference_pixel = UINT32_MAX;
    memcpy(t->line_table_name, lines->name, sizeof t->line_table_name);
    size_t length = strlen(lines->text) + 1;
    t->line_table_text = malloc(length);
    t->pixels = calloc(n_pixels ? n_pixels : 1, sizeof *t->pixels);
    if (!t->line_table_text || !t->pixels) {
        calibration_table_free(t);
        return STATUS_NO_MEMORY;
    }
    memcpy(t->line_table_text, lines->text, length);
    *out = t;
    return STATUS_OK;
}

static enum status prepare(struct learning *l) {
    l->works = calloc(l->n ? l->n : 1, sizeof *l->works);
    l->scratch = malloc((l->n ? l->n : 1) * sizeof *l->scratch);
    if (!l->works || !l->scratch)
        return STATUS_NO_MEMORY;
    for (uint32_t i = 0; i < l->n; i++)
        if (pixel_work_init(&l->works[i], &l->heights[i], &l->plan) == STATUS_NO_MEMORY)
            return STATUS_NO_MEMORY;
    return STATUS_OK;
}

static void learning_done(struct learning *l) {
    for (uint32_t i = 0; l->works && i < l->n; i++)
        pixel_work_done(&l->works[i]);
    stretch_reference_free(l->stretch);
    free(l->works);
    free(l->scratch);
}

/* Good pixels or a complaint with the reason of the pixel that had most pulses. */
static enum status judge_table(const struct calibration_table *t, struct complaint *why) {
    const struct pixel_calibration *busiest = NULL;
    for (uint32_t i = 0; i < t->n_pixels; i++) {
        if (t->pixels[i].curve) {
            if (t->remark[0])
                complaint_set(why, 0, 0, "%s", t->remark);
            return STATUS_OK;
        }
        if (!busiest || t->pixels[i].pulses > busiest->pulses)
            busiest = &t->pixels[i];
    }
    uint32_t without = 0;
    for (uint32_t i = 0; i < t->n_pixels; i++)
        without += strstr(t->pixels[i].reason, "lines of the table were not found") != NULL;
    if (without > 0)
        complaint_set(why, 0, 0, "no pixel of %u could be calibrated; %u have pulses enough but not the lines of table %.40s: is it the table of this sample, and %.6g eV the "
                      "incident energy?", t->n_pixels, without, t->line_table_name, t->mono_eV);
    else
        complaint_set(why, 0, 0, "no pixel of %u could be calibrated; the one with most pulses: %s", t->n_pixels, busiest ? busiest->reason : "there is none");
    return STATUS_TOO_FEW;
}

static enum status learn_once(const struct line_table *lines, double mono_eV, const struct calibration_heights *pixels, uint32_t n_pixels,
                              const struct calibration_table *before, struct calibration_table **out, struct complaint *why) {
    struct learning l = {.n = n_pixels, .before = before, .heights = pixels};
    struct calibration_table *t = NULL;
    enum status status = fit_plan_init(&l.plan, lines, mono_eV, why);
    if (status != STATUS_OK)
        return status;
    status = table_new(lines, mono_eV, n_pixels, &t);
    if (status == STATUS_OK)
        status = prepare(&l);
    if (status == STATUS_OK) {
        expect_all(&l, &t->reference_pixel);
        fit_all(&l);
        status = finish_all(&l, t);
    }
    learning_done(&l);
    if (status != STATUS_OK) {
        calibration_table_free(t);
        return status;
    }
    *out = t;
    return STATUS_OK;
}

/* The anchor that lies far off in all pixels, beyond doubt: it is not the line the table says. NULL: none. */
static const struct table_line *impossible_anchor(const struct calibration_table *t) {
    double top = 1000;
    for (uint32_t k = 0; k < t->n_lines; k++)
        top = t->lines[k].anchor ? fmax(top, t->lines[k].energy_eV) : top;
    for (uint32_t k = 0; k < t->n_lines; k++)
        if (fabs(t->lines[k].fault_eV) > IMPOSSIBLE * top / 1000)
            return &t->lines[k];
    return NULL;
}

/* Once more with that line only compared, not carrying curves. What the first pass said about it stays. */
static enum status learn_without(const struct table_line *line, const struct line_table *lines, const struct calibration_heights *pixels,
                                 const struct calibration_table *before, struct calibration_table **t) {
    struct line_table fewer = *lines;
    struct calibration_table *again;
    fewer.lines = malloc((lines->n + 1) * sizeof *fewer.lines);
    if (!fewer.lines)
        return STATUS_NO_MEMORY;
    memcpy(fewer.lines, lines->lines, lines->n * sizeof *fewer.lines);
    for (size_t i = 0; i < fewer.n; i++)
        if (strcmp(fewer.lines[i].name, line->line) == 0 && fewer.lines[i].use == LINE_ANCHOR)
            fewer.lines[i].use = LINE_CHECK;
    enum status status = learn_once(&fewer, (*t)->mono_eV, pixels, (*t)->n_pixels, before, &again, NULL);
    free(fewer.lines);
    if (status != STATUS_OK)
        return status;
    for (uint32_t k = 0; k < again->n_lines; k++)
        if (strcmp(again->lines[k].line, line->line) == 0)
            again->lines[k].fault_eV = line->fault_eV;
    snprintf(again->remark, sizeof again->remark, "%s was left out: the table has it at %.2f eV, %+.1f eV from where all pixels have the line there", line->line,
             line->energy_eV, line->fault_eV);
    calibration_table_free(*t);
    *t = again;
    return STATUS_OK;
}

static enum status list_peaks(const struct line_table *lines, double mono_eV, const struct calibration_heights *pixels, uint32_t n_pixels,
                              struct calibration_table **out) {
    struct calibration_table *t = NULL;
    enum status status = table_new(lines, mono_eV, n_pixels, &t);
    for (uint32_t i = 0; status == STATUS_OK && i < n_pixels; i++)
        status = pixel_peaks_list(&pixels[i], &t->pixels[i]);
    if (status == STATUS_OK)
        *out = t;
    else
        calibration_table_free(t);
    return status;
}

enum status calibration_table_learn(const struct line_table *lines, double mono_eV, const struct calibration_heights *pixels, uint32_t n_pixels,
                                    const struct calibration_table *before, struct calibration_table **out, struct complaint *why) {
    struct calibration_table *t = NULL;
    if (lines->n == 0)
        return list_peaks(lines, mono_eV, pixels, n_pixels, out);
    enum status status = learn_once(lines, mono_eV, pixels, n_pixels, before, &t, why);
    if (status != STATUS_OK)
        return status;
    const struct table_line *impossible = impossible_anchor(t);
    if (impossible)
        status = learn_without(impossible, lines, pixels, before, &t);
    if (status != STATUS_OK) {
        calibration_table_free(t);
        return status;
    }
    *out = t;
    return judge_table(t, why);
}

void calibration_table_free(struct calibration_table *t) {
    if (!t)
        return;
    for (uint32_t i = 0; t->pixels && i < t->n_pixels; i++)
        calibration_curve_free(t->pixels[i].curve);
    free(t->pixels);
    free(t->line_table_text);
    free(t);
}
