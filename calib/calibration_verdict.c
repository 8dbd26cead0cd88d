#include "calib/calibration_verdict.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "calib/spectrum_shape.h"
#include "calib/table_fault.h"
#include "pulse/robust.h"

enum { ENOUGH_TO_COMPARE = 5, ENOUGH_FOR_SPREAD = 8, LINES_MISSING = 2, LINES_FOR_MISSING = 5 };

static const double RESOLUTION_BAD = 2.0, RESOLUTION_ODD = 1.3;   /* x typical; SSRL's weakest pixel has 1.5 (doc/methods.md, Lines and curves) */
static const double GAIN_ODD = 0.3, RATE_ODD = 3, CENTRE_ODD = 3; /* doc/methods.md, Lines and curves */
static const double CENTRE_WORTH = 0.3;       /* eV at 1 keV: an anchor known this well is never uncertain */
static const double EXPECTED_COUNTS = 60;     /* a line that should have so many and is not there is missing */
static const double LOO_INNER = 6, LOO_END = 10, LOO_FLOOR = 4;   /* eV at 1 keV; up to 2.8 were measured on good pixels */
static const double LOO_REACH = 100;          /* eV at 1 keV: an end line further away than this is missed in proportion */
static const double OUTLIER_SIGMAS = 6;
static const double SHAPE_BAD = 0.2;
static const double LOST_ODD = 0.05, LOST_BAD = 0.5;              /* share of records that are no pulses, or clipped */
static const double FAULT_LEAST = 1.2;        /* eV at 1 keV */

struct jury {
    struct calibration_table *t;
    const struct fit_plan *plan;
    const struct calibration_heights *heights;
    double *scratch;        /* n_pixels */
};

static void append(struct pixel_calibration *p, const char *format, va_list args) {
    size_t used = strlen(p->reason);
    if (used > 0 && used + 3 < sizeof p->reason) {
        memcpy(p->reason + used, "; ", 3);
        used += 2;
    }
    vsnprintf(p->reason + used, sizeof p->reason - used, format, args);
}

void calibration_verdict_note(struct pixel_calibration *p, const char *format, ...) {
    va_list args;
    va_start(args, format);
    append(p, format, args);
    va_end(args);
}

void calibration_verdict_condemn(struct pixel_calibration *p, const char *format, ...) {
    char before[sizeof p->reason];
    memcpy(before, p->reason, sizeof before);
    p->reason[0] = '\0';
    va_list args;
    va_start(args, format);
    append(p, format, args);
    va_end(args);
    if (before[0])
        calibration_verdict_note(p, "%s", before);
    p->verdict = VERDICT_BAD;
}

/* Of an even number the smaller middle one: of two pixels the better. NaN for none. */
static double typical(double *values, size_t n) {
    return n ? robust_rank(values, n, (n - 1) / 2) : (double)NAN;
}

static const struct anchor_fit *fit_of(const struct pixel_calibration *p, const char *line) {
    for (uint32_t i = 0; i < p->n_fits; i++)
        if (strcmp(p->fits[i].line, line) == 0)
            return &p->fits[i];
    return NULL;
}

static size_t used_anchors(const struct pixel_calibration *p) {
    size_t used = 0;
    for (uint32_t i = 0; i < p->n_fits; i++)
        used += p->fits[i].used;
    return used;
}

/* Median over pixels with a curve of one number; NaN where value() says so is left out. */
static double typical_of(struct jury *j, double (*value)(const struct pixel_calibration *)) {
    size_t n = 0;
    for (uint32_t i = 0; i < j->t->n_pixels; i++) {
        double v = j->t->pixels[i].curve ? value(&j->t->pixels[i]) : NAN;
        if (isfinite(v))
            j->scratch[n++] = v;
    }
    return typical(j->scratch, n);
}

static double resolution(const struct pixel_calibration *p) { return p->resolution_eV; }
static double pulses(const struct pixel_calibration *p) { return p->pulses; }

static double gain(const struct pixel_calibration *p) {
    const struct curve_anchor *a;
    size_t n = calibration_curve_anchors(p->curve, &a);
    return a[n - 1].height / a[n - 1].energy_eV;
}

/* Median total width of a line over the pixels that have one of their own. */
static double usual_width(struct jury *j, const char *line) {
    size_t n = 0;
    for (uint32_t i = 0; i < j->t->n_pixels; i++) {
        const struct anchor_fit *f = j->t->pixels[i].curve ? fit_of(&j->t->pixels[i], line) : NULL;
        if (f && f->fwhm_sigma_eV > 0)
            j->scratch[n++] = f->fwhm_eV;
    }
    return typical(j->scratch, n);
}

