#include "calib/spectrum_stretch.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

/* Grid in ln s and q; the bins of the coarse axis are one grid step of ln s. */
static const double LN_STEP = 0.008, LN_S_MIN = -1.44, LN_S_MAX = 1.44;  /* a factor 4.2: arrays whose gains differ by 2 either way */
static const double Q_LIMIT = 0.3;
enum { Q_GRID = 25, CANDIDATES = STRETCH_CHOICES, REFINEMENTS = 40, PIECES = 4 };

static const double FINE_STEP = 0.003;
static const double COARSE_FWHM = 0.03, FINE_FWHM = 0.012;  /* in ln p: 3 % finds the valley, 1.2 % is the width of a line */
static const double UNIFORM_SHARE = 0.05;
static const double LIMIT_FRACTION = 0.002;
/* A stretch is known well enough from 800 pulses (0.3 eV from 300): more are thinned evenly. And a valley of the coarse grid that is less likely
 * by so much per pulse does not become the best. */
static const size_t PULSES_ENOUGH = 800;
static const double HOPELESS = 0.4;

struct stretch_reference {
    double X;
    struct spectrum *coarse, *fine;  /* smoothed density per unit of ln x; total 1 */
    double uniform;                  /* density of the uniform share, per unit of ln x */
    double log_density[Q_GRID][1024];
    double low[Q_GRID];              /* ln p (s = 1) of the left edge of cell 0 */
    size_t n[Q_GRID];
};

static double q_of(int i) {
    return -Q_LIMIT + 2 * Q_LIMIT * i / (Q_GRID - 1);
}

/* Histogram of ln height, of every stride-th pulse, between robust limits, `margin` wider on both sides. */
static enum status log_histogram(const float *heights, size_t n, size_t stride, double step, double margin, size_t minimum, struct spectrum **out) {
    double low, high;
    enum status status = spectrum_limits(heights, n, LIMIT_FRACTION, &low, &high);
    if (status != STATUS_OK)
        return status;
    if (n < minimum || !(high > low * 1.05))
        return STATUS_TOO_FEW;
    double first = fmax(log(low), log(high) - 4) - margin;  /* no more than a factor 50 below the top */
    struct spectrum *s;
    status = spectrum_new(first, step, (size_t)ceil((log(high) + margin - first) / step) + 1, &s);
    if (status != STATUS_OK)
        return status;
    for (size_t i = 0; i < n; i += stride)
        if (heights[i] > 0)
            spectrum_add(s, log((double)heights[i]), 1);
    if (s->total < (double)minimum) {
        spectrum_free(s);
        return STATUS_TOO_FEW;
    }
    *out = s;
    return STATUS_OK;
}

/* Smooths `raw` and makes a density of total 1 of it. */
static enum status density_of(const struct spectrum *raw, double fwhm, struct spectrum **out) {
    struct spectrum *smooth;
    enum status status = spectrum_smooth(raw, fwhm, &smooth);
    if (status != STATUS_OK)
        return status;
    for (size_t i = 0; i < smooth->n; i++)
        smooth->counts[i] /= raw->total * raw->width;
    smooth->total = 1;
    *out = smooth;
    return STATUS_OK;
}

static enum status density(const float *heights, size_t n, double step, double fwhm, struct spectrum **out) {
    struct spectrum *raw;
    enum status status = log_histogram(heights, n, 1, step, 2 * fwhm, 100, &raw);
    if (status != STATUS_OK)
        return status;
    status = density_of(raw, fwhm, out);
    spectrum_free(raw);
    return status;
}

/* The bins of a density with height as its axis, in pieces, on an axis of ln height. */
static enum status log_density(const struct spectrum *from, double low, double high, double step, double fwhm, struct spectrum **out) {
    double first = fmax(log(low), log(high) - 4) - 2 * fwhm;
    struct spectrum *raw;
    enum status status = spectrum_new(first, step, (size_t)ceil((log(high) + 2 * fwhm - first) / step) + 1, &raw);
    if (status != STATUS_OK)
        return status;
    for (size_t i = 0; i < from->n; i++)
        for (int k = 0; k < PIECES; k++) {
            double at = from->low + ((double)i + (k + 0.5) / PIECES) * from->width;
            if (at > 0)
                spectrum_add(raw, log(at), from->counts[i] / PIECES);
        }
    status = raw->total > 0 ? density_of(raw, fwhm, out) : STATUS_TOO_FEW;
    spectrum_free(raw);
    return status;
}

