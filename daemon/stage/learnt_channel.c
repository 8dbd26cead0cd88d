#include "daemon/stage/learnt_channel.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pulse/correction_learner.h"
#include "pulse/neighbour_height.h"

void learnt_channel_done(struct learnt_channel *c) {
    pixel_model_free(c->model);
    free(c->pulses);
    free(c->ends);
    *c = (struct learnt_channel){ 0 };
}

void learnt_channels_isolate(struct learnt_channel *channels, size_t n) {
    struct tail_reach all = { 0 };
    for (size_t i = 0; i < n; i++)
        tail_reach_add(&all, &channels[i].reach);
    double decays = tail_reach_decays(&all);
    for (size_t i = 0; i < n; i++)
        if (channels[i].kept && channels[i].model != NULL)
            decays = fmax(decays, channels[i].model->isolation_decays);
    for (size_t i = 0; i < n; i++)
        if (channels[i].model != NULL)
            channels[i].model->isolation_decays = decays;
}

void learnt_channels_slow_tails(struct learnt_channel *channels, size_t n) {
    double prior[SLOW_TAIL_DECAYS] = { 0 }, of[SLOW_TAIL_DECAYS];
    for (size_t i = 0; i < n; i++)
        for (unsigned k = 0; slow_tail_likelihoods(&channels[i].slow, of) && k < SLOW_TAIL_DECAYS; k++)
            prior[k] += of[k];
    for (size_t i = 0; i < n; i++) {
        struct learnt_channel *c = &channels[i];
        if (c->model != NULL && c->slow.fast_s > 0)
            c->no_memory = slow_tail_set(c->model, slow_tail_learnt(&c->slow, prior, c->model->inverted)) == STATUS_NO_MEMORY || c->no_memory;
    }
}

/* Of every pulse; two blocks, to be freed whatever comes of it. */
struct likeness { uint16_t *group, *place; };

static void likeness_done(struct likeness *l) {
    free(l->group);
    free(l->place);
}

/* False: no model, or no memory, which is noted. */
static bool likeness_of(struct learnt_channel *c, const struct spectrum_groups *groups, bool coarse, struct likeness *out) {
    *out = (struct likeness){ NULL, NULL };
    if (c->model == NULL)
        return false;
    *out = (struct likeness){ malloc((c->n_pulses + 1) * sizeof *out->group), malloc((c->n_pulses + 1) * sizeof *out->place) };
    if (out->group == NULL || out->place == NULL) {
        c->no_memory = true;
        return false;
    }
    for (size_t i = 0; i < c->n_pulses; i++) {
        struct spectrum_group g = spectrum_groups_at(groups, c->pulses[i].time_ns);
        out->group[i] = coarse ? g.coarse : g.like;
        out->place[i] = g.place;
    }
    return true;
}

/* Heights by neighbours have the level of their records in them: how they go with it is not the filter's to say. */
static struct correction_pulses correction_pulses_of(const struct learnt_channel *c, const struct likeness *l) {
    struct correction_pulses p = { .pulses = c->pulses, .group = l->group, .place = l->place, .n = c->n_pulses, .noise_sigma = c->model->noise_sigma,
                                   .offset_noise = c->model->offset_noise, .steady = c->steady };
    size_t taken = 0;
    for (size_t i = 0; i < c->n_pulses; i++)
        taken += neighbour_height_taken(&c->pulses[i]);
    if (2 * taken > c->n_pulses)
        p.offset_noise.covariance = NAN;
    return p;
}

/* Learnt on everything there is, scans included: one early calibration has too little lever arm (doc/methods.md, Corrections). */
void learnt_channel_estimate(struct learnt_channel *c, const struct spectrum_groups *groups, const int64_t *step_time_ns, uint32_t n_steps,
                             struct correction_estimate *out) {
    *out = (struct correction_estimate){ .terms = 0 };
    struct likeness l;
    if (!likeness_of(c, groups, false, &l)) {
        likeness_done(&l);
        return;
    }
    struct height_correction from = c->correction;
    from.n_steps = n_steps;
    for (uint32_t k = 0; k < n_steps; k++)
        from.step_time_ns[k] = step_time_ns[k];
    struct correction_pulses p = correction_pulses_of(c, &l);
    c->no_memory = correction_estimate_make(&p, &from, out, &c->correction) == STATUS_NO_MEMORY || c->no_memory;
    likeness_done(&l);
}

