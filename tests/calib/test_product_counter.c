/* Whatever the stretches, counting them comes to what adding their rows one by one comes to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "calib/product_counter.h"
#include "tests/calib/photons.h"

enum { N_POINTS = 5, N_PIXELS = 3, N_REGIONS = YIELD_INDEXED + 2, ROWS = 6000, LONGEST = 5 * RIXS_MAP_PIECE / 2, FULL = 600 };
static const uint8_t pixels[N_PIXELS] = { 1, 0, 1 };
static const struct photon_range range = { N_POINTS, N_PIXELS, 500, 540, 0.25 };

static struct scan a_scan(struct scan_point *points) {
    for (int64_t k = 0; k < N_POINTS; k++)
        points[k] = (struct scan_point){ .start_ns = 2000000000 * k, .end_ns = 2000000000 * k + 1200000000, .incident_eV = 530 + (double)k };
    return (struct scan){ .start_ns = 0, .end_ns = points[N_POINTS - 1].end_ns, .n_points = N_POINTS, .points = points };
}

/* Some regions end between whole numbers of eV, some are wide enough for lesser grades. */
static struct scan_products *products_of(const struct scan *scan, uint32_t n_regions) {
    struct yield_region regions[N_REGIONS];
    for (uint32_t r = 0; r < n_regions; r++)
        regions[r] = (struct yield_region){ "r", 495 + 0.5 * (r % 40), 500 + 0.5 * (r % 40) + (r % 3) * 7.25 };
    const struct product_settings settings = { .emission = { 500, 540, 0.25 }, .loss = { -20, 20, 0.25 }, .n_regions = n_regions, .regions = regions,
                                               .wide_grades = 1u << GRADE_MID | 1u << GRADE_TAIL };
    struct scan_products *p;
    assert_int_equal(scan_products_new(scan, N_PIXELS, pixels, &settings, &p), STATUS_OK);
    return p;
}

static void assert_same(const struct scan_products *a, const struct scan_products *b) {
    assert_memory_equal(a->photons, b->photons, N_POINTS * sizeof *a->photons);
    assert_memory_equal(a->moving, b->moving, N_POINTS * sizeof *a->moving);
    assert_memory_equal(a->events, b->events, (size_t)N_POINTS * N_GRADES * sizeof *a->events);
    assert_memory_equal(a->high_photons, b->high_photons, (size_t)N_POINTS * N_PIXELS * sizeof *a->high_photons);
    assert_memory_equal(a->high_events, b->high_events, (size_t)N_POINTS * N_PIXELS * sizeof *a->high_events);
    assert_memory_equal(a->emission->counts, b->emission->counts, N_POINTS * a->emission->n_bins * sizeof *a->emission->counts);
    assert_memory_equal(a->loss->counts, b->loss->counts, N_POINTS * a->loss->n_bins * sizeof *a->loss->counts);
    assert_memory_equal(a->emission->outside, b->emission->outside, (size_t)N_POINTS * N_OUTSIDE * sizeof(uint32_t));
    assert_memory_equal(a->loss->outside, b->loss->outside, (size_t)N_POINTS * N_OUTSIDE * sizeof(uint32_t));
    for (uint32_t r = 0; r < a->n_yields; r++)
        assert_memory_equal(a->yields[r]->counts, b->yields[r]->counts, N_POINTS * sizeof *a->yields[r]->counts);
}

/* Rows get the pixel of their stretch, and as a rule the point of the row before. */
static void count(struct dice *d, struct photon_block *b, struct scan_products *one[2], struct scan_products *many[2]) {
    struct product_counter c;
    product_counter_init(&c);
    for (size_t first = 0, end; first < b->n; first = end) {
        const size_t left = b->n - first, most = left < LONGEST ? left : LONGEST, which = (size_t)dice_below(d, 2);
        end = first + 1 + (size_t)dice_below(d, dice_below(d, 4) ? (int64_t)most : 1);
        for (size_t i = first; i < end; i++) {
            b->pixel[i] = b->pixel[first];
            b->point[i] = i > first && dice_below(d, 5) ? b->point[i - 1] : b->point[i];
            if (b->point[i] >= 0)
                scan_products_add(one[which], b, i, 0);
        }
        product_counter_begin(&c, many[which], b->pixel[first]);
        product_counter_add(&c, b, first, end - first);
    }
    product_counter_flush(&c);
}

static void stretches_count_as_their_rows_do(void **state) {
    (void)state;
    struct dice d = dice_new();
    struct scan_point points[N_POINTS];
    struct scan scan = a_scan(points);
    const uint32_t n_regions[] = { 0, 1, 8, 15, N_REGIONS };
    struct photon_block *b;
    assert_int_equal(photon_block_new(ROWS, &b), STATUS_OK);
    for (size_t k = 0; k < sizeof n_regions / sizeof n_regions[0]; k++) {
        struct scan_products *one[2], *many[2];
        for (int s = 0; s < 2; s++) {
            one[s] = products_of(&scan, n_regions[k]);
            many[s] = products_of(&scan, n_regions[k]);
        }
        fill_photons(&d, &range, b);
        count(&d, b, one, many);
        for (int s = 0; s < 2; s++) {
            assert_same(one[s], many[s]);
            scan_products_free(one[s]);
            scan_products_free(many[s]);
        }
    }
    photon_block_free(b);
}

/* Many pieces of rows, all in one bin of one point. */
static void all_of_a_stretch_in_one_place(void **state) {
    (void)state;
    struct scan_point points[N_POINTS];
    struct scan scan = a_scan(points);
    struct scan_products *p = products_of(&scan, 9);
    struct photon_block *b;
    assert_int_equal(photon_block_new(FULL, &b), STATUS_OK);
    for (b->n = 0; b->n < b->capacity; b->n++) {
        b->energy_eV[b->n] = 500.5f;
        b->incident_eV[b->n] = 531;
        b->point[b->n] = 1;
    }
    struct product_counter c;
    product_counter_init(&c);
    product_counter_begin(&c, p, 0);
    for (int k = 0; k < 10; k++)
        product_counter_add(&c, b, 0, b->n);
    product_counter_flush(&c);
    assert_int_equal(p->photons[1], 10 * FULL);
    assert_int_equal(p->emission->counts[p->emission->n_bins + 2], 10 * FULL);
    assert_int_equal(p->yields[1]->counts[1], 10 * FULL);
    assert_int_equal(p->events[1 * N_GRADES + GRADE_HIGH], 10 * FULL);
    photon_block_free(b);
    scan_products_free(p);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(stretches_count_as_their_rows_do), cmocka_unit_test(all_of_a_stretch_in_one_place) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
