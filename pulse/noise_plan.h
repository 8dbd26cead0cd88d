/* pulse/noise_plan.h - Fourier transforms for noise records of one length, planned once.
 * FFTW may be planned on one thread at a time only; executing a plan is safe on many. So the caller makes one plan per record
 * length, on one thread, and all learners share it. FFTW_ESTIMATE: measured plans depend on timing and would spoil replays
 * that must agree to the byte (and gained nothing, doc/methods.md, Filters). Buffers come from noise_plan_buffer. */
#ifndef TESD_PULSE_NOISE_PLAN_H
#define TESD_PULSE_NOISE_PLAN_H

#include <stdint.h>

#include "pulse/status.h"

struct noise_plan;  /* opaque */

enum status noise_plan_new(uint32_t n_samples, struct noise_plan **out);
void noise_plan_free(struct noise_plan *p);
uint32_t noise_plan_n_samples(const struct noise_plan *p);

/* n doubles, zeroed, aligned as the transforms need it; NULL: no memory. Free with noise_plan_release. */
double *noise_plan_buffer(uint64_t n);
void noise_plan_release(double *buffer);

/* 2N reals -> N+1 complex (re, im pairs): for correlations without wrap-around. The input is kept. */
void noise_plan_forward(const struct noise_plan *p, double *reals, double *spectrum);
/* N+1 complex -> 2N reals, unnormalised (2N times the inverse). The spectrum is destroyed. */
void noise_plan_backward(const struct noise_plan *p, double *spectrum, double *reals);
/* N reals -> N/2+1 complex. The input is kept. */
void noise_plan_record(const struct noise_plan *p, double *reals, double *spectrum);

#endif
