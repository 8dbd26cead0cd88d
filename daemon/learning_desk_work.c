/* The learner thread's side: records into groups, a state's end, what comes of it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/learning_desk_parts.h"
#include "daemon/log.h"
#include "daemon/stage/analyse.h"

/* ---- records into groups ---- */

static const struct state *state_at(const struct learning_desk *d, int64_t time_ns) {
    for (size_t i = d->n_states; i-- > 0;)
        if (time_ns >= d->states[i].event.time_ns && time_ns < d->states[i].end_ns)
            return &d->states[i];
    return NULL;
}

static void keep_block(struct learning_desk *d, const struct record_block *b) {
    for (size_t i = 0; i < b->n; i++) {
        if (b->rows[i].pixel >= d->pixels.n)
            continue;
        const struct state *s = state_at(d, b->rows[i].time_ns);
        uint32_t group = s != NULL ? s->group : b->rows[i].time_ns >= d->behind_from_ns ? d->behind : 0;
        if (group == 0)
            continue;
        record_spool_resume(d->spool, group);
        record_spool_add(d->spool, b, i);
    }
}

static bool take_block(struct learning_desk *d) {
    struct record_block *b = ring_take_full(d->ring);
    if (b == NULL)
        return false;
    if (d->spool != NULL)
        keep_block(d, b);
    ring_mark_empty(d->ring);
    return true;
}

/* ---- a state begins, ends ---- */

static size_t state_of_group(const struct learning_desk *d, uint32_t group) {
    size_t i = 0;
    while (i + 1 < d->n_states && d->states[i].group != group)
        i++;
    return i;
}

static void drop_state(struct learning_desk *d, size_t k) {
    record_spool_forget(d->spool, d->states[k].group);
    memmove(d->states + k, d->states + k + 1, (--d->n_states - k) * sizeof d->states[0]);
}

static void forget_behind(struct learning_desk *d) {
    record_spool_forget(d->spool, d->behind);
    d->behind = 0;
    d->behind_kept = false;
    d->behind_from_ns = INT64_MAX;
}

static void end_open(struct learning_desk *d, int64_t time_ns) {
    if (d->n_states > 0 && d->states[d->n_states - 1].end_ns == INT64_MAX)
        d->states[d->n_states - 1].end_ns = time_ns;
}

/* Another array: nothing of the one before means anything. */
static void take_array(struct learning_desk *d, struct order *o) {
    record_spool_free(d->spool);
    learning_desk_pixels_done(&d->pixels);
    d->spool = NULL;
    d->pixels = o->pixels;
    d->serial = o->serial;
    d->n_states = 0;
    d->behind = d->noise_group = 0;
    d->noise_is_new = d->behind_kept = false;
    if (d->pixels.n > 0 && !record_spool_new(d->settings.folder, d->pixels.n, d->settings.spool_bytes, d->settings.bases, &d->spool))
        log_error("%s: no file for the records of calibrations can be made there: %m; calibrations are not learnt", d->settings.folder);
}

static void begin_state(struct learning_desk *d, const struct order *o) {
    end_open(d, o->event.time_ns);
    if (!d->behind_kept)
        forget_behind(d);
    if (d->n_states == STATES_MAX)
        drop_state(d, 0);
    d->states[d->n_states++] = (struct state){ .kind = o->kind, .event = o->event, .end_ns = INT64_MAX, .group = record_spool_begin(d->spool) };
}

/* ---- what comes of a state ---- */

/* When the book has not taken the ones before, which it does in every round, there is nobody to tell. */
static void post_or_drop(struct learning_desk *d, struct learnt_result *r) {
    struct posted *p = ring_take_empty(d->results);
    if (p == NULL) {
        learnt_result_done(r);
        return;
    }
    *p = (struct posted){ .result = *r, .serial = d->serial };
    ring_mark_full(d->results);
}

/* The groups that may hold records behind the calibration: its own, those since, and states that began since. */
static size_t parts_behind(const struct learning_desk *d, struct spool_part parts[STATES_MAX + 2]) {
    size_t n = 0;
    parts[n++] = (struct spool_part){ d->behind_group, d->behind_from_ns, INT64_MAX };
    parts[n++] = (struct spool_part){ d->behind, d->behind_from_ns, INT64_MAX };
    for (size_t i = 0; i < d->n_states; i++)
        if (d->states[i].event.time_ns >= d->behind_from_ns && d->states[i].group != d->behind_group)
            parts[n++] = (struct spool_part){ d->states[i].group, d->behind_from_ns, INT64_MAX };
    return n;
}

static bool measure_pixel(struct learning_desk *d, size_t i, const struct spool_part *parts, size_t n_parts, struct learnt_result *r, size_t *n, size_t capacity) {
    const struct analyse_settings a = { .pixel = (uint32_t)i, .model = d->pixels.channels[i].keep, .causal = true };   /* as live_analyse measures */
    struct record_walk w;
    struct channel_record record;
    r->first[i] = *n;
    if (!record_spool_walk(d->spool, i, parts, n_parts, &w))
        return false;
    while (*n < capacity && w.next(w.context, &record))
        analyse_measure(&a, &record, &r->behind[(*n)++]);
    w.close(w.context);
    return true;
}

/* With the filters of the calibration accepted last. */
static bool measure_parts(struct learning_desk *d, struct learnt_result *r) {
    struct spool_part parts[STATES_MAX + 2];
    size_t n_parts = parts_behind(d, parts), capacity = 1, n = 0;
    for (size_t k = 0; k < n_parts; k++)
        capacity += (size_t)record_spool_records(d->spool, parts[k].group);
    r->behind = malloc(capacity * sizeof *r->behind);
    r->first = calloc(d->pixels.n + 1, sizeof *r->first);
    bool good = r->behind != NULL && r->first != NULL;
    for (size_t i = 0; good && i < d->pixels.n; i++)
        good = measure_pixel(d, i, parts, n_parts, r, &n, capacity);
    if (good)
        r->first[d->pixels.n] = n;
    return good;
}

