#include "pulse/mains_track.h"

#include <complex.h>
#include <math.h>
#include <stdlib.h>

#include "pulse/robust.h"

enum {
    BINS_PER_KNOT = 4, REACH = 40,              /* bins to either side of a knot: 2.5 windows */
    OFFSETS = 33,                               /* frequencies tried */
    SMOOTHING = 10,                             /* knots to either side over which their power is smoothed */
    PULSES_MIN = 100, CANDIDATES = 8, ROUNDS = 6, LENIENT_ROUNDS = 3, KNOTS_MAX = 31 * 86400
};
static const double bin_s = 0.25, window_s = 4, offset_step_Hz = 0.01, two_pi = 6.283185307179586476925;
static const double most_spreads = 4, phase_known_rad = 0.25, locked_chi2 = 40, weight_least = 2;

struct knot { double complex wave; double offset_Hz; };   /* wave 0: not known there; else of modulus 1 */

struct mains_track {
    double nominal_Hz;
    int64_t start_ns;
    size_t n_knots;
    struct knot *knots;           /* one a second from start_ns on */
    size_t n_bins;                /* while it is made: */
    double complex *sum;          /* n_bins, over pixels */
    double *information;          /* n_bins: sum of |C|^2 / variance over the records */
    float *power;                 /* n_knots x OFFSETS */
    double complex *shape;        /* OFFSETS x (2 REACH + 1): window x e^(-i offset t) */
};

void mains_track_free(struct mains_track *t) {
    if (t == NULL)
        return;
    free(t->knots);
    free(t->sum);
    free(t->information);
    free(t->power);
    free(t->shape);
    free(t);
}

static bool usable(const struct measured_pulse *p) {
    return p->cuts == 0 && isfinite(p->baseline) && (double)p->baseline_weight > weight_least;
}

/* What the pulse's mean is off the baseline of the others. */
static double offset_of(const struct measured_pulse *p) {
    double weight = (double)p->baseline_weight;
    return (double)p->baseline_offset * weight / (weight - 1);
}

/* Robust deviation of a source's offsets; 0 with fewer than PULSES_MIN. scratch: n. */
static double spread_of(const struct mains_source *s, double *scratch) {
    size_t n = 0;
    for (size_t i = 0; i < s->n; i++)
        if (usable(&s->pulses[i]))
            scratch[n++] = offset_of(&s->pulses[i]);
    return n < PULSES_MIN ? 0 : robust_centre(scratch, n).sigma;
}

static double seconds_since(const struct mains_track *t, int64_t time_ns) {
    return (double)(time_ns - t->start_ns) * 1e-9;
}

static double complex turned(double cycles) {
    double s, c;
    sincos(two_pi * (cycles - floor(cycles)), &s, &c);
    return c + I * s;
}

/* ---- sums over pixels, and from them the knots ---- */

/* wave: the pixel's C. */
static void add_source(struct mains_track *t, const struct mains_source *s, double spread, double complex wave) {
    double variance = spread * spread, each = creal(wave * conj(wave)) / variance;
    for (size_t i = 0; i < s->n; i++) {
        const struct measured_pulse *p = &s->pulses[i];
        double offset = offset_of(p);
        if (!usable(p) || fabs(offset) > most_spreads * spread)
            continue;
        double at = seconds_since(t, p->time_ns);
        size_t bin = (size_t)(at / bin_s) + REACH;
        t->sum[bin] += conj(wave) * (offset / variance) * turned(-t->nominal_Hz * at);
        t->information[bin] += each;
    }
}

static void clear(struct mains_track *t) {
    for (size_t b = 0; b < t->n_bins; b++) {
        t->sum[b] = 0;
        t->information[b] = 0;
    }
}

static void make_shape(struct mains_track *t) {
    for (int f = 0; f < OFFSETS; f++)
        for (int b = -REACH; b <= REACH; b++) {
            double at = bin_s * (b + 0.5), x = at / window_s;
            t->shape[f * (2 * REACH + 1) + b + REACH] = exp(-0.5 * x * x) * turned(-offset_step_Hz * (f - OFFSETS / 2) * at);
        }
}

