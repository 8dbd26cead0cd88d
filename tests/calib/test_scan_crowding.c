/* Live times and crowding of made-up scans, by their definitions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "calib/scan_live_time.h"
#include "pulse/livetime.h"
#include "tests/calib/draw.h"

enum { PIXELS = 23, POINTS = 37, REGIONS = 20 };   /* more points than are summed at once, and more regions of the same grades */
static const int64_t second_ns = 1000000000;

static struct scan scan;
static struct scan_point points[POINTS];

static struct scan_products *made_products(struct seeded *r) {
    static struct yield_region regions[REGIONS];
    struct product_settings settings = { .emission = { 200, 210, 1 }, .loss = { 0, 10, 1 }, .n_regions = REGIONS, .regions = regions };
    uint8_t used[PIXELS];
    struct scan_products *p;
    for (uint32_t k = 0; k < POINTS; k++)
        points[k] = (struct scan_point){ .start_ns = k * second_ns, .end_ns = (k + 1) * second_ns };
    for (unsigned k = 0; k < REGIONS; k++) {
        snprintf(regions[k].name, sizeof regions[k].name, "r%u", k);
        regions[k].lo_eV = 200;
        regions[k].hi_eV = 210;
    }
    for (uint32_t i = 0; i < PIXELS; i++)
        used[i] = draw_uniform(r) < 0.8;
    scan = (struct scan){ .n_points = POINTS, .points = points, .start_ns = 0, .end_ns = POINTS * second_ns };
    assert_int_equal(scan_products_new(&scan, PIXELS, used, &settings, &p), STATUS_OK);
    return p;
}

static void fill(struct scan_products *p, struct seeded *r) {
    for (size_t cell = 0; cell < (size_t)PIXELS * POINTS; cell++)
        for (unsigned g = 0; g < N_LIVETIME_COLUMNS; g++)
            p->grade_time_ns[cell * N_LIVETIME_COLUMNS + g] = draw_uniform(r) < 0.2 ? 0 : (int64_t)(draw_uniform(r) * 1.6e8);
    for (uint32_t i = 0; i < PIXELS; i++) {
        p->sensitivity[i] = 0.5 + draw_uniform(r);
        p->window_s[i] = 2e-3 + 5e-3 * draw_uniform(r);
        p->unresolved_s[i] = 1e-4 * draw_uniform(r);
        p->tail_s[i] = 1e-2 * draw_uniform(r);
    }
    for (uint32_t k = 0; k < POINTS; k++) {
        p->shared_excess[k] = draw_uniform(r) < 0.5 ? 0 : draw_uniform(r);
        for (unsigned g = 0; g < N_GRADES; g++)
            p->events[k * N_GRADES + g] = (uint32_t)(400 * draw_uniform(r));
    }
    for (uint32_t y = 0; y < p->n_yields; y++)
        for (uint32_t k = 0; k < POINTS; k++)
            p->yields[y]->counts[k] = draw_uniform(r) < 0.2 ? 0 : (uint32_t)(100 * draw_uniform(r));
}

/* Of any grades, some beside others of the same, and of any pixels. tails: some count grade tail too. */
static void vary_yields(struct scan_products *p, struct seeded *r, bool tails) {
    for (uint32_t y = 0; y < p->n_yields; y++) {
        if (y > 0 && draw_uniform(r) < 0.8)
            p->yields[y]->grades_used = p->yields[y - 1]->grades_used;
        else if (tails && draw_uniform(r) < 0.4)
            p->yields[y]->grades_used = 1u << GRADE_HIGH | 1u << GRADE_MID | 1u << GRADE_TAIL;
        else
            p->yields[y]->grades_used = 1u << GRADE_HIGH | (uint32_t)(draw_uniform(r) < 0.5) << GRADE_MID;
        for (uint32_t i = 0; i < PIXELS; i++)
            p->yields[y]->pixels_used[i] = draw_uniform(r) < 0.7;
    }
}

static double seconds(const struct scan_products *p, uint32_t pixel, uint32_t point, uint32_t grades) {
    double ns = 0;
    for (unsigned g = 0; g < N_GRADES; g++)
        ns += grades >> g & 1 ? (double)p->grade_time_ns[((size_t)pixel * POINTS + point) * N_LIVETIME_COLUMNS + g] : 0;
    return ns / 1e9;
}

static double weighted(const struct scan_products *p, const uint8_t *used, uint32_t point, uint32_t grades) {
    double sum = 0;
    for (uint32_t i = 0; i < PIXELS; i++)
        sum += used[i] ? p->sensitivity[i] * seconds(p, i, point, grades) : 0;
    return sum;
}

