/* The pulse chain against numbers of mass 0.8.9 (golden.h5 of each data set) within the tolerances of doc/methods.md, Records. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>

#include "pulse/noise_model.h"
#include "pulse/optimal_filter.h"
#include "pulse/pixel_model.h"
#include "pulse/pulse_summary.h"
#include "pulse/pulse_template.h"
#include "pulse/record_ljh.h"
#include "pulse/record_store.h"
#include "tests/golden/golden_data.h"

enum { MAX_EXCURSION = 1000 };

enum { N_COLUMNS = 11 };
static const struct { const char *name; double tolerance; } columns[N_COLUMNS] = {
    { "summaries/pretrig_mean", 1e-6 }, { "summaries/pretrig_rms", 1e-6 },  { "summaries/peak_index", 0 }, { "summaries/peak_value", 0 },
    { "summaries/min_value", 0 },       { "summaries/pulse_average", 1e-6 }, { "summaries/pulse_rms", 1e-6 }, { "summaries/shift1", 0 },
    { "summaries/promptness", 1e-6 },   { "summaries/rise_time", 1e-6 },     { "summaries/postpeak_deriv", 1e-6 },
};

static void summaries_agree(const struct data_set *set) {
    struct ljh l;
    ljh_load(set->pulses, &l);
    hid_t f = golden_open(set->golden);
    uint32_t n = l.store.n_records, peak = (uint32_t)golden_attribute(f, "/", "peak_samplenumber");
    assert_int_equal(n, (uint32_t)golden_attribute(f, "/", "n_pulses"));
    double *got = malloc((size_t)N_COLUMNS * n * sizeof *got);
    assert_non_null(got);
    for (uint32_t i = 0; i < n; i++) {
        struct pulse_record r = ljh_record(&l, i);
        struct pulse_summary s = pulse_summary_of(&r, peak);
        const double row[N_COLUMNS] = { s.pretrigger_mean, s.pretrigger_rms, s.peak_index, s.peak_value, s.min_value, s.pulse_average,
                                        s.pulse_rms, s.shift1, s.promptness, s.rise_time_s, s.postpeak_derivative };
        for (size_t c = 0; c < N_COLUMNS; c++)
            got[c * n + i] = row[c];
    }
    for (size_t c = 0; c < N_COLUMNS; c++) {
        double *want = golden_array(f, columns[c].name, n);
        assert_near(columns[c].name, got + c * n, want, n, 0, columns[c].tolerance);
        free(want);
    }
    free(got);
    H5Fclose(f);
    ljh_drop(&l);
}

static void check_covariance(hid_t f, const char *name, const struct noise_plan *plan, const struct record_store *noise, const bool *good,
                             enum noise_estimator estimator) {
    uint32_t n = noise->n_samples;
    double *got = malloc(n * sizeof *got), *want = golden_array(f, name, n);
    assert_non_null(got);
    assert_int_equal(noise_model_covariance(plan, noise, good, estimator, got), STATUS_OK);
    assert_near(name, got, want, n, want[0], 1e-9);
    free(got);
    free(want);
}

static void check_spectrum(hid_t f, const char *name, const struct noise_plan *plan, const struct ljh *l, const bool *good, bool hann) {
    size_t bins = l->store.n_samples / 2 + 1;
    double *got = malloc(bins * sizeof *got), *want = golden_array(f, name, bins);
    assert_non_null(got);
    assert_int_equal(noise_model_spectrum(plan, &l->store, good, hann, l->header.sample_period_s, got), STATUS_OK);
    assert_near(name, got + 1, want + 1, bins - 1, 0, 1e-9);
    assert_true(fabs(got[0] - want[0]) <= 1e-9 * largest(want, bins));
    free(got);
    free(want);
}

static void noise_agrees(const struct data_set *set) {
    struct ljh l;
    ljh_load(set->noise, &l);
    hid_t f = golden_open(set->golden);
    struct noise_plan *plan;
    bool *good = calloc(l.store.n_records, sizeof *good);
    assert_non_null(good);
    assert_int_equal(noise_plan_new(l.store.n_samples, &plan), STATUS_OK);
    print_message("  %u of %u records within the excursion rule\n", noise_model_select_excursion(&l.store, MAX_EXCURSION, good), l.store.n_records);
    check_covariance(f, "noise/autocorr_broken", plan, &l.store, good, NOISE_UNBIASED);
    check_covariance(f, "noise/autocorr_continuous", plan, &l.store, good, NOISE_LONG_CHUNK);
    check_covariance(f, "noise/autocorr_biased_mass2_definition", plan, &l.store, good, NOISE_BIASED);
    check_spectrum(f, "noise/psd_hann", plan, &l, good, true);
    check_spectrum(f, "noise/psd_square", plan, &l, good, false);
    noise_plan_free(plan);
    free(good);
    H5Fclose(f);
    ljh_drop(&l);
}

/* Template, filter and prediction from our own numbers all the way: records, average, covariance. */
static void learn_filter(const struct data_set *set, hid_t f, const struct ljh *l, double *weights) {
    struct ljh noise;
    ljh_load(set->noise, &noise);
    uint32_t n = l->store.n_samples, records = l->store.n_records;
    double *mask = golden_array(f, "auto_cuts/average_pulse_mask", records), *average = malloc(3 * n * sizeof *average), variance;
    bool *chosen = calloc(records, sizeof *chosen), *good = calloc(noise.store.n_records, sizeof *good);
    struct noise_plan *plan;
    assert_true(average && chosen && good);
    double *model = average + n, *covariance = model + n;
    for (uint32_t i = 0; i < records; i++)
        chosen[i] = mask[i] > 0;
    pulse_template_average(&l->store, chosen, average);
    double peak = pulse_template_prepare(average, n, l->store.n_presamples, false, model);
    double *want = golden_array(f, "filters/5lag/signal_model", n);
    assert_near("filters/5lag/signal_model", model, want, n, 1, 1e-6);
    free(want);

    assert_int_equal(noise_plan_new(n, &plan), STATUS_OK);
    noise_model_select_excursion(&noise.store, MAX_EXCURSION, good);
    assert_int_equal(noise_model_covariance(plan, &noise.store, good, NOISE_LONG_CHUNK, covariance), STATUS_OK);
    assert_int_equal(optimal_filter_design(model, n, covariance, weights, &variance), STATUS_OK);
    want = golden_array(f, "filters/5lag/values", n - 4);
    assert_near("filters/5lag/values", weights, want, n - 4, largest(want, n - 4), 1e-6);
    double power = optimal_filter_resolving_power(peak, variance), promised = golden_attribute(f, "filters/5lag", "predicted_v_over_dv");
    assert_near("predicted V/dV", &power, &promised, 1, 0, 1e-6);
    free(want);
    noise_plan_free(plan);
    free(mask);
    free(average);
    free(chosen);
    free(good);
    ljh_drop(&noise);
}

