/* pulse/resolution_limit.c - Fisher information F = D' R^-1 D, D = (ds/dE, ds/dt, 1); sigma_E^2 = (F^-1)_EE. R is Toeplitz. */
#include "pulse/resolution_limit.h"

#include <math.h>
#include <stdlib.h>

#include "pulse/linear.h"
#include "pulse/pulse_sim.h"

enum { ROWS = 3 };  /* energy, arrival, baseline */

/* (F^-1)_00 of a symmetric 3 x 3. */
static double first_of_inverse(double f[ROWS][ROWS]) {
    const double minor = f[1][1] * f[2][2] - f[1][2] * f[1][2];
    const double det = f[0][0] * minor - f[0][1] * (f[0][1] * f[2][2] - f[1][2] * f[0][2]) + f[0][2] * (f[0][1] * f[1][2] - f[1][1] * f[0][2]);
    return minor / det;
}

/* d: ROWS x n, one derivative a row. */
static void derivatives(const struct pixel_sim *p, double at, double keV, size_t n, double *d, double *scratch) {
    const double dE = 1e-3 * keV, dt = 0.05;
    pulse_sim_shape(p, keV + dE, at, d, n);
    pulse_sim_shape(p, keV - dE, at, scratch, n);
    for (size_t k = 0; k < n; k++)
        d[k] = (d[k] - scratch[k]) / (2 * dE);
    pulse_sim_shape(p, keV, at - dt, d + n, n);
    pulse_sim_shape(p, keV, at + dt, scratch, n);
    for (size_t k = 0; k < n; k++) {
        d[n + k] = (d[n + k] - scratch[k]) / (2 * dt);
        d[2 * n + k] = 1;
    }
}

enum status resolution_limit(const struct pixel_sim *p, uint32_t n_samples, uint32_t n_presamples, double deposited_keV, double *fwhm_keV) {
    const size_t n = n_samples;
    double *r = calloc((2 * ROWS + 1) * n, sizeof *r);
    if (r == NULL)
        return STATUS_NO_MEMORY;
    double *d = r + n, *x = d + ROWS * n;
    noise_sim_autocovariance(&p->noise, r, n);
    r[0] += 1. / 12;
    derivatives(p, n_presamples - 0.5, deposited_keV, n, d, x);
    const enum status status = linear_toeplitz(r, n, d, ROWS, x);
    if (status == STATUS_OK) {
        double f[ROWS][ROWS] = {{0}};
        for (size_t i = 0; i < ROWS; i++)
            for (size_t j = 0; j < ROWS; j++)
                for (size_t k = 0; k < n; k++)
                    f[i][j] += d[i * n + k] * x[j * n + k];
        *fwhm_keV = 2.354820045030949 * sqrt(first_of_inverse(f));
    }
    free(r);
    return status;
}
