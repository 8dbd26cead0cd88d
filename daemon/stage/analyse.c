#include "daemon/stage/analyse.h"

#include <float.h>
#include <math.h>
#include <string.h>

struct calibration_pair analyse_calibration_at(const struct analyse_settings *s, int64_t time_ns) {
    return s->causal ? calibration_pair_latest(s->tables, s->n_tables, s->pixel, time_ns)
                     : calibration_pair_between(s->tables, s->n_tables, s->pixel, time_ns);
}

void analyse_measure(const struct analyse_settings *s, const struct channel_record *r, struct measured_pulse *out) {
    const struct measured_pulse none = { .height = NAN, .arrival_samples = NAN, .pretrigger_mean = NAN, .residual = NAN };
    if (s->model == NULL || r->coefficients != s->model->coefficients) {
        *out = none;
        out->cuts = CUT_BIT(s->model == NULL ? CUT_NO_MODEL : CUT_SHORT);
    } else if (r->coefficients) {
        pixel_model_measure_off(s->model, &r->off, out);
    } else if (s->causal) {
        pixel_model_measure_crowded(s->model, &r->samples, out);
    } else {
        pixel_model_measure(s->model, &r->samples, out);
    }
    out->time_ns = r->time_ns;
    out->frame = r->frame;
}

enum { BATCH = 64 };

/* Rows are made a batch at a time and each step for all of a batch: steps wait for divisions, roots and tables, and rows do not wait for each
 * other. A stretch is what one pair of calibrations holds for, which is nearly always all of the batch. */
struct stretch {
    const struct analyse_settings *settings;
    const struct measured_pulse *pulses;
    size_t n;
    const struct calibration_pair *pairs;   /* of each, or the first for all (one) */
    bool one;
};

/* Heights as either calibration corrects them, and what an earlier pulse adds to either. */
struct heights {
    float before[BATCH], after[BATCH], tail[BATCH];
    float variance[BATCH];    /* of before */
    size_t n_tails;           /* pulses that may have one: */
    uint8_t tails[BATCH];
};

static const struct calibration_pair *pair_of(const struct stretch *s, size_t i) {
    return &s->pairs[s->one ? 0 : i];
}

/* Which of n pulses stand on the tail of another one, fast or slow: few. Returns how many. */
static size_t find_tails(const struct measured_pulse *p, size_t n, uint8_t which[BATCH]) {
    size_t found = 0;
    for (size_t i = 0; i < n; i++) {
        which[found] = (uint8_t)i;
        found += p[i].on_tail | (p[i].slow_counts != 0);
    }
    return found;
}

static void take_off_slow_tail(const struct stretch *s, struct heights *h, size_t i) {
    struct slow_effect slow = slow_tail_effect(s->settings->model, &s->pulses[i]);
    h->before[i] -= (float)slow.height;
    h->after[i] -= (float)slow.height;
    h->tail[i] += fmaxf(0, (float)slow.tail);
}

static void correct(const struct stretch *s, struct heights *h) {
    struct correction_columns columns;
    const double noise_sigma = s->settings->model->noise_sigma;
    correction_columns_take(&columns, s->pulses, s->n);
    if (s->pairs->after != NULL)
        height_correction_rows(&s->pairs->after->correction, &columns, s->n, noise_sigma, h->after, h->variance);
    height_correction_rows(&s->pairs->before->correction, &columns, s->n, noise_sigma, h->before, h->variance);
    if (s->pairs->after == NULL)
        memcpy(h->after, h->before, s->n * sizeof *h->after);
    memset(h->tail, 0, sizeof h->tail);
    h->n_tails = find_tails(s->pulses, s->n, h->tails);
    for (size_t k = 0; k < h->n_tails; k++) {
        const size_t i = h->tails[k];
        h->tail[i] = measured_pulse_tail(&s->pulses[i]);
        if (s->pulses[i].slow_counts != 0)
            take_off_slow_tail(s, h, i);
    }
}