/* What is in the ring now came before the new filters were in force; what comes meanwhile does no harm. */
static void measure_behind(struct learning_desk *d) {
    struct learnt_result r = { .measured = true, .filters_new = true };
    for (size_t k = 0; k < d->settings.ring_blocks && take_block(d); k++)
        continue;
    memcpy(r.label, d->behind_label, sizeof r.label);
    if (d->spool == NULL || !d->behind_kept || learning_desk_job_running(d) || !measure_parts(d, &r)) {
        learnt_result_done(&r);
        r.measured = r.filters_new = true;
        snprintf(r.why, sizeof r.why, "%s", d->behind_kept ? "out of memory, or their file cannot be read" : "another state ended before they were to be");
    }
    if (d->spool != NULL)
        forget_behind(d);
    post_or_drop(d, &r);
}

/* The calibration is accepted or not; accepted with new filters, what came since its end will be wanted. */
static void post_learnt(struct learning_desk *d, struct learnt_result *r) {
    if (r->model != NULL) {
        d->noise_is_new = false;
        d->behind_kept = r->filters_new && d->behind_group == d->learning_group;
        memcpy(d->behind_label, r->label, sizeof d->behind_label);
    }
    if (!d->behind_kept && d->behind_group == d->learning_group)
        forget_behind(d);
    d->learning_group = 0;
    post_or_drop(d, r);
}

static void finish_saving(struct learning_desk *d) {
    struct learnt_result r;
    learning_desk_save_end(d, &r);
    post_learnt(d, &r);
}

static void finish_learning(struct learning_desk *d) {
    struct learnt_result r = { .n_good_before = d->pixels.n_good };
    memcpy(r.label, d->states[state_of_group(d, d->learning_group)].event.label, sizeof r.label);
    learning_desk_job_end(d, &r);
    if (r.model == NULL || d->settings.kept[0] == '\0')
        post_learnt(d, &r);
    else if (!learning_desk_save_begin(d, &r))
        finish_saving(d);
}

/* A state is over: the boundary holds at once, what it teaches waits for its turn. */
static void end_state(struct learning_desk *d, int64_t time_ns) {
    struct learnt_result r = { .n_good_before = d->pixels.n_good };
    if (d->spool == NULL || d->n_states == 0) {
        snprintf(r.why, sizeof r.why, "nothing was recorded");
        post_or_drop(d, &r);
        return;
    }
    end_open(d, time_ns);
    struct state *s = &d->states[d->n_states - 1];
    s->to_learn = true;
    if (s->kind == LEARN_NOISE)
        return;
    forget_behind(d);
    d->behind = record_spool_begin(d->spool);
    d->behind_from_ns = s->end_ns;
    d->behind_group = s->group;
}

/* A noise run is known and waits for a calibration. */
static void learn_noise(struct learning_desk *d, const struct state *s) {
    struct learnt_result r = { .n_good_before = d->pixels.n_good };
    uint64_t records = record_spool_records(d->spool, s->group);
    d->noise_group = records > 0 ? s->group : d->noise_group;
    d->noise_is_new = d->noise_is_new || d->noise_group == s->group;
    snprintf(r.why, sizeof r.why, "noise: %llu records", (unsigned long long)records);
    post_or_drop(d, &r);
}

static void learn_calibration(struct learning_desk *d, const struct state *s) {
    struct learnt_result r = { .n_good_before = d->pixels.n_good };
    memcpy(r.label, s->event.label, sizeof r.label);
    r.nothing = record_spool_records(d->spool, s->group) == 0;
    if (r.nothing)
        snprintf(r.why, sizeof r.why, "no records came in this state");
    if (!r.nothing && learning_desk_job_begin(d, &r))
        d->learning_group = s->group;
    else
        post_or_drop(d, &r);
}

/* The oldest state that has ended and not been learnt from; its last records are in the ring at the latest now. */
static bool learn_next(struct learning_desk *d) {
    for (size_t i = 0; i < d->n_states; i++)
        if (d->states[i].to_learn) {
            d->states[i].to_learn = false;
            for (size_t k = 0; k < d->settings.ring_blocks && take_block(d); k++)
                continue;
            if (d->states[i].kind == LEARN_NOISE)
                learn_noise(d, &d->states[i]);
            else
                learn_calibration(d, &d->states[i]);
            return true;
        }
    return false;
}

/* ---- a round ---- */

/* Another array waits until nothing is learnt of this one any more. */
static bool take_order(struct learning_desk *d) {
    struct order *o = ring_take_full(d->orders);
    if (o == NULL || (o->order == ORDER_ARRAY && learning_desk_job_running(d)))
        return false;
    struct order taken = *o;
    *o = (struct order){ 0 };
    ring_mark_empty(d->orders);
    if (taken.order == ORDER_ARRAY)
        take_array(d, &taken);
    else if (taken.order == ORDER_END)
        end_state(d, taken.event.time_ns);
    else if (taken.order == ORDER_MEASURE)
        measure_behind(d);
    else if (d->spool != NULL)
        begin_state(d, &taken);
    return true;
}

bool learning_desk_step(struct learning_desk *d) {
    if (learning_desk_job_running(d) && learning_desk_job_over(d)) {
        if (d->job.thread != NULL)
            finish_learning(d);
        else
            finish_saving(d);
        return true;
    }
    return take_order(d) || (!learning_desk_job_running(d) && learn_next(d)) || take_block(d);
}
