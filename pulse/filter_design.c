#include "pulse/filter_design.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pulse/lag_parabola.h"
#include "pulse/linear.h"

enum { ROWS_MAX = 5, WEIGHT_SETS = 3, LEAST_SAMPLES = 16 };

const char *const filter_kind_names[N_FILTER_KINDS] = {
    [FILTER_FIVE_LAG] = "5-lag", [FILTER_ONE_LAG] = "1-lag", [FILTER_ATS] = "ATS", [FILTER_FOURIER] = "Fourier",
};

static double dot(const double *a, const double *b, uint32_t n) {
    double sum = 0;
    for (uint32_t k = 0; k < n; k++)
        sum += a[k] * b[k];
    return sum;
}

static bool five_lags(const struct filter_request *r) {
    return r->kind == FILTER_FIVE_LAG || r->kind == FILTER_FOURIER;
}

/* Samples that get weight, without the two at each end that five lags need. */
static uint32_t window_length(const struct filter_request *r) {
    return r->n_samples - r->cut_pre - r->cut_post - (five_lags(r) ? LAGS - 1 : 0);
}

static double slope_at(const struct filter_request *r, uint32_t k) {
    if (r->slope)
        return r->slope[k];
    const double *s = r->template_pulse;
    uint32_t last = r->n_samples - 1;
    return k == 0 ? s[1] - s[0] : k == last ? s[last] - s[last - 1] : 0.5 * (s[k + 1] - s[k - 1]);
}

/* ROWS_MAX x n at most: template, ones, then what else to be blind to. Returns how many. */
static uint32_t fill_rows(const struct filter_request *r, uint32_t n, double *rows) {
    uint32_t first = r->cut_pre + (five_lags(r) ? LAGS / 2 : 0), used = 2;
    for (uint32_t k = 0; k < n; k++) {
        rows[k] = r->template_pulse[first + k];
        rows[n + k] = 1;
    }
    if (r->kind == FILTER_ATS) {
        for (uint32_t k = 0; k < n; k++)
            rows[used * n + k] = slope_at(r, first + k);
        used++;
    }
    if (r->tail_samples > 0) {
        for (uint32_t k = 0; k < n; k++)
            rows[used * n + k] = exp(-(double)k / r->tail_samples);
        used++;
        for (uint32_t k = 0; r->decay_unsure && k < n; k++)
            rows[used * n + k] = k / r->tail_samples * rows[(used - 1) * n + k];
        used += r->decay_unsure;
    }
    return used;
}

/* q: used x n, row i sees rows[i] with gain 1 and is blind to the others. */
static enum status separate(const struct filter_request *r, const double *rows, uint32_t used, uint32_t n, double *q) {
    double a[ROWS_MAX * ROWS_MAX];
    enum status s = STATUS_OK;
    if (r->covariance)
        s = linear_toeplitz_zero_sum(r->covariance, n, rows, used, q);
    else
        memcpy(q, rows, used * n * sizeof *q);
    for (uint32_t i = 0; s == STATUS_OK && i < used; i++)
        for (uint32_t j = 0; j < used; j++)
            a[i * used + j] = dot(rows + i * n, q + j * n, n);
    return s == STATUS_OK ? linear_dense(a, used, q, n) : s;
}

/* Cosines and sines of a record's own frequencies; sums of them one by one: filters are made once, and transforms of this size cost
 * no more than the Toeplitz solution does. */
struct waves { uint32_t n; double *cosine; };  /* n cosines, then n sines */

static bool waves_init(uint32_t n, struct waves *w) {
    w->n = n;
    w->cosine = malloc(2 * (size_t)n * sizeof *w->cosine);
    for (uint32_t k = 0; w->cosine && k < n; k++) {
        w->cosine[k] = cos(2 * M_PI * k / n);
        w->cosine[n + k] = sin(2 * M_PI * k / n);
    }
    return w->cosine != NULL;
}

static void wave_amplitude(const struct waves *w, const double *x, uint32_t f, double out[2]) {
    out[0] = out[1] = 0;
    for (uint32_t k = 0, at = 0; k < w->n; k++, at = (at + f) % w->n) {
        out[0] += x[k] * w->cosine[at];
        out[1] -= x[k] * w->cosine[w->n + at];
    }
}

