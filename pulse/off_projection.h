/* pulse/off_projection.h - what makes an OFF record of samples, as the acquisition server does it.   basis --fit--> projectors;   samples --take--> off_record
 * A record is reduced to B coefficients c = P x; what a reader can have back of it is basis x c. Plain struct that owns its matrices;
 * immutable once made, so any number of threads may use one. */
#ifndef TESD_PULSE_OFF_PROJECTION_H
#define TESD_PULSE_OFF_PROJECTION_H

#include <stdbool.h>
#include <stdint.h>

#include "pulse/pulse_record.h"
#include "pulse/record_off.h"
#include "pulse/status.h"

struct off_projection {
    uint32_t n_samples, n_presamples, n_bases;
    double *projectors;   /* n_bases x n_samples, row by row */
    double *basis;        /* n_samples x n_bases, row by row: 0 mean, 1 derivative-like, 2 pulse-like, 3.. extra */
};

/* The projectors of least squares for this basis (copied): P B = 1, and B P x is as near to x as the basis allows. n_presamples >= 2, n_bases <= OFF_MAX_BASES.
 * STATUS_NOT_POSITIVE: columns that depend on each other; STATUS_NO_MEMORY. *out is untouched on failure. */
enum status off_projection_fit(const double *basis, uint32_t n_samples, uint32_t n_presamples, uint32_t n_bases, struct off_projection *out);
void off_projection_done(struct off_projection *p);

/* How far projectors (n_bases x n_samples) are from those of this basis (n_samples x n_bases): a record that is one column of it comes back as basis x P x column, and
 * this is the largest part of a column's norm by which that is wrong: max over i, j of |(P B - 1)_ij| |B_i| / |B_j|, whatever the units of the columns. 0 is
 * right; real files have up to 5e-4 (doc/methods.md, Records). Infinite or not a number: a column is zero, or numbers are not. */
double off_projection_misfit(const double *projectors, const double *basis, uint32_t n_samples, uint32_t n_bases);
#define OFF_MISFIT_MOST 0.01   /* beyond this coefficients are not numbers along the basis that the file brings */

/* Of a record of p->n_samples samples, n_presamples of them before the trigger; is_signed: samples are int16. Everything in counts (record_off.h);
 * the pretrigger's rise by least squares. */
void off_projection_take(const struct off_projection *p, const struct pulse_record *record, bool is_signed, struct off_record *out);

#endif
