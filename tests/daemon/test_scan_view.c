/* A running scan seen with other windows and axes: from the moment they are asked for, what is seen is what a book would have counted that
 * had them from the scan's beginning, while the products it began with are counted on. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/live_book.h"
#include "pulse/cut.h"
#include "tests/dice.h"

enum { PIXELS = 3, POINTS = 5, ROWS = 3000, BLOCK = 64 };
#define MS INT64_C(1000000)
static const int64_t t0_ns = INT64_C(1700000000000000000);

static const uint8_t *two_of_three(void *context, int64_t time_ns) {
    (void)context, (void)time_ns;
    static const uint8_t used[PIXELS] = { 1, 0, 1 };
    return used;
}

static const struct yield_region first_regions[] = { { "tfy", 0, 2000 }, { "low", 300, 420 } };
static const struct yield_region other_regions[] = { { "tfy", 200, 1600 }, { "high", 500.25, 560 }, { "narrow", 321, 325 } };
static const struct product_settings first = { .emission = { 200, 1100, 1 }, .loss = { -20, 80, 1 }, .n_regions = 2, .regions = first_regions };
static const struct product_settings other = { .emission = { 250, 750, 0.5 }, .loss = { -50, 250, 2 }, .n_regions = 3, .regions = other_regions };

static struct live_book *open_book(const struct product_settings *products, size_t kept) {
    struct book_pixel pixels[PIXELS];
    const struct livetime_settings s = { .trigger = LIVETIME_EDGE, .sample_period_s = 1e-5, .n_samples = 50, .n_presamples = 10, .peak_samples = 5, .decay_s = 1e-4 };
    for (int p = 0; p < PIXELS; p++) {
        pixels[p] = (struct book_pixel){ .live = true };
        assert_int_equal(livetime_table_make(&s, &pixels[p].table), STATUS_OK);
    }
    const struct book_settings settings = { .n_pixels = PIXELS, .pixels = pixels, .products = *products, .late_ns = 200 * MS, .history = 4096, .kept = kept, .pixels_used = two_of_three };
    struct live_book *b;
    assert_true(live_book_new(&settings, &b));
    return b;
}

static void put_row(struct row_block *rows, struct dice *d, int64_t time_ns) {
    size_t k = rows->n++;
    rows->photons->n++;
    rows->photons->time_ns[k] = time_ns;
    rows->photons->pixel[k] = (uint16_t)dice_below(d, PIXELS);
    rows->photons->frame[k] = time_ns / 1000;
    rows->photons->energy_eV[k] = (float)(200 + 600 * dice_unit(d));
    rows->photons->cuts[k] = dice_below(d, 8) == 0 ? CUT_BIT(CUT_RESIDUAL) : 0;
    rows->photons->flags[k] = dice_below(d, 10) == 0 ? TRUST_BEYOND : TRUST_INSIDE;
    rows->flags[k] = 0;
}

static void tell(struct live_book *b, enum scan_event_kind kind, int64_t time_ns, double incident_eV) {
    const char *why;
    const struct scan_event e = { .kind = kind, .time_ns = time_ns, .number = 4, .incident_eV = incident_eV, .i0 = 1 };
    assert_true(live_book_event(b, &e, &why));
}

/* The scan, block by block, the same for the same seed; at block `change` (-1: never) the book is to show the other settings. */
static void play(struct live_book *b, uint64_t seed, int change, bool can) {
    struct dice d = { seed };
    struct row_block *rows;
    const char *why = NULL;
    int64_t at = t0_ns;
    int told = 0;
    assert_true(row_block_new(BLOCK, &rows));
    tell(b, SCAN_EVENT_SCAN_START, t0_ns, NAN);
    for (int block = 0; block < ROWS / BLOCK; block++) {
        row_block_clear(rows);
        for (int k = 0; k < BLOCK; k++)
            put_row(rows, &d, at += 100000 + 1000 * dice_below(&d, 2000));
        for (; told < 2 * POINTS && t0_ns + (told + 1) * 250 * MS < at; told++)
            tell(b, told % 2 ? SCAN_EVENT_POINT_END : SCAN_EVENT_POINT_START, t0_ns + (told + 1) * 250 * MS, 530 + told);
        live_book_rows(b, rows);
        live_book_settle(b, at, false);
        if (block == change) {
            live_book_products(b, &other);
            assert_int_equal(live_book_show(b, &why), can);
        }
    }
    for (; told < 2 * POINTS; told++)
        tell(b, told % 2 ? SCAN_EVENT_POINT_END : SCAN_EVENT_POINT_START, t0_ns + (told + 1) * 250 * MS, 530 + told);
    tell(b, SCAN_EVENT_SCAN_END, t0_ns + (told + 1) * 250 * MS, NAN);
    live_book_settle(b, INT64_MAX, true);
    row_block_free(rows);
}

