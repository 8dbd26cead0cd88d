#include "pulse/correction_prior.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "pulse/linear.h"
#include "pulse/robust.h"

enum { N = N_CORRECTION_TERMS };

/* The set of terms that most estimates have. */
static unsigned usual_terms(const struct correction_estimate *e, size_t n, size_t *pixels) {
    unsigned best = 0;
    *pixels = 0;
    for (size_t i = 0; i < n; i++) {
        size_t alike = 0;
        for (size_t k = 0; k < n && e[i].terms != 0; k++)
            alike += e[k].terms == e[i].terms;
        if (alike > *pixels) {
            *pixels = alike;
            best = e[i].terms;
        }
    }
    return best;
}

/* Numbers of the terms of a set; returns how many. */
static unsigned list(unsigned terms, unsigned index[N]) {
    unsigned n = 0;
    for (unsigned k = 0; k < N; k++)
        if (terms >> k & 1)
            index[n++] = k;
    return n;
}

/* Lower triangle L of a covariance, L L' = c, over the first n terms of index. */
static enum status factorise(const double c[N][N], const unsigned index[N], unsigned n, double l[N][N]) {
    for (unsigned i = 0; i < n; i++)
        for (unsigned j = 0; j <= i; j++) {
            double sum = c[index[i]][index[j]];
            for (unsigned k = 0; k < j; k++)
                sum -= l[i][k] * l[j][k];
            if (i == j && !(sum > 1e-10 * c[index[i]][index[i]]))
                return STATUS_NOT_POSITIVE;
            l[i][j] = i == j ? sqrt(sum) : sum / l[j][j];
        }
    return STATUS_OK;
}

static void whiten(const double l[N][N], const unsigned index[N], unsigned n, const double gain[N], double z[N]) {
    for (unsigned i = 0; i < n; i++) {
        z[i] = gain[index[i]];
        for (unsigned k = 0; k < i; k++)
            z[i] -= l[i][k] * z[k];
        z[i] /= l[i][i];
    }
}

/* Median of every covariance's elements would not be a covariance; the mean of those pixels whose errors are not wild is. */
static size_t mean_covariance(const struct correction_estimate *e, size_t n, unsigned terms, double *scratch, double mean[N][N]) {
    unsigned index[N], m = list(terms, index);
    double most[N];
    size_t used = 0;
    memset(mean, 0, N * sizeof *mean);
    for (unsigned k = 0; k < m; k++) {
        size_t count = 0;
        for (size_t i = 0; i < n; i++)
            if (e[i].terms == terms)
                scratch[count++] = e[i].covariance[index[k]][index[k]];
        most[k] = 4 * robust_median(scratch, count);
    }
    for (size_t i = 0; i < n; i++) {
        bool tame = e[i].terms == terms;
        for (unsigned k = 0; k < m && tame; k++)
            tame = e[i].covariance[index[k]][index[k]] <= most[k];
        for (unsigned j = 0; j < m && tame; j++)
            for (unsigned k = 0; k < m; k++)
                mean[index[j]][index[k]] += e[i].covariance[index[j]][index[k]];
        used += tame;
    }
    for (unsigned j = 0; j < N * N && used > 0; j++)
        mean[j / N][j % N] /= (double)used;
    return used;
}

/* Median of n values and their variance, those further out than 3 robust sigmas counting as that far. values are used up. */
static double clipped_variance(double *values, const double *z, size_t n, unsigned k, double *median) {
    for (size_t i = 0; i < n; i++)
        values[i] = z[i * N + k];
    struct robust_centre c = robust_centre(values, n);
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        double x = fmax(-3 * c.sigma, fmin(3 * c.sigma, z[i * N + k] - c.median));
        sum += x * x;
    }
    *median = c.median;
    return sum / ((double)n - 1);
}

/* From whitened estimates, pixel by pixel in rows of N: L (median, excess variance) L'. */
static void spread_of(const double *z, size_t pixels, const double l[N][N], const unsigned index[N], unsigned n, double *scratch, struct correction_prior *out) {
    double middle[N], excess[N];
    for (unsigned k = 0; k < n; k++) {
        double variance = clipped_variance(scratch, z, pixels, k, &middle[k]);
        excess[k] = fmax(0, variance - 1) + 1.57 * variance / (double)pixels;   /* and how well a median is known */
    }
    for (unsigned i = 0; i < n; i++) {
        for (unsigned k = 0; k <= i; k++)
            out->mean[index[i]] += l[i][k] * middle[k];
        for (unsigned j = 0; j < n; j++)
            for (unsigned k = 0; k <= (i < j ? i : j); k++)
                out->covariance[index[i]][index[j]] += l[i][k] * excess[k] * l[j][k];
    }
}

enum status correction_prior_make(const struct correction_estimate *e, size_t n, struct correction_prior *out) {
    struct correction_prior prior = { .terms = usual_terms(e, n, &prior.pixels) };
    if (prior.pixels < PRIOR_PIXELS_MIN)
        return STATUS_TOO_FEW;
    double mean[N][N], l[N][N] = { { 0 } }, *scratch = malloc((N + 1) * prior.pixels * sizeof *scratch);
    if (scratch == NULL)
        return STATUS_NO_MEMORY;
    double *z = scratch + prior.pixels;
    unsigned index[N], m = list(prior.terms, index);
    mean_covariance(e, n, prior.terms, scratch, mean);
    enum status s = factorise(mean, index, m, l);
    for (size_t i = 0, row = 0; s == STATUS_OK && i < n; i++)
        if (e[i].terms == prior.terms)
            whiten(l, index, m, e[i].gain, z + N * row++);
    if (s == STATUS_OK) {
        spread_of(z, prior.pixels, l, index, m, scratch, &prior);
        *out = prior;
    }
    free(scratch);
    return s == STATUS_NOT_POSITIVE ? STATUS_TOO_FEW : s;
}

/* Rows are solutions of (T + C) x = column of T: K = T (T + C)^-1. */
enum status correction_prior_shrink(const struct correction_prior *prior, struct correction_estimate *e) {
    unsigned index[N], n = list(prior->terms & e->terms, index);
    double sum[N * N], k[N * N];
    for (unsigned i = 0; i < n; i++)
        for (unsigned j = 0; j < n; j++) {
            k[i * n + j] = prior->covariance[index[i]][index[j]];
            sum[i * n + j] = k[i * n + j] + e->covariance[index[i]][index[j]];
        }
    if (n == 0 || linear_dense(sum, n, k, n) != STATUS_OK)
        return STATUS_NOT_POSITIVE;
    struct correction_estimate better = *e;
    for (unsigned i = 0; i < n; i++) {
        better.gain[index[i]] = prior->mean[index[i]];
        for (unsigned j = 0; j < n; j++) {
            better.gain[index[i]] += k[j * n + i] * (e->gain[index[j]] - prior->mean[index[j]]);
            better.covariance[index[i]][index[j]] = 0;
            for (unsigned m = 0; m < n; m++)
                better.covariance[index[i]][index[j]] += k[m * n + i] * e->covariance[index[m]][index[j]];
        }
    }
    *e = better;
    return STATUS_OK;
}
