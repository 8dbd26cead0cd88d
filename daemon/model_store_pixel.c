/* One pixel's model in the store: its fields as scalars and arrays of their names, filter and template beside them, the shape in a
 * group of its own. */
#include "daemon/model_store_parts.h"

#include <stdio.h>
#include <stdlib.h>

#include "daemon/h5_fields.h"
#include "pulse/gap_filter.h"
#include "pulse/optimal_filter.h"
#include "pulse/pulse_shape.h"

enum { WEIGHTS_LESS = 4, SAMPLES_MAX = 1 << 24 };

#define TRUTH(path) { .name = #path, .type = ARRAY_U1, .offset = offsetof(struct pixel_model, path), .truth = true }
#define FIELD(path, kind) { .name = #path, .type = kind, .offset = offsetof(struct pixel_model, path) }
#define COLUMNS(path, n) { .name = #path, .type = ARRAY_F8, .offset = offsetof(struct pixel_model, path), .columns = n }
static const struct h5_field model_fields[] = {
    TRUTH(coefficients),
    FIELD(n_samples, ARRAY_U4),
    FIELD(n_presamples, ARRAY_U4),
    FIELD(sample_period_s, ARRAY_F8),
    FIELD(limits.pretrigger_sd_max, ARRAY_F4),
    FIELD(limits.pretrigger_slope_max, ARRAY_F4),
    FIELD(limits.peak_sample_min, ARRAY_I4),
    FIELD(limits.peak_sample_max, ARRAY_I4),
    FIELD(limits.late_rise_max, ARRAY_F4),
    FIELD(limits.residual_max, ARRAY_F4),
    FIELD(noise_sigma, ARRAY_F8),
    FIELD(offset_noise.variance, ARRAY_F8),
    FIELD(offset_noise.covariance, ARRAY_F8),
    FIELD(predicted_resolving_power, ARRAY_F8),
    FIELD(template_arrival, ARRAY_F8),
    COLUMNS(whitener, WHITENER_ORDER + 1),
    FIELD(second_limit, ARRAY_F8),
    FIELD(rise_level, ARRAY_F8),
    FIELD(isolation_decays, ARRAY_F8),
    FIELD(slow.counts, ARRAY_F8),
    FIELD(slow.decay_s, ARRAY_F8),
    FIELD(slow_effect.height, ARRAY_F8),
    FIELD(slow_effect.tail, ARRAY_F8),
    TRUTH(inverted),
    FIELD(sample_turn, ARRAY_U4),
    TRUTH(white_noise),
    FIELD(n_bases, ARRAY_U4),
    COLUMNS(lag_rows, LAGS * OFF_MAX_BASES),
    FIELD(residual_scale.n_nodes, ARRAY_U4),
    COLUMNS(residual_scale.height, RESIDUAL_NODES_MAX),
    COLUMNS(residual_scale.middle, RESIDUAL_NODES_MAX),
    COLUMNS(residual_scale.sigma, RESIDUAL_NODES_MAX),
    FIELD(n_slices, ARRAY_U4),
    FIELD(slice_width, ARRAY_F8),
    COLUMNS(slice_limit, OFF_SLICES_MAX),
};
enum { N_MODEL_FIELDS = sizeof model_fields / sizeof *model_fields };
#define SHAPE(path) { .name = #path, .type = ARRAY_F8, .offset = offsetof(struct pulse_shape, path) }
static const struct h5_field shape_fields[] = {
    SHAPE(reference), SHAPE(phase_low), SHAPE(phase_high), SHAPE(change_low), SHAPE(change_high), SHAPE(bend.cubic), SHAPE(bend.quintic),
};
enum { N_SHAPE_FIELDS = sizeof shape_fields / sizeof *shape_fields };

#define GAP(path, kind) { .name = #path, .type = kind, .offset = offsetof(struct gap_filter, path) }
#define GAP_COLUMNS(path, n) { .name = #path, .type = ARRAY_F8, .offset = offsetof(struct gap_filter, path), .columns = n }
static const struct h5_field gap_fields[] = {
    GAP(n_behind, ARRAY_U4), GAP(arrival, ARRAY_F8), GAP(noise_factor, ARRAY_F8), GAP(reference, ARRAY_F8), GAP(u_low, ARRAY_F8), GAP(u_high, ARRAY_F8),
    GAP_COLUMNS(map, GAP_TERMS), GAP_COLUMNS(arrival_map, GAP_ARRIVAL_TERMS), GAP(tail_samples, ARRAY_F8), GAP(tail_share, ARRAY_F8), GAP(slow_effect.height, ARRAY_F8), GAP(slow_effect.tail, ARRAY_F8), GAP(residual_scale.n_nodes, ARRAY_U4),
    GAP_COLUMNS(residual_scale.height, RESIDUAL_NODES_MAX), GAP_COLUMNS(residual_scale.middle, RESIDUAL_NODES_MAX), GAP_COLUMNS(residual_scale.sigma, RESIDUAL_NODES_MAX),
};
enum { N_GAP_FIELDS = sizeof gap_fields / sizeof *gap_fields };

