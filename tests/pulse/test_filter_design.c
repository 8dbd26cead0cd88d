/* What each filter promises: gain, what it is blind to, noise as promised, and ours against the peer's where we differ. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pulse/filter_design.h"
#include "pulse/linear.h"
#include "tests/pulse/synthetic.h"

enum { N = 250, P = 64, HEIGHT = 5000, LEVEL = 8000 };
#define FALL 40.0   /* of synthetic_shape */

struct fixture { double shape[N], covariance[N], density[N / 2 + 1]; struct filter_request request; struct filter_design d; };

static void set_up(struct fixture *f, struct filter_request request) {
    double peak = 0;
    for (int k = 0; k < N; k++)
        peak = fmax(peak, f->shape[k] = synthetic_shape(k - P));
    for (int k = 0; k < N; k++) {
        f->shape[k] /= peak;
        f->covariance[k] = synthetic_covariance((unsigned)k) + (k == 0 ? 1.0 / 12 : 0);
    }
    for (int i = 0; i <= N / 2; i++) {
        f->density[i] = f->covariance[0];
        for (int j = 1; j < N; j++)
            f->density[i] += 2 * (1 - (double)j / N) * f->covariance[j] * cos(2 * M_PI * i * j / N);
    }
    f->request = request;
    f->request.n_samples = N;
    f->request.template_pulse = f->shape;
    f->request.covariance = f->covariance;
    f->request.density = f->density;
    f->request.peak_counts = HEIGHT * peak;
    assert_int_equal(filter_design_make(&f->request, &f->d), STATUS_OK);
}

/* sd and mean of heights of pulses of one height on a tail of another pulse. */
struct spread { double mean, sd; };
static struct spread heights(struct synthetic *s, const struct fixture *f, double tail, double late, int records) {
    double sum = 0, squares = 0;
    for (int i = 0; i < records; i++) {
        uint16_t d[N];
        for (int k = 0; k < N; k++) {
            double x = LEVEL + synthetic_noise(s) + f->request.peak_counts * synthetic_shape(k - P - late) + tail * exp(-k / FALL);
            d[k] = (uint16_t)rint(x);
        }
        double height = filter_design_apply(&f->d, d).height;
        sum += height / records;
        squares += height * height / records;
    }
    return (struct spread){ sum, sqrt(squares - sum * sum) };
}

static void test_noise_is_as_promised(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(51);
    static const struct filter_request requests[] = {
        { .kind = FILTER_FIVE_LAG },
        { .kind = FILTER_ONE_LAG },
        { .kind = FILTER_ATS },
        { .kind = FILTER_FOURIER },
        { .kind = FILTER_FIVE_LAG, .tail_samples = FALL },
        { .kind = FILTER_ATS, .half_power = 0.1 },
        { .kind = FILTER_FIVE_LAG, .highest = 0.2 },
        { .kind = FILTER_FIVE_LAG, .cut_pre = 20, .cut_post = 30 },
    };
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        struct fixture f;
        char text[96];
        set_up(&f, requests[i]);
        struct spread h = heights(&s, &f, 0, 0, 2000);
        filter_design_text(&f.d, text, sizeof text);
        print_message("%s, tail %.0f smooth %.1f cut %u: mean %.1f, sd / promise %.3f\n", text, requests[i].tail_samples, requests[i].half_power,
                      requests[i].cut_pre, h.mean, h.sd / sqrt(f.d.variance));
        assert_true(fabs(h.mean / (f.request.peak_counts) - 1) < 0.01);
        assert_true(fabs(h.sd / sqrt(f.d.variance) - 1) < 0.08);
        assert_true(fabs(f.d.resolving_power - f.request.peak_counts / (2.354820045 * sqrt(f.d.variance))) < 1e-6 * f.d.resolving_power);
        filter_design_done(&f.d);
    }
}

/* The standard filter is the quietest of those that see no constant; each further demand costs. */
static void test_order_of_variances(void **state) {
    (void)state;
    struct fixture one, ats, tail;
    set_up(&one, (struct filter_request){ .kind = FILTER_ONE_LAG });
    set_up(&ats, (struct filter_request){ .kind = FILTER_ATS });
    set_up(&tail, (struct filter_request){ .kind = FILTER_ONE_LAG, .tail_samples = FALL });
    assert_true(ats.d.variance > one.d.variance && tail.d.variance > one.d.variance);
    filter_design_done(&one.d);
    filter_design_done(&ats.d);
    filter_design_done(&tail.d);
}

