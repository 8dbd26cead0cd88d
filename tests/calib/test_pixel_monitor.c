#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "calib/monitor_alarm.h"
#include "calib/photon_block.h"
#include "calib/pixel_monitor.h"
#include "pulse/cut.h"
#include "tests/calib/draw.h"
#include "tests/calib/watched.h"

enum { PIXELS = 8, MOST = 40000, JUMPED = 2, DRIFTED = 5, LOST = 6 };
static const double mono[2] = {1000, 780}, rate_Hz = 6;
static const struct monitor_settings settings = {.line_eV = 524.45, .line_above_eV = 545, .line_reach_eV = 6, .elastic_reach_eV = 4};

struct watch {
    struct scan_timeline *t;
    struct monitor_plan *plan;
    uint8_t free_slots[2 * WATCHED_POINTS];
    struct monitor_value values[N_MONITORS][PIXELS * 64];
};

/* One photon in three is of the O line, one in ten elastic, the rest even. A jumped pixel gains 3 eV from 1500 s on, a drifting one's
 * baseline 60 counts, a lost one sees a tenth of the photons then; the scans' oxide has the line 0.6 eV higher for all. */
static void watch_pixel(struct watch *w, int pixel, struct seeded *r) {
    struct pixel_monitor *m;
    struct scan_place place = {0};
    void *room = malloc(pixel_monitor_room(MOST));
    size_t n = 0;
    assert_non_null(room);
    assert_int_equal(pixel_monitor_new(w->plan, &settings, room, MOST, &m), STATUS_OK);
    for (double s = 0; s < 3400; s -= log(1 - draw_uniform(r)) / rate_Hz) {
        bool late = s > 1500, scan = s > 1100 && s < 2400;
        int64_t time_ns = watched_start + (int64_t)(s * 1e9);
        double u = draw_uniform(r), shift = pixel == JUMPED && late ? 3 : 0, incident = mono[0];
        if (pixel == LOST && late && draw_uniform(r) < 0.9)
            continue;
        place = scan_timeline_place(w->t, time_ns);
        if (scan)
            incident = place.point >= 0 ? scan_timeline_at(w->t, (size_t)place.index)->points[place.point].incident_eV : (double)NAN;
        double energy = u < 0.33 ? settings.line_eV + (scan ? 0.6 : 0) + 2.3 * draw_normal(r) : u < 0.43 && isfinite(incident) ? incident - 0.5 + 1.2 * draw_normal(r) : 250 + 700 * draw_uniform(r);
        const float pretrigger_mean = (float)(5000 + 10 * pixel + (pixel == DRIFTED && late ? 60 : 0) + 5 * draw_normal(r)), residual = (float)(10 + 0.5 * draw_normal(r));
        const float energy_eV = (float)(energy + shift), incident_eV = scan ? (float)incident : NAN;
        const uint32_t cuts = 0;
        const uint8_t flags = TRUST_INSIDE;
        const struct monitor_run record = {.n = 1, .pretrigger_mean = &pretrigger_mean, .residual = &residual, .energy_eV = &energy_eV, .incident_eV = &incident_eV, .point = &place.point,
                                           .cuts = &cuts, .flags = &flags};
        struct time_span window;
        if (!pixel_monitor_move(m, time_ns, &window))
            continue;
        assert_true(n++ < MOST);
        pixel_monitor_add(m, &record);
        pixel_monitor_add_lines(m, &record, s > 1705 ? WATCHED_POINTS : 0);
    }
    pixel_monitor_end(m);
    free(room);
    assert_int_equal(pixel_monitor_finish(m, w->free_slots), STATUS_OK);
    for (int k = 0; k < N_MONITORS; k++)
        memcpy(w->values[k] + (size_t)pixel * w->plan->n, pixel_monitor_values(m, (enum monitor_kind)k), w->plan->n * sizeof(struct monitor_value));
    pixel_monitor_free(m);
}

static struct watch watch_all(void) {
    struct watch w = {.t = watched_timeline()};
    struct seeded r = draw_start("pixel_monitor", 71);
    assert_int_equal(monitor_plan_new(w.t, watched_start, watched_start + 3400 * watched_second, 300, &w.plan), STATUS_OK);
    memset(w.free_slots, 1, WATCHED_POINTS);   /* of the first scan alone */
    for (int i = 0; i < PIXELS; i++)
        watch_pixel(&w, i, &r);
    return w;
}

static void watch_done(struct watch *w) {
    monitor_plan_free(w->plan);
    scan_timeline_free(w->t);
}