double learnt_channel_drift_worth(struct learnt_channel *c, const struct spectrum_groups *groups) {
    double nats = 0;
    struct likeness l;
    if (likeness_of(c, groups, false, &l)) {
        struct correction_pulses p = correction_pulses_of(c, &l);
        p.steady = false;
        c->no_memory = correction_drift_worth(&p, &c->correction, &nats) == STATUS_NO_MEMORY || c->no_memory;
    }
    likeness_done(&l);
    return nats;
}

void learnt_channel_correct(struct learnt_channel *c, const struct spectrum_groups *groups, const struct correction_prior *prior) {
    struct likeness l;
    if (!likeness_of(c, groups, false, &l)) {
        likeness_done(&l);
        return;
    }
    struct height_correction from = c->correction;
    struct correction_pulses p = correction_pulses_of(c, &l);
    c->no_memory = correction_learn(&p, &from, prior, &c->correction, NULL) == STATUS_NO_MEMORY || c->no_memory;
    likeness_done(&l);
}

void learnt_channel_take(struct learnt_channel *c, const struct spectrum_groups *groups, const struct correction_estimate *estimate) {
    struct likeness l;
    if (likeness_of(c, groups, false, &l)) {
        struct height_correction from = c->correction;
        struct correction_pulses p = correction_pulses_of(c, &l);
        c->no_memory = correction_take(&p, &from, estimate, &c->correction) == STATUS_NO_MEMORY || c->no_memory;
    }
    likeness_done(&l);
}

void learnt_channel_scores(struct learnt_channel *c, const struct spectrum_groups *groups, const int64_t *times, size_t n_times, struct gain_step_score *out) {
    memset(out, 0, n_times * sizeof *out);
    struct likeness l;
    if (!likeness_of(c, groups, true, &l)) {
        likeness_done(&l);
        return;
    }
    struct correction_pulses p = correction_pulses_of(c, &l);
    c->no_memory = gain_step_scores(&p, &c->correction, times, n_times, out) == STATUS_NO_MEMORY || c->no_memory;
    likeness_done(&l);
}

/* Pulses [from, to) lie in [start, end). */
struct stretch_of_pulses { size_t from, to; };

static struct stretch_of_pulses pulses_in(const struct learnt_channel *c, int64_t start_ns, int64_t end_ns) {
    struct stretch_of_pulses s = { 0, 0 };
    while (s.from < c->n_pulses && c->pulses[s.from].time_ns < start_ns)
        s.from++;
    for (s.to = s.from; s.to < c->n_pulses && c->pulses[s.to].time_ns < end_ns;)
        s.to++;
    return s;
}

struct height_correction learnt_channel_correction(const struct learnt_channel *c, int64_t start_ns, int64_t end_ns) {
    const struct stretch_of_pulses s = pulses_in(c, start_ns, end_ns);
    struct height_correction at = c->correction;
    height_correction_refer(&at, c->pulses + s.from, s.to - s.from);
    return at;
}

bool learnt_channel_heights(const struct learnt_channel *c, int64_t start_ns, int64_t end_ns, struct height_correction *correction, float **heights,
                            int64_t **time_ns, size_t *n) {
    const struct stretch_of_pulses s = pulses_in(c, start_ns, end_ns);
    const size_t from = s.from, to = s.to;
    float *h = malloc((to - from + 1) * sizeof *h);
    int64_t *t = malloc((to - from + 1) * sizeof *t);
    if (h == NULL || t == NULL) {
        free(h);
        free(t);
        return false;
    }
    *correction = learnt_channel_correction(c, start_ns, end_ns);
    for (size_t i = from; i < to; i++) {
        h[i - from] = height_correction_apply(correction, &c->pulses[i]);
        t[i - from] = c->pulses[i].time_ns;
    }
    *heights = h;
    *time_ns = t;
    *n = to - from;
    return true;
}