/* Height and arrival with everything in double: what the rows of floats stand for. */
static struct lag_parabola filter_exactly(const double *weights, const struct pulse_record *r) {
    double lags[LAGS] = { 0 };
    for (uint32_t i = 0; i < LAGS; i++)
        for (uint32_t k = 0; k + 4 < r->n_samples; k++)
            lags[i] += weights[k] * r->samples[k + i];
    return lag_parabola_fit(lags);
}

static void heights_agree(hid_t f, const struct ljh *l, const double *weights, const char *kernel) {
    uint32_t n = l->store.n_records, kept = 0;
    struct optimal_filter *filter;
    double *good = golden_array(f, "auto_cuts/good", n), *height = golden_array(f, "filters/5lag/filt_value_float64", n);
    double *phase = golden_array(f, "filters/5lag/filt_phase_float64", n), *got = malloc(2 * n * sizeof *got);
    assert_non_null(got);
    if (kernel)
        assert_int_equal(optimal_filter_new(weights, l->store.n_samples - 4, dot_kernel_find(kernel), &filter), STATUS_OK);
    for (uint32_t i = 0; i < n; i++) {
        struct pulse_record r = ljh_record(l, i);
        struct lag_parabola p = kernel ? optimal_filter_apply(filter, r.samples, r.samples[0]) : filter_exactly(weights, &r);
        if (!(good[i] > 0))
            continue;
        got[kept] = p.height;
        got[n + kept] = p.arrival_samples;
        height[kept] = height[i];
        phase[kept++] = phase[i];
    }
    print_message("  %s, %u good records:\n", kernel ? kernel : "in double", kept);
    assert_near("filt_value", got, height, kept, 0, 1e-6);
    assert_near("filt_phase", got + n, phase, kept, 1, 1e-5);
    if (kernel)
        optimal_filter_free(filter);
    free(good);
    free(height);
    free(phase);
    free(got);
}

