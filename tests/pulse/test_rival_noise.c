/* Where the noise model differs on purpose from the peer's, truth decides: the covariance is known exactly, so a filter's real
 * width and what it promised are known without a single pulse. The peer's rules are the test's own few lines, or the estimators kept for comparison. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pulse/filter_design.h"
#include "pulse/linear.h"
#include "pulse/noise_model.h"
#include "pulse/optimal_filter.h"
#include "tests/pulse/synthetic.h"

enum { N = 128, P = 32, RECORDS = 500, TRIALS = 20 };

struct bench { struct noise_plan *plan; double shape[N], exact[N], limit; };   /* limit: variance of the filter that knows the covariance */

static void bench_init(struct bench *b, double gain) {
    double weights[N], peak = 0;
    for (int k = 0; k < N; k++)
        peak = fmax(peak, b->shape[k] = synthetic_shape(k - P));
    for (int k = 0; k < N; k++) {
        b->shape[k] /= peak;
        b->exact[k] = gain * gain * synthetic_covariance((unsigned)k) + (k == 0 ? 1.0 / 12 : 0);
    }
    assert_int_equal(noise_plan_new(N, &b->plan), STATUS_OK);
    assert_int_equal(optimal_filter_design(b->shape, N, b->exact, weights, &b->limit), STATUS_OK);
}

/* A run: gain x the noise of synthetic.h, in every `every`-th record a pulse of `height` counts whose tail reaches the next (0: none), `gap` samples
 * unrecorded between two records. */
struct run { double gain; uint32_t every; double height; uint32_t gap; };

static void run_of(struct synthetic *s, struct run run, struct record_store *store) {
    record_store_init(store, STORE_FIRST, N, P, RECORDS);
    for (uint32_t i = 0; i < RECORDS; i++) {
        uint16_t d[N];
        for (uint32_t k = 0; k < N; k++) {
            double t = run.every ? (double)((i + run.every / 2) % run.every * N + k) - 40 : -1;
            d[k] = (uint16_t)rint(20000 + run.gain * synthetic_noise(s) + run.height * synthetic_shape(t));
        }
        for (uint32_t k = 0; k < run.gap; k++)
            (void)synthetic_noise(s);
        struct pulse_record r = { .samples = d, .n_samples = N, .n_presamples = P, .trigger_frame = (int64_t)i * (N + run.gap) };
        assert_int_equal(record_store_add(store, &r), STATUS_OK);
    }
}

/* What a filter made with a covariance is worth: its real width over the limit, and its promise over its real width. solved: the covariance was
 * positive definite; kept: records that it was made of. */
struct worth { double width, promise; bool solved; uint32_t kept; };

static struct worth worth_of(const struct bench *b, const struct record_store *noise, const bool *good, enum noise_estimator estimator) {
    struct worth w = { .width = NAN, .promise = NAN };
    double covariance[N], weights[N], variance, one[N] = { 1 }, x[N];
    for (uint32_t i = 0; i < noise->n_records; i++)
        w.kept += good[i];
    if (noise_model_covariance(b->plan, noise, good, estimator, covariance) != STATUS_OK)
        return w;
    w.solved = linear_toeplitz(covariance, N, one, 1, x) == STATUS_OK;
    if (optimal_filter_design(b->shape, N, covariance, weights, &variance) != STATUS_OK)
        return w;
    double real = linear_toeplitz_form(b->exact, weights, N - 4);
    w.width = sqrt(real / b->limit);
    w.promise = sqrt(variance / real);
    return w;
}

static struct worth mean_of(const struct worth *w) {
    struct worth m = { .solved = true };
    for (int t = 0; t < TRIALS; t++) {
        m.width += w[t].width / TRIALS;
        m.promise += w[t].promise / TRIALS;
        m.solved = m.solved && w[t].solved;
        m.kept += w[t].kept;
    }
    m.kept /= TRIALS;
    return m;
}

/* Mean of a - b, and how sure it is: on the same runs. */
struct difference { double mean, error; };

static struct difference wider_by(const struct worth *a, const struct worth *b) {
    struct difference d = { 0, 0 };
    double squares = 0;
    for (int t = 0; t < TRIALS; t++) {
        d.mean += (a[t].width - b[t].width) / TRIALS;
        squares += pow(a[t].width - b[t].width, 2);
    }
    d.error = sqrt((squares / TRIALS - d.mean * d.mean) / (TRIALS - 1));
    return d;
}

/* Estimators of the field on the same clean runs. Ours makes the narrowest filter and keeps its promise whether records touch or not; the peer's
 * default glues them in either case, and its other one is not positive definite. */
