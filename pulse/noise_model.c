#include "pulse/noise_model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pulse/lag_products.h"
#include "pulse/robust.h"

const char *const noise_estimator_names[N_NOISE_ESTIMATORS] = {
    [NOISE_STREAM] = "stream", [NOISE_UNBIASED] = "unbiased", [NOISE_BIASED] = "biased", [NOISE_LONG_CHUNK] = "long-chunk",
};

enum { BLOCK_RECORDS = 64, CHUNK_RECORDS = 15, NEIGHBOURS = 31 };

static double mean_of(const uint16_t *d, uint32_t n) {
    uint64_t sum = 0;
    for (uint32_t k = 0; k < n; k++)
        sum += d[k];
    return (double)sum / n;
}

static double sd_of(const uint16_t *d, uint32_t n, double mean) {
    double sum = 0;
    for (uint32_t k = 0; k < n; k++)
        sum += (d[k] - mean) * (d[k] - mean);
    return sqrt(sum / n);
}

static double range_of(const uint16_t *d, uint32_t n) {
    uint16_t low = d[0], high = d[0];
    for (uint32_t k = 1; k < n; k++) {
        low = d[k] < low ? d[k] : low;
        high = d[k] > high ? d[k] : high;
    }
    return high - low;
}

static const uint16_t *samples_of(const struct record_store *noise, uint32_t i) {
    return noise->samples + (size_t)i * noise->n_samples;
}

/* Value minus the median of the NEIGHBOURS around it (fewer at the ends). */
static void remove_running_median(const double *values, uint32_t n, double *out) {
    for (uint32_t i = 0; i < n; i++) {
        double window[NEIGHBOURS];
        uint32_t from = i < NEIGHBOURS / 2 ? 0 : i - NEIGHBOURS / 2, to = i + NEIGHBOURS / 2 + 1;
        to = to > n ? n : to;
        memcpy(window, values + from, (to - from) * sizeof *window);
        out[i] = values[i] - robust_median(window, to - from);
    }
}

/* Clears good[i] where values[i] is beyond 5 sigmas of its kind; least_sigma: quantised values may have none. Returns the median. */
static double reject(const double *values, uint32_t n, double least_sigma, double *scratch, bool *good) {
    memcpy(scratch, values, n * sizeof *values);
    struct robust_centre c = robust_centre(scratch, n);
    double limit = 5 * fmax(c.sigma, least_sigma);
    for (uint32_t i = 0; i < n; i++)
        good[i] = good[i] && fabs(values[i] - c.median) <= limit;
    return c.median;
}

static uint32_t count(const bool *good, uint32_t n) {
    uint32_t sum = 0;
    for (uint32_t i = 0; i < n; i++)
        sum += good[i];
    return sum;
}

uint32_t noise_model_select(const struct record_store *noise, bool *good, double *baseline_sd) {
    uint32_t n = noise->n_records, length = noise->n_samples;
    for (uint32_t i = 0; i < n; i++)
        good[i] = true;
    double *sd = n ? malloc(5 * (size_t)n * sizeof *sd) : NULL;
    if (sd == NULL)
        return 0;
    double *range = sd + n, *mean = range + n, *shift = mean + n, *scratch = shift + n;
    for (uint32_t i = 0; i < n; i++) {
        const uint16_t *d = samples_of(noise, i);
        mean[i] = mean_of(d, length);
        sd[i] = sd_of(d, length, mean[i]);
        range[i] = range_of(d, length);
    }
    remove_running_median(mean, n, shift);
    memcpy(scratch, sd, n * sizeof *sd);
    double typical = robust_median(scratch, n);
    reject(sd, n, 0.01 * typical, scratch, good);
    reject(range, n, 1, scratch, good);
    reject(shift, n, 0.01 * typical, scratch, good);
    free(sd);
    if (baseline_sd)
        *baseline_sd = typical;
    return count(good, n);
}

uint32_t noise_model_select_excursion(const struct record_store *noise, double max_excursion, bool *good) {
    for (uint32_t i = 0; i < noise->n_records; i++)
        good[i] = range_of(samples_of(noise, i), noise->n_samples) <= max_excursion;
    return count(good, noise->n_records);
}

/* How a stretch of records shares one mean, and whether lags cross from record to record inside it. */
struct grouping { uint32_t records; bool whole, cross, by_frame; };

static struct grouping grouping_of(enum noise_estimator estimator) {
    switch (estimator) {
    case NOISE_STREAM:
        return (struct grouping){ BLOCK_RECORDS, .cross = true, .by_frame = true };
    case NOISE_LONG_CHUNK:
        return (struct grouping){ CHUNK_RECORDS, .whole = true, .cross = true };
    default:
        return (struct grouping){ 1, .cross = false };
    }
}