static void filter_agrees(const struct data_set *set) {
    struct ljh l;
    ljh_load(set->pulses, &l);
    hid_t f = golden_open(set->golden);
    double *weights = malloc(l.store.n_samples * sizeof *weights);
    assert_non_null(weights);
    learn_filter(set, f, &l, weights);
    heights_agree(f, &l, weights, NULL);
    for (size_t i = 0; dot_kernel_at(i); i++)
        heights_agree(f, &l, weights, dot_kernel_at(i)->name);
    free(weights);
    H5Fclose(f);
    ljh_drop(&l);
}

static void for_each_set(void (*check)(const struct data_set *)) {
    for (size_t i = 0; i < N_DATA_SETS; i++) {
        print_message("%s\n", data_sets[i].golden);
        check(&data_sets[i]);
    }
}

static void test_summaries(void **state) {
    (void)state;
    for_each_set(summaries_agree);
}
static void test_noise(void **state) {
    (void)state;
    static const struct data_set noise_only[] = {
        { "real/noise_20181018_c13/golden.h5", NULL, "real/noise_20181018_c13/20181018_144325_chan13.noi" },
        { "real/noise_20230626_4102/golden.h5", NULL, "real/noise_20230626_4102/20230626_run0000_chan4102.ljh" },
        { "real/noise_20241005_c2/golden.h5", NULL, "real/noise_20241005_c2/20241005_run0000_chan2.ljh" },
    };
    for_each_set(noise_agrees);
    for (size_t i = 0; i < sizeof noise_only / sizeof noise_only[0]; i++) {
        print_message("%s\n", noise_only[i].golden);
        noise_agrees(&noise_only[i]);
    }
}
static void test_filter(void **state) {
    (void)state;
    for_each_set(filter_agrees);
}

/* What leaving a record out of a stream's covariance changes, per R[0]. */
static double largest_difference(const double *a, const double *b, uint32_t n) {
    double worst = 0;
    for (uint32_t j = 0; j < n; j++)
        worst = fmax(worst, fabs(a[j] - b[j]) / a[0]);
    return worst;
}

/* The pulse among the noise is the record of the largest range. */
static uint32_t record_with_pulse(const struct record_store *noise) {
    uint32_t at = 0;
    int most = -1;
    for (uint32_t i = 0; i < noise->n_records; i++) {
        struct pulse_record r = record_store_at(noise, i);
        int low = r.samples[0], high = low;
        for (uint32_t k = 0; k < r.n_samples; k++) {
            low = r.samples[k] < low ? r.samples[k] : low;
            high = r.samples[k] > high ? r.samples[k] : high;
        }
        if (high - low > most) {
            most = high - low;
            at = i;
        }
    }
    return at;
}

static void pulse_in_noise_survived(const char *name) {
    struct ljh l;
    ljh_load(name, &l);
    uint32_t n = l.store.n_samples, records = l.store.n_records, at = record_with_pulse(&l.store);
    bool *good = calloc(records, sizeof *good), *by_hand = calloc(records, sizeof *by_hand);
    double *r = malloc(3 * n * sizeof *r), sd;
    struct noise_plan *plan;
    assert_true(good && by_hand && r);
    assert_int_equal(noise_plan_new(n, &plan), STATUS_OK);
    uint32_t kept = noise_model_select(&l.store, good, &sd);
    for (uint32_t i = 0; i < records; i++)
        by_hand[i] = i < at || i > at + 5;  /* the pulse and its tail */
    assert_int_equal(noise_model_covariance(plan, &l.store, good, NOISE_STREAM, r), STATUS_OK);
    assert_int_equal(noise_model_covariance(plan, &l.store, by_hand, NOISE_STREAM, r + n), STATUS_OK);
    for (uint32_t i = 0; i < records; i++)
        by_hand[i] = true;
    assert_int_equal(noise_model_covariance(plan, &l.store, by_hand, NOISE_STREAM, r + 2 * n), STATUS_OK);
    double rejected = largest_difference(r, r + n, n), all = largest_difference(r + n, r + 2 * n, n);
    print_message("%s: %u of %u records kept, sd %.2f, pulse in record %u; against dropping it by hand %.1e, keeping it %.1e of R[0]\n", name,
                  kept, records, sd, at, rejected, all);
    assert_false(good[at]);
    assert_true(kept > 0.9 * records);
    assert_true(rejected < 0.03 && rejected < 1e-3 * all);
    noise_plan_free(plan);
    free(good);
    free(by_hand);
    free(r);
    ljh_drop(&l);
}

