#include "pulse/pulse_quality.h"

#include <assert.h>
#include <math.h>

static void pretrigger(const struct dot_kernel *kernel, const sample_u16 *d, uint32_t p, struct dot_extremes within, struct pulse_quality *q) {
    uint32_t n = p - 4;
    struct dot_sums s = kernel->sums(d, n, within);
    /* n^2 x variance and n (n^2 - 1) / 6 x slope, exact: both below 2^62 */
    int64_t spread = (int64_t)(n * s.squares - s.sum * s.sum), tilt = (int64_t)(2 * s.moment - (n - 1) * s.sum);
    q->pretrigger_mean = (float)((double)(int64_t)(s.sum + d[n]) / (n + 1));
    q->pretrigger_sd = (float)(sqrt((double)spread) / n);
    q->pretrigger_rise = (float)((double)tilt * (6 / ((double)n * (n + 1))));
}

static bool twice(const struct dot_kernel *kernel, const sample_u16 *d, uint32_t n, uint16_t value) {
    size_t first = kernel->find(d, n, value);
    return first + 1 < n && kernel->find(d + first + 1, n - first - 1, value) < n - first - 1;
}

static void peak(const struct dot_kernel *kernel, const sample_u16 *d, uint32_t n, struct dot_extremes e, bool inverted, struct pulse_quality *q) {
    uint16_t extreme = inverted ? e.low : e.high;
    q->peak_sample = (int32_t)kernel->find(d, n, extreme);
    q->peak_counts = inverted ? q->pretrigger_mean - extreme : extreme - q->pretrigger_mean;
    q->saturated = (e.low == 0 && twice(kernel, d, n, 0)) || (e.high == UINT16_MAX && twice(kernel, d, n, UINT16_MAX));
}

struct pulse_quality pulse_quality_within(const struct dot_kernel *kernel, const struct pulse_record *record, bool inverted, uint32_t late_start,
                                          struct dot_extremes e) {
    struct pulse_quality q = { .saturated = false };
    uint32_t n = record->n_samples, late = late_start < n ? late_start : n;
    assert(record->n_presamples >= 8 && record->n_presamples < n);
    pretrigger(kernel, record->samples, record->n_presamples, e, &q);
    peak(kernel, record->samples, n, e, inverted, &q);
    q.late_rise = 0.25F * (float)kernel->rise(record->samples + late, n - late, e, inverted);
    return q;
}

struct pulse_quality pulse_quality_of(const struct dot_kernel *kernel, const struct pulse_record *record, bool inverted, uint32_t late_start) {
    return pulse_quality_within(kernel, record, inverted, late_start, kernel->extremes(record->samples, record->n_samples));
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