static double defined_crowding(const struct scan_products *p, const struct yield_spectrum *y, uint32_t point) {
    const uint32_t graded = (1u << GRADE_NONE) - 1;
    double sum = 0, events = 0, all = 0, live_s = weighted(p, y->pixels_used, point, y->grades_used);
    for (unsigned g = 0; g < N_GRADES; g++) {
        events += g < GRADE_NONE ? p->events[point * N_GRADES + g] : 0;
        all += p->events[point * N_GRADES + g];
    }
    const double rate_Hz = events / weighted(p, p->pixels_used, point, graded);
    for (uint32_t i = 0; i < PIXELS && live_s > 0; i++) {
        const double clear_s = fmin(3 / 0.9 * p->unresolved_s[i], p->window_s[i]), m = y->grades_used >> GRADE_MID & 1 ? clear_s : p->window_s[i], r = p->sensitivity[i] * rate_Hz;
        const double share = p->sensitivity[i] * seconds(p, i, point, y->grades_used) / live_s, own_Hz = p->sensitivity[i] * y->counts[point] / live_s;
        sum += y->pixels_used[i] ? share * own_Hz * 2 * (1 - exp(-r * m)) / r : 0;
    }
    return sum + p->shared_excess[point] * y->counts[point] / all;
}

static void assert_near(double a, double b) {
    assert_true(fabs(a - b) <= 1e-9 * (fabs(a) + fabs(b)));
}

static void every_point_is_as_defined(void **state) {
    (void)state;
    struct seeded r = draw_start("scan_crowding", 5);
    for (int round = 0; round < 20; round++) {
        struct scan_products *p = made_products(&r);
        fill(p, &r);
        vary_yields(p, &r, false);
        scan_live_time_settle(p);
        for (uint32_t k = 0; k < POINTS; k++) {
            assert_near(p->live_time_s[k], weighted(p, p->pixels_used, k, p->emission->grades_used) / scan_live_time_weight(p, p->pixels_used));
            for (uint32_t n = 0; n < p->n_yields; n++) {
                const struct yield_spectrum *y = p->yields[n];
                assert_near(y->live_time_s[k], weighted(p, y->pixels_used, k, y->grades_used) / scan_live_time_weight(p, y->pixels_used));
                assert_near(y->crowding[k], defined_crowding(p, y, k));
            }
        }
        scan_products_free(p);
    }
}

struct settled { double live_s[POINTS], crowding[REGIONS][POINTS]; };

/* And forgotten, so that it can be settled otherwise. */
static void take_settled(struct scan_products *p, struct settled *out) {
    memcpy(out->live_s, p->live_time_s, sizeof out->live_s);
    memset(p->live_time_s, 0, sizeof out->live_s);
    for (uint32_t y = 0; y < p->n_yields; y++) {
        memcpy(out->crowding[y], p->yields[y]->crowding, sizeof out->crowding[y]);
        memset(p->yields[y]->crowding, 0, sizeof out->crowding[y]);
    }
}

/* What a running scan settles part by part, and what each yield has without the others, is what the whole gives, to the last bit. */
static void parts_are_the_whole(void **state) {
    (void)state;
    struct seeded r = draw_start("scan_crowding", 6);
    struct scan_products *p = made_products(&r);
    static struct settled whole, parts, alone;
    fill(p, &r);
    vary_yields(p, &r, true);
    scan_live_time_settle(p);
    take_settled(p, &whole);
    for (uint32_t first = 0, end; first < POINTS; first = end) {
        end = first + 1 + (uint32_t)(draw_uniform(&r) * 3);
        end = end < POINTS ? end : POINTS;
        scan_live_time_settle_points(p, first, end);
    }
    scan_live_time_settle_points(p, POINTS, POINTS);
    take_settled(p, &parts);
    assert_memory_equal(&parts, &whole, sizeof whole);
    for (uint32_t y = 0; y < p->n_yields; y++) {
        struct scan_products one = *p;
        one.n_yields = 1;
        one.yields = p->yields + y;
        scan_live_time_settle(&one);
    }
    take_settled(p, &alone);
    assert_memory_equal(&alone, &whole, sizeof whole);
    for (uint32_t y = 0; y < p->n_yields; y++)
        assert_true(whole.crowding[y][0] >= 0 && isfinite(whole.crowding[y][0]));
    scan_products_free(p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_point_is_as_defined),
        cmocka_unit_test(parts_are_the_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