static void estimators(uint32_t gap, struct worth mean[N_NOISE_ESTIMATORS], struct difference wider[N_NOISE_ESTIMATORS]) {
    struct synthetic s = synthetic_seed(91);
    struct bench b;
    struct worth w[N_NOISE_ESTIMATORS][TRIALS];
    bool good[RECORDS];
    bench_init(&b, 1);
    memset(good, true, sizeof good);
    for (int t = 0; t < TRIALS; t++) {
        struct record_store store;
        run_of(&s, (struct run){ .gain = 1, .gap = gap }, &store);
        for (int e = 0; e < N_NOISE_ESTIMATORS; e++)
            w[e][t] = worth_of(&b, &store, good, (enum noise_estimator)e);
        record_store_done(&store);
    }
    for (int e = 0; e < N_NOISE_ESTIMATORS; e++) {
        mean[e] = mean_of(w[e]);
        wider[e] = wider_by(w[e], w[NOISE_STREAM]);
        print_message("gap %3u, %-10s width / limit %.4f, wider than ours by %.4f(%.4f), promise / width %.4f, positive definite in %s\n", gap, noise_estimator_names[e],
                      mean[e].width, wider[e].mean, wider[e].error, mean[e].promise, mean[e].solved ? "all" : "not all");
    }
    noise_plan_free(b.plan);
}

static void test_estimators(void **state) {
    (void)state;
    for (uint32_t gap = 0; gap < 200; gap += 150) {
        struct worth mean[N_NOISE_ESTIMATORS];
        struct difference wider[N_NOISE_ESTIMATORS];
        estimators(gap, mean, wider);
        const struct worth *ours = &mean[NOISE_STREAM];
        for (int e = NOISE_UNBIASED; e <= NOISE_BIASED; e++)
            assert_true(wider[e].mean > 2 * wider[e].error);
        assert_true(wider[NOISE_LONG_CHUNK].mean > -1e-4 && (gap == 0 || fabs(mean[NOISE_LONG_CHUNK].promise - 1) > 0.03));
        assert_true(fabs(ours->promise - 1) < 0.01 && fabs(mean[NOISE_UNBIASED].promise - 1) > 0.015);
        assert_true((gap || ours->solved) && !mean[NOISE_UNBIASED].solved);
    }
}

/* Records that hold pulses: ours are left out by what the others are like, the peer's by 1000 counts. */
enum { OURS, BY_RECORD, BY_CHUNK, N_RULES };
static const char *const rules[N_RULES] = { "ours", "peer by record", "peer by chunks of 15" };

static void rejection(const char *what, struct run run, struct worth out[N_RULES]) {
    struct synthetic s = synthetic_seed(92);
    struct bench b;
    struct worth w[N_RULES][TRIALS];
    bool good[RECORDS];
    double sd;
    bench_init(&b, run.gain);
    for (int t = 0; t < TRIALS; t++) {
        struct record_store store;
        run_of(&s, run, &store);
        noise_model_select(&store, good, &sd);
        w[OURS][t] = worth_of(&b, &store, good, NOISE_STREAM);
        noise_model_select_excursion(&store, 1000, good);
        w[BY_RECORD][t] = worth_of(&b, &store, good, NOISE_UNBIASED);
        w[BY_CHUNK][t] = worth_of(&b, &store, good, NOISE_LONG_CHUNK);
        record_store_done(&store);
    }
    for (int e = 0; e < N_RULES; e++) {
        out[e] = mean_of(w[e]);
        print_message("%s, %s: %u of %u records kept, width / limit %.4f, promise / width %.3f\n", what, rules[e], out[e].kept, RECORDS, out[e].width, out[e].promise);
    }
    noise_plan_free(b.plan);
}

static void test_rejection(void **state) {
    (void)state;
    struct worth w[N_RULES];
    rejection("noise of 1 count, pulses of 300", (struct run){ .gain = 0.2, .every = 20, .height = 300 }, w);
    assert_true(w[OURS].width < 1.002 && fabs(w[OURS].promise - 1) < 0.03);   /* of the tails one record in 20 keeps a count */
    assert_true(isnan(w[BY_RECORD].width) && w[BY_CHUNK].width > 3 && w[BY_RECORD].kept > 0.98 * RECORDS);
    rejection("noise of 5 counts, pulses of 3000", (struct run){ .gain = 1, .every = 12, .height = 3000 }, w);
    assert_true(w[OURS].width < 1.02 && fabs(w[OURS].promise - 1) < 0.2 && w[OURS].kept > 0.8 * RECORDS);   /* the second record behind a pulse stays */
    assert_true(w[BY_RECORD].width > 1.5 && w[BY_RECORD].promise > 2 && isnan(w[BY_CHUNK].width));
    rejection("noise of 320 counts, no pulse", (struct run){ .gain = 60 }, w);
    assert_true(w[OURS].width < 1.002 && fabs(w[OURS].promise - 1) < 0.02);
    assert_true(isnan(w[BY_RECORD].width) && isnan(w[BY_CHUNK].width));
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_estimators), cmocka_unit_test(test_rejection) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