/* ---- saving ---- */

static void write_shape(struct h5_file *f, hid_t group, const struct pulse_shape *s) {
    hid_t shape = h5_file_group(f, group, "shape", NULL);
    h5_fields_write_one(f, shape, shape_fields, N_SHAPE_FIELDS, s);
    h5_file_array(f, shape, &(struct data_array){ .name = "rows", .type = ARRAY_F4, .rank = 2, .shape = { SHAPE_TERMS, s->stride }, .data = s->rows });
    h5_file_close_group(shape);
}

static void write_filter(struct h5_file *f, hid_t group, const char *name, const struct optimal_filter *filter) {
    if (filter)
        h5_file_array(f, group, &(struct data_array){ .name = name, .type = ARRAY_F8, .rank = 1, .shape = { optimal_filter_n_samples(filter) - WEIGHTS_LESS },
                                                      .data = optimal_filter_weights(filter) });
}

static void write_gap(struct h5_file *f, hid_t group, const char *name, const struct gap_filter *g) {
    hid_t of = h5_file_group(f, group, name, NULL);
    h5_fields_write_one(f, of, gap_fields, N_GAP_FIELDS, g);
    write_filter(f, of, "filter_weights", g->filter);
    h5_file_close_group(of);
}

/* gap0, gap1, ...: the shortest first. */
static void write_gaps(struct h5_file *f, hid_t group, const struct gap_filters *gaps) {
    char name[16];
    for (uint32_t k = 0; k < gaps->n; k++) {
        snprintf(name, sizeof name, "gap%u", k);
        write_gap(f, group, name, &gaps->list[k]);
    }
}

void model_store_write_model(struct h5_file *f, hid_t group, const struct pixel_model *m) {
    h5_fields_write_one(f, group, model_fields, N_MODEL_FIELDS, m);
    write_filter(f, group, "filter_weights", m->filter);
    if (m->gaps != NULL)
        write_gaps(f, group, m->gaps);
    if (m->tail != NULL)
        write_gap(f, group, "tail", m->tail);
    if (m->template_pulse)
        h5_file_array(f, group, &(struct data_array){ .name = "template_pulse", .type = ARRAY_F4, .rank = 1, .shape = { m->n_samples }, .data = m->template_pulse });
    if (m->shape)
        write_shape(f, group, m->shape);
}

/* ---- loading ---- */

static void check_model(struct h5_input *in, const char *channel, const struct pixel_model *m) {
    bool sizes = m->n_samples > 0 && m->n_samples < SAMPLES_MAX && m->n_presamples <= m->n_samples && m->sample_period_s > 0 && m->sample_turn <= UINT16_MAX;
    if (!in->failed && !(sizes && m->n_bases <= OFF_MAX_BASES && m->n_slices <= OFF_SLICES_MAX && m->residual_scale.n_nodes <= RESIDUAL_NODES_MAX))
        h5_input_fail(in, "the model of %s has sizes out of range", channel);
}

static void read_filter(struct h5_input *in, hid_t group, const char *name, const char *channel, uint64_t n_samples, struct optimal_filter **out) {
    uint64_t n = h5_input_length(in, group, name);
    if (!in->failed && n + WEIGHTS_LESS != n_samples) {
        h5_input_fail(in, "the filter of %s is not of its record length", channel);
        return;
    }
    double *weights = calloc(n + 1, sizeof *weights);
    if (!weights)
        h5_input_fail(in, "out of memory");
    h5_input_array(in, group, name, ARRAY_F8, n, weights);
    enum status made = in->failed ? STATUS_IO : optimal_filter_new(weights, (uint32_t)n, NULL, out);
    if (!in->failed && made != STATUS_OK)
        h5_input_fail(in, "the filter of %s: %s", channel, status_text(made));
    free(weights);
}

