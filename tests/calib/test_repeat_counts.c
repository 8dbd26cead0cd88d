/* What is kept of a scan for its repeats: every count comes back, whatever a map looks like, and it needs little room. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "calib/repeat_counts.h"
#include "calib/scan_live_time.h"
#include "tests/seeded.h"

enum { N_PIXELS = 3, TRIALS = 200 };
static const struct yield_region windows[] = { { "line", 522, 526 }, { "tfy", 0, 2000 } };

struct drawn { struct scan scan; struct scan_products *products; };

static struct drawn draw(uint32_t n_points) {
    struct drawn d = { .scan = { .number = 7, .n_points = n_points, .sample = "x", .var_name = "mono", .var_unit = "eV" } };
    d.scan.points = calloc(n_points, sizeof *d.scan.points);
    assert_non_null(d.scan.points);
    for (uint32_t k = 0; k < n_points; k++)
        d.scan.points[k] = (struct scan_point){ .start_ns = k * INT64_C(2000000000), .end_ns = k * INT64_C(2000000000) + 1000000000, .incident_eV = 520 + 0.1 * k, .i0 = 1 };
    return d;
}

static void make_products(struct drawn *d, uint32_t n_bins) {
    const struct product_settings settings = { .emission = { 500, 500 + 0.25 * n_bins, 0.25 }, .loss = { -20, 80, 1 }, .n_regions = 2, .regions = windows };
    assert_int_equal(scan_products_new(&d->scan, N_PIXELS, (const uint8_t[]){ 1, 0, 1 }, &settings, &d->products), STATUS_OK);
}

static void drawn_done(struct drawn *d) {
    scan_products_free(d->products);
    free(d->scan.points);
}

/* Empty bins in runs, and counts of any size. */
static void fill(struct scan_products *p, struct seeded *r) {
    const uint32_t empty_of_16 = seeded_below(r, 17), bits = 1 + seeded_below(r, 32);
    for (size_t i = 0; i < (size_t)p->n_points * p->emission->n_bins; i++)
        p->emission->counts[i] = seeded_below(r, 16) < empty_of_16 ? 0 : (uint32_t)(seeded_next(r) >> 32) >> (32 - bits);
    for (uint32_t k = 0; k < p->n_points; k++)
        for (int w = 0; w < 2; w++) {
            p->yields[w]->counts[k] = seeded_below(r, 1 << 30);
            p->yields[w]->crowding[k] = seeded_below(r, 1000) * 1e-3;
        }
}

static void all_counts_come_back(void **state) {
    (void)state;
    struct seeded r = seeded_start(__func__);
    for (int trial = 0; trial < TRIALS; trial++) {
        const uint32_t n_points = 1 + seeded_below(&r, 6), n_bins = 1 + seeded_below(&r, 300);
        struct drawn d = draw(n_points);
        struct repeat_counts *c;
        make_products(&d, n_bins);
        fill(d.products, &r);
        assert_int_equal(repeat_counts_new(d.products, &c), STATUS_OK);
        uint32_t *row = malloc(n_bins * sizeof *row);
        assert_non_null(row);
        for (uint32_t k = n_points; k-- > 0;) {
            memset(row, 0xa5, n_bins * sizeof *row);
            repeat_counts_row(c, k, row);
            assert_memory_equal(row, d.products->emission->counts + (size_t)k * n_bins, n_bins * sizeof *row);
            assert_true(c->weighted_ns[k] == scan_live_time_weighted_ns(d.products, k));
        }
        for (int w = 0; w < 2; w++) {
            assert_memory_equal(c->yields[w].counts, d.products->yields[w]->counts, n_points * sizeof(uint32_t));
            assert_memory_equal(c->yields[w].crowding, d.products->yields[w]->crowding, n_points * sizeof(double));
            assert_string_equal(c->yields[w].region.name, windows[w].name);
        }
        assert_memory_equal(c->edges_eV, d.products->emission->edges_eV, (n_bins + 1) * sizeof(double));
        free(row);
        repeat_counts_free(c);
        drawn_done(&d);
    }
}

/* It outlives the scan it was made of. */
static void nothing_is_borrowed(void **state) {
    (void)state;
    struct drawn d = draw(4);
    struct repeat_counts *c;
    make_products(&d, 40);
    d.products->emission->counts[45] = 300;
    assert_int_equal(repeat_counts_new(d.products, &c), STATUS_OK);
    drawn_done(&d);
    uint32_t row[40];
    repeat_counts_row(c, 1, row);
    assert_int_equal(row[5], 300);
    assert_int_equal(c->scan.number, 7);
    assert_true(c->scan.points[3].incident_eV > 520.29 && c->scan.points[3].incident_eV < 520.31);
    repeat_counts_free(c);
    repeat_counts_free(NULL);
}

static void an_empty_map_needs_no_room(void **state) {
    (void)state;
    struct drawn d = draw(60);
    struct repeat_counts *c;
    make_products(&d, 3600);
    assert_int_equal(repeat_counts_new(d.products, &c), STATUS_OK);
    assert_in_range(c->row_at[60], 60, 200);
    assert_in_range(repeat_counts_bytes(c), 3601 * sizeof(double), 45000);
    repeat_counts_free(c);
    drawn_done(&d);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_counts_come_back),
        cmocka_unit_test(nothing_is_borrowed),
        cmocka_unit_test(an_empty_map_needs_no_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
