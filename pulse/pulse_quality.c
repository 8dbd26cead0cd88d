#include "pulse/pulse_quality.h"

#include <assert.h>
#include <math.h>

/* apart: no sample of the window has the record's extreme value. */
struct pretrigger { float mean, sd, rise; bool apart; };

/* No value of a sample of n lies further from their mean than sqrt(n - 1) standard deviations (Samuelson's inequality); rounding is no matter where
 * it is twice as far. */
static inline struct pretrigger pretrigger(const struct dot_kernel *kernel, const sample_u16 *d, uint32_t p, struct dot_extremes within, uint16_t extreme) {
    uint32_t n = p - 4;
    struct dot_sums s = kernel->sums(d, n, within);
    /* n^2 x variance and n (n^2 - 1) / 6 x slope, exact: both below 2^62 */
    int64_t spread = (int64_t)(n * s.squares - s.sum * s.sum), tilt = (int64_t)(2 * s.moment - (n - 1) * s.sum);
    double away = (double)((int64_t)n * extreme - (int64_t)s.sum);
    return (struct pretrigger){ .mean = (float)((double)(int64_t)(s.sum + d[n]) / (n + 1)), .sd = (float)(sqrt((double)spread) / n),
                                .rise = (float)((double)tilt * (6 / ((double)n * (n + 1)))), .apart = away * away > 4. * n * (double)spread };
}

static bool twice(const struct dot_kernel *kernel, const sample_u16 *d, uint32_t n, uint16_t value) {
    size_t first = kernel->find(d, n, value);
    return first + 1 < n && kernel->find(d + first + 1, n - first - 1, value) < n - first - 1;
}

static bool saturated(const struct dot_kernel *kernel, const sample_u16 *d, uint32_t n, struct dot_extremes e) {
    return (e.low == 0 && twice(kernel, d, n, 0)) || (e.high == UINT16_MAX && twice(kernel, d, n, UINT16_MAX));
}

/* Each field is written once, and as a field: copying a struct whose parts are still on their way to memory costs as much as the sums. least: of the rise. */
static inline struct pulse_quality quality(const struct dot_kernel *kernel, const struct pulse_record *record, bool inverted, uint32_t late_start, int32_t least,
                                           struct dot_extremes e) {
    const sample_u16 *d = record->samples;
    uint32_t n = record->n_samples, p = record->n_presamples, late = late_start < n ? late_start : n;
    uint16_t extreme = inverted ? e.low : e.high;
    assert(p >= 8 && p < n);
    int32_t rise = kernel->rise(d + late, n - late, e, inverted, least);
    struct pretrigger before = pretrigger(kernel, d, p, e, extreme);
    return (struct pulse_quality){ .pretrigger_mean = before.mean, .pretrigger_sd = before.sd, .pretrigger_rise = before.rise,
                                   .peak_sample = (int32_t)(before.apart ? p - 4 + kernel->find(d + p - 4, n - p + 4, extreme) : kernel->find(d, n, extreme)),
                                   .peak_counts = inverted ? before.mean - extreme : extreme - before.mean, .late_rise = 0.25F * (float)rise,
                                   .saturated = saturated(kernel, d, n, e) };
}

struct pulse_quality pulse_quality_within(const struct dot_kernel *kernel, const struct pulse_record *record, bool inverted, const struct cut_limits *limits,
                                          struct dot_extremes e) {
    static const float MOST = 1 << 18;   /* of a rise, in sums of four samples */
    float allowed = 4 * limits->late_rise_max;
    int32_t least = allowed >= MOST ? (int32_t)MOST : allowed >= 0 ? (int32_t)allowed : INT32_MIN;   /* below 0, or no number: as it is */
    return quality(kernel, record, inverted, pulse_quality_late_start(limits, record->n_presamples), least, e);
}

struct pulse_quality pulse_quality_of(const struct dot_kernel *kernel, const struct pulse_record *record, bool inverted, uint32_t late_start) {
    return quality(kernel, record, inverted, late_start, INT32_MIN, kernel->extremes(record->samples, record->n_samples));
}

uint32_t pulse_quality_late_start(const struct cut_limits *limits, uint32_t n_presamples) {
    uint32_t usual = n_presamples + 22;
    int64_t behind_peak = (int64_t)limits->peak_sample_max - 4;
    return behind_peak > usual ? (uint32_t)behind_peak : usual;
}

uint32_t pulse_quality_cuts(const struct pulse_quality *q, const struct cut_limits *limits) {
    uint32_t cuts = 0;
    if (q->saturated)
        cuts |= CUT_BIT(CUT_SATURATED);
    if (!(q->pretrigger_sd <= limits->pretrigger_sd_max && fabsf(q->pretrigger_rise) <= limits->pretrigger_slope_max))
        cuts |= CUT_BIT(CUT_PRETRIGGER);
    if (q->peak_sample < limits->peak_sample_min || q->peak_sample > limits->peak_sample_max)
        cuts |= CUT_BIT(CUT_PEAK_TIME);
    if (!(q->late_rise <= limits->late_rise_max))
        cuts |= CUT_BIT(CUT_LATE_RISE);
    return cuts;
}
