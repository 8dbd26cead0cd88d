#include "pulse/baseline_track.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>

#include "pulse/decay_share.h"
#include "pulse/wide_loop.h"

enum { AGREE = 3 };
static const float longest_memory = 20;   /* time constants: after a pause what was before still counts, but next to nothing */

/* Only then does the median: it lies between them. */
static bool leaves_recent(const struct baseline_tracker *t, double level, double most) {
    bool leaves = false;
    for (uint32_t i = 0; i < t->n_recent; i++)
        leaves = leaves || fabs(level - (double)t->recent[i]) > most;
    return leaves;
}

static double recent_median(const struct baseline_tracker *t) {
    float sorted[BASELINE_RECENT];
    for (uint32_t i = 0; i < t->n_recent; i++) {
        uint32_t k = i;
        for (; k > 0 && sorted[k - 1] > t->recent[i]; k--)
            sorted[k] = sorted[k - 1];
        sorted[k] = t->recent[i];
    }
    double below = (double)sorted[(t->n_recent - 1) / 2], above = (double)sorted[t->n_recent / 2];
    return below + 0.5 * (above - below);
}

static void remember(struct baseline_tracker *t, double level) {
    t->recent[t->newest] = (float)level;
    t->newest = (t->newest + 1) % BASELINE_RECENT;
    if (t->n_recent < BASELINE_RECENT)
        t->n_recent++;
}

/* A step that is no multiple of a quantum: believed when AGREE records in a row have it. */
static bool confirm(struct baseline_tracker *t, double step, double tolerance) {
    if (t->n_pending > 0 && fabs(step - t->pending) > tolerance)
        t->n_pending = 0;
    t->pending = t->n_pending == 0 ? step : t->pending + (step - t->pending) / (t->n_pending + 1);
    if (++t->n_pending < AGREE)
        return false;
    t->jumped += t->pending;
    t->n_pending = 0;
    return true;
}

void baseline_track_begin(struct baseline_tracker *t, double expected_counts) {
    *t = (struct baseline_tracker){ .expects = isfinite(expected_counts), .expected_counts = expected_counts };
}

void baseline_track_resume(struct baseline_tracker *t, const struct baseline_tracker *mark, double expected_counts, int64_t time_ns) {
    if (mark->weight > 0 && baseline_seconds(mark->last_ns, time_ns) < BASELINE_NEIGHBOUR_S) {
        *t = *mark;
        return;
    }
    baseline_track_begin(t, expected_counts);
    t->jumped = mark->jumped;
}

/* The pulse's mean with the jumps taken out. False: it may be a jump and cannot be told yet. */
static bool level_of(struct baseline_tracker *t, const struct baseline_rule *rule, const struct measured_pulse *p, double *level) {
    double mean = (double)p->pretrigger_mean - (double)p->slow_counts;
    if (t->expects && rule->quantum_counts > 0)
        t->jumped = rule->quantum_counts * rint((mean - t->expected_counts) / rule->quantum_counts);
    t->expects = false;
    bool near = t->n_recent > 0 && (rule->quantum_counts > 0 || baseline_seconds(t->last_ns, p->time_ns) < BASELINE_NEIGHBOUR_S);
    double step = near && leaves_recent(t, mean - t->jumped, rule->jump_counts) ? mean - t->jumped - recent_median(t) : 0;
    if (rule->jump_counts > 0 && fabs(step) > rule->jump_counts) {
        double quanta = rule->quantum_counts > 0 ? rule->quantum_counts * rint(step / rule->quantum_counts) : 0;
        if (fabs(step - quanta) <= rule->jump_counts)
            t->jumped += quanta;
        else if (!confirm(t, step, rule->jump_counts))
            return false;
    }
    if (!near)
        t->n_recent = 0;
    t->n_pending = 0;
    *level = mean - t->jumped;
    remember(t, *level);
    return true;
}

enum { PIECE = 64 };   /* of pulses that are asked together what time has left of the sums before them */

/* In time constants. */
static float times_passed(int64_t from_ns, int64_t to_ns) {
    const float times = (float)(baseline_seconds(from_ns, to_ns) * (1 / BASELINE_TIME_S));
    return times < longest_memory ? times : longest_memory;
}

