#include "daemon/learning_desk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "calib/experiment_state.h"
#include "daemon/learning_desk_parts.h"
#include "daemon/log.h"

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

void learning_desk_pixels_done(struct pixels *p) {
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

uint32_t learning_desk_good_pixels(const struct calibration_table *t) {
    uint32_t n = 0;
    for (uint32_t i = 0; t != NULL && i < t->n_pixels; i++)
        n += t->pixels[i].verdict == VERDICT_GOOD;
    return n;
}

bool learning_desk_keep_model(struct pixels *p, const struct array_model *m) {
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
        p->n_good = learning_desk_good_pixels(table);
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
        learning_desk_pixels_done(&o->pixels);
    for (size_t i = 0; d->blocks != NULL && i < d->settings.ring_blocks; i++)
        record_block_free(d->blocks[i]);
    ring_free(d->ring);
    ring_free(d->orders);
    ring_free(d->results);
    struct learnt_result r = { 0 };
    if (d->job.thread != NULL)   /* what is learnt at the last moment is kept all the same */
        learning_desk_job_end(d, &r);
    if (r.model != NULL && d->settings.kept[0] != '\0')
        learning_desk_save_begin(d, &r);
    else
        learnt_result_done(&r);
    learning_desk_save_end(d, &r);
    learnt_result_done(&r);
    record_spool_free(d->spool);
    learning_desk_pixels_done(&d->pixels);
    free(d->blocks);
    free(d);
}

/* ---- the other threads' side ---- */

struct ring *learning_desk_ring(struct learning_desk *d) { return d->ring; }
const _Atomic bool *learning_desk_learning(const struct learning_desk *d) { return &d->learning; }
bool learning_desk_awaited(const struct learning_desk *d) { return d->waiting > 0; }

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
    d->learning = d->handing_over = false;
    bool good = array == NULL || (name_channels(&o.pixels, array) && (in_force == NULL || learning_desk_keep_model(&o.pixels, in_force)));
    good = good && post(d, &o);
    if (!good)
        learning_desk_pixels_done(&o.pixels);
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

bool learning_desk_measure(struct learning_desk *d) {
    if (!d->handing_over || !post(d, &(struct order){ .order = ORDER_MEASURE, .serial = d->told }))
        return false;
    d->handing_over = false;
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
        d->handing_over = out->model != NULL && out->filters_new;
        d->learning = d->open > 0 || d->waiting > 0 || d->handing_over;
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
