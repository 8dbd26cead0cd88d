/* pulse/filter_design.h - the filters of the field, for records that the standard one (optimal_filter.h) does not suit and to compare
 * with other programs (doc/methods.md, Filters):  template + noise --filter_design_make--> weights, variance, resolving power
 *   five lags  zero-sum; parabola through its output at five neighbouring lags; N-4 weights
 *   one lag    zero-sum; output at the template's own place only; N weights
 *   ATS        also blind to a small shift of the template; a second set of weights estimates the shift; N weights
 *   Fourier    template over noise spectrum, as if records were periodic; five lags. The worst on short records
 * Rows M of what a filter must tell apart, T the noise covariance: Q = (M T^-1 M')^-1 M T^-1, the first row of Q is the filter.
 * Any but Fourier may be blind to exp(-k/tail) as well: the tail of an earlier pulse, however large. That costs 2-13 %, and 3-4 % more where
 * the decay is not to be relied on. */
#ifndef TESD_PULSE_FILTER_DESIGN_H
#define TESD_PULSE_FILTER_DESIGN_H

#include <stdbool.h>
#include <stdint.h>

#include "pulse/noise_model.h"
#include "pulse/pulse_record.h"
#include "pulse/status.h"

enum filter_kind { FILTER_FIVE_LAG, FILTER_ONE_LAG, FILTER_ATS, FILTER_FOURIER, N_FILTER_KINDS };
extern const char *const filter_kind_names[N_FILTER_KINDS];

struct filter_request {
    enum filter_kind kind;
    uint32_t n_samples;
    const double *template_pulse;   /* n_samples, peak 1 (-1 for pulses that go down) */
    double peak_counts;             /* height of the pulse that the resolving power is promised for */
    const double *covariance;       /* lags 0..n_samples-1, counts^2; NULL: white noise of 1 */
    const double *density;          /* Fourier only: n_samples/2+1 values, any unit; n_samples even */
    enum noise_estimator estimator; /* of the covariance; goes into the result, because promises depend on it by up to 12 % */
    const double *slope;            /* ATS: n_samples, change of the template from sample to sample; NULL: its central difference */
    double tail_samples;            /* decay of the tail to be blind to; 0: none */
    bool decay_unsure;              /* blind as well to what a small error of that decay leaves: k exp(-k/tail) */
    uint32_t cut_pre, cut_post;     /* samples at the ends that get no weight (not Fourier) */
    double half_power, highest;     /* smoothing: response divided by 1 + (f / half_power)^2, and 0 above highest; cycles per sample;
                                     * 0: none */
    bool plain;                     /* ATS: leave the gain that smoothing has changed as it is, as mass does: heights are then
                                     * some per cent too small and promises too good by as much (doc/methods.md, Filters) */
};

struct filter_design {
    enum filter_kind kind;
    enum noise_estimator estimator;
    uint32_t n_samples, n_weights;
    double *weights;                /* owned: n_weights each of height, slope and level; the last two for ATS only, else 0 */
    double variance;                /* of heights, counts^2 */
    double resolving_power;         /* peak_counts / FWHM */
};

/* STATUS_BAD_VALUE: shorter than 16 samples behind the cuts, or the filter does not see its own template; STATUS_NOT_POSITIVE: T is not. */
enum status filter_design_make(const struct filter_request *request, struct filter_design *out);
void filter_design_done(struct filter_design *d);

/* What the filter says of a record: d points at its first sample (or, for ATS filters made shorter than the records, at the first one
 * to be used). In double; for five lags as lag_parabola says, for ATS phase = shift in units of the slope row. NaN: no phase. */
struct filter_value { double height, phase; };
struct filter_value filter_design_apply(const struct filter_design *d, const sample_u16 *samples);

/* Promise and the noise estimator behind it, "V/dV 606.9 (5-lag, long-chunk noise)". */
void filter_design_text(const struct filter_design *d, char *text, uint32_t size);

#endif
