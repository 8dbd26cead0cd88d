/* Rates through grades, live time, sensitivities and errors, at the level of triggers: photons of known rate over a factor-3 step,
 * the acquisition's trigger rules, and the yields that come out (doc/methods.md, Live time). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "calib/scan_live_time.h"
#include "calib/sensitivity.h"
#include "pulse/livetime.h"
#include "tests/dice.h"

enum { N_PIXELS = 24, MAX_SECONDS = 8 };

static const int64_t start_ns = INT64_C(1747000000000000000);

struct experiment {
    enum livetime_trigger trigger;
    double rate_Hz;                 /* mean over points and pixels */
    double period_s, decay_s;
    uint32_t n_samples, n_presamples;
};

static const double peak_samples = 18.5;

/* A photon after `resolved` samples of the rise before it makes a trigger of its own: DASTARD's search resumes one sample after the
 * monotone rise, which resolves nothing below 14 samples and everything beyond 20. */
static double resolved_after(struct dice *d) {
    return 14 + 6 * dice_unit(d);
}

struct trigger { double sample; bool single; bool record; };  /* record false: seen inside another's record only */

/* Triggers of one pixel by the acquisition's rules; times in samples. */
struct acquisition {
    const struct experiment *e;
    double last_rise, record_end, live_from;
    uint32_t n;
    struct trigger waiting;        /* whether it stays single is known when the next photon comes */
    bool has_waiting;
};

/* What a photon at `at` does: true when it completes the trigger before it (in *done) and begins one of its own. */
static bool meet(struct acquisition *a, struct dice *d, double at, struct trigger *done) {
    const struct experiment *e = a->e;
    bool in_rise = at - a->last_rise < resolved_after(d);
    bool edge = e->trigger == LIVETIME_EDGE;
    if (in_rise && a->has_waiting) {
        a->waiting.single = false;
        a->last_rise = at;
        return false;
    }
    double fires = at;
    bool record = true;
    if (edge && at < a->live_from) {
        record = at >= a->live_from - peak_samples;   /* still rising when the trigger is armed again: fires late */
        fires = record ? a->live_from : at;
        if (!record && at >= a->record_end)
            return false;                              /* hidden */
    }
    bool completed = a->has_waiting;
    *done = a->waiting;
    a->waiting = (struct trigger){ floor(fires), true, record };
    a->has_waiting = true;
    a->last_rise = at;
    if (record) {
        a->record_end = floor(fires) + e->n_samples - e->n_presamples;
        a->live_from = floor(fires) + e->n_samples + 1;
    }
    return completed;
}

static int64_t time_of(const struct experiment *e, double sample) {
    return start_ns + llround(sample * e->period_s * 1e9);
}

struct study {
    struct experiment e;
    struct livetime_table table;
    uint32_t n_points;
    struct scan scan;
    struct scan_products *products;
    double eps[N_PIXELS];
    uint32_t *records;              /* pixel x point: all of them, for the estimator that must fail */
};

static double rate_at(const struct study *s, uint32_t point) {
    return s->e.rate_Hz * (point % 2 ? 1.5 : 0.5);
}

static uint32_t point_of(const struct study *s, int64_t time_ns) {
    int64_t k = (time_ns - start_ns) / 1000000000;
    return k < 0 ? 0 : k >= s->n_points ? s->n_points - 1 : (uint32_t)k;
}

static void count_record(struct study *s, uint32_t pixel, struct trigger t, uint8_t grade) {
    uint32_t point = point_of(s, time_of(&s->e, t.sample));
    s->records[pixel * s->n_points + point]++;
    s->products->events[point * N_GRADES + grade]++;
    s->products->high_events[pixel * s->n_points + point] += grade == LIVETIME_HIGH;
    if (!t.single)
        return;
    s->products->yields[1]->counts[point] += grade <= LIVETIME_TAIL;
    if (grade != LIVETIME_HIGH)
        return;
    s->products->high_photons[pixel * s->n_points + point]++;
    s->products->yields[0]->counts[point]++;
}

struct pixel_run { struct study *s; uint32_t pixel; struct livetime_sheet sheet; struct livetime_pixel place; struct trigger waiting; };

