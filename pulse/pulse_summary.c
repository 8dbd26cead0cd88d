#include "pulse/pulse_summary.h"

#include <assert.h>
#include <math.h>

/* Exact sums over d[from..to). */
struct moments { uint64_t sum, squares; };

static struct moments moments_of(const sample_u16 *d, uint32_t from, uint32_t to) {
    struct moments m = { 0, 0 };
    for (uint32_t k = from; k < to; k++) {
        m.sum += d[k];
        m.squares += (uint32_t)d[k] * d[k];
    }
    return m;
}

static void extremes(const sample_u16 *d, uint32_t n, uint32_t *max_index, uint16_t *min) {
    uint32_t at = 0;
    uint16_t lowest = d[0];
    for (uint32_t k = 1; k < n; k++) {
        if (d[k] > d[at])
            at = k;
        if (d[k] < lowest)
            lowest = d[k];
    }
    *max_index = at;
    *min = lowest;
}

static float promptness(const struct pulse_record *r, double mean, double peak, bool shift1) {
    uint32_t from = r->n_presamples + 2 - shift1;
    struct moments m = moments_of(r->samples, from, from + 6);
    return (float)(((double)m.sum / 6 - mean) / peak);
}

/* NaN: no sample behind the trigger exceeds 10 %, where mass keeps the index of an earlier record. */
static float rise_time_s(const struct pulse_record *r, double mean, double peak) {
    const sample_u16 *d = r->samples;
    uint32_t low = (uint32_t)(0.1 * peak + mean), high = (uint32_t)(0.9 * peak + mean), i = r->n_presamples;
    while (i < r->n_samples && d[i] <= low)
        i++;
    if (i == r->n_samples)
        return NAN;
    uint32_t j = i;
    while (j < r->n_samples && d[j] <= high)
        j++;
    if (j == r->n_samples || j == i || d[j - 1] <= d[i])
        return r->sample_period_s;
    j--;
    return (float)((double)r->sample_period_s * (j - i) * peak / ((double)d[j] - d[i]));
}

/* c[k] = -2 d[k] - d[k+1] + d[k+3] + 2 d[k+4] is ten times the slope over five samples; one bad sample cannot make both of
 * two c that stand two apart large. */
static float postpeak_derivative(const sample_u16 *d, uint32_t n, uint32_t from) {
    int32_t best = INT32_MIN, older = INT32_MIN, old = INT32_MIN;
    for (uint32_t k = from; k + 4 < n; k++) {
        int32_t c = -2 * d[k] - d[k + 1] + d[k + 3] + 2 * d[k + 4];
        int32_t both = older < c ? older : c;
        if (k >= from + 2 && both > best)
            best = both;
        older = old;
        old = c;
    }
    return best == INT32_MIN ? 0 : (float)(0.1 * best);
}

struct pulse_summary pulse_summary_of(const struct pulse_record *record, uint32_t peak_sample) {
    const sample_u16 *d = record->samples;
    uint32_t n = record->n_samples, p = record->n_presamples, e = p - 3, max_index;
    assert(p >= 4 && n >= p + 8);
    struct pulse_summary s = { .rise_time_s = NAN };

    struct moments before = moments_of(d, 0, e), after = moments_of(d, p - 1, n);
    double mean = (double)before.sum / e;
    double rms = sqrt(fmax(0, (double)before.squares / e - mean * mean));
    double count = n - p + 1, average = (double)after.sum / count;
    s.pretrigger_mean = (float)mean;
    s.pretrigger_rms = (float)rms;
    s.pulse_average = (float)(average - mean);
    s.pulse_rms = (float)sqrt(fmax(0, (double)after.squares / count - 2 * mean * average + mean * mean));
    s.shift1 = d[p - 1] - mean > 4.3 * rms;

    extremes(d, n, &max_index, &s.min_value);
    if (d[max_index] > mean) {
        s.peak_index = (uint16_t)max_index;
        s.peak_value = (uint16_t)(d[max_index] - (uint16_t)(mean + 0.5));
    }
    if (s.peak_value > 0) {
        s.promptness = promptness(record, mean, s.peak_value, s.shift1);
        s.rise_time_s = rise_time_s(record, mean, s.peak_value);
    }
    s.postpeak_derivative = postpeak_derivative(d, n, peak_sample);
    return s;
}
