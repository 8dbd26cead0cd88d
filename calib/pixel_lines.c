#include "calib/pixel_lines.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "calib/line_fit.h"
#include "calib/line_match.h"
#include "calib/peak_find.h"

/* A maximum is worth a fit from 2 sigma on: it lies where a line is expected. The fitted area must be significant. */
static const double MAXIMUM_COUNTS = 4, MAXIMUM_SIGMAS = 2;
static const double FEWEST_COUNTS = 6, SIGNIFICANT = 3;
static const double WIDTH_NEEDS = 40;       /* counts in the window; with fewer the width is held at what the array has */
static const double CENTRE_SIGMA = 0.15;    /* of the line's width: about 8 counts without background */
/* A wrong model shows in proportion to the counts: deviance above expectation per count. The asymmetry of real C, N and O
 * lines amounts to 0.15 (SSRL 10-1, N); and less than 6 sigma of the deviance is not evidence at all. */
static const double MISFIT_PER_COUNT = 0.25, MISFIT_SIGMAS = 6;

double pixel_lines_pick(const struct pixel_heights *pixel, const struct planned_line *line, double expected, double search_eV, double eV_per_unit) {
    struct peak top;
    double reach = search_eV / eV_per_unit;
    if (!isfinite(expected) || !peak_find_highest(pixel->smooth, expected - reach, expected + reach, &top))
        return NAN;
    /* counts under the smoothing kernel, at the maximum and at the lower of the two feet two widths away */
    double kernel = 1.064 * pixel->smooth_fwhm / pixel->smooth->width, width = hypot(line->fwhm_eV / eV_per_unit, pixel->smooth_fwhm);
    double foot = fmin(spectrum_value(pixel->smooth, top.at - 1.5 * width), spectrum_value(pixel->smooth, top.at + 1.5 * width));
    double counts = top.value * kernel, excess = (top.value - foot) * kernel;
    return excess >= MAXIMUM_COUNTS && excess > MAXIMUM_SIGMAS * sqrt(counts) ? top.at : NAN;
}