/* Where there is more to a photon than one curve: two, the tail that it stands on, a line that is locked to. */
static void set_energy(const struct stretch *s, const struct heights *h, size_t i, const struct curve_rows *out) {
    const struct calibration_pair *pair = pair_of(s, i);
    const float tail = h->tail[i];
    const struct curve_value v = calibration_pair_value(pair, h->before[i] + tail, h->after[i] + tail);
    double slope = (double)v.slope, energy = (double)v.energy_eV, sigma = sqrt((double)h->variance[i] * slope * slope + (double)v.sigma_eV * (double)v.sigma_eV);
    if (tail > 0)
        energy -= (double)calibration_pair_value(pair, tail, tail).energy_eV;
    if (s->settings->lock != NULL) {
        double lock_sigma, gain = line_lock_at(s->settings->lock, s->settings->pixel, s->pulses[i].time_ns, &lock_sigma);
        energy *= 1 + gain;
        sigma = hypot(sigma, lock_sigma * energy);
    }
    out->energy_eV[i] = (float)energy;
    out->sigma_eV[i] = (float)sigma;
    out->trust[i] = v.trust;
}

/* Noise and this pixel's curve add in quadrature; the table's common error is not a photon's own and stays with the curve. */
static void set_energies(const struct stretch *s, struct photon_block *b, size_t at) {
    const struct curve_rows rows = { b->energy_eV + at, b->energy_sigma_eV + at, b->flags + at };
    const bool one_curve = s->pairs->after == NULL && s->settings->lock == NULL;
    struct heights heights;
    correct(s, &heights);
    if (one_curve)
        calibration_curve_rows(s->pairs->before->curve, heights.before, heights.variance, s->n, &rows);
    for (size_t k = 0; k < heights.n_tails && one_curve; k++)
        if (heights.tail[heights.tails[k]] > 0)
            set_energy(s, &heights, heights.tails[k], &rows);
    for (size_t i = 0; i < s->n && !one_curve; i++)
        set_energy(s, &heights, i, &rows);
}

static void set_no_energies(size_t n, struct photon_block *b, size_t at) {
    for (size_t i = at; i < at + n; i++) {
        b->energy_eV[i] = b->energy_sigma_eV[i] = NAN;
        b->flags[i] = TRUST_INSIDE;
        b->cuts[i] |= CUT_BIT(CUT_NO_CURVE);
    }
}

/* Causally, records between two that have the same calibration have it as well: one that was left is not come back to (calibration_pair_latest). */
static bool all_have_one(const struct analyse_settings *s, const struct measured_pulse *m, size_t n, struct calibration_pair *one) {
    int64_t first_ns = m[0].time_ns, last_ns = first_ns;
    for (size_t i = 1; i < n; i++) {
        first_ns = m[i].time_ns < first_ns ? m[i].time_ns : first_ns;
        last_ns = m[i].time_ns > last_ns ? m[i].time_ns : last_ns;
    }
    *one = analyse_calibration_at(s, first_ns);
    return s->causal && one->before != NULL && analyse_calibration_at(s, last_ns).before == one->before;
}

static bool find_calibrations(const struct analyse_settings *s, const struct measured_pulse *m, size_t n, struct calibration_pair *pairs) {
    *pairs = (struct calibration_pair){ .before = NULL };
    if (s->model == NULL || (n > 1 && all_have_one(s, m, n, pairs)))
        return true;
    for (size_t i = 0; i < n; i++)
        pairs[i] = analyse_calibration_at(s, m[i].time_ns);
    return false;
}

static size_t stretch_end(const struct calibration_pair *pairs, size_t from, size_t n) {
    size_t to = from + 1;
    while (to < n && pairs[to].before == pairs[from].before && pairs[to].after == pairs[from].after)
        to++;
    return to;
}

static void cut_without_energy(const float *restrict energy_eV, size_t n, uint32_t *restrict cuts) {
    for (size_t i = 0; i < n; i++)
        cuts[i] |= ((cuts[i] == 0) & !(fabsf(energy_eV[i]) <= FLT_MAX)) ? CUT_BIT(CUT_NO_CURVE) : 0;
}