static void note(struct pixel_run *r, struct livetime_graded g) {
    if (g.known)
        count_record(r->s, r->pixel, r->waiting, g.grade);
}

static void meet_trigger(struct pixel_run *r, struct trigger t) {
    int64_t at = time_of(&r->s->e, t.sample);
    note(r, t.record ? livetime_pixel_event(&r->place, &r->sheet, at, 0) : livetime_pixel_second(&r->place, &r->sheet, at));
    if (t.record)
        r->waiting = t;
}

static void run_pixel(struct study *s, struct dice *d, uint32_t pixel, const int64_t *starts, const int64_t *ends) {
    struct pixel_run r = { .s = s, .pixel = pixel, .sheet = { .table = &s->table, .n_points = s->n_points, .start_ns = starts, .end_ns = ends } };
    r.sheet.grade_time_ns = s->products->grade_time_ns + (size_t)pixel * s->n_points * N_LIVETIME_COLUMNS;
    struct acquisition a = { .e = &s->e, .last_rise = -INFINITY };
    struct trigger done;
    livetime_sheet_reset(&r.sheet);
    livetime_pixel_up(&r.place, start_ns + s->table.blind_ns);
    double per_point = 1 / s->e.period_s;
    for (uint32_t k = 0; k < s->n_points; k++) {
        double mean = per_point / (s->eps[pixel] * rate_at(s, k)), at = k * per_point;
        while ((at -= mean * log(1 - dice_unit(d))) < (k + 1) * per_point)
            if (meet(&a, d, at, &done))
                meet_trigger(&r, done);
    }
    if (a.has_waiting)
        meet_trigger(&r, a.waiting);
    note(&r, livetime_pixel_down(&r.place, &r.sheet, ends[s->n_points - 1]));
    s->products->window_s[pixel] = 1e-9 * (double)s->table.boxes[0].after_lo_ns;
    s->products->unresolved_s[pixel] = 1e-9 * (double)s->table.unresolved_ns;
    s->products->tail_s[pixel] = 1e-9 * (double)(s->table.boxes[0].before_lo_ns - s->table.boxes[2].before_lo_ns);
}

static struct study study_new(const struct experiment *e, double photons, struct dice *d) {
    static const struct yield_region lines[] = { { "isolated", 0, 1000 }, { "wide", 0, 1000 } };
    static const struct product_settings settings = { .emission = { 0, 1, 1 }, .loss = { 0, 1, 1 }, .n_regions = 2, .regions = lines };
    struct study s = { .e = *e, .n_points = 2 * (uint32_t)(photons / (2 * N_PIXELS * e->rate_Hz)) };
    const struct livetime_settings t = { e->trigger, e->period_s, e->n_samples, e->n_presamples, peak_samples, e->decay_s };
    assert_int_equal(livetime_table_make(&t, &s.table), STATUS_OK);
    uint8_t used[N_PIXELS];
    memset(used, 1, sizeof used);
    for (uint32_t p = 0; p < N_PIXELS; p++)
        s.eps[p] = exp(0.35 * (dice_unit(d) + dice_unit(d) + dice_unit(d) + dice_unit(d) - 2) * sqrt(3));
    s.scan = (struct scan){ .n_points = s.n_points, .points = calloc(s.n_points, sizeof *s.scan.points) };
    for (uint32_t k = 0; k < s.n_points; k++)
        s.scan.points[k] = (struct scan_point){ .start_ns = start_ns + (int64_t)k * 1000000000, .end_ns = start_ns + (int64_t)(k + 1) * 1000000000 };
    assert_int_equal(scan_products_new(&s.scan, N_PIXELS, used, &settings, &s.products), STATUS_OK);
    s.products->yields[0]->grades_used = 1u << LIVETIME_HIGH;
    s.products->yields[1]->grades_used = 1u << LIVETIME_HIGH | 1u << LIVETIME_MID | 1u << LIVETIME_TAIL;
    s.records = calloc((size_t)N_PIXELS * s.n_points, sizeof *s.records);
    return s;
}

