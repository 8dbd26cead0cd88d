#include "daemon/stage/judge_neighbours.h"

#include <math.h>
#include <stdlib.h>

#include "pulse/neighbour_judge.h"
#include "pulse/open_filter.h"

void learnt_channel_take_neighbours(struct learnt_channel *c, const struct mains_track *mains, struct neighbour_height *h) {
    *h = (struct neighbour_height){ .used = false };
    if (c->model == NULL || c->model->open == NULL)
        return;
    enum status s = neighbour_height_learn(c->model, mains, c->pulses, c->n_pulses, h);
    c->no_memory = c->no_memory || s == STATUS_NO_MEMORY;
    for (size_t i = 0; s == STATUS_OK && i < c->n_pulses; i++)
        neighbour_height_take(h, mains, &c->pulses[i]);
}

/* Corrected heights of those pulses that have both, each by the correction that was learnt for it. */
static size_t pair_heights(const struct learnt_channel *c, const struct spectrum_groups *groups, const struct height_correction *standard, struct height_pair *pairs) {
    size_t n = 0;
    for (size_t i = 0; i < c->n_pulses; i++) {
        if (!neighbour_height_taken(&c->pulses[i]))
            continue;
        struct measured_pulse before = c->pulses[i];
        neighbour_height_give_back(&before);
        pairs[n++] = (struct height_pair){ .first = (double)height_correction_apply(standard, &before),
                                           .second = (double)height_correction_apply(&c->correction, &c->pulses[i]),
                                           .group = spectrum_groups_at(groups, c->pulses[i].time_ns).like };
    }
    return n;
}

static enum status judge(const struct learnt_channel *c, const struct spectrum_groups *groups, const struct height_correction *standard,
                         const struct neighbour_height *h, struct line_verdict *v) {
    struct height_pair *pairs = malloc((c->n_pulses + 1) * sizeof *pairs);
    if (pairs == NULL)
        return STATUS_NO_MEMORY;
    size_t n = pair_heights(c, groups, standard, pairs);
    double first = height_correction_sigma(standard, NULL, c->model->noise_sigma, h->scale), second = height_correction_sigma(&c->correction, NULL, h->sigma, h->scale);
    enum status s = n > 0 ? neighbour_judge(pairs, n, first, second, v) : STATUS_TOO_FEW;
    free(pairs);
    return s;
}

void learnt_channel_judge_neighbours(struct learnt_channel *c, const struct spectrum_groups *groups, const struct height_correction *standard, struct neighbour_height *h) {
    struct line_verdict v = { .pull = 0 };
    if (c->model == NULL)
        return;
    enum status s = h->sigma > 0 ? judge(c, groups, standard, h, &v) : STATUS_TOO_FEW;
    c->no_memory = c->no_memory || s == STATUS_NO_MEMORY;
    h->line_pull = v.pull;
    h->used = s == STATUS_OK && v.variance > 0 && v.pull <= NEIGHBOUR_PULL_MAX;
    if (h->used)
        return;
    for (size_t i = 0; i < c->n_pulses; i++)
        neighbour_height_give_back(&c->pulses[i]);
    c->correction = *standard;
    open_filter_free(c->model->open);
    c->model->open = NULL;
}
