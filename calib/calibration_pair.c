#include "calib/calibration_pair.h"

#include <math.h>
#include <stdbool.h>

static const struct pixel_calibration *pixel_of(const struct calibration_table *t, uint32_t pixel) {
    return pixel < t->n_pixels ? &t->pixels[pixel] : NULL;
}

/* Lines stepped within it: no curve can be believed from its start on, or until its own holds. */
static bool is_wall(const struct pixel_calibration *p, int64_t time_ns) {
    return p && p->jumped && (!p->curve || time_ns < p->valid_from_ns);
}

/* It jumped before this calibration began, at a time that is known. */
static bool has_left(const struct pixel_calibration *jumped, int64_t time_ns) {
    return jumped->before_until_ns != 0 && time_ns >= jumped->before_until_ns;
}

struct calibration_pair calibration_pair_latest(struct calibration_table *const *tables, size_t n, uint32_t pixel, int64_t time_ns) {
    size_t latest = 0;
    while (latest + 1 < n && tables[latest + 1]->start_ns <= time_ns)
        latest++;
    for (size_t i = latest + 1; i-- > 0 && i < n;) {
        const struct pixel_calibration *p = pixel_of(tables[i], pixel);
        if (is_wall(p, time_ns))
            break;
        if (p && p->curve)
            return (struct calibration_pair){.before = p};
    }
    return (struct calibration_pair){.before = NULL};
}

static double middle_of(const struct calibration_table *t) {
    return 0.5 * (double)t->start_ns + 0.5 * (double)t->end_ns;
}

struct calibration_pair calibration_pair_between(struct calibration_table *const *tables, size_t n, uint32_t pixel, int64_t time_ns) {
    struct calibration_pair pair = {.before = NULL};
    double time = (double)time_ns, from = 0;
    const struct calibration_pair none = { .before = NULL };
    for (size_t i = 0; i < n; i++) {
        const struct pixel_calibration *p = pixel_of(tables[i], pixel);
        bool begun = tables[i]->start_ns <= time_ns;
        if (is_wall(p, time_ns)) {
            if (!begun || time_ns < tables[i]->end_ns)
                return begun || has_left(p, time_ns) ? none : pair;
            pair = none;
        } else if (p && p->curve && p->verdict != VERDICT_STALE) {
            double middle = middle_of(tables[i]);
            if (p->jumped && pair.before && !begun)
                return has_left(p, time_ns) ? none : pair;
            if (!pair.before || middle <= time || p->jumped) {
                pair.before = p;
                from = middle;
                if (middle > time)
                    break;
                continue;
            }
            pair.after = p;
            pair.weight = fmin(fmax((time - from) / (middle - from), 0), 1);
            break;
        }
    }
    return pair;
}

struct curve_value calibration_pair_value(const struct calibration_pair *p, float height_before, float height_after) {
    if (!p->after)
        return calibration_curve_value(p->before->curve, height_before);
    struct curve_value a = calibration_curve_value(p->before->curve, height_before);
    struct curve_value b = calibration_curve_value(p->after->curve, height_after);
    double w = p->weight, energy = exp((1 - w) * log((double)a.energy_eV) + w * log((double)b.energy_eV));
    return (struct curve_value){
        .energy_eV = (float)energy,
        .sigma_eV = (float)hypot((1 - w) * (double)a.sigma_eV, w * (double)b.sigma_eV),
        .common_sigma_eV = (float)((1 - w) * (double)a.common_sigma_eV + w * (double)b.common_sigma_eV),
        .slope = (float)((1 - w) * (double)a.slope + w * (double)b.slope),
        .trust = a.trust > b.trust ? a.trust : b.trust,
    };
}

static double weight_in(const struct calibration_pair *p, const struct pixel_calibration *of) {
    double before = p->after ? 1 - p->weight : 1;
    return (p->before == of ? before : 0) + (p->after == of ? p->weight : 0);
}

static double change_part(const struct calibration_pair *then, const struct calibration_pair *now, const struct pixel_calibration *of, double energy_eV) {
    double change = weight_in(now, of) - weight_in(then, of);
    if (!of || change == 0)
        return 0;
    return change * (double)calibration_curve_value(of->curve, (float)calibration_curve_height(of->curve, energy_eV)).sigma_eV;
}

double calibration_pair_change_sigma(const struct calibration_pair *then, const struct calibration_pair *now, double energy_eV) {
    const struct pixel_calibration *const of[] = {then->before, then->after, now->before, now->after};
    double variance = 0;
    for (int i = 0; i < 4; i++) {
        bool seen = false;
        for (int k = 0; k < i; k++)
            seen = seen || of[k] == of[i];
        double part = seen ? 0 : change_part(then, now, of[i], energy_eV);
        variance += part * part;
    }
    return sqrt(variance);
}