static void study_run(struct study *s, struct dice *d) {
    int64_t *starts = calloc(s->n_points, sizeof *starts), *ends = calloc(s->n_points, sizeof *ends);
    for (uint32_t k = 0; k < s->n_points; k++) {
        starts[k] = s->scan.points[k].start_ns;
        ends[k] = s->scan.points[k].end_ns;
    }
    for (uint32_t p = 0; p < N_PIXELS; p++)
        run_pixel(s, d, p, starts, ends);
    free(starts);
    free(ends);
    const struct sensitivity_part part = { s->n_points, s->products->high_photons, s->products->grade_time_ns + LIVETIME_HIGH, N_LIVETIME_COLUMNS, s->products->pixels_used };
    assert_int_equal(sensitivity_fit(&part, 1, N_PIXELS, s->products->sensitivity), STATUS_OK);
    scan_live_time_settle(s->products);
}

static void study_done(struct study *s) {
    scan_products_free(s->products);
    free(s->scan.points);
    free(s->records);
}

struct result { double step, step_sigma, naive_step, dropped_step, pull_sd, pull_sd_sigma, plain_pull_sd, high_share; };

/* What a pixel is live by the record lengths it spent. */
static double naive_live_s(const struct study *s, uint32_t point) {
    double sum = 0, record_s = s->e.n_samples * s->e.period_s;
    for (uint32_t p = 0; p < N_PIXELS; p++)
        sum += 1 - s->records[p * s->n_points + point] * record_s;
    return sum;
}

static struct result judge(const struct study *s, unsigned yield) {
    const struct yield_spectrum *y = s->products->yields[yield];
    double counts[2] = { 0 }, variance[2] = { 0 }, live[2] = { 0 }, naive[2] = { 0 }, dwell[2] = { 0 };
    for (uint32_t k = 0; k < s->n_points; k++) {
        counts[k % 2] += y->counts[k];
        variance[k % 2] += y->counts[k] * (1 + y->crowding[k]);
        live[k % 2] += y->live_time_s[k];
        naive[k % 2] += naive_live_s(s, k);
        dwell[k % 2] += 1;
    }
    double scale = (counts[0] + counts[1]) / (live[0] * 0.5 + live[1] * 1.5), pull = 0, plain = 0, n = 0;
    for (uint32_t k = 0; k < s->n_points; k++)
        if (y->counts[k] >= 10) {
            double expected = scale * (k % 2 ? 1.5 : 0.5) * y->live_time_s[k], off = y->counts[k] - expected;
            pull += off * off / (expected * (1 + y->crowding[k]));
            plain += off * off / expected;
            n++;
        }
    return (struct result){
        .step = counts[1] / live[1] / (counts[0] / live[0]) / 3 - 1,
        .step_sigma = sqrt(variance[0] / (counts[0] * counts[0]) + variance[1] / (counts[1] * counts[1])),
        .naive_step = counts[1] / naive[1] / (counts[0] / naive[0]) / 3 - 1,
        .dropped_step = counts[1] / dwell[1] / (counts[0] / dwell[0]) / 3 - 1,
        .pull_sd = sqrt(pull / n), .pull_sd_sigma = sqrt(0.5 / n), .plain_pull_sd = sqrt(plain / n), .high_share = (live[0] + live[1]) / (dwell[0] + dwell[1]),
    };
}

/* What dropping pile-up alone does to the step of an average pixel: exp(-r W) at 1.5 and 0.5 times the rate, W the two windows of an
 * isolated photon. Hot pixels lose more, so half of it is a safe bound, with room for counting statistics. */
static double dropped_at_least(const struct study *s, const struct result *r) {
    double windows_s = 1e-9 * (double)(s->table.boxes[0].before_lo_ns + s->table.boxes[0].after_lo_ns);
    return -0.5 * expm1(-s->e.rate_Hz * windows_s) - 3 * r->step_sigma;
}

/* dwell - n x record length has a pole where the records of a pixel fill its point, and means nothing near it (sensitivities reach 3). */
static bool naive_means_something(const struct experiment *e) {
    return 3 * 1.5 * e->rate_Hz * e->n_samples * e->period_s < 0.7;
}

