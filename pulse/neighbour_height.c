#include "pulse/neighbour_height.h"

#include <math.h>
#include <stdlib.h>

#include "pulse/normal_equations.h"
#include "pulse/open_filter.h"
#include "pulse/robust.h"

enum { PULSES_MIN = 200, ROUNDS = 3 };
static const double weight_least = 4;         /* records that a baseline must rest on */
static const double most_spreads = 4, most_taken = 0.8;   /* share of the height's deviation that a level may take off */
static const double two_pi = 6.283185307179586476925;

bool neighbour_height_taken(const struct measured_pulse *p) {
    return isnan(p->open_level);
}

void neighbour_height_give_back(struct measured_pulse *p) {
    if (neighbour_height_taken(p)) {
        p->height = p->open_height;
        p->open_height = p->open_level = p->noise_factor = 0;
    }
}

struct known { double height, level; };   /* mains taken off both; level: the bracket, leak included */

/* False: the record's neighbours do not know enough. */
static bool known_of(const struct neighbour_height *h, const struct mains_track *track, const struct measured_pulse *p, struct known *out) {
    double weight = (double)p->baseline_weight, c = 0, s = 0, a = (double)p->arrival_samples, height[2] = { 0 };
    if (p->cuts != 0 || p->noise_factor != 0 || !isfinite(p->baseline) || !(weight > weight_least) || !(p->open_height > 0) || !isfinite(p->open_level) || !isfinite(p->arrival_samples))
        return false;
    if (h->mains && !mains_track_at(track, p->time_ns, &c, &s))
        return false;
    for (int j = PARABOLA_TERMS; j-- > 0;)
        for (int k = 0; k < 2; k++)
            height[k] = height[k] * a + h->height_wave[j][k];
    out->height = (double)p->open_height - height[0] * c - height[1] * s;
    out->level = (double)p->open_level + (double)p->baseline_offset * weight / (weight - 1) - h->level_wave[0] * c - h->level_wave[1] * s;
    return true;
}

/* height x (polynomial in height and arrival) / scale, and a constant. */
static void leak_terms(const struct neighbour_height *h, const struct measured_pulse *p, double term[NEIGHBOUR_LEAK]) {
    double x = (double)p->height / h->scale, u = fmax(-1, fmin(1.5, x - 1)), a = fmax(-1.5, fmin(1.5, (double)p->arrival_samples));
    const double terms[NEIGHBOUR_LEAK] = { 1, x, x * u, x * u * u, x * u * u * u, x * a, x * a * a, x * a * u, x * a * a * u };
    for (int k = 0; k < NEIGHBOUR_LEAK; k++)
        term[k] = terms[k];
}

static double leak_of(const struct neighbour_height *h, const struct measured_pulse *p) {
    double term[NEIGHBOUR_LEAK], sum = 0;
    leak_terms(h, p, term);
    for (int k = 0; k < NEIGHBOUR_LEAK; k++)
        sum += h->leak[k] * term[k];
    return sum;
}

/* The whole of it. False: no height by neighbours for this record. */
static bool height_of(const struct neighbour_height *h, const struct mains_track *track, const struct measured_pulse *p, double *height) {
    struct known k;
    if (!known_of(h, track, p, &k))
        return false;
    double level = k.level - leak_of(h, p);
    *height = k.height + h->gain * level;
    return fabs(level) <= most_spreads * h->level_spread && *height > 0;
}

static double relative(const struct neighbour_height *h, double height) {
    return fmax(-1, fmin(1.5, height / h->scale - 1));
}

static double map_of(const struct neighbour_height *h, double height) {
    double u = relative(h, height), sum = 0;
    for (int k = NEIGHBOUR_MAP; k-- > 0;)
        sum = sum * u + h->map[k];
    return sum;
}

bool neighbour_height_take(const struct neighbour_height *h, const struct mains_track *track, struct measured_pulse *p) {
    double height, standard = (double)p->height;
    if (!height_of(h, track, p, &height))
        return false;
    p->height = (float)(height * map_of(h, height));
    p->open_height = (float)standard;
    p->open_level = NAN;
    p->noise_factor = (float)h->noise_factor;
    return true;
}

/* The wave at sample k is Re(conj-free amplitude x e^(i radians (k - trigger))): C / D turned, D what a pretrigger mean sees of a wave of 1. */
static void learn_mains(const struct pixel_model *m, const struct mains_track *track, const struct measured_pulse *pulses, size_t n, struct neighbour_height *h) {
    const struct mains_source source = { pulses, n };
    struct mains_wave w = mains_track_fit(track, &source);
    double radians = two_pi * mains_track_mean_Hz(track) * m->sample_period_s, mean[2] = { 0 };
    uint32_t window = m->n_presamples - 3;
    for (uint32_t k = 0; k < window; k++) {
        mean[0] += cos(radians * ((double)k - m->n_presamples)) / window;
        mean[1] += sin(radians * ((double)k - m->n_presamples)) / window;
    }
    double size = mean[0] * mean[0] + mean[1] * mean[1];
    /* A = C / D with C = cosine - i sine, the wave Re(A X e^(i phi)) = Re(A X) cos phi - Im(A X) sin phi */
    double re = (w.cosine * mean[0] - w.sine * mean[1]) / size, im = (-w.sine * mean[0] - w.cosine * mean[1]) / size;
    struct open_wave seen = open_filter_on_wave(m->open, radians, m->n_presamples);
    for (int j = 0; j < PARABOLA_TERMS; j++) {
        h->height_wave[j][0] = re * seen.height[j][0] - im * seen.height[j][1];
        h->height_wave[j][1] = -(re * seen.height[j][1] + im * seen.height[j][0]);
    }
    h->level_wave[0] = re * seen.level[0] - im * seen.level[1];
    h->level_wave[1] = -(re * seen.level[1] + im * seen.level[0]);
    h->cosine = w.cosine;
    h->sine = w.sine;
    h->mains = true;
}

