/* The other filters of the field against numbers of mass 0.8.9 (golden.h5) and mass2 (golden_mass2.h5), given their template and noise:
 * weights within 1e-6 of the largest, variance and promise 1e-6, heights of good records 1e-6, phases 1e-5. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "pulse/filter_design.h"
#include "pulse/pulse_summary.h"
#include "tests/golden/golden_data.h"

struct filter_case {
    const char *group;
    enum filter_kind kind;
    bool shift1;          /* a sample shorter than the record: from its second sample on unless the trigger came early */
    bool slope;           /* the derivative row that mass fitted or took before zeroing the pretrigger, from the file */
    bool smooth;
    uint32_t cut_pre, cut_post;
};

static const struct filter_case cases[] = {
    { .group = "filters/5lag", .kind = FILTER_FIVE_LAG },
    { .group = "filters/5lag_f3db", .kind = FILTER_FIVE_LAG, .smooth = true },
    { .group = "filters/5lag_cut", .kind = FILTER_FIVE_LAG, .cut_pre = 10, .cut_post = 20 },
    { .group = "filters/fourier", .kind = FILTER_FOURIER },
    { .group = "filters/fourier_f3db", .kind = FILTER_FOURIER, .smooth = true },
    { .group = "filters/ats_plain", .kind = FILTER_ATS, .slope = true },
    { .group = "filters/ats_default", .kind = FILTER_ATS, .slope = true, .shift1 = true },
    { .group = "filters/ats_default_f3db", .kind = FILTER_ATS, .slope = true, .shift1 = true, .smooth = true },
};

static void name_of(char out[96], const char *group, const char *leaf) {
    snprintf(out, 96, "%s/%s", group, leaf);
}

static double *member(hid_t f, const char *group, const char *leaf, size_t n) {
    char name[96];
    name_of(name, group, leaf);
    return golden_array(f, name, n);
}

/* The template at its place in a whole record: mass keeps the shortened one. */
static double *template_of(hid_t f, const struct filter_case *c, uint32_t n) {
    double *whole = calloc(n, sizeof *whole);
    const char *from = c->kind == FILTER_FOURIER ? "filters/5lag" : c->group;
    uint32_t length = n - c->cut_pre - c->cut_post;
    double *part = member(f, from, "signal_model", length);
    assert_non_null(whole);
    memcpy(whole + c->cut_pre, part, length * sizeof *part);
    free(part);
    return whole;
}

static void check_values(const struct filter_case *c, hid_t f, const struct ljh *l, const struct filter_design *d) {
    uint32_t n = l->store.n_records, kept = 0, peak = (uint32_t)golden_attribute(f, "/", "peak_samplenumber");
    double *good = golden_array(f, "auto_cuts/good", n), *height = member(f, c->group, "filt_value_float64", n);
    double *phase = member(f, c->group, "filt_phase_float64", n), *got = malloc(2 * n * sizeof *got);
    assert_non_null(got);
    for (uint32_t i = 0; i < n; i++) {
        struct pulse_record r = ljh_record(l, i);
        bool later = c->shift1 && !pulse_summary_of(&r, peak).shift1;
        struct filter_value v = filter_design_apply(d, r.samples + later);
        if (!(good[i] > 0))
            continue;
        got[kept] = v.height;
        got[n + kept] = v.phase;
        height[kept] = height[i];
        phase[kept++] = phase[i];
    }
    assert_near("filt_value", got, height, kept, 0, 1e-6);
    assert_near("filt_phase", got + n, phase, kept, 1, 1e-5);
    free(good);
    free(height);
    free(phase);
    free(got);
}

static void check_design(const struct filter_case *c, hid_t f, const struct ljh *l) {
    uint32_t whole = l->store.n_samples, n = whole - c->shift1, weights = n - (c->kind == FILTER_ATS ? 0 : 4);
    double *template_pulse = template_of(f, c, n), *covariance = golden_array(f, "used_by_filters/noise_autocorr", whole);
    double *density = golden_array(f, "used_by_filters/noise_psd", whole / 2 + 1), *slope = c->slope ? member(f, c->group, "dt_model", n) : NULL;
    struct filter_request r = { .kind = c->kind, .n_samples = n, .template_pulse = template_pulse, .covariance = covariance, .density = density,
                                .slope = slope, .estimator = NOISE_LONG_CHUNK, .cut_pre = c->cut_pre, .cut_post = c->cut_post, .plain = true,
                                .half_power = c->smooth ? 1e4 * l->header.sample_period_s : 0 };
    struct filter_design d;
    char text[96];
    r.peak_counts = golden_attribute(f, c->group, "nominal_peak");
    assert_int_equal(filter_design_make(&r, &d), STATUS_OK);
    filter_design_text(&d, text, sizeof text);
    print_message(" %s: %s\n", c->group, text);
    assert_int_equal(d.n_weights, weights);
    double *want = member(f, c->group, "values", weights);
    assert_near("values", d.weights, want, weights, largest(want, weights), 1e-6);
    if (c->kind == FILTER_ATS) {
        double *dt = member(f, c->group, "dt_values", weights), *level = member(f, c->group, "const_values", weights);
        assert_near("dt_values", d.weights + weights, dt, weights, largest(dt, weights), 1e-6);
        assert_near("const_values", d.weights + 2 * weights, level, weights, largest(level, weights), 1e-6);
        free(dt);
        free(level);
    }
    double variance = golden_attribute(f, c->group, "variance"), promised = golden_attribute(f, c->group, "predicted_v_over_dv");
    assert_near("variance", &d.variance, &variance, 1, 0, 1e-6);
    assert_near("predicted_v_over_dv", &d.resolving_power, &promised, 1, 0, 1e-6);
    check_values(c, f, l, &d);
    free(want);
    free(template_pulse);
    free(covariance);
    free(density);
    free(slope);
    filter_design_done(&d);
}

