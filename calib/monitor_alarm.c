#include "calib/monitor_alarm.h"

#include <math.h>
#include <string.h>

#include "pulse/robust.h"

static const double SIGMAS = 5, RESIDUAL_FACTOR = 1.5, RATE_FACTOR = 3;
static const double BEAM_OFF = 0.2;   /* of the reference's rate in the typical pixel: then no pixel's rate means anything */
enum { FEWEST_PIXELS = 3 };   /* with fewer the median is the pixel itself, so nothing is taken out */

static double median_of(const struct monitor_value *values, uint32_t n_pixels, uint32_t stride, uint32_t window, double *scratch) {
    size_t n = 0;
    for (uint32_t p = 0; p < n_pixels; p++) {
        const struct monitor_value *v = &values[(size_t)p * stride + window];
        if (isfinite(v->value))
            scratch[n++] = (double)v->value;
    }
    return robust_median(scratch, n);
}

/* The pixel's first window of this key that has a value; plan->n: none before `window`. */
static uint32_t reference_of(const struct monitor_plan *plan, const struct monitor_value *row, uint32_t window) {
    for (uint32_t w = 0; w < window; w++)
        if (plan->windows[w].key == plan->windows[window].key && row[w].n > 0)
            return w;
    return plan->n;
}

struct change { double value, sigma; };

/* Since the reference, and against the array where `common` (its median's change) may be taken out. */
static struct change difference(const struct monitor_value *now, const struct monitor_value *then, double common) {
    return (struct change){(double)now->value - (double)then->value - common, hypot((double)now->sigma, (double)then->sigma)};
}

/* What is compared: a pixel's window and its reference, and what the array has done between the two. */
struct comparison {
    enum monitor_kind kind;
    uint32_t pixel, then_window, now_window;
    const struct monitor_value *then, *now;
    double common, factor;
};

static double curve_sigma_of(const struct comparison *c, const struct monitor_alarm_settings *s) {
    return s->curve_sigma ? s->curve_sigma(s->context, c->kind, c->pixel, c->then_window, c->now_window) : 0;
}

static bool is_alarm(const struct comparison *compared, const struct monitor_alarm_settings *s) {
    const struct monitor_value *now = compared->now, *then = compared->then;
    double common = compared->common, factor = compared->factor, slope = s->slope[compared->pixel];
    struct change c;
    switch (compared->kind) {
    case MONITOR_PRETRIGGER_MEAN:
        c = difference(now, then, 0);
        return fabs(c.value * slope) * s->line_eV > s->alarm_eV && fabs(c.value) > SIGMAS * c.sigma;
    case MONITOR_RESIDUAL:
        c = difference(now, then, 0);
        return now->value > (float)RESIDUAL_FACTOR * then->value && c.value > SIGMAS * c.sigma;
    case MONITOR_RATE: {
        double want = (double)then->value * factor, sigma = hypot((double)now->sigma, (double)then->sigma * factor);
        bool odd = factor > BEAM_OFF && factor < 1 / BEAM_OFF && ((double)now->value > RATE_FACTOR * want || (double)now->value * RATE_FACTOR < want);
        return odd && fabs((double)now->value - want) > SIGMAS * sigma;
    }
    default:
        c = difference(now, then, common);
        return fabs(c.value) > s->alarm_eV && fabs(c.value) > SIGMAS * hypot(c.sigma, curve_sigma_of(compared, s));
    }
}

static bool judge(const struct monitor_plan *plan, enum monitor_kind kind, const struct monitor_alarm_settings *s, const struct monitor_value *row, uint32_t pixel,
                  uint32_t window, const double *median, bool compare) {
    const struct monitor_value *now = &row[window];
    uint32_t w = isfinite(now->value) ? reference_of(plan, row, window) : plan->n;
    if (w == plan->n)
        return false;
    double common = compare ? median[window] - median[w] : 0, factor = compare ? median[window] / median[w] : 1;
    return is_alarm(&(struct comparison){kind, pixel, w, window, &row[w], now, common, factor}, s);
}

uint32_t monitor_alarm_find(const struct monitor_plan *plan, enum monitor_kind kind, const struct monitor_alarm_settings *settings, const struct monitor_value *values,
                            uint32_t n_pixels, double *scratch, uint8_t *alarm, double *median) {
    uint32_t alarmed = 0;
    for (uint32_t w = 0; w < plan->n; w++)
        median[w] = median_of(values, n_pixels, plan->n, w, scratch);
    for (uint32_t p = 0; p < n_pixels; p++) {
        bool any = false;
        for (uint32_t w = 0; w < plan->n; w++) {
            size_t at = (size_t)p * plan->n + w;
            alarm[at] = judge(plan, kind, settings, values + (size_t)p * plan->n, p, w, median, n_pixels >= FEWEST_PIXELS);
            any = any || alarm[at];
        }
        alarmed += any;
    }
    return alarmed;
}
