#include "calib/calibration_form.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "calib/calibration_verdict.h"
#include "calib/gain_spline.h"
#include "pulse/robust.h"

enum { FEWEST_TO_LEAVE_OUT = 4 };

bool calibration_form_named(const char *name, enum curve_form *out) {
    for (int i = 0; i < N_CURVE_FORMS; i++)
        if (strcmp(name, curve_form_names[i]) == 0) {
            *out = (enum curve_form)i;
            return true;
        }
    return false;
}

/* Energy of the point left out; NaN when the others make no curve. */
static double energy_by_others(const struct anchor_fit *const *used, size_t n, size_t left_out, enum curve_form form) {
    double x[CURVE_MAX_ANCHORS], gain[CURVE_MAX_ANCHORS], sigma[CURVE_MAX_ANCHORS];
    size_t m = 0;
    struct gain_fit fit;
    struct natural_spline curve;
    for (size_t i = 0; i < n; i++) {
        const struct anchor_fit *f = used[i];
        if (i == left_out)
            continue;
        x[m] = f->height;
        gain[m] = f->height / f->energy_eV;
        sigma[m] = gain[m] * hypot(f->height_sigma / f->height, f->energy_unc_eV / f->energy_eV);
        m++;
    }
    if (gain_fit_init(&fit, form, x, gain, sigma, m) != STATUS_OK)
        return NAN;
    gain_fit_curve(&fit, gain, &curve);
    return gain_spline_energy(&curve, used[left_out]->height);
}

void calibration_form_leave_one_out(struct pixel_calibration *p, enum curve_form form) {
    const struct anchor_fit *used[CURVE_MAX_ANCHORS];
    size_t n = 0, at[CURVE_MAX_ANCHORS];
    for (uint32_t i = 0; i < p->n_fits; i++)
        if (p->fits[i].used) {
            used[n] = &p->fits[i];
            at[n++] = i;
        }
    for (size_t k = 0; k < n && n >= FEWEST_TO_LEAVE_OUT; k++)
        p->fits[at[k]].residual_eV = energy_by_others(used, n, k, form) - used[k]->energy_eV;
}

static enum status set_pixel(struct pixel_calibration *p, enum curve_form form) {
    const struct curve_anchor *anchors;
    struct calibration_curve *curve;
    if (!p->curve || calibration_curve_form(p->curve) == form)
        return STATUS_OK;
    size_t n = calibration_curve_anchors(p->curve, &anchors);
    enum status status = calibration_curve_new(form, anchors, n, &curve);
    if (status == STATUS_NO_MEMORY)
        return status;
    calibration_curve_free(p->curve);
    p->curve = NULL;
    if (status != STATUS_OK) {
        calibration_verdict_condemn(p, "the curve is not monotone in the form %s", curve_form_names[form]);
        return STATUS_OK;
    }
    p->curve = curve;
    calibration_form_leave_one_out(p, form);
    for (uint32_t i = 0; i < p->n_fits; i++)
        if (!p->fits[i].used)
            p->fits[i].residual_eV = (double)calibration_curve_value(curve, (float)p->fits[i].height).energy_eV - p->fits[i].energy_eV;
    return STATUS_OK;
}

/* Whether the pixel's curve has all anchors of the table: only such residuals can be compared. */
static bool is_whole(const struct calibration_table *t, const struct pixel_calibration *p) {
    size_t anchors = 0, used = 0;
    for (uint32_t k = 0; k < t->n_lines; k++)
        anchors += t->lines[k].anchor;
    for (uint32_t i = 0; i < p->n_fits; i++)
        used += p->fits[i].used;
    return p->curve && used == anchors;
}

static void summarise(struct calibration_table *t, struct table_line *l, double *scratch) {
    size_t n = 0;
    for (uint32_t i = 0; i < t->n_pixels; i++) {
        const struct pixel_calibration *p = &t->pixels[i];
        for (uint32_t k = 0; k < p->n_fits; k++)
            if (strcmp(p->fits[k].line, l->line) == 0 && p->curve && isfinite(p->fits[k].residual_eV) && (!l->anchor || is_whole(t, p)))
                scratch[n++] = p->fits[k].residual_eV;
    }
    struct robust_centre c = robust_centre(scratch, n);
    l->residual_eV = c.median;
    l->spread_eV = c.sigma;
}

enum status calibration_form_set(struct calibration_table *t, enum curve_form form) {
    double *scratch = malloc((t->n_pixels + (size_t)1) * sizeof *scratch);
    enum status status = scratch ? STATUS_OK : STATUS_NO_MEMORY;
    t->form = form;
    for (uint32_t i = 0; i < t->n_pixels && status == STATUS_OK; i++)
        status = set_pixel(&t->pixels[i], form);
    for (uint32_t k = 0; k < t->n_lines && status == STATUS_OK && form != CURVE_SPLINE; k++)
        summarise(t, &t->lines[k], scratch);
    free(scratch);
    return status == STATUS_OK ? calibration_verdict_rank(t) : status;
}