static double complex at_knot(const struct mains_track *t, size_t k, int f) {
    const double complex *from = t->sum + k * BINS_PER_KNOT, *shape = t->shape + f * (2 * REACH + 1);
    double complex sum = 0;
    for (int b = 0; b <= 2 * REACH; b++)
        sum += from[b] * shape[b];
    return sum;
}

static void find_power(struct mains_track *t) {
    for (size_t k = 0; k < t->n_knots; k++)
        for (int f = 0; f < OFFSETS; f++) {
            double complex x = at_knot(t, k, f);
            t->power[k * OFFSETS + (size_t)f] = (float)creal(x * conj(x));
        }
}

static int best_offset(const struct mains_track *t, size_t k) {
    size_t from = k > SMOOTHING ? k - SMOOTHING : 0, to = k + SMOOTHING < t->n_knots ? k + SMOOTHING : t->n_knots - 1;
    float sum[OFFSETS] = { 0 };
    int best = OFFSETS / 2;
    for (size_t j = from; j <= to; j++)
        for (int f = 0; f < OFFSETS; f++)
            sum[f] += t->power[j * OFFSETS + (size_t)f];
    for (int f = 0; f < OFFSETS; f++)
        best = sum[f] > sum[best] ? f : best;
    return best;
}

/* Deviation of the phase at a knot: with z = sum of w n, n of variance I and mean I / 2, it is the square root of half the variance over the mean. */
static double phase_error(const struct mains_track *t, size_t k) {
    double mean = 0, variance = 0;
    for (int b = 0; b <= 2 * REACH; b++) {
        double w = creal(t->shape[(OFFSETS / 2) * (2 * REACH + 1) + b]), each = t->information[k * BINS_PER_KNOT + (size_t)b];
        mean += 0.5 * w * each;
        variance += w * w * each;
    }
    return mean > 0 ? sqrt(0.5 * variance) / mean : INFINITY;
}

/* lenient: a start, to be made better. */
static void find_knots(struct mains_track *t, bool lenient) {
    find_power(t);
    for (size_t k = 0; k < t->n_knots; k++) {
        double error = phase_error(t, k);
        t->knots[k] = (struct knot){ .wave = 0 };
        if (!(error < (lenient ? 2 : phase_known_rad)))
            continue;
        int f = best_offset(t, k);
        double complex x = at_knot(t, k, f);
        double size = cabs(x);
        if (size > 0)
            t->knots[k] = (struct knot){ x / size, offset_step_Hz * (f - OFFSETS / 2) };
    }
}

/* ---- use ---- */

static double complex wave_at(const struct mains_track *t, int64_t time_ns) {
    double at = seconds_since(t, time_ns), whole = floor(at), share = at - whole;
    if (!(at >= 0) || whole + 1 >= (double)t->n_knots)
        return 0;
    const struct knot *k = &t->knots[(size_t)whole];
    if (k[0].wave == 0 || k[1].wave == 0)
        return 0;
    double complex u = (1 - share) * k[0].wave * turned(k[0].offset_Hz * share) + share * k[1].wave * turned(k[1].offset_Hz * (share - 1));
    double size = cabs(u);
    return size > 0 ? u / size * turned(t->nominal_Hz * at) : 0;
}

bool mains_track_at(const struct mains_track *t, int64_t time_ns, double *cosine, double *sine) {
    double complex u = wave_at(t, time_ns);
    *cosine = creal(u);
    *sine = cimag(u);
    return u != 0;
}

