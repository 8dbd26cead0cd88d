/* Measured pulses become rows: a pixel whose first calibrations failed is followed from its first curve on, one pulse at a time as all at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>

#include "daemon/stage/analyse.h"
#include "tests/daemon/made_table.h"
#include "tests/seeded.h"

enum { PULSES = 600, FIRST = 150 };   /* pulses before the calibration that has a curve */
static const int64_t second = 1000000000;
static const double level = 5000, quantum = 1024;

static struct calibration_table *table_at(int64_t start_ns, double gain) {
    struct calibration_table *t = calloc(1, sizeof *t);
    t->start_ns = start_ns;
    t->end_ns = start_ns + 10 * second;
    t->n_pixels = 1;
    t->pixels = calloc(1, sizeof *t->pixels);
    struct pixel_calibration *p = &t->pixels[0];
    p->correction = height_correction_none();
    if (gain > 0) {
        p->curve = made_curve(gain);
        p->verdict = VERDICT_GOOD;
        p->correction.baseline = (struct baseline_rule){ .jump_counts = 300, .quantum_counts = quantum };
        p->correction.gain[TERM_BASELINE] = 2e-4;
        p->correction.reference[TERM_BASELINE] = level;
    }
    return t;
}

/* A baseline that drifts, quanta_off quanta from where the calibration saw it. */
static void draw_pulses(struct measured_pulse *m, int quanta_off) {
    struct seeded r = { .state = 11 };
    for (size_t i = 0; i < PULSES; i++) {
        double mean = level + 0.2 * (double)i + 2 * (double)(seeded_below(&r, 1000)) / 1000 + quanta_off * quantum;
        m[i] = (struct measured_pulse){ .time_ns = made_start_ns + (int64_t)i * second / 4, .frame = (int64_t)i, .height = 4000.0f + (float)seeded_below(&r, 3000),
                                        .pretrigger_mean = (float)mean };
    }
}

static struct photon_block *rows_of(const struct analyse_settings *s, int quanta_off, size_t from, bool one_by_one) {
    struct measured_pulse pulses[PULSES];
    struct analyse_track track = { 0 };
    struct photon_block *rows;
    draw_pulses(pulses, quanta_off);
    assert_int_equal(photon_block_new(PULSES, &rows), STATUS_OK);
    if (!one_by_one)
        analyse_rows(s, pulses + from, PULSES - from, rows);
    for (size_t i = from; i < PULSES && one_by_one; i++)
        analyse_next(s, &track, &pulses[i], 1, rows);
    assert_int_equal(rows->n, PULSES - from);
    return rows;
}

static void assert_energies_equal(const struct photon_block *a, size_t at, const struct photon_block *b) {
    assert_memory_equal(a->energy_eV + at, b->energy_eV, (a->n - at) * sizeof *a->energy_eV);
}

struct scene { struct calibration_table *tables[2]; struct pixel_model model; struct analyse_settings settings; };

static int set_up(void **state) {
    struct scene *s = calloc(1, sizeof *s);
    s->tables[0] = table_at(made_start_ns - second, 0);
    s->tables[1] = table_at(made_start_ns + FIRST * second / 4, 12);
    s->model.noise_sigma = 3;
    s->settings = (struct analyse_settings){ .model = &s->model, .n_tables = 2, .tables = s->tables, .causal = true };
    *state = s;
    return 0;
}

static int tear_down(void **state) {
    struct scene *s = *state;
    calibration_table_free(s->tables[0]);
    calibration_table_free(s->tables[1]);
    free(s);
    return 0;
}

