/* A channel whose lines do not bear out its heights by neighbours is left as it was. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/stage/judge_neighbours.h"
#include "tests/pulse/neighbour_pixel.h"

static struct mains_array array;
static struct neighbour_pixel pixel;
static struct measured_pulse before[ARRAY_PULSES];

/* spoil: heights by neighbours get noise that nobody told of, as from mains of another phase. Returns whether they are used. */
static bool is_used(double spoil, double *pull) {
    struct synthetic s = synthetic_seed(351);
    struct mains_track *track;
    struct spectrum_groups *groups;
    struct scan_timeline *timeline;
    array = (struct mains_array){ .Hz = 60.01, .wander_s = 1, .amplitude = PIXEL_MAINS, .noise = 3 };
    mains_array_make(&s, &array);
    neighbour_pixel_filters(&pixel);
    neighbour_pixel_measure(&s, &pixel, &array, 0);
    assert_int_equal(mains_track_new(array.source, ARRAY_PIXELS, 60, &track), STATUS_OK);
    assert_int_equal(scan_timeline_new(&timeline), STATUS_OK);
    assert_int_equal(spectrum_groups_new(timeline, &groups), STATUS_OK);
    memcpy(before, array.pulses[0], sizeof before);
    const struct height_correction standard = height_correction_none();
    struct learnt_channel c = { .model = &pixel.model, .pulses = array.pulses[0], .n_pulses = ARRAY_PULSES, .correction = standard };
    struct neighbour_height h;
    learnt_channel_take_neighbours(&c, track, &h);
    for (int i = 0; i < ARRAY_PULSES; i++)
        if (neighbour_height_taken(&c.pulses[i]))
            c.pulses[i].height += (float)(spoil * synthetic_gauss(&s));
    c.correction.gain[TERM_BASELINE] = 1e-9;   /* learnt for them */
    learnt_channel_judge_neighbours(&c, groups, &standard, &h);
    print_message("spoilt by %.1f of %.2f: line pull %.3f, %s\n", spoil, h.sigma, h.line_pull, h.used ? "used" : "not used");
    for (int i = 0; i < ARRAY_PULSES && !h.used; i++)
        assert_true(before[i].height == c.pulses[i].height && !neighbour_height_taken(&c.pulses[i]));
    assert_true(h.used != (c.model->open == NULL));
    assert_true(h.used == (c.correction.gain[TERM_BASELINE] != 0));
    assert_false(c.no_memory);
    *pull = h.line_pull;
    spectrum_groups_free(groups);
    scan_timeline_free(timeline);
    mains_track_free(track);
    neighbour_pixel_done(&pixel);
    return h.used;
}

static void lines_decide(void **state) {
    (void)state;
    double pull;
    assert_true(is_used(0, &pull) && pull > 0.9 && pull <= NEIGHBOUR_PULL_MAX);
    assert_false(is_used(3, &pull));
    assert_true(pull > NEIGHBOUR_PULL_MAX);
}

static void without_an_open_filter_nothing_happens(void **state) {
    (void)state;
    struct neighbour_height h = { .used = true };
    struct learnt_channel none = { .model = NULL };
    const struct height_correction standard = height_correction_none();
    learnt_channel_take_neighbours(&none, NULL, &h);
    assert_false(h.used);
    learnt_channel_judge_neighbours(&none, NULL, &standard, &h);
    struct pixel_model m = { .noise_sigma = 1 };
    struct learnt_channel plain = { .model = &m };
    learnt_channel_take_neighbours(&plain, NULL, &h);
    learnt_channel_judge_neighbours(&plain, NULL, &standard, &h);
    assert_false(h.used);
    assert_true(h.line_pull == 0);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(lines_decide), cmocka_unit_test(without_an_open_filter_nothing_happens) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
