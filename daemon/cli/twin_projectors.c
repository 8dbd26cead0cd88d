/* daemon/cli/twin_projectors.c - the projectors with which the twin makes OFF files (simulate_twin.h): of each pixel's own pulse without noise, where upstream
 * they are made from noise and pulses and loaded. Columns: constant, derivative, pulse of 700 eV with peak 1, and how the shape changes with energy. */
#include <math.h>
#include <stdlib.h>

#include "daemon/cli/simulate_twin.h"
#include "daemon/log.h"
#include "pulse/pulse_sim.h"

enum { BASES = 4 };
static const double MIDDLE_KEV = 0.7;

static double rise(const double *x, uint32_t k) { return x[k] + x[k - 1] - x[k - 2] - x[k - 3]; }

/* Samples from a pulse's arrival to the one that triggers. */
static uint32_t trigger_delay(const struct pixel_sim *p, double *work, uint32_t n) {
    pulse_sim_shape(p, MIDDLE_KEV, 4, work, n);
    uint32_t k = 3;
    while (k + 1 < n && rise(work, k) < p->level_counts)
        k++;
    return k + 1 < n && k > 4 ? k - 4 : 0;
}

/* work: 5 n values. */
static void fill_basis(const struct pixel_sim *p, uint32_t n, uint32_t n_presamples, double *work, double *basis) {
    const double before = n_presamples - (double)trigger_delay(p, work, n), half = 0.5;
    double *pulse = work, *early = work + n, *late = work + 2 * (size_t)n, *large = work + 3 * (size_t)n, peak = 0;
    pulse_sim_shape(p, MIDDLE_KEV, before, pulse, n);
    pulse_sim_shape(p, MIDDLE_KEV, before - half, early, n);
    pulse_sim_shape(p, MIDDLE_KEV, before + half, late, n);
    pulse_sim_shape(p, 1.5 * MIDDLE_KEV, before, large, n);
    for (uint32_t k = 0; k < n; k++)
        peak = fabs(pulse[k]) > fabs(peak) ? pulse[k] : peak;
    for (uint32_t k = 0; k < n; k++) {
        double *row = basis + (size_t)k * BASES;
        row[0] = 1;
        row[1] = (early[k] - late[k]) / peak;
        row[2] = pulse[k] / peak;
        row[3] = (large[k] - 1.5 * pulse[k]) / peak;
    }
}

void simulate_twin_forget_projectors(struct twin *t) {
    for (uint32_t i = 0; t->projections != NULL && i < t->channels->n_channels; i++) {
        off_projection_done(&t->projections[i]);
        t->channels->channels[i].has_projectors = false;
    }
    free(t->projections);
    t->projections = NULL;
    if (t->files != NULL)
        dastard_files_project(t->files, NULL);
}

static bool make(struct twin *t, double *work) {
    const struct dastard_array *a = t->channels;
    double *basis = work + 4 * (size_t)a->n_samples;
    for (uint32_t i = 0; i < a->n_channels; i++) {
        if (a->channels[i].is_error)
            continue;
        fill_basis(&t->plan.pixels[a->channels[i].pixel], a->n_samples, a->n_presamples, work, basis);
        if (off_projection_fit(basis, a->n_samples, a->n_presamples, BASES, &t->projections[i]) == STATUS_NO_MEMORY)
            return false;
        a->channels[i].has_projectors = t->projections[i].n_bases > 0;
    }
    return true;
}

bool simulate_twin_make_projectors(struct twin *t) {
    if (t->projections != NULL)
        return true;
    double *work = malloc((4 + BASES) * (size_t)t->channels->n_samples * sizeof *work);
    t->projections = calloc(t->channels->n_channels, sizeof *t->projections);
    const bool good = work != NULL && t->projections != NULL && make(t, work);
    free(work);
    if (!good) {
        log_error("no memory for the projectors of %u channels", t->channels->n_channels);
        simulate_twin_forget_projectors(t);
        return false;
    }
    dastard_files_project(t->files, t->projections);
    dastard_status_tell(t->status, "STATUS", dastard_body_status(t->channels, t->running));
    return true;
}
