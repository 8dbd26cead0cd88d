#include "pulse/off_projection.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pulse/linear.h"

/* B'B P = B'. */
static enum status solve(const double *basis, uint32_t n, uint32_t n_bases, double *projectors) {
    double squares[OFF_MAX_BASES * OFF_MAX_BASES] = { 0 };
    for (uint32_t k = 0; k < n; k++)
        for (uint32_t i = 0; i < n_bases; i++) {
            const double *row = basis + (size_t)k * n_bases;
            projectors[(size_t)i * n + k] = row[i];
            for (uint32_t j = 0; j < n_bases; j++)
                squares[i * n_bases + j] += row[i] * row[j];
        }
    return linear_dense(squares, n_bases, projectors, n);
}

enum status off_projection_fit(const double *basis, uint32_t n_samples, uint32_t n_presamples, uint32_t n_bases, struct off_projection *out) {
    assert(n_bases >= 1 && n_bases <= OFF_MAX_BASES && n_presamples >= 2);
    const size_t n = (size_t)n_samples * n_bases;
    struct off_projection p = { .n_samples = n_samples, .n_presamples = n_presamples, .n_bases = n_bases, .projectors = malloc(n * sizeof(double)),
                                .basis = malloc(n * sizeof(double)) };
    enum status s = p.projectors != NULL && p.basis != NULL ? solve(basis, n_samples, n_bases, p.projectors) : STATUS_NO_MEMORY;
    if (s != STATUS_OK) {
        off_projection_done(&p);
        return s;
    }
    memcpy(p.basis, basis, n * sizeof *basis);
    *out = p;
    return STATUS_OK;
}

void off_projection_done(struct off_projection *p) {
    free(p->projectors);
    free(p->basis);
    *p = (struct off_projection){ 0 };
}

static double column_norm(const double *basis, uint32_t n, uint32_t n_bases, uint32_t j) {
    double sum = 0;
    for (uint32_t k = 0; k < n; k++)
        sum += basis[(size_t)k * n_bases + j] * basis[(size_t)k * n_bases + j];
    return sqrt(sum);
}

double off_projection_misfit(const double *projectors, const double *basis, uint32_t n_samples, uint32_t n_bases) {
    double norm[OFF_MAX_BASES], most = 0;
    for (uint32_t j = 0; j < n_bases; j++)
        norm[j] = column_norm(basis, n_samples, n_bases, j);
    for (uint32_t i = 0; i < n_bases; i++)
        for (uint32_t j = 0; j < n_bases; j++) {
            double product = i == j ? -1 : 0;
            for (uint32_t k = 0; k < n_samples; k++)
                product += projectors[(size_t)i * n_samples + k] * basis[(size_t)k * n_bases + j];
            const double part = fabs(product) * norm[i] / norm[j];
            most = part <= most ? most : part;   /* what is not a number stays */
            if (isnan(most))
                return most;
        }
    return most;
}

static double value_of(const struct pulse_record *r, bool is_signed, uint32_t k) { return is_signed ? (double)(int16_t)r->samples[k] : (double)r->samples[k]; }

/* Mean, and slope x n. */
static void look_before(const struct pulse_record *r, bool is_signed, uint32_t n, struct off_record *out) {
    double sum = 0, moment = 0, middle = 0.5 * (n - 1.0), squares = n * ((double)n * n - 1) / 12;
    for (uint32_t k = 0; k < n; k++) {
        sum += value_of(r, is_signed, k);
        moment += (k - middle) * value_of(r, is_signed, k);
    }
    out->pretrigger_mean = (float)(sum / n);
    out->pretrigger_delta = (float)(moment / squares * n);
}

/* Standard deviation of what the coefficients leave. */
static double left_over(const struct off_projection *p, const struct pulse_record *r, bool is_signed, const double *coefficients) {
    double sum = 0, squares = 0;
    for (uint32_t k = 0; k < p->n_samples; k++) {
        double left = value_of(r, is_signed, k);
        for (uint32_t j = 0; j < p->n_bases; j++)
            left -= p->basis[(size_t)k * p->n_bases + j] * coefficients[j];
        sum += left;
        squares += left * left;
    }
    return sqrt(fmax(0, squares - sum * sum / p->n_samples) / (p->n_samples - 1.0));
}

void off_projection_take(const struct off_projection *p, const struct pulse_record *r, bool is_signed, struct off_record *out) {
    assert(r->n_samples == p->n_samples);
    double coefficients[OFF_MAX_BASES] = { 0 };
    *out = (struct off_record){ .n_samples = r->n_samples, .n_presamples = r->n_presamples, .frame = (int64_t)r->trigger_frame, .time_ns = r->trigger_time_ns };
    for (uint32_t j = 0; j < p->n_bases; j++) {
        for (uint32_t k = 0; k < p->n_samples; k++)
            coefficients[j] += p->projectors[(size_t)j * p->n_samples + k] * value_of(r, is_signed, k);
        out->coefficients[j] = (float)coefficients[j];
    }
    look_before(r, is_signed, p->n_presamples, out);
    out->residual_sd = (float)left_over(p, r, is_signed, coefficients);
}