/* Does record i begin where record i-1 ends? One frame of slack: LJH 2.1 times are too coarse for some frames. */
bool noise_model_follows(const struct record_store *noise, uint32_t i) {
    if (i == 0)
        return false;
    int64_t gap = (int64_t)((uint64_t)noise->frames[i] - (uint64_t)noise->frames[i - 1]) - noise->n_samples;
    return gap >= -1 && gap <= 1;
}

static double group_mean(const struct record_store *noise, const bool *good, uint32_t from, uint32_t to) {
    double sum = 0;
    uint32_t n = 0;
    for (uint32_t i = from; i < to; i++)
        if (good[i]) {
            sum += mean_of(samples_of(noise, i), noise->n_samples);
            n++;
        }
    return n ? sum / n : 0;
}

static void add_group(struct lag_products *l, const struct record_store *noise, const bool *good, struct grouping g, uint32_t from, uint32_t to,
                      double *x) {
    double mean = group_mean(noise, good, from, to);
    for (uint32_t i = from; i < to; i++) {
        if (!good[i])
            continue;
        bool neighbour = i > 0 && good[i - 1] && (g.by_frame ? noise_model_follows(noise, i) : i > from);
        const uint16_t *d = samples_of(noise, i);
        for (uint32_t k = 0; k < noise->n_samples; k++)
            x[k] = d[k] - mean;
        lag_products_add(l, x, g.cross && neighbour);
    }
}

static void add_all(struct lag_products *l, const struct record_store *noise, const bool *good, struct grouping g, double *x) {
    for (uint32_t from = 0; from < noise->n_records; from += g.records) {
        uint32_t to = from + g.records < noise->n_records ? from + g.records : noise->n_records;
        uint32_t usable = count(good + from, to - from);
        if (usable == 0 || (g.whole && usable < g.records))
            continue;
        add_group(l, noise, good, g, from, to, x);
    }
}

/* sums / counts; a lag without any product keeps nothing to say and counts as uncorrelated. */
static bool divide(const double *sums, const double *counts, uint32_t n, bool biased, double *covariance) {
    if (!(counts[0] > 0))
        return false;
    for (uint32_t j = 0; j < n; j++) {
        double c = biased ? counts[0] : counts[j];
        covariance[j] = c > 0 ? sums[j] / c : 0;
    }
    return true;
}

enum status noise_model_covariance(const struct noise_plan *plan, const struct record_store *noise, const bool *good,
                                   enum noise_estimator estimator, double *covariance) {
    uint32_t n = noise->n_samples;
    if (n != noise_plan_n_samples(plan))
        return STATUS_BAD_VALUE;
    struct lag_products *l;
    double *work = malloc(3 * (size_t)n * sizeof *work);
    enum status s = work ? lag_products_new(plan, &l) : STATUS_NO_MEMORY;
    if (s == STATUS_OK) {
        add_all(l, noise, good, grouping_of(estimator), work);
        lag_products_finish(l, work + n, work + 2 * (size_t)n);
        if (!divide(work + n, work + 2 * (size_t)n, n, estimator == NOISE_BIASED, covariance))
            s = STATUS_TOO_FEW;
        lag_products_free(l);
    }
    free(work);
    return s;
}

static double window_of(uint32_t n, bool hann, double *window) {
    double squares = 0;
    for (uint32_t k = 0; k < n; k++) {
        double s = sin(M_PI * k / (n - 1));
        window[k] = hann ? s * s : 1;
        squares += window[k] * window[k];
    }
    return squares;
}

enum status noise_model_spectrum(const struct noise_plan *plan, const struct record_store *noise, const bool *good, bool hann,
                                 double sample_period_s, double *density) {
    uint32_t n = noise->n_samples, bins = n / 2 + 1, used = count(good, noise->n_records);
    if (n < 2 || n != noise_plan_n_samples(plan))
        return STATUS_BAD_VALUE;
    if (used == 0)
        return STATUS_TOO_FEW;
    double *window = malloc(n * sizeof *window), *x = noise_plan_buffer(n), *spectrum = noise_plan_buffer(2 * (uint64_t)bins);
    bool enough = window && x && spectrum;
    if (enough) {
        double scale = 2 * sample_period_s / window_of(n, hann, window) / used;
        memset(density, 0, bins * sizeof *density);
        for (uint32_t i = 0; i < noise->n_records; i++) {
            if (!good[i])
                continue;
            const uint16_t *d = samples_of(noise, i);
            double mean = mean_of(d, n);
            for (uint32_t k = 0; k < n; k++)
                x[k] = window[k] * (d[k] - mean);
            noise_plan_record(plan, x, spectrum);
            for (uint32_t f = 0; f < bins; f++)
                density[f] += scale * (spectrum[2 * f] * spectrum[2 * f] + spectrum[2 * f + 1] * spectrum[2 * f + 1]);
        }
    }
    free(window);
    noise_plan_release(x);
    noise_plan_release(spectrum);
    return enough ? STATUS_OK : STATUS_NO_MEMORY;
}
