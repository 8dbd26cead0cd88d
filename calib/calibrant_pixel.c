#include "calib/calibrant_pixel.h"

#include <math.h>
#include <string.h>

#include "calib/line_fit.h"
#include "calib/peak_find.h"

static const double SEARCH = 14.0, WINDOW = 2.4, USUAL_RESOLUTION = 3.0;   /* eV; x resolution */
static const double CLEAR = 6, CLEAR_WIDTHS = 2.5;   /* eV and resolutions: what is found of a line this near the elastic one may be that */
static const double DRIFT = 5e-4;              /* relative, between states: prior */
static const double SAME_MONO = 1.0;            /* eV */
static const double LEAST_COUNTS = 25, SIGNIFICANT = 5;

/* The state whose curve of this pixel has most anchors; n_states: none. */
static size_t best_state(const struct calibrant_state *states, size_t n_states, uint32_t pixel) {
    size_t best = n_states, most = 0;
    for (size_t s = 0; s < n_states; s++) {
        const struct curve_anchor *anchors;
        const struct calibration_table *t = states[s].table;
        size_t n = t && t->pixels[pixel].curve ? calibration_curve_anchors(t->pixels[pixel].curve, &anchors) : 0;
        if (n > most && t->pixels[pixel].verdict == VERDICT_GOOD) {
            most = n;
            best = s;
        }
    }
    return best;
}

static double resolution_of(const struct calibrant_state *state, uint32_t pixel) {
    const struct pixel_calibration *p = &state->table->pixels[pixel];
    return p->resolution_eV > 0 ? p->resolution_eV : state->table->resolution_eV > 0 ? state->table->resolution_eV : USUAL_RESOLUTION;
}

/* Counts within reach of a place of the curve, on its energy axis. */
static enum status histogram_around(const struct calibration_heights *h, const struct calibration_curve *curve, double centre_eV, double reach_eV, double bin_eV,
                                    struct spectrum **out) {
    size_t bins = (size_t)ceil(2 * reach_eV / bin_eV);
    enum status status = bins > LINE_FIT_MAX_BINS ? STATUS_BAD_VALUE : spectrum_new(centre_eV - reach_eV, bin_eV, bins, out);
    for (size_t i = 0; status == STATUS_OK && i < h->n; i++) {
        double e = (double)calibration_curve_value(curve, h->heights[i]).energy_eV;
        if (fabs(e - centre_eV) <= reach_eV)
            spectrum_add(*out, e, 1);
    }
    return status;
}

/* The highest place of a smoothed spectrum within SEARCH of where the line should be; NaN: none. */
static double find_top(const struct calibration_heights *h, const struct calibration_curve *curve, double mono_eV, double resolution) {
    struct spectrum *raw, *smooth = NULL;
    struct peak top;
    double at = NAN;
    if (histogram_around(h, curve, mono_eV, SEARCH + 2 * resolution, resolution / 6, &raw) != STATUS_OK)
        return NAN;
    if (spectrum_smooth(raw, resolution, &smooth) == STATUS_OK && peak_find_highest(smooth, mono_eV - SEARCH, mono_eV + SEARCH, &top))
        at = top.at;
    spectrum_free(raw);
    spectrum_free(smooth);
    return at;
}

static struct height_error fit_elastic(const struct calibrant_state *state, const struct calibration_curve *curve, uint32_t pixel, double resolution) {
    struct height_error none = {NAN, NAN}, found;
    const struct calibration_heights *h = &state->heights[pixel];
    double top = find_top(h, curve, state->mono_eV, resolution);
    struct spectrum *histogram;
    struct line_shape shape;
    struct line_fit f;
    if (!isfinite(top) || histogram_around(h, curve, top, WINDOW * resolution, resolution / 6, &histogram) != STATUS_OK)
        return none;
    line_shape_init(&shape, &(struct reference_line){.name = "elastic", .energy_eV = state->mono_eV});
    struct line_fit_request request = {.histogram = histogram, .shape = &shape, .start_centre_eV = top, .start_fwhm_eV = resolution};
    enum status status = line_fit(&request, &f);
    spectrum_free(histogram);
    if (status != STATUS_OK || f.counts < LEAST_COUNTS || f.counts < SIGNIFICANT * f.counts_sigma || !(f.centre_sigma_eV < 0.5 * resolution))
        return none;
    found.height = calibration_curve_height(curve, f.centre_eV);
    found.sigma = f.centre_sigma_eV / calibration_curve_slope(curve, found.height);
    return found;
}

