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
    if (d->pixels.n > 0 && !record_spool_new(d->settings.folder, d->pixels.n, d->settings.spool_bytes, &d->spool))
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

/* ---- learning: the spool as an input ---- */

static struct learning_channel channel(void *context, size_t i) {
    const struct learning_desk *d = context;
    struct learning_channel c = d->pixels.channels[i];
    if (!d->keep)
        c.keep = NULL;
    return c;
}

static uint32_t n_samples(void *context, size_t i) { return record_spool_n_samples(((struct learning_desk *)context)->spool, i); }

static bool pulses(void *context, size_t i, struct record_walk *out) {
    struct learning_desk *d = context;
    return record_spool_walk(d->spool, i, d->groups, d->n_groups, out);
}

static bool noise(void *context, size_t i, struct record_walk *out) {
    struct learning_desk *d = context;
    const struct spool_part all = { d->noise_group, INT64_MIN, INT64_MAX };
    return d->noise_group == 0 || record_spool_walk(d->spool, i, &all, 1, out);
}

static bool add_calibration(struct scan_timeline *t, const struct state *s) {
    int32_t number = s->event.number;
    struct scan scan = { .calibration = true, .number = -1, .log_number = number, .start_ns = s->event.time_ns, .end_ns = s->end_ns, .mono_eV = s->event.incident_eV };
    struct complaint why;
    memcpy(scan.label, s->event.label, sizeof scan.label);
    memcpy(scan.sample, s->event.sample, sizeof scan.sample);
    return scan_timeline_add(t, &scan, &why) == STATUS_OK;
}

/* The calibrations that are still there, as a timeline; their groups and the span of their records. */
static bool gather(struct learning_desk *d, struct learning_input *in, struct scan_timeline **timeline) {
    struct scan_timeline *t;
    struct complaint why;
    if (scan_timeline_new(&t) != STATUS_OK)
        return false;
    d->n_groups = 0;
    in->first_ns = INT64_MAX;
    in->last_ns = INT64_MIN;
    bool good = true;
    for (size_t i = 0; i < d->n_states; i++) {
        const struct state *s = &d->states[i];
        int64_t first_ns, last_ns;
        if (s->kind != LEARN_CALIBRATION || s->end_ns == INT64_MAX || record_spool_records(d->spool, s->group) == 0)
            continue;
        record_spool_span(d->spool, s->group, &first_ns, &last_ns);
        last_ns = last_ns < s->end_ns ? last_ns : s->end_ns - 1;
        in->first_ns = first_ns < in->first_ns ? first_ns : in->first_ns;
        in->last_ns = last_ns > in->last_ns ? last_ns : in->last_ns;
        d->groups[d->n_groups++] = (struct spool_part){ s->group, s->event.time_ns, s->end_ns };
        good = add_calibration(t, s) && good;
    }
    in->n_calibrations = d->n_groups;
    if (!good || scan_timeline_finish(t, &why) != STATUS_OK) {
        scan_timeline_free(t);
        return false;
    }
    in->timeline = *timeline = t;
    return true;
}

/* ---- learning: what comes of it ---- */

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
    const struct analyse_settings a = { .pixel = (uint32_t)i, .model = d->pixels.channels[i].keep };
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
    struct posted *p = ring_take_empty(d->results);
    if (p == NULL)
        return;
    *p = (struct posted){ .result = { .measured = true, .filters_new = true }, .serial = d->serial };
    for (size_t k = 0; k < d->settings.ring_blocks && take_block(d); k++)
        continue;
    memcpy(p->result.label, d->behind_label, sizeof p->result.label);
    if (d->spool == NULL || !d->behind_kept || !measure_parts(d, &p->result)) {
        learnt_result_done(&p->result);
        p->result.measured = p->result.filters_new = true;
        snprintf(p->result.why, sizeof p->result.why, "%s", d->behind_kept ? "out of memory, or their file cannot be read" : "another state ended before they were to be");
    }
    if (d->spool != NULL)
        forget_behind(d);
    ring_mark_full(d->results);
}