/* ln x and d ln x / d ln u for u = x (1 + q (x/X - 1)), the positive root of the quadratic. */
static double inverse(double u, double q, double X, double *per_ln_u) {
    double x = u;
    if (fabs(q) > 1e-9) {
        double b = 1 - q, under = b * b + 4 * q * u / X;
        if (!(under > 0))
            return NAN;
        x = 2 * u / (b + sqrt(under));
    }
    *per_ln_u = (1 + q * (x / X - 1)) / (1 - q + 2 * q * x / X);
    return log(x);
}

static double log_density_at(const struct spectrum *f, double uniform, double u, double q, double X) {
    double per_ln_u = 0, ln_x = inverse(u, q, X, &per_ln_u);
    double line = isnan(ln_x) || !(per_ln_u > 0) ? 0 : spectrum_value(f, ln_x) * per_ln_u;
    return log(UNIFORM_SHARE + (1 - UNIFORM_SHARE) * line / uniform);
}

static void set_tables(struct stretch_reference *r) {
    double end = r->coarse->low + (double)r->coarse->n * r->coarse->width;
    for (int k = 0; k < Q_GRID; k++) {
        double q = q_of(k), first = exp(r->coarse->low), last = exp(end);
        r->low[k] = log(first * (1 + q * (first / r->X - 1)));
        double high = log(last * (1 + q * (last / r->X - 1)));
        double cells = ceil((high - r->low[k]) / LN_STEP);
        r->n[k] = cells < 1 ? 1 : cells > 1024 ? 1024 : (size_t)cells;
        for (size_t i = 0; i < r->n[k]; i++)
            r->log_density[k][i] = log_density_at(r->coarse, r->uniform, exp(r->low[k] + ((double)i + 0.5) * LN_STEP), q, r->X);
    }
}

/* Takes both densities over; X is a height near the top. */
static enum status reference_of(enum status status, struct stretch_reference *r, double X, struct stretch_reference **out) {
    if (status != STATUS_OK) {
        stretch_reference_free(r);
        return status;
    }
    r->X = X;
    r->uniform = 1 / ((double)r->coarse->n * r->coarse->width);
    set_tables(r);
    *out = r;
    return STATUS_OK;
}

enum status stretch_reference_new(const float *heights, size_t n, struct stretch_reference **out) {
    struct stretch_reference *r = calloc(1, sizeof *r);
    if (!r)
        return STATUS_NO_MEMORY;
    double low = 0, high = 0;
    enum status status = spectrum_limits(heights, n, LIMIT_FRACTION, &low, &high);
    if (status == STATUS_OK)
        status = density(heights, n, LN_STEP, COARSE_FWHM, &r->coarse);
    if (status == STATUS_OK)
        status = density(heights, n, FINE_STEP, FINE_FWHM, &r->fine);
    return reference_of(status, r, high, out);
}

/* Where the sum of the counts from below reaches this share of the total. */
static double quantile(const struct spectrum *s, double share) {
    double sum = 0, all = 0;
    for (size_t i = 0; i < s->n; i++)
        all += s->counts[i];
    for (size_t i = 0; i < s->n; i++) {
        sum += s->counts[i];
        if (sum >= share * all)
            return s->low + ((double)i + 1) * s->width;
    }
    return s->low + (double)s->n * s->width;
}

enum status stretch_reference_from(const struct spectrum *from, struct stretch_reference **out) {
    double low = quantile(from, LIMIT_FRACTION), high = quantile(from, 1 - LIMIT_FRACTION);
    if (!(from->total >= 100) || !(low > 0) || !(high > low * 1.05))
        return STATUS_TOO_FEW;
    struct stretch_reference *r = calloc(1, sizeof *r);
    if (!r)
        return STATUS_NO_MEMORY;
    enum status status = log_density(from, low, high, LN_STEP, COARSE_FWHM, &r->coarse);
    if (status == STATUS_OK)
        status = log_density(from, low, high, FINE_STEP, FINE_FWHM, &r->fine);
    return reference_of(status, r, high, out);
}

