#include "daemon/sink/report_fit.h"

#include <math.h>
#include <string.h>

#include "calib/line_shape.h"

/* own_fwhm_eV: of a single Gaussian; NaN: the table's profile of the line. */
static struct line_shape shape_of(const struct reference_line *known, double own_fwhm_eV, const struct anchor_fit *f) {
    struct line_shape shape = { .n = 1, .component = { { .share = 1, .gauss_fwhm_eV = own_fwhm_eV } } };
    if (isnan(own_fwhm_eV) && known)
        line_shape_init(&shape, known);
    else if (isnan(own_fwhm_eV))
        shape.component[0].gauss_fwhm_eV = 0;
    if (f->tail_fraction > 0 && f->tail_fraction < 1 && f->tail_eV > 0)
        shape.tail = (struct line_tail){ f->tail_fraction, f->tail_eV };
    return shape;
}

static const struct reference_line *line_named(const struct line_table *t, const char *name) {
    for (size_t i = 0; i < t->n; i++)
        if (strcmp(t->lines[i].name, name) == 0)
            return &t->lines[i];
    return NULL;
}

static const struct reference_line *line_at(const struct line_table *t, double energy_eV) {
    for (size_t i = 0; i < t->n; i++)
        if (fabs(t->lines[i].energy_eV - energy_eV) < 1e-6)
            return &t->lines[i];
    return NULL;
}

static bool is_drawable(const struct anchor_fit *f) {
    return f->window_bins > 0 && f->window_bins <= LINE_FIT_MAX_BINS && f->window_bin > 0 && f->eV_per_unit > 0 && f->gauss_fwhm_eV > 0 &&
           isfinite(f->window_low) && isfinite(f->height) && isfinite(f->window_bin * f->eV_per_unit) && isfinite(f->gauss_fwhm_eV);
}

enum status report_fit_model(const struct anchor_fit *f, const struct line_table *lines, struct report_model *out) {
    if (!is_drawable(f))
        return STATUS_BAD_VALUE;
    double centre_slope[LINE_FIT_MAX_BINS] = { 0 }, width_slope[LINE_FIT_MAX_BINS] = { 0 };
    double first = (f->window_low - f->height) * f->eV_per_unit, width = f->window_bin * f->eV_per_unit;
    struct line_shape shape = shape_of(line_named(lines, f->line), f->own_fwhm_eV, f);
    *out = (struct report_model){ .n = f->window_bins, .background = f->background_per_eV * width };
    struct shape_bins bins = { .area = out->expected, .per_centre = centre_slope, .per_fwhm = width_slope };
    line_shape_add_bins(&shape, f->gauss_fwhm_eV, f->counts, first, width, out->n, &bins);
    if (f->companion_counts > 0) {
        const struct reference_line *beside = line_at(lines, f->energy_eV + f->companion_offset_eV);
        if (beside || !isnan(f->companion_own_fwhm_eV))  /* else the elastic line, which is fitted with the profile of its neighbour */
            shape = shape_of(beside, f->companion_own_fwhm_eV, f);
        line_shape_add_bins(&shape, f->gauss_fwhm_eV, f->companion_counts, first - f->companion_offset_eV, width, out->n, &bins);
    }
    for (size_t i = 0; i < out->n; i++)
        out->expected[i] += out->background;
    return STATUS_OK;
}