/* A pixel without a line that measures its resolution: how much wider its lines are than usual, in quadrature. */
static void estimate_resolution(const struct jury *j, const double *width, struct pixel_calibration *p) {
    double sum = 0, weight = 0, usual = j->t->resolution_eV;
    for (size_t k = 0; k < j->plan->n_anchors; k++) {
        const struct anchor_fit *f = fit_of(p, j->plan->lines[k].line.name);
        if (!f || !(f->fwhm_sigma_eV > 0) || !isfinite(width[k]))
            continue;
        double sigma = 2 * f->fwhm_eV * f->fwhm_sigma_eV;
        sum += (f->fwhm_eV * f->fwhm_eV - width[k] * width[k]) / (sigma * sigma);
        weight += 1 / (sigma * sigma);
    }
    double square = usual * usual + sum / weight;
    if (!(weight > 0) || !(square > 0.25 * usual * usual))
        return;
    p->resolution_eV = sqrt(square);
    p->resolution_sigma_eV = 0.5 / (sqrt(weight) * p->resolution_eV);
}

static void judge_resolution(struct jury *j) {
    double usual = j->t->resolution_eV = typical_of(j, resolution), width[PLAN_MAX];
    for (size_t k = 0; k < j->plan->n_anchors; k++)
        width[k] = usual_width(j, j->plan->lines[k].line.name);
    for (uint32_t i = 0; i < j->t->n_pixels && usual > 0; i++) {
        struct pixel_calibration *p = &j->t->pixels[i];
        if (p->curve && !isfinite(p->resolution_eV))
            estimate_resolution(j, width, p);
        double ratio = p->resolution_eV / usual, sigma = p->resolution_sigma_eV / usual;
        if (!p->curve || !isfinite(ratio))
            continue;
        if (ratio - sigma > RESOLUTION_BAD)
            calibration_verdict_condemn(p, "noisy: resolution %.1f eV, %.1f times the array's", p->resolution_eV, ratio);
        else if (ratio - 2 * sigma > RESOLUTION_ODD)
            calibration_verdict_note(p, "resolution %.1f eV, %.1f times the array's", p->resolution_eV, ratio);
    }
}

/* Counts of a line per pulse in the typical pixel; NaN unless most pixels have it. */
static double usual_share(struct jury *j, const char *line) {
    size_t n = 0, curves = 0;
    for (uint32_t i = 0; i < j->t->n_pixels; i++) {
        const struct pixel_calibration *p = &j->t->pixels[i];
        const struct anchor_fit *f = p->curve ? fit_of(p, line) : NULL;
        curves += p->curve != NULL;
        if (f)
            j->scratch[n++] = f->counts / p->pulses;
    }
    return 2 * n > curves ? typical(j->scratch, n) : (double)NAN;
}

/* One line may be lost behind a dirty window; two that the others have are no accident. */
static void judge_missing(struct jury *j) {
    double share[PLAN_MAX];
    for (size_t k = 0; k < j->plan->n_anchors; k++)
        share[k] = usual_share(j, j->plan->lines[k].line.name);
    for (uint32_t i = 0; i < j->t->n_pixels && j->plan->n_anchors >= LINES_FOR_MISSING; i++) {
        struct pixel_calibration *p = &j->t->pixels[i];
        size_t missing = 0;
        for (size_t k = 0; k < j->plan->n_anchors && p->curve; k++) {
            const struct anchor_fit *f = fit_of(p, j->plan->lines[k].line.name);
            missing += share[k] * p->pulses > EXPECTED_COUNTS && !(f && f->used);
        }
        if (missing >= LINES_MISSING)
            calibration_verdict_condemn(p, "%zu of %zu lines missing that other pixels have", missing, j->plan->n_anchors);
    }
}

/* Residuals can be compared between pixels whose curves have the same anchors: all. */
static const struct anchor_fit *comparable_fit(const struct jury *j, const struct pixel_calibration *p, size_t k) {
    const struct anchor_fit *f = p->curve ? fit_of(p, j->plan->lines[k].line.name) : NULL;
    return f && f->used && isfinite(f->residual_eV) && used_anchors(p) == j->plan->n_anchors ? f : NULL;
}

