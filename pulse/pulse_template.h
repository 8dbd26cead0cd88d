/* pulse/pulse_template.h - the shape of one pixel's pulse: raw records + choice --> average --prepare--> template.
 * The template has 0 before the trigger and its extreme at +1 (at -1 for pulses that go down). */
#ifndef TESD_PULSE_PULSE_TEMPLATE_H
#define TESD_PULSE_PULSE_TEMPLATE_H

#include <stdbool.h>
#include <stdint.h>

#include "pulse/record_store.h"
#include "pulse/status.h"

enum { TEMPLATE_RECORDS_WANTED = 100, TEMPLATE_RECORDS_MIN = 20 };

/* Sample-wise mean of the chosen records, each minus its pretrigger mean (first p-3 samples). Returns how many were chosen;
 * average (n_samples) is all zero when none. */
uint32_t pulse_template_average(const struct record_store *pulses, const bool *chosen, double *average);

/* Average --> template as mass prepares it: mean of the first e-1 samples removed, divided by the largest (the smallest when
 * inverted) sample's size, first e samples 0; e = p - 3. Returns that size in counts, <= 0 when there is no pulse to scale. */
double pulse_template_prepare(const double *average, uint32_t n_samples, uint32_t n_presamples, bool inverted, double *template_pulse);

/* From records of mixed energies: those whose pulse area lies nearest the median, in a window opened from 5 % until it holds
 * TEMPLATE_RECORDS_WANTED (or all within a factor of two); weighted by area, which is the least-squares shape; records whose
 * distance from it is beyond 5 robust sigmas left out, once. good: which may be used; used: which were (both n_records).
 * *n_used records; *peak_counts: size of the pulse that the template describes. STATUS_TOO_FEW: fewer than TEMPLATE_RECORDS_MIN. */
enum status pulse_template_learn(const struct record_store *pulses, const bool *good, bool inverted, bool *used, double *template_pulse,
                                 uint32_t *n_used, double *peak_counts);

#endif