/* Some pixel has a filter now that is not the one it had. */
static bool filters_differ(const struct learning_desk *d, const struct array_model *m) {
    for (size_t i = 0; i < d->pixels.n; i++) {
        const struct pixel_model *was = d->keep ? d->pixels.channels[i].keep : NULL, *is = m->channels[i].model;
        if (is != NULL && (was == NULL || was->n_samples != is->n_samples || was->n_presamples != is->n_presamples))
            return true;
    }
    return false;
}

static void judge(struct learning_desk *d, struct learnt_result *r) {
    const struct array_model *m = r->model;
    r->filters_new = filters_differ(d, m);
    r->n_good = learning_desk_good_pixels(m->n_tables > 0 ? m->tables[m->n_tables - 1] : NULL);
    if (r->n_good == 0)
        snprintf(r->why, sizeof r->why, "no pixel could be calibrated");
    else if (2 * r->n_good < r->n_good_before)
        snprintf(r->why, sizeof r->why, "only %u pixels could be calibrated, the calibration in force has %u", r->n_good, r->n_good_before);
    else if (!learning_desk_keep_model(&d->pixels, m))
        snprintf(r->why, sizeof r->why, "out of memory");
}

static void learn(struct learning_desk *d, uint32_t group, struct learnt_result *r) {
    struct learning_input in = { .context = d, .n_channels = d->pixels.n, .channel = channel, .n_samples = n_samples, .pulses = pulses, .noise = noise };
    struct learning_settings settings = d->settings.learning;
    struct scan_timeline *timeline = NULL;
    d->keep = !d->noise_is_new;
    settings.before = d->keep ? d->pixels.before : NULL;
    if (!gather(d, &in, &timeline))
        snprintf(r->why, sizeof r->why, "out of memory");
    else if (record_spool_records(d->spool, group) == 0) {
        r->nothing = true;
        snprintf(r->why, sizeof r->why, "no records came in this state");
    }
    else if (!learning_from(&in, &settings, &r->model, NULL))
        snprintf(r->why, sizeof r->why, "it could not be learnt; the log says why");
    else
        judge(d, r);
    if (r->model != NULL && r->why[0] == '\0') {
        d->noise_is_new = false;
        d->behind_kept = r->filters_new;
        d->behind_group = group;
        memcpy(d->behind_label, r->label, sizeof d->behind_label);
    } else {
        array_model_free(r->model);
        r->model = NULL;
    }
    scan_timeline_free(timeline);
}

/* A noise run is known and waits for a calibration; a calibration is learnt from now. */
static void end_state(struct learning_desk *d, int64_t time_ns) {
    if (d->spool != NULL) {
        end_open(d, time_ns);
        forget_behind(d);
    }
    struct posted *p = ring_take_empty(d->results);
    if (p == NULL)
        return;
    struct learnt_result *r = &p->result;
    *p = (struct posted){ .result = { .n_good_before = d->pixels.n_good }, .serial = d->serial };
    if (d->n_states == 0) {
        snprintf(r->why, sizeof r->why, "nothing was recorded");
        ring_mark_full(d->results);
        return;
    }
    struct state *s = &d->states[d->n_states - 1];
    d->behind = record_spool_begin(d->spool);
    d->behind_from_ns = s->end_ns;
    while (take_block(d))
        continue;
    if (s->kind == LEARN_NOISE) {
        d->noise_group = record_spool_records(d->spool, s->group) > 0 ? s->group : d->noise_group;
        d->noise_is_new = d->noise_is_new || d->noise_group == s->group;
        snprintf(r->why, sizeof r->why, "noise: %llu records", (unsigned long long)record_spool_records(d->spool, s->group));
    } else {
        memcpy(r->label, s->event.label, sizeof r->label);
        learn(d, s->group, r);
    }
    if (!d->behind_kept)
        forget_behind(d);
    ring_mark_full(d->results);
}

bool learning_desk_step(struct learning_desk *d) {
    struct order *o = ring_take_full(d->orders);
    if (o == NULL)
        return take_block(d);
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