/* The Fourier filter takes records for periodic: where a record ends in the pulse's tail its noise is larger than that of five lags. */
static void test_fourier_is_noisier(void **state) {
    (void)state;
    struct fixture f;
    struct filter_design fourier;
    double slow[N], peak = 0;
    set_up(&f, (struct filter_request){ .kind = FILTER_FIVE_LAG });
    filter_design_done(&f.d);
    for (int k = 0; k < N; k++)
        peak = fmax(peak, slow[k] = synthetic_shape(0.4 * (k - P)));
    for (int k = 0; k < N; k++)
        slow[k] /= peak;
    f.request.template_pulse = slow;
    assert_int_equal(filter_design_make(&f.request, &f.d), STATUS_OK);
    f.request.kind = FILTER_FOURIER;
    assert_int_equal(filter_design_make(&f.request, &fourier), STATUS_OK);
    double ours = linear_toeplitz_form(f.covariance, f.d.weights, N - 4), theirs = linear_toeplitz_form(f.covariance, fourier.weights, N - 4);
    print_message("true width, Fourier over five lags: %.4f\n", sqrt(theirs / ours));
    assert_true(sqrt(theirs / ours) > 1.02);
    filter_design_done(&f.d);
    filter_design_done(&fourier);
}

/* However large the tail: the height does not move. The standard filter's does. */
static void test_blind_to_tails(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(52);
    struct fixture blind, standard;
    set_up(&blind, (struct filter_request){ .kind = FILTER_FIVE_LAG, .tail_samples = FALL });
    set_up(&standard, (struct filter_request){ .kind = FILTER_FIVE_LAG });
    for (double tail = -2000; tail <= 3000; tail += 1000) {
        double moved = heights(&s, &blind, tail, 0, 1000).mean - heights(&s, &blind, 0, 0, 1000).mean, sigma = sqrt(blind.d.variance);
        assert_true(fabs(moved) < 0.25 * sigma);   /* means of 1000: 5 sigmas of the difference */
        double seen = heights(&s, &standard, tail, 0, 200).mean - heights(&s, &standard, 0, 0, 200).mean;
        assert_true(tail == 0 || fabs(seen) > 10 * sigma);
    }
    filter_design_done(&blind.d);
    filter_design_done(&standard.d);
}

/* What the middle lag says of exp(-k/decay). */
static double seen_of_decay(const struct filter_design *d, double decay) {
    double sum = 0;
    for (uint32_t k = 0; k < d->n_weights; k++)
        sum += d->weights[k] * exp(-(double)(k + 2) / decay);
    return sum;
}

static void test_blind_to_an_error_of_the_decay(void **state) {
    (void)state;
    struct fixture sure, unsure;
    set_up(&sure, (struct filter_request){ .kind = FILTER_FIVE_LAG, .tail_samples = FALL });
    set_up(&unsure, (struct filter_request){ .kind = FILTER_FIVE_LAG, .tail_samples = FALL, .decay_unsure = true });
    assert_true(fabs(seen_of_decay(&sure.d, FALL)) < 1e-9 && fabs(seen_of_decay(&unsure.d, FALL)) < 1e-9);
    for (double share = 0.98; share < 1.03; share += 0.04) {
        double with = seen_of_decay(&unsure.d, share * FALL), without = seen_of_decay(&sure.d, share * FALL);
        print_message("decay %.2f: seen %.2e, without %.2e\n", share, with, without);
        assert_true(fabs(with) < 0.2 * fabs(without));
    }
    assert_true(unsure.d.variance > sure.d.variance && unsure.d.variance < 1.3 * sure.d.variance);
    filter_design_done(&sure.d);
    filter_design_done(&unsure.d);
}

/* ATS: heights do not follow small shifts, the phase does. */
static void test_arrival_time_safe(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(53);
    struct fixture f;
    set_up(&f, (struct filter_request){ .kind = FILTER_ATS });
    double early = heights(&s, &f, 0, -0.1, 500).mean, late = heights(&s, &f, 0, 0.1, 500).mean;
    assert_true(fabs(late - early) < 0.004 * HEIGHT);
    uint16_t d[N];
    for (int k = 0; k < N; k++)
        d[k] = (uint16_t)rint(LEVEL + f.request.peak_counts * (f.shape[k] + 0.2 * (k > 0 && k + 1 < N ? 0.5 * (f.shape[k + 1] - f.shape[k - 1]) : 0)));
    assert_true(fabs(filter_design_apply(&f.d, d).phase - 0.2) < 1e-3);
    filter_design_done(&f.d);
}

