/* Heights by neighbours are as good as they say, on the scale of the others, and only for records that may have them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pulse/neighbour_height.h"
#include "tests/pulse/neighbour_pixel.h"

static struct mains_array array;
static struct neighbour_pixel pixel;

/* Deviation of heights about the mean of their line, those taken only; and the lines' means. */
static double width_of(bool standard, double mean[2]) {
    double sum[2] = { 0 }, squares[2] = { 0 }, n[2] = { 0 };
    for (int i = 0; i < ARRAY_PULSES; i++)
        if (neighbour_height_taken(&array.pulses[0][i])) {
            struct measured_pulse p = array.pulses[0][i];
            if (standard)
                neighbour_height_give_back(&p);
            int line = pixel.truth[i] > 2000;
            double x = (double)p.height - pixel.truth[i];
            sum[line] += x, squares[line] += x * x, n[line]++;
        }
    for (int line = 0; line < 2; line++)
        mean[line] = sum[line] / n[line];
    return sqrt((squares[0] - sum[0] * mean[0] + squares[1] - sum[1] * mean[1]) / (n[0] + n[1]));
}

static struct mains_track *prepare(struct synthetic *s, double baseline_noise) {
    struct mains_track *track;
    array = (struct mains_array){ .Hz = 59.98, .wander_rad = 2, .wander_s = 70, .amplitude = PIXEL_MAINS, .noise = 3 };
    mains_array_make(s, &array);
    neighbour_pixel_filters(&pixel);
    neighbour_pixel_measure(s, &pixel, &array, baseline_noise);
    assert_int_equal(mains_track_new(array.source, ARRAY_PIXELS, 60, &track), STATUS_OK);
    return track;
}

/* Returns what is gained: width by neighbours over width by the standard filter. */
static double gained(struct synthetic *s, bool with_track, double baseline_noise) {
    struct mains_track *track = prepare(s, baseline_noise);
    struct neighbour_height h;
    size_t taken = 0;
    double by[2], standard[2];
    assert_int_equal(neighbour_height_learn(&pixel.model, with_track ? track : NULL, array.pulses[0], ARRAY_PULSES, &h), STATUS_OK);
    for (int i = 0; i < ARRAY_PULSES; i++)
        taken += neighbour_height_take(&h, track, &array.pulses[0][i]);
    double width = width_of(false, by), before = width_of(true, standard);
    print_message("%s mains, baseline known to %.0f counts: width %.3f, told %.3f; before %.3f, told %.3f; %zu of %d records, level known to %.2f counts\n",
                  with_track ? "with" : "without", baseline_noise, width, h.sigma, before, pixel.standard_sigma, taken, ARRAY_PULSES, h.level_spread);
    assert_true(fabs(width / h.sigma - 1) < 0.13);
    assert_true(taken > ARRAY_PULSES * 93 / 100 && taken <= ARRAY_PULSES * 982 / 1000);
    assert_true(fabs(by[0] - standard[0]) < 1 && fabs(by[1] - standard[1]) < 1);
    for (int i = 0; i < ARRAY_PULSES; i++)
        assert_true(i % 50 != 3 || !neighbour_height_taken(&array.pulses[0][i]));   /* something was before these */
    mains_track_free(track);
    neighbour_pixel_done(&pixel);
    return width / before;
}

static void what_neighbours_know_pays(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(341);
    double all = gained(&s, true, 0), little = gained(&s, true, 4), baseline = gained(&s, false, 0);
    assert_true(all < 0.98);
    assert_true(little < 1.06);   /* an ill-known baseline is not trusted, and not promised either */
    assert_true(baseline < 1.06);
}

static void what_was_taken_goes_back(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(342);
    struct mains_track *track = prepare(&s, 0);
    struct neighbour_height h;
    assert_int_equal(neighbour_height_learn(&pixel.model, track, array.pulses[0], ARRAY_PULSES, &h), STATUS_OK);
    struct measured_pulse p = array.pulses[0][10], before = p;
    assert_true(neighbour_height_take(&h, track, &p));
    assert_true(p.height != before.height && p.open_height == before.height && neighbour_height_taken(&p));
    assert_false(neighbour_height_take(&h, track, &p));   /* not twice */
    neighbour_height_give_back(&p);
    assert_true(p.height == before.height && !neighbour_height_taken(&p));
    struct measured_pulse odd[] = { before, before, before, before, before };
    odd[0].cuts = 4;
    odd[1].baseline = NAN;
    odd[2].baseline_weight = 1;
    odd[3].time_ns = 1000000000000;                       /* the mains is not known then */
    odd[4].baseline_offset += 60;
    for (size_t i = 0; i < 5; i++) {
        struct measured_pulse was = odd[i];
        assert_false(neighbour_height_take(&h, track, &odd[i]));
        assert_memory_equal(&odd[i], &was, sizeof was);
    }
    mains_track_free(track);
    neighbour_pixel_done(&pixel);
}

static void too_little_to_learn_from(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(343);
    struct mains_track *track = prepare(&s, 0);
    struct neighbour_height h = { .sigma = 42 };
    assert_int_equal(neighbour_height_learn(&pixel.model, track, array.pulses[0], 199, &h), STATUS_TOO_FEW);
    for (int i = 0; i < ARRAY_PULSES - 150; i++)
        array.pulses[0][i].cuts = 1;
    assert_int_equal(neighbour_height_learn(&pixel.model, track, array.pulses[0], ARRAY_PULSES, &h), STATUS_TOO_FEW);
    open_filter_free(pixel.model.open);
    pixel.model.open = NULL;
    assert_int_equal(neighbour_height_learn(&pixel.model, track, array.pulses[0], ARRAY_PULSES, &h), STATUS_TOO_FEW);
    assert_true(h.sigma == 42);
    mains_track_free(track);
    neighbour_pixel_done(&pixel);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_neighbours_know_pays),
        cmocka_unit_test(what_was_taken_goes_back),
        cmocka_unit_test(too_little_to_learn_from),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
