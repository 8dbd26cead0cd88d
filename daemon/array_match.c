#include "daemon/array_match.h"

#include <math.h>
#include <stdlib.h>

#include "daemon/pipeline.h"
#include "daemon/stage/channel_match.h"
#include "pulse/robust.h"

enum { ROUNDS = 2, CELL_PHOTONS = 1500, CELLS_MAX = 400, FINEST = 5000 /* kernels to the highest line: no more memory than for that */ };
static const double kernel_sigmas = 1;     /* of the median channel's noise; 0.5 to 1.2 learn the same */
static const double beyond = 1.1;          /* of the energies of lines: further up curves say little */

struct array_match {
    struct learnt_channel *learnt;         /* job i reads learnt[i] and writes match[i], points[i], estimates[i] */
    size_t n;
    const struct spectrum_groups *groups;
    struct channel_match *match;
    struct gain_match_points *points;
    struct correction_estimate *estimates;
    struct spectrum_cells *cells;
    struct array_spectra *spectra;
    struct correction_prior prior;
    bool *good;                            /* of the job; false: no memory */
};

static double top_of(const struct calibration_curve *curve) {
    const struct curve_anchor *anchors;
    const size_t n = calibration_curve_anchors(curve, &anchors);
    return anchors[n - 1].energy_eV;
}

/* Highest line of any channel, and how many channels can be matched. */
static size_t take_curves(struct array_match *a, const struct calibration_table *t, const struct correction_estimate *estimates, double *top_eV) {
    size_t matched = 0;
    *top_eV = 0;
    for (size_t i = 0; i < a->n && i < t->n_pixels; i++) {
        const struct pixel_calibration *p = &t->pixels[i];
        if (p->verdict != VERDICT_GOOD || p->curve == NULL || a->learnt[i].model == NULL || estimates[i].terms == 0)
            continue;
        a->match[i] = (struct channel_match){ .curve = p->curve, .start_ns = t->start_ns, .end_ns = t->end_ns, .terms = estimates[i].terms };
        *top_eV = fmax(*top_eV, top_of(p->curve));
        matched++;
    }
    for (size_t i = 0; i < a->n; i++)
        a->match[i].scale_eV = 0.7 * *top_eV;
    return matched;
}

/* eV, of the median channel in the middle of the energies. */
static double noise_of(const struct array_match *a, double *scratch) {
    size_t n = 0;
    for (size_t i = 0; i < a->n; i++)
        if (a->match[i].curve != NULL) {
            const double at = calibration_curve_height(a->match[i].curve, a->match[i].scale_eV), sigma = a->learnt[i].model->noise_sigma * calibration_curve_slope(a->match[i].curve, at);
            if (sigma > 0)
                scratch[n++] = sigma;
        }
    return n > 0 ? robust_median(scratch, n) : 0;
}

static size_t number_cells(struct array_match *a) {
    for (size_t i = 0; i < a->n; i++)
        for (size_t k = 0; a->match[i].curve != NULL && k < a->learnt[i].n_pulses; k++)
            spectrum_cells_count(a->cells, spectrum_groups_at(a->groups, a->learnt[i].pulses[k].time_ns));
    return spectrum_cells_number(a->cells, CELL_PHOTONS, CELLS_MAX);
}

static void points_job(void *context, size_t channel) {
    struct array_match *a = context;
    a->good[channel] = channel_match_points(&a->learnt[channel], a->groups, a->cells, &a->match[channel], &a->points[channel]);
}

static bool take_points(void *context, size_t channel) {
    struct array_match *a = context;
    const struct gain_match_points *p = &a->points[channel];
    for (size_t i = 0; a->good[channel] && i < p->n; i++)
        array_spectra_add(a->spectra, p->cell[i], gain_match_energy(p, a->match[channel].coefficients, i));
    channel_match_points_done(&a->points[channel]);
    return a->good[channel];
}

static void match_job(void *context, size_t channel) {
    struct array_match *a = context;
    struct channel_match *m = &a->match[channel];
    struct gain_match_points p = { 0 };
    double covariance[MATCH_COLUMNS * MATCH_COLUMNS];
    a->estimates[channel].terms = 0;
    a->good[channel] = channel_match_points(&a->learnt[channel], a->groups, a->cells, m, &p);
    if (a->good[channel] && p.n > 0 && gain_match_climb(a->spectra, &p, m->coefficients) == STATUS_OK &&
        gain_match_covariance(a->spectra, &p, m->coefficients, covariance) == STATUS_OK)
        a->estimates[channel] = channel_match_estimate(&a->learnt[channel], m, covariance);
    channel_match_points_done(&p);
}

static bool all_good(const struct array_match *a) {
    bool good = true;
    for (size_t i = 0; i < a->n; i++)
        good = good && a->good[i];
    return good;
}

static bool match_round(struct array_match *a, unsigned workers) {
    array_spectra_clear(a->spectra);
    return pipeline_run_ordered(a->n, workers, points_job, take_points, a) && array_spectra_settle(a->spectra) == STATUS_OK &&
           pipeline_run(a->n, workers, match_job, a) && all_good(a);
}

static void take_job(void *context, size_t channel) {
    struct array_match *a = context;
    struct correction_estimate *e = &a->estimates[channel];
    if (e->terms != 0 && correction_prior_shrink(&a->prior, e) == STATUS_OK)
        learnt_channel_take(&a->learnt[channel], a->groups, e);
}

static bool take_all(struct array_match *a, unsigned workers) {
    enum status s = correction_prior_make(a->estimates, a->n, &a->prior);
    bool good = s != STATUS_NO_MEMORY && (s != STATUS_OK || pipeline_run(a->n, workers, take_job, a));
    for (size_t i = 0; i < a->n; i++)
        good = good && !a->learnt[i].no_memory;
    return good;
}

/* True: done, or nothing to do. */
static bool match_all(struct array_match *a, const struct calibration_table *table, const struct correction_estimate *estimates, double *scratch, unsigned workers) {
    double top_eV;
    if (take_curves(a, table, estimates, &top_eV) < ARRAY_MATCH_MIN)
        return true;
    const double kernel_eV = fmax(kernel_sigmas * noise_of(a, scratch), top_eV / FINEST);
    const size_t cells = number_cells(a);
    if (cells == 0)
        return true;
    bool good = array_spectra_new(0, beyond * top_eV, kernel_eV, cells, &a->spectra) == STATUS_OK;
    for (int round = 0; round < ROUNDS && good; round++)
        good = match_round(a, workers);
    return good && take_all(a, workers);
}

bool array_match_run(struct learnt_channel *learnt, size_t n, const struct spectrum_groups *groups, const struct calibration_table *table, const struct correction_estimate *estimates,
                     unsigned workers) {
    struct array_match a = { .learnt = learnt, .n = n, .groups = groups, .match = calloc(n + 1, sizeof *a.match), .points = calloc(n + 1, sizeof *a.points),
                             .estimates = calloc(n + 1, sizeof *a.estimates), .good = calloc(n + 1, sizeof *a.good) };
    double *scratch = calloc(n + 1, sizeof *scratch);
    const bool good = a.match != NULL && a.points != NULL && a.estimates != NULL && a.good != NULL && scratch != NULL && spectrum_cells_new(&a.cells) == STATUS_OK &&
                      match_all(&a, table, estimates, scratch, workers);
    array_spectra_free(a.spectra);
    spectrum_cells_free(a.cells);
    free(a.match);
    free(a.points);
    free(a.estimates);
    free(a.good);
    free(scratch);
    return good;
}
