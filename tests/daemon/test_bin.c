/* Rows find their scan and point by their own time, in whatever blocks and order they come. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>

#include "daemon/stage/bin.h"
#include "pulse/cut.h"
#include "tests/seeded.h"

enum { PIXELS = 3, POINTS = 5, ROWS = 4000 };
static const int64_t second = 1000000000;

static void add_scan(struct scan_timeline *t, int number, int64_t start_ns) {
    struct scan s = { .number = -1, .log_number = number, .sample = "s", .var_name = "mono", .var_unit = "eV", .log_name = "scan.json" };
    s.n_points = POINTS;
    s.points = calloc(POINTS, sizeof *s.points);
    for (int i = 0; i < POINTS; i++)
        s.points[i] = (struct scan_point){ .start_ns = start_ns + i * 3 * second, .end_ns = start_ns + (i * 3 + 2) * second,
                                           .incident_eV = 530 + i, .i0 = NAN, .i0_sigma = NAN };
    s.start_ns = s.points[0].start_ns;
    s.end_ns = s.points[POINTS - 1].end_ns;
    struct complaint why = { 0 };
    assert_int_equal(scan_timeline_add(t, &s, &why), STATUS_OK);
}

static struct scan_timeline *two_scans(void) {
    struct scan_timeline *t;
    struct complaint why = { 0 };
    assert_int_equal(scan_timeline_new(&t), STATUS_OK);
    add_scan(t, 4, 100 * second);
    add_scan(t, 9, 200 * second);
    assert_int_equal(scan_timeline_finish(t, &why), STATUS_OK);
    return t;
}

static const uint8_t *pixels_used(void *context, size_t i) {
    (void)i;
    return context;
}

static struct bin_stage *new_stage(const struct scan_timeline *t) {
    static const struct yield_region regions[] = { { "all", 0, 2000 } };
    static uint8_t used[PIXELS] = { 1, 1, 0 };
    struct product_settings settings = { .emission = { 200, 1100, 0.25 }, .loss = { -20, 80, 0.25 }, .n_regions = 1, .regions = regions };
    struct bin_stage *b;
    assert_true(bin_stage_new(t, PIXELS, &settings, pixels_used, used, &b));
    return b;
}

static void fill(struct photon_block *b, size_t from, size_t n) {
    struct seeded r = { .state = 7 };
    for (size_t i = 0; i < from + n; i++) {
        int64_t time_ns = 90 * second + (int64_t)(seeded_next(&r) % (uint64_t)(130 * second)) / 1000 * 1000;
        uint32_t other = seeded_below(&r, 100);
        if (i < from)
            continue;
        size_t k = b->n++;
        b->time_ns[k] = time_ns;
        b->pixel[k] = (uint16_t)(other % PIXELS);
        b->energy_eV[k] = 525;
        b->cuts[k] = other < 10 ? CUT_BIT(CUT_RESIDUAL) : 0;
        b->grade[k] = GRADE_HIGH;
        b->flags[k] = TRUST_INSIDE;
    }
}

static void rows_get_their_place_by_definition(void **state) {
    (void)state;
    struct scan_timeline *t = two_scans();
    struct bin_stage *b = new_stage(t);
    struct photon_block *block;
    assert_int_equal(photon_block_new(ROWS, &block), STATUS_OK);
    fill(block, 0, ROWS);
    bin_stage_place(b, block);
    bin_stage_add(b, block);
    assert_int_equal(b->n_products, 2);
    uint64_t counted = 0, expected = 0;
    for (size_t i = 0; i < ROWS; i++) {
        int64_t into = block->time_ns[i] >= 200 * second ? block->time_ns[i] - 200 * second : block->time_ns[i] - 100 * second;
        bool inside = into >= 0 && into < (3 * (POINTS - 1) + 2) * second;
        bool at_point = inside && into % (3 * second) < 2 * second;
        assert_int_equal(block->scan[i], !inside ? -1 : block->time_ns[i] >= 200 * second ? 9 : 4);
        assert_int_equal(block->point[i], at_point ? into / (3 * second) : -1);
        if (at_point)
            assert_true(fabsf(block->incident_eV[i] - (float)(530 + into / (3 * second))) <= 0);
        else
            assert_true(isnan(block->incident_eV[i]));
        expected += at_point && block->cuts[i] == 0;
    }
    for (size_t k = 0; k < 2; k++)
        for (uint32_t p = 0; p < POINTS; p++)
            counted += b->products[k]->photons[p];
    assert_int_equal(counted, expected);
    bin_stage_free(b);
    photon_block_free(block);
    scan_timeline_free(t);
}

/* Between points too, where only the row's time says which point it counts under. */
static void counting_is_adding_row_by_row(void **state) {
    (void)state;
    struct scan_timeline *t = two_scans();
    struct bin_stage *together = new_stage(t), *alone = new_stage(t);
    struct photon_block *block;
    uint64_t moving = 0;
    assert_int_equal(photon_block_new(ROWS, &block), STATUS_OK);
    fill(block, 0, ROWS);
    bin_stage_place(together, block);
    bin_stage_add(together, block);
    for (size_t i = 0; i < ROWS; i++) {
        const struct scan_place place = scan_timeline_place(t, block->time_ns[i]);
        if (place.index >= 0)
            scan_products_add(alone->products[alone->of_scan[place.index]], block, i, place.after);
    }
    for (size_t k = 0; k < 2; k++) {
        const struct scan_products *x = together->products[k], *y = alone->products[k];
        assert_memory_equal(x->photons, y->photons, POINTS * sizeof *x->photons);
        assert_memory_equal(x->moving, y->moving, POINTS * sizeof *x->moving);
        assert_memory_equal(x->loss->counts, y->loss->counts, sizeof(uint32_t) * POINTS * x->loss->n_bins);
        for (uint32_t p = 0; p < POINTS; p++)
            moving += x->moving[p];
    }
    assert_true(moving > 100);
    bin_stage_free(together);
    bin_stage_free(alone);
    photon_block_free(block);
    scan_timeline_free(t);
}

static void blocks_do_not_matter(void **state) {
    (void)state;
    struct scan_timeline *t = two_scans();
    struct bin_stage *whole = new_stage(t), *pieces = new_stage(t);
    struct photon_block *a, *c;
    assert_int_equal(photon_block_new(ROWS, &a), STATUS_OK);
    assert_int_equal(photon_block_new(ROWS, &c), STATUS_OK);
    fill(a, 0, ROWS);
    bin_stage_place(whole, a);
    bin_stage_add(whole, a);
    for (size_t from = ROWS; from > 0; from -= 1000) {   /* backwards, in pieces */
        c->n = 0;
        fill(c, from - 1000, 1000);
        bin_stage_place(pieces, c);
        bin_stage_add(pieces, c);
    }
    for (size_t k = 0; k < 2; k++) {
        const struct scan_products *x = whole->products[k], *y = pieces->products[k];
        assert_memory_equal(x->photons, y->photons, POINTS * sizeof *x->photons);
        assert_memory_equal(x->moving, y->moving, POINTS * sizeof *x->moving);
        assert_memory_equal(x->emission->counts, y->emission->counts, sizeof(uint32_t) * POINTS * x->emission->n_bins);
        assert_memory_equal(x->yields[0]->counts, y->yields[0]->counts, POINTS * sizeof(uint32_t));
    }
    bin_stage_free(whole);
    bin_stage_free(pieces);
    photon_block_free(a);
    photon_block_free(c);
    scan_timeline_free(t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_get_their_place_by_definition),
        cmocka_unit_test(counting_is_adding_row_by_row), cmocka_unit_test(blocks_do_not_matter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