void stretch_reference_free(struct stretch_reference *r) {
    if (!r)
        return;
    spectrum_free(r->coarse);
    spectrum_free(r->fine);
    free(r);
}

struct candidate {
    double ln_s, q, value;
};

/* Keeps the best few that are not next to a better one in the grid. */
static void keep(struct candidate *list, struct candidate c) {
    int at = CANDIDATES;
    for (int i = 0; i < CANDIDATES; i++)
        if (fabs(list[i].ln_s - c.ln_s) < 4.5 * LN_STEP && fabs(list[i].q - c.q) < 2.5 * 2 * Q_LIMIT / (Q_GRID - 1)) {
            at = i;
            break;
        }
    if (at == CANDIDATES)
        at = CANDIDATES - 1;
    if (c.value <= list[at].value)
        return;
    for (; at > 0 && list[at - 1].value < c.value; at--)
        list[at] = list[at - 1];
    list[at] = c;
}

/* The coarse histogram of a pixel, with the counts below each bin. */
struct pixel_bins {
    const struct spectrum *histogram;
    double *below;   /* histogram->n + 1 */
};

/* Log-likelihood of the pixel's histogram for one grid point: a correlation of two arrays. Four sums, for the compiler to keep apart. */
static double correlate(const struct pixel_bins *pixel, const double *table, size_t n, long shift) {
    long bins = (long)pixel->histogram->n, from = shift > 0 ? shift : 0, to = (long)n + shift < bins ? (long)n + shift : bins;
    double sum[4] = {0, 0, 0, 0}, floor_value = log(UNIFORM_SHARE);
    if (to <= from)
        return pixel->histogram->total * floor_value;
    const double *counts = pixel->histogram->counts + from, *value = table + (from - shift);
    long i = 0;
    for (; i + 4 <= to - from; i += 4)
        for (int k = 0; k < 4; k++)
            sum[k] += counts[i + k] * value[i + k];
    for (; i < to - from; i++)
        sum[0] += counts[i] * value[i];
    double outside = pixel->histogram->total - (pixel->below[to] - pixel->below[from]);
    return (sum[0] + sum[1]) + (sum[2] + sum[3]) + outside * floor_value;
}

static enum status search_grid(const struct stretch_reference *r, const struct spectrum *histogram, struct candidate *list) {
    struct pixel_bins pixel = {histogram, malloc((histogram->n + 1) * sizeof *pixel.below)};
    if (!pixel.below)
        return STATUS_NO_MEMORY;
    pixel.below[0] = 0;
    for (size_t i = 0; i < histogram->n; i++)
        pixel.below[i + 1] = pixel.below[i] + histogram->counts[i];
    for (int k = 0; k < Q_GRID; k++) {
        /* cell 0 of the table lies at ln p = low + ln s */
        long first = lround((r->low[k] + LN_S_MIN - histogram->low) / LN_STEP), last = lround((r->low[k] + LN_S_MAX - histogram->low) / LN_STEP);
        for (long shift = first; shift <= last; shift++) {
            struct candidate c = {.ln_s = histogram->low + (double)shift * LN_STEP - r->low[k], .q = q_of(k)};
            c.value = correlate(&pixel, r->log_density[k], r->n[k], shift);
            keep(list, c);
        }
    }
    free(pixel.below);
    return STATUS_OK;
}

static double likelihood(const struct stretch_reference *r, const struct spectrum *f, const struct spectrum *pixel, double ln_s, double q) {
    double sum = 0;
    for (size_t i = 0; i < pixel->n; i++)
        if (pixel->counts[i] > 0)
            sum += pixel->counts[i] * log_density_at(f, r->uniform, exp(spectrum_centre(pixel, i) - ln_s), q, r->X);
    return sum;
}