/* From each of n <= PIECE pulses' time since the one before it; of the first since before_ns. */
static void shares_left(const struct measured_pulse *p, size_t n, int64_t before_ns, float *share) {
    float passed[PIECE];
    for (size_t i = 0; i < n; i++) {
        passed[i] = times_passed(before_ns, p[i].time_ns);
        before_ns = p[i].time_ns;
    }
    decay_shares(passed, n, share);
}

/* baseline_offset: 0 for a pulse that does not count. Sums are of levels less `origin`, so that they stay small. */
static bool follow(struct baseline_tracker *t, const struct baseline_rule *rule, struct measured_pulse *p, double left, double *level) {
    bool counts = baseline_tells(p) && level_of(t, rule, p, level);
    t->sum *= left;
    t->weight *= left;
    if (counts) {
        t->sum += *level;
        t->weight += 1;
    }
    t->last_ns = p->time_ns;
    p->baseline = t->n_recent > 0 && t->weight > 0 ? (float)(t->sum / t->weight) : NAN;
    p->baseline_weight = (float)t->weight;
    return counts;
}

static void next_one(struct baseline_tracker *t, const struct baseline_rule *rule, struct measured_pulse *pulse, double left) {
    double level = 0;
    bool counts = follow(t, rule, pulse, left, &level);
    pulse->baseline_offset = counts ? (float)(level - (double)pulse->baseline) : 0;
    if (pulse->on_tail && isfinite(pulse->baseline))
        pulse->baseline_offset = (float)((double)pulse->pretrigger_mean - (double)pulse->slow_counts - t->jumped - (double)pulse->baseline);
}

/* ---- pieces in which nothing happens: as pulse by pulse, to the bit ---- */

/* Of n <= PIECE pulses, by columns. level: mean less slow tails and jumps so far. adds, counts: level and 1 of one that moves the baseline, else 0. tells: 1 for
 * one whose level is compared with it. */
struct piece {
    size_t n, n_good;
    bool near;                                   /* no good one stands long behind the one before it */
    double level[PIECE], adds[PIECE], counts[PIECE];
    int64_t tells[PIECE];
    double good[PIECE], least, most;             /* levels of good ones, n_good */
    double sum[PIECE], weight[PIECE];
    float baseline[PIECE], offset[PIECE];
};

static void take_piece(struct piece *x, const struct baseline_tracker *t, const struct measured_pulse *p, size_t n) {
    int64_t before_ns = t->last_ns;
    double least = INFINITY, most = -INFINITY;
    size_t n_good = 0;
    bool near = true;
    for (size_t i = 0; i < n; i++) {
        const bool good = baseline_tells(&p[i]);
        const double level = (double)p[i].pretrigger_mean - (double)p[i].slow_counts - t->jumped;
        x->level[i] = x->good[n_good] = level;
        x->adds[i] = x->counts[i] = 0;
        x->tells[i] = good | p[i].on_tail;
        if (good) {
            x->adds[i] = level;
            x->counts[i] = 1;
            least = level < least ? level : least;
            most = level > most ? level : most;
            near &= baseline_seconds(before_ns, p[i].time_ns) < BASELINE_NEIGHBOUR_S;
            n_good++;
        }
        before_ns = p[i].time_ns;
    }
    x->n = n, x->n_good = n_good, x->near = near, x->least = least, x->most = most;
}

static const double surely = 0.999;   /* what is remembered is rounded to floats */

/* No pulse stands a jump away from another one, nor from those before: then none is asked whether it does. */
static bool is_steady(const struct baseline_tracker *t, const struct baseline_rule *rule, const struct piece *x) {
    double least = x->least, most = x->most;
    for (uint32_t i = 0; i < t->n_recent; i++) {
        const double level = (double)t->recent[i];
        least = level < least ? level : least;
        most = level > most ? level : most;
    }
    return !t->expects && t->n_recent > 0 && (x->near || rule->quantum_counts > 0) && !(rule->jump_counts > 0 && most - least > surely * rule->jump_counts);
}

