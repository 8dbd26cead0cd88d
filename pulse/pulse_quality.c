#include "pulse/pulse_quality.h"

#include <assert.h>
#include <math.h>

static void pretrigger(const sample_u16 *d, uint32_t p, struct pulse_quality *q) {
    uint32_t n = p - 4;
    uint64_t sum = 0, squares = 0, moment = 0;
    for (uint32_t k = 0; k < n; k++) {
        uint32_t x = d[k];
        sum += x;
        squares += x * x;
        moment += (uint64_t)k * x;
    }
    double mean = (double)sum / n, middle = 0.5 * (n - 1), spread = (double)n * ((double)n * n - 1) / 12;
    q->pretrigger_mean = (float)((double)(sum + d[n]) / (n + 1));
    q->pretrigger_sd = (float)sqrt(fmax(0, (double)squares / n - mean * mean));
    q->pretrigger_rise = (float)(((double)moment - middle * (double)sum) / spread * (n - 1));
}

static void extremes(const sample_u16 *d, uint32_t n, bool inverted, struct pulse_quality *q) {
    uint16_t low = d[0], high = d[0];
    for (uint32_t k = 1; k < n; k++) {
        low = d[k] < low ? d[k] : low;
        high = d[k] > high ? d[k] : high;
    }
    uint16_t peak = inverted ? low : high;
    uint32_t at = 0, n_low = 0, n_high = 0;
    while (d[at] != peak)
        at++;
    q->peak_sample = (int32_t)at;
    q->peak_counts = inverted ? q->pretrigger_mean - peak : peak - q->pretrigger_mean;
    if (low > 0 && high < UINT16_MAX)
        return;
    for (uint32_t k = 0; k < n; k++) {
        n_low += d[k] == 0;
        n_high += d[k] == UINT16_MAX;
    }
    q->saturated = n_low >= 2 || n_high >= 2;
}

static float late_rise(const sample_u16 *d, uint32_t n, bool inverted, uint32_t from) {
    int32_t best = INT32_MIN, sign = inverted ? -1 : 1;
    for (uint32_t k = from; k + 9 < n; k++) {
        int32_t early = d[k] + d[k + 1] + d[k + 2] + d[k + 3], late = d[k + 6] + d[k + 7] + d[k + 8] + d[k + 9];
        int32_t rise = sign * (late - early);
        best = rise > best ? rise : best;
    }
    return best == INT32_MIN ? 0 : 0.25F * (float)best;
}

struct pulse_quality pulse_quality_of(const struct pulse_record *record, bool inverted, uint32_t late_start) {
    struct pulse_quality q = { .saturated = false };
    assert(record->n_presamples >= 8 && record->n_presamples < record->n_samples);
    pretrigger(record->samples, record->n_presamples, &q);
    extremes(record->samples, record->n_samples, inverted, &q);
    q.late_rise = late_rise(record->samples, record->n_samples, inverted, late_start);
    return q;
}

uint32_t pulse_quality_late_start(const struct cut_limits *limits, uint32_t n_presamples) {
    uint32_t usual = n_presamples + 22;
    int32_t behind_peak = limits->peak_sample_max - 4;
    return behind_peak > (int32_t)usual ? (uint32_t)behind_peak : usual;
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
