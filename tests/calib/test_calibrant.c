#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "calib/calibrant.h"
#include "tests/calib/line_mix.h"

enum { PIXELS = 10, STATES = 7, PULSES = 3000 };
static const double mono_eV[STATES] = {335, 470, 600, 670, 800, 890, 1040};
/* How far the mix's lines lie from where the seed table has them. */
static const struct { const char *name; double moved_eV; } moved[] = {{"CKa", 1.1}, {"NKa", -0.8}, {"OKa", 0.6}, {"FeLa", -1.4}, {"NiLa", 2.0}, {"CuLa", 1.5}};
enum { MOVED = sizeof moved / sizeof moved[0] };

static double excited_above(const char *name) {
    return strcmp(name, "CKa") == 0 ? 283.8 : strcmp(name, "NKa") == 0 ? 401.6 : strcmp(name, "OKa") == 0 ? 532 : strncmp(name, "Fe", 2) == 0 ? 708.1 : strncmp(name, "Ni", 2) == 0 ? 854.7 : 931.1;
}

static double moved_by(const char *name) {
    for (int k = 0; k < MOVED; k++)
        if (strncmp(moved[k].name, name, 2) == 0)
            return moved[k].moved_eV;
    return 0;
}

/* One state of a pixel: the lines that the mono excites, where the mix has them, and the elastic line. */
static float *state_heights(const struct mix_pixel *p, double mono, struct seeded *r) {
    float *h = malloc(PULSES * sizeof *h);
    for (int n = 0; n < PULSES;) {
        double u = draw_uniform(r), sum = 0, energy = -1, fwhm = 0;
        for (size_t i = 0; i < MIX_LINES && energy < 0; i++) {
            const struct mix_line *l = &mix_lines[i];
            bool elastic = strcmp(l->name, "elastic") == 0;
            sum += l->strength;
            if (u < sum && (elastic || mono > excited_above(l->name))) {
                energy = elastic ? mono : l->energy_eV + moved_by(l->name);
                fwhm = elastic ? 0 : l->fwhm_eV;
            } else if (u < sum) {
                break;
            }
        }
        if (energy > 0)
            h[n++] = (float)mix_height(p, energy + hypot(fwhm, p->resolution_eV) / 2.3548 * draw_normal(r));
    }
    return h;
}

struct run {
    struct line_table *seed;
    struct mix_pixel pixel[PIXELS];
    struct calibration_heights heights[STATES][PIXELS];
    struct calibration_table *table[STATES];
    struct calibrant_state states[STATES];
};

/* Two or three anchors do not suffice for a curve in every state: what was found of them counts all the same. */
static void learn(struct run *run, int s) {
    enum status status = calibration_table_learn(run->seed, mono_eV[s], run->heights[s], PIXELS, NULL, &run->table[s], NULL);
    assert_true(status == STATUS_OK || status == STATUS_TOO_FEW);
    uint32_t curves = 0;
    for (uint32_t i = 0; i < PIXELS; i++)
        curves += run->table[s]->pixels[i].curve != NULL;
    printf("%4.0f eV: %u curves\n", mono_eV[s], curves);
}

/* Gains drift by 4e-4 rms from state to state; pixel 3 is dead. */
static struct run make_run(uint64_t seed, double drift) {
    struct run run = {.seed = mix_table()};
    struct seeded r = draw_start("calibrant", seed);
    for (int i = 0; i < PIXELS; i++) {
        run.pixel[i] = mix_pixel_random(&r);
        run.pixel[i].resolution_eV = 1.5 + 0.1 * i;
    }
    for (int s = STATES - 1; s >= 0; s--) {
        uint16_t index[8];
        for (int i = 0; i < PIXELS; i++) {
            struct mix_pixel now = run.pixel[i];
            now.gain *= 1 + drift * draw_normal(&r);
            run.heights[s][i] = (struct calibration_heights){.heights = state_heights(&now, mono_eV[s], &r), .n = i == 3 ? 0 : PULSES};
        }
        if (line_table_excited(run.seed, LINE_ANCHOR, mono_eV[s], index, 8) >= 2)
            learn(&run, s);
    }
    for (int s = 0; s < STATES; s++)
        run.states[s] = (struct calibrant_state){mono_eV[s], run.heights[s], run.table[s]};
    return run;
}

static void run_done(struct run *run) {
    for (int s = 0; s < STATES; s++) {
        calibration_table_free(run->table[s]);
        for (int i = 0; i < PIXELS; i++)
            free((void *)(uintptr_t)run->heights[s][i].heights);
    }
    line_table_free(run->seed);
}

static const struct calibrant_line *line_of(const struct calibrant *c, const char *name) {
    for (size_t k = 0; k < c->n_lines; k++)
        if (strcmp(c->lines[k].name, name) == 0)
            return &c->lines[k];
    return NULL;
}