static void read_template(struct h5_input *in, hid_t group, struct pixel_model *m) {
    m->template_pulse = calloc((size_t)m->n_samples + 1, sizeof *m->template_pulse);
    if (!m->template_pulse)
        h5_input_fail(in, "out of memory");
    h5_input_array(in, group, "template_pulse", ARRAY_F4, m->n_samples, m->template_pulse);
}

static void read_shape(struct h5_input *in, hid_t group, const char *channel, struct pixel_model *m) {
    hid_t shape = h5_input_group(in, group, "shape");
    enum status made = in->failed ? STATUS_IO : pulse_shape_new(m->n_samples, m->n_presamples, 1, &m->shape);
    if (!in->failed && made != STATUS_OK)
        h5_input_fail(in, "the shape of %s: %s", channel, status_text(made));
    if (m->shape != NULL) {
        h5_fields_read_one(in, shape, shape_fields, N_SHAPE_FIELDS, m->shape);
        h5_input_array(in, shape, "rows", ARRAY_F4, SHAPE_TERMS * m->shape->stride, m->shape->rows);
    }
    if (!in->failed && m->shape != NULL && !(m->shape->reference > 0))
        h5_input_fail(in, "the shape of %s has no reference height", channel);
    if (!in->failed && m->shape != NULL && pulse_shape_settle(m->shape) != STATUS_OK)
        h5_input_fail(in, "the shape of %s: %s", channel, status_text(STATUS_NO_MEMORY));
    h5_file_close_group(shape);
}

/* The search is made again from what it was made of. */
static void make_search(struct h5_input *in, const char *channel, struct pixel_model *m) {
    if (in->failed || m->whitener[0] == 0)
        return;
    enum status made = second_search_new(m->shape, m->n_presamples, m->whitener, &m->second);
    if (made != STATUS_OK && made != STATUS_BAD_VALUE)
        h5_input_fail(in, "the search for second pulses of %s: %s", channel, status_text(made));
}

static void read_gap(struct h5_input *in, hid_t group, const char *name, const char *channel, const struct pixel_model *m, struct gap_filter *g) {
    hid_t of = h5_input_group(in, group, name);
    h5_fields_read_one(in, of, gap_fields, N_GAP_FIELDS, g);
    bool sizes = g->n_behind > 0 && g->n_behind <= m->n_samples - m->n_presamples && g->residual_scale.n_nodes <= RESIDUAL_NODES_MAX && g->reference > 0;
    if (!in->failed && !sizes)
        h5_input_fail(in, "a filter of %s for pulses near others has sizes out of range", channel);
    if (!in->failed)
        read_filter(in, of, "filter_weights", channel, (uint64_t)m->n_presamples + g->n_behind, &g->filter);
    h5_file_close_group(of);
}

static void read_gaps(struct h5_input *in, hid_t group, const char *channel, struct pixel_model *m) {
    char name[16] = "gap0";
    if (!in->failed && h5_input_has(in, group, name) && (m->gaps = calloc(1, sizeof *m->gaps)) == NULL)
        h5_input_fail(in, "out of memory");
    for (uint32_t k = 0; m->gaps != NULL && k < GAP_FILTERS_MAX && !in->failed && h5_input_has(in, group, name); k++) {
        read_gap(in, group, name, channel, m, &m->gaps->list[k]);
        m->gaps->n = k + 1;
        snprintf(name, sizeof name, "gap%u", k + 1);
    }
    if (!in->failed && h5_input_has(in, group, "tail") && (m->tail = calloc(1, sizeof *m->tail)) == NULL)
        h5_input_fail(in, "out of memory");
    if (m->tail != NULL)
        read_gap(in, group, "tail", channel, m, m->tail);
}

struct pixel_model *model_store_read_model(struct h5_input *in, hid_t group, const char *channel) {
    struct pixel_model *m = calloc(1, sizeof *m);
    if (!m) {
        h5_input_fail(in, "out of memory");
        return NULL;
    }
    h5_fields_read_one(in, group, model_fields, N_MODEL_FIELDS, m);
    check_model(in, channel, m);
    if (!in->failed && (!m->coefficients || h5_input_has(in, group, "template_pulse")))   /* of coefficients: since it is kept */
        read_template(in, group, m);
    if (!in->failed && !m->coefficients) {
        read_filter(in, group, "filter_weights", channel, m->n_samples, &m->filter);
        read_shape(in, group, channel, m);
        read_gaps(in, group, channel, m);
        make_search(in, channel, m);
    }
    return m;
}