/* All of n <= BATCH rows that comes from their pulses and calibrations; their cuts are set. */
static void set_measured(const struct analyse_settings *s, const struct measured_pulse *m, size_t n, struct photon_block *b, size_t at) {
    struct calibration_pair pairs[BATCH];
    bool one = find_calibrations(s, m, n, pairs);
    for (size_t from = 0, to = 0; from < n; from = to) {
        to = one ? n : stretch_end(pairs, from, n);
        struct stretch stretch = { s, m + from, to - from, pairs + from, one };
        if (stretch.pairs->before != NULL)
            set_energies(&stretch, b, at + from);
        else
            set_no_energies(stretch.n, b, at + from);
    }
    float *restrict height = b->height + at, *restrict arrival = b->arrival + at, *restrict mean = b->pretrigger_mean + at;
    for (size_t i = 0; i < n; i++) {
        height[i] = m[i].height;
        arrival[i] = m[i].arrival_samples;
        mean[i] = m[i].pretrigger_mean;
    }
    cut_without_energy(b->energy_eV + at, n, b->cuts + at);
}

/* n <= BATCH */
static void add_rows(const struct analyse_settings *s, const struct measured_pulse *pulses, size_t n, struct photon_block *b) {
    int64_t *restrict time_ns = b->time_ns + b->n, *restrict frame = b->frame + b->n;
    uint32_t *restrict cuts = b->cuts + b->n;
    uint16_t *restrict pixel = b->pixel + b->n;
    for (size_t i = 0; i < n; i++) {
        time_ns[i] = pulses[i].time_ns;
        frame[i] = pulses[i].frame;
        cuts[i] = pulses[i].cuts;
    }
    for (size_t i = 0; i < n; i++)
        pixel[i] = (uint16_t)s->pixel;
    memset(b->grade + b->n, GRADE_HIGH, n * sizeof *b->grade);
    set_measured(s, pulses, n, b, b->n);
    b->n += n;
}

void analyse_row_again(const struct analyse_settings *s, const struct measured_pulse *pulse, struct photon_block *block, size_t i) {
    block->cuts[i] = pulse->cuts | (block->cuts[i] & CUT_BIT(CUT_SECONDARY));
    set_measured(s, pulse, 1, block, i);
}

/* One rule per pixel: all its calibrations were learnt together. False: nothing to follow by. */
static bool rule_from(const struct analyse_settings *s, int64_t first_ns, struct baseline_rule *out, double *expected_counts) {
    if (s->model == NULL)
        return false;
    struct calibration_pair calibration = analyse_calibration_at(s, first_ns);
    if (calibration.before != NULL) {
        *out = calibration.before->correction.baseline;
        *expected_counts = calibration.before->correction.reference[TERM_BASELINE];
    }
    return calibration.before != NULL;
}

/* Where the pixel's baseline stood at the end of the last calibration that is over. */
static struct baseline_tracker mark_of(const struct analyse_settings *s, const struct analyse_track *track) {
    const struct calibration_table *t = track->ended > 0 ? s->tables[track->ended - 1] : NULL;
    return t != NULL && s->pixel < t->n_pixels ? t->pixels[s->pixel].at_end : (struct baseline_tracker){ 0 };
}

/* The first pulse to be followed, n: none yet. Those before the pixel's first curve have no energy and are not: the first of them may come from a
 * calibration that failed for this pixel. */
static size_t begin(const struct analyse_settings *s, struct analyse_track *track, const struct measured_pulse *pulses, size_t n) {
    double expected_counts = 0;
    size_t i = 0;
    while (i < n && !track->begun) {
        track->begun = rule_from(s, pulses[i].time_ns, &track->rule, &expected_counts);
        if (track->begun) {
            const struct baseline_tracker mark = mark_of(s, track);
            baseline_track_resume(&track->tracker, &mark, expected_counts, pulses[i].time_ns);
        } else {
            i++;
        }
    }
    return i;
}