/* First index whose height is not below `at`. */
static size_t lower_bound(const struct pixel_heights *pixel, double at) {
    size_t low = 0, high = pixel->n;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if ((double)pixel->sorted[middle] < at)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Counts around `start` on a locally linear energy axis with 0 at start. */
static enum status window_histogram(const struct pixel_heights *pixel, const struct planned_line *l, double start, double eV_per_unit, double bin_eV,
                                    struct spectrum **out) {
    double bins = ceil((l->below_eV + l->above_eV) / bin_eV);
    if (!(bins < LINE_FIT_MAX_BINS))
        return STATUS_BAD_VALUE;
    enum status status = spectrum_new(-l->below_eV, bin_eV, (size_t)bins, out);
    if (status != STATUS_OK)
        return status;
    double first = start - l->below_eV / eV_per_unit, last = start + (bins * bin_eV - l->below_eV) / eV_per_unit;
    for (size_t i = lower_bound(pixel, first); i < pixel->n && (double)pixel->sorted[i] < last; i++)
        spectrum_add(*out, ((double)pixel->sorted[i] - start) * eV_per_unit, 1);
    return STATUS_OK;
}

static bool is_misfit(const struct line_fit *f) {
    double excess = f->deviance - f->expected_deviance;
    return excess > MISFIT_SIGMAS * sqrt(2 * f->dof) && excess > MISFIT_PER_COUNT * (f->counts + f->companion_counts);
}

static enum line_state judge(const struct planned_line *l, const struct line_fit *f, double fwhm_eV) {
    if (f->counts < FEWEST_COUNTS || f->counts < SIGNIFICANT * f->counts_sigma || fabs(f->centre_eV) > 0.8 * fmin(l->below_eV, l->above_eV))
        return LINE_NOT_FOUND;
    if (!(f->centre_sigma_eV < CENTRE_SIGMA * fmax(fwhm_eV, l->fwhm_eV)))
        return LINE_UNCERTAIN;
    return is_misfit(f) ? LINE_MISFIT : LINE_GOOD;
}

static double own_fwhm(const struct line_shape *s) {
    return s->total_is_gauss ? 0 : s->n == 1 && !(s->component[0].lorentz_fwhm_eV > 0) ? s->component[0].gauss_fwhm_eV : (double)NAN;
}

static void record_window(const struct planned_line *l, const struct spectrum *histogram, const struct line_fit *f, double slope, struct found_line *out) {
    out->fit.window_low = out->start + histogram->low / slope;
    out->fit.window_bin = histogram->width / slope;
    out->fit.window_bins = (uint32_t)histogram->n;
    out->fit.eV_per_unit = slope;
    out->fit.gauss_fwhm_eV = f->gauss_fwhm_eV;
    out->fit.own_fwhm_eV = own_fwhm(&l->shape);
    out->fit.background_per_eV = f->background_per_eV;
    out->fit.companion_counts = f->companion_counts;
    out->fit.companion_offset_eV = l->has_companion ? l->companion_offset_eV : 0;
    out->fit.companion_own_fwhm_eV = l->has_companion ? own_fwhm(&l->companion) : 0;
    out->fit.tail_fraction = l->shape.tail.fraction;
    out->fit.tail_eV = l->shape.tail.length_eV;
}

static double correlation(const struct line_fit *f, int i, int k) {
    double scale = sqrt(f->covariance[i][i] * f->covariance[k][k]);
    return scale > 0 ? f->covariance[i][k] / scale : 0;
}

static void record_fit(const struct planned_line *l, const struct line_fit *f, double slope, struct found_line *out) {
    out->gauss_fwhm_eV = f->gauss_fwhm_eV;
    out->width_slope = f->width_slope;
    out->width_information = f->width_information;
    out->fit.height = out->start + f->centre_eV / slope;
    out->fit.height_sigma = f->centre_sigma_eV / slope;
    out->fit.fwhm_eV = l->shape.total_is_gauss ? f->gauss_fwhm_eV : line_shape_fwhm(&l->shape, f->gauss_fwhm_eV);
    out->fit.fwhm_sigma_eV = f->gauss_fwhm_sigma_eV * f->gauss_fwhm_eV / out->fit.fwhm_eV;
    out->fit.counts = f->counts;
    out->fit.counts_sigma = f->counts_sigma;
    out->fit.correlation[0] = correlation(f, 0, 1);
    out->fit.correlation[1] = correlation(f, 0, 2);
    out->fit.correlation[2] = correlation(f, 1, 2);
    out->fit.deviance_per_dof = f->deviance / f->expected_deviance;
    out->state = judge(l, f, out->fit.fwhm_eV);
}

static void begin(const struct planned_line *l, struct found_line *out) {
    out->state = LINE_NOT_FOUND;
    out->fit = (struct anchor_fit){.energy_eV = l->line.energy_eV, .energy_unc_eV = l->line.unc_eV, .height = NAN, .residual_eV = NAN};
    snprintf(out->fit.line, sizeof out->fit.line, "%s", l->line.name);
}

enum status pixel_lines_window(const struct pixel_heights *pixel, const struct fit_plan *plan, const struct natural_spline *rough, size_t index,
                               const struct found_line *found, struct spectrum **out) {
    double slope = isfinite(found->start) ? gain_spline_slope(rough, found->start) : (double)NAN;
    if (!(slope > 0))
        return STATUS_NOT_FOUND;
    return window_histogram(pixel, &plan->lines[index], found->start, slope, plan->bin_eV, out);
}

static struct line_fit_request request_of(const struct planned_line *l, const struct spectrum *histogram) {
    return (struct line_fit_request){.histogram = histogram, .shape = &l->shape, .companion = l->has_companion ? &l->companion : NULL,
                                     .companion_offset_eV = l->companion_offset_eV, .start_fwhm_eV = l->gauss_fwhm_eV};
}

/* held: the Gaussian in eV when it is not the line's to choose; 0: it is. `loose`: it is after all when that does not fit. */
static void fit_one(const struct pixel_heights *pixel, const struct fit_plan *plan, const struct natural_spline *rough, size_t index, double held, bool loose,
                    struct found_line *out) {
    const struct planned_line *l = &plan->lines[index];
    struct spectrum *histogram;
    begin(l, out);
    if (pixel_lines_window(pixel, plan, rough, index, out, &histogram) != STATUS_OK)
        return;
    double slope = gain_spline_slope(rough, out->start);
    struct line_fit_request request = request_of(l, histogram);
    request.fixed_fwhm = held > 0 || histogram->total < WIDTH_NEEDS;
    request.start_fwhm_eV = held > 0 ? held : l->gauss_fwhm_eV;
    struct line_fit f;
    enum status status = line_fit(&request, &f);
    if (status == STATUS_OK && loose && held > 0 && is_misfit(&f)) {
        request.fixed_fwhm = false;
        status = line_fit(&request, &f);
    }
    if (status == STATUS_OK) {
        record_window(l, histogram, &f, slope, out);
        record_fit(l, &f, slope, out);
    }
    spectrum_free(histogram);
}

void pixel_lines_fit(const struct pixel_heights *pixel, const struct fit_plan *plan, const struct natural_spline *rough, size_t from, size_t to,
                     struct found_line *found) {
    for (size_t i = from; i < to; i++)
        if (plan->lines[i].width_of < 0)
            fit_one(pixel, plan, rough, i, 0, false, &found[i]);
    for (size_t i = from; i < to; i++) {
        const struct found_line *width_from = plan->lines[i].width_of >= 0 ? &found[plan->lines[i].width_of] : NULL;
        if (width_from)
            fit_one(pixel, plan, rough, i, width_from->state == LINE_GOOD ? width_from->gauss_fwhm_eV : 0, true, &found[i]);
    }
}

/* The slope to which the shared Gaussian belongs. */
static double width_slope(const struct natural_spline *rough) {
    return gain_spline_slope(rough, rough->x[rough->n - 1]);
}

void pixel_lines_fit_shared(const struct pixel_heights *pixel, const struct fit_plan *plan, const struct natural_spline *rough, struct found_line *found,
                            struct shared_width *width) {
    struct shared_line lines[PLAN_MAX];
    struct spectrum *histogram[PLAN_MAX];
    size_t index[PLAN_MAX], n = 0;
    for (size_t i = 0; i < plan->n_anchors; i++) {
        begin(&plan->lines[i], &found[i]);
        if (pixel_lines_window(pixel, plan, rough, i, &found[i], &histogram[n]) != STATUS_OK)
            continue;
        lines[n] = (struct shared_line){.request = request_of(&plan->lines[i], histogram[n]), .scale = gain_spline_slope(rough, found[i].start) / width_slope(rough)};
        index[n++] = i;
    }
    struct shared_width w;
    bool known = shared_width_fit(lines, n, width->fwhm_eV > 0 ? width->fwhm_eV : plan->resolution_eV, &w) == STATUS_OK;
    for (size_t k = 0; k < n; k++) {
        struct found_line *out = &found[index[k]];
        if (known && lines[k].status == STATUS_OK) {
            double slope = gain_spline_slope(rough, out->start);
            record_window(&plan->lines[index[k]], histogram[k], &lines[k].fit, slope, out);
            record_fit(&plan->lines[index[k]], &lines[k].fit, slope, out);
        }
        spectrum_free(histogram[k]);
    }
    if (known)
        *width = w;
}

void pixel_lines_fit_checks(const struct pixel_heights *pixel, const struct fit_plan *plan, const struct natural_spline *rough, const struct shared_width *width,
                            struct found_line *found) {
    for (size_t i = plan->n_anchors; i < plan->n; i++) {
        double held = plan->lines[i].shape.total_is_gauss || !isfinite(found[i].start) ? 0 : width->fwhm_eV * gain_spline_slope(rough, found[i].start) / width_slope(rough);
        fit_one(pixel, plan, rough, i, held, false, &found[i]);
    }
}

/* Heights and energies of the anchors that are there; returns how many. */
static size_t collect(const struct fit_plan *plan, const struct found_line *found, bool fitted, double *height, double *energy_eV) {
    size_t n = 0;
    for (size_t i = 0; i < plan->n_anchors; i++) {
        double at = fitted ? found[i].fit.height : found[i].start;
        if ((fitted && found[i].state != LINE_GOOD) || !isfinite(at))
            continue;
        height[n] = at;
        energy_eV[n++] = plan->lines[i].line.energy_eV;
    }
    return n;
}

bool pixel_lines_spline(const struct fit_plan *plan, const struct found_line *found, bool fitted, struct natural_spline *out) {
    double height[PLAN_MAX], energy[PLAN_MAX];
    size_t n = collect(plan, found, fitted, height, energy);
    for (size_t i = 1; i < n; i++)
        if (!(height[i] > height[i - 1]))
            return false;
    if (n < 2 || !(height[0] > 0))
        return false;
    gain_spline_init(out, height, energy, n);
    return gain_spline_is_monotone(out);
}

double pixel_lines_roughness(const struct fit_plan *plan, const struct found_line *found) {
    double height[PLAN_MAX], energy[PLAN_MAX], sigma[PLAN_MAX], gain[3];
    size_t n = collect(plan, found, false, height, energy);
    for (size_t i = 0; i < n; i++)
        sigma[i] = plan->scale;
    return n < 2 ? NAN : line_match_gain_fit(height, energy, sigma, n, gain, NULL);
}