/* Where we differ from the peer on purpose: smoothing changes the gain of an ATS filter; theirs stays so, and promises too much.
 * Truth decides: pulses of a known height, and their measured width. */
static void test_smoothed_ats_against_truth(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(54);
    struct fixture ours, theirs;
    set_up(&ours, (struct filter_request){ .kind = FILTER_ATS, .half_power = 0.05 });
    set_up(&theirs, (struct filter_request){ .kind = FILTER_ATS, .half_power = 0.05, .plain = true });
    struct spread a = heights(&s, &ours, 0, 0, 3000), b = heights(&s, &theirs, 0, 0, 3000);
    double truth = ours.request.peak_counts, promise = truth / (2.354820045 * theirs.d.resolving_power), width = b.sd * truth / b.mean;
    print_message("height / truth: ours %.4f, peer %.4f; measured width at the true scale / promise: ours %.3f, peer %.3f\n", a.mean / truth,
                  b.mean / truth, a.sd * ours.d.resolving_power * 2.354820045 / truth, width / promise);
    assert_true(fabs(a.mean / truth - 1) < 0.002 && fabs(b.mean / truth - 1) > 0.02);
    assert_true(fabs(a.sd * ours.d.resolving_power * 2.354820045 / truth - 1) < 0.05);
    assert_true(fabs(width / promise - truth / b.mean) < 0.05);
    filter_design_done(&ours.d);
    filter_design_done(&theirs.d);
}

static void test_pulses_that_go_down(void **state) {
    (void)state;
    struct fixture f;
    for (int kind = 0; kind < N_FILTER_KINDS; kind++) {
        uint16_t d[N];
        struct filter_design down;
        set_up(&f, (struct filter_request){ .kind = (enum filter_kind)kind });
        for (int k = 0; k < N; k++)
            d[k] = (uint16_t)rint(40000 - HEIGHT * f.shape[k]);
        for (int k = 0; k < N; k++)
            f.shape[k] = -f.shape[k];
        assert_int_equal(filter_design_make(&f.request, &down), STATUS_OK);
        assert_true(fabs(filter_design_apply(&down, d).height - HEIGHT) < 1 && fabs(down.variance / f.d.variance - 1) < 1e-6);
        filter_design_done(&down);
        filter_design_done(&f.d);
    }
}

static void test_refusals(void **state) {
    (void)state;
    struct fixture f;
    struct filter_design d = { .weights = NULL };
    set_up(&f, (struct filter_request){ .kind = FILTER_FOURIER });
    filter_design_done(&f.d);
    struct filter_request odd = f.request, blind = f.request, no_density = f.request, cut = f.request, flat = f.request, bad = f.request;
    odd.n_samples--;
    blind.tail_samples = FALL;
    no_density.density = NULL;
    cut.kind = FILTER_FIVE_LAG;
    cut.cut_pre = N - 10;
    double zeros[N] = { 0 }, covariance[N] = { 1, 2, 1 };
    flat.template_pulse = zeros;
    bad.kind = FILTER_ATS;
    bad.covariance = covariance;
    const struct filter_request *requests[] = { &odd, &blind, &no_density, &cut, &flat };
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++)
        assert_int_equal(filter_design_make(requests[i], &d), STATUS_BAD_VALUE);
    assert_int_equal(filter_design_make(&bad, &d), STATUS_NOT_POSITIVE);
    flat.kind = FILTER_ATS;
    assert_int_not_equal(filter_design_make(&flat, &d), STATUS_OK);
    assert_null(d.weights);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_noise_is_as_promised), cmocka_unit_test(test_order_of_variances), cmocka_unit_test(test_fourier_is_noisier), cmocka_unit_test(test_blind_to_tails), cmocka_unit_test(test_blind_to_an_error_of_the_decay),
        cmocka_unit_test(test_arrival_time_safe), cmocka_unit_test(test_smoothed_ats_against_truth), cmocka_unit_test(test_pulses_that_go_down),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
