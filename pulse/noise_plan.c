#include "pulse/noise_plan.h"

#include <complex.h>
#include <fftw3.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

struct noise_plan {
    uint32_t n_samples;
    fftw_plan forward, backward, record;
};

double *noise_plan_buffer(uint64_t n) {
    double *buffer = fftw_malloc(n * sizeof *buffer);
    if (buffer)
        memset(buffer, 0, n * sizeof *buffer);
    return buffer;
}

void noise_plan_release(double *buffer) {
    fftw_free(buffer);
}

static fftw_complex *as_complex(double *pairs) {
    return (fftw_complex *)(void *)pairs;
}

enum status noise_plan_new(uint32_t n_samples, struct noise_plan **out) {
    if (n_samples == 0 || n_samples > INT_MAX / 4)
        return STATUS_BAD_VALUE;
    struct noise_plan *p = calloc(1, sizeof *p);
    double *reals = noise_plan_buffer(2 * (uint64_t)n_samples), *spectrum = noise_plan_buffer(2 * ((uint64_t)n_samples + 1));
    if (p && reals && spectrum) {
        int n = (int)n_samples;
        p->n_samples = n_samples;
        p->forward = fftw_plan_dft_r2c_1d(2 * n, reals, as_complex(spectrum), FFTW_ESTIMATE | FFTW_PRESERVE_INPUT);
        p->backward = fftw_plan_dft_c2r_1d(2 * n, as_complex(spectrum), reals, FFTW_ESTIMATE);
        p->record = fftw_plan_dft_r2c_1d(n, reals, as_complex(spectrum), FFTW_ESTIMATE | FFTW_PRESERVE_INPUT);
    }
    noise_plan_release(reals);
    noise_plan_release(spectrum);
    if (p == NULL || !p->forward || !p->backward || !p->record) {
        noise_plan_free(p);
        return STATUS_NO_MEMORY;
    }
    *out = p;
    return STATUS_OK;
}

void noise_plan_free(struct noise_plan *p) {
    if (p == NULL)
        return;
    fftw_destroy_plan(p->forward);
    fftw_destroy_plan(p->backward);
    fftw_destroy_plan(p->record);
    free(p);
}

uint32_t noise_plan_n_samples(const struct noise_plan *p) {
    return p->n_samples;
}

void noise_plan_forward(const struct noise_plan *p, double *reals, double *spectrum) {
    fftw_execute_dft_r2c(p->forward, reals, as_complex(spectrum));
}

void noise_plan_backward(const struct noise_plan *p, double *spectrum, double *reals) {
    fftw_execute_dft_c2r(p->backward, as_complex(spectrum), reals);
}

void noise_plan_record(const struct noise_plan *p, double *reals, double *spectrum) {
    fftw_execute_dft_r2c(p->record, reals, as_complex(spectrum));
}
