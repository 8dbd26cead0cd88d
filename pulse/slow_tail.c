#include "pulse/slow_tail.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "pulse/decay_share.h"
#include "pulse/gap_filter.h"
#include "pulse/optimal_filter.h"
#include "pulse/pixel_tail.h"

enum { LEAST_ISOLATED = 16, LEAST_RECORDS = 50 };
static const double FIRST_DECAY = 2.5, DECAY_STEP = 1.22;      /* in decays of the fast tail: up to ten of them */
static const double FAST_GONE = 5, ISOLATED = 20;              /* the same: until the pretrigger begins; until a record may be compared with */
static const double LONGEST = 10;                              /* decays after which nothing is left: 5e-5, some 1e-4 eV, and most records are spared the work */
static const double COMPARED_S = 1, OUTLIER = 8, SIGNIFICANT = 4;

static double seconds(int64_t from_ns, int64_t to_ns) {
    return to_ns > from_ns ? (double)((uint64_t)to_ns - (uint64_t)from_ns) * 1e-9 : 0;
}

/* ---- sums ---- */

double slow_tail_before(struct slow_tail_sum *s, double decay_s, int64_t time_ns) {
    double passed = s->begun && time_ns > s->last_ns ? seconds(s->last_ns, time_ns) / decay_s : LONGEST;
    s->height = passed < LONGEST ? s->height * exp(-passed) : 0;
    s->last_ns = time_ns;
    s->begun = true;
    return s->height;
}

void slow_tail_after(struct slow_tail_sum *s, double height) {
    s->height += isfinite(height) && height > 0 ? height : 0;
}

enum { PIECE = 64 };   /* of pulses that are asked together what time has left of those before them */

/* As slow_tail_before says, from each of n <= PIECE pulses' time since the one before it. */
static void shares_left(const struct slow_tail_sum *s, double decay_s, const struct measured_pulse *p, size_t n, float *share) {
    float passed[PIECE];
    const float longest = (float)LONGEST;
    const double per_second = 1 / decay_s;
    int64_t before_ns = s->begun ? s->last_ns : INT64_MAX;
    for (size_t i = 0; i < n; i++) {
        const float times = p[i].time_ns > before_ns ? (float)(seconds(before_ns, p[i].time_ns) * per_second) : longest;
        passed[i] = times < longest ? times : longest;
        before_ns = p[i].time_ns;
    }
    decay_shares(passed, n, share);
    for (size_t i = 0; i < n; i++)
        share[i] = passed[i] < longest ? share[i] : 0;
}

static void track_piece(struct slow_tail_sum *s, const struct slow_tail *slow, struct measured_pulse *p, size_t n) {
    float left[PIECE];
    double height = s->height;
    shares_left(s, slow->decay_s, p, n, left);
    for (size_t i = 0; i < n; i++) {
        height *= (double)left[i];
        p[i].slow_counts = (float)(slow->counts * height);
        height += ((p[i].height > 0) & (p[i].height <= FLT_MAX)) ? (double)p[i].height : 0;
    }
    *s = (struct slow_tail_sum){ true, p[n - 1].time_ns, height };
}

void slow_tail_track(struct slow_tail_sum *s, const struct slow_tail *slow, struct measured_pulse *pulses, size_t n) {
    for (size_t i = 0; i < n && slow->counts == 0; i++)
        pulses[i].slow_counts = 0;
    for (size_t from = 0; from < n && slow->counts != 0; from += PIECE)
        track_piece(s, slow, pulses + from, n - from < PIECE ? n - from : PIECE);
}

/* ---- learning ---- */

struct slow_tail_learner slow_tail_begin(double fast_s, double presamples_s) {
    struct slow_tail_learner l = { .fast_s = fast_s, .least_s = presamples_s + FAST_GONE * fast_s };
    for (unsigned k = 0; k < SLOW_TAIL_DECAYS; k++)
        l.decay_s[k] = fast_s * FIRST_DECAY * pow(DECAY_STEP, k);
    return l;
}

/* From now on this record is what others are compared with. How far one such mean lies from the next is the scale of what can be believed. */
static void isolated(struct slow_tail_learner *l, const struct measured_pulse *p, double fast, const double *slow) {
    double step = fabs((double)p->pretrigger_mean - l->isolated_mean);
    if (l->n_isolated > 0)
        l->spread_counts += (fmin(step, l->n_isolated > 1 ? 4 * l->spread_counts : step) - l->spread_counts) / fmin(l->n_isolated, 4 * LEAST_ISOLATED);
    l->n_isolated++;
    l->isolated_mean = (double)p->pretrigger_mean;
    l->isolated_ns = p->time_ns;
    l->isolated_fast = fast;
    for (unsigned k = 0; k < SLOW_TAIL_DECAYS; k++)
        l->isolated_slow[k] = slow[k];
}

