/* Records with a second pulse behind their own: which are kept, and are their heights right? Ours judges by what the pulse's shape leaves, a search for
 * second pulses and a filter cut to the gap (pixel_model.h); the peer by its automatic cuts, limits on the pretrigger's deviation and on the steepest
 * rise behind the peak, both from the noise run, and on peak and rise time (doc/methods.md, Cuts and pile-up). The filter is the same, truth is the simulation's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pulse/pulse_summary.h"
#include "pulse/robust.h"
#include "tests/pulse/pulse_scene.h"

enum { PIXELS = 2, NOISE = 200, CLEAN = 400, EACH = 60 };
#define KEV 0.7
static const double gaps[] = { 4, 8, 12, 18, 25, 35, 50, 80, 120, 200, 280, 340 };   /* samples */

struct rules { double pretrigger_rms, derivative, peak_time_s, rise_time_s; uint32_t peak; };   /* the peer's: open limits */

static struct rules rules_learn(const struct pixel_sim *p) {
    double rms[NOISE], rise[NOISE];
    unsigned votes[N] = { 0 };
    struct rules r = { .peak = 0 };
    struct scene quiet = scene_new(p, NOISE, 1e-9, 0, 0, 31), pulses = scene_new(p, NOISE, KEV, 0.6, 0, 32);
    for (size_t i = 0; i < NOISE; i++) {
        struct pulse_record record = scene_record(&quiet, i);
        double mean = 0, squares = 0;
        for (uint32_t k = 0; k < P; k++)
            mean += (double)record.samples[k] / P;
        for (uint32_t k = 0; k < P; k++)
            squares += pow((double)record.samples[k] - mean, 2) / P;
        rms[i] = sqrt(squares);
        rise[i] = (double)pulse_summary_of(&record, 0).postpeak_derivative;
        record = scene_record(&pulses, i);
        votes[pulse_summary_of(&record, P).peak_index]++;
    }
    for (uint32_t k = 1; k < N; k++)
        r.peak = votes[k] > votes[r.peak] ? k : r.peak;
    struct robust_centre a = robust_centre(rms, NOISE), b = robust_centre(rise, NOISE);
    r.pretrigger_rms = a.median + 8 * a.sigma;
    r.derivative = b.median + 8 * b.sigma;
    r.peak_time_s = 1.25 * (r.peak + 3 - P) * 6.4e-6;
    r.rise_time_s = 1.10 * (r.peak + 3 - P) * 6.4e-6;
    scene_done(&quiet);
    scene_done(&pulses);
    return r;
}

static bool kept_by_peer(const struct rules *r, const struct pulse_record *record) {
    struct pulse_summary s = pulse_summary_of(record, r->peak);
    double peak_time = ((double)s.peak_index - P) * 6.4e-6, rise = (double)s.rise_time_s;
    return (double)s.pretrigger_rms < r->pretrigger_rms && (double)s.postpeak_derivative < r->derivative && peak_time > 0 && peak_time < r->peak_time_s && rise > 0 && rise < r->rise_time_s;
}

struct tally { unsigned records, kept, wrong; };

/* Records at one gap (0: none): how many each keeps, and how many of those are off by more than 4 sigma and 0.3 eV. */
static void count(const struct pixel_model *m, const struct rules *r, const struct pixel_sim *p, double height, double gap, size_t n, struct tally *ours, struct tally *peer) {
    struct scene s = scene_new(p, n, KEV, 0, gap, 40 + (uint64_t)gap);
    double per_eV = height / (1000 * KEV);
    for (size_t i = 0; i < n; i++) {
        struct pulse_record record = scene_record(&s, i);
        struct measured_pulse plain, own;
        pixel_model_measure(m, &record, &plain);
        pixel_model_measure_crowded(m, &record, &own);
        double sigma = m->noise_sigma * (own.noise_factor > 0 ? (double)own.noise_factor : 1);
        ours->records++, peer->records++;
        if (own.cuts == 0) {
            ours->kept++;
            ours->wrong += fabs((double)own.height - height) > 4 * sigma + 0.3 * per_eV;
        }
        if (kept_by_peer(r, &record)) {
            peer->kept++;
            peer->wrong += fabs((double)plain.height - height) > 4 * m->noise_sigma + 0.3 * per_eV;
        }
    }
    scene_done(&s);
}

static double clean_height(const struct pixel_model *m, const struct pixel_sim *p) {
    double h[NOISE];
    struct scene s = scene_new(p, NOISE, KEV, 0, 0, 33);
    for (size_t i = 0; i < NOISE; i++) {
        struct pulse_record record = scene_record(&s, i);
        struct measured_pulse x;
        pixel_model_measure(m, &record, &x);
        h[i] = (double)x.height;
    }
    scene_done(&s);
    return robust_centre(h, NOISE).median;
}

static void test_second_pulses(void **state) {
    (void)state;
    struct tally clean[2] = { { 0 } }, piled[2] = { { 0 } };
    printf("TESD_SEED=%llu\n", (unsigned long long)test_seed());
    for (uint32_t i = 0; i < PIXELS; i++) {
        struct pixel_sim p = drawn_pixel(i, PIXEL_GOOD);
        struct pixel_model *m = scene_learn(&p);
        struct rules r = rules_learn(&p);
        double height = clean_height(m, &p);
        count(m, &r, &p, height, 0, CLEAN, &clean[0], &clean[1]);
        for (size_t g = 0; g < sizeof gaps / sizeof gaps[0]; g++) {
            struct tally one[2] = { { 0 } };
            count(m, &r, &p, height, gaps[g], EACH, &one[0], &one[1]);
            print_message("pixel %u, second pulse %3.0f samples behind: ours keeps %u, wrong %u; peer keeps %u, wrong %u, of %d\n", i, gaps[g], one[0].kept, one[0].wrong, one[1].kept,
                          one[1].wrong, EACH);
            for (int k = 0; k < 2; k++)
                piled[k].records += one[k].records, piled[k].kept += one[k].kept, piled[k].wrong += one[k].wrong;
        }
        pixel_model_free(m);
    }
    for (int k = 0; k < 2; k++)
        print_message("%s: %u of %u clean records lost, %u wrong; of %u with a second pulse %u right, %u wrong\n", k ? "peer" : "ours", clean[k].records - clean[k].kept, clean[k].records,
                      clean[k].wrong, piled[k].records, piled[k].kept - piled[k].wrong, piled[k].wrong);
    assert_true(clean[0].wrong == 0 && clean[0].records - clean[0].kept <= clean[0].records / 100);
    assert_true(piled[0].wrong <= piled[0].records / 100 && piled[1].wrong > piled[1].records / 20);
    assert_true(piled[0].kept - piled[0].wrong > piled[0].records / 3 && piled[0].kept - piled[0].wrong > 10 * (piled[1].kept - piled[1].wrong));
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_second_pulses) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