/* x <- its waves, each times gain[f], f = 0..n/2. */
static enum status reweigh(const struct waves *w, const double *gain, double *x) {
    double *y = calloc(w->n, sizeof *y);
    if (y == NULL)
        return STATUS_NO_MEMORY;
    for (uint32_t f = 0; f <= w->n / 2; f++) {
        double a[2], twice = f == 0 || 2 * f == w->n ? 1 : 2;
        if (gain[f] == 0)   // NOLINT(clang-analyzer-core.UndefinedBinaryOperatorResult): the caller fills n/2 + 1 of them
            continue;
        wave_amplitude(w, x, f, a);
        for (uint32_t k = 0, at = 0; k < w->n; k++, at = (at + f) % w->n)
            y[k] += twice * gain[f] / w->n * (a[0] * w->cosine[at] - a[1] * w->cosine[w->n + at]);
    }
    memcpy(x, y, w->n * sizeof *x);
    free(y);
    return STATUS_OK;
}

static double smoothing(const struct filter_request *r, double frequency) {
    if (r->highest > 0 && frequency > r->highest)
        return 0;
    double x = r->half_power > 0 ? frequency / r->half_power : 0;
    return 1 / (1 + x * x);
}

static enum status smooth(const struct filter_request *r, uint32_t n, uint32_t sets, double *q) {
    if (!(r->half_power > 0) && !(r->highest > 0))
        return STATUS_OK;
    struct waves w;
    double *gain = malloc((n / 2 + 1) * sizeof *gain);
    enum status s = waves_init(n, &w) && gain ? STATUS_OK : STATUS_NO_MEMORY;
    for (uint32_t f = 0; s == STATUS_OK && f <= n / 2; f++)
        gain[f] = smoothing(r, (double)f / n);
    for (uint32_t i = 0; s == STATUS_OK && i < sets; i++)
        s = reweigh(&w, gain, q + i * n);
    free(gain);
    free(w.cosine);
    return s;
}

/* Covariance at lag j of a spectrum of n/2+1 values. */
static void spectrum_to_lags(const struct waves *w, const double *density, double *lags) {
    for (uint32_t j = 0; j < w->n; j++) {
        lags[j] = 0;
        for (uint32_t f = 0, at = 0; f <= w->n / 2; f++, at = (at + j) % w->n)
            lags[j] += (f == 0 || 2 * f == w->n ? 1 : 2) * density[f] * w->cosine[at] / w->n;
    }
}

/* The spectrum for n-4 samples from one for n, by way of its lags with the longest left out. That n-3 of them are kept, one more behind
 * than before, is how mass does it; the numbers to compare with depend on it. */
static enum status shorten_spectrum(const double *density, uint32_t n, double *shorter) {
    struct waves whole, part;
    double *lags = malloc((size_t)n * sizeof *lags), a[2];
    enum status s = waves_init(n, &whole) && lags ? STATUS_OK : STATUS_NO_MEMORY;
    if (s == STATUS_OK)
        spectrum_to_lags(&whole, density, lags);
    free(whole.cosine);
    uint32_t front = n / 2 - 2, back = n / 2 - 1;
    if (s == STATUS_OK)
        memmove(lags + front, lags + n - back, back * sizeof *lags);
    part.cosine = NULL;
    if (s == STATUS_OK && !waves_init(front + back, &part))
        s = STATUS_NO_MEMORY;
    for (uint32_t f = 0; s == STATUS_OK && f <= (n - LAGS + 1) / 2; f++) {
        wave_amplitude(&part, lags, f, a);
        shorter[f] = hypot(a[0], a[1]);
    }
    free(part.cosine);
    free(lags);
    return s;
}

static enum status divide_by_spectrum(const struct filter_request *r, uint32_t n, double *q) {
    struct waves w = { .cosine = NULL };
    double *gain = malloc((n / 2 + 1) * sizeof *gain);
    enum status s = gain && waves_init(n, &w) ? shorten_spectrum(r->density, r->n_samples, gain) : STATUS_NO_MEMORY;
    for (uint32_t f = 0; s == STATUS_OK && f <= n / 2; f++)
        gain[f] = f == 0 || !(gain[f] > 0) ? 0 : smoothing(r, (double)f / n) / gain[f];
    memcpy(q, r->template_pulse + LAGS / 2, n * sizeof *q);
    if (s == STATUS_OK)
        s = reweigh(&w, gain, q);
    free(gain);
    free(w.cosine);
    return s;
}

/* Height at the best of five lags, or at the only one. */
static struct filter_value value_of(enum filter_kind kind, const double *weights, uint32_t n_weights, const double *x) {
    if (kind == FILTER_ONE_LAG || kind == FILTER_ATS) {
        double height = dot(weights, x, n_weights);
        return (struct filter_value){ height, kind == FILTER_ATS ? dot(weights + n_weights, x, n_weights) / height : (double)NAN };
    }
    double lags[LAGS];
    for (uint32_t i = 0; i < LAGS; i++)
        lags[i] = dot(weights, x + i, n_weights);
    struct lag_parabola p = lag_parabola_fit(lags);
    return (struct filter_value){ p.height, p.arrival_samples };
}

