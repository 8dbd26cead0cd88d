#include "daemon/learning_desk.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "calib/experiment_state.h"
#include "daemon/log.h"
#include "daemon/record_block.h"
#include "daemon/record_spool.h"
#include "daemon/stage/analyse.h"

enum { ORDERS = 16, RESULTS = 4, STATES_MAX = 64 };

enum order_kind { ORDER_ARRAY, ORDER_BEGIN, ORDER_END };

/* An array and what is kept of the model in force; owned whole. */
struct pixels {
    size_t n;
    struct learning_channel *channels;     /* names and kept filters */
    char (*names)[64];
    struct calibration_table *before;      /* NULL: none */
    uint32_t n_good;
};

struct order { enum order_kind order; enum learning_state kind; struct scan_event event; struct pixels pixels; uint64_t serial; };

struct state {
    enum learning_state kind;
    struct scan_event event;
    int64_t end_ns;                /* INT64_MAX: goes on */
    uint32_t group;                /* of the spool */
};

struct learning_desk {
    struct learning_desk_settings settings;
    struct record_block **blocks;
    struct ring *ring, *orders, *results;
    struct order order_room[ORDERS];
    struct posted { struct learnt_result result; uint64_t serial; } result_room[RESULTS];
    _Atomic bool learning;
    /* the book's: */
    unsigned open, waiting;                /* states begun and not ended; ended and without a result taken */
    uint64_t told;                         /* serial of the array it speaks of */
    /* the learner's: */
    struct pixels pixels;
    uint64_t serial;
    struct record_spool *spool;            /* NULL: no array */
    size_t n_states;
    struct state states[STATES_MAX];       /* by start */
    uint32_t behind;                       /* group of what came after the last state; 0: none */
    int64_t behind_from_ns;
    bool noise_is_new;                     /* since the kept filters were learnt */
    uint32_t noise_group;                  /* the newest; 0: none */
    bool keep;
    size_t n_groups;
    struct spool_part groups[STATES_MAX];  /* of the calibrations of the learning under way */
};

void learnt_result_done(struct learnt_result *r) {
    array_model_free(r->model);
    free(r->behind);
    free(r->first);
    *r = (struct learnt_result){ 0 };
}

/* ---- making ---- */

static bool make_ring(struct learning_desk *d) {
    size_t n = d->settings.ring_blocks;
    d->blocks = calloc(n, sizeof(void *));
    if (d->blocks == NULL)
        return false;
    for (size_t i = 0; i < n; i++)
        if (!record_block_new(d->settings.block_rows, d->settings.block_samples, &d->blocks[i]))
            return false;
    return ring_new((void *const *)d->blocks, n, &d->ring);
}

static bool make_small_rings(struct learning_desk *d) {
    void *orders[ORDERS], *results[RESULTS];
    for (size_t i = 0; i < ORDERS; i++)
        orders[i] = &d->order_room[i];
    for (size_t i = 0; i < RESULTS; i++)
        results[i] = &d->result_room[i];
    return ring_new(orders, ORDERS, &d->orders) && ring_new(results, RESULTS, &d->results);
}

static void pixels_done(struct pixels *p) {
    for (size_t i = 0; p->channels != NULL && i < p->n; i++)
        pixel_model_free((struct pixel_model *)(uintptr_t)p->channels[i].keep);
    free(p->channels);
    free(p->names);
    calibration_table_free(p->before);
    *p = (struct pixels){ 0 };
}

static bool name_channels(struct pixels *p, const struct live_array *array) {
    p->channels = calloc(array->n_pixels + (size_t)1, sizeof *p->channels);
    p->names = calloc(array->n_pixels + (size_t)1, sizeof *p->names);
    if (p->channels == NULL || p->names == NULL)
        return false;
    p->n = array->n_pixels;
    for (size_t i = 0; i < p->n; i++) {
        const struct live_channel *c = &array->channels[array->index_of_pixel[i]];
        memcpy(p->names[i], c->name, sizeof p->names[i]);
        p->channels[i] = (struct learning_channel){ .channel = c->number, .name = p->names[i] };
    }
    return true;
}

