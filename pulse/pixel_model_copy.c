/* A model of one's own that measures every record to the same bits: who keeps the filters of a model that somebody else owns. */
#include "pulse/pixel_model.h"

#include <stdlib.h>
#include <string.h>

#include "pulse/gap_filter.h"
#include "pulse/optimal_filter.h"
#include "pulse/pulse_shape.h"

enum { WEIGHTS_LESS = LAGS - 1 };

static enum status copy_filter(const struct optimal_filter *from, struct optimal_filter **out) {
    return from == NULL ? STATUS_OK : optimal_filter_new(optimal_filter_weights(from), optimal_filter_n_samples(from) - WEIGHTS_LESS, optimal_filter_kernel(from), out);
}

static enum status copy_shape(const struct pulse_shape *from, const struct pixel_model *m, struct pulse_shape **out) {
    if (from == NULL)
        return STATUS_OK;
    struct pulse_shape *s;
    enum status made = pulse_shape_new(from->n_samples, m->n_presamples, from->reference, &s);
    if (made != STATUS_OK)
        return made;
    float *rows = s->rows;
    memcpy(rows, from->rows, SHAPE_TERMS * from->stride * sizeof *rows);
    *s = *from;
    s->rows = rows;
    s->fold = NULL;
    *out = s;
    return pulse_shape_settle(s);
}

static enum status copy_template(const struct pixel_model *from, float **out) {
    if (from->template_pulse == NULL)
        return STATUS_OK;
    float *t = malloc(from->n_samples * sizeof *t);
    if (t == NULL)
        return STATUS_NO_MEMORY;
    memcpy(t, from->template_pulse, from->n_samples * sizeof *t);
    *out = t;
    return STATUS_OK;
}

enum status pixel_model_copy(const struct pixel_model *from, struct pixel_model **out) {
    struct pixel_model *m = malloc(sizeof *m);
    if (m == NULL)
        return STATUS_NO_MEMORY;
    *m = *from;
    m->filter = NULL;
    m->template_pulse = NULL;
    m->shape = NULL;
    m->second = NULL;
    m->open = NULL;   /* the neighbours' heights are made where a model was learnt */
    m->gaps = NULL;
    m->tail = NULL;
    enum status s = copy_filter(from->filter, &m->filter);
    if (s == STATUS_OK)
        s = gap_filter_copy(from->tail, &m->tail);
    if (s == STATUS_OK)
        s = gap_filters_copy(from->gaps, &m->gaps);
    if (s == STATUS_OK)
        s = copy_template(from, &m->template_pulse);
    if (s == STATUS_OK)
        s = copy_shape(from->shape, m, &m->shape);
    if (s == STATUS_OK && from->second != NULL)
        s = second_search_new(m->shape, m->n_presamples, m->whitener, &m->second);
    if (s != STATUS_OK) {
        pixel_model_free(m);
        return s;
    }
    *out = m;
    return STATUS_OK;
}
