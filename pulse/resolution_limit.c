/* pulse/resolution_limit.c - Fisher information F = D' R^-1 D, D = (ds/dE, ds/dt, 1); sigma_E^2 = (F^-1)_EE. R is Toeplitz, so the
 * solutions come from Levinson's recursion (Golub, Van Loan 4.7), in memory and time of n and n^2. */
#include "pulse/resolution_limit.h"

#include <math.h>
#include <stdlib.h>

#include "pulse/pulse_sim.h"

enum { ROWS = 3 };  /* energy, arrival, baseline */

/* Solves T x = b for ROWS right sides; r[0..n) first column of T; y and z n scratch values each. False: not positive definite. */
static bool levinson(const double *r, size_t n, double *const b[ROWS], double *const x[ROWS], double *y, double *z)
{
    if (!(r[0] > 0)) return false;
    double error = r[0];
    for (int j = 0; j < ROWS; j++) x[j][0] = b[j][0] / r[0];
    for (size_t k = 1; k < n; k++) {
        double next = r[k];
        for (size_t i = 0; i + 1 < k; i++) next += r[i + 1] * y[k - 2 - i];
        const double alpha = -next / error;
        for (size_t i = 0; i + 1 < k; i++) z[i] = y[i] + alpha * y[k - 2 - i];
        for (size_t i = 0; i + 1 < k; i++) y[i] = z[i];
        y[k - 1] = alpha;
        error *= 1 - alpha * alpha;
        if (!(error > 0)) return false;
        for (int j = 0; j < ROWS; j++) {
            double rest = b[j][k];
            for (size_t i = 0; i < k; i++) rest -= r[k - i] * x[j][i];
            const double mu = rest / error;
            for (size_t i = 0; i < k; i++) x[j][i] += mu * y[k - 1 - i];
            x[j][k] = mu;
        }
    }
    return true;
}

/* (F^-1)_00 of a symmetric 3 x 3. */
static double first_of_inverse(double f[ROWS][ROWS])
{
    const double minor = f[1][1] * f[2][2] - f[1][2] * f[1][2];
    const double det = f[0][0] * minor - f[0][1] * (f[0][1] * f[2][2] - f[1][2] * f[0][2]) + f[0][2] * (f[0][1] * f[1][2] - f[1][1] * f[0][2]);
    return minor / det;
}

static void derivatives(const struct pixel_sim *p, double at, double keV, size_t n, double *const d[ROWS], double *scratch)
{
    const double dE = 1e-3 * keV, dt = 0.05;
    pulse_sim_shape(p, keV + dE, at, d[0], n);
    pulse_sim_shape(p, keV - dE, at, scratch, n);
    for (size_t k = 0; k < n; k++) d[0][k] = (d[0][k] - scratch[k]) / (2 * dE);
    pulse_sim_shape(p, keV, at - dt, d[1], n);
    pulse_sim_shape(p, keV, at + dt, scratch, n);
    for (size_t k = 0; k < n; k++) {
        d[1][k] = (d[1][k] - scratch[k]) / (2 * dt);
        d[2][k] = 1;
    }
}

enum status resolution_limit(const struct pixel_sim *p, uint32_t n_samples, uint32_t n_presamples, double deposited_keV, double *fwhm_keV)
{
    const size_t n = n_samples;
    double *memory = calloc((2 * ROWS + 3) * n, sizeof *memory);
    if (memory == NULL) return STATUS_NO_MEMORY;
    double *r = memory, *y = r + n, *z = y + n, *d[ROWS], *x[ROWS];
    for (int j = 0; j < ROWS; j++) {
        d[j] = z + n + (size_t)j * n;
        x[j] = d[0] + (size_t)(ROWS + j) * n;
    }
    noise_sim_autocovariance(&p->noise, r, n);
    r[0] += 1. / 12;
    derivatives(p, n_presamples - 0.5, deposited_keV, n, d, y);
    enum status status = STATUS_NOT_POSITIVE;
    if (levinson(r, n, d, x, y, z)) {
        double f[ROWS][ROWS] = {{0}};
        for (int i = 0; i < ROWS; i++)
            for (int j = 0; j < ROWS; j++)
                for (size_t k = 0; k < n; k++) f[i][j] += d[i][k] * x[j][k];
        *fwhm_keV = 2.354820045030949 * sqrt(first_of_inverse(f));
        status = STATUS_OK;
    }
    free(memory);
    return status;
}
