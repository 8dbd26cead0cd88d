/* pulse/noise_sim.c - see the header for the model.
 * Stationary covariance of the states: P_ij = 1 / (1 - a_i a_j). Over a gap of D samples the states become a_i^D x_i plus a Gaussian
 * of covariance P_ij (1 - (a_i a_j)^D). R(0) = w^2 + b'Pb, R(k) = sum_i b_i (a_i^k (Pb)_i + a_i^(k-1) w). */
#include "pulse/noise_sim.h"

#include <assert.h>
#include <math.h>

static const double two_pi = 6.283185307179586476925;

void noise_sim_shape(struct noise_sim *n, double period_s, double rise_s, double fall_s, struct noise_levels levels) {
    const double corner_Hz[NOISE_POLES] = {2, 12, 70, 1 / (two_pi * fall_s), 1 / (two_pi * rise_s)};
    const double level[NOISE_POLES] = {levels.flicker_30_Hz * sqrt(30. / 2) / 2, levels.flicker_30_Hz * sqrt(30. / 12) / 2,
                                       levels.flicker_30_Hz * sqrt(30. / 70) / 2, levels.thermal, levels.johnson};
    *n = (struct noise_sim){.white_counts = 1};
    for (int i = 0; i < NOISE_POLES; i++) {
        n->pole[i] = exp(-two_pi * corner_Hz[i] * period_s);
        n->weight_counts[i] = level[i] * (1 - n->pole[i]);
    }
}

void noise_sim_scale(struct noise_sim *n, double factor) {
    n->white_counts *= factor;
    for (int i = 0; i < NOISE_POLES; i++)
        n->weight_counts[i] *= factor;
    for (int i = 0; i < NOISE_TONES; i++)
        n->tone[i].amplitude_counts *= factor;
}

void noise_sim_autocovariance(const struct noise_sim *n, double *r, size_t count) {
    double lead[NOISE_POLES], power[NOISE_POLES];
    double zero = n->white_counts * n->white_counts;
    for (int i = 0; i < NOISE_POLES; i++) {
        double pb = 0;
        for (int j = 0; j < NOISE_POLES; j++)
            pb += n->weight_counts[j] / (1 - n->pole[i] * n->pole[j]);
        zero += n->weight_counts[i] * pb;
        lead[i] = n->weight_counts[i] * (n->pole[i] * pb + n->white_counts);
        power[i] = 1;
    }
    for (size_t k = 0; k < count; k++) {
        double sum = k == 0 ? zero : 0;
        for (int i = 0; k > 0 && i < NOISE_POLES; i++) {
            sum += lead[i] * power[i];
            power[i] *= n->pole[i];
        }
        for (int j = 0; j < NOISE_TONES; j++) {
            const struct noise_tone *t = &n->tone[j];
            sum += 0.5 * t->amplitude_counts * t->amplitude_counts * cos(two_pi * t->cycles_per_sample * (double)k);
        }
        r[k] = sum;
    }
}

/* Lower Cholesky factor of a covariance that may be singular to rounding (short gaps): such pivots become 0. */
static void factorise(double m[NOISE_POLES][NOISE_POLES]) {
    for (int j = 0; j < NOISE_POLES; j++) {
        double pivot = m[j][j];
        const double scale = pivot;
        for (int k = 0; k < j; k++)
            pivot -= m[j][k] * m[j][k];
        m[j][j] = pivot > 1e-13 * scale ? sqrt(pivot) : 0;
        for (int i = j + 1; i < NOISE_POLES; i++) {
            double x = m[i][j];
            for (int k = 0; k < j; k++)
                x -= m[i][k] * m[j][k];
            m[i][j] = m[j][j] > 0 ? x / m[j][j] : 0;
        }
    }
}

static void cross_gap(struct noise_stream *s, double gap) {
    const double *a = s->noise->pole;
    double decay[NOISE_POLES], m[NOISE_POLES][NOISE_POLES], normal[NOISE_POLES];
    for (int i = 0; i < NOISE_POLES; i++) {
        decay[i] = isinf(gap) ? 0 : pow(a[i], gap);
        normal[i] = random_stream_normal(&s->random);
    }
    for (int i = 0; i < NOISE_POLES; i++)
        for (int j = 0; j < NOISE_POLES; j++)
            m[i][j] = (1 - decay[i] * decay[j]) / (1 - a[i] * a[j]);
    factorise(m);
    for (int i = 0; i < NOISE_POLES; i++) {
        s->state[i] *= decay[i];
        for (int j = 0; j <= i; j++)
            s->state[i] += m[i][j] * normal[j];
    }
}

void noise_stream_init(struct noise_stream *s, const struct noise_sim *noise, const struct random_stream *random, int64_t frame) {
    *s = (struct noise_stream){.noise = noise, .random = *random, .frame = frame};
    cross_gap(s, INFINITY);
}

/* Phase of the first tone beyond its own at a frame, and by how much it grows a sample. */
static double wander_at(const struct noise_sim *n, int64_t frame, double *growth) {
    double sum = 0;
    *growth = 0;
    for (int i = 0; i < NOISE_WANDERS; i++) {
        const struct noise_wander *w = &n->wander[i];
        const double cycles = w->cycles_per_sample * (double)frame, at = two_pi * (cycles - floor(cycles)) + w->phase;
        sum += w->radians * sin(at);
        *growth += w->radians * two_pi * w->cycles_per_sample * cos(at);
    }
    return sum;
}

static void add_tone(const struct noise_tone *t, double more_phase, double more_turn, int64_t first_frame, double *out, size_t n) {
    if (t->amplitude_counts == 0)
        return;
    const double cycles = t->cycles_per_sample * (double)first_frame;
    const double start = two_pi * (cycles - floor(cycles)) + t->phase + more_phase;
    const double turn = two_pi * t->cycles_per_sample + more_turn, turn_cos = cos(turn), turn_sin = sin(turn);
    double s = t->amplitude_counts * sin(start), c = t->amplitude_counts * cos(start);
    for (size_t k = 0; k < n; k++) {
        out[k] += s;
        const double next = s * turn_cos + c * turn_sin;
        c = c * turn_cos - s * turn_sin;
        s = next;
    }
}

void noise_stream_add(struct noise_stream *s, int64_t first_frame, double *out, size_t n) {
    const struct noise_sim *noise = s->noise;
    assert(first_frame >= s->frame);
    if (first_frame > s->frame)
        cross_gap(s, (double)(first_frame - s->frame));
    for (size_t k = 0; k < n; k++) {
        const double e = random_stream_normal(&s->random);
        double y = noise->white_counts * e;
        for (int i = 0; i < NOISE_POLES; i++) {
            y += noise->weight_counts[i] * s->state[i];
            s->state[i] = noise->pole[i] * s->state[i] + e;
        }
        out[k] += y;
    }
    s->frame = first_frame + (int64_t)n;
    double growth;
    const double wander = wander_at(noise, first_frame, &growth);
    for (int j = 0; j < NOISE_TONES; j++)
        add_tone(&noise->tone[j], j == 0 ? wander : 0, j == 0 ? growth : 0, first_frame, out, n);
}
