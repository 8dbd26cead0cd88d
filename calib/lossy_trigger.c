#include "calib/lossy_trigger.h"

#include <math.h>

enum { TERMS = 30, HALVINGS = 40 };   /* the largest term is below 1 */

/* Before a record, and behind an isolated one, where another pulse would have dropped it. */
static double veto_s(const struct lossy_trigger *t) { return t->record_s + (t->isolated ? t->post_s - t->merged_s : 0); }

static double recorded(const struct lossy_trigger *t, const double *sensitivity, uint32_t n, double rate_Hz) {
    double sum = 0, veto = veto_s(t);
    for (uint32_t p = 0; p < n; p++)
        sum += sensitivity[p] * rate_Hz * exp(-sensitivity[p] * rate_Hz * veto);
    return sum;
}

static double most_Hz(const struct lossy_trigger *t, double mean) {
    const double crowd_s = fmax(t->record_s + t->post_s, 0.4 * (t->window_s - t->record_s));
    return LOSSY_TRIGGER_MOST / (mean * crowd_s);
}

/* By bisection: up to the rate where it is refused, counts rise with it unless a few pixels are far hotter than the mean; then the
 * lowest rate that gives them is the true one, and refusing is right where none does. */
double lossy_trigger_rate(const struct lossy_trigger *t, const double *sensitivity, uint32_t n, double counts, double dwell_s) {
    double mean = 0;
    for (uint32_t p = 0; p < n; p++)
        mean += sensitivity[p] / n;
    double lo = 0, hi = most_Hz(t, mean), wanted = counts / dwell_s;
    if (n == 0 || !(mean > 0) || !(dwell_s > 0) || recorded(t, sensitivity, n, hi) < wanted)
        return NAN;
    for (int i = 0; i < HALVINGS; i++) {
        double middle = 0.5 * (lo + hi);
        if (recorded(t, sensitivity, n, middle) < wanted)
            lo = middle;
        else
            hi = middle;
    }
    return 0.5 * (lo + hi);
}

/* No record in the part of the window that the trigger's own veto does not reach, given that nothing comes behind that part. slack_s: that part less
 * what k records in it keep apart; an isolated one needs npost clear behind it where that much is left to the next one or to the end: the mean of it for k > 1. */
static double no_record(const struct lossy_trigger *t, double rate_Hz) {
    const double span_s = t->window_s - t->record_s, near_s = t->isolated ? fmin(span_s, t->post_s) : 0, m = rate_Hz * exp(-rate_Hz * t->record_s);
    double slack_s = span_s - t->record_s, sum = 1 + m / rate_Hz * expm1(-rate_Hz * near_s) - m * exp(-rate_Hz * near_s) * (span_s - near_s);
    for (int k = 2; k < TERMS && slack_s > 0; k++, slack_s -= t->record_s)
        sum += pow(-m * exp(t->isolated ? -rate_Hz * fmin(t->post_s, slack_s / (k + 1)) : 0) * slack_s, k) / tgamma(k + 1);
    return sum;
}

double lossy_trigger_live(const struct lossy_trigger *t, double rate_Hz) {
    if (!(rate_Hz > 0))
        return 1;
    return exp(-rate_Hz * (t->record_s + t->post_s)) * no_record(t, rate_Hz);
}

double lossy_trigger_gain(const struct lossy_trigger *t, double rate_Hz) {
    const double step = 1e-3;
    if (!(rate_Hz > 0))
        return 0;
    return log(lossy_trigger_live(t, rate_Hz * (1 - step)) / lossy_trigger_live(t, rate_Hz * (1 + step))) / (2 * step) / (1 - rate_Hz * veto_s(t));
}
