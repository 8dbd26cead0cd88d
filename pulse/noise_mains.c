#include "pulse/noise_mains.h"

#include <math.h>
#include <stdlib.h>

#include "pulse/lag_products.h"
#include "pulse/noise_model.h"
#include "pulse/normal_equations.h"

enum { STRETCH_RECORDS = 64, UNKNOWNS = 3 };   /* mean, cosine, sine */
static const double stretch_s = 0.1, two_pi = 6.283185307179586476925, mains_Hz[] = { 50, 60 };

struct stretch {
    const struct record_store *noise;
    const bool *good;
    uint32_t from, to;
    double radians;             /* per sample */
};

struct turning { double c, s, step_c, step_s; };

/* The wave at the first sample of record i, counted from the first record of the stretch. */
static struct turning turning_at(const struct stretch *x, uint32_t i) {
    double phase = x->radians * (double)((uint64_t)x->noise->frames[i] - (uint64_t)x->noise->frames[x->from]);
    return (struct turning){ cos(phase), sin(phase), cos(x->radians), sin(x->radians) };
}

static void turn(struct turning *t) {
    double c = t->c * t->step_c - t->s * t->step_s;
    t->s = t->s * t->step_c + t->c * t->step_s;
    t->c = c;
}

static const uint16_t *samples_of(const struct stretch *x, uint32_t i) {
    return x->noise->samples + (size_t)i * x->noise->n_samples;
}

static void add_record(const struct stretch *x, uint32_t i, struct normal_equations *e) {
    struct turning t = turning_at(x, i);
    const uint16_t *d = samples_of(x, i), origin = samples_of(x, x->from)[0];
    double c = 0, s = 0, cc = 0, cs = 0, y = 0, cy = 0, sy = 0, n = x->noise->n_samples;
    for (uint32_t k = 0; k < x->noise->n_samples; k++, turn(&t)) {
        double v = d[k] - origin;
        c += t.c, s += t.s, cc += t.c * t.c, cs += t.c * t.s, y += v, cy += t.c * v, sy += t.s * v;
    }
    const double m[UNKNOWNS * UNKNOWNS] = { n, 0, 0, c, cc, 0, s, cs, n - cc }, right[UNKNOWNS] = { y, cy, sy };
    for (int j = 0; j < UNKNOWNS * UNKNOWNS; j++)
        e->matrix[j] += m[j];
    for (int j = 0; j < UNKNOWNS; j++)
        e->right[j] += right[j];
}

/* mean (from the first sample of the stretch), cosine, sine. False: no good record, or a wave that cannot be told from a mean. */
static bool fit(const struct stretch *x, double out[UNKNOWNS]) {
    struct normal_equations e;
    uint32_t n = 0;
    normal_equations_init(&e, UNKNOWNS);
    for (uint32_t i = x->from; i < x->to; i++)
        if (x->good[i]) {
            add_record(x, i, &e);
            n++;
        }
    if (n == 0 || normal_equations_factor(&e) != STATUS_OK)
        return false;
    normal_equations_solve(&e, e.right, out);
    return true;
}

static uint32_t stretch_records(const struct record_store *noise, double sample_period_s) {
    double needed = stretch_s / (sample_period_s * noise->n_samples);
    return needed > STRETCH_RECORDS ? needed < noise->n_records ? (uint32_t)ceil(needed) : noise->n_records : STRETCH_RECORDS;
}

static double mean_square(struct stretch x, uint32_t step) {
    double sum = 0, wave[UNKNOWNS];
    uint32_t n = 0;
    for (x.from = 0; x.from < x.noise->n_records; x.from = x.to) {
        x.to = x.from + step < x.noise->n_records ? x.from + step : x.noise->n_records;
        if (!fit(&x, wave))
            continue;
        sum += wave[1] * wave[1] + wave[2] * wave[2];
        n++;
    }
    return n > 0 ? sum / n : 0;
}

static void add_stretch(struct lag_products *l, const struct stretch *x, double *rest) {
    double wave[UNKNOWNS], origin = samples_of(x, x->from)[0];
    if (!fit(x, wave))
        return;
    for (uint32_t i = x->from; i < x->to; i++) {
        if (!x->good[i])
            continue;
        struct turning t = turning_at(x, i);
        const uint16_t *d = samples_of(x, i);
        for (uint32_t k = 0; k < x->noise->n_samples; k++, turn(&t))
            rest[k] = d[k] - origin - wave[0] - wave[1] * t.c - wave[2] * t.s;
        lag_products_add(l, rest, i > 0 && x->good[i - 1] && noise_model_follows(x->noise, i));
    }
}

static enum status divide(const double *sums, const double *counts, uint32_t n, double *covariance) {
    if (!(counts[0] > 0))
        return STATUS_TOO_FEW;
    for (uint32_t j = 0; j < n; j++)
        covariance[j] = counts[j] > 0 ? sums[j] / counts[j] : 0;
    return STATUS_OK;
}

enum status noise_mains_covariance(const struct noise_plan *plan, const struct record_store *noise, const bool *good, double sample_period_s,
                                   double *covariance, struct noise_mains *out) {
    uint32_t n = noise->n_samples, step = stretch_records(noise, sample_period_s);
    struct stretch x = { .noise = noise, .good = good };
    struct noise_mains mains = { .Hz = 0 };
    if (n != noise_plan_n_samples(plan))
        return STATUS_BAD_VALUE;
    for (size_t k = 0; k < sizeof mains_Hz / sizeof *mains_Hz; k++) {
        x.radians = two_pi * mains_Hz[k] * sample_period_s;
        double amplitude = sqrt(mean_square(x, step));
        if (amplitude > mains.amplitude_counts)
            mains = (struct noise_mains){ mains_Hz[k], amplitude };
    }
    x.radians = two_pi * mains.Hz * sample_period_s;
    struct lag_products *l;
    double *work = malloc(3 * (size_t)n * sizeof *work);
    enum status s = work ? lag_products_new(plan, &l) : STATUS_NO_MEMORY;
    if (s == STATUS_OK) {
        for (x.from = 0; x.from < noise->n_records; x.from = x.to) {
            x.to = x.from + step < noise->n_records ? x.from + step : noise->n_records;
            add_stretch(l, &x, work);
        }
        lag_products_finish(l, work + n, work + 2 * (size_t)n);
        s = divide(work + n, work + 2 * (size_t)n, n, covariance);
        lag_products_free(l);
    }
    free(work);
    if (s == STATUS_OK)
        *out = mains;
    return s;
}