static void remember_all(struct baseline_tracker *t, const struct piece *x) {
    const size_t skipped = x->n_good > BASELINE_RECENT ? x->n_good - BASELINE_RECENT : 0;
    t->newest = (uint32_t)((t->newest + skipped) % BASELINE_RECENT);
    for (size_t k = skipped; k < x->n_good; k++)
        remember(t, x->good[k]);
    t->n_pending = x->n_good > 0 ? 0 : t->n_pending;
}

WIDE_LOOP static inline void compare_loop(struct piece *restrict x) {
    for (size_t i = 0; i < x->n; i++) {
        const float baseline = x->weight[i] > 0 ? (float)(x->sum[i] / x->weight[i]) : NAN, offset = (float)(x->level[i] - (double)baseline);
        x->baseline[i] = baseline;
        x->offset[i] = ((x->tells[i] != 0) & (fabsf(baseline) <= FLT_MAX)) ? offset : 0;
    }
}

WIDE_LOOP_CHOSEN(compare, (struct piece *restrict x), (x))

static void follow_steady(struct baseline_tracker *t, struct piece *x, const float *left, struct measured_pulse *p) {
    double sum = t->sum, weight = t->weight;
    for (size_t i = 0; i < x->n; i++) {
        x->sum[i] = sum = sum * (double)left[i] + x->adds[i];
        x->weight[i] = weight = weight * (double)left[i] + x->counts[i];
    }
    t->sum = sum;
    t->weight = weight;
    t->last_ns = p[x->n - 1].time_ns;
    remember_all(t, x);
    compare(x);
    for (size_t i = 0; i < x->n; i++) {
        p[i].baseline = x->baseline[i];
        p[i].baseline_offset = x->offset[i];
        p[i].baseline_weight = (float)x->weight[i];
    }
}

void baseline_track_next(struct baseline_tracker *t, const struct baseline_rule *rule, struct measured_pulse *pulses, size_t n) {
    float left[PIECE];
    struct piece x;
    for (size_t from = 0; from < n; from += PIECE) {
        const size_t some = n - from < PIECE ? n - from : PIECE;
        shares_left(pulses + from, some, t->last_ns, left);
        take_piece(&x, t, pulses + from, some);
        if (is_steady(t, rule, &x)) {
            follow_steady(t, &x, left, pulses + from);
            continue;
        }
        for (size_t i = 0; i < some; i++)
            next_one(t, rule, &pulses[from + i], (double)left[i]);
    }
}

/* Sums of the pulses behind, at the time of this one; then with it. */
static void join_backward(struct measured_pulse *p, double *sum, double *weight) {
    double before = isfinite(p->baseline) ? (double)p->baseline * (double)p->baseline_weight : 0, all = (double)p->baseline_weight + *weight;
    p->baseline = all > 0 ? (float)((before + *sum) / all) : NAN;
    p->baseline_weight = (float)all;
    if (isfinite(p->baseline_offset)) {
        *sum += (double)p->baseline_offset;
        *weight += 1;
        p->baseline_offset -= p->baseline;
    } else {
        p->baseline_offset = 0;
    }
}

/* Forward leaves the causal smooth and its weight with each pulse and, in the offset, the level (NaN: does not count); backward adds
 * the other side, in which a pulse itself is counted once. */
void baseline_track_both(const struct baseline_rule *rule, struct measured_pulse *pulses, size_t n) {
    struct baseline_tracker t = { 0 };
    double sum = 0, weight = 0;
    float left[PIECE];
    for (size_t from = 0; from < n; from += PIECE) {
        const size_t some = n - from < PIECE ? n - from : PIECE;
        shares_left(pulses + from, some, t.last_ns, left);
        for (size_t i = from; i < from + some; i++) {
            double level = 0;
            pulses[i].baseline_offset = follow(&t, rule, &pulses[i], (double)left[i - from], &level) ? (float)level : NAN;
        }
    }
    for (size_t end = n; end > 0;) {
        const size_t from = (end - 1) / PIECE * PIECE;
        shares_left(pulses + from, end - from, from > 0 ? pulses[from - 1].time_ns : 0, left);   /* of each since the one before it */
        for (size_t i = end; i-- > from;) {
            join_backward(&pulses[i], &sum, &weight);
            sum *= (double)left[i - from];
            weight *= (double)left[i - from];
        }
        end = from;
    }
}