/* Weights at their place among zeros for what is cut, gain 1, variance. */
static enum status finish(const struct filter_request *r, const double *q, uint32_t n, uint32_t sets, struct filter_design *d) {
    for (uint32_t i = 0; i < sets; i++)
        memcpy(d->weights + i * d->n_weights + r->cut_pre, q + i * n, n * sizeof *q);
    double gain = r->kind == FILTER_ATS && r->plain ? 1 : value_of(r->kind, d->weights, d->n_weights, r->template_pulse).height;
    if (!(gain > 0) || !isfinite(gain))
        return STATUS_BAD_VALUE;
    for (uint32_t k = 0; k < d->n_weights; k++)
        d->weights[k] /= gain;
    d->variance = r->covariance ? linear_toeplitz_form(r->covariance, d->weights, d->n_weights) : dot(d->weights, d->weights, d->n_weights);
    d->resolving_power = r->peak_counts / sqrt(8 * log(2) * d->variance);
    return STATUS_OK;
}

static enum status make(const struct filter_request *r, uint32_t n, double *space, struct filter_design *d) {
    double *rows = space, *q = space + ROWS_MAX * (size_t)n;
    if (r->kind == FILTER_FOURIER) {
        enum status s = divide_by_spectrum(r, n, q);
        return s == STATUS_OK ? finish(r, q, n, 1, d) : s;
    }
    uint32_t used = fill_rows(r, n, rows), sets = r->kind == FILTER_ATS ? WEIGHT_SETS : 1;
    enum status s = separate(r, rows, used, n, q);
    for (uint32_t k = 0; s == STATUS_OK && sets > 1 && k < n; k++) {  /* height, slope, level */
        double level = q[n + k];
        q[n + k] = q[2 * n + k];
        q[2 * n + k] = level;
    }
    if (s == STATUS_OK)
        s = smooth(r, n, sets, q);
    return s == STATUS_OK ? finish(r, q, n, sets, d) : s;
}

enum status filter_design_make(const struct filter_request *r, struct filter_design *out) {
    uint64_t needed = LEAST_SAMPLES + LAGS + (uint64_t)r->cut_pre + r->cut_post;
    bool fourier = r->kind == FILTER_FOURIER;
    if (r->n_samples < needed || (fourier && (r->density == NULL || r->n_samples % 2 || r->cut_pre || r->cut_post || r->tail_samples > 0)))
        return STATUS_BAD_VALUE;
    uint32_t n = window_length(r);
    struct filter_design d = { .kind = r->kind, .estimator = r->estimator, .n_samples = r->n_samples, .n_weights = n + r->cut_pre + r->cut_post };
    d.weights = calloc(WEIGHT_SETS * (size_t)d.n_weights, sizeof *d.weights);
    double *space = malloc(2 * ROWS_MAX * (size_t)n * sizeof *space);
    enum status s = d.weights && space ? make(r, n, space, &d) : STATUS_NO_MEMORY;
    free(space);
    if (s == STATUS_OK)
        *out = d;
    else
        filter_design_done(&d);
    return s;
}

void filter_design_done(struct filter_design *d) {
    free(d->weights);
    *d = (struct filter_design){ .weights = NULL };
}

struct filter_value filter_design_apply(const struct filter_design *d, const sample_u16 *samples) {
    double c[WEIGHT_SETS] = { 0 }, lags[LAGS] = { 0 };
    uint32_t n = d->n_weights;
    if (d->kind == FILTER_FIVE_LAG || d->kind == FILTER_FOURIER) {
        for (uint32_t i = 0; i < LAGS; i++)
            for (uint32_t k = 0; k < n; k++)
                lags[i] += d->weights[k] * samples[k + i];
        struct lag_parabola p = lag_parabola_fit(lags);
        return (struct filter_value){ p.height, p.arrival_samples };
    }
    for (uint32_t i = 0; i < 2; i++)
        for (uint32_t k = 0; k < n; k++)
            c[i] += d->weights[i * n + k] * samples[k];
    return (struct filter_value){ c[0], d->kind == FILTER_ATS ? c[1] / c[0] : (double)NAN };
}

void filter_design_text(const struct filter_design *d, char *text, uint32_t size) {
    snprintf(text, size, "V/dV %.1f (%s, %s noise)", d->resolving_power, filter_kind_names[d->kind], noise_estimator_names[d->estimator]);
}
