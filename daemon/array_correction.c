#include "daemon/array_correction.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "calib/spectrum_group.h"
#include "daemon/array_match.h"
#include "daemon/pipeline.h"
#include "daemon/stage/judge_neighbours.h"
#include "pulse/correction_prior.h"
#include "pulse/open_filter.h"

enum { STEP_GRID = 256, STEP_TIMES = 512, DRIFT_CHANNELS = 64 /* as many are asked: without a drift they are some 80(20) nats against it */ };
static const double step_nats = 10, step_nats_each = 1;   /* see step_price */
static const double most_nats = 10, sure_nats = 5;        /* that one channel counts for, and that all together must show: see drifts */

struct array_correction {
    struct learnt_channel *learnt;           /* job i writes only learnt[i] and estimates[i] */
    size_t n;
    const struct scan_timeline *timeline;
    int64_t first_ns, last_ns;
    struct spectrum_groups *groups;
    struct correction_estimate *estimates;
    double drift_nats[DRIFT_CHANNELS];       /* what an even drift is worth to some channels */
    struct correction_prior prior;
    bool has_prior;
    bool steady;                             /* the last estimates are without an even drift */
    uint32_t estimated_steps;                /* and with so many steps */
    uint32_t n_steps;                        /* gain steps found so far */
    int64_t step_time_ns[GAIN_STEPS_MAX];
    size_t n_times;                          /* candidates under test, and every channel's scores for them */
    int64_t times[STEP_TIMES];
    bool pause[STEP_TIMES];
    struct gain_step_score *scores;
    struct calibration_table *curves;        /* NULL: none */
    struct array_neighbours *neighbours;     /* NULL: not asked for */
    struct height_correction *standard;      /* corrections without them */
};

static void estimate_job(void *context, size_t channel) {
    struct array_correction *l = context;
    learnt_channel_estimate(&l->learnt[channel], l->groups, l->step_time_ns, l->n_steps, &l->estimates[channel]);
}

static void correct_job(void *context, size_t channel) {
    struct array_correction *l = context;
    learnt_channel_correct(&l->learnt[channel], l->groups, l->has_prior ? &l->prior : NULL);
}

static void score_job(void *context, size_t channel) {
    struct array_correction *l = context;
    learnt_channel_scores(&l->learnt[channel], l->groups, l->times, l->n_times, l->scores + channel * l->n_times);
}

/* STEP_GRID times evenly over [from, to], ends included. */
static void spread_times(struct array_correction *l, int64_t from_ns, int64_t to_ns) {
    double step = (double)(to_ns - from_ns) / (STEP_GRID - 1);
    l->n_times = STEP_GRID;
    for (size_t t = 0; t < STEP_GRID; t++)
        l->times[t] = from_ns + (int64_t)(step * (double)t);
    memset(l->pause, 0, sizeof l->pause);
}

/* The middles of the pauses between scans and calibrations, put in where they belong. */
static void add_pauses(struct array_correction *l) {
    const struct scan_timeline *t = l->timeline;
    for (size_t i = 1; i < scan_timeline_count(t) && l->n_times < STEP_TIMES; i++) {
        int64_t from = scan_timeline_at(t, i - 1)->end_ns, to = scan_timeline_at(t, i)->start_ns, middle = from + (to - from) / 2;
        if (to < from || middle <= l->times[0] || middle >= l->times[l->n_times - 1])
            continue;
        size_t at = l->n_times++;
        for (; l->times[at - 1] > middle; at--) {
            l->times[at] = l->times[at - 1];
            l->pause[at] = l->pause[at - 1];
        }
        l->times[at] = middle;
        l->pause[at] = true;
    }
}

static bool find_among(struct array_correction *l, unsigned workers, struct gain_step_found *found) {
    if (!pipeline_run(l->n, workers, score_job, l))
        return false;
    *found = gain_step_find(l->scores, l->pause, l->n, l->n_times);
    return true;
}

/* The whole run first; then, unless it is a pause, between the neighbours of the best time. *found tells whether there is a step, at
 * times[found->index]. */
