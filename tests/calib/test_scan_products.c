#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "calib/scan_products.h"
#include "tests/calib/photons.h"

enum { N_POINTS = 4, N_PIXELS = 3 };

static const struct yield_region regions[] = { { "tfy", 200, 1600 }, { "sPFY", 522, 525 } };
static const struct product_settings settings = { .emission = { 500, 540, 0.25 }, .loss = { -20, 80, 0.25 }, .n_regions = 2, .regions = regions };
static const uint8_t pixels[N_PIXELS] = { 1, 0, 1 };

static struct scan test_scan(struct scan_point *points) {
    for (int64_t k = 0; k < N_POINTS; k++)
        points[k] = (struct scan_point){ .start_ns = 2000000000 * k, .end_ns = 2000000000 * k + 1200000000, .incident_eV = 530 + (double)k };
    return (struct scan){ .start_ns = 0, .end_ns = points[N_POINTS - 1].end_ns, .n_points = N_POINTS, .points = points };
}

static struct scan_products *new_products(const struct scan *scan) {
    struct scan_products *p;
    assert_int_equal(scan_products_new(scan, N_PIXELS, pixels, &settings, &p), STATUS_OK);
    return p;
}

static uint64_t total(const uint32_t *counts, size_t n) {
    uint64_t sum = 0;
    for (size_t k = 0; k < n; k++)
        sum += counts[k];
    return sum;
}

/* Every photon is in its point or moving; those of pixels used are in each map or outside of it. */
static void the_books_close(void **state) {
    (void)state;
    struct dice d = dice_new();
    struct scan_point points[N_POINTS];
    struct scan scan = test_scan(points);
    struct scan_products *p = new_products(&scan);
    struct photon_block *b;
    assert_int_equal(photon_block_new(20000, &b), STATUS_OK);
    fill_photons(&d, &(struct photon_range){ N_POINTS, N_PIXELS, 500, 540, 0.25 }, b);
    uint64_t photons = 0, inside = 0, used = 0;
    for (size_t i = 0; i < b->n; i++) {
        scan_products_add(p, b, i, b->point[i] < 0 ? (int32_t)dice_below(&d, N_POINTS) : b->point[i]);
        photons += b->cuts[i] == 0;
        inside += b->cuts[i] == 0 && b->point[i] >= 0;
        used += b->cuts[i] == 0 && b->point[i] >= 0 && pixels[b->pixel[i]];
    }
    assert_true(total(p->photons, N_POINTS) == inside && total(p->moving, N_POINTS) == photons - inside && photons > inside);
    assert_true(total(p->emission->counts, N_POINTS * p->emission->n_bins) + total(p->emission->outside, N_POINTS * N_OUTSIDE) == used);
    assert_true(total(p->loss->counts, N_POINTS * p->loss->n_bins) + total(p->loss->outside, N_POINTS * N_OUTSIDE) == used);
    assert_true(total(p->yields[0]->counts, N_POINTS) > total(p->yields[1]->counts, N_POINTS) && total(p->yields[1]->counts, N_POINTS) > 0);
    photon_block_free(b);
    scan_products_free(p);
}

/* Half of the rows added and taken back: as if they had never been there. */
static void what_was_added_can_be_taken_back(void **state) {
    (void)state;
    struct dice d = dice_new();
    struct scan_point points[N_POINTS];
    struct scan scan = test_scan(points);
    struct scan_products *p = new_products(&scan), *want = new_products(&scan);
    struct photon_block *b, *copy;
    assert_int_equal(photon_block_new(5000, &b), STATUS_OK);
    assert_int_equal(photon_block_new(5000, &copy), STATUS_OK);
    fill_photons(&d, &(struct photon_range){ N_POINTS, N_PIXELS, 500, 540, 0.25 }, b);
    for (size_t i = 0; i < b->n; i++) {
        photon_block_copy_row(copy, b, i);
        scan_products_add(p, b, i, b->point[i] < 0 ? 1 : b->point[i]);
        if (i % 2)
            scan_products_add(want, b, i, b->point[i] < 0 ? 1 : b->point[i]);
    }
    for (size_t i = 0; i < copy->n; i += 2)
        scan_products_remove(p, copy, i, copy->point[i] < 0 ? 1 : copy->point[i]);
    assert_memory_equal(p->photons, want->photons, sizeof(uint32_t[N_POINTS]));
    assert_memory_equal(p->moving, want->moving, sizeof(uint32_t[N_POINTS]));
    assert_memory_equal(p->events, want->events, sizeof(uint32_t[N_POINTS * N_GRADES]));
    assert_memory_equal(p->high_photons, want->high_photons, sizeof(uint32_t[N_POINTS * N_PIXELS]));
    assert_memory_equal(p->emission->counts, want->emission->counts, N_POINTS * want->emission->n_bins * sizeof(uint32_t));
    assert_memory_equal(p->loss->outside, want->loss->outside, sizeof(uint32_t[N_POINTS * N_OUTSIDE]));
    for (int r = 0; r < 2; r++)
        assert_memory_equal(p->yields[r]->counts, want->yields[r]->counts, sizeof(uint32_t[N_POINTS]));
    assert_true(total(p->events, N_POINTS * N_GRADES) > 0 && total(p->high_photons, N_POINTS * N_PIXELS) > 0);
    photon_block_free(b);
    photon_block_free(copy);
    scan_products_free(p);
    scan_products_free(want);
}

