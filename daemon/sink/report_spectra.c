#include "daemon/sink/report_spectra.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "calib/line_fit.h"
#include "pulse/robust.h"

enum { BINS_WITHOUT_CURVE = 600, FEWEST_PULSES = 20, FEWEST_IN_SLICE = 8 };

static const double BINS_PER_RESOLUTION = 3;
static const double MARGIN = 0.03;         /* beyond the outermost 0.1 %, of the range */
/* A median over +- 1 FWHM moves by 94 % of what a line moves, and neighbours seldom come that near. */
static const double SLICE_REACH = 1;       /* FWHM */

enum status report_spectra_new(size_t n_pixels, size_t max_tables, struct report_spectra **out) {
    struct report_spectra *s = calloc(1, sizeof *s);
    if (!s)
        return STATUS_NO_MEMORY;
    *s = (struct report_spectra){ .n_pixels = n_pixels, .max_tables = max_tables, .pixels = calloc(n_pixels * max_tables + 1, sizeof *s->pixels) };
    if (!s->pixels) {
        free(s);
        return STATUS_NO_MEMORY;
    }
    *out = s;
    return STATUS_OK;
}

void report_spectra_free(struct report_spectra *s) {
    if (!s)
        return;
    for (size_t i = 0; i < s->n_tables * s->n_pixels; i++) {
        spectrum_free(s->pixels[i].spectrum);
        for (size_t k = 0; k < CURVE_MAX_ANCHORS; k++)
            spectrum_free(s->pixels[i].windows[k]);
    }
    free(s->pixels);
    free(s);
}

const struct report_pixel *report_spectra_of(const struct report_spectra *s, size_t table, size_t pixel) {
    return s && table < s->n_tables && pixel < s->n_pixels ? &s->pixels[table * s->n_pixels + pixel] : NULL;
}

/* Slope of the curve at its top anchor, eV per unit. */
static double slope_at_top(const struct calibration_curve *c) {
    const struct curve_anchor *anchors;
    size_t n = calibration_curve_anchors(c, &anchors);
    return calibration_curve_slope(c, anchors[n - 1].height);
}

static enum status fill_spectrum(const struct pixel_calibration *p, const struct calibration_heights *h, struct spectrum **out) {
    double low, high;
    if (h->n < FEWEST_PULSES || spectrum_limits(h->heights, h->n, 0.001, &low, &high) != STATUS_OK || !(high > low))
        return STATUS_OK;
    double margin = MARGIN * (high - low);
    low = fmax(low - margin, 0);
    high += margin;
    double width = (high - low) / BINS_WITHOUT_CURVE;
    if (p->curve && p->resolution_eV > 0)
        width = p->resolution_eV / BINS_PER_RESOLUTION / slope_at_top(p->curve);
    width = fmax(width, (high - low) / (REPORT_BINS - 1));
    enum status s = spectrum_new(low, width, (size_t)ceil((high - low) / width), out);
    if (s == STATUS_OK)
        spectrum_fill(*out, h->heights, h->n);
    return s == STATUS_NO_MEMORY ? s : STATUS_OK;
}

static enum status fill_windows(const struct pixel_calibration *p, const struct calibration_heights *h, struct spectrum **out) {
    for (uint32_t k = 0; k < p->n_fits && p->verdict != VERDICT_STALE; k++) {
        const struct anchor_fit *f = &p->fits[k];
        if (f->window_bins == 0 || f->window_bins > LINE_FIT_MAX_BINS || !(f->window_bin > 0))
            continue;
        enum status s = spectrum_new(f->window_low, f->window_bin, f->window_bins, &out[k]);
        if (s == STATUS_NO_MEMORY)
            return s;
        if (s == STATUS_OK)
            spectrum_fill(out[k], h->heights, h->n);
    }
    return STATUS_OK;
}

/* Distance in eV from the line of the curve whose reach a height falls in; NaN: none. */
static double distance_from_line(const struct pixel_calibration *p, double height) {
    for (uint32_t k = 0; k < p->n_fits; k++) {
        const struct anchor_fit *f = &p->fits[k];
        double away = (height - f->height) * f->eV_per_unit;
        if (f->used && fabs(away) <= SLICE_REACH * f->fwhm_eV)
            return away;
    }
    return NAN;
}

/* distances: room for n. Returns how many pulses of [from, to) lie in lines. */
static size_t collect(const struct pixel_calibration *p, const struct calibration_heights *h, size_t from, size_t to, double *distances) {
    size_t n = 0;
    for (size_t i = from; i < to; i++) {
        double d = distance_from_line(p, (double)h->heights[i]);
        if (isfinite(d))
            distances[n++] = d;
    }
    return n;
}

static enum status fill_slices(const struct pixel_calibration *p, const struct calibration_heights *h, struct report_pixel *out) {
    double *distances = malloc((h->n + 1) * sizeof *distances);
    if (!distances)
        return STATUS_NO_MEMORY;
    double all = robust_median(distances, collect(p, h, 0, h->n, distances));
    for (size_t k = 0; k < REPORT_SLICES; k++) {
        size_t n = collect(p, h, k * h->n / REPORT_SLICES, (k + 1) * h->n / REPORT_SLICES, distances);
        struct robust_centre c = robust_centre(distances, n);
        bool known = n >= FEWEST_IN_SLICE;
        /* 1.2533: a median's error against a mean's */
        out->slices[k] = (struct report_slice){ .offset_eV = known ? c.median - all : (double)NAN, .sigma_eV = known ? 1.2533 * c.sigma / sqrt((double)n) : (double)NAN };
        out->n_slices = known ? REPORT_SLICES : out->n_slices;
    }
    free(distances);
    return STATUS_OK;
}

/* After a step within the calibration only the later pulses were learnt from. */
static struct calibration_heights learnt_from(const struct pixel_calibration *p, struct calibration_heights h) {
    while (p->valid_from_ns > 0 && h.time_ns && h.n > 0 && h.time_ns[0] < p->valid_from_ns) {
        h.heights++;
        h.time_ns++;
        h.n--;
    }
    return h;
}

enum status report_spectra_add(struct report_spectra *s, const struct calibration_table *t, const struct calibration_heights *heights) {
    assert(s->n_tables < s->max_tables && t->n_pixels == s->n_pixels);
    struct report_pixel *row = s->pixels + s->n_tables++ * s->n_pixels;
    for (size_t i = 0; i < s->n_pixels; i++) {
        const struct pixel_calibration *p = &t->pixels[i];
        struct calibration_heights later = learnt_from(p, heights[i]);
        enum status status = fill_spectrum(p, &later, &row[i].spectrum);
        if (status == STATUS_OK)
            status = fill_windows(p, &later, row[i].windows);
        if (status == STATUS_OK && p->curve && p->verdict != VERDICT_STALE)
            status = fill_slices(p, &heights[i], &row[i]);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}
