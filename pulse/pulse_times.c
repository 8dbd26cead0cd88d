#include "pulse/pulse_times.h"

#include <math.h>
#include <stdlib.h>

static const double ONSET = 0.05, FALL_FROM = 0.4, FALL_TO = 0.05;
enum { FIT_MIN = 8, LONGEST_RECORDS = 10 };

struct shape { const double *values; size_t stride; uint32_t n; double height; };

/* Relative to the height: 1 at the peak. */
static double at(const struct shape *s, uint32_t i) {
    return s->values[i * s->stride] / s->height;
}

static uint32_t find_peak(struct shape *s, uint32_t from) {
    uint32_t peak = from;
    s->height = 1;
    for (uint32_t i = from; i < s->n; i++)
        if (fabs(at(s, i)) > fabs(at(s, peak)))
            peak = i;
    s->height = s->values[peak * s->stride];
    return peak;
}

/* Where the shape, followed back from the peak, crosses ONSET; between samples. */
static double onset_of(const struct shape *s, uint32_t peak) {
    uint32_t i = peak;
    while (i > 0 && at(s, i - 1) > ONSET)
        i--;
    return i > 0 ? i - (at(s, i) - ONSET) / (at(s, i) - at(s, i - 1)) : 0;
}

/* Least squares of the logarithm against time, each sample weighted with its value squared (equal noise on the value). */
static double decay_between(const struct shape *s, uint32_t from, uint32_t to) {
    double w = 0, x = 0, y = 0, xx = 0, xy = 0;
    uint32_t used = 0;
    for (uint32_t i = from; i < to; i++) {
        double value = at(s, i), weight = value * value, t = i - from, l;
        if (value <= 0)
            continue;
        l = log(value);
        w += weight;
        x += weight * t;
        y += weight * l;
        xx += weight * t * t;
        xy += weight * t * l;
        used++;
    }
    double slope = used >= FIT_MIN ? (w * xy - x * y) / (w * xx - x * x) : 0;
    return slope < 0 ? -1 / slope : INFINITY;
}

static uint32_t falls_below(const struct shape *s, uint32_t from, double level) {
    while (from < s->n && at(s, from) >= level)
        from++;
    return from;
}

enum status pulse_times_of(const double *shape, size_t stride, uint32_t n, uint32_t n_presamples, struct pulse_times *out) {
    if (n_presamples >= n)
        return STATUS_BAD_VALUE;
    struct shape s = { .values = shape, .stride = stride, .n = n };
    uint32_t peak = find_peak(&s, n_presamples);
    if (!isfinite(s.height) || s.height == 0)
        return STATUS_BAD_VALUE;
    uint32_t from = falls_below(&s, peak, FALL_FROM), to = falls_below(&s, from, FALL_TO);
    if (to - from < FIT_MIN)
        from = peak;
    double longest = (double)LONGEST_RECORDS * n, decay = decay_between(&s, from, to);
    *out = (struct pulse_times){ .peak_samples = peak - onset_of(&s, peak), .decay_samples = fmin(decay, longest) };
    return STATUS_OK;
}

enum status pulse_times_of_floats(const float *shape, uint32_t n, uint32_t n_presamples, struct pulse_times *out) {
    double *wide = malloc((n + (size_t)1) * sizeof *wide);
    for (uint32_t i = 0; wide != NULL && i < n; i++)
        wide[i] = (double)shape[i];
    enum status s = wide != NULL ? pulse_times_of(wide, 1, n, n_presamples, out) : STATUS_NO_MEMORY;
    free(wide);
    return s;
}