/* Height of a line in one state; NaN when it was not fitted there, or may be the state's elastic line. */
static struct height_error line_in(const struct calibrant_state *state, uint32_t pixel, const struct reference_line *line) {
    const struct pixel_calibration *p = state->table ? &state->table->pixels[pixel] : NULL;
    if (p && fabs(state->mono_eV - line->energy_eV) < CLEAR + CLEAR_WIDTHS * resolution_of(state, pixel))
        return (struct height_error){NAN, NAN};
    for (uint32_t i = 0; p && i < p->n_fits; i++)
        if (strcmp(p->fits[i].line, line->name) == 0)
            return (struct height_error){p->fits[i].height, p->fits[i].height_sigma};
    return (struct height_error){NAN, NAN};
}

/* Weighted mean over states after each was multiplied by its scale. */
static struct height_error mean_line(const struct calibrant_state *states, size_t n_states, uint32_t pixel, const struct reference_line *line, const double *scale) {
    double sum = 0, weight = 0;
    for (size_t s = 0; s < n_states; s++) {
        struct height_error h = line_in(&states[s], pixel, line);
        if (!(h.sigma > 0))
            continue;
        sum += scale[s] * h.height / (h.sigma * h.sigma);
        weight += 1 / (h.sigma * h.sigma);
    }
    return weight > 0 ? (struct height_error){sum / weight, sqrt(1 / weight)} : (struct height_error){NAN, NAN};
}

/* Gain of each state against the mean of all, by the lines it shares with others: alternately the lines' means and the states'
 * scales, shrunk by the prior. The reference is the prior's: no drift. */
static void find_scales(const struct line_table *seed, const struct calibrant_state *states, size_t n_states, uint32_t pixel, double *scale, double *sigma) {
    enum { ROUNDS = 8 };
    for (size_t s = 0; s < n_states; s++)
        scale[s] = 1;
    for (int round = 0; round < ROUNDS; round++) {
        double sum[CALIBRANT_MAX_STATES] = {0}, weight[CALIBRANT_MAX_STATES] = {0};
        for (size_t k = 0; k < seed->n; k++) {
            struct height_error mean = mean_line(states, n_states, pixel, &seed->lines[k], scale);
            for (size_t s = 0; s < n_states; s++) {
                struct height_error h = line_in(&states[s], pixel, &seed->lines[k]);
                if (!(h.sigma > 0) || !(mean.sigma > 0))
                    continue;
                double relative = h.sigma / mean.height;
                sum[s] += log(mean.height / h.height) / (relative * relative);
                weight[s] += 1 / (relative * relative);
            }
        }
        for (size_t s = 0; s < n_states; s++) {
            scale[s] = exp(sum[s] / (weight[s] + 1 / (DRIFT * DRIFT)));
            sigma[s] = 1 / sqrt(weight[s] + 1 / (DRIFT * DRIFT));
        }
    }
}

bool calibrant_pixel_measure(const struct line_table *seed, const struct calibrant_state *states, size_t n_states, const bool *usable, uint32_t pixel,
                             struct calibrant_pixel *out) {
    size_t best = best_state(states, n_states, pixel);
    double scale[CALIBRANT_MAX_STATES];
    *out = (struct calibrant_pixel){.n_elastic = 0};
    if (best == n_states)
        return false;
    const struct calibration_curve *curve = states[best].table->pixels[pixel].curve;
    double resolution = resolution_of(&states[best], pixel);
    find_scales(seed, states, n_states, pixel, scale, out->scale_sigma);
    for (size_t s = 0; s < n_states; s++) {
        out->elastic[s] = usable[s] ? fit_elastic(&states[s], curve, pixel, resolution) : (struct height_error){NAN, NAN};
        out->elastic[s].height *= scale[s];
        out->n_elastic += out->elastic[s].sigma > 0;
    }
    for (size_t k = 0; k < seed->n; k++)
        out->line[k] = mean_line(states, n_states, pixel, &seed->lines[k], scale);
    return out->n_elastic >= CALIBRANT_LEAST_STATES;
}

