/* pulse/trigger_sim.c - one walk over photons and faults in order of time. */
#include "pulse/trigger_sim.h"

#include <math.h>

const char *const deposit_fate_names[N_FATES] = {"recorded", "merged", "hidden", "below", "outside"};

enum { EDGE_SAMPLES = 4 };  /* the trigger compares samples this far apart */

size_t trigger_sim_faults(const struct pixel_sim *p, int64_t n_frames, const struct random_stream *random, struct disturbance *out, size_t max) {
    const double per_sample = (p->flux_jumps_per_s + p->noise_triggers_per_s) * p->period_s;
    if (!(per_sample > 0))
        return 0;
    struct random_stream r = *random;
    const double jump_share = p->flux_jumps_per_s * p->period_s / per_sample;
    double at = 0, level = p->baseline_counts;
    size_t n = 0;
    for (;; n++) {
        at += 24 + random_stream_exponential(&r) / per_sample;
        if (at >= (double)n_frames)
            return n;
        double step = 0;
        if (random_stream_uniform(&r) < jump_share) {
            step = random_stream_uniform(&r) < 0.5 ? p->flux_quantum_counts : -p->flux_quantum_counts;
            if (level + step < 1000 || level + step > 50000)
                step = -step;
            level += step;
        }
        if (n < max)
            out[n] = (struct disturbance){(int64_t)at, step};
    }
}

struct walk {
    const struct pixel_sim *p;
    const struct trigger_settings *s;
    struct pulse_train train;
    struct random_stream *random;
    struct trigger *triggers;
    size_t n_triggers;
    size_t oldest;           /* first deposit that still matters to the signal */
    double last_rise;        /* arrival of the last photon that rose, resolved or not */
    int64_t live_from;       /* edge: first sample that may trigger */
    double peak_samples, reach;
};

/* Noiseless rise over the trigger's distance, ending at sample `end`, of deposits 0..last. */
static double rise_at(struct walk *w, size_t last, double end) {
    const struct deposit *d = w->train.deposits;
    while (w->oldest < last && d[w->oldest].arrival_samples + w->reach < end - EDGE_SAMPLES)
        w->oldest++;
    const struct pulse_train near = {d + w->oldest, last + 1 - w->oldest};
    return pulse_sim_signal(w->p, near, end) - pulse_sim_signal(w->p, near, end - EDGE_SAMPLES);
}

static bool add_trigger(struct walk *w, int64_t frame, int64_t deposit) {
    const int64_t first = frame - w->s->n_presamples;
    if (first < 0 || first + w->s->n_samples > w->s->n_frames)
        return false;
    if (w->n_triggers > 0 && frame <= w->triggers[w->n_triggers - 1].frame)
        frame = w->triggers[w->n_triggers - 1].frame + 1;
    w->triggers[w->n_triggers++] = (struct trigger){frame, deposit};
    w->live_from = frame + w->s->n_samples + 1;
    return true;
}

static enum deposit_fate meet_multi(struct walk *w, size_t i) {
    const double arrival = w->train.deposits[i].arrival_samples, first = floor(arrival) + 1;
    const double resolved = w->peak_samples * random_stream_between(w->random, 0.7, 1.0), kink = 0.35 * random_stream_normal(w->random);
    const bool in_rise = arrival - w->last_rise < resolved;
    if (!in_rise && rise_at(w, i, first + EDGE_SAMPLES - 1) < w->p->level_counts)
        return FATE_BELOW;
    w->last_rise = arrival;
    if (in_rise)
        return w->n_triggers > 0 ? FATE_MERGED : FATE_OUTSIDE;
    const double frame = fmin(fmax(floor(arrival + kink) + 1, first - 1), first + 1);
    return add_trigger(w, (int64_t)frame, (int64_t)i) ? FATE_RECORDED : FATE_OUTSIDE;
}

static enum deposit_fate meet_edge(struct walk *w, size_t i) {
    const double arrival = w->train.deposits[i].arrival_samples, first = floor(arrival) + 1;
    const bool merged = w->n_triggers > 0 && arrival < (double)w->triggers[w->n_triggers - 1].frame + w->peak_samples &&
                        arrival - w->last_rise < w->peak_samples;
    if (merged) {
        w->last_rise = arrival;
        return FATE_MERGED;
    }
    const int64_t from = first > (double)w->live_from ? (int64_t)first : w->live_from;
    for (int64_t at = from; (double)at < first + w->peak_samples; at++) {
        if (rise_at(w, i, (double)at) < w->p->level_counts)
            continue;
        w->last_rise = arrival;
        return add_trigger(w, at, (int64_t)i) ? FATE_RECORDED : FATE_OUTSIDE;
    }
    return (double)w->live_from > first ? FATE_HIDDEN : FATE_BELOW;
}

/* Only a rise fires; edge mode is as blind to faults as to photons. */
static void meet_fault(struct walk *w, const struct disturbance *f) {
    if (f->step_counts < 0 || (w->s->mode == TRIGGER_EDGE && f->frame < w->live_from))
        return;
    if (w->n_triggers == 0 || f->frame - w->triggers[w->n_triggers - 1].frame > (int64_t)w->peak_samples)
        add_trigger(w, f->frame, NO_DEPOSIT);
}

size_t trigger_sim_run(const struct pixel_sim *p, const struct trigger_settings *settings, struct pulse_train train,
                       const struct disturbance *faults, size_t n_faults, struct random_stream *random,
                       struct trigger *triggers, uint8_t *fate, int64_t *trigger_of) {
    struct walk w = {.p = p, .s = settings, .train = train, .random = random, .triggers = triggers, .last_rise = -INFINITY,
                     .peak_samples = pixel_sim_peak_samples(p), .reach = pulse_sim_reach_samples(p)};
    size_t f = 0;
    for (size_t i = 0; i < train.n; i++) {
        while (f < n_faults && (double)faults[f].frame < train.deposits[i].arrival_samples)
            meet_fault(&w, &faults[f++]);
        const enum deposit_fate x = p->kind == PIXEL_DEAD ? FATE_BELOW : settings->mode == TRIGGER_EDGE ? meet_edge(&w, i) : meet_multi(&w, i);
        fate[i] = (uint8_t)x;
        trigger_of[i] = x == FATE_RECORDED || x == FATE_MERGED ? (int64_t)w.n_triggers - 1 : -1;
    }
    while (f < n_faults)
        meet_fault(&w, &faults[f++]);
    return w.n_triggers;
}