/* How far an anchor may lie off the curve through the others when there is nothing to compare with. */
static double own_limit(const struct jury *j, const struct pixel_calibration *p, const char *line) {
    double before = NAN, energy = NAN, next = NAN;
    for (uint32_t i = 0; i < p->n_fits && !isfinite(next); i++) {
        if (!p->fits[i].used)
            continue;
        if (isfinite(energy))
            next = p->fits[i].energy_eV;
        else if (strcmp(p->fits[i].line, line) == 0)
            energy = p->fits[i].energy_eV;
        else
            before = p->fits[i].energy_eV;
    }
    if (isfinite(before) && isfinite(next))
        return LOO_INNER * j->plan->scale;
    double distance = isfinite(before) ? energy - before : next - energy;
    return LOO_END * j->plan->scale * fmax(1, distance / (LOO_REACH * j->plan->scale));
}

static void judge_residuals_of(struct jury *j, size_t k) {
    const char *line = j->plan->lines[k].line.name;
    size_t n = 0;
    for (uint32_t i = 0; i < j->t->n_pixels; i++) {
        const struct anchor_fit *f = comparable_fit(j, &j->t->pixels[i], k);
        if (f)
            j->scratch[n++] = f->residual_eV;
    }
    struct robust_centre all = robust_centre(j->scratch, n);
    bool compare = n >= ENOUGH_TO_COMPARE;
    for (uint32_t i = 0; i < j->t->n_pixels; i++) {
        struct pixel_calibration *p = &j->t->pixels[i];
        const struct anchor_fit *f = p->curve ? fit_of(p, line) : NULL;
        if (!f || !f->used || !isfinite(f->residual_eV))
            continue;
        bool alike = compare && comparable_fit(j, p, k) != NULL;
        double usual = alike ? all.median : 0, limit = own_limit(j, p, line);
        if (alike && n >= ENOUGH_FOR_SPREAD)
            limit = fmax(OUTLIER_SIGMAS * all.sigma, LOO_FLOOR * j->plan->scale);
        if (fabs(f->residual_eV - usual) < limit)
            continue;
        if (alike)
            calibration_verdict_condemn(p, "%s is %+.1f eV off the curve through the others, %+.1f in the typical pixel", line, f->residual_eV, usual);
        else
            calibration_verdict_condemn(p, "%s is %+.1f eV off the curve through the others", line, f->residual_eV);
    }
}

static enum status judge_shapes(struct jury *j) {
    const struct fit_plan *plan = j->plan;
    double low = 0.9 * plan->lines[0].line.energy_eV, high = 1.06 * plan->top_eV;
    struct spectrum_shapes *shapes = NULL;
    enum status status = spectrum_shapes_new(low, high, fmax(plan->scale, 0.4 * plan->resolution_eV), j->t->n_pixels, &shapes);
    for (uint32_t i = 0; i < j->t->n_pixels && status == STATUS_OK; i++) {
        const struct calibration_heights *h = &j->heights[i];
        double *energy = j->t->pixels[i].curve ? malloc((h->n + 1) * sizeof *energy) : NULL;
        if (!j->t->pixels[i].curve)
            continue;
        for (size_t k = 0; energy && k < h->n; k++)
            energy[k] = (double)calibration_curve_value(j->t->pixels[i].curve, h->heights[k]).energy_eV;
        status = energy ? spectrum_shapes_add(shapes, i, energy, h->n) : STATUS_NO_MEMORY;
        free(energy);
    }
    if (status == STATUS_OK)
        status = spectrum_shapes_finish(shapes);
    size_t n = 0;
    for (uint32_t i = 0; i < j->t->n_pixels && status == STATUS_OK; i++) {
        struct pixel_calibration *p = &j->t->pixels[i];
        const struct curve_anchor *a = NULL;
        if (p->curve && calibration_curve_anchors(p->curve, &a) > 0)
            p->shape_distance = spectrum_shapes_distance(shapes, i, 0.9 * a[0].energy_eV);
        if (isfinite(p->shape_distance))
            j->scratch[n++] = p->shape_distance;
    }
    spectrum_shapes_free(shapes);
    if (status != STATUS_OK)
        return status == STATUS_NO_MEMORY ? status : STATUS_OK;
    struct robust_centre all = robust_centre(j->scratch, n);
    for (uint32_t i = 0; i < j->t->n_pixels; i++) {
        struct pixel_calibration *p = &j->t->pixels[i];
        if (p->shape_distance > fmax(SHAPE_BAD, all.median + OUTLIER_SIGMAS * all.sigma))
            calibration_verdict_condemn(p, "spectrum unlike the other pixels': %.0f %% of it lies elsewhere", 100 * p->shape_distance);
    }
    return STATUS_OK;
}