static void a_calibration_that_failed_does_not_end_following(void **state) {
    const struct scene *s = *state;
    struct photon_block *all = rows_of(&s->settings, 0, 0, false), *later = rows_of(&s->settings, 0, FIRST, false), *off = rows_of(&s->settings, 3, 0, false);
    for (size_t i = 0; i < FIRST; i++)
        assert_true(isnan(all->energy_eV[i]) && (all->cuts[i] & CUT_BIT(CUT_NO_CURVE)) != 0);
    for (size_t i = FIRST; i < PULSES; i++)
        assert_true(isfinite(all->energy_eV[i]) && fabs((double)all->energy_eV[i] - (double)off->energy_eV[i]) < 0.01);
    assert_energies_equal(all, FIRST, later);
    photon_block_free(all);
    photon_block_free(later);
    photon_block_free(off);
}

static void one_by_one_is_as_all_at_once(void **state) {
    const struct scene *s = *state;
    struct photon_block *all = rows_of(&s->settings, -2, 0, false), *single = rows_of(&s->settings, -2, 0, true);
    assert_energies_equal(all, 0, single);
    photon_block_free(all);
    photon_block_free(single);
}

/* Behind a calibration's end: whether the channel was followed from its first record on, as a replay does it, or begins there, as `run` with what it has just
 * learnt. The mark of the calibration is used, and a later calibration's takes its place. */
static void since_when_it_is_followed_does_not_matter(void **state) {
    struct scene *s = *state;
    const size_t end = FIRST + 40, next_end = end + 200;
    struct pixel_calibration *p = &s->tables[1]->pixels[0];
    p->at_end = (struct baseline_tracker){ .recent = { (float)level + 30 }, .n_recent = 1, .newest = 1, .sum = 20 * (level + 30), .weight = 20, .last_ns = s->tables[1]->end_ns - 1 };
    struct photon_block *all = rows_of(&s->settings, 1, 0, false), *single = rows_of(&s->settings, 1, 0, true), *behind = rows_of(&s->settings, 1, end, true);
    assert_energies_equal(all, end, behind);
    assert_energies_equal(all, 0, single);
    p->at_end.sum += 20 * 100;
    struct photon_block *other = rows_of(&s->settings, 1, 0, false);
    assert_memory_equal(all->energy_eV + FIRST, other->energy_eV + FIRST, (end - FIRST) * sizeof *all->energy_eV);
    assert_true(fabs((double)other->energy_eV[end] / (double)all->energy_eV[end] - 1) > 0.01);   /* 2e-4 of nearly 100 counts */
    photon_block_free(other);
    s->tables[0]->start_ns = made_start_ns;
    s->tables[0]->end_ns = made_start_ns + (int64_t)next_end * second / 4;   /* of a pixel that it could not calibrate: from what is known of it, which is nothing */
    struct calibration_table *tables[2] = { s->tables[1], s->tables[0] };
    struct analyse_settings later = s->settings;
    later.tables = tables;
    other = rows_of(&later, 1, 0, true);
    struct photon_block *again = rows_of(&later, 1, next_end, false);
    assert_energies_equal(other, next_end, again);
    photon_block_free(other);
    photon_block_free(again);
    photon_block_free(all);
    photon_block_free(single);
    photon_block_free(behind);
}

/* From both sides the first calibration with a curve serves what came before it, too. */
static void from_both_sides_all_are_corrected(void **state) {
    struct scene *s = *state;
    struct analyse_settings both = s->settings;
    both.causal = false;
    struct photon_block *rows = rows_of(&both, 0, 0, false);
    struct measured_pulse pulses[PULSES];
    draw_pulses(pulses, 0);
    const struct calibration_curve *curve = s->tables[1]->pixels[0].curve;
    double first = (double)calibration_curve_value(curve, pulses[0].height).energy_eV, last = (double)calibration_curve_value(curve, pulses[PULSES - 1].height).energy_eV;
    assert_true(fabs((double)rows->energy_eV[0] / first - 1) < 0.005 && (double)rows->energy_eV[PULSES - 1] / last > 1.015);   /* 2e-4 of 120 counts */
    photon_block_free(rows);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_calibration_that_failed_does_not_end_following, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_by_one_is_as_all_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(since_when_it_is_followed_does_not_matter, set_up, tear_down),
        cmocka_unit_test_setup_teardown(from_both_sides_all_are_corrected, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