/* From when on the curve that is in force at the time is known to hold; INT64_MIN: there is none. */
static int64_t holds_from(const struct analyse_settings *s, int64_t time_ns) {
    const struct pixel_calibration *p = analyse_calibration_at(s, time_ns).before;
    for (size_t k = 0; p != NULL && k < s->n_tables; k++)
        if (s->pixel < s->tables[k]->n_pixels && &s->tables[k]->pixels[s->pixel] == p && p->verdict != VERDICT_STALE)
            return p->valid_from_ns > s->tables[k]->start_ns ? p->valid_from_ns : s->tables[k]->start_ns;
    return INT64_MIN;
}

/* A calibration of the pixel where it stands now ends a jump. Jumps are rare: only then is looked for one. */
static void watch_lock(const struct analyse_settings *s, struct analyse_track *track, struct measured_pulse *pulses, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (track->lock.jumped && holds_from(s, pulses[i].time_ns) >= track->lock.jumped_ns)
            track->lock = (struct lock_watch){ 0 };
        size_t some = track->lock.jumped ? 1 : n - i;
        some = lock_watch_next(&track->lock, &track->rule, pulses + i, some);
        i += some - 1;
    }
}

static void follow_stretch(const struct analyse_settings *s, struct analyse_track *track, struct measured_pulse *pulses, size_t n) {
    const size_t first = begin(s, track, pulses, n);
    if (first == n)
        return;   /* perhaps for want of a model */
    slow_tail_track(&track->slow, &s->model->slow, pulses + first, n - first);
    for (size_t i = first; i < n; i++)
        pulses[i].cuts &= ~CUT_BIT(CUT_JUMPED);   /* of another time when they were analysed */
    baseline_track_next(&track->tracker, &track->rule, pulses + first, n - first);
    watch_lock(s, track, pulses + first, n - first);
}

/* Up to the first pulse behind the end of another calibration; its length. */
static size_t before_next_end(const struct analyse_settings *s, const struct analyse_track *track, const struct measured_pulse *pulses, size_t n) {
    size_t i = 0;
    if (track->ended == s->n_tables)
        return n;
    while (i < n && pulses[i].time_ns < s->tables[track->ended]->end_ns)
        i++;
    return i;
}

static void follow(const struct analyse_settings *s, struct analyse_track *track, struct measured_pulse *pulses, size_t n) {
    for (size_t from = 0; from < n;) {
        const size_t some = before_next_end(s, track, pulses + from, n - from);
        follow_stretch(s, track, pulses + from, some);
        from += some;
        if (from == n)
            return;
        while (track->ended < s->n_tables && s->tables[track->ended]->end_ns <= pulses[from].time_ns)
            track->ended++;
        *track = (struct analyse_track){ .ended = track->ended, .lock = track->lock };
    }
}

/* The rule of the first of them that has a curve. */
static bool rule_of(const struct analyse_settings *s, const struct measured_pulse *pulses, size_t n, struct baseline_rule *out) {
    double expected_counts;   /* not needed: from both sides the references were learnt on these very records */
    bool found = false;
    for (size_t i = 0; i < n && !found && s->model != NULL; i++)
        found = rule_from(s, pulses[i].time_ns, out, &expected_counts);
    return found;
}

void analyse_next(const struct analyse_settings *s, struct analyse_track *track, struct measured_pulse *pulses, size_t n, struct photon_block *into) {
    for (size_t from = 0; from < n; from += BATCH) {
        size_t some = n - from < BATCH ? n - from : BATCH;
        follow(s, track, pulses + from, some);
        add_rows(s, pulses + from, some, into);
    }
}

void analyse_rows(const struct analyse_settings *s, struct measured_pulse *pulses, size_t n, struct photon_block *into) {
    struct analyse_track track = { 0 };
    if (s->causal) {
        analyse_next(s, &track, pulses, n, into);
        return;
    }
    if (rule_of(s, pulses, n, &track.rule)) {
        slow_tail_track(&track.slow, &s->model->slow, pulses, n);
        baseline_track_both(&track.rule, pulses, n);
    }
    for (size_t from = 0; from < n; from += BATCH) {
        size_t some = n - from < BATCH ? n - from : BATCH;
        for (size_t i = 0; i < some && s->neighbours != NULL; i++)
            neighbour_height_take(s->neighbours, s->mains, &pulses[from + i]);
        add_rows(s, pulses + from, some, into);
    }
}