static void note_uncertain_anchors(struct jury *j) {
    for (size_t k = 0; k < j->plan->n_anchors; k++) {
        const char *line = j->plan->lines[k].line.name;
        size_t n = 0;
        for (uint32_t i = 0; i < j->t->n_pixels; i++) {
            const struct pixel_calibration *p = &j->t->pixels[i];
            const struct anchor_fit *f = p->curve ? fit_of(p, line) : NULL;
            if (f && f->used)
                j->scratch[n++] = f->height_sigma * calibration_curve_slope(p->curve, f->height);
        }
        double limit = fmax(CENTRE_ODD * typical(j->scratch, n), CENTRE_WORTH * j->plan->scale);
        for (uint32_t i = 0; i < j->t->n_pixels; i++) {
            struct pixel_calibration *p = &j->t->pixels[i];
            const struct anchor_fit *f = p->curve ? fit_of(p, line) : NULL;
            double sigma = f && f->used ? f->height_sigma * calibration_curve_slope(p->curve, f->height) : 0;
            if (sigma > limit)
                calibration_verdict_note(p, "%s known to %.1f eV only", line, sigma);
        }
    }
}

static void note_oddities(struct jury *j) {
    double usual_gain = typical_of(j, gain), usual_pulses = typical_of(j, pulses);
    for (uint32_t i = 0; i < j->t->n_pixels; i++) {
        struct pixel_calibration *p = &j->t->pixels[i];
        const struct calibration_heights *h = &j->heights[i];
        if (h->no_pulse > LOST_BAD && p->pulses > 0)
            calibration_verdict_condemn(p, "%.0f %% of its records are no pulses (jumps of the readout, noise)", 100 * h->no_pulse);
        else if (h->no_pulse > LOST_ODD)
            calibration_verdict_note(p, "%.0f %% of its records are no pulses (jumps of the readout, noise)", 100 * h->no_pulse);
        if (h->clipped > LOST_ODD && !p->curve)
            calibration_verdict_condemn(p, "saturated: %.0f %% of its pulses are clipped", 100 * h->clipped);
        else if (h->clipped > LOST_ODD)
            calibration_verdict_note(p, "%.0f %% of its pulses are clipped", 100 * h->clipped);
        if (!p->curve)
            continue;
        double g = gain(p) / usual_gain, rate = p->pulses / usual_pulses;
        if (fabs(g - 1) > GAIN_ODD)
            calibration_verdict_note(p, "gain %.2f times the array's", g);
        if (rate > RATE_ODD || rate * RATE_ODD < 1)
            calibration_verdict_note(p, "%.2g times the array's pulses", rate);
    }
}

/* ---- the array as a whole ---- */

static void summarise_line(struct jury *j, size_t k) {
    struct calibration_table *t = j->t;
    const struct planned_line *l = &j->plan->lines[k];
    struct table_line *out = &t->lines[k];
    *out = (struct table_line){.energy_eV = l->line.energy_eV, .anchor = l->anchor, .residual_eV = NAN, .spread_eV = NAN};
    memcpy(out->line, l->line.name, sizeof out->line);
    size_t n = 0;
    for (uint32_t i = 0; i < t->n_pixels; i++) {
        const struct anchor_fit *f = t->pixels[i].curve ? fit_of(&t->pixels[i], out->line) : NULL;
        out->n += f != NULL;
        if (f && isfinite(f->residual_eV) && (!l->anchor || comparable_fit(j, &t->pixels[i], k)))
            j->scratch[n++] = f->residual_eV;
    }
    if (n == 0)
        return;
    struct robust_centre c = robust_centre(j->scratch, n);
    out->residual_eV = c.median;
    out->spread_eV = c.sigma;
}

__attribute__((format(printf, 2, 3)))
static void remark(struct calibration_table *t, const char *format, ...) {
    size_t used = strlen(t->remark);
    va_list args;
    va_start(args, format);
    vsnprintf(t->remark + used, sizeof t->remark - used, format, args);
    va_end(args);
}

static void remark_missing(struct jury *j) {
    uint32_t curves = 0;
    for (uint32_t i = 0; i < j->t->n_pixels; i++)
        curves += j->t->pixels[i].curve != NULL;
    for (size_t k = 0; k < j->plan->n_anchors; k++) {
        const struct table_line *l = &j->t->lines[k];
        if (curves >= ENOUGH_TO_COMPARE && 5 * l->n < curves)
            remark(j->t, "%sline %s (%.2f eV) found in %u of %u pixels: is it in the sample, and its energy right?", j->t->remark[0] ? "; " : "",
                   l->line, l->energy_eV, l->n, curves);
    }
}

