#include "pulse/pulse_template.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pulse/robust.h"

static double mean_of(const sample_u16 *d, uint32_t from, uint32_t to) {
    uint64_t sum = 0;
    for (uint32_t k = from; k < to; k++)
        sum += d[k];
    return (double)sum / (to - from);
}

/* Adds weight x (record - its pretrigger mean). */
static void add_record(const struct pulse_record *r, double weight, double *total) {
    double base = mean_of(r->samples, 0, r->n_presamples - 3);
    for (uint32_t k = 0; k < r->n_samples; k++)
        total[k] += weight * (r->samples[k] - base);
}

uint32_t pulse_template_average(const struct record_store *pulses, const bool *chosen, double *average) {
    uint32_t used = 0;
    memset(average, 0, pulses->n_samples * sizeof *average);
    for (uint32_t i = 0; i < pulses->n_records; i++) {
        if (!chosen[i])
            continue;
        struct pulse_record r = record_store_at(pulses, i);
        add_record(&r, 1, average);
        used++;
    }
    for (uint32_t k = 0; used && k < pulses->n_samples; k++)
        average[k] /= used;
    return used;
}

double pulse_template_prepare(const double *average, uint32_t n_samples, uint32_t n_presamples, bool inverted, double *template_pulse) {
    uint32_t e = n_presamples - 3;
    double base = 0, peak = 0, sign = inverted ? -1 : 1;
    for (uint32_t k = 0; k + 1 < e; k++)
        base += average[k] / (e - 1);
    for (uint32_t k = 0; k < n_samples; k++)
        peak = fmax(peak, sign * (average[k] - base));
    for (uint32_t k = 0; k < n_samples; k++)
        template_pulse[k] = k < e || !(peak > 0) ? 0 : (average[k] - base) / peak;
    return peak;
}

/* Pulse area over the samples behind the trigger, per sample, positive for pulses. */
static double area_of(const struct pulse_record *r, bool inverted) {
    double above = mean_of(r->samples, r->n_presamples - 1, r->n_samples) - mean_of(r->samples, 0, r->n_presamples - 3);
    return inverted ? -above : above;
}

static void measure_areas(const struct record_store *pulses, bool inverted, double *area) {
    for (uint32_t i = 0; i < pulses->n_records; i++) {
        struct pulse_record r = record_store_at(pulses, i);
        area[i] = area_of(&r, inverted);
    }
}

static uint32_t choose_window(const double *area, const bool *good, uint32_t n, double median, double width, bool *used) {
    uint32_t chosen = 0;
    for (uint32_t i = 0; i < n; i++) {
        used[i] = good[i] && area[i] > median * (1 - width) && area[i] < median * (1 + width);
        chosen += used[i];
    }
    return chosen;
}

static uint32_t choose(const double *area, const bool *good, uint32_t n, double *scratch, bool *used) {
    uint32_t n_good = 0;
    for (uint32_t i = 0; i < n; i++)
        if (good[i])
            scratch[n_good++] = area[i];
    if (n_good == 0)
        return 0;
    double median = robust_rank(scratch, n_good, n_good / 2);  /* of a real pulse: between two lines there may be none */
    uint32_t chosen = 0;
    if (median > 0)
        for (double width = 0.05; width < 0.55 && chosen < TEMPLATE_RECORDS_WANTED; width *= 1.25)
            chosen = choose_window(area, good, n, median, width, used);
    return chosen;
}

/* sum of area x record over sum of area^2, for chosen records: the shape per unit area that leaves the least squares. */
static void weighted_shape(const struct record_store *pulses, const bool *used, const double *area, double *shape) {
    double squares = 0;
    memset(shape, 0, pulses->n_samples * sizeof *shape);
    for (uint32_t i = 0; i < pulses->n_records; i++) {
        if (!used[i])
            continue;
        struct pulse_record r = record_store_at(pulses, i);
        add_record(&r, area[i], shape);
        squares += area[i] * area[i];
    }
    for (uint32_t k = 0; k < pulses->n_samples; k++)
        shape[k] /= squares;
}

static double distance_from(const double *shape, const struct pulse_record *r, double area) {
    double base = mean_of(r->samples, 0, r->n_presamples - 3), sum = 0;
    for (uint32_t k = 0; k < r->n_samples; k++) {
        double left = r->samples[k] - base - area * shape[k];
        sum += left * left;
    }
    return sqrt(sum / r->n_samples);
}

/* Clears used[i] of records that do not look like the shape. Returns how many are left. */
static uint32_t leave_out_odd(const struct record_store *pulses, const double *shape, const double *area, double *scratch, bool *used) {
    uint32_t n = pulses->n_records, chosen = 0, left = 0;
    double *distance = scratch + n;
    for (uint32_t i = 0; i < n; i++) {
        if (!used[i])
            continue;
        struct pulse_record r = record_store_at(pulses, i);
        distance[i] = distance_from(shape, &r, area[i]);
        scratch[chosen++] = distance[i];
    }
    struct robust_centre c = robust_centre(scratch, chosen);
    for (uint32_t i = 0; i < n; i++) {
        used[i] = used[i] && distance[i] <= c.median + 5 * fmax(c.sigma, 0.01 * c.median);
        left += used[i];
    }
    return left;
}

static double median_area(const double *area, const bool *used, uint32_t n, double *scratch) {
    uint32_t chosen = 0;
    for (uint32_t i = 0; i < n; i++)
        if (used[i])
            scratch[chosen++] = area[i];
    return robust_median(scratch, chosen);
}

enum status pulse_template_learn(const struct record_store *pulses, const bool *good, bool inverted, bool *used, double *template_pulse,
                                 uint32_t *n_used, double *peak_counts) {
    uint32_t n = pulses->n_records;
    double *area = malloc(3 * ((size_t)n + 1) * sizeof *area), *shape = malloc(pulses->n_samples * sizeof *shape);
    enum status s = area && shape ? STATUS_OK : STATUS_NO_MEMORY;
    if (s == STATUS_OK) {
        double *scratch = area + n;
        memset(used, 0, n * sizeof *used);
        measure_areas(pulses, inverted, area);
        uint32_t chosen = choose(area, good, n, scratch, used);
        if (chosen >= TEMPLATE_RECORDS_MIN) {
            weighted_shape(pulses, used, area, shape);
            chosen = leave_out_odd(pulses, shape, area, scratch, used);
        }
        double peak = 0;
        if (chosen >= TEMPLATE_RECORDS_MIN) {
            weighted_shape(pulses, used, area, shape);
            peak = pulse_template_prepare(shape, pulses->n_samples, pulses->n_presamples, inverted, template_pulse);
        }
        s = peak > 0 ? STATUS_OK : STATUS_TOO_FEW;
        if (s == STATUS_OK) {
            *n_used = chosen;
            *peak_counts = peak * median_area(area, used, n, scratch);
        }
    }
    free(area);
    free(shape);
    return s;
}
