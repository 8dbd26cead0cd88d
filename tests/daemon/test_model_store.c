#include <hdf5.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/model_store.h"
#include "pulse/gap_filter.h"
#include "pulse/optimal_filter.h"
#include "pulse/pulse_shape.h"
#include "tests/daemon/made_folder.h"
#include "tests/daemon/made_table.h"

/* ---- made-up models and tables: every field has a value of its own ---- */

enum { SAMPLES = 200, WEIGHTS = SAMPLES - 4 };

static void set_common(struct pixel_model *m, uint64_t *seed) {
    m->n_samples = SAMPLES;
    m->n_presamples = 50;
    m->sample_period_s = 4.8e-6;
    m->limits = (struct cut_limits){ (float)made_uniform(seed), (float)made_uniform(seed), -3, 77, (float)made_uniform(seed), INFINITY };
    m->noise_sigma = made_uniform(seed);
    m->offset_noise = (struct offset_noise){ made_uniform(seed), made_normal(seed) };
    m->predicted_resolving_power = made_uniform(seed);
    m->residual_scale.n_nodes = 3;
    for (int k = 0; k < RESIDUAL_NODES_MAX; k++) {
        m->residual_scale.height[k] = made_normal(seed);
        m->residual_scale.middle[k] = made_normal(seed);
        m->residual_scale.sigma[k] = made_normal(seed);
    }
    m->n_slices = 7;
    m->slice_width = made_uniform(seed);
    for (int k = 0; k < OFF_SLICES_MAX; k++)
        m->slice_limit[k] = made_normal(seed);
}

static struct gap_filter made_gap(uint32_t n_behind, const double *weights, uint32_t n_weights, uint64_t *seed) {
    struct gap_filter g = { .n_behind = n_behind, .arrival = made_normal(seed), .noise_factor = made_uniform(seed), .reference = 1 + made_uniform(seed), .u_low = made_normal(seed),
                            .u_high = made_normal(seed), .tail_share = made_normal(seed), .slow_effect = { made_normal(seed), made_normal(seed) }, .residual_scale.n_nodes = 3 };
    for (int k = 0; k < GAP_TERMS; k++)
        g.map[k] = made_normal(seed);
    for (int k = 0; k < GAP_ARRIVAL_TERMS; k++)
        g.arrival_map[k] = made_normal(seed);
    for (int k = 0; k < RESIDUAL_NODES_MAX; k++) {
        g.residual_scale.height[k] = made_normal(seed);
        g.residual_scale.middle[k] = made_normal(seed);
        g.residual_scale.sigma[k] = made_uniform(seed);
    }
    assert_int_equal(optimal_filter_new(weights, n_weights, NULL, &g.filter), STATUS_OK);
    return g;
}

static struct pixel_model *sample_model(uint64_t *seed) {
    struct pixel_model *m = calloc(1, sizeof *m);
    double weights[WEIGHTS], sum = 0;
    set_common(m, seed);
    m->inverted = m->white_noise = true;
    m->template_pulse = calloc(SAMPLES, sizeof *m->template_pulse);
    for (int k = 0; k < WEIGHTS; k++)
        sum += weights[k] = made_normal(seed);
    for (int k = 0; k < WEIGHTS; k++)
        weights[k] -= sum / WEIGHTS;
    for (int k = 0; k < SAMPLES; k++)
        m->template_pulse[k] = (float)made_normal(seed);
    assert_int_equal(optimal_filter_new(weights, WEIGHTS, NULL, &m->filter), STATUS_OK);
    weights[7] += 1;
    weights[8] -= 1;
    m->tail = calloc(1, sizeof *m->tail);
    *m->tail = made_gap(SAMPLES - m->n_presamples, weights, WEIGHTS, seed);
    m->tail->tail_samples = 1 + made_uniform(seed);
    m->gaps = calloc(1, sizeof *m->gaps);
    for (; m->gaps->n < GAP_FILTERS_MAX; m->gaps->n++) {
        uint32_t behind = SAMPLES - m->n_presamples - GAP_FILTERS_MAX + m->gaps->n;
        m->gaps->list[m->gaps->n] = made_gap(behind, weights, m->n_presamples + behind - (LAGS - 1), seed);
    }
    m->rise_level = made_uniform(seed);
    m->isolation_decays = 6 + made_uniform(seed);
    m->slow = (struct slow_tail){ made_normal(seed), made_uniform(seed) };
    m->slow_effect = (struct slow_effect){ made_normal(seed), made_normal(seed) };
    assert_int_equal(pulse_shape_new(SAMPLES, m->n_presamples, 1 + made_uniform(seed), &m->shape), STATUS_OK);
    for (int k = 0; k <= WHITENER_ORDER; k++)
        m->whitener[k] = made_normal(seed);
    m->second_limit = INFINITY;
    m->shape->phase_low = made_normal(seed);
    m->shape->bend = (struct phase_bend){ made_uniform(seed), made_uniform(seed) };
    m->shape->phase_high = made_normal(seed);
    m->shape->change_low = made_normal(seed);
    m->shape->change_high = made_normal(seed);
    for (size_t k = 0; k < SHAPE_TERMS * m->shape->stride; k++)
        m->shape->rows[k] = (float)made_normal(seed);
    assert_int_equal(second_search_new(m->shape, m->n_presamples, m->whitener, &m->second), STATUS_OK);
    return m;
}