/* Least squares over offsets below most_spreads. */
static struct mains_wave fit_wave(const struct mains_track *t, const struct mains_source *s, double spread) {
    double cc = 0, cs = 0, ss = 0, cy = 0, sy = 0;
    struct mains_wave w = { .spread = spread };
    for (size_t i = 0; i < s->n && spread > 0; i++) {
        double c, v, y = offset_of(&s->pulses[i]);
        if (!usable(&s->pulses[i]) || fabs(y) > most_spreads * spread || !mains_track_at(t, s->pulses[i].time_ns, &c, &v))
            continue;
        cc += c * c, cs += c * v, ss += v * v, cy += c * y, sy += v * y;
    }
    double det = cc * ss - cs * cs;
    if (!(det > 1e-6 * (cc + ss) * (cc + ss)))
        return w;
    w.cosine = (ss * cy - cs * sy) / det;
    w.sine = (cc * sy - cs * cy) / det;
    w.chi2 = (w.cosine * cy + w.sine * sy) / (spread * spread);
    return w;
}

struct mains_wave mains_track_fit(const struct mains_track *t, const struct mains_source *source) {
    double *scratch = malloc((source->n + 1) * sizeof *scratch);
    struct mains_wave w = { .spread = 0 };
    if (scratch != NULL)
        w = fit_wave(t, source, spread_of(source, scratch));
    free(scratch);
    return w;
}

double mains_track_mean_Hz(const struct mains_track *t) {
    double sum = 0, n = 0;
    for (size_t k = 0; k < t->n_knots; k++)
        if (t->knots[k].wave != 0) {
            sum += t->knots[k].offset_Hz;
            n++;
        }
    return t->nominal_Hz + (n > 0 ? sum / n : 0);
}

/* ---- making ---- */

static bool span(const struct mains_source *sources, size_t n, int64_t *first_ns, int64_t *last_ns) {
    *first_ns = INT64_MAX;
    *last_ns = INT64_MIN;
    for (size_t i = 0; i < n; i++)
        if (sources[i].n > 0) {
            *first_ns = sources[i].pulses[0].time_ns < *first_ns ? sources[i].pulses[0].time_ns : *first_ns;
            *last_ns = sources[i].pulses[sources[i].n - 1].time_ns > *last_ns ? sources[i].pulses[sources[i].n - 1].time_ns : *last_ns;
        }
    return *first_ns <= *last_ns && (uint64_t)*last_ns - (uint64_t)*first_ns < (uint64_t)KNOTS_MAX * 1000000000;
}

static struct mains_track *blank(double nominal_Hz, int64_t first_ns, int64_t last_ns) {
    struct mains_track *t = calloc(1, sizeof *t);
    if (t == NULL)
        return NULL;
    *t = (struct mains_track){ .nominal_Hz = nominal_Hz, .start_ns = first_ns, .n_knots = (size_t)((last_ns - first_ns) / 1000000000) + 3 };
    t->n_bins = t->n_knots * BINS_PER_KNOT + 2 * REACH + 1;
    t->knots = calloc(t->n_knots, sizeof *t->knots);
    t->sum = calloc(t->n_bins, sizeof *t->sum);
    t->information = calloc(t->n_bins, sizeof *t->information);
    t->power = calloc(t->n_knots * OFFSETS, sizeof *t->power);
    t->shape = calloc((size_t)OFFSETS * (2 * REACH + 1), sizeof *t->shape);
    if (t->knots && t->sum && t->information && t->power && t->shape) {
        make_shape(t);
        return t;
    }
    mains_track_free(t);
    return NULL;
}

static void drop_making(struct mains_track *t) {
    free(t->sum);
    free(t->information);
    free(t->power);
    free(t->shape);
    t->sum = NULL;
    t->information = NULL;
    t->power = NULL;
    t->shape = NULL;
}

struct pixel { double spread, chi2; double complex wave; };

static void fit_all(const struct mains_track *t, const struct mains_source *sources, size_t n, struct pixel *pixels) {
    for (size_t i = 0; i < n; i++) {
        struct mains_wave w = fit_wave(t, &sources[i], pixels[i].spread);
        pixels[i].wave = w.cosine - I * w.sine;
        pixels[i].chi2 = w.chi2;
    }
}