static void values_are_those_put_in(void **state) {
    (void)state;
    struct watch w = watch_all();
    double pull = 0, pulls = 0;
    for (uint32_t i = 0; i < w.plan->n; i++) {
        const struct monitor_window *win = &w.plan->windows[i];
        struct monitor_value line = w.values[MONITOR_LINE][i], elastic = w.values[MONITOR_ELASTIC][i], base = w.values[MONITOR_PRETRIGGER_MEAN][i];
        double length_s = (double)(win->end_ns - win->start_ns) * 1e-9;
        assert_true(fabs((double)base.value - 5000) < 1.5 && fabs((double)w.values[MONITOR_RESIDUAL][i].value - 10) < 0.15);
        assert_true(fabs((double)w.values[MONITOR_RATE][i].value - rate_Hz) < 5 * sqrt(rate_Hz / length_s));
        if (win->key == 0) {
            assert_true(isnan(line.value) && isnan(elastic.value));   /* nobody knows what was incident */
            continue;
        }
        double z = ((double)line.value - settings.line_eV - (win->key == 2 ? 0.6 : 0)) / (double)line.sigma;
        pull += z * z;
        pulls++;
        bool free = win->key == 1 || win->start_ns < watched_start + 1650 * watched_second;
        assert_true(free == (bool)isfinite(elastic.value));
        assert_true(!free || fabs((double)elastic.value + 0.5) < 5 * (double)elastic.sigma);
    }
    printf("rms pull of the line's centre %.2f in %.0f windows\n", sqrt(pull / pulls), pulls);
    assert_true(sqrt(pull / pulls) < 2.2);
    watch_done(&w);
}

static void the_moved_pixels_are_alarmed_and_no_others(void **state) {
    (void)state;
    struct watch w = watch_all();
    double scratch[PIXELS], median[64], slope[PIXELS];
    uint8_t alarm[PIXELS * 64];
    for (int i = 0; i < PIXELS; i++)
        slope[i] = -5e-5;
    const struct monitor_alarm_settings s = {.alarm_eV = 1, .line_eV = settings.line_eV, .slope = slope};
    const int expected[N_MONITORS] = {[MONITOR_PRETRIGGER_MEAN] = DRIFTED, [MONITOR_RESIDUAL] = -1, [MONITOR_RATE] = LOST, [MONITOR_LINE] = JUMPED, [MONITOR_ELASTIC] = JUMPED};
    for (int k = 0; k < N_MONITORS; k++) {
        uint32_t n = monitor_alarm_find(w.plan, (enum monitor_kind)k, &s, w.values[k], PIXELS, scratch, alarm, median);
        printf("%s: %u alarmed\n", monitor_names[k], n);
        assert_int_equal(n, expected[k] >= 0);
        for (uint32_t i = 0; i < PIXELS * w.plan->n; i++)
            if (alarm[i]) {
                assert_int_equal(i / w.plan->n, expected[k]);
                assert_true(w.plan->windows[i % w.plan->n].end_ns > watched_start + 1500 * watched_second);
            }
    }
    watch_done(&w);
}

/* ---- runs ---- */

enum { RECORDS = 3000, SAMPLES = 512, WATCHED_S = 3400 };

struct records {
    size_t n;
    int64_t time_ns[RECORDS];
    float pretrigger_mean[RECORDS], residual[RECORDS], energy_eV[RECORDS], incident_eV[RECORDS];
    int32_t point[RECORDS];
    uint32_t cuts[RECORDS];
    uint8_t flags[RECORDS];
};

/* Some are cut, some no pulses at all, some without a residual; spoilt: how many in a thousand. */
static void draw_records(struct records *rec, struct seeded *r, double spoilt) {
    rec->n = 1 + (size_t)(draw_uniform(r) * (RECORDS - 1));
    for (size_t i = 0; i < rec->n; i++) {
        double u = draw_uniform(r) * 1000;
        rec->time_ns[i] = watched_start + (int64_t)(WATCHED_S * (double)i / (double)rec->n * 1e9);
        rec->pretrigger_mean[i] = (float)(5000 + 5 * draw_normal(r));
        rec->residual[i] = u < spoilt ? NAN : (float)(10 + draw_normal(r));
        rec->energy_eV[i] = (float)(u > 600 ? settings.line_eV + 2 * draw_normal(r) : u > 400 ? mono[0] + draw_normal(r) : 250 + 700 * draw_uniform(r));
        rec->point[i] = (int32_t)(draw_uniform(r) * (WATCHED_POINTS + 1)) - 1;   /* of the first scan alone */
        rec->incident_eV[i] = rec->point[i] < 0 ? NAN : (float)(mono[0] + (rec->point[i] % 2 ? 0.25 : 5));
        u = draw_uniform(r) * 1000;
        rec->cuts[i] = u < spoilt ? CUT_BIT(CUT_SHORT) : u < 2 * spoilt ? CUT_BIT(CUT_SECONDARY) : u < 3 * spoilt ? CUT_BIT(CUT_PRETRIGGER) : 0;
        rec->flags[i] = draw_uniform(r) * 1000 < spoilt ? TRUST_BEYOND : TRUST_NEAR;
    }
}

static struct monitor_run run_of(const struct records *rec, size_t first, size_t n) {
    return (struct monitor_run){.n = n, .pretrigger_mean = rec->pretrigger_mean + first, .residual = rec->residual + first, .energy_eV = rec->energy_eV + first, .incident_eV = rec->incident_eV + first, .point = rec->point + first,
                                .cuts = rec->cuts + first, .flags = rec->flags + first};
}

