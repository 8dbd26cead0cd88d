#include "calib/table_fault.h"

#include <math.h>
#include <stdlib.h>

#include "calib/line_match.h"
#include "pulse/robust.h"

enum { MAX_LINES = 24, FEWEST_PIXELS = 3 };

static const double SMOOTHER = 0.4;    /* of the residuals: so much must be left at most when the suspect goes */
static const double DISTINCT = 1.6;    /* the second best suspect must leave this much more */
static const double SIGMAS = 4;

struct trial {
    double rest;               /* rms over the other lines of the median residual */
    double off, off_sigma;     /* of the line left out: curve less table, median and its error */
};

/* Residuals of all lines of one pixel for the gain fitted without line `out` (n: with all). */
static void residuals_of(const double *height, const double *energy_eV, size_t n, size_t out, double *residual) {
    double h[MAX_LINES], e[MAX_LINES], sigma[MAX_LINES], gain[3];
    size_t m = 0;
    for (size_t i = 0; i < n; i++)
        if (i != out) {
            h[m] = height[i];
            e[m] = energy_eV[i];
            sigma[m++] = 1;
        }
    double rms = line_match_gain_fit(h, e, sigma, m, gain, NULL);
    for (size_t i = 0; i < n; i++)
        residual[i] = isnan(rms) ? NAN : height[i] / (gain[0] + height[i] * (gain[1] + height[i] * gain[2])) - energy_eV[i];
}

static struct trial leave_out(const double *height, size_t n_pixels, const double *energy_eV, size_t n_lines, size_t out, double *scratch) {
    struct trial t = {.off = NAN, .off_sigma = NAN};
    double square = 0;
    for (size_t i = 0; i < n_lines; i++) {
        size_t n = 0;
        for (size_t p = 0; p < n_pixels; p++) {
            double residual[MAX_LINES];
            residuals_of(height + p * n_lines, energy_eV, n_lines, out, residual);
            if (isfinite(residual[i]))
                scratch[n++] = residual[i];
        }
        struct robust_centre c = robust_centre(scratch, n);
        if (i == out) {
            t.off = c.median;
            t.off_sigma = 1.25 * c.sigma / sqrt((double)n);
        } else {
            square += c.median * c.median;
        }
    }
    t.rest = sqrt(square / (double)(out < n_lines ? n_lines - 1 : n_lines));
    return t;
}

enum status table_fault_find(const double *height, size_t n_pixels, const double *energy_eV, size_t n_lines, double least_eV, struct table_fault *out) {
    if (n_lines < TABLE_FAULT_FEWEST_LINES || n_lines > MAX_LINES || n_pixels < FEWEST_PIXELS)
        return STATUS_TOO_FEW;
    double *scratch = malloc(n_pixels * sizeof *scratch);
    if (!scratch)
        return STATUS_NO_MEMORY;
    struct trial all = leave_out(height, n_pixels, energy_eV, n_lines, n_lines, scratch), best = {.rest = INFINITY}, second = {.rest = INFINITY};
    size_t line = 0, other = 0;
    for (size_t k = 0; k < n_lines; k++) {
        struct trial t = leave_out(height, n_pixels, energy_eV, n_lines, k, scratch);
        if (t.rest < best.rest) {
            second = best;
            other = line;
            best = t;
            line = k;
        } else if (t.rest < second.rest) {
            second = t;
            other = k;
        }
    }
    free(scratch);
    if (!(fabs(best.off) > least_eV) || !(fabs(best.off) > SIGMAS * best.off_sigma) || !(best.rest < SMOOTHER * all.rest))
        return STATUS_NOT_FOUND;
    *out = (struct table_fault){.line = line, .fault_eV = -best.off, .sigma_eV = best.off_sigma, .other = second.rest > DISTINCT * best.rest ? line : other};
    return STATUS_OK;
}