static void compare(struct slow_tail_learner *l, const struct measured_pulse *p, double fast, const double *slow) {
    double y = (double)p->pretrigger_mean - l->isolated_mean, f = fast - l->isolated_fast;
    if (l->n_isolated < LEAST_ISOLATED || seconds(l->isolated_ns, p->time_ns) > COMPARED_S || !(fabs(y) < OUTLIER * l->spread_counts))
        return;
    l->n++;
    l->yy += y * y;
    l->ff += f * f;
    l->fy += f * y;
    for (unsigned k = 0; k < SLOW_TAIL_DECAYS; k++) {
        double s = slow[k] - l->isolated_slow[k];
        l->ss[k] += s * s;
        l->sf[k] += s * f;
        l->sy[k] += s * y;
    }
}

void slow_tail_note(struct slow_tail_learner *l, const struct measured_pulse *p) {
    if (!(l->fast_s > 0))
        return;
    double gap_s = l->last_ns != 0 ? seconds(l->last_ns, p->time_ns) : 0, slow[SLOW_TAIL_DECAYS], fast = slow_tail_before(&l->fast, l->fast_s, p->time_ns);
    for (unsigned k = 0; k < SLOW_TAIL_DECAYS; k++)
        slow[k] = slow_tail_before(&l->slow[k], l->decay_s[k], p->time_ns);
    l->last_ns = p->time_ns;
    if (isfinite(p->pretrigger_mean) && gap_s >= ISOLATED * l->fast_s)
        isolated(l, p, fast, slow);
    else if (isfinite(p->pretrigger_mean) && gap_s >= l->least_s)
        compare(l, p, fast, slow);
    slow_tail_after(&l->fast, (double)p->height);
    for (unsigned k = 0; k < SLOW_TAIL_DECAYS; k++)
        slow_tail_after(&l->slow[k], (double)p->height);
}

struct slow_fit { double counts, sigma, left; };

/* Least squares of y on s and f; on s alone where no fast tail is left. */
static struct slow_fit fit(const struct slow_tail_learner *l, unsigned k) {
    double ss = l->ss[k], sf = l->sf[k], sy = l->sy[k], own = l->ff > 0 ? ss - sf * sf / l->ff : ss;
    bool both = l->ff > 1e-12 * ss && own > 1e-6 * ss;
    double pure = both ? own : ss, counts = (both ? sy - sf * l->fy / l->ff : sy) / pure;
    double left = both ? l->yy - l->fy * l->fy / l->ff - counts * counts * pure : l->yy - counts * counts * pure;
    return (struct slow_fit){ counts, sqrt(fmax(left, 0) / (l->n * pure)), left };
}

bool slow_tail_likelihoods(const struct slow_tail_learner *l, double of[SLOW_TAIL_DECAYS]) {
    double least = INFINITY, sum = 0;
    if (!(l->n >= LEAST_RECORDS))
        return false;
    for (unsigned k = 0; k < SLOW_TAIL_DECAYS; k++) {
        of[k] = fit(l, k).left;
        least = fmin(least, of[k]);
    }
    for (unsigned k = 0; k < SLOW_TAIL_DECAYS; k++)
        sum += of[k] = exp(-0.5 * l->n * (of[k] / least - 1));
    for (unsigned k = 0; k < SLOW_TAIL_DECAYS; k++)
        of[k] /= sum;
    return sum > 0;
}

struct slow_tail slow_tail_learnt(const struct slow_tail_learner *l, const double prior[SLOW_TAIL_DECAYS], bool inverted) {
    double of[SLOW_TAIL_DECAYS];
    unsigned best = 0;
    if (!slow_tail_likelihoods(l, of))
        return (struct slow_tail){ 0, 0 };
    for (unsigned k = 1; k < SLOW_TAIL_DECAYS; k++)
        best = of[k] * prior[k] > of[best] * prior[best] ? k : best;
    struct slow_fit found = fit(l, best);
    bool stands_out = (inverted ? -found.counts : found.counts) > SIGNIFICANT * found.sigma;
    return stands_out ? (struct slow_tail){ found.counts, l->decay_s[best] } : (struct slow_tail){ 0, 0 };
}

/* ---- in the model ---- */