static enum status find_fault(struct jury *j) {
    size_t lines = j->plan->n_anchors, n = 0;
    double *height = malloc(((size_t)j->t->n_pixels * lines + 1) * sizeof *height), energy[PLAN_MAX];
    if (!height)
        return STATUS_NO_MEMORY;
    for (uint32_t i = 0; i < j->t->n_pixels; i++) {
        if (j->t->pixels[i].verdict != VERDICT_GOOD || !comparable_fit(j, &j->t->pixels[i], 0))
            continue;
        for (size_t k = 0; k < lines; k++)
            height[n * lines + k] = fit_of(&j->t->pixels[i], j->plan->lines[k].line.name)->height;
        n++;
    }
    for (size_t k = 0; k < lines; k++)
        energy[k] = j->plan->lines[k].line.energy_eV;
    struct table_fault f;
    enum status status = table_fault_find(height, n, energy, lines, FAULT_LEAST * j->plan->scale, &f);
    free(height);
    if (status != STATUS_OK)
        return status == STATUS_NO_MEMORY ? status : STATUS_OK;
    struct table_line *l = &j->t->lines[f.line];
    l->fault_eV = f.fault_eV;
    remark(j->t, "%sthe table has %s%s%s at %.2f eV, %+.1f(%.2f) eV from where all pixels have it: the table's or the mix's fault, not the pixels'",
           j->t->remark[0] ? "; " : "", l->line, f.other != f.line ? " or " : "", f.other != f.line ? j->t->lines[f.other].line : "", l->energy_eV, f.fault_eV,
           f.sigma_eV);
    return STATUS_OK;
}

enum status calibration_verdict_judge(struct calibration_table *t, const struct fit_plan *plan, const struct calibration_heights *pixels) {
    struct jury j = {.t = t, .plan = plan, .heights = pixels, .scratch = malloc((t->n_pixels + (size_t)1) * sizeof(double))};
    if (!j.scratch)
        return STATUS_NO_MEMORY;
    t->n_lines = (uint32_t)plan->n;
    for (size_t k = 0; k < plan->n; k++)
        summarise_line(&j, k);
    remark_missing(&j);
    for (size_t k = 0; k < plan->n_anchors; k++)
        judge_residuals_of(&j, k);
    judge_missing(&j);
    judge_resolution(&j);
    enum status status = judge_shapes(&j);
    note_uncertain_anchors(&j);
    note_oddities(&j);
    if (status == STATUS_OK)
        status = find_fault(&j);
    free(j.scratch);
    return status;
}

struct ranked { double resolution_eV; uint32_t pixel; };

static int by_resolution(const void *a, const void *b) {
    const struct ranked *x = a, *y = b;
    double p = isnan(x->resolution_eV) ? INFINITY : x->resolution_eV, q = isnan(y->resolution_eV) ? INFINITY : y->resolution_eV;
    if (p < q || p > q)
        return p < q ? -1 : 1;
    return (x->pixel > y->pixel) - (x->pixel < y->pixel);
}

enum status calibration_verdict_rank(struct calibration_table *t) {
    struct ranked *list = malloc((t->n_pixels + (size_t)1) * sizeof *list);
    if (!list)
        return STATUS_NO_MEMORY;
    uint32_t n = 0;
    for (uint32_t i = 0; i < t->n_pixels; i++) {
        t->pixels[i].rank = 0;
        if (t->pixels[i].curve && isfinite(t->pixels[i].resolution_eV))
            list[n++] = (struct ranked){t->pixels[i].resolution_eV, i};
    }
    qsort(list, n, sizeof *list, by_resolution);
    for (uint32_t i = 0; i < n; i++)
        t->pixels[list[i].pixel].rank = i + 1;
    free(list);
    return STATUS_OK;
}

enum status calibration_verdict_keep_best(const double *resolution_eV, uint8_t *used, uint32_t n_pixels, uint32_t best) {
    struct ranked *list = malloc((n_pixels + (size_t)1) * sizeof *list);
    if (!list)
        return STATUS_NO_MEMORY;
    uint32_t n = 0;
    for (uint32_t i = 0; i < n_pixels; i++)
        if (used[i])
            list[n++] = (struct ranked){resolution_eV[i], i};
    qsort(list, n, sizeof *list, by_resolution);
    for (uint32_t i = best; best > 0 && i < n; i++)
        used[list[i].pixel] = 0;
    free(list);
    return STATUS_OK;
}