static bool find_step(struct array_correction *l, unsigned workers, struct gain_step_found *found) {
    spread_times(l, l->first_ns, l->last_ns);
    add_pauses(l);
    if (!find_among(l, workers, found))
        return false;
    if (!found->clear || l->pause[found->index])
        return true;
    size_t before = found->index > 0 ? found->index - 1 : 0, after = found->index + 1 < l->n_times ? found->index + 1 : found->index;
    spread_times(l, l->times[before], l->times[after]);
    return find_among(l, workers, found);
}

/* All channels' estimates, with an even drift of their gains or without. */
static bool estimate_all(struct array_correction *l, unsigned workers, bool steady) {
    l->steady = steady;
    l->estimated_steps = l->n_steps;
    for (size_t i = 0; i < l->n; i++)
        l->learnt[i].steady = steady;
    return pipeline_run(l->n, workers, estimate_job, l);
}

static double entropy_of(const struct array_correction *l) {
    double sum = 0;
    for (size_t i = 0; i < l->n; i++)
        sum += l->estimates[i].entropy;
    return sum;
}

/* Nats that a step's gain in every pixel must make spectra sharper by: chance alone gives half a nat for each gain. */
static double step_price(const struct array_correction *l) {
    size_t n = 0;
    for (size_t i = 0; i < l->n; i++)
        n += l->estimates[i].terms != 0;
    return step_nats + step_nats_each * (double)n;
}

/* Whether a step there makes spectra sharper than an even drift does, which looks like a step in its middle and is for interpolation between
 * calibrations to take, and sharper than neither of them by more than chance would: where the slope of the baseline is hardly known, a
 * drift that is not there and a step that is not there make up for it alike. Kept when it does. */
static bool try_step(struct array_correction *l, int64_t time_ns, unsigned workers, bool *kept) {
    if ((l->steady || l->estimated_steps != l->n_steps) && !estimate_all(l, workers, false))
        return false;
    const double drifting = entropy_of(l);
    if (!estimate_all(l, workers, true))
        return false;
    const double neither = entropy_of(l);
    l->step_time_ns[l->n_steps++] = time_ns;
    if (!estimate_all(l, workers, true))
        return false;
    const double stepping = entropy_of(l);
    *kept = stepping < drifting && stepping + step_price(l) < neither;
    l->n_steps -= !*kept;
    return true;
}

static bool find_steps(struct array_correction *l, unsigned workers) {
    bool good = estimate_all(l, workers, false), kept = true;
    while (good && kept && l->n_steps < GAIN_STEPS_MAX) {
        struct gain_step_found found;
        good = find_step(l, workers, &found);
        if (!good || !found.clear)
            break;
        good = try_step(l, l->times[found.index], workers, &kept);
    }
    return good;
}

static size_t asked_for_drift(const struct array_correction *l) {
    return l->n < DRIFT_CHANNELS ? l->n : DRIFT_CHANNELS;
}

/* Evenly over the channels. */
static void drift_job(void *context, size_t k) {
    struct array_correction *l = context;
    l->drift_nats[k] = learnt_channel_drift_worth(&l->learnt[k * l->n / asked_for_drift(l)], l->groups);
}

/* Whether the array shows an even drift: its term pays on pulses that it was not learnt on, in all of them together, of which one alone says little. */
static bool drifts(const struct array_correction *l) {
    double sum = 0;
    for (size_t k = 0; k < asked_for_drift(l); k++)
        sum += fmax(-most_nats, fmin(most_nats, l->drift_nats[k]));
    return sum > sure_nats;
}

/* Without an even drift its term would only cost precision: beside a step between two calibrations, nearly all that is known of the step. */
static bool leave_out_drift(struct array_correction *l, unsigned workers) {
    if ((l->estimated_steps != l->n_steps && !estimate_all(l, workers, true)) || !pipeline_run(asked_for_drift(l), workers, drift_job, l))
        return false;
    const bool steady = !drifts(l);
    return steady == l->steady || estimate_all(l, workers, steady);
}

/* With the array's prior, from the last estimates. */
static bool correct(struct array_correction *l, unsigned workers) {
    enum status s = correction_prior_make(l->estimates, l->n, &l->prior);
    l->has_prior = s == STATUS_OK;
    bool good = s != STATUS_NO_MEMORY && pipeline_run(l->n, workers, correct_job, l);
    for (size_t i = 0; i < l->n; i++)
        good = good && !l->learnt[i].no_memory;
    return good;
}

