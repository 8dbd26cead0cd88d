#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "calib/reference_pixel.h"
#include "tests/calib/line_mix.h"

enum { N = 10 };

struct set {
    struct line_table *table;
    struct fit_plan plan;
    struct mix_pixel pixel[N];
    struct pixel_work work[N];
};

static void set_init(struct set *s, size_t pulses, struct seeded *r) {
    s->table = mix_table();
    assert_int_equal(fit_plan_init(&s->plan, s->table, 1000, NULL), STATUS_OK);
    for (int i = 0; i < N; i++) {
        s->pixel[i] = mix_pixel_random(r);
        float *h = mix_heights(&s->pixel[i], pulses, r);
        pixel_work_init(&s->work[i], &(struct calibration_heights){.heights = h, .n = pulses}, &s->plan);
        free(h);
    }
}

static void set_done(struct set *s) {
    for (int i = 0; i < N; i++)
        pixel_work_done(&s->work[i]);
    line_table_free(s->table);
}

static void make_noisy(struct set *s, int i, size_t pulses, struct seeded *r) {
    float *h = malloc(pulses * sizeof *h);
    for (size_t k = 0; k < pulses; k++)
        h[k] = (float)(2000 - 800 * log(1 - draw_uniform(r)));
    pixel_work_done(&s->work[i]);
    pixel_work_init(&s->work[i], &(struct calibration_heights){.heights = h, .n = pulses}, &s->plan);
    free(h);
}

static void a_right_pixel_is_chosen_among_noisy_ones(void **state) {
    (void)state;
    struct seeded r = draw_start("reference_pixel", 61);
    for (int t = 0; t < 8; t++) {
        struct set s;
        struct reference_pixel ref;
        set_init(&s, 600, &r);
        make_noisy(&s, 0, 3000, &r);  /* most pulses, but noise */
        make_noisy(&s, 1, 2500, &r);
        assert_int_equal(reference_pixel_choose(s.work, N, &s.plan, &ref), STATUS_OK);
        assert_true(ref.pixel >= 2);
        for (size_t i = 0; i < s.plan.n_anchors; i++) {
            double want = mix_height(&s.pixel[ref.pixel], s.plan.lines[i].line.energy_eV);
            assert_true(fabs(ref.height[i] - want) < 8 * s.pixel[ref.pixel].gain);
        }
        set_done(&s);
    }
}

static void nothing_to_choose_from(void **state) {
    (void)state;
    struct seeded r = draw_start("reference_pixel none", 62);
    struct set s;
    struct reference_pixel ref;
    set_init(&s, 50, &r);
    assert_int_equal(reference_pixel_choose(s.work, N, &s.plan, &ref), STATUS_TOO_FEW);
    assert_int_equal(reference_pixel_choose(s.work, 0, &s.plan, &ref), STATUS_TOO_FEW);
    for (int i = 0; i < N; i++)
        make_noisy(&s, i, 2000, &r);
    assert_int_equal(reference_pixel_choose(s.work, N, &s.plan, &ref), STATUS_NOT_FOUND);
    set_done(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_right_pixel_is_chosen_among_noisy_ones), cmocka_unit_test(nothing_to_choose_from)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