static struct pixel_model *coefficient_model(uint64_t *seed) {
    struct pixel_model *m = calloc(1, sizeof *m);
    set_common(m, seed);
    m->coefficients = true;
    m->n_bases = 5;
    for (int i = 0; i < LAGS; i++)
        for (int j = 0; j < OFF_MAX_BASES; j++)
            m->lag_rows[i][j] = made_normal(seed);
    return m;
}

static struct array_model *made_store(uint64_t seed) {
    struct array_model *s = calloc(1, sizeof *s);
    s->n_channels = 4;
    s->channels = calloc(s->n_channels, sizeof *s->channels);
    const int32_t numbers[] = { 11, 3, 1000007, 0 };
    for (size_t k = 0; k < s->n_channels; k++) {
        s->channels[k].channel = numbers[k];
        snprintf(s->channels[k].reason, sizeof s->channels[k].reason, "reason %zu", k);
        snprintf(s->channels[k].name, sizeof s->channels[k].name, "chan%d", numbers[k]);
    }
    s->channels[0].model = sample_model(&seed);
    s->channels[1].model = coefficient_model(&seed);
    s->channels[3].model = sample_model(&seed);
    s->n_tables = 2;
    s->tables = calloc(2, sizeof(struct calibration_table *));
    s->tables[0] = made_table(4, &seed);
    s->tables[1] = made_table(4, &seed);
    return s;
}

/* ---- comparisons ---- */

static void same_gap(const struct gap_filter *a, const struct gap_filter *b) {
    struct gap_filter p = *a, q = *b;
    p.filter = q.filter = NULL;
    assert_memory_equal(&p, &q, sizeof p);
    assert_int_equal(optimal_filter_n_samples(a->filter), optimal_filter_n_samples(b->filter));
    assert_memory_equal(optimal_filter_weights(a->filter), optimal_filter_weights(b->filter), (optimal_filter_n_samples(a->filter) - (LAGS - 1)) * sizeof(double));
}

static void same_model(const struct pixel_model *a, const struct pixel_model *b) {
    assert_int_equal(a == NULL, b == NULL);
    if (!a || !b)
        return;
    struct pixel_model p = *a, q = *b;
    p.filter = q.filter = NULL;
    assert_true((p.gaps == NULL) == (q.gaps == NULL) && (p.tail == NULL) == (q.tail == NULL));
    p.gaps = q.gaps = NULL;
    p.tail = q.tail = NULL;
    assert_int_equal(p.second == NULL, q.second == NULL);
    p.second = q.second = NULL;
    p.template_pulse = q.template_pulse = NULL;
    p.shape = q.shape = NULL;
    assert_memory_equal(&p, &q, sizeof p);
    assert_int_equal(a->filter == NULL, b->filter == NULL);
    if (a->filter) {
        assert_int_equal(optimal_filter_n_samples(a->filter), optimal_filter_n_samples(b->filter));
        assert_memory_equal(optimal_filter_weights(a->filter), optimal_filter_weights(b->filter), WEIGHTS * sizeof(double));
        same_gap(a->tail, b->tail);
        assert_int_equal(a->gaps->n, b->gaps->n);
        for (uint32_t k = 0; k < a->gaps->n; k++)
            same_gap(&a->gaps->list[k], &b->gaps->list[k]);
        assert_memory_equal(a->template_pulse, b->template_pulse, SAMPLES * sizeof(float));
        struct pulse_shape c = *a->shape, d = *b->shape;
        c.rows = d.rows = NULL;
        assert_memory_equal(&c, &d, sizeof c);
        assert_memory_equal(a->shape->rows, b->shape->rows, SHAPE_TERMS * c.stride * sizeof(float));
    }
}