/* Pattern search in (ln s, q): try the eight neighbours, move to the best, halve the steps when none is better. */
static void refine(const struct stretch_reference *r, const struct spectrum *f, const struct spectrum *pixel, double step, struct candidate *c) {
    double step_q = 2 * step;
    c->value = likelihood(r, f, pixel, c->ln_s, c->q);
    for (int round = 0; round < REFINEMENTS && step > 1e-4; round++) {
        struct candidate best = *c;
        for (int d = 0; d < 9; d++) {
            struct candidate t = {.ln_s = c->ln_s + step * (d % 3 - 1), .q = c->q + step_q * (d / 3 - 1)};
            if (d == 4 || fabs(t.q) > Q_LIMIT)
                continue;
            t.value = likelihood(r, f, pixel, t.ln_s, t.q);
            if (t.value > best.value)
                best = t;
        }
        if (!(best.value > c->value)) {
            step /= 2;
            step_q /= 2;
        }
        *c = best;
    }
}

static int by_value(const void *a, const void *b) {
    double x = ((const struct candidate *)a)->value, y = ((const struct candidate *)b)->value;
    return (x < y) - (x > y);
}

/* The best valleys of the coarse grid, refined on the fine density: all of them, or the best alone. */
static size_t refine_all(const struct stretch_reference *r, const struct spectrum *coarse, const struct spectrum *fine, bool all, struct candidate *list) {
    size_t n = 0;
    double least = list[0].value - HOPELESS * coarse->total;
    for (int i = 0; i < CANDIDATES; i++)
        if (isfinite(list[i].value) && list[i].value >= least) {
            refine(r, r->fine, coarse, LN_STEP / 2, &list[i]);
            list[n++] = list[i];
        }
    qsort(list, n, sizeof *list, by_value);
    n = all || n == 0 ? n : 1;
    for (size_t i = 0; i < n; i++)
        refine(r, r->fine, fine, LN_STEP / 4, &list[i]);
    qsort(list, n, sizeof *list, by_value);
    return n;
}

static enum status find(const struct stretch_reference *r, const float *heights, size_t n, bool all, struct stretch *out, size_t *n_out) {
    struct spectrum *coarse, *fine;
    size_t stride = n / PULSES_ENOUGH > 1 ? n / PULSES_ENOUGH : 1;
    enum status status = log_histogram(heights, n, stride, LN_STEP, 0, 30, &coarse);
    if (status != STATUS_OK)
        return status;
    status = log_histogram(heights, n, stride, FINE_STEP, 0, 30, &fine);
    if (status != STATUS_OK) {
        spectrum_free(coarse);
        return status;
    }
    struct candidate list[CANDIDATES];
    for (int i = 0; i < CANDIDATES; i++)
        list[i] = (struct candidate){.ln_s = 1e9 * (i + 1), .value = -INFINITY};
    status = search_grid(r, coarse, list);
    *n_out = status == STATUS_OK ? refine_all(r, coarse, fine, all, list) : 0;
    for (size_t i = 0; i < *n_out; i++)
        out[i] = (struct stretch){.s = exp(list[i].ln_s), .q = list[i].q, .X = r->X, .log_likelihood = list[i].value / fine->total};
    spectrum_free(coarse);
    spectrum_free(fine);
    return status != STATUS_OK ? status : *n_out > 0 ? STATUS_OK : STATUS_NOT_FOUND;
}

enum status stretch_find(const struct stretch_reference *r, const float *heights, size_t n, struct stretch *out) {
    size_t found;
    return find(r, heights, n, false, out, &found);
}

enum status stretch_choices(const struct stretch_reference *r, const float *heights, size_t n, struct stretch out[STRETCH_CHOICES], size_t *n_out) {
    return find(r, heights, n, true, out, n_out);
}

double stretch_map(const struct stretch *t, double reference_height) {
    return t->s * reference_height * (1 + t->q * (reference_height / t->X - 1));
}

double stretch_unmap(const struct stretch *t, double height) {
    double per_ln_u;
    return exp(inverse(height / t->s, t->q, t->X, &per_ln_u));
}
