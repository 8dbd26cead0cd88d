#include "calib/gain_spline.h"

#include <math.h>

enum { MONOTONE_SAMPLES = 1001 };

void gain_spline_init(struct natural_spline *g, const double *height, const double *energy_eV, size_t n) {
    double gain[NATURAL_SPLINE_MAX];
    for (size_t i = 0; i < n; i++)
        gain[i] = height[i] / energy_eV[i];
    natural_spline_init(g, height, gain, n);
}

double gain_spline_energy(const struct natural_spline *g, double height) {
    return height / natural_spline_value(g, height);
}

double gain_spline_slope(const struct natural_spline *g, double height) {
    double gain = natural_spline_value(g, height);
    return (1 - height * natural_spline_slope(g, height) / gain) / gain;
}

bool gain_spline_is_monotone(const struct natural_spline *g) {
    double top = 1.05 * g->x[g->n - 1], before = 0;
    if (!(natural_spline_value(g, 0) > 0))
        return false;
    for (int i = 1; i < MONOTONE_SAMPLES; i++) {
        double p = top * i / (MONOTONE_SAMPLES - 1), gain = natural_spline_value(g, p);
        if (!(gain > 0) || !(p / gain > before))
            return false;
        before = p / gain;
    }
    return true;
}

double gain_spline_height(const struct natural_spline *g, double energy_eV, double limit) {
    double low = 0, high = limit;
    if (!(gain_spline_energy(g, limit) >= energy_eV))
        return NAN;
    for (int i = 0; i < 60; i++) {
        double middle = 0.5 * (low + high);
        *(gain_spline_energy(g, middle) < energy_eV ? &low : &high) = middle;
    }
    return 0.5 * (low + high);
}