static uint32_t good_pixels(const struct calibration_table *t) {
    uint32_t n = 0;
    for (uint32_t i = 0; t != NULL && i < t->n_pixels; i++)
        n += t->pixels[i].verdict == VERDICT_GOOD;
    return n;
}

/* The model in force from now on: its filters and its last table are copied. False: no memory, and what was kept is kept. */
static bool keep_model(struct pixels *p, const struct array_model *m) {
    struct pixel_model **copies = calloc(p->n + 1, sizeof(void *));
    struct calibration_table *table = NULL;
    bool good = copies != NULL && (m->n_tables == 0 || calibration_table_copy(m->tables[m->n_tables - 1], &table) == STATUS_OK);
    for (size_t i = 0; good && i < p->n; i++)
        good = m->channels[i].model == NULL || pixel_model_copy(m->channels[i].model, &copies[i]) == STATUS_OK;
    for (size_t i = 0; copies != NULL && i < p->n; i++) {
        struct pixel_model *drop = copies[i];
        if (good) {
            drop = (struct pixel_model *)(uintptr_t)p->channels[i].keep;
            p->channels[i].keep = copies[i];
        }
        pixel_model_free(drop);
    }
    free(copies);
    calibration_table_free(good ? p->before : table);
    if (good) {
        p->before = table;
        p->n_good = good_pixels(table);
    }
    return good;
}

bool learning_desk_new(const struct learning_desk_settings *settings, struct learning_desk **out) {
    struct learning_desk *d = calloc(1, sizeof *d);
    if (d == NULL) {
        log_error("out of memory for learning");
        return false;
    }
    d->settings = *settings;
    d->settings.learning.quiet = true;
    if (!make_ring(d) || !make_small_rings(d)) {
        log_error("out of memory for learning");
        learning_desk_free(d);
        return false;
    }
    *out = d;
    return true;
}

void learning_desk_free(struct learning_desk *d) {
    if (d == NULL)
        return;
    for (struct posted *p; d->results != NULL && (p = ring_take_full(d->results)) != NULL; ring_mark_empty(d->results))
        learnt_result_done(&p->result);
    for (struct order *o; d->orders != NULL && (o = ring_take_full(d->orders)) != NULL; ring_mark_empty(d->orders))
        pixels_done(&o->pixels);
    for (size_t i = 0; d->blocks != NULL && i < d->settings.ring_blocks; i++)
        record_block_free(d->blocks[i]);
    ring_free(d->ring);
    ring_free(d->orders);
    ring_free(d->results);
    record_spool_free(d->spool);
    pixels_done(&d->pixels);
    free(d->blocks);
    free(d);
}

/* ---- the other threads' side ---- */

struct ring *learning_desk_ring(struct learning_desk *d) { return d->ring; }
const _Atomic bool *learning_desk_learning(const struct learning_desk *d) { return &d->learning; }
bool learning_desk_busy(const struct learning_desk *d) { return d->open > 0 || d->waiting > 0; }

static bool post(struct learning_desk *d, const struct order *o) {
    struct order *to = ring_take_empty(d->orders);
    if (to == NULL)
        return false;
    *to = *o;
    ring_mark_full(d->orders);
    return true;
}

bool learning_desk_array(struct learning_desk *d, const struct live_array *array, const struct array_model *in_force) {
    struct order o = { .order = ORDER_ARRAY, .serial = ++d->told };
    d->open = d->waiting = 0;
    d->learning = false;
    bool good = array == NULL || (name_channels(&o.pixels, array) && (in_force == NULL || keep_model(&o.pixels, in_force)));
    good = good && post(d, &o);
    if (!good)
        pixels_done(&o.pixels);
    return good;
}

bool learning_desk_begin(struct learning_desk *d, enum learning_state kind, const struct scan_event *e) {
    if (!post(d, &(struct order){ .order = ORDER_BEGIN, .kind = kind, .event = *e, .serial = d->told }))
        return false;
    d->open = 1;   /* it ends the one before */
    d->learning = true;
    return true;
}