static void a_shifted_mix_is_recovered_within_its_errors(void **state) {
    (void)state;
    struct run run = make_run(101, 4e-4);
    for (int s = 0; s < STATES; s++)
        run.states[s].heights = run.heights[s], run.states[s].table = run.table[s];
    struct calibrant *c;
    struct complaint why = {0};
    assert_int_equal(calibrant_find(run.seed, run.states, STATES, PIXELS, 0.05, &c, &why), STATUS_OK);
    printf("%u states, %u pixels, elastic lines %.2f eV rms off the others' curve\n", c->n_states, c->n_pixels, c->elastic_rms_eV);
    assert_int_equal(c->n_pixels, PIXELS - 1);
    double square = 0;
    for (int k = 0; k < MOVED; k++) {
        const struct calibrant_line *l = line_of(c, moved[k].name);
        double found = l->energy_eV - l->seed_eV;
        printf("%-5s moved %+.2f found %+.3f +- %.3f (statistics %.3f curve %.3f mono %.3f, %u pixels)\n", l->name, moved[k].moved_eV, found, l->unc_eV, l->statistical_eV, l->curve_eV,
               l->mono_eV, l->n_pixels);
        assert_true(l->measured && l->unc_eV < 0.5 && l->n_pixels >= 7);
        square += pow((found - moved[k].moved_eV) / l->unc_eV, 2) / MOVED;
        assert_true(fabs(found - moved[k].moved_eV) < 3 * l->unc_eV);
    }
    printf("rms pull %.2f\n", sqrt(square));
    assert_true(sqrt(square) < 1.7);
    calibrant_free(c);
    run_done(&run);
}

static double mean_error(const struct run *run, const struct calibration_table *t) {
    double sum = 0, n = 0;
    for (double e = 350; e < 930; e += 30) {
        double mean = 0, m = 0;
        for (uint32_t i = 0; i < PIXELS; i++)
            if (t->pixels[i].curve) {
                mean += (double)calibration_curve_value(t->pixels[i].curve, (float)mix_height(&run->pixel[i], e)).energy_eV - e;
                m++;
            }
        sum += fabs(mean / m);   /* of the array: what is left is the table's */
        n++;
    }
    return sum / n;
}

static void the_table_written_can_be_read_and_calibrates(void **state) {
    (void)state;
    struct run run = make_run(102, 0);
    for (int s = 0; s < STATES; s++)
        run.states[s].heights = run.heights[s], run.states[s].table = run.table[s];
    struct calibrant *c;
    struct line_table *t = NULL;
    struct complaint why = {0};
    assert_int_equal(calibrant_find(run.seed, run.states, STATES, PIXELS, 0, &c, &why), STATUS_OK);
    char *text = calibrant_table(c, run.seed, "made by a test");
    assert_non_null(text);
    if (line_table_parse("mine", (const uint8_t *)text, strlen(text), &t, &why) != STATUS_OK)
        fail_msg("line %u: %s\n%s", why.line, why.text, text);
    assert_int_equal(t->n, run.seed->n);
    for (size_t k = 0; k < t->n; k++) {
        const struct calibrant_line *l = line_of(c, t->lines[k].name);
        assert_true(l->measured ? fabs(t->lines[k].energy_eV - l->energy_eV) < 1e-3 : t->lines[k].use != LINE_ANCHOR);
        for (uint32_t i = 0; i < t->lines[k].n_components; i++)
            assert_true(fabs(t->lines[k].components[i].centre_eV - t->lines[k].energy_eV) < 1e-2);
    }
    struct calibration_table *better;   /* the last state again, with the table just measured: energies come out right */
    assert_int_equal(calibration_table_learn(t, mono_eV[STATES - 1], run.heights[STATES - 1], PIXELS, NULL, &better, NULL), STATUS_OK);
    double before = mean_error(&run, run.table[STATES - 1]), after = mean_error(&run, better);
    printf("mean |error| between 350 and 920 eV: %.2f eV by the seed, %.2f eV by the new table\n", before, after);
    assert_true(after < 0.25 && after < 0.3 * before);
    calibration_table_free(better);
    line_table_free(t);
    free(text);
    calibrant_free(c);
    run_done(&run);
}

static void what_does_not_suffice_is_said(void **state) {
    (void)state;
    struct run run = make_run(103, 0);
    struct calibrant *c;
    struct complaint why = {0};
    for (int s = 0; s < STATES; s++)
        run.states[s].heights = run.heights[s], run.states[s].table = run.table[s];
    assert_int_equal(calibrant_find(run.seed, run.states, 2, PIXELS, 0, &c, &why), STATUS_TOO_FEW);
    assert_non_null(strstr(why.text, "at least 3"));
    struct calibrant_state blind[STATES];
    for (int s = 0; s < STATES; s++) {
        blind[s] = run.states[s];
        blind[s].table = NULL;   /* nothing was assigned anywhere */
    }
    assert_int_equal(calibrant_find(run.seed, blind, STATES, PIXELS, 0, &c, &why), STATUS_TOO_FEW);
    assert_non_null(strstr(why.text, "seed table"));
    for (int s = 0; s < STATES; s++)
        blind[s].mono_eV = s == 0 ? (double)NAN : 526 + s;   /* on the O line, all of them */
    assert_int_equal(calibrant_find(run.seed, blind, STATES, PIXELS, 0, &c, &why), STATUS_TOO_FEW);
    struct calibrant_state many[CALIBRANT_MAX_STATES + 1] = {{0}};
    assert_int_equal(calibrant_find(run.seed, many, CALIBRANT_MAX_STATES + 1, 0, 0, &c, &why), STATUS_BAD_VALUE);
    run_done(&run);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_shifted_mix_is_recovered_within_its_errors), cmocka_unit_test(the_table_written_can_be_read_and_calibrates), cmocka_unit_test(what_does_not_suffice_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