/* Median height, then the leak by least squares, what is far off left out, and what spread is left. */
static bool learn_level(const struct mains_track *track, const struct measured_pulse *pulses, size_t n, double *scratch, struct neighbour_height *h) {
    double reach = INFINITY;
    size_t used = 0;
    struct known k;
    for (size_t i = 0; i < n; i++)
        if (known_of(h, track, &pulses[i], &k))
            scratch[used++] = (double)pulses[i].height;
    if (used < PULSES_MIN)
        return false;
    h->scale = robust_median(scratch, used);
    for (int round = 0; round <= ROUNDS && h->scale > 0; round++) {
        struct normal_equations e;
        double term[NEIGHBOUR_LEAK];
        normal_equations_init(&e, NEIGHBOUR_LEAK);
        used = 0;
        for (size_t i = 0; i < n; i++) {
            if (!known_of(h, track, &pulses[i], &k))
                continue;
            double left = k.level - leak_of(h, &pulses[i]);
            scratch[used++] = left;
            leak_terms(h, &pulses[i], term);
            if (fabs(left) <= reach)
                normal_equations_add(&e, term, 1, k.level);
        }
        h->level_spread = robust_centre(scratch, used).sigma;
        reach = most_spreads * h->level_spread;
        if (round == ROUNDS)
            break;
        if (normal_equations_factor(&e) != STATUS_OK)
            return false;
        normal_equations_solve(&e, e.right, h->leak);
    }
    return h->level_spread > 0;
}

/* Standard height over height by neighbours, against that height; what is far off is left out. */
static bool learn_map(const struct mains_track *track, const struct measured_pulse *pulses, size_t n, double *scratch, struct neighbour_height *h) {
    double reach = INFINITY;
    h->map[0] = 1;
    for (int round = 0; round < ROUNDS; round++) {
        struct normal_equations e;
        size_t used = 0;
        normal_equations_init(&e, NEIGHBOUR_MAP);
        for (size_t i = 0; i < n; i++) {
            double height;
            if (!height_of(h, track, &pulses[i], &height))
                continue;
            double u = relative(h, height), ratio = (double)pulses[i].height / height, left = (ratio - map_of(h, height)) * height;
            if (fabs(left) > reach)
                continue;
            normal_equations_add(&e, (const double[]){ 1, u, u * u, u * u * u }, height * height, ratio * height * height);
            scratch[used++] = left;
        }
        if (used < PULSES_MIN || normal_equations_factor(&e) != STATUS_OK)
            return false;
        normal_equations_solve(&e, e.right, h->map);
        struct robust_centre c = robust_centre(scratch, used);
        reach = round == 0 ? fabs(c.median) + 10 * c.sigma : 5 * c.sigma;
    }
    return true;
}

/* Variance of the height, and its covariance with the level. Mains that stays in adds to both; the level's own variance is measured. */
struct noise { double variance, covariance; };

static struct noise noise_of(const struct pixel_model *m, bool mains_left) {
    struct noise n = { m->open->height_variance, m->open->covariance };
    if (mains_left && m->open->mains.Hz > 0) {
        struct open_wave w = open_filter_on_wave(m->open, two_pi * m->open->mains.Hz * m->sample_period_s, m->n_presamples);
        double half = 0.5 * m->open->mains.amplitude_counts * m->open->mains.amplitude_counts;
        n.variance += half * (w.height[0][0] * w.height[0][0] + w.height[0][1] * w.height[0][1]);
        n.covariance += half * (w.height[0][0] * w.level[0] + w.height[0][1] * w.level[1]);
    }
    return n;
}

enum status neighbour_height_learn(const struct pixel_model *m, const struct mains_track *track, const struct measured_pulse *pulses, size_t n,
                                   struct neighbour_height *out) {
    struct neighbour_height h = { .map = { 1 }, .scale = 1 };
    if (m->open == NULL || n < PULSES_MIN)
        return STATUS_TOO_FEW;
    double *scratch = malloc(n * sizeof *scratch);
    if (scratch == NULL)
        return STATUS_NO_MEMORY;
    if (track != NULL)
        learn_mains(m, track, pulses, n, &h);
    bool good = learn_level(track, pulses, n, scratch, &h);
    struct noise noise = noise_of(m, track == NULL);
    double deviation = sqrt(noise.variance);
    if (good) {
        double most = most_taken * deviation / h.level_spread;
        h.gain = fmax(-most, fmin(most, -noise.covariance / (h.level_spread * h.level_spread)));
        good = learn_map(track, pulses, n, scratch, &h);
    }
    free(scratch);
    if (!good)
        return STATUS_TOO_FEW;
    double variance = noise.variance + 2 * h.gain * noise.covariance + h.gain * h.gain * h.level_spread * h.level_spread;
    h.sigma = sqrt(fmax(variance, 0.1 * deviation * deviation)) * h.map[0];
    h.noise_factor = m->noise_sigma > 0 ? h.sigma / m->noise_sigma : 1;
    *out = h;
    return STATUS_OK;
}
