#include "calib/calibration_sigma.h"

#include <math.h>
#include <stdlib.h>

#include "pulse/robust.h"

struct energy_sigma calibration_sigma_of(const struct calibration_curve *curve, double energy_eV) {
    double height = calibration_curve_height(curve, energy_eV);
    if (!isfinite(height))
        return (struct energy_sigma){ NAN, NAN, NAN, 0 };
    struct curve_value v = calibration_curve_value(curve, (float)height);
    return (struct energy_sigma){ (double)v.sigma_eV, (double)v.common_sigma_eV, hypot((double)v.sigma_eV, (double)v.common_sigma_eV), 1 };
}

struct energy_sigma calibration_sigma_at(const struct calibration_table *t, const uint8_t *pixels_used, double energy_eV) {
    struct energy_sigma sum = { NAN, NAN, NAN, 0 };
    double *common = malloc((t->n_pixels + (size_t)1) * sizeof *common), square = 0;
    for (uint32_t p = 0; common != NULL && p < t->n_pixels; p++) {
        if (t->pixels[p].curve == NULL || (pixels_used != NULL && !pixels_used[p]))
            continue;
        struct energy_sigma own = calibration_sigma_of(t->pixels[p].curve, energy_eV);
        if (own.n_pixels == 0 || !isfinite(own.pixel_eV) || !isfinite(own.common_eV))
            continue;
        square += own.pixel_eV * own.pixel_eV;
        common[sum.n_pixels++] = own.common_eV;
    }
    if (sum.n_pixels > 0) {
        sum.pixel_eV = sqrt(square / sum.n_pixels);
        sum.common_eV = robust_median(common, sum.n_pixels);
        sum.sum_eV = hypot(sum.common_eV, sum.pixel_eV / sqrt(sum.n_pixels));
    }
    free(common);
    return sum;
}