/* Against the array's spectra, where the curves are known for it. An even drift smears those: what begins there stays there. */
static bool match(struct array_correction *l, unsigned workers) {
    return l->curves == NULL || !l->steady || array_match_run(l->learnt, l->n, l->groups, l->curves, l->estimates, workers);
}

static bool make_curves(struct array_correction *l, array_curves *make, void *context) {
    return make == NULL || make(context, &l->curves);
}

/* ---- neighbour mode ---- */

static void take_job(void *context, size_t channel) {
    struct array_correction *l = context;
    learnt_channel_take_neighbours(&l->learnt[channel], l->neighbours->mains, &l->neighbours->of[channel]);
}

static void judge_job(void *context, size_t channel) {
    struct array_correction *l = context;
    learnt_channel_judge_neighbours(&l->learnt[channel], l->groups, &l->standard[channel], &l->neighbours->of[channel]);
}

/* What most channels' noise runs have. */
static double nominal_Hz(const struct array_correction *l) {
    size_t fifty = 0, sixty = 0;
    for (size_t i = 0; i < l->n; i++)
        if (l->learnt[i].model != NULL && l->learnt[i].model->open != NULL) {
            fifty += l->learnt[i].model->open->mains.Hz < 55;
            sixty += l->learnt[i].model->open->mains.Hz > 55;
        }
    return fifty > sixty ? 50 : 60;
}

/* Mains that cannot be followed is left in; lines then tell whether the baseline alone pays. */
static bool follow_mains(struct array_correction *l) {
    struct mains_source *sources = calloc(l->n + 1, sizeof *sources);
    if (sources == NULL)
        return false;
    for (size_t i = 0; i < l->n; i++)
        if (l->learnt[i].model != NULL && l->learnt[i].model->open != NULL)
            sources[i] = (struct mains_source){ l->learnt[i].pulses, l->learnt[i].n_pulses };
    enum status s = mains_track_new(sources, l->n, nominal_Hz(l), &l->neighbours->mains);
    free(sources);
    return s != STATUS_NO_MEMORY;
}

static bool with_neighbours(struct array_correction *l, unsigned workers) {
    l->standard = malloc((l->n + 1) * sizeof *l->standard);
    if (l->standard == NULL || !array_neighbours_new(l->n, &l->neighbours) || !follow_mains(l))
        return false;
    for (size_t i = 0; i < l->n; i++)
        l->standard[i] = l->learnt[i].correction;
    return pipeline_run(l->n, workers, take_job, l) && pipeline_run(l->n, workers, estimate_job, l) && correct(l, workers) && match(l, workers) &&
           pipeline_run(l->n, workers, judge_job, l);
}

static bool any_used(const struct array_neighbours *a) {
    bool used = false;
    for (size_t i = 0; i < a->n; i++)
        used = used || a->of[i].used;
    return used;
}

static void hand_over(struct array_correction *l, struct array_neighbours **out) {
    *out = NULL;
    if (l->neighbours != NULL && any_used(l->neighbours)) {
        *out = l->neighbours;
        l->neighbours = NULL;
    }
}

bool array_correction_run(struct learnt_channel *learnt, size_t n, const struct scan_timeline *timeline, int64_t first_ns, int64_t last_ns, unsigned workers,
                          array_curves *curves, void *context, struct array_neighbours **neighbours) {
    struct array_correction *l = calloc(1, sizeof *l);
    if (l == NULL)
        return false;
    *l = (struct array_correction){ .learnt = learnt, .n = n, .timeline = timeline, .first_ns = first_ns, .last_ns = last_ns };
    l->scores = calloc(n * STEP_TIMES + 1, sizeof *l->scores);
    l->estimates = calloc(n + 1, sizeof *l->estimates);
    bool good = l->scores != NULL && l->estimates != NULL && spectrum_groups_new(timeline, &l->groups) == STATUS_OK && find_steps(l, workers) && leave_out_drift(l, workers) && correct(l, workers) &&
                make_curves(l, curves, context) && match(l, workers) && (neighbours == NULL || with_neighbours(l, workers));
    if (neighbours != NULL)
        hand_over(l, neighbours);
    array_neighbours_free(l->neighbours);
    spectrum_groups_free(l->groups);
    calibration_table_free(l->curves);
    free(l->standard);
    free(l->estimates);
    free(l->scores);
    free(l);
    return good;
}