/* A slow tail at sample k, over its mean in the pretrigger. */
static double mean_level(uint32_t n_presamples, double decay_samples) {
    uint32_t used = n_presamples - 3;
    double mean = 0;
    for (uint32_t k = 0; k < used; k++)
        mean += exp(((double)n_presamples - (double)k) / decay_samples) / used;
    return mean;
}

/* False: no memory. */
static bool effect_on(const struct pixel_model *m, const struct optimal_filter *f, double arrival, double decay_samples, struct slow_effect *out) {
    uint32_t n = optimal_filter_n_samples(f), p = m->n_presamples;
    double *row = malloc(n * sizeof *row), height = 0, mean = mean_level(p, decay_samples), cross = 0, square = 0;
    if (row == NULL)
        return false;
    optimal_filter_row_at(optimal_filter_weights(f), n - (LAGS - 1), arrival, row);
    for (uint32_t k = 0; k < n; k++) {
        double level = exp(((double)p - (double)k) / decay_samples), pulse = (double)m->template_pulse[k];
        height += row[k] * level;
        cross += row[k] * pulse * level;
        square += row[k] * pulse * fabs(pulse);
    }
    free(row);
    *out = (struct slow_effect){ height / mean, (m->inverted ? -1 : 1) * cross / (square * mean) };
    return true;
}

/* The decay to which the tail filter is blind was that of fast and slow tail together: a few per cent too long, and so is the share of the fast one, which
 * alone is left to it now. False: no memory. */
static bool fast_share(const struct pixel_model *m, struct slow_tail slow, double decay_samples, double *share) {
    double *fast = malloc(m->n_samples * sizeof *fast), at_trigger = slow.counts / mean_level(m->n_presamples, decay_samples), left;
    if (fast == NULL)
        return false;
    for (uint32_t k = 0; k < m->n_samples; k++)
        fast[k] = (double)m->template_pulse[k] - (k > m->n_presamples ? at_trigger * exp(((double)m->n_presamples - (double)k) / decay_samples) : 0);
    left = pixel_tail_decay(fast, m->n_samples, m->n_presamples, m->inverted);
    for (uint32_t k = 0; k < m->n_samples; k++)
        fast[k] = (double)m->template_pulse[k];
    if (left > 0)
        *share = pixel_tail_share(m, optimal_filter_weights(m->tail->filter), fast, left);
    free(fast);
    return true;
}

/* Heights of a filter for gaps or tails are brought to the whole one's scale. */
static bool effect_on_gap(const struct pixel_model *m, const struct gap_filter *g, double decay_samples, struct slow_effect *out) {
    bool known = effect_on(m, g->filter, g->arrival, decay_samples, out);
    out->height *= g->map[0];
    return known;
}

enum status slow_tail_set(struct pixel_model *m, struct slow_tail slow) {
    double decay = slow.decay_s / m->sample_period_s, share = m->tail != NULL ? m->tail->tail_share : 0;
    struct slow_effect whole = { 0 }, tail = { 0 }, gap[GAP_FILTERS_MAX] = { { 0 } };
    bool some = slow.counts != 0, known = !some || effect_on(m, m->filter, m->template_arrival, decay, &whole);
    known = known && (!some || m->tail == NULL || (effect_on_gap(m, m->tail, decay, &tail) && fast_share(m, slow, decay, &share)));
    for (uint32_t k = 0; some && m->gaps != NULL && k < m->gaps->n; k++)
        known = known && effect_on_gap(m, &m->gaps->list[k], decay, &gap[k]);
    if (!known)
        return STATUS_NO_MEMORY;
    m->slow = slow;
    m->slow_effect = whole;
    if (m->tail != NULL) {
        m->tail->slow_effect = tail;
        m->tail->tail_share = share;
    }
    for (uint32_t k = 0; m->gaps != NULL && k < m->gaps->n; k++)
        m->gaps->list[k].slow_effect = gap[k];
    return STATUS_OK;
}

struct slow_effect slow_tail_effect(const struct pixel_model *m, const struct measured_pulse *p) {
    const struct slow_effect none = { 0, 0 }, *of = &none;
    if (!(p->noise_factor > 0))
        of = &m->slow_effect;
    else if (p->on_tail)
        of = m->tail != NULL ? &m->tail->slow_effect : &none;
    else   /* a filter for a gap is known by its noise */
        for (uint32_t k = 0; m->gaps != NULL && k < m->gaps->n; k++)
            of = p->noise_factor == (float)m->gaps->list[k].noise_factor ? &m->gaps->list[k].slow_effect : of;
    double counts = (double)p->slow_counts;
    return (struct slow_effect){ of->height * counts, of->tail * counts };
}