/* Of 12 experiments with 3 degrees of freedom one in 5000 runs exceeds this by chance. */
static const double CHI2_MOST = 25;

static void check_experiment(const struct experiment *e, double photons, struct dice *d) {
    struct study s = study_new(e, photons, d);
    study_run(&s, d);
    struct result r = judge(&s, 0), wide = judge(&s, 1);
    struct grade_agreement a = scan_live_time_agreement(s.products);
    printf("%-10s %4u x %.1f us %3.0f/s: step %+.2f +- %.2f %%, dropped %+.1f %%, dwell - n records %+.1f %%, pull sd %.3f (sqrt N alone %.3f), live %.2f; high, mid and tail: step %+.2f +- %.2f %%, pull sd %.3f (sqrt N alone %.3f), live %.2f; chi2 of %u grades %.1f\n",
           e->trigger == LIVETIME_EDGE ? "edge" : "edge-multi", e->n_samples, e->period_s * 1e6, e->rate_Hz, 100 * r.step, 100 * r.step_sigma, 100 * r.dropped_step,
           100 * r.naive_step, r.pull_sd, r.plain_pull_sd, r.high_share, 100 * wide.step, 100 * wide.step_sigma, wide.pull_sd, wide.plain_pull_sd, wide.high_share, a.n_grades, a.chi2);
    assert_true(fabs(r.step) < 0.003 + 3 * r.step_sigma);
    assert_true(fabs(r.pull_sd - 1) < 0.05 + 3 * r.pull_sd_sigma);
    assert_true(fabs(wide.step) < 0.003 + 3 * wide.step_sigma && fabs(wide.pull_sd - 1) < 0.05 + 3 * wide.pull_sd_sigma);
    assert_true(-r.dropped_step >= dropped_at_least(&s, &r));
    if (naive_means_something(e) && e->rate_Hz >= 20)
        assert_true(-r.naive_step >= 0.015 - 3 * r.step_sigma);
    assert_true(a.n_grades == 4 && a.chi2 < CHI2_MOST);
    study_done(&s);
}

static void rates_are_true_over_a_step(void **state) {
    (void)state;
    static const double rates_Hz[] = { 3, 20, 60 };
    struct dice d = dice_new();
    const char *more = getenv("TESD_PHOTONS");
    double photons = more != NULL ? atof(more) : 1e6;
    for (int trigger = 0; trigger < 2; trigger++)
        for (int k = 0; k < 3; k++) {
            struct experiment e = { trigger ? LIVETIME_EDGE : LIVETIME_EDGE_MULTI, rates_Hz[k], 4e-6, 400e-6, 500, 250 };
            check_experiment(&e, photons, &d);
            e.period_s = 6.4e-6;
            e.decay_s = 480e-6;
            e.n_samples = 1024;
            e.n_presamples = 256;
            check_experiment(&e, photons, &d);
        }
}

/* What a running scan does: points as they change, the others untouched. */
static void points_settle_as_the_whole(void **state) {
    (void)state;
    struct dice d = dice_new();
    const struct experiment e = { LIVETIME_EDGE_MULTI, 20, 4e-6, 400e-6, 500, 250 };
    struct study s = study_new(&e, 2e3, &d);
    study_run(&s, &d);
    const size_t n = s.n_points;
    struct yield_spectrum *y = s.products->yields[0];
    double *of[] = { s.products->live_time_s, y->live_time_s, y->crowding };
    for (size_t k = 0; k < sizeof of / sizeof of[0]; k++) {
        double *whole = malloc(n * sizeof *whole);
        memcpy(whole, of[k], n * sizeof *whole);
        assert_true(whole[0] > 0);
        memset(of[k], 0, n * sizeof *whole);
        scan_live_time_settle_points(s.products, 1, 3);
        assert_true(of[k][0] == 0 && of[k][3] == 0);
        scan_live_time_settle_points(s.products, 0, 1);
        scan_live_time_settle_points(s.products, 3, s.n_points);
        assert_memory_equal(of[k], whole, n * sizeof *whole);
        free(whole);
    }
    study_done(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(points_settle_as_the_whole),
        cmocka_unit_test(rates_are_true_over_a_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