static void test_mass(void **state) {
    (void)state;
    for (size_t i = 0; i < N_DATA_SETS; i++) {
        struct ljh l;
        ljh_load(data_sets[i].pulses, &l);
        hid_t f = golden_open(data_sets[i].golden);
        print_message("%s\n", data_sets[i].golden);
        for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++)
            check_design(&cases[c], f, &l);
        H5Fclose(f);
        ljh_drop(&l);
    }
}

/* mass2: 1-lag, 5-lag and 5-lag blind to an exponential, each with two estimators of the covariance. */
static void check_mass2(hid_t mass, hid_t mass2, const struct ljh *l, bool biased, int filter) {
    static const char *const names[3] = { "1lag", "5lag", "5lag_noexp" };
    uint32_t n = l->store.n_samples, records = l->store.n_records, weights = filter == 0 ? n : n - 4;
    char group[64];
    snprintf(group, sizeof group, "%s/%s", biased ? "biased" : "unbiased", names[filter]);
    double *template_pulse = golden_array(mass, "filters/5lag/signal_model", n), *good = golden_array(mass, "auto_cuts/good", records);
    double *covariance = golden_array(mass, biased ? "noise/autocorr_biased_mass2_definition" : "noise/autocorr_continuous", n);
    struct filter_request r = { .kind = filter == 0 ? FILTER_ONE_LAG : FILTER_FIVE_LAG, .n_samples = n, .template_pulse = template_pulse,
                                .covariance = covariance, .estimator = biased ? NOISE_BIASED : NOISE_LONG_CHUNK };
    struct filter_design d;
    r.peak_counts = golden_attribute(mass2, group, "nominal_peak");
    r.tail_samples = filter == 2 ? golden_attribute(mass2, "/", "exp_time_seconds") / l->header.sample_period_s : 0;
    assert_int_equal(filter_design_make(&r, &d), STATUS_OK);
    print_message(" %s\n", group);
    double *want = member(mass2, group, "values", weights), *height = member(mass2, group, "filt_value", records);
    double *phase = filter > 0 ? member(mass2, group, "filt_phase", records) : NULL, *got = malloc(2 * records * sizeof *got);
    double promised = golden_attribute(mass2, group, "predicted_v_over_dv");
    uint32_t kept = 0;
    assert_near("values", d.weights, want, weights, largest(want, weights), 1e-6);
    assert_near("predicted_v_over_dv", &d.resolving_power, &promised, 1, 0, 1e-6);
    for (uint32_t i = 0; i < records; i++) {
        struct filter_value v = filter_design_apply(&d, ljh_record(l, i).samples);
        if (!(good[i] > 0))
            continue;
        got[kept] = v.height;
        got[records + kept] = v.phase;
        height[kept] = height[i];
        if (phase)
            phase[kept] = phase[i];
        kept++;
    }
    assert_near("filt_value", got, height, kept, 0, 1e-6);
    if (phase)
        assert_near("filt_phase", got + records, phase, kept, 1, 1e-5);
    free(template_pulse);
    free(good);
    free(covariance);
    free(want);
    free(height);
    free(phase);
    free(got);
    filter_design_done(&d);
}

static void test_mass2(void **state) {
    (void)state;
    static const char *const files[N_DATA_SETS] = { "real/bessy_4219/golden_mass2.h5", "real/regress_c1/golden_mass2.h5" };
    for (size_t i = 0; i < N_DATA_SETS; i++) {
        struct ljh l;
        ljh_load(data_sets[i].pulses, &l);
        hid_t mass = golden_open(data_sets[i].golden), mass2 = golden_open(files[i]);
        print_message("%s\n", files[i]);
        for (int k = 0; k < 6; k++)
            check_mass2(mass, mass2, &l, k % 2, k / 2);
        H5Fclose(mass);
        H5Fclose(mass2);
        ljh_drop(&l);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_mass), cmocka_unit_test(test_mass2) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