static void same_curve(const struct calibration_curve *a, const struct calibration_curve *b) {
    assert_int_equal(a == NULL, b == NULL);
    for (float height = -10; a && height < 20000; height += 37.7f) {
        struct curve_value p = calibration_curve_value(a, height), q = calibration_curve_value(b, height);
        assert_memory_equal(&p.energy_eV, &q.energy_eV, sizeof p.energy_eV);
        assert_memory_equal(&p.sigma_eV, &q.sigma_eV, sizeof p.sigma_eV);
        assert_memory_equal(&p.common_sigma_eV, &q.common_sigma_eV, sizeof p.common_sigma_eV);
        assert_int_equal(p.trust, q.trust);
    }
}

static void same_table(const struct calibration_table *a, const struct calibration_table *b) {
    struct calibration_table p = *a, q = *b;
    p.pixels = q.pixels = NULL;
    p.line_table_text = q.line_table_text = NULL;
    assert_memory_equal(&p, &q, sizeof p);
    assert_string_equal(a->line_table_text, b->line_table_text);
    for (uint32_t k = 0; k < a->n_pixels; k++) {
        struct pixel_calibration x = a->pixels[k], y = b->pixels[k];
        same_curve(x.curve, y.curve);
        x.curve = y.curve = NULL;
        assert_memory_equal(&x, &y, sizeof x);
    }
}

static void what_is_saved_comes_back_bit_for_bit(void **state) {
    (void)state;
    struct array_model *s = made_store(5), *back;
    assert_true(model_store_save(in_folder("cal.h5"), s));
    assert_true(model_store_load(in_folder("cal.h5"), &back));
    assert_int_equal(back->n_channels, 4);
    assert_int_equal(back->n_tables, 2);
    for (size_t k = 0; k < 4; k++) {
        assert_int_equal(back->channels[k].channel, s->channels[k].channel);
        assert_string_equal(back->channels[k].name, s->channels[k].name);
        assert_string_equal(back->channels[k].reason, s->channels[k].reason);
        same_model(s->channels[k].model, back->channels[k].model);
    }
    same_table(s->tables[0], back->tables[0]);
    same_table(s->tables[1], back->tables[1]);
    assert_int_equal(array_model_find(back, 3), 1);
    assert_true(array_model_find(back, 4) == SIZE_MAX);
    array_model_free(s);
    array_model_free(back);
}

/* A field added to a model or a table must be added to what is stored; then these sizes are changed. */
static void no_field_is_forgotten(void **state) {
    (void)state;
    assert_int_equal(sizeof(struct pixel_model), 2744);   /* `open` is not kept: two-sided use only */
    assert_int_equal(sizeof(struct pulse_shape), 88);   /* `fold` is not kept: made anew from the rows */
    assert_int_equal(sizeof(struct gap_filter), 744);
    assert_int_equal(sizeof(struct pixel_calibration), 6368);
    assert_int_equal(sizeof(struct anchor_fit), 216);
    assert_int_equal(sizeof(struct calibration_table), 1792);
}

static void an_empty_store_is_a_store(void **state) {
    (void)state;
    struct array_model none = { 0 }, *back;
    assert_true(model_store_save(in_folder("none.h5"), &none));
    assert_true(model_store_load(in_folder("none.h5"), &back));
    assert_int_equal(back->n_channels + back->n_tables, 0);
    array_model_free(back);
}

static void a_channel_number_twice_is_refused(void **state) {
    (void)state;
    struct array_model *s = made_store(6);
    s->channels[2].channel = s->channels[0].channel;
    assert_false(model_store_save(in_folder("twice.h5"), s));
    assert_int_equal(access(in_folder("twice.h5"), F_OK), -1);
    array_model_free(s);
}

/* ---- files that are not ours ---- */

