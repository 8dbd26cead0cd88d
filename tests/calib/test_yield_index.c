/* Whatever a region holds is a candidate's, at any energy, and what a cell says is held is; far from its region nothing is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "calib/yield_index.h"
#include "tests/dice.h"

static double any_energy(struct dice *d) {
    static const double special[] = { 0, 8, 2047.9, 2048, 5000, -1, NAN, INFINITY, -INFINITY };
    int64_t k = dice_below(d, 40);
    return k < 9 ? special[k] : 2100 * dice_unit(d) - 20;
}

static void holders_are_candidates(void **state) {
    (void)state;
    struct dice d = dice_new();
    enum { N = YIELD_INDEXED + 3 };
    struct yield_region regions[N];
    for (uint32_t r = 0; r < N; r++) {
        double lo = any_energy(&d), hi = any_energy(&d);
        regions[r] = (struct yield_region){ "r", lo < hi ? lo : -INFINITY, lo < hi ? hi : INFINITY };
        if (r % 4 == 0)
            regions[r].lo_eV = 8 * floor(regions[r].lo_eV / 8);
    }
    struct yield_index x;
    yield_index_make(regions, N, &x);
    for (int i = 0; i < 20000; i++) {
        double e = any_energy(&d);
        for (uint32_t r = 0; r < YIELD_INDEXED; r++)
            if (e >= regions[r].lo_eV && e < regions[r].hi_eV)
                assert_true(yield_index_at(&x, e)->may >> r & 1);
            else
                assert_false(yield_index_at(&x, e)->do_hold >> r & 1);
    }
}

static void far_ones_are_not(void **state) {
    (void)state;
    static const struct yield_region regions[] = { { "O", 505, 535 }, { "Ni", 838, 880 } };
    struct yield_index x;
    yield_index_make(regions, 2, &x);
    assert_int_equal(yield_index_at(&x, 520)->may, 1);
    assert_int_equal(yield_index_at(&x, 860)->may, 2);
    assert_int_equal(yield_index_at(&x, 700)->may, 0);
    assert_int_equal(yield_index_at(&x, 880)->may, 0);
}

/* Whole numbers of eV leave nothing open; others do in the one cell they cut. */
static void as_a_rule_cells_decide(void **state) {
    (void)state;
    static const struct yield_region regions[] = { { "O", 505, 535 }, { "Ni", 838.5, 880 } };
    struct yield_index x;
    yield_index_make(regions, 2, &x);
    for (uint32_t k = 0; k < YIELD_CELLS; k++)
        assert_int_equal(yield_index_at(&x, k + 0.5)->may ^ yield_index_at(&x, k + 0.5)->do_hold, k == 838 ? 2 : 0);
}

/* More kinds of cells than are kept: what is not kept is left to the regions. */
static void too_many_kinds_are_left_to_the_regions(void **state) {
    (void)state;
    struct yield_region regions[YIELD_INDEXED];
    for (uint32_t r = 0; r < YIELD_INDEXED; r++)
        regions[r] = (struct yield_region){ "r", 10 + 7 * r, 900 + 17 * r };
    for (uint32_t r = 0; r < YIELD_INDEXED; r += 2)
        regions[r].hi_eV = 15.5 + 11 * r;
    struct yield_index x;
    yield_index_make(regions, YIELD_INDEXED, &x);
    for (double e = 0.25; e < 2048; e += 0.5)
        for (uint32_t r = 0; r < YIELD_INDEXED; r++) {
            bool holds = e >= regions[r].lo_eV && e < regions[r].hi_eV;
            const struct yield_cell *cell = yield_index_at(&x, e);
            assert_true(holds ? (cell->may >> r & 1) != 0 : (cell->do_hold >> r & 1) == 0);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(holders_are_candidates), cmocka_unit_test(far_ones_are_not), cmocka_unit_test(as_a_rule_cells_decide),
                                        cmocka_unit_test(too_many_kinds_are_left_to_the_regions) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
