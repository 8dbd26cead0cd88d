#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "calib/drift_walk.h"
#include "tests/calib/draw.h"

enum { N = 40, TRIALS = 200 };
static const struct drift_ends both = {-600, 7800};

static struct drift_room room_new(void) { return (struct drift_room){malloc(drift_room_doubles() * sizeof(double))}; }

/* A bridge of 0.4 eV rms per sqrt(hour) between the calibrations, seen with errors of 0.08 eV on top of an unknown constant. */
static void make(struct drift_point *p, double *truth, double drift, struct seeded *r) {
    double walk[N + 2], t[N + 2], constant = draw_normal(r);
    t[0] = both.before_s;
    walk[0] = 0;
    for (int i = 1; i <= N + 1; i++) {
        t[i] = i <= N ? 7200.0 * i / (N + 1) : both.after_s;
        walk[i] = walk[i - 1] + drift * sqrt((t[i] - t[i - 1]) / 3600) * draw_normal(r);
    }
    for (int i = 0; i < N; i++) {
        truth[i] = walk[i + 1] - walk[N + 1] * (t[i + 1] - t[0]) / (t[N + 1] - t[0]);
        p[i] = (struct drift_point){t[i + 1], constant + truth[i] + 0.08 * draw_normal(r), 0.08};
    }
}

static void a_walk_is_found_with_its_error(void **state) {
    (void)state;
    struct seeded r = draw_start("drift_walk", 7);
    struct drift_room room = room_new();
    double left = 0, was = 0, pull = 0;
    for (int t = 0; t < TRIALS; t++) {
        struct drift_point p[N];
        double truth[N];
        make(p, truth, 0.4, &r);
        assert_int_equal(drift_walk_smooth(p, N, both, 0.4 * 0.4, room), STATUS_OK);
        for (int i = 0; i < N; i++) {
            left += pow(p[i].value - truth[i], 2) / (N * TRIALS);
            was += pow(truth[i], 2) / (N * TRIALS);
            pull += pow((p[i].value - truth[i]) / p[i].sigma, 2) / (N * TRIALS);
        }
    }
    printf("walk of %.2f eV rms known to %.3f eV, rms pull %.2f\n", sqrt(was), sqrt(left), sqrt(pull));
    assert_true(sqrt(left) < 0.6 * sqrt(was) && fabs(sqrt(pull) - 1) < 0.1);
    free(room.matrix);
}

static void the_likelihood_knows_the_size(void **state) {
    (void)state;
    struct seeded r = draw_start("drift_walk likelihood", 8);
    struct drift_room room = room_new();
    double drifting[3] = {0}, still[3] = {0};
    const double sizes[3] = {0, 0.4, 4};
    for (int t = 0; t < TRIALS; t++)
        for (int which = 0; which < 2; which++) {
            struct drift_point p[N];
            double truth[N];
            make(p, truth, which ? 0.4 : 0, &r);
            for (int k = 0; k < 3; k++)
                (which ? drifting : still)[k] += drift_walk_likelihood(p, N, both, sizes[k] * sizes[k], room) / TRIALS;
        }
    assert_true(drifting[1] > drifting[0] + 10 && drifting[1] > drifting[2] + 5);
    assert_true(still[0] > still[1] + 2);
    free(room.matrix);
}

static void no_variance_no_walk_and_odd_input(void **state) {
    (void)state;
    struct seeded r = draw_start("drift_walk odd", 9);
    struct drift_room room = room_new();
    struct drift_point p[N];
    double truth[N];
    make(p, truth, 0.4, &r);
    assert_int_equal(drift_walk_smooth(p, N, both, 0, room), STATUS_OK);
    for (int i = 0; i < N; i++)
        assert_true(!(fabs(p[i].value) > 0) && !(p[i].sigma > 0));
    const struct drift_ends one = {-600, INFINITY}, other = {-INFINITY, 7800}, none = {-INFINITY, INFINITY};
    const struct drift_ends ends[3] = {one, other, none};
    for (int k = 0; k < 3; k++) {
        make(p, truth, 0.4, &r);
        assert_int_equal(drift_walk_smooth(p, N, ends[k], 0.2, room), STATUS_OK);
        for (int i = 0; i < N; i++)
            assert_true(isfinite(p[i].value) && p[i].sigma >= 0);
    }
    assert_int_equal(drift_walk_smooth(p, 1, both, 0.2, room), STATUS_NOT_POSITIVE);
    free(room.matrix);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_walk_is_found_with_its_error), cmocka_unit_test(the_likelihood_knows_the_size), cmocka_unit_test(no_variance_no_walk_and_odd_input)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
