#include "calib/jump_time.h"

#include <math.h>

static const double FLOOR_SHARE = 0.1, CLIP = 2;   /* so that no single photon decides */
static const double SURE = 5;     /* of natural logarithm */
static const double LEAST = 8;    /* evidence that the curve before held at all */

/* Likelihood per bin: a tenth of it even, which is what a photon of unknown origin has. */
static double density(const struct spectrum *array, double energy_eV) {
    double seen = array->total > 0 && isfinite(energy_eV) ? spectrum_value(array, energy_eV) / array->total : 0;
    return (1 - FLOOR_SHARE) * seen + FLOOR_SHARE / (double)array->n;
}

double jump_time_evidence(const struct spectrum *array, double before_eV, double after_eV) {
    return fmin(fmax(log(density(array, before_eV) / density(array, after_eV)), -CLIP), CLIP);
}

size_t jump_time_index(const double *evidence, size_t n) {
    double sum = 0, most = 0;
    for (size_t i = 0; i < n; i++) {
        sum += evidence[i];
        most = fmax(most, sum);
    }
    if (most < LEAST)
        return 0;
    if (sum > most - SURE)
        return n;
    sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += evidence[i];
        if (sum > most - SURE)
            return i + 1;
    }
    return n;
}
