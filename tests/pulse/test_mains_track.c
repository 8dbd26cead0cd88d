/* The mains of an array is followed through its wanderings, and not found where it is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/pulse/mains_array.h"

/* Rms error of the phase against pixel 0's, radians, and the share of the time that it is known. */
static double follow(struct mains_array *a, double *known) {
    struct synthetic s = synthetic_seed(321);
    struct mains_track *t;
    mains_array_make(&s, a);
    assert_int_equal(mains_track_new(a->source, ARRAY_PIXELS, 60, &t), STATUS_OK);
    struct mains_wave w = mains_track_fit(t, &a->source[0]), other = mains_track_fit(t, &a->source[3]);
    double squares = 0, n = 0, tried = 0, zero = atan2(-w.sine, w.cosine);
    for (int64_t time_ns = 15000000000; time_ns < 280000000000; time_ns += 173000000) {
        double c, v, turned;
        tried++;
        if (!mains_track_at(t, time_ns, &c, &v))
            continue;
        turned = atan2(v, c) + zero - mains_array_phase(a, time_ns);
        squares += pow(remainder(turned, 2 * M_PI), 2);
        n++;
    }
    *known = n / tried;
    print_message("%.3f Hz (%.3f): phase off by %.3f rad rms, known %.0f %% of the time; amplitude %.2f and %.2f (%.2f), chi2 %.0f\n", mains_track_mean_Hz(t), a->Hz,
                  sqrt(squares / n), 100 * *known, hypot(w.cosine, w.sine), hypot(other.cosine, other.sine), a->amplitude, w.chi2);
    assert_true(fabs(hypot(w.cosine, w.sine) / a->amplitude - 1) < 0.2);
    assert_true(fabs(remainder(atan2(-other.sine, other.cosine) - zero - 2.1, 2 * M_PI)) < 0.25);
    mains_track_free(t);
    return sqrt(squares / n);
}

static void mains_is_followed(void **state) {
    (void)state;
    static struct mains_array a;
    double known;
    a = (struct mains_array){ .Hz = 60, .wander_s = 1, .amplitude = 4, .noise = 4 };
    assert_true(follow(&a, &known) < 0.15 && known > 0.97);
    a = (struct mains_array){ .Hz = 59.93, .wander_rad = 8, .wander_s = 150, .amplitude = 4, .noise = 4 };   /* 53 mHz at most */
    assert_true(follow(&a, &known) < 0.2 && known > 0.97);
    a = (struct mains_array){ .Hz = 60.02, .wander_rad = 2, .wander_s = 60, .amplitude = 4, .noise = 6 };
    assert_true(follow(&a, &known) < 0.3 && known > 0.9);
}

static void what_keeps_no_phase_is_not_found(void **state) {
    (void)state;
    static struct mains_array a;
    struct mains_track *t = NULL;
    struct synthetic s = synthetic_seed(322);
    a = (struct mains_array){ .Hz = 60, .wander_s = 1, .amplitude = 0, .noise = 4 };
    mains_array_make(&s, &a);
    assert_int_equal(mains_track_new(a.source, ARRAY_PIXELS, 60, &t), STATUS_TOO_FEW);
    a = (struct mains_array){ .Hz = 60, .wander_s = 1, .jump_every_s = 0.3, .amplitude = 4, .noise = 4 };
    mains_array_make(&s, &a);
    assert_int_equal(mains_track_new(a.source, ARRAY_PIXELS, 60, &t), STATUS_TOO_FEW);
    a = (struct mains_array){ .Hz = 63, .wander_s = 1, .amplitude = 4, .noise = 4 };
    mains_array_make(&s, &a);
    assert_int_equal(mains_track_new(a.source, ARRAY_PIXELS, 60, &t), STATUS_TOO_FEW);
    assert_null(t);
}

static void too_little_is_refused(void **state) {
    (void)state;
    static struct mains_array a;
    struct mains_track *t = NULL;
    struct synthetic s = synthetic_seed(323);
    a = (struct mains_array){ .Hz = 60, .wander_s = 1, .amplitude = 4, .noise = 2 };
    mains_array_make(&s, &a);
    assert_int_equal(mains_track_new(a.source, MAINS_PIXELS_MIN - 1, 60, &t), STATUS_TOO_FEW);
    for (int i = 0; i < ARRAY_PIXELS; i++)
        a.source[i].n = i % 3 ? 90 : 0;
    assert_int_equal(mains_track_new(a.source, ARRAY_PIXELS, 60, &t), STATUS_TOO_FEW);
    for (int i = 0; i < ARRAY_PIXELS; i++)
        a.source[i].n = ARRAY_PULSES;
    a.pulses[2][ARRAY_PULSES - 1].time_ns = INT64_MAX;
    assert_int_equal(mains_track_new(a.source, ARRAY_PIXELS, 60, &t), STATUS_BAD_VALUE);
    assert_null(t);
    mains_track_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mains_is_followed),
        cmocka_unit_test(what_keeps_no_phase_is_not_found),
        cmocka_unit_test(too_little_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