/* What is not known of a state's drift counts as an error that all pixels share, for the array drifts together: a state of low mono energy
 * shows few lines that others show, and its scale rests on the prior.
 * Elastic lines as anchors, by energy; those of (nearly) one mono energy become one, so that noise cannot turn their order. */
static size_t collect(const struct calibrant_pixel *p, const struct calibrant_state *states, size_t n_states, size_t left_out, double mono_unc_eV, struct curve_anchor *a) {
    size_t n = 0;
    bool taken[CALIBRANT_MAX_STATES] = {false};
    for (size_t s = 0; s < n_states; s++) {
        double height = 0, energy = 0, weight = 0, drift = INFINITY;
        for (size_t k = s; k < n_states; k++) {
            double w = 1 / (p->elastic[k].sigma * p->elastic[k].sigma);
            if (!(p->elastic[k].sigma > 0) || k == left_out || taken[k] || fabs(states[k].mono_eV - states[s].mono_eV) > SAME_MONO)
                continue;
            taken[k] = true;
            height += w * p->elastic[k].height;
            energy += w * states[k].mono_eV;
            weight += w;
            drift = fmin(drift, p->scale_sigma[k]);
        }
        if (weight > 0)
            a[n++] = (struct curve_anchor){height / weight, sqrt(1 / weight), energy / weight, hypot(mono_unc_eV, drift * energy / weight)};
    }
    return n;
}

static double leave_one_out_rms(const struct calibrant_pixel *p, const struct calibrant_state *states, size_t n_states, double mono_unc_eV, enum curve_form form) {
    double square = 0;
    size_t n = 0;
    for (size_t s = 0; s < n_states && p->n_elastic > CALIBRANT_LEAST_STATES; s++) {
        struct curve_anchor a[CALIBRANT_MAX_STATES];
        struct calibration_curve *others;
        if (!(p->elastic[s].sigma > 0) || calibration_curve_new(form, a, collect(p, states, n_states, s, mono_unc_eV, a), &others) != STATUS_OK)
            continue;
        double off = (double)calibration_curve_value(others, (float)p->elastic[s].height).energy_eV - states[s].mono_eV;
        square += off * off;
        n++;
        calibration_curve_free(others);
    }
    return n > 0 ? sqrt(square / (double)n) : (double)NAN;
}

bool calibrant_pixel_energies(const struct calibrant_pixel *p, const struct calibrant_state *states, size_t n_states, size_t n_lines, double mono_unc_eV,
                              enum curve_form form, struct calibrant_energy *out, double *elastic_rms_eV) {
    struct curve_anchor a[CALIBRANT_MAX_STATES];
    struct calibration_curve *curve;
    size_t n = collect(p, states, n_states, n_states, mono_unc_eV, a);
    if (n < CALIBRANT_LEAST_STATES || calibration_curve_new(form, a, n, &curve) != STATUS_OK)
        return false;
    for (size_t k = 0; k < n_lines; k++) {
        struct height_error l = p->line[k];
        struct curve_value v = calibration_curve_value(curve, (float)l.height);
        out[k] = (struct calibrant_energy){NAN, NAN, NAN};
        if (!(l.sigma > 0) || v.trust != 0)
            continue;
        out[k] = (struct calibrant_energy){(double)v.energy_eV, hypot((double)v.sigma_eV, l.sigma * calibration_curve_slope(curve, l.height)), (double)v.common_sigma_eV};
    }
    calibration_curve_free(curve);
    if (elastic_rms_eV)
        *elastic_rms_eV = leave_one_out_rms(p, states, n_states, mono_unc_eV, form);
    return true;
}