/* Runs as long as windows allow, or at most so long. */
static void watch_records(const struct monitor_plan *plan, const struct records *rec, size_t longest, const uint8_t *free_slots, struct monitor_value *out) {
    struct pixel_monitor *m;
    void *room = malloc(pixel_monitor_room(rec->n));
    assert_non_null(room);
    assert_int_equal(pixel_monitor_new(plan, &settings, room, rec->n, &m), STATUS_OK);
    for (size_t i = 0, n; i < rec->n; i += n) {
        struct time_span window;
        n = 1;
        if (!monitor_watches(rec->cuts[i]) || !pixel_monitor_move(m, rec->time_ns[i], &window))
            continue;
        while (n < longest && i + n < rec->n && rec->time_ns[i + n] < window.end_ns)
            n++;
        struct monitor_run run = run_of(rec, i, n);
        pixel_monitor_add(m, &run);
        pixel_monitor_add_lines(m, &run, 0);
    }
    pixel_monitor_end(m);
    free(room);
    assert_int_equal(pixel_monitor_finish(m, free_slots), STATUS_OK);
    for (int k = 0; k < N_MONITORS; k++)
        memcpy(out + (size_t)k * plan->n, pixel_monitor_values(m, (enum monitor_kind)k), plan->n * sizeof *out);
    pixel_monitor_free(m);
}

static int ascending(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* Of every stride-th residual that is known, the stride as small as the room allows. */
static double median_residual(const struct records *rec, const struct monitor_window *w) {
    float known[RECORDS], taken[SAMPLES];
    size_t n = 0, stride = 1, k = 0;
    for (size_t i = 0; i < rec->n; i++)
        if (rec->time_ns[i] >= w->start_ns && rec->time_ns[i] < w->end_ns && monitor_watches(rec->cuts[i]) && isfinite(rec->residual[i]))
            known[n++] = rec->residual[i];
    while ((n + stride - 1) / stride > SAMPLES)
        stride *= 2;
    for (size_t i = 0; i < n; i += stride)
        taken[k++] = known[i];
    qsort(taken, k, sizeof *taken, ascending);
    return k ? ((double)taken[(k - 1) / 2] + (double)taken[k / 2]) / 2 : (double)NAN;
}

static void runs_change_no_value(void **state) {
    (void)state;
    static struct records rec;
    struct seeded r = draw_start("pixel_monitor runs", 72);
    struct scan_timeline *t = watched_timeline();
    for (int round = 0; round < 60; round++) {
        struct monitor_plan *plan;
        struct monitor_value want[N_MONITORS * 128], got[N_MONITORS * 128];
        const uint8_t free_slots[2 * WATCHED_POINTS] = {0, 1, 1, 1};
        draw_records(&rec, &r, round % 3 ? 30 * draw_uniform(&r) : 0);
        assert_int_equal(monitor_plan_new(t, watched_start, watched_start + WATCHED_S * watched_second, round % 2 ? 3000 : 60, &plan), STATUS_OK);
        assert_true(plan->n <= 128);
        watch_records(plan, &rec, 1, free_slots, want);
        watch_records(plan, &rec, round % 4 ? SIZE_MAX : 50, free_slots, got);
        assert_memory_equal(got, want, N_MONITORS * plan->n * sizeof *got);
        for (uint32_t k = 0; k < plan->n; k++) {
            double median = median_residual(&rec, &plan->windows[k]), value = (double)want[(size_t)MONITOR_RESIDUAL * plan->n + k].value;
            assert_true(isnan(median) ? isnan(value) : fabs(value - median) < 1e-5);
        }
        monitor_plan_free(plan);
    }
    scan_timeline_free(t);
}

static double curves_to_doubt(const void *context, enum monitor_kind kind, uint32_t pixel, uint32_t then, uint32_t now) {
    assert_true((kind == MONITOR_LINE || kind == MONITOR_ELASTIC) && then < now && pixel < PIXELS);
    return *(const double *)context;
}

/* 3 eV are an alarm, unless another calibration holds now whose curve is known to 1 eV only there. */
static void a_change_within_the_curves_errors_is_none(void **state) {
    (void)state;
    struct watch w = watch_all();
    double scratch[PIXELS], median[64], slope[PIXELS] = {0};
    uint8_t alarm[PIXELS * 64];
    for (int doubtful = 0; doubtful < 2; doubtful++) {
        const double sigma_eV = doubtful ? 1 : 0.1;
        const struct monitor_alarm_settings s = {.alarm_eV = 1, .line_eV = settings.line_eV, .slope = slope, .curve_sigma = curves_to_doubt, .context = &sigma_eV};
        for (int k = MONITOR_LINE; k <= MONITOR_ELASTIC; k++)
            assert_int_equal(monitor_alarm_find(w.plan, (enum monitor_kind)k, &s, w.values[k], PIXELS, scratch, alarm, median), !doubtful);
    }
    watch_done(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(runs_change_no_value), cmocka_unit_test(a_change_within_the_curves_errors_is_none), cmocka_unit_test(values_are_those_put_in), cmocka_unit_test(the_moved_pixels_are_alarmed_and_no_others)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