static void foreign_files_are_refused(void **state) {
    (void)state;
    struct array_model *back;
    assert_false(model_store_load(in_folder("missing.h5"), &back));
    FILE *f = fopen(in_folder("text.h5"), "w");
    fputs("not HDF5 at all\n", f);
    fclose(f);
    assert_false(model_store_load(in_folder("text.h5"), &back));
    hid_t h = H5Fcreate(in_folder("other.h5"), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    H5Fclose(h);
    assert_false(model_store_load(in_folder("other.h5"), &back));
}

/* Saves a good store, lets `spoil` change it, and expects a refusal. */
static void refused_after(void (*spoil)(hid_t file)) {
    struct array_model *s = made_store(7), *back;
    assert_true(model_store_save(in_folder("spoilt.h5"), s));
    array_model_free(s);
    hid_t f = H5Fopen(in_folder("spoilt.h5"), H5F_ACC_RDWR, H5P_DEFAULT);
    spoil(f);
    H5Fclose(f);
    assert_false(model_store_load(in_folder("spoilt.h5"), &back));
}

static void overwrite(hid_t file, const char *name, hid_t type, const void *data) {
    hid_t d = H5Dopen2(file, name, H5P_DEFAULT);
    assert_true(d >= 0 && H5Dwrite(d, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) >= 0);
    H5Dclose(d);
}

static void newer_version(hid_t f) { overwrite(f, "version", H5T_NATIVE_INT, &(int){ MODEL_STORE_VERSION + 1 }); }
static void long_record(hid_t f) { overwrite(f, "channels/chan000011/model/n_samples", H5T_NATIVE_UINT, &(unsigned){ 1000000 }); }
static void many_bases(hid_t f) { overwrite(f, "channels/chan000003/model/n_bases", H5T_NATIVE_UINT, &(unsigned){ 33 }); }
static void no_truth(hid_t f) { overwrite(f, "channels/chan000003/model/coefficients", H5T_NATIVE_UINT, &(unsigned){ 2 }); }
static void index_twice(hid_t f) { overwrite(f, "channels/chan000003/index", H5T_NATIVE_UINT, &(unsigned){ 0 }); }
static void verdict_unknown(hid_t f) { overwrite(f, "tables/0001/pixels/verdict", H5T_NATIVE_UINT, (unsigned[]){ 0, 1, 99, 0 }); }
static void fits_beyond(hid_t f) { overwrite(f, "tables/0000/pixels/n_fits", H5T_NATIVE_UINT, (unsigned[]){ 0, 3, 4000000, 9 }); }
static void anchors_beyond(hid_t f) { overwrite(f, "tables/0000/curves/n_anchors", H5T_NATIVE_UINT, (unsigned[]){ 0, 6, 6, 24 }); }
static void choices_beyond(hid_t f) { overwrite(f, "tables/0000/pixels/n_choices", H5T_NATIVE_UINT, (unsigned[]){ 0, 1, 2, 4 }); }
static void choice_of_no_line(hid_t f) { overwrite(f, "tables/0000/choices/line", H5T_NATIVE_ULLONG, (unsigned long long[6 * MATCH_MAX_LINES]){ [MATCH_MAX_LINES] = 3 }); }
static void no_weights(hid_t f) { H5Ldelete(f, "channels/chan000011/model/filter_weights", H5P_DEFAULT); }
static void no_tables(hid_t f) { H5Ldelete(f, "tables", H5P_DEFAULT); }
static void curve_backwards(hid_t f) {
    double heights[18] = { 0 };
    overwrite(f, "tables/0000/curves/height", H5T_NATIVE_DOUBLE, heights);
}

static void spoilt_files_are_refused(void **state) {
    (void)state;
    void (*const spoils[])(hid_t) = { newer_version, long_record, many_bases, no_truth, index_twice, verdict_unknown, fits_beyond, anchors_beyond, choices_beyond, choice_of_no_line, no_weights, no_tables, curve_backwards };
    for (size_t k = 0; k < sizeof spoils / sizeof *spoils; k++)
        refused_after(spoils[k]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_saved_comes_back_bit_for_bit),
        cmocka_unit_test(no_field_is_forgotten),
        cmocka_unit_test(an_empty_store_is_a_store),
        cmocka_unit_test(a_channel_number_twice_is_refused),
        cmocka_unit_test(foreign_files_are_refused),
        cmocka_unit_test(spoilt_files_are_refused),
    };
    return cmocka_run_group_tests(tests, made_folder_new, made_folder_remove);
}