bool learning_desk_end(struct learning_desk *d, int64_t time_ns) {
    if (d->open == 0 || !post(d, &(struct order){ .order = ORDER_END, .event = { .time_ns = time_ns }, .serial = d->told }))
        return false;
    d->open = 0;
    d->waiting++;
    return true;
}

bool learning_desk_result(struct learning_desk *d, struct learnt_result *out) {
    for (struct posted *p; (p = ring_take_full(d->results)) != NULL;) {
        bool ours = p->serial == d->told;
        if (ours)
            *out = p->result;
        else
            learnt_result_done(&p->result);
        ring_mark_empty(d->results);
        if (!ours)
            continue;
        d->waiting--;
        d->learning = d->open > 0 || d->waiting > 0;
        return true;
    }
    return false;
}

bool learning_state_of_label(const char *label, enum learning_state *out) {
    int32_t number;
    if (state_label_kind(label, &number) == 'C')
        *out = LEARN_CALIBRATION;
    else if (strncasecmp(label, "NOISE", 5) == 0)
        *out = LEARN_NOISE;
    else
        return false;
    return true;
}

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
    d->behind_from_ns = INT64_MAX;
}

static void end_open(struct learning_desk *d, int64_t time_ns) {
    if (d->n_states > 0 && d->states[d->n_states - 1].end_ns == INT64_MAX)
        d->states[d->n_states - 1].end_ns = time_ns;
}

/* Another array: nothing of the one before means anything. */
static void take_array(struct learning_desk *d, struct order *o) {
    record_spool_free(d->spool);
    pixels_done(&d->pixels);
    d->spool = NULL;
    d->pixels = o->pixels;
    d->serial = o->serial;
    d->n_states = 0;
    d->behind = d->noise_group = 0;
    d->noise_is_new = false;
    if (d->pixels.n > 0 && !record_spool_new(d->settings.folder, d->pixels.n, d->settings.spool_bytes, &d->spool))
        log_error("%s: no file for the records of calibrations can be made there: %m; calibrations are not learnt", d->settings.folder);
}

static void begin_state(struct learning_desk *d, const struct order *o) {
    end_open(d, o->event.time_ns);
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

/* Records after the state, with the new filters. Those that came before its end was known lie with the state's own. */
static bool measure_behind(struct learning_desk *d, uint32_t group, struct learnt_result *r) {
    const struct spool_part groups[] = { { group, d->behind_from_ns, INT64_MAX }, { d->behind, d->behind_from_ns, INT64_MAX } };
    size_t capacity = (size_t)(record_spool_records(d->spool, group) + record_spool_records(d->spool, d->behind)) + 1, n = 0;
    r->behind = malloc(capacity * sizeof *r->behind);
    r->first = calloc(d->pixels.n + 1, sizeof *r->first);
    bool good = r->behind != NULL && r->first != NULL;
    for (size_t i = 0; good && i < d->pixels.n; i++) {
        const struct analyse_settings a = { .pixel = (uint32_t)i, .model = r->model->channels[i].model };
        struct record_walk w;
        struct channel_record record;
        r->first[i] = n;
        good = record_spool_walk(d->spool, i, groups, 2, &w);
        while (good && n < capacity && w.next(w.context, &record))
            analyse_measure(&a, &record, &r->behind[n++]);
        if (good)
            w.close(w.context);
    }
    if (good)
        r->first[d->pixels.n] = n;
    r->behind_from_ns = d->behind_from_ns;
    return good;
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
    r->n_good = good_pixels(m->n_tables > 0 ? m->tables[m->n_tables - 1] : NULL);
    if (r->n_good == 0)
        snprintf(r->why, sizeof r->why, "no pixel could be calibrated");
    else if (2 * r->n_good < r->n_good_before)
        snprintf(r->why, sizeof r->why, "only %u pixels could be calibrated, the calibration in force has %u", r->n_good, r->n_good_before);
    else if (!keep_model(&d->pixels, m))
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
        if (r->filters_new && !measure_behind(d, group, r))
            log_warning("records behind calibration %s could not be measured anew: the running scan keeps its old energies up to now", r->label);
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
    else if (d->spool != NULL)
        begin_state(d, &taken);
    return true;
}
