#include "calib/lossy_trigger.h"

#include <math.h>

static double recorded(const struct lossy_trigger *t, const double *sensitivity, uint32_t n, double rate_Hz) {
    double sum = 0;
    for (uint32_t p = 0; p < n; p++)
        sum += sensitivity[p] * rate_Hz * exp(-sensitivity[p] * rate_Hz * t->veto_s);
    return sum;
}

/* By bisection: up to the rate where it is refused, counts rise with it unless a few pixels are far hotter than the mean; then the
 * lowest rate that gives them is the true one, and refusing is right where none does. */
double lossy_trigger_rate(const struct lossy_trigger *t, const double *sensitivity, uint32_t n, double counts, double dwell_s) {
    double mean = 0;
    for (uint32_t p = 0; p < n; p++)
        mean += sensitivity[p] / n;
    double lo = 0, hi = LOSSY_TRIGGER_MOST / (mean * t->clear_s), wanted = counts / dwell_s;
    if (n == 0 || !(mean > 0) || !(dwell_s > 0) || recorded(t, sensitivity, n, hi) < wanted)
        return NAN;
    for (int i = 0; i < 60; i++) {
        double middle = 0.5 * (lo + hi);
        if (recorded(t, sensitivity, n, middle) < wanted)
            lo = middle;
        else
            hi = middle;
    }
    return 0.5 * (lo + hi);
}

double lossy_trigger_live(const struct lossy_trigger *t, double rate_Hz) {
    return exp(-rate_Hz * t->clear_s);
}

double lossy_trigger_gain(const struct lossy_trigger *t, double rate_Hz) {
    return rate_Hz * t->clear_s / (1 - rate_Hz * t->veto_s);
}