/* One pixel alone says the phase; how much that explains of the others. */
static double try_alone(struct mains_track *t, const struct mains_source *sources, size_t n, size_t reference, struct pixel *pixels) {
    double sum = 0;
    clear(t);
    add_source(t, &sources[reference], pixels[reference].spread, pixels[reference].spread);
    find_knots(t, true);
    fit_all(t, sources, n, pixels);
    for (size_t i = 0; i < n; i++)
        sum += i == reference ? 0 : pixels[i].chi2;
    return sum;
}

/* The pixels with most pulses, and of them the one that the others agree with best. */
static void begin(struct mains_track *t, const struct mains_source *sources, size_t n, struct pixel *pixels) {
    size_t best = 0, tried[CANDIDATES];
    double most = -1;
    for (size_t c = 0; c < CANDIDATES && c < n; c++) {
        size_t next = n;
        for (size_t i = 0; i < n; i++) {
            bool again = !(pixels[i].spread > 0);
            for (size_t k = 0; k < c; k++)
                again = again || tried[k] == i;
            if (!again && (next == n || sources[i].n > sources[next].n))
                next = i;
        }
        if (next == n)
            break;
        tried[c] = next;
        double explained = try_alone(t, sources, n, next, pixels);
        if (explained > most) {
            most = explained;
            best = next;
        }
    }
    try_alone(t, sources, n, best, pixels);
}

/* Pixels that see the mains at all speak; in turns with their amplitudes. */
static void improve(struct mains_track *t, const struct mains_source *sources, size_t n, struct pixel *pixels) {
    for (int round = 0; round < ROUNDS; round++) {
        clear(t);
        for (size_t i = 0; i < n; i++)
            if (pixels[i].spread > 0 && pixels[i].chi2 > 4)
                add_source(t, &sources[i], pixels[i].spread, pixels[i].wave);
        find_knots(t, round < LENIENT_ROUNDS);
        fit_all(t, sources, n, pixels);
    }
}

static bool is_locked(const struct pixel *pixels, size_t n, double *scratch) {
    size_t used = 0;
    for (size_t i = 0; i < n; i++)
        if (pixels[i].spread > 0)
            scratch[used++] = pixels[i].chi2;
    return used >= MAINS_PIXELS_MIN && robust_median(scratch, used) > locked_chi2;
}

static enum status make(struct mains_track *t, const struct mains_source *sources, size_t n, struct pixel *pixels) {
    size_t most = n, able = 0;
    for (size_t i = 0; i < n; i++)
        most = sources[i].n > most ? sources[i].n : most;
    double *scratch = malloc((most + 1) * sizeof *scratch);
    if (scratch == NULL)
        return STATUS_NO_MEMORY;
    for (size_t i = 0; i < n; i++) {
        pixels[i].spread = spread_of(&sources[i], scratch);
        able += pixels[i].spread > 0;
    }
    enum status s = STATUS_TOO_FEW;
    if (able >= MAINS_PIXELS_MIN) {
        begin(t, sources, n, pixels);
        improve(t, sources, n, pixels);
        s = is_locked(pixels, n, scratch) ? STATUS_OK : STATUS_TOO_FEW;
    }
    free(scratch);
    return s;
}

enum status mains_track_new(const struct mains_source *sources, size_t n, double nominal_Hz, struct mains_track **out) {
    int64_t first_ns, last_ns;
    if (n < MAINS_PIXELS_MIN)
        return STATUS_TOO_FEW;
    if (!span(sources, n, &first_ns, &last_ns))
        return STATUS_BAD_VALUE;
    struct mains_track *t = blank(nominal_Hz, first_ns, last_ns);
    struct pixel *pixels = calloc(n, sizeof *pixels);
    enum status s = t != NULL && pixels != NULL ? make(t, sources, n, pixels) : STATUS_NO_MEMORY;
    free(pixels);
    if (s != STATUS_OK) {
        mains_track_free(t);
        return s;
    }
    drop_making(t);
    *out = t;
    return STATUS_OK;
}