static void test_pulse_in_noise(void **state) {
    (void)state;
    static const char *const names[] = { "real/noise_20181018_c13/20181018_144325_chan13.noi", "real/noise_20241005_c2/20241005_run0000_chan2.ljh" };
    for (size_t i = 0; i < 2; i++) {
        pulse_in_noise_survived(names[i]);
    }
}

/* The whole learner on real files: what it promises and what it keeps. */
static void learner_learns(const struct data_set *set) {
    struct ljh pulses, noise;
    ljh_load(set->pulses, &pulses);
    ljh_load(set->noise, &noise);
    struct noise_plan *plan;
    struct pixel_learner *learner;
    struct pixel_model *model;
    struct pixel_learning report;
    struct complaint why;
    assert_int_equal(noise_plan_new(noise.store.n_samples, &plan), STATUS_OK);
    assert_int_equal(pixel_learner_new(plan, pulses.store.n_samples, pulses.store.n_presamples, pulses.header.sample_period_s, &learner), STATUS_OK);
    for (uint32_t i = 0; i < noise.store.n_records; i++) {
        struct pulse_record r = ljh_record(&noise, i);
        pixel_learner_noise(learner, &r);
    }
    for (uint32_t i = 0; i < pulses.store.n_records; i++) {
        struct pulse_record r = ljh_record(&pulses, i);
        pixel_learner_pulse(learner, &r);
    }
    assert_int_equal(pixel_learner_finish(learner, &model, &report, &why), STATUS_OK);
    assert_false(model->white_noise);
    assert_false(model->inverted);
    hid_t f = golden_open(set->golden);
    double power = golden_attribute(f, "filters/5lag", "predicted_v_over_dv");
    uint32_t kept = 0, cuts[N_CUTS + 1] = { 0 };
    for (uint32_t i = 0; i < pulses.store.n_records; i++) {
        struct pulse_record r = ljh_record(&pulses, i);
        struct measured_pulse p;
        pixel_model_measure(model, &r, &p);
        kept += p.cuts == 0;
        cuts[cut_reason(p.cuts)]++;
    }
    print_message("  V/dV %.0f (long-chunk estimator: %.0f), sd %.2f, %u of %u kept, template of %u, noise %u less %u\n", model->predicted_resolving_power,
                  power, report.baseline_sd, kept, pulses.store.n_records, (unsigned)report.template_records, (unsigned)report.noise_records, (unsigned)report.noise_rejected);
    for (unsigned c = 0; c < N_CUTS; c++)
        if (cuts[c])
            print_message("    cut %s: %u\n", cut_names[c], cuts[c]);
    assert_true(model->predicted_resolving_power > 0.85 * power && model->predicted_resolving_power < 1.2 * power);
    assert_true(kept > 0.9 * pulses.store.n_records);
    H5Fclose(f);
    pixel_model_free(model);
    pixel_learner_free(learner);
    noise_plan_free(plan);
    ljh_drop(&pulses);
    ljh_drop(&noise);
}

static void test_learner(void **state) {
    (void)state;
    for_each_set(learner_learns);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_summaries), cmocka_unit_test(test_noise),   cmocka_unit_test(test_filter),
        cmocka_unit_test(test_pulse_in_noise), cmocka_unit_test(test_learner),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