static void moving_counts_under_the_point_before(void **state) {
    (void)state;
    struct scan_point points[N_POINTS];
    struct scan scan = test_scan(points);
    struct scan_products *p = new_products(&scan);
    struct photon_block *b;
    assert_int_equal(photon_block_new(1, &b), STATUS_OK);
    b->n = 1;
    b->point[0] = -1;
    scan_products_add(p, b, 0, 2);
    b->cuts[0] = 4;
    scan_products_add(p, b, 0, 2);
    assert_int_equal(p->moving[2], 1);
    assert_int_equal(total(p->photons, N_POINTS) + total(p->moving, N_POINTS), 1);
    photon_block_free(b);
    scan_products_free(p);
}

static void new_products_have_dwells_pixels_and_grades(void **state) {
    (void)state;
    struct scan_point points[N_POINTS];
    struct scan scan = test_scan(points);
    struct scan_products *p = new_products(&scan);
    for (int k = 0; k < N_POINTS; k++)
        assert_true(p->live_time_s[k] == 1.2);
    assert_memory_equal(p->emission->pixels_used, pixels, N_PIXELS);
    assert_memory_equal(p->yields[1]->pixels_used, pixels, N_PIXELS);
    assert_true(p->emission->grades_used == 1 && p->loss->grades_used == 1 && p->yields[0]->grades_used == 1 && p->yields[1]->grades_used == 1);
    scan_products_free(p);
    scan_products_free(NULL);
    scan.n_points = 0;
    p = NULL;
    assert_int_equal(scan_products_new(&scan, N_PIXELS, pixels, &settings, &p), STATUS_TOO_FEW);
    assert_null(p);
}

static void shards_add_to_the_whole(void **state) {
    (void)state;
    struct dice d = dice_new();
    struct scan_point points[N_POINTS];
    struct scan scan = test_scan(points);
    struct scan_products *whole = new_products(&scan), *sum = new_products(&scan), *shard[2] = { new_products(&scan), new_products(&scan) };
    struct photon_block *b;
    assert_int_equal(photon_block_new(5000, &b), STATUS_OK);
    fill_photons(&d, &(struct photon_range){ N_POINTS, N_PIXELS, 500, 540, 0.25 }, b);
    for (size_t i = 0; i < b->n; i++) {
        int32_t after = b->point[i] < 0 ? 1 : b->point[i];
        scan_products_add(whole, b, i, after);
        scan_products_add(shard[b->pixel[i] % 2], b, i, after);
    }
    uint32_t same[N_POINTS] = { 0, 1, 2, 3 };
    for (size_t k = 0; k < 2; k++) {
        assert_int_equal(scan_products_sum(sum, shard[k], same), STATUS_OK);
        scan_products_free(shard[k]);
    }
    assert_memory_equal(sum->photons, whole->photons, sizeof(uint32_t[N_POINTS]));
    assert_memory_equal(sum->moving, whole->moving, sizeof(uint32_t[N_POINTS]));
    assert_memory_equal(sum->emission->counts, whole->emission->counts, N_POINTS * whole->emission->n_bins * sizeof(uint32_t));
    assert_memory_equal(sum->loss->outside, whole->loss->outside, sizeof(uint32_t[N_POINTS * N_OUTSIDE]));
    assert_memory_equal(sum->yields[0]->counts, whole->yields[0]->counts, sizeof(uint32_t[N_POINTS]));
    photon_block_free(b);
    scan_products_free(sum);
    scan_products_free(whole);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_books_close),
        cmocka_unit_test(what_was_added_can_be_taken_back),
        cmocka_unit_test(moving_counts_under_the_point_before),
        cmocka_unit_test(new_products_have_dwells_pixels_and_grades),
        cmocka_unit_test(shards_add_to_the_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
