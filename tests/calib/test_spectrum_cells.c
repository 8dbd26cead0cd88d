/* Cells have photons enough, follow each other by place, and belong to one group. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "calib/spectrum_cells.h"
#include "tests/calib/draw.h"

static struct spectrum_group at(unsigned like, unsigned place) {
    return (struct spectrum_group){ .like = (uint16_t)like, .coarse = 0, .place = (uint16_t)place };
}

static void count(struct spectrum_cells *c, struct spectrum_group g, unsigned n) {
    for (unsigned i = 0; i < n; i++)
        spectrum_cells_count(c, g);
}

static void thin_places_are_joined(void **state) {
    (void)state;
    struct spectrum_cells *c;
    assert_int_equal(spectrum_cells_new(&c), STATUS_OK);
    const unsigned photons[] = { 60, 60, 100, 30, 0, 99, 20 };   /* at places 10, 11 ... of group 3 */
    for (unsigned k = 0; k < 7; k++)
        count(c, at(3, 10 + k), photons[k]);
    count(c, at(5, 0), 7);          /* a group with too few is one cell */
    count(c, at(40, 1), 500);       /* a number that no group has */
    count(c, at(SPECTRUM_GROUP_NONE, 0), 500);
    assert_int_equal(spectrum_cells_number(c, 100, 1000), 4);
    const uint16_t expected[] = { 0, 0, 1, 2, SPECTRUM_CELL_NONE, 2, 2 };
    for (unsigned k = 0; k < 7; k++)
        assert_int_equal(spectrum_cells_of(c, at(3, 10 + k)), expected[k]);
    assert_int_equal(spectrum_cells_of(c, at(5, 0)), 3);
    assert_int_equal(spectrum_cells_of(c, at(5, 1)), SPECTRUM_CELL_NONE);
    assert_int_equal(spectrum_cells_of(c, at(40, 1)), SPECTRUM_CELL_NONE);
    assert_int_equal(spectrum_cells_of(c, at(SPECTRUM_GROUP_NONE, 0)), SPECTRUM_CELL_NONE);
    spectrum_cells_free(c);
}

static void there_are_never_many_and_all_have_enough(void **state) {
    (void)state;
    enum { LEAST = 50, MOST = 40, GROUPS = 6, PLACES = 300 };
    struct seeded r = draw_start("there_are_never_many_and_all_have_enough", 12);
    static unsigned photons[GROUPS][PLACES];
    struct spectrum_cells *c;
    assert_int_equal(spectrum_cells_new(&c), STATUS_OK);
    for (unsigned g = 0; g < GROUPS; g++)
        for (unsigned k = 0; k < PLACES; k++) {
            photons[g][k] = (unsigned)(20 * draw_uniform(&r));
            count(c, at(g, k), photons[g][k]);
        }
    const size_t n = spectrum_cells_number(c, LEAST, MOST);
    unsigned in_cell[MOST] = { 0 }, last = 0;
    assert_true(n <= MOST && n >= GROUPS);
    for (unsigned g = 0; g < GROUPS; g++)
        for (unsigned k = 0; k < PLACES; k++) {
            const uint16_t cell = spectrum_cells_of(c, at(g, k));
            assert_true(photons[g][k] == 0 ? cell == SPECTRUM_CELL_NONE : cell < n && cell >= last && cell <= last + 1);
            if (photons[g][k] > 0) {
                in_cell[cell] += photons[g][k];
                last = cell;
            }
        }
    for (size_t k = 0; k < n; k++)
        assert_true(in_cell[k] >= LEAST);
    spectrum_cells_free(c);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(thin_places_are_joined), cmocka_unit_test(there_are_never_many_and_all_have_enough) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