static void assert_same(const struct scan_products *a, const struct scan_products *b) {
    assert_int_equal(a->n_points, b->n_points);
    const struct rixs_map *x[] = { a->emission, a->loss }, *y[] = { b->emission, b->loss };
    for (int k = 0; k < 2; k++) {
        assert_int_equal(x[k]->n_bins, y[k]->n_bins);
        assert_memory_equal(x[k]->counts, y[k]->counts, (size_t)a->n_points * x[k]->n_bins * sizeof(uint32_t));
        assert_memory_equal(x[k]->outside, y[k]->outside, (size_t)a->n_points * N_OUTSIDE * sizeof(uint32_t));
    }
    assert_int_equal(a->n_yields, b->n_yields);
    for (uint32_t k = 0; k < a->n_yields; k++) {
        assert_string_equal(a->yields[k]->region.name, b->yields[k]->region.name);
        assert_memory_equal(a->yields[k]->counts, b->yields[k]->counts, a->n_points * sizeof(uint32_t));
        assert_memory_equal(a->yields[k]->live_time_s, b->yields[k]->live_time_s, a->n_points * sizeof(double));
    }
    assert_memory_equal(a->photons, b->photons, a->n_points * sizeof(uint32_t));
    assert_memory_equal(a->live_time_s, b->live_time_s, a->n_points * sizeof(double));
}

static void shown_from_any_moment_is_shown_from_the_beginning(void **state) {
    (void)state;
    struct dice d = dice_new();
    uint64_t seed = d.state;
    struct live_book *as_begun = open_book(&first, 0), *from_start = open_book(&other, 0);
    play(as_begun, seed, -1, true);
    play(from_start, seed, -1, true);
    const struct live_scan *want = live_book_scan(from_start), *plain = live_book_scan(as_begun);
    assert_true(want->products->yields[0]->counts[2] > 30);
    for (int change = 0; change < ROWS / BLOCK; change += 1 + (int)dice_below(&d, 9)) {
        struct live_book *b = open_book(&first, 100000);
        play(b, seed, change, true);
        const struct live_scan *s = live_book_scan(b);
        assert_same(live_scan_seen(s), want->products);
        if (live_scan_seen(s) != s->products)   /* changed before its first point: it begins with them */
            assert_same(s->products, plain->products);
        live_book_free(b);
    }
    live_book_free(as_begun);
    live_book_free(from_start);
}

/* Counted again from the rows, as learning does it: seen as before, and begun as before. */
static void a_book_made_again_shows_the_same(void **state) {
    (void)state;
    struct dice d = dice_new();
    struct live_book *b = open_book(&first, 100000), *again;
    play(b, d.state, 20, true);
    assert_true(live_book_again(b, &again));
    const struct live_scan *s = live_book_scan(again);
    assert_int_equal(s->products->n_yields, 2);
    assert_int_equal(live_scan_seen(s)->n_yields, 3);
    assert_int_equal(live_scan_seen(s)->emission->n_bins, 1000);
    live_book_free(b);
    live_book_free(again);
}

static void too_many_photons_keep_what_is_seen(void **state) {
    (void)state;
    struct dice d = dice_new();
    struct live_book *b = open_book(&first, 300);
    play(b, d.state, 44, false);
    const struct live_scan *s = live_book_scan(b);
    assert_ptr_equal(live_scan_seen(s), s->products);
    assert_int_equal(s->products->n_yields, 2);
    live_book_free(b);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(shown_from_any_moment_is_shown_from_the_beginning), cmocka_unit_test(a_book_made_again_shows_the_same),
                                        cmocka_unit_test(too_many_photons_keep_what_is_seen) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
